"""Targets of class scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Sequence

import numpy as np

from ..errors import Advice, TargetError
from ..graph.outputs import Link, is_single, link_or_default
from ..support.arrays import flat, like
from .checks import ClassIds, check_finite, check_has_classes, checked, each, picked
from .protocol import BaseTarget, Known, Scalars
from .values import Regression


@dataclass(frozen=True)
class ClassScore(BaseTarget):
    """The score of a class, as a class id alone does: y[n, c].

    Args:
        class_id: the class, or one for each sample.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> gm.targets.ClassScore(1)(mx.nd.array([[3, 4, 5]])).asnumpy()
        array([4.], dtype=float32)
    """

    class_id: ClassIds

    class_fields = ("class_id",)

    def __call__(self, output: Any) -> Any:
        return picked(output, self.class_id)

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        """The target for the values of one run; see `BaseTarget.scalars`.

        Args:
            values: what it reads.
            known: what is known of these.
        """
        # a class id alone means the logit or the probability where the net or the call says so
        return Classes(self.class_id).scalars(values, known)


@dataclass(frozen=True)
class Probability(BaseTarget):
    """The probability of a class: that of the softmax or sigmoid that the net ends in.

    For a net that ends in neither, the softmax over axis 1; of a single output value, the sigmoid
    (class 1) or one minus it (class 0). Its gradient also speaks against the other classes.

    Args:
        class_id: the class, or one for each sample.
        link: how scores become probabilities; by default, as the net does it.
    """

    class_id: ClassIds
    link: Link | None = field(default=None, metadata={"is_named": False})

    class_fields = ("class_id",)

    def __call__(self, output: Any) -> Any:
        link = link_or_default(self.link, output.shape)
        if link.kind == "sigmoid" and is_single(output.shape):
            # 1 - sigmoid(y) is sigmoid(-y), without the loss of digits
            return link(Binary(self.class_id)(output))
        return picked(link(output), self.class_id)

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        """The target for the values of one run; see `BaseTarget.scalars`.

        Args:
            values: what it reads.
            known: what is known of these.
        """
        made = super().scalars(values, known)
        return made._replace(function=replace(self, link=self.link or known.links[0]))


@dataclass(frozen=True)
class ScoreDifference(BaseTarget):
    """What speaks for one class rather than another: y[n, c] - y[n, o].

    Args:
        class_id: c, or one for each sample.
        other_id: o, or one for each sample.
    """

    class_id: ClassIds
    other_id: ClassIds

    class_fields = ("class_id", "other_id")

    def __call__(self, output: Any) -> Any:
        return picked(output, self.class_id) - picked(output, self.other_id)


@dataclass(frozen=True)
class MultiLabel(BaseTarget):
    """The scores of a set of classes together: Σ_c y[n, c].

    Args:
        class_ids: the classes, or for each sample a sequence of its own.
    """

    class_ids: Sequence[Any]

    class_fields = ("class_ids",)

    def __call__(self, output: Any) -> Any:
        sets = (
            self.class_ids
            if self.class_ids and np.ndim(self.class_ids[0]) == 1
            else [self.class_ids] * len(output)
        )
        check_has_classes(output.shape)
        if len(sets) != len(output) or not all(len(one) for one in sets):
            raise TargetError(
                f"expected the labels of {len(output)} samples, at least one label "
                f"for each; got {self.class_ids!r}"
            )
        weights = np.zeros(output.shape[:2])
        for row, labels in zip(weights, sets):
            row[checked(labels, len(row))] = 1
        return flat(output * like(weights.reshape(output.shape), output)).sum(axis=1)


@dataclass(frozen=True)
class Binary(BaseTarget):
    """The class of a net with one output value, its logit y: y for class 1, -y for class 0.

    Args:
        class_id: 0 or 1, or one for each sample.
    """

    class_id: ClassIds

    class_fields = ("class_id",)

    def __call__(self, output: Any) -> Any:
        if not is_single(output.shape):
            raise TargetError(
                f"Binary explains a net with one output value a sample, its logit; "
                f"the output has shape {output.shape}"
            )
        ids = np.array(checked(each(self.class_id, len(output)), 2))
        return flat(output)[:, 0] * like(2.0 * ids - 1, output)


@dataclass(frozen=True)
class Classes(BaseTarget):
    """What a class id alone stands for, or ids, one for each sample, or None for the top classes.

    It is the class score, its probability, or of a net with one output value its logit.
    """

    ids: Any

    class_fields = ("ids",)

    @property
    def name(self) -> str:
        return "the top class" if self.ids is None else f"class {self.ids}"

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        output, link = values[0], known.links[0]
        single, is_bare = is_single(output.shape), link is None and not known.probability
        if single and is_bare:
            return self._of_bare_value(known)
        if not single:
            check_has_classes(output.shape)
        ids = _top(output) if self.ids is None else each(self.ids, len(output))
        if known.probability:
            function: Any = Probability(ids, link)
        else:
            function = Binary(ids) if single else ClassScore(ids)
        scored = None if single or known.probability else ids
        return Scalars(function, [None], known.channel_axes, ids, lambda: ids, scored)

    def _of_bare_value(self, known: Known) -> Scalars:
        if self.ids is not None:
            raise TargetError(
                f"the net has one output value a sample, so the class {self.ids!r} may mean two "
                "things",
                advice=Advice.EXPLAIN_A_VALUE,
            )
        return Scalars(Regression(), [None], known.channel_axes, "output", lambda: None)

    def of_rows(
        self, values: Sequence[Any], known: Known, samples: np.ndarray
    ) -> np.ndarray | None:
        (scores,) = values
        if not isinstance(self.ids, list) or is_single(scores.shape):
            return None
        if known.probability:
            scores = link_or_default(known.links[0], scores.shape)(scores)
        check_finite(scores)
        numbers = scores.asnumpy().reshape(len(samples), -1)
        return numbers[np.arange(len(samples)), np.array(self.ids)[samples]]


def _top(output: Any) -> list[int]:
    """The top class of each sample; of one output value, the logit of class 1."""
    numbers = output.asnumpy().reshape(len(output), -1)
    tops = numbers[:, 0] > 0 if is_single(output.shape) else numbers.argmax(axis=1)
    return [int(one) for one in tops]

"""From a target to the head gradient, the derivative of what is explained by the net's output.

It is where every backward pass starts.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..support.arrays import is_whole, like
from .checks import check_finite, checked
from .given import Asked, Target, Targets, target_of
from .protocol import BaseTarget, Known, Scalars
from .several import OneForEach

__all__ = ["Head", "Target", "Targets", "groups", "head", "heads", "scores"]


class Head(NamedTuple):
    """A target made concrete for the outputs of one run."""

    gradients: list[Any]
    """For each value that it reads an NDArray of its shape; empty if they were not asked for."""
    score: np.ndarray
    """(N,): the explained scalar, of the type that the net computes in."""
    target: str | list[int] | list[str]
    """The class ids, or the name of what else is explained, for all samples or for each."""
    fixed: Target = None
    """The target as it means the same for outputs of changed inputs: with the classes in the place
    of None, with the boxes that were found in the place of a detection's number."""
    places: tuple[int, ...] = ()
    """Which of the run's values it reads."""

    @property
    def is_of_classes(self) -> bool:
        """Whether classes are explained, which have probabilities."""
        return all(map(is_whole, self.target))


def heads(
    asked: Asked, values: Sequence[Any], known: Known, differentiate: bool = True
) -> list[Head]:
    """The heads of the targets of a call, each of the values that it reads; see `head`."""
    return [
        head(one, [values[place] for place in places], known.at(places), differentiate)._replace(
            places=places
        )
        for one, places in asked.of(values)
    ]


def head(
    target: Target, values: Sequence[Any], known: Known | None = None, differentiate: bool = True
) -> Head:
    """The head gradients and the score of `target` for what it reads.

    Args:
        target: what is explained.
        values: those that it reads: of one output of the net, except for functions of several.
        known: what is known of the values.
        differentiate: whether the gradients are needed; a function needs no derivative if not.

    Raises:
        TargetError: a class id out of range, a class where the output has none, a shape that does
            not fit, a function whose result is not one finite scalar a sample or does not depend on
            the output.
        NetworkError: a value holds NaN.
    """
    for one in values:
        check_finite(one)
    known = known or Known.nothing(values)
    meant = target_of(target)
    if isinstance(meant, OneForEach):
        if len(meant.targets) != len(values[0]):
            raise TargetError(
                f"expected {len(values[0])} targets, one a sample; got {len(meant.targets)}: "
                f"{target!r}"
            )
        return _one_for_each(meant, values, known, differentiate)
    if meant.takes not in (None, len(values)):
        raise TargetError(
            f"the target {meant.name} is explained of {meant.takes} "
            f"output{'s' if meant.takes != 1 else ''} of the net, not of {len(values)}; "
            "output= chooses them, by number or name"
        )
    scalars = meant.scalars(values, known)
    score = _evaluated(scalars, values)
    gradients = _gradients(meant, scalars, values) if differentiate else []
    return Head(gradients, score, scalars.name, scalars.of_variants())


def scores(
    target: Target,
    values: Sequence[Any],
    known: Known,
    samples: np.ndarray,
    originals: Sequence[Any],
) -> np.ndarray:
    """(R,): the explained scalar of each of R rows of values.

    Args:
        target: fixed, as `Head.fixed` has it.
        values, known: as in `head`.
        samples: (R,) which sample each row is a variant of.
        originals: the values for the samples themselves.
    """
    at_once = target_of(target).of_rows(values, known, samples)
    if at_once is not None:
        return at_once
    # a function is called with one row for each sample, as it may mean another thing for each
    found = np.empty(len(samples), values[0].dtype)
    both = [mx.nd.concat(*pair, dim=0) for pair in zip(originals, values)]
    for rows in _once_a_sample(samples):
        places = np.arange(len(originals[0]))
        places[samples[rows]] = len(places) + rows
        chosen = mx.nd.array(places, ctx=values[0].context, dtype="int32")
        group = [mx.nd.take(one, chosen) for one in both]
        found[rows] = head(target, group, known, differentiate=False).score[samples[rows]]
    return found


def _once_a_sample(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in groups, in none of which a sample comes twice."""
    left = np.arange(len(samples))
    while len(left):
        _, first = np.unique(samples[left], return_index=True)
        yield left[first]
        left = np.delete(left, first)


def groups(values: Sequence[Any], repeats: int) -> list[list[Any]]:
    """Values that hold all samples `repeats` times, once each."""
    samples = len(values[0]) // repeats
    return [
        [value[start : start + samples] for value in values]
        for start in range(0, repeats * samples, samples)
    ]


def _one_for_each(
    given: OneForEach, values: Sequence[Any], known: Known, differentiate: bool
) -> Head:
    found = [
        head(one, [value[n : n + 1] for value in values], known, differentiate)
        for n, one in enumerate(given.targets)
    ]
    names: list[str] = [
        one.target if isinstance(one.target, str) else f"class {one.target[0]}" for one in found
    ]
    return Head(
        [mx.nd.concat(*parts, dim=0) for parts in zip(*(one.gradients for one in found))],
        np.concatenate([one.score for one in found]),
        names,
        [one.fixed[0] if isinstance(one.fixed, list) else one.fixed for one in found],
    )


def _evaluated(scalars: Scalars, values: Sequence[Any]) -> np.ndarray:
    """(N,): the scalars, checked."""
    if scalars.class_ids is not None:
        ids = checked(scalars.class_ids, values[0].shape[1])
        numbers = values[0].asnumpy().reshape(len(ids), -1)
        return numbers[np.arange(len(ids)), ids]
    with mx.autograd.pause(train_mode=True):
        return _checked_scalars(scalars, scalars.of(values), len(values[0]))


def _gradients(target: BaseTarget, scalars: Scalars, values: Sequence[Any]) -> list[Any]:
    """The derivative of the scalars by each of the values."""
    if not target.differentiable:
        raise TargetError(
            f"the target {target.name} has no derivative, and this method needs one; methods that "
            "try other inputs, such as occlusion and rise, do not"
        )
    if scalars.class_ids is None:
        return _differentiated(scalars, values)
    # quicker than by autograd
    weights = np.zeros(values[0].shape[:2])
    weights[np.arange(len(weights)), scalars.class_ids] = 1
    return [like(weights.reshape(values[0].shape), values[0])]


def _differentiated(scalars: Scalars, values: Sequence[Any]) -> list[Any]:
    said = _said(scalars)
    watched = [value.detach() for value in values]
    for one in watched:
        one.attach_grad()
    with mx.autograd.record(train_mode=True):
        score = scalars.of(watched)
    apart = TargetError(
        f"the result of the target function {said!r} does not depend on the "
        "output through operators that MXNet can differentiate"
    )
    try:
        score.backward()
    except mx.MXNetError as error:
        raise apart from error
    if not any(one._fresh_grad for one in watched):
        raise apart
    gradients = [one.grad for one in watched]
    if not all(np.isfinite(gradient.asnumpy()).all() for gradient in gradients):
        raise TargetError(
            f"the derivative of the target function {said!r} is NaN or infinite "
            "(a root or a logarithm at zero?)"
        )
    return gradients


def _checked_scalars(scalars: Scalars, score: Any, samples: int) -> np.ndarray:
    said = _said(scalars)
    if not isinstance(score, mx.nd.NDArray) or score.shape != (samples,):
        got = f"shape {score.shape}" if isinstance(score, mx.nd.NDArray) else type(score).__name__
        raise TargetError(
            f"the target function {said!r} has to return an NDArray of one scalar a "
            f"sample, shape ({samples},); it returned {got}"
        )
    numbers = score.asnumpy()
    if not np.isfinite(numbers).all():
        raise TargetError(f"the target function {said!r} returned NaN or infinity")
    return numbers


def _said(scalars: Scalars) -> str:
    return scalars.name if isinstance(scalars.name, str) else scalars.function.name  # type: ignore

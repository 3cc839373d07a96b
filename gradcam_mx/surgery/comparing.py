"""What became of a net: accuracy, predictions, scores and maps before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from ..engine.inputs import prepare
from ..errors import InputError, TargetError
from ..explanation.agreeing import agreement
from ..graph.graph import Graph
from ..graph.outputs import holds_classes
from ..graph.picture_input import Preprocess
from ..graph.trace import Net, trace
from ..inspect.samples import Images, samples
from ..methods.plan import Plan
from ..methods.register import find_method
from ..support import html
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.text_tables import aligned

AT_ONCE = 16
"""How many samples run together."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Effect:
    """What a change did to a net, sample by sample; prints as a table."""

    predictions: np.ndarray
    """(N, 2): the top class before and after."""
    scores: np.ndarray
    """(N, 2): the score of the class that was on top before, before and after."""
    alike: np.ndarray
    """(N,): the rank correlation of the maps for that class, before and after, from -1 to 1."""
    labels: np.ndarray | None
    """(N,): the true classes, if they were given."""
    method: str
    """What the maps are of."""

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """The share of right predictions before and after; None without labels."""
        if self.labels is None:
            return None
        before, after = (self.predictions == self.labels[:, None]).mean(axis=0)
        return float(before), float(after)

    @property
    def changed(self) -> np.ndarray:
        """(N,) bool: which samples have another top class."""
        found: np.ndarray = self.predictions[:, 0] != self.predictions[:, 1]
        return found

    def __repr__(self) -> str:
        return "\n".join(aligned([_COLUMNS, *self._cells()]))

    def _repr_html_(self) -> str:
        return html.table(_COLUMNS, self._cells())

    def _cells(self) -> list[tuple[str, ...]]:
        rows = []
        if self.accuracy is not None:
            rows.append(("accuracy", *(f"{one:.3f}" for one in self.accuracy)))
        rows.append(
            ("mean score of the class", *(f"{one:.3f}" for one in self.scores.mean(axis=0)))
        )
        count = len(self.predictions)
        rows.append(("predictions changed", "", f"{int(self.changed.sum())} of {count}"))
        rows.append((f"agreement of {self.method}", "", f"{self.alike.mean():.3f}"))
        return rows


_COLUMNS = ("", "before", "after")


@told
def compare(
    before: Net,
    after: Net,
    data: Images,
    labels: Sequence[int] | None = None,
    *,
    method: str = "grad_cam",
    layer: Any = None,
    preprocess: Preprocess | None = None,
) -> Effect:
    """What a change did to a net, such as `gm.surgery.suppress` makes. Experimental.

    Predictions, the score of the class that was on top before, and Spearman's rank correlation of
    the maps for that class, before and after.

    Args:
        before: the net as it was.
        after: as it is now.
        data: an array (N, C, H, W), a Gluon Dataset or DataLoader, or any other iterable of inputs
            or photos.
        labels: the true class of each sample; accuracy is told if they are given.
        method: what makes the maps.
        layer: the layer that is explained, of methods that explain one; by default that of the
            method.
        preprocess: how photos are prepared for the net; its own, if it has one, by default.

    Returns:
        An Effect, which prints as a table.

    Raises:
        TargetError: a net gives no class scores.
        InputError: other labels than one a sample; and what the method raises.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1(classes=10)
        >>> net.initialize()
        >>> x = mx.nd.random.uniform(shape=(2, 3, 96, 96))
        >>> changed = gm.surgery.suppress(
        ...     net, {"features.7": [57]}, input_shape=x.shape
        ... )
        >>> found = gm.surgery.compare(net, changed, x, [3, 4])
        >>> found.predictions.shape, found.alike.shape
        ((2, 2), (2,))
    """
    plan = Plan([find_method(method)], layer)
    nets = trace(before), trace(after)
    rows = [one.row for one in samples(before, data, preprocess)]
    truth = None if labels is None else np.asarray(labels)
    if truth is not None and truth.shape != (len(rows),):
        raise InputError(
            f"labels of shape {truth.shape} for {len(rows)} samples; expected one class a sample"
        )
    parts = []
    for start in range(0, len(rows), AT_ONCE):
        x = np.stack(rows[start : start + AT_ONCE])
        found = [_scores(net, x) for net in nets]
        tops = [one.argmax(axis=1) for one in found]
        ids = [int(one) for one in tops[0]]
        maps = [plan.run(net, x, ids).explanations[method] for net in nets]
        alike = agreement({"before": maps[0], "after": maps[1]}).values[0, 1]
        of_class = [one[np.arange(len(x)), tops[0]] for one in found]
        parts.append((np.stack(tops, axis=1), np.stack(of_class, axis=1), alike))
    predictions, scores, alike = (np.concatenate(one) for one in zip(*parts))
    return Effect(predictions, scores, alike, truth, method)


def _scores(graph: Graph, x: np.ndarray) -> np.ndarray:
    """(N, K): those of all classes.

    Raises:
        TargetError: the net gives something else.
    """
    (scores,) = graph.forward(prepare(graph, x), [graph.outputs[0].point])
    if not holds_classes(scores.shape) or scores.shape[1] < 2:
        raise TargetError(
            f"the net's output {graph.outputs[0].name!r} has the shape {scores.shape}; expected a "
            "score of each class, (N, K)"
        )
    numbers: np.ndarray = scores.asnumpy().reshape(len(x), -1)
    return numbers

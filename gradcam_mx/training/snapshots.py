"""From a net to a snapshot of what it looks at in a fixed set of samples, with its predictions."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from .. import picture, targets
from ..engine import inputs
from ..engine.eager_run import has_drop_ins
from ..engine.failures import failures_told
from ..engine.wanted import OneInput
from ..errors import LayerError, MethodError, NetworkError, TargetError
from ..explanation.explanation import Explanation
from ..graph import outputs
from ..graph.layers import find_map
from ..graph.layout import channel_axis, shape_channels_first
from ..graph.outputs import PROBABILITY, SIGMOID, Link, OutputChoice
from ..graph.trace import Net, trace
from ..methods import Plan
from ..methods.fusion import FUSIONS
from ..methods.options import Options
from ..methods.recorded import Recorded
from ..methods.register import find_method
from ..support.labels import Names
from ..targets.given import class_ids, gives_list, reads_several
from .shown import PREDICTED, TRUE, Shown
from .writers import Snapshot


class NotFinite(NetworkError):
    """The net gives NaN or infinity."""


class _Prediction(NamedTuple):
    """What a net predicts for the samples."""

    is_bare_logit: bool
    """Whether it is the logit of two classes, with nothing in the net that says so."""
    classes: list[int] | None
    probabilities: np.ndarray | None


class Explainer:
    """From a net to a snapshot of it."""

    def __init__(
        self,
        shown: Shown,
        method: str | Sequence[str],
        target: Any,
        layer: Any,
        output: OutputChoice,
        input: OneInput,
        fuse: str | None,
        options: Options,
    ) -> None:
        self._shown, self._output, self._input = shown, output, input
        self._plan = _plan(method, layer, output, input, fuse, options, shown.names)
        self._target = _checked_target(shown.with_ids(target), shown.labels, shown.count)
        self.loss_link: Link | None = None
        """What makes probabilities of the output, as the loss tells."""

    # -- looking for mistakes ----------------------------------------------------------------------

    def check_shapes(self, net: Net) -> None:
        """Refuse what shapes alone show to be wrong, for a net that is not initialised."""
        try:
            graph = trace(net, len(inputs.as_tuple(self._shown.x)))
        except NetworkError:
            if has_drop_ins(net):
                return  # it has to run to be seen
            raise
        shapes = inputs.shapes(graph, self._shown.x)
        graph = graph.unrolled(*shapes.of_inputs)
        shapes = inputs.shapes(graph, self._shown.x)
        chosen = outputs.choose(graph.outputs, self._output)
        self._check_classes(shapes[chosen[0].point])
        entry = graph.input(self._input)
        shape = shape_channels_first(shapes[entry], channel_axis(graph, entry, shapes))
        for check in self._plan.checks:
            check(shape)
        named = None if self._input is None else entry
        for layer in self._plan.layers:
            find_map(graph, layer, shapes, [one.point for one in chosen], named)

    def check(self, net: Net) -> None:
        """Refuse what a snapshot would, at the cost of a forward pass."""
        recorded = self._record(net)
        run = self._plan.view(recorded, self._explained_target(self._prediction(recorded)))
        if any(one.needs.pooled for one in self._plan.methods):
            run.pooled()

    def _check_classes(self, shape: Sequence[int]) -> None:
        if self._predicts:
            self._shown.check_classes(shape)

    # -- predicting and explaining -----------------------------------------------------------------

    @property
    def _predicts(self) -> bool:
        """Whether the output that is explained may be of classes."""
        is_list = isinstance(self._output, (list, tuple))
        return not is_list and (isinstance(self._target, str) or not reads_several(self._target))

    def _record(self, net: Net) -> Recorded:
        """The net, run once: for what it predicts and for what is explained."""
        target = None if isinstance(self._target, str) else self._target
        # a target may be of other values than the output that predicts
        return self._plan.record(net, self._shown.x, target, also=[self._output])

    def _prediction(self, recorded: Recorded) -> _Prediction:
        output, value = recorded.also[0]
        with failures_told("forward"):
            values = value.asnumpy()
        _check_finite(values, "the net's output")
        self._check_classes(values.shape)
        is_single, link = outputs.is_single(values.shape), output.link or self.loss_link
        if is_single and link is None and self._shown.are_of_classes:
            link = SIGMOID
        odds = outputs.probabilities(value, link) if self._predicts else None
        if odds is None:
            return _Prediction(False, None, None)
        # of the scores: probabilities near 1 may be equal
        flat = values.reshape(len(values), -1)
        classes = (flat[:, 0] > 0).astype(int) if is_single else flat.argmax(axis=1)
        return _Prediction(
            is_single and output.link is None,
            classes.tolist(),
            odds[np.arange(len(odds)), classes],
        )

    def _explained_target(self, seen: _Prediction) -> Any:
        """The target, with the classes that it stands for."""
        ids = self._class_ids(seen)
        if ids is None:
            return None if isinstance(self._target, str) else self._target
        return targets.Binary(ids) if seen.is_bare_logit and self._output != PROBABILITY else ids

    def _class_ids(self, seen: _Prediction) -> list[int] | None:
        """The classes that are explained, if it is classes."""
        if isinstance(self._target, str):
            return seen.classes if self._target == PREDICTED else self._shown.labels
        return self._target if isinstance(self._target, _ClassIds) else None

    def snapshot(self, net: Net, step: int, unit: str) -> Snapshot:
        """What the net looks at."""
        recorded = self._record(net)
        seen = self._prediction(recorded)
        done = self._plan.explain(recorded, self._explained_target(seen))
        found = {one.name: done.first(one.name) for one in self._plan.methods}
        for one in found.values():
            _check_finite(one.values, f"what {one.method} finds")
        photos = self._shown.photos(done.run.x)
        first = next(iter(found.values()))
        explained = self._explained(first, self._class_ids(seen))
        return Snapshot(
            step,
            unit,
            _beside(photos, first),
            {name: one.pictures(photos, self._shown.order) for name, one in found.items()},
            seen.classes,
            seen.probabilities,
            self._shown.labels,
            first.score,
            explained,
            self._captions(seen, explained, first.score),
            found,
        )

    def _explained(self, found: Explanation, ids: list[int] | None) -> list[str]:
        given = found.target if ids is None else ids
        if isinstance(given, str):
            return [given] * self._shown.count
        return [one if isinstance(one, str) else self._shown.name(one) for one in given]

    def _captions(
        self, seen: _Prediction, explained: Sequence[str], scores: np.ndarray
    ) -> list[str]:
        if seen.classes is None or seen.probabilities is None:
            return [f"{what} {score:.3g}" for what, score in zip(explained, scores)]
        name, labels = self._shown.name, self._shown.labels
        captions = [
            f"{name(one)} {chance:.2f}" for one, chance in zip(seen.classes, seen.probabilities)
        ]
        if labels is None:
            return captions
        return [f"{caption} (true: {name(one)})" for caption, one in zip(captions, labels)]


# -- what is given --------------------------------------------------------------------------------


class _ClassIds(list):
    """Class ids, one a sample."""


def _plan(
    given: str | Sequence[str],
    layer: Any,
    output: OutputChoice,
    input: OneInput,
    fuse: str | None,
    options: Options,
    names: Names | None,
) -> Plan:
    """The plan of a snapshot; where a layer is given, a method that can explains it.

    Raises:
        MethodError: there is no such method or option, or none of them explains a layer.
        LayerError: a list of layers, whose maps are not joined.
    """
    methods = [find_method(one) for one in ([given] if isinstance(given, str) else given)]
    if not methods:
        raise MethodError("no method was given; expected one or more out of gm.METHODS")
    inside = layer is not None and not any(one.needs.layer for one in methods)
    if inside and not any(one.needs.inside for one in methods):
        raise MethodError(
            f"layer={layer!r} was given, but {', '.join(one.name for one in methods)} "
            "explains the input alone"
        )
    if isinstance(layer, (list, tuple)) and fuse not in FUSIONS:
        raise LayerError(
            f"fuse={fuse!r}; the maps of a list of layers are joined to one by "
            f"one of {', '.join(FUSIONS)}"
        )
    return Plan(
        methods,
        layer,
        output=output,
        input=input,
        fuse=fuse,
        options=options,
        inside=inside,
        names=names,
    )


def _checked_target(target: Any, labels: list[int] | None, samples: int) -> Any:
    if isinstance(target, str):
        if target not in (PREDICTED, TRUE):
            raise TargetError(
                f"target={target!r}; expected {PREDICTED!r}, {TRUE!r}, a class id, the name of a "
                "class out of names=, or another target"
            )
        if target == TRUE and labels is None:
            raise TargetError(f"target={TRUE!r} needs to know the true classes: pass labels")
        return target
    if gives_list(target):
        raise TargetError(f"a snapshot shows one target a sample; got {target!r}")
    ids = class_ids(target, samples)
    return target if ids is None else _ClassIds(ids)


# -- about nets and arrays ------------------------------------------------------------------------


def _check_finite(values: np.ndarray, what: str) -> None:
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        raise NotFinite(f"{what} is NaN or infinite for sample {int(np.argmin(finite))}")


def _beside(photos: np.ndarray, found: Explanation) -> list[np.ndarray]:
    """What stands beside an explanation's pictures: photos, or a clip's frames."""
    if len(found.input_size) == 1:
        return []  # a signal is in them
    return [picture.strip(one) if len(found.input_size) == 3 else one for one in photos]

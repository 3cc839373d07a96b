"""From a net to a snapshot of what it looks at in a fixed set of samples, with its predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import numpy as np

from .. import picture, targets
from ..engine import inputs
from ..engine.eager_run import has_drop_ins
from ..engine.failures import failures_told
from ..engine.inputs import Input
from ..engine.recording import record
from ..engine.wanted import InputChoice, Wanted
from ..errors import InputError, LayerError, MethodError, NetworkError, TargetError
from ..explanation.explanation import Explanation
from ..graph import outputs
from ..graph.layers import find_map
from ..graph.layout import channel_axis, shape_channels_first
from ..graph.outputs import PROBABILITY, SIGMOID, Link, OutputChoice
from ..graph.trace import Net, trace
from ..methods import Method
from ..methods.base import FUSIONS, checks, choose, explain_run
from ..methods.run import Run
from ..support.arrays import numbers_of
from .writers import Snapshot

PREDICTED, TRUE = "predicted", "true"

Options = Mapping[str, Mapping[str, Any]]
"""Name of a method → its own options."""


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
        x: Input,
        labels: Any,
        method: str | Sequence[str],
        target: Any,
        layer: Any,
        names: Any,
        photos: Any,
        order: str,
        output: OutputChoice,
        input: InputChoice,
        fuse: str | None,
        options: Options,
    ) -> None:
        self._x = _copied(x)
        self._samples = len(inputs.as_tuple(self._x)[0])
        self._labels = None if labels is None else _class_ids(labels, self._samples)
        self._names = None if names is None else _class_names(names)
        self._methods = _methods(method, layer, options)
        self._options = options
        self._target = _checked_target(target, self._labels, self._samples)
        self._layer, self._fuse = layer, fuse
        self._is_list = isinstance(layer, (list, tuple))
        if self._is_list and fuse not in FUSIONS:
            raise LayerError(
                f"fuse={fuse!r}; the maps of a list of layers are joined to one by "
                f"one of {', '.join(FUSIONS)}"
            )
        if order not in ("RGB", "BGR"):
            raise InputError(f"order={order!r}; expected RGB or BGR")
        self._order, self._output, self._input = order, output, input
        self._photos = None if photos is None else self._checked_photos(photos)
        self.loss_link: Link | None = None
        """What makes probabilities of the output, as the loss tells."""

    def _checked_photos(self, photos: Any) -> np.ndarray:
        photos = numbers_of(photos)
        if not isinstance(self._x, tuple) and self._x.ndim == 4:
            photos = picture.check_photos(photos)
        if len(photos) != self._samples:
            raise InputError(
                f"{len(photos)} photos for {self._samples} samples; expected one for each"
            )
        return photos

    # -- looking for mistakes ----------------------------------------------------------------------

    def check_shapes(self, net: Net) -> None:
        """Refuse what shapes alone show to be wrong, for a net that is not initialised."""
        try:
            graph = trace(net, len(inputs.as_tuple(self._x)))
        except NetworkError:
            if has_drop_ins(net):
                return  # it has to run to be seen
            raise
        shapes = inputs.shapes(graph, self._x)
        chosen = outputs.choose(graph.outputs, self._output)
        self._check_classes(shapes[chosen[0].point])
        entry = graph.input(self._input)
        shape = shape_channels_first(shapes[entry], channel_axis(graph, entry, shapes))
        for check in self._checks():
            check(shape)
        for layer in self._layers():
            find_map(graph, layer, shapes, [one.point for one in chosen])

    def check(self, net: Net) -> None:
        """Refuse what a snapshot would, at the cost of a forward pass."""
        run = self._run(net, self._predict(net))
        if any(one.needs.pooled for one in self._methods):
            run.pooled()

    def _checks(self) -> list[Callable[[tuple[int, ...]], None]]:
        return [
            check for one in self._methods for check in checks(one, self._options.get(one.name, {}))
        ]

    def _layers(self) -> Sequence[Any]:
        if not any(one.needs.layer for one in self._methods):
            return []
        return self._layer if self._is_list else [self._layer]

    def _check_classes(self, shape: Sequence[int]) -> None:
        """Refuse names and labels that do not fit an output."""
        if not self._predicts or (self._names is None and self._labels is None):
            return
        if not outputs.holds_classes(shape):
            raise InputError(
                f"labels and names are of classes; the net's output has shape "
                f"{tuple(shape)}, which holds no score for each class: leave them out"
            )
        count = 2 if outputs.is_single(shape) else shape[1]
        if self._names is not None and len(self._names) != count:
            raise InputError(
                f"{len(self._names)} names for a net with {count} classes; expected "
                "one for each, class 0 first"
            )
        wrong = [one for one in self._labels or () if one >= count]
        if wrong:
            raise InputError(
                f"the label {wrong[0]} is out of range: the net has {count} classes, "
                f"0 to {count - 1}"
            )

    # -- predicting and explaining -----------------------------------------------------------------

    @property
    def _predicts(self) -> bool:
        """Whether the output that is explained may be of classes."""
        return not isinstance(self._output, (list, tuple)) and not isinstance(
            self._target, targets.Detection
        )

    def _predict(self, net: Net) -> _Prediction:
        with failures_told("forward"):
            recording = record(net, self._x, Wanted(output=self._output, input=self._input))
            value = recording.values()[0]
            values = value.asnumpy()
        _check_finite(values, "the net's output")
        shape, own = values.shape, recording.outputs[0].link
        self._check_classes(shape)
        is_single, link = outputs.is_single(shape), own or self.loss_link
        if is_single and link is None and not (self._names is None and self._labels is None):
            link = SIGMOID
        odds = outputs.probabilities(value, link) if self._predicts else None
        if odds is None:
            return _Prediction(False, None, None)
        # of the scores: probabilities near 1 may be equal
        flat = values.reshape(len(values), -1)
        classes = (flat[:, 0] > 0).astype(int) if is_single else flat.argmax(axis=1)
        return _Prediction(
            is_single and own is None, classes.tolist(), odds[np.arange(len(odds)), classes]
        )

    def _run(self, net: Net, seen: _Prediction) -> Run:
        ids = self._class_ids(seen)
        target = None if isinstance(self._target, str) else self._target
        if ids is not None:
            target = ids
        if ids is not None and seen.is_bare_logit and self._output != PROBABILITY:
            target = targets.Binary(ids)
        return Run(
            net,
            self._x,
            target,
            self._layer,
            [one.needs for one in self._methods],
            output=self._output,
            input=self._input,
            checks=self._checks(),
        )

    def _class_ids(self, seen: _Prediction) -> list[int] | None:
        """The classes that are explained, if it is classes."""
        if isinstance(self._target, str):
            return seen.classes if self._target == PREDICTED else self._labels
        return self._target if isinstance(self._target, _ClassIds) else None

    def snapshot(self, net: Net, step: int, unit: str) -> Snapshot:
        """What the net looks at."""
        seen = self._predict(net)
        run = self._run(net, seen)
        views = run.for_each_target()
        found: dict[str, Explanation] = {
            one.name: explain_run(
                run,
                one,
                self._options.get(one.name, {}),
                several=self._is_list,
                fuse=self._fuse,
                views=views,
            )[0]
            for one in self._methods
        }
        for one in found.values():
            _check_finite(one.values, f"what {one.method} finds")
        if self._photos is None:
            self._photos = picture.of_input(run.x, self._order)
        first = next(iter(found.values()))
        explained = self._explained(first, self._class_ids(seen))
        return Snapshot(
            step,
            unit,
            _beside(self._photos, first),
            {name: one.pictures(self._photos, self._order) for name, one in found.items()},
            seen.classes,
            seen.probabilities,
            self._labels,
            first.score,
            explained,
            self._captions(seen, explained, first.score),
            found,
        )

    def _explained(self, found: Explanation, ids: list[int] | None) -> list[str]:
        given = found.target if ids is None else ids
        if isinstance(given, str):
            return [given] * self._samples
        return [one if isinstance(one, str) else self._name(one) for one in given]

    def _captions(
        self, seen: _Prediction, explained: Sequence[str], scores: np.ndarray
    ) -> list[str]:
        if seen.classes is None or seen.probabilities is None:
            return [f"{what} {score:.3g}" for what, score in zip(explained, scores)]
        captions = [
            f"{self._name(one)} {chance:.2f}"
            for one, chance in zip(seen.classes, seen.probabilities)
        ]
        if self._labels is None:
            return captions
        return [
            f"{caption} (true: {self._name(one)})" for caption, one in zip(captions, self._labels)
        ]

    def _name(self, class_id: int) -> str:
        return f"class {class_id}" if self._names is None else self._names[class_id]


# -- what is given --------------------------------------------------------------------------------


class _ClassIds(list):
    """Class ids, one a sample."""


def _copied(x: Input) -> Any:
    """The samples as numpy arrays of our own, checked."""
    arrays = inputs.as_tuple(x)
    for array in arrays:
        # numbers of things, such as words, may be one of several inputs
        inputs.check(array, takes_integers=len(arrays) > 1)
    copies = tuple(np.array(numbers_of(array)) for array in arrays)
    return copies if isinstance(x, tuple) else copies[0]


def _class_ids(labels: Any, samples: int) -> list[int]:
    numbers = numbers_of(labels)
    if numbers.shape == (samples, 1):
        numbers = numbers[:, 0]
    if numbers.shape != (samples,):
        raise InputError(
            f"labels of shape {numbers.shape} for {samples} samples; expected the "
            "true class of each sample, one number"
        )
    # losses take classes as floats too
    if numbers.dtype.kind not in "iuf" or not (numbers >= 0).all() or (numbers % 1).any():
        raise InputError(f"the labels are {labels!r}; expected class ids, whole numbers from 0 on")
    return [int(one) for one in numbers]


def _class_names(names: Any) -> list[str]:
    if hasattr(names, "name"):
        return [names.name(number) for number in range(len(names))]
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(f"names={names!r}; expected a sequence with the name of each class")
    return [str(name) for name in names]


def _methods(given: str | Sequence[str], layer: Any, options: Options) -> list[Method]:
    """The methods of those names; where a layer is given, one that can explains it.

    Raises:
        MethodError: there is no such method or option, or none of them explains a layer.
    """
    chosen = choose([given] if isinstance(given, str) else given, options)
    if not chosen:
        raise MethodError("no method was given; expected one or more out of gm.METHODS")
    if layer is None or any(one.needs.layer for one in chosen):
        return chosen
    if not any(one.needs.inside for one in chosen):
        raise MethodError(
            f"layer={layer!r} was given, but {', '.join(one.name for one in chosen)} "
            "explains the input alone"
        )
    return [replace(one, needs=replace(one.needs, layer=one.needs.inside)) for one in chosen]


def _checked_target(target: Any, labels: list[int] | None, samples: int) -> Any:
    if isinstance(target, str):
        if target not in (PREDICTED, TRUE):
            raise TargetError(
                f"target={target!r}; expected {PREDICTED!r}, {TRUE!r}, a class id or another target"
            )
        if target == TRUE and labels is None:
            raise TargetError(f"target={TRUE!r} needs to know the true classes: pass labels")
        return target
    if isinstance(target, (targets.Several, targets.Top)):
        raise TargetError(f"a snapshot shows one target a sample; got {target!r}")
    are_ids = targets.is_id(target) or (
        isinstance(target, (list, tuple)) and all(map(targets.is_id, target))
    )
    return _ClassIds(targets.each(target, samples)) if are_ids else target


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

"""Looking into a net while it is trained; and the head that class activation maps need."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Callable, Mapping, NamedTuple, Sequence, Union

import numpy as np

from . import inputs, nn, outputs, picture, targets
from ._mxnet import mx
from .eager import has_drop_ins
from .errors import InputError, LayerError, MethodError, NetworkError, TargetError
from .explanation import Explanation
from .heads import Target
from .inputs import Input
from .layers import find_map
from .layout import channel_axis, shape_channels_first
from .methods import Method
from .methods.base import FUSIONS, checks, explain_run, find_method
from .outputs import PROBABILITY, SIGMOID, Link, OutputChoice
from .recording import InputChoice, Recording, Wanted, record
from .run import Run, failures_told
from .trace import Net, trace
from .writers import HtmlWriter, Snapshot, Writer, randomness_kept

__all__ = ["ExplanationHandler", "Snapshot", "cam_head"]

PREDICTED, TRUE = "predicted", "true"
UNITS = ("epoch", "batch")

Options = Mapping[str, Mapping[str, Any]]
"""Name of a method → its own options."""
Writers = Union[Writer, str, Path, Sequence[Union[Writer, str, Path]]]
"""One or several; a path stands for a `HtmlWriter` to that folder."""

_events: Any = mx.gluon.contrib.estimator
_LOGIT_LOSSES = (mx.gluon.loss.SigmoidBinaryCrossEntropyLoss, mx.gluon.loss.LogisticLoss)


class ExplanationHandler(_events.TrainBegin, _events.BatchEnd, _events.EpochEnd, _events.TrainEnd):
    """What a net looks at in a fixed set of samples, as its training goes on.

    It is an event handler of Gluon's Estimator, is called as `handler(epoch, net)` in a training
    loop of your own, and is the `epoch_end_callback` of a Module. Parameters, gradients, the
    optimizer's state, running statistics and random states are those of a training without it.

    Mistakes are told when it is made or when training begins; of a net whose parameters wait for
    their first batch, the last of them after that batch. In a loop of your own `check(net)` tells
    them before the first epoch. After that nothing that goes wrong here ends the training: a net
    that gives NaN is passed over with a warning, and a writer that fails warns once.

    Args:
        x: the samples, (N, C, H, W), preprocessed; copied. A tuple for a net of several inputs.
        labels: the true class of each sample.
        writers: what takes the snapshots: one of `gradcam_mx.writers`, any function of a
            `Snapshot`, the path of a folder for a `HtmlWriter`, or several of these. Each is called
            once for each snapshot, and closed at the end of an Estimator's training.
        method: a name out of `gm.METHODS`, or several, which share what can be shared.
        target: what is explained: "predicted" or "true" for that class of each sample, a class id
            or any other target of a call.
        layer: for the methods that explain a layer; by default the last before the global pool.
        names: the classes' names, class 0 first; a `zoo.labels.Labels` goes too.
        photos: what the net saw, (N, H, W, 3) or grey (N, H, W), from 0 to 255; by default the
            samples themselves, each stretched to its range.
        order: "RGB" or "BGR", the order of the channels in `x`.
        every: a snapshot after each so many epochs (or batches).
        unit: "epoch", or "batch" to count batches: in an Estimator it does so by itself, a loop of
            your own calls `handler(batch, net)` after each, a Module has it for its
            `batch_end_callback`.
        start: how many epochs (or batches) were trained before, which an Estimator does not know.
            They are numbered from 0, as Gluon's handlers do it.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name.
        fuse: joins the maps of a list of layers: "mean", "max" or "product".
        options: name of a method → its own options.
        priority: its place among an Estimator's handlers; those with lower ones come first.

    A net with one output value predicts class 0 or 1 if it ends in a sigmoid, if the Estimator's
    loss takes it for a logit, or if `labels` or `names` are given; else that value is explained.
    Either class is explained by what speaks for it.

    Raises:
        InputError, MethodError, LayerError, TargetError, NetworkError: what they say.

    Example:
        >>> import mxnet as mx
        >>> from gradcam_mx.training import ExplanationHandler
        >>> net = mx.gluon.model_zoo.vision.mobilenet0_25(classes=2)
        >>> net.initialize()
        >>> seen = []
        >>> handler = ExplanationHandler(mx.nd.random.normal(shape=(2, 3, 96, 96)), [0, 1],
        ...                              names=["cat", "dog"], writers=seen.append)
        >>> for epoch in range(3):
        ...     handler(epoch, net)
        >>> [snapshot.heading for snapshot in seen]
        ['epoch 0', 'epoch 1', 'epoch 2']
        >>> seen[0].captions                                             # doctest: +SKIP
        ['dog 0.50 (true: cat)', 'dog 0.51 (true: dog)']
        >>> estimator.fit(batches, epochs=3, event_handlers=[handler])   # doctest: +SKIP
        >>> module.fit(batches, epoch_end_callback=handler)              # doctest: +SKIP
    """

    def __init__(self, x: Input, labels: Any = None, *, writers: Writers,
                 method: str | Sequence[str] = "grad_cam", target: Target | str = PREDICTED,
                 layer: Any = None, names: Any = None, photos: Any = None, order: str = "RGB",
                 every: int = 1, unit: str = "epoch", start: int = 0, output: OutputChoice = None,
                 input: InputChoice = None, fuse: str | None = None,
                 options: Options = MappingProxyType({}), priority: float = 0) -> None:
        if unit not in UNITS:
            raise InputError(f"unit={unit!r}; expected one of {', '.join(UNITS)}")
        if not targets.is_id(every) or every < 1:
            raise InputError(f"every={every!r}; expected 1 or more, a number of {unit}s")
        self._explainer = _Explainer(
            x, labels, method, target, layer, names, photos, order, output, input, fuse, options)
        self._writers = _writers(writers)
        self._every, self._unit, self.priority = every, unit, priority
        self._next = start
        """The number of the epoch or batch that an Estimator or Module is at."""
        self._passed = 0
        """How many went by, of which one in `every` is written."""
        self._is_checked = False
        self._have_failed: set[int] = set()

    # -- called by an Estimator, which stops if one of these returns something ---------------------

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Look for mistakes, as far as that initialises nothing."""
        is_of_logits = isinstance(estimator.loss, _LOGIT_LOSSES)
        self._explainer.loss_link = SIGMOID if is_of_logits else None
        self.check(estimator.val_net)

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """After the first batch look for the other mistakes; count batches if that is asked for."""
        if not self._is_checked:
            self._check_all(estimator.val_net)
        if self._unit == "batch":
            self._count(lambda: estimator.val_net)

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Count epochs if that is asked for."""
        if self._unit == "epoch":
            self._count(lambda: estimator.val_net)

    def train_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Close the writers."""
        self.close()

    # -- called by others --------------------------------------------------------------------------

    def __call__(self, step: Any, net: Any = None, arg_params: Any = None, aux_params: Any = None
                 ) -> None:
        """Tell of an epoch (or batch) that ended; one in `every` is explained and written.

        Args:
            step: its number; at the end of a Module's batch, what the Module passes.
            net: the net; a Module passes its symbol and parameters.
        """
        if isinstance(step, mx.model.BatchEndParam):
            self._check_unit("batch")
            module = step.locals["self"]
            self._count(lambda: (module.symbol, *module.get_params()))
        elif arg_params is not None:
            self._check_unit("epoch")
            self._reached(int(step), lambda: (net, arg_params, aux_params or {}))
        else:
            self._reached(int(step), lambda: net)

    def check(self, net: Net) -> None:
        """Look for mistakes in what was given, for this net, before it is trained.

        Nothing of the net changes; parameters that are not initialised yet stay so.

        Raises:
            InputError, LayerError, TargetError, NetworkError, RuleError: what they say.
        """
        if _is_initialised(net):
            self._check_all(net)
        else:
            with randomness_kept():
                self._explainer.check_shapes(net)

    def snapshot(self, net: Net, step: int = 0) -> Snapshot:
        """What the net looks at now; nothing is written.

        Raises:
            InputError, LayerError, TargetError, NetworkError, RuleError: what they say.
        """
        with randomness_kept():
            return self._explainer.snapshot(net, step, self._unit)

    def close(self) -> None:
        """Close the writers: what they opened themselves."""
        with randomness_kept():
            for writer in self._writers:
                if hasattr(writer, "close"):
                    self._attempt(writer, writer.close)

    def __enter__(self) -> ExplanationHandler:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _check_unit(self, unit: str) -> None:
        if unit != self._unit:
            raise InputError(f"a Module called the handler at the end of its {unit}, but it was "
                             f"made with unit={self._unit!r}; pass unit={unit!r}")

    def _check_all(self, net: Net) -> None:
        with randomness_kept():
            try:
                self._explainer.check(net)
            except _NotFinite as error:
                warnings.warn(f"the net cannot be explained yet: {error}", stacklevel=3)
        self._is_checked = True

    def _count(self, net: Callable[[], Net]) -> None:
        self._next += 1
        self._reached(self._next - 1, net)

    def _reached(self, step: int, net: Callable[[], Net]) -> None:
        self._passed += 1
        if self._passed % self._every:
            return
        with randomness_kept():
            snapshot = self._taken(net, step)
            if snapshot is not None:
                for writer in self._writers:
                    self._attempt(writer, writer, snapshot)

    def _taken(self, net: Callable[[], Net], step: int) -> Snapshot | None:
        try:
            snapshot = self._explainer.snapshot(net(), step, self._unit)
        except Exception as error:
            if not (self._is_checked or isinstance(error, _NotFinite)):
                raise
            warnings.warn(f"{self._unit} {step} is not explained, training goes on: "
                          f"{type(error).__name__.lstrip('_')}: {error}", stacklevel=4)
            return None
        self._is_checked = True
        return snapshot

    def _attempt(self, writer: Any, action: Callable[..., Any], *arguments: Any) -> None:
        """Have a writer do something; where it fails, training goes on."""
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, hours of training count more
            if id(writer) not in self._have_failed:
                self._have_failed.add(id(writer))
                warnings.warn(
                    f"a writer failed, training goes on; {_name(writer)} is called again, and "
                    f"nothing more said of it: {type(error).__name__}: {error}", stacklevel=4)


class _NotFinite(NetworkError):
    """The net gives NaN or infinity."""


class _Prediction(NamedTuple):
    """What a net predicts for the samples."""

    recording: Recording
    values: np.ndarray
    """The explained value of its output."""
    is_bare_logit: bool
    """Whether it is the logit of two classes, with nothing in the net that says so."""
    classes: list[int] | None
    probabilities: np.ndarray | None


class _Explainer:
    """From a net to a snapshot of it."""

    def __init__(self, x: Input, labels: Any, method: str | Sequence[str], target: Any, layer: Any,
                 names: Any, photos: Any, order: str, output: OutputChoice, input: InputChoice,
                 fuse: str | None, options: Options) -> None:
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
            raise LayerError(f"fuse={fuse!r}; the maps of a list of layers are joined to one by "
                             f"one of {', '.join(FUSIONS)}")
        if order not in ("RGB", "BGR"):
            raise InputError(f"order={order!r}; expected RGB or BGR")
        self._order, self._output, self._input = order, output, input
        self._photos = None if photos is None else self._checked_photos(photos)
        self.loss_link: Link | None = None
        """What makes probabilities of the output, as the loss tells."""

    def _checked_photos(self, photos: Any) -> np.ndarray:
        photos = targets.numbers_of(photos)
        if not isinstance(self._x, tuple) and self._x.ndim == 4:
            photos = picture.check_photos(photos)
        if len(photos) != self._samples:
            raise InputError(f"{len(photos)} photos for {self._samples} samples; expected one for "
                             "each")
        return photos

    # -- looking for mistakes ----------------------------------------------------------------------

    def check_shapes(self, net: Net) -> None:
        """Refuse what shapes alone show to be wrong, for a net that is not initialised."""
        try:
            graph = trace(net, len(inputs.as_tuple(self._x)))
        except NetworkError:
            if has_drop_ins(net):
                return      # it has to run to be seen
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
        return [check for one in self._methods
                for check in checks(one, self._options.get(one.name, {}))]

    def _layers(self) -> Sequence[Any]:
        if not any(one.needs.layer for one in self._methods):
            return []
        return self._layer if self._is_list else [self._layer]

    def _check_classes(self, shape: Sequence[int]) -> None:
        """Refuse names and labels that do not fit an output."""
        if not self._predicts or (self._names is None and self._labels is None):
            return
        if not _holds_classes(shape):
            raise InputError(f"labels and names are of classes; the net's output has shape "
                             f"{tuple(shape)}, which holds no score for each class: leave them out")
        count = 2 if outputs.is_single(shape) else shape[1]
        if self._names is not None and len(self._names) != count:
            raise InputError(f"{len(self._names)} names for a net with {count} classes; expected "
                             "one for each, class 0 first")
        wrong = [one for one in self._labels or () if one >= count]
        if wrong:
            raise InputError(f"the label {wrong[0]} is out of range: the net has {count} classes, "
                             f"0 to {count - 1}")

    # -- predicting and explaining -----------------------------------------------------------------

    @property
    def _predicts(self) -> bool:
        """Whether the output that is explained may be of classes."""
        return not isinstance(self._output, (list, tuple)) and not isinstance(
            self._target, targets.Detection)

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
            return _Prediction(recording, values, False, None, None)
        # of the scores: probabilities near 1 may be equal
        flat = values.reshape(len(values), -1)
        classes = (flat[:, 0] > 0).astype(int) if is_single else flat.argmax(axis=1)
        return _Prediction(recording, values, is_single and own is None, classes.tolist(),
                           odds[np.arange(len(odds)), classes])

    def _run(self, net: Net, seen: _Prediction) -> Run:
        ids = self._class_ids(seen)
        target = None if isinstance(self._target, str) else self._target
        if ids is not None:
            target = ids
        if ids is not None and seen.is_bare_logit and self._output != PROBABILITY:
            target = targets.Binary(ids)
        return Run(net, self._x, target, self._layer, [one.needs for one in self._methods],
                   output=self._output, input=self._input, checks=self._checks())

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
            one.name: explain_run(run, one, self._options.get(one.name, {}), several=self._is_list,
                                  fuse=self._fuse, views=views)[0]
            for one in self._methods}
        for one in found.values():
            _check_finite(one.values, f"what {one.method} finds")
        if self._photos is None:
            self._photos = self._visible_input(seen.recording)
        first = next(iter(found.values()))
        explained = self._explained(first, self._class_ids(seen))
        return Snapshot(
            step, unit, _beside(self._photos, first),
            {name: one.pictures(self._photos, self._order) for name, one in found.items()},
            seen.classes, seen.probabilities, self._labels, first.score, explained,
            self._captions(seen, explained, first.score))

    def _visible_input(self, recording: Recording) -> np.ndarray:
        where = recording.input
        return picture.of_input(
            np.moveaxis(recording.value(where.point).asnumpy(), where.channel_axis, 1), self._order)

    def _explained(self, found: Explanation, ids: list[int] | None) -> list[str]:
        given = found.target if ids is None else ids
        if isinstance(given, str):
            return [given] * self._samples
        return [one if isinstance(one, str) else self._name(one) for one in given]

    def _captions(self, seen: _Prediction, explained: Sequence[str], scores: np.ndarray
                  ) -> list[str]:
        if seen.classes is None or seen.probabilities is None:
            return [f"{what} {score:.3g}" for what, score in zip(explained, scores)]
        captions = [f"{self._name(one)} {chance:.2f}"
                    for one, chance in zip(seen.classes, seen.probabilities)]
        if self._labels is None:
            return captions
        return [f"{caption} (true: {self._name(one)})"
                for caption, one in zip(captions, self._labels)]

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
    copies = tuple(np.array(targets.numbers_of(array)) for array in arrays)
    return copies if isinstance(x, tuple) else copies[0]


def _class_ids(labels: Any, samples: int) -> list[int]:
    numbers = targets.numbers_of(labels)
    if numbers.shape == (samples, 1):
        numbers = numbers[:, 0]
    if numbers.shape != (samples,):
        raise InputError(f"labels of shape {numbers.shape} for {samples} samples; expected the "
                         "true class of each sample, one number")
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
    chosen = [find_method(name) for name in ([given] if isinstance(given, str) else given)]
    if not chosen:
        raise MethodError("no method was given; expected one or more out of gm.METHODS")
    for name, own in options.items():
        known = {one.name: one for one in chosen}.get(name)
        takes = list(inspect.signature(known.formula).parameters)[1:] if known else []
        unknown = sorted(set(own) - set(takes))
        if known is None or unknown:
            raise MethodError(
                f"options for {name!r} that nothing takes: {unknown or sorted(own)}; the methods "
                f"are {', '.join(one.name for one in chosen)}"
                + (f", and {name} takes {', '.join(takes) or 'none'}" if known else ""))
    if layer is None or any(one.needs.layer for one in chosen):
        return chosen
    if not any(one.needs.inside for one in chosen):
        raise MethodError(f"layer={layer!r} was given, but {', '.join(one.name for one in chosen)} "
                          "explains the input alone")
    return [replace(one, needs=replace(one.needs, layer=one.needs.inside)) for one in chosen]


def _checked_target(target: Any, labels: list[int] | None, samples: int) -> Any:
    if isinstance(target, str):
        if target not in (PREDICTED, TRUE):
            raise TargetError(f"target={target!r}; expected {PREDICTED!r}, {TRUE!r}, a class id or "
                              "another target")
        if target == TRUE and labels is None:
            raise TargetError(f"target={TRUE!r} needs to know the true classes: pass labels")
        return target
    if isinstance(target, (targets.Several, targets.Top)):
        raise TargetError(f"a snapshot shows one target a sample; got {target!r}")
    are_ids = targets.is_id(target) or (
        isinstance(target, (list, tuple)) and all(map(targets.is_id, target)))
    return _ClassIds(targets.each(target, samples)) if are_ids else target


def _writers(given: Any) -> list[Any]:
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    for one in several:
        if not callable(one) and not isinstance(one, (str, Path)):
            raise InputError(f"{one!r} is no writer; expected a function of a snapshot, such as "
                             "one of gradcam_mx.writers, or the path of a folder")
    if not several:
        raise InputError("no writer was given; expected one or more, such as the path of a folder")
    return [HtmlWriter(one) if isinstance(one, (str, Path)) else one for one in several]


# -- about nets and arrays ------------------------------------------------------------------------


def _is_initialised(net: Net) -> bool:
    """Whether all parameters have values, none waits for a first batch."""
    if not isinstance(net, mx.gluon.Block):
        return True
    return all(one._data is not None for one in net.collect_params().values())


def _holds_classes(shape: Sequence[int]) -> bool:
    return len(shape) > 1 and all(size == 1 for size in shape[2:])


def _check_finite(values: np.ndarray, what: str) -> None:
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        raise _NotFinite(f"{what} is NaN or infinite for sample {int(np.argmin(finite))}")


def _beside(photos: np.ndarray, found: Explanation) -> list[np.ndarray]:
    """What stands beside an explanation's pictures: photos, or a clip's frames."""
    if len(found.input_size) == 1:
        return []       # a signal is in them
    return [picture.strip(one) if len(found.input_size) == 3 else one for one in photos]


def _name(writer: Any) -> str:
    return getattr(writer, "__name__", type(writer).__name__)


# -- the head that CAM needs ----------------------------------------------------------------------


_gluon: Any = mx.gluon.nn
_POOLING = _gluon.conv_layers._Pooling


def cam_head(features: Any, classes: int, *, freeze: bool = False, init: Any = None,
             prefix: str | None = None) -> Any:
    """A net with a global average pool and one Dense layer on a feature extractor.

    That is the head which `gm.cam` explains, and for which grad_cam gives the same map up to a
    constant: S_k = Σ_c w_kc · mean(A_c) + b_k. Zhou et al. 2016, arXiv:1512.04150, section 2.

    Of the extractor are left out: everything from its first Flatten or Dense layer on, and then the
    pooling and dropout that it ends in (VGG's last max pooling too, so its maps are twice as fine).
    The layers of blocks in blocks come one after the other, so that each has a name of its own,
    "0", "1" …

    The extractor itself stays as it is, and the two nets share its layers: training one trains the
    other, and `hybridize` on one reaches them too.

    Args:
        features: a HybridSequential, such as `net.features` of a net of the model zoo, or that net.
        classes: how many. Of 1 the output is one logit: train with SigmoidBinaryCrossEntropyLoss,
            and explain `gm.targets.Binary(1)` or `Binary(0)`; the value alone speaks for class 1.
        freeze: whether the extractor's parameters shall not be trained. It sets their `grad_req` to
            "null" in the extractor as well, which gives their gradients away, and is to be done
            before a Trainer is made. Running statistics of batch normalisation go on moving.
        init: of the Dense layer's weight, which is initialised if the extractor is; Xavier by
            default.
        prefix: of the net's and the new layer's names.

    Returns:
        A HybridSequential. Its `.params` files go by the layers' places, as Gluon's do.

    Raises:
        NetworkError: that is no extractor, or nothing of it is left.
        InputError: that is no number of classes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> from gradcam_mx.training import cam_head
        >>> zoo = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> zoo.initialize()
        >>> net = cam_head(zoo.features, 2, freeze=True)
        >>> trainer = mx.gluon.Trainer(net.collect_params(), "adam")
        >>> gm.cam(net, mx.nd.ones((1, 3, 64, 64)), target=1).values.shape
        (1, 2, 2)
    """
    if not targets.is_id(classes) or classes < 1:
        raise InputError(f"classes={classes!r}; expected a whole number, 1 or more")
    layers = _without_classifier(_spliced(getattr(features, "features", features)))
    parameters = [one for layer in layers for one in layer.collect_params().values()]
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        dense = nn.Dense(int(classes), weight_initializer=init or mx.init.Xavier())
        net.add(*layers, nn.GlobalAvgPool2D(), nn.Flatten(), dense)
    context = _common_context(parameters)
    if context is not None:
        dense.initialize(ctx=context)
    if freeze:
        for one in parameters:
            one.grad_req = "null"
    return net


def _spliced(block: Any) -> list[Any]:
    """The layers of a block that runs them one after the other, through all its blocks in blocks.
    """
    if not isinstance(block, mx.gluon.Block):
        raise NetworkError(f"the feature extractor is a {type(block).__name__}; expected a "
                           "HybridSequential, such as net.features of a net of the model zoo")
    if not _is_chain(block):
        return [block]
    return [layer for child in block._children.values() for layer in _spliced(child)]


def _is_chain(block: Any) -> bool:
    """Whether it does nothing but to run its children; subclasses may do something else."""
    kind = type(block)
    if isinstance(block, _gluon.HybridSequential):
        return (kind.hybrid_forward is _gluon.HybridSequential.hybrid_forward
                and kind.forward is mx.gluon.HybridBlock.forward)
    return isinstance(block, _gluon.Sequential) and kind.forward is _gluon.Sequential.forward


def _without_classifier(layers: Sequence[Any]) -> list[Any]:
    """The layers that make maps.

    Raises:
        NetworkError: there are none, or one cannot be part of a HybridSequential.
    """
    ends = [number for number, one in enumerate(layers)
            if isinstance(one, (_gluon.Dense, _gluon.Flatten))]
    kept = list(layers[:ends[0]] if ends else layers)
    while kept and isinstance(kept[-1], (_POOLING, _gluon.Dropout)):
        kept.pop()
    if not kept:
        raise NetworkError("nothing of the feature extractor is left without its pooling, Flatten "
                           "and Dense layers; expected convolutions")
    plain = next((one for one in kept if not isinstance(one, mx.gluon.HybridBlock)), None)
    if plain is not None:
        raise NetworkError(f"the layer {plain.name!r} ({type(plain).__name__}) is no HybridBlock, "
                           "so it cannot be part of the net")
    return kept


def _common_context(parameters: Sequence[Any]) -> Any:
    """Where the parameters are; None if they are not initialised."""
    try:
        return [one.list_ctx() for one in parameters][-1] if parameters else None
    except RuntimeError:
        return None

"""Looking into a net while it is trained; and the head that class activation maps need."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Sequence, Union

from .._mxnet import mx
from ..engine.inputs import Input
from ..engine.wanted import OneInput
from ..errors import InputError
from ..graph.outputs import SIGMOID, OutputChoice
from ..graph.trace import Net
from ..methods.options import Options
from ..nn.cam_head import cam_head
from ..support.arrays import is_whole
from ..support.closing import Closing
from ..support.randomness import randomness_kept
from ..targets.heads import Target
from .shown import Shown
from .snapshots import PREDICTED, Explainer, NotFinite
from .writers import HtmlWriter, Snapshot, Writer

__all__ = ["ExplanationHandler", "Snapshot", "cam_head"]

UNITS = ("epoch", "batch")

Writers = Union[Writer, str, Path, Sequence[Union[Writer, str, Path]]]
"""One or several; a path stands for a `HtmlWriter` to that folder."""

_events: Any = mx.gluon.contrib.estimator
_LOGIT_LOSSES = (mx.gluon.loss.SigmoidBinaryCrossEntropyLoss, mx.gluon.loss.LogisticLoss)


class ExplanationHandler(
    _events.TrainBegin, _events.BatchEnd, _events.EpochEnd, _events.TrainEnd, Closing
):
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

    def __init__(
        self,
        x: Input,
        labels: Any = None,
        *,
        writers: Writers,
        method: str | Sequence[str] = "grad_cam",
        target: Target | str = PREDICTED,
        layer: Any = None,
        names: Any = None,
        photos: Any = None,
        order: str = "RGB",
        every: int = 1,
        unit: str = "epoch",
        start: int = 0,
        output: OutputChoice = None,
        input: OneInput = None,
        fuse: str | None = None,
        options: Options = MappingProxyType({}),
        priority: float = 0,
    ) -> None:
        if unit not in UNITS:
            raise InputError(f"unit={unit!r}; expected one of {', '.join(UNITS)}")
        if not is_whole(every) or every < 1:
            raise InputError(f"every={every!r}; expected 1 or more, a number of {unit}s")
        self._explainer = Explainer(
            Shown(x, labels, names, photos, order),
            method,
            target,
            layer,
            output,
            input,
            fuse,
            options,
        )
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

    def __call__(
        self, step: Any, net: Any = None, arg_params: Any = None, aux_params: Any = None
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

        Args:
            net: the net that will be trained.

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

        Args:
            net: the net as it is now.
            step: the number of the epoch or batch, for the snapshot's heading.

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

    def _check_unit(self, unit: str) -> None:
        if unit != self._unit:
            raise InputError(
                f"a Module called the handler at the end of its {unit}, but it was "
                f"made with unit={self._unit!r}; pass unit={unit!r}"
            )

    def _check_all(self, net: Net) -> None:
        with randomness_kept():
            try:
                self._explainer.check(net)
            except NotFinite as error:
                warnings.warn(f"the net cannot be explained yet: {error}", stacklevel=3)
        self._is_checked = True

    def _count(self, net: Callable[[], Net]) -> None:
        self._next += 1
        self._reached(self._next - 1, net)

    def _reached(self, step: int, net: Callable[[], Net]) -> None:
        self._passed += 1
        if self._passed % self._every:
            return
        # A Module's backward pass writes running statistics, and MXNet's engine is not told: who
        # reads them right after a batch may get those of the batch before (measured). What fails
        # here is the training's, and ends it.
        mx.nd.waitall()
        with randomness_kept():
            snapshot = self._taken(net, step)
            if snapshot is not None:
                for writer in self._writers:
                    self._attempt(writer, writer, snapshot)

    def _taken(self, net: Callable[[], Net], step: int) -> Snapshot | None:
        try:
            snapshot = self._explainer.snapshot(net(), step, self._unit)
        except Exception as error:
            if not (self._is_checked or isinstance(error, NotFinite)):
                raise
            warnings.warn(
                f"{self._unit} {step} is not explained, training goes on: "
                f"{type(error).__name__.lstrip('_')}: {error}",
                stacklevel=4,
            )
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
                    f"nothing more said of it: {type(error).__name__}: {error}",
                    stacklevel=4,
                )


def _writers(given: Any) -> list[Any]:
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    for one in several:
        if not callable(one) and not isinstance(one, (str, Path)):
            raise InputError(
                f"{one!r} is no writer; expected a function of a snapshot, such as "
                "one of gradcam_mx.writers, or the path of a folder"
            )
    if not several:
        raise InputError("no writer was given; expected one or more, such as the path of a folder")
    return [HtmlWriter(one) if isinstance(one, (str, Path)) else one for one in several]


def _is_initialised(net: Net) -> bool:
    """Whether all parameters have values, none waits for a first batch."""
    if not isinstance(net, mx.gluon.Block):
        return True
    return all(one._data is not None for one in net.collect_params().values())


def _name(writer: Any) -> str:
    return getattr(writer, "__name__", type(writer).__name__)

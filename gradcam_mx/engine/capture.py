"""What layers give, and the gradients there, in the user's own eager autograd code.

It is switched on for the thread that asks, by a context manager, and acts where the forward pass is
recorded; a backward pass later, also outside the context, follows what was recorded.
"""

from __future__ import annotations

import difflib
import threading
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Union

from .._mxnet import mx
from ..errors import LayerError
from ..graph.layers import is_called
from ..graph.runs import split
from .following import running_net

Layer = Union[str, Any]
"""A layer as it is asked for: a block's name, or the Block itself."""


class _State(threading.local):
    captures: tuple[Captured, ...] = ()
    by_name: Captured | None = None


_state = _State()


@dataclass(frozen=True)
class Call:
    """One run of a captured layer."""

    output: Any
    """A copy of what the layer gave; its `.grad` holds the gradient after a backward pass."""
    variable: Any
    """What stands for this output in `autograd.grad(y, [captured.variable])`, which leaves every
    `.grad` alone; None if the call was not recorded."""

    @property
    def gradient(self) -> Any:
        """The gradient at the output, a copy, from the last `backward()`.

        Raises:
            LayerError: there is none.
        """
        if self.variable is None:
            raise LayerError("there is no gradient: the layer ran outside autograd.record()")
        if not self.variable._fresh_grad:
            raise LayerError(
                "there is no gradient: no backward() has reached the layer since it ran. Call it "
                "on an output that depends on the layer; autograd.grad() hands its results to the "
                "caller, so ask it for captured.variable"
            )
        return self.variable.grad.copy()


class CapturedLayer:
    """What one layer gave each time it ran.

    Args:
        layer: its name, or the Block; with the number of a run ("conv#2"), that run alone.
        seen: filled with the names of all layers that run.
        keep: how many runs are kept, the last ones; None for all.
    """

    def __init__(self, layer: Layer, seen: dict[str, None], keep: int | None) -> None:
        self.layer = layer
        self.calls: deque[Call] = deque(maxlen=keep)
        """Every run in order; a layer used twice in one forward pass has two."""
        self._seen = seen
        self._named: Layer = layer
        self._number: int | None = None
        if isinstance(layer, str):
            self._named, self._number = split(layer)
        self._runs = 0

    @property
    def last(self) -> Call:
        """The last run.

        Raises:
            LayerError: the layer did not run.
        """
        if self.calls:
            return self.calls[-1]
        if self._runs:
            raise LayerError(
                f"there is no run {self.layer!r}: the layer {self._named!r} ran {self._runs} "
                f"time{'s' if self._runs > 1 else ''} while it was captured"
            )
        hybridized = "a hybridized net runs its compiled graph and none of its layers"
        if not isinstance(self.layer, str):
            raise LayerError(
                f"the block {self.layer.name!r} did not run while it was captured ({hybridized})"
            )
        close = difflib.get_close_matches(self.layer, self._seen, n=5, cutoff=0.3)
        ran = ", ".join(close or list(self._seen)[-5:])
        raise LayerError(
            f"no layer named {self.layer!r} ran while it was captured; "
            + (f"the closest that did: {ran}. " if ran else f"none did ({hybridized}). ")
            + "A layer that is not from gradcam_mx.nn is captured by its Block"
        )

    @property
    def output(self) -> Any:
        """The output of the last run."""
        return self.last.output

    @property
    def gradient(self) -> Any:
        """The gradient at the output of the last run, from the last `backward()`."""
        return self.last.gradient

    @property
    def variable(self) -> Any:
        """What stands for the output of the last run in `autograd.grad`."""
        return self.last.variable

    def is_called(self, block: Any) -> bool:
        """Whether `block` is this layer.

        Args:
            block: a block that ran.
        """
        if isinstance(self.layer, str):
            return is_called(block, self._named)
        return block is self.layer

    def take(self, output: Any) -> Any:
        """Keep a layer's output, and give it back with its gradient under observation.

        A marked array of zeros is added: its gradient is the output's, and it reaches the layers
        above as ever (`attach_grad()` on the output itself would end the graph there).

        Args:
            output: what the layer gave; one array.
        """
        self._runs += 1
        if self._number not in (None, self._runs):
            return output
        if not isinstance(output, mx.nd.NDArray):
            raise LayerError(
                f"the layer {self.layer!r} gives a {type(output).__name__} rather "
                "than one array; capture a layer inside it"
            )
        variable = None
        if mx.autograd.is_recording():
            numpy_array = isinstance(output, mx.np.ndarray)
            variable = mx.np.zeros_like(output) if numpy_array else mx.nd.zeros_like(output)
            variable.attach_grad()
            output = output + variable
        with mx.autograd.pause(train_mode=mx.autograd.is_training()):
            kept = output.copy()
            if variable is not None:
                mx.autograd.mark_variables([kept], [variable.grad])
        self.calls.append(Call(kept, variable))
        return output


class Captured:
    """The layers of one `capture`: `captured[layer]`; of an only one also `captured.output` etc.

    Args:
        layers: names of layers, or Blocks.
        keep: how many runs of each are kept, the last ones; None for all.
    """

    def __init__(self, *layers: Layer, keep: int | None = None) -> None:
        self._seen: dict[str, None] = {}
        self._layers = {layer: CapturedLayer(layer, self._seen, keep) for layer in layers}

    def __getitem__(self, layer: Layer) -> CapturedLayer:
        if layer not in self._layers:
            raise LayerError(f"{layer!r} was not captured; captured: {list(self._layers)}")
        return self._layers[layer]

    @property
    def calls(self) -> deque[Call]:
        """Every run of the layer, in order."""
        return self._only.calls

    @property
    def output(self) -> Any:
        """A copy of the layer's output; its `.grad` holds the gradient after a backward pass."""
        return self._only.output

    @property
    def gradient(self) -> Any:
        """The gradient at the layer's output, from the last `backward()`."""
        return self._only.gradient

    @property
    def variable(self) -> Any:
        """What stands for the output in `autograd.grad(y, [x, captured.variable])`."""
        return self._only.variable

    @property
    def _only(self) -> CapturedLayer:
        if len(self._layers) != 1:
            raise LayerError(
                f"{len(self._layers)} layers are captured; say which: captured[layer].output"
            )
        return next(iter(self._layers.values()))

    def receive(self, block: Any, output: Any) -> Any:
        """Take a block's output if it is asked for.

        Args:
            block: any Block that ran.
            output: what it gave.
        """
        self._seen[block.name] = None
        for layer in self._layers.values():
            if layer.is_called(block):
                output = layer.take(output)
        return output


@contextmanager
def capture(*layers: Layer) -> Iterator[Captured]:
    """Within this context, keep what layers give and the gradients that come back to them.

    The output is what the block returns, after the activation of a layer that has one; the
    gradient is the one there, before an activation's rule (`guided_mode`). Gradients above the
    layer, of parameters and of the input, are what they are without a capture. Each run within
    the context is kept (`captured.calls`), so put the context around one forward pass rather than
    around a training loop; `output` and `gradient` are those of the last run.

    A hybridized net runs its compiled graph and none of its layers' Python: explain it by
    `gradcam_mx.grad_cam(net, x)`, or capture it as a whole.

    Args:
        layers: names of layers that come from gradcam_mx.nn ("vgg0_conv12"), of one that runs
            several times also a run alone ("conv#2"), or Blocks of any type.

    Raises:
        LayerError: a Block gives several arrays. Reading raises it for a layer that did not run,
            with the closest names of those that did, and for a gradient before `backward()`.

    Example:
        >>> from gradcam_mx import nn
        >>> import mxnet as mx
        >>> net = nn.HybridSequential(prefix="")
        >>> net.add(nn.Dense(4, in_units=3, prefix="hidden_"), nn.Dense(2, in_units=4))
        >>> net.initialize()
        >>> with nn.capture("hidden") as captured, mx.autograd.record():
        ...     y = net(mx.nd.ones((1, 3)))
        >>> y.backward()
        >>> captured.output.shape, captured.gradient.shape
        ((1, 4), (1, 4))
    """
    captured = Captured(*layers)
    before = _state.captures
    with ExitStack() as taps:
        for layer in layers:
            if not isinstance(layer, str):
                taps.enter_context(_tapped(layer))
        _state.captures = (*before, captured)
        try:
            yield captured
        finally:
            _state.captures = before


def set_capture_layer_name(name: str | None) -> None:
    """Capture the layer of that name in the code that follows in this thread; None ends it.

    The tutorial's switch: `Conv2D.conv_output` is the layer's last output, and its `.grad` the
    gradient there after a backward pass. `capture` does the same for a `with` block.

    Args:
        name: of a layer that comes from gradcam_mx.nn, such as "vgg0_conv12"; or None.
    """
    _state.by_name = None if name is None else Captured(name, keep=1)


def conv_output() -> Any:
    """What the layer of `set_capture_layer_name` last gave in this thread; None before it ran."""
    calls = _state.by_name.calls if _state.by_name else None
    return calls[-1].output if calls else None


def report(block: Any, output: Any) -> Any:
    """Show a block's output to whoever captures it in this thread; gives what to go on with."""
    net = running_net()
    if net is not None:
        return net.layer(block, output)
    for captured in _state.captures:
        output = captured.receive(block, output)
    return _state.by_name.receive(block, output) if _state.by_name else output


class Reporter:
    """A block that calls `report` by itself."""


class _Tap:
    """Stands in for the `forward` of a block that is no Reporter, as long as anyone captures it."""

    lock = threading.Lock()

    def __init__(self, block: Any) -> None:
        self.block = block
        self.forward: Callable[..., Any] = block.forward
        self.own = vars(block).get("forward")
        self.users = 0

    def __call__(self, *args: Any) -> Any:
        return report(self.block, self.forward(*args))

    def remove(self) -> None:
        del self.block.forward
        if self.own is not None:
            self.block.forward = self.own


@contextmanager
def _tapped(block: Any) -> Iterator[None]:
    """A forward hook cannot put another array in the output's place, so `forward` is shadowed."""
    if isinstance(block, Reporter):
        yield
        return
    with _Tap.lock:
        tap = vars(block).get("forward")
        if not isinstance(tap, _Tap):
            tap = block.forward = _Tap(block)
        tap.users += 1
    try:
        yield
    finally:
        with _Tap.lock:
            tap.users -= 1
            if not tap.users:
                tap.remove()

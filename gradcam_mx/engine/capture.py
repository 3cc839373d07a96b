"""What the drop-in layers do in the user's own eager autograd code: capture, and backward rules.

Both are switched on for the thread that asks, by a context manager, and act where the forward pass
is recorded; a backward pass later, also outside the context, follows what was recorded.
"""

from __future__ import annotations

import atexit
import difflib
import threading
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Union

from .._mxnet import mx
from ..errors import LayerError, RuleError
from ..graph.layers import is_called
from ..graph.operators import GATES
from .rules import DECONVNET, GUIDED, PLAIN, Rule, RuleReport

Layer = Union[str, Any]
"""A layer as it is asked for: a block's name, or the Block itself."""


class _State(threading.local):
    rule: Rule = PLAIN
    report: RuleReport | None = None
    captures: tuple[Captured, ...] = ()
    by_name: Captured | None = None
    tape: Any = None


_state = _State()


# Backward rules


@contextmanager
def guided_mode(rule: str | Rule = GUIDED) -> Iterator[RuleReport]:
    """Within this context, the drop-in activations of an eager net follow a backward rule.

    With z an activation's input, f the activation and dy the gradient at its output, the gradient
    at its input is f'(z)·max(dy, 0) for "guided" (Springenberg et al. 2014, arXiv:1412.6806) and
    max(dy, 0) for "deconvnet" (Zeiler & Fergus 2014, arXiv:1311.2901). Sigmoid, tanh, softsign and
    swish are gates and keep the chain rule. Values of the forward pass do not change. Contexts
    nest ("plain" switches an outer one off), and other threads are not affected.

    The rule is fixed where the forward pass is recorded. A hybridized net runs its compiled graph
    and none of its layers' Python, and activations that are no layers (`F.relu` in a
    `hybrid_forward`) do not take part either; `gradcam_mx.guided_backprop(net, x)` reaches both.

    Args:
        rule: "guided", "deconvnet" or "plain".

    Yields:
        A report that counts the activations changed and left alone, by kind.

    Raises:
        RuleError: no such rule, or no activation followed it.

    Example:
        >>> from gradcam_mx import nn
        >>> import mxnet as mx
        >>> relu, x = nn.Activation("relu"), mx.nd.array([-1, 2, 3])
        >>> x.attach_grad()
        >>> with nn.guided_mode(), mx.autograd.record():
        ...     y = relu(x)
        >>> y.backward(mx.nd.array([1, 1, -1]))
        >>> x.grad.asnumpy()
        array([0., 1., 0.], dtype=float32)
    """
    chosen = _rule(rule)
    counts = RuleReport(chosen.name, {}, {})
    before = _state.rule, _state.report
    _state.rule, _state.report = chosen, counts
    try:
        yield counts
    finally:
        _state.rule, _state.report = before
    if not chosen.is_plain and not counts.changed:
        raise RuleError(
            f"the rule {chosen.name!r} met no activation: run the net under autograd.record(), not "
            "hybridized, and built from the layers of gradcam_mx.nn; any other net is served by "
            "gradcam_mx.guided_backprop(net, x), hybridized or not"
        )


def set_guided_backprop(mode: bool = True) -> None:
    """Switch guided backpropagation on or off for the code that follows in this thread.

    The tutorial's switch. `guided_mode` does the same for a `with` block, and tells if it was in
    vain.
    """
    _state.rule = GUIDED if mode else PLAIN


def rule_is_on() -> bool:
    """Whether activations may follow another rule than the chain rule in what is being recorded."""
    return mx.autograd.is_recording() and (_state.tape is not None or not _state.rule.is_plain)


def follow_rule(kind: str, z: Any, y: Any) -> Any:
    """The output y of an activation whose input is z, with the gradient of the current rule."""
    if not rule_is_on():
        return y
    if _state.tape is not None:
        return _state.tape.activation(kind, z, y)
    gate = kind in GATES
    if _state.report is not None:
        counts = _state.report.left_alone if gate else _state.report.changed
        counts[kind] = counts.get(kind, 0) + 1
    if gate:
        return y
    if _state.rule.derives:
        return _rectified(y)
    # y's value (the bracket is zero), and the gradient goes straight to z.
    return y.detach() + (_rectified(z) - z.detach())


def _rule(rule: str | Rule) -> Rule:
    rules = {known.name: known for known in (PLAIN, GUIDED, DECONVNET)}
    if isinstance(rule, Rule):
        return rule
    if rule not in rules:
        raise RuleError(f"no rule {rule!r}; there are {', '.join(rules)}")
    return rules[rule]


def _rectified(x: Any) -> Any:
    """x itself; a negative gradient stops here.

    It is copied on either side: oneDNN keeps arrays in layouts of its own, and a Python callback
    that is handed one may read memory that was freed by the time it runs. Behind a CustomOp that
    crashed 10 of 10 runs of a conv net at 224 × 224; with the copies no run did.
    """
    return _Rectify()(x * 1) * 1


class _Rectify(mx.autograd.Function):
    def forward(self, x: Any) -> Any:
        return x.copy()

    def backward(self, dy: Any) -> Any:
        return mx.nd.maximum(dy, 0)


@atexit.register
def _let_go_of_functions() -> None:
    """Let MXNet's threads give back the functions that nothing refers to any more.

    They call Python for that, some time after the last use. A thread that does so while the
    interpreter shuts down ends the process with an abort (measured: a recorded net whose output was
    dropped at the end of a script, 12 of 12 runs).
    """
    alive = mx.autograd.Function._registry.ref_holder
    if alive:
        mx.nd.waitall()
    calm = 0
    while alive and calm < 5:
        before = len(alive)
        time.sleep(0.01)
        calm = calm + 1 if len(alive) == before else 0


@contextmanager
def taped(tape: Any) -> Iterator[None]:
    """Within this context, the drop-in layers of this thread report to an `EagerTape` alone."""
    before = _state.tape
    _state.tape = tape
    try:
        yield
    finally:
        _state.tape = before


# Capture


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
    """What one layer gave each time it ran."""

    def __init__(self, layer: Layer, seen: dict[str, None], keep: int | None) -> None:
        self.layer = layer
        self.calls: deque[Call] = deque(maxlen=keep)
        """Every run in order; a layer used twice in one forward pass has two."""
        self._seen = seen

    @property
    def last(self) -> Call:
        """The last run.

        Raises:
            LayerError: the layer did not run.
        """
        if self.calls:
            return self.calls[-1]
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
        """Whether `block` is this layer."""
        if isinstance(self.layer, str):
            return is_called(block, self.layer)
        return block is self.layer

    def take(self, output: Any) -> Any:
        """Keep a layer's output, and give it back with its gradient under observation.

        A marked array of zeros is added: its gradient is the output's, and it reaches the layers
        above as ever (`attach_grad()` on the output itself would end the graph there).
        """
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
    """The layers of one `capture`: `captured[layer]`; of an only one also `captured.output` etc."""

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
        """Take a block's output if it is asked for."""
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
        layers: names of layers that come from gradcam_mx.nn ("vgg0_conv12"), or Blocks of any
            type.

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
    """
    _state.by_name = None if name is None else Captured(name, keep=1)


def conv_output() -> Any:
    """What the layer of `set_capture_layer_name` last gave in this thread; None before it ran."""
    calls = _state.by_name.calls if _state.by_name else None
    return calls[-1].output if calls else None


def report(block: Any, output: Any) -> Any:
    """Show a block's output to whoever captures it in this thread; gives what to go on with."""
    if _state.tape is not None:
        return _state.tape.layer(block, output)
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

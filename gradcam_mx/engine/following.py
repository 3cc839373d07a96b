"""How drop-in layers follow a backward rule in eager code: the user's own, or an eager recording.

A rule is switched on for the thread that asks, by a context manager, and acts where the forward
pass is recorded; a backward pass later, also outside the context, follows what was recorded.
"""

from __future__ import annotations

import atexit
import json
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Protocol

from .._mxnet import mx
from ..errors import RuleError
from ..graph.node import Node
from ..graph.rewrite import rewrite
from ..graph.structure import Structure
from .rules import (
    DECONVNET,
    GUIDED,
    PLAIN,
    Rule,
    RuleReport,
    activation_node,
    refuse_out_of_reach,
)
from .steps import Arrays, Attributes, Backward, Ran, Recorded, Step

Function = Callable[[Any], Any]
"""From an activation's input to its output."""


class RunningNet(Protocol):
    """An eager net that runs to be explained, whose drop-in layers tell it what they do."""

    def activation(self, kind: str, z: Any, function: Function) -> Any:
        """An activation is to run; gives what the net goes on with."""

    def layer(self, block: Any, output: Any) -> Any:
        """A layer ran; gives what the net goes on with."""


class _State(threading.local):
    rule: Rule = PLAIN
    following: _Following | None = None
    net: RunningNet | None = None


class _Following:
    """What a `guided_mode` saw."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.report = RuleReport(rule.name, {}, {})
        self._seen: set[Any] = set()

    def check(self, block: Any, symbol: Callable[[], Any]) -> None:
        """Refuse to go on if the rule acts on a layer in which it cannot."""
        if block in self._seen:
            return
        with mx.name.NameManager():
            description = symbol().tojson(remove_amp_cast=False)
        nodes = Structure(rewrite(json.loads(description), "float32"), output_names=()).nodes
        refuse_out_of_reach(self.rule, nodes, "in one's own autograd code")
        self._seen.add(block)


_state = _State()


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
        rule: "guided", "deconvnet" or "plain", or a `gradcam_mx.rules.Rule` that acts on
            activations alone.

    Yields:
        A report that counts the activations changed and left alone, by kind.

    Raises:
        RuleError: no such rule, no activation followed it, or it acts on another drop-in layer.

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
    following = _Following(chosen)
    before = _state.rule, _state.following
    _state.rule, _state.following = chosen, following
    try:
        yield following.report
    finally:
        _state.rule, _state.following = before
    if not chosen.is_plain and not following.report.changed:
        raise RuleError(
            f"the rule {chosen.name!r} met no activation: run the net under autograd.record(), not "
            "hybridized, and built from the layers of gradcam_mx.nn; any other net is served by "
            "gradcam_mx.guided_backprop(net, x), hybridized or not"
        )


def set_guided_backprop(mode: bool = True) -> None:
    """Switch guided backpropagation on or off for the code that follows in this thread.

    The tutorial's switch. `guided_mode` does the same for a `with` block, and tells if it was in
    vain.

    Args:
        mode: True for on, False for off.
    """
    _state.rule = GUIDED if mode else PLAIN


def _rule(rule: str | Rule) -> Rule:
    rules = {known.name: known for known in (PLAIN, GUIDED, DECONVNET)}
    if isinstance(rule, Rule):
        return rule
    if rule not in rules:
        raise RuleError(f"no rule {rule!r}; there are {', '.join(rules)}")
    return rules[rule]


@contextmanager
def running(net: RunningNet) -> Iterator[None]:
    """Within this context, the drop-in layers of this thread report to a running net alone."""
    before = _state.net
    _state.net = net
    try:
        yield
    finally:
        _state.net = before


def running_net() -> RunningNet | None:
    """The net that the drop-in layers of this thread report to."""
    return _state.net


# What the drop-in layers ask and call


def rule_is_on() -> bool:
    """Whether activations may follow another rule than the chain rule in what is being recorded."""
    return mx.autograd.is_recording() and (_state.net is not None or not _state.rule.is_plain)


def check_reach(block: Any, symbol: Callable[[], Any]) -> None:
    """Refuse a rule of the user's own code that acts on a layer which is no activation.

    Args:
        block: the layer.
        symbol: makes a Symbol of it, without its activation.

    Raises:
        RuleError: it does.
    """
    if _state.net is None and _state.following is not None and rule_is_on():
        _state.following.check(block, symbol)


def follow_rule(kind: str, z: Any, function: Function) -> Any:
    """An activation's output for the input z, with the gradient of the current rule."""
    if not rule_is_on():
        return function(z)
    if _state.net is not None:
        return _state.net.activation(kind, z, function)
    node = activation_node(kind)
    backward = _state.rule.backward_at(node)
    if _state.following is not None:
        report = _state.following.report
        counts = report.left_alone if backward is None else report.changed
        counts[kind] = counts.get(kind, 0) + 1
    y = function(z)
    if backward is None:
        return y
    if backward.instead is None:
        return _with_gradient(y, lambda dy: backward.arrived([dy])[0])
    # y's value (the bracket is zero), and the gradient goes straight to z.
    return y.detach() + (_with_gradient(z, _Instead(backward, node, z, y, function)) - z.detach())


class _Instead:
    """From the gradient at an activation's output to that at its input, in place of the chain rule.

    MXNet calls it in a thread of its own, in which its numpy interface is off.
    """

    def __init__(self, backward: Backward, node: Node, z: Any, y: Any, function: Function) -> None:
        self._backward, self._node, self._function = backward, node, function
        self._z, self._y = (one.as_nd_ndarray().detach() for one in (z, y))

    def __call__(self, dy: Any) -> Any:
        arrived = self._backward.arrived([dy])
        step = function_step(self._node, self._function, self._z, self._y, arrived)
        return self._backward.passed_on(step)[0]


def function_step(node: Node, function: Function, z: Any, y: Any, arriving: Arrays) -> Step:
    """An activation that is a layer, as a step: there is no graph, and only its input can change.

    Args:
        node: what it is.
        function: the activation.
        z: its input.
        y: its output.
        arriving: what arrives there.
    """

    def runs(inputs: Arrays | None, parameters: Arrays | None, attrs: Attributes) -> Ran:
        if parameters is not None or attrs:
            raise RuleError(
                f"the activation {node.name!r} is a layer of a net that is not traced: a rule can "
                "run it on another input, and not with other parameters or attributes"
            )
        given = [z] if inputs is None else inputs
        recorded = Recorded(lambda marked: [function(marked[0])], given, train_mode=False)
        return Ran(recorded, given, [0])

    return Step(node, [z], [], [y], arriving, runs)


def _with_gradient(x: Any, gradient: Function) -> Any:
    """x itself; the gradient that arrives here goes on as `gradient` says.

    It is copied on either side: oneDNN keeps arrays in layouts of its own, and a Python callback
    that is handed one may read memory that was freed by the time it runs. Behind a CustomOp that
    crashed 10 of 10 runs of a conv net at 224 × 224; with the copies no run did.
    """
    return _Identity(gradient)(x * 1) * 1


class _Identity(mx.autograd.Function):
    def __init__(self, gradient: Function) -> None:
        super().__init__()
        self._gradient = gradient

    def forward(self, x: Any) -> Any:
        return x.copy()

    def backward(self, dy: Any) -> Any:
        return self._gradient(dy)


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

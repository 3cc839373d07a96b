"""A net that cannot be traced, as it runs: what its drop-in layers tell of it.

The net's own Python code runs, and its drop-in layers hand over their values. Each of those is a
cut, at which another value may take its place. In a recorded run the autograd graph ends there and
a new one begins.
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from .._mxnet import mx
from ..errors import LayerError, NetworkError
from ..graph.layers import choose_default, is_called, is_map
from ..graph.node import Node
from .capture import Reporter
from .following import Function, running
from .rules import activation_node, is_rectifier

_native: Any = mx.gluon.nn
_CONVOLUTION = _native.conv_layers._Conv
POOLING = _native.conv_layers._Pooling


@dataclass(frozen=True)
class RanActivation:
    """An activation layer that ran, where a rule may act."""

    node: Node
    function: Function
    z: Any
    """Its input."""


@dataclass(frozen=True)
class Cut:
    """A place where one piece of the run ends and the next begins."""

    head: Any
    """What the piece before gave."""
    leaf: Any
    """What the piece after goes on with; marked, if the run is recorded."""
    activation: RanActivation | None = None
    """The activation whose output it is."""


class RanLayer(NamedTuple):
    """A drop-in layer that ran."""

    block: Any
    path: str
    cut: int


class EagerRun:
    """One run of a net of drop-in layers.

    Args:
        net: the net.
        paths: its blocks and their dotted paths.
        arrays: its inputs, as it takes them.
        acts: whether some rule acts at an activation.
        is_recorded: whether it runs under autograd.
        replaced: other values for the net to go on with at some cuts.
    """

    def __init__(
        self,
        net: Any,
        paths: Mapping[Any, str],
        arrays: Sequence[Any],
        acts: Callable[[Node], bool],
        is_recorded: bool = True,
        replaced: Mapping[int, Any] = MappingProxyType({}),
    ) -> None:
        self._is_recorded, self._acts = is_recorded, acts
        self._paths, self._replaced = paths, replaced
        self.cuts: list[Cut] = []
        self.ran: list[RanLayer] = []
        self.activations: list[Node] = []
        """Those that ran as layers."""
        begins = [self._cut(array) for array in arrays]
        recording = mx.autograd.record if is_recorded else mx.autograd.pause
        with _without_hybridization(paths), running(self), recording(train_mode=False):
            self.outputs = _flatten(net(*(self.cuts[index].leaf for index in begins)))
            """What the net gave."""

    # -- what the drop-in layers call, through `following` and `capture` ---------------------------

    def activation(self, kind: str, z: Any, function: Function) -> Any:
        """An activation is to run; gives what the net goes on with."""
        node, y = activation_node(kind), function(z)
        self.activations.append(node)
        if not (is_rectifier(node) or self._acts(node)):
            return y
        return self.cuts[self._cut(y, RanActivation(node, function, z))].leaf

    def layer(self, block: Any, output: Any) -> Any:
        """A layer ran; gives what the net goes on with."""
        if not isinstance(output, mx.nd.NDArray):
            return output
        last = len(self.cuts) - 1
        index = last if output is self.cuts[last].leaf else self._cut(output)
        self.ran.append(RanLayer(block, self._paths.get(block, block.name), index))
        return self.cuts[index].leaf

    def _cut(self, value: Any, activation: RanActivation | None = None) -> int:
        leaf = self._replaced.get(len(self.cuts), value)
        if self._is_recorded:
            leaf = leaf.detach()
            mx.autograd.mark_variables([leaf], [mx.nd.empty((1,), ctx=leaf.context)])
        self.cuts.append(Cut(value, leaf, activation))
        return len(self.cuts) - 1

    # -- layers ------------------------------------------------------------------------------------

    def find(self, layer: Any) -> RanLayer:
        """The last run of a layer, known by its name, path or Block; for None the default layer.

        Raises:
            LayerError: it did not run; the message lists the closest that did.
        """
        names = self._names()
        if layer is None:
            ran = self._default()
        elif isinstance(layer, mx.gluon.Block):
            ran = next((one for one in reversed(self.ran) if one.block is layer), None)
        else:
            ran = names.get(layer) or next(
                (one for one in reversed(self.ran) if is_called(one.block, str(layer))), None
            )
        if ran is None:
            wanted = getattr(layer, "name", layer)
            close = difflib.get_close_matches(str(wanted), names, n=5, cutoff=0.3)
            listed = ", ".join(
                f"{name} {self.shape(names[name])}" for name in close or list(names)[-5:]
            )
            raise LayerError(
                f"the net has no map of a layer {wanted!r}. It cannot be traced, so only drop-in "
                f"layers (from gradcam_mx import nn) that run can be explained: {listed}"
            )
        return ran

    def _names(self) -> dict[str, RanLayer]:
        """Every name → the last run of the layer that bears it."""
        return {name: ran for ran in self.ran for name in (ran.block.name, ran.path)}

    def shape(self, ran: RanLayer) -> tuple[int, ...]:
        """The shape of what a layer gave."""
        return self.cuts[ran.cut].leaf.shape

    def name_of(self, cut: int) -> str:
        """The dotted path of the outermost layer that gave the value at a cut."""
        return min(
            (ran.path for ran in self.ran if ran.cut == cut), key=lambda path: path.count(".")
        )

    def _default(self) -> RanLayer | None:
        """As in a traced net: the last map before pooling and classifier (`layers.default`)."""
        classes = self.outputs[0].shape[1:2]
        makers = (_CONVOLUTION, _native.Dense)
        last = max(
            (i for i, ran in enumerate(self.ran) if isinstance(ran.block, makers)), default=0
        )
        maps = [
            number
            for number, ran in enumerate(self.ran)
            if is_map(self.shape(ran), 1)
            and len(self.cuts[0].leaf) == self.shape(ran)[0]
            and not isinstance(ran.block, (POOLING, _native.ReflectionPad2D))
        ]
        chosen = choose_default(
            maps[::-1],
            lambda number: number >= last and self.shape(self.ran[number])[1:2] == classes,
        )
        return None if chosen is None else self._without_activation(chosen)

    def _without_activation(self, number: int) -> RanLayer:
        """Of an activation that is a layer of its own after a convolution, the convolution."""
        ran, before = self.ran[number], self.ran[number - 1]
        activation = self.cuts[ran.cut].activation
        if (
            activation is not None
            and is_rectifier(activation.node)
            and isinstance(ran.block, _native.Activation)
            and isinstance(before.block, _CONVOLUTION)
            and activation.z is self.cuts[before.cut].leaf
        ):
            return before
        return ran


def has_drop_ins(net: Any) -> bool:
    """Whether some layer of a net is one of `gradcam_mx.nn`."""
    return isinstance(net, mx.gluon.Block) and any(
        isinstance(block, Reporter) for block, _ in walk(net, "")
    )


def walk(block: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Every block of a net and its dotted path."""
    yield block, path
    for name, child in block._children.items():
        yield from walk(child, f"{path}.{name}" if path else name)


def check_layers(paths: Mapping[Any, str]) -> None:
    """Refuse layers of Gluon's own, which do not report what they do.

    Raises:
        NetworkError: there are some.
    """
    replaced = set(_replaced(Reporter))
    own = [
        f"{path!r} ({type(block).__name__})"
        for block, path in paths.items()
        if type(block) in replaced
    ]
    if own:
        raise NetworkError(
            "the net cannot be traced and is explained through its drop-in layers, but some of its "
            f"layers are Gluon's own: {', '.join(own[:5])}. Build it with: from gradcam_mx import "
            "nn in place of: from mxnet.gluon import nn"
        )


def _replaced(layer: Any) -> Iterator[type]:
    """The layers of Gluon's own that a drop-in, or one made of it, takes the place of."""
    for drop_in in layer.__subclasses__():
        yield from (
            base for base in drop_in.__mro__ if base.__module__.startswith(_native.__name__)
        )
        yield from _replaced(drop_in)


@contextmanager
def _without_hybridization(paths: Mapping[Any, str]) -> Iterator[None]:
    """Let hybridized parts of a net run their Python code, in which the drop-in layers report."""
    active = [block for block in paths if getattr(block, "_active", False)]
    try:
        for block in active:
            block._active = False
        yield
    finally:
        for block in active:
            block._active = True


def _flatten(output: Any) -> list[Any]:
    """The arrays in what a net returned: one, or nested lists and tuples of them."""
    if isinstance(output, mx.nd.NDArray):
        return [output.as_nd_ndarray()]
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return [array for item in output for array in _flatten(item)]
    raise NetworkError(
        f"the net returned a {type(output).__name__}; expected an NDArray, or several"
    )

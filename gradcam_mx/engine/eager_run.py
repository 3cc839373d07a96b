"""A net that cannot be traced, as it runs: what its drop-in layers tell of it.

The net's own Python code runs, and its drop-in layers hand over their values. Each of those is a
cut, at which another value may take its place. In a recorded run the autograd graph ends there and
a new one begins.
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from .._mxnet import mx
from ..errors import LayerError, NetworkError
from ..graph.blocks import walk
from ..graph.default_layer import choose_default, is_map
from ..graph.layers import is_called
from ..graph.node import Node
from ..graph.runs import numbered, split
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
    behind: int | None
    """The cut whose value its input is, if there is one."""


@dataclass(frozen=True)
class Cut:
    """A place where one piece of the run ends and the next begins."""

    head: Any
    """What the piece before gave."""
    leaf: Any
    """What the piece after goes on with; marked, if the run is recorded."""
    handed: Any
    """The same as the net has it: an array of `mx.np` for a net of that interface."""
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
        is_numpy: whether the net is of MXNet's numpy interface; all values here are `mx.nd`'s.
    """

    def __init__(
        self,
        net: Any,
        paths: Mapping[Any, str],
        arrays: Sequence[Any],
        acts: Callable[[Node], bool],
        is_recorded: bool = True,
        replaced: Mapping[int, Any] = MappingProxyType({}),
        is_numpy: bool = False,
    ) -> None:
        self._is_numpy = is_numpy
        self._is_recorded, self._acts = is_recorded, acts
        self._paths, self._replaced = paths, replaced
        self.cuts: list[Cut] = []
        self.ran: list[RanLayer] = []
        self.activations: list[Node] = []
        """Those that ran as layers."""
        self._begins = [self._cut(array) for array in arrays]
        recording = mx.autograd.record if is_recorded else mx.autograd.pause
        with _without_hybridization(paths), running(self), recording(train_mode=False):
            self.outputs = _flatten(net(*(self.cuts[index].handed for index in self._begins)))
            """What the net gave."""

    # -- what the drop-in layers call, through `following` and `capture` ---------------------------

    def activation(self, kind: str, z: Any, function: Function) -> Any:
        """An activation is to run; gives what the net goes on with."""
        node, y = activation_node(kind), function(z)
        self.activations.append(node)
        if not (is_rectifier(node) or self._acts(node)):
            return y
        last = len(self.cuts) - 1
        behind = last if z is self.cuts[last].handed else None

        def of_legacy(z: Any) -> Any:
            return function(self._as_net_has(z)).as_nd_ndarray()

        activation = RanActivation(node, of_legacy, z.as_nd_ndarray(), behind)
        return self.cuts[self._cut(y.as_nd_ndarray(), activation)].handed

    def layer(self, block: Any, output: Any) -> Any:
        """A layer ran; gives what the net goes on with."""
        if not isinstance(output, mx.nd.NDArray):
            return output
        last = len(self.cuts) - 1
        is_cut = output is self.cuts[last].handed
        index = last if is_cut else self._cut(output.as_nd_ndarray())
        self.ran.append(RanLayer(block, self._paths.get(block, block.name), index))
        return self.cuts[index].handed

    def _cut(self, value: Any, activation: RanActivation | None = None) -> int:
        leaf = self._replaced.get(len(self.cuts), value)
        if self._is_recorded:
            leaf = leaf.detach()
            mx.autograd.mark_variables([leaf], [mx.nd.empty((1,), ctx=leaf.context)])
        self.cuts.append(Cut(value, leaf, self._as_net_has(leaf), activation))
        return len(self.cuts) - 1

    def _as_net_has(self, value: Any) -> Any:
        """A value of the run, which is an `mx.nd` array, as the net takes it."""
        return value.as_np_ndarray() if self._is_numpy else value

    # -- layers ------------------------------------------------------------------------------------

    def find(self, layer: Any, source: int | None = None) -> RanLayer:
        """The run of a layer, known by its name, path or Block; for None the default layer.

        Args:
            layer: how the caller names it, with the number of the run if it ran several times.
            source: the input that is explained, if the caller named it.

        Raises:
            LayerError: it did not run, the message lists the closest that did; or several times.
        """
        if layer is None:
            ran = self._default(source)
            if ran is not None:
                return ran
        runs = self._runs_of(layer)
        if len({ran.cut for ran in runs}) > 1:
            return self._the_run(layer, runs, source)
        if runs:
            return runs[-1]
        wanted = getattr(layer, "name", layer)
        names = {name: ran for ran in self.ran for name in (ran.block.name, self.address(ran))}
        close = difflib.get_close_matches(str(wanted), names, n=5, cutoff=0.3)
        listed = ", ".join(
            f"{name} {self.shape(names[name])}" for name in close or list(names)[-5:]
        )
        raise LayerError(
            f"the net has no map of a layer {wanted!r}. It cannot be traced, so only drop-in "
            f"layers (from gradcam_mx import nn) that run can be explained: {listed}"
        )

    def _runs_of(self, layer: Any) -> list[RanLayer]:
        """The runs of a layer, or the one that an address names."""
        if not isinstance(layer, str):
            return [ran for ran in self.ran if ran.block is layer]
        runs = [ran for ran in self.ran if ran.path == layer] or self._called(layer)
        name, number = split(layer)
        if runs or number is None:
            return runs
        runs = self._runs_of(name)
        return runs[number - 1 : number] if number else []

    def _called(self, name: str) -> list[RanLayer]:
        """The runs of layers of a name; of nested layers of one name, the outermost's."""
        runs = [ran for ran in self.ran if ran.block.name == name]
        runs = runs or [ran for ran in self.ran if is_called(ran.block, name)]
        return [ran for ran in runs if not any(ran.path.startswith(f"{one.path}.") for one in runs)]

    def _the_run(self, layer: Any, runs: Sequence[RanLayer], source: int | None) -> RanLayer:
        """Of several runs, that which depends on the explained input alone.

        Raises:
            LayerError: there is not one such run.
        """
        inputs = {ran.cut: self.inputs_of(ran.cut) for ran in runs}
        alone = [ran for ran in runs if source is not None and inputs[ran.cut] == [source]]
        if len(alone) == 1:
            return alone[0]
        name = layer if isinstance(layer, str) else runs[0].path
        listed = "; ".join(
            f"{numbered(name, number, len(runs))} {self.shape(ran)} of "
            + (" and ".join(f"input {one}" for one in inputs[ran.cut]) or "no input")
            for number, ran in enumerate(runs, start=1)
        )
        several = len(self._begins) > 1 and source is None
        raise LayerError(
            f"the layer {name!r} runs {len(runs)} times: {listed}. Name one of these runs in place "
            f"of the layer, such as {numbered(name, 1, len(runs))!r}"
            + (", or say by input= which input it is to depend on alone" if several else "")
        )

    def address(self, ran: RanLayer) -> str:
        """The path of a layer, with the number of the run if there are several.

        Args:
            ran: the run.
        """
        runs = [one for one in self.ran if one.block is ran.block]
        return numbered(ran.path, runs.index(ran) + 1, len(runs))

    def same(self, other: EagerRun, ran: RanLayer) -> RanLayer:
        """The same run of a layer as `ran` in another run of the net, which may have fewer.

        Args:
            other: the other run of the net.
            ran: a run of a layer in it.
        """
        number = [one for one in other.ran if one.block is ran.block].index(ran)
        runs = [one for one in self.ran if one.block is ran.block]
        if not runs:
            raise LayerError(f"the layer {ran.path!r} did not run when the net ran again")
        return runs[min(number, len(runs) - 1)]

    @cached_property
    def _variables(self) -> list[str]:
        """What autograd calls the leaves of the cuts."""
        return [mx.autograd.get_symbol(cut.leaf).name for cut in self.cuts]

    def begins(self, head: Any) -> list[int]:
        """The cuts that a value of a recorded run is computed from.

        Args:
            head: the value.
        """
        try:
            variables = set(mx.autograd.get_symbol(head).list_arguments())
        except mx.MXNetError:
            return []  # a constant
        return [index for index, name in enumerate(self._variables) if name in variables]

    def inputs_of(self, cut: int) -> list[int]:
        """The inputs, by number, that the value at a cut of a recorded run depends on.

        Args:
            cut: the number of the cut.
        """
        seen: set[int] = set()
        waiting = [cut]
        while waiting:
            index = waiting.pop()
            if index not in seen:
                seen.add(index)
                if index not in self._begins:
                    waiting.extend(self.begins(self.cuts[index].head))
        return sorted(seen & set(self._begins))

    def shape(self, ran: RanLayer) -> tuple[int, ...]:
        """The shape of what a layer gave."""
        return self.cuts[ran.cut].leaf.shape

    def name_of(self, cut: int) -> str:
        """The dotted path of the outermost layer that gave the value at a cut."""
        return min(
            (self.address(ran) for ran in self.ran if ran.cut == cut),
            key=lambda path: path.count("."),
        )

    def _default(self, source: int | None) -> RanLayer | None:
        """As in a traced net: the last map before pooling and classifier (`default_layer`)."""
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
        if len(self._begins) > 1:
            explained = source or 0
            of_it = [one for one in maps if explained in self.inputs_of(self.ran[one].cut)]
            maps = of_it if of_it or source is not None else maps
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
            and activation.behind == before.cut
        ):
            return before
        return ran


def has_drop_ins(net: Any) -> bool:
    """Whether some layer of a net is one of `gradcam_mx.nn`."""
    return isinstance(net, mx.gluon.Block) and any(
        isinstance(block, Reporter) for block, _ in walk(net)
    )


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

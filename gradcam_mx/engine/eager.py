"""A recorded run of a net that cannot be traced, through its drop-in layers.

The net's own Python code runs, once, and its drop-in layers hand their values to the tape, which
ends the autograd graph there and begins a new one. So the run falls into pieces, as a traced graph
does into segments, and a backward pass goes from piece to piece and applies its rule in between.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import InputError, LayerError, NetworkError
from ..graph.attributes import Attributes
from ..graph.layers import Map, choose_default, is_called, is_map
from ..graph.operators import GATES, operator
from ..graph.outputs import LayerOutputs, Output, OutputChoice, choose
from ..graph.parameters import Parameters
from . import capture, inputs, rules
from .rules import Rule, RuleReport
from .wanted import Wanted

_native: Any = mx.gluon.nn
_CONVOLUTION = _native.conv_layers._Conv
_POOLING = _native.conv_layers._Pooling


@dataclass
class _Cut:
    """A place where one piece of the run ends and the next begins."""

    head: Any
    """What the piece before gave."""
    leaf: Any
    """The same numbers, marked, for the piece after."""
    variable: str
    """What autograd calls the leaf."""
    kind: str | None = None
    """Of an activation that a rule may change: its kind."""
    before: Any = None
    """Of such an activation: its input."""


class _Ran(NamedTuple):
    """A drop-in layer that ran."""

    block: Any
    path: str
    cut: int


class EagerTape:
    """One run of a net with free Python code; see `recording.Recording`."""

    def __init__(
        self,
        net: Any,
        x: inputs.Input,
        wanted: Wanted,
        replaced: Mapping[int, Any] = MappingProxyType({}),
    ) -> None:
        """
        Args:
            net: the net, built of drop-in layers.
            x: its input.
            wanted: what is explained.
            replaced: other values for the net to go on with at some cuts.
        """
        self._net, self._wanted, self._replaced = net, wanted, replaced
        self._paths = dict(_walk(net, ""))
        _check_layers(self._paths)
        self._cuts: list[_Cut] = []
        self._ran: list[_Ran] = []
        self._kinds: Counter[str] = Counter()
        self._arrays = _prepared(net, x)
        begins = [self._cut(array) for array in self._arrays]
        chosen = 0 if wanted.input is None else wanted.input
        if not isinstance(chosen, int) or not -len(begins) <= chosen < len(begins):
            raise InputError(
                f"the net cannot be traced, so its {len(begins)} inputs are known by "
                f"their number only; got {wanted.input!r}"
            )
        self.input = Map(begins[chosen], f"input {chosen}", 1)
        for check in wanted.checks:
            check(self._arrays[chosen].shape)
        with _without_hybridization(self._paths), capture.taped(self), mx.autograd.record(
            train_mode=False
        ):
            self._outputs = _flatten(net(*(self._cuts[index].leaf for index in begins)))
        self.output_names = [f"output{index}" for index in range(len(self._outputs))]
        self.outputs = self._choose(wanted.output)
        self._functions = self._check_functions()
        self.maps = [self._find_map(layer) for layer in wanted.layers]
        for rule in wanted.rules:
            rules.check_acts(self.report(rule))

    def _choose(self, choice: OutputChoice) -> list[Output]:
        if not isinstance(choice, LayerOutputs):
            return choose(
                [Output(name, index, None) for index, name in enumerate(self.output_names)], choice
            )
        cuts = [self._find(layer).cut for layer in choice.layers]
        first = len(self._outputs)
        self._outputs += [self._cuts[cut].leaf for cut in cuts]
        return [Output(self._name_of(cut), first + number, None) for number, cut in enumerate(cuts)]

    # -- what the drop-in layers call, through `capture` -------------------------------------------

    def activation(self, kind: str, z: Any, y: Any) -> Any:
        """An activation ran, from z to y; gives what the net goes on with."""
        self._kinds[kind] += 1
        return y if kind in GATES else self._cuts[self._cut(y, kind, z)].leaf

    def layer(self, block: Any, output: Any) -> Any:
        """A layer ran; gives what the net goes on with."""
        if not isinstance(output, mx.nd.NDArray):
            return output
        last = len(self._cuts) - 1
        index = last if output is self._cuts[last].leaf else self._cut(output)
        self._ran.append(_Ran(block, self._paths.get(block, block.name), index))
        return self._cuts[index].leaf

    def _cut(self, value: Any, kind: str | None = None, before: Any = None) -> int:
        leaf = self._replaced.get(len(self._cuts), value).detach()
        mx.autograd.mark_variables([leaf], [mx.nd.empty((1,), ctx=leaf.context)])
        self._cuts.append(_Cut(value, leaf, mx.autograd.get_symbol(leaf).name, kind, before))
        return len(self._cuts) - 1

    # -- a recording -------------------------------------------------------------------------------

    def values(self) -> list[Any]:
        """The explained value of each output."""
        return [self._outputs[output.point].detach() for output in self.outputs]

    def value(self, point: int) -> Any:
        """The value at the point of a map."""
        return self._cuts[point].leaf

    def backward(
        self, head_gradients: Sequence[Any], rule: Rule, points: Sequence[int]
    ) -> Mapping[int, Any]:
        """The gradients at points, for head gradients at the outputs."""
        gradients: dict[int, Any] = {}
        for output, gradient in zip(self.outputs, head_gradients):
            self._send(self._outputs[output.point], gradient, gradients)
        for index in range(len(self._cuts) - 1, min(points), -1):
            if index in gradients:
                cut = self._cuts[index]
                gradient = gradients[index]
                if cut.kind and rule.rectifies:
                    gradient = mx.nd.Activation(gradient, act_type="relu")
                passed_over = cut.kind and not rule.derives
                self._send(cut.before if passed_over else cut.head, gradient, gradients)
        return {
            point: gradients.get(point, mx.nd.zeros_like(self._cuts[point].leaf))
            for point in points
        }

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> EagerTape:
        """A recording of the net with another value at a layer or input; see `Traced.at`."""
        return self._on(where, value, np.tile(np.arange(len(self._arrays[0])), repeats))

    def behind(self, where: Map) -> Callable[[Any, np.ndarray], list[Any]]:
        """What runs the net for many other values at a layer or input; see `Traced.behind`."""
        return lambda rows, samples: self._on(where, rows, samples).values()

    def memory(self) -> int:
        """How many bytes the values of one sample fill, as far as the layers tell."""
        values = [cut.leaf for cut in self._cuts]
        return sum(one.size * np.dtype(one.dtype).itemsize for one in values) // len(
            self._arrays[0]
        )

    @property
    def quick_sizes(self) -> dict[Any, int]:
        """See `Traced.quick_sizes`; nothing is kept of a net that is not traced."""
        return {}

    def _on(self, where: Map, value: Any, samples: np.ndarray) -> EagerTape:
        x = tuple(inputs.taken(one, samples) for one in self._arrays)
        wanted = self._wanted._replace(checks=())
        return EagerTape(self._net, x, wanted, {where.point: value})

    def pooled(self) -> Any:
        """What follows a layer is known of a traced net alone.

        Raises:
            NetworkError: always.
        """
        raise NetworkError(
            "CAM needs to know how the net ends, and this net cannot be traced; "
            "grad_cam gives the same map up to a constant"
        )

    def _send(self, head: Any, gradient: Any, gradients: dict[int, Any]) -> None:
        """Take the gradient at the end of a piece to the cuts where it begins."""
        begins = self._begins(head)
        leaves = [self._cuts[index].leaf for index in begins]
        if begins and head is leaves[0]:
            found = [gradient]
        elif begins:
            found = mx.autograd.grad(
                [head], leaves, [gradient], retain_graph=True, train_mode=False
            )
        else:
            return
        for index, one in zip(begins, found):
            gradients[index] = gradients[index] + one if index in gradients else one

    def _begins(self, head: Any) -> list[int]:
        """The cuts that a value is computed from."""
        try:
            variables = set(mx.autograd.get_symbol(head).list_arguments())
        except mx.MXNetError:
            return []  # a constant
        return [index for index, cut in enumerate(self._cuts) if cut.variable in variables]

    def report(self, rule: Rule) -> RuleReport:
        """How many activations of which kind `rule` changes."""
        return rules.report_of_kinds(rule, self._kinds.elements(), self._functions.elements())

    def _check_functions(self) -> Counter[str]:
        """The activations that are functions (`F.relu`) rather than layers, by kind.

        Raises:
            NetworkError: a function whose gradient MXNet gets wrong as the net is recorded.
        """
        nodes = {}
        for head in (*self._outputs, *(cut.head for cut in self._cuts)):
            try:
                graph = json.loads(mx.autograd.get_symbol(head).tojson(remove_amp_cast=False))
            except mx.MXNetError:
                continue  # a constant
            nodes.update({node["name"]: node for node in graph["nodes"]})
        known = [(operator(node["op"]), Attributes.of(node)) for node in nodes.values()]
        kinds = Counter(filter(None, (one.activation(attributes) for one, attributes in known)))
        found = Counter(
            (node["op"], one.drop_in(attributes))
            for node, (one, attributes) in zip(nodes.values(), known)
        )
        ran = Counter(_drop_in_of(one.block) for one in self._ran)
        for (op, layer), count in found.items():
            if layer and count > ran[layer]:
                raise NetworkError(
                    f"the net cannot be traced, and its own code calls the operator {op} as a "
                    f"function, whose gradient MXNet gets wrong outside of training; use the layer "
                    f"nn.{layer} of gradcam_mx"
                )
        # a drop-in SELU runs as a scaled ELU
        layers = self._kinds + Counter(elu=self._kinds["selu"])
        return kinds - layers

    # -- layers ------------------------------------------------------------------------------------

    def _find_map(self, layer: Any) -> Map:
        ran = self._find(layer)
        if len(self._shape(ran)) < 3:
            raise LayerError(
                f"the layer {ran.path!r} gives {self._shape(ran)}, which has no "
                "positions to make a map of"
            )
        return Map(ran.cut, self._name_of(ran.cut), 1)

    def _find(self, layer: Any) -> _Ran:
        names = self._names()
        if layer is None:
            ran = self._default()
        elif isinstance(layer, mx.gluon.Block):
            ran = next((one for one in reversed(self._ran) if one.block is layer), None)
        else:
            ran = names.get(layer) or next(
                (one for one in reversed(self._ran) if is_called(one.block, str(layer))), None
            )
        if ran is None:
            wanted = getattr(layer, "name", layer)
            close = difflib.get_close_matches(str(wanted), names, n=5, cutoff=0.3)
            listed = ", ".join(
                f"{name} {self._shape(names[name])}" for name in close or list(names)[-5:]
            )
            raise LayerError(
                f"the net has no map of a layer {wanted!r}. It cannot be traced, so only drop-in "
                f"layers (from gradcam_mx import nn) that run can be explained: {listed}"
            )
        return ran

    def _names(self) -> dict[str, _Ran]:
        """Every name → the last run of the layer that bears it."""
        return {name: ran for ran in self._ran for name in (ran.block.name, ran.path)}

    def _shape(self, ran: _Ran) -> tuple[int, ...]:
        return self._cuts[ran.cut].leaf.shape

    def _name_of(self, cut: int) -> str:
        return min(
            (ran.path for ran in self._ran if ran.cut == cut), key=lambda path: path.count(".")
        )

    def _default(self) -> _Ran | None:
        """As in a traced net: the last map before pooling and classifier (`layers.default`)."""
        classes = self._outputs[0].shape[1:2]
        makers = (_CONVOLUTION, _native.Dense)
        last = max(
            (i for i, ran in enumerate(self._ran) if isinstance(ran.block, makers)), default=0
        )
        maps = [
            number
            for number, ran in enumerate(self._ran)
            if is_map(self._shape(ran), 1)
            and not isinstance(ran.block, (_POOLING, _native.ReflectionPad2D))
        ]
        chosen = choose_default(
            maps[::-1],
            lambda number: number >= last and self._shape(self._ran[number])[1:2] == classes,
        )
        return None if chosen is None else self._without_activation(chosen)

    def _without_activation(self, number: int) -> _Ran:
        """Of an activation that is a layer of its own after a convolution, the convolution."""
        ran, before = self._ran[number], self._ran[number - 1]
        cut = self._cuts[ran.cut]
        if (
            isinstance(ran.block, _native.Activation)
            and isinstance(before.block, _CONVOLUTION)
            and cut.before is self._cuts[before.cut].leaf
        ):
            return before
        return ran


def has_drop_ins(net: Any) -> bool:
    """Whether some layer of a net is one of `gradcam_mx.nn`."""
    return isinstance(net, mx.gluon.Block) and any(
        isinstance(block, capture.Reporter) for block, _ in _walk(net, "")
    )


def _drop_in_of(block: Any) -> str | None:
    """What the table calls a layer whose operator has a wrong gradient outside of training."""
    if isinstance(block, _POOLING) and block._kwargs["pool_type"] == "max":
        return "MaxPool2D"
    return "BatchNorm" if isinstance(block, _native.basic_layers._BatchNorm) else None


def _walk(block: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Every block of a net and its dotted path."""
    yield block, path
    for name, child in block._children.items():
        yield from _walk(child, f"{path}.{name}" if path else name)


def _check_layers(paths: Mapping[Any, str]) -> None:
    """Refuse layers of Gluon's own, which do not report what they do."""
    replaced = set(_replaced(capture.Reporter))
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


def _prepared(net: Any, x: inputs.Input) -> list[Any]:
    arrays = inputs.as_tuple(x)
    for array in arrays:
        inputs.check(array)
    parameters = Parameters(net.collect_params())
    context = inputs.place_of(arrays, parameters.contexts())
    return [inputs.place(array, context, parameters.dtype) for array in arrays]


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

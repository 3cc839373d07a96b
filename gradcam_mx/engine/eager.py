"""A recorded run of a net that cannot be traced, through its drop-in layers.

The net's own Python code runs, once, and falls into pieces at its drop-in layers (`eager_run`), as
a traced graph does into segments. A backward pass goes from piece to piece and applies its rule in
between.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import InputError, LayerError, NetworkError, TargetError
from ..graph.attributes import Attributes
from ..graph.blocks import walk
from ..graph.layers import Map
from ..graph.node import Node
from ..graph.operators import operator
from ..graph.outputs import Output, choose
from ..graph.parameters import Parameters
from ..graph.rectifiers import written
from . import inputs, rows, rules
from .eager_run import POOLING, EagerRun, RanActivation, RanLayer, check_layers
from .following import function_step
from .nodes import ALONE, Also
from .reshapes import reshapes_checked
from .rules import Rule, RuleReport
from .steps import Backward
from .wanted import Together, Wanted

_native: Any = mx.gluon.nn


class _AtLayer(NamedTuple):
    """Where a layer's value is that is read in the place of an output."""

    ran: RanLayer


class EagerTape:
    """One run of a net with free Python code; see `recording.Recording`."""

    proof = None
    """It is the net itself that runs."""
    takes_numbers = overlaps = False
    """See `Traced.takes_numbers`."""

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
        self._net, self._wanted = net, wanted
        self._paths: dict[Any, str] = {}
        for block, path in walk(net):
            self._paths.setdefault(block, path)
        check_layers(self._paths)
        self._arrays = _prepared(net, x)
        self.input = _input(wanted, self._arrays)
        self._named = None if wanted.input is None else self.input.point
        for check in wanted.checks:
            check(self._arrays[self.input.point].shape)
        given = inputs.as_tuple(x)
        self._is_numpy = mx.util.is_np_array() or any(
            isinstance(one, mx.np.ndarray) for one in given
        )
        self._run = self._ran(self._arrays, replaced)
        self.output_names = [f"output{index}" for index in range(len(self._run.outputs))]
        outputs = [Output(name, index, None) for index, name in enumerate(self.output_names)]
        self.outputs = choose(outputs, wanted.output, self._of_layer)
        self.also = [
            one for choice in wanted.also for one in choose(outputs, choice, self._of_layer)
        ]
        self._values = self._read(self._run, self.outputs)
        self._functions = self._check_functions()
        self.one_at_a_time = False
        """See `Traced.one_at_a_time`."""
        self._touching: bool | None = None
        self.maps = [self._find_map(layer) for layer in wanted.layers]
        self.input = self._explained_input()
        for rule in wanted.rules:
            rules.check_acts(rule, self.report(rule), self._run.activations)

    def _ran(
        self, arrays: Sequence[Any], replaced: Mapping[int, Any], is_recorded: bool = True
    ) -> EagerRun:
        paths, acts = self._paths, self._acts
        return EagerRun(self._net, paths, arrays, acts, is_recorded, replaced, self._is_numpy)

    def _acts(self, node: Node) -> bool:
        return any(rule.backward_at(node) is not None for rule in self._wanted.rules)

    def _of_layer(self, layer: Any) -> Output:
        """What a layer gives, in the place of an output."""
        ran = self._run.find(layer, self._named)
        return Output(self._run.name_of(ran.cut), _AtLayer(ran), None)

    def _read(self, run: EagerRun, outputs: Sequence[Output]) -> list[Any]:
        """The values of outputs in a run."""
        return [
            # the cuts are another run's own: free code may run its layers more or less often
            run.cuts[run.same(self._run, output.point.ran).cut].leaf
            if isinstance(output.point, _AtLayer)
            else run.outputs[output.point]
            for output in outputs
        ]

    def _explained_input(self) -> Map:
        """As in a traced net: the one that was named, or one that the maps or outputs depend on.

        Raises:
            TargetError: no gradient gets back to it.
        """
        of_outputs = [self._inputs_of(value) for value in self._values]
        read = [set(self._run.inputs_of(one.point)) for one in self.maps] or of_outputs
        common = set.intersection(*read)
        chosen = self.input.point
        if self._named is None and common and chosen not in common:
            chosen = min(common)
        if self._wanted.rules and not any(chosen in inputs for inputs in of_outputs):
            names = " + ".join(output.name for output in self.outputs)
            raise TargetError(
                f"no gradient gets from the net's output {names!r} back to its input {chosen}: it "
                "does not depend on it, or an operator between them stops it"
            )
        return _input_map(chosen)

    def _inputs_of(self, value: Any) -> set[int]:
        """The inputs, by number, that the value of an output depends on."""
        begins = self._run.begins(value)
        return {one for cut in begins for one in self._run.inputs_of(cut)}

    def _find_map(self, layer: Any) -> Map:
        run, ran = self._run, self._run.find(layer, self._named)
        if self._wanted.positions and len(run.shape(ran)) < 3:
            raise LayerError(
                f"the layer {ran.path!r} gives {run.shape(ran)}, which has no "
                "positions to make a map of"
            )
        name = run.name_of(ran.cut)
        inputs = run.inputs_of(ran.cut)
        if self._named is not None and inputs and self._named not in inputs:
            raise LayerError(
                f"the layer {name!r} does not depend on the input {self._named} that is explained, "
                f"but on {' and '.join(map(str, inputs))}: name that by input=, or another layer"
            )
        if run.shape(ran)[0] != self.samples:
            raise LayerError(
                f"the layer {name!r} gives {run.shape(ran)} for {self.samples} samples, and "
                "which of its rows are of which sample is known of a net that can be traced alone; "
                "choose a layer whose axis 0 holds the samples"
            )
        return Map(ran.cut, name, 1)

    # -- samples -----------------------------------------------------------------------------------

    @property
    def samples(self) -> int:
        """How many samples the explained input holds."""
        return len(self._arrays[self.input.point])

    @property
    def sample_axes(self) -> tuple[int | None, ...]:
        """See `Traced.sample_axes`; here, the numbers of rows are all that tells."""
        return tuple(map(self._sample_axis, self._values))

    def _sample_axis(self, array: Any) -> int | None:
        return 0 if array.shape[:1] == (self.samples,) else None

    def rows_of(self, where: Map) -> np.ndarray:
        """See `Traced.rows_of`."""
        return np.arange(self.samples)

    def together(self, where: Map) -> Together:
        """See `Traced.together`."""
        is_apart = all(len(one) in (1, self.samples) for one in self._arrays)
        if self.one_at_a_time or not is_apart or self._touches():
            return Together.ALONE
        return Together.ANY

    def _touches(self) -> bool:
        """Whether what a sample gives changes with what runs beside it; it is looked at once.

        It is looked at from the input on: what touches behind a layer touches behind the input.
        """
        if self._touching is None:
            axes = [[] if axis is None else [axis] for axis in self.sample_axes]
            found = self._values, axes, self.samples, "float32"
            value = self.value(self.input.point).as_nd_ndarray()
            behind = rows.Behind(self.input.name, value, self.behind(self.input), *found)
            with reshapes_checked():
                self._touching = rows.touch(behind)
        return self._touching

    # -- a recording -------------------------------------------------------------------------------

    def values(self, outputs: Sequence[Output] | None = None) -> list[Any]:
        """The value of each of the explained outputs, or of others; see `Traced.values`."""
        values = self._values if outputs is None else self._read(self._run, outputs)
        return [value.detach() for value in values]

    def value(self, point: int) -> Any:
        """The value at the point of a map."""
        return self._run.cuts[point].leaf

    def backward(
        self, head_gradients: Sequence[Any], rule: Rule, points: Sequence[int], also: Also = ALONE
    ) -> Mapping[int, Any]:
        """The gradients at points, for head gradients at the outputs."""
        gradients: dict[int, Any] = {}
        for value, gradient in zip(self._values, head_gradients):
            self._send(value, gradient, gradients)
        for index in range(len(self._run.cuts) - 1, min(points), -1):
            if index in gradients:
                self._pass_on(index, rule, gradients)
        return {
            point: gradients.get(point, mx.nd.zeros_like(self.value(point))) for point in points
        }

    def check_zeros(self, head_gradients: Sequence[Any], points: Sequence[int]) -> None:
        """Zeros are what the user's own code gives: there is no graph to ask."""

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> EagerTape:
        """A recording of the net with another value at a layer or input; see `Traced.at`."""
        arrays = self._taken(np.tile(np.arange(self.samples), repeats))
        wanted = self._wanted._replace(checks=(), also=())
        if self._is_numpy:
            arrays = [one.as_np_ndarray() for one in arrays]
        return EagerTape(self._net, tuple(arrays), wanted, {where.point: value})

    def behind(self, where: Map) -> Callable[[Any, np.ndarray], list[Any]]:
        """What runs the net for many other values at a layer or input; see `Traced.behind`.

        It runs unrecorded, on the same operators as the recorded run.
        """

        def forward(given: Any, samples: np.ndarray) -> list[Any]:
            taken = self._taken(samples)
            run = self._ran(taken, {where.point: given}, is_recorded=False)
            return self._read(run, self.outputs)

        return forward

    def input_of(self, where: Map | None) -> Map:
        """The input that a map is of; for None the explained one."""
        read = [] if where is None else self._run.inputs_of(where.point)
        return _input_map(read[0]) if read and self.input.point not in read else self.input

    def centres(self, where: Map) -> None:
        """Where on the input the cells of a map lie: nobody knows, as there is no graph."""
        return

    def origin(self) -> str:
        """Where the first NaN or infinity is: nobody knows, as there is no graph."""
        return ""

    def memory(self) -> int:
        """How many bytes the values of one sample fill, as far as the layers tell."""
        values = [cut.leaf for cut in self._run.cuts]
        return sum(one.size * np.dtype(one.dtype).itemsize for one in values) // self.samples

    @property
    def quick_sizes(self) -> dict[Any, Any]:
        """See `Traced.quick_sizes`; nothing is kept of a net that is not traced."""
        return {}

    def _taken(self, samples: np.ndarray) -> list[Any]:
        return [inputs.taken(one, samples, self._sample_axis(one)) for one in self._arrays]

    def pooled(self) -> Any:
        """What follows a layer is known of a traced net alone.

        Raises:
            NetworkError: always.
        """
        raise NetworkError(
            "CAM needs to know how the net ends, and this net cannot be traced; "
            "grad_cam gives the same map up to a constant"
        )

    # -- backward ----------------------------------------------------------------------------------

    def _pass_on(self, index: int, rule: Rule, gradients: dict[int, Any]) -> None:
        """Take the gradient at a cut to the cuts where the piece before it begins."""
        cut, gradient = self._run.cuts[index], gradients[index]
        activation = cut.activation
        backward = rule.backward_at(activation.node) if activation else None
        if activation is None or backward is None:
            self._send(cut.head, gradient, gradients)
            return
        (gradient,) = backward.arrived([gradient])
        if backward.instead is None:
            self._send(cut.head, gradient, gradients)
        else:
            gradient = _replaced(backward, activation, cut.leaf, gradient)
            self._send(activation.z, gradient, gradients)

    def _send(self, head: Any, gradient: Any, gradients: dict[int, Any]) -> None:
        """Take the gradient at the end of a piece to the cuts where it begins."""
        begins = self._run.begins(head)
        leaves = [self._run.cuts[index].leaf for index in begins]
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

    # -- rules -------------------------------------------------------------------------------------

    def report(self, rule: Rule) -> RuleReport:
        """How many activations of which kind `rule` changes."""
        return rules.report_of(rule, self._run.activations, self._functions)

    def _check_functions(self) -> list[str]:
        """The activations that are functions (`F.relu`) rather than layers, by kind.

        Raises:
            NetworkError: a function whose gradient MXNet gets wrong as the net is recorded.
            RuleError: a rule acts on an operator that is no activation.
        """
        nodes = _recorded_nodes((*self._run.outputs, *(cut.head for cut in self._run.cuts)))
        for rule in self._wanted.rules:
            rules.refuse_out_of_reach(rule, nodes, "in a net that cannot be traced")
        found = Counter((node.op, node.operator.drop_in(node)) for node in nodes)
        ran = Counter(_drop_in_of(one.block) for one in self._run.ran)
        for (op, layer), count in found.items():
            if layer and count > ran[layer]:
                raise NetworkError(
                    f"the net cannot be traced, and its own code calls the operator {op} as a "
                    f"function, whose gradient MXNet gets wrong outside of training; use the layer "
                    f"nn.{layer} of gradcam_mx"
                )
        layers = Counter(node.activation or "" for node in self._run.activations)
        # a drop-in SELU runs as a scaled ELU
        layers += Counter(elu=layers["selu"])
        functions = Counter(node.activation for node in nodes if node.activation) - layers
        return list(functions.elements())


def _input(wanted: Wanted, arrays: Sequence[Any]) -> Map:
    """The input that is explained.

    Raises:
        InputError: there is none of that number.
    """
    chosen = 0 if wanted.input is None else wanted.input
    if not isinstance(chosen, int) or not -len(arrays) <= chosen < len(arrays):
        raise InputError(
            f"the net cannot be traced, so its {len(arrays)} inputs are known by "
            f"their number only; got {wanted.input!r}"
        )
    return _input_map(range(len(arrays))[chosen])


def _input_map(number: int) -> Map:
    return Map(number, f"input {number}", 1)


def _replaced(backward: Backward, activation: RanActivation, y: Any, gradient: Any) -> Any:
    """What a backward function gives at an activation's input, in place of the derivative."""
    step = function_step(activation.node, activation.function, activation.z, y, [gradient])
    return backward.passed_on(step)[0]


def _recorded_nodes(heads: Iterable[Any]) -> list[Node]:
    """The operators that values were computed by, since the cuts before them."""
    nodes = {}
    for head in heads:
        try:
            graph = json.loads(mx.autograd.get_symbol(head).tojson(remove_amp_cast=False))
        except mx.MXNetError:
            continue  # a constant
        made = [_recorded(index, one) for index, one in enumerate(graph["nodes"])]
        found = written(made, [one.activation for one in made], (), graph.get("attrs", {}))
        for node in made:
            kind = found[node.index].kind if node.index in found else None
            nodes[node.name] = replace(node, activation=node.activation or kind)
    return list(nodes.values())


def _recorded(index: int, described: Mapping[str, Any]) -> Node:
    attrs, op = described.get("attrs", {}), described["op"]
    entries = tuple((entry[0], entry[1]) for entry in described["inputs"])
    kind = operator(op).activation(Attributes.of(described))
    return Node(index, op, described["name"], attrs, entries, role=op, activation=kind)


def _drop_in_of(block: Any) -> str | None:
    """What the table calls a layer whose operator has a wrong gradient outside of training."""
    if isinstance(block, POOLING) and block._kwargs["pool_type"] == "max":
        return "MaxPool2D"
    return "BatchNorm" if isinstance(block, _native.basic_layers._BatchNorm) else None


def _prepared(net: Any, x: inputs.Input) -> list[Any]:
    arrays = inputs.as_tuple(x)
    for array in arrays:
        inputs.check(array)
    parameters = Parameters(net.collect_params())
    context = inputs.place_of(arrays, parameters.contexts())
    is_double = any(np.dtype(array.dtype) == np.float64 for array in arrays)
    dtype = "float64" if is_double and not parameters.has_floats else parameters.dtype
    return [inputs.place(array, context, dtype) for array in arrays]

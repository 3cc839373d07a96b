"""A recorded run of a net that cannot be traced, through its drop-in layers.

The net's own Python code runs, once, and falls into pieces at its drop-in layers (`eager_run`), as
a traced graph does into segments. A backward pass goes from piece to piece and applies its rule in
between.
"""

from __future__ import annotations

import json
from collections import Counter
from types import MappingProxyType
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import InputError, LayerError, NetworkError
from ..graph.attributes import Attributes
from ..graph.layers import Map
from ..graph.node import Node
from ..graph.operators import operator
from ..graph.outputs import Output, choose
from ..graph.parameters import Parameters
from . import inputs, rules
from .eager_run import POOLING, EagerRun, RanActivation, check_layers, walk
from .following import function_step
from .rules import Rule, RuleReport
from .steps import Backward
from .wanted import Wanted

_native: Any = mx.gluon.nn


class _AtLayer(NamedTuple):
    """Where a layer's value is that is read in the place of an output."""

    layer: Any


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
        self._net, self._wanted = net, wanted
        self._paths = dict(walk(net, ""))
        check_layers(self._paths)
        self._arrays = _prepared(net, x)
        self.input = _input(wanted, self._arrays)
        for check in wanted.checks:
            check(self._arrays[self.input.point].shape)
        self._run = EagerRun(net, self._paths, self._arrays, self._acts, replaced=replaced)
        self._variables = [mx.autograd.get_symbol(cut.leaf).name for cut in self._run.cuts]
        """What autograd calls the leaves of the cuts."""
        self.output_names = [f"output{index}" for index in range(len(self._run.outputs))]
        outputs = [Output(name, index, None) for index, name in enumerate(self.output_names)]
        self.outputs = choose(outputs, wanted.output, self._of_layer)
        self.also = [
            one for choice in wanted.also for one in choose(outputs, choice, self._of_layer)
        ]
        self._values = self._read(self._run, self.outputs)
        self._functions = self._check_functions()
        self.maps = [self._find_map(layer) for layer in wanted.layers]
        for rule in wanted.rules:
            rules.check_acts(rule, self.report(rule), self._run.activations)

    def _acts(self, node: Node) -> bool:
        return any(rule.backward_at(node) is not None for rule in self._wanted.rules)

    def _of_layer(self, layer: Any) -> Output:
        """What a layer gives, in the place of an output."""
        cut = self._run.find(layer).cut
        return Output(self._run.name_of(cut), _AtLayer(layer), None)

    def _read(self, run: EagerRun, outputs: Sequence[Output]) -> list[Any]:
        """The values of outputs in a run."""
        return [
            # the cuts are another run's own: free code may run its layers more or less often
            run.cuts[run.find(output.point.layer).cut].leaf
            if isinstance(output.point, _AtLayer)
            else run.outputs[output.point]
            for output in outputs
        ]

    def _find_map(self, layer: Any) -> Map:
        run, ran = self._run, self._run.find(layer)
        if len(run.shape(ran)) < 3:
            raise LayerError(
                f"the layer {ran.path!r} gives {run.shape(ran)}, which has no "
                "positions to make a map of"
            )
        return Map(ran.cut, run.name_of(ran.cut), 1)

    # -- a recording -------------------------------------------------------------------------------

    def values(self, outputs: Sequence[Output] | None = None) -> list[Any]:
        """The value of each of the explained outputs, or of others; see `Traced.values`."""
        values = self._values if outputs is None else self._read(self._run, outputs)
        return [value.detach() for value in values]

    def value(self, point: int) -> Any:
        """The value at the point of a map."""
        return self._run.cuts[point].leaf

    def backward(
        self, head_gradients: Sequence[Any], rule: Rule, points: Sequence[int]
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

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> EagerTape:
        """A recording of the net with another value at a layer or input; see `Traced.at`."""
        arrays = self._taken(np.tile(np.arange(len(self._arrays[0])), repeats))
        wanted = self._wanted._replace(checks=(), also=())
        return EagerTape(self._net, tuple(arrays), wanted, {where.point: value})

    def behind(self, where: Map) -> Callable[[Any, np.ndarray], list[Any]]:
        """What runs the net for many other values at a layer or input; see `Traced.behind`.

        It runs unrecorded, on the same operators as the recorded run.
        """

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            run = EagerRun(
                self._net,
                self._paths,
                self._taken(samples),
                self._acts,
                is_recorded=False,
                replaced={where.point: rows},
            )
            return self._read(run, self.outputs)

        return forward

    def memory(self) -> int:
        """How many bytes the values of one sample fill, as far as the layers tell."""
        values = [cut.leaf for cut in self._run.cuts]
        return sum(one.size * np.dtype(one.dtype).itemsize for one in values) // len(
            self._arrays[0]
        )

    @property
    def quick_sizes(self) -> dict[Any, int]:
        """See `Traced.quick_sizes`; nothing is kept of a net that is not traced."""
        return {}

    def _taken(self, samples: np.ndarray) -> list[Any]:
        return [inputs.taken(one, samples) for one in self._arrays]

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
        begins = self._begins(head)
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

    def _begins(self, head: Any) -> list[int]:
        """The cuts that a value is computed from."""
        try:
            variables = set(mx.autograd.get_symbol(head).list_arguments())
        except mx.MXNetError:
            return []  # a constant
        return [index for index, name in enumerate(self._variables) if name in variables]

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
    return Map(range(len(arrays))[chosen], f"input {chosen}", 1)


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
        for index, one in enumerate(graph["nodes"]):
            attrs = one.get("attrs", {})
            entries = tuple((entry[0], entry[1]) for entry in one["inputs"])
            nodes[one["name"]] = Node(
                index,
                one["op"],
                one["name"],
                attrs,
                entries,
                role=one["op"],
                activation=operator(one["op"]).activation(Attributes.of(one)),
            )
    return list(nodes.values())


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
    return [inputs.place(array, context, parameters.dtype) for array in arrays]

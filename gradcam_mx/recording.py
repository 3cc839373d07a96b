"""A net, run once and recorded for backward passes: traced where it can be, else as it runs.

A recording is what every method draws on. It knows the net's outputs, the layers and the input that
are explained, and takes head gradients back to them under a rule.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence, Union

from . import inputs, rules
from .eager import EagerTape, has_drop_ins
from .errors import NetworkError, TargetError
from .graph import Graph
from .inputs import Input
from .layers import Map, find_map
from .layout import channel_axis
from .outputs import OutputChoice, choose
from .rules import PLAIN, Rule, RuleReport
from .tape import Tape
from .trace import Net, trace

InputChoice = Union[None, int, str]
"""Which of several inputs attributions are made for, by number or name; None for the first."""


class Wanted(NamedTuple):
    """What is wanted of a recording."""

    layers: Sequence[Any] = ()
    """The layers that are explained, as callers name them."""
    rules: frozenset[Rule] = frozenset()
    """The rules under which gradients are wanted at the input."""
    output: OutputChoice = None
    input: InputChoice = None


class Traced:
    """A recording of a net's graph."""

    def __init__(self, graph: Graph, x: Input, wanted: Wanted) -> None:
        self._graph = graph
        values = inputs.prepare(graph, x)
        shapes = inputs.shapes(graph, x)
        self.output_names = graph.output_names
        self.outputs = choose(graph.outputs, wanted.output)
        self._heads = [output.point for output in self.outputs]
        entry = graph.input(wanted.input)
        self.input = Map(entry, graph.nodes[entry[0]].name, channel_axis(graph, entry, shapes))
        self.maps = [find_map(graph, layer, shapes, self._heads) for layer in wanted.layers]
        points = [one.point for one in self.maps] + ([entry] if wanted.rules else [])
        self._report_nodes = graph.differentiable([entry]) & graph.ancestors(self._heads)
        if wanted.rules and not self._report_nodes & {head[0] for head in self._heads}:
            raise TargetError(
                f"no gradient gets from the net's output "
                f"{' + '.join(output.name for output in self.outputs)!r} back to its input "
                f"{self.input.name!r}: an operator between them stops it, or has no derivative")
        for rule in wanted.rules:
            rules.check_acts(self.report(rule))
        with graph.lock:
            self._tape = Tape(graph, values, points, wanted.rules | {PLAIN}, self._heads)

    def values(self) -> list[Any]:
        """The explained value of each output."""
        return [self._tape.value(head) for head in self._heads]

    def value(self, point: Any) -> Any:
        """The value at the point of a map."""
        return self._tape.value(point)

    def backward(self, head_gradients: Sequence[Any], rule: Rule,
                 points: Sequence[Any]) -> Mapping[Any, Any]:
        """The gradients at points, for head gradients at the outputs."""
        heads: dict[Any, Any] = {}
        for head, gradient in zip(self._heads, head_gradients):
            # two outputs may have one value: the scores, and their softmax
            heads[head] = heads[head] + gradient if head in heads else gradient
        with self._graph.lock:
            return self._tape.backward(heads, rule, points)

    def report(self, rule: Rule) -> RuleReport:
        """How many activations of which kind `rule` changes on the way to the input."""
        return rules.report(rule, self._graph, self._report_nodes)


Recording = Union[Traced, EagerTape]


def record(net: Net, x: Input, wanted: Wanted) -> Recording:
    """Run the net on x and record it; by its graph if it can be traced, else by its drop-in layers.
    """
    try:
        graph = trace(net, len(inputs.as_tuple(x)))
    except NetworkError:
        if not has_drop_ins(net):
            raise
        return EagerTape(net, x, wanted)
    return Traced(graph, x, wanted)

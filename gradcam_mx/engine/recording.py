"""A net, run once and recorded for backward passes: traced where it can be, else as it runs.

A recording is what every method draws on. It knows the net's outputs, the layers and the input that
are explained, and takes head gradients back to them under a rule.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, Sequence, Tuple, Union

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, TargetError
from ..graph import dense_head
from ..graph.graph import Graph
from ..graph.layers import Map, find, find_map, name_of
from ..graph.layout import channel_axis
from ..graph.node import Entry
from ..graph.outputs import Output, choose
from ..graph.trace import Net, trace
from ..support.caches import Cache
from . import inputs, rules
from .eager import EagerTape
from .eager_run import has_drop_ins
from .inputs import Input
from .order import shape_of
from .rules import PLAIN, Rule, RuleReport
from .tape import Tape
from .wanted import Wanted

Forward = Callable[[Any, np.ndarray], List[Any]]
"""From rows of other values at a layer or input, an array for the net, and (rows,) the sample that
each is a variant of, to the explained value of each output."""


class _Ways(Cache[Tuple[Entry, Tuple[Entry, ...]], FrozenSet[int]]):
    def __init__(self) -> None:
        super().__init__(64)


class _QuickSizes(Dict[Any, int]):
    """A handful of numbers for each way in which a net is perturbed."""


class Subject:
    """What of a graph is explained, for inputs of one shape."""

    def __init__(self, graph: Graph, x: Input, wanted: Wanted) -> None:
        self.graph = graph
        shapes = self.shapes = inputs.shapes(graph, x)
        self.outputs = choose(graph.outputs, wanted.output, self._of_layer)
        self.also = [
            one for choice in wanted.also for one in choose(graph.outputs, choice, self._of_layer)
        ]
        """Outputs whose values are read too, though they are not explained."""
        self.heads = [output.point for output in self.outputs]
        entry = graph.input(wanted.input)
        self.input = Map(entry, graph.nodes[entry[0]].name, channel_axis(graph, entry, shapes))
        for check in wanted.checks:
            check(shape_of(shapes[entry], self.input))
        self.maps = [find_map(graph, layer, shapes, self.heads) for layer in wanted.layers]
        self.way = graph.cache(_Ways).get(
            (entry, tuple(self.heads)),
            lambda: graph.differentiable([entry]) & graph.ancestors(self.heads),
        )
        """The nodes between the outputs and the input."""
        if wanted.rules:
            self.check_connected()
        for rule in wanted.rules:
            rules.check_acts(rule, self.report(rule), (graph.nodes[one] for one in self.way))

    def _of_layer(self, layer: Any) -> Output:
        """What a layer gives, in the place of an output."""
        entry, name = find(self.graph, layer, self.shapes, self.graph.heads[:1])
        return Output(name, entry, None, channel_axis(self.graph, entry, self.shapes))

    @property
    def samples(self) -> int:
        """How many samples the input holds."""
        return self.shapes[self.input.point][0]

    def check_connected(self) -> None:
        """Refuse an input that no gradient comes back to.

        Raises:
            TargetError: there is no way back to it.
        """
        if not self.way & {head[0] for head in self.heads}:
            raise TargetError(
                f"no gradient gets from the net's output "
                f"{' + '.join(output.name for output in self.outputs)!r} back to its input "
                f"{self.input.name!r}: an operator between them stops it, or has no derivative"
            )

    def report(self, rule: Rule) -> RuleReport:
        """What `rule` does on the way to the input."""
        return rules.report(rule, self.graph, self.way)


class Traced:
    """A recording of a net's graph.

    Args:
        subject: what of the graph is explained.
        given: the values that the run starts from.
        points: the values that gradients are wanted at.
        rules: the rules under which they are.
        also: other outputs whose values are read.
    """

    def __init__(
        self,
        subject: Subject,
        given: Mapping[Entry, Any],
        points: Sequence[Entry],
        rules: Iterable[Rule] = (PLAIN,),
        also: Sequence[Output] = (),
    ) -> None:
        self._subject, self._graph, self._heads = subject, subject.graph, subject.heads
        self.output_names = subject.graph.output_names
        self.outputs, self.input, self.maps = subject.outputs, subject.input, subject.maps
        self.also = also
        self._given = dict(given)
        read = [*subject.heads, *(output.point for output in also)]
        with self._graph.lock:
            self._tape = Tape(self._graph, list(given.values()), points, rules, read, list(given))

    def values(self, outputs: Sequence[Output] | None = None) -> list[Any]:
        """The value of each of the explained outputs, or of others that were asked for.

        Args:
            outputs: some of `outputs` or `also`; the explained ones by default.
        """
        chosen = self.outputs if outputs is None else outputs
        return [self._tape.value(output.point) for output in chosen]

    def value(self, point: Any) -> Any:
        """The value at the point of a map."""
        if point not in self._given:
            try:
                return self._tape.value(point)
            except KeyError:
                self._compute([point])
        return self._given[point]

    def pooled(self) -> tuple[Map, np.ndarray]:
        """The map behind which a global average pool and a Dense layer make the first output, and
        that layer's weight (K, C).

        Raises:
            NetworkError: the net ends in something else.
        """
        found = dense_head.find(self._graph, self._heads[0], self._subject.shapes)
        name = name_of(self._graph, found.point)
        context = self._tape.value(self._heads[0]).context
        weight = self._graph.parameters.on(context)[found.weight].asnumpy()
        axis = channel_axis(self._graph, found.point, self._subject.shapes)
        return Map(found.point, name, axis), weight

    def backward(
        self, head_gradients: Sequence[Any], rule: Rule, points: Sequence[Any]
    ) -> Mapping[Any, Any]:
        """The gradients at points, for head gradients at the outputs."""
        heads: dict[Any, Any] = {}
        for head, gradient in zip(self._heads, head_gradients):
            # two outputs may have one value: the scores, and their softmax
            heads[head] = heads[head] + gradient if head in heads else gradient
        with self._graph.lock:
            return self._tape.backward(heads, rule, points)

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> Traced:
        """A recording of the net with another value at a layer or input, for gradients at `points`.

        Args:
            value: for `repeats` times as many samples as this recording has.
        """
        if where == self.input:
            self._subject.check_connected()
        samples = np.tile(np.arange(self._subject.samples), repeats)
        beside = {side: inputs.taken(self._given[side], samples) for side in self._sides(where)}
        return Traced(self._subject, {where.point: value, **beside}, [one.point for one in points])

    def behind(self, where: Map) -> Forward:
        """What runs the net, unrecorded, for many other values at a layer or input.

        Only what lies behind it runs, and keeps its memory from one call to the next.
        """
        graph, sides = self._graph, self._sides(where)
        operator = graph.compile_to_repeat(self._heads, [where.point, *sides])

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            values: dict[Entry, Any] = {
                side: inputs.taken(self._given[side], samples) for side in sides
            }
            with graph.lock, mx.autograd.pause(train_mode=False):
                return operator({**values, where.point: rows}, graph.parameters.on(rows.context))

        return forward

    def memory(self) -> int:
        """How many bytes the values of one sample fill, all together, at the most."""
        graph = self._graph
        made = sum(
            int(np.prod(shape))
            for entry, shape in self._subject.shapes.items()
            if not graph.nodes[entry[0]].is_variable
        )
        return made * np.dtype(graph.parameters.dtype).itemsize // self._subject.samples

    @property
    def quick_sizes(self) -> dict[Any, int]:
        """How many rows at once turned out to be quick, under any key; kept with the graph."""
        return self._graph.cache(_QuickSizes)

    def _sides(self, where: Map) -> list[Entry]:
        sides = self._graph.sides(where.point, self._heads)
        self._compute([side for side in sides if side not in self._given])
        return sides

    def _compute(self, points: Sequence[Any]) -> None:
        """Compute values that the tape did not keep."""
        if points:
            values = [self._given[entry] for entry in self._graph.inputs]
            self._given.update(zip(points, self._graph.forward(values, points)))

    def report(self, rule: Rule) -> RuleReport:
        """How many nodes of which kind `rule` changes on the way to the input."""
        return self._subject.report(rule)


Recording = Union[Traced, EagerTape]


def record(net: Net, x: Input, wanted: Wanted) -> Recording:
    """Run the net on x and record it: by its graph if it can be traced, or by its drop-ins."""
    try:
        graph = trace(net, len(inputs.as_tuple(x)))
    except NetworkError:
        if not has_drop_ins(net):
            raise
        return EagerTape(net, x, wanted)
    return _run(graph, x, wanted)


def _run(graph: Graph, x: Input, wanted: Wanted) -> Traced:
    values = inputs.prepare(graph, x)
    subject = Subject(graph, x, wanted)
    points = [one.point for one in (*subject.maps, *([subject.input] if wanted.rules else []))]
    given = dict(zip(graph.inputs, values))
    return Traced(subject, given, points, wanted.rules, subject.also)

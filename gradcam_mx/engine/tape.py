"""A recorded run of a graph, which can be walked backward any number of times under any rule.

The graph is cut at the activations that a rule acts on, at every value that is read more than once,
and at the values whose gradients are wanted. Between the cuts lie segments: trees of operators with
known leaves, each compiled on its own and recorded in a little autograd graph of its own. The walk
goes through them in reverse, changes the gradient where the rule says so, and sums at the leaves by
hand: MXNet's own accumulation (grad_req "add") is wrong for nets with branches, and a walk that
frees its graph takes along the nodes that a second path still needs (both measured on 1.9.1).

Segments that no wanted gradient passes through need not be recorded; they run as one compiled op.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from .._mxnet import mx
from ..errors import RuleError
from ..graph.graph import Graph
from ..graph.node import Entry
from ..support.caches import Cache
from .rules import PLAIN, Rule, rectifiers


@dataclass(frozen=True)
class Segment:
    """A tree of operators that ends in one node and begins at cuts, inputs and parameters."""

    root: int
    outputs: tuple[Entry, ...]
    leaves: tuple[Entry, ...]


@dataclass(frozen=True)
class Plan:
    """What runs for a set of wanted gradients and values."""

    stem: tuple[Entry, ...]
    """Values that are computed first, in one go, without being recorded."""
    segments: tuple[Segment, ...]
    """What is recorded, in the order in which it runs."""


class Tape:
    """One forward run of a graph, recorded for as many backward passes as are wanted.

    Args:
        graph: the graph to run.
        values: one array for each of the leaves, all on one context; not modified.
        points: the values that gradients will be asked for (`graph.inputs` may be among them).
        rules: the rules that backward passes will be made under.
        heads: the values that backward passes will start from; by default the net's outputs.
        leaves: the values that are given and that the run starts from; by default the net's inputs.
    """

    def __init__(
        self,
        graph: Graph,
        values: Sequence[Any],
        points: Sequence[Entry],
        rules: Iterable[Rule] = (PLAIN,),
        heads: Sequence[Entry] = (),
        leaves: Sequence[Entry] = (),
    ) -> None:
        self.graph = graph
        self.points = tuple(points)
        self._rules = frozenset(rules)
        leaves = tuple(leaves or graph.inputs)
        self._concats = graph.concats
        plan = plan_for(
            graph,
            frozenset(points),
            self._rules,
            frozenset(heads or graph.heads),
            frozenset(leaves),
        )
        parameters = graph.parameters.on(values[0].context)
        self._values: dict[Entry, Any] = dict(zip(leaves, values))
        if plan.stem:
            operator = graph.compile(plan.stem, leaves)
            with mx.autograd.pause(train_mode=False):
                self._values.update(zip(plan.stem, operator(self._values, parameters)))
        tracked = {e for segment in plan.segments for e in segment.outputs} | set(points)
        self._recorded = [
            _Recorded(graph, segment, tracked, self._values, parameters)
            for segment in plan.segments
        ]

    def value(self, entry: Entry) -> Any:
        """The value at a point or at an output of the net."""
        return self._values[entry]

    def backward(
        self, heads: Mapping[Entry, Any], rule: Rule = PLAIN, points: Iterable[Entry] = ()
    ) -> dict[Entry, Any]:
        """The gradients of Σ <head gradient, value at head> at the points; zeros where none arrive.

        Args:
            heads: from the outputs of the net that are explained to the head gradients, arrays of
                their shapes.
            rule: one of the rules that the tape was made for.
            points: those of the tape's points to go to; all by default.
        """
        if not rule.is_plain and rule not in self._rules:
            raise RuleError(f"the tape was not made for the rule {rule.name!r}: pass it in `rules`")
        wanted = tuple(points) or self.points
        on_the_way = self.graph.differentiable(wanted)
        with mx.autograd.pause():
            gradients = {head: gradient.copy() for head, gradient in heads.items()}
            own = set(heads)
            for recorded in reversed(self._recorded):
                if recorded.segment.root in on_the_way:
                    self._step(recorded, gradients, own, rule, wanted, on_the_way)
            for point in wanted:
                if point not in gradients:
                    gradients[point] = mx.nd.zeros_like(self._values[point])
        return {point: gradients[point] for point in wanted}

    def _step(
        self,
        recorded: _Recorded,
        gradients: dict[Entry, Any],
        own: set[Entry],
        rule: Rule,
        wanted: Sequence[Entry],
        on_the_way: frozenset[int],
    ) -> None:
        """Take the gradients from a segment's outputs to its leaves.

        `own` holds the values whose gradient no other array shares its memory with, as those that
        come from one operator might. Only such a gradient is changed in place.
        """
        outputs = recorded.segment.outputs
        # what is not asked for is let go as soon as it was used: memory is a good part of the time
        heads = [
            gradients.get(entry) if entry in wanted else gradients.pop(entry, None)
            for entry in outputs
        ]
        if all(head is None for head in heads):
            return
        alone = own.issuperset(outputs) and not set(outputs) & set(wanted)
        if recorded.rectifies and rule.rectifies:
            # the Activation operator, unlike nd.relu, stays in oneDNN's memory layout
            heads = [
                mx.nd.Activation(head, act_type="relu", out=head if alone else None)
                for head in heads
            ]
            alone = True
        if recorded.segment.root in self._concats:
            heads = [mx.nd.slice_axis(head, axis=0, begin=0, end=None) for head in heads]
        leaves = [leaf for leaf in recorded.leaves if leaf in wanted or leaf[0] in on_the_way]
        for leaf, gradient in zip(leaves, recorded.backward(heads, leaves, rule)):
            if leaf in gradients:
                # not "+", which would leave oneDNN's memory layout and copy
                gradients[leaf] = mx.nd.elemwise_add(gradients[leaf], gradient)
                own.add(leaf)
            else:
                gradients[leaf] = gradient
                if alone and len(leaves) == 1:
                    own.add(leaf)


class _Recorded:
    """A segment that ran: its marked leaves, its recorded outputs."""

    def __init__(
        self,
        graph: Graph,
        segment: Segment,
        tracked: set[Entry],
        values: dict[Entry, Any],
        parameters: dict[str, Any],
    ) -> None:
        self.segment = segment
        self.rectifies = segment.root in rectifiers(graph)
        self.leaves = {leaf: values[leaf].detach() for leaf in segment.leaves if leaf in tracked}
        # autograd.grad wants marked variables and never writes to the buffer that marks them
        mx.autograd.mark_variables(
            list(self.leaves.values()),
            [mx.nd.empty((1,), ctx=leaf.context) for leaf in self.leaves.values()],
        )
        operator = graph.compile(segment.outputs, segment.leaves)
        with mx.autograd.record(train_mode=True):
            self.outputs = operator({**values, **self.leaves}, parameters)
        values.update(
            (entry, output.detach()) for entry, output in zip(segment.outputs, self.outputs)
        )

    def backward(self, heads: list[Any], leaves: list[Entry], rule: Rule) -> list[Any]:
        if self.rectifies and not rule.derives:
            return heads
        heads = [
            mx.nd.zeros_like(output) if head is None else head
            for head, output in zip(heads, self.outputs)
        ]
        return mx.autograd.grad(
            self.outputs,
            [self.leaves[leaf] for leaf in leaves],
            heads,
            retain_graph=True,
            train_mode=True,
        )


class _Plans(Cache[Any, Plan]):
    def __init__(self) -> None:
        super().__init__(64)


def plan_for(
    graph: Graph,
    points: frozenset[Entry],
    rules: frozenset[Rule],
    heads: frozenset[Entry],
    leaves: frozenset[Entry],
) -> Plan:
    """What to run and record so that gradients go from `heads` to `points` under `rules`."""
    key = (
        points,
        heads,
        leaves,
        any(not rule.is_plain for rule in rules),
        all(rule.derives for rule in rules),
    )
    return graph.cache(_Plans).get(key, lambda: _make_plan(graph, *key))


def _make_plan(
    graph: Graph,
    points: frozenset[Entry],
    heads: frozenset[Entry],
    leaves: frozenset[Entry],
    rectifies: bool,
    derives: bool,
) -> Plan:
    runs = graph.ancestors([*heads, *points], leaves)
    operators = {index for index in runs if not graph.nodes[index].is_variable}
    downstream = graph.differentiable(points) & runs
    cuts = graph.branch_points | graph.concats | {index for index, _ in (*points, *heads)}
    # what the recorded part reads from the rest of the net
    cuts |= {
        entry[0]
        for index in downstream
        for entry in graph.nodes[index].inputs
        if entry[0] not in downstream and entry not in leaves
    }
    if rectifies:
        cuts |= rectifiers(graph)
    if not derives:
        # an activation whose derivative is passed over has to be a segment of its own
        cuts |= {graph.nodes[index].inputs[0][0] for index in rectifiers(graph)}
    # a piece that reads nothing cannot run on its own
    cuts = (cuts & operators) - graph.constants

    segments = tuple(_segment(graph, root, cuts, leaves) for root in sorted(cuts & downstream))
    made = {entry for segment in segments for entry in segment.outputs} | leaves
    read = [leaf for segment in segments for leaf in segment.leaves]
    stem = {entry for entry in (*read, *points, *heads) if entry not in made}
    return Plan(tuple(sorted(stem)), segments)


def _segment(graph: Graph, root: int, cuts: set[int], given: frozenset[Entry]) -> Segment:
    leaves = set()
    waiting = list(graph.nodes[root].inputs)
    while waiting:
        entry = waiting.pop()
        if entry[0] in cuts or entry in given:
            leaves.add(entry)
        else:
            waiting.extend(graph.nodes[entry[0]].inputs)
    outputs = tuple((root, which) for which in graph.outputs_read[root])
    return Segment(root, outputs, tuple(sorted(leaves)))

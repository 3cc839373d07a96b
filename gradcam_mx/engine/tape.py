"""A recorded run of a graph, which can be walked backward any number of times under any rule.

The graph is cut at the nodes where a rule acts, at every value that is read more than once, and at
the values whose gradients are wanted (`segments`). Between the cuts lie segments: trees of
operators with known leaves, each compiled on its own and recorded in a little autograd graph of its
own. The walk goes through them in reverse, asks the rule at the end of each, and sums at the leaves
by hand: MXNet's own accumulation (grad_req "add") is wrong for nets with branches, and a walk that
frees its graph takes along the nodes that a second path still needs (both measured on 1.9.1).

Segments that no wanted gradient passes through need not be recorded; they run as one compiled op.
"""

from __future__ import annotations

from typing import Any, Container, Iterable, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import RuleError
from ..graph.graph import Graph
from ..graph.node import Entry, Node
from ..graph.operators import OPERATORS
from .nodes import ALONE, Also, GraphNode, WrittenNode
from .rules import PLAIN, Rule
from .segments import Segment, plan_for
from .steps import Backward, Recorded

CHANGES = 0.9, 1.1
"""What is multiplied by numbers between these has changed."""
ROUNDED = 1e-4
"""A change of this share of the largest number is none: terms that cancel leave that, rounded."""


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
        self._given_points = frozenset(points)
        self._acts = {rule: rule.acts(graph) for rule in {PLAIN, *rules}}
        leaves = leaves or graph.inputs
        plan = plan_for(graph, points, heads or graph.heads, leaves, list(self._acts.values()))
        parameters = graph.parameters.on(values[0].context)
        self._values: dict[Entry, Any] = dict(zip(leaves, values))
        self.is_whole = not plan.stem
        """Whether all of it was recorded, in train mode."""
        if plan.stem:
            operator = graph.compile(plan.stem, leaves)
            with mx.autograd.pause(train_mode=False):
                self._values.update(zip(plan.stem, operator(self._values, parameters)))
        tracked = {e for segment in plan.segments for e in segment.outputs} | set(points)
        replaced = {
            (index, _is_whole(graph, index, acts[index]))
            for acts in self._acts.values()
            for index in acts
            if acts[index].instead
        }
        self._runs = [
            SegmentRun(
                graph,
                segment,
                tracked,
                self._values,
                parameters,
                [whole for whole in (False, True) if (segment.root, whole) in replaced],
            )
            for segment in plan.segments
        ]

    def value(self, entry: Entry) -> Any:
        """The value at a point or at an output of the net."""
        return self._values[entry]

    @property
    def values(self) -> Mapping[Entry, Any]:
        """All values that the run kept."""
        return self._values

    def backward(
        self,
        heads: Mapping[Entry, Any],
        rule: Rule = PLAIN,
        points: Iterable[Entry] = (),
        also: Also = ALONE,
    ) -> dict[Entry, Any]:
        """The gradients of Σ <head gradient, value at head> at the points; zeros where none arrive.

        Args:
            heads: from the outputs of the net that are explained to the head gradients, arrays of
                their shapes.
            rule: one of the rules that the tape was made for, or the plain one.
            points: those of the tape's points to go to; all by default.
            also: what goes with the walk.

        Raises:
            RuleError: the tape was not made for that rule or those points.
        """
        if rule not in self._acts:
            raise RuleError(f"the tape was not made for the rule {rule.name!r}: pass it in `rules`")
        wanted = tuple(points) or self.points
        if not self._given_points.issuperset(wanted):
            raise RuleError("the tape was not made for gradients at these points: pass them to it")
        with mx.autograd.pause():
            walk = _Walk(heads, wanted, self.graph.differentiable(wanted), also)
            for run in reversed(self._runs):
                walk.through(run, self._acts[rule].get(run.segment.root))
            for point in wanted:
                if point not in walk.gradients:
                    walk.gradients[point] = mx.nd.zeros_like(self._values[point])
        return {point: walk.gradients[point] for point in wanted}

    def unexplained_ends(self, heads: Mapping[Entry, Any], points: Iterable[Entry]) -> list[Node]:
        """Where gradients end that should go on: the operators, not in the table, of segments whose
        outputs change with what they read, and from which nothing but zeros comes back.

        Args:
            heads: as for `backward`.
            points: where no gradient arrived.
        """
        with mx.autograd.pause():
            walk = _Watch(heads, tuple(points), self.graph.differentiable(points))
            for run in reversed(self._runs):
                walk.through(run, None)
        return [
            self.graph.nodes[index]
            for run in walk.ends
            for index in sorted(self.graph.ancestors(run.segment.outputs, run.segment.leaves))
            if self.graph.nodes[index].op not in OPERATORS
            and not self.graph.nodes[index].is_variable
        ]


class SegmentRun:
    """A segment that ran and was recorded.

    Args:
        graph: the graph.
        segment: the segment.
        tracked: the values that gradients may go on from.
        values: what was computed before; what the segment gives is put there.
        parameters: the net's parameters, by name.
        replaced: whether some rule replaces the derivative of its last node, False, or of the
            activation that ends in that, True; or both.
    """

    def __init__(
        self,
        graph: Graph,
        segment: Segment,
        tracked: Container[Entry],
        values: dict[Entry, Any],
        parameters: Mapping[str, Any],
        replaced: Sequence[bool],
    ) -> None:
        self.segment = segment
        kinds: Mapping[bool, Any] = {False: GraphNode, True: WrittenNode}
        self._graph = graph
        self.nodes = {
            whole: kinds[whole](graph, segment.root, values, parameters) for whole in replaced
        }
        asked = [entry for node in self.nodes.values() for entry in node.entries]
        self.leaves = [leaf for leaf in segment.leaves if leaf in tracked or leaf in asked]
        operator = graph.compile(segment.outputs, segment.leaves)

        def run(marked: list[Any]) -> list[Any]:
            return operator({**values, **dict(zip(self.leaves, marked))}, parameters)

        # not `run`, which holds this object: all values would wait for the garbage collector
        self._operator, self._given, self._parameters = operator, values, parameters
        self.recorded = Recorded(
            run,
            [values[leaf] for leaf in self.leaves],
            plain_layout=segment.root in graph.wants_plain,
        )
        values.update(zip(segment.outputs, self.recorded.outputs))

    def vjp(self, arriving: Sequence[Any], leaves: Sequence[Entry]) -> list[Any]:
        """The gradients at some of the leaves, by the chain rule."""
        return self.recorded.vjp(arriving, [self.leaves.index(leaf) for leaf in leaves])

    def responds(self) -> bool:
        """Whether its outputs change when each number that it reads changes by up to a tenth."""
        draws = np.random.RandomState(0)
        changed = [
            value * mx.nd.array(draws.uniform(*CHANGES, value.shape), value.context, value.dtype)
            for value in self.recorded.inputs
        ]
        before, after = self._on(self.recorded.inputs), self._on(changed)
        # terms that cancel altogether leave the rounding of what they were
        read = max(_largest(one.asnumpy()) for one in self.recorded.inputs) / 100
        return any(_differs(a.asnumpy(), b.asnumpy(), read) for a, b in zip(before, after))

    def _on(self, inputs: Sequence[Any]) -> list[Any]:
        """Its outputs for other values at its leaves."""
        return self._operator({**self._given, **dict(zip(self.leaves, inputs))}, self._parameters)

    def passed_on(
        self, backward: Backward, arriving: Sequence[Any], also: Also
    ) -> list[tuple[Entry, Any]]:
        """What a backward function gives in the place of the chain rule, and the values there."""
        node = self.nodes[_is_whole(self._graph, self.segment.root, backward)]
        passed = backward.passed_on(node.step(self.recorded, self.leaves, arriving, also))
        return [(entry, one) for entry, one in zip(node.entries, passed) if one is not None]


def _is_whole(graph: Graph, index: int, backward: Backward) -> bool:
    """Whether a backward function is for all operators of an activation that ends in a node."""
    return backward.of_activation and graph.nodes[index].bend is not None


class _Walk:
    """A backward pass on its way.

    Args:
        heads: where it starts, and with what.
        wanted: the values whose gradients are asked for.
        on_the_way: the nodes from which gradients come there.
        also: what goes with it.
    """

    def __init__(
        self,
        heads: Mapping[Entry, Any],
        wanted: Sequence[Entry],
        on_the_way: frozenset[int],
        also: Also = ALONE,
    ) -> None:
        self._also = also
        self.gradients = {head: gradient.copy() for head, gradient in heads.items()}
        self._wanted, self._on_the_way = frozenset(wanted), on_the_way
        # The values whose gradient no other array shares its memory with, as those that come from
        # one operator might. Only such a gradient is changed in place.
        self._own = set(heads)
        self._heads = frozenset(heads)

    def through(self, run: SegmentRun, backward: Backward | None) -> None:
        """Take the gradients from a segment's outputs to its leaves."""
        outputs = run.segment.outputs
        if run.segment.root not in self._on_the_way:
            return
        # what is not asked for is let go as soon as it was used: memory is a good part of the time
        heads = [
            self.gradients.get(entry) if entry in self._wanted else self.gradients.pop(entry, None)
            for entry in outputs
        ]
        if all(head is None for head in heads):
            return
        alone = self._own.issuperset(outputs) and self._wanted.isdisjoint(outputs)
        if backward:
            given = [
                mx.nd.zeros_like(output) if head is None else head
                for head, output in zip(heads, run.recorded.outputs)
            ]
            heads = backward.arrived(given, may_write=alone)
            alone = alone or all(after is not before for after, before in zip(heads, given))
        if backward and backward.instead:
            passed, is_all = run.passed_on(backward, heads, self._also), True
            arrived = [one for one in passed if self.goes_on(one[0])]
            alone = alone and all(any(one is head for head in heads) for _, one in arrived)
        else:
            leaves = [leaf for leaf in run.leaves if self.goes_on(leaf)]
            passed = arrived = list(zip(leaves, run.vjp(heads, leaves)))
            is_all = len(leaves) == len(run.segment.leaves)
        if self._also.ledger is not None:
            arriving = [(entry, head) for entry, head in zip(outputs, heads) if head is not None]
            is_changed = bool(backward and backward.arriving) or not self._heads.isdisjoint(outputs)
            kept = [
                one for one in passed if self.goes_on(one[0]) or self._also.ledger.leads(one[0])
            ]
            self._also.ledger.passed(run.segment.root, arriving, kept, is_all, is_changed)
        for leaf, gradient in arrived:
            self._add(leaf, gradient, is_own=alone and len(arrived) == 1)

    def goes_on(self, leaf: Entry) -> bool:
        """Whether a gradient at a value is asked for, or on the way to one that is."""
        return leaf in self._wanted or leaf[0] in self._on_the_way

    def _add(self, leaf: Entry, gradient: Any, is_own: bool) -> None:
        if leaf in self.gradients:
            # not "+", which would leave oneDNN's memory layout and copy
            self.gradients[leaf] = mx.nd.elemwise_add(self.gradients[leaf], gradient)
            self._own.add(leaf)
        else:
            self.gradients[leaf] = gradient
            if is_own:
                self._own.add(leaf)


class _Watch(_Walk):
    """A plain backward pass that notes where gradients end."""

    def __init__(
        self, heads: Mapping[Entry, Any], wanted: Sequence[Entry], on_the_way: frozenset[int]
    ) -> None:
        super().__init__(heads, wanted, on_the_way)
        self.ends: list[SegmentRun] = []

    def through(self, run: SegmentRun, backward: Backward | None) -> None:
        heads = [self.gradients.get(entry) for entry in run.segment.outputs]
        leaves = [leaf for leaf in run.leaves if self.goes_on(leaf)]
        if leaves and _arrive(heads) and not _arrive(run.vjp(heads, leaves)) and run.responds():
            self.ends.append(run)
        super().through(run, backward)


def _differs(before: np.ndarray, after: np.ndarray, size: float) -> bool:
    """Whether numbers, of at least a size, are others by more than rounding."""
    allowed = ROUNDED * max(_largest(before), size)
    return bool(((after != before) & ~(abs(after - before) <= allowed)).any())


def _largest(numbers: np.ndarray) -> float:
    return float(abs(numbers[np.isfinite(numbers)]).max(initial=0))


def _arrive(gradients: Iterable[Any]) -> bool:
    """Whether some gradient is not zero everywhere."""
    return any(one is not None and one.asnumpy().any() for one in gradients)

"""Where a graph is cut for backward passes, and the segments that lie between the cuts.

Which segments there are depends on the values that gradients go to and come from, and on the nodes
where rules act: a node at which what arrives is changed ends its segment, and a node whose
derivative is replaced is a segment of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, NamedTuple, Sequence

from ..graph.graph import Graph
from ..graph.loops import check_unrolled
from ..graph.node import Entry, Node
from ..support.caches import Cache
from .rules import Acts
from .steps import Backward

Entries = FrozenSet[Entry]
Nodes = FrozenSet[int]


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


class Asked(NamedTuple):
    """All that a plan depends on."""

    points: Entries
    """The values that gradients are wanted at."""
    heads: Entries
    """The values that they come from."""
    leaves: Entries
    """The values that are given."""
    changed: Nodes
    """Where some rule changes what arrives."""
    replaced: Nodes
    """Where some rule stands in the place of the derivative."""
    read: Entries = frozenset()
    """The values that such rules read."""


class _Plans(Cache[Asked, Plan]):
    def __init__(self) -> None:
        super().__init__(64)


def read_by(node: Node, backward: Backward) -> Sequence[Entry]:
    """The values that a backward function stands between a node's outputs and.

    Args:
        node: it.
        backward: what a rule does there.
    """
    return (node.bend.source,) if backward.of_activation and node.bend else node.inputs


def plan_for(
    graph: Graph,
    points: Sequence[Entry],
    heads: Sequence[Entry],
    leaves: Sequence[Entry],
    acts: Sequence[Acts],
) -> Plan:
    """What to run and record so that gradients go from `heads` to `points` under some rules."""
    every = [one for acts_of_rule in acts for one in acts_of_rule.items()]
    replaced = [(index, backward) for index, backward in every if backward.instead is not None]
    asked = Asked(
        frozenset(points),
        frozenset(heads),
        frozenset(leaves),
        frozenset(index for index, backward in every if backward.instead is None),
        frozenset(index for index, _ in replaced),
        frozenset(e for index, backward in replaced for e in read_by(graph.nodes[index], backward)),
    )
    return graph.cache(_Plans).get(asked, lambda: _make_plan(graph, asked))


def _make_plan(graph: Graph, asked: Asked) -> Plan:
    points, heads, leaves = asked.points, asked.heads, asked.leaves
    runs = graph.ancestors([*heads, *points], leaves)
    operators = {index for index in runs if not graph.nodes[index].is_variable}
    downstream = graph.differentiable(points) & runs
    check_unrolled(graph, downstream)
    cuts = _cuts(graph, asked, downstream) & operators
    # a piece that reads nothing cannot run on its own
    cuts -= graph.constants

    segments = tuple(_segment(graph, root, cuts, leaves) for root in sorted(cuts & downstream))
    made = {entry for segment in segments for entry in segment.outputs} | leaves
    read = [leaf for segment in segments for leaf in segment.leaves]
    stem = {entry for entry in (*read, *points, *heads) if entry not in made}
    return Plan(tuple(sorted(stem)), segments)


def _cuts(graph: Graph, asked: Asked, downstream: frozenset[int]) -> set[int]:
    """The nodes at whose outputs the graph is cut, and some that may not be."""
    cuts = graph.branch_points | graph.wants_plain
    cuts |= {index for index, _ in (*asked.points, *asked.heads)} | asked.changed | asked.replaced
    # what the recorded part reads from the rest of the net
    cuts |= {
        entry[0]
        for index in downstream
        for entry in graph.nodes[index].inputs
        if entry[0] not in downstream and entry not in asked.leaves
    }
    return cuts | {entry[0] for entry in asked.read}


def _segment(graph: Graph, root: int, cuts: set[int], given: Entries) -> Segment:
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

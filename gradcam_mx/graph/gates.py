"""What kind of activation a bound is: found by trying it, not by what it is called.

A clip, a maximum or a minimum with numbers is the end of a scalar function of one value, made of
operators that work element by element. That function is tried at a few points. A hard sigmoid, in
whatever form it is written (clip(x / 6 + 0.5, 0, 1), clip(x + 3, 0, 6) / 6, relu6(x + 3) / 6), has
bounds on both sides and rises at zero, and is a gate; a ReLU6 is flat before zero and rises behind
it, and is a rectifier.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from .kinds import Positions
from .node import Entry, Node
from .operators import RECTIFYING
from .tried import tried

POINTS = (-1e5, -1e4, -1e-2, 0.0, 1e-2, 1e4, 1e5)
"""Far out on both sides, and around zero."""


class Shape(NamedTuple):
    """How a scalar function runs."""

    bounded: bool
    """Whether it stays between two bounds."""
    rises_before: bool
    """Whether it rises, or falls, just before zero."""
    rises_behind: bool

    @property
    def is_gate(self) -> bool:
        return self.bounded and self.rises_before and self.rises_behind

    @property
    def is_rectifier(self) -> bool:
        return self.rises_behind and not self.rises_before


def shape_of(values: np.ndarray | None) -> Shape | None:
    """How a function runs that gives these values at `POINTS`; None if it is none."""
    if values is None:
        return None
    low, lower, before, zero, behind, higher, high = values
    return Shape(bool(low == lower and high == higher), before != zero, behind != zero)


def activations(
    nodes: Sequence[Node], attributes: Mapping[str, Any]
) -> tuple[list[str | None], set[int]]:
    """What kinds of activations the nodes of a graph are, None for those that are none; and the
    bounds that are parts of gates.

    Args:
        nodes: frozen, each behind those that it reads.
        attributes: of the graph as a whole.
    """
    found = _Activations(nodes, attributes)
    for node in nodes:
        found.kinds.append(found.kind(node))
    return found.kinds, found.in_gates


class _Activations:
    def __init__(self, nodes: Sequence[Node], attributes: Mapping[str, Any]) -> None:
        self._nodes, self._attributes = nodes, attributes
        self.kinds: list[str | None] = []
        """Of the nodes before."""
        self.in_gates: set[int] = set()
        self._readers: dict[int, set[int]] = defaultdict(set)
        self._fixed: set[int] = set()
        for node in nodes:
            for source, _ in node.inputs:
                self._readers[source].add(node.index)
            if not node.is_variable and all(source in self._fixed for source, _ in node.inputs):
                self._fixed.add(node.index)

    def kind(self, node: Node) -> str | None:
        named = node.operator.activation(node)
        if not (node.operator.bounds if named is None else named in RECTIFYING):
            return named
        source = self._source(node)
        if source is None or (named and source == node.inputs[0] and not self._next(node)):
            return named
        found = self._tried(node, source)
        if found is None:
            return named
        if named is None and found.is_rectifier:
            return "clip" if found.bounded else "relu"
        behind = self._next(node)
        while not found.bounded and behind is not None:
            found = self._tried(behind, source) or found
            behind = self._next(behind)
        if not found.is_gate:
            return named
        self.in_gates.add(node.index)
        return named and "hard_sigmoid"

    def _source(self, node: Node) -> Entry | None:
        """The value that the function which ends in a node is a function of."""
        source = self._read(node)
        while source is not None:
            made = self._nodes[source[0]]
            named = made.operator.activation(made)
            is_step = self.kinds[made.index] is None or (
                named in RECTIFYING and self.kinds[made.index] == "hard_sigmoid"
            )
            if not is_step or not self._is_scalar(made):
                break
            source = self._read(made)
        return source

    def _next(self, node: Node) -> Node | None:
        """What goes on with the function that a node belongs to, if nothing else reads that."""
        readers = self._readers[node.index]
        if len(readers) != 1:
            return None
        (reader,) = (self._nodes[index] for index in readers)
        named = reader.operator.activation(reader)
        is_step = named is None or named in RECTIFYING
        return reader if is_step and self._is_scalar(reader) else None

    def _is_scalar(self, node: Node) -> bool:
        """Whether a node is a function of one value, element by element."""
        known = node.operator
        return (
            known.positions is Positions.SAME
            and not known.parameters
            and self._read(node) is not None
        )

    def _read(self, node: Node) -> Entry | None:
        """The one value that varies, of those that a node reads."""
        varying = {entry for entry in node.inputs if entry[0] not in self._fixed}
        while len(varying) == 2:  # zeros like a value are a function of that value
            like = [entry for entry in varying if self._reads_only(entry, varying)]
            if not like:
                break
            varying.remove(like[0])
        return varying.pop() if len(varying) == 1 else None

    def _reads_only(self, entry: Entry, others: set[Entry]) -> bool:
        made = self._nodes[entry[0]]
        return (
            len(made.inputs) == 1
            and made.inputs[0] in others
            and made.operator.positions is Positions.SAME
        )

    def _tried(self, node: Node, source: Entry) -> Shape | None:
        return shape_of(tried(self._nodes, self._attributes, node, source, POINTS))

"""Rectifiers that a net writes out in several operators: found by trying them, as `gates` does.

`where(y > 0, y, 0)`, `y * (y > 0)`, `(y + |y|) / 2`, `maximum(y, 0.1 * y)` are functions of one
value, element by element. Where such a function is straight on both sides of zero, and flatter on
one of them, it is a rectifier in whatever form it is written: with z the value that is rectified,

    f(z) = f(0) + slope · z  on its steep side,   a share of it, or nothing, on the other

A function that has two slopes far out, but bends elsewhere or by a learned number, is noted as one
that no rule sees.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Container, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from . import gates
from .kinds import Positions
from .node import Bend, Entry, Node
from .tried import tried

STEPS = (1e-2, 1e-1, 1.0, 10.0, 1e4, 1e5)
POINTS = (*(-step for step in reversed(STEPS)), 0.0, *STEPS)
CLOSE = 1e-3
"""Slopes that differ by this share are the same: single precision loses as much near zero."""
LARGEST = 24
"""So many operators a function may be made of."""


class Written(NamedTuple):
    """What a node is the end of."""

    kind: str | None = None
    """Of a rectifier: "relu", "leaky", "clip" or "elu"."""
    bend: Bend | None = None
    is_unseen: bool = False
    """Whether it seems to rectify in a way that no rule can follow."""


class _Region(NamedTuple):
    """The operators of a function of one value."""

    source: Entry
    inner: frozenset[int]
    """Those but its end."""
    has_unknown: bool = False
    """Whether it reads a parameter too."""


def written(
    nodes: Sequence[Node],
    kinds: Sequence[str | None],
    in_gates: Container[int],
    attributes: Mapping[str, Any],
) -> dict[int, Written]:
    """The nodes at which rectifiers end that are written out.

    Args:
        nodes: frozen, each behind those that it reads.
        kinds: what activations they are known to be.
        in_gates: the bounds that are parts of gates.
        attributes: of the graph as a whole.
    """
    return _Rectifiers(nodes, kinds, in_gates, attributes).found


class _Rectifiers:
    def __init__(
        self,
        nodes: Sequence[Node],
        kinds: Sequence[str | None],
        in_gates: Container[int],
        attributes: Mapping[str, Any],
    ) -> None:
        self._nodes, self._kinds, self._attributes = nodes, kinds, attributes
        self._in_gates = in_gates
        self._readers: dict[int, set[int]] = defaultdict(set)
        self._fixed: set[int] = set()
        self.found: dict[int, Written] = {}
        for node in nodes:
            for source, _ in node.inputs:
                self._readers[source].add(node.index)
            if not node.is_variable and all(source in self._fixed for source, _ in node.inputs):
                self._fixed.add(node.index)
        for node in nodes:
            self._look_at(node)

    def _look_at(self, node: Node) -> None:
        known = node.operator
        if known.activation(node) or node.index in self._in_gates or not self._is_step(node):
            return
        by_bound = self._kinds[node.index]
        if by_bound not in (None, "relu", "clip"):
            return
        varying = self._varying(node)
        if not varying or (len(varying) == 1 and not known.bounds and len(node.inputs) == 1):
            return
        region = self._region(node, varying)
        if region is None:
            return
        found = self._judged(node, region)
        if by_bound:  # it rectifies for sure, if not what it reads, then something before that
            for source in self._before(region.source):
                if not found.bend:
                    found = self._judged(node, _Region(source, region.inner))
            found = Written(by_bound, found.bend) if found.bend else Written()
        if found.kind:
            for index in region.inner & self.found.keys():  # they are its parts
                del self.found[index]
        if found != Written():
            self.found[node.index] = found

    def _judged(self, node: Node, region: _Region) -> Written:
        if region.has_unknown:
            bends = [node, *(self._nodes[index] for index in region.inner)]
            return Written(is_unseen=any(one.operator.is_kinked for one in bends))
        values = tried(self._nodes, self._attributes, node, region.source, POINTS)
        if values is None:
            return Written()
        found = _judged(values.astype(np.float64), region.source)
        # what is rectified already may be cut off above
        is_seen = found.is_unseen and self._rectifies(region.source[0])
        is_part = found != Written() and self._is_part(node, region.source, found.is_unseen)
        return Written() if is_seen or is_part else found

    def _is_part(self, node: Node, source: Entry, of_bounds: bool) -> bool:
        """Whether a node is part of a gate, or `of_bounds` of any function with two bounds, that
        goes on behind it and begins before it."""
        for before in self._before(source):
            source = before
        for end in self._goes_on(node):
            shape = gates.shape_of(tried(self._nodes, self._attributes, end, source, gates.POINTS))
            if shape and (shape.is_gate or (of_bounds and shape.bounded)):
                return True
        return False

    def _before(self, source: Entry) -> Iterator[Entry]:
        """The values that a value is a function of, one before the other."""
        made = self._nodes[source[0]]
        while self._is_step(made) and not self._rectifies(made.index):
            region = self._region(made, self._varying(made))
            if region is None or region.has_unknown:
                return
            yield region.source
            made = self._nodes[region.source[0]]

    def _goes_on(self, node: Node) -> Iterator[Node]:
        """What is computed from a node alone, as long as nothing else reads it."""
        readers = self._readers[node.index]
        while len(readers) == 1:
            node = self._nodes[next(iter(readers))]
            if not self._is_step(node) or (
                node.operator.activation(node) and not node.operator.bounds
            ):
                return
            yield node
            readers = self._readers[node.index]

    def _is_step(self, node: Node) -> bool:
        known = node.operator
        return known.positions is Positions.SAME and not known.parameters and not node.is_variable

    def _varying(self, node: Node) -> set[Entry]:
        return {entry for entry in node.inputs if entry[0] not in self._fixed}

    def _region(self, node: Node, varying: set[Entry]) -> _Region | None:
        """The function that ends in a node, of the nearest value that all of it depends on."""
        inner: set[int] = set()
        unknown: _Region | None = None
        while len(varying) > 1:
            made = [entry for entry in varying if not self._nodes[entry[0]].is_variable]
            if not made or len(inner) >= LARGEST:
                return unknown
            if len(made) == 1:  # beside parameters; or what they stand beside is the net's input
                unknown = _Region(made[0], frozenset(inner), has_unknown=True)
            last = max(made)
            step = self._nodes[last[0]]
            if not self._is_step(step) or self._kinds[step.index] or step.index in self._in_gates:
                return unknown
            inner.add(step.index)
            varying = (varying - {last}) | self._varying(step)
        (source,) = varying
        return _Region(source, frozenset(inner))

    def _rectifies(self, index: int) -> bool:
        found = self.found.get(index, Written())
        return self._kinds[index] is not None or found.kind is not None


def _judged(values: np.ndarray, source: Entry) -> Written:
    """What a function is, by its values at `POINTS`."""
    zero = len(STEPS)
    right = (values[zero + 1 :] - values[zero]) / STEPS
    left = (values[zero] - values[:zero][::-1]) / STEPS
    largest = max(abs(right).max(), abs(left).max())
    if not largest:
        return Written()
    for steep, flat, side in ((right, left, 1), (left, right, -1)):
        kind = _kind(steep, flat, largest)
        if kind:
            # near zero, single precision tells slopes worse
            slope = float(f"{steep[1 if kind == 'clip' else 3]:.6g}")
            return Written(kind, Bend(source, slope, int(np.sign(slope)) * side))
    rises = np.diff(values)
    far = abs(rises[-1] - rises[0]) / (STEPS[-1] - STEPS[-2])
    is_monotone = (rises >= 0).all() or (rises <= 0).all()
    return Written(is_unseen=bool(is_monotone and far > CLOSE * largest))


def _kind(steep: np.ndarray, flat: np.ndarray, largest: float) -> str | None:
    """What rectifier has such slopes, from zero to ever farther out, on its two sides."""
    is_off = not flat.any()
    if _is_straight(steep):
        share = flat / steep[0]
        if is_off:
            return "relu"
        if _is_straight(flat) and 0 < share[0] < 1 - CLOSE:
            return "leaky"
        falls = share[:-1] > share[1:] * (1 + CLOSE)
        # an exponential that tends to a number, f(-10⁵) = f(-10⁴)
        is_bounded = np.isclose(share[-1] * 10, share[-2], rtol=CLOSE)
        return "elu" if (share > 0).all() and falls.all() and is_bounded else None
    is_bounded = np.isclose(steep[-1] * 10, steep[-2], rtol=CLOSE)
    is_clip = (
        is_off and is_bounded and _is_straight(steep[:2]) and np.isclose(abs(steep[0]), largest)
    )
    return "clip" if is_clip else None


def _is_straight(slopes: np.ndarray) -> bool:
    return bool(slopes[0] and np.allclose(slopes, slopes[0], rtol=CLOSE, atol=0))

"""Batch normalisations that are merged into the layer before them, or else into that behind.

Where nothing else reads what is between them, the two are one linear layer; a rule that looked at
them one by one would share out by weights that never act alone, and lose what the bias takes twice.
"""

from __future__ import annotations

from ...graph.kinds import WEIGHTED, Kind
from ...graph.node import Entry, Node
from ...graph.structure import Structure
from ...support.caches import Cache
from .layer import Norm


class Merged(Cache[None, "dict[int, Norm]"]):
    """Those of a graph that are behind their layers."""

    def __init__(self) -> None:
        super().__init__(1)


class MergedInFront(Cache[None, "dict[int, Node]"]):
    """Those that are in front of their layers."""

    def __init__(self) -> None:
        super().__init__(1)


def merged(graph: Structure) -> dict[int, Norm]:
    """Layer → the normalisation that is merged into it."""
    return graph.cache(Merged).get(None, lambda: dict(_found(graph)))


def merged_in_front(graph: Structure) -> dict[int, Node]:
    """Layer → the normalisation in front of it that is merged into it."""
    return graph.cache(MergedInFront).get(None, lambda: dict(_found_in_front(graph)))


def _found_in_front(graph: Structure) -> list[tuple[int, Node]]:
    behind = {norm.node.index for norm in merged(graph).values()}
    found = []
    for node in graph.live_nodes:
        if (
            node.operator.kind is Kind.BATCH_NORM
            and node.index not in behind
            and not _varies(graph, node.inputs[1:5])
        ):
            layer = _layer_behind(graph, node)
            if layer is not None:
                found.append((layer, node))
    return found


def _layer_behind(graph: Structure, norm: Node) -> int | None:
    """The layer that alone reads what a normalisation gives."""
    axis, node = norm.whole("axis", 1), norm
    while node.index not in graph.branch_points and graph.readers[node.index]:
        (source, node) = node, graph.nodes[next(iter(graph.readers[node.index]))]
        if node.inputs[0] != (source.index, 0):
            return None
        if node.operator.kind in WEIGHTED:
            is_its_own = _reads_axis(node, axis) and not _varies(graph, node.inputs[1:])
            return node.index if is_its_own else None
        if node.op == "transpose":
            axes = [int(one) for one in node.numbers("axes", ())]
            if not axes or not -len(axes) <= axis < len(axes):
                return None
            axis = axes.index(axis % len(axes))
        elif not (node.op == "slice_axis" and node.role != node.op):
            return None
    return None


def _reads_axis(layer: Node, axis: int) -> bool:
    """Whether the channels that a layer reads lie along an axis of its input."""
    if layer.operator.kind is Kind.DENSE and not layer.flag("flatten", True):
        return axis == -1
    return axis == 1


def _found(graph: Structure) -> list[tuple[int, Norm]]:
    found = []
    for node in graph.live_nodes:
        if node.operator.kind is Kind.BATCH_NORM and not _varies(graph, node.inputs[1:5]):
            layer, is_adjacent = _layer_before(graph, node)
            if layer is not None:
                found.append((layer, Norm(node, (node.index, 0) if is_adjacent else None)))
    return found


def _varies(graph: Structure, entries: tuple[Entry, ...]) -> bool:
    return any(entry[0] in graph.data_dependent or entry in graph.inputs for entry in entries)


def _layer_before(graph: Structure, norm: Node) -> tuple[int | None, bool]:
    """The layer whose output a normalisation reads, if it alone does; and whether directly."""
    axis, entry = norm.whole("axis", 1), norm.inputs[0]
    is_adjacent = True
    while True:
        node = graph.nodes[entry[0]]
        if node.is_variable or entry[0] in graph.branch_points:
            return None, False
        if node.operator.kind in WEIGHTED:
            is_its_own = _is_its_axis(node, axis) and not _varies(graph, node.inputs[1:])
            return (node.index, is_adjacent) if is_its_own else (None, False)
        if node.op == "transpose":
            axes = node.numbers("axes")
            if not axes or not -len(axes) <= axis < len(axes):
                return None, False
            axis, is_adjacent = int(axes[axis]), False
        elif not (node.op == "slice_axis" and node.is_internal):  # a copy in the plain layout
            return None, False
        entry = node.inputs[0]


def _is_its_axis(layer: Node, axis: int) -> bool:
    """Whether the channels that a layer makes lie along an axis of its output."""
    if layer.operator.kind is not Kind.DENSE:
        return axis == 1
    return axis == -1 or (axis == 1 and layer.flag("flatten", True))

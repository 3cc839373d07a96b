"""Where the way of a gradient through a graph ends, and what to say of it."""

from __future__ import annotations

from typing import Sequence

from .node import Entry, Node
from .structure import Structure

_NAMED = 3


def blockers(graph: Structure, point: Entry, heads: Sequence[Entry]) -> list[Node]:
    """The operators between a value and `heads` that let no gradient back to it.

    Each reads something that a gradient comes back from, and lets none through to it.

    Args:
        point: the value that a gradient should come back to.
        heads: the values that it starts from.
    """
    reached = graph.differentiable([point])
    between = graph.descendants([point]) & graph.ancestors(heads)
    return [
        graph.nodes[index]
        for index in sorted(between - reached)
        if any(entry == point or entry[0] in reached for entry in graph.nodes[index].inputs)
    ]


def arrivals(graph: Structure, heads: Sequence[Entry]) -> set[Entry]:
    """The values that a gradient gets to from one of `heads`."""
    found = set(heads)
    made = {index for index, _ in heads}
    for node in reversed(graph.live_nodes):
        if node.index in made:
            found.update(node.differentiable_inputs)
            made.update(index for index, _ in node.differentiable_inputs)
    return found


def told(graph: Structure, point: Entry, heads: Sequence[Entry]) -> str:
    """Which operators stop the gradient, and what can be done, for the end of a message."""
    found = blockers(graph, point, heads)
    if not found:
        return "nothing of it depends on that value"
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    named = ", ".join(f"{node.role} {node.name!r}" for node in found[:_NAMED])
    said = (
        f"{named}{more} {'let' if len(found) > 1 else 'lets'} none through. Methods that try other "
        "inputs need none: occlusion, rise, lime, kernel_shap"
    )
    if any(node.operator.is_int8 for node in found):
        said += "; gradcam_mx.load(…, dequantize=True) gives a float twin of an int8 network"
    return said

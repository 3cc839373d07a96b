"""The head that CAM needs: a global average pool, then one Dense layer."""

from __future__ import annotations

from typing import Mapping, NamedTuple

from ..errors import NetworkError
from .kinds import Kind
from .layers import Map, name_of
from .layout import channel_axis
from .node import Entry, Node, Shape
from .operators import operator
from .structure import Structure


class DenseHead(NamedTuple):
    """Where the head is."""

    map: Map
    """The layer that is pooled."""
    weight: str
    """The name of the Dense layer's weight."""


def find(graph: Structure, head: Entry, shapes: Mapping[Entry, Shape]) -> DenseHead:
    """The head that makes the value at `head`.

    Raises:
        NetworkError: the net ends in something else; the message names it.
    """
    node = graph.nodes[head[0]]
    if node.operator.kind is not Kind.DENSE:
        raise _refusal(node, "a Dense layer")
    weight = graph.nodes[node.inputs[1][0]]
    entry = node.inputs[0]
    while graph.nodes[entry[0]].operator.keeps_features:
        entry = graph.nodes[entry[0]].inputs[0]
    pool = graph.nodes[entry[0]]
    point = pool.inputs[0] if pool.inputs else entry
    if not weight.is_variable or not _averages_all(graph, pool, point, shapes):
        raise _refusal(pool, "a global average pool before the Dense layer")
    channels = shapes[point][channel_axis(graph, point, shapes)]
    if shapes[point][0] != shapes[head][0] or shapes[node.inputs[1]][1] != channels:
        raise _refusal(node, f"a Dense layer of the {channels} channels that are pooled")
    while graph.nodes[point[0]].is_internal:
        point = graph.nodes[point[0]].inputs[0]
    where = Map(point, name_of(graph, point), channel_axis(graph, point, shapes))
    return DenseHead(where, weight.name)


def _averages_all(
    graph: Structure, node: Node, point: Entry, shapes: Mapping[Entry, Shape]
) -> bool:
    """Whether a node is the mean over all positions of a map."""
    if len(shapes.get(point, ())) < 3:
        return False
    axis = channel_axis(graph, point, shapes)
    positions = [place for place in range(1, len(shapes[point])) if place != axis]
    if node.operator.kind is Kind.MEAN:
        return sorted(one % len(shapes[point]) for one in node.numbers("axis")) == positions
    if node.operator.kind is not Kind.POOLING or node.text("pool_type", "max") != "avg":
        return False
    return node.flag("global_pool", False) or (
        not any(node.numbers("pad"))
        and list(node.numbers("kernel")) == [shapes[point][place] for place in positions]
    )


def _refusal(found: Node, expected: str) -> NetworkError:
    kind = found.role
    if operator(kind).kind is Kind.POOLING:
        kernel = found.numbers("kernel") or None
        kind += f", {found.text('pool_type', 'max')}, kernel {kernel}"
    return NetworkError(
        f"CAM needs a net that ends in a global average pool and one Dense layer; expected "
        f"{expected}, found {found.name!r} ({kind}). grad_cam explains any net, and gives "
        "the same map up to a constant where both apply"
    )

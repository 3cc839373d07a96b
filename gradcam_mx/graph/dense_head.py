"""The head that CAM needs: a global average pool, then one Dense layer."""

from __future__ import annotations

import ast
from typing import Mapping, NamedTuple

from ..errors import NetworkError
from .layout import channel_axis
from .node import Entry, Node, Shape
from .structure import Structure

_PASSED = {"Flatten", "Reshape", "_np_reshape", "_npx_reshape", "_copy", "squeeze", "transpose"}


class DenseHead(NamedTuple):
    """Where the head is."""

    point: Entry
    """The map that is pooled."""
    weight: str
    """The name of the Dense layer's weight."""


def find(graph: Structure, head: Entry, shapes: Mapping[Entry, Shape]) -> DenseHead:
    """The head that makes the value at `head`.

    Raises:
        NetworkError: the net ends in something else; the message names it.
    """
    node = graph.nodes[head[0]]
    if node.op != "FullyConnected":
        raise _refusal(node, "a Dense layer")
    weight = graph.nodes[node.inputs[1][0]]
    entry = node.inputs[0]
    while graph.nodes[entry[0]].op in _PASSED:
        entry = graph.nodes[entry[0]].inputs[0]
    pool = graph.nodes[entry[0]]
    point = pool.inputs[0] if pool.inputs else entry
    if not weight.is_variable or not _averages_all(graph, pool, point, shapes):
        raise _refusal(pool, "a global average pool before the Dense layer")
    while graph.nodes[point[0]].is_internal:
        point = graph.nodes[point[0]].inputs[0]
    return DenseHead(point, weight.name)


def _averages_all(
    graph: Structure, node: Node, point: Entry, shapes: Mapping[Entry, Shape]
) -> bool:
    """Whether a node is the mean over all positions of a map."""
    if len(shapes.get(point, ())) < 3:
        return False
    axis = channel_axis(graph, point, shapes)
    positions = [place for place in range(1, len(shapes[point])) if place != axis]
    if node.op in ("mean", "_npi_mean"):
        axes = ast.literal_eval(node.attrs.get("axis", "()"))
        axes = axes if isinstance(axes, tuple) else (axes,)
        return sorted(one % len(shapes[point]) for one in axes) == positions
    if node.op != "Pooling" or node.attrs.get("pool_type") != "avg":
        return False
    pads = ast.literal_eval(node.attrs.get("pad", "()"))
    kernel = ast.literal_eval(node.attrs.get("kernel", "()"))
    return node.attrs.get("global_pool") in ("True", "1") or (
        not any(pads) and list(kernel) == [shapes[point][place] for place in positions]
    )


def _refusal(found: Node, expected: str) -> NetworkError:
    kind = found.role
    if kind == "Pooling":
        kind += f", {found.attrs.get('pool_type', 'max')}, kernel {found.attrs.get('kernel')}"
    return NetworkError(
        f"CAM needs a net that ends in a global average pool and one Dense layer; expected "
        f"{expected}, found {found.name!r} ({kind}). grad_cam explains any net, and gives "
        "the same map up to a constant where both apply"
    )

"""A network in words: its input and outputs, its layers, how large it is."""

from __future__ import annotations

from typing import Sequence

from ...graph.graph import Graph
from ...graph.trace import Net
from ..provenance import Record

_LAYERS = 400
"""So many layers are listed."""


def called(net: Net) -> str:
    """What a net is called: by its class; one of files has none.

    Args:
        net: as `gm.report` takes it.
    """
    block = net.own.named() if isinstance(net, Graph) else net
    if block is None or isinstance(block, tuple):
        return "a network from files"
    return type(block).__name__


def net_record(name: str, graph: Graph, shape: Sequence[int]) -> Record:
    """What a report says of a network.

    Args:
        name: what it is called.
        graph: it.
        shape: of one input, (C, H, W).
    """
    shape = (1, *shape)
    layers = graph.layers(shape)
    sizes = [_size(one) for one in graph.parameters.shapes().values()]
    shapes = graph.shapes(shape)
    return {
        "name": name,
        "input": list(shape[1:]),
        "outputs": [
            {"name": name, "shape": list(shapes[one.point][1:])}
            for name, one in zip(graph.output_names, graph.outputs)
            if one.point in shapes
        ],
        "arrays": len(sizes),
        "parameters": sum(sizes),
        "operators": sum(one.op != "null" for one in graph.live_nodes),
        "layers": len(layers),
        "default_layer": next((one.name for one in layers if one.is_default), None),
        "listed": [
            {"name": one.name, "op": one.op, "shape": list(one.shape), "is_default": one.is_default}
            for one in layers[:_LAYERS]
        ],
    }


def _size(shape: tuple[int, ...]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found

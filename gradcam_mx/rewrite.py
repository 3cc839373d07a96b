"""A traced graph into an equivalent one that runs anywhere and hides nothing from the rules.

- The ReLU inside a fused operator becomes a node of its own, for a rule to act on.
- A convolution or pooling that keeps the channels last (NHWC) runs with the channels first between
  two transpositions: MXNet 1.9.1 has no such convolution on CPU (measured: it fails when it runs).
- Floating-point types inside the graph become the one that it is computed in.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Sequence

from .parameters import FLOATS

Description = Dict[str, Any]
"""The graph, or a node of it, as a Symbol's JSON has it. A node's `role` is the operator that it
stands for, where that is not the one it runs."""

INTERNAL = "internal"
"""The role of nodes that stand for no operator of the net."""

Entries = List[List[int]]

_FUSED = "_contrib_BatchNormWithReLU"
_CHANNELS_FIRST = {"NWC": "NCW", "NHWC": "NCHW", "NDHWC": "NCDHW"}


def rewrite(graph: Description, dtype: str) -> Description:
    """The equivalent of `graph`, whose numbers are of the floating-point type `dtype`."""
    nodes: list[Description] = []
    places: list[int] = []

    def moved(entries: Entries) -> Entries:
        return [[places[entry[0]], *entry[1:]] for entry in entries]

    for node in graph["nodes"]:
        nodes.extend(_expanded({**node, "inputs": moved(node["inputs"])}, len(nodes), dtype))
        places.append(len(nodes) - 1)
    return {**graph, "nodes": nodes, "heads": moved(graph["heads"])}


def _expanded(node: Description, start: int, dtype: str) -> Iterator[Description]:
    """The nodes that do what one node does, the last of them in its place; `start` is the first's
    number."""
    attrs = node.get("attrs", {})
    if node["op"] == _FUSED:
        yield {**node, "op": "BatchNorm", "name": f"{node['name']}_norm"}
        yield {"op": "Activation", "name": node["name"], "attrs": {"act_type": "relu"},
               "inputs": [[start, 0, 0]]}
    elif attrs.get("layout") in _CHANNELS_FIRST:
        yield from _channels_first(node, start)
    elif node["op"] != "null" and attrs.get("dtype") in FLOATS:
        yield {**node, "attrs": {**attrs, "dtype": dtype}}
    else:
        yield node


def _channels_first(node: Description, start: int) -> Iterator[Description]:
    layout = _CHANNELS_FIRST[node["attrs"]["layout"]]
    last = len(layout) - 1
    first, back = (0, last, *range(1, last)), (0, *range(2, last + 1), 1)
    name = node["name"]
    arrays = node["inputs"][:2]     # the input and the kernel; a bias has no positions
    for number, entry in enumerate(arrays):
        yield _transposition(f"{name}_in{number}", entry, first)
    turned = [[start + number, 0, 0] for number in range(len(arrays))]
    yield {**node, "name": f"{name}_{layout.lower()}", "attrs": {**node["attrs"], "layout": layout},
           "inputs": [*turned, *node["inputs"][2:]], "role": INTERNAL}
    yield {**_transposition(name, [start + len(arrays), 0, 0], back), "role": node["op"]}


def _transposition(name: str, entry: Sequence[int], axes: Sequence[int]) -> Description:
    return {"op": "transpose", "name": name, "attrs": {"axes": str(tuple(axes))},
            "inputs": [list(entry)], "role": INTERNAL}

"""Fused operators as the operators that they were made of, so that nothing is hidden in them.

`Symbol.get_backend_symbol` and its kin make one node of several and keep these as its subgraph:
oneDNN's `_sg_mkldnn_conv` is a convolution with the batch normalisation, the sum and the activation
behind it. MXNet 1.9.1 gives no gradient through it (measured: zeros); through its parts, it does.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence, Tuple

from .attributes import Attributes
from .operators import operator

Description = Dict[str, Any]
"""The graph, or a node of it, as a Symbol's JSON has it."""

Place = Tuple[int, int]
"""(index of a node, which of its outputs)."""


class Places(Dict[Place, Place]):
    """Where the values of a graph are in another that is made of it."""

    def of(self, entry: Sequence[int]) -> list[int]:
        """The entry in the other graph; outputs that were not put follow the first."""
        index, which, *_ = entry
        at, output = self.get((index, which), (self[index, 0][0], which))
        return [at, output, *entry[2:]]


def unfused(graph: Mapping[str, Any]) -> Description:
    """The equivalent of a graph in which each fused operator is replaced by its parts.

    Those keep the names that they had before they were fused.
    """
    nodes: list[Description] = []
    places = Places()
    for index, node in enumerate(graph["nodes"]):
        node = {**node, "inputs": [places.of(entry) for entry in node["inputs"]]}
        if _is_fused(node):
            made = put(nodes, node)
            places.update({(index, which): place for which, place in enumerate(made)})
        else:
            places[index, 0] = len(nodes), 0
            nodes.append(node)
    return {**graph, "nodes": nodes, "heads": [places.of(entry) for entry in graph["heads"]]}


def _is_fused(node: Description) -> bool:
    """Whether a node does nothing but what its one subgraph says."""
    return len(node.get("subgraphs", ())) == 1 and not operator(node["op"]).keeps_subgraphs(
        Attributes.of(node)
    )


def put(nodes: list[Description], fused: Description) -> list[Place]:
    """Append the parts of a fused node to the nodes of a graph; the places of its outputs."""
    inner = unfused(fused["subgraphs"][0])
    # its variables, in their order, stand for the first of the node's inputs
    given = iter(fused["inputs"])
    places = Places()
    for index, node in enumerate(inner["nodes"]):
        if node["op"] == "null":
            at, which, *_ = next(given)
            places[index, 0] = at, which
        else:
            places[index, 0] = len(nodes), 0
            nodes.append({**node, "inputs": [places.of(entry) for entry in node["inputs"]]})
    return [(at, which) for at, which, *_ in map(places.of, inner["heads"])]

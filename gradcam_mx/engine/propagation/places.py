"""Which linear layers of a graph come first and last, and what lies behind them."""

from __future__ import annotations

from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from .operators import SUMS


def first_layers(graph: Structure) -> frozenset[int]:
    """The linear layers that no other one comes before."""
    layers = _layers(graph)
    behind = graph.descendants([(index, 0) for index in layers])
    return frozenset(layers - behind)


def last_layers(graph: Structure) -> frozenset[int]:
    """The linear layers that no other one comes behind."""
    return frozenset(_layers(graph) - _before_layers(graph))


def last_sums(graph: Structure) -> frozenset[int]:
    """The sums and averages of what linear layers give, that no linear layer comes behind."""
    behind = graph.descendants([(index, 0) for index in _layers(graph)])
    return frozenset(
        index
        for index in behind - _before_layers(graph)
        if graph.nodes[index].op in SUMS and passage(graph.nodes[index]) is Passage.AFFINE
    )


def _layers(graph: Structure) -> set[int]:
    return {node.index for node in graph.live_nodes if passage(node) is Passage.LAYER}


def _before_layers(graph: Structure) -> set[int]:
    """The nodes that linear layers are computed from."""
    return graph.ancestors(
        [entry for index in _layers(graph) for entry in graph.nodes[index].inputs]
    )

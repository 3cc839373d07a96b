"""The convolutions of a net, and which input of the net each looks at."""

from __future__ import annotations

from typing import Iterator, Mapping, NamedTuple

from .kinds import Kind
from .node import Entry, Node, Shape
from .structure import Structure


class Convolution(NamedTuple):
    """A convolution of a net."""

    node: Node
    axes: int
    """How many axes of positions it has: 2 of pictures."""
    source: Entry
    """The value whose channels it looks at: what it reads, or what a net does not do more to than
    to shift, scale, pad or pool it before; an input of the net, of a net's first convolution."""
    channels: int
    """How many they are; 0 if the shape of its kernel is not known."""


def convolutions(graph: Structure, kernels: Mapping[str, Shape]) -> Iterator[Convolution]:
    """The convolutions of a net in the order they run.

    Args:
        graph: the net's.
        kernels: the name of a parameter → its shape, of those whose shape is known.
    """
    for node in graph.live_nodes:
        if node.operator.kind is Kind.CONVOLUTION:
            source = node.inputs[0]
            while graph.nodes[source[0]].operator.keeps_channels:
                source = graph.nodes[source[0]].inputs[0]
            _, of_a_group, *_ = kernels.get(graph.nodes[node.inputs[1][0]].name, (0, 0))
            channels = of_a_group * node.whole("num_group", 1)
            yield Convolution(node, len(node.numbers("kernel")), source, channels)

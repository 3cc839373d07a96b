"""Which axis of a value holds the channels: the last one in nets that keep them last (NHWC)."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from .kinds import Channels, Kind
from .node import Entry, Node, Shape
from .structure import Structure


def channel_axis(graph: Structure, entry: Entry, shapes: Mapping[Entry, Shape]) -> int:
    """The axis of the channels: as the nearest operator that knows it has it, else 1.

    It looks up and down the graph through operators that leave the shape as it is and through
    transpositions. Channels are at axis 1, at the last, or behind the frames of a clip: a net that
    exchanges rows and columns, or rows and channels, does not keep them elsewhere.
    """
    rank = len(shapes[entry])
    found = _found_axis(graph, entry, shapes, rank)
    return found if found in (1, rank - 1) or (found, rank) == (2, 5) else 1


def _found_axis(graph: Structure, entry: Entry, shapes: Mapping[Entry, Shape], rank: int) -> int:
    start = tuple(range(rank))
    waiting: list[tuple[int, tuple[int, ...]]] = [(entry[0], start)]
    seen = set()
    while waiting:
        # `axes`: for each axis of this node's output, the axis of `entry` that it is
        index, axes = waiting.pop(0)
        if index in seen:
            continue
        seen.add(index)
        node = graph.nodes[index]
        known = _channels_of_output(node)
        if known is not None:
            return axes[known]
        order = np.argsort(_axes(node, rank)) if _transposes(node) else start
        waiting += [
            (one[0], tuple(axes[place] for place in order))
            for one in node.inputs[:1]
            if _goes_on(graph, node, one, (index, 0), shapes)
        ]
        for reader in graph.readers[index]:
            after = graph.nodes[reader]
            if after.operator.channels is Channels.SECOND and after.inputs[0][0] == index:
                return axes[1]
            if _goes_on(graph, after, (index, 0), (reader, 0), shapes):
                turned = _axes(after, rank) if _transposes(after) else start
                waiting.append((reader, tuple(axes[place] for place in turned)))
    return 1


def channels_first(values: np.ndarray, channel_axis: int, back: bool = False) -> np.ndarray:
    """Values with the channels at axis 1; with `back`, from there to their own axis."""
    if values.ndim < 3 or channel_axis == 1:
        return values
    return np.moveaxis(values, *((1, channel_axis) if back else (channel_axis, 1)))


def shape_channels_first(shape: Sequence[int], channel_axis: int) -> tuple[int, ...]:
    """A shape with the channels at axis 1."""
    if len(shape) < 3:
        return tuple(shape)
    others = [size for axis, size in enumerate(shape) if axis not in (0, channel_axis)]
    return shape[0], shape[channel_axis], *others


def _channels_of_output(node: Node) -> int | None:
    if node.operator.channels is Channels.AT_AXIS:
        return node.whole("axis", 1)
    return 1 if node.operator.channels is Channels.SECOND else None


def _transposes(node: Node) -> bool:
    return node.operator.kind is Kind.TRANSPOSITION


def _goes_on(
    graph: Structure, node: Node, source: Entry, result: Entry, shapes: Mapping[Entry, Shape]
) -> bool:
    """Whether a node has the same axes at its input and its output, or the same ones turned."""
    if node.is_variable or source not in shapes or result not in shapes:
        return False
    if _transposes(node):
        return True
    return shapes[source] == shapes[result]


def _axes(node: Node, rank: int) -> Sequence[int]:
    return [axis % rank for axis in node.numbers("axes") or range(rank)[::-1]]

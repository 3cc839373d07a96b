"""Which axis of a value holds the channels: the last one in nets that keep them last (NHWC)."""

from __future__ import annotations

import ast
from typing import Mapping, Sequence

import numpy as np

from .node import Entry, Node, Shape
from .structure import Structure

# They say where their channels are; in a graph that was rewritten, always in the place of axis 1.
_SPATIAL = {"Convolution", "Deconvolution", "Pooling", "UpSampling", "InstanceNorm", "GroupNorm"}
_TRANSPOSITIONS = {"transpose", "_np_transpose"}


def channel_axis(graph: Structure, entry: Entry, shapes: Mapping[Entry, Shape]) -> int:
    """The axis of the channels: as the nearest operator that knows it has it, else 1.

    It looks up and down the graph through operators that leave the shape as it is and through
    transpositions.
    """
    rank = len(shapes[entry])
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
        order = np.argsort(_axes(node, rank)) if node.op in _TRANSPOSITIONS else start
        waiting += [
            (one[0], tuple(axes[place] for place in order))
            for one in node.inputs[:1]
            if _goes_on(graph, node, one, (index, 0), shapes)
        ]
        for reader in graph.readers[index]:
            after = graph.nodes[reader]
            if after.op in _SPATIAL and after.inputs[0][0] == index:
                return axes[1]
            if _goes_on(graph, after, (index, 0), (reader, 0), shapes):
                turned = _axes(after, rank) if after.op in _TRANSPOSITIONS else start
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
    if node.op in _SPATIAL:
        return 1
    if node.op == "BatchNorm":
        return int(node.attrs.get("axis", "1"))
    return None


def _goes_on(
    graph: Structure, node: Node, source: Entry, result: Entry, shapes: Mapping[Entry, Shape]
) -> bool:
    """Whether a node has the same axes at its input and its output, or the same ones turned."""
    if node.is_variable or source not in shapes or result not in shapes:
        return False
    if node.op in _TRANSPOSITIONS:
        return True
    return shapes[source] == shapes[result]


def _axes(node: Node, rank: int) -> Sequence[int]:
    axes = ast.literal_eval(node.attrs.get("axes", "()")) or range(rank)[::-1]
    return [axis % rank for axis in axes]

"""What a unit sees: exactly those positions of the input that its activation depends on.

The graph is walked back from the unit. At each value stands a mask of the positions (and channels)
that count; each operator turns the mask of its output into masks of its inputs (`masks.Step`).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from ..errors import LayerError
from ..graph.graph import Graph
from ..graph.layers import Map, find
from ..graph.layout import channel_axis
from ..graph.node import Entry, Shape
from ..graph.trace import Net, trace
from ..support.arrays import is_whole
from ..support.boundary import told
from ..support.boxes import Box, box_of
from .masks import Step


def check_positions(layer: Any, shape: Shape) -> None:
    """Refuse a layer whose values have no positions.

    Raises:
        LayerError: it is such a layer.
    """
    if len(shape) < 3:
        raise LayerError(f"the layer {layer!r} gives {shape}, which has no positions")


@told
def receptive_field(
    net: Net, layer: Any, shape: Sequence[int], position: Sequence[int], channel: int | None = None
) -> Box | None:
    """The smallest box of the input's positions that a unit of a layer depends on.

    It is exact at the borders, through strides, pads, dilations and branches. Luo et al. 2016,
    arXiv:1701.04128, call it the theoretical receptive field.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); it has to be traceable.
        layer: a Block, a dotted path, a block's name, or the name of an output.
        shape: of the input, (1, C, H, W).
        position: of the unit in the layer's output, (row, column).
        channel: the unit's; by default any, which matters where branches are concatenated.

    Returns:
        A slice of rows and one of columns; None if the unit sees nothing but padding.

    Raises:
        LayerError: no such layer, or it has no such unit.
        InputError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm
        >>> from mxnet.gluon.model_zoo import vision
        >>> gm.inspect.receptive_field(vision.vgg16(), "features.28", (1, 3, 224, 224), (7, 7))
        (slice(22, 218, None), slice(22, 218, None))
    """
    return ReceptiveField.of(trace(net), layer, tuple(shape)).box(tuple(position), channel)


class ReceptiveField:
    """What the units of one layer see, for inputs of one shape; what it worked out is kept.

    Args:
        graph: of the net.
        shapes: of all values, for an input of that shape.
        layer: whose units they are.
        source: the input.
    """

    def __init__(
        self, graph: Graph, shapes: Mapping[Entry, Shape], layer: Map, source: Map
    ) -> None:
        self._graph, self._shapes, self._layer, self._source = graph, shapes, layer, source
        way = graph.differentiable([source.point]) & graph.ancestors([layer.point])
        self._way = sorted(way, reverse=True)
        self._known: dict[Any, Box | None] = {}
        self._alike: dict[Any, np.ndarray] = {}
        self._steps: dict[int, Step] = {}

    @classmethod
    def of(cls, graph: Graph, layer: Any, shape: Shape) -> ReceptiveField:
        """That of a layer, as callers name it, for an input of a shape (1, C, H, W)."""
        graph = graph.unrolled(shape)
        shapes = graph.shapes(shape)
        entry, name = find(graph, layer, shapes, graph.heads[:1])
        check_positions(name, shapes[entry])
        source = graph.input(None)
        return cls(
            graph,
            shapes,
            Map(entry, name, channel_axis(graph, entry, shapes)),
            Map(source, graph.nodes[source[0]].name, channel_axis(graph, source, shapes)),
        )

    def box(self, position: Sequence[int], channel: int | None = None) -> Box | None:
        """The smallest box of the input around what a unit sees; None if it sees nothing of it.

        Raises:
            LayerError: there is no such unit.
        """
        key = (tuple(position), channel)
        if key not in self._known:
            self._known[key] = box_of(self.mask(position, channel))
        return self._known[key]

    def mask(self, position: Sequence[int], channel: int | None = None) -> np.ndarray:
        """(H, W) bool: which of the input's positions a unit sees.

        Raises:
            LayerError: there is no such unit.
        """
        seen = {self._layer.point: self._unit(position, channel)}
        key = None
        for index in self._way:
            if key is None and len(seen) == 1 and len(*seen.values()) == 1:
                # past the first convolution, units of many channels see alike
                ((entry, mask),) = seen.items()
                key = entry, mask.tobytes()
                if key in self._alike:
                    return self._alike[key]
            made = {entry: seen.pop(entry) for entry in list(seen) if entry[0] == index}
            for (_, which), mask in made.items():
                for entry, before in self._step(index).back(which, mask):
                    seen[entry] = seen[entry] | before if entry in seen else before
        shape = self._shapes[self._source.point][1:]
        mask = seen.get(self._source.point, np.zeros(shape, bool))
        found = np.broadcast_to(mask, shape).any(axis=self._source.channel_axis - 1)
        if key is not None:
            self._alike[key] = found
        return found

    def channels_first(self, row: np.ndarray) -> np.ndarray:
        """An input without its axis of samples, with its channels at the first axis."""
        return np.moveaxis(row, self._source.channel_axis - 1, 0)

    def _unit(self, position: Sequence[int], channel: int | None) -> np.ndarray:
        """The mask of the unit itself, at the layer."""
        shape = self._shapes[self._layer.point]
        mask = np.zeros(shape[1:], bool)
        channels = np.moveaxis(mask, self._layer.channel_axis - 1, 0)
        wanted = (*(() if channel is None else (channel,)), *position)
        sizes = channels.shape if channel is not None else channels.shape[1:]
        if len(wanted) != len(sizes) or not all(
            is_whole(one) and 0 <= one < size for one, size in zip(wanted, sizes)
        ):
            raise LayerError(
                f"the layer {self._layer.name!r} has no unit at {tuple(position)}"
                f"{'' if channel is None else f' of channel {channel}'}: it gives "
                f"{tuple(shape)}"
            )
        place = (slice(None) if channel is None else channel, *position)
        channels[place] = True
        return mask

    def _step(self, index: int) -> Step:
        if index not in self._steps:
            self._steps[index] = Step(
                self._graph, self._shapes, self._graph.nodes[index], self._source.point
            )
        return self._steps[index]

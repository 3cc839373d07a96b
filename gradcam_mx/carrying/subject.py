"""What of a net is carried: the scores, the layer, and where both are in its own symbol."""

from __future__ import annotations

from typing import Any, Sequence

from ..errors import InputError, LayerError, NetworkError, TargetError
from ..graph import dense_head
from ..graph.graph import Graph
from ..graph.layers import Map, find_map
from ..graph.layout import channel_axis
from ..graph.node import Entry, Shape
from ..graph.outputs import Output, holds_classes, is_single
from ..graph.picture_input import input_shape as written_shape
from ..graph.trace import Net, trace
from .sketch import Sketch


class Subject:
    """A net of one input and one output of class scores, and a layer of it.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        input_shape: of its input.
        layer: a layer; the default one by default.
        differentiably: whether a gradient has to get there.
        pooled: whether the default layer is the one that a global average pool and one Dense layer
            make the scores of.

    Raises:
        NetworkError, LayerError, TargetError, InputError: what they say.
    """

    def __init__(
        self,
        net: Net,
        input_shape: Sequence[int] | None,
        layer: Any,
        differentiably: bool,
        pooled: bool,
    ) -> None:
        self.graph = trace(net)
        _check_kind(self.graph)
        self.input_shape = _shape(self.graph, input_shape)
        self.shapes = self.graph.shapes(self.input_shape)
        self.graph.finish_parameters(self.shapes)
        self._check_scores()
        self.map = self._map(layer, differentiably, pooled)
        self._check_map()

    def _map(self, layer: Any, differentiably: bool, pooled: bool) -> Map:
        if pooled and layer is None:
            return dense_head.find(self.graph, self.output.point, self.shapes).map
        return find_map(self.graph, layer, self.shapes, self.graph.heads, None, differentiably)

    @property
    def input(self) -> Map:
        """The net's input."""
        entry = self.graph.inputs[0]
        axis = channel_axis(self.graph, entry, self.shapes)
        return Map(entry, self.graph.input_names[0], axis)

    @property
    def output(self) -> Output:
        """The net's output."""
        return self.graph.outputs[0]

    @property
    def is_single(self) -> bool:
        """Whether the net gives one value a sample."""
        return is_single(self.shapes[self.output.point])

    @property
    def map_shape(self) -> Shape:
        """That of the layer's value."""
        return self.shapes[self.map.point]

    @property
    def positions(self) -> list[int]:
        """The axes of the layer's value that lie on the input."""
        axes = range(1, len(self.map_shape))
        return [axis for axis in axes if axis != self.map.channel_axis]

    @property
    def cells(self) -> tuple[int, ...]:
        """The size of the map."""
        return tuple(self.map_shape[axis] for axis in self.positions)

    @property
    def size(self) -> tuple[int, ...]:
        """The size of the net's input along the axes of the map."""
        axes = range(1, len(self.input_shape))
        return tuple(self.input_shape[axis] for axis in axes if axis != self.input.channel_axis)

    def own(self, entry: Entry) -> Entry:
        """Where a value is in the net's own symbol.

        Raises:
            NetworkError: it is nowhere there.
        """
        found = self.graph.twins.get(entry)
        if found is None:
            node = self.graph.nodes[entry[0]]
            raise NetworkError(
                f"the value of {node.name!r} ({node.role}) is inside a fused operator of the net: "
                "no other operator can read it. Export the net before it was fused"
            )
        return found

    def sketch(self, name: str) -> Sketch:
        """The net's own symbol, to add operators to.

        Args:
            name: what the names of all that is added begin with.
        """
        description, _ = self.graph.own.whole
        return Sketch(description, len(self.graph.outputs), name)

    def _check_scores(self) -> None:
        shape = self.shapes[self.output.point]
        if not holds_classes(shape):
            raise TargetError(
                f"the net's output {self.output.name!r} has the shape {shape}; expected a score of "
                "each class, (N, K): a heat map is carried of a class"
            )

    def _check_map(self) -> None:
        rows, samples = self.map_shape[0], self.input_shape[0]
        if rows != samples or len(self.input_shape) != len(self.map_shape):
            raise LayerError(
                f"the layer {self.map.name!r} gives {self.map_shape} for an input of shape "
                f"{self.input_shape}; expected one map of each sample, with the axes of the input"
            )


def _check_kind(graph: Graph) -> None:
    """Refuse nets of several inputs or outputs, and what is not computed in single precision.

    Raises:
        NetworkError: it is such a net.
    """
    int8 = [node for node in graph.live_nodes if node.operator.is_int8]
    if int8:
        raise NetworkError(
            f"the net computes in int8 ({int8[0].name!r} is {int8[0].op}), whose operators give no "
            "values that a heat map could be made of: export the net in floating point, such as "
            "gm.load(…, dequantize=True) makes of its files"
        )
    for what, names in (("input", graph.input_names), ("output", graph.output_names)):
        if len(names) != 1:
            raise NetworkError(
                f"the net has {len(names)} {what}s ({', '.join(names) or 'none'}); expected one: a "
                f"heat map is carried by nets of one input and one output"
            )
    if (graph.own.dtype, graph.own.coarsest) != ("float32", "float32"):
        raise NetworkError(
            f"the net computes in {graph.own.coarsest}; expected float32 throughout, in which "
            'heat maps are proved: net.cast("float32") makes such a net of a Block'
        )


def _shape(graph: Graph, given: Sequence[int] | None) -> Shape:
    if given is None:
        given = written_shape(graph)
        if not given or 0 in given[1:]:
            raise InputError(
                "the net does not say what shape its input has: pass input_shape=(N, C, H, W), "
                "such as (1, 3, 224, 224)"
            )
    shape = tuple(map(int, given))
    if len(shape) < 3 or min(shape[1:]) < 1:
        raise InputError(
            f"input_shape={tuple(given)}; expected (N, C, H, W), such as (1, 3, 224, 224)"
        )
    return max(1, shape[0]), *shape[1:]

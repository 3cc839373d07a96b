"""The graph of a black box: its inputs, its outputs, and one node between that stays shut."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NoReturn, Sequence

import numpy as np

from ..boxes.box import BlackBox, Ending
from ..errors import NetworkError
from ..support.caches import Cache
from .graph import Graph
from .layers import LayerTable
from .node import Entry, Shape, Shapes
from .outputs import Link, Output

_OP = "black_box"
"""The operator that stands for it, which MXNet does not know and so never runs."""
_SHAPES_KEPT = 8


class Sealed(Graph):
    """A black box, as all that takes the graph of a net takes it.

    It has no layers, no parameters and no gradients; its shapes are found by calling it.

    Args:
        box: it.
    """

    def __init__(self, box: BlackBox) -> None:
        self.box = box
        super().__init__(_described(box), box.output_names, {}, [one.name for one in box.takes])
        self.outputs = [
            Output(one.name, one.point, _link(box.ending(one.name))) for one in self.outputs
        ]
        self.own.named = lambda: box
        self._called: Cache[tuple[Shape, ...], Shapes] = Cache(_SHAPES_KEPT)

    def __reduce__(self) -> Any:
        return Sealed, (self.box,)

    @property
    def preprocess(self) -> Callable[[Any], Any] | None:
        """How photos are prepared for it, if that is known."""
        return self.box.preprocess

    def taking(self, count: int, points: Sequence[Entry] = ()) -> Graph:
        """It takes all of its inputs, whatever is explained; see `Graph.taking`."""
        return self

    def in_double(self) -> NoReturn:
        """Refused: what it computes in is its own.

        Raises:
            NetworkError: always.
        """
        self.refuse("types to compute in")

    def on(self, context: Any) -> Graph:
        """Where it computes is its own; see `Graph.on`."""
        return self

    def with_numbers(self, numbers: Mapping[str, np.ndarray]) -> NoReturn:
        """Refused: it has no parameters that are known.

        Raises:
            NetworkError: always.
        """
        self.refuse("parameters")

    def unrolled(self, *input_shapes: Shape) -> Graph:
        """There are no loops; see `Graph.unrolled`."""
        return self

    def shapes(self, *input_shapes: Shape) -> Shapes:
        """The shape of the inputs and outputs; it is called with zeros once for that.

        Raises:
            InputError: it does not take inputs of these shapes.
            NetworkError: it gives no row of numbers for each sample.
        """
        return self._called.get(input_shapes, lambda: self._call(input_shapes))

    def known(self, given: Sequence[np.ndarray], scores: Mapping[str, np.ndarray]) -> None:
        """Take notice of the shapes of a call, so that none is needed to learn them.

        Args:
            given: the inputs of the call.
            scores: what is explained of each output.
        """
        shapes = tuple(tuple(one.shape) for one in given)
        self._called.get(shapes, lambda: self._shapes_of(shapes, scores))

    def layers(self, *input_shapes: Shape) -> LayerTable:
        """There are none that are known; see `Graph.layers`."""
        return LayerTable()

    def refuse(self, what: str) -> NoReturn:
        """Say that it cannot be had of a black box.

        Args:
            what: was asked for.

        Raises:
            NetworkError: always.
        """
        raise NetworkError(
            f"{self.box.said} has no known {what}: nothing is known of it but what it gives"
        )

    def _call(self, input_shapes: tuple[Shape, ...]) -> Shapes:
        types = [one.dtype or "float32" for one in self.box.takes]
        zeros = [np.zeros(shape, dtype) for shape, dtype in zip(input_shapes, types)]
        return self._shapes_of(input_shapes, self.box.scores(*zeros))

    def _shapes_of(
        self, input_shapes: tuple[Shape, ...], scores: Mapping[str, np.ndarray]
    ) -> Shapes:
        found = dict(zip(self.inputs, input_shapes))
        found.update({one.point: tuple(scores[one.name].shape) for one in self.outputs})
        return Shapes(found, input_shapes)


def _described(box: BlackBox) -> dict[str, Any]:
    """It as a Symbol's JSON has graphs."""
    variables = [
        {"op": "null", "name": one.name, "attrs": _written(one.shape), "inputs": []}
        for one in box.takes
    ]
    places = range(len(variables))
    node = {"op": _OP, "name": box.name, "inputs": [[place, 0, 0] for place in places]}
    return {
        "nodes": [*variables, node],
        "arg_nodes": [*places],
        "heads": [[len(variables), which, 0] for which in range(len(box.output_names))],
    }


def _written(shape: Sequence[int | None] | None) -> dict[str, str]:
    """The shape of an input as the makers of nets write it; 0 is any size."""
    return {} if shape is None else {"__shape__": str((0, *(side or 0 for side in shape)))}


def _link(ending: Ending | None) -> Link | None:
    return None if ending is None else Link(ending.kind, ending.axis, ending.is_log)

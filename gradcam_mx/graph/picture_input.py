"""What pictures a net takes: how photos are prepared for it, how many channels, which sizes."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ..errors import InputError
from .convolutions import convolutions
from .graph import Graph
from .sealed import Sealed

Preprocess = Callable[[Any], Any]
"""From a photo (H, W, 3) uint8 RGB to the net's input, (1, C, h, w)."""


def preprocess_of(net: Any, given: Preprocess | None = None) -> Any:
    """How photos are prepared for a net: as given, or as the net's own `preprocess` does it, which
    the networks of `gm.zoo` have; None if that is not known."""
    return given if given is not None else getattr(net, "preprocess", None)


def channel_order(net: Any, given: Preprocess | None = None) -> str:
    """The order of the channels that it makes, "RGB" or "BGR"; "RGB" if that is not known."""
    return getattr(preprocess_of(net, given), "order", "RGB")


COMMON_SIZES = (224, 299, 256, 192, 160, 128, 112, 96, 64, 48, 32, 28)


class PictureInput(NamedTuple):
    """The input that a net's first convolution looks at."""

    name: str
    channels: int


def picture_input(graph: Graph) -> PictureInput | None:
    """The input that is a picture, (N, C, H, W); None if the graph does not tell."""
    for found in convolutions(graph, graph.parameters.shapes()):
        if found.source in graph.inputs and found.channels and found.axes == 2:
            return PictureInput(graph.nodes[found.source[0]].name, found.channels)
    for taken in graph.box.takes if isinstance(graph, Sealed) else ():
        if taken.shape is not None and len(taken.shape) == 3 and taken.shape[0]:
            return PictureInput(taken.name, taken.shape[0])
    return None


def common_sizes(graph: Graph, channels: int) -> list[int]:
    """The common sizes of square pictures that the net takes; nothing is computed but shapes."""
    return [size for size in COMMON_SIZES if fits(graph, (channels, size, size))]


def fits(graph: Graph, shape: tuple[int, ...]) -> bool:
    """Whether the net takes pictures of a shape (C, H, W)."""
    try:
        graph.shapes((1, *shape))
    except InputError:
        return False
    return True


def input_shape(graph: Graph) -> tuple[int, ...]:
    """The shape that was written for the net's input where it was made; () if none was."""
    found = picture_input(graph)
    return graph.variables[found.name].numbers("__shape__", ()) if found else ()

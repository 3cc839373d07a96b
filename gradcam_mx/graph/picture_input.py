"""What pictures a net takes: how photos are prepared for it, how many channels, which sizes."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ..errors import InputError
from .graph import Graph

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

# What nets do to their input before the first convolution; the channels stay what they are.
_KEEP_CHANNELS = {
    "BatchNorm",
    "Cast",
    "amp_cast",
    "_copy",
    "_plus_scalar",
    "_minus_scalar",
    "_mul_scalar",
    "_div_scalar",
    "broadcast_add",
    "broadcast_sub",
    "broadcast_mul",
    "broadcast_div",
    "clip",
    "Pad",
    "Pooling",
}


class PictureInput(NamedTuple):
    """The input that a net's first convolution looks at."""

    name: str
    channels: int


def picture_input(graph: Graph) -> PictureInput | None:
    """The input that is a picture, (N, C, H, W); None if the graph does not tell."""
    kernels = graph.parameters.shapes()
    for node in graph.live_nodes:
        if node.op == "Convolution":
            source = node.inputs[0]
            while graph.nodes[source[0]].op in _KEEP_CHANNELS:
                source = graph.nodes[source[0]].inputs[0]
            kernel = kernels.get(graph.nodes[node.inputs[1][0]].name, ())
            if source in graph.inputs and len(kernel) == 4:
                groups = int(node.attrs.get("num_group", "1"))
                return PictureInput(graph.nodes[source[0]].name, kernel[1] * groups)
    return None


def common_sizes(graph: Graph, channels: int) -> list[int]:
    """The common sizes of square pictures that the net takes; nothing is computed but shapes."""
    return [size for size in COMMON_SIZES if _takes(graph, (1, channels, size, size))]


def _takes(graph: Graph, shape: tuple[int, ...]) -> bool:
    try:
        graph.shapes(shape)
    except InputError:
        return False
    return True

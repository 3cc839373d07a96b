"""The border where channels change their axis.

Arrays of the net have their channels where the net keeps them; the numbers that everything outside
of the engine works with have them at axis 1. What crosses the border does so here.
"""

from __future__ import annotations

from typing import Any, Protocol, Sequence

import numpy as np

from .._mxnet import mx
from ..graph.layout import channels_first, shape_channels_first


class Place(Protocol):
    """A layer, an input or an output, which knows where its channels are."""

    @property
    def channel_axis(self) -> int: ...


def numbers_at(array: Any, place: Place) -> np.ndarray:
    """The numbers of an array of the net, with the channels at axis 1."""
    return channels_first(array.asnumpy(), place.channel_axis)


def arranged(numbers: np.ndarray, place: Place) -> np.ndarray:
    """Numbers with the channels at axis 1, as the net has them."""
    return channels_first(numbers, place.channel_axis, back=True)


def array_of(numbers: np.ndarray, place: Place, like: Any) -> Any:
    """Numbers with the channels at axis 1 as an array of the net, beside `like` and of its type."""
    return mx.nd.array(arranged(numbers, place), ctx=like.context, dtype=like.dtype)


def shape_of(shape: Sequence[int], place: Place) -> tuple[int, ...]:
    """The shape that numbers of an array of the net have."""
    return shape_channels_first(shape, place.channel_axis)

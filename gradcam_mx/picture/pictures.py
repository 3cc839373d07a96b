"""Pictures, and lists and tables of them, that show themselves in notebooks."""

from __future__ import annotations

import io
from typing import Any, Dict, List, TypeVar

import numpy as np
from PIL import Image

from ..support import html

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

SMALLEST = 96
"""The least length of the longer side of a picture that is shown; smaller ones are enlarged by
whole squares."""


class Picture(np.ndarray):
    """An array that shows itself in a notebook where it is a picture, (H, W) or (H, W, 3) uint8.

    In everything else it is the array that it is.
    """

    def __array_wrap__(self, array: Any, *context: Any) -> Any:
        # what is computed of a picture is no picture, and a mean is a number
        return np.asarray(array)[()]

    def _repr_png_(self) -> bytes | None:
        return png(self)

    def _repr_html_(self) -> str | None:
        found = png(self)
        return None if found is None else html.image(found)


def as_picture(array: Any) -> Picture:
    """The same array, which shows itself in a notebook; nothing is copied.

    Args:
        array: (H, W) or (H, W, 3) uint8, to be shown.
    """
    return np.asarray(array).view(Picture)


def png(array: np.ndarray) -> bytes | None:
    """A picture's file, to be shown; None for what is no picture.

    Args:
        array: (H, W) or (H, W, 3) uint8, or anything else.
    """
    is_rgb = array.ndim == 3 and array.shape[-1] == 3
    is_grey = array.ndim == 2 and array.shape[-1] > 4  # else a row of pixels
    if array.dtype != np.uint8 or 0 in array.shape or not (is_grey or is_rgb):
        return None
    larger = max(1, SMALLEST // max(array.shape[:2]))
    pixels = np.asarray(array).repeat(larger, axis=0).repeat(larger, axis=1)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return file.getvalue()


class ShownList(List[T]):
    """A list that shows what is in it side by side in a notebook."""

    def _repr_html_(self) -> str:
        return html.side_by_side(dict(enumerate(self)))


class ShownDict(Dict[K, V]):
    """A dictionary that shows what is in it side by side in a notebook."""

    def _repr_html_(self) -> str:
        return html.side_by_side(self)

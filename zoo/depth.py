"""Pictures whose numbers have more than eight bits, and may fill but a part of them."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from gradcam_mx.errors import PhotoError
from gradcam_mx.support.callers import caller_level

__all__ = ["checked_bits", "deep_colours", "eight_bits"]

_DEPTHS = (8, 10, 12, 14)
"""What cameras and scanners write into files of 16 bits."""
_ORIENTATION = 0x0112
_WHOLE = 16


def checked_bits(bits: int | None) -> int | None:
    """How many bits the numbers have, if that is what was said.

    Args:
        bits: 8 to 16, or None.

    Raises:
        PhotoError: it is no number of bits.
    """
    if bits is not None and not (
        isinstance(bits, (int, np.integer)) and _DEPTHS[0] <= bits <= _WHOLE
    ):
        raise PhotoError(f"bits={bits!r}; expected a whole number from {_DEPTHS[0]} to {_WHOLE}")
    return bits


def eight_bits(values: np.ndarray, bits: int | None) -> np.ndarray:
    """Numbers of so many bits (of 16, with a warning if it looks like fewer) as those of eight.

    Args:
        values: whole numbers of no sign.
        bits: how many they have; None for 16.

    Raises:
        PhotoError: they have more bits.
    """
    most = int(values.max())
    limit = 2 ** (bits or _WHOLE) - 1
    if most > limit:
        raise PhotoError(
            f"has values up to {most}, which is more than bits={bits} allows ({limit}): say how "
            "many bits its numbers have, or leave it out for 16"
        )
    if bits is None:
        _warn_if_dark(most)
    return np.round(values * (255 / limit)).astype(np.uint8)


def deep_colours(image: Image.Image, file: BinaryIO, bits: int | None) -> Image.Image:
    """A picture of 16 bits a colour, which Pillow has cut to the upper eight.

    Args:
        image: as Pillow has loaded it.
        file: that it is in.
        bits: how many its numbers have; None for 16, which are left as they are.

    Raises:
        PhotoError: they have more bits than was said, or cannot be read.
    """
    if bits is None:
        most = int(np.asarray(image.convert("RGB")).max())
        _warn_if_dark(most * 256 + 255 if most else 0)
        return image
    file.seek(0)
    values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise PhotoError("has 16 bits a colour in a way that is not known: save it as PNG")
    whole = Image.fromarray(eight_bits(values[..., 2::-1], bits))
    if image.mode[-1:] in ("A", "a"):
        whole.putalpha(image.getchannel("A"))
    whole.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    return whole


def _warn_if_dark(most: int) -> None:
    bits = next((depth for depth in _DEPTHS if 0 < most < 2**depth), None)
    if bits is not None:
        warnings.warn(
            f"a picture of 16 bits has no value above {2**bits - 1}, so that it is nearly black: "
            f"if its numbers have {bits} bits, say so (read_photo(path, bits={bits}), on the "
            f"command line --bits {bits}), and they are spread over the whole range",
            stacklevel=caller_level(),
        )

"""Pictures as files in memory: small ones to be looked at, and exact ones."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

QUALITY = 85
"""Of JPEG: what is lost is not seen."""


def as_jpeg(array: np.ndarray, largest: int | None = None) -> bytes:
    """A picture to be looked at, as the file of a JPEG.

    Args:
        array: (H, W, 3) uint8 RGB.
        largest: how many pixels its longer side has at most; a larger one is scaled.
    """
    image = Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
    if largest is not None and max(image.size) > largest:
        share = largest / max(image.size)
        width, height = (max(1, round(side * share)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # colours of maps change from pixel to pixel: no subsampling
    image.save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


def as_png(array: np.ndarray) -> bytes:
    """A picture as the file of a PNG, which holds every pixel as it is.

    Args:
        array: (H, W) or (H, W, 3) uint8.
    """
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(file, "PNG")
    return file.getvalue()


def from_png(file: bytes) -> np.ndarray:
    """The pixels of a PNG: (H, W, 3) uint8 RGB.

    Args:
        file: what is in it.

    Raises:
        OSError: it is damaged.
        ValueError: likewise.
    """
    with Image.open(io.BytesIO(file), formats=["PNG"]) as image:
        return np.array(image.convert("RGB"))


def data_uri(file: bytes) -> str:
    """The file of a picture, as a page holds it.

    Args:
        file: of a JPEG or PNG.
    """
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"

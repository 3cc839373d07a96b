"""What a net saw: photos, clips and signals, checked, or made of its input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..support.arrays import stretched
from ..support.boundary import told
from ..support.photo_shapes import photo_advice
from .arrays import to_uint8

SEEN = {1: ("signal", "C, W"), 2: ("photo", "H, W, 3"), 3: ("clip", "D, H, W, 3")}
"""What a net saw, by how many axes of positions it has: its name, and the axes of its array."""


@told
def check_photo(photo: Any, axes: int = 2) -> np.ndarray:
    """The photo as a (H, W, 3) uint8 array; a clip, of 3 axes of positions, as (D, H, W, 3).

    A volume (D, H, W) is a grey clip.

    Args:
        photo: (H, W, 3), 0 to 255; a clip or volume as said.
        axes: of positions: 2 for a photo, 3 for a clip.

    Raises:
        InputError: it is something else.
    """
    name, shape = SEEN[axes]
    if isinstance(photo, (str, Path)):
        raise InputError(f"the {name} is a path, {photo}: read it by gm.zoo.read_photo")
    photo = photo.asnumpy() if hasattr(photo, "asnumpy") else np.asarray(photo)
    is_grey = axes == 3 and photo.ndim == 3
    is_rgb = photo.ndim == axes + 1 and photo.shape[-1] == 3
    if not (is_grey or is_rgb) or 0 in photo.shape:
        hint = photo_advice(photo.shape) if axes == 2 and 0 not in photo.shape else ""
        raise InputError(
            f"the {name} has shape {photo.shape}; expected ({shape}), RGB"
            + (", or (D, H, W), grey" if axes == 3 else "")
            + (f"; {hint}" if hint else "")
        )
    if photo.dtype != np.uint8:
        if not (photo.min() >= 0 and photo.max() <= 255):
            raise InputError(
                f"the {name}'s values go from {photo.min()} to {photo.max()}; "
                f"expected 0 to 255 (the {name} itself, not the preprocessed input)"
            )
        if photo.dtype.kind == "f" and 0 < photo.max() <= 1:
            raise InputError(
                f"the {name}'s values go from {photo.min()} to {photo.max()}; expected 0 to 255: "
                f"{name} * 255"
            )
        photo = to_uint8(photo)
    return np.repeat(photo[..., None], 3, axis=-1) if is_grey else photo


@told
def check_photos(photos: np.ndarray) -> np.ndarray:
    """Photos (N, H, W, 3), or grey ones (N, H, W) or (N, H, W, 1), as (N, H, W, 3) uint8.

    Args:
        photos: of values from 0 to 255.

    Raises:
        InputError: they are something else.
    """
    photos = photos.asnumpy() if hasattr(photos, "asnumpy") else np.asarray(photos)
    if photos.ndim == 3:
        photos = photos[..., None]
    if photos.ndim != 4 or photos.shape[-1] not in (1, 3) or 0 in photos.shape:
        has_alpha = photos.ndim == 4 and photos.shape[-1] == 4
        raise InputError(
            f"the photos have shape {photos.shape}; expected (N, H, W, 3), RGB, or (N, H, W), grey"
            + ("; leave out the fourth channel (alpha): photos[..., :3]" if has_alpha else "")
        )
    if photos.dtype.kind == "f" and 0 < photos.max() <= 1:
        raise InputError("the photos' values go from 0 to 1; expected 0 to 255: photos * 255")
    colors = np.broadcast_to(photos, (*photos.shape[:-1], 3))
    return np.stack([check_photo(one) for one in colors])


@told
def check_signal(signal: np.ndarray) -> np.ndarray:
    """The signal as a (C, W) float64 array, of any range.

    Args:
        signal: (C, W).

    Raises:
        InputError: it is something else.
    """
    signal = signal.asnumpy() if hasattr(signal, "asnumpy") else np.asarray(signal)
    if signal.ndim != 2 or 0 in signal.shape:
        raise InputError(f"the signal has shape {signal.shape}; expected (C, W)")
    if not np.isfinite(signal).all():
        raise InputError("the signal holds NaN or infinity; expected what the net saw")
    return signal.astype(np.float64)


@told
def of_input(x: np.ndarray, order: str = "RGB", *, stretch: bool = True) -> np.ndarray:
    """What a net saw as photos, where there are none: inputs (N, C, H, W) as (N, H, W, 3) uint8.

    Three channels are colours; of any other number the mean is drawn, in grey. Clips
    (N, C, D, H, W) become (N, D, H, W, 3); signals stay as they are.

    Args:
        x: of any range.
        order: "RGB" or "BGR", the order of the channels.
        stretch: each sample to its range; otherwise its values are from 0, black, to 1, white.
    """
    if x.ndim == 3:
        return x
    x = x.mean(axis=1, keepdims=True) if x.shape[1] != 3 else x[:, :: -1 if order == "BGR" else 1]
    if stretch:
        x = stretched(x, tuple(range(1, x.ndim)))
    colors = np.broadcast_to(x, (len(x), 3, *x.shape[2:]))
    return to_uint8(np.moveaxis(colors, 1, -1) * 255)

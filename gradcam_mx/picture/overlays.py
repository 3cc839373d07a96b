"""Maps laid over photos."""

from __future__ import annotations

import cv2
import numpy as np

from ..support.boundary import told
from .arrays import boundaries, nearest, resize, to_uint8
from .colors import COLORMAP, SIGNED, colorize, signed_colors
from .photos import check_photo
from .pictures import Picture, as_picture

ALPHA, SIGNED_ALPHA = 0.5, 0.85
"""The share of each pixel that a heat map has, and that a signed map has at its strongest."""
EDGE = (60, 60, 60)
"""The colour of segments' boundaries over a photo, which is light: darker than any of it."""
VEIL, VEIL_GREY = 0.5, 128
"""The share of a veil in what is below it, and its grey: between the light photo below signed maps
and the dark colour of nothing over other photos."""


@told
def overlay(
    photo: np.ndarray, heatmap: np.ndarray, alpha: float = ALPHA, colormap: str = COLORMAP
) -> Picture:
    """A heat map laid over a photo: (H, W, 3) uint8 RGB, of the photo's size.

    Args:
        photo: (H, W, 3) uint8 RGB, showing what the net saw; a clip as `check_photo` takes it.
        heatmap: (h, w) in [0, 1]; (d, h, w) for a clip.
        alpha: the heat map's share of each pixel.
        colormap: a name that matplotlib knows.
    """
    photo = check_photo(photo, heatmap.ndim)
    heatmap = resize(heatmap[None], photo.shape[:-1])[0]
    if heatmap.ndim == 3:
        # frame by frame, as colours take much memory on the way
        frames = [overlay(frame, heat, alpha, colormap) for frame, heat in zip(photo, heatmap)]
        return as_picture(np.stack(frames))
    return as_picture(to_uint8((1 - alpha) * photo + alpha * colorize(heatmap, colormap)))


@told
def added(photo: np.ndarray, heatmap: np.ndarray) -> Picture:
    """A heat map (H, W) uint8 added to a photo of its size in cool colours, as in the tutorial.

    The sum is scaled so that its largest value is 255: (H, W, 3) uint8 RGB.

    Args:
        photo: (H, W, 3) RGB, 0 to 255.
        heatmap: (H, W) uint8.
    """
    colors = cv2.cvtColor(cv2.applyColorMap(heatmap, cv2.COLORMAP_COOL), cv2.COLOR_BGR2RGB)
    blended = np.float32(colors) + np.float32(photo)
    return as_picture(to_uint8(blended / blended.max() * 255))


@told
def signed_overlay(
    photo: np.ndarray | None,
    signed: np.ndarray,
    segments: np.ndarray | None = None,
    alpha: float = SIGNED_ALPHA,
    colormap: str = SIGNED,
) -> Picture:
    """A signed map over a photo: orange where it is positive, blue where negative: (H, W, 3) uint8.

    Where it is zero, the photo is as it was, in grey; with no photo it is white.

    Args:
        photo: as `overlay` takes it, or None.
        signed: (h, w) in [-1, 1]; (d, h, w) for a clip.
        segments: (h, w) whole numbers, whose boundaries are drawn.
        alpha: the map's share of a pixel where it is 1 or -1.
        colormap: one of `SIGNED_COLORS`, such as "red-green", or a name that matplotlib knows,
            whose ends are taken.
    """
    if photo is None:
        under = np.full((*signed.shape, 3), 255.0)
    else:
        photo = check_photo(photo, signed.ndim)
        # its contrast halved, so that the colours stand out
        grey = 255 - 0.6 * (255 - photo.mean(axis=-1, keepdims=True))
        under = np.broadcast_to(grey, photo.shape)
        if segments is None:
            signed = resize(signed[None], photo.shape[:-1])[0]
        else:  # sharp edges
            signed, segments = (nearest(one, photo.shape[:-1]) for one in (signed, segments))
    share = alpha * np.abs(signed)[..., None]
    against, for_it = signed_colors(colormap)
    drawn = (1 - share) * under + share * np.where(signed[..., None] > 0, for_it, against)
    if segments is not None:
        drawn[boundaries(segments)] = EDGE if photo is not None else (120, 120, 120)
    return as_picture(to_uint8(drawn))


@told
def masked(photo: np.ndarray, mask: np.ndarray, color: float = 128) -> Picture:
    """A photo where a mask is true, one grey or colour elsewhere: (H, W, 3) uint8.

    Args:
        photo: (H, W, 3) uint8; a clip as `check_photo` takes it.
        mask: (h, w) bool, (d, h, w) for a clip.
        color: a grey from 0 to 255, or a colour (3,).
    """
    photo = check_photo(photo, mask.ndim)
    return as_picture(np.where(nearest(mask, photo.shape[:-1])[..., None], photo, np.uint8(color)))


@told
def veiled(drawn: np.ndarray, hidden: np.ndarray) -> Picture:
    """A picture of which a part is shown in flat grey, without its colours: shaped like `drawn`.

    Args:
        drawn: (H, W, 3) uint8; (D, H, W, 3) for a clip.
        hidden: (h, w) bool, true where it is grey; (d, h, w) for a clip.
    """
    grey = VEIL * VEIL_GREY + (1 - VEIL) * drawn.mean(axis=-1, keepdims=True)
    where = nearest(hidden, drawn.shape[:-1])[..., None]
    return as_picture(np.where(where, to_uint8(grey), drawn))

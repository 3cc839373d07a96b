"""What is inside a net, in tiles: the channels of a layer, the filters of a convolution."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..errors import InputError
from ..support.arrays import stretched
from ..support.boundary import told
from .arrays import to_uint8
from .colors import colorize
from .pictures import Picture, as_picture

TILE = 32
"""The least side of a tile, in pixels; smaller maps and filters are drawn with larger squares."""


@told
def channel_order(maps: np.ndarray) -> np.ndarray:
    """The channels of a layer's output (C, h, w) by their mean activation, the strongest first.

    Args:
        maps: (C, h, w).
    """
    return np.argsort(-maps.reshape(len(maps), -1).mean(axis=1), kind="stable")


@told
def channel_grid(
    maps: np.ndarray,
    count: int = 64,
    *,
    sort: bool = False,
    each: bool = False,
    colormap: str = "viridis",
) -> Picture:
    """The channels of a layer's output as tiles, row by row: (H, W, 3) uint8 RGB.

    Args:
        maps: (C, h, w) of one sample.
        count: how many channels, the first ones.
        sort: the strongest ones instead, in the order of `channel_order`.
        each: whether each channel is stretched on its own. Otherwise all share one scale, so that
            a channel that hardly responds looks like it.
        colormap: a name that matplotlib knows.

    Raises:
        InputError: it has another shape.
    """
    maps = np.asarray(maps, np.float32)
    if maps.ndim != 3 or 0 in maps.shape:
        raise InputError(
            f"the channels have shape {maps.shape}; expected those of one sample, (C, h, w)"
        )
    shown = maps[channel_order(maps) if sort else slice(None)][:count]
    return tiles(colorize(stretched(shown, (1, 2) if each else None), colormap))


@told
def filter_grid(weights: np.ndarray, count: int = 64) -> Picture:
    """The filters of a convolution as tiles: (H, W, 3) uint8 RGB, zero in mid-grey.

    Those that look at three channels are drawn in colours, side by side. Of others each has a row,
    with a grey tile for each of its channels. Each filter is scaled on its own.

    Args:
        weights: (O, I, kh, kw).
        count: how many filters, and how many channels of each, the first ones.

    Raises:
        InputError: it has another shape.
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 4 or 0 in weights.shape:
        raise InputError(
            f"the weights have shape {weights.shape}; expected a convolution's, (O, I, kh, kw)"
        )
    shown = weights[:count]
    size = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    shown = to_uint8(shown / np.where(size > 0, size, 1) * 127 + 128)
    if shown.shape[1] == 3:
        return tiles(np.moveaxis(shown, 1, -1))
    channels = shown[:, :count].shape[1]
    flat = shown[:, :channels].reshape(-1, *shown.shape[2:])
    return tiles(np.repeat(flat[..., None], 3, axis=-1), channels if channels > 1 else None)


@told
def tiles(pictures: np.ndarray, columns: int | None = None) -> Picture:
    """Pictures (N, h, w, 3) of one size in rows, white lines between them: (H, W, 3) uint8.

    Args:
        pictures: small ones are drawn with whole squares for pixels.
        columns: how many a row; by default about as many as there are rows.
    """
    count, height, width = pictures.shape[:3]
    larger = max(1, -(-TILE // max(height, width)))
    pictures = pictures.repeat(larger, axis=1).repeat(larger, axis=2)
    height, width = pictures.shape[1:3]
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows, gap = -(-count // columns), max(1, min(height, width) // 32)
    drawn = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for number, one in enumerate(pictures):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        drawn[top : top + height, left : left + width] = one
    return as_picture(drawn)


@told
def framed(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Pictures (h, w, 3) in the middle of light grey frames of one size: (H, W, 3) uint8.

    Args:
        pictures: (h, w, 3) uint8 each, of any sizes; none give none.
    """
    height, width = (max((one.shape[axis] for one in pictures), default=0) for axis in (0, 1))
    frames = [np.full((height, width, 3), 230, np.uint8) for _ in pictures]
    for frame, one in zip(frames, pictures):
        top, left = (height - one.shape[0]) // 2, (width - one.shape[1]) // 2
        frame[top : top + one.shape[0], left : left + one.shape[1]] = one
    return frames

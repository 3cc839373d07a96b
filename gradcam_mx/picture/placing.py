"""Maps put where they belong: cells over what they see, heat over the photo it was cut out of."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..support.boundary import told
from ..support.boxes import Box
from ..support.geometry import Geometry

HATCH = 12
"""How many pixels lie from line to line where the net saw nothing, at least."""


@told
def aligned(
    maps: np.ndarray,
    size: Sequence[int],
    centres: Sequence[Sequence[float]],
    *,
    fall_to_lowest: bool = False,
) -> np.ndarray:
    """Maps (N, h, w) at another size, each cell's middle where it belongs: float32.

    Linear between the middles. Where there is room for one more cell beyond the last one, the map
    falls to zero there: cells that are not there say nothing.

    Args:
        maps: of any range; (N, w) for signals, (N, d, h, w) for volumes and clips.
        size: (height, width), along each axis of positions.
        centres: for each axis where the middle of each cell lies, in pixels of that size.
        fall_to_lowest: whether the lowest value of each map stands for nothing, in place of zero.
    """
    maps = np.asarray(maps, np.float32)
    lowest = maps.min(axis=tuple(range(1, maps.ndim)), keepdims=True) * fall_to_lowest
    maps = maps - lowest
    for axis, (length, middles) in enumerate(zip(size, centres), start=1):
        order = np.argsort(middles)
        known = np.asarray(middles, np.float64)[order]
        maps = np.take(maps, order, axis=axis)
        if len(known) > 1:
            before, after = 2 * known[0] - known[1], 2 * known[-1] - known[-2]
            room = int(before >= 0), int(after <= length - 1)
            maps = np.pad(maps, [room if one == axis else (0, 0) for one in range(maps.ndim)])
            known = np.concatenate([[before] * room[0], known, [after] * room[1]])
        places = np.interp(np.arange(length), known, np.arange(len(known)))
        maps = between(maps, places, axis)
    return maps + lowest


def between(maps: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Values along an axis at places between its positions, linearly; beyond its ends the last."""
    last = maps.shape[axis] - 1
    places = np.clip(places, 0, last)
    lower = np.floor(places).astype(int)
    shape = [-1 if one == axis else 1 for one in range(maps.ndim)]
    share = (places - lower).astype(np.float32).reshape(shape)
    below, above = (np.take(maps, one, axis) for one in (lower, np.minimum(lower + 1, last)))
    return below * (1 - share) + above * share


@told
def on_photo(heatmap: np.ndarray, geometry: Geometry, *, sharp: bool = False) -> np.ndarray:
    """What lies on the net's input, at the size of the whole photo: zero where nothing was seen.

    Args:
        heatmap: (h, w, …), of the size of the net's input.
        geometry: how the photo became the input.
        sharp: each pixel as the nearest one was, in place of linearly: for segments and masks.
    """
    rows, columns = geometry.box
    found = heatmap
    for axis, (places, side) in enumerate(zip(geometry.places, (rows, columns))):
        places = places[side]
        if sharp:
            nearest = np.clip(np.round(places).astype(int), 0, heatmap.shape[axis] - 1)
            found = np.take(found, nearest, axis)
        else:
            found = between(np.asarray(found, np.float32), places, axis)
    whole = np.zeros((*geometry.size, *heatmap.shape[2:]), found.dtype)
    whole[rows, columns] = found
    return whole


@told
def mark_unseen(drawn: np.ndarray, seen: Box, photo: np.ndarray | None = None) -> np.ndarray:
    """A picture (H, W, 3) or (H, W) in which what the net did not see is told from the rest.

    It is the photo in dark grey under slanting lines, with a white line around what was seen.

    Args:
        drawn: uint8, of the size of the whole photo.
        seen: the part of it that the net saw, a slice of rows and one of columns.
        photo: what is shown where the net saw nothing; by default nothing.
    """
    height, width = drawn.shape[:2]
    under = np.full((height, width), 90.0) if photo is None else 0.45 * photo.mean(axis=-1)
    gap = max(HATCH, min(height, width) // 25)
    slanting = np.add.outer(np.arange(height), np.arange(width)) % gap < max(1, gap // 12)
    unseen = np.where(slanting, under + 45, under).astype(np.uint8)
    edge = max(1, min(height, width) // 250)
    frame = tuple(slice(max(0, one.start - edge), one.stop + edge) for one in seen)
    unseen[frame] = 255
    marked = np.repeat(unseen[..., None], 3, axis=2) if drawn.ndim == 3 else unseen
    marked[seen] = drawn[seen]
    return marked

"""Arrays that pictures are made of: their sizes, their ranges, their strength."""

from __future__ import annotations

import warnings
from typing import Callable, Sequence

import cv2
import numpy as np

from ..errors import InputError
from ..support.arrays import stretched
from ..support.boundary import told
from ..support.callers import caller_level


@told
def to_uint8(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 255, rounded.

    Args:
        values: 0 to 255.
    """
    return np.round(values).astype(np.uint8)


@told
def resize(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Maps (N, h, w) linearly at another size (height, width): (N, height, width) float32.

    Any number of axes of positions goes: (N, w) for signals, (N, d, h, w) for volumes and clips.

    Args:
        maps: of any range.
        size: along each axis of positions.
    """
    maps = np.ascontiguousarray(maps, np.float32)
    if maps.ndim == 3:
        return np.stack([_resize(one, size) for one in maps])
    for axis, length in enumerate(size, start=1):
        # one axis at a time, as the rows of a picture
        rows = np.moveaxis(maps, axis, 0)
        resized = _resize(rows.reshape(len(rows), -1), (length, rows[0].size))
        maps = np.moveaxis(resized.reshape(length, *rows.shape[1:]), 0, axis)
    return maps


def _resize(plane: np.ndarray, size: Sequence[int]) -> np.ndarray:
    height, width = size
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def nearest(array: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """An array at another size, each position as the nearest one was."""
    for axis, (before, after) in enumerate(zip(array.shape, size)):
        array = np.take(array, np.arange(after) * before // after, axis=axis)
    return array


@told
def normalise(maps: np.ndarray, outliers: float = 0.0) -> np.ndarray:
    """Each of the maps (N, H, W) stretched to [0, 1]; a flat one becomes zeros, with a warning.

    Args:
        maps: of any range, and any number of axes of positions.
        outliers: the share of the largest values, in percent, that is cut off at 1.
    """
    # percentiles are float64: the largest less the smallest has to be the same in both
    maps = np.asarray(maps, np.float64)
    positions = tuple(range(1, maps.ndim))
    low = maps.min(axis=positions, keepdims=True)
    high = np.percentile(maps, 100 - outliers, axis=positions, keepdims=True)
    # where all but a few outliers are equal, the outliers are what there is to see
    high = np.where(high > low, high, maps.max(axis=positions, keepdims=True))
    warn_of_flat(high <= low, "are flat (the same value everywhere)")
    return np.clip(stretched(maps, positions, high), 0, 1).astype(np.float32)


@told
def balanced(maps: np.ndarray) -> np.ndarray:
    """Each of the signed maps (N, H, W) scaled to [-1, 1], with zero at zero: float32.

    A map of zeros stays as it is, with a warning.

    Args:
        maps: of any range, and any number of axes of positions.
    """
    maps = np.asarray(maps, np.float32)
    size = np.abs(maps).max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    warn_of_flat(size == 0, "are zero everywhere")
    return maps / np.where(size == 0, 1, size)


def warn_of_flat(flat: np.ndarray, how: str) -> None:
    """Say of how many maps there is nothing to show, to whoever called what called `normalise`."""
    if flat.any():
        warnings.warn(
            f"{int(flat.sum())} of {len(flat)} maps {how}: nothing to show, drawn as zeros. "
            "Another layer, target or method may say more",
            stacklevel=caller_level(),
        )


@told
def strength(attributions: np.ndarray, channels: str = "sum") -> np.ndarray:
    """How strongly each position counts, for attributions (N, C, H, W): (N, H, W), Σ_c |·|.

    Args:
        attributions: raw values.
        channels: "sum", or "max" for the strongest channel.
    """
    if channels not in _STRENGTHS:
        raise InputError(f"channels={channels!r}; expected one of {', '.join(_STRENGTHS)}")
    return _STRENGTHS[channels](np.abs(attributions), axis=1)


_STRENGTHS: dict[str, Callable[..., np.ndarray]] = {"sum": np.sum, "max": np.max}


@told
def boundaries(segments: np.ndarray) -> np.ndarray:
    """Where a segment ends: (H, W) bool, true at positions before one of another segment.

    Of a clip (D, H, W), within each frame.

    Args:
        segments: (H, W) whole numbers, (D, H, W) for a clip.
    """
    edge = np.zeros(segments.shape, bool)
    for axis in (-2, -1):
        ahead = np.moveaxis(segments, axis, 0)
        np.moveaxis(edge, axis, 0)[:-1] |= ahead[1:] != ahead[:-1]
    return edge

"""Places in a map: its border, corners and middle, and the cells of a coarser grid."""

from __future__ import annotations

from functools import reduce
from typing import Callable, Mapping, Sequence

import numpy as np

PART = 8
"""The frame along the border is an eighth of the height and width thick; so are the corners."""


def border(*size: int) -> np.ndarray:
    """Where the frame along the border is, in a map of any number of axes.

    Args:
        size: of the map along each axis.
    """
    return np.asarray(reduce(np.logical_or, _along_each(_frame, size)))


def corners(*size: int) -> np.ndarray:
    """Where the frames of all sides meet.

    Args:
        size: of the map along each axis.
    """
    return np.asarray(reduce(np.logical_and, _along_each(_frame, size)))


def middle(*size: int) -> np.ndarray:
    """The box in the middle, of half the length along each axis.

    Args:
        size: of the map along each axis.
    """
    return np.asarray(reduce(np.logical_and, _along_each(_half, size)))


PLACES: Mapping[str, Callable[..., np.ndarray]] = {
    "border": border,
    "corners": corners,
    "middle": middle,
}
"""Name of a place → where it is in a map of a height and width."""


def summed(array: np.ndarray, cells: int, axes: Sequence[int] = (-2, -1)) -> np.ndarray:
    """The sums over the cells of a grid, in float64.

    Args:
        array: of any shape.
        cells: how many there are along an axis at most.
        axes: those of the positions.
    """
    found = np.asarray(array, np.float64)
    for axis in axes:
        side = found.shape[axis]
        starts = np.unique(np.arange(min(cells, side)) * side // min(cells, side))
        found = np.add.reduceat(found, starts, axis=axis)
    return found


def _along_each(where: Callable[[int], np.ndarray], size: Sequence[int]) -> list[np.ndarray]:
    """What it says of each axis, so that they fit each other."""
    return list(np.meshgrid(*map(where, size), indexing="ij", sparse=True))


def _frame(side: int) -> np.ndarray:
    """Where along a side the frame is."""
    thick = max(1, round(side / PART))
    at = np.arange(side)
    return (at < thick) | (at >= side - thick)


def _half(side: int) -> np.ndarray:
    """Where along a side the middle half is."""
    at = np.arange(side)
    return (at >= side // 4) & (at < side - side // 4)

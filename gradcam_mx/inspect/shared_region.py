"""The part of the picture that maps share, and parts of its size elsewhere."""

from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np

from ..picture import resize

MASS = 0.75
"""The share of a map's positive values that its region holds, if it may be so large."""


def shared_region(mean_map: np.ndarray, size: Sequence[int], area: float) -> np.ndarray:
    """(H, W) bool: where maps are strongest on the mean.

    These are the strongest positions that together hold three quarters of what speaks for the
    class, and one cell of the map around each, as a cell sees more than lies below it; but at most
    a share of the picture, and then the strongest of them.

    Args:
        mean_map: (h, w).
        size: (H, W), of the net's input.
        area: the largest share of it.
    """
    heat = resize(np.maximum(mean_map, 0)[None], size)[0].astype(np.float64)
    if not heat.any():
        return np.zeros(heat.shape, bool)
    order = np.argsort(-heat, axis=None, kind="stable")
    mass = np.cumsum(heat.ravel()[order])
    most = int(np.searchsorted(mass, MASS * mass[-1])) + 1
    around = [-(-side // cells) for side, cells in zip(heat.shape, mean_map.shape)]
    while any(around) and _widened(order[:1], heat.shape, around).mean() > area:
        around = [max(0, one - 1) for one in around]
    low, high = 1, most  # widening keeps the order of sizes
    while low < high:
        middle = (low + high + 1) // 2
        fits = _widened(order[:middle], heat.shape, around).mean() <= area
        low, high = (middle, high) if fits else (low, middle - 1)
    return _widened(order[:low], heat.shape, around)


def _widened(places: np.ndarray, shape: tuple[int, ...], around: Sequence[int]) -> np.ndarray:
    chosen = np.zeros(shape, np.uint8)
    chosen.flat[places] = 1
    height, width = (2 * one + 1 for one in around)
    return np.asarray(cv2.dilate(chosen, np.ones((height, width), np.uint8)) > 0)


def elsewhere(region: np.ndarray, count: int = 3) -> list[np.ndarray]:
    """Regions of the same size in other places: flipped, or moved by half the picture, around its
    border; those that overlap least.

    Args:
        region: (H, W) bool.
        count: how many there are at most.
    """
    down, right = (side // 2 for side in region.shape)
    tried = [
        region[:, ::-1],
        region[::-1],
        region[::-1, ::-1],
        np.roll(region, down, 0),
        np.roll(region, right, 1),
        np.roll(region, (down, right), (0, 1)),
    ]
    return sorted(tried, key=lambda one: int((one & region).sum()))[:count]

"""A few numbers that say where a map looks, whatever the net: centre, spread, entropy, border."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..support.places import border
from ..support.statistics import entropy

AXES = "zyx"
"""What the axes of a map are called, the last ones of these."""

OF_ONE_SIZE = ("entropy", "border", "from_class")
"""Those that may only be compared between maps of one size."""

TITLES = {
    "centre_z": "centre, from the first slice on",
    "centre_y": "centre, from the top",
    "centre_x": "centre, from the left",
    "spread": "spread",
    "entropy": "entropy",
    "border": "share at the border",
    "from_class": "distance from the class's mean map",
    "flat": "flat maps",
}
"""What people call them."""


def masses(maps: np.ndarray, *, signed: bool) -> np.ndarray:
    """The share of each position in what a map shows, float64; NaN of maps that show nothing.

    Of signed maps what speaks for the target counts; of others that go below zero, what is above
    the lowest value.

    Args:
        maps: (N, …).
        signed: whether negative values are evidence against the target.
    """
    axes = tuple(range(1, maps.ndim))
    shown = np.asarray(maps, np.float64)
    if signed:
        shown = np.maximum(shown, 0)
    else:
        shown = shown - np.minimum(shown.min(axis=axes, keepdims=True), 0)
    total = shown.sum(axis=axes, keepdims=True)
    return np.where(total > 0, shown / np.where(total > 0, total, 1), np.nan)


def of_masses(mass: np.ndarray) -> dict[str, np.ndarray]:
    """Name → (N,) numbers that say where maps look; NaN of maps that show nothing.

        centre     Σ p u,              u from 0 to 1 along an axis, in the middle of each cell
        spread     √Σ p |u - centre|²
        entropy    -Σ p log p / log n: 0 for one position of n alone, 1 for an even map
        border     Σ p in the frame, an eighth of each side thick
        flat       1 of a map that shows nothing, 0 of others

    Args:
        mass: (N, …), as `masses` gives it, with one to three axes of positions.
    """
    size = mass.shape[1:]
    axes = tuple(range(1, mass.ndim))
    found: dict[str, Any] = {}
    variance = np.zeros(len(mass))
    for axis, (name, length) in enumerate(zip(AXES[-len(size) :], size), start=1):
        along = mass.sum(axis=tuple(one for one in axes if one != axis))
        at = (np.arange(length) + 0.5) / length
        centre = along @ at
        variance += (along * (at - centre[:, None]) ** 2).sum(axis=1)
        found[f"centre_{name}"] = centre
    flat = mass.reshape(len(mass), -1)
    is_flat = np.isnan(flat[:, 0])
    found["spread"] = np.sqrt(variance)
    most = np.log(flat.shape[1]) or 1.0
    found["entropy"] = entropy(np.where(is_flat[:, None], 0, flat)) / most
    found["border"] = np.where(is_flat, np.nan, flat[:, border(*size).ravel()].sum(axis=1))
    found["flat"] = is_flat.astype(float)
    return found


def from_class_means(mass: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How far each map is from the mean of those of its class, (N,), from 0 to 1.

        ½ Σ |p - mean of p over the class|

    The mean is over all that is given, of whatever store: where both play the same part in it, the
    distances of both are as likely to be large, as a permutation test supposes. Against the mean of
    one store alone, its own maps would be nearer.

    Args:
        mass: (N, …), as `masses` gives it.
        classes: (N,) those of the maps.
    """
    flat = mass.reshape(len(mass), -1)
    defined = ~np.isnan(flat[:, 0])
    found = np.full(len(flat), np.nan)
    _, of_class = np.unique(classes, return_inverse=True)
    for one in np.unique(of_class[defined]):
        chosen = np.flatnonzero(defined & (of_class == one))
        mean = flat[chosen].mean(axis=0, dtype=np.float64)
        found[chosen] = np.abs(flat[chosen] - mean).sum(axis=1) / 2
    return found

"""Where the mass of maps lies over a whole set of photos, against that of an even map.

A network that learnt a shortcut, such as a watermark in a corner, has mass there in photo after
photo, where the things that it tells apart are not.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Sequence

import numpy as np

from ...support.places import PLACES, summed
from ...support.statistics import mean, standard_error
from ..provenance import Record, packed

ERRORS = 2
"""More than an even map has, is what is so many standard errors above it."""

Shares = Dict[str, float]
"""Name of a place → share of the mass there; NaN of a flat map."""


def even_shares(size: Sequence[int]) -> Shares:
    """What an even map has in each place: the share of its area.

    Args:
        size: (height, width).
    """
    return {name: float(where(*size).mean()) for name, where in PLACES.items()}


class Placed(NamedTuple):
    """Where the mass of one map lies."""

    mass: np.ndarray | None
    """(H, W) float64 that sums to 1; None of a flat map, which has none."""
    shares: Shares


def placed(heat: np.ndarray) -> Placed:
    """Where the mass of a map lies.

    Args:
        heat: (H, W), from 0 on, as it is drawn.
    """
    heat = np.asarray(heat, np.float64)
    total = heat.sum()
    if not total > 0:
        return Placed(None, dict.fromkeys(PLACES, float("nan")))
    mass = heat / total
    return Placed(
        mass, {name: float(mass[where(*mass.shape)].sum()) for name, where in PLACES.items()}
    )


class OverTheSet:
    """Where the mass of a method's maps lies over photos, one after the other.

    Args:
        size: (height, width) of the maps.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = (int(size[0]), int(size[1]))
        self._sum = np.zeros(self.size)
        self._shares: list[Shares] = []
        self._maps = 0

    def add(self, one: Placed) -> None:
        """The map of another photo.

        Args:
            one: where its mass lies.
        """
        self._shares.append(one.shares)
        if one.mass is not None:
            self._sum += one.mass
            self._maps += 1

    @property
    def mean_map(self) -> np.ndarray:
        """(H, W) float64: the mean of the maps, each of mass 1; zeros if all were flat."""
        return self._sum / max(1, self._maps)

    def record(self) -> Record:
        """All of it: for each place the mean share, its standard error, and that of an even map."""
        even = even_shares(self.size)
        return {
            "maps": self._maps,
            "flat": len(self._shares) - self._maps,
            "mean_map": packed(_coarse(self.mean_map)),
            "places": {name: self._place(name, even[name]) for name in PLACES},
        }

    def _place(self, name: str, even: float) -> dict[str, Any]:
        shares = np.array([one[name] for one in self._shares], float)
        share, error = mean(shares), standard_error(shares)
        is_known = not np.isnan(error)
        return {
            "share": share,
            "standard_error": error,
            "even": even,
            "is_more": bool(share - ERRORS * error > even) if is_known else None,
        }


_CELLS = 28


def _coarse(heat: np.ndarray) -> np.ndarray:
    """The mass in each cell of a grid of at most 28 × 28."""
    return summed(heat, _CELLS)

"""Where the mass of maps lies over a whole set of photos, against that of an even map.

A network that learnt a shortcut, such as a watermark in a corner, has mass there in photo after
photo, where the things that it tells apart are not.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Sequence

import numpy as np

from ...support.places import PLACES, summed
from ...support.statistics import Running
from ..provenance import Record, packed

ERRORS = 2
"""More than an even map has, is what is so many standard errors above it."""

Shares = Dict[str, float]
"""Name of a place → share of the mass there; NaN of a flat map."""


def even_shares(size: Sequence[int]) -> Shares:
    """What an even map has in each place: the share of its area.

    Args:
        size: (height, width); what has other positions than a picture has no places.
    """
    return {name: float(where(*size).mean()) for name, where in _places(size).items()}


def _places(size: Sequence[int]) -> Mapping[str, Callable[..., np.ndarray]]:
    return PLACES if len(size) == 2 else {}


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
    mass, shares = placed_all(heat[None])
    is_flat = np.isnan(mass.flat[0])
    return Placed(
        None if is_flat else mass[0], dict(zip(_places(heat.shape), map(float, shares[0])))
    )


def placed_all(heats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the mass of several maps lies: each scaled to a sum of 1, and the shares (N, places).

    Both are float64, and NaN of flat maps, which have no mass.

    Args:
        heats: (N, H, W), from 0 on, as they are drawn; or of other positions.
    """
    heats = np.asarray(heats, np.float64)
    size = heats.shape[1:]
    total = heats.reshape(len(heats), -1).sum(axis=1).reshape(-1, *[1] * len(size))
    mass = heats / np.where(total > 0, total, np.nan)
    flat = mass.reshape(len(mass), -1)
    shares = [flat[:, where(*size).ravel()].sum(axis=1) for where in _places(size).values()]
    return mass, np.array(shares).reshape(len(shares), len(heats)).T


class OverTheSet:
    """Where the mass of a method's maps lies over photos, one after the other.

    Args:
        size: (height, width) of the maps; or of other positions.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(int(side) for side in size)
        self._sum = np.zeros(self.size)
        self._shares = Running(len(_places(self.size)))
        self._added = self._maps = 0

    def add(self, one: Placed) -> None:
        """The map of another photo.

        Args:
            one: where its mass lies.
        """
        mass = np.full(self.size, np.nan) if one.mass is None else one.mass
        self.add_all(mass[None], np.array([list(one.shares.values())]))

    def add_all(self, mass: np.ndarray, shares: np.ndarray) -> None:
        """The maps of several photos.

        Args:
            mass: as `placed_all` gives it.
            shares: likewise.
        """
        known = mass[~np.isnan(mass.reshape(len(mass), -1)[:, 0])]
        self._added += len(mass)
        self._maps += len(known)
        self._sum += known.sum(axis=0)
        self._shares.add(shares)

    @property
    def mean_map(self) -> np.ndarray:
        """(H, W) float64: the mean of the maps, each of mass 1; zeros if all were flat."""
        return self._sum / max(1, self._maps)

    def record(self) -> Record:
        """All of it: for each place the mean share, its standard error, and that of an even map."""
        even = even_shares(self.size)
        return {
            "maps": self._maps,
            "flat": self._added - self._maps,
            "mean_map": packed(_coarse(self.mean_map)),
            "places": {
                name: _place(share, error, even[name])
                for name, share, error in zip(even, self._shares.mean, self._shares.standard_error)
            },
        }


def _place(share: float, error: float, even: float) -> dict[str, Any]:
    is_known = not np.isnan(error)
    return {
        "share": float(share),
        "standard_error": float(error),
        "even": even,
        "is_more": bool(share - ERRORS * error > even) if is_known else None,
    }


_CELLS = 28


def _coarse(heat: np.ndarray) -> np.ndarray:
    """The mass in each cell of a grid of at most 28 × 28."""
    return summed(heat, _CELLS) if heat.ndim == 2 else heat

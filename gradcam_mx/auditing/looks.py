"""What two nets look at: the same masks through both, and how alike their maps are."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from ..explanation.agreeing import agreement
from ..explanation.explanation import Explanation
from ..methods import METHODS
from ..graph.sealed import Sealed
from .sides import Side

_CELLS, _SEEDS = 7, (0, 1)
_WINDOWS = 7
"""Occlusion hides so many windows along each axis."""
_OLD, _NEW, _FLOOR = "old", "new", "old, other masks"


class Look(NamedTuple):
    """How alike the maps of two nets are, by one method."""

    method: str
    agreements: list[float]
    """Of each photo: the rank correlation of both maps."""
    floor: list[float]
    """Of each photo: that of two maps of the old net with other masks; empty where a method has
    none."""
    old: np.ndarray
    """(N, H, W) the maps of the old net."""
    new: np.ndarray
    """Those of the new one."""

    @property
    def mean(self) -> float:
        """Over the photos."""
        return float(np.mean(self.agreements))


def look(
    old: Side, new: Side, x: np.ndarray, new_x: np.ndarray, classes: Any, masks: int
) -> list[Look]:
    """The maps of both nets by the same masks, and by Grad-CAM where both have gradients.

    Args:
        old: the old net.
        new: the new one.
        x: what the old net is given, (N, C, H, W).
        new_x: what the new net is given.
        classes: of each photo the class that is explained, the old net's.
        masks: how many RISE has.
    """
    options: dict[str, Any] = {"target": classes, "progress": False}
    sides = ((_OLD, old.net, x), (_NEW, new.net, new_x))
    rise, occlusion = METHODS["rise"].function, METHODS["occlusion"].function
    found = []
    by_seed = {
        name: rise(net, one, num_samples=masks, cells=_CELLS, seed=_SEEDS[0], **options)
        for name, net, one in sides
    }
    again = rise(old.net, x, num_samples=masks, cells=_CELLS, seed=_SEEDS[1], **options)
    found.append(_look("rise", by_seed, again))
    window = max(1, min(x.shape[2:]) // _WINDOWS)
    hidden = {
        name: occlusion(net, one, window=window, stride=window, **options)
        for name, net, one in sides
    }
    found.append(_look("occlusion", hidden, None))
    if not isinstance(old.net, Sealed) and not isinstance(new.net, Sealed):
        cams = {
            name: METHODS["grad_cam"].function(net, one, target=classes) for name, net, one in sides
        }
        found.append(_look("grad_cam", cams, None))
    return found


def _look(method: str, maps: dict[str, Explanation], again: Explanation | None) -> Look:
    both = agreement(maps).values[0, 1]
    floor: Sequence[float] = []
    if again is not None:
        floor = agreement({_OLD: maps[_OLD], _FLOOR: again}).values[0, 1].tolist()
    arrays = [one.heatmap() for one in (maps[_OLD], maps[_NEW])]
    return Look(method, both.tolist(), list(floor), *arrays)

"""What two nets look at: the same masks through both, and how alike their maps are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Sequence

import numpy as np

from ..boxes.black_box import black_box
from ..errors import GradCamError
from ..explanation.agreeing import agreement
from ..explanation.explanation import Explanation
from ..graph.sealed import Sealed
from ..methods import METHODS
from .sides import Side

_CELLS, _SEEDS = 7, (0, 1)
_WINDOWS = 7
"""Occlusion hides so many windows along each axis."""
_CONSTANT = black_box(lambda x: np.ones((len(x), 1), np.float32), name="constant", version="1")
"""It gives each input the same score."""
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
    sides = ((_OLD, old.net, x), (_NEW, new.net, new_x))

    def maps(method: str, **options: Any) -> dict[str, Explanation]:
        run: Any = METHODS[method].function
        return {name: run(net, one, target=classes, **options) for name, net, one in sides}

    quiet = {"progress": False}
    by_masks = []
    for seed in _SEEDS:
        options = {"num_samples": masks, "cells": _CELLS, "seed": seed, **quiet}
        made = maps("rise", **options)
        constant: Any = METHODS["rise"].function(_CONSTANT, x, **options)
        by_masks.append({name: _less(one, constant.values) for name, one in made.items()})
    window = max(1, min(x.shape[2:]) // _WINDOWS)
    found = [
        _look("rise", by_masks[0], by_masks[1][_OLD]),
        _look("occlusion", maps("occlusion", window=window, stride=window, **quiet), None),
    ]
    if not isinstance(old.net, Sealed) and not isinstance(new.net, Sealed):
        with suppress(GradCamError):  # no gradient gets through int8, or there is no layer for it
            found.append(_look("grad_cam", maps("grad_cam"), None))
    return found


def _less(explanation: Explanation, constant: np.ndarray) -> Explanation:
    """What a map says of the net: without what its masks make of any score that is the same for
    all of them. Of a hundred masks that is most of the map, and the same for any two nets."""
    axes = tuple(range(1, constant.ndim))
    values, size = explanation.values, (constant**2).sum(axis=axes, keepdims=True)
    share = (values * constant).sum(axis=axes, keepdims=True) / size
    return replace(explanation, values=values - share * constant)


def _look(method: str, maps: dict[str, Explanation], again: Explanation | None) -> Look:
    both = agreement(maps).values[0, 1]
    floor: Sequence[float] = []
    if again is not None:
        floor = agreement({_OLD: maps[_OLD], _FLOOR: again}).values[0, 1].tolist()
    arrays = [one.heatmap() for one in (maps[_OLD], maps[_NEW])]
    return Look(method, both.tolist(), list(floor), *arrays)

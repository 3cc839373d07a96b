"""Boxes of positions."""

from __future__ import annotations

from typing import Tuple

import numpy as np

Box = Tuple[slice, ...]
"""A slice for each axis of positions: rows, columns."""


def box_of(mask: np.ndarray) -> Box | None:
    """The smallest box around where a mask is true; None if it nowhere is."""
    if not mask.any():
        return None
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(mask))

"""How alike two maps are: SSIM, of maps and not of rows of numbers."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ..errors import MetricError
from ..support.arrays import stretched
from ..support.optional import optional

WINDOW = 7
"""Of SSIM, in positions along each axis."""


def check_window(shape: Sequence[int]) -> None:
    """Refuse an input whose maps have no window of SSIM.

    Args:
        shape: of the input, channels first.

    Raises:
        MetricError: an axis of positions is too short, or there is none.
        DependencyError: scikit-image is not installed.
    """
    positions = tuple(shape[2:])
    if not positions or min(positions) < WINDOW:
        raise MetricError(
            f"SSIM looks through windows of {WINDOW} positions along each axis; the input of shape "
            f"{tuple(shape)} has {' × '.join(map(str, positions)) or 'none'}"
        )
    _ssim_of_two()


def ssim(maps: np.ndarray, others: np.ndarray, signed: bool) -> np.ndarray:
    """(N,) how alike maps (N, *positions) are, at the most 1.

    Wang et al. 2004, Image quality assessment: from error visibility to structural similarity; the
    mean over windows of 7 positions along each axis, all of one weight.

    Args:
        maps: of any range.
        others: of any range.
        signed: whether they lie in [-1, 1] before, divided by their largest absolute value, so that
            zero stays zero; otherwise in [0, 1], by their lowest and highest value.
    """
    compare, span = _ssim_of_two(), 2 if signed else 1
    return np.array(
        [
            compare(_scaled(one, signed), _scaled(other, signed), win_size=WINDOW, data_range=span)
            for one, other in zip(maps, others)
        ]
    )


def _ssim_of_two() -> Any:
    metrics = optional("skimage.metrics", "how alike maps are is measured")
    return metrics.structural_similarity


def _scaled(one: np.ndarray, signed: bool) -> np.ndarray:
    if not signed:
        return stretched(one)
    largest = np.abs(one).max()
    return one / largest if largest > 0 else one

"""What is changed in an input, and what it becomes: the baselines of methods, and imputation."""

from __future__ import annotations

from typing import Any, Callable, Hashable, Sequence

import numpy as np

from ..errors import MetricError
from ..methods import baselines
from ..methods.baselines import Baseline, Curtain, positions_of
from ..support import counts
from .imputation import imputed

LINEAR = "linear"
"""Noisy linear imputation, which fills what is hidden from around it."""

Hider = Callable[[int, np.ndarray], Callable[[np.ndarray], None]]
"""From the number of a sample and the positions that are shown (bool) to what writes the sample
with the others hidden."""

NOISE = 0.01
"""Of imputation, as a share of the standard deviation of each channel: Rong et al. 2022 have 0.01
on inputs whose channels are scaled to about 1."""


def hider(x: np.ndarray, baseline: Baseline, seed: int) -> Hider:
    """What hides parts of samples.

    Args:
        x: (N, C, …).
        baseline: what hidden parts become.
        seed: of the noise of "linear".
    """
    if not (isinstance(baseline, str) and baseline == LINEAR):
        return Curtain(x, baseline).shows
    scale = NOISE * x.std(axis=(2, 3), keepdims=True)
    noise = np.random.RandomState(seed).standard_normal(x.shape[1:])

    def hides(sample: int, shown: np.ndarray) -> Callable[[np.ndarray], None]:
        def write(out: np.ndarray) -> None:
            out[...] = imputed(x[sample], ~shown, scale[sample] * noise)

        return write

    return hides


def key_of(baseline: Baseline) -> Hashable:
    """What tells a baseline from others: an array, which has no hash, by which one it is."""
    return id(baseline) if hasattr(baseline, "shape") else repr(baseline)


def check_baseline(baseline: Any, shape: Sequence[int]) -> None:
    """Refuse what is no baseline for an input of a shape.

    Raises:
        MetricError, MethodError, InputError: it says what there is.
    """
    if not (isinstance(baseline, str) and baseline == LINEAR):
        baselines.check(baseline, shape, inpaint=True)
    elif len(shape) != 4:
        raise MetricError(
            f"linear imputation is for pictures; the input has the shape {tuple(shape)}"
        )


def check_count(name: str, given: Any, least: int, shape: Sequence[int] | None = None) -> None:
    """Refuse what is no whole number in a range.

    Args:
        name: of the option.
        given: its value.
        least: the lowest number.
        shape: of an input, if there may not be more than it has positions.

    Raises:
        MetricError: it is none.
    """
    counts.check_count(name, given, least, None if shape is None else positions_of(shape))

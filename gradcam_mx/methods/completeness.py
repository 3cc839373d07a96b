"""Whether attributions add up to what they explain."""

from __future__ import annotations

import warnings

import numpy as np

from ..support.callers import caller_level
from .view import View

LARGEST_GAP = 0.05
"""Of the difference of the scores: more is told by a warning."""


def completeness(run: View, values: np.ndarray, difference: np.ndarray) -> dict[str, np.ndarray]:
    """Details for attributions that should add up to a difference of scores.

    Args:
        run: what they are of.
        values: the attributions.
        difference: (N,), of the scores.
    """
    return {"score_difference": difference, "completeness_gap": difference - sums(run, values)}


def sums(run: View, values: np.ndarray) -> np.ndarray:
    """(N,) what the values of each sample add up to."""
    rows = np.arange(len(values)) if run.rows is None else run.rows
    flat = values.reshape(len(values), -1)
    return np.bincount(rows, weights=flat.sum(axis=1, dtype=np.float64))


def say_gap(run: View, values: np.ndarray, details: dict[str, np.ndarray], advice: str) -> None:
    """Warn where the values do not add up to what they explain.

    Args:
        run: what they are of.
        values: the attributions.
        details: those of `completeness`.
        advice: why that may be, and what to do.
    """
    difference, gap = (np.abs(details[name]) for name in ("score_difference", "completeness_gap"))
    # a difference of nothing, of values that cancel out, is exact up to their rounding
    share = gap / np.maximum(np.maximum(difference, 1e-3 * sums(run, np.abs(values))), 1e-30)
    if share.max() > LARGEST_GAP:
        worst = int(share.argmax())
        expected = details["score_difference"][worst]
        warnings.warn(
            f"the attributions of sample {worst} add up to "
            f"{expected - details['completeness_gap'][worst]:.4g}, and the score differs by "
            f"{expected:.4g}: a completeness_gap of {share[worst]:.0%}. {advice}",
            stacklevel=caller_level(),
        )

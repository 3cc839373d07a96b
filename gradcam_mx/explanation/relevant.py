"""What an explanation says of each position of the input."""

from __future__ import annotations

import numpy as np

from ..errors import InputError, MetricError
from .at_input import at_input
from .explanation import Explanation


def positions_in(explanation: Explanation) -> tuple[int, ...]:
    """The size of the input that was explained, along its positions; of vectors the number of their
    values."""
    return tuple(explanation.input_size) or explanation.values.shape[1:]


def relevance(explanation: Explanation) -> np.ndarray:
    """(N, *positions) float64: what an explanation says of each position of the input, signed.

    Args:
        explanation: maps, or attributions; see `Case.relevance`.

    Raises:
        MetricError: its values do not lie on the input, or are of several views of each sample.
        InputError: they hold NaN or infinity.
    """
    values, size = explanation.values, positions_in(explanation)
    if explanation.views > 1:
        raise MetricError(
            f"the explanation by {explanation.method} has {explanation.views} maps of each sample "
            "(views or frames); measures are of one map a sample"
        )
    if not np.isfinite(values).all():
        raise InputError(f"the explanation by {explanation.method} holds NaN or infinity")
    if not explanation.is_map:
        values = values if explanation.signed else np.abs(values)
        if values.ndim == len(size) + 2:
            values = values.sum(axis=1)
        elif values.shape[1:] != size:
            raise MetricError(
                f"the values {values.shape} of {explanation.method} at {explanation.layer!r} have "
                f"no positions that lie on an input of {size}"
            )
    if values.shape[1:] != size:
        values = at_input(values, size, explanation.centres, fall_to_lowest=not explanation.signed)
    return values.astype(np.float64)

"""When numbers that should be the same are not: beyond what rounding makes of them."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence

import numpy as np

from .._mxnet import mx
from ..graph.own import rounding

ROUNDINGS = 512
"""So many rounding errors of the largest value are never a difference."""
NOISE, LEVERAGE = 16, 16
"""For a difference beyond that the input is changed by so many rounding errors: no difference is
what is at most so many times the change of the output, as all layers round."""

Numbers = List[np.ndarray]
Ask = Callable[[Sequence[Any]], Numbers]
"""From arrays to what something makes of them."""

FAILURES = (
    mx.MXNetError,
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)
"""What a net raises that does not run, in its user's own code too."""


def difference(own: np.ndarray, recorded: np.ndarray) -> float:
    """The largest difference of two arrays of numbers, as a share of the largest number."""
    own, recorded = (one.astype("float64").ravel() for one in (own, recorded))
    if own.shape != recorded.shape:
        return np.inf
    same = (own == recorded) | (np.isnan(own) & np.isnan(recorded))
    if same.all():
        return 0.0
    finite = np.isfinite(own) & np.isfinite(recorded)
    if not (same | finite).all():
        return np.inf
    return float(abs(own - recorded)[finite].max() / max(abs(own[finite]).max(), 1e-300))


def agree(own: Numbers, recorded: Numbers, coarsest: str) -> bool:
    """Whether numbers are the same, but for rounding to some floating-point type."""
    largest = ROUNDINGS * rounding(coarsest)
    return all(difference(a, b) <= largest for a, b in zip(own, recorded))


def is_rounding(
    ask: Ask, arrays: Sequence[Any], says: Numbers, recorded: Numbers, coarsest: str
) -> bool:
    """Whether rounding explains a difference: a net may enlarge it.

    Args:
        ask: the net.
        arrays: its inputs.
        says: what it makes of them.
        recorded: what it should.
        coarsest: the coarsest floating-point type that it computes in.
    """
    noise = NOISE * rounding(coarsest)
    signs = np.random.RandomState(0)
    changed = [
        mx.nd.array(
            array.asnumpy() * (1 + noise * signs.choice([-1, 1], array.shape)),
            array.context,
            array.dtype,
        )
        for array in arrays
    ]
    return all(
        difference(own, one) <= LEVERAGE * difference(own, other)
        for own, one, other in zip(says, recorded, ask(changed))
    )


def farthest(own: np.ndarray, recorded: np.ndarray) -> tuple[str, str]:
    """The two numbers that differ most."""
    if own.size != recorded.size:
        return f"shape {own.shape}", f"shape {recorded.shape}"
    gap = abs(own.astype("float64").ravel() - recorded.astype("float64").ravel())
    place = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    return f"{own.ravel()[place]:.6g}", f"{recorded.ravel()[place]:.6g}"

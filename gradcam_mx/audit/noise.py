"""The noise of floating-point numbers in a net: how far its values are from themselves.

Two programs that compute the same network in single precision round differently. How much that
changes each value is measured on the net itself: against double precision, with an input that is
off by single roundings, and in batches of another size.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from .sides import Side
from .value import Value, largest, rms

MARGIN = 10.0
"""A difference that is so many times the measured noise is no rounding any more."""
_LEAST = 2.0**-22
"""Of a value: the noise is taken to be that much at least, two roundings of its last bit."""
_ROUNDING = 2.0**-24
_DRAWS = 2


class Noise(NamedTuple):
    """How far a value is from itself: by the root of the mean square, and at the most."""

    rms: float
    largest: float

    def is_same(self, one: np.ndarray, other: np.ndarray) -> bool:
        """Whether two arrays of as many numbers differ by no more than roundings.

        Args:
            one: an array.
            other: the one that it is compared with.
        """
        gap = difference(one, other)
        return self.covers(rms(gap)) and largest(gap) <= MARGIN * self.largest

    def covers(self, distance: float) -> bool:
        """Whether a distance, as the root of a mean square, is no more than roundings make.

        Args:
            distance: it.
        """
        return distance <= MARGIN * self.rms


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One array less another, flat, in float64; infinite where but one of them is no number.

    Args:
        one: an array.
        other: of as many numbers.
    """
    first, second = one.reshape(-1).astype(np.float64), other.reshape(-1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        gap = first - second
    wrong = ~np.isfinite(gap)
    if wrong.any():
        same = (first == second) | (np.isnan(first) & np.isnan(second))
        gap[wrong] = np.where(same[wrong], 0, np.inf)
    return gap


def measure(side: Side, x: Sequence[np.ndarray], values: Sequence[Value]) -> list[Noise]:
    """The noise of each value of a net.

    Args:
        side: the net, which is run again.
        x: an array for each input.
        values: what the net makes of it.
    """
    gaps = [least(one.array) for one in values]
    for others in _again(side, x, values):
        for place, (value, other) in enumerate(zip(values, others)):
            if not value.is_floating or value.array.shape != other.shape:
                continue
            gap = difference(value.array, other)
            if np.isfinite(gap).all():
                known = gaps[place]
                gaps[place] = Noise(max(known.rms, rms(gap)), max(known.largest, largest(gap)))
    return gaps


def least(array: np.ndarray) -> Noise:
    """The least noise of a value: of a whole number none.

    Args:
        array: the value.
    """
    if array.dtype.kind != "f":
        return Noise(0.0, 0.0)
    part = max(_LEAST, 4 * float(np.finfo(array.dtype).eps))
    finite = array[np.isfinite(array)]
    return Noise(part * rms(finite), part * largest(finite))


def _again(
    side: Side, x: Sequence[np.ndarray], values: Sequence[Value]
) -> list[list[np.ndarray]]:
    """The values of runs that should give the same."""
    runs = [_arrays(side.values(_shaken(x, seed))) for seed in range(_DRAWS)]
    count = len(x[0])
    if count > 1:
        alone = [
            _arrays(side.values([one[place : place + 1] for one in x])) for place in range(count)
        ]
        runs.append([_joined([one[place] for one in alone]) for place in range(len(values))])
    double = side.in_double(x)
    if double is not None:
        runs.append(_arrays(double))
    return [one for one in runs if len(one) == len(values)]


def _arrays(values: Sequence[Value]) -> list[np.ndarray]:
    return [one.array for one in values]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    try:
        return np.concatenate(parts)
    except ValueError:  # its axis 0 is not of samples
        return parts[0]


def _shaken(x: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """The inputs, each number off by a rounding of single precision at the most."""
    draw = np.random.RandomState(seed)
    return [
        (one * (1 + 2 * _ROUNDING * draw.randint(-1, 2, one.shape))).astype(one.dtype)
        if one.dtype.kind == "f"
        else one
        for one in x
    ]


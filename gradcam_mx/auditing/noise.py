"""The noise of floating-point numbers in a net: how far its values are from themselves.

Two programs that compute the same network in single precision round differently. How much that
changes each value is measured on the net itself: against double precision, with an input that is
off by single roundings, and in batches of another size.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, NamedTuple, Sequence

import numpy as np

from .value import largest, rms

Arrays = List[np.ndarray]
Run = Callable[[Sequence[np.ndarray]], Arrays]

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


def measure(
    run: Run, x: Sequence[np.ndarray], arrays: Sequence[np.ndarray], double: Arrays | None
) -> list[Noise]:
    """The noise of values of a net.

    Args:
        run: makes them of an array for each input.
        x: an array for each input.
        arrays: what comes of that.
        double: the same in double precision, where the net runs so.
    """
    found = [least(one) for one in arrays]
    for others in _again(run, x, len(arrays), double):
        for place, (array, other) in enumerate(zip(arrays, others)):
            if array.dtype.kind != "f" or array.shape != other.shape:
                continue
            gap = difference(array, other)
            if np.isfinite(gap).all():
                known = found[place]
                found[place] = Noise(max(known.rms, rms(gap)), max(known.largest, largest(gap)))
    return found


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
    run: Run, x: Sequence[np.ndarray], count: int, double: Arrays | None
) -> Iterator[Arrays]:
    """The values of runs that should give the same."""
    for seed in range(_DRAWS):
        yield run(_shaken(x, seed))
    samples = len(x[0])
    if samples > 1:
        alone = [run([one[place : place + 1] for one in x]) for place in range(samples)]
        yield [_joined([one[place] for one in alone]) for place in range(count)]
    if double is not None:
        yield double


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

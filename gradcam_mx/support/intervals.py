"""Intervals in which shares, means and their differences lie, from counts and standard errors."""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.95


def deviations(level: float = LEVEL, of: int = 1) -> float:
    """Within so many standard deviations lies a share of a normal distribution.

    Args:
        level: the share.
        of: how many intervals hold at once with it (Bonferroni).
    """
    return NormalDist().inv_cdf(1 - (1 - level) / 2 / of)


def wilson(count: int, of: int, z: float | None = None) -> tuple[float, float]:
    """The interval of a share (Wilson 1927).

        (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n),    p = count / n

    Args:
        count: how many.
        of: of how many, n.
        z: how many standard deviations wide; by default those of 95 %.
    """
    z = deviations() if z is None else z
    p, extra = count / of, z * z / of
    middle = p + extra / 2
    half = z * math.sqrt(p * (1 - p) / of + extra / of / 4)
    low, high = (middle - half) / (1 + extra), (middle + half) / (1 + extra)
    return (0.0 if not count else low), (1.0 if count == of else high)  # but for rounding


def difference_of_shares(
    first: tuple[int, int],
    second: tuple[int, int],
    correlation: float = 0.0,
    z: float | None = None,
) -> tuple[float, float]:
    """The interval of the second share less the first (Newcombe 1998, doi:10.1002/(SICI)1097-0258
    (19980430)17:8<873::AID-SIM779>3.0.CO;2-I and …<2635::AID-SIM954>3.0.CO;2-C for pairs).

        d - √(a² - 2 r a b + b²),    a and b from the shares to those ends of their own (Wilson's)
                                     that are farther apart

    Args:
        first: how many, of how many.
        second: likewise.
        correlation: of the two shares, r, where some of what was counted is in both.
        z: how many standard deviations wide; by default those of 95 %.
    """
    (low_of_first, high_of_first), (low_of_second, high_of_second) = (
        wilson(*first, z),
        wilson(*second, z),
    )
    share, other = first[0] / first[1], second[0] / second[1]
    below = _length(high_of_first - share, other - low_of_second, correlation)
    above = _length(share - low_of_first, high_of_second - other, correlation)
    return other - share - below, other - share + above


def difference_of_means(
    difference: float,
    errors: tuple[float, float],
    correlation: float = 0.0,
    z: float | None = None,
) -> tuple[float, float]:
    """The interval of the difference of two means, of as many samples that these are normal.

    Args:
        difference: the second mean less the first.
        errors: their standard errors.
        correlation: of the two means, where some of the samples are in both.
        z: how many standard deviations wide; by default those of 95 %.
    """
    half = (deviations() if z is None else z) * _length(*errors, correlation)
    return difference - half, difference + half


def _length(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))

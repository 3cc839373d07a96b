"""Intervals against published numbers, and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcam_mx.support.intervals import (
    deviations,
    difference_of_means,
    difference_of_shares,
    wilson,
)


def test_deviations():
    assert deviations() == pytest.approx(1.959963984540054)
    assert deviations(of=10) == pytest.approx(deviations(0.995))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Newcombe 1998, table II, method 10: the first share less the second
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_of_shares_are_as_published(first, second, expected):
    assert difference_of_shares(second, first) == pytest.approx(expected, abs=6e-5)
    low, high = difference_of_shares(first, second)
    assert (-high, -low) == pytest.approx(expected, abs=6e-5)


def test_a_wider_interval_holds_for_several():
    low, high = difference_of_shares((5, 50), (9, 50))
    wide = difference_of_shares((5, 50), (9, 50), z=deviations(of=5))
    assert wide[0] < low < high < wide[1]
    assert wilson(3, 9, z=1)[0] > wilson(3, 9)[0]


def test_means_of_what_is_in_both_differ_less():
    assert difference_of_means(1.0, (3.0, 4.0), z=1) == pytest.approx((-4, 6))
    for correlation in (0.5, 1.0):
        half = math.sqrt(9 + 16 - 24 * correlation)
        found = difference_of_means(1.0, (3.0, 4.0), correlation, z=1)
        assert found == pytest.approx((1 - half, 1 + half))


def test_intervals_of_means_hold_as_often_as_they_say():
    draws, held = np.random.RandomState(0), 0
    for _ in range(400):
        a, b = draws.randn(80), draws.randn(60) * 2 + 1
        errors = tuple(float(one.std(ddof=1) / math.sqrt(len(one))) for one in (a, b))
        low, high = difference_of_means(float(b.mean() - a.mean()), errors)
        held += low <= 1 <= high
    assert abs(held / 400 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 400)

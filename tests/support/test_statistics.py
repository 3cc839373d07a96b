"""Statistics where the right number is known"""

from __future__ import annotations

import math
import statistics as standard

import numpy as np
import pytest

from gradcam_mx.support.statistics import Running, standard_error


@pytest.mark.parametrize("values", [[1.0, 2, 4], [-3.5, 1e6, 0, 7]])
def test_the_standard_error_is_that_of_the_standard_library(values):
    expected = standard.stdev(values) / math.sqrt(len(values))
    assert standard_error(np.array(values)) == pytest.approx(expected, rel=1e-12)
    with_gaps = np.array([np.nan, *values, np.nan])
    assert standard_error(with_gaps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("constant", [0.1, -7.3, 0.0, 1e-30])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_constant_has_no_error(constant, count):
    """Though the mean of seven times 0.1 is not 0.1."""
    assert standard_error(np.full(count, constant)) == 0


@pytest.mark.parametrize("values", [[], [1.0], [np.nan, 1.0], [np.nan, np.nan]])
def test_fewer_than_two_have_none(values):
    assert math.isnan(standard_error(np.array(values)))


@pytest.mark.parametrize("parts", [[40], [1] * 40, [3, 0, 20, 17]])
def test_running_means_are_those_of_all_at_once(parts):
    values = np.random.RandomState(0).randn(40, 3) * [1, 1e-3, 1e3] + [0, 1e3, -5]
    values[::7, 1] = np.nan
    values[:, 2] = np.nan
    values[11, 2] = 4.0
    running = Running(3)
    for part in np.split(values, np.cumsum(parts)[:-1]):
        running.add(part)
    for quantity in range(3):
        known = [one for one in values[:, quantity] if not math.isnan(one)]
        assert running.count[quantity] == len(known)
        assert running.mean[quantity] == pytest.approx(standard.fmean(known), rel=1e-12)
        if len(known) > 1:
            expected = standard.stdev(known) / math.sqrt(len(known))
            assert running.standard_error[quantity] == pytest.approx(expected, rel=1e-9)
    assert math.isnan(running.standard_error[2])


def test_running_means_of_constants_and_of_nothing():
    running = Running(2)
    assert np.isnan(running.mean).all()
    for count in (1, 7, 3):
        running.add(np.tile([0.1, -7.3], (count, 1)))
    np.testing.assert_array_equal(running.standard_error, 0)
    np.testing.assert_allclose(running.mean, [0.1, -7.3], rtol=1e-15)

"""Statistics where the right number is known"""

from __future__ import annotations

import math
import statistics as standard

import numpy as np
import pytest

from gradcam_mx.support.statistics import standard_error


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

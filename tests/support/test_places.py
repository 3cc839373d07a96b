"""Places in maps of one to three axes, by plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gradcam_mx.support.places import border, corners, middle, summed


@pytest.mark.parametrize("size", [(9,), (7, 12), (3, 8, 16), (1, 1), (32, 32)])
def test_places_by_plain_loops(size):
    found = border(*size), corners(*size), middle(*size)
    for place in product(*map(range, size)):
        near = [
            at < max(1, round(side / 8)) or at >= side - max(1, round(side / 8))
            for at, side in zip(place, size)
        ]
        inside = [side // 4 <= at < side - side // 4 for at, side in zip(place, size)]
        assert [one[place] for one in found] == [any(near), all(near), all(inside)]


def test_sums_over_the_cells_of_a_grid_along_chosen_axes():
    given = np.random.RandomState(0).rand(2, 5, 7, 11)
    found = summed(given, 3, axes=(1, 2, 3))
    assert found.shape == (2, 3, 3, 3)
    assert found.sum() == pytest.approx(given.sum())
    assert found[1, 0, 1, 2] == pytest.approx(given[1, :1, 2:4, 7:].sum())

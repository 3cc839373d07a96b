"""The one stretch to [0, 1], and the one box around a mask."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx.support.arrays import stretched
from gradcam_mx.support.boxes import box_of


def test_values_are_stretched_linearly():
    values = np.array([[-2, 0, 2], [5, 5, 5], [0, 4, 1]], np.float32)
    each = stretched(values, (1,))
    np.testing.assert_array_equal(each, [[0, 0.5, 1], [0, 0, 0], [0, 1, 0.25]])
    assert each.dtype == np.float32
    np.testing.assert_allclose(stretched(values), (values + 2) / 7, rtol=1e-6)
    high = np.array([[0], [6], [2]])
    np.testing.assert_array_equal(
        stretched(values, (1,), high), [[0, 1, 2], [0, 0, 0], [0, 2, 0.5]]
    )
    np.testing.assert_array_equal(values[0], [-2, 0, 2])


@pytest.mark.parametrize("shape", [(9,), (6, 7), (4, 5, 6)])
def test_a_box_is_the_smallest_that_holds_all_of_a_mask(shape):
    draw = np.random.RandomState(0)
    for _ in range(50):
        mask = draw.rand(*shape) < 0.05
        box = box_of(mask)
        if box is None:
            assert not mask.any()
            continue
        assert mask[box].sum() == mask.sum()
        for axis in range(len(shape)):  # each of its sides touches the mask
            for end in (0, -1):
                assert np.take(mask[box], end, axis=axis).any()
    assert box_of(np.zeros(shape, bool)) is None

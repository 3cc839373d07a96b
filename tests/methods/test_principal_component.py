"""The first direction of a layer's channels: by an SVD, for more channels than positions and fewer.

At an early layer there are some ten thousand positions: by their products with each other the
memory would be gigabytes and the time minutes.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gradcam_mx.methods.activation_maps import principal_component


@pytest.mark.parametrize("shape", [(64, 111, 111), (512, 7, 7), (9, 3, 3), (4, 200), (3, 4, 5, 6)])
def test_it_is_the_projection_on_the_first_singular_vector(shape):
    channels = np.random.RandomState(0).standard_normal((2, *shape)).astype("float32")
    found = principal_component(channels)
    for one, map_ in zip(channels, found):
        matrix = one.reshape(shape[0], -1).T.astype(np.float64)
        _, _, directions = np.linalg.svd(matrix, full_matrices=False)
        expected = (matrix @ directions[0]).reshape(shape[1:])
        error = min(abs(map_ - expected).max(), abs(map_ + expected).max())
        assert error < 1e-9 * abs(expected).max()


def test_memory_grows_with_the_positions_and_not_with_their_square():
    channels = np.random.RandomState(1).standard_normal((1, 8, 100, 100))
    tracemalloc.start()
    principal_component(channels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * channels.nbytes

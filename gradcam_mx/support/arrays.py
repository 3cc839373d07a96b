"""Arrays of numpy and of MXNet."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._mxnet import mx


def numbers_of(array: Any) -> np.ndarray:
    """The numbers of an NDArray, or of whatever numpy takes for an array."""
    return array.asnumpy() if isinstance(array, mx.nd.NDArray) else np.asarray(array)


def like(numbers: np.ndarray, output: Any) -> Any:
    """Numbers as an array beside `output`."""
    return mx.nd.array(numbers, ctx=output.context, dtype=output.dtype)


def flat(output: Any) -> Any:
    """An NDArray (N, …) as (N, K)."""
    return output.reshape((len(output), -1))


def ranges(values: np.ndarray) -> np.ndarray:
    """(N, 1, …): how far it is from the lowest value of each sample to the highest."""
    axes = tuple(range(1, values.ndim))
    return np.ptp(values, axis=axes, keepdims=True)

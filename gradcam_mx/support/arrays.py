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


def is_whole(number: Any) -> bool:
    """Whether it is a whole number, Python's or numpy's; True and False are none."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def stretched(
    values: np.ndarray, axes: tuple[int, ...] | None = None, high: Any = None
) -> np.ndarray:
    """Values in the range [0, 1] linearly; what is flat becomes zeros.

        (values - low) / (high - low)

    Args:
        values: of any range.
        axes: over which lowest and highest are found; over all of them by default.
        high: what becomes 1, where that is not the highest value.
    """
    low = values.min(axis=axes, keepdims=True)
    if high is None:
        high = values.max(axis=axes, keepdims=True)
    return (values - low) / np.where(high > low, high - low, 1)


def ranges(values: np.ndarray) -> np.ndarray:
    """(N, 1, …): how far it is from the lowest value of each sample to the highest."""
    axes = tuple(range(1, values.ndim))
    return np.ptp(values, axis=axes, keepdims=True)

"""Mean and variance of a stream of arrays, in memory that does not grow with it."""

from __future__ import annotations

from typing import Sequence

import numpy as np


class Moments:
    """The running mean and variance, by Welford's recurrence (Technometrics 4(3), 1962)."""

    def __init__(self, shape: Sequence[int], mean_alone: bool = False) -> None:
        """
        Args:
            shape: of the arrays.
            mean_alone: whether nothing but the mean will be asked for, which is quicker.
        """
        self.count, self._mean_alone = 0, mean_alone
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, values: np.ndarray) -> None:
        """Take one more array."""
        self.count += 1
        distance = values - self.mean
        self.mean += distance / self.count
        if not self._mean_alone:
            self._squares += distance * (values - self.mean)

    @property
    def variance(self) -> np.ndarray:
        """Of the arrays themselves (divided by their number)."""
        return self._squares / self.count

    @property
    def standard_error(self) -> np.ndarray:
        """Of the mean, as an estimate of that of the distribution; NaN for a single array."""
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        return np.sqrt(self._squares / (self.count - 1) / self.count)

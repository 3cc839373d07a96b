"""Mean and variance of a stream of arrays, in memory that does not grow with it."""

from __future__ import annotations

from typing import Sequence

import numpy as np


class Moments:
    """The running mean and variance, by Welford's recurrence (Technometrics 4(3), 1962), and the
    central moments up to the fourth where they are wanted (Pébay 2008, SAND2008-6212, with one
    value at a time)."""

    def __init__(self, shape: Sequence[int], to_the_fourth: bool = False) -> None:
        """
        Args:
            shape: of the arrays.
            to_the_fourth: whether the standard error of the variance will be asked for.
        """
        self.count, self._to_the_fourth = 0, to_the_fourth
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)
        if to_the_fourth:
            self._cubes, self._fourths = np.zeros(shape), np.zeros(shape)

    def add(self, values: np.ndarray) -> None:
        """Take one more array."""
        self.count += 1
        distance = values - self.mean
        step = distance / self.count
        if self._to_the_fourth:
            self._add_higher(distance, step)
        self.mean += step
        self._squares += distance * (values - self.mean)

    def _add_higher(self, distance: np.ndarray, step: np.ndarray) -> None:
        n = self.count
        square = distance * step * (n - 1)
        self._fourths += (
            square * step**2 * (n**2 - 3 * n + 3)
            + 6 * step**2 * self._squares
            - 4 * step * self._cubes
        )
        self._cubes += square * step * (n - 2) - 3 * step * self._squares

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

    @property
    def variance_error(self) -> np.ndarray:
        """The standard error of the variance; NaN for a single array.

            √((m₄ - (n - 3) / (n - 1) m₂²) / n)

        Mood, Graybill & Boes, Introduction to the Theory of Statistics, 1974, section VI.2.3, with
        the central moments m of the arrays in the place of those of the distribution.
        """
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        n = self.count
        found = self._fourths / n - (n - 3) / (n - 1) * self.variance**2
        return np.sqrt(np.maximum(found, 0) / n)

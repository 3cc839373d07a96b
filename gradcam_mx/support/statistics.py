"""Statistics that several measures share, in float64."""

from __future__ import annotations

import math

import numpy as np


def mean(values: np.ndarray) -> float:
    """Of what is defined; NaN of nothing."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else float("nan")


def standard_error(values: np.ndarray) -> float:
    """Of the mean of what is defined: s / √n; NaN of less than two, 0 of a constant."""
    found = values[~np.isnan(values)]
    count = len(found)
    if count < 2:
        return float("nan")
    return float(np.sqrt((_centred(found) ** 2).sum() / (count - 1) / count))


def mean_curve(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of curves (N, K) the mean, and its standard error; NaN of less than two."""
    count = len(curves)
    if count < 2:
        return curves.mean(axis=0), np.full(curves.shape[1:], np.nan)
    return curves.mean(axis=0), curves.std(axis=0, ddof=1) / np.sqrt(count)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation along the last axis; 0 where either is constant, up to rounding.

    r = Σ (a - ā)(b - b̄) / √(Σ (a - ā)² Σ (b - b̄)²)
    """
    left, right = _centred(a), _centred(b)
    norms = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    products = (left * right).sum(axis=-1)
    return np.where(norms > 0, products / np.where(norms > 0, norms, 1), 0)


class Running:
    """Means and standard errors of several quantities, of numbers that come some at a time.

    What it holds does not grow with them (Chan, Golub and LeVeque 1983,
    doi:10.1080/00031305.1983.10483115):

        d = mean of b - mean of a
        mean of both = mean of a + d n_b / (n_a + n_b)
        S of both = S_a + S_b + d² n_a n_b / (n_a + n_b),    S = Σ (x - mean)²

    Args:
        quantities: how many there are.
    """

    def __init__(self, quantities: int) -> None:
        self.count = np.zeros(quantities, int)
        """Of the numbers that are defined, for each quantity."""
        self._mean, self._squares = np.zeros(quantities), np.zeros(quantities)

    def add(self, values: np.ndarray) -> None:
        """Further numbers.

        Args:
            values: (N, quantities); NaN of what is not defined.
        """
        values = np.asarray(values, float)
        known = ~np.isnan(values)
        count = known.sum(axis=0)
        own = np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1)
        squares = (np.where(known, values - own, 0) ** 2).sum(axis=0)
        total, gap = self.count + count, own - self._mean
        share = count / np.maximum(total, 1)
        self._mean = self._mean + gap * share
        self._squares = self._squares + squares + gap**2 * self.count * share
        self.count = total

    @property
    def mean(self) -> np.ndarray:
        """Of each quantity; NaN where nothing is defined."""
        return np.where(self.count > 0, self._mean, np.nan)

    @property
    def standard_error(self) -> np.ndarray:
        """Of each mean: s / √n; NaN of less than two, 0 of a constant."""
        count = np.maximum(self.count, 2)
        is_flat = self._squares <= count * (_ROUNDING * self._mean) ** 2
        found = np.sqrt(np.where(is_flat, 0, self._squares) / (count - 1) / count)
        return np.where(self.count > 1, found, np.nan)


_ROUNDING = 1e-12
"""Of a constant, whose mean may be off by the rounding of its sum."""


def _centred(a: np.ndarray) -> np.ndarray:
    a = np.asarray(a, float)
    found = a - a.mean(axis=-1, keepdims=True)
    size = np.abs(a).max(axis=-1, keepdims=True)
    is_flat = np.abs(found).max(axis=-1, keepdims=True) <= _ROUNDING * size
    return np.where(is_flat, 0, found)


def ranks(a: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 0; equal values share the mean of theirs."""
    flat = np.asarray(a, float).reshape(-1, np.shape(a)[-1])
    found = np.empty(flat.shape)
    for row, out in zip(flat, found):
        _, place, count = np.unique(row, return_inverse=True, return_counts=True)
        ends = np.cumsum(count)
        out[:] = (ends - (count + 1) / 2)[place]
    return found.reshape(np.shape(a))


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation along the last axis; 0 where either is constant."""
    return pearson(ranks(a), ranks(b))


def gini(a: np.ndarray) -> np.ndarray:
    """Gini's index of what is not negative, along the last axis; NaN of zeros.

    G = Σ_i (2 i - n - 1) a_i / (n Σ a),    a sorted upwards, i = 1 … n
    """
    a = np.sort(np.asarray(a, float), axis=-1)
    count = a.shape[-1]
    weights = 2 * np.arange(1, count + 1) - count - 1
    total = a.sum(axis=-1)
    return np.where(total > 0, (a @ weights) / (count * np.where(total > 0, total, 1)), np.nan)


def entropy(a: np.ndarray) -> np.ndarray:
    """Entropy of what is not negative, taken for shares, along the last axis; NaN of zeros.

    H = -Σ p log p,    p = a / Σ a
    """
    a = np.asarray(a, float)
    total = a.sum(axis=-1, keepdims=True)
    shares = a / np.where(total > 0, total, 1)
    logarithms = np.log(np.where(shares > 0, shares, 1))
    return np.where(total[..., 0] > 0, -(shares * logarithms).sum(axis=-1), np.nan)


def sign_test(values: np.ndarray) -> float:
    """How probable as many numbers above zero are if they are no more likely than others.

        p = P(B >= #{values > 0}),    B binomial of n and 1/2

    What is zero, or NaN, counts as not above. 1 of nothing.
    """
    above, count = int((np.asarray(values) > 0).sum()), len(values)
    return sum(math.comb(count, one) for one in range(above, count + 1)) / 2**count


def holm(p: np.ndarray) -> np.ndarray:
    """p-values of several tests, corrected so that all of those below a level are right together
    with that certainty (Holm 1979, jstor.org/stable/4615733).

        p'_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),    p sorted upwards
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    found = np.empty(len(p))
    found[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return found

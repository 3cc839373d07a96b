"""Permutation tests of whether two samples are of one distribution, for many quantities at once.

All quantities are compared under the same permutations, so that what they have to do with each
other is accounted for when their p-values are corrected: the step-down maxT procedure (Westfall &
Young 1993; Ge, Dudoit & Speed 2003, doi:10.1007/BF02595811).
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Protocol, Sequence

import numpy as np

from ..support.progress import bar

_AT_ONCE = 1 << 16
"""Samples of labellings that are looked at together: they stay in the processor's cache."""

BINS = 1024
"""Of numbers with more different values, so many groups of as many neighbours each are told apart.
The groups are of all samples, whatever their labels, so that the test stays exact."""

_ROUNDING = 1e-9
"""Of two statistics that are equal but for the order of their sums."""


class Design(NamedTuple):
    """Which samples may change places: any, but a sample that both have with its like alone."""

    reference: int
    """How many samples the reference has; they come first."""
    current: int
    """How many come behind them."""
    pairs: np.ndarray
    """(P, 2) the places of the same sample in the reference and in the current ones."""

    @property
    def own(self) -> np.ndarray:
        """(M,) the places of the current samples."""
        return np.arange(self.reference, self.reference + self.current)

    def draws(self, count: int, seed: int) -> Iterator[np.ndarray]:
        """Choices that are as likely as the true one if nothing has changed: blocks (B, M) of the
        places of those that are taken for the current samples.

        Args:
            count: how many there are in all.
            seed: of the draws.
        """
        random = np.random.default_rng(seed)
        alone = np.setdiff1d(np.arange(self.reference + self.current), self.pairs)
        paired, rows = len(self.pairs), np.arange(len(self.pairs))
        block = max(1, _AT_ONCE // self.current)
        for start in range(0, count, block):
            found = np.empty((min(block, count - start), self.current), np.int64)
            for row in found:
                row[:paired] = self.pairs[rows, random.integers(0, 2, paired)]
                row[paired:] = random.choice(
                    alone, self.current - paired, replace=False, shuffle=False
                )
            yield found


class Quantity(Protocol):
    """What is compared."""

    def statistics(self, current: np.ndarray) -> np.ndarray:
        """How different samples are, (B,), quadratic in the difference, for places (B, M) of those
        that are taken for the current ones; 0 where either has nothing."""


class _Counted:
    """One of K groups for each sample, or none.

    Args:
        groups: (N,) from 0 to K - 1; K where there is none.
        count: how many groups there are, K.
    """

    def __init__(self, groups: np.ndarray, count: int) -> None:
        self._groups, self._count = groups, count
        self._totals = np.bincount(groups, minlength=count + 1)[:count].astype(float)

    def gaps(self, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, K) by how much the current samples in each group are more than expected, and (B,)
        what makes a difference of shares of that: N / (n m), or 0 where n or m is."""
        chosen = self._groups[current]
        chosen += np.arange(len(current))[:, None] * (self._count + 1)
        cells = np.bincount(chosen.ravel(), minlength=len(current) * (self._count + 1))
        counts = cells.reshape(len(current), -1)[:, : self._count]
        known, total = counts.sum(axis=1), self._totals.sum()
        both = known * (total - known)
        scale = np.where(both > 0, total / np.where(both > 0, both, 1), 0)
        return counts - known[:, None] * (self._totals / max(1.0, total)), scale

    @property
    def totals(self) -> np.ndarray:
        """(K,) how many samples each group has."""
        return self._totals


class Numbers:
    """A number of each sample. Two samples differ by Cramér's distance.

        2 ∫ (F(x) - G(x))² dx = 2 E|X - Y| - E|X - X'| - E|Y - Y'|

    It is the energy distance on a line (Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018).

    Args:
        values: (N,) of all samples; NaN where there is none.
    """

    def __init__(self, values: np.ndarray) -> None:
        found = np.full(len(values), 0)
        known = np.flatnonzero(~np.isnan(values))
        levels, found[known] = np.unique(values[known], return_inverse=True)
        if len(levels) > BINS:
            ranks = np.argsort(np.argsort(values[known], kind="stable"), kind="stable")
            # equal values are of one group: that of the first of them
            first = np.full(len(levels), len(known))
            np.minimum.at(first, found[known], ranks)
            group = first * BINS // len(known)
            _, group = np.unique(group, return_inverse=True)
            found[known] = group[found[known]]
            sizes = np.bincount(found[known])
            levels = np.bincount(found[known], values[known]) / sizes
        found[np.isnan(values)] = len(levels)
        self._counted, self._steps = _Counted(found, len(levels)), np.diff(levels)

    def statistics(self, current: np.ndarray) -> np.ndarray:
        """The distance.

        Args:
            current: (B, M) the places of those that are taken for the current samples.
        """
        gaps, scale = self._counted.gaps(current)
        apart = np.cumsum(gaps, axis=1)[:, :-1]
        found: np.ndarray = 2 * scale**2 * (apart**2 @ self._steps)
        return found


class Categories:
    """One of some categories for each sample. Two samples differ by χ².

        χ² = Σ over categories and samples of (observed - expected)² / expected

    Args:
        values: (N,) the number of each category; NaN where there is none.
    """

    def __init__(self, values: np.ndarray) -> None:
        known = ~np.isnan(values)
        levels, found = np.unique(values[known], return_inverse=True)
        groups = np.full(len(values), len(levels))
        groups[known] = found
        self._counted = _Counted(groups, len(levels))

    def statistics(self, current: np.ndarray) -> np.ndarray:
        """χ².

        Args:
            current: (B, M) the places of those that are taken for the current samples.
        """
        gaps, scale = self._counted.gaps(current)
        totals = self._counted.totals
        found: np.ndarray = scale * totals.sum() * (gaps**2 @ (1 / totals))
        return found


class Tested(NamedTuple):
    """What came of the tests, for each quantity."""

    statistics: np.ndarray
    """(T,) under the true labels."""
    p: np.ndarray
    """(T,) how often it is as large by chance: (1 + count) / (1 + permutations)."""
    corrected: np.ndarray
    """(T,) the same, corrected for all that is tested."""


def outcome_of(
    quantities: Sequence[Quantity],
    design: Design,
    *,
    permutations: int,
    seed: int,
    progress: bool,
) -> Tested:
    """Test whether quantities differ between two samples.

    Args:
        quantities: what is compared, at least one.
        design: which samples may change places.
        permutations: how many are drawn.
        seed: of the draws.
        progress: whether to show a bar.
    """
    observed = np.array([one.statistics(design.own[None])[0] for one in quantities])
    rows = [observed[None]]
    with bar(what="permutations", total=permutations, show=progress) as done:
        for current in design.draws(permutations, seed):
            rows.append(np.stack([one.statistics(current) for one in quantities], axis=1))
            done.update(len(current))
    whole = np.concatenate(rows)
    return Tested(observed, _p_values(whole), _corrected(_comparable(whole)))


def _p_values(statistics: np.ndarray) -> np.ndarray:
    """Of (1 + B, T) statistics, the true ones first."""
    allowed = _ROUNDING * np.abs(statistics[0])
    found: np.ndarray = (statistics >= statistics[0] - allowed).mean(axis=0)
    return found


def _comparable(statistics: np.ndarray) -> np.ndarray:
    """Statistics (1 + B, T) on one scale: roughly normal, of mean 0 and deviation 1.

    The cube root makes what is quadratic nearly normal (Wilson & Hilferty 1931), so that the
    largest of several is as likely to be of any of them. All permutations play the same part in
    the mean and the deviation, the true order too, so that the test stays exact.
    """
    roots = np.cbrt(np.maximum(statistics, 0))
    deviation = roots.std(axis=0)
    is_constant = deviation <= _ROUNDING * np.abs(roots).max(axis=0)
    found = (roots - roots.mean(axis=0)) / np.where(is_constant, 1, deviation)
    return np.where(is_constant, 0, found)


def _corrected(scores: np.ndarray) -> np.ndarray:
    """The step-down maxT procedure for (1 + B, T) scores, the true ones first.

    From the largest true score on: how often the largest of those that are not above it is as
    large; and no less than what came before.
    """
    order = np.argsort(-scores[0], kind="stable")
    ranked = scores[:, order]
    largest = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
    shares = (largest >= ranked[0] - _ROUNDING).mean(axis=0)
    found = np.empty(len(order))
    found[order] = np.maximum.accumulate(shares)
    return found

"""Permutation tests of whether two samples are of one distribution, for many quantities at once.

All quantities are compared under the same labellings, so that what they have to do with each other
is accounted for when their p-values are corrected: the step-down maxT procedure (Westfall & Young
1993; Ge, Dudoit & Speed 2003, doi:10.1007/BF02595811).
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Protocol, Sequence

import numpy as np

from ..support.progress import bar

_AT_ONCE = 1 << 16
"""Labels of samples that are looked at together: they stay in the processor's cache."""

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
    def labels(self) -> np.ndarray:
        """(N,) bool: which are of the current ones."""
        return np.arange(self.reference + self.current) >= self.reference

    def draws(self, count: int, seed: int) -> Iterator[np.ndarray]:
        """Labellings that are as likely as the true one if nothing has changed: blocks (B, N) bool.

        Args:
            count: how many there are in all.
            seed: of the draws.
        """
        random = np.random.default_rng(seed)
        labels = self.labels
        alone = np.setdiff1d(np.arange(len(labels)), self.pairs)
        block = max(1, _AT_ONCE // len(labels))
        for start in range(0, count, block):
            found = np.empty((min(block, count - start), len(labels)), bool)
            for row in found:
                row[alone] = random.permutation(labels[alone])
                swapped = random.random(len(self.pairs)) < 0.5
                row[self.pairs[:, 0]], row[self.pairs[:, 1]] = swapped, ~swapped
            yield found


class Quantity(Protocol):
    """What is compared."""

    def statistics(self, is_current: np.ndarray) -> np.ndarray:
        """How different the samples are under labellings (B, N), quadratic in the difference."""


class Numbers:
    """A number of each sample. Two samples differ by Cramér's distance.

        2 ∫ (F(x) - G(x))² dx = 2 E|X - Y| - E|X - X'| - E|Y - Y'|

    It is the energy distance on a line (Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018).

    Args:
        values: (N,) of all samples; NaN where there is none.
    """

    def __init__(self, values: np.ndarray) -> None:
        order = np.argsort(values, kind="stable")
        self._order = order[: int((~np.isnan(values)).sum())]
        self._gaps = np.diff(np.asarray(values, np.float64)[self._order])

    def statistics(self, is_current: np.ndarray) -> np.ndarray:
        """The distance, (B,); 0 where either has no numbers.

        Args:
            is_current: (B, N) labellings.
        """
        return 2 * self._integral(is_current)

    def _integral(self, is_current: np.ndarray) -> np.ndarray:
        count = len(self._order)
        if count < 2:
            return np.zeros(len(is_current))
        below = np.cumsum(is_current[:, self._order], axis=1, dtype=np.int32)
        current = below[:, -1:].astype(float)
        reference = count - current
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = below[:, :-1] * (1 / current + 1 / reference)
            apart -= np.arange(1, count) / reference
            found = np.einsum("bn,bn,n->b", apart, apart, self._gaps)
        return np.where((current * reference)[:, 0] > 0, found, 0.0)


class Categories:
    """One of some categories for each sample. Two samples differ by χ².

        χ² = Σ over categories and samples of (observed - expected)² / expected

    Args:
        codes: (N,) the number of each category, from 0 on; -1 where there is none.
    """

    def __init__(self, codes: np.ndarray) -> None:
        self._there = np.flatnonzero(codes >= 0)
        found, self._codes = np.unique(codes[self._there], return_inverse=True)
        self._totals = np.bincount(self._codes, minlength=len(found)).astype(float)

    def statistics(self, is_current: np.ndarray) -> np.ndarray:
        """χ², (B,); 0 where either has no categories.

        Args:
            is_current: (B, N) labellings.
        """
        chosen, size = is_current[:, self._there], len(self._totals)
        rows, columns = np.nonzero(chosen)
        cells = self._codes[columns] + rows * size
        counts = np.bincount(cells, minlength=len(chosen) * size).reshape(len(chosen), size)
        count = float(len(self._there))
        current = counts.sum(axis=1)
        both = current * (count - current)
        gaps = counts * count - current[:, None] * self._totals
        sums = (gaps**2 / self._totals).sum(axis=1)
        return np.where(both > 0, sums / np.where(both > 0, both, 1), 0.0)


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
    progress: bool = False,
) -> Tested:
    """Test whether quantities differ between two samples.

    Args:
        quantities: what is compared, at least one.
        design: which samples may change places.
        permutations: how many labellings are drawn.
        seed: of the draws.
        progress: whether to show a bar.
    """
    observed = np.array([one.statistics(design.labels[None])[0] for one in quantities])
    rows = [observed[None]]
    with bar(what="permutations", total=permutations, show=progress) as done:
        for labels in design.draws(permutations, seed):
            rows.append(np.stack([one.statistics(labels) for one in quantities], axis=1))
            done.update(len(labels))
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
    largest of several is as likely to be of any of them. All labellings play the same part in the
    mean and the deviation, the true one too, so that the test stays exact.
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

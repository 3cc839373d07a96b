"""The quantities that two stores are compared by, and what is told of each."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

from ..support.intervals import LEVEL, deviations, difference_of_means, difference_of_shares
from ..support.statistics import mean, standard_error
from .permutation import Categories, Design, Numbers, Quantity

NUMBER, SHARE, CLASSES = "number", "share", "classes"
_BINS = 32
_TAIL = 0.5
"""So many percent at either end of what both have are in the first and the last bin."""


class DriftRow(NamedTuple):
    """What was found of a quantity."""

    name: str
    """Of it: "predicted", "score", "grad_cam.spread" …"""
    title: str
    """What people call it."""
    reference: float
    """Its mean, or its share, in the reference; of the predicted classes the share of the one whose
    share changed most."""
    current: float
    """The same in the current store."""
    difference: float
    """The second less the first."""
    low: float
    """The 95 % interval of the difference begins here; of the predicted classes it holds for all of
    them at once."""
    high: float
    """It ends here."""
    p: float
    """How often samples of one distribution differ as much, by permutations."""
    corrected_p: float
    """The same, corrected for all that is compared."""
    is_drift: bool
    """Whether that is at most alpha."""
    samples: tuple[int, int]
    """How many of each store have it."""


class Distribution(NamedTuple):
    """How a number is spread over samples."""

    edges: np.ndarray
    """(K + 1,) of the bins; what lies beyond is in the outermost ones."""
    reference: np.ndarray
    """(K,) the share of the reference's samples in each bin."""
    current: np.ndarray
    """(K,) the same of the current ones."""


class ClassShare(NamedTuple):
    """How often a class is predicted."""

    class_id: int
    name: str
    reference: float
    """The share of the samples."""
    current: float


class Compared(NamedTuple):
    """A quantity of all samples that are compared."""

    name: str
    title: str
    kind: str
    """A number; a share, of ones among ones and zeros; or classes."""
    values: np.ndarray
    """(N,) float64 of the reference's samples and of the current ones behind them; NaN where there
    is none."""

    @property
    def quantity(self) -> Quantity:
        """What is tested."""
        return (Numbers if self.kind == NUMBER else Categories)(self.values)

    def split(self, design: Design) -> tuple[np.ndarray, np.ndarray]:
        """Those that the reference has, and those that the current store has.

        Args:
            design: which are which.
        """
        first, second = self.values[: design.reference], self.values[design.reference :]
        return first[~np.isnan(first)], second[~np.isnan(second)]

    def row(
        self,
        design: Design,
        p: float,
        corrected: float,
        alpha: float,
        said: Callable[[int], str],
    ) -> DriftRow:
        """What is told of it.

        Args:
            design: which samples are of which store.
            p: what the test found.
            corrected: likewise.
            alpha: the level.
            said: gives what a class is called.
        """
        first, second = self.split(design)
        values, title, z = self.values, self.title, deviations()
        if self.kind == CLASSES:
            shares = class_shares(first, second, said)
            most = max(shares, key=lambda one: abs(one.current - one.reference))
            title = f"{title}, most {most.name}"
            z = deviations(LEVEL, of=len(shares))
            values = np.where(np.isnan(values), np.nan, values == most.class_id)
            first, second = (one == most.class_id for one in (first, second))
        means = mean(first.astype(float)), mean(second.astype(float))
        correlation = _correlation(values, design)
        if self.kind == NUMBER:
            errors = standard_error(first), standard_error(second)
            low, high = difference_of_means(means[1] - means[0], errors, correlation, z)
        else:
            counts = [(int(one.sum()), len(one)) for one in (first, second)]
            low, high = difference_of_shares(counts[0], counts[1], correlation, z)
        is_drift = corrected <= alpha
        return DriftRow(
            self.name, title, *means, means[1] - means[0], low, high, p, corrected, is_drift,
            (len(first), len(second)),
        )  # fmt: skip

    def distribution(self, design: Design) -> Distribution:
        """How it is spread in both.

        Args:
            design: which samples are of which store.
        """
        first, second = self.split(design)
        both = np.concatenate([first, second])
        low, high = np.percentile(both, [_TAIL, 100 - _TAIL])
        if not low < high:  # all but a few are equal
            low, high = both.min(), both.max()
        edges = np.linspace(low, high if low < high else low + 1, _BINS + 1)
        shares = [np.histogram(np.clip(one, *edges[[0, -1]]), edges)[0] for one in (first, second)]
        return Distribution(edges, shares[0] / len(first), shares[1] / len(second))


def class_shares(
    first: np.ndarray, second: np.ndarray, said: Callable[[int], str]
) -> list[ClassShare]:
    """How often each class is predicted that is, by its number.

    Args:
        first: (n,) the classes of the reference's samples.
        second: (m,) those of the current ones.
        said: gives what a class is called.
    """
    classes = np.unique(np.concatenate([first, second])).astype(int)
    return [
        ClassShare(
            int(one), said(int(one)), float((first == one).mean()), float((second == one).mean())
        )
        for one in classes
    ]


def _correlation(values: np.ndarray, design: Design) -> float:
    """Of the means of both, as some samples are in both.

    P cov(x, y) / (n m) / (e f),    e and f the standard errors of the means
    """
    first, second = values[design.pairs[:, 0]], values[design.pairs[:, 1]]
    both = ~np.isnan(first) & ~np.isnan(second)
    errors = [standard_error(one) for one in np.split(values, [design.reference])]
    if both.sum() < 2 or not all(one > 0 for one in errors):
        return 0.0
    counts = [int((~np.isnan(one)).sum()) for one in np.split(values, [design.reference])]
    covariance = np.cov(first[both], second[both])[0, 1]
    found = both.sum() * covariance / counts[0] / counts[1] / errors[0] / errors[1]
    return float(np.clip(found, -1, 1))

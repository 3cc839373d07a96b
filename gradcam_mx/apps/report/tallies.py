"""How often a network is right on labelled photos, and what it takes for what."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Sequence

import numpy as np

from ...support.intervals import wilson
from ..provenance import Record

TOP = 5
"""Also counted: how often the true class is among so many top ones."""

MATRIX = 12
"""Up to so many classes the confusion is a table of all of them."""

LISTED = 20
"""Of more classes so many confusions are listed, the most frequent first."""


class Tallies:
    """Counts over photos of which the true class is known."""

    def __init__(self) -> None:
        self.count = self.right = self.among_top = 0
        self.classes = 0
        self.pairs: Counter[tuple[int, int]] = Counter()
        """(true, predicted) → how many photos."""

    def add(self, true: int, chances: np.ndarray) -> bool:
        """Another photo; whether the network is right.

        Args:
            true: its class.
            chances: (K,) the probability of each class.
        """
        ranked = np.argsort(-chances, kind="stable")
        return self.add_ranked(true, ranked.tolist(), len(chances))

    def add_ranked(self, true: int, ranked: Sequence[int], classes: int) -> bool:
        """Another photo, of which the order of the classes is known; whether the network is right.

        Args:
            true: its class.
            ranked: the first classes, the most probable first.
            classes: how many there are.
        """
        predicted = int(ranked[0])
        self.classes = classes
        self.count += 1
        self.right += predicted == true
        self.among_top += true in ranked[:TOP]
        self.pairs[true, predicted] += 1
        return predicted == true

    def record(self, said: Callable[[int], str]) -> Record:
        """The counts, shares with their 95 % intervals, and confusions.

        Args:
            said: gives what a class is called.
        """
        classes = sorted({one for pair in self.pairs for one in pair})
        wrong = [(pair, count) for pair, count in self.pairs.items() if pair[0] != pair[1]]
        wrong.sort(key=lambda one: (-one[1], one[0]))
        return {
            "photos": self.count,
            "accuracy": share(self.right, self.count),
            "among_top": {"k": TOP, **share(self.among_top, self.count)}
            if self.classes > TOP
            else None,
            "classes": [{"id": one, "name": said(one)} for one in classes],
            "matrix": self._matrix(classes) if len(classes) <= MATRIX else None,
            "confusions": [
                {"true": pair[0], "true_name": said(pair[0]), "predicted": pair[1],
                 "predicted_name": said(pair[1]), "count": count}
                for pair, count in wrong[:LISTED]
            ],
            "more_confusions": max(0, len(wrong) - LISTED),
        }  # fmt: skip

    def _matrix(self, classes: Sequence[int]) -> list[list[int]]:
        """For each true class how many photos were taken for each class."""
        return [[self.pairs[true, predicted] for predicted in classes] for true in classes]


def share(count: int, of: int) -> Record:
    """A share of photos, with its 95 % interval (Wilson 1927).

    Args:
        count: how many.
        of: of how many.
    """
    low, high = wilson(count, of)
    return {"count": count, "share": count / of, "low": low, "high": high}

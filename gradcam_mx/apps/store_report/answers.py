"""What the network of a store says of its samples, and how often it is right."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...store.rows import Row
from ..provenance import Record
from ..report.tallies import TOP, Tallies, share
from ..report.totals import PREDICTED
from .brief import StoreBrief


class Answers:
    """Counts over samples of what is predicted.

    Args:
        brief: what is asked for.
    """

    def __init__(self, brief: StoreBrief) -> None:
        self._brief = brief
        self._tallies = Tallies()
        self._predicted: Counter[int] = Counter()
        self._samples: Counter[int | None] = Counter()
        self._of_true: Counter[int] = Counter()
        self._has_ranks = True
        self.labelled = 0
        """How many samples have a true class."""

    def add(self, row: Row) -> None:
        """A sample.

        Args:
            row: of the store.
        """
        self.labelled += row.label is not None
        if row.predicted is None:
            return
        self._predicted[row.predicted] += 1
        self._samples[class_of(row)] += 1
        if row.label is not None:
            self._of_true[row.label] += 1
            ranked = row.cells.get("top") or [row.predicted]
            self._has_ranks &= len(ranked) >= TOP
            # of the number of classes it wants to know whether there are more than the ranks tell
            self._tallies.add_ranked(row.label, ranked, self._classes())

    def _classes(self) -> int:
        known = self._brief.classes
        return TOP + 1 if known is None else known

    def of_class(self, class_id: int) -> Record:
        """How many samples of a class there are, and how many of them the network is right on.

        Args:
            class_id: the class.
        """
        own = self._of_true[class_id]
        right = self._tallies.pairs[class_id, class_id]
        return {
            "id": class_id,
            "name": self._brief.called(class_id),
            "samples": self._samples[class_id],
            "accuracy": share(right, own) if own else None,
        }

    def record(self) -> dict[str, Any]:
        """All of it."""
        said, counts = self._brief.called, self._predicted
        accuracy = self._tallies.record(said) if self._tallies.count else None
        if accuracy is not None and not self._has_ranks:
            accuracy["among_top"] = None
        order = sorted(counts.items(), key=lambda one: (-one[1], one))
        return {
            "accuracy": accuracy,
            "predicted": [
                {"id": one, "name": said(one), "count": count} for one, count in order[:PREDICTED]
            ],
            "classes_predicted": len(counts),
        }


def class_of(row: Row) -> int | None:
    """The class that a sample counts to: the true one, or the predicted one where that is unknown.

    Args:
        row: of the store.
    """
    return row.predicted if row.label is None else row.label

"""The samples of a store that a report shows: the most and the least certain, right and wrong."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from ...store.rows import Row

RIGHT, WRONG, UNKNOWN = "Right", "Wrong", "Without a label"
_KINDS = (WRONG, RIGHT, UNKNOWN)


class Chosen(NamedTuple):
    """Samples that belong together."""

    title: str
    rows: list[Row]


class _Ends:
    """The samples with the lowest and with the highest numbers, so many of each.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._low: list[tuple[float, int, Row]] = []
        self._high: list[tuple[float, int, Row]] = []

    def add(self, value: float, row: Row) -> None:
        """Another sample.

        Args:
            value: its number.
            row: of the store.
        """
        # of equal ones the first sample stays; numbers differ, so rows are never compared
        for heap, signed in ((self._high, value), (self._low, -value)):
            heapq.heappush(heap, (signed, -row.number, row))
            if len(heap) > self._most:
                heapq.heappop(heap)
        self.count += 1

    def lowest(self, most: int) -> list[Row]:
        """So many at most, the lowest first; of few samples the lower half."""
        return _sorted(self._low)[: min(most, -(-self.count // 2))]

    def highest(self, most: int) -> list[Row]:
        """So many at most, the highest first; of few samples the upper half."""
        return _sorted(self._high)[: min(most, self.count // 2)]


def _sorted(heap: list[tuple[float, int, Row]]) -> list[Row]:
    return [row for _, _, row in sorted(heap, key=lambda one: one[:2], reverse=True)]


class Examples:
    """Chooses samples to be shown.

    Certain is what has a high probability; of nets that give none, what has a high score.

    Args:
        most: how many are shown at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ends: dict[tuple[str, str], _Ends] = {}

    def add(self, row: Row) -> None:
        """Another sample.

        Args:
            row: of the store.
        """
        by, value = ("certain", row.probability)
        if value is None:
            by, value = "score", row.score
        if self._most < 2 or row.error is not None or value is None:
            return
        key = _kind(row), by
        if key not in self._ends:
            self._ends[key] = _Ends(self._most // 2)
        self._ends[key].add(value, row)

    def chosen(self) -> list[Chosen]:
        """The samples, in the order in which they are shown."""
        found = []
        each = self._most // max(1, 2 * len(self._ends))
        for kind, by in sorted(self._ends, key=lambda one: (_KINDS.index(one[0]), one[1])):
            ends = self._ends[kind, by]
            words = ("most certain", "least certain")
            if by == "score":
                words = ("the highest scores", "the lowest scores")
            for word, rows in zip(words, (ends.highest(each), ends.lowest(each))):
                if rows:
                    found.append(Chosen(f"{kind}, {word}", rows))
        return found


def _kind(row: Row) -> str:
    if row.label is None or row.predicted is None:
        return UNKNOWN
    return RIGHT if row.label == row.predicted else WRONG

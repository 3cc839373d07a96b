"""Of which samples of a store nothing was found, by reason."""

from __future__ import annotations

from ...store.rows import Row
from ..provenance import Record

LISTED, NAMED = 20, 3
"""So many reasons are told, and of each so many samples are named."""

_MOST = 1000
"""So many reasons are told apart, however many samples failed."""


class Failures:
    """Samples of which nothing was found."""

    def __init__(self) -> None:
        self.count = 0
        self._reasons: dict[str, tuple[int, list[str]]] = {}

    def add(self, row: Row) -> None:
        """A sample.

        Args:
            row: of the store.
        """
        if row.error is None:
            return
        self.count += 1
        said = row.error.replace(row.place, "…")
        if said not in self._reasons and len(self._reasons) >= _MOST:
            said = "other reasons"
        count, places = self._reasons.get(said, (0, []))
        self._reasons[said] = count + 1, [*places, row.place][:NAMED]

    def record(self) -> Record:
        """All of it, the most frequent reason first."""
        order = sorted(self._reasons.items(), key=lambda one: (-one[1][0], one[0]))
        return {
            "count": self.count,
            "reasons": [
                {"said": said, "count": count, "places": places}
                for said, (count, places) in order[:LISTED]
            ],
            "more_reasons": max(0, len(order) - LISTED),
        }

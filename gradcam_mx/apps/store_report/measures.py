"""What the measures of a store say: a mean and its standard error for each method."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from ...metrics import METRICS
from ...metrics.register import HIGHER, NEITHER
from ...metrics.table import ERRORS
from ...store import Store
from ...store.rows import Row
from ...support.statistics import Running
from ..provenance import Record


class Measured:
    """Measures over samples that come some at a time.

    Args:
        store: of these samples.
    """

    def __init__(self, store: Store) -> None:
        self._methods = store.methods
        self._titles = {name: one.title or name for name, one in store.traits.items()}
        listed = [name for measures in store.manifest.columns.values() for name in measures]
        self._metrics = list(dict.fromkeys(listed))
        self._running = {one: Running(len(self._metrics)) for one in self._methods}

    def add(self, rows: Sequence[Row]) -> None:
        """Some samples.

        Args:
            rows: of the store.
        """
        if not self._metrics:
            return
        for method, running in self._running.items():
            cells = [[row.cells.get(f"{method}.{one}") for one in self._metrics] for row in rows]
            running.add(np.array(cells, float))

    def record(self) -> Record | None:
        """The table; None if nothing was measured."""
        if not self._metrics or not any(one.count.any() for one in self._running.values()):
            return None
        rows = [
            {
                "name": method,
                "title": self._titles.get(method, method),
                "is_control": False,
                "cells": self._cells(method),
            }
            for method in self._methods
        ]
        return {"metrics": [_metric(one) for one in self._metrics], "rows": rows}

    def _cells(self, method: str) -> list[dict[str, Any]]:
        running = self._running[method]
        return [
            {
                "mean": mean,
                "standard_error": error,
                "low": mean - ERRORS * error,
                "high": mean + ERRORS * error,
                "photos": count,
                "is_best": self._is_best(number, mean),
                "no_better_than": [],
            }
            for number, (mean, error, count) in enumerate(
                zip(running.mean, running.standard_error, running.count)
            )
        ]

    def _is_best(self, number: int, mean: float) -> bool:
        """Whether no other method has a better mean."""
        better = _metric(self._metrics[number])["better"]
        means = [one.mean[number] for one in self._running.values()]
        known = [one for one in means if not np.isnan(one)]
        if better == NEITHER or len(known) < 2:
            return False
        return bool(mean == (max(known) if better == HIGHER else min(known)))


def _metric(name: str) -> Mapping[str, str]:
    """A measure in words; one of somebody's own may not be registered here."""
    known = METRICS.get(name)
    if known is None:
        return {"name": name, "title": name, "better": NEITHER}
    return {"name": name, "title": known.title, "better": known.better}

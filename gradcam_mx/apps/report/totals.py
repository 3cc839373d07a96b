"""What is said over all photos of a report."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ...errors import GradCamError
from ...methods.register import find_method
from ...metrics.register import NEITHER
from ...metrics.table import ERRORS, Evaluation
from ..provenance import Record, finite
from .brief import Brief
from .drawn import chart, colour_bar, mean_map
from .looking import Looked
from .mass import OverTheSet
from .tallies import Tallies

EXTREMES = 3
"""So many of the least and of the most faithful maps are shown, at most half of all."""

PREDICTED = 10
"""So many of the classes that are predicted most often are listed."""


class Totals:
    """Counts, means and extremes over photos that come one after the other.

    What it holds does not grow with the number of photos, but for some numbers of each.

    Args:
        brief: what is asked for.
    """

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self.photos = 0
        self._tallies = Tallies()
        self._predicted: Counter[int] = Counter()
        self._mass: dict[str, OverTheSet] = {}
        measures = brief.measures
        self._evaluator: Any = measures.evaluator if measures else None
        self._kept = measures.evaluator.kept() if measures else None
        faithful = [
            one
            for one in (measures.metrics if measures else ())
            if one.family == "faithfulness" and one.better != NEITHER
        ]
        self._by = faithful[0] if faithful else None
        self._ranked: list[tuple[float, int, Record]] = []
        self._pictures: dict[str, str] = {}

    def add(self, looked: Looked, truth: int | None) -> None:
        """Another photo.

        Args:
            looked: what was found on it.
            truth: its class, if that is known.
        """
        if looked.chances is not None:
            self._predicted[int(np.argmax(looked.chances))] += 1
            if truth is not None:
                self._tallies.add(truth, looked.chances)
        for method, one in looked.placed.items():
            size = self._brief.job.preprocess.shape[1:]
            self._mass.setdefault(method, OverTheSet(size)).add(one)
        if self._kept is not None:
            if isinstance(looked.measured, GradCamError):
                self._kept.add_error(self.measured, len(self._evaluator.rows), looked.measured)
            elif looked.measured is not None:
                self._kept.add(self.measured, looked.measured)
                self._rank(looked)
        self.photos += 1

    @property
    def measured(self) -> int:
        """How many photos were measured, or could not be."""
        return self._kept.count if self._kept else 0

    def _rank(self, looked: Looked) -> None:
        """Keep the photo if its map is among the most or the least faithful so far."""
        if self._by is None:
            return
        for one in looked.record["measures"]:
            if one["metric"] == self._by.name and one["values"][0] is not None:
                value = one["values"][0] if self._by.better == "higher" else -one["values"][0]
                shown = looked.record["maps"][0]["picture"]
                about = {key: looked.record[key] for key in ("number", "name", "explained", "top")}
                self._ranked.append(
                    (value, looked.record["number"], {**about, "value": one["values"][0],
                                                      "picture": shown})
                )  # fmt: skip
                self._pictures[shown] = looked.pictures[shown]
        self._ranked.sort(key=lambda one: one[:2])
        for _, _, gone in self._ranked[EXTREMES:-EXTREMES]:
            del self._pictures[gone["picture"]]
        del self._ranked[EXTREMES:-EXTREMES]

    # -- what is said ------------------------------------------------------------------------------

    def record(self) -> Record:
        """All of it."""
        said = self._brief.called
        return {
            "count": self.photos,
            "measured": self.measured,
            "accuracy": self._tallies.record(said) if self._tallies.count else None,
            "predicted": [
                {"id": one, "name": said(one), "count": count}
                for one, count in sorted(self._predicted.items(), key=lambda each: (-each[1], each))
            ][:PREDICTED],
            "classes_predicted": len(self._predicted),
            "table": self._table(),
            "extremes": self._extremes(),
            "mass": [
                {"method": method, "title": _title(method), **one.record()}
                for method, one in self._mass.items()
            ],
        }

    def pictures(self) -> dict[str, str]:
        """Name → the pictures that are of no photo, and those of the extremes."""
        found = dict(self._pictures)
        for method, one in self._mass.items():
            found[f"mean-{method}"] = mean_map(one.mean_map)
        found["bar-mean"] = colour_bar()
        table = self._table()
        if table is not None:
            found["chart"] = chart(table)
        return found

    def _evaluation(self) -> Evaluation | None:
        if self._kept is None or not self._kept.count:
            return None
        return self._evaluator.table(self._kept)

    def _table(self) -> Record | None:
        """The measures of each method and control: means, errors, and what they do not beat."""
        table = self._evaluation()
        if table is None:
            return None
        return {
            "metrics": [
                {"name": one.name, "title": one.title, "better": one.better}
                for one in table.metrics
            ],
            "rows": [
                {
                    "name": row,
                    "title": _title(row),
                    "is_control": row in table.controls,
                    "cells": [_cell(table, row, one.name) for one in table.metrics],
                }
                for row in table.rows
            ],
            "left_out": len(table.errors),
        }

    def _extremes(self) -> Record | None:
        if self._by is None or len(self._ranked) < 2:
            return None
        count = min(EXTREMES, len(self._ranked) // 2)
        records = [one for _, _, one in self._ranked]
        method = self._brief.job.methods[0]
        return {
            "metric": self._by.title,
            "method": _title(method),
            "better": self._by.better,
            "least": records[:count],
            "most": records[::-1][:count],
        }


def _title(method: str) -> str:
    return find_method(method).title or method


def _cell(table: Evaluation, row: str, metric: str) -> Record:
    entry = table[row, metric]
    is_known = entry.samples > 1
    return {
        "mean": entry.mean,
        "standard_error": entry.standard_error,
        "low": entry.mean - ERRORS * entry.standard_error if is_known else None,
        "high": entry.mean + ERRORS * entry.standard_error if is_known else None,
        "photos": entry.samples,
        "is_best": entry.is_best,
        "no_better_than": list(entry.no_better_than),
    }


def clean(value: Any) -> Any:
    """A record as JSON holds it: NaN is None, numpy's numbers are Python's.

    Args:
        value: of any type that records have.
    """
    if isinstance(value, dict):
        return {key: clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return finite(value) if isinstance(value, float) else value

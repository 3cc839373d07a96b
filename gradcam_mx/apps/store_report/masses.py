"""Where the mass of the maps lies over all samples of a store, and in each class."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np

from ...store.columns import Traits
from ...store.rows import Row
from ..provenance import Record
from ..report.drawn import colour_bar, mean_map
from ..report.mass import ERRORS, OverTheSet, placed_all
from .answers import Answers, class_of
from .reading import drawn_size, heats

LISTED, SHOWN = 20, 8
"""Of so many classes the shares are told, and of so many the mean maps are shown."""

_SUSPECT = ("border", "corners")
"""Where mass is a sign of a shortcut."""


class Masses:
    """Of all samples and of those of each class.

    Args:
        traits: name of a method → what its maps have in common.
        input_size: of the net.
    """

    def __init__(self, traits: Mapping[str, Traits], input_size: Sequence[int]) -> None:
        size = drawn_size(input_size)
        self._traits = {} if size is None else dict(traits)
        self._size = size or ()
        self._all = {method: OverTheSet(self._size) for method in self._traits}
        self._of_classes: dict[int, dict[str, OverTheSet]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Some samples.

        Args:
            rows: of the store.
        """
        for method, traits in self._traits.items():
            for places, heat in heats(rows, method, traits, self._size):
                mass, shares = placed_all(heat)
                self._all[method].add_all(mass, shares)
                classes = np.array([class_of(rows[place]) for place in places], float)
                for one in np.unique(classes[~np.isnan(classes)]):
                    chosen = classes == one
                    self._of_class(int(one))[method].add_all(mass[chosen], shares[chosen])

    def _of_class(self, class_id: int) -> dict[str, OverTheSet]:
        if class_id not in self._of_classes:
            self._of_classes[class_id] = {one: OverTheSet(self._size) for one in self._traits}
        return self._of_classes[class_id]

    def record(self, answers: Answers) -> Record:
        """All of it: of the classes those that have most where shortcuts show.

        Args:
            answers: tell how many samples of a class there are, and of how many it is right.
        """
        classes = [
            {**answers.of_class(one), "mass": self._told(sets)}
            for one, sets in self._of_classes.items()
        ]
        classes.sort(key=lambda one: (-_surplus(one["mass"]), one["id"]))
        return {
            "mass": self._told(self._all),
            "classes": classes[:LISTED],
            "more_classes": max(0, len(classes) - LISTED),
            "classes_shown": [one["id"] for one in classes[:SHOWN]],
        }

    def pictures(self, record: Mapping[str, Any]) -> dict[str, str]:
        """The mean maps of what a record tells.

        Args:
            record: as this made it.
        """
        found = {f"mean-{name}": mean_map(one.mean_map) for name, one in self._all.items()}
        found["bar-mean"] = colour_bar()
        for class_id in record["classes_shown"]:
            for name, one in self._of_classes[class_id].items():
                found[f"mean-{name}-of-{class_id}"] = mean_map(one.mean_map)
        return found

    def _told(self, sets: Mapping[str, OverTheSet]) -> list[Record]:
        return [
            {"method": method, "title": self._traits[method].title or method, **one.record()}
            for method, one in sets.items()
        ]


def _surplus(mass: Sequence[Mapping[str, Any]]) -> float:
    """By how much more than an even map the maps of a class have where shortcuts show, surely."""
    found = [
        of["share"] - ERRORS * of["standard_error"] - of["even"]
        for one in mass
        for place, of in one["places"].items()
        if place in _SUSPECT and of["is_more"] is not None
    ]
    return max(found, default=-np.inf)

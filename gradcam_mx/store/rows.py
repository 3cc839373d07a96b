"""A sample of a store."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

import numpy as np

from ..errors import InputError
from ..explanation.explanation import Explanation
from .columns import Traits, unpacked
from .manifest import Manifest, OfMethod


class Row(NamedTuple):
    """What a store has of a sample."""

    manifest: Manifest
    """Of the store."""
    cells: Mapping[str, Any]
    """Name of a column → what it holds, None where there is nothing."""
    traits: Mapping[str, Traits]
    """Name of a method → what all its maps have in common."""

    @property
    def number(self) -> int:
        """Which sample of the data set it is, from 0 on."""
        return int(self.cells["number"])

    @property
    def place(self) -> str:
        """What the data set calls it: of a photo in a folder, its path there."""
        return str(self.cells["place"])

    @property
    def error(self) -> str | None:
        """Why nothing was found of it; None if something was."""
        return self.cells["error"]

    @property
    def label(self) -> int | None:
        """Its true class, if that is known."""
        return self.cells["label"]

    @property
    def predicted(self) -> int | None:
        """The top class."""
        return self.cells["predicted"]

    @property
    def probability(self) -> float | None:
        """How probable the net holds it."""
        return self.cells["probability"]

    @property
    def target(self) -> int | None:
        """The class that was explained, if it was one."""
        return self.cells["target"]

    @property
    def score(self) -> float | None:
        """The net's number for what was explained."""
        return self.cells["score"]

    def measures(self, method: str) -> dict[str, float]:
        """Name of a measure → its number for the map of a method.

        Args:
            method: its name.
        """
        names = self._known(method).metrics
        return {name: self.cells[f"{method}.{name}"] for name in names}

    def map(self, method: str) -> np.ndarray:
        """The map of a method, float32: (h, w) of a layer; of attributions their strength.

        Args:
            method: its name.

        Raises:
            InputError: there is none of it.
        """
        self._known(method)
        return unpacked(*(self._held(method, name) for name in ("shape", "scale", "map")))

    def explanation(self, method: str) -> Explanation:
        """What a method found: its values in full where they were kept and read, or else the map.

        Args:
            method: its name.

        Raises:
            InputError: there is nothing of it.
        """
        about = self._known(method)
        values, traits = self.map(method), self.traits[method]
        is_full = self.cells.get(f"{method}.values") is not None
        if is_full:
            kept = np.frombuffer(self._held(method, "values"), "<f4")
            values = kept.reshape(self._held(method, "values_shape")).astype(np.float32)
        return Explanation(
            values[None],
            method,
            str(self.manifest.target) if self.target is None else [self.target],
            np.array([self.score], np.float32),
            tuple(self.manifest.input_size),
            layer=traits.layer,
            options=dict(about.options),
            signed=traits.signed and (is_full or not traits.is_strength),
            title=traits.title,
            class_names=self._class_name(),
        )

    def _class_name(self) -> list[str] | None:
        names = self.manifest.class_names
        return None if names is None or self.target is None else [names[self.target]]

    def _known(self, method: str) -> OfMethod:
        known = self.manifest.methods
        if method not in known:
            raise InputError(
                f"the store has no method {method!r}; it has {', '.join(known) or 'none'}"
            )
        return known[method]

    def _held(self, method: str, name: str) -> Any:
        found = self.cells.get(f"{method}.{name}")
        if found is None:
            reason = self.error or f"{method} has not been run on it"
            raise InputError(f"there is nothing of {method} for {self.place}: {reason}")
        return found

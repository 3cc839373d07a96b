"""Which samples of a store are meant."""

from __future__ import annotations

import fnmatch
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

READS = ("place", "label", "error", "predicted", "score", "probability")
"""The columns that a condition reads."""


class Condition(NamedTuple):
    """Which samples are meant: those that meet all that is given."""

    label: Sequence[int] | None = None
    """Their true class is one of these."""
    predicted: Sequence[int] | None = None
    """Their top class is one of these."""
    right: bool | None = None
    """The top class is the true class, or is not."""
    failed: bool | None = None
    """Nothing was found of them, or something was."""
    score: tuple[float, float] | None = None
    """The number that was explained lies between these."""
    probability: tuple[float, float] | None = None
    """The probability of the top class lies between these."""
    place: str | None = None
    """Their place is like this pattern, as of files: `cats/*.jpg`."""

    def holds(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of which samples it is true, (N,) bool.

        Args:
            columns: those of `READS`, (N,) each; what is missing is None, or NaN.
        """
        found = np.ones(len(columns["place"]), bool)
        for name in ("label", "predicted"):
            wanted = getattr(self, name)
            if wanted is not None:
                found &= np.isin(columns[name], np.asarray(wanted, float))
        if self.right is not None:
            known = ~np.isnan(columns["label"]) & ~np.isnan(columns["predicted"])
            found &= known & ((columns["label"] == columns["predicted"]) == self.right)
        if self.failed is not None:
            found &= np.array([one is not None for one in columns["error"]], bool) == self.failed
        for name in ("score", "probability"):
            between = getattr(self, name)
            if between is not None:
                with np.errstate(invalid="ignore"):
                    found &= (columns[name] >= between[0]) & (columns[name] <= between[1])
        if self.place is not None:
            like: Any = [fnmatch.fnmatchcase(one, self.place) for one in columns["place"]]
            found &= np.array(like, bool)
        return found

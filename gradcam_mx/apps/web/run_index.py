"""Which samples of a store are wrong, right, failed, and of which class: a few bytes of each."""

from __future__ import annotations

from typing import Callable, Mapping

import numpy as np

from ...store import Store

ALL = "all"

_NONE = -1


class RunIndex:
    """The samples of a store as it stands now.

    Args:
        store: it.
    """

    def __init__(self, store: Store) -> None:
        columns = [
            (_classes(one["label"]), _classes(one["predicted"]), _are_there(one["error"]))
            for one in store.batches(["label", "predicted", "error"])
        ] or [(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, bool))]
        self._label, self._predicted, self._failed = (np.concatenate(one) for one in zip(*columns))
        self._class = np.where(self._label == _NONE, self._predicted, self._label)

    def __len__(self) -> int:
        return len(self._label)

    def places(self, which: str, class_id: int | None) -> np.ndarray:
        """The places of samples in the store.

        Args:
            which: a name of `WHICH`.
            class_id: their true class, or the predicted one where that is not known; None for any.
        """
        found = WHICH[which](self)
        return np.flatnonzero(found if class_id is None else found & (self._class == class_id))

    def classes(self, most: int) -> list[int]:
        """The classes that there are samples of, so many of them at most.

        Args:
            most: how many.
        """
        return [int(one) for one in np.unique(self._class) if one != _NONE][:most]

    @property
    def is_labelled(self) -> bool:
        """Whether a true class is known of any sample."""
        return bool((self._label != _NONE).any())

    def _are(self, right: bool) -> np.ndarray:
        known = (self._label != _NONE) & (self._predicted != _NONE)
        return known & ((self._label == self._predicted) == right)


WHICH: Mapping[str, Callable[[RunIndex], np.ndarray]] = {
    ALL: lambda index: np.ones(len(index), bool),
    "wrong": lambda index: index._are(right=False),
    "right": lambda index: index._are(right=True),
    "failed": lambda index: index._failed,
}
"""Name of a choice of samples → which they are."""


def _classes(column: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.asarray(column, float), nan=_NONE).astype(np.int32)


def _are_there(column: np.ndarray) -> np.ndarray:
    return np.array([isinstance(one, str) for one in column], bool)

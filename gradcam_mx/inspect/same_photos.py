"""Samples of a data set that are the same, or nearly."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple, Sequence

import cv2
import numpy as np

from ..store import Store
from .stored_samples import Seen

SIDE = 16
"""Of the small grey pictures that are compared."""
ALIKE = 0.998
"""The correlation of those of photos that are nearly equal."""
_CONTRAST = 4.0
"""The least standard deviation of their greys, out of 255: of plain ones nothing can be said."""
_AT_ONCE = 1024
_DIGITS = 16
"""Of a hash, by which samples are told apart at first."""


class SamePhotos(NamedTuple):
    """Samples that are the same photo."""

    numbers: tuple[int, ...]
    """Of the data set."""
    places: tuple[str, ...]
    """What it calls them."""
    classes: tuple[int | None, ...]
    """Their labels; what was predicted of those that have none."""
    is_exact: bool
    """Whether they are the same to the byte; otherwise nearly equal to look at."""


def exactly_same(store: Store) -> list[SamePhotos]:
    """Samples of the same hash; eight bytes are kept of each meanwhile.

    Args:
        store: all of it is looked at.
    """
    found = [_digits(one["sha256"]) for one in store.batches(["sha256"])]
    digits, counts = np.unique(
        np.concatenate(found or [np.empty(0, np.uint64)]), return_counts=True
    )
    several = digits[(counts > 1) & (digits > 0)]
    groups: dict[str, list[tuple[int, str, int | None]]] = {}
    for columns in store.batches(["number", "place", "sha256", "label", "predicted"]):
        for row in np.flatnonzero(np.isin(_digits(columns["sha256"]), several)):
            known = columns["label"][row], columns["predicted"][row]
            label = next((int(one) for one in known if not np.isnan(one)), None)
            one = int(columns["number"][row]), str(columns["place"][row]), label
            groups.setdefault(columns["sha256"][row], []).append(one)
    return [_group(one, True) for one in groups.values() if len(one) > 1]


def _digits(hashes: Iterable[str | None]) -> np.ndarray:
    return np.array([int(one[:_DIGITS], 16) if one else 0 for one in hashes], np.uint64)


def _group(samples: Sequence[tuple[int, str, int | None]], is_exact: bool) -> SamePhotos:
    numbers, places, classes = zip(*sorted(samples))
    return SamePhotos(numbers, places, classes, is_exact)


def thumbnail(seen: Seen) -> np.ndarray:
    """(SIDE², ) float32 of mean 0 and length 1, of the greys of a photo; zeros of a plain one.

    Args:
        seen: a sample.
    """
    grey = seen.shown.astype(np.float32).mean(axis=2)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    plain = _CONTRAST * SIDE
    return np.asarray(small / length if length > plain else np.zeros_like(small), np.float32)


def nearly_same(thumbnails: np.ndarray) -> list[list[int]]:
    """Groups of pictures that are alike, by their places; in each, some chain of pairs is.

    Args:
        thumbnails: (N, D), each of length 1, or zeros.
    """
    group = list(range(len(thumbnails)))

    def first(one: int) -> int:
        while group[one] != one:
            group[one] = one = group[group[one]]
        return one

    for one, other in _pairs(thumbnails):
        low, high = sorted((first(one), first(other)))
        group[high] = low
    found: dict[int, list[int]] = {}
    for one in range(len(thumbnails)):
        found.setdefault(first(one), []).append(one)
    return [members for members in found.values() if len(members) > 1]


def _pairs(thumbnails: np.ndarray) -> Iterator[tuple[int, int]]:
    for start in range(0, len(thumbnails), _AT_ONCE):
        alike = thumbnails[start : start + _AT_ONCE] @ thumbnails[start:].T >= ALIKE
        for one, other in zip(*np.nonzero(np.triu(alike, 1))):
            yield start + int(one), start + int(other)

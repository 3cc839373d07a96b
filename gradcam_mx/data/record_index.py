"""Where the records of a RecordIO file are."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..support.callers import caller_level
from .framing import FramingError, end_of, is_record, records_in

_PLACE = re.compile(rb"\s*(\d{1,18})\t(\d{1,18})\s*")
"""A line of an index: the key of a record, and where it begins."""
_PROBED = 16
"""How many places of an index are looked at before it is taken."""


class Index(NamedTuple):
    """Where the records of a file are."""

    keys: np.ndarray
    """(N,) what each is called."""
    starts: np.ndarray
    """(N,) where each begins."""
    stops: np.ndarray
    """(N,) where each ends at the latest."""

    def part(self, chosen: slice) -> Index:
        """Some of the records.

        Args:
            chosen: which.
        """
        return Index(*(one[chosen] for one in self))


def index_of(path: Path) -> Index:
    """Where the records of a file are: by its index (.idx), or, if it has none, by a pass over it.

    Args:
        path: of the .rec file.

    Raises:
        DataError: the file or its index cannot be read, is truncated, or one does not fit the
            other.
    """
    try:
        with path.open("rb") as file:
            return _index(path, file.fileno())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error


def _index(path: Path, file: int) -> Index:
    size = os.fstat(file).st_size
    beside = path.with_suffix(".idx")
    if beside.exists():
        keys, starts = _read_index(beside)
        _check_fit(path, beside, file, starts, size)
    else:
        try:
            starts = records_in(file, size)
        except FramingError as error:
            raise DataError(
                f"{path} is damaged or truncated: {error} (it has {size}); copy it again, or put "
                f"its index beside it, {beside.name}, by which the other records are found"
            ) from error
        keys = np.arange(len(starts))
    places = np.append(np.unique(starts), size)
    return Index(keys, starts, places[np.searchsorted(places, starts, side="right")])


def _read_index(path: Path) -> tuple[np.ndarray, np.ndarray]:
    found: dict[int, int] = {}
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            place = _PLACE.fullmatch(line)
            if place is None:
                raise DataError(
                    f"line {number} of {path} is no number, a tab and a place: make the index "
                    "again, or remove it: the records are found without it too"
                )
            key, start = int(place[1]), int(place[2])
            if found.setdefault(key, start) != start:
                raise DataError(f"{path} has the key {key} twice: make it again")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    return np.array(list(found), np.int64), np.array(list(found.values()), np.int64)


def _check_fit(path: Path, beside: Path, file: int, starts: np.ndarray, size: int) -> None:
    """Refuse an index of another file, or of one that had more in it.

    Not every place is looked at: that would take as long as to read all of a large file.
    """
    if not len(starts):
        return
    last = int(starts.max())
    if last >= size:
        raise DataError(
            f"{beside} names a record at byte {last}, and {path} has {size}: the file is "
            "truncated, or the index is another's; copy both again"
        )
    probed = starts[np.linspace(0, len(starts) - 1, _PROBED).astype(int)]
    hits = sum(is_record(file, int(one)) for one in probed)
    if 2 * hits <= len(probed):
        raise DataError(
            f"{beside} does not fit {path}: at the places that it names, no records begin; make "
            "the index again, or remove it: the records are found without it too"
        )
    if not is_record(file, last):
        return  # its damage is told where it is read
    try:
        end = end_of(file, last, size)
    except FramingError as error:
        raise DataError(f"{path} is truncated: {error} (it has {size}); copy it again") from error
    if end < size:
        warnings.warn(
            f"{beside} names no record behind byte {end} of {path}, which has {size}: what is "
            "there is left out; if it should not be, make the index again or remove it",
            stacklevel=caller_level(),
        )

"""RecordIO, as MXNet writes it: where records begin and end in a file, and what they hold.

A record is a mark, a word of three bits that say which part it is and 29 of its length, so many
bytes, and zeros up to a multiple of four. Where the bytes have the mark in them at such a multiple,
the writer leaves it out and goes on in another part.
"""

from __future__ import annotations

import os
import struct
from array import array
from typing import Iterator, NamedTuple

import numpy as np

MARK = 0xCED7230A

_HEAD = struct.Struct("<II")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class FramingError(ValueError):
    """A record does not begin or end where it should."""


class _Part(NamedTuple):
    """A record, or a part of one."""

    kind: int
    start: int
    stop: int

    @property
    def after(self) -> int:
        """Where the next begins."""
        return self.stop + -self.stop % 4


def records_in(file: int, size: int) -> np.ndarray:
    """Where each record begins, by one pass over the heads.

    Args:
        file: the descriptor.
        size: of the file.

    Raises:
        FramingError: they do not fill the file; the message says where.
    """
    found, at = array("q"), 0
    while at < size:
        found.append(at)
        at = end_of(file, at, size)
    return np.frombuffer(found, np.int64) if found else np.zeros(0, np.int64)


def end_of(file: int, at: int, stop: int) -> int:
    """Where what follows a record begins.

    Args:
        file: the descriptor.
        at: where the record begins.
        stop: where it has to end at the latest.

    Raises:
        FramingError: there is none, or it is longer.
    """
    *_, last = _parts(file, at, stop)
    return last.after


def record_at(file: int, at: int, stop: int) -> bytes:
    """What a record holds.

    Args:
        file: the descriptor.
        at: where the record begins.
        stop: where it has to end at the latest.

    Raises:
        FramingError: there is none, or it is longer.
    """
    mark = _HEAD.pack(MARK, 0)[:4]
    return mark.join(
        os.pread(file, part.stop - part.start, part.start) for part in _parts(file, at, stop)
    )


def is_record(file: int, at: int) -> bool:
    """Whether a record begins there.

    Args:
        file: the descriptor.
        at: any place.
    """
    head = os.pread(file, _HEAD.size, at)
    if len(head) < _HEAD.size:
        return False
    mark, word = _HEAD.unpack(head)
    return mark == MARK and word >> 29 in (_WHOLE, _FIRST)


def _parts(file: int, at: int, stop: int) -> Iterator[_Part]:
    expected: tuple[int, ...] = (_WHOLE, _FIRST)
    while True:
        part = _part(file, at, stop)
        if part.kind not in expected:
            raise FramingError(f"at byte {at} is another part of a record than expected")
        yield part
        if part.kind in (_WHOLE, _LAST):
            return
        at, expected = part.after, (_MIDDLE, _LAST)


def _part(file: int, at: int, stop: int) -> _Part:
    head = os.pread(file, _HEAD.size, at)
    if at + _HEAD.size > stop or len(head) < _HEAD.size:
        raise FramingError(f"the record at byte {at} has no end")
    mark, word = _HEAD.unpack(head)
    if mark != MARK:
        raise FramingError(f"no record begins at byte {at}")
    start = at + _HEAD.size
    part = _Part(word >> 29, start, start + (word & (1 << 29) - 1))
    if part.stop > stop:
        raise FramingError(f"the record at byte {at} is longer than there is room for")
    return part

"""Photos in MXNet's RecordIO files (.rec)."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any, Mapping

from ..errors import DataError, PhotoError
from ..support.labels import Names
from ..support.paths import absolute, printable
from ..zoo.photo import decode_photo
from .classes import Classes, classes_given, whole
from .files import stamp_of
from .framing import FramingError, record_at
from .record_index import Index, index_of
from .samples import PART, Sample, stamped

_HEAD = struct.Struct("<IfQQ")
"""How many labels follow (0: the one here), the label, and two numbers of the photo."""


class RecordSamples:
    """Photos in a .rec file, with the labels that stand before them.

    Args:
        file: the whole path of the file.
        index: where they are.
        classes: instead of those in the file.
        bits: how many the numbers have in photos of 16 bits; None for all.
        record: how they are opened again.
    """

    def __init__(
        self,
        file: str,
        index: Index,
        classes: Classes,
        *,
        bits: int | None = None,
        record: Mapping[str, Any] = PART,
    ) -> None:
        self.record = dict(record)
        self.label_names = classes.names
        self._path, self._index, self._classes, self._bits = file, index, classes, bits

    def __len__(self) -> int:
        return len(self._index.keys)

    def __getitem__(self, part: slice) -> RecordSamples:
        index, classes = self._index.part(part), self._classes.part(part)
        return RecordSamples(self._path, index, classes, bits=self._bits)

    def place(self, number: int) -> str:
        """The name of the file and, after a colon, the record's key in the index.

        Args:
            number: of the photo.
        """
        return f"{printable(os.path.basename(self._path))}:{self._index.keys[number]}"

    def stamp(self, number: int) -> str:
        """The size of the file and when it was written, and where in it the record is.

        Args:
            number: of the photo.
        """
        file = f"{stamp_of(self._path)}-at-{self._index.starts[number]}"
        return stamped(file, self._classes.of(number))

    def label(self, number: int) -> int | None:
        """Its class, where that is known without reading it.

        Args:
            number: of the photo.
        """
        return self._classes.of(number)

    def read(self, number: int) -> Sample:
        """A photo.

        Args:
            number: of the photo.

        Raises:
            PhotoError: it cannot be read, or the record is damaged.
        """
        place = self.place(number)
        start, stop = int(self._index.starts[number]), int(self._index.stops[number])
        try:
            file = os.open(self._path, os.O_RDONLY)
            try:
                raw = record_at(file, start, stop)
            finally:
                os.close(file)
        except FramingError as error:
            raise PhotoError(f"{place} is damaged: {error}") from error
        except OSError as error:
            raise PhotoError(f"{place} cannot be read ({error.strerror or error})") from error
        label, encoded = _opened(raw, place)
        photo = decode_photo(encoded, place, bits=self._bits)
        given = self._classes
        label = label if given.ids is None else given.of(number)
        return Sample(photo, hashlib.sha256(raw).hexdigest(), label)

    def path(self, number: int) -> None:
        """None: a record has no file of its own.

        Args:
            number: of the photo.
        """


def open_records(
    path: str | Path,
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> RecordSamples:
    """The photos in a .rec file, in the order of its index (.idx), or of the file if it has none.

    A photo's class is the first number of its label, if that is a whole number.

    Args:
        path: of the .rec file.
        labels: one class a photo instead of those in the file.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        DataError: the file or its index cannot be read, is truncated, or one does not fit the
            other.
        InputError: the labels are of another number.
        TargetError: there is no such class.
    """
    path = absolute(Path(path).expanduser())
    index = index_of(path)
    if not len(index.keys):
        raise DataError(f"{path} holds no records")
    classes = classes_given(labels, label_names, len(index.keys))
    options = {"labels": classes.ids, "label_names": classes.names, "bits": bits}
    record = {"kind": "records", "path": str(path), **options}
    return RecordSamples(str(path), index, classes, bits=bits, record=record)


def _opened(raw: bytes, place: str) -> tuple[int | None, bytes]:
    """The label and the photo in a record."""
    if len(raw) < _HEAD.size:
        raise PhotoError(f"{place} is damaged: it has no head of a label and numbers")
    count, label, _, _ = _HEAD.unpack_from(raw)
    start = _HEAD.size + 4 * count
    if start > len(raw):
        raise PhotoError(f"{place} is damaged: it is too short for its {count} labels")
    if count:
        (label,) = struct.unpack_from("<f", raw, _HEAD.size)
    return whole(label), raw[start:]

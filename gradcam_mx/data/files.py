"""Samples that are files, each of its own."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..errors import PhotoError
from ..support.paths import printable
from ..zoo.photo import decode_photo
from .classes import Classes
from .samples import PART, Sample, stamped

_LARGEST = 2**31
"""Bytes of a file that is looked into: no photo that Pillow takes has more in memory."""


class FileSamples:
    """Photos in files.

    Args:
        root: the whole path of a folder; results name the photos by their paths from there.
        names: these paths.
        classes: of the photos.
        bits: how many the numbers have in photos of 16 bits; None for all.
        record: how they are opened again.
    """

    def __init__(
        self,
        root: str,
        names: Sequence[str],
        classes: Classes,
        *,
        bits: int | None = None,
        record: Mapping[str, Any] = PART,
    ) -> None:
        self.record = dict(record)
        self.label_names = classes.names
        self._root, self._names, self._classes, self._bits = root, names, classes, bits

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, part: slice) -> FileSamples:
        classes = self._classes.part(part)
        return FileSamples(self._root, self._names[part], classes, bits=self._bits)

    def place(self, number: int) -> str:
        """The path of a photo from the root, with slashes.

        Args:
            number: of the photo.
        """
        return printable(self._names[number]).replace(os.sep, "/")

    def stamp(self, number: int) -> str:
        """The size of a file and when it was written, and its label.

        Args:
            number: of the photo.
        """
        return stamped(stamp_of(self._file(number)), self._classes.of(number))

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
            PhotoError: it cannot be read.
        """
        place = self.place(number)
        raw = _content(self._file(number), place)
        photo = decode_photo(raw, place, bits=self._bits)
        return Sample(photo, hashlib.sha256(raw).hexdigest(), self._classes.of(number))

    def path(self, number: int) -> Path:
        """The whole path of a photo.

        Args:
            number: of the photo.
        """
        return Path(self._file(number))

    def _file(self, number: int) -> str:
        return os.path.join(self._root, self._names[number])


def stamp_of(path: str) -> str:
    """What is another text once a file has changed, without reading it.

    Args:
        path: of the file.
    """
    try:
        found = os.stat(path)
    except OSError:
        return "missing"
    return f"{found.st_size}-{found.st_mtime_ns}"


def _content(path: str, place: str) -> bytes:
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise PhotoError(f"{place} is a folder, not a photo")
        if not stat.S_ISREG(found.st_mode):  # reading a pipe or a device may never end
            raise PhotoError(f"{place} is no file that can be read as a whole, such as a pipe")
        if found.st_size > _LARGEST:
            raise PhotoError(f"{place} has {found.st_size} bytes, more than any photo")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        is_link = os.path.islink(path)
        what = "what it links to is gone" if is_link else "check its path, or whether it was moved"
        raise PhotoError(f"there is no file {place}: {what}") from error
    except OSError as error:
        raise PhotoError(f"{place} cannot be read ({error.strerror or error})") from error

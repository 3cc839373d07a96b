"""The photos of a store's samples: read where its data set is still there, and nowhere else."""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...data.samples import Sample, Samples
from ...errors import GradCamError
from ...picture.encoded import as_png
from ...store import Store
from ...store.seeing import seen_of
from .album import Limits
from .refused import Refused

_FOLDERS = ("folder", "image_folder")
"""Kinds of data sets that are a folder, out of which links may lead."""


class File(NamedTuple):
    """The file of a photo."""

    data: bytes
    name: str
    sha256: str
    """Of the sample as its data set stores it."""


class RunPhotos:
    """The data set of a store.

    Args:
        store: it.
        limits: of the photos.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self._about, self._limits = store.manifest, limits
        self._reading = threading.Lock()  # one large photo in memory on its way, not many
        self._samples: Samples | None = None
        with suppress(GradCamError):  # the page says that there are no photos
            self._samples = store.samples()
        data = store.manifest.data
        is_folder = data.get("kind") in _FOLDERS
        self._root = Path(data["path"]).resolve() if is_folder else None

    @property
    def are_there(self) -> bool:
        """Whether the data set could be opened again."""
        return self._samples is not None

    def shown(self, number: int) -> np.ndarray:
        """A sample as a picture: (H, W, 3) uint8.

        Args:
            number: of the sample in its data set.

        Raises:
            Refused: it is no picture, or cannot be read.
        """
        sample = self._read(number)
        if sample.values.dtype == np.uint8:
            return sample.values
        try:
            return seen_of(self._about, sample)
        except GradCamError as error:
            raise Refused(str(error), 422) from error

    def file(self, number: int) -> File:
        """The file of a photo, or one made of its pixels where it has none of its own.

        Args:
            number: of the sample in its data set.

        Raises:
            Refused: it is no photo, too large, or cannot be read.
        """
        place, path = self._named(number)
        name = place.rpartition("/")[2]
        if path is not None and self._about.data.get("bits") is None:
            data = self._content(path, name)
            return File(data, name, hashlib.sha256(data).hexdigest())
        values, sha256, _ = self._read(number)
        if values.dtype != np.uint8:
            raise Refused(
                f"{name} is no photo but an array that was ready for the network: the app explains "
                "photos",
                409,
            )
        return File(as_png(values), f"{name}.png", sha256)

    def _content(self, path: Path, name: str) -> bytes:
        try:
            if path.stat().st_size > self._limits.upload_bytes:
                raise Refused(
                    f"{name} has more than {self._limits.upload_bytes / 2**20:.0f} MB, the most "
                    "that the app takes of a photo",
                    413,
                )
            return path.read_bytes()
        except OSError as error:
            raise Refused(f"{name} cannot be read: {error.strerror or error}", 422) from error

    def _read(self, number: int) -> Sample:
        samples = self._held(number)
        self._named(number)
        try:
            with self._reading:
                return samples.read(number)
        except GradCamError as error:
            raise Refused(str(error), 422) from error

    def _held(self, number: int) -> Samples:
        if self._samples is None:
            raise Refused("the data set of the store cannot be opened again", 409)
        if not 0 <= number < len(self._samples):
            raise Refused("this sample is not in the data set any more", 409)
        return self._samples

    def _named(self, number: int) -> tuple[str, Path | None]:
        """What a sample is called, and its file; a link may not lead out of the data set."""
        samples = self._held(number)
        place, path = samples.place(number), samples.path(number)
        if path is None or self._root is None or self._root in path.resolve().parents:
            return place, path
        raise Refused(
            f"{place} is a link out of the folder of the data set, which the app does not follow",
            403,
        )

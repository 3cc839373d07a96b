"""The photos that the app shows: those of a folder, and those that people gave it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

import numpy as np
from PIL import Image

from ... import zoo
from ...errors import PhotoError
from .refused import Refused, gone
from .store import Store

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
"""The formats of files that are taken; a camera's MPO is read as JPEG."""

FOLDER, UPLOAD, SAMPLE, STORE = "folder", "upload", "sample", "store"

THUMBNAIL, SHOWN = 160, 1600
"""The longest sides of a small picture and of a large one."""

_LONGEST_NAME = 120

_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
"""Where cameras write how they were held, and what they write when held upright."""


@dataclass(frozen=True)
class Limits:
    """What the app takes at most."""

    upload_bytes: int = 32 * 2**20
    """Of one file."""
    all_bytes: int = 512 * 2**20
    """Of all files that people gave."""
    photos: int = 200
    pixels: int = 50_000_000
    """Of one photo."""
    decoded_bytes: int = 128 * 2**20
    """Of the photos that are kept as pixels."""


@dataclass(frozen=True)
class Photo:
    """A photo: where its file is, and what is known of it without reading it again."""

    id: str
    name: str
    path: Path
    width: int
    height: int
    source: str
    bytes: int
    changed: int
    """When its file was, in nanoseconds."""

    @property
    def told(self) -> dict[str, Any]:
        """It in words of the interface."""
        return {
            "id": self.id,
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "source": self.source,
            "can_delete": True,
            "thumbnail": f"api/photos/{self.id}/thumbnail.png",
            "picture": f"api/photos/{self.id}/picture.png",
        }


class Album:
    """Photos by the hash of their files. What people give lies in a folder of its own meanwhile.

    Args:
        limits: what is taken at most.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._photos: dict[str, Photo] = {}
        self._lock = threading.Lock()
        self._reading = threading.Lock()  # one large photo in memory on its way, not many
        self._folder = Path(tempfile.mkdtemp(prefix="gradcam-mx-app-"))
        self._pixels: Store[np.ndarray] = Store(
            self.limits.decoded_bytes, lambda pixels: int(pixels.nbytes)
        )

    def close(self) -> None:
        """Remove what people gave."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def all(self) -> list[Photo]:
        """Those that there are, in the order in which they came."""
        with self._lock:
            return list(self._photos.values())

    def find(self, photo_id: str) -> Photo:
        """The photo of that id.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            if photo_id not in self._photos:
                raise gone("the photo")
            return self._photos[photo_id]

    def pixels(self, photo: Photo) -> np.ndarray:
        """(H, W, 3) uint8.

        Args:
            photo: it.

        Raises:
            Refused: its file is gone, or holds something else now.
        """
        kept = self._pixels.get(photo.id)
        if kept is not None:
            return kept
        if not photo.path.exists() or _changed(photo.path) != photo.changed:
            raise Refused(
                f"the file of {photo.name} has changed since the app was started: start it again",
                409,
            )
        return self._pixels.put(photo.id, self._decoded(photo.path, photo.name))

    def add_files(self, paths: Iterable[Path]) -> list[str]:
        """Take the photos of the folder that the app was given; what those are that are none.

        Args:
            paths: of their files.
        """
        failures = []
        for path in paths:
            try:
                self._hold(path, path.name, FOLDER, path.read_bytes())
            except OSError as error:
                failures.append(f"{path} cannot be read: {error.strerror or error}")
            except Refused as error:
                failures.append(f"{path}: {error.said}")
        return failures

    def add_upload(self, data: bytes, name: str, source: str = UPLOAD) -> tuple[Photo, bool]:
        """Take a photo that somebody gives; whether it is new.

        Args:
            data: of its file.
            name: what they call it.
            source: where it is from.

        Raises:
            Refused: it is none, or too large, or there are too many.
        """
        if len(data) > self.limits.upload_bytes:
            raise Refused(
                f"the file has {len(data) / 2**20:.0f} MB; expected at most "
                f"{self.limits.upload_bytes / 2**20:.0f} MB: save a smaller copy",
                413,
            )
        photo_id = hashlib.sha256(data).hexdigest()
        with self._lock:
            if photo_id in self._photos:
                return self._photos[photo_id], False
            given = sum(one.bytes for one in self._photos.values() if one.source != FOLDER)
        if given + len(data) > self.limits.all_bytes:
            raise Refused(
                f"the photos take more than {self.limits.all_bytes / 2**20:.0f} MB in all: "
                "remove some first",
                429,
            )
        # named by its hash: a name that somebody gives never becomes a path
        path = self._folder / photo_id
        if data:
            path.write_bytes(data)
        try:
            return self._hold(path, _plain_name(name), source, data), True
        except Refused:
            with self._lock:  # somebody may have given the same at the same time
                if photo_id not in self._photos and path.exists():
                    path.unlink()
            raise

    def remove(self, photo_id: str) -> None:
        """Forget a photo; a file of the folder stays where it is.

        Args:
            photo_id: its id.

        Raises:
            Refused: there is none.
        """
        photo = self.find(photo_id)
        with self._lock:
            self._photos.pop(photo_id, None)
        self._pixels.drop(photo_id)
        if photo.source != FOLDER and photo.path.exists():
            photo.path.unlink()

    def _hold(self, path: Path, name: str, source: str, data: bytes) -> Photo:
        """Take a photo whose file is there; one of the folder is decoded when it is asked for."""
        photo_id = hashlib.sha256(data).hexdigest()
        self._check_count()
        if not data:
            raise Refused(f"{name} is empty: choose the file again", 422)
        width, height = self._size(path, name)
        if source != FOLDER:
            pixels = self._decoded(path, name)
            self._pixels.put(photo_id, pixels)
            height, width = pixels.shape[:2]
        photo = Photo(photo_id, name, path, width, height, source, len(data), _changed(path))
        with self._lock:
            if photo_id not in self._photos:
                self._check_count()
            return self._photos.setdefault(photo_id, photo)

    def _check_count(self) -> None:
        if len(self._photos) >= self.limits.photos:
            raise Refused(
                f"there are {len(self._photos)} photos, the most that the app takes: remove some "
                "first",
                429,
            )

    def _decoded(self, path: Path, name: str) -> np.ndarray:
        try:
            with self._reading:
                return zoo.read_photo(path)
        except PhotoError as error:
            raise Refused(str(error).replace(str(path), name), 422) from error

    def _size(self, path: Path, name: str) -> tuple[int, int]:
        """(width, height), as its beginning says them; too large a picture is never decoded."""
        try:
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                is_turned = image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
        except Image.DecompressionBombError:
            raise self._too_many_pixels(name, "too many") from None
        except Exception as error:
            # each format has its own ways to fail on what is damaged
            raise Refused(
                f"{name} is not a picture of a known kind: save it as JPEG or PNG", 422
            ) from error
        if width * height > self.limits.pixels:
            raise self._too_many_pixels(name, f"{width} × {height}")
        return (height, width) if is_turned else (width, height)

    def _too_many_pixels(self, name: str, has: str) -> Refused:
        return Refused(
            f"{name} has {has} pixels; expected at most {self.limits.pixels / 1e6:.0f} million: "
            "save a smaller copy",
            413,
        )


def scaled(pixels: np.ndarray, longest: int) -> np.ndarray:
    """A photo whose longer side has at most so many pixels.

    Args:
        pixels: (H, W, 3) uint8.
        longest: the most.
    """
    height, width = pixels.shape[:2]
    share = longest / max(height, width)
    if share >= 1:
        return pixels
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(
        Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    )


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def _plain_name(name: str) -> str:
    """The last part of a name, without what no name of a file has."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(one for one in last if one.isprintable()).strip()
    return shown[:_LONGEST_NAME] or "photo"

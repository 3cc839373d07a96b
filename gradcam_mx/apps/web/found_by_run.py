"""What a run found of a data set, looked through page by page: samples, their photos and maps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ...errors import GradCamError, InputError
from ...graph.digest import digest_of
from ...store import Store
from ...store.columns import LIGHT
from ...store.rows import Row
from .album import STORE, THUMBNAIL, Album, Photo, scaled
from .nets import HeldNet
from .refused import Refused
from .run_index import WHICH, RunIndex
from .run_photos import RunPhotos

A_PAGE = 60
"""How many samples are on a page."""

_CLASSES = 2000
"""So many classes can be chosen from."""

_CHANGED = "the store has changed since the app was started: start it again"

_FULL = 429
"""What the album answers where there is no room."""


class FoundByRun:
    """A store.

    Args:
        path: of its folder.
        album: takes the photos of samples that are looked at.

    Raises:
        InputError: there is no store.
    """

    def __init__(self, path: Path, album: Album) -> None:
        self._store, self._album = Store(path), album
        self._index = RunIndex(self._store)
        self._photos = RunPhotos(self._store, album.limits)
        self._loaded: OrderedDict[str, int] = OrderedDict()
        self._changed: set[int] = set()
        self._lock = threading.Lock()

    def told(self, nets: Sequence[HeldNet]) -> dict[str, Any]:
        """It in words of the interface.

        Args:
            nets: the networks that there are.
        """
        about = self._store.manifest
        return {
            "name": self._store.path.name,
            "samples": len(self._index),
            "methods": self._store.methods,
            "has_labels": self._index.is_labelled,
            "has_photos": self._photos.are_there,
            "is_done": about.is_done,
            "classes": [
                {"class": one, "name": self._called(one)} for one in self._index.classes(_CLASSES)
            ],
            "choices": list(WHICH),
            "a_page": A_PAGE,
            "differs": {one.id: self._difference(one) for one in nets},
            "loaded": dict(self._loaded),
        }

    def _difference(self, net: HeldNet) -> str | None:
        """What is another than in the run, in a sentence."""
        about = self._store.manifest
        if digest_of(net.graph)._asdict() != about.net:
            return "The store is of another network than this one: what the run found is of that."
        prepare = asdict(net.preprocess)
        if about.preprocess is not None and _plain(prepare) != _plain(about.preprocess):
            return "The run prepared its photos otherwise: what it found is of these."
        return None

    def page(self, which: str, class_id: int | None, page: int) -> dict[str, Any]:
        """Some of the samples, in words of the interface.

        Args:
            which: a name of `WHICH`.
            class_id: that they are of; None for any.
            page: its number, from 0 on.

        Raises:
            Refused: there is no such choice, or the store has changed.
        """
        if which not in WHICH:
            raise Refused(f"there is no choice {which[:40]!r}; there are {', '.join(WHICH)}")
        places = self._index.places(which, class_id)
        pages = max(1, -(-len(places) // A_PAGE))
        page = min(page, pages - 1)
        chosen = [int(one) for one in places[page * A_PAGE :][:A_PAGE]]
        rows = self._rows(chosen, LIGHT)
        return {
            "samples": [self._told(place, row) for place, row in zip(chosen, rows)],
            "total": len(places),
            "page": page,
            "pages": pages,
        }

    def _told(self, place: int, row: Row) -> dict[str, Any]:
        is_known = row.label is not None and row.predicted is not None
        has_picture = row.error is None and (self._photos.are_there or bool(self._store.methods))
        return {
            "at": place,
            "name": row.place,
            "label": self._called(row.label),
            "predicted": self._called(row.predicted),
            "probability": row.probability,
            "is_right": row.label == row.predicted if is_known else None,
            "error": row.error,
            "thumbnail": f"api/run/samples/{place}/thumbnail.png" if has_picture else None,
        }

    def _called(self, class_id: int | None) -> str | None:
        if class_id is None:
            return None
        known = self._store.manifest.class_names or []
        return known[class_id] if 0 <= class_id < len(known) else f"class {class_id}"

    # -- photos ------------------------------------------------------------------------------------

    def load(self, place: int) -> tuple[Photo, str | None]:
        """Take the photo of a sample into the album, and what there is to say of it.

        Where there is no room for it, those that were taken before go, the first one first.

        Args:
            place: of the sample in the store.

        Raises:
            Refused: there is no such sample, or the album does not take it.
        """
        row = self._row(place, (*LIGHT, "sha256"))
        file = self._photos.file(row.number)
        with self._lock:
            photo = self._taken(file.data, file.name)
            self._loaded[photo.id] = place
            self._loaded.move_to_end(photo.id)
        if row.cells["sha256"] not in (None, file.sha256):
            self._changed.add(place)
            return photo, f"{file.name} is another photo than the run found: it was changed since"
        return photo, None

    def _taken(self, data: bytes, name: str) -> Photo:
        while True:
            try:
                return self._album.add_upload(data, name, STORE)[0]
            except Refused as error:
                if error.status != _FULL or not self._loaded:
                    raise
                oldest, _ = self._loaded.popitem(last=False)
                try:
                    self._album.remove(oldest)
                except Refused:
                    continue  # somebody has removed it

    def thumbnail(self, place: int) -> np.ndarray:
        """A small picture of a sample: its photo, or where that is not there the map.

        Args:
            place: of the sample in the store.

        Raises:
            Refused: there is neither.
        """
        if self._photos.are_there and len(self._store.manifest.input_size) == 2:
            return scaled(self._photos.shown(self._row(place).number), THUMBNAIL)
        row = next((self.row_of(place, one) for one in self._store.methods), None)
        if row is None:
            raise Refused("there is no picture of this sample", 404)
        try:
            (drawn,) = row.explanation(self._store.methods[0]).pictures(None)
        except GradCamError as error:
            raise Refused(str(error), 422) from error
        return scaled(np.asarray(drawn), THUMBNAIL)

    # -- maps --------------------------------------------------------------------------------------

    def place_of(self, photo: Photo) -> int | None:
        """Which sample a photo is of; None if it is not that which the run explained.

        Args:
            photo: of the album.
        """
        place = self._loaded.get(photo.id)
        return None if place in self._changed else place

    def row_of(self, place: int, method: str) -> Row | None:
        """What the run found of a sample by a method; None if it did not ask it.

        Args:
            place: of the sample in the store.
            method: its name.

        Raises:
            Refused: there is no such sample.
        """
        if method not in self._store.methods:
            return None
        kept = ("shape", "scale", "map", "values", "values_shape")
        names = [f"{method}.{one}" for one in kept]
        row = self._row(place, (*LIGHT, "sha256", *names))
        return None if row.cells[f"{method}.map"] is None else row

    def _row(self, place: int, columns: Sequence[str] = LIGHT) -> Row:
        (row,) = self._rows([place], columns)
        return row

    def _rows(self, places: Sequence[int], columns: Sequence[str]) -> list[Row]:
        try:
            return self._store.at(places, columns)
        except InputError as error:
            raise Refused("there is no such sample", 404) from error
        except OSError as error:  # a run writes to it
            raise Refused(
                "the store has changed since the app was started: start it again", 409
            ) from error


def _plain(value: Any) -> Any:
    """What JSON makes of it: lists of tuples."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value

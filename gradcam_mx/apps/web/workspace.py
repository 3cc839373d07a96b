"""What the app works on: networks, photos, and all that was computed of them, within bounds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Sequence, TypeVar

import numpy as np

from ... import picture
from ...explanation.explanation import Explanation
from .album import SHOWN, THUMBNAIL, Album, Limits, Photo, scaled
from .found_by_run import FoundByRun
from .nets import HeldNet
from .refused import Refused, gone
from .store import Store, key_of

T = TypeVar("T")

RESULTS, INPUTS, PICTURES = 96 * 2**20, 24 * 2**20, 24 * 2**20
"""How many bytes may be kept of what was computed, of inputs, and of files of pictures."""


@dataclass(frozen=True)
class Map:
    """An explanation, and what the page is told of it."""

    explanation: Explanation
    told: dict[str, Any]


class Prepared(NamedTuple):
    """A photo as a network gets it."""

    x: np.ndarray
    """(1, C, H, W)."""
    crop: np.ndarray
    """(H, W, 3) uint8, what it sees."""


class Workspace:
    """Networks and photos that are there, and what is kept of them.

    Args:
        nets: the networks.
        limits: of the photos.
        store: the folder of one whose samples can be looked through.

    Raises:
        InputError: there is no store.
    """

    def __init__(
        self,
        nets: Sequence[HeldNet],
        limits: Limits | None = None,
        store: Path | None = None,
    ) -> None:
        self.nets = {one.id: one for one in nets}
        self.album = Album(limits)
        self.run = None if store is None else FoundByRun(store, self.album)
        self.server = secrets.token_hex(8)
        """Another one each time the app is started."""
        self.maps: Store[Map] = Store(RESULTS // 2, lambda one: _bytes(vars(one.explanation)))
        self.results: Store[Any] = Store(RESULTS // 2, _bytes)
        self._inputs: Store[Prepared] = Store(INPUTS, lambda one: one.x.nbytes + one.crop.nbytes)
        self._pictures: Store[bytes] = Store(PICTURES, len)

    def net(self, net_id: Any) -> HeldNet:
        """The network of that id.

        Raises:
            Refused: there is none.
        """
        if not isinstance(net_id, str) or net_id not in self.nets:
            raise Refused(f"there is no network {net_id!r}", 404)
        return self.nets[net_id]

    def photo(self, photo_id: Any) -> Photo:
        """The photo of that id.

        Raises:
            Refused: there is none.
        """
        if not isinstance(photo_id, str):
            raise Refused(f"there is no photo {photo_id!r}", 404)
        return self.album.find(photo_id)

    def prepared(self, net: HeldNet, photo: Photo) -> Prepared:
        """A photo as a network gets it.

        Args:
            net: the network.
            photo: the photo.
        """

        def make() -> Prepared:
            pixels = self.album.pixels(photo)
            return Prepared(net.preprocess(pixels), net.preprocess.crop(pixels))

        return self._inputs.got(f"{net.id}/{photo.id}", make)

    def map(self, map_id: str) -> Map:
        """The map of that id.

        Raises:
            Refused: it is not kept any more.
        """
        return _kept(self.maps, map_id, "the map")

    def result(self, result_id: str) -> Any:
        """What was found inside a net, by its id.

        Raises:
            Refused: it is not kept any more.
        """
        return _kept(self.results, result_id, "the result")

    def file(self, *content: Any, draw: Any) -> bytes:
        """The PNG file of a picture, kept by what it shows.

        Args:
            content: what tells it from others.
            draw: makes it, (H, W, 3) or (H, W) uint8.
        """
        return self._pictures.got(key_of(*content), lambda: _png(draw()))

    def thumbnail(self, photo: Photo) -> bytes:
        """A small picture of a photo.

        Args:
            photo: it.
        """
        return self.file(
            "thumbnail", photo.id, draw=lambda: scaled(self.album.pixels(photo), THUMBNAIL)
        )

    def shown(self, photo: Photo, net: HeldNet | None) -> bytes:
        """A photo, or what a network sees of it.

        Args:
            photo: it.
            net: the network.
        """
        if net is None:
            return self.file("photo", photo.id, draw=lambda: self.whole(photo))
        return self.file("seen", net.id, photo.id, draw=lambda: self.prepared(net, photo).crop)

    def whole(self, photo: Photo) -> np.ndarray:
        """A photo, no larger than is shown.

        Args:
            photo: it.
        """
        return scaled(self.album.pixels(photo), SHOWN)


def _kept(store: Store[T], name: str, what: str) -> T:
    found = store.get(name)
    if found is None:
        raise gone(what)
    return found


def _png(pixels: np.ndarray) -> bytes:
    found = picture.png(np.asarray(pixels))
    if found is None:
        raise Refused("this makes no picture", 422)
    return found


def _bytes(value: Any) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, dict):
        return 200 + sum(_bytes(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return 100 + sum(_bytes(one) for one in value)
    if hasattr(value, "__dict__"):
        return 200 + _bytes(vars(value))
    return 100 + (len(value) if isinstance(value, (str, bytes)) else 0)

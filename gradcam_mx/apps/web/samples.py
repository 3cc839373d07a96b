"""The photos of the demo, for who has none at hand."""

from __future__ import annotations

from importlib.util import find_spec

from ... import picture
from .album import SAMPLE, Album, Photo
from .refused import Refused

NAMES = ("chelsea", "coffee")


def are_there() -> bool:
    """Whether the package that they come with is installed."""
    return find_spec("skimage") is not None


def add(album: Album) -> list[Photo]:
    """Put them among the photos.

    Args:
        album: the photos.

    Raises:
        Refused: the package is not installed.
    """
    if not are_there():
        raise Refused("the samples come with scikit-image: pip install scikit-image", 409)
    from skimage import data

    found = []
    for name in NAMES:
        file = picture.png(getattr(data, name)())
        assert file is not None, "they are photos"
        found.append(album.add_upload(file, f"{name}.png", SAMPLE)[0])
    return found

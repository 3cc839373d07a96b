"""What the nets of an audit are given: inputs, or photos that are made ready for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from .. import picture
from ..errors import InputError
from ..zoo.photo import as_photo
from ..zoo.preprocess import Preprocess
from .sides import arrays_of

Prepare = Callable[[Any], Any]


class Given(NamedTuple):
    """What the nets are given."""

    names: list[str]
    """Of the photos, or of the samples of an input."""
    x: list[np.ndarray]
    """For the old net, an array for each input."""
    new_x: list[np.ndarray]
    """For the new net, as its photos are made ready."""
    photos: list[np.ndarray]
    """The photos; none where inputs were given."""
    prepare: Any
    """How they were made ready for the old net; None if that is not known."""

    @property
    def is_one(self) -> bool:
        """Whether both nets are given the same."""
        return self.x is self.new_x or all(map(np.array_equal, self.x, self.new_x))

    @property
    def can_be_shared(self) -> bool:
        """Whether what is made for the old net is of the shape that the new one takes."""
        return [one.shape for one in self.x] == [one.shape for one in self.new_x]

    def pictures(self, places: Sequence[int]) -> np.ndarray:
        """Some of the photos as the old net sees them, (N, H, W, 3) uint8.

        Args:
            places: which of them.
        """
        if self.photos and isinstance(self.prepare, Preprocess):
            return np.stack([self.prepare.crop(self.photos[one]) for one in places])
        return picture.of_input(self.x[0][list(places)])


def given(photos: Any, prepare: Prepare | None, new_prepare: Prepare | None) -> Given:
    """What the nets are given.

    Args:
        photos: paths or photos in a list, or an array for each input.
        prepare: how photos are made ready for the old net.
        new_prepare: how they are made ready for the new one; None for the same.

    Raises:
        InputError: there are none, or it is not known how they are made ready.
        PhotoError: one cannot be read.
    """
    if isinstance(photos, (str, Path)):
        photos = [photos]
    if not isinstance(photos, list):
        if new_prepare is not None:
            raise InputError("new_preprocess goes with photos: pass a list of paths, or of arrays")
        x = arrays_of(photos)
        return Given([f"input {place}" for place in range(len(x[0]))], x, x, [], prepare)
    if not photos:
        raise InputError("there are no photos; pass one or more")
    if prepare is None:
        raise InputError(
            "how photos are made ready for the net is not known: pass preprocess=, such as "
            "gm.zoo.IMAGENET, or the input as an array"
        )
    names = [
        Path(one).name if isinstance(one, (str, Path)) else f"photo {place}"
        for place, one in enumerate(photos)
    ]
    read = [as_photo(one) for one in photos]
    x = _made(read, prepare)
    return Given(names, x, _made(read, new_prepare) if new_prepare else x, read, prepare)


def _made(photos: Sequence[np.ndarray], prepare: Prepare) -> list[np.ndarray]:
    return arrays_of(np.concatenate([np.asarray(prepare(one)) for one in photos]))

"""The samples of a data set, one after the other, as the net takes them and as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator

import numpy as np

from .. import picture
from ..engine.inputs import check
from ..errors import InputError, NetworkError
from ..graph.convolutions import convolutions
from ..graph.picture_input import Preprocess, preprocess_of
from ..graph.sealed import Sealed
from ..graph.trace import Net, trace
from ..support.arrays import numbers_of

Images = Iterable[Any]
"""Inputs (C, H, W), or photos, (H, W, 3) or grey (H, W) uint8, alone or as (image, label); or
batches of them."""


@dataclass(frozen=True)
class Sample:
    """One image of a data set."""

    index: int
    row: np.ndarray
    """As the net takes it, without the axis of samples: (C, H, W)."""
    shown: np.ndarray
    """What the net saw, (H, W, 3) uint8 RGB; the same as `row` where no photo was given."""

    @property
    def is_photo(self) -> bool:
        """Whether it was given as a photo, rather than as an input."""
        return self.shown is not self.row


def samples(net: Net, images: Images, preprocess: Preprocess | None) -> Iterator[Sample]:
    """The samples of a data set, counted from 0; nothing is read ahead.

    Args:
        net: for which they are meant; its own `preprocess` is used for photos if it has one.
        images: an array (N, C, H, W), a Gluon Dataset or DataLoader, or any other iterable.
        preprocess: how photos are prepared for the net.

    Raises:
        InputError: there are none, something else than images, or images of several sizes.
    """
    prepare = preprocess_of(net, preprocess)
    axes = _axes_of_a_row(net)
    index, shape = 0, None
    for item in _items(images):
        image = item[0] if isinstance(item, (tuple, list)) else item
        for one in _single(image, axes, preprocess is not None):
            sample = _sample(index, one, prepare, preprocess is not None)
            shape = shape or sample.row.shape
            if sample.row.shape != shape:
                raise InputError(
                    f"image {index} has shape {sample.row.shape}, the first one "
                    f"{shape}; expected images of one size"
                )
            yield sample
            index += 1
    if not index:
        raise InputError(
            "there are no images: expected an array (N, C, H, W), or a data set of at least one"
        )


def one_sample(net: Net, image: Any, preprocess: Preprocess | None) -> Sample:
    """An image, an input or a photo, as `samples` gives it.

    Raises:
        InputError: it is something else, or several.
    """
    found = list(samples(net, [image], preprocess))
    if len(found) > 1:
        raise InputError(f"expected one image; got {len(found)}")
    return found[0]


def _items(images: Any) -> Iterator[Any]:
    if isinstance(images, (str, bytes)) or not (
        hasattr(images, "__iter__") or hasattr(images, "__getitem__")
    ):
        raise InputError(
            f"the images are a {type(images).__name__}; expected an array "
            "(N, C, H, W), a Gluon Dataset or DataLoader, or another iterable"
        )
    if hasattr(images, "__len__") and hasattr(images, "__getitem__"):
        return (images[number] for number in range(len(images)))
    return iter(images)


def _axes_of_a_row(net: Net) -> int:
    """How many axes one sample of the net's input has: that of its first convolution's input."""
    try:
        graph = trace(net)
    except NetworkError:
        return 3  # a net that cannot be traced, which nearly always sees pictures
    if isinstance(graph, Sealed):
        return len(graph.box.takes[0].shape or (0, 0, 0))
    return 1 + next((found.axes for found in convolutions(graph, {})), 0)


def _single(image: Any, axes: int, is_photo: bool) -> Iterable[Any]:
    """The images of a batch, or the image itself."""
    if isinstance(image, (str, Path)):
        return [image]
    array = numbers_of(image)
    if is_photo or array.dtype == np.uint8:
        is_one = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
        return picture.check_photos(array[None] if is_one else array)
    if array.ndim not in (axes, axes + 1):
        raise InputError(
            f"an input has shape {array.shape}; expected {axes} axes, or {axes + 1} "
            "for a batch of them"
        )
    return array if array.ndim == axes + 1 else [array]


def _sample(index: int, image: Any, prepare: Any, is_photo: bool) -> Sample:
    if not (is_photo or isinstance(image, (str, Path)) or image.dtype == np.uint8):
        check(image[None])
        return Sample(index, image, image)
    if not callable(prepare):
        raise InputError(
            f"image {index} is a photo, and how photos are prepared for this net is not known; "
            "pass preprocess=, a function from a photo (H, W, 3) uint8 to the net's input"
        )
    row = numbers_of(prepare(image))
    row = row[0] if row.ndim == 4 else row
    check(row[None])
    if hasattr(prepare, "crop"):
        return Sample(index, row, prepare.crop(image))
    is_same = not isinstance(image, (str, Path)) and image.shape[:2] == row.shape[1:]
    return Sample(index, row, image if is_same else row)

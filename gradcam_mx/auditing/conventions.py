"""How photos are given to nets: the conventions that ports mix up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Iterator, NamedTuple

import cv2
import numpy as np
from PIL import Image

from ..zoo.photo import as_photo
from ..zoo.preprocess import IMAGENET, Preprocess

_HALF = 127.5
_CAFFE = (104.006, 116.669, 122.679)
"""Of blue, green and red."""


class Change(NamedTuple):
    """Another way to make the input of what is one already."""

    cause: str
    said: str
    apply: Callable[[np.ndarray], np.ndarray]


class Way(NamedTuple):
    """Another way to make the input of a photo."""

    cause: str
    said: str
    make: Callable[[Any], np.ndarray]


def changes(prepare: Any, channels: int) -> list[Change]:
    """What may have been done to an input, or left out, one thing at a time.

    Args:
        prepare: how the photos were made ready; anything but a Preprocess tells nothing.
        channels: of the input.
    """
    found = [
        Change("channel order", "the channels in the reverse order (BGR for RGB)", _reversed),
        Change("scale", "values divided by 255", lambda x: x / 255),
        Change("scale", "values times 255", lambda x: x * 255),
        Change("scale", "values divided by 127.5", lambda x: x / _HALF),
        Change("scale", "values times 127.5", lambda x: x * _HALF),
        Change("scale", "0 to 1 in place of -1 to 1", lambda x: (x + 1) / 2),
        Change("scale", "-1 to 1 in place of 0 to 1", lambda x: 2 * x - 1),
        Change(
            "mean and std", "values less 127.5, divided by 127.5", lambda x: (x - _HALF) / _HALF
        ),
        Change("mean and std", "values times 127.5, plus 127.5", lambda x: x * _HALF + _HALF),
    ]
    if channels != 3:
        found = [one for one in found if one.apply is not _reversed]
    if channels == 3:
        mean, std = (_column(one) / 255 for one in (IMAGENET.mean, IMAGENET.std))
        twice = "normalised once more by ImageNet's mean and std"
        back = "not normalised by ImageNet's mean and std"
        found += [
            Change("mean and std", twice, lambda x: (x - mean) / std),
            Change("mean and std", back, lambda x: x * std + mean),
        ]
    if isinstance(prepare, Preprocess):
        found += list(_from_pixels(prepare))
    return found


def pairs(prepare: Any, channels: int) -> Iterator[Change]:
    """Two things at a time: the order of the channels, and their numbers.

    Args:
        prepare: how the photos were made ready.
        channels: of the input.
    """
    if channels != 3:
        return
    for one in changes(prepare, channels):
        if one.apply is not _reversed:
            cause = f"channel order, {one.cause}"
            said = f"the channels in the reverse order (BGR for RGB), and {one.said}"
            yield Change(cause, said, lambda x, one=one: one.apply(_reversed(x)))  # type: ignore[misc]


def _reversed(x: np.ndarray) -> np.ndarray:
    return x[:, ::-1]


def _column(values: Any) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


def _from_pixels(prepare: Preprocess) -> Iterator[Change]:
    """The same photos by other means and deviations."""
    mean, std = _column(prepare.mean), _column(prepare.std)
    if len(prepare.mean) == 3 and len({*prepare.mean}) + len({*prepare.std}) > 2:
        said = "pixels in the reverse order of channels (BGR for RGB), mean and std as they were"
        yield Change("channel order", said, lambda x: (_reversed(x * std + mean) - mean) / std)
    for said, other, deviation in _normalisations(prepare):
        if (other, deviation) != (prepare.mean, prepare.std):
            new_mean, new_std = _column(other), _column(deviation)
            yield Change(
                "mean and std" if "scale" not in said else "scale",
                said,
                lambda x, a=new_mean, b=new_std: (x * std + mean - a) / b,  # type: ignore[misc]
            )


def _normalisations(
    prepare: Preprocess,
) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    """What it is called → mean, std; of the channels in the order of the preprocessing."""
    count = len(prepare.mean)
    zero, one = (0.0,) * count, (1.0,) * count
    yield "pixels from 0 to 255, no mean and no std", zero, one
    yield "pixels on a scale from 0 to 1, no mean and no std", zero, (255.0,) * count
    yield "pixels from -1 to 1", (_HALF,) * count, (_HALF,) * count
    yield "pixels less 127, divided by 128", (127.0,) * count, (128.0,) * count
    yield "no std", prepare.mean, one
    yield "no mean", zero, prepare.std
    yield "the mean, and a scale of 1/255 for a std", prepare.mean, (255.0,) * count
    if count == 3:
        own = slice(None) if prepare.order == "RGB" else slice(None, None, -1)
        yield "ImageNet's mean and std", IMAGENET.mean[own], IMAGENET.std[own]
        other = slice(None, None, -1) if prepare.order == "RGB" else slice(None)
        yield (
            "ImageNet's mean and std in the other order",
            IMAGENET.mean[other],
            IMAGENET.std[other],
        )
        caffe = _CAFFE[::-1] if prepare.order == "RGB" else _CAFFE
        yield "Caffe's mean, no std", caffe, one


def ways(prepare: Preprocess) -> list[Way]:
    """How photos may have been made ready otherwise, one thing at a time.

    Args:
        prepare: how they were.
    """
    short, sides = prepare.short_side, prepare.shape[1:]
    found = []
    for side, said in (
        (min(sides), "no crop: the short side scaled to that of the input"),
        (round(min(sides) / 0.875), "another crop: the centre, 0.875 of the short side"),
    ):
        if side != short:
            found.append(Way("crop", said, replace(prepare, short_side=side)))
    found.append(Way("crop", "the photo squeezed to the input, uncropped", _squeezed(prepare)))
    for name in ("bilinear", "bicubic"):
        if name != prepare.interpolation:
            way = replace(prepare, interpolation=name)
            found.append(Way("interpolation", f"{name} interpolation", way))
    for name, said in (
        ("INTER_LINEAR", "bilinear interpolation that is not antialiased"),
        ("INTER_NEAREST", "the nearest pixel"),
        ("INTER_CUBIC", "bicubic interpolation that is not antialiased"),
        ("INTER_AREA", "interpolation by areas"),
    ):
        found.append(Way("interpolation", said, _resized(prepare, name)))
    return found


def _normal(prepare: Preprocess, picture: np.ndarray) -> np.ndarray:
    """The input that a picture of its size is, whatever scaled it."""
    exact = replace(prepare, short_side=min(prepare.shape[1:]))
    return exact(picture)


def _squeezed(prepare: Preprocess) -> Callable[[Any], np.ndarray]:
    def make(photo: Any) -> np.ndarray:
        height, width = prepare.shape[1:]
        by = Image.Resampling[prepare.interpolation.upper()]
        squeezed = Image.fromarray(np.ascontiguousarray(as_photo(photo))).resize(
            (width, height), by
        )
        return _normal(prepare, np.array(squeezed))

    return make


def _resized(prepare: Preprocess, name: str) -> Callable[[Any], np.ndarray]:
    def make(photo: Any) -> np.ndarray:
        array = as_photo(photo)
        made = prepare.geometry(array)
        height, width = made.scaled
        scaled = cv2.resize(array, (width, height), interpolation=getattr(cv2, name))
        top, left, bottom, right = made.cut
        return _normal(prepare, np.ascontiguousarray(scaled[top:bottom, left:right]))

    return make

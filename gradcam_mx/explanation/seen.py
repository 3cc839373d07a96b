"""What a net saw, as callers give it: one photo, clip or signal, or one a sample; or the whole
photo that what it saw was cut out of."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, Sequence

import numpy as np

from .. import picture
from ..errors import InputError
from ..support.callers import caller_level
from ..support.geometry import Geometry


class Seen(NamedTuple):
    """A photo, clip or signal, and how the net's input lies on it."""

    photo: Any
    """None if there is none."""
    geometry: Geometry | None
    """How the photo became the input; None if it is what the net saw."""

    def laid(self, heatmap: np.ndarray, *, sharp: bool = False) -> np.ndarray:
        """What is of the size of the net's input, where it belongs on the photo."""
        if self.geometry is None:
            return heatmap
        return picture.on_photo(heatmap, self.geometry, sharp=sharp)

    def marked(self, drawn: np.ndarray) -> np.ndarray:
        """A picture of the photo's size, with the part marked that the net never saw."""
        if self.geometry is None:
            return drawn
        return picture.mark_unseen(drawn, self.geometry.box, self.photo)

    def placed(self, drawn: np.ndarray) -> np.ndarray:
        """A picture of the input's size, by itself, where it belongs on the photo."""
        if self.geometry is None:
            return drawn
        whole = picture.to_uint8(picture.on_photo(drawn, self.geometry))
        return picture.mark_unseen(whole, self.geometry.box)


def is_batch(given: Any, axes: int) -> bool:
    """Whether it is an array with a photo, clip or signal a sample, not the only sample's.

    Args:
        given: an array.
        axes: how many axes of positions the input has: 1 signal, 2 picture, 3 volume or clip.
    """
    if is_list(given):
        return True
    shape = np.shape(given)
    is_grey = axes == 3 and shape[-1:] != (3,)
    return len(shape) == axes + (1 if is_grey else 2)


def is_list(given: Any) -> bool:
    """Whether it is a list of photos, which may be of several sizes."""
    return isinstance(given, (list, tuple)) and all(hasattr(one, "shape") for one in given)


def for_each_sample(
    given: Any,
    samples: int,
    size: Sequence[int],
    geometry: Sequence[Geometry] | None = None,
    *,
    beside: bool = False,
) -> list[Seen]:
    """What the net saw, checked, for each sample: RGB photos or clips, or signals.

    Args:
        given: as callers give it; None if there is nothing.
        samples: how many there are.
        size: of the net's input, along its axes of positions.
        geometry: how the photo of each sample was prepared; None if that is not known.
        beside: whether nothing is laid over them, so that they may be of any size.

    Raises:
        InputError: there is not one for each, it is something else, or of another shape and nobody
            knows how the input lies on it.
    """
    if given is None:
        return [Seen(None, None)] * samples
    axes = len(size)
    found = list(given) if is_batch(given, axes) else [given]
    if len(found) != samples:
        name, shape = picture.SEEN[axes]
        raise InputError(
            f"{len(found)} {name}s for {samples} samples: pass an array (N, {shape}) with one a "
            "sample"
        )
    if axes == 1:
        photos = [picture.check_signal(one) for one in found]
        shapes = [one.shape[1:] for one in photos]
    else:
        photos = [picture.check_photo(one, axes) for one in found]
        shapes = [one.shape[:-1] for one in photos]
    known: Sequence[Geometry | None] = geometry or [None] * samples
    if beside:
        whole = [one and one.of_whole(photo) for photo, one in zip(photos, known)]
        return [Seen(*each) for each in zip(photos, whole)]
    return [
        Seen(photo, fit(photo, shape, one, size))
        for photo, shape, one in zip(photos, shapes, known)
    ]


def fit(
    photo: np.ndarray, shape: Sequence[int], geometry: Geometry | None, size: Sequence[int]
) -> Geometry | None:
    """How what the net saw lies on a photo; None if it is the photo, or the same in another size.

    Args:
        photo: it, or a clip or signal.
        shape: its size, along its axes of positions.
        geometry: how the photo was prepared that the input was made of; None if nobody knows.
        size: of the net's input.

    Raises:
        InputError: nobody knows.
    """
    shape, size, name = tuple(shape), tuple(size), picture.SEEN[len(size)][0]
    if geometry is not None:
        whole = geometry.of_whole(photo)
        if whole is not None or geometry.is_of(photo):
            return whole
    if shape == size:
        return None
    of = f"the {name} is of {_said(shape)}, and the net saw {_said(size)}"
    if geometry is not None:
        raise InputError(
            f"{of}, cut out of a photo of {_said(geometry.size)}: pass that, or what the net saw"
        )
    scale = shape[np.argmax(shape)] / size[np.argmax(shape)]
    if any(abs(side - scale * seen) > 1 for side, seen in zip(shape, size)):
        raise InputError(
            f"{of}: where one lies on the other is not known. Pass what the net saw "
            "(net.preprocess.crop(photo)); or say how the photo was prepared: "
            "explanation.prepared(gm.Geometry.of(photo, resize=256, crop=224)), or "
            "explanation.prepared(net.preprocess.geometry(photo))"
        )
    warnings.warn(
        f"{of}: it is taken for the same in another size. If the net saw a part of it, say how it "
        "was prepared: explanation.prepared(gm.Geometry.of(photo, resize=256, crop=224))",
        stacklevel=caller_level(),
    )
    return None


def _said(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))

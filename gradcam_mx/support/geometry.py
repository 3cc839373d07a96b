"""How a photo became what a net saw: it was scaled, and a box was cut out of it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any, Sequence, Tuple, Union

import numpy as np

from ..errors import InputError
from .boundary import told
from .boxes import Box

Sides = Union[int, Tuple[int, int]]

_WHOLE = (int, np.integer)


@dataclass(frozen=True)
class Geometry:
    """The geometry of a photo that was prepared for a net: scaled, then cut.

    Args:
        size: (height, width) of the photo.
        scaled: (height, width) that it was scaled to.
        cut: (top, left, bottom, right) of what was cut out of the scaled photo and became the net's
            input. It reaches over the edges where the photo was padded.
        checksum: of the photo's pixels, where its size does not tell it from what the net saw.

    Example:
        >>> import gradcam_mx as gm
        >>> found = gm.Geometry.of((500, 1400), resize=256, crop=224)
        >>> found.scaled, found.seen, found.box
        ((256, 717), (224, 224), (slice(31, 469, None), slice(480, 918, None)))
    """

    size: tuple[int, int]
    scaled: tuple[int, int]
    cut: tuple[int, int, int, int]
    checksum: int | None = None

    def __post_init__(self) -> None:
        for name, length in (("size", 2), ("scaled", 2), ("cut", 4)):
            given = getattr(self, name)
            sides = given if isinstance(given, (tuple, list)) else ()
            if len(sides) != length or not all(isinstance(one, _WHOLE) for one in sides):
                raise InputError(f"{name}={given!r}; expected {length} whole numbers")
            object.__setattr__(self, name, tuple(int(one) for one in sides))
        if min(*self.size, *self.scaled, *self.seen) < 1:
            raise InputError(f"{self} has a side without pixels")

    @classmethod
    @told
    def of(cls, photo: Any, resize: Sides | None = None, crop: Sides | None = None) -> Geometry:
        """That of the usual preparation: scale the photo, then cut out its centre.

        Args:
            photo: an array (H, W, …), or (H, W) itself.
            resize: the short side after scaling, with the proportions kept, or (height, width);
                by default as it is.
            crop: the side of the square in the centre that is kept, or (height, width); by default
                all.

        Example:
            >>> import gradcam_mx as gm
            >>> gm.Geometry.of((480, 640), resize=(224, 224)).cut
            (0, 0, 224, 224)
        """
        height, width = size_of(photo)
        if resize is None:
            scaled = height, width
        elif isinstance(resize, int):
            scale = resize / min(height, width)
            scaled = round(height * scale), round(width * scale)
        else:
            scaled = resize
        kept = scaled if crop is None else (crop, crop) if isinstance(crop, int) else crop
        top, left = ((after - side) // 2 for after, side in zip(scaled, kept))
        return cls((height, width), scaled, (top, left, top + kept[0], left + kept[1]))

    @property
    def seen(self) -> tuple[int, int]:
        """(height, width) of the net's input."""
        top, left, bottom, right = self.cut
        return bottom - top, right - left

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """For each row and each column of the photo where its middle lies in the net's input, in
        pixels; what the net did not see lies outside."""
        rows, columns = (
            (np.arange(side) + 0.5) * after / side - 0.5 - start
            for side, after, start in zip(self.size, self.scaled, self.cut)
        )
        return rows, columns

    @property
    def box(self) -> Box:
        """The part of the photo that the net saw: a slice of rows and one of columns."""
        sides = []
        for places, side in zip(self.places, self.seen):
            seen = np.flatnonzero((places >= -0.5) & (places < side - 0.5))
            sides.append(slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0))
        return tuple(sides)

    @told
    def seen_of(self, picture: np.ndarray) -> np.ndarray:
        """What the net saw of a picture that lies on the photo, such as a mask: no new values.

        Each pixel is the one of the picture that its middle lies in.

        Args:
            picture: (H, W, …), of the photo's size.

        Returns:
            (h, w, …), at the size of the net's input; zeros where the photo was padded.

        Raises:
            InputError: it has another size.

        Example:
            >>> import gradcam_mx as gm
            >>> gm.Geometry.of((4, 6), resize=2, crop=2).seen_of(np.arange(24).reshape(4, 6))
            array([[ 7,  9],
                   [19, 21]])
        """
        if picture.shape[:2] != self.size:
            raise InputError(f"the picture has the size {picture.shape[:2]}, its photo {self.size}")
        places, inside = [], []
        for side, after, start, seen in zip(self.size, self.scaled, self.cut, self.seen):
            # in whole numbers, so that no rounding moves a middle into the next pixel
            place = (2 * (np.arange(seen) + start) + 1) * side // (2 * after)
            places.append(place.clip(0, side - 1))
            inside.append((place >= 0) & (place < side))
        found = picture[np.ix_(*places)]
        found[~np.logical_and.outer(*inside)] = 0
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the net saw the photo as it is."""
        return self.size == self.scaled and self.cut == (0, 0, *self.size)

    def knowing(self, photo: np.ndarray) -> Geometry:
        """The same, which knows its photo from what the net saw also where both have one size.

        Args:
            photo: the photo itself, (H, W, 3).
        """
        if self.is_whole or self.size != self.seen:
            return self
        return replace(self, checksum=checksum(photo))

    def of_whole(self, photo: np.ndarray) -> Geometry | None:
        """How the net's input lies on a photo that is not what it saw: the whole one, or that as it
        was scaled; None if it is another, or the same.

        Args:
            photo: (H, W, 3).
        """
        if self.is_of(photo):
            return None if self.is_whole else self
        if photo.shape[:2] == self.scaled != self.seen:
            return replace(self, size=self.scaled)
        return None

    def is_of(self, photo: np.ndarray) -> bool:
        """Whether a photo is the whole one, rather than what the net saw of it.

        Args:
            photo: (H, W, 3).
        """
        is_certain = self.size != self.seen or self.checksum is None
        return photo.shape[:2] == self.size and (is_certain or self.checksum == checksum(photo))


def checksum(photo: np.ndarray) -> int:
    """A number that another photo is unlikely to have."""
    return zlib.crc32(np.ascontiguousarray(photo).tobytes())


def size_of(photo: Any) -> tuple[int, int]:
    """(height, width) of a photo, or of what is given as that."""
    shape: Sequence[int] = getattr(photo, "shape", ()) or tuple(photo)
    if len(shape) < 2:
        raise InputError(f"{photo!r} is no photo; expected an array (H, W, 3), or (H, W) itself")
    return int(shape[0]), int(shape[1])

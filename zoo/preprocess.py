"""From a photo to a net's input, for each of the zoo's nets the way it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .photo import as_photo

__all__ = ["CAFFE", "EFFICIENTNET_LITE", "IMAGENET", "INCEPTION", "Preprocess"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocess:
    """How a net wants its photos: scaled, cut to the centre, channels ordered and normalised.

    The input is ``(pixel - mean) / std`` with pixels from 0 to 255. `order` is ``"RGB"`` or
    ``"BGR"``, and `mean` and `std` are given in that order. The picture is scaled so that its short
    side has `short_side` pixels, with an antialiased `interpolation` (``"bilinear"`` or
    ``"bicubic"``), and the central square of `size` pixels is cut out. `short_side` is at least
    `size`.

    >>> photo = np.zeros((300, 451, 3), np.uint8)
    >>> IMAGENET(photo).shape, IMAGENET.crop(photo).shape
    ((1, 3, 224, 224), (224, 224, 3))
    """

    order: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    short_side: int = 256
    size: int = 224
    interpolation: str = "bilinear"

    def crop(self, photo: Any) -> np.ndarray:
        """Return the part of a photo that the net sees, as a ``(size, size, 3)`` uint8 RGB array.

        `photo` is a path or an ``(H, W, 3)`` uint8 RGB array. Raises `PhotoError` if it is neither.

        >>> IMAGENET.crop(np.full((40, 90, 3), 7, np.uint8)).max()
        7
        """
        array = as_photo(photo)
        height, width = array.shape[:2]
        scale = self.short_side / min(height, width)
        sides = (
            max(self.short_side, round(width * scale)),
            max(self.short_side, round(height * scale)),
        )
        left, top = ((side - self.size) // 2 for side in sides)
        # Scaling the cut-out square alone gives the pixels of cutting the scaled photo, up to
        # rounding, also where a long and thin photo would take gigabytes once scaled.
        across, down = width / sides[0], height / sides[1]
        box = (
            left * across,
            top * down,
            min(width, (left + self.size) * across),
            min(height, (top + self.size) * down),
        )
        image = Image.fromarray(np.ascontiguousarray(array))
        return np.array(image.resize((self.size, self.size), _FILTERS[self.interpolation], box=box))

    def __call__(self, photo: Any) -> np.ndarray:
        """Return a photo as a net's input, a ``(1, 3, size, size)`` float32 array.

        `photo` is a path or an ``(H, W, 3)`` uint8 RGB array. Raises `PhotoError` if it is neither.

        >>> EFFICIENTNET_LITE(np.full((9, 9, 3), 255, np.uint8)).max()
        1.0
        """
        picture = self.crop(photo).astype(np.float32)
        if self.order == "BGR":
            picture = picture[:, :, ::-1]
        normal = (picture - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)

# Gluon's and torchvision's networks
IMAGENET = Preprocess("RGB", _MEAN, _STD)
INCEPTION = Preprocess("RGB", _MEAN, _STD, short_side=342, size=299)
# Caffe's networks
CAFFE = Preprocess("BGR", (104.006, 116.669, 122.679), (1.0, 1.0, 1.0))
EFFICIENTNET_LITE = Preprocess(
    "RGB", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0), interpolation="bicubic"
)

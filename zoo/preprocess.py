"""From a photo to a net's input, for each of the zoo's nets the way it was trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping

import numpy as np
from PIL import Image

from gradcam_mx.errors import InputError
from gradcam_mx.support.geometry import Geometry
from gradcam_mx.support.prepared import Prepared

from .photo import as_photo

__all__ = [
    "CAFFE",
    "EFFICIENTNET_LITE",
    "GREY",
    "IMAGENET",
    "INCEPTION",
    "PIXELS",
    "READY",
    "Preprocess",
]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocess:
    """How a net wants its photos: scaled, cut to the centre, channels ordered and normalised.

        x = (pixel - mean) / std        with pixels from 0 to 255

    The picture is scaled, antialiased, until it just covers a frame shaped like `size` whose short
    side has `short_side` pixels, and the central `size` pixels are cut out.

    Args:
        order: of the channels, "RGB", "BGR" or "GREY" (one channel, the luma of ITU-R 601).
        mean: of each channel, in that order.
        std: of each channel, in that order.
        short_side: of the frame, in pixels; at least the short side of `size`.
        size: (height, width) of the input, or one number for a square.
        interpolation: "bilinear" or "bicubic".

    Raises:
        InputError: there is no such order or interpolation.

    Example:
        >>> photo = np.zeros((300, 451, 3), np.uint8)
        >>> IMAGENET(photo).shape, IMAGENET.crop(photo).shape
        ((1, 3, 224, 224), (224, 224, 3))
        >>> GREY.adapted(size=(32, 100))(photo).shape
        (1, 1, 32, 100)
    """

    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    short_side: int = 256
    size: int | tuple[int, int] = 224
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        for name, known in (("order", _CHANNELS), ("interpolation", _FILTERS)):
            given = getattr(self, name)
            if given not in known:
                raise InputError(f"{name}={given!r}; expected {' or '.join(map(repr, known))}")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Preprocess:
        """The one whose fields are kept as JSON has them.

        Args:
            record: `dataclasses.asdict` of it, written and read.

        Raises:
            InputError: there is no such way.
        """
        made: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in record.items()
        }
        return cls(**made)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one input, (channels, height, width)."""
        height, width = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        return len(self.mean), height, width

    def crop(self, photo: Any) -> np.ndarray:
        """The part of a photo that the net sees.

        Args:
            photo: its path, or an array (H, W, 3) of uint8, RGB.

        Returns:
            (height, width, 3) uint8, RGB; without colours if the order is "GREY".

        Raises:
            PhotoError: that is no photo.

        Example:
            >>> IMAGENET.crop(np.full((40, 90, 3), 7, np.uint8)).max()
            7
        """
        array = as_photo(photo)
        # Scaling the cut-out part alone gives the pixels of cutting the scaled photo, up to
        # rounding, also where a long and thin photo would take gigabytes once scaled.
        made = self._geometry(array)
        steps = [side / after for side, after in zip(made.size, made.scaled)]
        top, left = (start * step for start, step in zip(made.cut, steps))
        bottom, right = (
            min(whole, end * step) for whole, end, step in zip(made.size, made.cut[2:], steps)
        )
        image = Image.fromarray(np.ascontiguousarray(array)).resize(
            made.seen[::-1], _FILTERS[self.interpolation], box=(left, top, right, bottom)
        )
        return np.array(image.convert("L").convert("RGB") if self.order == "GREY" else image)

    def geometry(self, photo: Any) -> Geometry:
        """What becomes of a photo: the size that it is scaled to, and the box that is cut out.

        Args:
            photo: its path, or an array (H, W, 3) of uint8, RGB.

        Raises:
            PhotoError: that is no photo.

        Example:
            >>> IMAGENET.geometry(np.zeros((300, 451, 3), np.uint8)).scaled
            (256, 385)
        """
        array = as_photo(photo)
        return self._geometry(array).knowing(array)

    def _geometry(self, array: np.ndarray) -> Geometry:
        given, cut = array.shape[:2], self.shape[1:]
        frame = [self.short_side * side / min(cut) for side in cut]
        scale = max(wanted / side for wanted, side in zip(frame, given))
        scaled = [max(round(wanted), round(side * scale)) for wanted, side in zip(frame, given)]
        top, left = ((after - side) // 2 for after, side in zip(scaled, cut))
        sides = (given[0], given[1]), (scaled[0], scaled[1])
        return Geometry(*sides, (top, left, top + cut[0], left + cut[1]))

    def __call__(self, photo: Any) -> np.ndarray:
        """A photo as the net's input, or several as a batch; it remembers how it was made.

        Args:
            photo: its path, or an array (H, W, 3) of uint8, RGB; or a list of these.

        Returns:
            (1, channels, height, width) float32; of a list, an input for each photo. Explanations
            of it know the photo: `overlay(photo)` puts the heat where it belongs.

        Raises:
            PhotoError: that is no photo.

        Example:
            >>> EFFICIENTNET_LITE(np.full((9, 9, 3), 255, np.uint8)).max()
            1.0
        """
        if isinstance(photo, (list, tuple)) and photo:
            return np.concatenate([self(one) for one in photo])
        array = as_photo(photo)
        picture = self.crop(array)[:, :, _CHANNELS[self.order]].astype(np.float32)
        normal = (picture - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        x = np.ascontiguousarray(normal.transpose(2, 0, 1)[None])
        return Prepared.of(x, [self.geometry(array)])

    def adapted(
        self, *, order: str | None = None, size: int | tuple[int, int] | None = None
    ) -> Preprocess:
        """The same preprocessing for a net that wants another order or size.

        `mean` and `std` go along with their channels; for grey, and from grey to colours, their
        averages are taken. `short_side` keeps its proportion to `size`.

        Args:
            order: "RGB", "BGR" or "GREY"; by default as it is.
            size: (height, width), or one number for a square; by default as it is.

        Raises:
            InputError: there is no such order.

        Example:
            >>> IMAGENET.adapted(size=299) == INCEPTION
            True
            >>> [round(mean / 255, 3) for mean in IMAGENET.adapted(order="GREY").mean]
            [0.449]
        """
        order = self.order if order is None else order
        made = replace(
            self,
            order=order,
            mean=self._ordered(self.mean, order),
            std=self._ordered(self.std, order),
        )
        if size is None:
            return made
        made = replace(made, size=size)
        margin = self.short_side / min(self.shape[1:])
        return replace(made, short_side=round(margin * min(made.shape[1:])))

    def _ordered(self, values: tuple[float, ...], order: str) -> tuple[float, ...]:
        if order == self.order:
            return values
        if "GREY" in (order, self.order):
            return (sum(values) / len(values),) * (1 if order == "GREY" else 3)
        return values[::-1]


_CHANNELS = {"RGB": [0, 1, 2], "BGR": [2, 1, 0], "GREY": [0]}

_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)

IMAGENET = Preprocess("RGB", _MEAN, _STD)
"""For Gluon's and torchvision's networks."""
INCEPTION = Preprocess("RGB", _MEAN, _STD, short_side=342, size=299)
"""For Gluon's Inception v3."""
CAFFE = Preprocess("BGR", (104.006, 116.669, 122.679), (1.0, 1.0, 1.0))
"""For Caffe's networks."""
EFFICIENTNET_LITE = Preprocess(
    "RGB", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0), interpolation="bicubic"
)
"""For EfficientNet-Lite0."""
PIXELS = Preprocess("RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), short_side=224)
"""The whole picture, its pixels as they are."""
GREY = Preprocess("GREY", (0.0,), (255.0,), short_side=224)
"""The whole picture in grey, from 0 to 1."""

READY = {
    "imagenet": IMAGENET,
    "caffe": CAFFE,
    "inception": INCEPTION,
    "efficientnet_lite": EFFICIENTNET_LITE,
    "none": PIXELS,
}
"""What can be named on the command line."""

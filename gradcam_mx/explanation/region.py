"""The part of an input that a heat map marks as important."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import picture
from ..errors import InputError
from ..support import html
from ..support.boxes import Box, box_of
from ..support.equality import equal_by_fields


@equal_by_fields
class Region(NamedTuple):
    """Where a heat map reaches a level."""

    mask: np.ndarray
    """(H, W) bool."""
    box: Box | None
    """The smallest box around the mask, as one slice for each axis: rows, columns; None if the mask
    is empty."""

    @classmethod
    def of(cls, heatmap: np.ndarray, level: float) -> Region:
        """Where a heat map (H, W) in [0, 1] is at least `level`, and more than nothing."""
        mask = (heatmap >= level) & (heatmap > 0)
        return cls(mask, box_of(mask))

    def __repr__(self) -> str:
        sides = " × ".join(map(str, self.mask.shape))
        said = [f"{self.mask.mean():.1%} of {sides}"]
        names = {1: ("",), 2: ("rows ", "columns "), 3: ("frames ", "rows ", "columns ")}
        for name, side in zip(names.get(self.mask.ndim, ()), self.box or ()):
            said.append(f"{name}{side.start} to {side.stop}")
        return f"<Region {', '.join(said)}>"

    def _repr_png_(self) -> bytes | None:
        mask = self.mask if self.mask.ndim != 3 else picture.strip(self.mask.astype(np.uint8)) == 1
        return picture.png(picture.grey(mask.astype(np.float32))) if mask.ndim == 2 else None

    def _repr_html_(self) -> str:
        return html.image(self._repr_png_(), repr(self))

    def masked(self, photo: np.ndarray, color: float = 128) -> np.ndarray:
        """The photo (H, W, 3) uint8, with one grey or colour where the mask is not true.

        A photo of another size has the mask at its own size, each position as the nearest one.

        Raises:
            InputError: it is no photo.
        """
        return picture.masked(photo, self.mask, color)

    def crop(self, photo: np.ndarray) -> np.ndarray:
        """The part of a photo (H, W, 3) in the box; of a photo of another size, the same part.

        Raises:
            InputError: the mask is empty.
        """
        if self.box is None:
            raise InputError(
                "there is nothing to crop: the heat map is flat, or nowhere reaches the level"
            )
        # whole pixels of the photo that the box touches
        scaled = tuple(
            slice(side.start * length // size, -(-side.stop * length // size))
            for side, length, size in zip(self.box, photo.shape, self.mask.shape)
        )
        return photo[scaled]

"""The part of an input that a heat map marks as important."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import picture
from ..errors import InputError
from ..support import html
from ..support.boxes import Box, box_of
from ..support.equality import equal_by_fields
from ..support.geometry import Geometry
from .seen import fit


class _Parts(NamedTuple):
    mask: np.ndarray
    """(H, W) bool."""
    box: Box | None
    """The smallest box around the mask, as one slice for each axis: rows, columns; None if the mask
    is empty."""


@equal_by_fields
class Region(_Parts):
    """Where a heat map reaches a level: its mask and box, a tuple of two."""

    geometry: Geometry | None = None
    """How the photo was prepared that the input was made of; None if that is not known."""

    @classmethod
    def of(cls, heatmap: np.ndarray, level: float, geometry: Geometry | None = None) -> Region:
        """Where a heat map (H, W) in [0, 1] is at least `level`, and more than nothing."""
        mask = (heatmap >= level) & (heatmap > 0)
        found = cls(mask, box_of(mask))
        found.geometry = geometry
        return found

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

        A photo of another size has the mask at its own size, each position as the nearest one; a
        whole photo, of which the net saw a part, where it belongs (see `Explanation.overlay`).

        Raises:
            InputError: it is no photo, or how the net's input lies on it is not known.
        """
        return picture.masked(photo, self._on(photo), color)

    def crop(self, photo: np.ndarray) -> np.ndarray:
        """The part of a photo (H, W, 3) in the box; of a photo of another size, the same part.

        Raises:
            InputError: the mask is empty, or how the net's input lies on the photo is not known.
        """
        if self.box is None:
            raise InputError(
                "there is nothing to crop: the heat map is flat, or nowhere reaches the level"
            )
        mask = self._on(photo)
        # whole pixels of the photo that the box touches
        scaled = tuple(
            slice(side.start * length // size, -(-side.stop * length // size))
            for side, length, size in zip(box_of(mask) or (), photo.shape, mask.shape)
        )
        return photo[scaled]

    def _on(self, photo: np.ndarray) -> np.ndarray:
        """The mask, at the size of a whole photo if that is one."""
        if self.mask.ndim == 1:
            return self.mask
        shape = np.shape(photo)[: self.mask.ndim]
        lies = fit(photo, shape, self.geometry, self.mask.shape)
        return self.mask if lies is None else picture.on_photo(self.mask, lies, sharp=True)

"""Channels as concepts of one decision, and how they look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence, overload

import cv2
import numpy as np

from .. import picture
from ..explanation import drawing
from ..explanation.drawing import Names
from ..explanation.explanation import Explanation
from ..picture import legends
from ..picture.figures import Size
from ..support.boundary import told
from ..support.equality import equal_by_fields
from .patches import Patch, shown_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUR = 1 / 100
"""By what share of its size a map is blurred where it is drawn: relevance of single pixels is
grain."""
STRONGEST = 99.5
"""The percentile of a map's absolute values that is drawn in full colour."""
SIDE = 1.15
"""The side of a picture in a row of patches, in inches."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Concept:
    """A channel, in its part in one decision."""

    channel: int
    """Its number in the layer."""
    relevance: float
    """The sum of what comes to it, at all positions."""
    share: float
    """The part that this is of Σ |relevance| over the channels of the layer; below zero where it
    speaks against the target."""
    map: Explanation
    """What comes to the input through this channel alone: (1, C, H, W)."""
    patches: list[Patch]
    """Those of the data set where it was most relevant, the most relevant first; none without a
    data set."""

    def __repr__(self) -> str:
        patches = f", {len(self.patches)} patches" if self.patches else ""
        return f"<Concept channel {self.channel}, {said(self.share)} of the relevance{patches}>"

    def signed_map(self) -> Explanation:
        """Its map as it is drawn: summed over the input's channels, blurred a little, the strongest
        values cut off."""
        maps = self.map.values.sum(axis=1)
        if maps.ndim == 3:
            deviation = max(maps.shape[1:]) * BLUR
            maps = np.stack([cv2.GaussianBlur(one, (0, 0), deviation) for one in maps])
        strongest = np.percentile(np.abs(maps), STRONGEST)
        maps = np.clip(maps, -strongest, strongest) if strongest else maps
        return replace(self.map, values=maps, of_values=False, signed=True)

    def _repr_png_(self) -> bytes | None:
        drawn = self.signed_map()
        return picture.png(drawn.pictures()[0]) if len(drawn.input_size) == 2 else None


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Concepts(picture.Shows, Sequence[Concept]):
    """The channels of a layer that matter most for one decision: a sequence of `Concept`, what
    speaks most for the target first. In a notebook it shows itself."""

    concepts: tuple[Concept, ...]
    """Those that the sequence has."""
    explanation: Explanation
    """The relevance at the layer, (1, C, h, w): what the shares are of."""
    seen: np.ndarray | None
    """The input as a photo, (H, W, 3) uint8, to draw on where no other is given; None of what is no
    picture."""

    @property
    def layer(self) -> str:
        """The name of the layer."""
        return str(self.explanation.layer)

    def __repr__(self) -> str:
        listed = ", ".join(f"{one.channel} ({said(one.share)})" for one in self.concepts)
        target = drawing.shortly(drawing.captions(self.explanation[0])[:1])
        return f"<Concepts of {target}, layer {self.layer}: channels {listed}>"

    def __len__(self) -> int:
        return len(self.concepts)

    @overload
    def __getitem__(self, which: int) -> Concept: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[Concept, ...]: ...
    def __getitem__(self, which: int | slice) -> Concept | tuple[Concept, ...]:
        return self.concepts[which]

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    @told
    def plot(
        self,
        photo: np.ndarray | None = None,
        *,
        names: Names = None,
        heading: str | None = None,
        colormap: str | None = None,
        side: float | None = None,
        size: Size | None = None,
        dpi: float | None = None,
    ) -> Figure:
        """A figure: the photo, and for each concept its map over it, its share and its patches.

        What speaks for the target is orange, what speaks against it blue, each map to its own
        scale; the number above a patch is its relevance. A notebook shows the figure at once, and
        once.

        Args:
            photo: what the net saw, or the whole photo, as `Explanation.plot` takes it; by default
                the input, drawn as a photo.
            names: of the classes; by default those that the net knows.
            heading: above all, in the place of what is said there.
            colormap: of the maps, as `Explanation.overlay` takes it of signed ones.
            side: of each picture, in inches.
            size: of the figure in inches, its width or (width, height); by default as it fits.
            dpi: dots per inch, by default 100.

        Raises:
            InputError: the input is no picture, or the photo does not fit it.
        """
        return picture.show(self._drawn(photo, names, heading, colormap, side, size=size, dpi=dpi))

    @told
    def save(self, path: str | Path, photo: np.ndarray | None = None, **look: Any) -> Path:
        """Write the figure of `plot`.

        Args:
            path: of the file; its suffix says the format.
            photo: as `plot` takes it.
            look: what else `plot` takes.

        Raises:
            OutputError: the file cannot be written, or its suffix is of no format.
        """
        return picture.save_figure(self._drawn(photo, **look), Path(path))

    def _figure(self) -> Any:
        return None if self.seen is None else self._drawn()

    def _drawn(
        self,
        photo: np.ndarray | None = None,
        names: Names = None,
        heading: str | None = None,
        colormap: str | None = None,
        side: float | None = None,
        **how: Any,
    ) -> Any:
        maps = [one.signed_map() for one in self.concepts]
        drawing.check_positions(maps[0])
        given = self.seen if photo is None else photo
        (seen,) = drawing.photos(maps[0], given, beside=True)
        drawn = [one.pictures(given, colormap=colormap)[0] for one in maps]
        if heading is None:
            (caption,) = drawing.captions(self.explanation, names)[:1]
            heading = f"{caption}: channels of {self.layer}"
        titles = [f"channel {one.channel}: {said(one.share)}" for one in self.concepts]
        legend = legends.of_signs(colormap or picture.SIGNED)
        if not any(one.patches for one in self.concepts):
            below = [None, *[None] * (len(drawn) - 1), legend]
            return picture.figure(
                [seen.photo, *drawn], ["what the net saw", *titles], heading, legends=below, **how
            )
        rows = [
            [one, *picture.framed([shown_picture(each.picture) for each in concept.patches])]
            for one, concept in zip(drawn, self.concepts)
        ]
        above = [
            [said(concept.share), *(f"{each.relevance:.2g}" for each in concept.patches)]
            for concept in self.concepts
        ]
        return picture.grid(
            rows,
            above,
            rows=[f"channel {one.channel}" for one in self.concepts],
            columns=["share", "relevance", *[""] * (max(map(len, rows)) - 2)],
            heading=heading,
            side=SIDE if side is None else side,
            beside=(seen.photo, "what the net saw", legend),
            **how,
        )


def said(share: float) -> str:
    """A share for people: with its sign, in percent."""
    return f"{share:+.1%}"

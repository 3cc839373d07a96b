"""What excites units, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Sequence

import numpy as np

from ..support.boundary import told
from .figures import grid
from .photos import of_input
from .tiling import framed

if TYPE_CHECKING:
    from .notebook import NotebookFigure


class ExcitingPatch(Protocol):
    """What excited a unit, as `inspect.Patch` tells it."""

    @property
    def picture(self) -> np.ndarray: ...
    @property
    def activation(self) -> float: ...
    @property
    def unit(self) -> int: ...


@told
def patch_grid(
    found: Sequence[Sequence[ExcitingPatch]],
    order: str = "RGB",
    heading: str | None = None,
    side: float = 1.2,
) -> NotebookFigure:
    """Patches as `inspect.max_activating_patches` finds them: a row for each unit.

    The number above each is its activation. All are drawn to one scale; what is missing at the
    borders of an image is grey.

    Args:
        found: for each unit its patches.
        order: "RGB" or "BGR", the order of the channels, where patches are of inputs.
        heading: above all.
        side: the width of a patch, in inches.
    """
    pictures = [patch.picture for row in found for patch in row]
    drawn = iter(
        framed(
            [one if one.dtype == np.uint8 else of_input(one[None], order)[0] for one in pictures]
        )
    )
    return grid(
        [[next(drawn) for _ in row] for row in found],
        [[f"{patch.activation:.4g}" for patch in row] for row in found],
        rows=[f"unit {row[0].unit}" for row in found],
        heading=heading,
        side=side,
    )

"""What the colours of a picture mean: a bar below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .colors import COLORMAP, SIGNED, colorize
from .overlays import signed_overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 256
THICKNESS, GAP = 0.08, 0.04
"""Of a bar, and between it and the picture, in inches."""
LONGEST = 3.2
"""The longest bar, in inches."""
NARROW = 1.8
"""Under pictures of this width or less there is no place for a word in the middle of a bar."""
TEXT = 0.16
"""The height of the words below a bar, in inches."""


@dataclass(frozen=True, eq=False)
class Legend:
    """Colours from the least to the most, and what they stand for.

    Args:
        colors: (STEPS, 3) uint8.
        low: what the first colour stands for.
        middle: what the one in the middle stands for, or what all are of.
        high: what the last colour stands for.
    """

    colors: np.ndarray
    low: str
    middle: str
    high: str


def of_heat(colormap: str = COLORMAP) -> Legend:
    """What the colours of a heat map mean."""
    return Legend(colorize(np.linspace(0, 1, STEPS), colormap), "least", "importance", "most")


def of_signs(colormap: str = SIGNED) -> Legend:
    """What the colours of a signed map mean."""
    colors = signed_overlay(None, np.linspace(-1, 1, STEPS)[None], colormap=colormap)[0]
    return Legend(colors, "against", "0", "for")


def of_patterns() -> Legend:
    """What light and dark mean in a pattern of the input."""
    grey = np.linspace(1, 255, STEPS).round().astype(np.uint8)
    return Legend(np.repeat(grey[:, None], 3, axis=1), "less of it", "0", "more of it")


def draw(axes: Axes, legend: Legend, width: float, height: float) -> None:
    """Draw the bar below a picture, within the space of its axes.

    Args:
        axes: of the picture.
        legend: what its colours mean.
        width: of the picture as it is drawn, in inches.
        height: likewise.
    """
    long = min(1.0, LONGEST / width)
    # axes within the picture's, so that all that counts the figure's axes counts its pictures
    bar = axes.inset_axes((0, -(GAP + THICKNESS) / height, long, THICKNESS / height))
    bar.imshow(legend.colors[None], aspect="auto", extent=(0, 1, 0, 1))
    middle = legend.middle if width * long > NARROW or len(legend.middle) == 1 else ""
    bar.set_xticks([0, 0.5, 1], [legend.low, middle, legend.high], fontsize=8)
    first, _, last = bar.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    bar.set_yticks([])
    bar.tick_params(length=0, pad=2)
    for edge in bar.spines.values():
        edge.set_linewidth(0.4)

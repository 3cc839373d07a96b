"""Two samples held against each other: how numbers are spread, how often things are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from .charts import COLORS, write_above
from .figures import DPI, literal, wrapped
from .fonts import legible

if TYPE_CHECKING:
    from .notebook import NotebookFigure

_ACROSS = 3
_WIDE, _HIGH = 3.1, 2.1


def two_samples(
    spread: Mapping[str, Sequence[np.ndarray]],
    shares: Mapping[str, tuple[float, float]],
    names: tuple[str, str],
    heading: str | None = None,
) -> NotebookFigure:
    """A panel for each number with the steps of both histograms, and one with bars for shares.

    Args:
        spread: what a number is called → (K + 1,) the edges of bins, (K,) the shares of the first
            sample in them, and of the second.
        shares: what a thing is called → how often it is in the first sample, and in the second.
        names: what the samples are called.
        heading: above the figure.
    """
    from .notebook import NotebookFigure

    count = max(1, len(spread) + bool(shares))
    across = min(count, _ACROSS)
    down = -(-count // across)
    size = (_WIDE * across, _HIGH * down + 0.4)
    figure = NotebookFigure(figsize=size, dpi=DPI, layout="constrained")
    panels: list[Any] = list(figure.subplots(down, across, squeeze=False).flat)
    for axes, (title, (edges, *both)) in zip(panels, spread.items()):
        for values, name, color, style in zip(both, names, COLORS, ("-", "--")):
            axes.stairs(values, edges, label=name, color=color, linestyle=style, linewidth=1.4)
        _finished(axes, title)
        axes.set_yticks([])
    for axes in panels[len(spread) + bool(shares) :]:
        axes.set_visible(False)
    if shares:
        _bars(panels[count - 1], shares, names)
    if spread or shares:
        panels[0].legend(frameon=False, fontsize=8)
    if heading:
        write_above(figure, heading)
    return legible(figure)


def _bars(axes: Any, shares: Mapping[str, tuple[float, float]], names: tuple[str, str]) -> None:
    places = np.arange(len(shares))
    for number, (values, color) in enumerate(zip(zip(*shares.values()), COLORS)):
        at = places + (number - 0.5) * 0.4
        axes.barh(at, values, height=0.4, color=color, label=names[number])
    axes.set_yticks(places, [literal(name) for name in shares], fontsize=7)
    axes.invert_yaxis()
    _finished(axes, "predicted classes")


def _finished(axes: Any, title: str) -> None:
    axes.set_title(wrapped(title, _WIDE), fontsize=9)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)

"""Charts of numbers: curves and bars, with the errors of their means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence, Tuple

import numpy as np

from .figures import DPI, wrapped

if TYPE_CHECKING:
    from .notebook import NotebookFigure

Curve = Tuple[np.ndarray, np.ndarray]
"""(K,) the mean of a curve, and its standard error, NaN where there is none."""

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
"""Told apart by people who see fewer colours (Okabe & Ito 2008)."""
_STYLES = ("-", "--", ":", "-.")
_OTHERS = "#999999"
_SIDE_BY_SIDE = 4
_LINE = 0.22
"""Of a heading, in inches."""


def curves(
    of: Mapping[str, Curve], at: np.ndarray, along: str, heading: str | None = None
) -> NotebookFigure:
    """Curves, each with a band of its standard error.

    Args:
        of: what each is called → its mean and error.
        at: (K,) where on the horizontal axis.
        along: what that axis is called.
        heading: above the figure.
    """
    from .notebook import NotebookFigure

    figure = NotebookFigure(figsize=(5.6, 3.6), dpi=DPI, layout="constrained")
    axes: Any = figure.add_subplot()
    for number, (name, (mean, error)) in enumerate(of.items()):
        color = COLORS[number % len(COLORS)]
        style = _STYLES[number // len(COLORS) % len(_STYLES)]
        axes.plot(at, mean, style, label=name, color=color)
        if not np.isnan(error).any():
            axes.fill_between(at, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel(along)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    if heading:
        write_above(figure, heading)
    return figure


def bars(
    panels: Mapping[str, Sequence[tuple[float, float]]],
    names: Sequence[str],
    others_from: int,
    heading: str | None = None,
) -> NotebookFigure:
    """A panel of bars for each of several quantities, with whiskers of their standard errors.

    Args:
        panels: what a panel is called → the mean and standard error of each bar.
        names: of the bars, the same in all panels.
        others_from: the number of the first bar that is drawn in grey.
        heading: above the figure.
    """
    from .notebook import NotebookFigure

    across = min(len(panels), _SIDE_BY_SIDE)
    down = -(-len(panels) // across)
    size = (2.1 * across + 1.6, down * (0.28 * len(names) + 0.8))
    figure = NotebookFigure(figsize=size, dpi=DPI, layout="constrained")
    places = np.arange(len(names))
    colors = [COLORS[0] if place < others_from else _OTHERS for place in places]
    drawn: Any = figure.subplots(down, across, sharey=True, squeeze=False)
    for axes, (title, of_names) in zip(drawn.flat, panels.items()):
        means, errors = np.array(of_names, float).T
        whiskers = np.where(np.isnan(errors), 0, errors)
        axes.barh(places, np.nan_to_num(means), xerr=whiskers, color=colors, height=0.7)
        axes.set_title(title, fontsize=10)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.spines[["top", "right", "left"]].set_visible(False)
    for axes in drawn.flat[len(panels) :]:
        axes.set_visible(False)
    drawn[0][0].set_yticks(places, names)
    drawn[0][0].invert_yaxis()
    if heading:
        write_above(figure, heading)
    return figure


def matrix(values: np.ndarray, names: Sequence[str], heading: str | None = None) -> NotebookFigure:
    """A square for each pair, dark where its number is high, with the number in it.

    Args:
        values: (E, E), at most 1.
        names: of the rows and columns.
        heading: above the figure.
    """
    from .notebook import NotebookFigure

    side = 0.62 * len(names) + 1.6
    figure = NotebookFigure(figsize=(side + 0.4, side), dpi=DPI, layout="constrained")
    axes: Any = figure.add_subplot()
    low = min(0.0, float(values.min()))
    axes.imshow(values, cmap="Blues", vmin=low, vmax=1)
    for row, column in np.ndindex(values.shape):
        is_dark = values[row, column] > low + 0.6 * (1 - low)
        color = "white" if is_dark else "black"
        text = f"{values[row, column]:.2f}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if heading:
        write_above(figure, heading)
    return figure


def write_above(figure: NotebookFigure, heading: str) -> None:
    """The heading, in a figure that is as much higher as it has more lines than one."""
    width, height = figure.get_size_inches()
    text = wrapped(heading, 0.85 * width)  # its letters are larger than those of titles
    figure.set_size_inches(width, height + _LINE * text.count("\n"))
    figure.suptitle(text)

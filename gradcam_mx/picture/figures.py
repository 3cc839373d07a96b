"""Pictures in figures, with titles and labels; figures and pictures into files."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

import cv2
import numpy as np
from PIL import Image

from ..support import files
from ..support.boundary import told
from .fonts import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LETTERS = 12.5
"""How many letters of a title fit into an inch."""

LABEL = 0.3
"""The height of a column's label, and the width of a row's, in inches."""


@told
def figure(
    panels: Sequence[np.ndarray], titles: Sequence[str], heading: str | None = None
) -> Figure:
    """Pictures side by side under their titles, wide ones below each other.

    Grey ones (H, W) are drawn in grey.

    The figure is no pyplot figure: it opens no window, and there is nothing to close.

    Args:
        panels: (H, W) or (H, W, 3) uint8 each.
        titles: one for each.
        heading: above all of them.
    """
    from matplotlib.figure import Figure

    height, width = panels[0].shape[:2]
    is_wide = width > 2 * height
    # no more than six side by side
    rows = len(panels) if is_wide else -(-len(panels) // 6)
    side, columns = (8.0, 1) if is_wide else (3.2, -(-len(panels) // rows))
    titles = [_wrapped(title, int(side * LETTERS)) for title in titles]
    lines = max(title.count("\n") for title in titles) + 1
    row = side * height / width + 0.17 * lines + 0.1
    drawn = Figure(
        figsize=(side * columns, row * rows + (0.2 if heading else 0)),
        dpi=100,
        layout="constrained",
    )
    for number, (panel, title) in enumerate(zip(panels, titles), start=1):
        _draw(drawn.add_subplot(rows, columns, number), panel, title)
    if heading:
        drawn.suptitle(literal(heading), fontsize=12)
    return legible(drawn)


@told
def grid(
    panels: Sequence[Sequence[np.ndarray | None]],
    titles: Sequence[Sequence[str]] | None = None,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    heading: str | None = None,
    side: float = 2.2,
) -> Figure:
    """Pictures in a table, each under its title, with labels of its rows and columns.

    Args:
        panels: for each row its pictures, (H, W) grey or (H, W, 3) RGB uint8; None leaves a place
            empty.
        titles: for each row the titles of its pictures.
        rows: labels at the left.
        columns: labels at the top.
        heading: above all.
        side: the width of a picture, in inches.
    """
    from matplotlib.figure import Figure

    across = max(map(len, panels))
    texts = [
        [_wrapped(title, int(side * LETTERS)) for title in row]
        for row in titles or [[""] * len(row) for row in panels]
    ]
    heights = [
        max(side * one.shape[0] / one.shape[1] for one in row if one is not None)
        + 0.17 * max(text.count("\n") + bool(text) for text in text_row)
        + 0.1
        for row, text_row in zip(panels, texts)
    ]
    # labels have a row and a column of their own
    top, left = [LABEL] * bool(columns), [LABEL] * bool(rows)
    height = sum([*top, *heights]) + (0.3 if heading else 0)
    drawn = Figure(figsize=(sum([*left, side * across]), height), dpi=100, layout="constrained")
    places = drawn.add_gridspec(
        len(top) + len(panels),
        len(left) + across,
        height_ratios=[*top, *heights],
        width_ratios=[*left, *[side] * across],
    )
    for right, label in enumerate(columns):
        _label(drawn.add_subplot(places[0, len(left) + right]), label, rotation=0)
    for down, label in enumerate(rows):
        _label(drawn.add_subplot(places[len(top) + down, 0]), label, rotation=90)
    for down, (row, text_row) in enumerate(zip(panels, texts)):
        for right, (panel, title) in enumerate(zip(row, text_row)):
            if panel is not None:
                _draw(drawn.add_subplot(places[len(top) + down, len(left) + right]), panel, title)
    if heading:
        drawn.suptitle(literal(heading), fontsize=12)
    return legible(drawn)


def _draw(axes: Axes, panel: np.ndarray, title: str) -> None:
    # where the row is higher than the picture, the space is the title's
    axes.set_anchor("S")
    axes.imshow(panel, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
    # hidden ticks are laid out all the same, and take longer than the picture
    axes.set_xticks([])
    axes.set_yticks([])


def _label(axes: Axes, text: str, rotation: int) -> None:
    axes.text(
        0.5,
        0.5,
        literal(text),
        rotation=rotation,
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
        transform=axes.transAxes,
    )
    axes.set_axis_off()


def _wrapped(title: str, length: int) -> str:
    """A title in lines that fit above its panel: matplotlib's own fit into the whole figure."""
    lines = [textwrap.fill(line, length) for line in title.split("\n")]
    return literal("\n".join(lines))


def literal(text: str) -> str:
    """Dollars are dollars, as in the name of a class, not the ends of a formula."""
    return text.replace("$", r"\$")


@told
def save(panel: np.ndarray, path: Path) -> None:
    """Write a picture, (H, W) grey or (H, W, 3) RGB uint8, in the format its suffix says.

    Args:
        panel: (H, W) or (H, W, 3) uint8.
        path: of the file.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        Image.fromarray(panel).save(path)
        return
    # OpenCV's own settings take a fifth of the time of Pillow's, for files larger by a seventh
    _, encoded = cv2.imencode(".png", panel if panel.ndim == 2 else panel[..., ::-1])
    path.write_bytes(encoded.tobytes())


@told
def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure, in the format its suffix says.

    Args:
        figure: of matplotlib.
        path: of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    with files.whole(path) as part:
        figure.savefig(part)
    return Path(path)


@told
def as_array(figure: Figure) -> np.ndarray:
    """A figure as a picture (H, W, 3) uint8 RGB.

    Args:
        figure: of matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]

"""Pictures in figures, with titles and labels; figures and pictures into files."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence, Tuple, Union

import cv2
import numpy as np
from PIL import Image

from ..errors import InputError, OutputError
from ..support import files
from ..support.boundary import told
from . import legends as bars
from .fonts import legible
from .legends import Legend
from .pictures import Picture, as_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .notebook import NotebookFigure

Size = Union[float, Tuple[float, float]]
"""Of a figure in inches: its width, or its width and height."""

DPI = 100
"""Dots per inch of a figure that is not told otherwise."""

VECTORS = (".svg", ".svgz", ".pdf", ".eps", ".ps")
"""The suffixes of formats in which pictures keep their own pixels."""

LETTERS = 12.5
"""How many letters of a title fit into an inch."""

SHORTEST = 8
"""How many letters a line has at least."""

LABEL = 0.3
"""The height of a column's label, and the width of a row's, in inches."""


@told
def figure(
    panels: Sequence[np.ndarray],
    titles: Sequence[str],
    heading: str | None = None,
    *,
    legends: Sequence[Legend | None] | None = None,
    size: Size | None = None,
    dpi: float | None = None,
) -> NotebookFigure:
    """Pictures side by side under their titles, wide ones below each other.

    Grey ones (H, W) are drawn in grey.

    The figure is no pyplot figure: it opens no window, and there is nothing to close. As the value
    of a notebook's cell it shows itself.

    Args:
        panels: (H, W) or (H, W, 3) uint8 each.
        titles: one for each.
        heading: above all of them.
        legends: for each what its colours mean, drawn as a bar below it, or None.
        size: of the whole in inches, its width or (width, height); by default as it fits.
        dpi: dots per inch.
    """
    from .notebook import NotebookFigure

    height, width = panels[0].shape[:2]
    is_wide = width > 2 * height
    # no more than six side by side
    rows = len(panels) if is_wide else -(-len(panels) // 6)
    side, columns = (8.0, 1) if is_wide else (3.2, -(-len(panels) // rows))
    legends = [None] * len(panels) if legends is None else legends
    if size is not None:
        side = _inches(size)[0] / columns
    titles = [wrapped(title, side) for title in titles]
    lines = max(title.count("\n") for title in titles) + 1
    row = side * height / width + 0.17 * lines + 0.1 + _below(legends)
    drawn = NotebookFigure(
        figsize=(side * columns, row * rows + (0.2 if heading else 0)),
        dpi=dpi or DPI,
        layout="constrained",
    )
    for number, (panel, title, legend) in enumerate(zip(panels, titles, legends), start=1):
        _draw(drawn.add_subplot(rows, columns, number), panel, title, legend, side)
    if heading:
        drawn.suptitle(literal(heading), fontsize=12)
    return legible(_sized(drawn, size))


def _below(legends: Sequence[Legend | None]) -> float:
    """The height that bars need below pictures, in inches."""
    return bars.GAP + bars.THICKNESS + bars.TEXT if any(legends) else 0.0


def _sized(figure: NotebookFigure, size: Size | None) -> NotebookFigure:
    """The figure, of a given size in inches; of a given width, as high as it fits."""
    if size is not None:
        figure.set_size_inches(_inches(size)[0], [figure.get_figheight(), *_inches(size)[1:]][-1])
    return figure


def _inches(size: Size) -> np.ndarray:
    """A width, or a width and a height.

    Raises:
        InputError: that is no size.
    """
    wanted = np.atleast_1d(np.asarray(size, np.float64))
    if wanted.shape not in ((1,), (2,)) or not ((wanted > 0) & (wanted < np.inf)).all():
        raise InputError(f"size={size!r}; expected inches: a width, or (width, height)")
    return wanted


@told
def panel_on(axes: Axes, panel: np.ndarray, title: str = "", legend: Legend | None = None) -> Axes:
    """Draw a picture into axes that there are already, such as those of `pyplot.subplots`.

    Args:
        axes: of matplotlib.
        panel: (H, W) or (H, W, 3) uint8.
        title: above it.
        legend: what its colours mean, drawn as a bar below it; None for nothing.

    Returns:
        The same axes.
    """
    box = axes.get_window_extent()
    dpi = axes.figure.get_dpi()
    # as wide as the picture will be within its axes
    width = min(box.width, box.height * panel.shape[1] / panel.shape[0]) / dpi
    _draw(axes, panel, wrapped(title, width), legend, width)
    return axes


@told
def grid(
    panels: Sequence[Sequence[np.ndarray | None]],
    titles: Sequence[Sequence[str]] | None = None,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    heading: str | None = None,
    side: float = 2.2,
    legends: Sequence[Sequence[Legend | None]] | None = None,
    beside: tuple[np.ndarray, str, Legend | None] | None = None,
    size: Size | None = None,
    dpi: float | None = None,
) -> NotebookFigure:
    """Pictures in a table, each under its title, with labels of its rows and columns.

    Args:
        panels: for each row its pictures, (H, W) grey or (H, W, 3) RGB uint8; None leaves a place
            empty.
        titles: for each row the titles of its pictures.
        rows: labels at the left.
        columns: labels at the top.
        heading: above all.
        side: the width of a picture, in inches.
        legends: for each row what the colours of its pictures mean, drawn as bars below them.
        beside: a picture at the left of all rows, twice as wide, its title, and its bar or None.
        size: of the whole in inches, its width or (width, height); by default as it fits.
        dpi: dots per inch.
    """
    across = max(map(len, panels))
    if size is not None:
        places_across = across + 2 * (beside is not None)
        side = max(_inches(size)[0] - LABEL * bool(rows), LABEL) / places_across
    legends = legends or [[None] * len(row) for row in panels]
    texts = [
        [wrapped(title, side) for title in row]
        for row in titles or [[""] * len(row) for row in panels]
    ]
    heights = [
        max(side * one.shape[0] / one.shape[1] for one in row if one is not None)
        + 0.17 * max(text.count("\n") + bool(text) for text in text_row)
        + 0.1
        + _below(bar_row)
        for row, text_row, bar_row in zip(panels, texts, legends)
    ]
    before = [2 * side] * (beside is not None)
    drawn, places = _table(heights, [side] * across, rows, columns, heading, dpi, before)
    if beside is not None:
        axes = drawn.add_subplot(places[bool(columns) :, 0])
        _draw(axes, beside[0], wrapped(beside[1], 2 * side), beside[2], 2 * side)
        axes.set_anchor("N")
    for down, row in enumerate(zip(panels, texts, legends)):
        for right, (panel, title, legend) in enumerate(zip(*row)):
            if panel is not None:
                place = places[bool(columns) + down, len(before) + bool(rows) + right]
                _draw(drawn.add_subplot(place), panel, title, legend, side)
    return legible(_sized(drawn, size))


def _table(
    heights: Sequence[float],
    widths: Sequence[float],
    rows: Sequence[str],
    columns: Sequence[str],
    heading: str | None,
    dpi: float | None,
    before: Sequence[float],
) -> tuple[NotebookFigure, Any]:
    """A figure with a heading and the labels of rows and columns, and the places in it; those of
    `before` are at the left of the labels."""
    from .notebook import NotebookFigure

    # labels have a row and a column of their own
    top, left = [LABEL] * bool(columns), [*before, *[LABEL] * bool(rows)]
    height = sum([*top, *heights]) + (0.3 if heading else 0)
    drawn = NotebookFigure(
        figsize=(sum([*left, *widths]), height), dpi=dpi or DPI, layout="constrained"
    )
    places = drawn.add_gridspec(
        len(top) + len(heights),
        len(left) + len(widths),
        height_ratios=[*top, *heights],
        width_ratios=[*left, *widths],
    )
    for right, label in enumerate(columns):
        _label(drawn.add_subplot(places[0, len(left) + right]), label, rotation=0)
    for down, label in enumerate(rows):
        _label(drawn.add_subplot(places[len(top) + down, len(before)]), label, rotation=90)
    if heading:
        drawn.suptitle(literal(heading), fontsize=12)
    return drawn, places


def _draw(axes: Axes, panel: np.ndarray, title: str, legend: Legend | None, width: float) -> None:
    # where the row is higher than the picture, the space is the title's
    axes.set_anchor("S")
    axes.imshow(panel, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
    # hidden ticks are laid out all the same, and take longer than the picture
    axes.set_xticks([])
    axes.set_yticks([])
    if legend is not None:
        bars.draw(axes, legend, width, width * panel.shape[0] / panel.shape[1])


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


def wrapped(title: str, width: float) -> str:
    """A title in lines that fit above its panel: matplotlib's own fit into the whole figure.

    Args:
        title: it.
        width: of the panel, in inches.
    """
    length = max(int(width * LETTERS), SHORTEST)
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


def save_alone(panels: Sequence[np.ndarray], path: Path) -> Path:
    """Write the only one of some pictures pixel by pixel, in the format its suffix says.

    Args:
        panels: (H, W) or (H, W, 3) uint8 each.
        path: of the file.

    Raises:
        InputError: there are several.
        OutputError: the file cannot be written, or its suffix is of no format of pixels.
    """
    if len(panels) != 1:
        raise InputError(
            f"full_size=True writes one picture, and there are {len(panels)}: write each of "
            "pictures(photo) by gm.picture.save, or leave full_size out for a figure of all"
        )
    formats = sorted(one for one, of in Image.registered_extensions().items() if of in Image.SAVE)
    _check_suffix(path, [one.lstrip(".") for one in formats])
    with files.whole(path) as part:
        save(np.asarray(panels[0]), part)
    return path


@told
def show(figure: NotebookFigure) -> NotebookFigure:
    """The figure, which a notebook shows at once, and not again as the value of the same cell.

    Elsewhere nothing happens.

    Args:
        figure: of `figure`, `grid` or `scatter`.
    """
    from .notebook import show

    return show(figure)


@told
def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure, in the format its suffix says: .png, .jpg, .svg, .pdf and others.

    Args:
        figure: of matplotlib.
        path: of the file.

    Raises:
        OutputError: the file cannot be written, or its suffix is of no format.
    """
    path = Path(path)
    _check_suffix(path, sorted(figure.canvas.get_supported_filetypes()))
    with files.whole(path) as part, _own_pixels(figure, path.suffix):
        figure.savefig(part)
    return path


def _check_suffix(path: Path, formats: Sequence[str]) -> None:
    """Refuse a name that does not say in which format a picture is to be written.

    Raises:
        OutputError: it says which names do.
    """
    if path.is_dir():
        raise OutputError(
            f"cannot write {path}: it is a folder; expected the name of a file, such as "
            f"{path / 'picture.png'}"
        )
    if path.suffix.lower().lstrip(".") not in formats:
        has = f"the suffix {path.suffix}" if path.suffix else "no suffix"
        name = path.stem.rstrip(".")
        raise OutputError(
            f"cannot write {path}: it has {has}, which says the format; expected {name}.png or one "
            f"of .{', .'.join(formats)} for a picture, {name}.npz for the values of an explanation"
        )


@contextmanager
def _own_pixels(figure: Figure, suffix: str) -> Iterator[None]:
    """In formats of lines and letters pictures are kept pixel by pixel, at any dots per inch."""
    from matplotlib.image import AxesImage

    images = figure.findobj(AxesImage) if suffix.lower() in VECTORS else []
    before = [one.get_interpolation() for one in images]
    for one in images:
        one.set_interpolation("none")
    try:
        yield
    finally:
        for one, kind in zip(images, before):
            one.set_interpolation(kind)


@told
def as_array(figure: Figure) -> Picture:
    """A figure as a picture (H, W, 3) uint8 RGB.

    Args:
        figure: of matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return as_picture(np.array(canvas.buffer_rgba())[..., :3])

"""The figure of an explanation, on demand and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, overload

import numpy as np

from .. import picture
from ..picture.figures import Size
from ..support.boundary import told
from . import drawing
from .drawing import Names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Plotted(picture.Shows):
    """What an `Explanation` draws of itself."""

    values: np.ndarray
    input_size: tuple[int, ...]

    @overload
    def plot(
        self,
        photo: np.ndarray | None = ...,
        order: str = ...,
        *,
        names: Names = ...,
        colormap: str | None = ...,
        alpha: float | None = ...,
        title: str | Sequence[str] | None = ...,
        legend: bool = ...,
        size: Size | None = ...,
        dpi: float | None = ...,
        ax: None = ...,
    ) -> Figure: ...
    @overload
    def plot(
        self,
        photo: np.ndarray | None = ...,
        order: str = ...,
        *,
        names: Names = ...,
        colormap: str | None = ...,
        alpha: float | None = ...,
        title: str | Sequence[str] | None = ...,
        legend: bool = ...,
        ax: Axes,
    ) -> Axes: ...
    @told
    def plot(
        self,
        photo: np.ndarray | None = None,
        order: str = "RGB",
        *,
        names: Names = None,
        colormap: str | None = None,
        alpha: float | None = None,
        title: str | Sequence[str] | None = None,
        legend: bool = True,
        size: Size | None = None,
        dpi: float | None = None,
        ax: Axes | None = None,
    ) -> Figure | Axes:
        """A figure of every sample's picture (see `pictures`), each beside its photo if given.

        It says what is explained, the score, the layer, and what the colours mean. A clip's frames
        are above the picture, a signal is in it. A notebook shows the figure at once, and once; it
        is none of pyplot's.

        Args:
            photo: what the net saw, as `pictures` takes it.
            order: "RGB" or "BGR", the order of the channels in the net's input.
            names: of the classes, class 0 first, or a function from a class id to its name, such as
                `gm.zoo.class_name`; by default those that the explanation knows.
            colormap: as in `overlay`.
            alpha: as in `overlay`.
            title: above each picture, in place of what is said of it; a sequence has one for each.
            legend: whether a bar below a picture says what its colours mean.
            size: of the figure in inches, its width or (width, height); by default as it fits.
            dpi: dots per inch, by default 100.
            ax: matplotlib's axes to draw the only sample into, without its photo beside it.

        Returns:
            The figure; with `ax` these axes.
        """
        drawing.check_positions(self)
        look = drawing.Look(colormap, alpha, order)
        said: Any = {"names": names, "title": title, "legend": legend}
        if ax is not None:
            return drawing.on_axes(ax, self, photo, look, **said)
        return picture.show(drawing.figure(self, photo, look, size=size, dpi=dpi, **said))

    def _figure(self) -> Any:
        """What a notebook shows: the first samples; None of what is no picture."""
        if len(self.input_size) not in picture.SEEN or not len(self.values):
            return None
        return drawing.figure(self, None, drawing.Look(), rows=slice(drawing.SHOWN))

    def _lines(self) -> list[str]:
        """What a notebook says below that."""
        return drawing.lines(self)

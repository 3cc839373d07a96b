"""Many figures of one kind, drawn on one canvas: only what changes is drawn anew."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np
from PIL import Image

from .figures import figure, literal
from .fonts import legible
from .legends import Legend


class _Laid(NamedTuple):
    """A figure that was laid out, without its pictures and heading."""

    figure: Any
    heading: Any
    """The text of matplotlib's."""
    empty: Any
    """The canvas without them."""
    places: list[tuple[int, int, int, int]]
    """Of each picture: left, top, width and height, in pixels."""


class Sheet:
    """A canvas for figures as `figure` makes them.

    The places of pictures and the titles are drawn once for pictures of the same shapes under the
    same titles (measured: what matplotlib takes for that is several times what a net takes).

    Example:
        >>> sheet = Sheet()
        >>> sheet.draw([np.zeros((8, 8), np.uint8)], ["black"], "heading").shape[2]
        3
    """

    def __init__(self) -> None:
        self._kind: Any = None
        self._laid: _Laid | None = None

    def draw(
        self,
        panels: Sequence[np.ndarray],
        titles: Sequence[str],
        heading: str,
        legends: Sequence[Legend | None] | None = None,
    ) -> np.ndarray:
        """The figure as a picture (H, W, 3) uint8 RGB.

        Args:
            panels: (H, W) or (H, W, 3) uint8 each.
            titles: one for each.
            heading: above all of them.
            legends: for each what its colours mean, drawn as a bar below it, or None.
        """
        bars = [
            one and (one.colors.tobytes(), one.low, one.middle, one.high) for one in legends or ()
        ]
        kind = [one.shape for one in panels], list(titles), bars
        if self._laid is None or kind != self._kind:
            self._kind, self._laid = kind, _laid(panels, titles, heading, legends)
        laid = self._laid
        laid.figure.canvas.restore_region(laid.empty)
        laid.heading.set_text(literal(heading))
        legible(laid.figure)
        laid.figure.draw_artist(laid.heading)
        drawn = np.array(laid.figure.canvas.buffer_rgba())[..., :3]
        for panel, (left, top, width, height) in zip(panels, laid.places):
            fitted = Image.fromarray(panel).convert("RGB").resize((width, height), _FILTER)
            drawn[top : top + height, left : left + width] = np.asarray(fitted)
        return drawn


_FILTER = Image.Resampling.BICUBIC


def _laid(
    panels: Sequence[np.ndarray],
    titles: Sequence[str],
    heading: str,
    legends: Sequence[Legend | None] | None,
) -> _Laid:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    made = figure(panels, titles, heading or " ", legends=legends)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    made.set_layout_engine("none")
    across, down = canvas.get_width_height()
    places = []
    for axes in made.axes:
        box = axes.images[0].get_window_extent()
        left, right = (min(max(round(side), 0), across) for side in (box.x0, box.x1))
        top, bottom = (min(max(round(down - side), 0), down) for side in (box.y1, box.y0))
        places.append((left, top, right - left, bottom - top))
        axes.images[0].set_visible(False)
    (text,) = made.texts
    text.set_text("")
    canvas.draw()
    return _Laid(made, text, canvas.copy_from_bbox(made.bbox), places)

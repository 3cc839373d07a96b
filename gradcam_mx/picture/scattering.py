"""Points in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from ..errors import InputError
from ..support.boundary import told
from .figures import literal
from .fonts import legible

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from .notebook import NotebookFigure


@told
def scatter(
    points: np.ndarray,
    groups: Sequence[str] | None = None,
    thumbnails: Sequence[np.ndarray] | None = None,
    heading: str | None = None,
    side: float = 7.0,
) -> NotebookFigure:
    """Points (N, 2) in a plane, in a colour for each group, with small pictures in their places.

    Args:
        points: such as `inspect.embed` gives.
        groups: the group of each point, such as its class's name; a legend names them.
        thumbnails: a picture for each point, (H, W) or (H, W, 3) uint8, framed in its colour.
        heading: above all.
        side: of the figure, in inches.

    Raises:
        InputError: the numbers of points, groups and thumbnails differ, or points are no (N, 2).
    """
    from matplotlib import colormaps

    from .notebook import NotebookFigure

    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise InputError(f"the points have shape {points.shape}; expected (N, 2)")
    for what, given in (("groups", groups), ("thumbnails", thumbnails)):
        if given is not None and len(given) != len(points):
            raise InputError(f"{len(given)} {what} for {len(points)} points")
    group_of = [""] * len(points) if groups is None else [str(group) for group in groups]
    names = sorted(set(group_of))
    palette = colormaps["tab10" if len(names) <= 10 else "tab20"]
    color_of = {name: palette(number % palette.N) for number, name in enumerate(names)}
    drawn = NotebookFigure(figsize=(side, side), dpi=100, layout="constrained")
    axes = drawn.add_subplot()
    for name in names:
        chosen = [group == name for group in group_of]
        axes.scatter(
            points[chosen, 0], points[chosen, 1], s=12, color=color_of[name], label=literal(name)
        )
    if thumbnails is not None:
        for point, one, group in zip(points, thumbnails, group_of):
            axes.add_artist(_thumbnail(one, point, color_of[group]))
    if groups is not None:
        # beside the points: matplotlib does not know of the thumbnails
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.08)  # thumbnails are wider than points
    if heading:
        drawn.suptitle(literal(heading), fontsize=12)
    return legible(drawn)


def _thumbnail(picture: np.ndarray, point: np.ndarray, color: Any) -> Artist:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    image = OffsetImage(picture, zoom=24 / max(picture.shape[:2]), cmap="gray")
    edge = {"edgecolor": color, "linewidth": 1.5}
    return AnnotationBbox(image, tuple(point), pad=0.1, bboxprops=edge)

"""Numbers into colours: one convention for each kind of map, wherever it is drawn."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np

from ..errors import InputError
from ..support.boundary import told
from .arrays import to_uint8, warn_of_flat
from .pictures import Picture, as_picture

COLORMAP = "plasma"
"""The colours of a heat map, from least to most: the name of one of matplotlib's. The higher, the
lighter, also to people who do not see some colours."""

SIGNED = "blue-orange"
"""The colours of a signed map, from against to for; told apart by people who see fewer colours."""

FOR = (235, 120, 0)
"""The colour of evidence for a target: orange."""
AGAINST = (20, 80, 190)
"""The colour of evidence against a target: blue."""

SIGNED_COLORS = {"blue-orange": (AGAINST, FOR), "red-green": ((215, 0, 0), (0, 150, 0))}
"""Name → the colours of -1 and 1. To one man in a hundred red and green, as Captum has them, look
the same."""


@told
def colorize(heatmap: np.ndarray, colormap: str = COLORMAP) -> Picture:
    """A heat map (H, W) in [0, 1] in the colours of a matplotlib map: (H, W, 3) uint8 RGB.

    Args:
        heatmap: (H, W) in [0, 1].
        colormap: a name that matplotlib knows.

    Raises:
        InputError: there is no such colormap.
    """
    return as_picture(to_uint8(_of_matplotlib(colormap)(heatmap)[..., :3] * 255))


def signed_colors(colormap: str = SIGNED) -> tuple[np.ndarray, np.ndarray]:
    """The colours of -1 and of 1, (3,) each, from 0 to 255.

    Args:
        colormap: one of `SIGNED_COLORS`, or a name that matplotlib knows, whose ends are taken.

    Raises:
        InputError: there is no such colormap.
    """
    if colormap in SIGNED_COLORS:
        ends = np.array(SIGNED_COLORS[colormap], np.float64)
    else:
        ends = _of_matplotlib(colormap)(np.array([0.0, 1.0]))[:, :3] * 255
    return ends[0], ends[1]


def _of_matplotlib(name: str) -> Any:
    from matplotlib import colormaps

    if name in colormaps:
        return colormaps[name]
    if name in SIGNED_COLORS:
        raise InputError(
            f"colormap={name!r} is for signed maps, from against to for; this is a heat map, from "
            f"least to most: give a name that matplotlib knows, such as {COLORMAP!r}"
        )
    close = difflib.get_close_matches(str(name), [*SIGNED_COLORS, *colormaps], 3, cutoff=0.5)
    raise InputError(
        f"there is no colormap {name!r}; "
        + (f"closest: {', '.join(close)}; " if close else "")
        + f"expected a name that matplotlib knows, such as {COLORMAP!r}, or for signed maps "
        + " or ".join(map(repr, SIGNED_COLORS))
    )


@told
def grey(heatmap: np.ndarray) -> Picture:
    """A heat map (H, W) in [0, 1] as a grey picture (H, W), uint8, high values bright.

    Args:
        heatmap: (H, W) in [0, 1].
    """
    return as_picture(to_uint8(heatmap * 255))


@told
def signed_image(attribution: np.ndarray) -> Picture:
    """An attribution (C, H, W) as a picture (H, W, C) uint8 in which zero is mid-grey.

    A clip's (C, D, H, W) becomes (D, H, W, C).

    The strongest 0.5 % are drawn alike, so that a few of them do not leave the rest invisible.

    Args:
        attribution: (C, H, W), or a clip's (C, D, H, W), of any range.
    """
    size = np.abs(attribution)
    scale = np.percentile(size, 99.5) or size.max() or 1
    warn_of_flat(size.max(keepdims=True) == 0, "are zero everywhere")
    drawn = to_uint8(np.clip(attribution / scale, -1, 1) * 127 + 128)
    return as_picture(np.moveaxis(drawn, 0, -1))

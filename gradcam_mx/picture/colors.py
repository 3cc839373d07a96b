"""Numbers into colours."""

from __future__ import annotations

import numpy as np

from ..support.boundary import told
from .arrays import to_uint8, warn_of_flat

COLORMAP = "turbo"
"""The colours of a heat map: the name of one of matplotlib's."""

FOR = (0, 150, 0)
"""The colour of evidence for a target: green, as Captum has it."""
AGAINST = (215, 0, 0)
"""The colour of evidence against a target: red."""


@told
def colorize(heatmap: np.ndarray, colormap: str = COLORMAP) -> np.ndarray:
    """A heat map (H, W) in [0, 1] in the colours of a matplotlib map: (H, W, 3) uint8 RGB.

    Args:
        heatmap: (H, W) in [0, 1].
        colormap: a name that matplotlib knows.
    """
    from matplotlib import colormaps

    return to_uint8(colormaps[colormap](heatmap)[..., :3] * 255)


@told
def grey(heatmap: np.ndarray) -> np.ndarray:
    """A heat map (H, W) in [0, 1] as a grey picture (H, W), uint8, high values bright.

    Args:
        heatmap: (H, W) in [0, 1].
    """
    return to_uint8(heatmap * 255)


@told
def signed_image(attribution: np.ndarray) -> np.ndarray:
    """An attribution (C, H, W) as a picture (H, W, C) uint8 in which zero is mid-grey.

    A clip's (C, D, H, W) becomes (D, H, W, C).

    The strongest 0.5 % are drawn alike, so that a few of them do not leave the rest invisible.

    Args:
        attribution: (C, H, W), or a clip's (C, D, H, W), of any range.
    """
    size = np.abs(attribution)
    scale = np.percentile(size, 99.5) or size.max() or 1
    warn_of_flat(size.max(keepdims=True) == 0, "are zero everywhere")
    return np.moveaxis(to_uint8(np.clip(attribution / scale, -1, 1) * 127 + 128), 0, -1)

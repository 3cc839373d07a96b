"""Clips and signals as flat pictures."""

from __future__ import annotations

import cv2
import numpy as np

from ..support.arrays import stretched
from ..support.boundary import told
from .arrays import resize
from .colors import COLORMAP, SIGNED, colorize
from .overlays import signed_overlay
from .pictures import Picture, as_picture

SIGNAL_WIDTH = 800
"""The width of a signal's panel in pixels."""
SIGNAL_HEIGHT = 160
"""Its height, which grows where the channels need more."""

CHANNEL = 24
"""The least height of a channel."""

FRAMES = 8
"""How many frames of a clip are shown."""


@told
def strip(clip: np.ndarray) -> Picture:
    """Frames of a clip (D, H, W) or (D, H, W, 3) side by side: (H, width) or (H, width, 3).

    All of them, or `FRAMES` evenly spaced from the first to the last. White lines part them.

    Args:
        clip: (D, H, W) grey or (D, H, W, 3) RGB.
    """
    chosen = np.linspace(0, len(clip) - 1, min(FRAMES, len(clip))).round().astype(int)
    gap = np.full_like(clip[0, :, : max(1, clip.shape[2] // 32)], 255)
    pieces = [piece for number in chosen for piece in (gap, clip[number])]
    return as_picture(np.concatenate(pieces[1:], axis=1))


@told
def signal_panel(
    heatmap: np.ndarray,
    signal: np.ndarray | None = None,
    colormap: str | None = None,
    *,
    signed: bool = False,
) -> Picture:
    """A signal's heat map (W,) in colours, from left to right: (height, SIGNAL_WIDTH, 3) uint8 RGB.

    Args:
        heatmap: in [0, 1]; in [-1, 1] if it is signed.
        signal: (C, W'), drawn over it. Each channel has a row of its own, the first at the top,
            and is stretched to fill it; high values are up.
        colormap: the name of the colours, `COLORMAP` by default; of a signed map `SIGNED`.
        signed: whether negative values speak against the target.
    """
    height = SIGNAL_HEIGHT if signal is None else max(SIGNAL_HEIGHT, CHANNEL * len(signal))
    if len(heatmap) > SIGNAL_WIDTH:
        # the largest value of each pixel: a narrow peak must not fall between two of them
        starts = np.arange(SIGNAL_WIDTH) * len(heatmap) // SIGNAL_WIDTH
        heatmap, lowest = (part.reduceat(heatmap, starts) for part in (np.maximum, np.minimum))
        heatmap = np.where(heatmap + lowest < 0, lowest, heatmap) if signed else heatmap
    wide = resize(heatmap[None, None], (height, SIGNAL_WIDTH))[0]
    if signed:
        colors = signed_overlay(None, wide, colormap=colormap or SIGNED)
    else:
        colors = colorize(wide, colormap or COLORMAP)
    return colors if signal is None else as_picture(_with_lines(colors, signal))


def _with_lines(colors: np.ndarray, signal: np.ndarray) -> np.ndarray:
    height, width = colors.shape[:2]
    channels, length = signal.shape
    is_flat = np.ptp(signal, axis=1, keepdims=True) == 0
    share = np.where(is_flat, 0.5, stretched(signal, (1,)))
    # pixels and samples have their middles at halves, as `resize` sees them
    y = (np.arange(channels)[:, None] + 0.9 - 0.8 * share) * height / channels - 0.5
    x = np.broadcast_to((np.arange(length) + 0.5) * width / length - 0.5, y.shape)
    # OpenCV takes fractions of a pixel as integers: sixteenths are 4 bits
    points = np.round(np.stack([x, y], axis=-1) * 16).astype(np.int32)
    # black on white, to be seen on every colour
    for shade, thickness in ((255, 3), (0, 1)):
        cv2.polylines(
            colors,
            list(points),
            isClosed=False,
            color=(shade,) * 3,
            thickness=thickness,
            lineType=cv2.LINE_AA,
            shift=4,
        )
    return colors

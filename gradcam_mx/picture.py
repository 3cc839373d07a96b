"""Arrays into pictures: colour maps, overlays, figures. Nothing here computes an explanation."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Sequence

import cv2
import numpy as np
from PIL import Image

from .errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORMAP = "turbo"

SEEN = {1: ("signal", "C, W"), 2: ("photo", "H, W, 3"), 3: ("clip", "D, H, W, 3")}
"""What a net saw, by how many axes of positions it has: its name, and the axes of its array."""


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 255, rounded."""
    return np.round(values).astype(np.uint8)


def resize(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Maps (N, h, w) linearly at another size (height, width): (N, height, width) float32.

    Any number of axes of positions goes: (N, w) for signals, (N, d, h, w) for volumes and clips.
    """
    maps = np.ascontiguousarray(maps, np.float32)
    if maps.ndim == 3:
        return np.stack([_resize(one, size) for one in maps])
    for axis, length in enumerate(size, start=1):
        # one axis at a time, as the rows of a picture
        rows = np.moveaxis(maps, axis, 0)
        resized = _resize(rows.reshape(len(rows), -1), (length, rows[0].size))
        maps = np.moveaxis(resized.reshape(length, *rows.shape[1:]), 0, axis)
    return maps


def _resize(plane: np.ndarray, size: Sequence[int]) -> np.ndarray:
    height, width = size
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def normalise(maps: np.ndarray, outliers: float = 0.0) -> np.ndarray:
    """Each of the maps (N, H, W) stretched to [0, 1]; a flat one becomes zeros, with a warning.

    Args:
        maps: of any range, and any number of axes of positions.
        outliers: the share of the largest values, in percent, that is cut off at 1.
    """
    # percentiles are float64: the largest less the smallest has to be the same in both
    maps = np.asarray(maps, np.float64)
    positions = tuple(range(1, maps.ndim))
    low = maps.min(axis=positions, keepdims=True)
    high = np.percentile(maps, 100 - outliers, axis=positions, keepdims=True)
    # where all but a few outliers are equal, the outliers are what there is to see
    high = np.where(high > low, high, maps.max(axis=positions, keepdims=True))
    flat = high <= low
    _warn_of_flat(flat, "are flat (the same value everywhere)")
    stretched = (maps - low) / np.where(flat, 1, high - low)
    return np.clip(stretched, 0, 1).astype(np.float32)


def _warn_of_flat(flat: np.ndarray, how: str) -> None:
    if flat.any():
        warnings.warn(
            f"{int(flat.sum())} of {len(flat)} maps {how}: nothing to show, drawn as zeros. "
            "Another layer, target or method may say more", stacklevel=4)


def strength(attributions: np.ndarray, channels: str = "sum") -> np.ndarray:
    """How strongly each position counts, for attributions (N, C, H, W): (N, H, W), Σ_c |·|.

    Args:
        attributions: raw values.
        channels: "sum", or "max" for the strongest channel.
    """
    if channels not in _STRENGTHS:
        raise InputError(f"channels={channels!r}; expected one of {', '.join(_STRENGTHS)}")
    return _STRENGTHS[channels](np.abs(attributions), axis=1)


_STRENGTHS: dict[str, Callable[..., np.ndarray]] = {"sum": np.sum, "max": np.max}


def colorize(heatmap: np.ndarray, colormap: str = COLORMAP) -> np.ndarray:
    """A heat map (H, W) in [0, 1] in the colours of a matplotlib map: (H, W, 3) uint8 RGB."""
    from matplotlib import colormaps

    return to_uint8(colormaps[colormap](heatmap)[..., :3] * 255)


def grey(heatmap: np.ndarray) -> np.ndarray:
    """A heat map (H, W) in [0, 1] as a grey picture (H, W), uint8, high values bright."""
    return to_uint8(heatmap * 255)


def overlay(photo: np.ndarray, heatmap: np.ndarray, alpha: float = 0.5,
            colormap: str = COLORMAP) -> np.ndarray:
    """A heat map laid over a photo: (H, W, 3) uint8 RGB, of the photo's size.

    Args:
        photo: (H, W, 3) uint8 RGB, showing what the net saw; a clip as `check_photo` takes it.
        heatmap: (h, w) in [0, 1]; (d, h, w) for a clip.
        alpha: the heat map's share of each pixel.
        colormap: a name that matplotlib knows.
    """
    photo = check_photo(photo, heatmap.ndim)
    heatmap = resize(heatmap[None], photo.shape[:-1])[0]
    if heatmap.ndim == 3:
        # frame by frame, as colours take much memory on the way
        return np.stack([overlay(frame, heat, alpha, colormap)
                         for frame, heat in zip(photo, heatmap)])
    return to_uint8((1 - alpha) * photo + alpha * colorize(heatmap, colormap))


FOR, AGAINST = (0, 150, 0), (215, 0, 0)
"""The colours of evidence for and against a target: green and red, as Captum has them."""


def balanced(maps: np.ndarray) -> np.ndarray:
    """Each of the signed maps (N, H, W) scaled to [-1, 1], with zero at zero: float32.

    A map of zeros stays as it is, with a warning.
    """
    maps = np.asarray(maps, np.float32)
    size = np.abs(maps).max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    _warn_of_flat(size == 0, "are zero everywhere")
    return maps / np.where(size == 0, 1, size)


def signed_overlay(photo: np.ndarray | None, signed: np.ndarray,
                   segments: np.ndarray | None = None) -> np.ndarray:
    """A signed map over a photo: green where it is positive, red where negative: (H, W, 3) uint8.

    Where it is zero, the photo is as it was, in grey; with no photo it is white.

    Args:
        photo: as `overlay` takes it, or None.
        signed: (h, w) in [-1, 1]; (d, h, w) for a clip.
        segments: (h, w) whole numbers, whose boundaries are drawn.
    """
    if photo is None:
        under = np.full((*signed.shape, 3), 255.0)
    else:
        photo = check_photo(photo, signed.ndim)
        # its contrast halved, so that the colours stand out
        grey = 255 - 0.6 * (255 - photo.mean(axis=-1, keepdims=True))
        under = np.broadcast_to(grey, photo.shape)
        if segments is None:
            signed = resize(signed[None], photo.shape[:-1])[0]
        else:   # sharp edges
            signed, segments = (_nearest(one, photo.shape[:-1]) for one in (signed, segments))
    share = 0.85 * np.abs(signed)[..., None]
    drawn = (1 - share) * under + share * np.where(signed[..., None] > 0, FOR, AGAINST)
    if segments is not None:
        drawn[boundaries(segments)] = (255, 220, 0) if photo is not None else (120, 120, 120)
    return to_uint8(drawn)


def boundaries(segments: np.ndarray) -> np.ndarray:
    """Where a segment ends: (H, W) bool, true at positions before one of another segment.

    Of a clip (D, H, W), within each frame.
    """
    edge = np.zeros(segments.shape, bool)
    for axis in (-2, -1):
        ahead = np.moveaxis(segments, axis, 0)
        np.moveaxis(edge, axis, 0)[:-1] |= ahead[1:] != ahead[:-1]
    return edge


def _nearest(array: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """An array at another size, each position as the nearest one was."""
    for axis, (before, after) in enumerate(zip(array.shape, size)):
        array = np.take(array, np.arange(after) * before // after, axis=axis)
    return array


def signed_image(attribution: np.ndarray) -> np.ndarray:
    """An attribution (C, H, W) as a picture (H, W, C) uint8 in which zero is mid-grey.

    A clip's (C, D, H, W) becomes (D, H, W, C).

    The strongest 0.5 % are drawn alike, so that a few of them do not leave the rest invisible.
    """
    size = np.abs(attribution)
    scale = np.percentile(size, 99.5) or size.max() or 1
    return np.moveaxis(to_uint8(np.clip(attribution / scale, -1, 1) * 127 + 128), 0, -1)


def check_photo(photo: np.ndarray, axes: int = 2) -> np.ndarray:
    """The photo as a (H, W, 3) uint8 array; a clip, of 3 axes of positions, as (D, H, W, 3).

    A volume (D, H, W) is a grey clip.

    Raises:
        InputError: it is something else.
    """
    photo = photo.asnumpy() if hasattr(photo, "asnumpy") else np.asarray(photo)
    name, shape = SEEN[axes]
    is_grey = axes == 3 and photo.ndim == 3
    is_rgb = photo.ndim == axes + 1 and photo.shape[-1] == 3
    if not (is_grey or is_rgb) or 0 in photo.shape:
        raise InputError(f"the {name} has shape {photo.shape}; expected ({shape}), RGB"
                         + (", or (D, H, W), grey" if axes == 3 else ""))
    if photo.dtype != np.uint8:
        if not (photo.min() >= 0 and photo.max() <= 255):
            raise InputError(f"the {name}'s values go from {photo.min()} to {photo.max()}; "
                             f"expected 0 to 255 (the {name} itself, not the preprocessed input)")
        photo = to_uint8(photo)
    return np.repeat(photo[..., None], 3, axis=-1) if is_grey else photo


def save(panel: np.ndarray, path: Path) -> None:
    """Write a picture, (H, W) grey or (H, W, 3) RGB uint8, in the format its suffix says."""
    Image.fromarray(panel).save(path)


def figure(panels: Sequence[np.ndarray], titles: Sequence[str],
           heading: str | None = None) -> Figure:
    """Pictures side by side under their titles, wide ones below each other.

    Grey ones (H, W) are drawn in grey.

    The figure is no pyplot figure: it opens no window, and there is nothing to close.
    """
    from matplotlib.figure import Figure

    height, width = panels[0].shape[:2]
    is_wide = width > 2 * height
    # no more than six side by side
    rows = len(panels) if is_wide else -(-len(panels) // 6)
    side, columns = (8.0, 1) if is_wide else (3.2, -(-len(panels) // rows))
    titles = [_wrapped(title, int(side * 12.5)) for title in titles]
    lines = max(title.count("\n") for title in titles) + 1
    row = side * height / width + 0.17 * lines + 0.1
    drawn = Figure(figsize=(side * columns, row * rows + (0.2 if heading else 0)),
                   dpi=100, layout="constrained")
    for number, (panel, title) in enumerate(zip(panels, titles), start=1):
        # where the row is higher than the picture, the space is the title's
        axes = drawn.add_subplot(rows, columns, number, anchor="S")
        axes.imshow(panel, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
        # hidden ticks are laid out all the same, and take longer than the picture
        axes.set_xticks([])
        axes.set_yticks([])
    if heading:
        drawn.suptitle(heading, fontsize=12)
    return drawn


def _wrapped(title: str, length: int) -> str:
    """A title in lines that fit above its panel: matplotlib's own fit into the whole figure."""
    return "\n".join(textwrap.fill(line, length) for line in title.split("\n"))

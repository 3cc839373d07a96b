"""Arrays into pictures: colour maps, overlays, figures. Nothing here computes an explanation."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Protocol, Sequence

import cv2
import numpy as np
from PIL import Image

from ..errors import InputError
from ..support import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLORMAP = "turbo"

SEEN = {1: ("signal", "C, W"), 2: ("photo", "H, W, 3"), 3: ("clip", "D, H, W, 3")}
"""What a net saw, by how many axes of positions it has: its name, and the axes of its array."""


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 255, rounded.

    Args:
        values: 0 to 255.
    """
    return np.round(values).astype(np.uint8)


def resize(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Maps (N, h, w) linearly at another size (height, width): (N, height, width) float32.

    Any number of axes of positions goes: (N, w) for signals, (N, d, h, w) for volumes and clips.

    Args:
        maps: of any range.
        size: along each axis of positions.
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
            "Another layer, target or method may say more",
            stacklevel=4,
        )


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
    """A heat map (H, W) in [0, 1] in the colours of a matplotlib map: (H, W, 3) uint8 RGB.

    Args:
        heatmap: (H, W) in [0, 1].
        colormap: a name that matplotlib knows.
    """
    from matplotlib import colormaps

    return to_uint8(colormaps[colormap](heatmap)[..., :3] * 255)


def grey(heatmap: np.ndarray) -> np.ndarray:
    """A heat map (H, W) in [0, 1] as a grey picture (H, W), uint8, high values bright.

    Args:
        heatmap: (H, W) in [0, 1].
    """
    return to_uint8(heatmap * 255)


def overlay(
    photo: np.ndarray, heatmap: np.ndarray, alpha: float = 0.5, colormap: str = COLORMAP
) -> np.ndarray:
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
        return np.stack(
            [overlay(frame, heat, alpha, colormap) for frame, heat in zip(photo, heatmap)]
        )
    return to_uint8((1 - alpha) * photo + alpha * colorize(heatmap, colormap))


def added(photo: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """A heat map (H, W) uint8 added to a photo of its size in cool colours, as in the tutorial.

    The sum is scaled so that its largest value is 255: (H, W, 3) uint8 RGB.

    Args:
        photo: (H, W, 3) RGB, 0 to 255.
        heatmap: (H, W) uint8.
    """
    colors = cv2.cvtColor(cv2.applyColorMap(heatmap, cv2.COLORMAP_COOL), cv2.COLOR_BGR2RGB)
    blended = np.float32(colors) + np.float32(photo)
    return to_uint8(blended / blended.max() * 255)


FOR, AGAINST = (0, 150, 0), (215, 0, 0)
"""The colours of evidence for and against a target: green and red, as Captum has them."""


def balanced(maps: np.ndarray) -> np.ndarray:
    """Each of the signed maps (N, H, W) scaled to [-1, 1], with zero at zero: float32.

    A map of zeros stays as it is, with a warning.

    Args:
        maps: of any range, and any number of axes of positions.
    """
    maps = np.asarray(maps, np.float32)
    size = np.abs(maps).max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    _warn_of_flat(size == 0, "are zero everywhere")
    return maps / np.where(size == 0, 1, size)


def signed_overlay(
    photo: np.ndarray | None, signed: np.ndarray, segments: np.ndarray | None = None
) -> np.ndarray:
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
        else:  # sharp edges
            signed, segments = (_nearest(one, photo.shape[:-1]) for one in (signed, segments))
    share = 0.85 * np.abs(signed)[..., None]
    drawn = (1 - share) * under + share * np.where(signed[..., None] > 0, FOR, AGAINST)
    if segments is not None:
        drawn[boundaries(segments)] = (255, 220, 0) if photo is not None else (120, 120, 120)
    return to_uint8(drawn)


def masked(photo: np.ndarray, mask: np.ndarray, color: float = 128) -> np.ndarray:
    """A photo where a mask is true, one grey or colour elsewhere: (H, W, 3) uint8.

    Args:
        photo: (H, W, 3) uint8; a clip as `check_photo` takes it.
        mask: (h, w) bool, (d, h, w) for a clip.
        color: a grey from 0 to 255, or a colour (3,).
    """
    photo = check_photo(photo, mask.ndim)
    return np.where(_nearest(mask, photo.shape[:-1])[..., None], photo, np.uint8(color))


def boundaries(segments: np.ndarray) -> np.ndarray:
    """Where a segment ends: (H, W) bool, true at positions before one of another segment.

    Of a clip (D, H, W), within each frame.

    Args:
        segments: (H, W) whole numbers, (D, H, W) for a clip.
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

    Args:
        attribution: (C, H, W), or a clip's (C, D, H, W), of any range.
    """
    size = np.abs(attribution)
    scale = np.percentile(size, 99.5) or size.max() or 1
    _warn_of_flat(size.max(keepdims=True) == 0, "are zero everywhere")
    return np.moveaxis(to_uint8(np.clip(attribution / scale, -1, 1) * 127 + 128), 0, -1)


def check_photo(photo: np.ndarray, axes: int = 2) -> np.ndarray:
    """The photo as a (H, W, 3) uint8 array; a clip, of 3 axes of positions, as (D, H, W, 3).

    A volume (D, H, W) is a grey clip.

    Args:
        photo: (H, W, 3), 0 to 255; a clip or volume as said.
        axes: of positions: 2 for a photo, 3 for a clip.

    Raises:
        InputError: it is something else.
    """
    photo = photo.asnumpy() if hasattr(photo, "asnumpy") else np.asarray(photo)
    name, shape = SEEN[axes]
    is_grey = axes == 3 and photo.ndim == 3
    is_rgb = photo.ndim == axes + 1 and photo.shape[-1] == 3
    if not (is_grey or is_rgb) or 0 in photo.shape:
        raise InputError(
            f"the {name} has shape {photo.shape}; expected ({shape}), RGB"
            + (", or (D, H, W), grey" if axes == 3 else "")
        )
    if photo.dtype != np.uint8:
        if not (photo.min() >= 0 and photo.max() <= 255):
            raise InputError(
                f"the {name}'s values go from {photo.min()} to {photo.max()}; "
                f"expected 0 to 255 (the {name} itself, not the preprocessed input)"
            )
        photo = to_uint8(photo)
    return np.repeat(photo[..., None], 3, axis=-1) if is_grey else photo


def check_photos(photos: np.ndarray) -> np.ndarray:
    """Photos (N, H, W, 3), or grey ones (N, H, W) or (N, H, W, 1), as (N, H, W, 3) uint8.

    Args:
        photos: of values from 0 to 255.

    Raises:
        InputError: they are something else.
    """
    photos = photos.asnumpy() if hasattr(photos, "asnumpy") else np.asarray(photos)
    if photos.ndim == 3:
        photos = photos[..., None]
    if photos.ndim != 4 or photos.shape[-1] not in (1, 3) or 0 in photos.shape:
        raise InputError(
            f"the photos have shape {photos.shape}; expected (N, H, W, 3), RGB, or (N, H, W), grey"
        )
    if photos.dtype.kind == "f" and 0 < photos.max() <= 1:
        raise InputError("the photos' values go from 0 to 1; expected 0 to 255: photos * 255")
    colors = np.broadcast_to(photos, (*photos.shape[:-1], 3))
    return np.stack([check_photo(one) for one in colors])


def of_input(x: np.ndarray, order: str = "RGB", *, stretch: bool = True) -> np.ndarray:
    """What a net saw as photos, where there are none: inputs (N, C, H, W) as (N, H, W, 3) uint8.

    Three channels are colours; of any other number the mean is drawn, in grey. Clips
    (N, C, D, H, W) become (N, D, H, W, 3); signals stay as they are.

    Args:
        x: of any range.
        order: "RGB" or "BGR", the order of the channels.
        stretch: each sample to its range; otherwise its values are from 0, black, to 1, white.
    """
    if x.ndim == 3:
        return x
    x = x.mean(axis=1, keepdims=True) if x.shape[1] != 3 else x[:, :: -1 if order == "BGR" else 1]
    if stretch:
        axes = tuple(range(1, x.ndim))
        low, high = x.min(axis=axes, keepdims=True), x.max(axis=axes, keepdims=True)
        x = (x - low) / np.where(high > low, high - low, 1)
    colors = np.broadcast_to(x, (len(x), 3, *x.shape[2:]))
    return to_uint8(np.moveaxis(colors, 1, -1) * 255)


# -- clips and signals --------------------------------------------------------------------------


SIGNAL_WIDTH, SIGNAL_HEIGHT = 800, 160
"""A signal's panel in pixels. It grows where the channels need more."""
CHANNEL = 24
"""The least height of a channel."""
FRAMES = 8
"""How many frames of a clip are shown."""


def strip(clip: np.ndarray) -> np.ndarray:
    """Frames of a clip (D, H, W) or (D, H, W, 3) side by side: (H, width) or (H, width, 3).

    All of them, or `FRAMES` evenly spaced from the first to the last. White lines part them.

    Args:
        clip: (D, H, W) grey or (D, H, W, 3) RGB.
    """
    chosen = np.linspace(0, len(clip) - 1, min(FRAMES, len(clip))).round().astype(int)
    gap = np.full_like(clip[0, :, : max(1, clip.shape[2] // 32)], 255)
    pieces = [piece for number in chosen for piece in (gap, clip[number])]
    return np.concatenate(pieces[1:], axis=1)


def signal_panel(heatmap: np.ndarray, signal: np.ndarray | None = None) -> np.ndarray:
    """A signal's heat map (W,) in colours, from left to right: (height, SIGNAL_WIDTH, 3) uint8 RGB.

    Args:
        heatmap: in [0, 1].
        signal: (C, W'), drawn over it. Each channel has a row of its own, the first at the top,
            and is stretched to fill it; high values are up.
    """
    height = SIGNAL_HEIGHT if signal is None else max(SIGNAL_HEIGHT, CHANNEL * len(signal))
    if len(heatmap) > SIGNAL_WIDTH:
        # the largest value of each pixel: a narrow peak must not fall between two of them
        starts = np.arange(SIGNAL_WIDTH) * len(heatmap) // SIGNAL_WIDTH
        heatmap = np.maximum.reduceat(heatmap, starts)
    colors = colorize(resize(heatmap[None, None], (height, SIGNAL_WIDTH))[0])
    return colors if signal is None else _with_lines(colors, signal)


def _with_lines(colors: np.ndarray, signal: np.ndarray) -> np.ndarray:
    height, width = colors.shape[:2]
    channels, length = signal.shape
    low, high = signal.min(axis=1, keepdims=True), signal.max(axis=1, keepdims=True)
    flat = high <= low
    share = np.where(flat, 0.5, (signal - low) / np.where(flat, 1, high - low))
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


def check_signal(signal: np.ndarray) -> np.ndarray:
    """The signal as a (C, W) float64 array, of any range.

    Args:
        signal: (C, W).

    Raises:
        InputError: it is something else.
    """
    signal = signal.asnumpy() if hasattr(signal, "asnumpy") else np.asarray(signal)
    if signal.ndim != 2 or 0 in signal.shape:
        raise InputError(f"the signal has shape {signal.shape}; expected (C, W)")
    if not np.isfinite(signal).all():
        raise InputError("the signal holds NaN or infinity; expected what the net saw")
    return signal.astype(np.float64)


# -- what is inside a net ------------------------------------------------------------------------


TILE = 32
"""The least side of a tile, in pixels; smaller maps and filters are drawn with larger squares."""


def channel_order(maps: np.ndarray) -> np.ndarray:
    """The channels of a layer's output (C, h, w) by their mean activation, the strongest first.

    Args:
        maps: (C, h, w).
    """
    return np.argsort(-maps.reshape(len(maps), -1).mean(axis=1), kind="stable")


def channel_grid(
    maps: np.ndarray,
    count: int = 64,
    *,
    sort: bool = False,
    each: bool = False,
    colormap: str = "viridis",
) -> np.ndarray:
    """The channels of a layer's output as tiles, row by row: (H, W, 3) uint8 RGB.

    Args:
        maps: (C, h, w) of one sample.
        count: how many channels, the first ones.
        sort: the strongest ones instead, in the order of `channel_order`.
        each: whether each channel is stretched on its own. Otherwise all share one scale, so that
            a channel that hardly responds looks like it.
        colormap: a name that matplotlib knows.

    Raises:
        InputError: it has another shape.
    """
    maps = np.asarray(maps, np.float32)
    if maps.ndim != 3 or 0 in maps.shape:
        raise InputError(
            f"the channels have shape {maps.shape}; expected those of one sample, (C, h, w)"
        )
    shown = maps[channel_order(maps) if sort else slice(None)][:count]
    axes = (1, 2) if each else None
    low, high = shown.min(axis=axes, keepdims=True), shown.max(axis=axes, keepdims=True)
    return tiles(colorize((shown - low) / np.where(high > low, high - low, 1), colormap))


def filter_grid(weights: np.ndarray, count: int = 64) -> np.ndarray:
    """The filters of a convolution as tiles: (H, W, 3) uint8 RGB, zero in mid-grey.

    Those that look at three channels are drawn in colours, side by side. Of others each has a row,
    with a grey tile for each of its channels. Each filter is scaled on its own.

    Args:
        weights: (O, I, kh, kw).
        count: how many filters, and how many channels of each, the first ones.

    Raises:
        InputError: it has another shape.
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 4 or 0 in weights.shape:
        raise InputError(
            f"the weights have shape {weights.shape}; expected a convolution's, (O, I, kh, kw)"
        )
    shown = weights[:count]
    size = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    shown = to_uint8(shown / np.where(size > 0, size, 1) * 127 + 128)
    if shown.shape[1] == 3:
        return tiles(np.moveaxis(shown, 1, -1))
    channels = shown[:, :count].shape[1]
    flat = shown[:, :channels].reshape(-1, *shown.shape[2:])
    return tiles(np.repeat(flat[..., None], 3, axis=-1), channels if channels > 1 else None)


def tiles(pictures: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Pictures (N, h, w, 3) of one size in rows, white lines between them: (H, W, 3) uint8.

    Args:
        pictures: small ones are drawn with whole squares for pixels.
        columns: how many a row; by default about as many as there are rows.
    """
    count, height, width = pictures.shape[:3]
    larger = max(1, -(-TILE // max(height, width)))
    pictures = pictures.repeat(larger, axis=1).repeat(larger, axis=2)
    height, width = pictures.shape[1:3]
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows, gap = -(-count // columns), max(1, min(height, width) // 32)
    drawn = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for number, one in enumerate(pictures):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        drawn[top : top + height, left : left + width] = one
    return drawn


def framed(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Pictures (h, w, 3) in the middle of light grey frames of one size: (H, W, 3) uint8.

    Args:
        pictures: (h, w, 3) uint8 each, of any sizes.
    """
    height, width = (max(one.shape[axis] for one in pictures) for axis in (0, 1))
    frames = [np.full((height, width, 3), 230, np.uint8) for _ in pictures]
    for frame, one in zip(frames, pictures):
        top, left = (height - one.shape[0]) // 2, (width - one.shape[1]) // 2
        frame[top : top + one.shape[0], left : left + one.shape[1]] = one
    return frames


# -- files and figures ---------------------------------------------------------------------------


def save(panel: np.ndarray, path: Path) -> None:
    """Write a picture, (H, W) grey or (H, W, 3) RGB uint8, in the format its suffix says.

    Args:
        panel: (H, W) or (H, W, 3) uint8.
        path: of the file.
    """
    Image.fromarray(panel).save(path)


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
        drawn.suptitle(_literal(heading), fontsize=12)
    return drawn


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
        drawn.suptitle(_literal(heading), fontsize=12)
    return drawn


class PatchLike(Protocol):
    """What `patch_grid` draws."""

    @property
    def picture(self) -> np.ndarray: ...
    @property
    def activation(self) -> float: ...
    @property
    def unit(self) -> Any: ...


def patch_grid(
    found: Sequence[Sequence[PatchLike]],
    order: str = "RGB",
    heading: str | None = None,
    side: float = 1.2,
) -> Figure:
    """Patches as `inspect.max_activating_patches` finds them: a row for each unit.

    The number above each is its activation. All are drawn to one scale; what is missing at the
    borders of an image is grey.

    Args:
        found: for each unit its patches.
        order: "RGB" or "BGR", the order of the channels, where patches are of inputs.
        heading: above all.
        side: the width of a patch, in inches.
    """
    pictures = [patch.picture for row in found for patch in row]
    drawn = iter(
        framed(
            [one if one.dtype == np.uint8 else of_input(one[None], order)[0] for one in pictures]
        )
    )
    return grid(
        [[next(drawn) for _ in row] for row in found],
        [[f"{patch.activation:.4g}" for patch in row] for row in found],
        rows=[f"unit {row[0].unit}" for row in found],
        heading=heading,
        side=side,
    )


def scatter(
    points: np.ndarray,
    groups: Sequence[str] | None = None,
    thumbnails: Sequence[np.ndarray] | None = None,
    heading: str | None = None,
    side: float = 7.0,
) -> Figure:
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
    from matplotlib.figure import Figure
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

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
    drawn = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = drawn.add_subplot()
    for name in names:
        chosen = [group == name for group in group_of]
        axes.scatter(points[chosen, 0], points[chosen, 1], s=12, color=color_of[name], label=name)
    if thumbnails is not None:
        for point, one, group in zip(points, thumbnails, group_of):
            image = OffsetImage(one, zoom=24 / max(one.shape[:2]), cmap="gray")
            axes.add_artist(
                AnnotationBbox(
                    image,
                    tuple(point),
                    pad=0.1,
                    bboxprops={"edgecolor": color_of[group], "linewidth": 1.5},
                )
            )
    if groups is not None:
        # beside the points: matplotlib does not know of the thumbnails
        drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.08)  # thumbnails are wider than points
    if heading:
        drawn.suptitle(_literal(heading), fontsize=12)
    return drawn


LETTERS = 12.5
"""How many letters of a title fit into an inch."""
LABEL = 0.3
"""The height of a column's label, and the width of a row's, in inches."""


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
        _literal(text),
        rotation=rotation,
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
        transform=axes.transAxes,
    )
    axes.set_axis_off()


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


def as_array(figure: Figure) -> np.ndarray:
    """A figure as a picture (H, W, 3) uint8 RGB.

    Args:
        figure: of matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _wrapped(title: str, length: int) -> str:
    """A title in lines that fit above its panel: matplotlib's own fit into the whole figure."""
    lines = [textwrap.fill(line, length) for line in title.split("\n")]
    return _literal("\n".join(lines))


def _literal(text: str) -> str:
    """Dollars are dollars, as in the name of a class, not the ends of a formula."""
    return text.replace("$", r"\$")

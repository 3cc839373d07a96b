"""Parts of an input that are hidden together: superpixels of pictures, cells of anything else."""

from __future__ import annotations

import math
from typing import Any, Callable, Sequence, Union

import numpy as np

from ..engine.inputs import Array
from ..errors import Advice, InputError, MethodError
from ..support.arrays import numbers_of, stretched
from ..support.optional import optional
from .baselines import positions_of

Segments = Union[None, str, Array]
"""How an input is cut: "slic", "quickshift", "grid", or whole numbers for its positions; by default
"slic" for pictures, "grid" for signals and volumes, each value on its own for plain vectors."""


def check(segments: Any, num_segments: int, shape: Sequence[int]) -> None:
    """Refuse what does not cut an input of a shape (N, C, …), before anything is computed.

    One segment is a cut too: what all of the input does together.

    Raises:
        MethodError: there is no such way, it is not for such inputs, or no segments.
        InputError: an array of another shape, or not of whole numbers.
    """
    positions = positions_of(shape)
    if segments is not None and not isinstance(segments, str):
        _labels(segments, shape)
        return
    if segments is not None and segments not in WAYS:
        raise MethodError(
            f"there are no segments {segments!r}; there are {', '.join(WAYS)}, or an "
            f"array of whole numbers of shape {positions}"
        )
    if not isinstance(num_segments, (int, np.integer)) or num_segments < 1:
        raise MethodError(f"num_segments is {num_segments!r}; expected 1 or more")
    if segments in SUPERPIXELS and len(positions) != 2:
        raise MethodError(
            f"segments={segments!r} cuts pictures; for an input of shape "
            f'{tuple(shape)} use "grid" or an array of shape {positions}'
        )


def known_count(segments: Segments, shape: Sequence[int]) -> int | None:
    """How many segments the sample with the most of them has, if that is known before the input."""
    if len(shape) == 2 and (segments is None or isinstance(segments, str)):
        return int(shape[1])
    if segments is None or isinstance(segments, str):
        return None
    labels, size = _labels(segments, shape), int(np.prod(positions_of(shape)))
    return max(len(np.unique(one)) for one in labels.reshape(-1, size))


def segments_of(x: np.ndarray, segments: Segments = None, num_segments: int = 50) -> np.ndarray:
    """The segments of each sample: (N, …) int32, numbered from 0 without gaps.

    Args:
        x: (N, C, …), or plain vectors (N, F).
        segments: how they are cut.
        num_segments: about how many, for "slic" and "grid".

    Raises:
        InputError: all of a sample is one segment, though its superpixels were looked for.
        MethodError, InputError: as `check` says.
    """
    check(segments, num_segments, x.shape)
    if segments is None:
        segments = "slic" if x.ndim == 4 else "grid"
    if isinstance(segments, str):
        cut = [WAYS[segments](one, num_segments) for one in x]
    else:
        cut = list(np.broadcast_to(_labels(segments, x.shape), (len(x), *positions_of(x.shape))))
    numbered = [np.unique(one, return_inverse=True)[1].reshape(one.shape) for one in cut]
    is_found = isinstance(segments, str) and segments in SUPERPIXELS and num_segments > 1
    for sample, one in enumerate(numbered):
        if is_found and one.max() == 0:
            raise InputError(
                f"sample {sample} is one segment, so nothing can be hidden but all of it",
                advice=Advice.CUT_INTO_A_GRID,
            )
    return np.stack(numbered).astype(np.int32)


def _labels(segments: Any, shape: Sequence[int]) -> np.ndarray:
    numbers, positions = numbers_of(segments), positions_of(shape)
    if numbers.shape not in (positions, (shape[0], *positions)):
        raise InputError(
            f"the segments have shape {numbers.shape}; expected the input's "
            f"positions, {positions}, or {(shape[0], *positions)} with those of each "
            "sample"
        )
    if numbers.dtype.kind not in "iub" and not (
        numbers.dtype.kind == "f" and (numbers == np.round(numbers)).all()
    ):
        raise InputError(
            "the segments hold what is no whole number; expected the number of the "
            "segment at each position"
        )
    return numbers


def _slic(sample: np.ndarray, num_segments: int) -> np.ndarray:
    """Achanta et al. 2012, doi:10.1109/TPAMI.2012.120."""
    return _skimage().slic(
        _as_photo(sample),
        n_segments=num_segments,
        compactness=10,
        sigma=1,
        start_label=0,
        convert2lab=len(sample) == 3,
        channel_axis=-1,
    )


def _quickshift(sample: np.ndarray, num_segments: int) -> np.ndarray:
    """Vedaldi & Soatto 2008, doi:10.1007/978-3-540-88693-8_52, as the lime package sets it up."""
    is_rgb = len(sample) == 3
    # distances in colour and in place are weighed up: others are given the range of Lab's lightness
    return _skimage().quickshift(
        _as_photo(sample) * (1 if is_rgb else 100),
        kernel_size=4,
        max_dist=200,
        ratio=0.2,
        convert2lab=is_rgb,
    )


def _grid(sample: np.ndarray, num_segments: int) -> np.ndarray:
    """Cells of one size; each value of a vector on its own."""
    if sample.ndim == 1:
        return np.arange(len(sample))
    labels = np.zeros(sample.shape[1:], int)
    wanted = float(num_segments)
    for axis, size in enumerate(labels.shape):
        # as many along this axis as make cells nearly cubes; the axes left make up for the rounding
        left = labels.shape[axis:]
        edge = (math.prod(left) / wanted) ** (1 / len(left))
        cells = int(np.clip(round(size / edge), 1, size))
        wanted /= cells
        along = np.arange(size) * cells // size
        labels = labels * cells + along.reshape(-1, *[1] * (labels.ndim - axis - 1))
    return labels


WAYS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "slic": _slic,
    "quickshift": _quickshift,
    "grid": _grid,
}
SUPERPIXELS = ("slic", "quickshift")
"""Those that look for edges, in pictures alone."""


def _as_photo(sample: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) of any range as (H, W, C) float64 in [0, 1]."""
    return np.moveaxis(stretched(sample.astype(np.float64)), 0, -1)


def _skimage() -> Any:
    return optional("skimage.segmentation", "superpixels are found")

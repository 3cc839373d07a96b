"""Maps at the size of the net's input: stretched over it, or each cell where it belongs."""

from __future__ import annotations

import warnings
from typing import Sequence

import numpy as np

from .. import picture
from ..errors import InputError
from ..support.callers import caller_level

HALF = 0.5
"""By default cells that are stretched less than that far off, in cells, stay where they are: it is
how people know maps of ResNet and VGG."""


def at_input(
    maps: np.ndarray,
    size: Sequence[int],
    centres: Sequence[Sequence[float]] | None,
    align: bool | None = None,
    *,
    fall_to_lowest: bool = False,
) -> np.ndarray:
    """Maps (N, h, w) at the size of the net's input: (N, H, W) float32, linearly.

    Args:
        maps: of any range.
        size: (H, W), along each axis of positions.
        centres: for each axis where the middle of each cell lies on the input; None if unknown.
        align: whether each cell is put there; by default where it would else be more than half a
            cell away.
        fall_to_lowest: whether nothing is the lowest value of each map where there are no cells,
            in place of zero.

    Raises:
        InputError: it is asked for, and nobody knows where they lie.
    """
    cells = maps.shape[1:]
    if centres is not None and tuple(map(len, centres)) != cells:
        centres = None
    if align and centres is None:
        raise InputError(
            "align=True: where the cells of these maps lie on the input is not known, as their "
            "layer mixes positions or the net cannot be traced; leave align out"
        )
    if centres is not None and align is None:
        align = shift(size, centres) > HALF
    if not (align and centres):
        return picture.resize(maps, size)
    return picture.aligned(maps, size, centres, fall_to_lowest=fall_to_lowest)


def shift(size: Sequence[int], centres: Sequence[Sequence[float]]) -> float:
    """How far off the cells of a map are that is stretched over the input, in cells, at the most.

    Args:
        size: of the input, along each axis of positions.
        centres: for each axis where the middle of each cell lies.
    """
    shifts = []
    for side, middles in zip(size, centres):
        cell = side / len(middles)
        stretched = (np.arange(len(middles)) + 0.5) * cell - 0.5
        shifts.append(np.abs(stretched - middles).max() / cell)
    return float(max(shifts))


def check_drawable(
    values: np.ndarray, input_size: Sequence[int], of: str, layer: str | None
) -> None:
    """Refuse numbers that make no picture; say of a single number that it is none.

    Args:
        values: (N, h, w) or (N, C, H, W).
        input_size: (H, W).
        of: what they are called.
        layer: whose they are; of a layer's maps alone.

    Raises:
        InputError: NaN or infinity.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        raise InputError(
            f"the values of {of} hold NaN or infinity in sample {int(np.argmin(finite))}: there is "
            "no picture of that. The net or its input holds some, or its numbers overflow"
        )
    cells = values.shape[-len(input_size) :]
    if layer and max(cells) == 1 and max(input_size) > 1:
        warnings.warn(
            f"the map of {layer!r} is {' × '.join(map(str, cells))} for an input of "
            f"{' × '.join(map(str, input_size))}: one number, which says nothing of where. The "
            "input is too small for this layer: give a larger one, or choose an earlier layer",
            stacklevel=caller_level(),
        )

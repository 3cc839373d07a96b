"""Where the object is: masks, or boxes that become masks."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ..errors import InputError
from ..support.arrays import numbers_of


def masks_of(given: Any, samples: int, positions: Sequence[int]) -> np.ndarray:
    """(N, *positions) bool.

    Args:
        given: masks, true or 1 where the object is; or for each sample a box (left, top, right,
            bottom) in pixels, the ends left out, or several boxes.
        samples: N.
        positions: the size of the input.

    Raises:
        InputError: they are of another size, neither true nor false, or empty: a measure by an
            empty mask would say nothing.
    """
    if given is None:
        raise InputError("this measure needs masks=…, where the object is in each sample")
    shape = (samples, *positions)
    array = None if _is_ragged(given) else numbers_of(given)
    if array is not None and array.shape == shape:
        found = _as_bool(array)
    elif array is not None and samples == 1 and array.shape == tuple(positions):
        found = _as_bool(array)[None]
    elif len(positions) == 2 and len(given) == samples and (array is None or array.ndim in (2, 3)):
        boxes = [_boxes(one) for one in given]
        if any(one.shape[1] != 4 for one in boxes):
            raise InputError(_expected(array, shape))
        found = np.stack([_drawn(one, positions) for one in boxes])
    else:
        raise InputError(_expected(array, shape))
    empty = np.flatnonzero(~found.reshape(samples, -1).any(axis=1))
    if len(empty):
        raise InputError(
            f"the mask of sample {empty[0]} is empty: whether a map finds an object that is "
            "nowhere cannot be said; leave such samples out"
        )
    return found


def _is_ragged(given: Any) -> bool:
    """Whether the samples have different numbers of boxes, which is no array."""
    if hasattr(given, "shape"):
        return False
    return len({np.shape(one) for one in given}) > 1


def _boxes(given: Any) -> np.ndarray:
    found = np.asarray(given)
    return found.reshape(1, -1) if found.ndim == 1 else found.reshape(len(found), -1)


def _drawn(boxes: np.ndarray, positions: Sequence[int]) -> np.ndarray:
    mask = np.zeros(tuple(positions), bool)
    for left, top, right, bottom in np.rint(boxes).astype(int).tolist():
        if not (0 <= left < right <= positions[1] and 0 <= top < bottom <= positions[0]):
            raise InputError(
                f"the box {(left, top, right, bottom)} does not lie on the input of "
                f"{tuple(positions)}; expected (left, top, right, bottom) in its pixels"
            )
        mask[top:bottom, left:right] = True
    return mask


def _as_bool(array: np.ndarray) -> np.ndarray:
    if array.dtype != bool and not np.isin(array, (0, 1, 255)).all():
        raise InputError("a mask holds something else than 0 and 1, or 0 and 255")
    return array.astype(bool)


def _expected(array: np.ndarray | None, shape: Sequence[int]) -> str:
    given = "boxes of several kinds" if array is None else f"an array {array.shape}"
    return (
        f"the masks are {given}; expected {tuple(shape)}, at the size of the net's input, or for "
        "each sample a box (left, top, right, bottom) or several"
    )

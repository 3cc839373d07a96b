"""Sets of samples that an input is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.several_inputs import joined, parts_of, split
from ..errors import InputError
from ..support.arrays import numbers_of
from .baselines import check_array
from .inputs import for_each
from .view import View


def background_of(run: View, background: Any) -> np.ndarray:
    """(B, …) the samples that an input is compared with, as `run.x` has its own.

    Args:
        run: of the input.
        background: as it was given; of several inputs a set for each.

    Raises:
        InputError: samples of another shape, or not as many for each input.
    """
    sets = for_each(run, background, "background")
    parts = split(run.x, parts_of(run.input_map)) if parts_of(run.input_map) else [run.x]
    found = [_set_of(one, x) for one, x in zip(sets, parts)]
    if len({len(one) for one in found}) > 1:
        raise InputError(
            f"the background has {', '.join(str(len(one)) for one in found)} rows; expected as "
            "many for each input, which belong together"
        )
    return found[0] if len(found) == 1 and not parts_of(run.input_map) else joined(found)


def _set_of(background: Any, x: np.ndarray) -> np.ndarray:
    numbers = numbers_of(background)
    if numbers.ndim != x.ndim or not len(numbers):
        raise InputError(
            f"the background has shape {numbers.shape}; expected a set of inputs, "
            f"(B, {', '.join(map(str, x.shape[1:]))}), preprocessed"
        )
    return check_array(numbers, [(len(numbers), *x.shape[1:])], "the background")

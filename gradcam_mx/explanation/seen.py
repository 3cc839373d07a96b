"""What a net saw, as callers give it: one photo, clip or signal, or one a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import picture
from ..errors import InputError


def is_batch(given: Any, axes: int) -> bool:
    """Whether it is an array with a photo, clip or signal a sample, not the only sample's.

    Args:
        given: an array.
        axes: how many axes of positions the input has: 1 signal, 2 picture, 3 volume or clip.
    """
    shape = np.shape(given)
    is_grey = axes == 3 and shape[-1:] != (3,)
    return len(shape) == axes + (1 if is_grey else 2)


def for_each_sample(given: Any, axes: int, samples: int) -> list[np.ndarray]:
    """What the net saw, checked, for each sample: RGB photos or clips, or signals.

    Raises:
        InputError: there is not one for each, or it is something else.
    """
    found = list(given) if is_batch(given, axes) else [given]
    if len(found) != samples:
        name, shape = picture.SEEN[axes]
        raise InputError(
            f"{len(found)} {name}s for {samples} samples: pass an array (N, {shape}) with one a "
            "sample"
        )
    if axes == 1:
        return [picture.check_signal(one) for one in found]
    return [picture.check_photo(one, axes) for one in found]

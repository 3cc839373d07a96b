"""What the net of a store saw of a sample, as people see it."""

from __future__ import annotations

import numpy as np

from .. import picture
from ..data.samples import Sample
from ..errors import InputError
from ..support.arrays import stretched
from ..zoo.preprocess import Preprocess
from .manifest import Manifest


def seen_of(about: Manifest, sample: Sample) -> np.ndarray:
    """The part of a photo that the net saw, or its input as a picture: (H, W, 3) uint8.

    Args:
        about: of the store.
        sample: as its data set gives it.

    Raises:
        InputError: it is no picture.
    """
    values = sample.values
    if values.dtype == np.uint8 and about.preprocess is not None:
        return Preprocess.of(about.preprocess).crop(values)
    if values.ndim != 3:
        raise InputError(f"a sample of shape {values.shape} is no picture")
    channels = values if len(values) == 3 else values.mean(axis=0, keepdims=True)
    shown = stretched(channels.transpose(1, 2, 0)) * 255
    return picture.to_uint8(np.broadcast_to(shown, (*shown.shape[:2], 3)))

"""The highest and the lowest number of each sample, in operators.

By pooling over all positions: mx.onnx writes `max`, `min` and `mean` as they were before opset 18,
which newer checkers refuse (measured), and pooling as it has always been.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..graph.node import Entry
from .sketch import Sketch


def highest(sketch: Sketch, maps: Entry, size: Sequence[int]) -> Entry:
    """(N, 1, …): of maps (N, …).

    Args:
        sketch: where it is added.
        maps: they.
        size: theirs, without N.
    """
    rows = sketch.add("Reshape", maps, shape=(-1, 1, int(np.prod(size)), 1))
    found = sketch.add("Pooling", rows, kernel=(1, 1), pool_type="max", global_pool=True)
    return sketch.add("Reshape", found, shape=(-1, *[1] * len(size)))


def lowest(sketch: Sketch, maps: Entry, size: Sequence[int]) -> Entry:
    """(N, 1, …): of maps (N, …); the arguments are those of `highest`."""
    opposite = sketch.add("_mul_scalar", maps, scalar=-1.0)
    return sketch.add("_mul_scalar", highest(sketch, opposite, size), scalar=-1.0)

"""Maps at the size of the net's input, in operators: a product with a matrix along each axis."""

from __future__ import annotations

import numpy as np

from ..explanation.at_input import HALF, at_input, shift
from ..graph.centres import Centres, centres
from ..graph.node import Entry
from .extremes import lowest
from .sketch import Sketch
from .subject import Subject


def upsampled(sketch: Sketch, subject: Subject, maps: Entry) -> Entry:
    """(N, H, W): maps (N, h, w) as `Explanation.heatmap` has them before it stretches them.

    Linear interpolation is linear in the map, and does one axis after the other.
    """
    matrices = _matrices(subject)
    falls = not all(np.allclose(matrix.sum(axis=0), 1) for matrix in matrices)
    low = maps
    if falls:  # where there are no cells, to the lowest value
        low = lowest(sketch, maps, subject.cells)
        maps = sketch.add("broadcast_sub", maps, low)
    every = range(1 + len(matrices))
    for axis, matrix in enumerate(matrices, start=1):
        last = [*(one for one in every if one != axis), axis]
        turned = sketch.add("transpose", maps, axes=tuple(last))
        along = sketch.add("dot", turned, sketch.constant(f"cells{axis}", matrix))
        maps = sketch.add("transpose", along, axes=tuple(last.index(one) for one in every))
    return sketch.add("broadcast_add", maps, low) if falls else maps


def _matrices(subject: Subject) -> list[np.ndarray]:
    """Of each axis the matrix (cells, length of the input): what maps that are 1 in one cell are
    there."""
    known: Centres | None = centres(subject.graph, subject.shapes, subject.map, subject.input)
    align = known is not None and shift(subject.size, known) > HALF
    return [
        at_input(np.eye(cells), [length], None if known is None else [known[axis]], align)
        for axis, (cells, length) in enumerate(zip(subject.cells, subject.size))
    ]

"""What operators that move values do to them: they run on numbers that tell where each was."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from .._mxnet import mx
from .node import Entry
from .piece import Piece, symbol_of
from .structure import Structure


def moved(graph: Structure, made: Entry, numbers: Mapping[Entry, np.ndarray]) -> np.ndarray:
    """What a node makes of numbers in the place of the values that it reads: whole ones again.

    Args:
        graph: the node's.
        made: the value that it makes.
        numbers: for each value that it reads, an array shaped like it.
    """
    run = Piece(*symbol_of(graph, [made], frozenset(numbers)))
    # in double precision oneDNN, which cannot slice every array, takes no part
    arrays = {one: mx.nd.array(each, dtype="float64") for one, each in numbers.items()}
    with mx.autograd.pause(train_mode=False):
        return run(arrays, {})[0].asnumpy().astype(int)

"""Which sample each row of a value is of, where parts of samples are folded into their axis.

The views of an object and the frames of a clip, (N, V, C, H, W), are reshaped to (N·V, C, H, W)
and convolved. The samples' numbers are taken through the operators that move values, and so are
the numbers of positions: what is cut up or turned on the way does not lie on the input.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import numpy as np

from .._mxnet import mx
from ..support.caches import Cache
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .operators import Positions
from .piece import Piece, symbol_of
from .structure import Structure

Numbers = Optional[np.ndarray]
"""Of which sample: each row of a value (M,), or each of its elements; None if that is unknown."""


class _Known(Cache[Tuple[Tuple[Shape, ...], int], Dict[Entry, Numbers]]):
    def __init__(self) -> None:
        super().__init__(8)


def samples_of_rows(
    graph: Structure, shapes: Shapes, entry: Entry, samples: int
) -> np.ndarray | None:
    """(M,) the number of the sample that each row of a value is a view of.

    Args:
        graph: it.
        shapes: of all values.
        entry: the value.
        samples: how many samples there are.

    Returns:
        None if rows are of no one sample, not as many of each, or not at the input's positions.
    """
    key = shapes.of_inputs, samples
    known = graph.cache(_Known).get(key, lambda: _all_known(graph, shapes, samples))
    rows = _rows(known.get(entry))
    if rows is None or (np.bincount(rows, minlength=samples) * samples != len(rows)).any():
        return None
    return rows


def _all_known(graph: Structure, shapes: Shapes, samples: int) -> dict[Entry, Numbers]:
    known: dict[Entry, Numbers] = {
        entry: np.arange(samples) if shapes[entry][:1] == (samples,) else None
        for entry in graph.inputs
    }
    for node in graph.live_nodes:
        sources = [entry for entry in node.inputs if entry in known]
        for which in graph.outputs_read.get(node.index, [0]) if sources else []:
            entry = (node.index, which)
            known[entry] = _through(graph, node, entry, sources, known, shapes)
    return known


def _through(
    graph: Structure,
    node: Node,
    made: Entry,
    sources: list[Entry],
    known: dict[Entry, Numbers],
    shapes: Shapes,
) -> Numbers:
    """The samples' numbers behind a node."""
    before = [known[source] for source in sources]
    if made not in shapes or any(one is None for one in before):
        return None
    positions = node.operator.positions
    if positions in (Positions.MOVED, Positions.JOINED):
        return _moved(graph, node, made, sources, known, shapes)
    if positions is Positions.SAME and all(shapes[one] == shapes[made] for one in sources):
        alike = [_full(one, shapes[made]) for one in before]
        return before[0] if all(np.array_equal(one, alike[0]) for one in alike) else None
    rows = [_rows(one) for one in before]
    if rows[0] is None or len(rows[0]) != shapes[made][0]:
        return None
    return rows[0] if all(_is_same(one, rows[0]) for one in rows) else None


def _moved(
    graph: Structure,
    node: Node,
    made: Entry,
    sources: list[Entry],
    known: dict[Entry, Numbers],
    shapes: Shapes,
) -> Numbers:
    """The samples' numbers behind a node that moves values, which it does to the numbers."""
    if set(node.inputs) != set(sources):
        return None
    run = Piece(*symbol_of(graph, [made], frozenset(sources)))

    def moved(numbers: dict[Entry, np.ndarray]) -> np.ndarray:
        arrays = {one: mx.nd.array(each, dtype="float32") for one, each in numbers.items()}
        with mx.autograd.pause(train_mode=False):
            return run(arrays, {})[0].asnumpy().astype(int)

    found = moved({one: _full(known[one], shapes[one]) for one in sources})
    rows = _rows(found)
    kept = rows is not None and all(_is_same(rows, _rows(known[one])) for one in sources)
    if not kept or any(shapes[one] == shapes[made] for one in sources):
        axes = len(shapes[made]) - (2 if channel_axis(graph, made, shapes) == 1 else 1)
        there = shapes[made][len(shapes[made]) - axes :]
        if any(shapes[one][max(0, len(shapes[one]) - axes) :] != there for one in sources):
            return None
        numbers = np.arange(int(np.prod(there))).reshape(there)
        places = moved({one: np.broadcast_to(numbers, shapes[one]) for one in sources})
        if (places != numbers).any():
            return None
    return found if rows is None else rows


def _full(numbers: Numbers, shape: Shape) -> np.ndarray:
    """The numbers of each element of a value."""
    assert numbers is not None
    if numbers.ndim == len(shape) and numbers.ndim > 1:
        return numbers
    return np.broadcast_to(numbers.reshape(-1, *[1] * (len(shape) - 1)), shape)


def _is_same(one: Numbers, other: Numbers) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def _rows(numbers: Numbers) -> Numbers:
    """The numbers of each row; None if a row has several."""
    if numbers is None or numbers.ndim == 1:
        return numbers
    flat = numbers.reshape(len(numbers), -1)
    return flat[:, 0] if (flat == flat[:, :1]).all() else None

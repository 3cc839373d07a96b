"""Where the samples are in the values of a net: N is axis 0 of its input, not of every value.

Sequences have it at axis 1 (T, N, K); digits, frames and views are folded with it, (4N, K). Where
it is in a value is seen from its shapes for N samples and for 2N.
"""

from __future__ import annotations

from typing import Sequence

from .._mxnet import mx
from .kinds import Kind, Positions
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .structure import Structure


def count(graph: Structure, shapes: Shapes) -> int:
    """How many samples the input holds that has positions, of several the first."""
    return max((shapes[entry] for entry in graph.inputs), key=len)[0]


def axis(shapes: Shapes, entry: Entry, samples: int) -> int | None:
    """The axis of a value that holds the samples; None if none does.

    Args:
        shapes: of all values.
        entry: the value.
        samples: how many there are.
    """
    shape = shapes[entry]
    if not is_known(shape):
        return 0  # as in most nets
    twice = shapes.of_twice(samples)
    if twice is None or twice[entry] == shape:
        return 0 if shape[:1] == (samples,) else None
    grown = [place for place, pair in enumerate(zip(shape, twice[entry])) if len(set(pair)) > 1]
    is_one = len(grown) == 1 and len(twice[entry]) == len(shape)
    if not is_one or (shape[grown[0]], twice[entry][grown[0]]) != (samples, 2 * samples):
        return None
    return grown[0]


def possible_axes(shapes: Shapes, entry: Entry, samples: int) -> list[int]:
    """The axes of a value that may hold the samples: of a net for one number of samples, all that
    are as long.

    Args:
        shapes: of all values.
        entry: the value.
        samples: how many there are.
    """
    if shapes.of_twice(samples) is None:
        return [at for at, size in enumerate(shapes[entry]) if size == samples]
    found = axis(shapes, entry, samples)
    return [] if found is None else [found]


def is_shared(shapes: Shapes, entry: Entry, samples: int) -> bool:
    """Whether a value is of the same shape however many samples there are."""
    twice = shapes.of_twice(samples)
    return twice is not None and is_known(shapes[entry]) and twice[entry] == shapes[entry]


def all_meet(graph: Structure, shapes: Shapes, point: Entry, heads: Sequence[Entry]) -> bool:
    """Whether between a value and the outputs all samples make one number, such as their mean.

    It is told by a shape that does not grow with the samples.

    Args:
        graph: it.
        shapes: of all values.
        point: the value.
        heads: the outputs.
    """
    count_of, way = _count_of(shapes, point), _between(graph, point, heads)
    made: set[int] = {point[0]}
    for node in graph.live_nodes:
        known = node.operator
        if node.index not in way or not known.reads_numbers or known.is_int8:
            continue
        if not made.isdisjoint(source for source, _ in node.inputs):
            made.add(node.index)
            entries = [(node.index, which) for which in graph.outputs_read.get(node.index, [])]
            if any(is_shared(shapes, entry, count_of) for entry in entries if entry in shapes):
                return True
    return False


def _count_of(shapes: Shapes, point: Entry) -> int:
    return shapes[point][0] if shapes[point] else 0


def _between(graph: Structure, point: Entry, heads: Sequence[Entry]) -> frozenset[int]:
    """The nodes between a value and the outputs."""
    return frozenset(graph.descendants([point]) & graph.ancestors(heads))


def mixed_along_axis(
    graph: Structure, shapes: Shapes, point: Entry, heads: Sequence[Entry]
) -> bool:
    """Whether between a value and the outputs an operator works along the axis of the samples, as a
    softmax over them does.

    Args:
        graph: it.
        shapes: of all values.
        point: the value.
        heads: the outputs.
    """
    count_of, way = _count_of(shapes, point), _between(graph, point, heads)
    return any(
        node.index in way and _mixes_samples(node, shapes, count_of) for node in graph.live_nodes
    )


def _mixes_samples(node: Node, shapes: Shapes, samples: int) -> bool:
    if node.operator.positions is not Positions.ALONG_AXIS or node.inputs[0] not in shapes:
        return False
    rank = len(shapes[node.inputs[0]])
    along = node.whole("axis", -1) % rank if rank else -1
    return axis(shapes, node.inputs[0], samples) == along


def is_known(shape: Shape) -> bool:
    """Whether MXNet could tell a shape before it runs; not those behind some loops."""
    return bool(shape) or mx.util.is_np_shape()


def reads_by_number(graph: Structure, point: Entry, heads: Sequence[Entry]) -> bool:
    """Whether between a value and the outputs an operator reads samples by their numbers.

    Args:
        graph: it.
        point: the value; in others in its place, of other numbers of samples, the numbers would
            be those of other samples.
        heads: the outputs.
    """
    after = {point[0], *graph.descendants([point])}
    way = after & graph.ancestors(heads)
    return any(
        node.operator.picks_samples(node) and node.inputs[0][0] in after
        for node in graph.live_nodes
        if node.index in way and node.inputs
    )


def placed(graph: Structure, shapes: Shapes) -> frozenset[int]:
    """The nodes whose values are made of the input and have its positions.

    Behind a Dense layer, a pool over everything, or the cutting out of regions, a map of features
    is of other positions, if it is one at all. The input's own numbers, moved, are no features.
    """
    moved = {index for index, _ in graph.inputs}
    found = set(moved)
    for node in graph.live_nodes:
        sources = [source for source, _ in node.inputs]
        if not any(source in found for source in sources) or _leaves(graph, node, shapes):
            continue
        found.add(node.index)
        is_moved = node.operator.positions in (Positions.MOVED, Positions.JOINED)
        if is_moved and all(source in moved for source in sources):
            moved.add(node.index)
    return frozenset(found - moved)


def _leaves(graph: Structure, node: Node, shapes: Shapes) -> bool:
    """Whether the positions of what a node reads are lost in what it gives."""
    if node.operator.cuts_out:
        return True
    if node.operator.positions in (Positions.SAME, Positions.MOVED, Positions.JOINED):
        return False
    shape = shapes.get((node.index, 0))
    if shape is None:
        return False
    if len(shape) < 3 or _is_flat_dense(node):
        return True
    if sum(size > 1 for size in shape[1:]) > 1:
        return False
    channels = channel_axis(graph, (node.index, 0), shapes)
    return all(size == 1 for place, size in enumerate(shape) if place not in (0, channels))


def _is_flat_dense(node: Node) -> bool:
    return node.operator.kind is Kind.DENSE and node.flag("flatten", True)

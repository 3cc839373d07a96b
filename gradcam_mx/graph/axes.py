"""Which axes of the net's input the axes of its values are: whether a map lies on the picture.

An axis is known by its parts: the axis of the input that it is, or those that are folded into it
(rows and columns of a picture that became a sequence), each with its size there. What mixes
positions, or makes others, leaves an axis of which nothing is known.
"""

from __future__ import annotations

from math import prod
from typing import Callable, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..support.caches import Cache
from .attributes import numbers_of
from .kinds import Kind, Positions
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .operators import OPERATORS
from .structure import Structure

Part = Tuple[Optional[int], int]
"""(the axis of the input, or None if that is not known; the size)."""
Axis = Tuple[Part, ...]
Axes = Tuple[Axis, ...]


class _Known(Cache["tuple[Shape, ...]", "dict[Entry, Axes]"]):
    def __init__(self) -> None:
        super().__init__(8)


def lies_on_input(graph: Structure, entry: Entry, shapes: Shapes) -> bool:
    """Whether the positions of a value are those of the input, in their order and all of them.

    Of several inputs, those count that have the most axes.
    """
    known = graph.cache(_Known).get(shapes.of_inputs, lambda: axes(graph, shapes))
    found, channels = known[entry], channel_axis(graph, entry, shapes)
    origins = [_origin(axis) for place, axis in enumerate(found) if place != channels]
    positions = origins[1:]
    return (
        origins[0] == 0
        and None not in positions
        and positions == sorted(set(positions))  # type: ignore[type-var]
        and set(positions) >= _positions(graph, shapes)
    )


def axes(graph: Structure, shapes: Mapping[Entry, Shape]) -> dict[Entry, Axes]:
    """The axes of every value, for inputs of certain shapes."""
    found: dict[Entry, Axes] = {}
    for node in graph.live_nodes:
        for which in graph.outputs_read.get(node.index, [0]):
            entry = node.index, which
            if entry not in shapes:
                continue
            shape = shapes[entry]
            if entry in graph.inputs:
                found[entry] = tuple(((axis, size),) for axis, size in enumerate(shape))
                if len(shape) < _rank(graph, shapes):
                    found[entry] = _unknown(shape)
            elif node.is_variable or not node.inputs:
                found[entry] = _unknown(shape)
            else:
                found[entry] = _of(_Made(node, [found[one] for one in node.inputs], shape))
    return found


class _Made(NamedTuple):
    """A value, the operator that makes it, and the axes of what that reads."""

    node: Node
    read: Sequence[Axes]
    shape: Shape


def _rank(graph: Structure, shapes: Mapping[Entry, Shape]) -> int:
    return max(len(shapes[entry]) for entry in graph.inputs if entry in shapes)


def _positions(graph: Structure, shapes: Mapping[Entry, Shape]) -> set[int]:
    """The axes of the input that are positions: all but those of samples and channels."""
    rank = _rank(graph, shapes)
    if rank < 3:
        return set(range(1, rank))
    entry = next(one for one in graph.inputs if len(shapes.get(one, ())) == rank)
    return set(range(1, rank)) - {channel_axis(graph, entry, shapes)}


def _unknown(shape: Sequence[int]) -> Axes:
    return tuple(((None, size),) for size in shape)


def _origin(axis: Axis) -> int | None:
    return axis[0][0] if len(axis) == 1 else None


def _size(axis: Axis) -> int:
    return prod(size for _, size in axis)


def _resized(axis: Axis, size: int) -> Axis:
    """An axis that lies along another, with more or fewer positions."""
    return axis if _size(axis) == size else ((_origin(axis), size),)


def _of(made: _Made) -> Axes:
    known = made.node.operator
    rule = _OF_KIND.get(known.kind) or _OF_POSITIONS.get(known.positions, _along_first)
    if known.positions is Positions.ANY and made.node.op not in OPERATORS:
        rule = _elementwise  # taken at its word: it leaves the shape as it is, and the positions
    found = rule(made)
    return found if tuple(map(_size, found)) == tuple(made.shape) else _unknown(made.shape)


# -- by operator -----------------------------------------------------------------------------------


def _joined(read: Sequence[Axes], shape: Sequence[int]) -> Axes:
    """Of operands that are combined element by element, the smaller ones along the others."""
    found = []
    for back in range(-len(shape), 0):
        size = shape[back]
        along = {one[back] for one in read if len(one) >= -back and _size(one[back]) == size}
        told = [axis for axis in along if all(origin is not None for origin, _ in axis)]
        found.append(told[0] if len(told) == 1 else ((None, size),))
    return tuple(found)


def _elementwise(made: _Made) -> Axes:
    return _joined(made.read, made.shape)


def _windowed(made: _Made) -> Axes:
    """Windows of positions; the channels are others."""
    found = _along_first(made)
    return (found[0], ((None, made.shape[1]),), *found[2:])


def _along_first(made: _Made) -> Axes:
    if len(made.read[0]) != len(made.shape):
        return _unknown(made.shape)
    return tuple(map(_resized, made.read[0], made.shape))


def _reshaped(made: _Made) -> Axes:
    """The same numbers in the same order: axes are folded and unfolded."""
    parts = [part for axis in made.read[0] for part in axis]
    found = []
    for size in made.shape:
        axis: list[Part] = []
        while parts and (prod(one for _, one in axis) < size or (not axis and parts[0][1] == 1)):
            origin, length = parts.pop(0)
            missing = size // max(prod(one for _, one in axis), 1)
            if length > missing:  # it is cut in two
                if missing == 0 or length % missing:
                    return _unknown(made.shape)
                parts.insert(0, (None, length // missing))
                origin, length = None, missing
            axis.append((origin, length))
        longer = [part for part in axis if part[1] > 1]
        found.append(tuple(longer or axis[:1]) or ((None, 1),))
    return tuple(found)


def _transposed(made: _Made) -> Axes:
    read = made.read[0]
    order = made.node.numbers("axes") or range(len(read))[::-1]
    return tuple(read[axis] for axis in order)


def _swapped(made: _Made) -> Axes:
    read = list(made.read[0])
    one, other = made.node.whole("dim1", 0), made.node.whole("dim2", 0)
    read[one], read[other] = read[other], read[one]
    return tuple(read)


def _cut(made: _Made) -> Axes:
    """A part of each axis; it lies along it if it goes over more than half of it."""
    steps = [step or 1 for step in numbers_of(made.node.text("step", "()"))]
    steps += [1] * (len(made.shape) - len(steps))
    if len(made.read[0]) != len(made.shape):
        return _unknown(made.shape)
    return tuple(
        _resized(axis, size) if 2 * size * step > _size(axis) else ((None, size),)
        for axis, size, step in zip(made.read[0], made.shape, steps)
    )


def _sorted(made: _Made) -> Axes:
    """As it was but for the axis along which it sorts."""
    if made.node.text("axis", "-1") == "None" or len(made.read[0]) != len(made.shape):
        return _unknown(made.shape)
    along = made.node.whole("axis", -1) % len(made.shape)
    found = list(made.read[0])
    found[along] = ((None, made.shape[along]),)
    return tuple(found)


def _reduced(made: _Made) -> Axes:
    """Without the axes along which it sums, or with one position left of each."""
    read = made.read[0]
    if len(read) == len(made.shape):
        return _along_first(made)
    gone = {axis % len(read) for axis in made.node.numbers("axis")} or set(range(len(read)))
    if made.node.flag("exclude", False):
        gone = set(range(len(read))) - gone
    return tuple(axis for place, axis in enumerate(read) if place not in gone)


def _concatenated(made: _Made) -> Axes:
    place = made.node.whole("dim", 1) % len(made.shape)
    beside = [(*one[:place], ((None, 0),), *one[place + 1 :]) for one in made.read]
    found = list(_joined(beside, made.shape))
    found[place] = ((None, made.shape[place]),)
    return tuple(found)


def _stacked(made: _Made) -> Axes:
    place = made.node.whole("axis", 0) % len(made.shape)
    found = list(_joined(made.read, [*made.shape[:place], *made.shape[place + 1 :]]))
    found.insert(place, ((None, made.shape[place]),))
    return tuple(found)


def _dense(made: _Made) -> Axes:
    if made.node.flag("flatten", True):
        return made.read[0][0], ((None, made.shape[-1]),)
    return (*made.read[0][:-1], ((None, made.shape[-1]),))


def _product(made: _Made) -> Axes:
    """Rows of the first, columns of the second; the samples of both, of a batch of products."""
    left, right = made.read[:2]
    if made.node.flag("transpose_a", False):
        left = (*left[:-2], *left[-2:][::-1])
    if made.node.flag("transpose_b", False):
        right = (*right[:-2], *right[-2:][::-1])
    if made.node.op == "dot" or len(left) < 3:
        return (*left[:-1], *right[1:])
    batch = _joined([left[:-2], right[:-2]], made.shape[:-2])
    return (*batch, left[-2], right[-1])


def _looked_up(made: _Made) -> Axes:
    return (*made.read[0], ((None, made.shape[-1]),))


def _nothing_known(made: _Made) -> Axes:
    return _unknown(made.shape)


_Rule = Callable[[_Made], Axes]

_OF_KIND: dict[Kind | None, _Rule] = {
    Kind.DENSE: _dense,
    Kind.LOOKUP: _looked_up,
    Kind.MATRIX_PRODUCT: _product,
    Kind.TRANSPOSITION: _transposed,
    Kind.EXCHANGE: _swapped,
    Kind.RESHAPING: _reshaped,
    Kind.CUTTING: _cut,
    Kind.SORTING: _sorted,
    Kind.RESIZING: _along_first,
    Kind.CONCATENATION: _concatenated,
    Kind.STACKING: _stacked,
    Kind.DETECTION: _nothing_known,
}
_OF_POSITIONS: dict[Positions, _Rule] = {
    Positions.SAME: _elementwise,
    Positions.WINDOW: _windowed,
    Positions.TRANSPOSED_WINDOW: _windowed,
    Positions.REDUCED: _reduced,
    Positions.ANY: _nothing_known,
    Positions.MOVED: _nothing_known,
    Positions.JOINED: _nothing_known,
}

"""Where on the input the cells of a layer's map lie: the middles of what they see.

Along each axis of a value stand two numbers for each position: the first and the last position of
the input that it reads, as if the input had no end. Padding lets units at the border see less of
the input, but it does not move them. Each operator turns these spans of what it reads into those of
what it gives (Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks").
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..support.caches import Cache
from .kinds import Kind, Positions
from .layers import Map
from .moves import moved
from .node import Entry, Node, Shape, Shapes
from .structure import Structure
from .windows import transposed_pads

Centres = Tuple[Tuple[float, ...], ...]
"""For each axis of positions the middle of each cell, in pixels of the input."""

_FAR = 2**20
"""Numbers of positions begin here where values are moved: what is less was filled in."""


class Span(NamedTuple):
    """What the positions along an axis read."""

    axis: int
    """Of the input."""
    first: np.ndarray
    last: np.ndarray

    def of(self, first: np.ndarray, last: np.ndarray) -> Span:
        """What positions read that read from one place along this axis to another."""
        return Span(self.axis, _at(self.first, first), _at(self.last, last))


Spans = Dict[int, Span]
"""An axis of a value → what the positions along it read, where that is known."""


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values at places between and beyond their positions, as if they went on like that."""
    if len(values) == 1:
        return np.full(len(places), values[0])
    lower = np.clip(np.floor(places).astype(int), 0, len(values) - 2)
    return values[lower] + (places - lower) * (values[lower + 1] - values[lower])


class _Kept(Cache["tuple[Map, Tuple[Shape, ...]]", "Dict[Entry, Spans]"]):
    def __init__(self) -> None:
        super().__init__(8)


class _Found(Cache["tuple[Map, Map, Tuple[Shape, ...]]", "Centres | None"]):
    def __init__(self) -> None:
        super().__init__(64)


def centres(graph: Structure, shapes: Shapes, layer: Map, source: Map) -> Centres | None:
    """The middle of what each cell of a map sees of an input, for each axis of positions.

    Args:
        graph: it.
        shapes: of all values.
        layer: the map.
        source: the input.

    Returns:
        None where it is not known: positions were mixed, or moved to another axis.
    """
    key = layer, source, shapes.of_inputs
    return graph.cache(_Found).get(key, lambda: _centres(graph, shapes, layer, source))


def _centres(graph: Structure, shapes: Shapes, layer: Map, source: Map) -> Centres | None:
    spans = graph.cache(_Kept).get(
        (source, shapes.of_inputs), lambda: _spans(graph, shapes, source)
    )
    found = spans.get(layer.point, {})
    axes = [one for one in range(1, len(shapes[layer.point])) if one != layer.channel_axis]
    of_input = [one for one in range(1, len(shapes[source.point])) if one != source.channel_axis]
    wanted = of_input[len(of_input) - len(axes) :]
    if len(wanted) < len(axes) or not axes:
        return None
    if any(one not in found or found[one].axis != axis for one, axis in zip(axes, wanted)):
        return None
    middles = [(found[axis].first + found[axis].last) / 2 for axis in axes]
    steps = [np.diff(one) for one in middles]
    # cells that see the same, or go back and forth, are no grid
    if not all((one > 0).all() or (one < 0).all() for one in steps):
        return None
    return tuple(tuple(one.tolist()) for one in middles)


def _spans(graph: Structure, shapes: Shapes, source: Map) -> dict[Entry, Spans]:
    """What is known of all values that depend on an input."""
    every = {
        axis: np.arange(length, dtype=float)
        for axis, length in enumerate(shapes[source.point])
        if axis not in (0, source.channel_axis)
    }
    start = {axis: Span(axis, one, one) for axis, one in every.items()}
    known: dict[Entry, Spans] = {source.point: start}
    for node in graph.live_nodes:
        read = [known.get(entry, {}) for entry in node.inputs]
        if not any(read):
            continue
        for which in graph.outputs_read.get(node.index, [0]):
            made = node.index, which
            if made in shapes:
                known[made] = _Step(graph, shapes, node, made, read).spans()
    return known


class _Step(NamedTuple):
    """One operator, and what is known of the values that it reads."""

    graph: Structure
    shapes: Mapping[Entry, Shape]
    node: Node
    made: Entry
    read: Sequence[Spans]

    def spans(self) -> Spans:
        """What is known of the value that it gives."""
        if self.node.operator.kind is Kind.RESHAPING:
            return _reshaped(self)
        return _FORWARD.get(self.node.operator.positions, _nothing)(self)

    @property
    def shape(self) -> Shape:
        """Of what it gives."""
        return self.shapes[self.made]

    @property
    def before(self) -> Shape:
        """Of the first value that it reads."""
        return self.shapes[self.node.inputs[0]]


Forward = Callable[[_Step], Spans]


def _nothing(step: _Step) -> Spans:
    """Positions are mixed, or nobody knows."""
    return {}


def _merged(spans: Sequence[Span]) -> Span | None:
    """What several values read, together; None if it is of different axes."""
    if len({one.axis for one in spans}) != 1:
        return None
    if all(one is spans[0] for one in spans):
        return spans[0]
    first = np.min([one.first for one in spans], axis=0)
    return Span(spans[0].axis, first, np.max([one.last for one in spans], axis=0))


def _same(step: _Step) -> Spans:
    """Each position from the same position of all that is read; an axis of length 1 is stretched,
    and says nothing of where."""
    found = {}
    for axis, length in enumerate(step.shape):
        candidates = []
        for entry, spans in zip(step.node.inputs, step.read):
            shape = step.shapes[entry]
            own = axis - len(step.shape) + len(shape)
            if own in spans and shape[own] == length:
                candidates.append(spans[own])
        merged = _merged(candidates)
        if merged is not None:
            found[axis] = merged
    return found


def _first(step: _Step) -> Spans:
    """Each position from the same one, where the shape is that of what is read first."""
    return step.read[0] if step.shape == step.before else {}


def _joined(step: _Step) -> Spans:
    """Parts side by side: along their axis one after the other, along others as they are."""
    joint = step.node.whole("dim", 1) % len(step.shape)
    found = {}
    for axis in range(1, len(step.shape)):
        parts = [spans[axis] for spans in step.read if axis in spans]
        if axis != joint:
            merged = _merged(parts)
            if merged is not None:
                found[axis] = merged
        elif len(parts) == len(step.read) and len({one.axis for one in parts}) == 1:
            first, last = (np.concatenate(one) for one in list(zip(*parts))[1:])
            found[axis] = Span(parts[0].axis, first, last)
    return found


def _reshaped(step: _Step) -> Spans:
    """The last axes as they were, as long as each has its length."""
    found: Spans = {}
    for back in range(1, min(len(step.shape), len(step.before)) + 1):
        if step.shape[-back] != step.before[-back]:
            break
        own = len(step.before) - back
        if own in step.read[0]:
            found[len(step.shape) - back] = step.read[0][own]
    return {axis: span for axis, span in found.items() if axis}


def _reduced(step: _Step) -> Spans:
    """The axes that are left."""
    count = len(step.before)
    given = {axis % count for axis in step.node.numbers("axis")} or set(range(count))
    gone = set(range(count)) - given if step.node.flag("exclude", False) else given
    left = [axis for axis in range(count) if axis not in gone]
    kept = len(step.shape) == count
    return {
        (axis if kept else place): step.read[0][axis]
        for place, axis in enumerate(left)
        if axis in step.read[0] and (axis if kept else place)
    }


def _moved(step: _Step) -> Spans:
    """The operator itself tells, run on the number of each position."""
    found: Spans = {}
    for source in {span.axis for spans in step.read for span in spans.values()}:
        axes = [
            next((axis for axis, one in spans.items() if one.axis == source), None)
            for spans in step.read
        ]
        known = [spans[axis] for spans, axis in zip(step.read, axes) if axis is not None]
        if len(known) == 1:
            numbers = _numbered(step, axes, is_short=True)
            found.update(_along(_numbered(step, axes) if numbers is None else numbers, known[0]))
    return found


def _numbered(step: _Step, axes: Sequence[int | None], is_short: bool = False) -> Any:
    """What the operator makes of the numbers of positions along an axis of what it reads.

    Args:
        axes: of each value that it reads; None where there is none.
        is_short: whether to make do with one sample and one channel; None if it cannot.
    """
    numbers = {}
    for entry, axis in zip(step.node.inputs, axes):
        shape = list(step.shapes[entry])
        if is_short:
            shape[:2] = [size if place == axis else 1 for place, size in enumerate(shape[:2])]
        filled = np.zeros(shape, np.float32)
        if axis is not None:
            turned = [-1 if place == axis else 1 for place in range(len(shape))]
            filled += np.arange(_FAR, _FAR + shape[axis]).reshape(turned)
        numbers[entry] = filled
    try:
        made = moved(step.graph, step.made, numbers)
    except mx.MXNetError:
        if is_short:
            return None
        raise
    fits = len(made.shape) == len(step.shape) and all(
        one in (1, size) for one, size in zip(made.shape, step.shape)
    )
    return made if fits or not is_short else None


def _along(numbers: np.ndarray, span: Span) -> Spans:
    """The axis along which numbers of positions go, and what is read there."""
    known = numbers >= _FAR
    for axis in range(1, numbers.ndim):
        others = tuple(one for one in range(numbers.ndim) if one != axis)
        is_known = known.any(axis=others)
        lowest = np.where(known, numbers, 2 * _FAR).min(axis=others)
        highest = np.where(known, numbers, 0).max(axis=others)
        if not (is_known.any() and (lowest == highest)[is_known].all()):
            continue
        if numbers.shape[axis] == 1 and numbers[known].min() < numbers[known].max():
            continue
        at = np.flatnonzero(is_known)
        places = (lowest[at] - _FAR).astype(float)
        # what was filled in lies beyond, as if the positions went on
        step = (places[-1] - places[0]) / max(1, at[-1] - at[0])
        line = np.arange(len(is_known))
        whole = np.interp(line, at, places)
        whole += step * (np.minimum(line - at[0], 0) + np.maximum(line - at[-1], 0))
        return {axis: span.of(whole, whole)}
    return {}


# -- windows ---------------------------------------------------------------------------------------

Window = Callable[[np.ndarray, int, int, int, int], Tuple[np.ndarray, np.ndarray]]


def _convolved(
    line: np.ndarray, kernel: int, stride: int, pad: int, dilate: int
) -> tuple[np.ndarray, np.ndarray]:
    first = line * stride - pad
    return first, first + (kernel - 1) * dilate


def _transposed(
    line: np.ndarray, kernel: int, stride: int, pad: int, dilate: int
) -> tuple[np.ndarray, np.ndarray]:
    # fractions: between two positions, what a kernel reads of either may change from one to the
    # next, but not where its middle lies
    last = (line + pad) / stride
    return last - (kernel - 1) * dilate / stride, last


def _windows(window: Window) -> Forward:
    """Each position from a window of positions."""

    def forward(step: _Step) -> Spans:
        node, count = step.node, len(step.shape) - 2
        if node.text("layout", "None") not in ("None", "NCW", "NCHW", "NCDHW"):
            return {}
        kernel, stride, pad, dilate = (
            list(node.numbers(name)) or [default] * count
            for name, default in (("kernel", 1), ("stride", 1), ("pad", 0), ("dilate", 1))
        )
        if window is _transposed:
            pad = list(transposed_pads(node, step.before[2:], step.shape[2:])) or pad
        found = {}
        for axis, each in enumerate(zip(kernel, stride, pad, dilate), start=2):
            span = step.read[0].get(axis)
            if span is not None and each[:3] != (1, 1, 0):
                line = np.arange(step.shape[axis], dtype=float)
                span = span.of(*window(line, *each))
            if span is not None:
                found[axis] = span
        return found

    return forward


def _pooled(step: _Step) -> Spans:
    is_local = not step.node.flag("global_pool", False)
    is_known = step.node.text("pooling_convention", "valid") != "same"
    return _windows(_convolved)(step) if is_local and is_known else {}


def _resized(place: Callable[[np.ndarray, int, int], np.ndarray]) -> Forward:
    """Each position from about one place."""

    def forward(step: _Step) -> Spans:
        found = {}
        for axis, span in step.read[0].items():
            if axis > 1:
                before, after = step.before[axis], step.shape[axis]
                places = place(np.arange(after, dtype=float), before, after)
                found[axis] = span.of(places, places)
        return found

    return forward


def _by_middles(line: np.ndarray, before: int, after: int) -> np.ndarray:
    return (line + 0.5) * before / after - 0.5


def _by_corners(line: np.ndarray, before: int, after: int) -> np.ndarray:
    return line * ((before - 1) / max(1, after - 1))


def _interpolated(step: _Step) -> Spans:
    aligned = step.node.flag("align_corners", True)
    return _resized(_by_corners if aligned else _by_middles)(step)


_FORWARD: Mapping[Positions, Forward] = {
    Positions.SAME: _same,
    Positions.WHOLE: _first,
    Positions.CHANNELS: _first,
    Positions.CHANNEL: _first,
    Positions.BY_MODE: _first,
    Positions.ALONG_AXIS: _first,
    Positions.MOVED: _moved,
    Positions.JOINED: _joined,
    Positions.REDUCED: _reduced,
    Positions.WINDOW: _windows(_convolved),
    Positions.TRANSPOSED_WINDOW: _windows(_transposed),
    Positions.POOLED: _pooled,
    Positions.SHARED_OUT: _resized(_by_middles),
    Positions.ENLARGED: _resized(_by_middles),
    Positions.INTERPOLATED: _interpolated,
}
"""How spans go forward; of others nothing is known."""

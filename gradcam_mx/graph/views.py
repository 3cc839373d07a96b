"""Which sample each row of a value is of, where parts of samples are folded into their axis.

The views of an object and the frames of a clip, (N, V, C, H, W), are reshaped to (N·V, C, H, W)
and convolved. The samples' numbers are taken through the operators that move values, and so are
the numbers of positions: what is cut up or turned on the way does not lie on the input.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from ..errors import LayerError
from ..support.caches import Cache
from . import samples
from .kinds import Positions
from .layout import channel_axis
from .moves import moved
from .node import Entry, Node, Shape, Shapes
from .structure import Structure


class _Rows(NamedTuple):
    """What is known of the rows of a value."""

    numbers: np.ndarray
    """Of which sample each row is, (M,), or each element, shaped like the value."""
    lies: bool
    """Whether its positions are those of the input."""


_Known = Dict[Entry, Optional[_Rows]]


class _Found(Cache[Tuple[Tuple[Shape, ...], int, int], _Known]):
    def __init__(self) -> None:
        super().__init__(8)


def rows_of(graph: Structure, entry: Entry, shapes: Shapes) -> np.ndarray | None:
    """(M,) which sample each row of a layer's output is of; None if its rows are of no samples."""
    count = samples.count(graph, shapes)
    if samples.axis(shapes, entry, count) == 0:
        return np.arange(count)
    return _folded_rows(graph, shapes, entry, count)


def check_rows(graph: Structure, entry: Entry, name: str, shapes: Shapes) -> np.ndarray:
    """(M,) which sample each row of a layer's output is of.

    Raises:
        LayerError: its rows are of no samples.
    """
    rows = rows_of(graph, entry, shapes)
    if rows is None:
        raise LayerError(
            f"the layer {name!r} gives {shapes[entry]} for {samples.count(graph, shapes)} samples: "
            "its axis 0 holds neither the samples nor whole views of each, so it is no map of "
            "them; choose a layer before the samples are cut up or moved to another axis, or "
            "explain the input itself (saliency, integrated_gradients, occlusion)"
        )
    return rows


def has_views(graph: Structure, entry: Entry, shapes: Shapes) -> bool:
    """Whether a layer's output holds several rows of each sample: its views, or frames."""
    rows = rows_of(graph, entry, shapes)
    return rows is not None and len(rows) > samples.count(graph, shapes)


def _folded_rows(graph: Structure, shapes: Shapes, entry: Entry, samples: int) -> np.ndarray | None:
    """(M,) the number of the sample that each row of a value is a view of.

    Args:
        graph: it.
        shapes: of all values.
        entry: the value.
        samples: how many samples there are.

    Returns:
        None if rows are of no one sample, not as many of each, or not at the input's positions.
    """
    axes = len(shapes[entry]) - (2 if channel_axis(graph, entry, shapes) == 1 else 1)
    key = shapes.of_inputs, samples, axes
    known = graph.cache(_Found).get(key, lambda: _Flow(graph, shapes, axes).of(samples))
    found = known.get(entry)
    rows = None if found is None or not found.lies else _of_rows(found.numbers)
    if rows is None or (np.bincount(rows, minlength=samples) * samples != len(rows)).any():
        return None
    return rows


class _Flow:
    """Takes the numbers of samples through a graph.

    Args:
        graph: it.
        shapes: of all values.
        axes: how many of the last axes are those of the positions that have to be kept.
    """

    def __init__(self, graph: Structure, shapes: Shapes, axes: int) -> None:
        self._graph, self._shapes, self._axes = graph, shapes, axes
        self._known: _Known = {}

    def of(self, samples: int) -> _Known:
        """What is known of all values that depend on the inputs."""
        for entry in self._graph.inputs:
            has_samples = self._shapes[entry][:1] == (samples,)
            self._known[entry] = _Rows(np.arange(samples), True) if has_samples else None
        for node in self._graph.live_nodes:
            sources = [entry for entry in node.inputs if entry in self._known]
            for which in self._graph.outputs_read.get(node.index, [0]) if sources else []:
                made = (node.index, which)
                self._known[made] = self._through(node, made, sources)
        return self._known

    def _through(self, node: Node, made: Entry, sources: list[Entry]) -> _Rows | None:
        before = [one for one in map(self._known.get, sources) if one is not None]
        if made not in self._shapes or len(before) < len(sources):
            return None
        positions = node.operator.positions
        if positions in (Positions.MOVED, Positions.JOINED):
            is_all = set(node.inputs) == set(sources)
            return self._moved(made, dict(zip(sources, before))) if is_all else None
        lies = any(one.lies for one in before)
        shape = self._shapes[made]
        if positions is Positions.SAME and all(self._shapes[one] == shape for one in sources):
            full = [_full(one.numbers, shape) for one in before]
            alike = all(np.array_equal(one, full[0]) for one in full)
            return _Rows(before[0].numbers, lies) if alike else None
        rows = [_of_rows(one.numbers) for one in before]
        alike = all(_is_same(one, rows[0]) for one in rows)
        return _Rows(rows[0], lies) if alike and len(rows[0]) == shape[0] else None  # type: ignore

    def _moved(self, made: Entry, before: dict[Entry, _Rows]) -> _Rows:
        """Behind a node that moves values: what it does to them, it does to their numbers."""
        shapes, shape = {one: self._shapes[one] for one in before}, self._shapes[made]
        found = moved(
            self._graph, made, {one: _full(before[one].numbers, shapes[one]) for one in before}
        )
        rows = _of_rows(found)
        numbers = found if rows is None else rows
        if not all(one.lies for one in before.values()):
            return _Rows(numbers, False)
        kept = all(_is_same(rows, _of_rows(one.numbers)) for one in before.values())
        turned = [one for one in shapes.values() if len(one) == len(shape) and one != shape]
        if kept and len(turned) == len(shapes):  # cropped, or channels go to another axis
            return _Rows(numbers, True)
        there = _last(shape, self._axes)
        if any(_last(one, self._axes) != there for one in shapes.values()):
            return _Rows(numbers, False)
        places = np.arange(int(np.prod(there))).reshape(there)
        spread = {one: np.broadcast_to(places, each) for one, each in shapes.items()}
        found = moved(self._graph, made, spread)
        return _Rows(numbers, bool((found == places).all()))


def _last(shape: Shape, axes: int) -> Shape:
    return shape[max(0, len(shape) - axes) :]


def _full(numbers: np.ndarray, shape: Shape) -> np.ndarray:
    """The numbers of each element of a value."""
    if numbers.ndim == len(shape) and numbers.ndim > 1:
        return numbers
    return np.broadcast_to(numbers.reshape(-1, *[1] * (len(shape) - 1)), shape)


def _is_same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def _of_rows(numbers: np.ndarray) -> np.ndarray | None:
    """The numbers of each row; None if a row has several."""
    if numbers.ndim == 1:
        return numbers
    flat = numbers.reshape(len(numbers), -1)
    return flat[:, 0] if (flat == flat[:, :1]).all() else None

"""Plain gradients of many inputs: the graph as one compiled operator, forward and backward.

It keeps its memory from one chunk to the next, and gradients go to one value alone, where a tape
cuts the graph into segments so that rules can act between them. A net that MXNet's own backward
pass gets wrong as a whole keeps its segments: where operators are known to need a cut, and where
the two ways, tried once on the input that is explained, do not give the same.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..graph.graph import Graph
from ..graph.layers import Map
from ..graph.node import Entry, Shape
from ..support.caches import Cache
from ..support.progress import step
from .chunks import AUTO, BatchSize, ChunkSize
from .order import array_of, numbers_at
from .recording import Recording, Traced
from .rules import PLAIN
from .several_inputs import Parts
from .steps import Recorded

Headed = Callable[[Sequence[Any], int], Tuple[Sequence[Any], np.ndarray]]
"""From the values of the explained outputs, and how often they hold all samples, to the head
gradients and the scores (repeats, N)."""

Found = Tuple[np.ndarray, np.ndarray]
"""(N,) the scores for a value, and the gradients, like the value."""

SAME = 1e-3
"""Two ways give the same gradient if they differ by less than this share of its length."""
FILLED = 0.75
"""The last chunk is filled up to the size of the others if so much of it is there."""


class _Sound(Cache[Tuple[Entry, Tuple[Entry, ...], Tuple[Shape, ...], str], bool]):
    def __init__(self) -> None:
        super().__init__(64)


class Gradients:
    """Runs a net on other values of an input or layer, and back.

    Args:
        recording: the net that ran.
        where: the input or layer.
        headed: the target.
        batch_size: how many rows run at once, or "auto".
    """

    def __init__(
        self, recording: Recording, where: Map, headed: Headed, batch_size: BatchSize
    ) -> None:
        self._recording, self._where, self._headed = recording, where, headed
        value = recording.value(where.point)
        self._size = _size(batch_size, recording, (where.point, value.shape[1:], value.context))
        self._whole = _whole(recording, where, headed)

    def __call__(self, values: Iterable[np.ndarray], total: int | None = None) -> Iterator[Found]:
        """What is found for each value; it is used up before the next one is asked for.

        Results lag behind by up to two chunks, and not at all where a chunk holds one value.

        Args:
            values: with their channels at axis 1.
            total: how many there are, so that chunks can be of one size.
        """
        waiting: _Started | None = None
        buffer, filled, done, most, ran = np.empty(0), 0, 0, 0, 0
        began = time.perf_counter()
        for value in values:
            if not filled:
                most = self._most(len(value), None if total is None else total - done)
                if len(buffer) != most * len(value):
                    buffer = np.empty((most * len(value), *value.shape[1:]), value.dtype)
            buffer[filled * len(value) : (filled + 1) * len(value)] = value
            filled += 1
            if filled < most:
                continue
            before = waiting.results() if waiting else []
            waiting = None  # its memory is free for the next
            waiting, filled, done, ran = self._start(buffer, most, most), 0, done + most, most
            # these are used, and the next values made, while this chunk goes back
            yield from before
            if most > 1 and self._size.is_settled:
                continue
            results, waiting = waiting.results(), None
            if not self._size.is_settled:
                self._size.took(time.perf_counter() - began)
            yield from results
            began = time.perf_counter()
        if waiting:
            yield from waiting.results()
            waiting = None
        if filled:
            # with values of the chunk before, for which everything is ready
            rows = most if ran == most and filled >= FILLED * most else filled
            last = self._start(buffer[: rows * len(buffer) // most], rows, filled)
            yield from last.results()

    def _most(self, rows: int, left: int | None) -> int:
        """How many values the next chunk holds, each of so many rows."""
        most = max(1, self._size.rows // rows)
        if left is None or not self._size.is_settled:
            return most
        chunks = -(-left // most)
        return -(-left // max(chunks, 1))

    def _start(self, values: np.ndarray, repeats: int, asked: int) -> _Started:
        step()
        array = array_of(values, self._where, self._recording.value(self._where.point))
        run = _in_segments if self._whole is None else self._whole
        gradients, scores, check = run(self._recording, self._where, array, repeats, self._headed)
        return _Started(gradients, scores, check, self._where, repeats, asked)


def _size(batch_size: BatchSize, recording: Recording, key: Any) -> ChunkSize:
    """The size of chunks; that which is quick is found in as many calls as it takes."""
    # what goes forward is kept, so the bound is met twice over (EfficientNet-Lite0: 185 MB a row,
    # where the values fill 84)
    memory = recording.memory()
    if batch_size != AUTO:
        return ChunkSize(batch_size, memory, {}, key)
    key = "gradients", *map(str, key)
    size = recording.quick_sizes.setdefault(key, ChunkSize(AUTO, memory, {}, key))
    size.starts_anew()
    return size


class _Started(NamedTuple):
    """A chunk on its way back."""

    gradients: Any
    scores: np.ndarray
    check: Callable[[], None]
    """Refuses zeros that come of operators without a gradient."""
    where: Map
    repeats: int
    asked: int
    """Of the repeats, so many are asked for; the others fill the chunk up."""

    def results(self) -> list[Found]:
        """What is found for each value."""
        numbers = numbers_at(self.gradients, self.where)
        if not numbers.any():
            self.check()
        found = list(zip(self.scores.astype(np.float64), np.split(numbers, self.repeats)))
        return found[: self.asked]


def _in_segments(
    recording: Recording, where: Map, array: Any, repeats: int, headed: Headed
) -> tuple[Any, np.ndarray, Callable[[], None]]:
    part = recording.at(where, array, repeats, [where])
    gradients, scores = headed(part.values(), repeats)
    back = part.backward(gradients, PLAIN, [where.point])[where.point]
    return back, scores, lambda: part.check_zeros(gradients, [where.point])


class _Whole:
    """The net behind a value, compiled as one operator."""

    def __init__(self, graph: Graph, heads: Sequence[Entry], where: Map) -> None:
        self._graph, self._where = graph, where
        self._sides = graph.sides(where.point, heads)
        self._operator = graph.compile_to_repeat(heads, [where.point, *self._sides])

    def __call__(
        self, recording: Traced, where: Map, array: Any, repeats: int, headed: Headed
    ) -> tuple[Any, np.ndarray, Callable[[], None]]:
        graph, point = self._graph, where.point
        beside = recording.beside(self._sides, np.tile(np.arange(recording.samples), repeats))
        parameters = graph.parameters.on(array.context)
        operator = self._operator

        def run(marked: list[Any]) -> list[Any]:
            return operator({**beside, point: marked[0]}, parameters)

        with graph.lock:
            recorded = Recorded(run, [array])
            gradients, scores = headed(recorded.outputs, repeats)
            (back,) = recorded.vjp(gradients, [0])

        def check() -> None:
            _in_segments(recording, where, array, repeats, headed)[2]()

        return back, scores, check


def _whole(recording: Recording, where: Map, headed: Headed) -> Any:
    """What runs the net as one operator; None if its gradients are not surely right then."""
    if not isinstance(recording, Traced) or isinstance(where.point, Parts):
        return None
    graph, heads = recording.graph, [one.point for one in recording.outputs]
    way = graph.differentiable([where.point]) & graph.ancestors(heads)
    draws = any(node.operator.draws(node) for node in graph.live_nodes)
    if draws or graph.loops or way & graph.wants_plain or len(set(heads)) < len(heads):
        return None
    whole = _Whole(graph, heads, where)
    value = recording.value(where.point)
    shapes = tuple(recording.value(entry).shape for entry in graph.inputs)

    def is_sound() -> bool:
        try:
            found = whole(recording, where, value, 1, headed)[0].asnumpy()
        except mx.MXNetError:
            return False
        expected = _in_segments(recording, where, value, 1, headed)[0].asnumpy()
        gap = float(np.linalg.norm((found - expected).ravel()))
        return gap <= SAME * float(np.linalg.norm(expected.ravel()))

    key = where.point, tuple(heads), shapes, str(value.context)
    return whole if graph.cache(_Sound).get(key, is_sound) else None

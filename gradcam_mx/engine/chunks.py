"""The perturbation engine: many variants of a run's samples through the net, in chunks.

Variants of all samples share the chunks, which are of one size, so that the net runs as it would on
full batches. They are written into one buffer while the net is busy with the chunk before, and the
results are handed on as they come: memory depends on the size of a chunk and on nothing else.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from .._mxnet import mx
from ..errors import InputError
from ..support.progress import step

AUTO = "auto"
BatchSize = Union[int, str]
"""How many variants run at once: a number, or "auto"."""

Variant = Union[np.ndarray, Callable[[np.ndarray], None], None]
"""A sample changed: its values (C, …), or what writes them to an array; None: there is none."""

Results = Callable[[List[Any], np.ndarray], np.ndarray]
"""From the net's outputs for a chunk and the sample of each row to the results, one a row."""

FIRST_SIZE, LARGEST_SIZE = 4, 256
MEMORY = 2**30
"""Bytes that the values inside the net may fill, as "auto" reckons: in truth they share memory."""
WORTHWHILE = 0.95
"""A size is better if it takes at most this share of the time."""


class ChunkSize:
    """How many rows a chunk has: a given number, or one that grows while that is quicker.

    Args:
        given: the number, or "auto".
        memory: the bytes that one row takes inside the net.
        known: how many "auto" found to be quick, by kinds of run; it is changed.
        key: the kind of this run.
    """

    def __init__(self, given: BatchSize, memory: int, known: dict[Any, int], key: Any) -> None:
        check_batch_size(given)
        self._known, self._key = known, key
        is_given = given != AUTO
        self.is_settled = is_given or key in known
        self._limit = int(np.clip(MEMORY // max(memory, 1), 1, LARGEST_SIZE))
        self.rows = int(given) if is_given else known.get(key, min(FIRST_SIZE, self._limit))
        self._is_warm = False
        self._best, self._least = self.rows, float("inf")

    def starts_anew(self) -> None:
        """Take notice that the next chunk is the first of an operator, which takes longer."""
        self._is_warm = False

    def took(self, seconds: float) -> None:
        """Take notice of how long a chunk took; the size may be another one from then on."""
        if not self._is_warm:  # the first of its size makes the kernels
            self._is_warm = True
            return
        seconds /= self.rows
        if seconds <= WORTHWHILE * self._least:
            self._best, self._least = self.rows, seconds
            self.is_settled = 2 * self.rows > self._limit
        else:
            self.is_settled = True
        self.rows = self._best if self.is_settled else 2 * self.rows
        self._is_warm = False
        if self.is_settled:
            self._known[self._key] = self.rows


def chunk_size(given: BatchSize, recording: Any, where: Any, shape: Sequence[int]) -> ChunkSize:
    """The size of chunks for other values, rows of a shape, at a layer or input of a recording."""
    context = recording.value(where.point).context
    return ChunkSize(
        given, recording.memory(), recording.quick_sizes, (where.point, tuple(shape), str(context))
    )


def check_batch_size(given: Any) -> None:
    """Refuse what is no size.

    Raises:
        InputError: it is no number of 1 or more, and not "auto".
    """
    if given == AUTO:
        return
    if not isinstance(given, (int, np.integer)) or given < 1:
        raise InputError(f"batch_size is {given!r}; expected 1 or more, or {AUTO!r}")


class _Slot:
    """Where the results for one value are gathered."""

    def __init__(self, samples: int, missing: int) -> None:
        self.samples, self.missing = samples, missing
        self.results: np.ndarray | None = None

    def put(self, sample: int, result: np.ndarray) -> None:
        if self.results is None:
            self.results = np.full((self.samples, *result.shape), np.nan, result.dtype)
        self.results[sample] = result
        self.missing -= 1


Row = Tuple[_Slot, int]


class _Started(NamedTuple):
    """A chunk on its way through the net."""

    rows: list[Row]
    samples: np.ndarray
    outputs: list[Any] | Future[list[Any]]


class Engine:
    """Runs variants of samples through a net.

    Args:
        forward: the net, from rows and their samples to its outputs (`recording.Forward`).
        results: from the outputs to what is wanted of each row.
        like: an array as the net takes it: its context and type.
        shape: of a row, its channels first.
        size: of the chunks.
        arrange: from rows with their channels first to rows as the net has them.
        fills: whether the last chunk, where fewer rows are left, is filled up, and its outputs cut;
            they have to have the rows at axis 0 for that.
        takes_numbers: whether the net takes numpy's arrays, and is done with them when it returns.
        overlaps: whether it then runs in a thread of its own, while the next chunk is written;
            MXNet does that by itself.
    """

    def __init__(
        self,
        forward: Callable[[Any, np.ndarray], list[Any]],
        results: Results,
        like: Any,
        shape: Sequence[int],
        size: ChunkSize,
        arrange: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
        fills: bool = True,
        takes_numbers: bool = False,
        overlaps: bool = False,
    ) -> None:
        self._forward, self._results, self._arrange = forward, results, arrange
        self._context, self._shape, self._size = like.context, tuple(shape), size
        self._fills, self._takes_numbers, self._overlaps = fills, takes_numbers, overlaps
        self._pool: ThreadPoolExecutor | None = None
        self._buffer = self._other = np.empty((0, *shape), like.dtype)
        self._rows: Any = None

    def __call__(self, values: Iterable[Sequence[Variant]]) -> Iterator[np.ndarray]:
        """The results for each value, (N, …), NaN for samples of which it has no variant.

        A value holds a variant of each sample, or at least of one. It is used up before the next
        one is asked for, so that one array may be yielded over and over; results lag behind by up
        to two chunks.
        """
        slots: deque[_Slot] = deque()

        def variants() -> Iterator[tuple[Row, Variant]]:
            for value in values:
                there = [sample for sample in range(len(value)) if value[sample] is not None]
                slots.append(_Slot(len(value), len(there)))
                for sample in there:
                    yield (slots[-1], sample), value[sample]

        for rows, results in self._all_chunks(variants()):
            for (slot, sample), result in zip(rows, results):
                slot.put(sample, result)
            while slots and slots[0].results is not None and not slots[0].missing:
                yield slots.popleft().results  # type: ignore[misc]

    def _all_chunks(
        self, variants: Iterator[tuple[Row, Variant]]
    ) -> Iterator[tuple[list[Row], np.ndarray]]:
        if not self._overlaps:
            yield from self._chunks(variants)
            return
        with ThreadPoolExecutor(1) as self._pool:
            yield from self._chunks(variants)

    def _chunks(
        self, variants: Iterator[tuple[Row, Variant]]
    ) -> Iterator[tuple[list[Row], np.ndarray]]:
        size, has_run = self._size, False
        waiting: _Started | None = None
        filled: list[Row] = []
        began = time.perf_counter()
        for row, variant in variants:
            if len(self._buffer) != size.rows:
                self._buffer = np.zeros((size.rows, *self._shape), self._buffer.dtype)
            place = self._buffer[len(filled)]
            if callable(variant):
                variant(place)
            else:
                place[...] = variant
            filled.append(row)
            if len(filled) < size.rows:
                continue
            started = self._start(filled, size.rows)
            filled, has_run = [], True
            if size.is_settled:
                if waiting:
                    yield self._finished(waiting)
                waiting = started
            else:
                finished = self._finished(started)
                size.took(time.perf_counter() - began)
                yield finished
                began = time.perf_counter()
        if waiting:
            yield self._finished(waiting)
        if filled:
            # of the usual size, for which everything is ready, also where fewer rows are left
            is_full = has_run and self._fills
            yield self._finished(self._start(filled, size.rows if is_full else len(filled)))

    def _start(self, filled: list[Row], rows: int) -> _Started:
        step()
        values = self._arrange(self._buffer[:rows])
        samples = np.zeros(rows, int)
        samples[: len(filled)] = [sample for _, sample in filled]
        if self._pool is not None:
            # the next chunk is written beside this one, which is read meanwhile
            self._buffer, self._other = self._other, self._buffer
            return _Started(filled, samples, self._pool.submit(self._forward, values, samples))
        if self._takes_numbers:
            return _Started(filled, samples, self._forward(values, samples))
        if self._rows is None or self._rows.shape != values.shape:
            self._rows = mx.nd.empty(values.shape, self._context, values.dtype)
        self._rows[:] = values  # waits until the chunk before it is no longer read
        return _Started(filled, samples, self._forward(self._rows, samples))

    def _finished(self, started: _Started) -> tuple[list[Row], np.ndarray]:
        outputs, count = started.outputs, len(started.rows)
        if isinstance(outputs, Future):
            outputs = outputs.result()
        if count < len(started.samples):  # what the net makes of the filling is nobody's matter
            outputs = [one[:count] for one in outputs]
        return started.rows, self._results(outputs, started.samples[:count])

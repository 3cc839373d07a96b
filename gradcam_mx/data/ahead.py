"""Samples that are read by threads while something else computes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Iterable, Iterator

from ..errors import InputError, PhotoError
from ..support.arrays import is_whole
from ..zoo.photo import know_all_kinds
from .samples import Sample, Samples


def read_ahead(
    samples: Samples, numbers: Iterable[int], threads: int = 1, ahead: int | None = None
) -> Iterator[tuple[int, Sample | PhotoError]]:
    """Samples in a given order, each with its number, or the error if it cannot be read.

    Threads read those to come while the caller works on one. In memory is what was handed over
    last and what was read since, no more than `ahead` in all.

    Args:
        samples: of a data set.
        numbers: which, in this order.
        threads: how many read; with 0 the caller's own reads, when a sample is asked for.
        ahead: how many samples are in memory at most; by default two a thread, and one.

    Raises:
        InputError: these are no such numbers.

    Example:
        >>> import numpy as np
        >>> from gradcam_mx.data.opening import open_samples
        >>> samples = open_samples(np.zeros((3, 8, 8, 3), np.uint8))
        >>> [(number, sample.values.shape) for number, sample in read_ahead(samples, [2, 0])]
        [(2, (8, 8, 3)), (0, (8, 8, 3))]
    """
    ahead = 2 * threads + 1 if ahead is None else ahead
    for name, given, least in (("threads", threads, 0), ("ahead", ahead, 1)):
        if not is_whole(given) or given < least:
            raise InputError(f"{name}={given!r}; expected a whole number from {least} on")
    if threads == 0:
        return ((number, _read(samples, number)) for number in numbers)
    return _read_by_threads(samples, iter(numbers), threads, ahead)


def _read_by_threads(
    samples: Samples, numbers: Iterator[int], threads: int, ahead: int
) -> Iterator[tuple[int, Sample | PhotoError]]:
    know_all_kinds()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")
    waiting: deque[tuple[int, Future[Sample | PhotoError]]] = deque()
    try:
        while True:
            # the one that the caller has is forgotten by now
            for number in islice(numbers, ahead - len(waiting)):
                waiting.append((number, pool.submit(_read, samples, number)))
            if not waiting:
                return
            number, future = waiting.popleft()
            yield number, future.result()
            del future
    finally:
        for _, future in waiting:
            future.cancel()
        pool.shutdown()


def _read(samples: Samples, number: int) -> Sample | PhotoError:
    try:
        return samples.read(number)
    except PhotoError as error:
        return error

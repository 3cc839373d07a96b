"""Side-by-side timings: every candidate in turn, many rounds, medians."""

from __future__ import annotations

import statistics
import time
from typing import Callable


def medians(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate; see `every`."""
    return {name: statistics.median(taken) for name, taken in every(candidates, rounds).items()}


def every(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each candidate in each round, where they take turns; two rounds of warming up come
    first.

    In its turn a candidate runs twice, and the second run counts: the memory that the one before it
    gave back to the system has to be taken again, which is no part of a loop over many images.
    """
    seconds = {name: [] for name in candidates}
    for number in range(rounds + 2):
        for name, run in candidates.items():
            run()
            start = time.perf_counter()
            run()
            if number >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds

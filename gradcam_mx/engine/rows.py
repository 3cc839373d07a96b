"""Samples that share a call of the net: whether they touch each other is seen when it runs."""

from __future__ import annotations

import warnings
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from ..errors import NetworkError
from ..graph.own import rounding
from ..support.callers import caller_level
from . import inputs
from .differences import FAILURES, ROUNDINGS, Numbers, agree, farthest, is_rounding


class Behind(NamedTuple):
    """The net from a layer or input on, as variants of its value run through it."""

    name: str
    """Of the layer or input."""
    value: Any
    """Its value, with the samples at axis 0."""
    forward: Callable[[Any, np.ndarray], Sequence[Any]]
    """From rows and the samples that they are variants of to the outputs."""
    outputs: Sequence[Any]
    """What was computed for all samples."""
    axes: Sequence[Sequence[int]]
    """Of each of them: those that may hold the samples; none where they are folded, or in none."""
    samples: int
    coarsest: str
    """The coarsest floating-point type that it computes in."""
    is_fixed: bool = False
    """Whether it runs for all the samples at once alone."""

    def run(self, rows: np.ndarray, samples: np.ndarray) -> Numbers:
        """The outputs for rows of samples."""
        given = inputs.place(rows, self.value.context, self.value.dtype)
        return [one.asnumpy() for one in self.forward(given, samples)]


def touch(behind: Behind) -> bool:
    """Whether what a sample gives changes with what runs beside it, or with its place; said then.

    The last sample runs behind something else. Its place is neither the first nor, where another
    number of rows can run, its own, as a net may read rows by their numbers.
    """
    last = behind.samples - 1
    is_whole = behind.is_fixed or not all(behind.axes)
    place = last if is_whole else 2 if behind.samples == 2 else 1
    numbers = np.array([*range(place), last] if is_whole else [0] * place + [last])
    rows = behind.value.asnumpy()[numbers]
    for row in rows[:place]:
        row[...] = _another(row)
    try:
        found = behind.run(rows, numbers)
        pairs = zip((one.asnumpy() for one in behind.outputs), found, behind.axes)
        differ = any(_differ(*pair, behind.samples, behind.coarsest) for pair in pairs)
    except FAILURES:
        return True  # it runs with the caller's number of samples alone
    if not differ or not agree(found, behind.run(rows, numbers), behind.coarsest):
        return False  # of numbers drawn at random nothing can be told
    say_that_samples_touch()
    return True


def say_that_samples_touch() -> None:
    """Warn that samples cannot share a call of the net."""
    warnings.warn(
        "what a sample gives in this net depends on what runs beside it, as the samples of a batch "
        "touch each other or their places count: each is explained by itself, beside the others as "
        "they are, which is right and slow",
        stacklevel=caller_level(),
    )


def check_beside(behind: Behind) -> None:
    """Hold all samples, as they are, against what the whole net gave.

    Raises:
        NetworkError: they differ by more than rounding, and by the same at each run.
    """
    rows, numbers = behind.value.asnumpy(), np.arange(behind.samples)
    recorded = [one.asnumpy() for one in behind.outputs]

    def ask(arrays: Sequence[Any]) -> Numbers:
        return behind.run(arrays[0].asnumpy(), numbers)

    given = [inputs.place(rows, behind.value.context, behind.value.dtype)]
    found = ask(given)
    if (
        agree(recorded, found, behind.coarsest)
        or is_rounding(ask, given, found, recorded, behind.coarsest)
        or not agree(found, ask(given), behind.coarsest)
    ):
        return
    pairs = [farthest(*pair) for pair in zip(recorded, found) if not np.array_equal(*pair)]
    raise NetworkError(
        f"the net as a whole gives {pairs[0][0]} where what follows {behind.name!r} gives "
        f"{pairs[0][1]} for the same values there: variants of them would be explained of another "
        "net. Please report that"
    )


def _another(row: np.ndarray) -> np.ndarray:
    """Another sample of about the same size, to run beside one."""
    draws = np.random.RandomState(0)
    return 0.5 * row[..., ::-1] + draws.normal(scale=row.std() or 1, size=row.shape)


def _differ(
    own: np.ndarray, beside: np.ndarray, axes: Sequence[int], samples: int, coarsest: str
) -> bool:
    """Whether the last sample's part of an output is another beside other samples."""
    if axes:
        parts = [(own.take(-1, axis), beside.take(-1, axis)) for axis in axes]
        return not any(agree([one], [other], coarsest) for one, other in parts)
    if samples == 1 or own.shape != beside.shape or own.shape[0] % samples:
        return False
    # which rows are of the last sample is not known; so many there are that stay the same
    off = abs(own - beside).reshape(len(own), -1).max(axis=1)
    same = off <= ROUNDINGS * rounding(coarsest) * abs(own).max()
    return int(same.sum()) < len(own) // samples

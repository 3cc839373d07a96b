"""A net over many samples, one after the other: memory depends on the size of a batch alone."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..errors import NetworkError
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from .chunks import BatchSize, Engine, chunk_size
from .failures import failures_told
from .order import numbers_at
from .recording import Recording, record
from .wanted import Together, Wanted

Reader = Callable[["list[Any]"], np.ndarray]
"""From what the net gives for a batch, its channels where the net has them, to a result a row."""


def engine_for(
    net: Net,
    row: np.ndarray,
    output: OutputChoice,
    batch_size: BatchSize,
    reader: Callable[[Recording], Reader],
) -> Engine:
    """What runs rows of a net's input, each as `[row]`, and reads results off the outputs.

    Args:
        row: one of them, a sample without its axis of samples, as the net takes it.
        output: what is read: an output or several, or layers.
        batch_size: how many rows run at once, or "auto".
        reader: makes the function that reads, from a recording of the net on `row`; or refuses.

    Raises:
        NetworkError: while it runs, the net gives NaN or fails; or what is read of it does not hold
            the samples at axis 0.
    """
    with failures_told("forward"):
        recording = record(net, row[None], Wanted(output=output))
        _check_sample_axes(recording)
        read = reader(recording)

    def results(outputs: list[Any], samples: np.ndarray) -> np.ndarray:
        with failures_told("forward"):
            found = read(outputs)
        if np.isnan(found).any():
            raise NetworkError(
                "the net gives NaN: its parameters hold NaN, or an input is far out "
                "of its usual range"
            )
        return found

    where = recording.input
    is_apart = recording.together(where) is Together.ANY  # else each row runs by itself
    size = chunk_size(batch_size if is_apart else 1, recording, where, row.shape)
    return Engine(recording.behind(where), results, recording.value(where.point), row.shape, size)


def _check_sample_axes(recording: Recording) -> None:
    for output, axis in zip(recording.outputs, recording.sample_axes):
        if axis != 0:
            where = "no axis" if axis is None else f"axis {axis}"
            raise NetworkError(
                f"{output.name!r} holds the samples at {where}; expected axis 0, a row of numbers "
                "for each sample. Name another output or layer"
            )


def numbers(recording: Recording, outputs: list[Any]) -> list[np.ndarray]:
    """The outputs as numpy arrays with their channels at axis 1."""
    return [numbers_at(one, output) for one, output in zip(outputs, recording.outputs)]

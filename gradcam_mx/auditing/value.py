"""A value that a net makes on its way from the input to the outputs."""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple

import numpy as np

INPUT = "input"
"""The operator of what is given to a net."""


class Value(NamedTuple):
    """One of the values that a net makes of its input, in the order in which it makes them."""

    name: str
    op: str
    """The operator that makes it, as its framework calls that; "input" of what is given."""
    attributes: Mapping[str, Any]
    """Of the operator."""
    array: np.ndarray
    inputs: tuple[int, ...] = ()
    """The places, in the list of values, of those that it is made of."""
    parameters: tuple[str, ...] = ()
    """The names of the numbers that it is made with."""
    node: int = -1
    """Of an MXNet net: the node that makes it."""
    output: int = 0
    """Which of the node's values it is."""

    @property
    def is_floating(self) -> bool:
        """Whether it holds quantities, and no numbers of things."""
        return self.array.dtype.kind == "f"


def rms(array: np.ndarray) -> float:
    """The root of the mean square, in float64."""
    flat = array.reshape(-1).astype(np.float64, copy=False)
    return math.sqrt(np.dot(flat, flat) / flat.size) if flat.size else 0.0


def largest(array: np.ndarray) -> float:
    """The largest absolute value."""
    return float(np.abs(array).max()) if array.size else 0.0

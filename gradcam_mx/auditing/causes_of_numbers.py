"""Suppositions of parameters: their layout, their precision, parameters that are missing."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from ..graph.kinds import WEIGHTED, Kind
from .causes import At, supposition
from .edit import Edit

_LARGEST = 127


@supposition("weights", spreads=False)
def zeroed_weights(at: At) -> Iterator[Edit]:
    """They are zeros."""
    found = at.parameter(1)
    if at.known.kind in WEIGHTED and found is not None:
        name, weights = found
        yield at.with_array("weights of zeros", name, np.zeros_like(weights))


@supposition("weights", spreads=False)
def missing_bias(at: At) -> Iterator[Edit]:
    """It is left out."""
    found = at.parameter(2)
    if at.known.kind in WEIGHTED | {Kind.BATCH_NORM} and found is not None:
        name, bias = found
        if bias.any():
            yield at.with_array("no bias", name, np.zeros_like(bias))


@supposition("weights", spreads=False)
def transposed_weights(at: At) -> Iterator[Edit]:
    """Their axes are exchanged, or their numbers read in another order."""
    found = at.parameter(1)
    if at.known.kind not in WEIGHTED or found is None:
        return
    name, weights = found
    for said, other in _orders(weights):
        if other.shape == weights.shape and not np.array_equal(other, weights):
            yield at.with_array(said, name, np.ascontiguousarray(other))


def _orders(weights: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    shape = weights.shape
    if weights.ndim == 4:
        yield "weights with height and width exchanged", weights.transpose(0, 1, 3, 2)
        yield "weights upside down and mirrored", weights[:, :, ::-1, ::-1]
        yield "weights with their input channels reversed", weights[:, ::-1]
        yield "weights whose numbers are read as of HWIO", _read_as(weights, (2, 3, 1, 0))
        yield "weights whose numbers are read as of OHWI", _read_as(weights, (0, 2, 3, 1))
    yield (
        "weights with input and output channels exchanged",
        weights.swapaxes(0, 1),
    )
    if weights.ndim == 2:
        yield "weights whose numbers are read in the other order", _read_as(weights, (1, 0))
        for channels in _channels(shape[1]):
            maps = weights.reshape(shape[0], channels, -1)
            said = f"inputs flattened with the {channels} channels last"
            yield said, maps.transpose(0, 2, 1).reshape(shape)


def _read_as(weights: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(weights.transpose(order)).reshape(weights.shape)


def _channels(features: int) -> Iterator[int]:
    """How many channels a map may have had before it was flattened."""
    for side in range(2, 17):
        if features % side**2 == 0 and features > side**2:
            yield features // side**2


@supposition("precision")
def rounded_weights(at: At) -> Iterator[Edit]:
    """They are kept in fewer bits."""
    found = at.parameter(1)
    if at.known.kind not in WEIGHTED or found is None:
        return
    name, weights = found
    yield at.with_array("weights in half precision", name, _half(weights))
    yield at.with_array("weights in bfloat16", name, _brain(weights))
    yield at.with_array("weights in int8", name, _int8(weights, None))
    every = tuple(range(1, weights.ndim))
    yield at.with_array("weights in int8, a scale for each channel", name, _int8(weights, every))


def _half(weights: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return weights.astype(np.float16).astype(weights.dtype)


def _brain(weights: np.ndarray) -> np.ndarray:
    bits = weights.astype(np.float32).view(np.uint32).astype(np.uint64)
    nearest = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
    found: np.ndarray = (nearest << np.uint64(16)).astype(np.uint32).view(np.float32)
    return found.astype(weights.dtype)


def _int8(weights: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    scale = np.abs(weights).max(axis=axes, keepdims=True) / _LARGEST
    scale[scale == 0] = 1
    found: np.ndarray = np.rint(weights / scale) * scale
    return found.astype(weights.dtype)

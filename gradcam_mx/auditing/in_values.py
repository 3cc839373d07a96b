"""What the values of a new net tell by themselves: few bits, or channels in another order."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

import numpy as np

from .aligning import forms
from .noise import MARGIN, Noise, difference
from .value import Value, rms

_LEVELS = 256
_FEWEST = 32
"""Of so many different numbers it can be told whether they have few bits."""
_SHARE = 0.9
"""Of the numbers, so many are what the old value is when it is rounded."""
_COARSEST = 2.0**-6
_COLUMNS = 4096
_SHOWN = 3


class Told(NamedTuple):
    """What a value of the new net tells of the value of the old one that it stands for."""

    cause: str
    said: str
    place: int
    """Of the value of the new net."""
    before: float
    """The difference, as the root of its mean square."""
    after: float
    """What of it is left."""


def rounding(old: Sequence[Value], new: Sequence[tuple[int, Value]]) -> Told | None:
    """Whether values of the new net are those of the old one, kept in fewer bits.

    Args:
        old: values of the old net that both nets make, and the first that differ.
        new: place and value of the first of the new net that differ.
    """
    for place, value in new:
        for one in old:
            if one.array.size != value.array.size or not one.is_floating:
                continue
            for other in forms(one.array, value.array):
                for cause, said, after in _rounded(one.array, other):
                    before = rms(difference(one.array, other))
                    return Told(cause, said, place, before, after)
    return None


def _rounded(array: np.ndarray, other: np.ndarray) -> Iterator[tuple[str, str, float]]:
    if other.dtype.kind in "iu":
        gap = _by_a_line(array, other)
        if gap is not None:
            yield "quantisation", f"values in {other.dtype.name}", gap
        return
    few = other.reshape(-1)[: _COLUMNS * 16]
    are_many = len(np.unique(few)) >= _FEWEST
    is_near = rms(difference(array, other)) <= _COARSEST * rms(array)
    for said, to in (("bfloat16", _brain), ("half precision", _half)):
        is_kept = are_many and np.array_equal(to(few), few.astype(np.float32))
        is_told = is_kept or (other.dtype == np.float16 and to is _half)
        if is_told and is_near and not np.array_equal(to(array), array):
            yield said, f"values in {said}", rms(difference(to(array), other))
            return
    gap = _on_a_grid(array, other)
    if gap is not None:
        yield "quantisation", "values of 256 levels or fewer, as of int8", gap


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def _brain(array: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def _by_a_line(array: np.ndarray, whole: np.ndarray) -> float | None:
    """What is left of a value that whole numbers stand for, by a scale and a zero point."""
    x, y = whole.reshape(-1).astype(np.float64), array.reshape(-1).astype(np.float64)
    if x.std() == 0 or len(np.unique(x)) < 3:
        return None
    inside = (x > x.min()) & (x < x.max()) if len(np.unique(x)) > 8 else np.ones(len(x), bool)
    scale, zero = np.polyfit(x[inside], y[inside], 1)
    gap = np.abs(scale * x + zero - y)[inside]
    return float(rms(gap)) if np.mean(gap <= 0.6 * abs(scale)) >= _SHARE else None


def _on_a_grid(array: np.ndarray, other: np.ndarray) -> float | None:
    """What is left of a value that another is, rounded to a few levels at equal distances."""
    if len(np.unique(other.reshape(-1)[:_COLUMNS])) > _LEVELS:
        return None
    levels = np.unique(other)
    if not 3 <= len(levels) <= _LEVELS or len(np.unique(array)) <= len(levels):
        return None
    step = float(np.diff(levels.astype(np.float64)).min())
    parts = levels.astype(np.float64) / step
    if np.abs(parts - np.rint(parts)).max() > 0.05 or np.abs(parts).max() > 2 * _LEVELS:
        return None
    rounded = np.clip(np.rint(array / step) * step, levels[0], levels[-1])
    gap = difference(rounded, other)
    return rms(gap) if np.mean(np.abs(gap) < 0.1 * step) >= _SHARE else None


def permutation(value: Value, noise: Noise, other: np.ndarray) -> list[int] | None:
    """For each channel of a value the one of the other array that is the same, where each is in
    another place at most; None if they are not the same channels, or in the same order.

    Args:
        value: of the old net, its channels at axis 1.
        noise: of it.
        other: of the new net, of the same shape.
    """
    if value.array.shape != other.shape or other.ndim < 2 or other.shape[1] < 2:
        return None
    one, two = _by_channel(value.array), _by_channel(other)
    order = np.arange(len(one))
    moved = np.flatnonzero(~_are_same(one, two, noise))
    if len(moved) < 2:
        return None
    for channel in moved:
        near = [place for place in moved if _are_same(one[[channel]], two[[place]], noise)[0]]
        free = [place for place in near if place not in order[moved[moved < channel]]]
        if not free:
            return None
        order[channel] = free[0]
    return [int(place) for place in order]


def _by_channel(array: np.ndarray) -> np.ndarray:
    rows = array.swapaxes(0, 1).reshape(array.shape[1], -1)
    return rows[:, :: max(1, rows.shape[1] // _COLUMNS)]


def _are_same(one: np.ndarray, two: np.ndarray, noise: Noise) -> np.ndarray:
    found: np.ndarray = np.abs(one - two).max(axis=1) <= MARGIN * noise.largest
    return found


def in_words(order: Sequence[int], what: str) -> str:
    """What became of channels or classes.

    Args:
        order: for each its new place.
        what: what they are.
    """
    moved = [place for place, other in enumerate(order) if place != other]
    pairs = [(one, order[one]) for one in moved if order[order[one]] == one and one < order[one]]
    if 2 * len(pairs) == len(moved):
        said = ", ".join(f"{one} and {other}" for one, other in pairs[:_SHOWN])
        more = f" and {len(pairs) - _SHOWN} more pairs" if len(pairs) > _SHOWN else ""
        return f"{what} {said}{more} exchanged"
    said = ", ".join(f"{one} at {order[one]}" for one in moved[:_SHOWN])
    return f"{len(moved)} {what} in other places: {said}" + (" …" if len(moved) > _SHOWN else "")

"""What two nets return: how far apart, against the noise, and whether they choose the same."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from .noise import MARGIN, Noise, difference
from .value import largest, rms

_TOP = 5
_DEGENERATE = 0.1
"""Where noise is so much of what outputs vary by, nothing can be told."""


class Output(NamedTuple):
    """One output of both nets."""

    name: str
    shape: tuple[int, ...]
    largest: float
    """The largest absolute difference."""
    mean: float
    """The mean absolute difference."""
    spread: float
    """The standard deviation of the old net's output."""
    noise: float
    """What single precision makes of it on the old net, as the root of the mean square."""
    times_noise: float
    """The difference, as the root of the mean square, divided by that."""
    is_same: bool | None
    """None if nothing can be told: it does not vary, or no more than noise does."""
    top1: float
    """The share of the photos with the same top class; NaN where there are no classes."""
    top5: float
    """The mean share of the five top classes that both have."""
    is_tolerated: bool = False
    """Whether they differ by more than noise, and by no more than is tolerated."""


class PhotoRow(NamedTuple):
    """What the nets say of one photo."""

    name: str
    difference: float
    """The largest, divided by the spread of the output."""
    times_noise: float
    old_class: int
    """The top class of the old net; -1 where there are no classes."""
    new_class: int


def compare(
    name: str,
    old: np.ndarray,
    new: np.ndarray,
    noise: Noise,
    photos: int,
    tolerance: float | None = None,
) -> Output:
    """One output of both nets.

    Args:
        name: of the output.
        old: of the old net, whose axis 0 is of photos and, behind them, of other inputs.
        new: of the new net.
        noise: of the old net's.
        photos: how many photos there are.
        tolerance: a largest difference that is taken for the same, as a share of the spread.
    """
    if old.size != new.size:
        nan = float("nan")
        far = float("inf")
        return Output(name, tuple(old.shape), far, far, nan, noise.rms, far, False, nan, nan)
    gap = difference(old, new)
    spread = _spread(old)
    is_same: bool | None = noise.is_same(old, new)
    if not np.isfinite(old).all() or MARGIN * noise.rms >= _DEGENERATE * spread:
        # a difference that is far beyond the noise is one, whatever the net says
        is_same = None if is_same or not np.isfinite(old).all() else False
    is_near = tolerance is not None and largest(gap) <= tolerance * spread
    is_tolerated = is_same is False and is_near
    top1, top5 = _agreement(old[:photos], new.reshape(old.shape)[:photos], noise)
    return Output(
        name,
        tuple(old.shape),
        largest(gap),
        float(np.abs(gap).mean()),
        spread,
        noise.rms,
        rms(gap) / noise.rms if noise.rms else (float("inf") if gap.any() else 0.0),
        True if is_tolerated else is_same,
        top1,
        top5,
        is_tolerated,
    )


def _spread(old: np.ndarray) -> float:
    """By how much an output differs from one input to another; of a single one, within it."""
    finite = np.where(np.isfinite(old), old, 0).astype(np.float64)
    return rms(finite - finite.mean(axis=0)) if len(old) > 1 else float(finite.std())


def _agreement(old: np.ndarray, new: np.ndarray, noise: Noise) -> tuple[float, float]:
    """The shares of the same top class, and of the same five; classes that are equal up to noise
    may change places."""
    if old.ndim != 2 or old.shape[1] < 2:
        return float("nan"), float("nan")
    rows = np.arange(len(old))
    chosen = new.argmax(axis=1)
    is_top = old[rows, chosen] >= old.max(axis=1) - MARGIN * noise.largest
    count = min(_TOP, old.shape[1])
    least = np.sort(old, axis=1)[:, -count, None] - MARGIN * noise.largest
    five = np.argsort(-new, axis=1)[:, :count]
    shared = np.take_along_axis(old, five, axis=1) >= least
    return float(is_top.mean()), float(shared.mean())


def by_photo(
    names: Sequence[str], old: np.ndarray, new: np.ndarray, noise: Noise
) -> list[PhotoRow]:
    """What the nets say of each photo.

    Args:
        names: of the photos.
        old: the old net's first output for them, and for others behind them.
        new: the new net's.
        noise: of the old net's.
    """
    if old.size != new.size:
        return []
    new, spread = new.reshape(old.shape), _spread(old) or 1.0
    are_classes = old.ndim == 2 and old.shape[1] > 1
    found = []
    for name, one, other in zip(names, old, new):
        gap = difference(one, other)
        times = rms(gap) / noise.rms if noise.rms else 0.0
        classes = (int(one.argmax()), int(other.argmax())) if are_classes else (-1, -1)
        found.append(PhotoRow(name, largest(gap) / spread, times, *classes))
    return found

"""Inputs beside the photos, on which mistakes show that photos may hide."""

from __future__ import annotations

from typing import Sequence

import numpy as np

_CONTRAST, _SEED = 3.0, 0


def with_probes(x: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The inputs, and behind them three that are made of the first: with more contrast, as a
    negative, and noise of the same mean and spread.

    An activation that is cut off at 6 differs from one that is not on inputs that reach 6 alone.

    Args:
        x: an array for each input of the net.
    """
    draw = np.random.RandomState(_SEED)
    return [np.concatenate([one, *_probes(one, draw)]).astype(one.dtype) for one in x]


def _probes(one: np.ndarray, draw: np.random.RandomState) -> list[np.ndarray]:
    if one.dtype.kind != "f":
        return [one[:1]] * 3
    first = one[:1]
    positions = tuple(range(2, one.ndim)) or (1,)
    mean = first.mean(axis=positions, keepdims=True)
    spread = first.std(axis=positions, keepdims=True)
    from_mean = first - mean
    noise = mean + spread * draw.standard_normal(first.shape)
    return [mean + _CONTRAST * from_mean, mean - from_mean, noise]

"""Faithfulness by what is left of the input where the map lets it through."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..methods import baselines
from ..methods.baselines import Baseline, Curtain
from .case import Case
from .functions import metric
from .hiding import key_of
from .register import HIGHER, LOWER


def _check(
    shape: Sequence[int], *, baseline: Baseline, batch_size: BatchSize, progress: bool
) -> None:
    baselines.check(baseline, shape)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Chattopadhay et al. 2018, arXiv:1710.11063",
    cost="2 forward",
    better=LOWER,
    check=_check,
)
def average_drop(
    case: Case,
    *,
    baseline: Baseline = "zero",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Average drop: the share of its probability that a class loses under the map.

        max(y - y', 0) / y,    y' the probability for h ⊙ x + (1 - h) ⊙ baseline

    with the heat map h in [0, 1]. Chattopadhay et al. 2018, arXiv:1710.11063, as a
    share rather than in per cent. A map of ones has the best number there is, 0: never report it
    alone. NaN where y is 0, as of a class that float32 has no probability for.

    Args:
        baseline: what is seen where the map is 0: "zero", "mean", "blur", a number or one for each
            channel, or an array.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1, lower where the map is better.
    """
    before, after = _probabilities(case, baseline, batch_size, progress)
    return _share(np.maximum(before - after, 0), before)


@metric(
    family="faithfulness",
    paper="Chattopadhay et al. 2018, arXiv:1710.11063",
    cost="2 forward",
    better=HIGHER,
    check=_check,
)
def increase(
    case: Case,
    *,
    baseline: Baseline = "zero",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Average increase: how often the probability of a class is higher under the map.

        [y' > y],    y' the probability for h ⊙ x + (1 - h) ⊙ baseline

    Chattopadhay et al. 2018, arXiv:1710.11063. With `average_drop`, and never alone.

    Args:
        baseline: what is seen where the map is 0, as `average_drop` takes it.

    Returns:
        A Measured whose `values` are (N,), 0 or 1.
    """
    before, after = _probabilities(case, baseline, batch_size, progress)
    return (after > before).astype(float)


@metric(
    family="faithfulness",
    paper="Zhang et al. 2024, arXiv:2301.07002",
    cost="2 forward",
    better=HIGHER,
    check=_check,
)
def gain(
    case: Case,
    *,
    baseline: Baseline = "zero",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Average gain: the share of the missing probability that a class wins under the map.

        max(y' - y, 0) / (1 - y),    y' the probability for h ⊙ x + (1 - h) ⊙ baseline

    Zhang et al. 2024 (Opti-CAM), arXiv:2301.07002: the counterpart of `average_drop`.
    NaN where y is 1.

    Args:
        baseline: what is seen where the map is 0, as `average_drop` takes it.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1, higher where the map is better.
    """
    before, after = _probabilities(case, baseline, batch_size, progress)
    return _share(np.maximum(after - before, 0), 1 - before)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _probabilities(
    case: Case, baseline: Baseline, batch_size: BatchSize, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) of the input, and (E, N) under each map."""
    key = ("masked", key_of(baseline))

    def found() -> np.ndarray:
        x = case.run.x
        curtain = Curtain(x, baseline)
        heats = [one.heatmap() for one in case.explanations]

        def values() -> Iterator[Any]:
            yield list(x)
            for heat in heats:
                yield [curtain.mixes(n, share) for n, share in enumerate(heat)]

        return case.scores(
            values(),
            1 + len(heats),
            "showing what maps let through",
            probability=True,
            batch_size=batch_size,
            progress=progress,
        )

    both = case.kept(key, found)
    return both[0], both[1:]

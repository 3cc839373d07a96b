"""Whether a map lies on the object, where it is known where that is."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..errors import MetricError
from .case import Case
from .functions import metric
from .hiding import check_count
from .register import HIGHER, Wants

_BY_MASKS = Wants(net=False, masks=True)


@metric(
    family="localisation",
    paper="Zhang et al. 2016, arXiv:1608.00507",
    cost="none",
    better=HIGHER,
    wants=_BY_MASKS,
)
def pointing_game(case: Case, *, masks: np.ndarray, tolerance: float = 15) -> np.ndarray:
    """Pointing game: whether the highest value of the map hits the object.

    A hit is at most `tolerance` pixels from the mask. Where several positions share the highest
    value, the number is the share of them that hit. Zhang et al. 2016, arXiv:1608.00507.
    Net and x may be None.

    Args:
        tolerance: how far off a hit may be, in pixels.

    Returns:
        A Measured whose `values` are (N,), 1 for a hit.

    Raises:
        InputError: no mask, one of another size, or an empty one.
        MetricError: a negative tolerance.
    """
    if not tolerance >= 0:
        raise MetricError(f"tolerance is {tolerance!r}; expected 0 pixels or more")
    found = np.empty(case.relevance.shape[:2])
    for number, of_samples in enumerate(case.relevance):
        for sample, one in enumerate(of_samples):
            highest, there = np.argwhere(one == one.max()), np.argwhere(masks[sample])
            found[number, sample] = np.mean([_is_near(at, there, tolerance) for at in highest])
    return found


def _is_near(at: np.ndarray, there: np.ndarray, tolerance: float) -> bool:
    return bool(((there - at) ** 2).sum(axis=1).min() <= tolerance**2)


@metric(
    family="localisation",
    paper="Wang et al. 2020, arXiv:1910.01279",
    cost="none",
    better=HIGHER,
    wants=_BY_MASKS,
)
def energy(case: Case, *, masks: np.ndarray) -> np.ndarray:
    """Energy: the share of the positive relevance that lies on the object.

        Σ over the mask of max(R, 0) / Σ max(R, 0)

    Wang et al. 2020, arXiv:1910.01279 (the energy-based pointing game); also known as
    relevance mass accuracy (Arras et al. 2022, arXiv:2003.07258). Chance is the share of the
    input that the object covers. NaN where nothing is positive. Net and x may be None.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1.

    Raises:
        InputError: no mask, one of another size, or an empty one.
    """
    positive = np.maximum(case.relevance, 0)
    axes = tuple(range(2, positive.ndim))
    total = positive.sum(axis=axes)
    return np.where(
        total > 0, (positive * masks).sum(axis=axes) / np.where(total > 0, total, 1), np.nan
    )


@metric(
    family="localisation",
    paper="Arras et al. 2022, arXiv:2003.07258",
    cost="none",
    better=HIGHER,
    wants=_BY_MASKS,
)
def rank_accuracy(case: Case, *, masks: np.ndarray, seed: int = 0) -> np.ndarray:
    """Relevance rank accuracy: of as many highest positions as the object has, how many lie on it.

        |top |M| positions of R ∩ M| / |M|

    Arras et al. 2022, arXiv:2003.07258. Net and x may be None.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1.

    Raises:
        InputError: no mask, one of another size, or an empty one.
    """
    axes = tuple(range(1, masks.ndim))
    sizes = masks.sum(axis=axes)
    return _share_of_highest(case, masks, sizes, seed)


def _check_count(shape: Sequence[int], *, count: int, seed: int) -> None:
    check_count("count", count, 1, shape)


@metric(
    family="localisation",
    paper="Theiner et al. 2022, arXiv:2104.14995",
    cost="none",
    better=HIGHER,
    wants=_BY_MASKS,
    check=_check_count,
)
def top_k_intersection(
    case: Case, *, masks: np.ndarray, count: int = 1000, seed: int = 0
) -> np.ndarray:
    """Top-k intersection: of the highest positions, how many lie on the object.

        |top k positions of R ∩ M| / k

    Theiner et al. 2022, arXiv:2104.14995. Net and x may be None.

    Args:
        count: k.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1.

    Raises:
        InputError: no mask, one of another size, or an empty one.
        MetricError: more than the input has positions.
    """
    check_count("count", count, 1, (1, 1, *case.positions))
    return _share_of_highest(case, masks, np.full(len(masks), count), seed)


def _share_of_highest(case: Case, masks: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    wide = counts.reshape(-1, *[1] * (masks.ndim - 1))
    hits = (case.ranks(seed) < wide) & masks
    return hits.sum(axis=tuple(range(2, hits.ndim))) / counts


@metric(
    family="localisation",
    paper="Everingham et al. 2010, doi:10.1007/s11263-009-0275-4",
    cost="none",
    better=HIGHER,
    wants=_BY_MASKS,
)
def iou(case: Case, *, masks: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """IoU: how much the region where the heat map is high and the object have in common.

        |{h ≥ threshold} ∩ M| / |{h ≥ threshold} ∪ M|

    with the heat map h in [0, 1], as `explanation.threshold` has it. Intersection over union:
    Everingham et al. 2010, doi:10.1007/s11263-009-0275-4. Net and x may be None.

    Args:
        threshold: above 0, up to 1.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1.

    Raises:
        InputError: no mask, one of another size, or an empty one.
        MetricError: a threshold out of range.
    """
    if not 0 < threshold <= 1:
        raise MetricError(f"threshold is {threshold!r}; expected more than 0, and at most 1")
    axes = tuple(range(1, masks.ndim))
    found = []
    for one in case.explanations:
        region = one.heatmap() >= threshold
        found.append((region & masks).sum(axis=axes) / (region | masks).sum(axis=axes))
    return np.stack(found)

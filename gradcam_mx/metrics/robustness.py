"""Whether an explanation stays when the input hardly changes."""

from __future__ import annotations

import itertools
from typing import Any, Iterator, Sequence

import numpy as np

from ..errors import MetricError
from ..explanation.relevant import relevance
from ..support.arrays import ranges
from ..support.statistics import spearman
from .case import Case
from .functions import metric
from .hiding import check_count
from .register import HIGHER, LOWER


def _check_ball(shape: Sequence[int], *, radius: float, num_samples: int, seed: int) -> None:
    if not radius > 0:
        raise MetricError(f"radius is {radius!r}; expected a share of the range above 0")
    check_count("num_samples", num_samples, 1)


@metric(
    family="robustness",
    paper="Yeh et al. 2019, arXiv:1901.09392",
    cost="1 explanation for each draw",
    better=LOWER,
    check=_check_ball,
)
def max_sensitivity(
    case: Case, *, radius: float = 0.02, num_samples: int = 10, seed: int = 0
) -> np.ndarray:
    """Max-sensitivity: how far the explanation moves at most when the input hardly does.

        max over |δ|∞ ≤ r of ‖φ(x + δ) - φ(x)‖ / ‖φ(x)‖

    for the raw values φ and the largest of some random δ, so that it is a lower bound. Yeh et al.
    2019, arXiv:1901.09392, definition 3.1, as a share. A map that never changes has the best number
    there is, 0: read it beside faithfulness. NaN where the values are zeros.

    Returns:
        A Measured whose `values` are (N,), lower where the explanation is more stable.
    """
    found = np.zeros(case.relevance.shape[:2])
    for noise in _noises(case, radius, num_samples, seed):
        for number, own in enumerate(case.explanations):
            moved = _norms(case.again(number, case.run.x + noise).values - own.values)
            found[number] = np.maximum(found[number], moved)
    norms = np.stack([_norms(own.values) for own in case.explanations])
    return np.where(norms > 0, found / np.where(norms > 0, norms, 1), np.nan)


@metric(
    family="robustness",
    paper="Alvarez-Melis & Jaakkola 2018, arXiv:1806.08049",
    cost="1 explanation for each draw",
    better=LOWER,
    check=_check_ball,
)
def local_lipschitz(
    case: Case, *, radius: float = 0.02, num_samples: int = 10, seed: int = 0
) -> np.ndarray:
    """Local Lipschitz estimate: how far the explanation moves at most, for each step of the input.

        max over |δ|∞ ≤ r of ‖φ(x + δ) - φ(x)‖ / ‖δ‖

    for the raw values φ and the largest of some random δ. Alvarez-Melis & Jaakkola 2018,
    arXiv:1806.08049. It has the unit of the values, so that methods cannot be compared by it; a map
    that never changes has the best number there is, 0.

    Returns:
        A Measured whose `values` are (N,), lower where the explanation is more stable.
    """
    found = np.zeros(case.relevance.shape[:2])
    for noise in _noises(case, radius, num_samples, seed):
        for number, own in enumerate(case.explanations):
            moved = _norms(case.again(number, case.run.x + noise).values - own.values)
            found[number] = np.maximum(found[number], moved / _norms(noise))
    return found


def _check_shifts(shape: Sequence[int], *, pixels: int) -> None:
    smallest = min(shape[2:] if len(shape) > 2 else shape[1:])
    check_count("pixels", pixels, 1)
    if 2 * pixels > smallest:
        raise MetricError(
            f"pixels is {pixels}; expected at most {smallest // 2}, half of the shortest axis"
        )


@metric(
    family="robustness",
    paper="after Montavon et al. 2018, arXiv:1706.07979",
    cost="1 explanation for each shift",
    better=HIGHER,
    check=_check_shifts,
)
def continuity(case: Case, *, pixels: int = 4) -> np.ndarray:
    """Continuity: whether the map moves with the input when that is shifted.

        mean over shifts s of the rank correlation of R(x shifted by s), shifted back, and R(x)

    over the positions that both have, for shifts of some pixels to either side along each axis, the
    border repeated. Spearman's. After Montavon et al. 2018, arXiv:1706.07979, section 7.2, with
    shifts, which change nothing that is in the picture.

    Args:
        pixels: how far it is shifted.

    Returns:
        A Measured whose `values` are (N,), from -1 to 1.
    """
    shifts = [
        tuple(sign * pixels if one == axis else 0 for one in range(len(case.positions)))
        for axis, sign in itertools.product(range(len(case.positions)), (1, -1))
    ]
    found = np.zeros(case.relevance.shape[:2])
    for shift in shifts:
        x = shifted(case.run.x, shift)
        before, after = (_overlap(shift, is_moved) for is_moved in (False, True))
        for number, own in enumerate(case.relevance):
            moved = relevance(case.again(number, x))
            pair = (own[before], moved[after])
            found[number] += spearman(*(one.reshape(len(one), -1) for one in pair)) / len(shifts)
    return found


def shifted(x: np.ndarray, shift: Sequence[int]) -> np.ndarray:
    """x (N, C, …) moved along its positions, the border repeated."""
    for axis, step in enumerate(shift, start=x.ndim - len(shift)):
        places = np.clip(np.arange(x.shape[axis]) - step, 0, x.shape[axis] - 1)
        x = x.take(places, axis=axis)
    return x


def _overlap(shift: Sequence[int], is_moved: bool) -> Any:
    """Where what is in both pictures lies, in the moved one or in the other."""
    found: list[Any] = [...]
    for step in shift:
        start = max(step, 0) if is_moved else max(-step, 0)
        end = min(step, 0) if is_moved else min(-step, 0)
        found.append(slice(start, end or None))
    return tuple(found)


def _noises(case: Case, radius: float, count: int, seed: int) -> Iterator[np.ndarray]:
    """Random steps within a ball, shaped like x."""
    x, draw = case.run.x, np.random.RandomState(seed)
    reach = radius * ranges(x)
    for _ in range(count):
        # the same for all samples, but for their range
        yield (reach * draw.uniform(-1, 1, x.shape[1:])).astype(x.dtype)


def _norms(values: np.ndarray) -> np.ndarray:
    return np.linalg.norm(values.reshape(len(values), -1).astype(float), axis=1)

"""Faithfulness by many changes at random: does the map say how much each of them matters?"""

from __future__ import annotations

from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import MetricError
from ..methods.baselines import Baseline, baseline_of
from ..support.statistics import pearson, spearman
from .case import Case
from .functions import metric
from .hiding import Hider, check_baseline, check_count, hider
from .register import HIGHER, LOWER

BOXES, NOISE = "boxes", "noise"
"""What `infidelity` takes away from an input."""
LARGEST_BOX = 3
"""The largest box has a side of a third of the input."""
DEVIATION = 0.2
"""Of the noise, as a share of the range of each sample."""


def _check_infidelity(
    shape: Sequence[int],
    *,
    perturbation: str,
    baseline: Baseline,
    num_samples: int,
    probability: bool,
    scale: bool,
    normalise: bool,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    if perturbation not in (BOXES, NOISE):
        raise MetricError(f"perturbation={perturbation!r}; expected {BOXES!r} or {NOISE!r}")
    if isinstance(baseline, str) and baseline in ("inpaint", "linear"):
        raise MetricError(
            f"baseline={baseline!r}: infidelity takes differences from a baseline that is the "
            'same for all of them: "zero", "mean", "blur", a number, a colour or an array'
        )
    check_baseline(baseline, shape)
    check_count("num_samples", num_samples, 2)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Yeh et al. 2019, arXiv:1901.09392",
    cost="1 forward, and 1 for each draw",
    better=LOWER,
    check=_check_infidelity,
)
def infidelity(
    case: Case,
    *,
    perturbation: str = BOXES,
    baseline: Baseline = "zero",
    num_samples: int = 200,
    probability: bool = False,
    scale: bool = True,
    normalise: bool = True,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Infidelity: how far the relevance is from telling what a change does to the score.

        E[(β Iᵀφ - (S(x) - S(x - I)))²] / E[(S(x) - S(x - I))²],   β = E[Iᵀφ ΔS] / E[(Iᵀφ)²]

    over random changes I, with the attributions φ. Yeh et al. 2019, arXiv:1901.09392: definition
    2.1, with the best scale β, as methods differ in their units. So it is from 0 to 1; 1 is no
    better than a map of zeros. Maps have the same φ in all channels.

    Args:
        perturbation: "boxes", x - baseline within a box of a side of up to a third of the input;
            or "noise", normal numbers with 0.2 of the range of each sample.
        scale: False for β = 1, of attributions in the unit of the score.
        normalise: False for the numerator alone.

    Returns:
        A Measured whose `values` are (N,), lower where the map is better.
    """
    x = case.run.x
    behind = baseline_of(x, baseline)
    attributions = np.stack([_attributions(case, number) for number in range(len(case.relevance))])
    axes = tuple(range(2, attributions.ndim))

    def drawn() -> Iterator[np.ndarray]:
        """What is taken away, shaped like x."""
        draw = np.random.RandomState(seed)
        spread = np.ptp(x, axis=tuple(range(1, x.ndim)), keepdims=True)
        for _ in range(num_samples):
            if perturbation == NOISE:
                yield DEVIATION * spread * draw.standard_normal(x.shape[1:])
            else:
                inside = np.zeros(case.positions, bool)
                inside[_box(draw, case.positions)] = True
                yield (x - behind) * inside

    told = np.empty((len(attributions), len(x), num_samples))

    def values() -> Iterator[Any]:
        yield list(x)
        for number, change in enumerate(drawn()):
            told[..., number] = (attributions * change).sum(axis=axes)
            yield list((x - change).astype(x.dtype))

    scores = case.scores(
        values(),
        1 + num_samples,
        "infidelity",
        probability=probability,
        batch_size=batch_size,
        progress=progress,
    )
    drops = (scores[0] - scores[1:]).T
    if scale:
        squares = (told**2).sum(axis=-1, keepdims=True)
        products = (told * drops).sum(axis=-1, keepdims=True)
        told = told * np.where(squares > 0, products / np.where(squares > 0, squares, 1), 0)
    errors = ((told - drops) ** 2).mean(axis=-1)
    if not normalise:
        return errors
    powers = (drops**2).mean(axis=-1)
    return np.where(powers > 0, errors / np.where(powers > 0, powers, 1), 0)


def _attributions(case: Case, number: int) -> np.ndarray:
    """Of an explanation, what can be multiplied with changes of x: its own values where they are
    of the values of x, otherwise what it says of each position."""
    own = case.explanations[number].values
    if own.shape == case.run.x.shape:
        return own.astype(float)
    at_positions = case.relevance[number]
    return np.broadcast_to(at_positions[:, None], case.run.x.shape)


def _box(draw: np.random.RandomState, positions: Sequence[int]) -> tuple[slice, ...]:
    found = []
    for size in positions:
        side = draw.randint(1, -(-size // LARGEST_BOX) + 1)
        start = draw.randint(size - side + 1)
        found.append(slice(start, start + side))
    return tuple(found)


class _Parts(NamedTuple):
    """Sets of positions that are hidden, one after another."""

    hidden: Callable[[], Iterator[np.ndarray]]
    """(*positions) bool, each."""
    number: int


def _told_and_drops(
    case: Case, parts: _Parts, hides: Hider, what: str, **how: Any
) -> tuple[np.ndarray, np.ndarray]:
    """(E, N, J) the relevance that is hidden, and (N, J) how much the score drops."""
    told = np.empty((*case.relevance.shape[:2], parts.number))
    samples = range(len(case.run.x))

    def values() -> Iterator[Any]:
        yield list(case.run.x)
        for number, hidden in enumerate(parts.hidden()):
            told[..., number] = case.relevance[:, :, hidden].sum(axis=-1)
            yield [hides(sample, ~hidden) for sample in samples]

    scores = case.scores(values(), 1 + parts.number, what, **how)
    return told, (scores[0] - scores[1:]).T


def _check_subsets(
    shape: Sequence[int],
    *,
    subset_size: int,
    num_samples: int,
    baseline: Baseline,
    probability: bool,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    check_count("subset_size", subset_size, 1, shape)
    check_count("num_samples", num_samples, 2)
    check_baseline(baseline, shape)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Bhatt et al. 2020, arXiv:2005.00631",
    cost="1 forward, and 1 for each draw",
    better=HIGHER,
    check=_check_subsets,
)
def faithfulness_correlation(
    case: Case,
    *,
    subset_size: int = 224,
    num_samples: int = 100,
    baseline: Baseline = "zero",
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Faithfulness correlation: does the score drop with the relevance of positions hidden at once?

        corr over subsets B of (Σ_{i ∈ B} R_i,  S(x) - S(x with B hidden))

    Pearson's, over random subsets of positions. Bhatt et al. 2020, arXiv:2005.00631. Noisy: few
    single pixels hardly change a photo; `mufidelity` hides cells. 0 where either does not change.

    Args:
        subset_size: how many positions are hidden at once.

    Returns:
        A Measured whose `values` are (N,), from -1 to 1.
    """

    def hidden() -> Iterator[np.ndarray]:
        draw, size = np.random.RandomState(seed), int(np.prod(case.positions))
        for _ in range(num_samples):
            found = np.zeros(size, bool)
            found[draw.choice(size, subset_size, replace=False)] = True
            yield found.reshape(case.positions)

    told, drops = _told_and_drops(
        case,
        _Parts(hidden, num_samples),
        hider(case.run.x, baseline, seed),
        "faithfulness correlation",
        probability=probability,
        batch_size=batch_size,
        progress=progress,
    )
    return pearson(told, drops)


def _check_cells(shape: Sequence[int], cells: Any) -> None:
    check_count("cells", cells, 1)
    sizes = shape[2:] if len(shape) > 2 else shape[1:]
    if cells > min(sizes):
        raise MetricError(
            f"cells is {cells}: an axis of {min(sizes)} positions cannot be cut into so many"
        )


def _check_mufidelity(
    shape: Sequence[int],
    *,
    cells: int,
    share: float,
    num_samples: int,
    baseline: Baseline,
    probability: bool,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    _check_cells(shape, cells)
    if not 0 < share < 1:
        raise MetricError(f"share is {share!r}; expected more than 0 and less than 1")
    check_count("num_samples", num_samples, 2)
    check_baseline(baseline, shape)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Fel et al. 2022, arXiv:2206.04394; after Bhatt et al. 2020, arXiv:2005.00631",
    cost="1 forward, and 1 for each draw",
    better=HIGHER,
    check=_check_mufidelity,
)
def mufidelity(
    case: Case,
    *,
    cells: int = 9,
    share: float = 0.2,
    num_samples: int = 200,
    baseline: Baseline = "zero",
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """MuFidelity: does the score drop with the relevance of the cells that are hidden at once?

        rank correlation over subsets B of cells of (Σ_{i ∈ B} R_i,  S(x) - S(x with B hidden))

    `faithfulness_correlation` (Bhatt et al. 2020, arXiv:2005.00631) with Spearman's correlation and
    cells of a grid in place of single positions, as in Fel et al. 2022, arXiv:2206.04394. 0 where
    either does not change.

    Args:
        cells: along each axis of positions.
        share: of the cells that are hidden at once.

    Returns:
        A Measured whose `values` are (N,), from -1 to 1.
    """
    cell_of = _cells(case.positions, cells)
    count = int(cell_of.max()) + 1

    def hidden() -> Iterator[np.ndarray]:
        draw = np.random.RandomState(seed)
        for _ in range(num_samples):
            chosen = np.zeros(count, bool)
            chosen[draw.choice(count, max(1, round(share * count)), replace=False)] = True
            yield chosen[cell_of]

    told, drops = _told_and_drops(
        case,
        _Parts(hidden, num_samples),
        hider(case.run.x, baseline, seed),
        "MuFidelity",
        probability=probability,
        batch_size=batch_size,
        progress=progress,
    )
    return spearman(told, drops)


def _cells(positions: Sequence[int], cells: int) -> np.ndarray:
    """(*positions) the number of the cell that each position lies in."""
    found = np.zeros(tuple(positions), int)
    for axis, size in enumerate(positions):
        edges = np.arange(1, cells) * size // cells
        along = np.searchsorted(edges, np.arange(size), side="right")
        found = found * cells + along.reshape(
            [-1 if one == axis else 1 for one in range(found.ndim)]
        )
    return found


def _check_monotonicity(
    shape: Sequence[int],
    *,
    cells: int,
    num_samples: int,
    probability: bool,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    _check_cells(shape, cells)
    check_count("num_samples", num_samples, 1)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Nguyen & Martínez 2020, arXiv:2007.07584",
    cost="1 forward, and 1 for each cell and draw",
    better=HIGHER,
    check=_check_monotonicity,
)
def monotonicity_correlation(
    case: Case,
    *,
    cells: int = 9,
    num_samples: int = 5,
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> np.ndarray:
    """Monotonicity correlation: is the relevance of a cell large where the score hangs on it?

        rank correlation over cells i of (|Σ_i R|,  E[(S(x) - S(x with other values in i))²])

    Spearman's; the other values are uniform between the lowest and highest of each channel of x.
    Nguyen & Martínez 2020, arXiv:2007.07584 (its "non-sensitivity" is of zeros alone), on cells of
    a grid. 0 where either does not change.

    Args:
        cells: along each axis of positions.
        num_samples: how many draws for each cell.

    Returns:
        A Measured whose `values` are (N,), from -1 to 1.
    """
    x = case.run.x
    cell_of = _cells(case.positions, cells)
    count = int(cell_of.max()) + 1
    inner = tuple(range(2, x.ndim)) if x.ndim > 2 else (1,)
    low, high = x.min(axis=inner, keepdims=True), x.max(axis=inner, keepdims=True)
    draw = np.random.RandomState(seed)

    def values() -> Iterator[Any]:
        yield list(x)
        for _ in range(num_samples):
            others = low + (high - low) * draw.uniform(size=x.shape[1:])
            for cell in range(count):
                yield list(np.where(cell_of == cell, others, x).astype(x.dtype))

    scores = case.scores(
        values(),
        1 + num_samples * count,
        "monotonicity correlation",
        probability=probability,
        batch_size=batch_size,
        progress=progress,
    )
    squares = (scores[0] - scores[1:]).reshape(num_samples, count, -1) ** 2
    sums = np.stack(
        [np.abs(case.relevance[..., cell_of == cell].sum(axis=-1)) for cell in range(count)],
        axis=-1,
    )
    return spearman(sums, squares.mean(axis=0).T)

"""Faithfulness by curves: the score as more and more of the input is changed, in a map's order."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..methods.baselines import Baseline
from .case import Case
from .functions import metric
from .hiding import LINEAR, Hider, check_baseline, check_count, hider, key_of
from .register import HIGHER, LOWER, Curves


def _check(
    shape: Sequence[int],
    *,
    baseline: Baseline,
    steps: int,
    probability: bool,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
    least: int = 1,
) -> None:
    check_count("steps", steps, least, shape)
    check_baseline(baseline, shape)
    check_batch_size(batch_size)


@metric(
    family="faithfulness",
    paper="Petsiuk et al. 2018, arXiv:1806.07421",
    cost="1 forward, and 1 for each step",
    better=LOWER,
    check=_check,
)
def deletion(
    case: Case,
    *,
    baseline: Baseline = "zero",
    steps: int = 20,
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Curves:
    """Deletion: the area under the score as the most relevant positions go first.

        ∫₀¹ S(x with the share t of its most relevant positions hidden) dt

    by trapezoids over t = 0, 1/steps, …, 1. Petsiuk et al. 2018, arXiv:1806.07421.
    What is measured is the order of the map. Depends on the baseline: a net may take what is hidden
    for something; report it with `insertion`, or `srg`, which is the difference.

    Returns:
        A Measured whose `values` are (N,), lower where the map is better; `curve` (N, steps + 1).
    """
    shown = _Shown(case, baseline, steps, probability, seed, batch_size, progress)
    return _area(shown.deleted, shown.shares)


@metric(
    family="faithfulness",
    paper="Petsiuk et al. 2018, arXiv:1806.07421",
    cost="1 forward, and 1 for each step",
    better=HIGHER,
    check=_check,
)
def insertion(
    case: Case,
    *,
    baseline: Baseline = "zero",
    steps: int = 20,
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Curves:
    """Insertion: the area under the score as the most relevant positions come first.

        ∫₀¹ S(baseline with the share t of the most relevant positions of x) dt

    by trapezoids over t = 0, 1/steps, …, 1. Petsiuk et al. 2018, arXiv:1806.07421. It
    is the area as the least relevant positions go first. Depends on the baseline, as `deletion`.

    Returns:
        A Measured whose `values` are (N,), higher where the map is better; `curve` (N, steps + 1).
    """
    shown = _Shown(case, baseline, steps, probability, seed, batch_size, progress)
    return _area(shown.inserted, shown.shares)


@metric(
    family="faithfulness",
    paper="Blücher et al. 2024, arXiv:2401.06654",
    cost="1 forward, and 2 for each step",
    better=HIGHER,
    check=_check,
)
def srg(
    case: Case,
    *,
    baseline: Baseline = "zero",
    steps: int = 20,
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Curves:
    """SRG: the symmetric relevance gain, how much later the score falls if the least goes first.

        SRG = ∫₀¹ S(x, least relevant t hidden) - S(x, most relevant t hidden) dt

    which is insertion - deletion. Blücher et al. 2024, arXiv:2401.06654. A map that knows nothing
    has 0 in the mean, whatever the baseline; methods are ordered alike under many baselines, so it
    is the measure to begin with.

    Returns:
        A Measured whose `values` are (N,), higher where the map is better; `curve` (N, steps + 1)
        is the difference on the way.

    Example:
        >>> gm.metrics.srg(net, x, {"cam": cam, "chance": gm.random_map(net, x)})  # doctest: +SKIP
        {'cam': <srg of grad_cam: 5.1 …>, 'chance': <srg of random_map: -0.2 …>}
    """
    shown = _Shown(case, baseline, steps, probability, seed, batch_size, progress)
    most_first, least_first = (
        _area(shown.deleted, shown.shares),
        _area(shown.inserted, shown.shares),
    )
    return Curves(
        least_first.values - most_first.values,
        shown.inserted[..., ::-1] - shown.deleted,
        shown.shares,
    )


def _check_road(shape: Sequence[int], **options: Any) -> None:
    _check(shape, **options, least=2)


@metric(
    family="faithfulness",
    paper="Rong et al. 2022, arXiv:2202.00449",
    cost="2 forward for each step",
    better=HIGHER,
    check=_check_road,
)
def road(
    case: Case,
    *,
    baseline: Baseline = LINEAR,
    steps: int = 5,
    probability: bool = False,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Curves:
    """ROAD: what removing the least relevant leaves, less what removing the most relevant leaves.

        ROAD = mean over t of (S(x, least relevant t removed) - S(x, most relevant t removed)) / 2

    for t = 1/steps, …, 1 - 1/steps. What is removed is filled by noisy linear imputation, from
    which a net cannot read what was there: each value is the mean of its neighbours, with weights
    1/6 beside and 1/12 across, and noise of 0.01 standard deviations. Rong et al. 2022,
    arXiv:2202.00449. For pictures; needs scipy.

    Returns:
        A Measured whose `values` are (N,), higher where the map is better; `curve` (N, steps - 1).
    """
    shown = _Shown(case, baseline, steps, probability, seed, batch_size, progress)
    curves = ((shown.inserted[..., ::-1] - shown.deleted) / 2)[..., 1:-1]
    return Curves(curves.mean(axis=-1), curves, shown.shares[1:-1])


def _area(curves: np.ndarray, shares: np.ndarray) -> Curves:
    """Curves and the area under each, by trapezoids."""
    means = (curves[..., 1:] + curves[..., :-1]) / 2
    return Curves(means @ np.diff(shares), curves, shares)


class _Shown:
    """The scores of inputs of which some positions are hidden, in the order of each map.

    Measures of one case share them.
    """

    def __init__(
        self,
        case: Case,
        baseline: Baseline,
        steps: int,
        probability: bool,
        seed: int,
        batch_size: BatchSize,
        progress: bool,
    ) -> None:
        self._case, self._baseline, self._seed = case, baseline, seed
        self._how: Any = {
            "probability": probability,
            "batch_size": batch_size,
            "progress": progress,
        }
        positions = int(np.prod(case.positions))
        self._counts = [round(step * positions / steps) for step in range(steps + 1)]
        self.shares = np.array(self._counts) / positions
        """(K,) the share of the positions that are hidden, or shown."""
        self._key = ("curves", key_of(baseline), steps, probability, seed)

    @property
    def deleted(self) -> np.ndarray:
        """(E, N, K) the scores with the most relevant positions hidden."""
        return self._case.kept((*self._key, "deleted"), lambda: self._scores(is_shown=False))

    @property
    def inserted(self) -> np.ndarray:
        """(E, N, K) the scores with only the most relevant positions shown; the other way round, it
        is with the least relevant hidden."""
        return self._case.kept((*self._key, "inserted"), lambda: self._scores(is_shown=True))

    def _scores(self, is_shown: bool) -> np.ndarray:
        ranks, counts = self._case.ranks(self._seed), self._counts[1:-1]

        def values(hides: Hider) -> Iterator[Any]:
            for of_samples in ranks:
                for count in counts:
                    yield [
                        hides(n, (rank < count) == is_shown) for n, rank in enumerate(of_samples)
                    ]

        found = self._run(values, len(ranks) * len(counts))
        inner = found.reshape(len(ranks), len(counts), -1).transpose(0, 2, 1)
        ends = np.broadcast_to(self._ends[None, :, :, None], (len(ranks), *self._ends.shape, 1))
        first, last = (ends[:, 0], ends[:, 1]) if is_shown else (ends[:, 1], ends[:, 0])
        return np.concatenate([first, inner, last], axis=-1)

    @property
    def _ends(self) -> np.ndarray:
        """(2, N) the scores with nothing shown, and with nothing hidden: the same for all maps."""
        key = ("ends", key_of(self._baseline), self._how["probability"], self._seed)
        positions = self._case.positions

        def values(hides: Hider) -> Iterator[Any]:
            for is_shown in (False, True):
                shown = np.full(positions, is_shown)
                yield [hides(n, shown) for n in range(len(self._case.run.x))]

        return self._case.kept(key, lambda: self._run(values, 2))

    def _run(self, values: Callable[[Hider], Iterator[Any]], total: int) -> np.ndarray:
        hides = hider(self._case.run.x, self._baseline, self._seed)
        return self._case.scores(values(hides), total, "hiding parts", **self._how)

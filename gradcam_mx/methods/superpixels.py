"""Local models over superpixels: linear functions of which parts of the input are there.

Both methods run the net on samples of which some segments are hidden, and fit a linear function of
the segments that are left to the scores.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import MethodError
from ..support.optional import optional
from . import baselines
from . import segments as cutting
from .baselines import Baseline, Curtain
from .perturbing import perturbation
from .register import Result
from .segments import Segments
from .view import View


def spread(values: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """From a value for each segment (N, S) to one for each position, (N, …)."""
    return np.stack([one[segments] for one, segments in zip(values, cut)])


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of different lengths as one array, NaN where a row has ended."""
    longest = max(map(len, rows))
    return np.stack(
        [
            np.pad(np.asarray(row, np.float64), (0, longest - len(row)), constant_values=np.nan)
            for row in rows
        ]
    )


def _scores(
    run: View, curtain: Curtain, cut: np.ndarray, present: Sequence[np.ndarray], **options: Any
) -> list[np.ndarray]:
    """For each sample (M, T) the scores with only some segments there, M times; a sample's M and
    number of segments are its own.

    Args:
        present: for each sample (M, S) bool.
    """
    longest = max(map(len, present))

    def shown() -> Iterator[Any]:
        for number in range(longest):
            yield [
                curtain.shows(sample, rows[number][segments]) if number < len(rows) else None
                for sample, (rows, segments) in enumerate(zip(present, cut))
            ]

    scores = np.stack(list(run.perturbed(shown(), total=longest, **options)))
    return [scores[: len(rows), sample] for sample, rows in enumerate(present)]


# -- LIME -----------------------------------------------------------------------------------------


def _check_lime(
    shape: Sequence[int],
    *,
    segments: Segments,
    num_segments: int,
    num_samples: int,
    num_features: int | None,
    kernel_width: float,
    ridge: float,
    baseline: Baseline,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    cutting.check(segments, num_segments, shape)
    baselines.check(baseline, shape, inpaint=True)
    check_batch_size(batch_size)
    if num_samples < 2:
        raise MethodError(f"num_samples is {num_samples}; expected 2 or more, as a line needs")
    if num_features is not None and num_features < 1:
        raise MethodError(f"num_features is {num_features}; expected 1 or more, or None for all")
    if not kernel_width > 0 or ridge < 0:
        raise MethodError(
            f"expected a kernel_width above 0 and a ridge of 0 or more; got "
            f"{kernel_width} and {ridge}"
        )


@perturbation(
    paper="Ribeiro et al. 2016, arXiv:1602.04938",
    cost="1 forward, and 1 for each sample",
    check=_check_lime,
)
def lime(
    run: View,
    *,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    num_features: int | None = None,
    baseline: Baseline = "mean",
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """LIME: the segments that speak for the target, in a linear model of the net around x.

        β = argmin Σ_i π_i (S(x with the segments z_i) - b - β·z_i)² + λ |β|²
        π_i = √exp(-d_i² / σ²),    d_i = 1 - cos(z_i, (1, …, 1))

    for random z_i ∈ {0, 1}^S, each segment there with probability ½. Ribeiro et al. 2016,
    arXiv:1602.04938, equation 2 and algorithm 1, with the kernel of their own package.

    Args:
        output: which of several outputs is explained, by number or name; or "probability", as the
            paper has it.
        num_samples: how many combinations of segments are tried; the first is x itself.
        num_features: the linear model has only so many segments, those of the largest weights.
        baseline: what hidden segments become: "mean" (of the segment itself), "zero", "blur",
            "inpaint", a number or one for each channel, or an array like x or like one sample.
        kernel_width: σ.
        ridge: λ.
        seed: of the combinations.

    Returns:
        An Explanation whose values are the weights (N, H, W). In its details: "segments",
        "segment_values" (N, S) the weights, NaN where a sample has fewer segments, "intercept",
        "local_prediction" (of x by the model) and "local_fit" (its weighted R²), all (N,); and
        "standard_error", that of the values over the combinations that are drawn: how far the
        weights would be others with another seed. It is the sandwich of White (1980,
        doi:10.2307/1912934), which holds whether or not the net is linear, with the residuals
        corrected for the fit (HC2: MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7). With
        `num_features` it takes the choice of segments as given, and is NaN for the others; NaN too
        for fewer combinations than the model has numbers.

    Raises:
        MethodError: no such segments or baseline, options out of range.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        DependencyError: scikit-learn is not installed.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> found = gm.lime(net, mx.nd.ones((1, 3, 64, 64)), segments="grid", num_segments=4,
        ...                 num_samples=8)
        >>> found.values.shape, found.details["local_fit"].shape
        ((1, 64, 64), (1,))
    """
    _linear_model()
    cut = cutting.segments_of(run.x, segments, num_segments)
    by_name = isinstance(baseline, str) and baseline == "mean"
    curtain = Curtain(run.x, _segment_means(run.x, cut) if by_name else baseline)
    present = [_combinations(int(one.max()) + 1, num_samples, seed) for one in cut]
    scores = _scores(
        run, curtain, cut, present, batch_size=batch_size, progress=progress, what="LIME"
    )

    def of_target(number: int) -> Result:
        models = [
            _fit(rows, found[:, number], kernel_width, ridge, num_features)
            for rows, found in zip(present, scores)
        ]
        weights, errors, *others = (list(one) for one in zip(*models))
        values = padded(weights)
        names = ("intercept", "local_prediction", "local_fit")
        return Result(
            spread(values, cut),
            {
                "segments": cut,
                "segment_values": values,
                "standard_error": spread(padded(errors), cut).astype(np.float32),
                **{name: np.array(one) for name, one in zip(names, others)},
            },
            signed=True,
        )

    return [of_target(number) for number in range(scores[0].shape[1])]


def _combinations(count: int, samples: int, seed: int) -> np.ndarray:
    """(M, S) bool: which segments are there, the first time all of them."""
    present = np.random.RandomState(seed).randint(0, 2, (samples, count)).astype(bool)
    present[0] = True
    return present


def _segment_means(x: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """x with each segment filled with its mean, channel by channel."""
    found = np.empty_like(x)
    for sample, one in enumerate(cut):
        labels, sizes = one.ravel(), np.bincount(one.ravel())
        # a plain vector has no channels: its features are the positions
        for into, channel in zip(
            *(np.atleast_2d(array[sample].reshape(-1, labels.size)) for array in (found, x))
        ):
            into[:] = (np.bincount(labels, channel) / sizes)[labels]
    return found


def _fit(
    present: np.ndarray,
    scores: np.ndarray,
    kernel_width: float,
    ridge: float,
    num_features: int | None,
) -> tuple[np.ndarray, np.ndarray, float, float, float]:
    """Weights, their standard errors, intercept, prediction for all segments, and R² of the
    weighted ridge regression."""
    distances = 1 - np.sqrt(present.mean(axis=1))  # 1 - cos to the vector of ones
    nearness = np.sqrt(np.exp(-((distances / kernel_width) ** 2)))
    rows, scores = present.astype(np.float64), scores.astype(np.float64)
    model = _linear_model().Ridge(alpha=ridge).fit(rows, scores, sample_weight=nearness)
    weights = np.zeros(rows.shape[1])
    used = np.arange(len(weights))
    if num_features is not None and num_features < len(used):
        used = np.sort(np.argsort(-np.abs(model.coef_), kind="stable")[:num_features])
        model.fit(rows[:, used], scores, sample_weight=nearness)
    weights[used] = model.coef_
    errors = np.full(len(weights), np.nan)
    residuals = scores - model.predict(rows[:, used])
    errors[used] = _errors_of_fit(rows[:, used], residuals, nearness, ridge)
    fit = model.score(rows[:, used], scores, sample_weight=nearness)
    prediction = float(model.intercept_ + weights.sum())
    return weights, errors, float(model.intercept_), prediction, float(fit)


def _errors_of_fit(
    rows: np.ndarray, residuals: np.ndarray, weights: np.ndarray, ridge: float
) -> np.ndarray:
    """(S,) standard errors of the coefficients of a weighted ridge regression with an intercept.

        V = H⁻¹ (Σ_i u_i u_iᵀ) H⁻¹,    H = Z^T W Z + λ diag(0, 1, …),    Z = (1, z)
        u_i = w_i Z_i e_i / √(1 - h_i),    h_i = w_i Z_iᵀ H⁻¹ Z_i

    with the mean of u taken off. The first row, of all segments, is the same in each drawing, and
    adds nothing.
    """
    design = np.hstack([np.ones((len(rows), 1)), rows])
    count, numbers = design.shape
    if count <= numbers + 1:
        return np.full(numbers - 1, np.nan)
    penalty = np.diag([0.0, *[ridge] * (numbers - 1)])
    inverse = np.linalg.pinv(design.T @ (weights[:, None] * design) + penalty, hermitian=True)
    influence = weights[:, None] * design @ inverse
    left = 1 - (influence * design).sum(axis=1)
    corrected = residuals / np.sqrt(np.maximum(left, _LEAST_LEFT))
    shifts = influence[1:] * corrected[1:, None]
    return np.sqrt(_scatter(shifts).diagonal()[1:])


_LEAST_LEFT = 1e-6
"""Where a row decides its own fit, nothing is left of it to tell an error by."""


def _scatter(shifts: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """The covariance of the sum of independent rows, each of which came some number of times."""
    times = np.ones(len(shifts)) if times is None else times
    count = times.sum()
    centred = shifts - times @ shifts / count
    return (times[:, None] * centred).T @ centred * count / (count - 1)


def _linear_model() -> Any:
    return optional("sklearn.linear_model", "LIME's regression is made")


# -- Kernel SHAP ----------------------------------------------------------------------------------


def _check_kernel_shap(
    shape: Sequence[int],
    *,
    segments: Segments,
    num_segments: int,
    num_samples: int,
    baseline: Baseline,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    cutting.check(segments, num_segments, shape)
    baselines.check(baseline, shape, inpaint=True)
    check_batch_size(batch_size)
    _check_budget(num_samples, cutting.known_count(segments, shape) or min(2, num_segments))


@perturbation(
    paper="Lundberg & Lee 2017, arXiv:1705.07874",
    cost="1 forward, and 1 for each sample, or 2^S for few segments",
    check=_check_kernel_shap,
)
def kernel_shap(
    run: View,
    *,
    segments: Segments = None,
    num_segments: int = 50,
    num_samples: int = 1000,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """Kernel SHAP: each segment's Shapley value, its fair share in the score.

        φ = argmin Σ_z π(z) (S(x with the segments z) - S(baseline) - φ·z)²,
        Σ φ = S(x) - S(baseline),        π(z) = (S - 1) / (C(S, |z|) |z| (S - |z|))

    Lundberg & Lee 2017, arXiv:1705.07874, theorem 2. Where there are no more than `num_samples`
    combinations z of segments, all are tried and φ are the exact Shapley values. Otherwise as many
    sizes |z| as possible, from the smallest and the largest on, are tried in full, and random
    combinations of the others, each with its complement. The sum holds in any case.

    Args:
        num_samples: how many combinations of segments are tried, twice their number at least.
        seed: of the combinations.

    Returns:
        An Explanation whose values are (N, H, W), φ of each position's segment. In its details:
        "segments", "segment_values" (N, S), NaN where a sample has fewer segments, "base_value"
        (N,), S(baseline); and "standard_error", that of the values over the combinations that are
        drawn: how far they would be others with another seed, 0 where none are. It is the sandwich
        of White (1980, doi:10.2307/1912934) over pairs of a combination and its complement, with
        the residuals corrected for the fit (HC2: MacKinnon & White 1985,
        doi:10.1016/0304-4076(85)90158-7). NaN where fewer pairs were drawn than there are values.

    Raises:
        MethodError: no such segments or baseline, too few samples.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> found = gm.kernel_shap(net, mx.nd.ones((1, 3, 64, 64)), segments="grid", num_segments=4)
        >>> found.values.shape, found.details["segment_values"].shape
        ((1, 64, 64), (1, 4))
    """
    cut = cutting.segments_of(run.x, segments, num_segments)
    coalitions = [_coalitions(int(one.max()) + 1, num_samples, seed) for one in cut]
    # the first of all is without any segment
    present = [
        np.concatenate([np.zeros((1, one.present.shape[1]), bool), one.present])
        for one in coalitions
    ]
    scores = _scores(
        run,
        Curtain(run.x, baseline),
        cut,
        present,
        batch_size=batch_size,
        progress=progress,
        what="Kernel SHAP",
    )

    def of_target(number: int) -> Result:
        base = np.array([found[0, number] for found in scores], np.float64)
        fits = [
            _shapley(tried, found[1:, number], empty, full)
            for tried, found, empty, full in zip(
                coalitions, scores, base, run.scores[:, number].astype(np.float64)
            )
        ]
        values, errors = (padded(one) for one in zip(*fits))
        return Result(
            spread(values, cut),
            {
                "segments": cut,
                "segment_values": values,
                "base_value": base,
                "standard_error": spread(errors, cut).astype(np.float32),
            },
            signed=True,
        )

    return [of_target(number) for number in range(scores[0].shape[1])]


class _Coalitions(NamedTuple):
    """Combinations of segments, neither empty nor full."""

    present: np.ndarray
    """(M, S) bool."""
    weights: np.ndarray
    """(M,) in the regression."""
    times: np.ndarray
    """(D,) how often each of the last D was drawn, always after or before its complement; those
    before them are all of their size."""


def _coalitions(count: int, budget: int, seed: int) -> _Coalitions:
    _check_budget(budget, count)
    sizes = np.arange(1, count)
    shares = (count - 1) / (sizes * (count - sizes))  # of all combinations of a size together
    rows: list[np.ndarray] = []
    weights: list[float] = []
    left = set(sizes.tolist())
    for size in range(1, count // 2 + 1):
        pair = {size, count - size}
        number = len(pair) * math.comb(count, size)
        if number > budget - len(rows):
            break
        for one in sorted(pair):
            chosen = itertools.combinations(range(count), one)
            rows += [_indicator(members, count) for members in chosen]
            weights += [shares[one - 1] / math.comb(count, one)] * math.comb(count, one)
        left -= pair
    budget -= len(rows)
    times = np.empty(0)
    if left and budget >= 2:
        drawn = _drawn(sorted(left), shares, count, budget, np.random.RandomState(seed))
        total = sum(shares[size - 1] for size in left)
        times = np.array(list(drawn.values()), np.float64)
        rows += [np.frombuffer(key, bool) for key in drawn]
        weights += (times * total / times.sum()).tolist()
    return _Coalitions(np.array(rows, bool).reshape(-1, count), np.array(weights), times)


def _check_budget(budget: int, count: int) -> None:
    if budget < 2 * count:
        raise MethodError(
            f"num_samples is {budget}; expected twice the number of segments or "
            f"more, which is {2 * count} here"
        )


def _drawn(
    sizes: Sequence[int], shares: np.ndarray, count: int, budget: int, draw: np.random.RandomState
) -> dict[bytes, int]:
    """Random combinations of some sizes, each then its complement, and how often they came."""
    chances = shares[np.array(sizes) - 1] / shares[np.array(sizes) - 1].sum()
    times: dict[bytes, int] = {}
    # a combination may come again, which costs nothing; it must not go on for ever
    for size in draw.choice(sizes, size=4 * budget, p=chances):
        members = draw.choice(count, size, replace=False)
        row = _indicator(members, count)
        if row.tobytes() not in times and len(times) + 2 > budget:
            break
        for one in (row, ~row):
            times[one.tobytes()] = times.get(one.tobytes(), 0) + 1
    return times


def _indicator(members: Any, count: int) -> np.ndarray:
    row = np.zeros(count, bool)
    row[list(members)] = True
    return row


def _shapley(
    tried: _Coalitions, scores: np.ndarray, empty: float, full: float
) -> tuple[np.ndarray, np.ndarray]:
    """(S,) the weighted least squares solution whose sum is full - empty; their standard errors."""
    if tried.present.shape[1] == 1:  # all of it, whatever else is there
        return np.array([full - empty]), np.zeros(1)
    # the last value is what the others leave of the sum
    rows = tried.present.astype(np.float64)
    others, last = rows[:, :-1] - rows[:, -1:], rows[:, -1]
    scale = np.sqrt(tried.weights)
    wanted = scores - empty - last * (full - empty)
    found, *_ = np.linalg.lstsq(others * scale[:, None], wanted * scale, rcond=None)
    errors = _errors_of_shapley(tried, others, wanted - others @ found)
    return np.append(found, full - empty - found.sum()), errors


def _errors_of_shapley(tried: _Coalitions, others: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """(S,) standard errors over the pairs that were drawn, each of a combination and its
    complement, whose rows are z and -z.

        V = H⁻¹ (Σ_k u_k u_kᵀ) H⁻¹,    H = Σ_i w_i z_i z_iᵀ
        u_k = c z_k (e_k - e_k') / √(1 - h_k),    h_k = 2 c z_kᵀ H⁻¹ z_k

    over the drawings k, c the weight of one, e and e' the residuals of both, with the mean of u
    taken off.
    """
    times, count = tried.times[::2], len(tried.times)
    if not count:
        return np.zeros(others.shape[1] + 1)
    if times.sum() <= others.shape[1] + 1:
        return np.full(others.shape[1] + 1, np.nan)
    each = tried.weights[-1] / tried.times[-1]
    inverse = np.linalg.pinv(others.T @ (tried.weights[:, None] * others), hermitian=True)
    drawn, left = others[-count::2], residuals[-count:]
    influence = each * drawn @ inverse
    share = np.maximum(1 - 2 * (influence * drawn).sum(axis=1), _LEAST_LEFT)
    corrected = (left[::2] - left[1::2]) / np.sqrt(share)
    covariance = _scatter(influence * corrected[:, None], times)
    return np.sqrt(np.append(covariance.diagonal(), covariance.sum()))

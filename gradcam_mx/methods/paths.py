"""Attributions along paths from a baseline: they add up to the difference that they explain."""

from __future__ import annotations

import warnings
from typing import Callable, Iterator

import numpy as np

from ..engine.chunks import AUTO, BatchSize
from ..engine.inputs import Array
from ..errors import MethodError
from ..graph.layers import Map
from ..support.arrays import ranges
from ..support.callers import caller_level
from .background import background_of
from .baselines import Baseline, baseline_of
from .completeness import completeness, say_gap
from .functions import method
from .inputs import for_each, of_each
from .moments import Moments
from .needs import Needs
from .register import Result
from .view import View

FAMILY = "gradients"

_FEW = "They are a sum over too few points"

# Quadratures on [0, 1]: for a number of points, where they are and their weights, which sum to 1.


def _gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


def _trapezoid(steps: int) -> tuple[np.ndarray, np.ndarray]:
    if steps < 2:
        raise MethodError("the trapezoid rule takes two steps or more")
    weights = np.full(steps, 1 / (steps - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps), weights


def _riemann(offset: float) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    return lambda steps: ((np.arange(steps) + offset) / steps, np.full(steps, 1 / steps))


QUADRATURES = {
    "gauss-legendre": _gauss_legendre,
    "trapezoid": _trapezoid,
    "left": _riemann(0),
    "midpoint": _riemann(0.5),
    "right": _riemann(1),
}


@method(
    family=FAMILY,
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    cost="1 forward, and 1 forward and backward for each step",
    needs=Needs(inside=True),
)
def integrated_gradients(
    run: View,
    *,
    baseline: Baseline = "zero",
    steps: int = 50,
    quadrature: str = "gauss-legendre",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Result:
    """Integrated gradients: what each value adds to the score on the way from a baseline.

        R = (x - b) ⊙ ∫₀¹ ∂S/∂x at (b + t (x - b)) dt        Σ R = S(x) - S(b)

    Sundararajan et al. 2017, arXiv:1703.01365, equation 1. At a layer, the path goes from its
    values for the baseline to those for x, and the rest of the net stays as it is for x. How far
    the sum is from the difference of the scores, because the integral is a sum over few steps, is
    reported: `details["completeness_gap"]` and `details["score_difference"]`, both (N,); a gap of
    more than 5 % is told by a warning.

    Args:
        target: what is explained; each sample's top class by default, that of x itself. Several
            of them (`gm.targets.Several`, `Top`) give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        baseline: "zero", "mean" (each channel's mean), "blur" (x without detail), a number or one
            for each channel, or an array like x or like one sample. Of several inputs a tuple with
            one for each, or a mapping by their names.
        steps: how many points of the path.
        quadrature: "gauss-legendre", "trapezoid", "left", "midpoint" or "right".
        batch_size: how many points run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such baseline or quadrature, too few steps.
        InputError: a baseline of another shape.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.integrated_gradients(net, mx.nd.ones((1, 3, 224, 224)), steps=4)
        >>> found.values.shape, found.details["completeness_gap"].shape
        ((1, 3, 224, 224), (1,))
    """
    if quadrature not in QUADRATURES:
        raise MethodError(
            f"there is no quadrature {quadrature!r}; there are {', '.join(QUADRATURES)}"
        )
    if steps < 1:
        raise MethodError(f"expected at least one step; got {steps}")
    points, weights = QUADRATURES[quadrature](steps)
    where = run.map or run.input_map
    baselines = for_each(run, baseline, "baseline")
    behind = of_each(run, lambda x, number: baseline_of(x, baselines[number]))
    start = _values_at(run, where, behind)
    way = run.value(where) - start

    def path() -> Iterator[np.ndarray]:
        for point in points:
            yield (start + point * way).astype(way.dtype)

    total = np.zeros(way.shape)
    for weight, (_, gradient) in zip(
        weights,
        run.gradients_at(
            where,
            path(),
            batch_size=batch_size,
            progress=progress,
            total=steps,
            what="integrated gradients",
        ),
    ):
        total += weight * gradient
    values = way * total
    (at_baseline,) = run.scores_at(where, [start], progress=False)
    details = completeness(run, values, run.score - at_baseline)
    say_gap(run, values, details, f"{_FEW}; take more steps than {steps}")
    return Result(values, details, signed=True)


@method(
    family=FAMILY,
    paper="Erion et al. 2019, arXiv:1906.10670",
    cost="1 forward, 1 for each background sample, and 1 forward and backward for each draw",
    needs=Needs(inside=True),
)
def expected_gradients(
    run: View,
    *,
    background: Array,
    num_samples: int = 200,
    local_smoothing: float = 0.0,
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Result:
    """Expected gradients: integrated gradients, averaged over baselines out of a background set.

        R = E[(x - b) ⊙ ∂S/∂x at (b + t (x - b) + ε)],    b ~ background, t ~ U(0, 1)

    with ε ~ Normal(0, σ²), σ = `local_smoothing` · (max - min of the values explained). Erion et
    al. 2019, arXiv:1906.10670, equation 3. The expectation is a mean over draws: its standard error
    is `details["standard_error"]`, like the values; `details["completeness_gap"]`, (N,), tells how
    far their sum is from `details["score_difference"]`, the score less its mean over the
    background.

    Args:
        target: what is explained; each sample's top class by default, that of x itself. Several
            of them (`gm.targets.Several`, `Top`) give a list.
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        background: (B, C, H, W), preprocessed: what x is compared with. Of several inputs a tuple
            with one for each, whose rows belong together.
        num_samples: how many draws of a baseline and a point of the path.
        local_smoothing: the noise at each point, as a share of the range of the values, 0 to 1.
        seed: of the draws.
        batch_size: how many points run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no draws, a negative smoothing.
        InputError: a background of another shape.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.ones((1, 3, 224, 224))
        >>> found = gm.expected_gradients(net, x, background=x * 0, num_samples=4)
        >>> found.values.shape, found.details["standard_error"].shape
        ((1, 3, 224, 224), (1, 3, 224, 224))
    """
    if num_samples < 1 or local_smoothing < 0:
        raise MethodError(
            f"expected at least one draw and a smoothing of 0 or more; got num_samples="
            f"{num_samples}, local_smoothing={local_smoothing}"
        )
    if local_smoothing > 1:
        warnings.warn(
            f"local_smoothing={local_smoothing:g} is a share of the range of the values, not a "
            "deviation in their unit: noise of more than their range covers what is explained; "
            "expected 0 to 1",
            stacklevel=caller_level(),
        )
    where = run.map or run.input_map
    references = background_of(run, background)
    # a baseline is the same for all samples of a batch
    starts = [_values_at(run, where, np.broadcast_to(one, run.x.shape)) for one in references]
    value, draw = run.value(where), np.random.RandomState(seed)
    noise_range = ranges(value) if run.map else of_each(run, _ranges)
    sigma = local_smoothing * noise_range
    chosen = draw.randint(len(starts), size=num_samples)

    def drawn() -> Iterator[np.ndarray]:
        for one in chosen:
            # the same for all samples, so that each gets what it would get alone
            point = draw.uniform()
            noise = sigma * draw.standard_normal((1, *value.shape[1:])) if local_smoothing else 0
            yield (starts[one] + point * (value - starts[one]) + noise).astype(value.dtype)

    moments = Moments(value.shape)
    for one, (_, gradient) in zip(
        chosen,
        run.gradients_at(
            where,
            drawn(),
            batch_size=batch_size,
            progress=progress,
            total=num_samples,
            what="expected gradients",
        ),
    ):
        moments.add((value - starts[one]) * gradient)
    at_background = np.mean(list(run.scores_at(where, starts, progress=False)), axis=0)
    details = completeness(run, moments.mean, run.score - at_background)
    advice = f"{_FEW}; draw more samples than num_samples={num_samples}"
    say_gap(run, moments.mean, details, advice)
    details["standard_error"] = moments.standard_error.astype(np.float32)
    return Result(moments.mean, details, signed=True)


def _values_at(run: View, where: Map, x: np.ndarray) -> np.ndarray:
    """The values of a layer, or of the input itself, for another input."""
    return x if where == run.input_map else run.on(x).value(where)


def _ranges(x: np.ndarray, _: int) -> np.ndarray:
    """How far the values of each sample reach, at each value."""
    return np.broadcast_to(ranges(x), x.shape)

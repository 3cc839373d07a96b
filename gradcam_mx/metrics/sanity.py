"""Whether a map depends on what the net learned, and on what is explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, Sequence

import numpy as np

from ..errors import MetricError, NetworkError, TargetError
from ..explanation.explanation import Explanation
from ..explanation.relevant import relevance
from ..explanation.similarity import check_window, ssim
from ..graph.graph import Graph
from ..support.arrays import ranges
from ..support.progress import bar
from ..support.statistics import entropy
from .case import Case
from .functions import metric
from .hiding import check_count
from .randomised import layers_from_top, randomised
from .register import HIGHER, LOWER, Curves

RANDOM = "share of the layers that are random"
"""What the horizontal axis of a curve is."""


def _check_bins(shape: Sequence[int], *, bins: int, seed: int) -> None:
    check_count("bins", bins, 2)


@metric(
    family="sanity",
    paper="Hedström et al. 2024, arXiv:2401.06465",
    cost="1 explanation",
    better=HIGHER,
    check=_check_bins,
)
def emprt(case: Case, *, bins: int = 100, seed: int = 0) -> np.ndarray:
    """Efficient MPRT: how much more complex the map becomes when all that was learned is lost.

        (H(R') - H(R)) / H(R),    H = -Σ_b p_b log p_b

    for R' of the net whose parameters are random and the same target, where p_b is the share of the
    positions whose relevance is in the b-th of equal bins from its lowest to its highest. Hedström
    et al. 2024, arXiv:2401.06465, natural logarithm. Each array of parameters is shuffled on its
    own, which keeps the distribution of its numbers; running statistics stay. It is done on copies.
    NaN where all of R is equal, and -1 where all of R' is.

    Measured on SqueezeNet 1.1 and EfficientNet-Lite0, it is around 0 or below for Grad-CAM and
    saliency as for guided backprop, of either sign from one seed to the next; where parameters were
    drawn anew it was highest for guided backprop. Read `smprt` beside it.

    Args:
        bins: how many.

    Returns:
        A Measured whose `values` are (N,), higher where the map depends more on what was learned.

    Raises:
        MetricError, InputError, TargetError: what they say, before anything is computed.
        NetworkError: the net cannot be traced, is in int8 arithmetic, or gives no numbers when it
            is random.

    Example:
        >>> gm.metrics.emprt(net, x, cam)                                # doctest: +SKIP
        <emprt of grad_cam: 0.21, 1 sample, higher is better>
    """
    graph, layers = _subject(case)
    (forgetful,) = randomised(graph, layers, [len(layers)], seed)
    before = _histogram_entropy(case.relevance, bins)
    after = _histogram_entropy(
        np.stack(
            [relevance(_again(case, number, forgetful)) for number in range(len(case.explanations))]
        ),
        bins,
    )
    return np.where(before > 0, (after - before) / np.where(before > 0, before, 1), np.nan)


def _check_layers(shape: Sequence[int], *, layers: int, seed: int, progress: bool) -> None:
    check_count("layers", layers, 1)
    check_window(shape)


def _check_noise(
    shape: Sequence[int], *, num_samples: int, noise: float, layers: int, seed: int, progress: bool
) -> None:
    check_count("num_samples", num_samples, 1)
    if not 0 <= noise < np.inf:
        raise MetricError(f"noise is {noise!r}; expected a share of the range, 0 or more")
    _check_layers(shape, layers=layers, seed=seed, progress=progress)


@metric(
    family="sanity",
    paper="Hedström et al. 2024, arXiv:2401.06465",
    cost="num_samples explanations, and as many for each stage",
    better=LOWER,
    check=_check_noise,
)
def smprt(
    case: Case,
    *,
    num_samples: int = 50,
    noise: float = 0.1,
    layers: int = 10,
    seed: int = 0,
    progress: bool = True,
) -> Curves:
    """Smooth MPRT: how alike the map stays as layers forget what they learned, from the top down.

        mean over stages l of SSIM(R̄, R̄_l),    R̄ of the mean of φ(x + ε) over ε ~ N(0, σ²)

    for the raw values φ and σ a share of the range of each sample's values; at each stage the
    parameters of some layers more are random, from the output to the input, in the last all.
    Hedström et al. 2024, arXiv:2401.06465. Each array of parameters is shuffled on its own, which
    keeps the distribution of its numbers; running statistics stay. It is done on copies.

    SSIM (Wang et al. 2004) is the mean over windows of 7 positions along each axis, all of one
    weight. Maps lie in [0, 1] before, those without a sign by their lowest and highest value; those
    with one lie in [-1, 1], divided by their largest absolute value, so that zero stays zero.

    Args:
        num_samples: how many noisy copies.
        noise: σ, as a share of the range.
        layers: how many stages at the most, spread evenly over the operators that have parameters.

    Returns:
        A Measured whose `values` are (N,), lower where the map depends more on what was learned;
        `curve` (N, stages), with the share of the layers that are random in `at`.

    Raises:
        MetricError, InputError, TargetError: what they say, before anything is computed.
        DependencyError: scikit-image is not installed.
        NetworkError: the net cannot be traced, is in int8 arithmetic, or gives no numbers when it
            is random.

    Example:
        >>> gm.metrics.smprt(net, x, gm.guided_backprop(net, x))         # doctest: +SKIP
        <smprt of guided_backprop: 0.57, 1 sample, lower is better>
    """
    return _similarities(case, num_samples, noise, layers, seed, progress)


@metric(
    family="sanity",
    paper="Adebayo et al. 2018, arXiv:1810.03292",
    cost="1 explanation, and 1 for each stage",
    better=LOWER,
    check=_check_layers,
)
def mprt(case: Case, *, layers: int = 10, seed: int = 0, progress: bool = True) -> Curves:
    """MPRT: how alike the map stays as layers forget what they learned, without noise.

        mean over stages l of SSIM(R, R_l)

    with the parameters of the layers random from the output to the input, in the last stage all.
    Adebayo et al. 2018, arXiv:1810.03292. Never rank methods by it: the noise of gradients alone
    makes maps differ, so that noisy methods win (arXiv:2401.06465); `smprt` averages it out, and
    says how layers become random and what SSIM is.

    Args:
        layers: how many stages at the most, spread evenly over the operators that have parameters.

    Returns:
        A Measured whose `values` are (N,), lower where the map depends more on what was learned;
        `curve` (N, stages), with the share of the layers that are random in `at`.

    Raises:
        MetricError, InputError, TargetError: what they say, before anything is computed.
        DependencyError: scikit-image is not installed.
        NetworkError: the net cannot be traced, is in int8 arithmetic, or gives no numbers when it
            is random.
    """
    return _similarities(case, 1, 0, layers, seed, progress)


def _check_other(shape: Sequence[int], *, seed: int) -> None:
    check_window(shape)


@metric(
    family="sanity",
    paper="Sixt et al. 2020, arXiv:1912.09818",
    cost="1 explanation",
    better=LOWER,
    check=_check_other,
)
def random_logit(case: Case, *, seed: int = 0) -> np.ndarray:
    """Random logit: how alike the map is to that of another class.

        SSIM(R, R of class c'),    c' ≠ c drawn for each sample, all as likely

    Sixt et al. 2020, arXiv:1912.09818. SSIM is that of `smprt`.

    Returns:
        A Measured whose `values` are (N,), lower where the map depends more on the class.

    Raises:
        MetricError, InputError: what they say, before anything is computed.
        TargetError: no class is explained, or the net has no other.
        DependencyError: scikit-image is not installed.
        NetworkError: what it says.
    """
    others = _other_classes(case, seed)
    return np.stack(
        [
            ssim(case.relevance[number], relevance(case.again(number, target=others)), own.signed)
            for number, own in enumerate(case.explanations)
        ]
    )


def _other_classes(case: Case, seed: int) -> list[int]:
    """A class for each sample that is not the one that is explained."""
    run = case.run
    odds = run.probabilities
    if not run.is_of_classes or odds is None or odds.shape[1] < 2:
        raise TargetError(
            f"{run.target!r} is explained, of an output of shape {run.output.shape}: the map of "
            "another class is that of a net with a score for each of several classes, and of one "
            "of them"
        )
    count = odds.shape[1]
    steps = np.random.RandomState(seed).randint(1, count, len(run.target))
    return [int(one) for one in (np.array(run.target) + steps) % count]


def _subject(case: Case) -> tuple[Graph, list[list[str]]]:
    """The graph of the net, and the parameters of its layers from the top."""
    run = case.run  # refuses what does not fit, and initialises what waits for an input
    try:
        graph = case.graph
    except NetworkError as error:
        raise NetworkError(
            f"a net becomes random in a graph of its own, beside it, and this one has none: {error}"
        ) from error
    return graph, layers_from_top(graph, case.shapes, run.output_name.split(" + "))


def _similarities(
    case: Case, num_samples: int, noise: float, stages: int, seed: int, progress: bool
) -> Curves:
    """How alike the maps of the net and of the random ones are, each the mean of noisy copies."""
    graph, layers = _subject(case)
    counts = np.unique(np.ceil(np.linspace(0, len(layers), stages + 1)[1:]).astype(int))
    total = (1 + len(counts)) * len(case.explanations) * num_samples
    with bar(what="random layers", total=total, show=progress) as done:
        own = _means(case, None, num_samples, noise, seed, done)
        curves = np.empty((*case.relevance.shape[:2], len(counts)))
        for stage, other in enumerate(randomised(graph, layers, map(int, counts), seed)):
            found = _means(case, other, num_samples, noise, seed, done)
            for number, one in enumerate(case.explanations):
                curves[number, :, stage] = ssim(own[number], found[number], one.signed)
    return Curves(curves.mean(axis=-1), curves, counts / len(layers), RANDOM)


def _means(
    case: Case, net: Graph | None, num_samples: int, noise: float, seed: int, done: Any
) -> list[np.ndarray]:
    """(N, *positions) for each explanation: the relevance that the mean of noisy copies has."""
    found = []
    for number in range(len(case.explanations)):
        total: Any = 0.0
        for x in _noisy(case.run.x, num_samples, noise, seed):
            own = _again(case, number, net, x)
            total = total + own.values.astype(float)
            done.update()
        found.append(relevance(replace(own, values=total / num_samples)))
    return found


def _noisy(x: np.ndarray, count: int, noise: float, seed: int) -> Iterator[np.ndarray]:
    """Copies of x, each with a noise that all nets and explanations share."""
    draw, scale = np.random.RandomState(seed), noise * ranges(x)
    for _ in range(count):
        yield (x + scale * draw.standard_normal(x.shape)).astype(x.dtype)


def _again(case: Case, number: int, net: Graph | None, x: np.ndarray | None = None) -> Explanation:
    """What a method finds for the net, or for one that is random.

    Raises:
        NetworkError: what it says of the random net, said to be of that.
    """
    try:
        return case.again(number, x, net)
    except NetworkError as error:
        if net is None:
            raise
        raise NetworkError(
            f"with its parameters in random order the net cannot be explained: {error}. Try "
            "another seed"
        ) from error


def _histogram_entropy(values: np.ndarray, bins: int) -> np.ndarray:
    """(E, N): of the shares of the positions in equal bins, each from its lowest to its highest."""
    found = np.empty(values.shape[:2])
    for index in np.ndindex(found.shape):
        counts, _ = np.histogram(values[index], bins)
        found[index] = entropy(counts)
    return found

"""Relevance: the score, shared out operator by operator from the output down to the input."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from .. import picture
from ..engine.propagation.biases import Biases
from ..engine.propagation.deep_lift import DeepLift
from ..engine.propagation.named import excitation_rule, relevance_rule
from ..engine.rules import Rule
from ..errors import MethodError
from ..support.arrays import stretched
from ..support.progress import bar
from .background import background_of
from .baselines import Baseline, baseline_of
from .completeness import completeness, say_gap, sums
from .functions import method
from .inputs import for_each, of_each
from .moments import Moments
from .needs import Needs
from .register import Result
from .view import View

FAMILY = "relevance"


def _lrp_rule(**options: Any) -> Rule:
    return relevance_rule(**options)


@method(
    family=FAMILY,
    paper="Bach et al. 2015, doi:10.1371/journal.pone.0130140",
    cost="1 forward, 1 of the layers whose weights a rule changes, 1 backward",
    needs=Needs(gradient=False, rule_of=_lrp_rule, inside=True),
)
def lrp(
    run: View,
    *,
    composite: Any = "epsilon_plus_flat",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    conditions: Mapping[str, Any] | None = None,
    contrastive: bool = False,
    fallback: str | None = None,
) -> Result:
    """LRP: layer-wise relevance propagation, the score shared out layer by layer.

        R_x = x ⊙ VJP(f', x)(R / stab(f'(x))),        stab(z) = z + ε·sign(z)

    with f' an operator whose weights a rule changes. Bach et al. 2015,
    doi:10.1371/journal.pone.0130140; composites of rules: Montavon et al. 2019,
    doi:10.1007/978-3-030-28954-6_10. The walk begins with the score. What biases and ε take on the
    way is lost: `explanation.ledger()` lists it for each operator; in nets with batch normalisation
    that may be most of it. A batch normalisation beside a layer is merged into it, the signal of a
    gate takes all. With `conditions` it is concept relevance (CRP: Achtibat et al. 2023,
    arXiv:2206.03208).

    Args:
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        composite: "epsilon", "epsilon_plus" (z⁺ at convolutions, ε at Dense layers),
            "epsilon_plus_flat" (and the flat rule at the first layer), "epsilon_alpha2_beta1",
            "epsilon_alpha2_beta1_flat", "epsilon_gamma_box" (γ at convolutions, z-box at the first
            layer); a mapping layer → rule out of `gm.rules`, which has ε elsewhere; or a function
            of a node that gives a rule, or None for ε.
        epsilon: what keeps denominators away from zero; 0 is LRP-0.
        gamma: how much more positive terms weigh, of "epsilon_gamma_box".
        low: the lowest that the input can be, prepared as the input is, of "epsilon_gamma_box": a
            number, or one for each channel; by default black, where the net knows how photos are
            prepared.
        high: the highest; by default white.
        conditions: layer → a channel or several; relevance passes there alone.
        contrastive: whether to begin with the score S at the class and -S/(K - 1) at each of the
            others (Gu et al. 2018, arXiv:1812.02100). What begins at another class is no part of
            its score, which may be near zero: so the last layers share it out by z⁺, as that
            paper's do, unless a mapping or a function gives them a rule, and sums and averages
            behind them among what is above zero.
        fallback: "gradient" lets relevance pass operators that no rule is known for, in proportion
            to x ⊙ ∂y/∂x, and names them in `details["fallback"]`; by default they are an error.

    Returns:
        An Explanation whose values are the relevances, (N, C, H, W), at a layer (N, C, h, w); its
        `ledger()` keeps the accounts.

    Raises:
        RuleError: no such composite, an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.lrp(net, mx.nd.ones((1, 3, 224, 224)), 281)
        >>> found.values.shape, len(found.ledger()) > 60
        ((1, 3, 224, 224), True)
    """
    rule = _lrp_rule(
        composite=composite,
        epsilon=epsilon,
        gamma=gamma,
        low=low,
        high=high,
        conditions=conditions,
        contrastive=contrastive,
        fallback=fallback,
    )
    details = {"ledger": run.ledger(rule), **run.by_gradient(rule)}
    return Result(run.relevance(rule), details, signed=True)


def _excitation_rule(contrastive: bool, fallback: str | None) -> Rule:
    return excitation_rule(contrastive, fallback)


@method(
    family=FAMILY,
    paper="Zhang et al. 2016, arXiv:1608.00507",
    cost="1 forward, 1 with positive weights, 1 backward",
    needs=Needs(gradient=False, rule_of=_excitation_rule, inside=True),
)
def excitation_backprop(
    run: View, *, contrastive: bool = False, fallback: str | None = None
) -> Result:
    """Excitation backprop: with which probability each value is a winner, from the top down.

        P(i) = Σ_j P(i | j) P(j),        P(i | j) ∝ x_i w_ij⁺

    Zhang et al. 2016, arXiv:1608.00507: a walk that begins with 1 at the target; what inhibits
    takes no part, and neither do biases. It sums to 1, less what arrives where nothing excites. The
    paper shows it at a layer in the middle of the net, summed over the channels.

    Args:
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        contrastive: whether the same of the opposite, a last layer with weights -w, is subtracted
            (section 3.3).
        fallback: "gradient" lets it pass operators that no rule is known for.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.random.uniform(shape=(1, 3, 224, 224))
        >>> gm.excitation_backprop(net, x, 281, "features.7").values.shape
        (1, 256, 27, 27)
    """
    rule = _excitation_rule(contrastive, fallback)
    return Result(run.relevance(rule), run.by_gradient(rule), signed=True)


RULES = ("rescale", "reveal_cancel")


def _deep_lift_rule(rule: str, fallback: str | None, **_: Any) -> Rule:
    if rule not in RULES:
        raise MethodError(f"there is no rule {rule!r}; there are {', '.join(RULES)}")
    return DeepLift(rule == "reveal_cancel", fallback)


_WHY = "Something on the way is no function of what DeepLIFT sees; see gm.check"


@method(
    family=FAMILY,
    paper="Shrikumar et al. 2017, arXiv:1704.02685",
    cost="2 forward, 1 backward",
    needs=Needs(gradient=False, rule_of=_deep_lift_rule, inside=True),
)
def deep_lift(
    run: View,
    *,
    baseline: Baseline = "zero",
    rule: str = "rescale",
    fallback: str | None = None,
) -> Result:
    """DeepLIFT: what each value adds to the score, against what it is for a baseline.

        R = m ⊙ (x - x₀),        Σ R = S(x) - S(x₀)

    Shrikumar et al. 2017, arXiv:1704.02685. The multiplier m goes back from the score: through
    linear operators as a gradient, through a function of one number as Δy/Δx, through maxima to
    where the maximum came from in either run, through products as the gradient halfway. Operators
    that mix numbers (softmax, layer normalisation, recurrent layers) have their mean gradient on
    the line between the two runs. How far the sum is from the difference of the scores is
    `details["completeness_gap"]`, with `details["score_difference"]`, both (N,).

    Args:
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        baseline: "zero", "mean" (each channel's mean), "blur" (x without detail), a number or one
            for each channel, or an array like x or like one sample. Of several inputs a tuple with
            one for each, or a mapping by their names.
        rule: "rescale", or "reveal_cancel", which takes what raises and what lowers a value apart
            and so sees what cancels out.
        fallback: "gradient" takes the mean gradient on the line at operators that no rule is known
            for; by default they are an error.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such rule or baseline.
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.deep_lift(net, mx.nd.ones((1, 3, 224, 224)), 281)
        >>> found.values.shape, found.details["completeness_gap"].shape
        ((1, 3, 224, 224), (1,))
    """
    baselines = for_each(run, baseline, "baseline")
    x0 = of_each(run, lambda x, number: baseline_of(x, baselines[number]))
    lift = _deep_lift_rule(rule, fallback)
    compared = run.against(x0, lift)
    values = compared.multipliers * compared.change
    details = {**completeness(run, values, compared.of_score), **run.by_gradient(lift)}
    say_gap(run, values, details, _WHY)
    return Result(values, details, signed=True)


@method(
    family=FAMILY,
    paper="Lundberg & Lee 2017, arXiv:1705.07874",
    cost="1 forward, and 1 forward and backward for each background sample",
    needs=Needs(gradient=False, rule_of=_deep_lift_rule, inside=True),
)
def deep_shap(
    run: View,
    *,
    background: Any,
    rule: str = "rescale",
    fallback: str | None = None,
    progress: bool = True,
) -> Result:
    """DeepSHAP: DeepLIFT, averaged over the baselines of a background set.

        R = mean over x₀ of m(x, x₀) ⊙ (x - x₀),        Σ R = S(x) - mean of S(x₀)

    Lundberg & Lee 2017, arXiv:1705.07874, section 4.2: an approximation of Shapley values, exact
    where the net is a sum of functions of single values. `details["standard_error"]`, like the
    values, is that of the mean, as of a set drawn at random.

    Args:
        layer: attribute to the values of this layer, or of each of a list, in place of the input.
        background: (B, C, H, W), preprocessed: what x is compared with. Of several inputs a tuple
            with one for each, whose rows belong together.
        rule: "rescale" or "reveal_cancel"; see `deep_lift`.
        fallback: "gradient" for operators that no rule is known for.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        An Explanation whose values are (N, C, H, W), at a layer (N, C, h, w).

    Raises:
        MethodError: no such rule.
        InputError: a background of another shape.
        RuleError: an operator without a rule, a net that cannot be traced.
        LayerError, TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> x = mx.nd.random.normal(shape=(3, 3, 224, 224))
        >>> found = gm.deep_shap(net, x[:1], 281, background=x[1:])
        >>> found.values.shape, found.details["standard_error"].shape
        ((1, 3, 224, 224), (1, 3, 224, 224))
    """
    found, difference = Moments(run.value(run.map or run.input_map).shape), np.zeros(len(run.score))
    references = background_of(run, background)
    for one in bar(references, what="DeepSHAP", total=len(references), show=progress):
        compared = run.against(np.broadcast_to(one, run.x.shape), _deep_lift_rule(rule, fallback))
        found.add(compared.multipliers * compared.change)
        difference = difference + compared.of_score / len(references)
    details = completeness(run, found.mean, difference)
    say_gap(run, found.mean, details, _WHY)
    details["standard_error"] = found.standard_error.astype(np.float32)
    return Result(found.mean, details, signed=True)


_BIASES = Biases()


@method(
    family=FAMILY,
    paper="Srinivas & Fleuret 2019, arXiv:1905.00780",
    cost="1 forward, 1 backward",
    needs=Needs(gradient=False, rules=frozenset([_BIASES])),
)
def full_grad(run: View) -> Result:
    """FullGrad: where the input and where the biases of all layers add to the score.

        L = ψ(x ⊙ ∂S/∂x) + Σ over layers ψ(b ⊙ ∂S/∂y)        S = Σ x ⊙ ∂S/∂x + Σ Σ b ⊙ ∂S/∂y

    Srinivas & Fleuret 2019, arXiv:1905.00780, equations 2 and 5: ψ takes the absolute values,
    stretches them to [0, 1] over the layer, enlarges them to the input's size and adds up the
    channels. The bias of a batch normalisation is β - μγ/√(σ² + ε); that of a function such as a
    sigmoid what its tangent cuts off. `details["completeness_gap"]`, (N,), is by how much the
    terms, before ψ, fail to add up to the score; in a net of several inputs it holds what the
    others add.

    Returns:
        An Explanation whose values are (N, 1, H, W), ≥ 0.

    Raises:
        RuleError: a net that cannot be traced.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.full_grad(net, mx.nd.ones((1, 3, 224, 224)), 281).values.shape
        (1, 1, 224, 224)
    """
    biased = run.biases(_BIASES)
    of_input = run.x * biased.gradient
    rank, size = run.x.ndim, run.input_size
    maps = _at_input(of_input, size)
    for one in biased.maps:
        if rank > 2 and one.ndim == rank and len(one) == len(maps):
            maps = maps + _at_input(one, size)
    return Result(maps, {"completeness_gap": run.score - sums(run, of_input) - biased.total})


def _at_input(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """ψ: (N, C, …) → (N, 1, …) at the input's size."""
    if values.ndim < 3:
        return np.abs(values)
    axes = tuple(range(1, values.ndim))
    mapped = stretched(np.abs(values), axes).sum(axis=1)
    return picture.resize(mapped, size)[:, None]

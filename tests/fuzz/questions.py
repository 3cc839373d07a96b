"""The questions that are asked of a net, a function each: it raises Wrong, or all is well.

Formulas of maps are linear in the gradient once a random vector u weighs the positions: what comes
is then one directional derivative, along a direction that the formula and the layer's value A give.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

import gradcam_mx as gm

from .judge import NOTHING, Judged, Unsure, Wrong

Question = Callable[[Judged], None]

LARGEST = 120
"""Numbers of a layer whose gradient is found number by number."""


def small(gradient: np.ndarray, direction: np.ndarray) -> float:
    """The size that gradient · direction usually has."""
    norms = np.linalg.norm(gradient) * np.linalg.norm(direction)
    return float(norms / np.sqrt(max(gradient.size, 1)))


def saliency(judged: Judged) -> None:
    """∂S/∂x in a random direction and at one number; the score."""
    found = gm.saliency(judged.net, judged.x, judged.target.given, **judged.options())
    gradient_is_true(judged, found)


def gradient_is_true(judged: Judged, found: Any) -> None:
    """The values are ∂S/∂x."""
    judged.same_score(found)
    gradient = judged.shaped_as_input(np.asarray(found.values, np.float64))
    single = np.zeros(gradient.shape)
    single.flat[judged.rng.randint(single.size)] = 1.0
    sure = 0
    for d in (judged.rng.normal(size=gradient.shape), single):
        got = float((gradient * d).sum())
        try:
            judged.same_slope(
                got, small(gradient, d), judged.truth, judged.name, d, judged.target.scalars
            )
        except Unsure as error:
            last = error
            continue
        sure += 1
    if not sure:
        raise last


def input_x_gradient(judged: Judged) -> None:
    """x ⊙ ∂S/∂x."""
    found = gm.input_x_gradient(judged.net, judged.x, judged.target.given, **judged.options())
    judged.same_score(found)
    values = judged.shaped_as_input(np.asarray(found.values, np.float64))
    d = judged.rng.normal(size=values.shape)
    direction = d * judged.truth.x[judged.name]
    size = max(float(np.linalg.norm(values)), 1e-9)
    judged.same_slope(
        float((values * d).sum()), size, judged.truth, judged.name, direction, judged.target.scalars
    )


def several_at_once(judged: Judged) -> None:
    """`explain` gives what the calls give."""
    methods = ["saliency", "input_x_gradient"] + (["hires_cam"] if judged.layer else [])
    options = {"layer": f"{judged.layer}_output"} if judged.layer else {}
    found = gm.explain(
        judged.net, judged.x, methods, judged.target.given, **options, **judged.options()
    )
    gradient_is_true(judged, found["saliency"])
    x = as_results(judged.truth.x[judged.name], judged.input_axis)
    x = np.asarray(found["saliency"].values) * x
    off = np.abs(x - found["input_x_gradient"].values).max()
    if off > 1e-4 * max(np.abs(x).max(), 1e-12):
        raise Wrong(f"explain: input_x_gradient is not x times saliency, off by {off:.1e}")
    if judged.layer:
        map_is_true(judged, found["hires_cam"], "hires_cam", relu=True)


def as_results(x: np.ndarray, channels: int) -> np.ndarray:
    """The input, or a layer, as results have it: channels at axis 1."""
    return np.moveaxis(x, channels, 1) if x.ndim > 2 else x


def explained_at_layer(judged: Judged, method: str, **options: Any) -> Any:
    """What a method says of the layer that was drawn."""
    call, layer = getattr(gm, method), f"{judged.layer}_output"
    given = judged.target.given
    return call(judged.net, judged.x, given, layer, **options, **judged.options(layer=True))


def layer_map(method: str) -> Question:
    """The question for a method whose map is linear in the gradient."""

    def ask(judged: Judged) -> None:
        found = explained_at_layer(
            judged, method, **({} if method == "input_x_gradient" else {"relu": False})
        )
        judged.same_score(found)
        map_is_true(judged, found, method)

    return ask


def map_is_true(judged: Judged, found: Any, method: str, relu: bool = False) -> None:
    """One directional derivative says whether the map is that of the formula."""
    truth = judged.at_layer()
    a = truth.value
    got = np.asarray(found.values, np.float64)
    if method == "input_x_gradient":
        a_shape = as_results(a, judged.layer_axis).shape
    else:
        a_shape = as_results(a, judged.layer_axis)[:, 0].shape
    if got.shape != a_shape:
        raise Wrong(f"{method}: a map {got.shape} of a layer {a.shape}")
    if relu:
        maps_above_zero(judged, truth, got)
        return
    u = judged.rng.normal(size=got.shape)
    channel = judged.layer_axis % truth.value.ndim
    positions = tuple(axis for axis in range(1, a.ndim) if axis != channel)
    if method == "input_x_gradient":
        direction = a * (np.moveaxis(u, 1, judged.layer_axis))
    elif method == "hires_cam":
        direction = a * np.expand_dims(u, channel)
    else:
        share = (a * np.expand_dims(u, channel)).sum(axis=positions, keepdims=True)
        if method == "grad_cam":
            count = np.prod([a.shape[axis] for axis in positions])
            direction = np.broadcast_to(share / count, a.shape)
        else:
            total = a.sum(axis=positions, keepdims=True)
            if (np.abs(total) < 1e-3 * np.abs(a).sum(axis=positions, keepdims=True)).any():
                raise Unsure("a channel adds up to nearly nothing")
            nothing = total == 0
            direction = a * share / np.where(nothing, 1.0, total) * ~nothing
    size = float(np.linalg.norm(got * u))
    judged.same_slope(
        float((got * u).sum()), size, truth, "probe", direction, judged.target.scalars
    )


def maps_above_zero(judged: Judged, truth: Any, got: np.ndarray) -> None:
    """HiRes-CAM with its ReLU: three positions, each a derivative of its own."""
    if (got < 0).any():
        raise Wrong("hires_cam: below zero")
    channel = judged.layer_axis % truth.value.ndim
    for _ in range(3):
        where = np.zeros(got.shape)
        where.flat[judged.rng.randint(where.size)] = 1.0
        direction = truth.value * np.expand_dims(where, channel)
        try:
            true = truth.slope("probe", direction, judged.target.scalars)
        except ArithmeticError:
            continue
        off = abs(max(true, 0.0) - float((got * where).sum()))
        size = max(np.abs(got).max(), abs(true), 1e-6)
        if off > 5e-3 * size and judged.exact:
            raise Wrong(f"hires_cam: {float((got * where).sum()):.5g}, true {max(true, 0):.5g}")


def layer_cam(judged: Judged) -> None:
    """ReLU(Σ ReLU(G) ⊙ A), G number by number."""
    truth = judged.at_layer()
    a = truth.value
    channel = judged.layer_axis % truth.value.ndim
    if a.size > LARGEST:
        raise Unsure("too large for number by number")
    found = explained_at_layer(judged, "layer_cam", relu=False)
    gradient = np.zeros(a.shape)
    for at in np.ndindex(*a.shape):
        one = np.zeros(a.shape)
        one[at] = 1.0
        try:
            gradient[at] = truth.slope("probe", one, judged.target.scalars)
        except ArithmeticError as error:
            raise Unsure("kink or too flat for a difference") from error
    parts = np.maximum(gradient, 0) * a
    off = np.abs(parts.sum(axis=channel) - found.values).max() / max(np.abs(parts).max(), 1e-9)
    if off > 5e-3:
        if not judged.exact:
            hires = layer_map("hires_cam")
            hires(judged)
        raise Wrong(f"layer_cam off by {off:.1e}")


def default_layer(judged: Judged) -> None:
    """The layer that is chosen is a map of the samples that lies on the input."""
    options = judged.options(layer=True)
    found = gm.hires_cam(judged.net, judged.x, judged.target.given, relu=False, **options)
    name = found.layer[: -len("_output")] if found.layer.endswith("_output") else found.layer
    if name not in {step.name for step in judged.recipe.steps}:
        raise Wrong(f"the default layer is not in the net: {name}")
    if np.ndim(found.values) < 2 or np.max(np.shape(found.values)[1:]) < 2:
        raise Wrong(f"the default layer is no map: {name}, map {np.shape(found.values)}")
    judged.layer = name
    judged.same_score(found)
    map_is_true(judged, found, "hires_cam")


def ablation_cam(judged: Judged) -> None:
    """w = (S - S without the channel) / |S|, L = Σ w A."""
    truth = judged.at_layer()
    a = truth.value
    score = judged.target.scalars(truth.scores)
    if (np.abs(score) < 1e-2 * np.abs(truth.scores).max()).any():
        raise Unsure("a score near zero divides")
    batch_size = judged.pick([1, 4, 16])
    found = explained_at_layer(
        judged, "ablation_cam", relu=False, progress=False, batch_size=batch_size
    )
    axis = judged.layer_axis % a.ndim
    first = np.moveaxis(a, axis, 1)
    maps = np.zeros(first[:, 0].shape)
    for channel in range(a.shape[axis]):
        probe = np.zeros(a.shape)
        np.moveaxis(probe, axis, 1)[:, channel] = -first[:, channel]
        without = truth.scores_of("probe", probe, judged.target.scalars)
        weight = (score - without) / np.abs(score)
        maps += weight.reshape(-1, *[1] * (a.ndim - 2)) * first[:, channel]
    got = np.asarray(found.values, np.float64)
    if got.shape != maps.shape:
        raise Wrong(f"ablation_cam: a map {got.shape} of a layer {a.shape}")
    scale = np.abs(a).max() * max(1, np.abs(truth.scores).max() / np.abs(score).min())
    off = np.abs(got - maps).max()
    rounding = 1e-6 if judged.exact else 3e-4 * a.shape[1] ** 0.5
    if not off <= scale * rounding + 100 * judged.own_error:
        raise Wrong(f"ablation_cam off by {off:.2e} of {scale:.3g}: {brief_pair(got, maps)}")


def brief_pair(got: np.ndarray, true: np.ndarray) -> str:
    """The first numbers of both."""
    return f"{np.round(got.ravel()[:3], 5)} {np.round(true.ravel()[:3], 5)}"


def hidden_scores(judged: Judged, masks: list) -> list[np.ndarray]:
    """For each mask (N, *positions) the scores with it hidden."""
    x = judged.truth.x[judged.name]
    return [
        judged.truth.scores_of(
            judged.name, np.where(spread(judged, mask, x), 0.0, x), judged.target.scalars
        )
        for mask in masks
    ]


def spread(judged: Judged, mask: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A mask of positions for all channels."""
    if x.ndim == 2:
        return mask
    return np.broadcast_to(np.expand_dims(mask, judged.input_axis), x.shape)


def positions(judged: Judged) -> tuple:
    """The shape of the input's positions."""
    shape = judged.truth.x[judged.name].shape
    if len(shape) == 2:
        return shape[1:]
    return tuple(np.delete(shape, [0, judged.input_axis]))


def occlusion(judged: Judged) -> None:
    """The mean over the windows on a position of S(x) - S(x with the window hidden)."""
    size = positions(judged)
    window = judged.pick([2, 3])
    if min(size) < window:
        raise Unsure("smaller than the window")
    stride = judged.pick(range(1, window + 1))
    found = gm.occlusion(
        judged.net,
        judged.x,
        judged.target.given,
        window=window,
        stride=stride,
        progress=False,
        batch_size=judged.pick([1, 3, 8]),
        **judged.options(),
    )
    judged.same_score(found)
    starts = [
        range(0, max(s - window + stride - 1, 0) // stride * stride + 1, stride) for s in size
    ]
    samples = judged.truth.x[judged.name].shape[0]
    masks = []
    for corner in np.ndindex(*(len(s) for s in starts)):
        mask = np.zeros((samples, *size), bool)
        at = tuple(slice(s[c], s[c] + window) for s, c in zip(starts, corner))
        mask[(slice(None), *at)] = True
        masks.append(mask)
    scores = hidden_scores(judged, masks)
    full = judged.target.scalars(judged.truth.scores)
    total, count = np.zeros((samples, *size)), np.zeros((samples, *size))
    for mask, score in zip(masks, scores):
        total += mask * (full - score).reshape(-1, *[1] * len(size))
        count += mask
    judged.same_numbers(np.asarray(found.values), total / count, "occlusion")


def feature_ablation(judged: Judged) -> None:
    """S(x) - S(x with the segment hidden)."""
    size = positions(judged)
    samples = judged.truth.x[judged.name].shape[0]
    segments = judged.rng.randint(0, 4, size)
    segments.flat[:4] = range(4)
    found = gm.feature_ablation(
        judged.net,
        judged.x,
        judged.target.given,
        segments=segments,
        progress=False,
        batch_size=judged.pick([1, 3, 8]),
        **judged.options(),
    )
    masks = [np.broadcast_to(segments == s, (samples, *size)) for s in range(4)]
    scores = hidden_scores(judged, masks)
    full = judged.target.scalars(judged.truth.scores).reshape(-1, *[1] * len(size))
    true = np.zeros((samples, *size))
    for mask, score in zip(masks, scores):
        true += mask * (full - score.reshape(full.shape))
    judged.same_numbers(np.asarray(found.values), true, "feature_ablation")


def integrated_gradients(judged: Judged) -> None:
    """Four Gauss-Legendre points, a random weight for each value; both details."""
    x = judged.truth.x[judged.name]
    number = judged.pick([0.0, 0.5])
    found = gm.integrated_gradients(
        judged.net,
        judged.x,
        judged.target.given,
        baseline="zero" if number == 0 else number,
        steps=4,
        batch_size=judged.pick([1, 3, 16]),
        progress=False,
        **judged.options(),
    )
    judged.same_score(found)
    values = judged.shaped_as_input(np.asarray(found.values, np.float64))
    base = np.full(x.shape, number)
    scalars = judged.target.scalars
    away = judged.truth.scores_of(judged.name, base, scalars)
    true_difference = scalars(judged.truth.scores) - away
    judged.same_numbers(found.details["score_difference"], true_difference, "score_difference")
    sums = values.reshape(values.shape[0], -1).sum(axis=1)
    gap = np.abs(np.abs(found.details["completeness_gap"]) - np.abs(sums - true_difference))
    if gap.max() > 1e-3 * max(np.abs(values).sum(), np.abs(judged.truth.scores).max()):
        raise Wrong(f"completeness_gap is not the gap, off by {gap.max():.1e}")
    u = judged.rng.normal(size=x.shape)
    true = 0.0
    for point, weight in zip(*np.polynomial.legendre.leggauss(4)):
        t = (point + 1) / 2
        try:
            at = judged.truth.slope(judged.name, u * (x - base), scalars, at=base + t * (x - base))
        except ArithmeticError as error:
            raise Unsure("kink or too flat for a difference") from error
        true += weight / 2 * at
    got, nothing = float((values * u).sum()), NOTHING * np.abs(judged.truth.scores).max()
    off = abs(got - true) / max(float(np.linalg.norm(values)), float(nothing), 1e-9)
    if off > 2 * max(1e-3, 0 if judged.exact else 5e-3):
        raise Wrong(f"integrated_gradients {got:.6g}, true {true:.6g}, off by {off:.1e}")


def kernel_shap(judged: Judged) -> None:
    """Three players, all coalitions: the values add up to S(x) - S(all hidden)."""
    size = positions(judged)
    segments = np.arange(np.prod(size)).reshape(size) % 3
    found = gm.kernel_shap(
        judged.net,
        judged.x,
        judged.target.given,
        segments=segments,
        progress=False,
        baseline="zero",
        **judged.options(),
    )
    x = judged.truth.x[judged.name]
    samples = x.shape[0]
    masks = [np.broadcast_to((1 << segments) & hidden > 0, (samples, *size)) for hidden in range(8)]
    s = hidden_scores(judged, masks)
    true = np.zeros((samples, *size))
    for p in range(3):
        a, b = (1 << q for q in range(3) if q != p)
        mine = 1 << p
        value = (s[0] - s[mine]) / 3 + (s[a | b] - s[7]) / 3
        value += (s[a] - s[a | mine]) / 6 + (s[b] - s[b | mine]) / 6
        true += (segments == p) * value.reshape(-1, *[1] * len(size))
    judged.same_numbers(np.asarray(found.values), true, "kernel_shap")


QUESTIONS: dict[str, Question] = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "explain": several_at_once,
    "grad_cam": layer_map("grad_cam"),
    "hires_cam": layer_map("hires_cam"),
    "xgrad_cam": layer_map("xgrad_cam"),
    "layer_gradient": layer_map("input_x_gradient"),
    "layer_cam": layer_cam,
    "default_layer": default_layer,
    "ablation_cam": ablation_cam,
    "occlusion": occlusion,
    "feature_ablation": feature_ablation,
    "integrated_gradients": integrated_gradients,
    "kernel_shap": kernel_shap,
}
AT_LAYERS = ("layer_cam", "grad_cam", "hires_cam", "xgrad_cam", "layer_gradient", "ablation_cam")
PERTURBING = ("occlusion", "feature_ablation", "kernel_shap")


def chosen(judged: Judged) -> list[str]:
    """The questions that a net's seed chooses."""
    rng = np.random.RandomState(judged.recipe.seed + 2)
    names = ["saliency"]
    if judged.layer:
        size = np.prod(judged.at_layer().value.shape)
        names += [str(rng.choice(AT_LAYERS if size <= LARGEST else AT_LAYERS[1:]))]
    if rng.rand() < 0.6:
        names += [str(rng.choice(PERTURBING))]
    others = ["input_x_gradient", "explain", "default_layer", "integrated_gradients"]
    if rng.rand() < 0.6:
        names += [str(rng.choice(others))]
    return names

"""A naive float64 reference of relevance for whole nets, from the papers alone.

    graph = Graph([
        node("x", "input"),
        node("c", "conv", "x", weight=w, bias=b, pad=1),
        node("r", "relu", "c"),
        node("y", "dense", "r", weight=v),
    ])
    values = graph.forward(x)
    relevance(graph, values, {"y": one_hot}, rules={"c": partial(gamma, gamma=0.5)})["x"]
    deep_lift(graph, x, x0, {"y": one_hot}, rule="reveal_cancel")["x"]

What a net is: `naive_net`. The rules: `naive_relevance`. A start is a mapping name → what the walk
begins with there: relevance, or the weights of the explained sum Σ start · value.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any, Callable, Mapping, Sequence

import numpy as np
from naive_net import (
    ELEMENTWISE,
    MAXIMA,
    NORMS,
    STRUCTURAL,
    WEIGHTED,
    Graph,
    Node,
    Values,
    along,
    apart,
    connections,
    linear,
    norm_of,
    windows_of,
)
from naive_operators import winner
from naive_relevance import (
    affine,
    alpha_beta,
    epsilon,
    excitation,
    flat,
    fold,
    gamma,
    gated_product,
    max_pool_relevance,
    max_reduction_relevance,
    negative,
    positive,
    product,
    softmax_relevance,
    z_box,
    z_plus,
)

Rule = Callable[..., np.ndarray]
Start = Mapping[str, np.ndarray]

SMALLEST_DIFFERENCE = 1e-6  # of an input below which DeepLIFT takes the derivative


def relevance(
    graph: Graph,
    values: Values,
    start: Start,
    rules: Mapping[str, Rule] = {},
    eps: float = 1e-6,
    conditions: Mapping[str, Sequence[int]] = {},
    stop: Sequence[str] = (),
) -> Values:
    """The relevance of every value that the start depends on, by name.

    `rules` maps linear operators to rules; one that it leaves out has ε. `conditions` maps a name
    to the channels (axis 0) that relevance may pass through there: what has arrived at the others
    is multiplied by 0 (CRP: Achtibat et al. 2023, arXiv:2206.03208). Batch norms are affine where
    they stand; `merge_batch_norms` gives the net in which they are part of their layers.
    """

    def step(node: Node, R: np.ndarray) -> Sequence[np.ndarray]:
        inputs = [values[name] for name in node.inputs]
        rule = rules.get(node.name, partial(epsilon, eps=eps))
        return relevance_step(node, inputs, R, rule, eps)

    masks = {name: channel_mask(values[name], kept) for name, kept in conditions.items()}
    return graph.walk(start, step, masks, stop)


def relevance_step(
    node: Node, inputs: Sequence[np.ndarray], R: np.ndarray, rule: Rule, eps: float
) -> Sequence[np.ndarray]:
    """What each input of one operator receives of the relevance of its output."""
    x = inputs[0]
    if node.op in ELEMENTWISE or node.op == "scale":
        return [R]
    if node.op == "multiply":
        gate = node.get("gate")
        if gate is None:
            return product(x, inputs[1], R, eps)
        signal, nothing = gated_product(inputs[1 - gate], inputs[gate], R)
        return [signal, nothing] if gate == 1 else [nothing, signal]
    if node.op in MAXIMA:
        windows, _ = windows_of(node, x.shape)
        share = max_pool_relevance if node.op == "max_pool" else max_reduction_relevance
        return [share(x.reshape(-1), windows, R.reshape(-1)).reshape(x.shape)]
    if node.op == "softmax":
        return [along(node, partial(softmax_relevance, eps=eps), x, R)]
    if node.op in NORMS:
        return [affine(*norm_of(node, x), x, R, eps)]
    shapes = [one.shape for one in inputs]
    layer = linear(node, shapes)
    if node.op in STRUCTURAL:
        return apart(layer.matrix.T @ R.reshape(-1), shapes)
    is_flat = (rule.func if isinstance(rule, partial) else rule) is flat
    matrix = connections(node, shapes) if is_flat else layer.matrix
    return apart(rule(matrix, layer.bias, flattened(inputs), R.reshape(-1)), shapes)


def flattened(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All numbers of these arrays, one array after the other."""
    return np.concatenate([array.reshape(-1) for array in arrays])


def channel_mask(value: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Ones in these channels (axis 0), zeros in the others."""
    mask = np.zeros(value.shape)
    for channel in kept:
        mask[channel] = 1.0
    return mask


def composite(
    graph: Graph, name: str, low: Any = None, high: Any = None, eps: float = 1e-6
) -> dict[str, Rule]:
    """Rules of a composite by node: convolutions as it says, dense layers and all others ε.

    In the `_flat` ones the first layer with weights in the graph's order has the flat rule, in
    `epsilon_gamma_box` the z-box rule with `low` and `high`, whatever kind of layer it is.
    """
    convolution: dict[str, Rule] = {
        "epsilon": partial(epsilon, eps=eps),
        "epsilon_plus": partial(z_plus, eps=eps),
        "epsilon_plus_flat": partial(z_plus, eps=eps),
        "epsilon_alpha2_beta1": partial(alpha_beta, alpha=2.0, beta=1.0, eps=eps),
        "epsilon_alpha2_beta1_flat": partial(alpha_beta, alpha=2.0, beta=1.0, eps=eps),
        "epsilon_gamma_box": partial(gamma, gamma=0.25, eps=eps),
    }
    layers = [one for one in graph.nodes if one.op in WEIGHTED]
    rules: dict[str, Rule] = {
        one.name: convolution[name] for one in layers if one.op in ("conv", "deconv")
    }
    if name.endswith("_flat"):
        rules[layers[0].name] = partial(flat, eps=eps)
    if name.endswith("_box"):
        rules[layers[0].name] = partial(z_box, low=low, high=high, eps=eps)
    return rules


# -------------------------------------------------------------------------- excitation backprop


def excitation_backprop(
    graph: Graph, values: Values, start: Start, stop: Sequence[str] = ()
) -> Values:
    """Marginal winning probabilities (Zhang et al. 2016, arXiv:1608.00507) down to `stop`.

    Convolutions, dense layers and average poolings have the paper's rule. So have sums, of which
    the parts below zero inhibit and take no part. Everything else is as in `relevance`.
    """

    def of_sum(M: np.ndarray, b: np.ndarray, x: np.ndarray, R: np.ndarray) -> np.ndarray:
        return excitation(M, b, positive(x), R)

    rules: dict[str, Rule] = {
        one.name: of_sum if one.op in ("add", "avg_pool", "mean") else excitation
        for one in graph.nodes
        if one.op in (*WEIGHTED, "add", "avg_pool", "mean")
    }
    return relevance(graph, values, start, rules, stop=stop)


def contrastive_excitation_backprop(
    graph: Graph, values: Values, top: str, start: np.ndarray, stop: Sequence[str] = ()
) -> Values:
    """Of the unit minus of its dual unit, whose weights at `top` are the negative ones.

    The difference is taken at the input of `top` and goes down from there (section 3.3). It is
    left as it is: its negative part is not cut off, and neither part is normalised again.
    """
    layer = next(one for one in graph.nodes if one.name == top)
    x = values[layer.inputs[0]]
    found = linear(layer, [x.shape])
    unit = excitation(found.matrix, found.bias, x.reshape(-1), start.reshape(-1))
    dual = excitation(-found.matrix, found.bias, x.reshape(-1), start.reshape(-1))
    below = {layer.inputs[0]: (unit - dual).reshape(x.shape)}
    return excitation_backprop(graph, values, below, stop)


# ---------------------------------------------------------------------------------------- DeepLIFT


def slope(rise: np.ndarray, run: np.ndarray, derivative: np.ndarray) -> np.ndarray:
    """rise / run, and the derivative where the run is too small to divide by."""
    small = np.abs(run) < SMALLEST_DIFFERENCE
    return np.where(small, derivative, rise / np.where(small, 1.0, run))


def by_sign(sign_of: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """`up` where a number is positive, `down` where it is negative, their mean where it is 0."""
    return np.where(sign_of > 0, up, np.where(sign_of < 0, down, 0.5 * (up + down)))


def differences(graph: Graph, values: Values, base: Values) -> tuple[Values, Values]:
    """Δ⁺ and Δ⁻ of every value, which add up to its difference Δ (Shrikumar 2017, 3.4 and 3.5).

    Of a linear operator's output: the sums of its positive and of its negative contributions
    M_ji Δx_i. Of a nonlinearity's: the mean effects of Δx⁺ and Δx⁻ over both orders in which they
    can come. Of all others: Δ itself on the side of its sign.
    """
    up: Values = {}
    down: Values = {}
    for one in graph.nodes:
        delta = values[one.name] - base[one.name]
        up[one.name], down[one.name] = positive(delta), negative(delta)
        source = one.inputs[0] if one.inputs else ""
        if one.op in ELEMENTWISE:
            a, P, N = base[source], up[source], down[source]

            def f(z: np.ndarray, node: Node = one) -> np.ndarray:
                return ELEMENTWISE[node.op][0](z, node.get("slope", 0.25))

            up[one.name] = 0.5 * (f(a + P) - f(a) + f(a + P + N) - f(a + N))
            down[one.name] = 0.5 * (f(a + N) - f(a) + f(a + P + N) - f(a + P))
        elif one.op in STRUCTURAL:
            layer = linear(one, [values[name].shape for name in one.inputs])
            for side in (up, down):
                moved = layer.matrix @ flattened([side[name] for name in one.inputs])
                side[one.name] = moved.reshape(layer.shape)
        elif is_linear(one):
            layer = linear(one, [values[name].shape for name in one.inputs])
            z = layer.matrix * flattened([values[name] - base[name] for name in one.inputs])
            up[one.name] = positive(z).sum(1).reshape(layer.shape)
            down[one.name] = negative(z).sum(1).reshape(layer.shape)
    return up, down


def is_linear(node: Node) -> bool:
    """Whether the operator has a matrix."""
    other = (*ELEMENTWISE, *MAXIMA, *NORMS, "multiply", "softmax", "input")
    return node.op not in other


def deep_lift(graph: Graph, x: Any, x0: Any, start: Start, rule: str = "rescale") -> Values:
    """The contributions of every value to Σ start · (value − reference value), by name.

    Shrikumar et al. 2017, arXiv:1704.02685. Multipliers go down by the chain rule, one for Δ⁺ and
    one for Δ⁻ of each value; the contribution is m⁺Δ⁺ + m⁻Δ⁻. A linear operator gives its input
    M_ji m_j, with m⁺_j where the contribution M_ji Δx_i is positive, m⁻_j where it is negative
    and half of both where it is 0. A nonlinearity multiplies by Δy/Δx with "rescale", and by
    Δy⁺/Δx⁺ and Δy⁻/Δx⁻ with "reveal_cancel".

    With "reveal_cancel" the net should come from `merge_batch_norms`: a batch norm that stands
    alone is a linear layer of one input, behind which positive and negative are no longer apart.
    """
    values, base = graph.forward(x), graph.forward(x0)
    up, down = differences(graph, values, base)

    def step(node: Node, m: np.ndarray) -> Sequence[np.ndarray]:
        inputs = [values[name] for name in node.inputs]
        before = [base[name] for name in node.inputs]
        source = node.inputs[0]
        if node.op in ELEMENTWISE:
            derivative = ELEMENTWISE[node.op][1](inputs[0], node.get("slope", 0.25))
            if rule == "rescale":
                rise = values[node.name] - base[node.name]
                return [m * slope(rise, inputs[0] - before[0], derivative)]
            over_up = slope(up[node.name], up[source], derivative)
            over_down = slope(down[node.name], down[source], derivative)
            return [np.stack([m[0] * over_up, m[1] * over_down])]
        shapes = [one.shape for one in inputs]
        if node.op in STRUCTURAL:
            M = linear(node, shapes).matrix
            sides = [apart(M.T @ side.reshape(-1), shapes) for side in m]
            return [np.stack(pair) for pair in zip(*sides)]
        if is_linear(node):
            M = linear(node, shapes).matrix
            z = M * (flattened(inputs) - flattened(before))
            chosen = by_sign(z, m[0].reshape(-1, 1), m[1].reshape(-1, 1))
            found = apart((M * chosen).sum(0), shapes)
        elif node.op == "multiply":
            one = by_sign(values[node.name] - base[node.name], m[0], m[1])
            a, b = (0.5 * (now + then) for now, then in zip(inputs, before))
            found = [fold(one * b, shapes[0]), fold(one * a, shapes[1])]
        elif node.op in MAXIMA:
            one = by_sign(values[node.name] - base[node.name], m[0], m[1])
            found = [max_multipliers(node, inputs[0], before[0], one)]
        else:
            raise NotImplementedError(f"DeepLIFT of {node.op}")
        return [np.stack([multiplier, multiplier]) for multiplier in found]

    both = {name: np.stack([weights, weights]) for name, weights in start.items()}
    multipliers = graph.walk(both, step)
    return {name: m[0] * up[name] + m[1] * down[name] for name, m in multipliers.items()}


def max_multipliers(node: Node, x: np.ndarray, x0: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Of a maximum: max(y, y₀) − y₀ goes to the winner of x, y − max(y, y₀) to the winner of x₀.

    Whatever is not 0 of these has a Δx at its place that is at least as large. Where Δx is too
    small to divide by, the multiplier is the derivative: 1 at the winner of x, 0 elsewhere.
    """
    now, then = x.reshape(-1), x0.reshape(-1)
    windows, _ = windows_of(node, x.shape)
    found = np.zeros(x.size)
    for window, multiplier in zip(windows, m.reshape(-1)):
        new, old = winner(now, window), winner(then, window)
        y, y0 = now[new], then[old]
        routed = ((new, max(y, y0) - y0, 1.0), (old, y - max(y, y0), 0.0))
        for place, rise, derivative in routed:
            run = now[place] - then[place]
            small = abs(run) < SMALLEST_DIFFERENCE
            found[place] += multiplier * (derivative if small else rise / run)
    return found.reshape(x.shape)


def deep_shap(
    graph: Graph, x: Any, backgrounds: Sequence[Any], start: Start, rule: str = "rescale"
) -> tuple[Values, Values]:
    """DeepLIFT's mean over references, and its standard error (Lundberg & Lee 2017,
    arXiv:1705.07874, section 4.2)."""
    found = [deep_lift(graph, x, x0, start, rule) for x0 in backgrounds]
    every = {name: np.stack([one[name] for one in found]) for name in found[0]}
    error = {name: one.std(0, ddof=1) / math.sqrt(len(found)) for name, one in every.items()}
    return {name: one.mean(0) for name, one in every.items()}, error


def shapley(
    function: Callable[[np.ndarray], float], x: np.ndarray, backgrounds: Sequence[np.ndarray]
) -> np.ndarray:
    """Exact Shapley values of the numbers in `x` (at most about 8), by all coalitions.

    φ_i = Σ_S |S|! (n − |S| − 1)! / n! (v(S ∪ i) − v(S)), where v(S) is the mean of the function
    over the backgrounds with the numbers in S taken from x (Lundberg & Lee 2017).
    """
    n = x.size

    def worth(coalition: Sequence[int]) -> float:
        chosen = np.isin(np.arange(n), coalition).reshape(x.shape)
        return float(np.mean([function(np.where(chosen, x, one)) for one in backgrounds]))

    found = np.zeros(n)
    for i in range(n):
        others = [one for one in range(n) if one != i]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for coalition in itertools.combinations(others, size):
                found[i] += weight * (worth((*coalition, i)) - worth(coalition))
    return found.reshape(x.shape)


# ---------------------------------------------------------------------------------------- FullGrad


def full_grad(graph: Graph, values: Values, start: Start) -> Values:
    """x ⊙ ∂S/∂x of each input and b ⊙ ∂S/∂y of each operator with a bias, by name.

    Srinivas & Fleuret 2019, arXiv:1905.00780: together they add up to S = Σ start · value. Biases
    are those of convolutions and dense layers, β − μγ/√(σ²+ε) of batch norms, and the implicit
    ones f(z) − f'(z) z of nonlinearities, which are 0 for rectifiers. Nets with products, softmax
    or norms of the data's own statistics have no such decomposition here.
    """
    gradient = graph.gradient(values, start)
    found: Values = {}
    for one in graph.nodes:
        if one.name not in gradient:
            continue
        inputs = [values[name] for name in one.inputs]
        if one.op == "input":
            found[one.name] = values[one.name] * gradient[one.name]
        elif one.op in ELEMENTWISE:
            f, derivative = ELEMENTWISE[one.op]
            a = one.get("slope", 0.25)
            bias = f(inputs[0], a) - derivative(inputs[0], a) * inputs[0]
            found[one.name] = bias * gradient[one.name]
        elif is_linear(one):
            layer = linear(one, [array.shape for array in inputs])
            found[one.name] = layer.bias.reshape(layer.shape) * gradient[one.name]
        elif one.op not in MAXIMA:
            raise NotImplementedError(f"FullGrad of {one.op}")
    return found

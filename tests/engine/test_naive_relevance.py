"""The reference of relevance against numbers worked out on paper, and against what papers promise.

Operators are compared with MXNet's forward pass, which is not what relevance is computed with.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from naive_net import ELEMENTWISE, Graph, linear, merge_batch_norms, node
from naive_operators import merge_batch_norm, pool_windows, reduction_windows, upsampling_matrix
from naive_relevance import (
    affine,
    alpha_beta,
    epsilon,
    excitation,
    flat,
    gamma,
    gated_product,
    max_pool_relevance,
    max_reduction_relevance,
    product,
    softmax_relevance,
    stabilised,
    sum_of_parts,
    w_square,
    z_box,
    z_plus,
)
from naive_relevance_net import (
    composite,
    contrastive_excitation_backprop,
    deep_lift,
    deep_shap,
    excitation_backprop,
    full_grad,
    relevance,
    shapley,
)

from gradcam_mx._mxnet import mx

EXACT = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------------- rules, by hand
#
# Contributions z_ij for x = (1, 2):  2 − 2 + 1 =  1   and   −3 + 2 − 1 = −2
#                for x = (−1, 2):    −2 − 2 + 1 = −3   and    3 + 2 − 1 =  4

M = np.array([[2.0, -1.0], [-3.0, 1.0]])
B = np.array([1.0, -1.0])
X = np.array([1.0, 2.0])
MIXED = np.array([-1.0, 2.0])
R = np.array([3.0, 4.0])


def test_stabiliser_goes_away_from_zero_and_up_at_zero():
    EXACT(stabilised(np.array([2.0, -2.0, 0.0, -0.0]), 0.5), [2.5, -2.5, 0.5, 0.5])


def test_epsilon_by_hand():
    # 2/1·3 + −3/−2·4 = 6 + 6;  −2/1·3 + 2/−2·4 = −6 − 4
    EXACT(epsilon(M, B, X, R, eps=0), [12, -10])
    # ε = 1: the sums become 2 and −3
    EXACT(epsilon(M, B, X, R, eps=1), [3 + 4, -3 - 8 / 3])


def test_epsilon_of_a_sum_of_zero():
    # 1 − 1 = 0 becomes +ε; without ε there is nothing to divide by
    EXACT(epsilon(np.array([[1.0, -1.0]]), np.zeros(1), np.ones(2), np.ones(1), 0.5), [2, -2])
    EXACT(epsilon(np.array([[1.0, -1.0]]), np.zeros(1), np.ones(2), np.ones(1), 0), [0, 0])


def test_gamma_by_hand():
    # z = 1:  (3, −2), bias 1.5, sum 2.5;   z = −2: (−4.5, 2), bias −1.5, sum −4
    EXACT(gamma(M, B, X, R, gamma=0.5, eps=0), [3.6 + 4.5, -2.4 - 2])


def test_gamma_of_inputs_of_both_signs_by_hand():
    # z = −3: (−3, −3), bias 1, sum −5;   z = 4: (4.5, 3), bias −1, sum 6.5
    EXACT(gamma(M, B, MIXED, R, 0.5, 0), [1.8 + 18 / 6.5, 1.8 + 12 / 6.5])


def test_gamma_of_a_sum_of_zero_counts_as_positive():
    # z = 2 − 2 = 0: (2 + 2γ, −2), sum 2γ = 1
    EXACT(gamma(np.array([[2.0, -2.0]]), np.zeros(1), np.ones(2), np.ones(1), 0.5, 0), [3, -2])


def test_gamma_in_weights_as_the_design_has_it():
    """x⁺(W+γW⁺) + x⁻(W+γW⁻) where z is positive, W⁺ and W⁻ swapped where it is negative."""
    rng = np.random.default_rng(0)
    W, b, x, above = rng.normal(size=(5, 7)), *(rng.normal(size=n) for n in (5, 7, 5))
    up, down, g = np.maximum(W, 0), np.minimum(W, 0), 0.25
    xp, xn = np.maximum(x, 0), np.minimum(x, 0)
    expected = np.zeros(7)
    for j in range(5):
        first, second, bias = up[j], down[j], max(b[j], 0)
        if W[j] @ x + b[j] < 0:
            first, second, bias = down[j], up[j], min(b[j], 0)
        z = xp @ (W[j] + g * first) + xn @ (W[j] + g * second) + b[j] + g * bias
        for i in range(7):
            share = xp[i] * (W[j, i] + g * first[i]) + xn[i] * (W[j, i] + g * second[i])
            expected[i] += share / z * above[j]
    EXACT(gamma(W, b, x, above, g, 0), expected)


def test_z_plus_by_hand():
    # 2 of 2 + 1, times 3;   2 of 2, times 4
    EXACT(z_plus(M, B, X, R, eps=0), [2, 4])
    # x = (−1, 2): nothing of 1;  3 and 2 of 5
    EXACT(z_plus(M, B, MIXED, R, eps=0), [12 / 5, 8 / 5])


def test_alpha_beta_by_hand():
    # positive (2, 4) as above; negative: −2 of −2, times 3; −3 of −3 − 1, times 4
    EXACT(alpha_beta(M, B, X, R, 2, 1, eps=0), [2 * 2 - 3, 2 * 4 - 3])
    EXACT(alpha_beta(M, B, X, R, 1, 0, eps=0), z_plus(M, B, X, R, eps=0))


def test_w_square_by_hand():
    EXACT(w_square(M, B, X, R, eps=0), [4 / 5 * 3 + 9 / 10 * 4, 1 / 5 * 3 + 1 / 10 * 4])
    with_bias = w_square(M, B, X, R, eps=0, with_bias=True)
    EXACT(with_bias, [4 / 6 * 3 + 9 / 11 * 4, 1 / 6 * 3 + 1 / 11 * 4])


def test_flat_by_hand():
    EXACT(flat(np.ones((2, 2)), B, X, R, eps=0), [3.5, 3.5])


def test_flat_counts_inputs_whose_weight_is_zero_and_no_padding():
    # three taps over (1, 2, 3) with a pad of 1: 2, 3 and 2 inputs
    graph = Graph(
        [
            node("x", "input"),
            node("c", "conv", "x", weight=np.array([[[0.0, 1.0, 0.0]]]), pad=1),
        ]
    )
    values = graph.forward(np.array([[1.0, 2.0, 3.0]]))
    found = relevance(graph, values, {"c": np.ones((1, 3))}, {"c": partial(flat, eps=0)})
    EXACT(found["x"], [[1 / 2 + 1 / 3, 1 / 2 + 1 / 3 + 1 / 2, 1 / 3 + 1 / 2]])


def test_z_box_by_hand():
    # l = −1, h = 3:  2 + 2 and −2 + 3, sum 5;   −3 + 9 and 2 + 1, sum 9
    EXACT(z_box(M, B, X, R, -1, 3, eps=0), [2.4 + 24 / 9, 0.6 + 12 / 9])
    each = z_box(M, B, X, R, np.array([-1.0, 0.0]), np.array([3.0, 2.0]), eps=0)
    # the second input between 0 and 2:  −2 + 2 = 0 and 2 − 0 = 2
    EXACT(each, [3 + 24 / 8, 8 / 8])


def test_excitation_by_hand():
    # 2 of 2, times 3;   2 of 2, times 4
    EXACT(excitation(M, B, X, R), [3, 4])
    EXACT(excitation(-np.ones((1, 2)), B, X, np.ones(1)), [0, 0])
    with pytest.raises(ValueError, match="not negative"):
        excitation(M, B, MIXED, R)


RULES = {
    "epsilon": epsilon,
    "gamma": gamma,
    "z_plus": z_plus,
    "alpha_beta": alpha_beta,
    "alpha_beta 3, 2": partial(alpha_beta, alpha=3, beta=2),
    "w_square": w_square,
    "flat": flat,
    "z_box": partial(z_box, low=-3, high=3),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_conserve_relevance_without_biases(rule):
    rng = np.random.default_rng(1)
    W, x, above = rng.normal(size=(6, 9)), rng.normal(size=9), rng.normal(size=6)
    below = RULES[rule](W, np.zeros(6), x, above, eps=0)
    np.testing.assert_allclose(below.sum(), above.sum(), rtol=1e-10)


# --------------------------------------------------------------------- other operators, by hand


def test_max_pooling_with_ties_by_hand():
    windows, shape = pool_windows((1, 5), 3, 2)
    values = np.array([1.0, 3.0, 3.0, 3.0, 2.0])
    assert shape == (1, 2)
    # windows (1, 3, 3) and (3, 3, 2): the first 3 of each
    EXACT(max_pool_relevance(values, windows, np.array([5.0, 7.0])), [0, 5, 7, 0, 0])


def test_max_pooling_in_two_dimensions_takes_the_first_in_row_major_order():
    windows, _ = pool_windows((1, 2, 2), 2)
    values = np.array([1.0, 4.0, 4.0, 1.0])
    EXACT(max_pool_relevance(values, windows, np.array([6.0])), [0, 6, 0, 0])


def test_max_reduction_with_ties_by_hand():
    windows, shape = reduction_windows((2, 3), (1,))
    assert shape == (2,)
    values = np.array([3.0, 1.0, 3.0, 0.0, 5.0, 2.0])
    found = max_reduction_relevance(values, windows, np.array([4.0, 7.0]))
    EXACT(found, [2, 0, 2, 0, 7, 0])


def test_sums_products_and_affine_by_hand():
    parts = [np.array([3.0]), np.array([-1.0]), np.array([2.0])]
    EXACT(sum_of_parts(parts, np.array([8.0]), eps=0), [[6], [-2], [4]])
    # 2 · 3 + 2 = 8: 6 of 8
    EXACT(affine(np.array([2.0]), np.array([2.0]), np.array([3.0]), np.array([4.0]), 0), [3])
    a, b = product(np.array([2.0]), np.array([-3.0]), np.array([4.0]), eps=0)
    assert (a, b) == (2, 2)
    # ε = 6: 6/12 of the half
    a, b = product(np.array([2.0]), np.array([-3.0]), np.array([4.0]), eps=6)
    assert (a, b) == (1, 1)


def test_gate_gets_nothing_and_broadcasting_adds_up():
    signal, gate = np.ones((2, 3)), np.full((2, 1), 0.5)
    to_signal, to_gate = gated_product(signal, gate, np.arange(6.0).reshape(2, 3))
    EXACT(to_signal, [[0, 1, 2], [3, 4, 5]])
    EXACT(to_gate, [[0], [0]])
    to_signal, _ = gated_product(gate, signal, np.arange(6.0).reshape(2, 3))
    EXACT(to_signal, [[3], [12]])
    _, half = product(signal, gate, np.arange(6.0).reshape(2, 3), eps=0)
    EXACT(half, [[1.5], [6]])


def test_softmax_by_hand():
    # y = (1/4, 3/4); J = 3/16 (1, −1; −1, 1); R/y = (4, 0); J R/y = 3/4 (1, −1)
    x = np.array([0.0, np.log(3.0)])
    EXACT(softmax_relevance(x, np.array([1.0, 0.0]), eps=0), [0, -0.75 * np.log(3)])


def test_batch_norm_in_weights_by_hand():
    # √(3 + 1) = 2: scale 6/2 = 3; bias (5 − 1)·3 + 7
    numbers = (np.array([value]) for value in (6.0, 7.0, 1.0, 3.0))
    weight, bias = merge_batch_norm(np.array([[2.0, -1.0]]), np.array([5.0]), *numbers, 1.0)
    EXACT(weight, [[6, -3]])
    EXACT(bias, [19])


# ------------------------------------------------------------------- operators against MXNet's own


def agree(graph, x, expected):
    np.testing.assert_allclose(
        list(graph.forward(x).values())[-1], expected.asnumpy()[0], rtol=2e-5, atol=2e-5
    )


def single(op, **parameters):
    return Graph([node("x", "input"), node("y", op, "x", **parameters)])


CONVOLUTIONS = [
    ((4, 9), (6, 2, 3), {"stride": 2, "pad": 1, "dilate": 2, "groups": 2}),
    ((3, 7, 6), (4, 3, 3, 2), {"stride": (2, 1), "pad": (1, 0), "dilate": (1, 2)}),
    ((4, 5, 5), (4, 1, 3, 3), {"pad": 1, "groups": 4}),
    ((2, 4, 5, 4), (3, 2, 2, 3, 2), {"stride": (1, 2, 1), "pad": (1, 0, 1)}),
]
TRANSPOSED = [
    ((4, 5), (4, 3, 3), {"stride": 2, "pad": 1, "adj": 1, "groups": 2}),
    ((3, 4, 3), (3, 2, 3, 2), {"stride": (2, 1), "pad": (1, 0), "dilate": (1, 2)}),
    ((2, 2, 3, 2), (2, 3, 2, 2, 3), {"stride": (2, 1, 2), "adj": (1, 0, 1)}),
]


def for_mxnet(shape, options):
    """A convolution's options as MXNet wants them: a number for each axis, and other names."""
    axes = len(shape) - 1
    names = {"groups": "num_group"}
    return {
        names.get(key, key): (value,) * axes
        if isinstance(value, int) and key != "groups"
        else value
        for key, value in options.items()
    }


@pytest.mark.parametrize(("shape", "weights", "options"), CONVOLUTIONS)
def test_convolutions(ctx, shape, weights, options):
    rng = np.random.default_rng(2)
    x, w, b = (rng.normal(size=size) for size in (shape, weights, weights[:1]))
    arrays = [mx.nd.array(one, ctx=ctx) for one in (x[None], w, b)]
    expected = mx.nd.Convolution(
        *arrays, kernel=weights[2:], num_filter=weights[0], **for_mxnet(shape, options)
    )
    agree(single("conv", weight=w, bias=b, **options), x, expected)


@pytest.mark.parametrize(("shape", "weights", "options"), TRANSPOSED)
def test_transposed_convolutions(ctx, shape, weights, options):
    rng = np.random.default_rng(3)
    channels = weights[1] * options.get("groups", 1)
    x, w, b = (rng.normal(size=size) for size in (shape, weights, (channels,)))
    arrays = [mx.nd.array(one, ctx=ctx) for one in (x[None], w, b)]
    expected = mx.nd.Deconvolution(
        *arrays,
        kernel=weights[2:],
        num_filter=channels,
        no_bias=False,
        **for_mxnet(shape, options),
    )
    agree(single("deconv", weight=w, bias=b, **options), x, expected)


POOLINGS = [
    ((2, 9), {"kernel": 4, "stride": 3, "pad": 1}),
    ((2, 7, 7), {"kernel": (3, 2), "stride": (2, 3), "pad": (1, 0)}),
    ((2, 6, 6), {"kernel": 3, "stride": 2, "pad": 1}),
    ((1, 5, 4, 6), {"kernel": 2, "stride": 2}),
]


@pytest.mark.parametrize("kind", ["avg_pool", "sum_pool", "max_pool"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize(("shape", "options"), POOLINGS)
def test_poolings(ctx, shape, options, kind, convention, counted):
    x = np.random.default_rng(4).normal(size=shape)
    expected = mx.nd.Pooling(
        mx.nd.array(x[None], ctx=ctx),
        pool_type=kind[:3],
        pooling_convention=convention,
        count_include_pad=counted,
        **for_mxnet(shape, options),
    )
    graph = single(kind, convention=convention, count_include_pad=counted, **options)
    agree(graph, x, expected)


def test_windows_behind_the_input_average_to_zero(ctx):
    options = {"kernel": 2, "stride": 3}
    expected = mx.nd.Pooling(
        mx.nd.ones((1, 1, 6), ctx=ctx),
        pool_type="avg",
        pooling_convention="full",
        **for_mxnet((1, 6), options),
    )
    agree(single("avg_pool", convention="full", **options), np.ones((1, 6)), expected)


def test_other_operators(ctx):
    rng = np.random.default_rng(5)
    x, w, gain, offset = (rng.normal(size=size) for size in ((4, 3, 6), (5, 6), 4, 4))
    given, wide, gain_there, offset_there = (
        mx.nd.array(one, ctx=ctx) for one in (x[None], w, gain, offset)
    )
    dense = mx.nd.FullyConnected(given, wide, num_hidden=5, no_bias=True, flatten=False)
    agree(single("dense", weight=w, flatten=False), x, dense)
    for op, there in (("mean", mx.nd.mean), ("sum", mx.nd.sum), ("max", mx.nd.max)):
        agree(single(op, axis=(0, 2)), x, there(given, axis=(1, 3)))
        agree(single(op, axis=(1,), keepdims=True), x, there(given, axis=2, keepdims=True))
    agree(single("softmax", axis=1), x, mx.nd.softmax(given, axis=2))
    agree(single("upsample", scale=2), x, mx.nd.UpSampling(given, scale=2, sample_type="nearest"))
    agree(
        single("instance_norm", gamma=gain, beta=offset, eps=1e-3),
        x,
        mx.nd.InstanceNorm(given, gain_there, offset_there, eps=1e-3),
    )
    agree(
        single("group_norm", gamma=gain[:2], beta=offset[:2], groups=2),
        x,
        mx.nd.GroupNorm(given, gain_there[:2], offset_there[:2], num_groups=2, eps=1e-5),
    )
    last, last_offset = rng.normal(size=6), rng.normal(size=6)
    agree(
        single("layer_norm", gamma=last, beta=last_offset),
        x,
        mx.nd.LayerNorm(given, mx.nd.array(last, ctx=ctx), mx.nd.array(last_offset, ctx=ctx)),
    )
    numbers = [rng.uniform(0.5, 2, size=4) for _ in range(4)]
    agree(
        single("batch_norm", **dict(zip(("gamma", "beta", "mean", "var"), numbers)), eps=1e-3),
        x,
        mx.nd.BatchNorm(
            given, *(mx.nd.array(one, ctx=ctx) for one in numbers), eps=1e-3, fix_gamma=False
        ),
    )


def test_upsampling_matrix_by_hand():
    EXACT(upsampling_matrix((1, 2), 2), [[1, 0], [1, 0], [0, 1], [0, 1]])


# ------------------------------------------------------------------------------ whole nets, by hand


def test_two_paths_that_meet_by_hand():
    """x → dense → relu → y, and x itself, add up."""
    graph = Graph(
        [
            node("x", "input"),
            node("d", "dense", "x", weight=np.array([[1.0, 1.0], [2.0, -2.0]])),
            node("r", "relu", "d"),
            node("s", "add", "r", "x"),
        ]
    )
    values = graph.forward(np.array([1.0, 2.0]))
    EXACT(values["s"], [3 + 1, 0 + 2])
    found = relevance(graph, values, {"s": np.array([4.0, 2.0])}, eps=0)
    # the sum gives (3, 0) to the rectifier and (1, 2) to x; of the 3, 1 and 2 go to x
    EXACT(found["r"], [3, 0])
    EXACT(found["x"], [1 + 1, 2 + 2])


def test_a_value_that_is_read_twice_by_the_same_sum():
    graph = Graph([node("x", "input"), node("s", "add", "x", "x")])
    found = relevance(graph, graph.forward(np.array([3.0])), {"s": np.array([5.0])}, eps=0)
    EXACT(found["x"], [5])


def test_concat_slice_transpose_and_reshape_pass_by_hand():
    graph = Graph(
        [
            node("x", "input"),
            node("t", "transpose", "x", axes=(1, 0)),
            node("c", "concat", "x", "t", axis=1),
            node("f", "reshape", "c"),
            node("s", "slice", "f", index=slice(0, 6)),
        ]
    )
    values = graph.forward(np.array([[1.0, 2.0], [3.0, 0.0]]))
    EXACT(values["s"], [1, 2, 1, 3, 3, 0])
    found = relevance(graph, values, {"s": np.array([1.0, 2, 3, 4, 5, 6])})
    EXACT(found["c"], [[1, 2, 3, 4], [5, 6, 0, 0]])
    # place (1, 1) holds 0 and keeps what arrives: nothing is divided
    EXACT(found["x"], [[1 + 3, 2], [5 + 4, 6]])


def test_activations_numbers_and_biases_by_hand():
    graph = Graph(
        [
            node("x", "input"),
            node("d", "dense", "x", weight=np.array([[2.0, 1.0]]), bias=np.array([-1.0])),
            node("a", "tanh", "d"),
            node("n", "scale", "a", factor=-3.0),
        ]
    )
    values = graph.forward(np.array([1.0, 3.0]))
    found = relevance(graph, values, {"n": np.array([8.0])}, eps=0)
    # 2 + 3 − 1 = 4: the bias takes −2 of 8
    EXACT(found["d"], [8])
    EXACT(found["x"], [4, 6])


def test_norms_with_fixed_statistics_by_hand():
    # mean 2, variance 1: y = 3 (x − 2) + 6 = 3 x + 0
    graph = single("layer_norm", gamma=3.0, beta=6.0, eps=0.0)
    values = graph.forward(np.array([1.0, 3.0]))
    EXACT(values["y"], [3, 9])
    EXACT(relevance(graph, values, {"y": np.array([2.0, 5.0])}, eps=0)["x"], [2, 5])
    # with β = 0, y = 3 x − 6 = (−3, 3): 3 of −3 and 9 of 3
    graph = single("layer_norm", gamma=3.0, beta=0.0, eps=0.0)
    values = graph.forward(np.array([1.0, 3.0]))
    EXACT(relevance(graph, values, {"y": np.array([2.0, 5.0])}, eps=0)["x"], [-2, 15])


def test_gates_in_a_net_by_hand():
    nodes = [
        node("x", "input"),
        node("g", "sigmoid", "x"),
        node("y", "multiply", "x", "g", gate=1),
    ]
    values = Graph(nodes).forward(np.array([2.0]))
    found = relevance(Graph(nodes), values, {"y": np.array([5.0])})
    assert (found["x"], found["g"]) == (5, 0)
    nodes[2] = node("y", "multiply", "g", "x", gate=0)
    found = relevance(Graph(nodes), values, {"y": np.array([5.0])})
    assert (found["x"], found["g"]) == (5, 0)
    nodes[2] = node("y", "multiply", "x", "g")
    found = relevance(Graph(nodes), values, {"y": np.array([5.0])}, eps=0)
    EXACT(found["g"], [2.5])
    EXACT(found["x"], [5])


# ---------------------------------------------------------------------------- whole nets, at random


def convolutional(seed, biases=True, norms=False):
    """Skip, concat, average and maximum pooling, batch norm, dense; weights of both signs."""
    rng = np.random.default_rng(seed)

    def bias(n):
        return rng.normal(size=n) * biases

    def norm(name, source, n):
        if not norms:
            return node(name, "identity", source)
        drawn = {"mean": rng.normal(size=n), "var": rng.uniform(0.5, 2, size=n)}
        return node(
            name, "batch_norm", source, gamma=rng.normal(size=n), beta=bias(n), eps=1e-5, **drawn
        )

    return Graph(
        [
            node("x", "input"),
            norm("n0", "x", 2),
            node("c1", "conv", "n0", weight=rng.normal(size=(3, 2, 3, 3)), bias=bias(3), pad=1),
            norm("n1", "c1", 3),
            node("r1", "relu", "n1"),
            node("p", "max_pool", "r1", kernel=2, stride=2),
            node("c2", "conv", "p", weight=rng.normal(size=(3, 3, 3, 3)), bias=bias(3), pad=1),
            norm("n2", "c2", 3),
            node("s", "add", "n2", "p"),
            node("r2", "relu", "s"),
            node("k", "concat", "r2", "p", axis=0),
            node("a", "avg_pool", "k", kernel=2),
            node("r3", "leaky", "a", slope=0.1),
            node("y", "dense", "r3", weight=rng.normal(size=(4, 24)), bias=bias(4)),
        ]
    )


SHAPE = (2, 6, 6)
ONE_HOT = np.array([0.0, 1.0, 0.0, 0.0])


def image(seed):
    return np.random.default_rng(seed).normal(size=SHAPE)


@pytest.mark.parametrize("name", ["epsilon", "epsilon_plus", "epsilon_gamma_box"])
def test_relevance_is_conserved_without_biases(name):
    graph = convolutional(6, biases=False)
    values = graph.forward(image(6))
    start = {"y": ONE_HOT * values["y"]}
    rules = composite(graph, name, low=-4.0, high=4.0, eps=0)
    found = relevance(graph, values, start, rules, eps=0)
    for cut in ("x", "c1", "r1", "p", "k", "a", "r3"):
        np.testing.assert_allclose(found[cut].sum(), values["y"][1], rtol=1e-9, err_msg=cut)


def test_a_rule_changes_nothing_above_its_node():
    graph = convolutional(7)
    values = graph.forward(image(7))
    rules = composite(graph, "epsilon_plus_flat")
    assert set(rules) == {"c1", "c2"}
    found = relevance(graph, values, {"y": ONE_HOT}, rules)
    plain = relevance(graph, values, {"y": ONE_HOT})
    EXACT(found["s"], plain["s"])
    assert np.abs(found["x"] - plain["x"]).max() > 1e-3


def test_merged_batch_norms_say_the_same_and_take_their_biases():
    graph = convolutional(8, norms=True)
    merged = merge_batch_norms(graph)
    assert not [one for one in merged.nodes if one.op == "batch_norm"]
    values, plain = merged.forward(image(8)), graph.forward(image(8))
    EXACT(values["y"], plain["y"])
    EXACT(values["c1"], plain["n1"])
    # the second convolution against its weights changed by the formula
    layer, norm = graph.nodes[6], graph.nodes[7]
    numbers = (norm.get(name) for name in ("gamma", "beta", "mean", "var", "eps"))
    weight, bias = merge_batch_norm(layer.get("weight"), layer.get("bias"), *numbers)
    one = linear(node("c2", "conv", "p", weight=weight, bias=bias, pad=1), [(3, 3, 3)])
    other = linear(merged.nodes[6], [(3, 3, 3)])
    EXACT(one.matrix, other.matrix)
    EXACT(one.bias, other.bias)


def test_batch_norm_stays_where_something_else_reads_its_layer():
    numbers = {name: np.ones(2) for name in ("gamma", "beta", "mean", "var")}
    nodes = [
        node("x", "input"),
        node("c", "dense", "x", weight=np.eye(2)),
        node("n", "batch_norm", "c", eps=0.0, **numbers),
        node("s", "add", "n", "c"),
    ]
    assert [one.op for one in merge_batch_norms(Graph(nodes)).nodes] == [one.op for one in nodes]


def test_gradient_against_differences():
    rng = np.random.default_rng(9)
    graph = convolutional(9, norms=True)
    nodes = [
        *graph.nodes[:-1],
        node("g", "sigmoid", "r3"),
        node("m", "multiply", "r3", "g"),
        node("q", "softmax", "m", axis=0),
        node("u", "softrelu", "q"),
        node("y", "dense", "u", weight=rng.normal(size=(4, 24))),
    ]
    graph, x = Graph(nodes), image(9)
    gradient = graph.gradient(graph.forward(x), {"y": ONE_HOT})["x"]
    for place in ((0, 1, 2), (1, 4, 4), (0, 5, 0)):
        step = np.zeros(SHAPE)
        step[place] = 1e-6
        rise = graph.forward(x + step)["y"][1] - graph.forward(x - step)["y"][1]
        np.testing.assert_allclose(gradient[place], rise / 2e-6, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_derivatives_of_nonlinearities(op):
    f, derivative = ELEMENTWISE[op]
    z = np.array([-2.0, -0.3, 0.4, 3.0])
    np.testing.assert_allclose(
        derivative(z, 0.1), (f(z + 1e-6, 0.1) - f(z - 1e-6, 0.1)) / 2e-6, rtol=1e-6, atol=1e-9
    )


def test_conditions_by_channel_add_up_to_the_whole():
    graph = convolutional(10)
    values = graph.forward(image(10))
    whole = relevance(graph, values, {"c2": np.ones((3, 3, 3))})["x"]
    parts = [
        relevance(graph, values, {"c2": np.ones((3, 3, 3))}, conditions={"c2": [channel]})["x"]
        for channel in range(3)
    ]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-9, atol=1e-12)
    assert np.abs(parts[0] - parts[1]).max() > 1e-3


def test_a_condition_by_hand():
    """Two hidden channels; relevance may pass through the second alone."""
    graph = Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, 1.0], [2.0, 1.0]])),
            node("y", "dense", "h", weight=np.array([[2.0, 1.0]])),
        ]
    )
    values = graph.forward(np.array([1.0, 1.0]))
    found = relevance(graph, values, {"y": values["y"]}, eps=0, conditions={"h": [1]})
    # y = 2·2 + 3: 3 is left at h, of which x gets 2 and 1
    EXACT(found["h"], [0, 3])
    EXACT(found["x"], [2, 1])


# ---------------------------------------------------------------------------------------- DeepLIFT


def smaller():
    """min(a, b) = a − max(a − b, 0), the example of the paper (section 3.5.3)."""
    return Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, -1.0]])),
            node("r", "relu", "h"),
            node("c", "concat", "x", "r"),
            node("y", "dense", "c", weight=np.array([[1.0, 0.0, -1.0]])),
        ]
    )


def test_deep_lift_of_the_minimum_by_hand():
    x, zero, start = np.array([3.0, 2.0]), np.zeros(2), {"y": np.ones(1)}
    # h = 1, multiplier 1: 3 − 3·1 and 0 + 2·1
    EXACT(deep_lift(smaller(), x, zero, start)["x"], [0, 2])
    # Δ⁺ = 3, Δ⁻ = −2: Δy⁺ = ½(3 + 1 − 0) = 2, Δy⁻ = ½(0 + 1 − 3) = −1; 3 − 2 and 0 + 1
    EXACT(deep_lift(smaller(), x, zero, start, "reveal_cancel")["x"], [1, 1])


def test_deep_lift_of_a_product_by_hand():
    graph = Graph([node("a", "input"), node("b", "input"), node("y", "multiply", "a", "b")])
    found = deep_lift(
        graph,
        {"a": np.array([3.0]), "b": np.array([5.0])},
        {"a": np.array([1.0]), "b": np.array([2.0])},
        {"y": np.ones(1)},
    )
    # ½(5 + 2)·2 and ½(3 + 1)·3, together 15 − 2
    EXACT(found["a"], [7])
    EXACT(found["b"], [6])


def test_deep_lift_of_max_pooling_by_hand():
    graph, start = single("max_pool", kernel=3), {"y": np.array([[2.0]])}
    # y = 5 at 0, y₀ = 3 at 2: 2 to the winner of x
    EXACT(deep_lift(graph, [[5.0, 1, 0]], [[1.0, 2, 3]], start)["x"], [[4, 0, 0]])
    # y = 1 at 0, y₀ = 3 at 2: −2 to the winner of x₀
    EXACT(deep_lift(graph, [[1.0, 0, 0]], [[0.0, 0, 3]], start)["x"], [[0, 0, -4]])
    # nothing has changed where x wins
    EXACT(deep_lift(graph, [[1.0, 0, 0]], [[1.0, 0, 3]], start)["x"], [[0, 0, -4]])


def test_deep_lift_takes_the_derivative_where_nothing_changes():
    graph = Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, -1.0]]), bias=np.array([0.5])),
            node("y", "sigmoid", "h"),
        ]
    )
    slope = np.exp(-0.5) / (1 + np.exp(-0.5)) ** 2
    found = deep_lift(graph, np.ones(2), np.zeros(2), {"y": np.ones(1)})
    EXACT(found["x"], [slope, -slope])
    # both parts of the input's difference are there for reveal-cancel: Δ⁺ = 1, Δ⁻ = −1
    found = deep_lift(graph, np.ones(2), np.zeros(2), {"y": np.ones(1)}, "reveal_cancel")
    more, less = (1 / (1 + np.exp(-z)) for z in (1.5, -0.5))
    EXACT(found["x"], [0.5 * (more - less), 0.5 * (less - more)])


def test_deep_lift_of_max_pooling_takes_the_derivative_where_the_winner_stays_the_same():
    # h = (1, 0) before and after
    graph = Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, -1.0], [0, 0]]), bias=np.eye(2)[0]),
            node("r", "reshape", "h", shape=(1, 2)),
            node("y", "max_pool", "r", kernel=2),
        ]
    )
    found = deep_lift(graph, np.ones(2), np.zeros(2), {"y": np.ones((1, 1))})
    EXACT(found["x"], [1, -1])


def test_reveal_cancel_of_a_contribution_of_zero_by_hand():
    # h = (0, 2): of k = −1 + 2, Δ⁺ = 2 with multiplier ½ and Δ⁻ = 0 with the derivative 1
    graph = Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])),
            node("k", "dense", "h", weight=np.ones((1, 2)), bias=-np.ones(1)),
            node("y", "relu", "k"),
        ]
    )
    found = deep_lift(graph, [1.0, 1, 2], np.zeros(3), {"y": np.ones(1)}, "reveal_cancel")
    EXACT(found["x"], [0.75, -0.75, 1])


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("norms", [True, False])
def test_deep_lift_is_complete(rule, norms):
    graph = convolutional(11, norms=norms)
    nodes = [
        *graph.nodes[:-2],
        node("r3", "tanh", "a"),
        node("g", "sigmoid", "r3"),
        node("m", "multiply", "r3", "g", gate=1),
        node("h", "max", "m", axis=(1, 2)),
        node("y", "dense", "h", weight=np.arange(6.0)[None] - 2),
    ]
    graph = merge_batch_norms(Graph(nodes))
    x, x0, start = image(11), image(12), {"y": np.ones(1)}
    expected = graph.forward(x)["y"] - graph.forward(x0)["y"]
    found = deep_lift(graph, x, x0, start, rule)
    for cut in ("x", "c1", "r1", "p", "k", "a"):
        np.testing.assert_allclose(found[cut].sum(), expected[0], rtol=1e-5, err_msg=cut)


def test_rescale_is_lrp_on_rectifiers_without_biases():
    graph = convolutional(13, biases=False)
    x = image(13)
    values = graph.forward(x)
    lrp = relevance(graph, values, {"y": ONE_HOT * values["y"]}, eps=0)["x"]
    lift = deep_lift(graph, x, np.zeros(SHAPE), {"y": ONE_HOT})["x"]
    np.testing.assert_allclose(lift, lrp, rtol=1e-8, atol=1e-10)


def test_shapley_values_by_hand():
    # a b from (0, 0): both share; a alone is worth 0
    EXACT(
        shapley(lambda z: z[0] * z[1] + z[2], np.array([2.0, 3.0, 4.0]), [np.zeros(3)]), [3, 3, 4]
    )


def test_deep_shap_is_exact_for_linear_nets_products_and_the_minimum():
    rng = np.random.default_rng(14)
    x, backgrounds, start = rng.normal(size=5), list(rng.normal(size=(4, 5))), {"y": np.ones(1)}
    weight = rng.normal(size=(1, 5))
    graph = single("dense", weight=weight, bias=np.ones(1))
    exact = shapley(lambda z: float(graph.forward(z)["y"][0]), x, backgrounds)
    mean, error = deep_shap(graph, x, backgrounds, start)
    np.testing.assert_allclose(mean["x"], exact, rtol=1e-10)
    spread = weight[0] * np.std(backgrounds, axis=0, ddof=1) / 2
    np.testing.assert_allclose(error["x"], np.abs(spread), rtol=1e-10)

    first, second = slice(0, 2), slice(2, 4)
    graph = Graph(
        [
            node("x", "input"),
            node("a", "slice", "x", index=first),
            node("b", "slice", "x", index=second),
            node("m", "multiply", "a", "b"),
            node("y", "dense", "m", weight=np.array([[2.0, -1.0]])),
        ]
    )
    exact = shapley(lambda z: float(graph.forward(z)["y"][0]), x[:4], [b[:4] for b in backgrounds])
    mean, _ = deep_shap(graph, x[:4], [b[:4] for b in backgrounds], start)
    np.testing.assert_allclose(mean["x"], exact, rtol=1e-10)


def test_reveal_cancel_is_shapley_for_one_positive_and_one_negative_part():
    backgrounds = [np.array([0.1, 0.2]), np.array([-1.0, 0.3])]
    x = np.array([3.0, 2.0])
    exact = shapley(lambda z: float(min(z)), x, backgrounds)
    mean, _ = deep_shap(smaller(), x, backgrounds, {"y": np.ones(1)}, "reveal_cancel")
    np.testing.assert_allclose(mean["x"], exact, rtol=1e-10)


# --------------------------------------------------------- excitation backprop and full gradients


def test_excitation_backprop_sums_to_one():
    rng = np.random.default_rng(15)
    graph = Graph(
        [
            node("x", "input"),
            node("c", "conv", "x", weight=rng.normal(size=(3, 2, 3, 3)), bias=np.ones(3), pad=1),
            node("r", "relu", "c"),
            node("p", "max_pool", "r", kernel=2, stride=2),
            node("d", "conv", "p", weight=rng.normal(size=(4, 3, 2, 2)), bias=np.ones(4)),
            node("s", "relu", "d"),
            node("a", "avg_pool", "s", kernel=2),
            node("y", "dense", "a", weight=rng.normal(size=(4, 4))),
        ]
    )
    values = graph.forward(np.abs(image(15)))
    found = excitation_backprop(graph, values, {"y": ONE_HOT})
    for name in found:
        np.testing.assert_allclose(found[name].sum(), 1, rtol=1e-12, err_msg=name)
        assert (found[name] >= 0).all()
    assert "c" not in excitation_backprop(graph, values, {"y": ONE_HOT}, stop=["r"])


def test_contrastive_excitation_by_hand():
    graph = Graph(
        [
            node("x", "input"),
            node("h", "dense", "x", weight=np.array([[1.0, 0.0], [1.0, 1.0]])),
            node("y", "dense", "h", weight=np.array([[2.0, -1.0], [1.0, 3.0]])),
        ]
    )
    values = graph.forward(np.array([1.0, 1.0]))
    found = contrastive_excitation_backprop(graph, values, "y", np.array([1.0, 0.0]))
    # unit: all to the first hidden one; dual unit: all to the second, which gives half to each
    EXACT(found["h"], [1, -1])
    EXACT(found["x"], [1 - 0.5, -0.5])


def test_full_gradients_add_up_to_the_score():
    graph = convolutional(16, norms=True)
    graph = Graph([*graph.nodes, node("v", "scale", "y", factor=0.01), node("z", "sigmoid", "v")])
    values = graph.forward(image(16))
    found = full_grad(graph, values, {"z": ONE_HOT})
    total = sum(part.sum() for part in found.values())
    np.testing.assert_allclose(total, values["z"][1], rtol=1e-10)
    assert np.abs(found["n1"]).max() > 1e-3


def test_full_gradients_by_hand():
    # y = relu(2 x + 1) norm'd: scale 3, shift 7 − 2·3 = 1
    numbers = {"gamma": np.array([6.0]), "beta": np.array([7.0]), "mean": np.array([2.0])}
    graph = Graph(
        [
            node("x", "input"),
            node("d", "dense", "x", weight=np.array([[2.0]]), bias=np.array([1.0])),
            node("n", "batch_norm", "d", var=np.array([3.0]), eps=1.0, **numbers),
            node("r", "relu", "n"),
        ]
    )
    values = graph.forward(np.array([4.0]))
    EXACT(values["r"], [28])
    found = full_grad(graph, values, {"r": np.ones(1)})
    assert [found[name][0] for name in ("x", "d", "n", "r")] == [24, 3, 1, 0]

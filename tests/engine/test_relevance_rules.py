"""Rules of relevance at linear layers, against the naive reference and numbers from paper."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from naive_net import Graph, merge_batch_norms, node
from naive_relevance import (
    alpha_beta,
    epsilon,
    excitation,
    flat,
    gamma,
    w_square,
    z_box,
    z_plus,
)
from naive_relevance_net import composite, relevance
from naive_symbols import (
    Translated,
    assert_close,
    doubles,
    layers_of,
    lrp_values,
    start_of,
    weighted_sum,
)

import gradcam_mx as gm
from gradcam_mx import rules
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import RuleError

# MXNet has no convolution with the channels last that runs on a CPU
pytestmark = pytest.mark.filterwarnings("ignore:what is explained cannot be held against the net")

EPS = 0.01
"""Large enough to be seen where it is in the wrong place."""

LOW, HIGH = -3.5, 4.0

RULES = {
    "epsilon": (rules.Epsilon(EPS), partial(epsilon, eps=EPS)),
    "LRP-0": (rules.Epsilon(0), partial(epsilon, eps=0)),
    "gamma": (rules.Gamma(0.5, EPS), partial(gamma, gamma=0.5, eps=EPS)),
    "z-plus": (rules.ZPlus(EPS), partial(z_plus, eps=EPS)),
    "alpha2-beta1": (rules.AlphaBeta(2, 1, EPS), partial(alpha_beta, eps=EPS)),
    "alpha1-beta0": (rules.AlphaBeta(1, 0, EPS), partial(alpha_beta, alpha=1, beta=0, eps=EPS)),
    "alpha3-beta2": (rules.AlphaBeta(3, 2, EPS), partial(alpha_beta, alpha=3, beta=2, eps=EPS)),
    "w-square": (rules.WSquare(EPS), partial(w_square, eps=EPS)),
    "flat": (rules.Flat(EPS), partial(flat, eps=EPS)),
    "z-box": (rules.ZBox(LOW, HIGH, EPS), partial(z_box, low=LOW, high=HIGH, eps=EPS)),
}

OPERATORS = {
    "signal": ("conv", (2, 9), (3, 2, 3), {"stride": 2, "pad": 1, "dilate": 2}),
    "map": ("conv", (2, 5, 4), (3, 2, 3, 2), {"pad": (1, 0)}),
    "map with strides": ("conv", (2, 6, 7), (3, 2, 3, 3), {"stride": (2, 3), "pad": (0, 1)}),
    "dilated map": ("conv", (2, 6, 7), (3, 2, 2, 3), {"dilate": (3, 2), "pad": 1}),
    "volume": ("conv", (2, 3, 4, 3), (3, 2, 2, 3, 2), {"pad": (0, 1, 0), "stride": (1, 2, 1)}),
    "grouped": ("conv", (4, 4, 5), (6, 2, 3, 3), {"groups": 2, "pad": 1}),
    "depthwise": ("conv", (3, 4, 5), (3, 1, 3, 3), {"groups": 3, "pad": 1, "stride": 2}),
    "depthwise, doubled": ("conv", (3, 4, 5), (6, 1, 2, 3), {"groups": 3}),
    "transposed signal": ("deconv", (2, 4), (2, 3, 3), {"stride": 2, "pad": 1}),
    "transposed": ("deconv", (3, 3, 4), (3, 2, 3, 2), {"stride": (2, 1), "pad": (1, 0)}),
    "transposed in groups": (
        "deconv",
        (4, 3, 3),
        (4, 3, 3, 3),
        {"groups": 2, "stride": 2, "pad": 1, "adj": 1},
    ),
    "dense": ("dense", (7,), (4, 7), {}),
    "dense, flattening": ("dense", (2, 3, 2), (4, 12), {}),
    "dense, at each position": ("dense", (3, 5), (4, 5), {"flatten": False}),
}

VARIANTS = [{}, {"bias": True}, {"bias": True, "norm": True}]


def normalisation(rng, count):
    return {
        "gamma": rng.normal(size=count),
        "beta": rng.normal(size=count),
        "mean": rng.normal(size=count),
        "var": rng.uniform(0.5, 2, count),
        "eps": 1e-3,
    }


def channels_made(kind, weight, options):
    return weight[1] * options.get("groups", 1) if kind == "deconv" else weight[0]


def layer_net(operator, bias=False, norm=False, seed=0):
    """A layer, with a batch normalisation behind it if asked for."""
    kind, _shape, weight, options = OPERATORS[operator]
    rng = np.random.default_rng(seed)
    count = channels_made(kind, weight, options)
    given = {**options, "weight": rng.normal(size=weight)}
    if bias:
        given["bias"] = rng.normal(size=count)
    nodes = [node("x", "input"), node("layer", kind, "x", **given)]
    if norm:
        nodes.append(node("norm", "batch_norm", "layer", **normalisation(rng, count)))
    return Graph(nodes)


def samples_of(shape):
    """A sample of numbers of both signs, and one of what a ReLU leaves."""
    x = np.random.default_rng(1).normal(size=(2, *shape))
    x[1] = np.maximum(x[1], 0)
    return x


def expected_of(graph, x, weights, ruled, eps=EPS):
    """The reference's relevance of one sample, batch normalisations merged."""
    merged = merge_batch_norms(graph)
    start = start_of(graph.forward(x), graph, weights)
    return relevance(
        merged, merged.forward(x), start, {name: RULES[one][1] for name, one in ruled.items()}, eps
    )


def compared(graph, x, mappings, ctx, names=("x",), tolerance=1e-6, **options):
    """gm.lrp beside the reference at values of a net, with each of several sets of rules."""
    output = graph.forward(x[0])[graph.nodes[-1].name]
    weights = np.random.default_rng(9).normal(size=output.shape)
    net = gm.trace(Translated(graph, {"x": x.shape[1:]}, ctx, **options).net)
    target = weighted_sum(weights)
    for ruled in mappings:
        expected = [expected_of(graph, one, weights, ruled) for one in x]
        mapping = {name: RULES[one][0] for name, one in ruled.items()}
        for name in names:
            layer = None if name == "x" else name
            given = {"layer": layer, "composite": mapping, "epsilon": EPS}
            found = gm.lrp(net, doubles(x, ctx), target, **given).values
            for sample, one in enumerate(found):
                assert_close(one, expected[sample][name], tolerance, f"{ruled} at {name}")


# ------------------------------------------------------------------------------ every rule × layer


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_every_rule_at_every_layer(ctx, operator):
    x = samples_of(OPERATORS[operator][1])
    for variant in VARIANTS if ctx == mx.cpu(0) else VARIANTS[-1:]:
        if variant.get("norm") and operator == "dense, at each position":
            continue  # its channels are the last axis, which the reference does not normalise
        graph = layer_net(operator, **variant)
        compared(graph, x, [{"layer": rule} for rule in RULES], ctx)


# --------------------------------------------------------------------------------- layers in a net


def chain(seed=2, norms=True, bias=True):
    """Convolutions, normalisations and ReLUs, one behind the other, then Dense layers."""
    rng = np.random.default_rng(seed)

    def given(*shape):
        found = {"weight": rng.normal(size=shape) * 0.7}
        return {**found, "bias": rng.normal(size=shape[0])} if bias else found

    return Graph(
        [
            node("x", "input"),
            node("a", "conv", "x", pad=1, **given(3, 2, 3, 3)),
            *([node("an", "batch_norm", "a", **normalisation(rng, 3))] if norms else []),
            node("ar", "relu", "an" if norms else "a"),
            node("b", "conv", "ar", stride=(2, 1), pad=(1, 0), **given(4, 3, 3, 2)),
            *([node("bn", "batch_norm", "b", **normalisation(rng, 4))] if norms else []),
            node("br", "relu", "bn" if norms else "b"),
            node("c", "dense", "br", **given(6, 4 * 3 * 3)),
            *([node("cn", "batch_norm", "c", **normalisation(rng, 6))] if norms else []),
            node("cr", "relu", "cn" if norms else "c"),
            node("y", "dense", "cr", **given(3, 6)),
        ]
    )


CHAIN_INPUT = np.random.default_rng(3).normal(size=(2, 2, 5, 4))


@pytest.mark.parametrize("channels_last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("norms", [False, True], ids=["plain", "normalised"])
def test_every_rule_behind_rectifiers(ctx, norms, channels_last):
    """Where nothing read is negative, half of the terms are left out; at every cut."""
    graph = chain(norms=norms)
    names = ("x", "ar", "br", "cr")
    each = [dict.fromkeys(layers_of(graph), rule) for rule in RULES]
    each.append({"a": "flat", "b": "gamma", "c": "alpha2-beta1", "y": "z-plus"})
    compared(graph, CHAIN_INPUT, each, ctx, names, channels_last=channels_last)


def with_channels_last(graph, x, ctx):
    """The chain as a net whose values all have the channels last."""
    arguments, auxiliary = Translated(graph, {"x": x.shape[1:]}, ctx).net[1:]
    y = mx.sym.transpose(mx.sym.var("x"), axes=(0, 2, 3, 1))
    arguments = dict(arguments)
    for one in graph.nodes[1:]:
        if one.op == "conv":
            arguments[f"{one.name}_weight"] = arguments[f"{one.name}_weight"].transpose(
                (0, 2, 3, 1)
            )
            y = mx.sym.Convolution(
                y,
                kernel=one.get("weight").shape[2:],
                num_filter=len(one.get("weight")),
                stride=one.get("stride", (1, 1)),
                pad=one.get("pad") if one.get("stride") else (1, 1),
                layout="NHWC",
                name=one.name,
            )
        elif one.op == "batch_norm":
            axis = -1 if one.name == "cn" else 3
            y = mx.sym.BatchNorm(y, axis=axis, eps=1e-3, fix_gamma=False, name=one.name)
        elif one.op == "relu":
            y = mx.sym.Activation(y, act_type="relu", name=one.name)
        else:
            if one.name == "c":
                y = mx.sym.transpose(y, axes=(0, 3, 1, 2))
            y = mx.sym.FullyConnected(y, num_hidden=len(one.get("weight")), name=one.name)
    return y, arguments, auxiliary


def test_normalisations_of_channels_that_lie_last(ctx):
    """Between a layer and its normalisation there is the rewrite's transposition."""
    graph = chain()
    net = gm.trace(with_channels_last(graph, CHAIN_INPUT, ctx))
    weights = np.array([1.0, -0.5, 2.0])
    for rule in RULES:
        ruled = dict.fromkeys(layers_of(graph), rule)
        mapping = dict.fromkeys(ruled, RULES[rule][0])
        given = {"composite": mapping, "epsilon": EPS}
        found = gm.lrp(net, doubles(CHAIN_INPUT, ctx), weighted_sum(weights), **given).values
        for one, x in zip(found, CHAIN_INPUT):
            assert_close(one, expected_of(graph, x, weights, ruled)["x"], what=rule)


def norm_nets():
    """Normalisations that are merged into no layer, or into one where others look like it."""
    rng = np.random.default_rng(4)
    conv = {"weight": rng.normal(size=(3, 2, 3, 3)), "bias": rng.normal(size=3), "pad": 1}
    same = {"weight": rng.normal(size=(3, 3, 1, 1)), "bias": rng.normal(size=3)}
    last = node("y", "dense", "end", weight=rng.normal(size=(3, 3 * 4 * 3)), bias=np.ones(3))
    x, c = node("x", "input"), node("c", "conv", "x", **conv)

    def norm(name, source, count=3):
        return node(name, "batch_norm", source, **normalisation(rng, count))

    return {
        "behind a branch": [
            x,
            c,
            norm("n", "c"),
            node("end", "add", "n", "c"),
            last,
        ],
        "twice": [x, c, norm("n", "c"), norm("m", "n"), node("end", "relu", "m"), last],
        "behind a rectifier": [
            x,
            c,
            node("r", "relu", "c"),
            norm("n", "r"),
            node("end", "relu", "n"),
            last,
        ],
        "behind a sum": [
            x,
            c,
            node("d", "conv", "c", **same),
            node("s", "add", "c", "d"),
            norm("n", "s"),
            node("end", "relu", "n"),
            last,
        ],
        "of a layer read once it is merged, twice": [
            x,
            c,
            norm("n", "c"),
            node("r", "relu", "n"),
            node("d", "conv", "r", **same),
            node("end", "add", "n", "d"),
            last,
        ],
    }


def in_front(operator, norm_behind):
    """A normalisation of the input, and a layer behind it."""
    kind, shape, weight, options = OPERATORS[operator]
    graph = layer_net(operator, bias=True, norm=norm_behind, seed=3)
    first = node("front", "batch_norm", "x", **normalisation(np.random.default_rng(8), shape[0]))
    layer = node("layer", kind, "front", **graph.nodes[1].parameters)
    assert weight == layer.get("weight").shape
    assert set(options) <= set(layer.parameters)
    return Graph([graph.nodes[0], first, layer, *graph.nodes[2:]])


IN_FRONT = [one for one in OPERATORS if one != "dense, at each position"]


@pytest.mark.parametrize("norm_behind", [False, True], ids=["alone", "and behind"])
@pytest.mark.parametrize("operator", IN_FRONT)
def test_normalisations_in_front_of_a_layer(ctx, operator, norm_behind):
    """Merged into the layer behind them; its padding, which they do not touch, has no share."""
    x = samples_of(OPERATORS[operator][1])
    each = [{"layer": rule} for rule in RULES]
    compared(in_front(operator, norm_behind), x, each if ctx == mx.cpu(0) else each[2:3], ctx)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_normalisation_of_the_input_of_a_net(ctx, channels_last):
    graph = chain()
    first = node("front", "batch_norm", "x", **normalisation(np.random.default_rng(8), 2))
    a = node("a", "conv", "front", **graph.nodes[1].parameters)
    graph = Graph([graph.nodes[0], first, a, *graph.nodes[2:]])
    each = [{"a": rule, "b": "gamma", "y": "epsilon"} for rule in RULES]
    compared(graph, CHAIN_INPUT, each, ctx, ("x", "ar"), channels_last=channels_last)


@pytest.mark.parametrize("case", list(norm_nets()))
def test_normalisations_where_they_stand(ctx, case):
    graph = Graph(norm_nets()[case])
    x = np.random.default_rng(5).normal(size=(2, 2, 4, 3))
    each = [dict.fromkeys(layers_of(graph), rule) for rule in RULES]
    compared(graph, x, each, ctx, ("x", "c"))


COMPOSITES = (
    "epsilon",
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_by_name(ctx, name):
    graph, weights = chain(), np.array([1.0, -0.5, 2.0])
    merged = merge_batch_norms(graph)
    box = {"low": -4.0, "high": 5.0} if name.endswith("box") else {}
    ruled = composite(graph, name, **box)
    net = Translated(graph, {"x": CHAIN_INPUT.shape[1:]}, ctx).net
    given = {"composite": name, "epsilon": 1e-6, **box}
    found = gm.lrp(net, doubles(CHAIN_INPUT, ctx), weighted_sum(weights), **given).values
    for one, x in zip(found, CHAIN_INPUT):
        start = start_of(graph.forward(x), graph, weights)
        assert_close(one, relevance(merged, merged.forward(x), start, ruled)["x"])


def test_first_layers_are_those_that_no_other_comes_before(ctx):
    """Of two branches that begin at the input each has one."""
    rng = np.random.default_rng(6)
    graph = Graph(
        [
            node("x", "input"),
            node("a", "conv", "x", weight=rng.normal(size=(3, 2, 3, 3)), pad=1),
            node("b", "conv", "x", weight=rng.normal(size=(3, 2, 1, 1))),
            node("r", "relu", "b"),
            node("d", "conv", "r", weight=rng.normal(size=(3, 3, 1, 1))),
            node("s", "add", "a", "d"),
            node("y", "dense", "s", weight=rng.normal(size=(3, 36))),
        ]
    )
    x = np.abs(rng.normal(size=(2, 2, 4, 3)))
    weights = np.array([1.0, -0.5, 2.0])
    net = Translated(graph, {"x": x.shape[1:]}, ctx).net
    given = {"composite": "epsilon_plus_flat"}
    found = gm.lrp(net, doubles(x, ctx), weighted_sum(weights), **given).values
    ruled = {"a": partial(flat, eps=1e-6), "b": partial(flat, eps=1e-6)}
    ruled["d"] = partial(z_plus, eps=1e-6)
    for one, sample in zip(found, x):
        values = graph.forward(sample)
        start = start_of(values, graph, weights)
        assert_close(one, relevance(graph, values, start, ruled, 1e-6)["x"])


def test_a_function_of_nodes_and_a_mapping_are_the_same(ctx):
    graph = chain()
    net = Translated(graph, {"x": CHAIN_INPUT.shape[1:]}, ctx).net
    mapping = {"a": rules.Flat(), "c": rules.Gamma(0.3)}
    seen = set()

    def chosen(one):
        seen.add(one.op)
        return mapping.get(one.name)

    x = doubles(CHAIN_INPUT, ctx)
    by_name = gm.lrp(net, x, 1, composite=mapping).values
    np.testing.assert_array_equal(gm.lrp(net, x, 1, composite=chosen).values, by_name)
    assert {"Convolution", "FullyConnected"} <= seen
    assert np.abs(gm.lrp(net, x, 1, composite="epsilon").values - by_name).max() > 1e-3


# ------------------------------------------------------------------------------ excitation backprop


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_excitation_at_every_layer(ctx, operator):
    graph = layer_net(operator, bias=True)
    x = np.abs(samples_of(OPERATORS[operator][1]))
    output = graph.forward(x[0])["layer"]
    weights = np.random.default_rng(9).normal(size=output.shape)
    net = gm.trace(Translated(graph, {"x": x.shape[1:]}, ctx).net)
    found = gm.excitation_backprop(net, doubles(x, ctx), weighted_sum(weights)).values
    for one, sample in zip(found, x):
        expected = relevance(
            graph, graph.forward(sample), {"layer": weights}, {"layer": excitation}
        )
        assert_close(one, expected["x"], what=operator)


# ------------------------------------------------------------------------------------ by hand
#
# Contributions z_ij for x = (1, 2):  2 − 2 + 1 =  1   and   −3 + 2 − 1 = −2
#                for x = (−1, 2):    −2 − 2 + 1 = −3   and    3 + 2 − 1 =  4

W = np.array([[2.0, -1.0], [-3.0, 1.0]])
B = np.array([1.0, -1.0])
BOTH = np.array([[1.0, 2.0], [-1.0, 2.0]])

# R = 3 and 4 arrive at outputs of 1 and −2; 3 and 4 at outputs of −3 and 4
BY_HAND = {
    # 2/1·3 + −3/−2·4, −2/1·3 + 2/−2·4;   −2/−3·3 + 3/4·4, −2/−3·3 + 2/4·4
    "LRP-0": (rules.Epsilon(0), [[12, -10], [5, 4]]),
    # the sums 1, −2 and −3, 4 become 2, −3 and −4, 5
    "epsilon": (rules.Epsilon(1), [[3 + 4, -3 - 8 / 3], [1.5 + 12 / 5, 1.5 + 8 / 5]]),
    # (3, −2) of 2.5, (−4.5, 2) of −4;   (−3, −3) of −5, (4.5, 3) of 6.5
    "gamma": (rules.Gamma(0.5, 0), [[8.1, -4.4], [1.8 + 18 / 6.5, 1.8 + 12 / 6.5]]),
    # (2, 0) of 3, (0, 2) of 2;   (0, 0) of 1, (3, 2) of 5
    "z-plus": (rules.ZPlus(0), [[2, 4], [12 / 5, 8 / 5]]),
    # twice that, less (0, −2) of −2, (−3, 0) of −4;   (−2, −2) of −4, (0, 0) of −1
    "alpha2-beta1": (rules.AlphaBeta(2, 1, 0), [[4 - 3, 8 - 3], [4.8 - 1.5, 3.2 - 1.5]]),
    # 4/5·3 + 9/10·4, 1/5·3 + 1/10·4
    "w-square": (rules.WSquare(0), [[6, 1], [6, 1]]),
    # half of everything
    "flat": (rules.Flat(0), [[3.5, 3.5], [3.5, 3.5]]),
    # l = −2, h = 3: (2 + 4, −2 + 3) of 7, (−3 + 9, 2 + 2) of 10;
    #                (−2 + 4, −2 + 3) of 3, (3 + 9, 2 + 2) of 16
    "z-box": (rules.ZBox(-2, 3, 0), [[18 / 7 + 2.4, 3 / 7 + 1.6], [2 + 3, 1 + 1]]),
    "pass": (rules.Pass(), [[3, 4], [3, 4]]),
}


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("rule", list(BY_HAND))
def test_by_hand(ctx, rule, kind):
    """The walk begins with the outputs' parts of the score, here (3, 4)."""
    weight, given, shape = (W, {}, (2,)) if kind == "dense" else (W[..., None], {}, (2, 1))
    graph = Graph([node("x", "input"), node("y", kind, "x", weight=weight, bias=B, **given)])
    net = gm.trace(Translated(graph, {"x": shape}, ctx).net)
    for x, expected in zip(BOTH, BY_HAND[rule][1]):
        parts = np.array([3.0, 4.0]) / (W @ x + B)
        target = weighted_sum(parts.reshape(shape))
        found = lrp_values(net, x.reshape(shape), target, ctx, composite={"y": BY_HAND[rule][0]})
        np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-6)


def test_sums_of_zero_by_hand(ctx):
    graph = Graph([node("x", "input"), node("y", "dense", "x", weight=np.array([[1.0, -1.0]]))])
    net, x = gm.trace(Translated(graph, {"x": (2,)}, ctx).net), np.ones(2)
    # the score is zero, and so is its part; excitation backprop begins with one
    for epsilon_of in (0, 0.5):
        found = lrp_values(net, x, None, ctx, composite={"y": rules.Epsilon(epsilon_of)})
        np.testing.assert_array_equal(found, [0, 0])
    np.testing.assert_array_equal(
        gm.excitation_backprop(net, doubles(x[None], ctx)).values, [[1, 0]]
    )


def test_two_paths_that_meet_by_hand(ctx):
    """y = relu(x₀ + x₁) + 2 (x₀ − x₁) for x = (3, 1): 4 + 4, half of the relevance each."""
    graph = Graph(
        [
            node("x", "input"),
            node("a", "dense", "x", weight=np.array([[1.0, 1.0]])),
            node("r", "relu", "a"),
            node("b", "dense", "x", weight=np.array([[2.0, -2.0]])),
            node("y", "add", "r", "b"),
        ]
    )
    net = gm.trace(Translated(graph, {"x": (2,)}, ctx).net)
    found = lrp_values(net, np.array([3.0, 1.0]), None, ctx, composite="epsilon", epsilon=0)
    # 3/4 and 1/4 of 4, and 6/4 and −2/4 of 4
    np.testing.assert_allclose(found, [3 + 6, 1 - 2], rtol=1e-6)
    plus = {"a": rules.ZPlus(0), "b": rules.ZPlus(0)}
    found = lrp_values(net, np.array([3.0, 1.0]), None, ctx, composite=plus, epsilon=0)
    np.testing.assert_allclose(found, [3 + 4, 1], rtol=1e-6)


def test_ties_of_a_max_pooling_and_a_concat_by_hand(ctx):
    """The first of equal numbers wins; a concat hands each part its own."""
    graph = Graph(
        [
            node("x", "input"),
            node("p", "max_pool", "x", kernel=2, stride=2),
            node("m", "avg_pool", "x", kernel=2, stride=2),
            node("c", "concat", "p", "m"),
            node("y", "dense", "c", weight=np.array([[1.0, 10.0, 1.0, 1.0]]), bias=np.array([4.0])),
        ]
    )
    x = np.array([[[5.0, 5.0, 1.0, 2.0], [1.0, 5.0, 2.0, 3.0]]])
    # maxima 5, 3; means 4, 2; y = 5 + 30 + 4 + 2 + 4 = 45
    net = gm.trace(Translated(graph, {"x": x.shape}, ctx).net)
    found = lrp_values(net, x, None, ctx, composite="epsilon", epsilon=0)
    means = [[1.25, 1.25, 0.25, 0.5], [0.25, 1.25, 0.5, 0.75]]
    winners = [[5, 0, 0, 0], [0, 0, 0, 30]]
    np.testing.assert_allclose(found[0], np.add(means, winners), rtol=1e-6)


# ------------------------------------------------------------------------------------- wrong rules


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.AlphaBeta(2, 2),
        lambda: rules.AlphaBeta(0.5, -0.5),
        lambda: rules.Epsilon(-1e-6),
        lambda: rules.Gamma(-0.1),
        lambda: rules.Gamma(0.1, -1),
        lambda: rules.ZPlus(-1),
        lambda: rules.WSquare(-1),
        lambda: rules.Flat(-1),
        lambda: rules.ZBox(0, 1, -1),
    ],
)
def test_numbers_that_make_no_rule(make):
    with pytest.raises(RuleError):
        make()


def test_a_function_of_a_step_has_the_layer_as_it_is(ctx):
    """The normalisation in front of it then stands for itself, under ε."""
    graph = in_front("map", False)
    x = samples_of(OPERATORS["map"][1])
    net = Translated(graph, {"x": x.shape[1:]}, ctx).net
    weights = np.random.default_rng(9).normal(size=graph.forward(x[0])["layer"].shape)

    def chosen(one):
        return (lambda step: [step.inputs[0] * step.vjp()[0]]) if one.name == "layer" else None

    found = gm.lrp(net, doubles(x, ctx), weighted_sum(weights), composite=chosen, epsilon=EPS)
    for one, sample in zip(found.values, x):
        values = graph.forward(sample)

        def gradient(matrix, bias, read, arriving):
            return read * (matrix.T @ arriving)

        start = start_of(values, graph, weights)
        assert_close(one, relevance(graph, values, start, {"layer": gradient}, EPS)["x"])


def test_a_rule_at_a_normalisation_is_its_own(ctx):
    """A normalisation that is given a rule is not merged; a layer's rule does not stand there."""
    mx.random.seed(0)
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 3), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Dense(3))
    net.initialize(mx.init.Normal(0.3), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(1, 3, 8, 8), ctx=ctx)
    net(x)
    net[1].running_mean.set_data(mx.nd.array([0.3, -0.2, 0.5, -0.4]))
    alone = {"1": gm.rules.Epsilon()}
    by_name = gm.lrp(net, x, 1, composite=alone).values
    by_function = gm.lrp(
        net, x, 1, composite=lambda node: alone["1"] if node.op == "BatchNorm" else None
    ).values
    np.testing.assert_array_equal(by_name, by_function)
    assert abs(by_name - gm.lrp(net, x, 1, composite="epsilon").values).max() > 1e-6
    with pytest.raises(gm.errors.RuleError, match=r"ZPlus.* is for layers with a weight"):
        gm.lrp(net, x, 1, composite={"1": gm.rules.ZPlus()})

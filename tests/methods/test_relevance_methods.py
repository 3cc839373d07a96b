"""Relevance of whole nets of many kinds: against the naive reference, and by what has to hold."""

from __future__ import annotations

import numpy as np
import pytest
from naive_net import Graph, merge_batch_norms, node
from naive_relevance import z_plus
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
from naive_symbols import Translated, assert_close, doubles, layers_of
from relevance_nets import MAKERS, Maker, Small, functional, random_small, small

import gradcam_mx as gm
from gradcam_mx import picture, rules
from gradcam_mx._mxnet import mx

TARGET = 1


def samples(net: Small, count=2, seed=1):
    return np.random.default_rng(seed).normal(size=(count, *net.shape))


def traced(net: Small, ctx):
    return gm.trace(Translated(net.graph, {"x": net.shape}, ctx).net)


def one_hot(net: Small, target=TARGET):
    count = net.graph.forward(np.zeros(net.shape))["y"].shape[0]
    return np.eye(count)[target]


def score_of(net: Small, values, target=TARGET):
    return {"y": one_hot(net, target) * values["y"]}


# ----------------------------------------------------------------------------------- conservation

CONSERVING = {
    "LRP-0": lambda e: rules.Epsilon(e),
    "gamma": lambda e: rules.Gamma(0.25, e),
    "flat": lambda e: rules.Flat(e),
    "w-square": lambda e: rules.WSquare(e),
}
"""αβ and z⁺ conserve only where there are terms of either sign, z-box only without a bias."""


@pytest.mark.parametrize("eps", [0, 1e-12])
@pytest.mark.parametrize("name", list(MAKERS))
def test_without_biases_the_score_arrives_at_every_cut(ctx, name, eps):
    net = small(name, bias=False)
    graph, x = traced(net, ctx), samples(net)
    score = np.array([net.graph.forward(one)["y"][TARGET] for one in x])
    layers = layers_of(net.graph)
    for rule, make in CONSERVING.items() if ctx == mx.cpu(0) else [("LRP-0", rules.Epsilon)]:
        # flat and w² take no account of what is read, but what is zero has no relevance to give
        mapping = dict.fromkeys(layers[:1] if rule in ("flat", "w-square") else layers, make(eps))
        given = {"composite": mapping, "epsilon": eps}
        found = [gm.lrp(graph, doubles(x, ctx), TARGET, **given)]
        found += gm.lrp(graph, doubles(x, ctx), TARGET, layer=list(net.cuts), **given)
        for one in found:
            sums = one.values.reshape(len(x), -1).sum(axis=1, dtype=np.float64)
            size = np.abs(one.values).sum(axis=tuple(range(1, one.values.ndim)))
            # float32 values: what cancels loses as much as the terms are large
            assert np.all(np.abs(sums - score) <= 1e-6 * (np.abs(score) + size)), (rule, one.layer)
            ledger = one.ledger()
            assert abs(ledger.bias) + abs(ledger.leak) <= 1e-9 * abs(ledger[0].arrived), rule
            assert abs(ledger[0].arrived - score.sum()) <= 1e-9 * abs(score).sum()


# ------------------------------------------------------------------------ whole nets, by composite


COMPOSITES = (
    "epsilon",
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
)


@pytest.mark.parametrize("name", list(MAKERS))
def test_composites_of_whole_nets(ctx, name):
    net = small(name)
    graph, x, merged = traced(net, ctx), samples(net), merge_batch_norms(net.graph)
    values = [merged.forward(one) for one in x]
    for called in COMPOSITES:
        box = {"low": -4.0, "high": 4.5} if called.endswith("box") else {}
        ruled = composite(net.graph, called, eps=1e-3, **box)
        if not called.endswith(("epsilon", "plus", "beta1")):
            ruled = first_everywhere(net, ruled)
        given = {"composite": called, "epsilon": 1e-3, **box}
        found = gm.lrp(graph, doubles(x, ctx), TARGET, **given)
        assert_accounted(found)
        for one, of_one in zip(found.values, values):
            expected = relevance(merged, of_one, score_of(net, of_one), ruled, 1e-3)
            assert_close(one, expected["x"], what=called)


def first_everywhere(net, ruled):
    """The rule of the first layer, at all that read the input."""
    first = ruled[layers_of(net.graph)[0]]
    readers = [one.name for one in net.graph.readers("x")]
    return {**ruled, **dict.fromkeys(readers, first)}


def assert_accounted(found, tolerance=1e-9):
    total = abs(found.ledger()[0].arrived)
    for row in found.ledger():
        assert abs(row.leak) <= tolerance * max(total, abs(row.arrived), abs(row.left)), row


@pytest.mark.parametrize("name", list(MAKERS))
def test_what_biases_take(ctx, name):
    """Σ_j b_j / z_j · R_j by the reference, for each layer with its normalisation, and each
    normalisation that is merged into none."""
    net = small(name)
    graph, x, merged = traced(net, ctx), samples(net, 1), merge_batch_norms(net.graph)
    values = merged.forward(x[0])
    arrived = relevance(merged, values, score_of(net, values), {}, 1e-12)
    found = gm.lrp(graph, doubles(x, ctx), TARGET, composite="epsilon", epsilon=1e-12)
    assert_accounted(found)
    rows = {row.name.replace("_output", ""): row for row in found.ledger()}
    checked = 0
    for one in merged.nodes:
        if one.op not in ("conv", "deconv", "dense", "batch_norm") or one.name not in rows:
            continue
        if one.name not in arrived:
            continue
        merged_at = linear_bias(merged, one, values)
        expected = (merged_at / values[one.name] * arrived[one.name]).sum()
        size = np.abs(merged_at / values[one.name] * arrived[one.name]).sum()
        assert abs(rows[one.name].bias - expected) <= 1e-7 * size, one.name
        checked += 1
    assert checked >= 3


def linear_bias(graph, one, values):
    from naive_net import linear

    layer = linear(one, [values[source].shape for source in one.inputs])
    return layer.bias.reshape(layer.shape)


# ----------------------------------------------------------------------------------------- DeepLIFT


@pytest.mark.parametrize("name", list(MAKERS))
def test_rescale(ctx, name):
    net = small(name)
    graph, x, x0 = traced(net, ctx), samples(net), samples(net, seed=2)
    start = {"y": one_hot(net)}
    expected = [deep_lift(net.graph, one, zero, start) for one, zero in zip(x, x0)]
    for layer in (None, net.cuts[0], net.cuts[-1]):
        found = gm.deep_lift(graph, doubles(x, ctx), TARGET, baseline=x0, layer=layer)
        for one, contributions in zip(found.values, expected):
            assert_close(one, contributions[layer or "x"], what=f"{layer}")
        assert_complete(found)


def assert_complete(found, tolerance=1e-6):
    """Σ = S(x) − S(x₀); values are told in float32, so terms that cancel take more."""
    size = np.abs(found.values).reshape(len(found.values), -1).sum(axis=1)
    gap = np.abs(found.details["completeness_gap"])
    assert np.all(gap <= tolerance * (np.abs(found.details["score_difference"]) + size)), gap


STRAIGHT = ("vgg", "signals")
"""Nets whose functions of one number stand behind layers, where reveal-cancel takes them apart."""


@pytest.mark.parametrize("name", STRAIGHT)
def test_reveal_cancel(ctx, name):
    net = small(name)
    graph, x, x0 = traced(net, ctx), samples(net), samples(net, seed=2)
    merged = merge_batch_norms(net.graph)
    found = gm.deep_lift(graph, doubles(x, ctx), TARGET, baseline=x0, rule="reveal_cancel")
    for one, own, zero in zip(found.values, x, x0):
        contributions = deep_lift(merged, own, zero, {"y": one_hot(net)}, "reveal_cancel")
        assert_close(one, contributions["x"])
    assert_complete(found)


@pytest.mark.parametrize("name", list(MAKERS))
def test_reveal_cancel_is_complete(ctx, name):
    net = small(name)
    x, x0 = samples(net), samples(net, seed=2)
    given = {"baseline": x0, "rule": "reveal_cancel"}
    for layer in (None, net.cuts[0]):
        assert_complete(
            gm.deep_lift(traced(net, ctx), doubles(x, ctx), TARGET, layer=layer, **given)
        )


def test_reveal_cancel_by_hand(ctx):
    """min(x₀, x₁) = x₀ − relu(x₀ − x₁), the paper's example: half of the minimum each."""
    graph = Graph(
        [
            node("x", "input"),
            node("d", "dense", "x", weight=np.array([[1.0, -1.0]])),
            node("r", "relu", "d"),
            node("c", "concat", "x", "r"),
            node("y", "dense", "c", weight=np.array([[1.0, 0.0, -1.0]])),
        ]
    )
    net = Translated(graph, {"x": (2,)}, ctx).net
    x = doubles(np.array([[3.0, 2.0], [1.0, 4.0]]), ctx)
    found = gm.deep_lift(net, x, rule="reveal_cancel").values
    np.testing.assert_allclose(found, [[1, 1], [0.5, 0.5]], rtol=1e-6)
    # rescale: relu's slope is 1 where it is open, and all goes to the smaller one
    found = gm.deep_lift(net, x).values
    np.testing.assert_allclose(found, [[0, 2], [1, 0]], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["vgg", "resnet_v1", "inception", "mobilenet", "generator"])
def test_rescale_is_epsilon_without_biases_from_zero(ctx, name):
    net = small(name, bias=False)
    graph, x = traced(net, ctx), doubles(samples(net), ctx)
    lifted = gm.deep_lift(graph, x, TARGET, baseline="zero")
    shared = gm.lrp(graph, x, TARGET, composite="epsilon", epsilon=0)
    if name == "inception":
        pytest.skip("its maximum of a window at the border reads padding, which no baseline has")
    assert_close(lifted.values, shared.values)


MIXED = {
    "softmax inside": lambda F, x: F.softmax(F.reshape(x, shape=(0, -1)), axis=1) * 3.0,
    "log of softmax": lambda F, x: F.log_softmax(F.reshape(x, shape=(0, 4, -1)), axis=2),
    "layer norm": lambda F, x: F.LayerNorm(x, F.var("g"), F.var("b")),
    "instance norm": lambda F, x: F.GroupNorm(x, F.var("g"), F.var("b"), num_groups=4),
    "length": lambda F, x: F.L2Normalization(x, mode="channel"),
    "quotient": lambda F, x: F.broadcast_div(x, 1.0 + F.sum(F.square(x), axis=1, keepdims=True)),
    "attention": lambda F, x: F.batch_dot(
        F.softmax(F.batch_dot(x[0], x[0], transpose_b=True), axis=-1), x[0]
    ),
    "maximum over axes": lambda F, x: F.max(x, axis=(2, 3)),
    "minimum over axes": lambda F, x: F.min(x, axis=1),
    "maximum of two": lambda F, x: F.broadcast_maximum(x, F.reverse(x, axis=1)),
    "minimum of two": lambda F, x: F.broadcast_minimum(x, 0.3 * F.square(x)),
    "bounds": lambda F, x: F.minimum(F.maximum(x, -0.4), 0.7),
    "clip": lambda F, x: F.clip(x, -0.4, 0.7),
    "product": lambda F, x: x * F.reverse(x, axis=3),
    "cube": lambda F, x: x * x * x,
    "hard swish": lambda F, x: x * F.clip(x + 3.0, 0, 6) / 6.0,
    "L2 pooling": lambda F, x: F.Pooling(x, kernel=(2, 2), pool_type="lp", p_value=2),
    "smooth": lambda F, x: F.smooth_l1(x, scalar=1.0),
    "exponential": lambda F, x: F.exp(-F.abs(x)),
    "maximum pooling, overlapping": lambda F, x: F.Pooling(
        x, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type="max"
    ),
}


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("case", [one for one in MIXED if one != "attention"])
def test_completeness_of_operators(ctx, case, rule):
    """A convolution, the operator, a Dense layer."""
    rng = np.random.default_rng(4)
    x = mx.sym.var("x")
    maps = mx.sym.Convolution(x, kernel=(3, 3), num_filter=4, pad=(1, 1), name="c")
    y = mx.sym.FullyConnected(MIXED[case](mx.sym, maps), num_hidden=3, name="y")
    shapes, _, _ = y.infer_shape(x=(2, 2, 4, 4))
    arguments = {
        name: doubles(rng.normal(size=shape) * 0.4, ctx)
        for name, shape in zip(y.list_arguments(), shapes)
        if name != "x"
    }
    x, x0 = rng.normal(size=(2, 2, 2, 4, 4))
    found = gm.deep_lift((y, arguments, {}), doubles(x, ctx), TARGET, baseline=x0, rule=rule)
    assert np.abs(found.details["score_difference"]).min() > 1e-3
    assert_complete(found, 1e-5 if case == "L2 pooling" else 1e-6)


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh"])
def test_completeness_of_recurrent_layers(ctx, mode):
    rng, size = np.random.default_rng(5), {"lstm": 4, "gru": 3}.get(mode, 1) * 3 * (4 + 3 + 2)
    inputs = [mx.sym.var("weights"), mx.sym.var("h")]
    inputs += [mx.sym.var("c")] if mode == "lstm" else []
    read = mx.sym.transpose(mx.sym.var("x"), axes=(1, 0, 2))
    y = mx.sym.RNN(read, *inputs, state_size=3, num_layers=1, mode=mode)
    y = mx.sym.FullyConnected(mx.sym.transpose(y, axes=(1, 0, 2)), num_hidden=3, name="y")
    arguments = {one: doubles(np.zeros((1, 2, 3)), ctx) for one in ("h", "c")}
    arguments["weights"] = doubles(rng.normal(size=size) * 0.5, ctx)
    arguments["y_weight"] = doubles(rng.normal(size=(3, 15)), ctx)
    arguments["y_bias"] = doubles(rng.normal(size=3), ctx)
    arguments = {name: arguments[name] for name in y.list_arguments() if name != "x"}
    x = rng.normal(size=(2, 5, 4))
    found = gm.deep_lift((y, arguments, {}), doubles(x, ctx), TARGET, baseline=x + 1)
    assert_complete(found)


def test_completeness_of_attention(ctx):
    rng = np.random.default_rng(6)
    x = mx.sym.var("x")
    p = mx.sym.softmax(mx.sym.batch_dot(x, x, transpose_b=True), axis=-1)
    y = mx.sym.FullyConnected(mx.sym.batch_dot(p, x), num_hidden=3, name="y")
    arguments = {
        "y_weight": doubles(rng.normal(size=(3, 15)), ctx),
        "y_bias": doubles(np.zeros(3), ctx),
    }
    numbers = rng.normal(size=(2, 5, 3))
    found = gm.deep_lift((y, arguments, {}), doubles(numbers, ctx), TARGET, baseline=0.5)
    assert_complete(found)


def test_completeness_of_a_hybrid_block_with_functional_operators(ctx):
    net, rng = functional(ctx), np.random.default_rng(7)
    x, x0 = rng.normal(size=(2, 2, 2, 6, 6))
    for rule in ("rescale", "reveal_cancel"):
        found = gm.deep_lift(net, doubles(x, ctx), TARGET, baseline=x0, rule=rule)
        assert_complete(found)
        expected = (net(doubles(x, ctx)) - net(doubles(x0, ctx)))[:, TARGET].asnumpy()
        np.testing.assert_allclose(found.details["score_difference"], expected, rtol=1e-9)


# ----------------------------------------------------------------------------------------- DeepSHAP


def additive(ctx):
    """Σ_i f_i(x_i): each number goes through rectifiers of its own."""
    rng = np.random.default_rng(8)
    graph = Graph(
        [
            node("x", "input"),
            node("s", "reshape", "x", shape=(5, 1)),
            node(
                "d",
                "dense",
                "s",
                weight=rng.normal(size=(4, 1)),
                bias=rng.normal(size=4),
                flatten=False,
            ),
            node("r", "relu", "d"),
            node("t", "tanh", "r"),
            node("y", "dense", "t", weight=rng.normal(size=(3, 20))),
        ]
    )
    return graph, Translated(graph, {"x": (5,)}, ctx).net


def test_deep_shap_is_exact_for_sums_of_functions_of_single_values(ctx):
    graph, net = additive(ctx)
    x, background = np.random.default_rng(9).normal(size=(2, 5)), np.random.default_rng(10)
    background = background.normal(size=(4, 5))
    for rule in ("rescale", "reveal_cancel"):
        found = gm.deep_shap(net, doubles(x, ctx), 2, background=background, rule=rule)
        for one, sample in zip(found.values, x):
            exact = shapley(lambda z: graph.forward(z)["y"][2], sample, background)
            assert_close(one, exact)
        assert_complete(found)


@pytest.mark.parametrize("name", ["vgg", "squeezing"])
def test_deep_shap_and_its_standard_error(ctx, name):
    net = small(name)
    x, background = samples(net), samples(net, 5, seed=3)
    for layer in (None, net.cuts[-1]):
        found = gm.deep_shap(
            traced(net, ctx), doubles(x, ctx), TARGET, background=background, layer=layer
        )
        for row, sample in enumerate(x):
            mean, error = deep_shap(net.graph, sample, list(background), {"y": one_hot(net)})
            assert_close(found.values[row], mean[layer or "x"])
            assert_close(found.details["standard_error"][row], error[layer or "x"])
        assert_complete(found)


# ------------------------------------------------------------------------------ excitation backprop

EXCITED = ("vgg", "resnet_v1", "inception", "generator")


@pytest.mark.parametrize("name", EXCITED)
def test_excitation_backprop(ctx, name):
    net = small(name)
    graph, x, merged = traced(net, ctx), np.abs(samples(net)), merge_batch_norms(net.graph)
    for layer in (None, *net.cuts[-2:]):
        found = gm.excitation_backprop(graph, doubles(x, ctx), TARGET, layer=layer).values
        for one, sample in zip(found, x):
            values = merged.forward(sample)
            expected = excitation_backprop(merged, values, {"y": one_hot(net)})
            assert_close(one, expected[layer or "x"], 1e-5)


def test_excitation_backprop_sums_to_one(ctx):
    """Where something excites every unit: of a net whose values are not negative."""
    m = Maker(11)
    m.relu("ar", m.conv("a", "x", 4, 2, 3, 3, pad=1))
    m.add("p", "avg_pool", "ar", kernel=2, stride=2)
    m.relu("br", m.conv("b", "p", 5, 4, 3, 3, pad=1))
    m.add("j", "concat", "br", "p")
    m.add("g", "mean", "j", axis=(1, 2))
    m.dense("y", "g", 4, 9)
    net = m.made((2, 6, 6), "ar", "p", "j", "g")
    x = np.abs(samples(net))
    found = [gm.excitation_backprop(traced(net, ctx), doubles(x, ctx), TARGET)]
    found += gm.excitation_backprop(traced(net, ctx), doubles(x, ctx), TARGET, layer=list(net.cuts))
    for one in found:
        assert one.values.min() >= 0
        np.testing.assert_allclose(one.values.sum(axis=(1, 2, 3)[: one.values.ndim - 1]), 1, 1e-5)


def test_what_inhibits_a_sum_takes_no_part(ctx):
    """x + (-0.5 x): all of it comes by the first."""
    x = mx.sym.var("x")
    found = gm.excitation_backprop((x + x * -0.5, {}, {}), doubles(np.ones((2, 1)), ctx))
    np.testing.assert_array_equal(found.values, 1)


@pytest.mark.parametrize("name", ["vgg", "inception"])
def test_contrastive_excitation_backprop(ctx, name):
    net = small(name)
    graph, x, merged = traced(net, ctx), np.abs(samples(net)), merge_batch_norms(net.graph)
    for layer in (None, net.cuts[-1]):
        given = {"contrastive": True, "layer": layer}
        found = gm.excitation_backprop(graph, doubles(x, ctx), TARGET, **given).values
        for one, sample in zip(found, x):
            values = merged.forward(sample)
            expected = contrastive_excitation_backprop(merged, values, "y", one_hot(net))
            assert_close(one, expected[layer or "x"], 1e-5)


# ----------------------------------------------------------------------------------------- FullGrad


def stretched(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


@pytest.mark.parametrize("name", [one for one in MAKERS if one != "squeezing"])
def test_full_grad(ctx, name):
    net = small(name)
    x = samples(net)
    found = gm.full_grad(traced(net, ctx), doubles(x, ctx), TARGET)
    assert np.all(np.abs(found.details["completeness_gap"]) < 1e-8)
    for one, sample in zip(found.values, x):
        terms = full_grad(net.graph, net.graph.forward(sample), {"y": one_hot(net)})
        maps = [np.abs(term) for term in terms.values() if term.ndim == len(net.shape)]
        at_input = [picture.resize(stretched(one).sum(axis=0)[None], net.shape[1:]) for one in maps]
        assert len(maps) > 2
        assert_close(one, sum(at_input))


def test_full_grad_of_gates_and_functional_operators_is_complete(ctx):
    net = small("squeezing")
    found = gm.full_grad(traced(net, ctx), doubles(samples(net), ctx), TARGET)
    assert np.all(np.abs(found.details["completeness_gap"]) < 1e-8)
    x = doubles(np.random.default_rng(7).normal(size=(2, 2, 6, 6)), ctx)
    found = gm.full_grad(functional(ctx), x, TARGET)
    assert np.all(np.abs(found.details["completeness_gap"]) < 1e-8)


# ------------------------------------------------------------------------------------ conditions


@pytest.mark.parametrize("name", ["vgg", "resnet_v1", "inception"])
def test_conditions(ctx, name):
    net = small(name)
    graph, x, merged = traced(net, ctx), samples(net), merge_batch_norms(net.graph)
    first, last = net.cuts[0], net.cuts[-2]
    ruled = composite(net.graph, "epsilon_plus", eps=1e-3)
    for conditions in ({first: [2]}, {last: [0, 3]}, {first: [0, 1], last: [1, 2, 3]}, {"y": 1}):
        given = {"composite": "epsilon_plus", "epsilon": 1e-3, "conditions": conditions}
        found = gm.lrp(graph, doubles(x, ctx), TARGET, **given)
        assert_accounted(found)
        kept = {one: np.atleast_1d(channels) for one, channels in conditions.items()}
        for one, sample in zip(found.values, x):
            values = merged.forward(sample)
            start = score_of(net, values)
            expected = relevance(merged, values, start, ruled, 1e-3, conditions=kept)
            assert_close(one, expected["x"], what=str(conditions))


def test_conditions_on_each_channel_add_up(ctx):
    net = small("inception")
    graph, x = traced(net, ctx), doubles(samples(net), ctx)
    whole = gm.lrp(graph, x, TARGET).values
    parts = [gm.lrp(graph, x, TARGET, conditions={"j": one}).values for one in range(11)]
    assert_close(sum(parts), whole)
    outside = gm.lrp(graph, x, TARGET, conditions={"y": 0}).values
    assert not outside.any()


# --------------------------------------------------------------------------- maps from relevance


def relu(values):
    return np.maximum(values, 0)


@pytest.mark.parametrize("name", ["vgg", "resnet_v1", "squeezing"])
def test_relevance_cam(ctx, name):
    net = small(name)
    x, merged = samples(net), merge_batch_norms(net.graph)
    ruled = {one.name: z_plus for one in net.graph.nodes if one.op in ("conv", "deconv", "dense")}
    for layer in [one for one in net.cuts if net.graph.forward(x[0])[one].ndim == 3]:
        found = gm.relevance_cam(traced(net, ctx), doubles(x, ctx), TARGET, layer).values
        for one, sample in zip(found, x):
            values = merged.forward(sample)
            start = values["y"][TARGET] * np.where(one_hot(net) > 0, 1, -1 / 3)
            weights = relevance(merged, values, {"y": start}, ruled)[layer].sum(axis=(1, 2))
            map_of = relu(np.einsum("c,chw->hw", weights, values[layer]))
            assert_close(one, map_of, 1e-5, layer)


@pytest.mark.parametrize("name", ["vgg", "resnet_v1", "squeezing"])
def test_lift_cam(ctx, name):
    net = small(name)
    x = samples(net)
    layer = next(one for one in net.cuts[1:] if net.graph.forward(x[0])[one].ndim == 3)
    found = gm.lift_cam(traced(net, ctx), doubles(x, ctx), TARGET, layer).values
    nodes = net.graph.nodes
    place = next(number for number, one in enumerate(nodes) if one.name == layer)
    tail = Graph([node(layer, "input"), *nodes[place + 1 :]])
    for one, sample in zip(found, x):
        value = net.graph.forward(sample)[layer]
        lifted = deep_lift(tail, value, np.zeros_like(value), {"y": one_hot(net)})[layer]
        map_of = relu(np.einsum("c,chw->hw", lifted.sum(axis=(1, 2)), value))
        assert_close(one, map_of)


def test_recipro_cam(ctx):
    net = small("vgg")
    x, nodes = samples(net), net.graph.nodes
    place = next(number for number, one in enumerate(nodes) if one.name == "p")
    tail = Graph([node("p", "input"), *nodes[place + 1 :]])
    found = gm.recipro_cam(traced(net, ctx), doubles(x, ctx), TARGET, "p").values
    for one, sample in zip(found, x):
        value = net.graph.forward(sample)["p"]
        scores = np.zeros(value.shape[1:])
        for i, j in np.ndindex(*scores.shape):
            mask = np.zeros_like(scores)
            for k, m in np.ndindex(*scores.shape):
                if max(abs(k - i), abs(m - j)) <= 1:
                    mask[k, m] = 0.5 ** (abs(k - i) + abs(m - j))
            scores[i, j] = tail.forward(value * mask)["y"][TARGET]
        assert_close(one, stretched(scores), 1e-5)


def test_finer_cam(ctx):
    """∂(S − γ mean of the similar classes' scores)/∂A, averaged over positions."""
    m = Maker(12)
    m.relu("ar", m.conv("a", "x", 4, 2, 3, 3, pad=1))
    m.dense("y", "ar", 7, 4 * 36)
    net = m.made((2, 6, 6), "ar")
    x = samples(net)
    for gamma_of, similar in ((0.6, 3), (0.9, 2), (0.0, 1)):
        given = {"gamma": gamma_of, "similar": similar}
        found = gm.finer_cam(traced(net, ctx), doubles(x, ctx), TARGET, "ar", **given).values
        for one, sample in zip(found, x):
            values = net.graph.forward(sample)
            distance = np.abs(values["y"] - values["y"][TARGET])
            nearest = np.argsort(distance)[1 : 1 + similar]
            start = one_hot(net)
            start[nearest] = -gamma_of / similar
            weights = net.graph.gradient(values, {"y": start})["ar"].mean(axis=(1, 2))
            assert_close(one, relu(np.einsum("c,chw->hw", weights, values["ar"])))
    plain = gm.grad_cam(traced(net, ctx), doubles(x, ctx), TARGET, "ar").values
    assert_close(found, plain)
    most, all_others = (
        gm.finer_cam(traced(net, ctx), doubles(x, ctx), TARGET, "ar", similar=count).values
        for count in (6, 7)
    )
    np.testing.assert_array_equal(most, all_others)


# ----------------------------------------------------------------------------------- nets at random


@pytest.mark.parametrize("seed", range(8))
def test_nets_at_random(ctx, seed):
    net = random_small(seed)
    graph, x, merged = traced(net, ctx), samples(net), merge_batch_norms(net.graph)
    x0, start = samples(net, seed=2), {"y": one_hot(net)}
    values = [merged.forward(one) for one in x]
    for called in ("epsilon", "epsilon_plus", "epsilon_alpha2_beta1"):
        ruled = composite(net.graph, called, eps=1e-2)
        found = gm.lrp(graph, doubles(x, ctx), TARGET, composite=called, epsilon=1e-2)
        assert_accounted(found)
        for one, of_one in zip(found.values, values):
            expected = relevance(merged, of_one, score_of(net, of_one), ruled, 1e-2)
            assert_close(one, expected["x"], what=called)
    found = gm.deep_lift(graph, doubles(x, ctx), TARGET, baseline=x0)
    assert_complete(found)
    for one, own, zero in zip(found.values, x, x0):
        assert_close(one, deep_lift(net.graph, own, zero, start)["x"])
    assert_complete(gm.deep_lift(graph, doubles(x, ctx), TARGET, baseline=x0, rule="reveal_cancel"))

"""The contrastive start of LRP: what is shared out at the last layers, where scores may be zero."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from naive_net import Graph, merge_batch_norms, node
from naive_relevance import z_plus
from naive_relevance_net import composite, relevance
from naive_symbols import Translated, assert_close, doubles, layers_of
from relevance_nets import small

import gradcam_mx as gm
from gradcam_mx import rules

TARGET, EPS = 1, 1e-3
NETS = ("vgg", "resnet_v1", "inception", "squeezing")
COMPOSITES = ("epsilon", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box")


def traced(graph, shape, ctx):
    return gm.trace(Translated(graph, {"x": shape}, ctx).net)


def start_of(values, target=TARGET):
    """The score S at the class, -S / (K - 1) at each of the others."""
    scores = values["y"]
    shares = np.full(len(scores), -1 / (len(scores) - 1))
    shares[target] = 1
    return {"y": scores[target] * shares}


@pytest.mark.parametrize("called", COMPOSITES)
@pytest.mark.parametrize("name", NETS)
def test_the_last_layer_has_z_plus_and_the_others_what_the_composite_says(ctx, name, called):
    net = small(name)
    x = np.random.default_rng(1).normal(size=(2, *net.shape))
    box = {"low": -4.0, "high": 4.5} if called.endswith("box") else {}
    given = {"composite": called, "epsilon": EPS, "contrastive": True, **box}
    found = gm.lrp(traced(net.graph, net.shape, ctx), doubles(x, ctx), TARGET, **given).values
    ruled = {**composite(net.graph, called, eps=EPS, **box), "y": partial(z_plus, eps=EPS)}
    merged = merge_batch_norms(net.graph)
    for one, sample in zip(found, x):
        values = merged.forward(sample)
        assert_close(one, relevance(merged, values, start_of(values), ruled, EPS)["x"])


def dense(*rows, bias=None):
    given = {} if bias is None else {"bias": np.array(bias)}
    return Graph([node("x", "input"), node("y", "dense", "x", weight=np.array(rows), **given)])


def test_a_score_of_zero_by_hand(ctx):
    """Scores 5, 0 and -1: 5 begins at the first, -2.5 at each of the others.

    The first gives (1, 4). What excites the second is the first number alone, what excites the
    third is the second alone: they give (-2.5, 0) and (0, -2.5).
    """
    net = traced(dense((1.0, 2.0), (2.0, -1.0), (-3.0, 1.0)), (2,), ctx)
    for called in ("epsilon", "epsilon_plus"):
        given = {"composite": called, "epsilon": 0, "contrastive": True}
        found = gm.lrp(net, doubles(np.array([[1.0, 2.0]]), ctx), 0, **given)
        np.testing.assert_allclose(found.values, [[-1.5, 1.5]], rtol=1e-6)
        row = found.ledger()[0]
        assert abs(row.arrived) < 1e-12
        assert abs(row.left) < 1e-12


def test_an_average_behind_the_last_layer_by_hand(ctx):
    """A convolution of (1, 3) by 1 and by 1 less 2: (1, 3) and (-1, 1), on average 2 and 0.

    2 begins at the first class, -2 at the other. The first is shared out as 0.5 and 1.5; of the
    other the second position has all, for at the first nothing is above zero.
    """
    graph = Graph(
        [
            node("x", "input"),
            node("c", "conv", "x", weight=np.ones((2, 1, 1, 1)), bias=np.array([0.0, -2.0])),
            node("y", "mean", "c", axis=(1, 2)),
        ]
    )
    x = doubles(np.array([1.0, 3.0]).reshape(1, 1, 1, 2), ctx)
    net = traced(graph, (1, 1, 2), ctx)
    found = gm.lrp(net, x, 0, composite="epsilon", epsilon=0, contrastive=True)
    np.testing.assert_allclose(found.values.reshape(-1), [0.5, -0.5], rtol=1e-6)


@pytest.mark.parametrize("score", [1.0, 1e-3, 1e-6, -1e-9, 0.0])
def test_no_score_is_divided_by(ctx, score):
    """What arrives is 2 S at most, in absolute values, where a rule that divides by the score of
    another class goes beyond all bounds as that nears zero."""
    net = traced(dense((1.0, 2.0), (2.0, score / 2 - 1), (1.0, -1.0)), (2,), ctx)
    x = doubles(np.array([[1.0, 2.0]]), ctx)
    found = gm.lrp(net, x, 0, composite="epsilon", contrastive=True)
    assert np.abs(found.values).sum() <= 2 * 5 * (1 + 1e-5)


def test_a_rule_that_is_asked_for_stays(ctx):
    """By a mapping or a function the last layer has ε, which divides -5 by the other score of 1e-3;
    where they say nothing it has z⁺."""
    net = traced(dense((1.0, 2.0), (2.0, -0.9995)), (2,), ctx)
    x, epsilon = doubles(np.array([[1.0, 2.0]]), ctx), rules.Epsilon(0)
    (layer,) = layers_of(dense((1.0, 2.0)))
    for asked in ({layer: epsilon}, lambda node: epsilon):
        found = gm.lrp(net, x, 0, composite=asked, contrastive=True)
        expected = np.array([1.0, 4.0]) - 5 * np.array([2.0, -1.999]) / 1e-3
        np.testing.assert_allclose(found.values, [expected], rtol=1e-5)
    for asked in ({}, lambda node: None):
        found = gm.lrp(net, x, 0, composite=asked, epsilon=0, contrastive=True)
        np.testing.assert_allclose(found.values, [[1.0 - 5.0, 4.0]], rtol=1e-6)


@pytest.mark.parametrize("name", NETS)
def test_without_biases_as_much_is_for_as_against(ctx, name):
    """S less S: nothing is left in all at any cut, but for classes that nothing excites, whose part
    is lost at the last layer."""
    net = small(name, bias=False)
    x = np.random.default_rng(1).normal(size=(2, *net.shape))
    last = next(one for one in net.graph.nodes if one.name == "y")
    expected = []
    for values in map(net.graph.forward, x):
        read = values[last.inputs[0]].reshape(-1)
        is_excited = (last.get("weight") * read > 0).any(axis=1)
        expected.append(start_of(values)["y"][is_excited].sum())
    graph = traced(net.graph, net.shape, ctx)
    given = {"composite": "epsilon", "epsilon": 0, "contrastive": True}
    for found in gm.lrp(graph, doubles(x, ctx), TARGET, layer=list(net.cuts), **given):
        values = found.values.reshape(len(x), -1).astype(np.float64)
        gap = np.abs(values.sum(axis=1) - expected)
        assert np.all(gap <= 1e-6 * np.abs(values).sum(axis=1)), found.layer

"""Perturbation methods against their re-derivations in `naive_perturbation`, and by enumeration.

The toy nets are cast to float64, so nothing but the float32 of the results (6e-8 of the largest
value) and of the scores (6e-8 of a score, of which some thousand are summed with both signs at the
most) stands between the two: 1e-5 is asked for.
"""

from __future__ import annotations

import itertools
import math

import naive_perturbation as naive
import numpy as np
import pytest
from naive import CLASSES, SIZE, double
from test_formulas import relative_error

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import chunks
from gradcam_mx.methods import superpixels
from gradcam_mx.methods.drawn_masks import Masks

nn = mx.gluon.nn
TOLERANCE = 1e-5
QUIET = {"progress": False}


@pytest.fixture(params=["pooled", "residual", "flat"])
def toy(request, ctx):
    return double(request.param, ctx.device_id)


def score_of(toy, sample):
    """The score of the sample's class, in float64, of one input."""
    return lambda one: toy.math.whole.forward(one[None])[0, CLASSES[sample]]


def probability_of(toy, sample):
    def score(one):
        scores = toy.math.whole.forward(one[None])[0]
        odds = np.exp(scores - scores.max())
        return (odds / odds.sum())[CLASSES[sample]]

    return score


# Three segments that are no rectangles, four cells, and labels with gaps
CELLS = np.arange(SIZE[0])[:, None] * 2 // SIZE[0] * 2 + np.arange(SIZE[1]) * 2 // SIZE[1]
STRIPES = (np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1])) // 4) % 3
SEGMENTS = np.stack([CELLS, STRIPES * 7 - 3, CELLS == 2])  # another number for each sample

COLOR = (0.5, -1.0, 2.0)
OTHER = np.random.RandomState(8).randn(3, *SIZE)
BASELINES = {
    "zero": lambda x: np.zeros_like(x),
    "mean": lambda x: np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape),
    "color": lambda x: np.broadcast_to(np.reshape(COLOR, (3, 1, 1)), x.shape),
    "number": lambda x: np.full_like(x, 0.25),
    "array": lambda x: OTHER,
}
GIVEN = {"zero": "zero", "mean": "mean", "color": COLOR, "number": 0.25, "array": OTHER}


# -------------------------------------------------------------------------- occlusion and ablation


@pytest.mark.parametrize(
    ("window", "stride", "baseline"),
    [
        (3, 3, "zero"),
        (4, 2, "mean"),
        ((9, 5), (1, 4), "color"),
        ((2, 7), None, "array"),
        ((9, 12), (9, 12), "number"),
        (5, 1, "zero"),
    ],
    ids=str,
)
def test_occlusion(toy, window, stride, baseline):
    found = gm.occlusion(
        toy.net, toy.x, CLASSES, window=window, stride=stride, baseline=GIVEN[baseline], **QUIET
    )
    sides = window if isinstance(window, tuple) else (window, window)
    steps = (
        tuple(max(1, side // 2) for side in sides)
        if stride is None
        else (stride if isinstance(stride, tuple) else (stride, stride))
    )
    expected = np.stack(
        [
            naive.occlusion(score_of(toy, n), one, sides, steps, BASELINES[baseline](one))
            for n, one in enumerate(toy.numbers)
        ]
    )
    assert np.abs(expected).max() > 0
    assert relative_error(found.values, expected) <= TOLERANCE
    assert found.signed
    assert found.is_map


def test_occlusion_by_default(toy):
    """Windows of an eighth, 9 // 8 = 1 and 12 // 8 = 1."""
    np.testing.assert_array_equal(
        gm.occlusion(toy.net, toy.x, CLASSES, batch_size=4, **QUIET).values,
        gm.occlusion(toy.net, toy.x, CLASSES, window=1, stride=1, batch_size=4, **QUIET).values,
    )


def test_the_probability_that_occlusion_leaves(toy):
    found = gm.occlusion(toy.net, toy.x, CLASSES, window=4, stride=3, values="score", **QUIET)
    expected = np.stack(
        [
            naive.occlusion(
                probability_of(toy, n), one, (4, 4), (3, 3), np.zeros_like(one), "score"
            )
            for n, one in enumerate(toy.numbers)
        ]
    )
    assert relative_error(found.values, expected) <= TOLERANCE
    assert not found.signed


def test_what_is_no_class_is_left_as_a_score(toy):
    target = gm.targets.ScoreDifference(0, 1)
    drop, left = (
        gm.occlusion(toy.net, toy.x, target, window=4, stride=4, values=one, **QUIET)
        for one in ("drop", "score")
    )
    np.testing.assert_allclose(drop.score[:, None, None] - left.values, drop.values, atol=1e-5)


@pytest.mark.parametrize("baseline", list(BASELINES))
def test_feature_ablation(toy, baseline):
    found = gm.feature_ablation(
        toy.net, toy.x, CLASSES, segments=SEGMENTS, baseline=GIVEN[baseline], **QUIET
    )
    expected = np.stack(
        [
            naive.feature_ablation(score_of(toy, n), one, SEGMENTS[n], BASELINES[baseline](one))
            for n, one in enumerate(toy.numbers)
        ]
    )
    assert relative_error(found.values, expected) <= TOLERANCE
    # by numbers from 0, in the order of the labels, and NaN where there is no such segment
    values = found.details["segment_values"]
    assert np.isnan(values).sum(axis=1).tolist() == [0, 1, 2]
    for n, segments in enumerate(SEGMENTS):
        for number, label in enumerate(np.unique(segments)):
            assert (found.details["segments"][n] == number).tolist() == (segments == label).tolist()
            np.testing.assert_allclose(
                found.values[n][segments == label], values[n, number], rtol=1e-6
            )


# -------------------------------------------------------------------------------------------- RISE


def masks_of(positions, cells, keep, count, seed):
    masks = Masks(positions, cells, keep)
    return [masks.whole(one) for one in masks.drawn(count, seed)]


@pytest.mark.parametrize("baseline", ["zero", "color"])
def test_rise(toy, baseline):
    options = {"num_samples": 12, "cells": 3, "keep": 0.3, "seed": 5}
    found = gm.rise(toy.net, toy.x, CLASSES, baseline=GIVEN[baseline], **options, **QUIET)
    masks = masks_of(SIZE, 3, 0.3, 12, 5)
    expected = np.stack(
        [
            naive.rise(score_of(toy, n), one, masks, 0.3, BASELINES[baseline](one))
            for n, one in enumerate(toy.numbers)
        ]
    )
    assert relative_error(found.values, expected) <= TOLERANCE
    terms = np.stack(
        [
            [
                score_of(toy, n)(m * one + (1 - m) * BASELINES[baseline](one)) * m / 0.3
                for m in masks
            ]
            for n, one in enumerate(toy.numbers)
        ]
    )
    error = terms.std(axis=1, ddof=1) / np.sqrt(12)
    assert relative_error(found.details["standard_error"], error) <= 1e-4


def test_masks_of_rise():
    """Each a grid made larger linearly and cut out: so the corners of cells are the grid's own."""
    masks = np.stack(masks_of((20, 32), 4, 0.4, 2000, 0))
    assert masks.shape == (2000, 20, 32)
    assert masks.min() >= 0
    assert masks.max() <= 1
    # 2000 masks, at each position a deviation of at most √.24: .011; and 640 of them are compared
    assert np.abs(masks.mean(axis=0) - 0.4).max() < 0.05
    assert abs(masks.mean() - 0.4) < 0.01
    # cells of 5 × 8 pixels, made larger to 25 × 40: a slope is at most 4/25, and 4/40 along
    assert np.abs(np.diff(masks, axis=1)).max() <= 4 / 25 + 1e-6
    assert np.abs(np.diff(masks, axis=2)).max() <= 4 / 40 + 1e-6
    # 16 cells may come out the same twice
    assert len({one.tobytes() for one in masks}) > 1980
    # shifted: the places where the slope changes are not the same in all masks
    assert (np.abs(np.diff(masks, n=2, axis=2)) > 1e-3).any(axis=(0, 1)).mean() > 0.8


@pytest.mark.parametrize(
    ("positions", "cells"),
    [((20, 32), 4), ((31,), 5), ((8, 17, 9), 3), ((6, 5), 1), ((9,), 0), ((3, 4), 7)],
)
def test_sums_over_masks(positions, cells):
    """What is summed at the grid's own size is the sum of the masks, at all positions."""
    masks, scores = Masks(positions, cells, 0.4), np.random.RandomState(0).normal(size=(40, 2, 3))
    found = masks.sums(2, 3)
    weighted = []
    for mask, score in zip(masks.drawn(40, 1), scores):
        found.add(mask, score)
        weighted.append(np.multiply.outer(score, masks.whole(mask).astype(np.float64)))
    sums, squares = found.totals()
    # a mask is in float32; 40 of them, each off by less than 1.2e-7 of a score below 4
    np.testing.assert_allclose(sums, np.sum(weighted, axis=0), atol=2e-5)
    np.testing.assert_allclose(squares, np.sum(np.square(weighted), axis=0), atol=1e-4)


def linear_net(ctx, weights):
    net = nn.Dense(len(weights), in_units=weights.shape[1])
    net.initialize(ctx=ctx)
    net.weight.set_data(mx.nd.array(weights))
    net.bias.set_data(mx.nd.ones(len(weights)) * 0.5)
    net.cast("float64")
    return net


def test_rise_of_a_linear_net_tends_to_its_weights(ctx):
    rng = np.random.RandomState(0)
    weights, x = rng.normal(size=(2, 9)), np.ones((1, 9))
    net = linear_net(ctx, weights)
    found = gm.rise(
        net, mx.nd.array(x, ctx=ctx, dtype="float64"), 1, num_samples=20000, batch_size=256, **QUIET
    )
    expected = (
        naive.rise_of_linear(weights[1], x[0], np.full(9, 0.5), 0.25 * np.eye(9), 0.5) + 0.5
    )  # the bias: E[b m] / p
    error = found.details["standard_error"][0]
    assert error.max() < 0.03
    # nine values, each within four standard errors: by chance not in one of 2000 cases
    assert (np.abs(found.values[0] - expected) < 4 * error).all()
    # the weights stand in it: R_i = w_i / 2 + what all have in common
    slope, offset = np.polyfit(weights[1], found.values[0], 1)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert offset == pytest.approx(0.5 + weights[1].sum() / 2, abs=0.05)


# -------------------------------------------------------------------------------------------- LIME


@pytest.mark.parametrize(
    ("hide", "width", "ridge"),
    [("zero", 0.25, 1.0), ("mean", 0.25, 0.01), (COLOR, 0.7, 0.0)],
    ids=str,
)
def test_lime(toy, hide, width, ridge):
    # without a ridge, combinations enough for five unknowns
    found = gm.lime(
        toy.net,
        toy.x,
        CLASSES,
        segments=SEGMENTS,
        num_samples=40,
        baseline=hide,
        kernel_width=width,
        ridge=ridge,
        seed=3,
        **QUIET,
    )
    for n, one in enumerate(toy.numbers):
        labels = np.unique(SEGMENTS[n])
        if hide == "mean":
            behind = one.copy()
            for label in labels:
                inside = SEGMENTS[n] == label
                behind[:, inside] = one[:, inside].mean(axis=1, keepdims=True)
        else:
            behind = BASELINES["zero" if hide == "zero" else "color"](one)
        present = np.random.RandomState(3).randint(0, 2, (40, len(labels)))
        present[0] = 1
        scores = [
            score_of(toy, n)(np.where(np.isin(SEGMENTS[n], labels[row == 1]), one, behind))
            for row in present
        ]
        expected = naive.lime(present, np.array(scores), width, ridge)
        values = found.details["segment_values"][n]
        assert relative_error(values[: len(labels)], expected.weights) <= TOLERANCE
        assert np.isnan(values[len(labels) :]).all()
        assert found.details["intercept"][n] == pytest.approx(expected.intercept, rel=1e-5)
        assert found.details["local_fit"][n] == pytest.approx(expected.fit, rel=1e-5)
        assert found.details["local_prediction"][n] == pytest.approx(
            expected.intercept + expected.weights.sum(), rel=1e-5
        )
        for number, label in enumerate(labels):
            np.testing.assert_allclose(
                found.values[n][SEGMENTS[n] == label],
                expected.weights[number],
                rtol=1e-4,
                atol=1e-6,
            )


def test_lime_recovers_a_sparse_linear_model(ctx):
    """The segments that count, in their order, and the weights but for what the ridge takes."""
    weights = np.zeros((1, 3, 6, 10))
    cut = np.arange(6)[:, None] // 2 * 5 + np.arange(10) // 2  # 15 segments
    for label, weight in ((7, 3.0), (2, -2.0), (11, 1.0)):
        weights[:, :, cut == label] = weight / 12  # of 12 values
    net = nn.HybridSequential()
    net.add(nn.Flatten(), linear_net(ctx, weights.reshape(1, -1)))
    x = mx.nd.ones((1, 3, 6, 10), ctx=ctx, dtype="float64")
    found = gm.lime(net, x, segments=cut, baseline="zero", num_samples=600, ridge=1e-3, **QUIET)
    values = found.details["segment_values"][0]
    assert np.argsort(-np.abs(values))[:3].tolist() == [7, 2, 11]
    np.testing.assert_allclose(values[[7, 2, 11]], [3, -2, 1], atol=1e-2)
    assert np.abs(np.delete(values, [7, 2, 11])).max() < 1e-3
    assert found.details["local_fit"][0] > 0.9999
    chosen = gm.lime(
        net, x, segments=cut, baseline="zero", num_samples=600, num_features=2, **QUIET
    )
    assert np.flatnonzero(chosen.details["segment_values"][0]).tolist() == [2, 7]


def test_lime_agrees_with_its_authors(ctx):
    """Their package on the same segments, with combinations of its own."""
    lime_image = pytest.importorskip("lime.lime_image")
    toy = double("pooled", ctx.device_id)
    photo = np.random.RandomState(2).randint(0, 256, (*SIZE, 3)).astype(np.uint8)

    def preprocess(photo):
        return photo.transpose(2, 0, 1)[None].astype(np.float64) / 64 - 2

    predict = gm.predict_fn(toy.net, preprocess)
    cut = np.arange(SIZE[0])[:, None] * 3 // SIZE[0] * 3 + np.arange(SIZE[1]) * 3 // SIZE[1]
    theirs = lime_image.LimeImageExplainer(random_state=0).explain_instance(
        photo,
        predict,
        labels=(2,),
        top_labels=None,
        hide_color=0,
        num_samples=3000,
        segmentation_fn=lambda image: cut,
    )
    ours = gm.lime(
        toy.net,
        preprocess(photo),
        2,
        segments=cut,
        baseline=-2.0,
        num_samples=3000,
        output="probability",
        **QUIET,
    )
    expected = np.array([weight for _, weight in sorted(theirs.local_exp[2])])
    # 3000 combinations each: the weights' own errors are some 3 % of the largest
    assert relative_error(ours.details["segment_values"][0], expected) < 0.1


# -------------------------------------------------------------------------------------- Kernel SHAP


def game(toy, n, cut, behind):
    """The score with some segments there, as a function of which."""
    one, labels = toy.numbers[n], np.unique(cut)

    def value(coalition):
        there = np.isin(cut, labels[np.array(coalition) == 1])
        return score_of(toy, n)(np.where(there, one, behind))

    return value, len(labels)


@pytest.mark.parametrize("baseline", ["zero", "mean", "array"])
def test_kernel_shap_is_exact_for_few_segments(toy, baseline):
    found = gm.kernel_shap(
        toy.net, toy.x, CLASSES, segments=SEGMENTS, baseline=GIVEN[baseline], **QUIET
    )
    for n, one in enumerate(toy.numbers):
        behind = BASELINES[baseline](one)
        value, players = game(toy, n, SEGMENTS[n], behind)
        expected = naive.shapley_by_orders(value, players)
        values = found.details["segment_values"][n]
        assert relative_error(values[:players], expected) <= TOLERANCE
        assert found.details["base_value"][n] == pytest.approx(score_of(toy, n)(behind), rel=1e-6)


def test_kernel_shap_of_a_linear_net(ctx):
    """weight × (x - baseline), Lundberg & Lee 2017, corollary 1; sampled, too."""
    rng = np.random.RandomState(1)
    weights, x, behind = rng.normal(size=(3, 12)), rng.normal(size=(2, 12)), rng.normal(size=12)
    net = linear_net(ctx, weights)
    for samples in (5000, 100):  # 4094 combinations, and some of them
        found = gm.kernel_shap(
            net,
            mx.nd.array(x, ctx=ctx, dtype="float64"),
            [2, 0],
            baseline=behind,
            num_samples=samples,
            **QUIET,
        )
        np.testing.assert_allclose(found.values, weights[[2, 0]] * (x - behind), atol=1e-5)


class Interaction(mx.gluon.HybridBlock):
    """x0 x1 + relu(x1 + x2) - x0 x1 x2, of three inputs."""

    def hybrid_forward(self, F, x):
        a, b, c = (F.slice_axis(x, axis=1, begin=i, end=i + 1) for i in range(3))
        return a * b + F.relu(b + c) - a * b * c


def test_kernel_shap_of_interactions(ctx):
    """Lundberg & Lee 2017, equation 4: the mean of what an input adds, over all orders."""
    x, behind = np.array([1.5, -2.0, 3.0]), np.array([0.5, 1.0, -1.0])

    def value(there):
        a, b, c = np.where(there, x, behind)
        return a * b + max(b + c, 0) - a * b * c

    expected = np.zeros(3)
    for order in itertools.permutations(range(3)):
        there = np.zeros(3, bool)
        for one in order:
            before = value(there)
            there[one] = True
            expected[one] += (value(there) - before) / 6
    found = gm.kernel_shap(Interaction(), mx.nd.array(x[None], ctx=ctx), baseline=behind, **QUIET)
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-5)
    # the score that is explained, less that of the baseline
    assert found.values.sum() == pytest.approx(value([True] * 3) - value([False] * 3), rel=1e-5)


@pytest.mark.parametrize("samples", [24, 60, 301])
def test_kernel_shap_adds_up_however_few_samples(toy, samples):
    cut = np.arange(SIZE[0])[:, None] // 3 * 4 + np.arange(SIZE[1]) // 3  # 12 segments
    found = gm.kernel_shap(toy.net, toy.x, CLASSES, segments=cut, num_samples=samples, **QUIET)
    sums = found.details["segment_values"].sum(axis=1)
    difference = found.score - found.details["base_value"]
    assert np.abs(sums - difference).max() <= 1e-5 * np.abs(difference).max()


def test_sampled_kernel_shap_tends_to_shapley_values(toy):
    """With all pairs and single segments in full, and random combinations of the other sizes."""
    cut = np.arange(SIZE[0])[:, None] // 3 * 3 + np.arange(SIZE[1]) // 4  # 9 segments
    exact = gm.kernel_shap(toy.net, toy.x, CLASSES, segments=cut, num_samples=512, **QUIET)
    errors = []
    for samples in (20, 120, 400):
        found = [
            gm.kernel_shap(
                toy.net, toy.x, CLASSES, segments=cut, num_samples=samples, seed=seed, **QUIET
            ).details["segment_values"]
            for seed in range(4)
        ]
        errors.append(np.sqrt(np.mean((found - exact.details["segment_values"]) ** 2)))
    scale = np.sqrt((exact.details["segment_values"] ** 2).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.1 * scale


@pytest.mark.parametrize(("players", "budget"), [(4, 14), (5, 1000), (9, 300), (20, 500)])
def test_combinations_and_their_weights(players, budget):
    """The Shapley kernel where all of a size are tried; else the same weight for a size in all."""
    rows, weights, _ = superpixels._coalitions(players, budget, 0)
    sizes = rows.sum(axis=1)
    assert len(rows) <= budget
    assert len({row.tobytes() for row in rows}) == len(rows)
    assert sizes.min() >= 1
    assert sizes.max() <= players - 1
    total = sum((players - 1) / (size * (players - size)) for size in range(1, players))
    assert weights.sum() == pytest.approx(total)
    for size in range(1, players):
        chosen = sizes == size
        if chosen.sum() == math.comb(players, size):
            kernel = (players - 1) / (math.comb(players, size) * size * (players - size))
            full = np.allclose(weights[chosen], kernel)
            assert full or budget < 2**players - 2
        # each has its complement, with the same weight
        assert weights[chosen].sum() == pytest.approx(weights[sizes == players - size].sum())
    if budget >= 2**players - 2:
        assert len(rows) == 2**players - 2


@pytest.mark.parametrize("budget", [40, 200])
def test_the_regression_is_the_papers(budget):
    rng = np.random.RandomState(budget)
    tried = superpixels._coalitions(9, budget, 1)
    rows, weights, _ = tried
    scores, empty, full = rng.normal(size=len(rows)), 0.3, -1.7
    np.testing.assert_allclose(
        superpixels._shapley(tried, scores, empty, full)[0],
        naive.kernel_shap_sampled(rows, weights, scores, empty, full),
        rtol=1e-8,
        atol=1e-10,
    )


# ---------------------------------------------------------------------------------- Partition SHAP


def tree(rows, columns, width):
    """Rectangles cut in halves: the longer side, rows if they are equal; leaves are positions."""
    height, length = rows[1] - rows[0], columns[1] - columns[0]
    if height == length == 1:
        return rows[0] * width + columns[0]
    if height >= length:
        middle = rows[0] + height // 2
        return (tree((rows[0], middle), columns, width), tree((middle, rows[1]), columns, width))
    middle = columns[0] + length // 2
    return (tree(rows, (columns[0], middle), width), tree(rows, (middle, columns[1]), width))


class Interacting(mx.gluon.HybridBlock):
    """A small net of interactions on pictures of two channels."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv = nn.Conv2D(4, 2, in_channels=2)
            self.dense = nn.Dense(3, in_units=8)

    def hybrid_forward(self, F, x):
        return self.dense(F.tanh(self.conv(x)))


@pytest.fixture
def interacting(ctx):
    pytest.importorskip("shap")
    mx.random.seed(4)
    net = Interacting()
    net.initialize(mx.init.Normal(1), ctx=ctx)
    net.cast("float64")
    return net, mx.nd.random.normal(shape=(2, 2, 3, 2), ctx=ctx, dtype="float64")


def test_partition_shap_gives_owen_values(interacting):
    net, x = interacting
    behind = np.random.RandomState(3).normal(size=(2, 3, 2))
    found = gm.partition_shap(
        net, x, gm.targets.Several([1, 2]), masker=behind, max_evals=10**4, **QUIET
    )
    for explanation, target in zip(found, (1, 2)):
        for n, one in enumerate(x.asnumpy()):

            def value(there, one=one, target=target):
                mixed = np.where(np.reshape(there, (3, 2)), one, behind)
                given = mx.nd.array(mixed[None], ctx=x.context, dtype="float64")
                return net(given).asnumpy()[0, target]

            expected = naive.owen_of_tree(value, tree((0, 3), (0, 2), 2), 6)
            assert relative_error(explanation.values[n].ravel(), expected) <= TOLERANCE
            assert explanation.details["base_value"][n] == pytest.approx(value([0] * 6), rel=1e-6)


@pytest.mark.parametrize(
    "masker",
    ["zero", "mean", "blur", "blur(2,2)", "inpaint_telea", "inpaint_ns", 0.5, (1.0, 2.0)],
    ids=str,
)
def test_partition_shap_adds_up(interacting, masker):
    net, x = interacting
    for evaluations in (4, 9, 200):
        found = gm.partition_shap(net, x, masker=masker, max_evals=evaluations, **QUIET)
        difference = found.score - found.details["base_value"]
        np.testing.assert_allclose(found.values.sum(axis=(1, 2)), difference, rtol=1e-5, atol=1e-6)
        assert found.signed
        assert found.values.shape == (2, 3, 2)


def test_partition_shap_tries_no_more_than_it_may(interacting, monkeypatch):
    net, x = interacting
    counts = []
    original = chunks.Engine._start

    def counted(self, filled, rows):
        counts.append(len(filled))
        return original(self, filled, rows)

    monkeypatch.setattr(chunks.Engine, "_start", counted)
    gm.partition_shap(net, x[:1], max_evals=12, **QUIET)
    assert 4 <= sum(counts) <= 12


def test_partition_shap_leaves_numpys_random_state(interacting):
    net, x = interacting
    np.random.seed(7)
    expected = np.random.get_state()
    gm.partition_shap(net, x, max_evals=8, **QUIET)
    np.testing.assert_array_equal(np.random.get_state()[1], expected[1])


# ------------------------------------------------------------------------------ several targets


METHODS = {
    "occlusion": {"window": 3},
    "feature_ablation": {"segments": CELLS},
    "rise": {"num_samples": 6},
    "lime": {"segments": CELLS, "num_samples": 9},
    "kernel_shap": {"segments": CELLS},
    "partition_shap": {"max_evals": 8},
    "grad_cam": {},
    "saliency": {},
    "integrated_gradients": {"steps": 2, **QUIET},
}


@pytest.mark.parametrize("name", list(METHODS))
def test_several_targets_of_one_set_of_samples(toy, name):
    method, options = getattr(gm, name), METHODS[name]
    targets = [1, CLASSES, gm.targets.ScoreDifference(2, 4), [0, gm.targets.Probability(3), 2]]
    found = method(toy.net, toy.x, gm.targets.Several(targets), **options)
    assert len(found) == len(targets)
    for one, target in zip(found, targets):
        alone = method(toy.net, toy.x, target, **options)
        assert (one.target, one.layer) == (alone.target, alone.layer)
        np.testing.assert_array_equal(one.score, alone.score)
        if name != "partition_shap":  # what is cut finer depends on all targets
            assert relative_error(one.values, alone.values) <= 1e-6
        assert one.details.keys() == alone.details.keys()


@pytest.mark.parametrize("name", ["feature_ablation", "grad_cam"])
def test_the_top_classes(toy, name):
    found = getattr(gm, name)(toy.net, toy.x, gm.targets.Top(3), **METHODS[name])
    order = np.argsort(-toy.math.whole.forward(toy.numbers), axis=1)
    assert [one.target for one in found] == order.T[:3].tolist()
    again = getattr(gm, name)(toy.net, toy.x, order[:, 1].tolist(), **METHODS[name])
    assert relative_error(found[1].values, again.values) <= 1e-6


def test_several_targets_in_explain_and_of_several_layers(toy):
    found = gm.explain(
        toy.net,
        toy.x,
        ["grad_cam", "occlusion", "saliency"],
        gm.targets.Several([0, 1]),
        [toy.layer, toy.layer],
        options={"occlusion": {"window": 3}},
    )
    assert [len(one) for one in found.values()] == [2, 2, 2]
    assert [one.layer for one in found["grad_cam"][1]] == [toy.layer] * 2
    for name, options in (("saliency", {}), ("occlusion", {"window": 3})):
        alone = getattr(gm, name)(toy.net, toy.x, 1, **options)
        assert relative_error(found[name][1].values, alone.values) <= 1e-6
    alone = gm.grad_cam(toy.net, toy.x, 1, toy.layer)
    assert relative_error(found["grad_cam"][1][0].values, alone.values) <= 1e-6


def test_targets_without_a_derivative(toy):
    """Nothing is differentiated, so a rank goes, too; by gradients it does not."""

    def rank(output):
        scores = output.asnumpy()
        return mx.nd.array(-(scores > scores[:, :1]).sum(axis=1), ctx=output.context)

    found = gm.feature_ablation(toy.net, toy.x, rank, segments=CELLS, **QUIET)
    for n, one in enumerate(toy.numbers):

        def score(given):
            scores = toy.math.whole.forward(given[None])[0]
            return -float((scores > scores[0]).sum())

        np.testing.assert_array_equal(
            found.values[n], naive.feature_ablation(score, one, CELLS, np.zeros_like(one))
        )
    with pytest.raises(gm.errors.TargetError, match="differentiate"):
        gm.saliency(toy.net, toy.x, rank)

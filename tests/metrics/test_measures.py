"""Each measure against a naive float64 reference, on a net whose numbers are written out here"""

from __future__ import annotations

import math

import naive_metrics as naive
import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.baselines import baseline_of
from gradcam_mx.errors import InputError, MethodError, MetricError, TargetError

METRICS = gm.metrics.METRICS
SHAPES = {
    "picture": (2, 3, 7, 6),
    "signal": (2, 3, 11),
    "volume": (2, 2, 3, 4, 5),
}
CLASSES = 4
HIDDEN = 9
TARGET = [2, 1]
METHODS = ("input_x_gradient", "saliency", "occlusion")


class Setting:
    """A net of two Dense layers, the same in float64 numpy, and explanations of some samples."""

    def __init__(self, kind, ctx):
        draw = np.random.RandomState(5)
        shape = SHAPES[kind]
        inputs = int(np.prod(shape[1:]))
        self.weights = [
            draw.normal(0, inputs**-0.5, (HIDDEN, inputs)).astype(np.float32),
            draw.normal(0, 0.5, HIDDEN).astype(np.float32),
            draw.normal(0, 1.5, (CLASSES, HIDDEN)).astype(np.float32),
            draw.normal(0, 0.5, CLASSES).astype(np.float32),
        ]
        self.net = mx.gluon.nn.HybridSequential()
        self.net.add(
            mx.gluon.nn.Flatten(),
            mx.gluon.nn.Dense(HIDDEN, activation="tanh", in_units=inputs),
            mx.gluon.nn.Dense(CLASSES, in_units=HIDDEN),
        )
        self.net.initialize(ctx=ctx)
        for parameter, array in zip(self.net.collect_params().values(), self.weights):
            parameter.set_data(mx.nd.array(array, ctx=ctx))
        self.x = draw.normal(0.4, 1, shape).astype(np.float32)
        self.given = mx.nd.array(self.x, ctx=ctx)
        options = {"occlusion": {"window": 2, "stride": 1, "progress": False}}
        self.explanations = gm.explain(
            self.net, self.given, METHODS, target=TARGET, options=options
        )

    def scores(self, x):
        """(M, K) float64, of (M, …)."""
        first, bias, second, offset = (np.float64(one) for one in self.weights)
        return np.tanh(x.reshape(len(x), -1) @ first.T + bias) @ second.T + offset

    def f(self, sample, probability=False):
        """The score of a sample's target, of a batch in float64."""

        def score(batch):
            found = self.scores(np.float64(batch))
            if probability:
                found = np.exp(found - found.max(axis=1, keepdims=True))
                found /= found.sum(axis=1, keepdims=True)
            return found[:, TARGET[sample]]

        return score

    def gradient(self, sample, x):
        """∂S/∂x in float64, of one sample."""
        first, bias, second, _ = (np.float64(one) for one in self.weights)
        slope = 1 - np.tanh(first @ x.ravel() + bias) ** 2
        return ((second[TARGET[sample]] * slope) @ first).reshape(x.shape)

    def phi(self, method, sample):
        """The method, in float64, as a function of the input; of those that have a formula."""
        if method == "saliency":
            return lambda x: self.gradient(sample, x)
        return lambda x: x * self.gradient(sample, x)

    def relevance(self, method, sample):
        """(*positions) what the explanation says of each position."""
        values = np.float64(self.explanations[method].values[sample])
        if method == "occlusion":
            return values
        return np.abs(values).sum(axis=0) if method == "saliency" else values.sum(axis=0)

    def order(self, method, sample, seed=0):
        relevance = self.relevance(method, sample).ravel()
        chance = np.random.RandomState(seed).permutation(relevance.size)
        return np.array(sorted(range(relevance.size), key=lambda i: (-relevance[i], chance[i])))


@pytest.fixture(params=list(SHAPES))
def setting(request, ctx):
    return Setting(request.param, ctx)


@pytest.fixture
def picture(ctx):
    return Setting("picture", ctx)


def compare(setting, found, expected, rtol=2e-4, atol=2e-5):
    """Of each method and sample; the net is in float32, what it is compared with in float64."""
    for method in METHODS:
        for sample in range(len(setting.x)):
            np.testing.assert_allclose(
                found[method].values[sample],
                expected(method, sample),
                rtol=rtol,
                atol=atol,
                err_msg=f"{method}, sample {sample}",
            )


def call(name, setting, **options):
    if "progress" in METRICS[name].options:
        options["progress"] = False
    return METRICS[name].function(setting.net, setting.given, setting.explanations, **options)


# -- curves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["zero", "mean", 0.7])
@pytest.mark.parametrize("name", ["deletion", "insertion", "srg"])
def test_areas(name, baseline, setting):
    found = call(name, setting, baseline=baseline, steps=5)
    behind = np.float64(baseline_of(setting.x, baseline))

    def expected(method, sample):
        return getattr(naive, name)(
            setting.f(sample),
            np.float64(setting.x[sample]),
            setting.order(method, sample),
            behind[sample],
            5,
        )

    compare(setting, found, lambda *of: expected(*of).value)
    for method in METHODS:
        for sample in range(len(setting.x)):
            curve = found[method].curve[sample]
            np.testing.assert_allclose(curve, expected(method, sample).curve, rtol=2e-4, atol=2e-5)


def test_areas_of_probabilities(picture):
    found = call("deletion", picture, probability=True, steps=7)
    compare(
        picture,
        found,
        lambda method, sample: (
            naive.deletion(
                picture.f(sample, probability=True),
                np.float64(picture.x[sample]),
                picture.order(method, sample),
                np.zeros(picture.x.shape[1:]),
                7,
            ).value
        ),
    )


@pytest.mark.parametrize("steps", [2, 5])
def test_road(steps, picture):
    pytest.importorskip("scipy")
    found = call("road", picture, steps=steps, seed=3)
    noise = np.random.RandomState(3).standard_normal(picture.x.shape[1:])
    scale = 0.01 * np.float64(picture.x).std(axis=(2, 3), keepdims=True)
    compare(
        picture,
        found,
        lambda method, sample: (
            naive.road(
                picture.f(sample),
                np.float64(picture.x[sample]),
                picture.order(method, sample, seed=3),
                steps,
                scale[sample] * noise,
            ).value
        ),
    )


# -- what the map lets through --------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["zero", "blur"])
@pytest.mark.parametrize("name", ["average_drop", "increase", "gain"])
def test_under_the_map(name, baseline, setting):
    found = call(name, setting, baseline=baseline)
    behind = np.float64(baseline_of(setting.x, baseline))
    heats = {method: one.heatmap() for method, one in setting.explanations.items()}
    compare(
        setting,
        found,
        lambda method, sample: getattr(naive, name)(
            setting.f(sample, probability=True),
            np.float64(setting.x[sample]),
            np.float64(heats[method][sample]),
            behind[sample],
        ),
    )


# -- changes at random ----------------------------------------------------------------------------


def boxes(positions, count, seed):
    """As they are drawn: for each axis a side of up to a third, and where it starts."""
    draw = np.random.RandomState(seed)
    for _ in range(count):
        inside = np.zeros(positions, bool)
        place = []
        for size in positions:
            side = draw.randint(1, math.ceil(size / 3) + 1)
            start = draw.randint(size - side + 1)
            place.append(slice(start, start + side))
        inside[tuple(place)] = True
        yield inside


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("perturbation", ["boxes", "noise"])
def test_infidelity(perturbation, normalise, scale, setting):
    found = call(
        "infidelity",
        setting,
        perturbation=perturbation,
        normalise=normalise,
        scale=scale,
        num_samples=12,
        seed=2,
        baseline=0.3,
    )
    x = np.float64(setting.x)
    positions = x.shape[2:]
    if perturbation == "boxes":
        changes = np.stack([(x - np.float32(0.3)) * one for one in boxes(positions, 12, 2)], axis=1)
    else:
        draw = np.random.RandomState(2)
        spread = np.array([one.max() - one.min() for one in x])
        noise = np.stack([draw.standard_normal(x.shape[1:]) for _ in range(12)])
        changes = np.stack([0.2 * one * noise for one in spread])

    def expected(method, sample):
        values = np.float64(setting.explanations[method].values[sample])
        if method == "occlusion":
            values = np.broadcast_to(values, x.shape[1:])
        return naive.infidelity(
            setting.f(sample), x[sample], values, changes[sample], scale, normalise
        )

    compare(setting, found, expected, rtol=1e-3)


def test_faithfulness_correlation(setting):
    found = call("faithfulness_correlation", setting, subset_size=5, num_samples=15, seed=4)
    draw, size = np.random.RandomState(4), int(np.prod(setting.x.shape[2:]))
    subsets = np.stack([draw.choice(size, 5, replace=False) for _ in range(15)])
    compare(
        setting,
        found,
        lambda method, sample: naive.faithfulness_correlation(
            setting.f(sample),
            np.float64(setting.x[sample]),
            setting.relevance(method, sample),
            np.zeros(setting.x.shape[1:]),
            subsets,
        ),
        rtol=1e-3,
        atol=1e-4,
    )


def test_mufidelity(setting):
    axes = setting.x.ndim - 2
    cells = {1: 9, 2: 4, 3: 3}[axes]
    found = call("mufidelity", setting, cells=cells, share=0.3, num_samples=8, seed=4)
    draw, count = np.random.RandomState(4), cells**axes
    subsets = np.stack(
        [draw.choice(count, max(1, round(0.3 * count)), replace=False) for _ in range(8)]
    )
    # the scores of one subset twice are equal, but for the rounding of float32 in another row
    assert len({tuple(sorted(one)) for one in subsets}) == 8
    compare(
        setting,
        found,
        lambda method, sample: naive.mufidelity(
            setting.f(sample),
            np.float64(setting.x[sample]),
            setting.relevance(method, sample),
            np.zeros(setting.x.shape[1:]),
            [cells] * axes,
            subsets,
        ),
    )


def test_monotonicity_correlation(setting):
    found = call("monotonicity_correlation", setting, cells=3, num_samples=4, seed=6)
    x, draw = np.float64(setting.x), np.random.RandomState(6)
    uniform = np.stack([draw.uniform(size=x.shape[1:]) for _ in range(4)])

    def expected(method, sample):
        flat = setting.x[sample].reshape(len(setting.x[sample]), -1)
        low, high = (
            np.float64(one).reshape(-1, *[1] * (x.ndim - 2))
            for one in (flat.min(axis=1), flat.max(axis=1))
        )
        return naive.monotonicity_correlation(
            setting.f(sample),
            x[sample],
            setting.relevance(method, sample),
            [3] * (x.ndim - 2),
            low + (high - low) * uniform,
        )

    compare(setting, found, expected)


# -- robustness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_sensitivity", "local_lipschitz"])
def test_in_a_ball(name, setting):
    explanations = {
        method: one for method, one in setting.explanations.items() if method != "occlusion"
    }
    measure = METRICS[name].function
    found = measure(setting.net, setting.given, explanations, radius=0.1, num_samples=4, seed=1)
    x, draw = np.float64(setting.x), np.random.RandomState(1)
    noise = np.stack([draw.uniform(-1, 1, x.shape[1:]) for _ in range(4)])
    for method in explanations:
        for sample, own in enumerate(x):
            expected = getattr(naive, name)(
                setting.phi(method, sample), own, 0.1 * (own.max() - own.min()) * noise
            )
            np.testing.assert_allclose(found[method].values[sample], expected, rtol=2e-3)


def test_continuity(setting):
    methods = ("input_x_gradient", "saliency")
    explanations = {method: setting.explanations[method] for method in methods}
    found = gm.metrics.continuity(setting.net, setting.given, explanations, pixels=1)
    axes = setting.x.ndim - 2
    shifts = [
        tuple(sign * (a == axis) for a in range(axes)) for axis in range(axes) for sign in (1, -1)
    ]
    for method in methods:
        for sample, own in enumerate(np.float64(setting.x)):
            phi = setting.phi(method, sample)

            def at_positions(x, phi=phi, is_absolute=method == "saliency"):
                values = phi(x)
                return (np.abs(values) if is_absolute else values).sum(axis=0)

            np.testing.assert_allclose(
                found[method].values[sample],
                naive.continuity(at_positions, own, shifts),
                atol=1e-6,  # ranks: no two values are closer than float32 can tell
            )


# -- localisation and description -----------------------------------------------------------------


def masks_for(setting, seed=0):
    draw = np.random.RandomState(seed)
    masks = draw.uniform(size=(len(setting.x), *setting.x.shape[2:])) < 0.3
    masks.reshape(len(masks), -1)[:, 2] = True  # of no sample it is empty
    return masks


@pytest.mark.parametrize("tolerance", [0, 1.5])
def test_pointing_game(tolerance, setting):
    masks = masks_for(setting)
    found = call("pointing_game", setting, masks=masks, tolerance=tolerance)
    compare(
        setting,
        found,
        lambda method, sample: naive.pointing_game(
            setting.relevance(method, sample), masks[sample], tolerance
        ),
    )


def test_other_localisation(setting):
    masks = masks_for(setting)
    relevance, order = setting.relevance, setting.order
    heats = {method: one.heatmap() for method, one in setting.explanations.items()}
    compare(
        setting,
        call("energy", setting, masks=masks),
        lambda method, sample: naive.energy(relevance(method, sample), masks[sample]),
    )
    compare(
        setting,
        call("rank_accuracy", setting, masks=masks),
        lambda method, sample: naive.rank_accuracy(order(method, sample), masks[sample]),
    )
    compare(
        setting,
        call("top_k_intersection", setting, masks=masks, count=7),
        lambda method, sample: naive.top_k_intersection(order(method, sample), masks[sample], 7),
    )
    compare(
        setting,
        call("iou", setting, masks=masks, threshold=0.4),
        lambda method, sample: naive.iou(heats[method][sample], masks[sample], 0.4),
    )


@pytest.mark.parametrize("name", ["sparseness", "complexity"])
def test_descriptions(name, setting):
    compare(
        setting,
        call(name, setting),
        lambda method, sample: getattr(naive, name)(setting.relevance(method, sample)),
        rtol=1e-6,
    )


# -- by hand --------------------------------------------------------------------------------------


def linear(weights, ctx):
    """A net whose only score is Σ w x, of pictures."""
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Flatten(), mx.gluon.nn.Dense(1, use_bias=False, in_units=weights.size))
    net.initialize(ctx=ctx)
    net[1].weight.set_data(mx.nd.array(weights.reshape(1, -1), ctx=ctx))
    return net


def by_map(net, x, values, method="given"):
    """An explanation whose map is given."""
    found = gm.saliency(net, x)
    fields = {**vars(found), "values": np.float32(values), "method": method, "signed": True}
    return type(found)(**fields)


def test_areas_of_the_sum(ctx):
    """S = Σ x of x = 1 falls by the same at each position: a straight line from P to 0."""
    x = mx.nd.ones((1, 1, 6, 10), ctx=ctx)
    net = linear(np.ones(60), ctx)
    found = by_map(net, x, np.random.RandomState(0).rand(1, 6, 10))
    assert gm.metrics.deletion(net, x, found, progress=False).values[0] == pytest.approx(30)
    assert gm.metrics.insertion(net, x, found, progress=False).values[0] == pytest.approx(30)
    assert gm.metrics.srg(net, x, found, progress=False).values[0] == pytest.approx(0, abs=1e-5)


def test_areas_of_a_ramp(ctx):
    """S = Σ w x with w = 59 … 0: in order of w the score left after n is Σ_{i<60-n} i."""
    x = mx.nd.ones((1, 1, 6, 10), ctx=ctx)
    weights = np.arange(60)[::-1].astype(float)
    net = linear(weights, ctx)
    best = by_map(net, x, weights.reshape(1, 6, 10))
    left = [sum(range(60 - count)) for count in range(0, 61, 3)]
    area = sum((a + b) / 2 for a, b in zip(left, left[1:])) / 20
    assert gm.metrics.deletion(net, x, best, progress=False).values[0] == pytest.approx(area)
    come = [sum(weights[:count]) for count in range(0, 61, 3)]
    area = sum((a + b) / 2 for a, b in zip(come, come[1:])) / 20
    assert gm.metrics.insertion(net, x, best, progress=False).values[0] == pytest.approx(area)


def one_pixel(ctx):
    """A net that sees one position alone, with 5 there, and the map that knows."""
    weights = np.zeros((9, 10))
    weights[4, 7] = 2
    draw = np.random.RandomState(1)
    image = draw.uniform(0.5, 1, (1, 1, 9, 10))
    image[0, 0, 4, 7] = 2.5
    x = mx.nd.array(image, ctx=ctx)
    net = linear(weights, ctx)
    return net, x, by_map(net, x, weights[None] * image[:, 0])


def test_every_measure_is_at_its_bound_for_one_relevant_pixel(ctx):
    net, x, knows = one_pixel(ctx)
    metrics = gm.metrics
    quiet = {"progress": False}
    first = 1 / 90  # steps of one position each: gone after the first
    assert metrics.deletion(net, x, knows, steps=90, **quiet).values[0] == pytest.approx(
        5 * first / 2
    )
    assert metrics.insertion(net, x, knows, steps=90, **quiet).values[0] == pytest.approx(
        5 * (1 - first / 2)
    )
    assert metrics.srg(net, x, knows, steps=90, **quiet).values[0] == pytest.approx(5 * (1 - first))
    assert metrics.infidelity(net, x, knows, **quiet).values[0] == pytest.approx(0, abs=1e-9)
    assert metrics.faithfulness_correlation(net, x, knows, subset_size=20, **quiet).values[
        0
    ] == pytest.approx(1)
    assert metrics.mufidelity(net, x, knows, cells=9, **quiet).values[0] == pytest.approx(1)
    assert metrics.monotonicity_correlation(net, x, knows, **quiet).values[0] == pytest.approx(1)
    mask = np.zeros((1, 9, 10), bool)
    mask[0, 4, 7] = True
    assert metrics.pointing_game(net, x, knows, masks=mask, tolerance=0).values[0] == 1
    assert metrics.energy(net, x, knows, masks=mask).values[0] == 1
    assert metrics.rank_accuracy(net, x, knows, masks=mask).values[0] == 1
    assert metrics.iou(net, x, knows, masks=mask).values[0] == 1
    assert metrics.sparseness(net, x, knows).values[0] == pytest.approx(89 / 90)
    assert metrics.complexity(net, x, knows).values[0] == 0


def test_a_map_that_knows_nothing_is_at_chance(ctx):
    """Over many random maps SRG is 0, and the correlations are."""
    net, x, _ = one_pixel(ctx)
    draw = np.random.RandomState(3)
    # of both signs: the subsets are the same for all maps, and not equally large
    maps = [by_map(net, x, draw.normal(size=(1, 9, 10))) for _ in range(60)]
    for name in ("srg", "faithfulness_correlation", "mufidelity", "monotonicity_correlation"):
        options = {"subset_size": 20} if name == "faithfulness_correlation" else {}
        found = METRICS[name].function(net, x, maps, progress=False, **options)
        values = np.array([one.values[0] for one in found])
        assert abs(values.mean()) < 3 * values.std(ddof=1) / np.sqrt(len(values)), name


def test_ties_are_broken_by_chance_and_not_by_place(ctx):
    """A map of equal numbers is a random order: not from the top left."""
    net, x, _ = one_pixel(ctx)
    flat = by_map(net, x, np.ones((1, 9, 10)))
    found = [
        gm.metrics.deletion(net, x, flat, steps=90, seed=seed, progress=False).values[0]
        for seed in range(12)
    ]
    assert np.ptp(found) > 2
    again = gm.metrics.deletion(net, x, flat, steps=90, seed=3, progress=False).values[0]
    assert again == pytest.approx(found[3], rel=1e-6)  # in chunks of another size


# -- several maps, samples, forms -----------------------------------------------------------------


def test_maps_measured_together_are_what_they_are_alone(setting):
    for name, one in METRICS.items():
        if (name == "road" and setting.x.ndim != 4) or one.family == "sanity":  # test_sanity.py
            continue
        options = {"masks": masks_for(setting)} if one.wants.masks else {}
        small = {
            "subset_size": 5,
            "num_samples": 3,
            "cells": 2,
            "pixels": 1,
            "steps": 3,
            "count": 4,
            "layers": 2,
        }
        options.update({key: small[key] for key in one.options if key in small})
        together = call(name, setting, **options)
        for method, alone in setting.explanations.items():
            own = one.function(setting.net, setting.given, alone, **options)
            np.testing.assert_allclose(
                together[method].values, own.values, rtol=1e-4, atol=1e-6, err_msg=name
            )
            assert (own.metric, own.method) == (name, method)


def test_a_list_gives_a_list(picture):
    found = gm.metrics.sparseness(None, None, list(picture.explanations.values()))
    assert [one.method for one in found] == list(METHODS)
    text = repr(found[0])
    assert text.startswith("<sparseness of input_x_gradient: 0.")
    assert "± " in text
    assert text.endswith(", 2 samples>")


def test_a_measure_of_one_sample_has_no_error(picture):
    found = gm.metrics.sparseness(None, None, picture.explanations["saliency"][0])
    assert math.isnan(found.standard_error)
    assert "±" not in repr(found)
    assert found.mean == found.values[0]


def test_boxes_are_masks(picture):
    box = [(1, 2, 4, 5), (0, 0, 6, 7)]
    masks = np.zeros((2, 7, 6), bool)
    masks[0, 2:5, 1:4] = True
    masks[1] = True
    by_box = call("energy", picture, masks=box)
    by_mask = call("energy", picture, masks=masks * 255)
    for method in METHODS:
        np.testing.assert_array_equal(by_box[method].values, by_mask[method].values)
    several = call("energy", picture, masks=[[(1, 2, 4, 5)], [(0, 0, 6, 3), (0, 3, 6, 7)]])
    np.testing.assert_array_equal(several["saliency"].values, by_mask["saliency"].values)


# -- what bad input gets --------------------------------------------------------------------------


def never(*args, **kwargs):
    raise AssertionError("something was computed")


BAD = {
    "more steps than positions": ("deletion", {"steps": 43}, "to 42, as many positions"),
    "no steps": ("srg", {"steps": 0}, "steps is 0"),
    "one step of road": ("road", {"steps": 1}, "expected 2"),
    "subsets too large": ("faithfulness_correlation", {"subset_size": 43}, "subset_size is 43"),
    "more cells than positions": ("mufidelity", {"cells": 7}, "cells is 7"),
    "a share of all": ("mufidelity", {"share": 1.0, "cells": 6}, "share is 1.0"),
    "no such perturbation": ("infidelity", {"perturbation": "squares"}, "'squares'"),
    "inpainting differences": ("infidelity", {"baseline": "inpaint"}, "the same for all"),
    "no ball": ("max_sensitivity", {"radius": 0}, "radius is 0"),
    "no draws": ("local_lipschitz", {"num_samples": 0}, "num_samples is 0"),
    "a shift over the border": ("continuity", {"pixels": 4}, "pixels is 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_options_that_do_not_fit_are_refused_before_anything_is_computed(
    case, picture, monkeypatch
):
    name, options, said = BAD[case]
    monkeypatch.setattr(gm.metrics.Case, "scores", never)
    monkeypatch.setattr(gm.metrics.Case, "again", never)
    with pytest.raises(MetricError, match=said):
        METRICS[name].function(picture.net, picture.given, picture.explanations, **options)


def test_bad_baselines(picture):
    with pytest.raises(MethodError, match="no baseline 'grey'"):
        call("deletion", picture, baseline="grey")
    with pytest.raises(InputError, match="the baseline has shape"):
        call("deletion", picture, baseline=np.zeros((5, 5)))


def test_linear_imputation_is_for_pictures(ctx):
    setting = Setting("signal", ctx)
    with pytest.raises(MetricError, match="for pictures"):
        call("road", setting)


def test_masks_that_do_not_fit(picture):
    empty = masks_for(picture)
    empty[1] = False
    for masks, said in [
        (None, "needs masks"),
        (empty, "mask of sample 1 is empty"),
        (np.ones((2, 7, 7)), r"expected \(2, 7, 6\)"),
        (np.full((2, 7, 6), 0.5), "something else than 0 and 1"),
        ([(0, 0, 7, 2), (0, 0, 1, 1)], "does not lie on the input"),
        ([(0, 0, 3, 2)], r"expected \(2, 7, 6\)"),
        ([(3, 0, 3, 2), (0, 0, 1, 1)], "does not lie on the input"),
    ]:
        with pytest.raises(InputError, match=said):
            call("energy", picture, masks=masks)


def test_explanations_of_something_else_are_refused(picture):
    other = Setting("picture", mx.cpu())
    shuffled = other.explanations["saliency"][::-1]
    with pytest.raises(InputError, match="pass the net, x, target and output"):
        gm.metrics.srg(picture.net, picture.given, shuffled, target=TARGET, progress=False)
    with pytest.raises(InputError, match="the explanation by saliency is of scores"):
        gm.metrics.srg(
            picture.net, picture.given + 1, picture.explanations["saliency"], progress=False
        )
    with pytest.raises(InputError, match="measure those of one target together"):
        gm.metrics.sparseness(
            None,
            None,
            [gm.saliency(picture.net, picture.given, one) for one in ([0, 0], [1, 1])],
        )
    with pytest.raises(InputError, match="needs the net and the input"):
        gm.metrics.srg(None, None, picture.explanations["saliency"])
    with pytest.raises(MetricError, match="no explanation was given"):
        gm.metrics.sparseness(None, None, [])


def test_targets_that_are_no_class(picture):
    classes = [0, 3]
    direction = np.eye(CLASSES, dtype=np.float32)[classes]
    own = gm.saliency(picture.net, picture.given, direction)
    with pytest.raises(TargetError, match="pass the target that they explain once more"):
        gm.metrics.srg(picture.net, picture.given, own, progress=False)
    found = gm.metrics.srg(picture.net, picture.given, own, direction, progress=False)
    expected = gm.metrics.srg(
        picture.net, picture.given, gm.saliency(picture.net, picture.given, classes), progress=False
    )
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
    with pytest.raises(TargetError, match="no probability"):
        gm.metrics.average_drop(picture.net, picture.given, own, direction)


def test_nan_in_a_map(picture):
    values = picture.explanations["saliency"].values.copy()
    values[0, 0, 0, 0] = np.nan
    fields = {**vars(picture.explanations["saliency"]), "values": values}
    broken = type(picture.explanations["saliency"])(**fields)
    with pytest.raises(InputError, match="holds NaN"):
        gm.metrics.sparseness(None, None, broken)


def test_a_map_of_zeros(picture):
    zeros = by_map(picture.net, picture.given, np.zeros((2, 7, 6)))
    assert np.isnan(gm.metrics.sparseness(None, None, zeros).values).all()
    assert np.isnan(gm.metrics.energy(None, None, zeros, masks=masks_for(picture)).values).all()
    correlation = gm.metrics.mufidelity(picture.net, picture.given, zeros, TARGET, cells=3)
    assert (correlation.values == 0).all()


def test_a_name_is_given_once():
    with gm.metrics.metrics_kept():

        @gm.metrics.metric(family="description", paper="us", cost="none", better="neither")
        def largest(case):
            """Largest: the highest value of the map."""
            return case.relevance.reshape(*case.relevance.shape[:2], -1).max(axis=-1)

        assert METRICS["largest"].title == "Largest"
        with pytest.raises(MetricError, match="there is a metric 'largest' already"):
            gm.metrics.metric(family="description", paper="us", cost="none", better="neither")(
                METRICS["largest"].formula
            )
    assert "largest" not in METRICS
    with pytest.raises(MetricError, match="expected one of faithfulness"):
        gm.metrics.metric(family="beauty", paper="us", cost="none", better="higher")

"""What has to hold whatever the net: conservation, batches, exceptions, nets of free Python."""

from __future__ import annotations

import functools
import inspect
from collections import Counter

import numpy as np
import pytest
from naive import CLASSES, MAPS, SIZE, cam, double, points_and_weights
from networks import Branching, copy_parameters, initialised, sequential
from test_formulas import relative_error
from test_untouched import Hooked, assert_same, make_net, state_of, train_step

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import steps
from gradcam_mx.engine.tape import Tape
from gradcam_mx.errors import MethodError, NetworkError, RuleError
from gradcam_mx.graph import piece

nn = mx.gluon.nn
QUIET = {"progress": False}
# The nets are cast to float64 where there is a choice of computing in parts: what is left are the
# roundings of the float32 values. Sums of a hundred of them keep six digits.
CLOSE = 1e-6


def background(size=SIZE):
    return np.random.RandomState(0).randn(4, 3, *size).astype(np.float32)


FEW = {
    "smooth_grad": {"num_samples": 5, "seed": 1},
    "integrated_gradients": {"steps": 5},
    "expected_gradients": {
        "background": background(),
        "num_samples": 5,
        "local_smoothing": 0.1,
        "seed": 1,
    },
    "deep_shap": {"background": background()},
    "occlusion": {"window": 4, "stride": 3},
    "feature_ablation": {"segments": "grid", "num_segments": 6},
    "rise": {"num_samples": 9, "seed": 1},
    "lime": {"segments": "grid", "num_segments": 6, "num_samples": 20, "seed": 1},
    "kernel_shap": {"segments": "grid", "num_segments": 6, "num_samples": 20},
    "partition_shap": {"max_evals": 20},
}
"""What methods need here, or are quicker with."""

OPTIONS = {
    name: {**(QUIET if "progress" in one.options else {}), **FEW.get(name, {})}
    for name, one in gm.METHODS.items()
}
PERTURBING = [name for name, one in gm.METHODS.items() if one.needs.perturbs]
IN_PARTS = [name for name, one in gm.METHODS.items() if "batch_size" in one.options]


def takes(name, argument):
    return argument in inspect.signature(getattr(gm, name)).parameters


def test_options_are_those_of_methods():
    assert set(FEW) <= set(OPTIONS)


def values_of(name, net, x, target=None, **options):
    return getattr(gm, name)(net, x, target, **{**OPTIONS[name], **options}).values


def total(values):
    return values.astype(float).reshape(len(values), -1).sum(axis=1)


@pytest.fixture(params=["pooled", "residual", "flat"])
def toy(request, ctx):
    return double(request.param, ctx.device_id)


@pytest.fixture(params=["pooled", "residual"])
def gap_toy(request, ctx):
    return double(request.param, ctx.device_id)


# ------------------------------------------------------------------------------------ conservation


@functools.lru_cache(maxsize=None)
def trained(name):
    photo = pytest.importorskip("skimage.data").chelsea()
    net = getattr(gm.zoo, name)()
    return net, mx.nd.array(net.preprocess(photo))


# What is missing at 50 points, as measured; Gauss-Legendre quadrature of finite differences of the
# score, in float64 and without the package, misses as much. EfficientNet's score grows from -0.2 to
# 8.6 of its 9.2 between 0.02 and 0.1 of the way, where six of the points lie.
GAPS = {"efficientnet_lite0": 0.07, "squeezenet1_1": 0.0015}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "missing"), GAPS.items(), ids=list(GAPS))
def test_integrated_gradients_of_a_trained_net_are_nearly_complete(name, missing):
    """Sundararajan et al. 2017, proposition 1."""
    net, x = trained(name)
    found = gm.integrated_gradients(net, x, steps=50, batch_size=4, **QUIET)
    score = net(x).asnumpy()[0, found.target]
    bare = net(mx.nd.zeros_like(x)).asnumpy()[0, found.target]
    gap = score - bare - total(found.values)
    np.testing.assert_allclose(found.details["score_difference"], score - bare, rtol=1e-4)
    np.testing.assert_allclose(
        found.details["completeness_gap"], gap, atol=1e-4 * np.abs(score).max()
    )
    assert np.abs(gap) <= missing * np.abs(score - bare)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(GAPS))
def test_integrated_gradients_of_a_trained_net_are_its_slopes(name):
    """Σ values = Σ_k w_k dS/dt at b + t_k (x - b), here by finite differences in float64."""
    photo = pytest.importorskip("skimage.data").chelsea()
    net = getattr(gm.zoo, name)()
    size = 96 if name == "efficientnet_lite0" else None  # the other ends in a fixed window
    x = mx.nd.array(net.preprocess.adapted(size=size)(photo))
    target = gm.saliency(net, x).target[0]
    net.cast("float64")
    x = x.astype("float64")

    def score(t):
        return net(x * t)[0, target].asscalar()

    found = gm.integrated_gradients(net, x, target, steps=6, **QUIET)
    expected = sum(
        weight * (score(t + 1e-7) - score(t - 1e-7)) / 2e-7
        for t, weight in zip(*points_and_weights("gauss-legendre", 6))
    )
    np.testing.assert_allclose(total(found.values), expected, rtol=1e-3)


@pytest.mark.slow
def test_integrated_gradients_are_complete_where_the_rest_is_linear():
    """At the layer that is averaged for the Dense layer, any number of points is enough."""
    net, x = trained("efficientnet_lite0")
    layer = gm.cam(net, x).layer
    found = gm.integrated_gradients(net, x, None, layer, steps=1, **QUIET)
    assert np.abs(found.details["completeness_gap"]) <= 1e-5 * found.details["score_difference"]


@pytest.mark.parametrize("at_layer", [False, True], ids=["input", "layer"])
def test_integrated_gradients_become_complete(toy, at_layer):
    layer = toy.layer if at_layer else None
    gaps = [
        np.abs(
            gm.integrated_gradients(toy.net, toy.x, CLASSES, layer, steps=steps, **QUIET).details[
                "completeness_gap"
            ]
        ).max()
        for steps in (5, 640)
    ]
    score = gm.saliency(toy.net, toy.x, CLASSES).score
    assert gaps[1] <= 1e-3 * np.abs(score).max()
    # behind these layers the net is linear, and one step is enough
    assert gaps[1] < gaps[0] / 10 or (at_layer and toy.layer != "body")


def test_grad_cam_is_cam_by_the_number_of_positions(gap_toy):
    """Selvaraju et al. 2017, section 3.1."""
    of_weights = gm.cam(gap_toy.net, gap_toy.x, CLASSES, relu=False).values
    found = gm.grad_cam(gap_toy.net, gap_toy.x, CLASSES, gap_toy.pooled, relu=False).values
    assert relative_error(found, of_weights / of_weights[0].size) <= CLOSE


@pytest.mark.slow
def test_grad_cam_is_cam_of_a_trained_net():
    net, x = trained("efficientnet_lite0")
    of_weights = gm.cam(net, x, relu=False)
    found = gm.grad_cam(net, x, layer=of_weights.layer, relu=False).values
    assert relative_error(found, of_weights.values / of_weights.values[0].size) <= 1e-4


def test_squeezenet_has_no_cam():
    """Its classes are the channels of a convolution, which a pool follows: no Dense."""
    net, x = trained("squeezenet1_1")
    with pytest.raises(NetworkError):
        gm.cam(net, x)


def linear_tail(ctx, *tail):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, in_channels=3), nn.Activation("relu"), *tail, nn.Dense(5, use_bias=False)
    )
    mx.random.seed(1)
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = mx.nd.random.normal(shape=(3, 3, *SIZE), ctx=ctx)
    net(x)
    net.cast("float64")
    x = x.astype("float64")
    return net, x, net(x).asnumpy()[range(3), CLASSES]


def test_hires_cam_sums_to_the_score(ctx):
    """Draelos & Carin 2020, section 3.4; not grad_cam, where positions have different weights."""
    net, x, score = linear_tail(ctx, nn.Flatten())
    for name in ("hires_cam", "xgrad_cam"):  # the latter: Σ w_c A_c = Σ g A in each channel
        found = total(values_of(name, net, x, CLASSES, layer="1", relu=False))
        np.testing.assert_allclose(found, score, rtol=1e-5)
    assert (
        relative_error(total(values_of("grad_cam", net, x, CLASSES, layer="1", relu=False)), score)
        > 0.1
    )


def test_behind_a_mean_many_maps_sum_to_the_score(ctx):
    net, x, score = linear_tail(ctx, nn.GlobalAvgPool2D())
    for name in ("hires_cam", "xgrad_cam", "grad_cam", "input_x_gradient"):
        options = {} if name == "input_x_gradient" else {"relu": False}
        found = total(values_of(name, net, x, CLASSES, layer="1", **options))
        np.testing.assert_allclose(found, score, rtol=1e-5)


def test_xgrad_cam_conserves_what_the_gradient_says(toy):
    """Fu et al. 2020, the axiom of conservation: Σ of the map = Σ g A."""
    found = total(values_of("xgrad_cam", toy.net, toy.x, CLASSES, layer=toy.layer, relu=False))
    expected = gm.input_x_gradient(toy.net, toy.x, CLASSES, toy.layer).values
    assert np.abs(found - total(expected)).max() <= CLOSE * np.abs(expected).sum()


def test_xgrad_cam_is_sensitive(ctx):
    """Fu et al. 2020, the axiom of sensitivity, in a linear tail: w_c Σ A_c is the drop of the
    score without channel c, which is what ablation_cam weighs by."""
    net, x, score = linear_tail(ctx, nn.Flatten())
    a = net[1](net[0](x)).asnumpy()
    maps = {
        name: values_of(name, net, x, CLASSES, layer="1", relu=False)
        for name in ("xgrad_cam", "ablation_cam")
    }
    drops = np.zeros((3, 4))
    for c in range(4):
        without = a.copy()
        without[:, c] = 0
        tail = net[3](net[2](mx.nd.array(without, ctx=ctx, dtype="float64"))).asnumpy()
        drops[:, c] = score - tail[range(3), CLASSES]
    assert (
        relative_error(maps["xgrad_cam"], np.einsum("nc,nchw->nhw", drops / a.sum(axis=(2, 3)), a))
        <= CLOSE
    )
    assert (
        relative_error(
            maps["ablation_cam"], np.einsum("nc,nchw->nhw", drops / np.abs(score)[:, None], a)
        )
        <= CLOSE
    )


# ------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("name", "at_layer"),
    [
        (name, at_layer)
        for name in IN_PARTS
        for at_layer in (False, True)
        if takes(name, "layer") or not at_layer
    ],
)
def test_how_many_run_at_once_changes_nothing(toy, name, at_layer):
    layer = {"layer": toy.layer} if at_layer else {}
    expected = values_of(name, toy.net, toy.x, CLASSES, **layer)
    for size in (1, 3, 16, 64):
        found = values_of(name, toy.net, toy.x, CLASSES, batch_size=size, **layer)
        assert relative_error(found, expected) <= CLOSE


def test_the_details_do_not_depend_on_how_many_run_at_once(toy):
    for name in ("integrated_gradients", "expected_gradients"):
        found = [
            getattr(gm, name)(toy.net, toy.x, CLASSES, batch_size=size, **OPTIONS[name])
            for size in (1, 16)
        ]
        assert found[0].details.keys() == found[1].details.keys() != set()
        for key, value in found[0].details.items():
            if isinstance(value, np.ndarray):
                np.testing.assert_allclose(value, found[1].details[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        # a random map goes by the sample's number in its batch; tests/methods/test_controls.py
        *((name, {}) for name in OPTIONS if name != "random_map"),
        *((name, {"augment_smooth": True, "eigen_smooth": True}) for name in ["cam", *MAPS]),
    ],
    ids=str,
)
def test_a_batch_gives_what_its_samples_give(gap_toy, name, options):
    batch = getattr(gm, name)(gap_toy.net, gap_toy.x, CLASSES, **{**OPTIONS[name], **options})
    for n, one in enumerate(CLASSES):
        single = getattr(gm, name)(
            gap_toy.net, gap_toy.x[n : n + 1], one, **{**OPTIONS[name], **options}
        )
        assert relative_error(batch.values[n : n + 1], single.values) <= CLOSE
        for key, value in single.details.items():
            of_batch = batch.details[key]
            for column in numbers_in(value):
                np.testing.assert_allclose(
                    (of_batch[column] if column else of_batch)[n : n + 1],
                    value[column] if column else value,
                    rtol=1e-4,
                    atol=1e-5,
                )


def numbers_in(detail):
    """The columns of a detail that are numbers: of a plain array itself, ""."""
    if not isinstance(detail, np.ndarray):
        return []
    names = detail.dtype.names
    return [""] if names is None else [one for one in names if detail.dtype[one].kind == "f"]


@pytest.mark.parametrize("name", MAPS)
def test_nets_in_float64_are_computed_in_float64(toy, name):
    """Not only the net, but the formula too: 1e-7 is float32 of the result."""
    expected = cam(name, toy.math, toy.numbers, relu=False)
    found = values_of(name, toy.net, toy.x, CLASSES, layer=toy.layer, relu=False)
    assert relative_error(found, expected) <= 5e-7


# -------------------------------------------------------------------------------------- exceptions

PLACES = {
    "a compiled piece": (piece.Piece, "__call__"),
    "the backward pass": (steps.Recorded, "vjp"),
}
FORWARD_ONLY = [name for name, one in gm.METHODS.items() if "backward" not in one.cost]


class Pooled(mx.gluon.HybridBlock):
    """What CAM needs."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1, in_channels=3)
            self.fixed = nn.BatchNorm(in_channels=4, scale=False)
            self.pool = nn.GlobalAvgPool2D()
            self.classify = nn.Dense(3, in_units=4)

    def hybrid_forward(self, F, x):
        return self.classify(self.pool(F.relu(self.fixed(self.stem(x)))))


def trained_a_step(name, ctx):
    """A net with gradients, hooks and a gamma that MXNet would write over; its input."""
    if name == "cam":
        net = Pooled()
        net.initialize(ctx=ctx)
        for parameter in net.collect_params().values():
            if parameter.grad_req != "null":
                parameter.grad_req = "add"
    else:
        net = make_net(ctx, "add")
    x = mx.nd.array(np.random.RandomState(0).randn(2, 3, 9, 7), ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    net.fixed.gamma.set_data(mx.nd.full(4, 2))
    return net, x


class Failing:
    """A function that raises when it is called for the k-th time; without k it only counts."""

    def __init__(self, patch, place, k=None):
        owner, name = PLACES[place]
        original, self.calls, self.k = getattr(owner, name), 0, k
        patch.setattr(owner, name, lambda *args, **options: self(original, *args, **options))

    def __call__(self, original, *args, **options):
        self.calls += 1
        if self.calls == self.k:
            raise ZeroDivisionError("injected")
        return original(*args, **options)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, place)
        for name in OPTIONS
        for place in PLACES
        if place != "the backward pass" or name not in FORWARD_ONLY
    ],
)
def test_nothing_changes_when_something_raises_in_the_middle(ctx, name, place, monkeypatch):
    net, x = trained_a_step(name, ctx)
    options = dict(OPTIONS[name])
    if name in IN_PARTS:
        options["batch_size"] = 2
    if "background" in OPTIONS[name]:
        options["background"] = background((9, 7))
    hooked = Hooked(net)
    before = state_of(net, x)
    expected = getattr(gm, name)(net, x, **options).values
    assert_same(state_of(net, x), before)
    with monkeypatch.context() as patch:
        counter = Failing(patch, place)
        getattr(gm, name)(net, x, **options)
    assert counter.calls > (name in IN_PARTS)
    mx.random.seed(5)
    drawn = mx.nd.random.normal(shape=4, ctx=ctx).asnumpy()
    for k in {(counter.calls + 1) // 2, counter.calls}:
        mx.random.seed(5)
        with monkeypatch.context() as patch:
            Failing(patch, place, k)
            with pytest.raises(ZeroDivisionError, match="injected"):
                getattr(gm, name)(net, x, **options)
        assert_same(state_of(net, x), before)
        assert hooked.calls == []
        np.testing.assert_array_equal(mx.nd.random.normal(shape=4, ctx=ctx).asnumpy(), drawn)
        np.testing.assert_array_equal(getattr(gm, name)(net, x, **options).values, expected)


# ------------------------------------------------------------------------------------- free Python


def layers(kind):
    return [
        kind.Conv2D(4, 3, padding=1, in_channels=3),
        kind.Activation("relu"),
        kind.MaxPool2D(2),
        kind.Conv2D(6, 3, padding=1, in_channels=4),
        kind.Activation("relu"),
        kind.GlobalAvgPool2D(),
        kind.Dense(5, in_units=6),
    ]


def needs_graph(name):
    """Whether a rule of the method goes through whole graphs."""
    one = gm.METHODS[name]
    options = {**one.options, **OPTIONS[name]}
    return any(rule.needs_graph for rule in one.needs.with_options(options).rules)


def acts_on_operators(name, twin):
    """Whether a rule of the method acts on anything but activations, which need no graph."""
    others = [one for one in gm.trace(twin).nodes if not (one.is_variable or one.activation)]
    rules = gm.METHODS[name].needs.rules
    return any(rule.backward_at(node) for rule in rules for node in others)


@pytest.mark.parametrize("layer", [None, "1", "0"])
@pytest.mark.parametrize("name", list(OPTIONS))
def test_a_net_that_cannot_be_traced_gives_the_same(ctx, name, layer):
    x = np.random.RandomState(1).randn(3, 3, *SIZE).astype(np.float32)
    twin = initialised(sequential(lambda: layers(nn)), ctx, x)
    net = initialised(Branching(lambda: layers(gm.nn)), ctx, x)
    copy_parameters(twin, net)
    x = mx.nd.array(x, ctx=ctx)
    options = {"layer": layer} if takes(name, "layer") else {}
    if takes(name, "relu"):  # the default layer is the convolution, of both signs
        options["relu"] = False
    if gm.METHODS[name].needs.pooled:
        with pytest.raises(NetworkError, match=r"trace"):
            values_of(name, net, x, CLASSES)
        return
    if needs_graph(name):
        with pytest.raises(RuleError, match="goes through a graph"):
            values_of(name, net, x, CLASSES)
        return
    if acts_on_operators(name, twin):
        with pytest.raises(RuleError, match="it can act on activation layers alone"):
            values_of(name, net, x, CLASSES)
        return
    found = getattr(gm, name)(net, x, CLASSES, **OPTIONS[name], **options)
    expected = getattr(gm, name)(twin, x, CLASSES, **OPTIONS[name], **options)
    assert np.abs(expected.values).max() > 0
    assert relative_error(found.values, expected.values) <= 1e-5
    assert found.layer == expected.layer
    assert found.details.keys() == expected.details.keys()
    for key, value in expected.details.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(found.details[key], value, rtol=1e-3, atol=1e-5)


# ----------------------------------------------------------------------------------------- explain


def test_explain_gives_what_the_methods_give(gap_toy):
    options = {name: given for name, given in OPTIONS.items() if given}
    options["xgrad_cam"] = {"relu": False}
    together = gm.explain(gap_toy.net, gap_toy.x, list(OPTIONS), CLASSES, options=options)
    assert list(together) == list(OPTIONS)
    for name, found in together.items():
        single = getattr(gm, name)(gap_toy.net, gap_toy.x, CLASSES, **options.get(name, {}))
        assert relative_error(found.values, single.values) <= CLOSE, name
        assert found.layer == single.layer
        assert found.options == single.options or "background" in found.options  # an array
        assert found.details.keys() == single.details.keys()


def test_explain_computes_in_common(gap_toy, monkeypatch):
    """One run of the net and one backward pass serve all that is made of A and g."""
    names = [
        "grad_cam",
        "grad_cam_pp",
        "xgrad_cam",
        "hires_cam",
        "layer_cam",
        "eigen_grad_cam",
        "saliency",
        "input_x_gradient",
    ]
    calls: Counter = Counter()
    own = Tape.backward
    for some in (["grad_cam"], names):
        with monkeypatch.context() as patch:

            def counted(*given, some=tuple(some), **options):
                calls[len(some)] += 1
                return own(*given, **options)

            patch.setattr(Tape, "backward", counted)
            gm.explain(gap_toy.net, gap_toy.x, some, CLASSES)
    assert calls[1] == calls[len(names)] == 1


def test_explain_refuses_options_of_nobody(gap_toy):
    for options in ({"smoth_grad": {}}, {"grad_cam": {"rel": True}}):
        with pytest.raises((MethodError, TypeError)):
            gm.explain(gap_toy.net, gap_toy.x, ["grad_cam"], CLASSES, options=options)

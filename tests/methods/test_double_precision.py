"""Scores are kept in the precision of the net until their differences are taken.

The nets are 10⁶ plus a sum over the input, whose scores in single precision are 0.06 apart.
"""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

OFFSET = 1e6
X = np.random.RandomState(0).rand(2, 3, 4, 4)
QUARTERS = np.repeat(np.repeat(np.arange(4).reshape(2, 2), 2, 0), 2, 1)
SUMS = X.sum(axis=(1, 2, 3))
OF_QUARTERS = np.stack([X[..., one == QUARTERS].sum(axis=(1, 2)) for one in range(4)], axis=1)
QUIET = {"progress": False}


class Bare(mx.gluon.HybridBlock):
    """No parameters: it computes in the precision of its input."""

    def hybrid_forward(self, F, x):
        return F.sum(x, axis=(1, 2, 3)) + OFFSET


class Convolved(mx.gluon.HybridBlock):
    """Behind a convolution that hands on each channel."""

    def __init__(self, into=None):
        super().__init__()
        self.into = into
        with self.name_scope():
            self.same = mx.gluon.nn.Conv2D(3, 1, use_bias=False, in_channels=3)

    def hybrid_forward(self, F, x):
        maps = self.same(x)
        return F.sum(maps if self.into is None else F.cast(maps, self.into), (1, 2, 3)) + OFFSET


class Free(mx.gluon.Block):
    """It cannot be traced."""

    def __init__(self, same):
        super().__init__()
        self.same = same

    def forward(self, x):
        assert x.sum().asscalar() < 1e9
        return (self.same(x) if self.same else x).sum(axis=(1, 2, 3)) + OFFSET


def identity(net):
    net.initialize()
    net.same.weight.set_data(mx.nd.array(np.eye(3)[..., None, None]))
    return net


def in_double(net):
    net.cast("float64")
    return net


def free():
    same = gm.nn.Conv2D(3, 1, use_bias=False, in_channels=3)
    return in_double(identity(Free(same)))


def tuple_of_a_symbol():
    return mx.sym.sum(mx.sym.var("data"), axis=(1, 2, 3)) + OFFSET, {}, {}


NETS = {
    "no parameters": (Bare, "float64"),
    "no parameters, a symbol": (tuple_of_a_symbol, "float64"),
    "float64": (lambda: in_double(identity(Convolved())), "float64"),
    "float32 that is cast": (lambda: identity(Convolved("float64")), "float32"),
    "cannot be traced": (free, "float64"),
}
TARGETS = {
    "none": None,
    "a function": lambda y: y.reshape((len(y), -1))[:, 0],
    "regression": gm.targets.Regression(),
}


@pytest.fixture(params=NETS)
def case(request):
    make, dtype = NETS[request.param]
    # numbers that float32 holds too
    return make(), X.astype(np.float32).astype(dtype)


def close(found, expected):
    # float32 is what the values are told in
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-7)


def drops(values):
    return values[:, QUARTERS]


@pytest.mark.parametrize("target", TARGETS)
def test_differences_of_large_scores(case, target):
    net, x = case
    given = {"target": TARGETS[target], **QUIET}
    shares = OF_QUARTERS.astype(np.float32)
    close(gm.feature_ablation(net, x, segments=QUARTERS, **given).values, drops(shares))
    close(gm.occlusion(net, x, window=2, stride=2, **given).values, drops(shares))
    shapley = gm.kernel_shap(net, x, segments=QUARTERS, **given)
    close(shapley.values, drops(shares))
    lime = gm.lime(net, x, segments=QUARTERS, baseline="zero", ridge=0.0, num_samples=40, **given)
    close(lime.values, drops(shares))
    # the sum of all shares is the score less that of nothing: the score is no float32 either
    total = found_total(shapley)
    assert shapley.score.dtype == np.float64
    np.testing.assert_allclose(shapley.score - shapley.details["base_value"], total, rtol=1e-6)


def found_total(shapley):
    return shapley.details["segment_values"].sum(axis=1)


def test_partition_shap_of_large_scores():
    net, x = Bare(), X
    found = gm.partition_shap(net, x, masker="zero", max_evals=400, **QUIET)
    close(found.values, X.sum(axis=1))


def test_paths_are_complete(case):
    net, x = case
    for found in (
        gm.integrated_gradients(net, x, steps=2, **QUIET),
        gm.expected_gradients(net, x, background=x[:1] * 0, num_samples=2, **QUIET),
    ):
        np.testing.assert_allclose(found.details["score_difference"], SUMS, atol=1e-5)
        np.testing.assert_allclose(found.details["completeness_gap"], 0, atol=1e-8)


@pytest.mark.parametrize("name", ["float64", "float32 that is cast", "cannot be traced"])
def test_ablation_cam_of_a_large_score(name):
    make, dtype = NETS[name]
    net, x = make(), X.astype(np.float32)
    found = gm.ablation_cam(net, x.astype(dtype), layer="same", relu=False, **QUIET)
    maps = x.astype(np.float64)
    of_channels = maps.sum(axis=(2, 3))
    weights = of_channels / (OFFSET + of_channels.sum(axis=1, keepdims=True))
    expected = (weights[..., None, None] * maps).sum(axis=1)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["float64", "float32 that is cast", "cannot be traced"])
def test_score_cam_of_large_scores(name):
    make, dtype = NETS[name]
    net, x = make(), X.astype(np.float32)
    found = gm.score_cam(net, x.astype(dtype), layer="same", relu=False, **QUIET)
    maps = x.astype(np.float64)
    low, high = (f(maps, axis=(2, 3), keepdims=True) for f in (np.min, np.max))
    masks = (maps - low) / (high - low)
    scores = np.stack([(maps * masks[:, [one]]).sum(axis=(1, 2, 3)) for one in range(3)], axis=1)
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = (weights[..., None, None] * maps).sum(axis=1)
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)


def test_a_net_without_parameters_that_takes_a_tuple():
    a, b = mx.sym.var("a"), mx.sym.var("b")
    symbol = mx.sym.sum(a * b, axis=(1, 2, 3)) + OFFSET
    x = (X, X[..., ::-1].copy())
    found = gm.integrated_gradients((symbol, {}, {}), x, input="a", steps=2, **QUIET)
    np.testing.assert_allclose(
        found.details["score_difference"], (x[0] * x[1]).sum(axis=(1, 2, 3)), rtol=1e-9
    )


def test_differences_of_float32_scores_are_taken_in_float64():
    """1000.1 - 0.1 in float32 loses what float64 keeps of the same two float32 numbers."""
    net = mx.gluon.nn.Dense(1, in_units=2, use_bias=True)
    net.initialize()
    net.weight.set_data(mx.nd.array([[1e3, 0.1]]))
    net.bias.set_data(mx.nd.array([0.7]))
    x = np.array([[1.0, 1.0]], np.float32)
    whole, rest = (net(mx.nd.array(one)).asnumpy()[0, 0] for one in (x, x * [[0, 1]]))
    found = gm.feature_ablation(net, x, segments=np.array([0, 1]), **QUIET)
    exact = np.float64(whole) - np.float64(rest)
    assert found.details["segment_values"][0, 0] == exact != np.float64(whole - rest)
    assert found.score.dtype == np.float32


@pytest.mark.parametrize("method", ["feature_ablation", "kernel_shap", "lime"])
@pytest.mark.parametrize("cut", [np.zeros((4, 4), int), None], ids=["given", "one of a grid"])
def test_one_segment_is_all_of_the_input(method, cut):
    net = in_double(identity(Convolved()))
    options = {"segments": "grid", "num_segments": 1} if cut is None else {"segments": cut}
    if method == "lime":
        options.update(ridge=0.0, baseline=0.0, num_samples=8)
    found = getattr(gm, method)(net, X, **options, **QUIET)
    np.testing.assert_allclose(found.details["segment_values"], SUMS[:, None], rtol=1e-7)
    close(found.values, np.broadcast_to(SUMS[:, None, None], (2, 4, 4)))


def test_one_sample_may_have_one_segment_and_another_four():
    net = in_double(identity(Convolved()))
    cut = np.stack([np.full((4, 4), 7), QUARTERS])
    for method in (gm.feature_ablation, gm.kernel_shap):
        found = method(net, X, segments=cut, **QUIET)
        close(found.values[0], np.full((4, 4), SUMS[0]))
        close(found.values[1], OF_QUARTERS[1][QUARTERS])
        np.testing.assert_array_equal(np.isnan(found.details["segment_values"][0]), [0, 1, 1, 1])


def test_the_net_itself_is_asked_in_the_same_precision():
    graph = gm.trace(tuple_of_a_symbol()).in_double()
    assert (graph.parameters.dtype, graph.own.dtype, graph.own.coarsest) == ("float64",) * 3

"""What Monte Carlo methods say of their own error, against how far other seeds take them apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.methods.moments import Moments

nn = mx.gluon.nn
pytestmark = pytest.mark.slow

REPETITIONS = 200
FEATURES = 8
QUIET = {"progress": False}


def curved(ctx, features=FEATURES):
    """A net in which the values interact, so that no line fits it."""
    draw = np.random.RandomState(0)
    net = nn.HybridSequential()
    net.add(nn.Dense(16, in_units=features, activation="tanh"), nn.Dense(2, in_units=16))
    net.initialize(ctx=ctx)
    for parameter in net.collect_params().values():
        parameter.set_data(mx.nd.array(draw.normal(0, 0.6, parameter.shape), ctx=ctx))
    x = np.random.RandomState(1).normal(0.5, 1, (2, features)).astype(np.float32)
    return net, mx.nd.array(x, ctx=ctx)


@pytest.mark.filterwarnings("ignore:the attributions of sample")
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("smooth_grad", {"num_samples": 50, "noise": 0.3}),
        ("smooth_grad", {"num_samples": 120, "noise": 0.3, "mode": "square"}),
        ("smooth_grad", {"num_samples": 120, "noise": 0.3, "mode": "variance"}),
        ("lime", {"num_samples": 100, "baseline": "zero"}),
        ("lime", {"num_samples": 100, "baseline": "zero", "ridge": 0.0, "kernel_width": 0.5}),
        ("kernel_shap", {"num_samples": 70}),
        ("expected_gradients", {"num_samples": 50, "background": True}),
        ("rise", {"num_samples": 100}),
    ],
    ids=str,
)
def test_the_spread_over_repetitions_is_what_is_said(method, options):
    net, x = curved(mx.cpu())
    if "background" in options:
        options = {**options, "background": x.asnumpy()[::-1] * 0.5}
    values, errors = [], []
    for seed in range(REPETITIONS):
        found = getattr(gm, method)(net, x, 1, seed=seed, batch_size=120, **options, **QUIET)
        values.append(found.values.astype(float))
        errors.append(found.details["standard_error"].astype(float))
    values, errors = np.array(values), np.array(errors)
    assert errors.shape == values.shape
    spread = values.std(axis=0, ddof=1)
    said = np.sqrt((errors**2).mean(axis=0))
    # over 200 repetitions a deviation is told within 5 %
    assert 0.85 <= np.sqrt((said**2).mean() / (spread**2).mean()) <= 1.15
    assert (np.abs(said / spread - 1) < 0.25).all()
    covers = np.abs(values - values.mean(axis=0)) < stats.norm.ppf(0.975) * errors
    assert 0.9 <= covers.mean() <= 0.99


def test_smooth_grad_says_the_error_of_its_mode(ctx):
    """Against the draws themselves, each a call of its own."""
    net, x = curved(ctx)
    count, seed = 12, 3
    draw = np.random.RandomState(seed)
    ranges = np.ptp(x.asnumpy(), axis=1, keepdims=True)
    points = [
        x.asnumpy() + 0.2 * ranges * draw.standard_normal((1, FEATURES)).astype(np.float32)
        for _ in range(count)
    ]
    gradients = np.array(
        [gm.saliency(net, mx.nd.array(one, ctx=ctx), 1).values for one in points], np.float64
    )
    centred = gradients - gradients.mean(axis=0)
    second, fourth = ((centred**power).mean(axis=0) for power in (2, 4))
    expected = {
        "mean": gradients.std(axis=0, ddof=1) / np.sqrt(count),
        "square": (gradients**2).std(axis=0, ddof=1) / np.sqrt(count),
        "variance": np.sqrt((fourth - (count - 3) / (count - 1) * second**2) / count),
    }
    values = {
        "mean": gradients.mean(axis=0),
        "square": (gradients**2).mean(axis=0),
        "variance": second,
    }
    for mode, error in expected.items():
        found = gm.smooth_grad(
            net, x, 1, num_samples=count, noise=0.2, mode=mode, seed=seed, **QUIET
        )
        np.testing.assert_allclose(found.values, values[mode], rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(found.details["standard_error"], error, rtol=2e-3, atol=1e-7)


def test_higher_moments_of_a_stream():
    draw = np.random.RandomState(0)
    arrays = draw.gamma(1.5, size=(9, 4, 3)) + 100
    moments = Moments((4, 3), to_the_fourth=True)
    for count, one in enumerate(arrays, start=1):
        moments.add(one)
        seen = arrays[:count] - arrays[:count].mean(axis=0)
        np.testing.assert_allclose(moments.variance, (seen**2).mean(axis=0), atol=1e-12)
        if count > 1:
            inner = (seen**4).mean(axis=0) - (count - 3) / (count - 1) * (seen**2).mean(axis=0) ** 2
            np.testing.assert_allclose(
                moments.variance_error, np.sqrt(np.maximum(inner, 0) / count), rtol=1e-6, atol=1e-9
            )
    one = Moments((2,), to_the_fourth=True)
    one.add(np.ones(2))
    assert np.isnan(one.standard_error).all()
    assert np.isnan(one.variance_error).all()


def test_one_draw_has_no_error(ctx):
    net, x = curved(ctx)
    for mode in ("mean", "square", "variance"):
        found = gm.smooth_grad(net, x, 1, num_samples=1, mode=mode, **QUIET)
        assert np.isnan(found.details["standard_error"]).all()


def naive_lime(present, scores, weights, ridge):
    """The coefficients, and their HC2 errors, row by row; the first row is no draw."""
    count, segments = present.shape
    design = np.hstack([np.ones((count, 1)), present])
    normal = np.zeros((segments + 1, segments + 1))
    right = np.zeros(segments + 1)
    for z, w, y in zip(design, weights, scores):
        normal += w * np.outer(z, z)
        right += w * z * y
    for number in range(1, segments + 1):
        normal[number, number] += ridge
    inverse = np.linalg.inv(normal)
    fitted = inverse @ right
    terms = []
    for z, w, y in zip(design[1:], weights[1:], scores[1:]):
        leverage = w * z @ inverse @ z
        terms.append(w * z * (y - z @ fitted) / np.sqrt(1 - leverage))
    covariance = inverse @ np.cov(np.array(terms).T) @ inverse * len(terms)
    return fitted[1:], np.sqrt(covariance.diagonal()[1:])


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_lime_against_the_formula(ctx, ridge):
    net, x = curved(ctx, 5)
    found = gm.lime(
        net, x, 1, num_samples=40, baseline="zero", ridge=ridge, kernel_width=0.4, seed=2, **QUIET
    )
    present = np.random.RandomState(2).randint(0, 2, (40, 5))
    present[0] = 1
    distance = 1 - np.sqrt(present.mean(axis=1))
    weights = np.exp(-((distance / 0.4) ** 2) / 2)
    for sample, one in enumerate(x.asnumpy()):
        scores = net(mx.nd.array(present * one, ctx=ctx)).asnumpy()[:, 1].astype(float)
        values, errors = naive_lime(present, scores, weights, ridge)
        np.testing.assert_allclose(found.values[sample], values, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(found.details["standard_error"][sample], errors, rtol=1e-3)


def test_lime_tells_no_error_where_there_is_none_to_tell(ctx):
    net, x = curved(ctx)
    found = gm.lime(net, x, 1, num_samples=FEATURES + 2, baseline="zero", **QUIET)
    assert np.isnan(found.details["standard_error"]).all()
    found = gm.lime(net, x, 1, num_samples=100, num_features=3, baseline="zero", **QUIET)
    is_left_out = np.isnan(found.details["standard_error"])
    assert (is_left_out.sum(axis=1) == FEATURES - 3).all()
    assert (found.values[is_left_out] == 0).all()


def test_kernel_shap_that_tries_all_has_no_error(ctx):
    net, x = curved(ctx)
    found = gm.kernel_shap(net, x, 1, num_samples=300, **QUIET)
    assert (found.details["standard_error"] == 0).all()
    # all of the sizes 1, 2, 6 and 7, and five pairs, which are too few for eight values
    found = gm.kernel_shap(net, x, 1, num_samples=82, **QUIET)
    assert np.isnan(found.details["standard_error"]).all()


def test_errors_are_spread_over_segments(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(3, 3, in_channels=2, activation="relu"), nn.GlobalAvgPool2D(), nn.Dense(2))
    net.initialize(mx.init.Xavier(), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).normal(size=(2, 2, 8, 8)), ctx=ctx)
    options = {"segments": "grid", "num_segments": 9, "num_samples": 80, **QUIET}
    for method in (gm.lime, gm.kernel_shap):
        found = method(net, x, 1, **options)
        error, segments = found.details["standard_error"], found.details["segments"]
        assert error.dtype == np.float32
        assert error.shape == found.values.shape
        for sample in range(2):
            for one in range(9):
                assert np.ptp(error[sample][segments[sample] == one]) == 0
        assert (error > 0).all()
        assert found[1].details["standard_error"].shape == (1, 8, 8)

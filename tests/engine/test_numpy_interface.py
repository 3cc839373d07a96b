"""Nets of MXNet's numpy interface that cannot be traced, through their drop-in layers."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import nn
from gradcam_mx._mxnet import mx

X = np.random.RandomState(0).randn(2, 2, 8, 8).astype(np.float32)


@pytest.fixture
def numpy_interface():
    mx.npx.set_np()
    yield
    mx.npx.reset_np()


class Residual(nn.Block):
    """As in textbooks: a Block that calls functions of `npx`; or, legacy, the same of `nd`."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2D(channels, 3, padding=1)
        self.norm = nn.BatchNorm()
        self.act = nn.Activation("relu")

    def forward(self, x):
        assert np.isfinite(x.asnumpy()).all()  # which no symbol can tell
        return self.act(self.norm(self.conv(x)) + x)


class Counted(nn.Block):
    """Operators of `mx.np` between the layers."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential()
        self.body.add(nn.Conv2D(4, 3, padding=1, activation="relu"), Residual(4), nn.MaxPool2D(2))
        self.side = nn.Dense(4, flatten=False)
        self.out = nn.Dense(3)

    def forward(self, x):
        maps = self.body(x)
        if mx.util.is_np_array():
            pooled = mx.np.tanh(mx.np.mean(maps, axis=(2, 3)))
        else:
            pooled = mx.nd.tanh(mx.nd.mean(maps, axis=(2, 3)))
        return self.out(pooled + self.side(pooled))


class Several(nn.Block):
    """Two outputs, and a float of the first taken on the way."""

    def __init__(self):
        super().__init__()
        self.conv, self.act, self.out = nn.Conv2D(4, 3), nn.PReLU(), nn.Dense(3)

    def forward(self, x):
        maps = self.act(self.conv(x))
        score = self.out(maps)
        float(score.asnumpy().sum())
        return {"score": score, "maps": maps}


NETS = {
    "residual": lambda: _sequence(
        nn.Conv2D(4, 3, padding=1), Residual(4), nn.GlobalAvgPool2D(), nn.Dense(3)
    ),
    "counted": Counted,
    "several": Several,
}


def _sequence(*layers):
    net = nn.Sequential()
    net.add(*layers)
    return net


def made(name, ctx):
    """A net, its input, and its parameters as numpy has them."""
    net = NETS[name]()
    net.initialize(ctx=ctx)
    array = mx.np.array if mx.util.is_np_array() else mx.nd.array
    net(array(X, ctx=ctx))
    random = np.random.RandomState(1)
    for key, one in sorted(net._collect_params_with_prefix().items()):
        low = 0.5 if key.endswith(("var", "gamma")) else -0.6
        one.set_data(array(random.uniform(low, 0.7, one.shape), ctx=ctx))
    return net, array(X, ctx=ctx)


def by_hand(net, x):
    """The gradient of class 1 at the input, by one's own autograd code."""
    x = x.copy()
    x.attach_grad()
    with mx.autograd.record(train_mode=False):
        found = net(x)
        score = (found["score"] if isinstance(found, dict) else found)[:, 1].sum()
    score.backward()
    return x.grad.asnumpy()


METHODS = [
    ("saliency", {}),
    ("input_x_gradient", {}),
    ("guided_backprop", {}),
    ("deconvnet", {}),
    ("guided_grad_cam", {}),
    ("smooth_grad", {"num_samples": 3, "seed": 0}),
    ("integrated_gradients", {"steps": 4}),
    ("grad_cam", {}),
    ("grad_cam_plus_plus", {}),
    ("layer_cam", {}),
    ("score_cam", {}),
    ("ablation_cam", {}),
    ("occlusion", {"window": 4}),
    ("rise", {"num_samples": 6, "cells": 3}),
    ("kernel_shap", {"segments": "grid", "num_segments": 4, "num_samples": 20, "seed": 0}),
]


@pytest.mark.parametrize("name", sorted(NETS))
def test_every_family_explains_it_as_it_does_the_legacy_twin(name, ctx):
    methods = [(getattr(gm, one), options) for one, options in METHODS if hasattr(gm, one)]
    assert len(methods) > 12
    net, x = made(name, ctx)
    expected = [method(net, x, 1, **options).values for method, options in methods]
    mx.npx.set_np()
    try:
        net, x = made(name, ctx)
        for (method, options), values in zip(methods, expected):
            found = method(net, x, 1, **options).values
            np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-6 * abs(values).max())
        again = gm.saliency(net, X, 1).values  # numpy's own array
        np.testing.assert_allclose(again, gm.saliency(net, x, 1).values, rtol=1e-6)
    finally:
        mx.npx.reset_np()


@pytest.mark.parametrize("name", sorted(NETS))
def test_gradients_are_those_of_own_autograd_code(name, ctx, numpy_interface):
    net, x = made(name, ctx)
    expected = X * by_hand(net, x)
    found = gm.input_x_gradient(net, x, 1)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    output = net(x)
    output = output["score"] if isinstance(output, dict) else output
    np.testing.assert_allclose(found.score, output[:, 1].asnumpy(), rtol=1e-5)
    for rule, method in (("guided", gm.guided_backprop), ("deconvnet", gm.deconvnet)):
        with nn.guided_mode(rule):
            expected = by_hand(net, x)
        np.testing.assert_allclose(method(net, x, 1).values, expected, rtol=1e-4, atol=1e-6)


def test_target_functions_get_arrays_of_the_interface(ctx, numpy_interface):
    net, x = made("counted", ctx)
    seen = []

    def target(output):
        seen.append(type(output))
        return mx.np.square(output[:, 1]) * 2

    found = gm.saliency(net, x, target)
    assert set(seen) == {mx.np.ndarray}
    twin = gm.saliency(net, x, 1).values * 4 * abs(net(x)[:, 1].asnumpy())[:, None, None, None]
    np.testing.assert_allclose(abs(found.values), abs(twin), rtol=1e-4, atol=1e-7)


@mx.util.use_np
class Decorated(nn.Block):
    """The numpy interface within the class alone."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2D(4, 3, activation="relu"), nn.Dense(3)

    def forward(self, x):
        maps = self.conv(x)
        assert np.isfinite(maps.asnumpy()).all()
        return self.out(mx.np.maximum(maps, maps * 0.1))


def test_a_net_that_is_decorated(ctx):
    net = Decorated()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = mx.np.array(X, ctx=ctx)
    expected = X * by_hand(net, x)
    found = gm.input_x_gradient(net, x, 1).values
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert gm.integrated_gradients(net, x, 1, steps=3).values.shape == X.shape
    assert gm.occlusion(net, x, 1, window=4).values.shape == (2, 8, 8)


def test_an_output_without_axes_of_a_sample(ctx, numpy_interface):
    """Of numpy's shapes: a scalar a sample, and parts of size zero on the way."""

    class Scalar(nn.Block):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(4, 3, activation="relu")

        def forward(self, x):
            maps = self.conv(x)
            assert mx.np.sum(maps).shape == ()
            none = maps[:, :0]
            return mx.np.sum(mx.np.concatenate([maps, none], axis=1), axis=(1, 2, 3))

    net = Scalar()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = mx.np.array(X, ctx=ctx)
    net(x)
    x.attach_grad()
    with mx.autograd.record():
        score = net(x).sum()
    score.backward()
    found = gm.input_x_gradient(net, x)
    np.testing.assert_allclose(found.values, X * x.grad.asnumpy(), rtol=1e-4, atol=1e-6)
    assert gm.grad_cam(net, x).values.shape == (2, 6, 6)

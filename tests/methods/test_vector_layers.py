"""Attributions to layers that are vectors: what goes in and out of Dense layers."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, LayerError

QUIET = {"progress": False}
RNG = np.random.RandomState(0)


class Free(mx.gluon.Block):
    """It cannot be traced."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        assert x.sum().asscalar() < 1e9
        return self.layers(x)


def made(kind, nn=mx.gluon.nn):
    """A net in float64, its input, and the path of its vector."""
    body = {
        "picture": [nn.Conv2D(4, 3, activation="relu", in_channels=3), nn.Flatten()],
        "signal": [nn.Conv1D(4, 3, activation="relu", in_channels=3), nn.Flatten()],
        "vector": [nn.Dense(8, activation="relu")],
    }[kind]
    shape = {"picture": (2, 3, 5, 5), "signal": (2, 3, 7), "vector": (2, 5)}[kind]
    net = nn.HybridSequential()
    net.add(*body, nn.Dense(6, activation="tanh"), nn.Dense(3))
    net.initialize(mx.init.Normal(0.5))
    net(mx.nd.ones(shape))
    net.cast("float64")
    return net, RNG.normal(size=shape), str(len(body))


def behind(net, at):
    """(a function from the vector to the score of class 1, and its gradient), by hand."""
    last = net[int(at) + 1]
    weight, bias = (one.data().asnumpy() for one in (last.weight, last.bias))
    return (lambda h: h @ weight[1] + bias[1]), weight[1]


def vector(net, at, x):
    for block in list(net._children.values())[: int(at) + 1]:
        x = block(x if isinstance(x, mx.nd.NDArray) else mx.nd.array(x, dtype="float64"))
    return x.asnumpy()


@pytest.fixture(params=["picture", "signal", "vector"])
def case(request):
    return made(request.param)


def test_input_x_gradient_of_a_vector(case):
    net, x, at = case
    _, gradient = behind(net, at)
    found = gm.input_x_gradient(net, x, 1, layer=at)
    np.testing.assert_allclose(found.values, vector(net, at, x) * gradient, rtol=1e-6)
    assert found.layer == at


def test_paths_of_a_vector(case):
    """The rest is linear: each value's share is its change times its weight."""
    net, x, at = case
    score, gradient = behind(net, at)
    here, there = vector(net, at, x), vector(net, at, x * 0)
    found = gm.integrated_gradients(net, x, 1, layer=at, steps=2, **QUIET)
    np.testing.assert_allclose(found.values, (here - there) * gradient, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.details["score_difference"], score(here) - score(there))
    others = np.concatenate([x * 0, x[:1]])
    drawn = gm.expected_gradients(
        net, x, 1, layer=at, background=others, num_samples=40, seed=3, **QUIET
    )
    chosen = np.random.RandomState(3).randint(3, size=40)
    mean = np.stack([vector(net, at, one[None])[0] for one in others])[chosen].mean(axis=0)
    np.testing.assert_allclose(drawn.values, (here - mean) * gradient, rtol=1e-6, atol=1e-9)


def test_a_curved_rest_against_a_fine_sum(case):
    """At the vector before the tanh: the integral by 20 000 midpoints in numpy."""
    net, x, at = case
    before = str(int(at) - 1)
    first, last = net[int(at)], net[int(at) + 1]
    w, b = (one.data().asnumpy() for one in (first.weight, first.bias))
    v = last.weight.data().asnumpy()[1]
    here, there = vector(net, before, x), vector(net, before, x * 0)
    points = (np.arange(20000) + 0.5) / 20000
    total = np.zeros_like(here)
    for point in points:
        z = np.tanh((there + point * (here - there)) @ w.T + b)
        total += ((1 - z**2) * v) @ w
    found = gm.integrated_gradients(net, x, 1, layer=before, steps=60, **QUIET)
    np.testing.assert_allclose(found.values, (here - there) * total / 20000, rtol=1e-4, atol=1e-6)


def test_a_vector_of_a_net_that_cannot_be_traced():
    layers, x, at = made("picture", gm.nn)
    net = Free(layers)
    expected = gm.integrated_gradients(layers, x, 1, layer=at, steps=3, **QUIET)
    found = gm.integrated_gradients(net, x, 1, layer=layers[int(at)], steps=3, **QUIET)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)


def test_a_vector_is_no_picture(case, tmp_path):
    net, x, at = case
    found = gm.input_x_gradient(net, x, 1, layer=at)
    assert not found.is_map  # of a signal, a vector has the shape of a map
    for shown in (found.heatmap, found.plot, found.pictures, found.threshold):
        with pytest.raises(InputError, match=r"use \.values"):
            shown()
    found.save(tmp_path / "found.npz")
    assert gm.Explanation.load(tmp_path / "found.npz") == found


@pytest.mark.parametrize("name", [name for name, one in gm.METHODS.items() if one.needs.layer])
def test_maps_of_a_vector_are_refused_plainly(case, name):
    net, x, at = case
    with pytest.raises(LayerError, match=rf"'{at}' gives \(2, 6\), .*no positions.*input_x_"):
        getattr(gm, name)(net, x, 1, layer=at)


def test_the_gradient_at_a_vector_is_proved(case):
    net, x, at = case
    report = gm.check(net, x, 1, layer=at)
    proved = {finding.what: finding.holds for finding in report.findings}
    assert proved["the gradient at the layer is the derivative"] is True

"""Plain gradients of many inputs: compiled as one operator they are those of the segments."""

import gc
import weakref

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import many

nn = mx.gluon.nn


class Residual(mx.gluon.HybridBlock):
    """A sum, a product and parts side by side."""

    def __init__(self, channels=16, parts=None):
        super().__init__()
        self.parts = parts
        with self.name_scope():
            self.conv = nn.Conv2D(channels, 3, padding=1)
            self.norm = nn.BatchNorm()
            self.other = nn.Conv2D(parts or channels, 1)

    def hybrid_forward(self, F, x):
        x = F.relu(self.norm(self.conv(x)))
        other = self.other(x)
        if self.parts:
            return F.concat(other, x, dim=1)
        return F.relu(x + other) * F.sigmoid(other)


class Attention(mx.gluon.HybridBlock):
    """A residual Dense net: a sum of what is given and of a layer of it."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.key, self.value = nn.Dense(8, flatten=False), nn.Dense(8, flatten=False)

    def hybrid_forward(self, F, x):
        x = F.transpose(F.reshape(x, shape=(0, 0, -1)), axes=(0, 2, 1))
        weights = F.softmax(F.batch_dot(self.key(x), self.key(x), transpose_b=True))
        return F.mean(self.value(x) + F.batch_dot(weights, self.value(x)), axis=1)


def sequential(*blocks):
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


WHOLE = {
    "plain": lambda: sequential(
        nn.Conv2D(8, 3), nn.Activation("relu"), nn.MaxPool2D(), nn.Dropout(0.5), nn.Dense(3)
    ),
    "residual": lambda: sequential(Residual(), nn.GlobalAvgPool2D(), nn.Dense(3)),
    "aligned parts": lambda: sequential(Residual(parts=16), nn.GlobalAvgPool2D(), nn.Dense(3)),
    "attention": Attention,
    "swish": lambda: sequential(
        nn.Conv2D(8, 3), nn.Swish(), nn.SELU(), nn.AvgPool2D(), nn.Dense(3)
    ),
}
SEGMENTS = {
    "parts": lambda: sequential(Residual(8, parts=8), nn.GlobalAvgPool2D(), nn.Dense(3)),
    "normalised": lambda: sequential(
        nn.Conv2D(8, 3), nn.HybridLambda(lambda F, x: F.LRN(x, nsize=3)), nn.Dense(3)
    ),
}


def made(build):
    mx.random.seed(3)
    net = build()
    net.initialize(mx.init.Normal(0.4))
    return net


X = np.random.RandomState(0).normal(size=(2, 3, 9, 9)).astype(np.float32)


@pytest.fixture
def ran(monkeypatch):
    """Which way chunks went."""
    ways = []
    segments, whole = many._in_segments, many._Whole.__call__
    monkeypatch.setattr(many, "_in_segments", lambda *given: ways.append("s") or segments(*given))
    monkeypatch.setattr(many._Whole, "__call__", lambda *given: ways.append("w") or whole(*given))
    return ways


def one_by_one(net, x, points):
    """Integrated gradients by a saliency at each point."""
    points, weights = np.polynomial.legendre.leggauss(points)
    each = [
        gm.input_x_gradient(net, (x * (point + 1) / 2).astype(np.float32), target=1).values
        / (x * (point + 1) / 2)
        for point in points
    ]
    return x * sum(weight / 2 * one for weight, one in zip(weights, each))


@pytest.mark.parametrize("batch_size", [1, 5, 8, "auto"])
@pytest.mark.parametrize("name", {**WHOLE, **SEGMENTS})
def test_the_same_as_one_by_one(name, batch_size, ran):
    net = made({**WHOLE, **SEGMENTS}[name])
    found = gm.integrated_gradients(net, X, target=1, steps=7, batch_size=batch_size)
    expected = one_by_one(net, X, 7)
    scale = abs(expected).max()
    np.testing.assert_allclose(found.values, expected, atol=1e-4 * scale, rtol=1e-3)
    assert ("w" in ran) == (name in WHOLE)
    # once to see that the two ways agree
    assert name not in WHOLE or (ran[:2] == ["w", "s"] and set(ran[2:]) == {"w"})


@pytest.mark.parametrize("name", WHOLE)
def test_methods_are_the_same_in_segments(name, monkeypatch, ctx):
    net = made(WHOLE[name])
    net.collect_params().reset_ctx(ctx)
    whole = _all(net)
    monkeypatch.setattr(many, "_whole", lambda *given: None)
    for method, values in _all(net).items():
        scale = abs(values).max()
        np.testing.assert_allclose(whole[method], values, atol=1e-5 * scale, rtol=1e-3)


def _all(net):
    options = {"num_samples": 6, "progress": False}
    return {
        "smooth_grad": gm.smooth_grad(net, X, 1, **options).values,
        "square": gm.smooth_grad(net, X, 1, mode="square", **options).values,
        "variance": gm.smooth_grad(net, X, 1, mode="variance", **options).values,
        "expected": gm.expected_gradients(net, X, 1, background=X[::-1] * 0.3, **options).values,
        "integrated": gm.integrated_gradients(net, X, 1, steps=6, progress=False).values,
    }


def test_at_a_layer_with_another_input_beside():
    class Two(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.first, self.second = nn.Conv2D(4, 3), nn.Conv2D(4, 3)

        def hybrid_forward(self, F, x, y):
            return F.mean(F.relu(self.first(x)) * self.second(y), axis=(2, 3))

    net = made(Two)
    found = gm.integrated_gradients(
        net, (X, X[::-1].copy()), 1, layer="first", steps=3, batch_size=4
    )
    assert abs(found.details["completeness_gap"]).max() < 1e-5


def test_a_whole_that_is_wrong_is_not_used(monkeypatch):
    net, whole = made(WHOLE["residual"]), many._Whole.__call__
    expected = one_by_one(net, X, 4)

    def wrong(*given):
        gradients, scores, check = whole(*given)
        return gradients * 1.01, scores, check

    monkeypatch.setattr(many._Whole, "__call__", wrong)
    found = gm.integrated_gradients(net, X, target=1, steps=4).values
    np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max(), rtol=1e-3)


def test_what_ran_is_let_go_at_once(monkeypatch):
    alive, make = [], many._Whole.__init__

    def watched(self, *given):
        make(self, *given)
        alive.append(weakref.ref(self))

    monkeypatch.setattr(many._Whole, "__init__", watched)
    net = made(WHOLE["plain"])
    gm.smooth_grad(net, X, 1, num_samples=5)
    gc.collect()
    gc.disable()
    try:
        gm.smooth_grad(net, X, 1, num_samples=5)
        assert [one() for one in alive] == [None] * len(alive)
    finally:
        gc.enable()


def test_a_size_that_was_found_is_kept():
    net, graph = made(WHOLE["plain"]), None
    for _ in range(8):
        gm.smooth_grad(net, X, 1, num_samples=400, progress=False)
        graph = gm.trace(net)
    sizes = [
        size for kind in graph._caches.values() if isinstance(kind, dict) for size in kind.values()
    ]
    assert [size.is_settled for size in sizes] == [True]

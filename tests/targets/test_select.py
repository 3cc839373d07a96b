"""Outputs whose axis 0 is not that of the samples: time first, digits and frames folded into it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from networks import made

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError
from gradcam_mx.targets import Select

nn = mx.gluon.nn
N = 2


class TimeFirst(mx.gluon.HybridBlock):
    """A reader of text: (T, N, K), as CTC wants it."""

    shape = (N, 1, 6, 8)
    target = Select("t n k", t=5, k=3)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, padding=1, activation="relu")
        self.lstm = mx.gluon.rnn.LSTM(6)
        self.out = nn.Dense(5, flatten=False)

    def hybrid_forward(self, F, x):
        steps = F.transpose(F.mean(self.conv(x), axis=2), (2, 0, 1))
        return self.out(self.lstm(steps))

    @staticmethod
    def scalars(y):
        return y[5, :, 3]


class AsManyStepsAsSamples(TimeFirst):
    """Two time steps of two samples: no shape tells them apart."""

    shape = (N, 1, 6, 2)
    target = Select(axis_0=1, axis_2=3)

    @staticmethod
    def scalars(y):
        return y[1, :, 3]


class Digits(mx.gluon.HybridBlock):
    """Four digits, one after the other on axis 0: (4 N, K)."""

    shape = (N, 1, 6, 6)
    target = Select("(digit n) k", digit=2, k=[3, 1])

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, padding=1, activation="relu")
        self.digits = nn.HybridSequential()
        for _ in range(4):
            self.digits.add(nn.Dense(5))

    def hybrid_forward(self, F, x):
        features = self.conv(x)
        return F.concat(*[digit(features) for digit in self.digits], dim=0)

    @staticmethod
    def scalars(y):
        return mx.nd.pick(y[2 * len(y) // 4 : 3 * len(y) // 4], mx.nd.array([3, 1], ctx=y.ctx))


class Places(Digits):
    """The same, all digits of a sample side by side: (4 N, K)."""

    target = Select("(n digit) k", digit=-1, k=2)

    def hybrid_forward(self, F, x):
        features = self.conv(x)
        side_by_side = F.stack(*[digit(features) for digit in self.digits], axis=1)
        return F.reshape(side_by_side, shape=(-3, 0))

    @staticmethod
    def scalars(y):
        return y[3::4, 2]


class ClassesFirst(mx.gluon.HybridBlock):
    """(K, N): the scores of a class after those of another."""

    shape = (N, 2, 9)
    target = Select(axis_0=1)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1D(3, 3, padding=1, activation="relu")
        self.out = nn.Dense(4)

    def hybrid_forward(self, F, x):
        return F.transpose(self.out(self.conv(x)))

    @staticmethod
    def scalars(y):
        return y[1]


NETS = [TimeFirst, AsManyStepsAsSamples, Digits, Places, ClassesFirst]


def scalars(net, x):
    return net.scalars(net(x)).asnumpy()


def gradient(net, x):
    x = x.copy()
    x.attach_grad()
    with mx.autograd.record():
        total = net.scalars(net(x)).sum()
    total.backward()
    return x.grad.asnumpy()


def close(found, expected):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def own(net):
    """The function that a user would write, of the whole output."""
    return lambda y: net.scalars(y)


WAYS = pytest.mark.parametrize("way", [lambda net: net.target, own], ids=["Select", "a function"])
EACH = pytest.mark.parametrize("cls", NETS, ids=[cls.__name__ for cls in NETS])


@WAYS
@EACH
def test_gradients(ctx, cls, way):
    net, x = made(cls, ctx)
    found = gm.saliency(net, x, way(net))
    close(found.values, gradient(net, x))
    close(found.score, scalars(net, x))


@WAYS
@EACH
def test_variants_in_chunks_for_gradients(ctx, cls, way):
    net, x = made(cls, ctx)
    points, weights = np.polynomial.legendre.leggauss(5)
    expected = sum(
        weight / 2 * gradient(net, x * float((point + 1) / 2))
        for point, weight in zip(points, weights)
    )
    for batch_size in (1, 3, 16):
        found = gm.integrated_gradients(net, x, way(net), steps=5, batch_size=batch_size)
        close(found.values, expected * x.asnumpy())
    draw, numbers, mean = np.random.RandomState(0), x.asnumpy(), 0
    axes = tuple(range(1, numbers.ndim))
    sigma = 0.15 * (numbers.max(axis=axes, keepdims=True) - numbers.min(axis=axes, keepdims=True))
    for _ in range(4):
        noise = sigma * draw.standard_normal((1, *numbers.shape[1:])).astype("float32")
        mean = mean + gradient(net, mx.nd.array(numbers + noise, ctx=ctx)) / 4
    close(gm.smooth_grad(net, x, way(net), num_samples=4).values, mean)


@WAYS
@EACH
def test_occlusion(ctx, cls, way):
    net, x = made(cls, ctx)
    size, before = 2, scalars(net, x)
    positions = x.shape[2:]
    expected = np.zeros((N, *positions))
    for place in np.ndindex(*[length // size + length % size for length in positions]):
        box = tuple(slice(size * one, size * one + size) for one in place)
        for n in range(N):
            hidden = x.copy()
            hidden[(n, slice(None), *box)] = 0
            expected[(n, *box)] = before[n] - scalars(net, hidden)[n]
    for batch_size in ("auto", 1, 3, 5):
        found = gm.occlusion(net, x, way(net), window=size, stride=size, batch_size=batch_size)
        close(found.values, expected)


class Chosen(mx.gluon.HybridBlock):
    """A net behind which the scalars are chosen: its output is (N, 1)."""

    def __init__(self, net, select):
        super().__init__()
        self.net, self._select = net, select

    def hybrid_forward(self, F, x):
        return F.reshape(self._select(F, self.net(x)), shape=(-1, 1))


def chosen(net):
    selects = {
        TimeFirst: lambda F, y: F.slice(y, begin=(5, None, 3), end=(6, None, 4)),
        AsManyStepsAsSamples: lambda F, y: F.slice(y, begin=(1, None, 3), end=(2, None, 4)),
        ClassesFirst: lambda F, y: F.slice(y, begin=(1, None), end=(2, None)),
        Places: lambda F, y: F.slice(
            F.reshape(y, shape=(-4, -1, 4, 0)), begin=(None, 3, 2), end=(None, 4, 3)
        ),
    }
    return Chosen(net, selects[type(net)])


PERTURBING = {
    "rise": {"num_samples": 13, "cells": 2},
    "lime": {"num_samples": 11, "segments": "grid", "num_segments": 4},
    "kernel_shap": {"num_samples": 11, "segments": "grid", "num_segments": 4},
    "partition_shap": {"max_evals": 20},
    "feature_ablation": {"segments": "grid", "num_segments": 4},
}


@WAYS
@pytest.mark.parametrize("name", PERTURBING)
@pytest.mark.parametrize("cls", [TimeFirst, Places], ids=["time first", "places"])
def test_other_perturbations_are_those_of_a_net_that_chooses_itself(cls, name, way):
    net, x = made(cls, mx.cpu())
    method, options = getattr(gm, name), dict(PERTURBING[name], progress=False)
    expected = method(chosen(net), x, None, **options)
    for batch_size in (3, 16):
        found = method(net, x, way(net), batch_size=batch_size, **options)
        close(found.values, expected.values)


@pytest.mark.parametrize("name", ["grad_cam", "layer_cam", "score_cam", "ablation_cam"])
@pytest.mark.parametrize("cls", [TimeFirst, Places], ids=["time first", "places"])
def test_maps_are_those_of_a_net_that_chooses_itself(cls, name):
    net, x = made(cls, mx.cpu())
    expected = getattr(gm, name)(chosen(net), x, None, layer="net.conv")
    for target in (net.target, own(net)):
        found = getattr(gm, name)(net, x, target)
        assert found.layer == "conv"
        close(found.values, expected.values)


def test_several_and_a_guided_pass():
    net, x = made(TimeFirst, mx.cpu())
    both = gm.targets.Several([Select("t n k", t=1, k=0), net.target])
    found = gm.occlusion(net, x, both, window=4, stride=4)
    alone = gm.occlusion(net, x, net.target, window=4, stride=4)
    close(found[1].values, alone.values)
    assert [one.target for one in found] == ["Select('t n k', t=1, k=0)", str(net.target.name)]
    assert gm.guided_backprop(net, x, net.target).values.shape == x.shape


REFUSED = {
    "class": lambda shape: 1,
    "class ids": lambda shape: [1, 2],
    "top": lambda shape: None,
    "array": lambda shape: np.ones(shape, np.float32),
    "one sample's array": lambda shape: np.ones(shape[1:], np.float32),
    "ranks": lambda shape: gm.targets.Top(2),
    "probability": lambda shape: gm.targets.Probability(1),
    "regression": lambda shape: gm.targets.Regression(),
    "for each": lambda shape: [lambda y: y.sum(), 1],
    "detection": lambda shape: gm.targets.ScoreDifference(1, 2),
}


@EACH
@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("method", [gm.saliency, gm.occlusion], ids=["saliency", "occlusion"])
def test_what_does_not_say_which_scalar_is_refused(cls, make, method):
    net, x = made(cls, mx.cpu())
    shape = net(x).shape
    with pytest.raises(TargetError) as refusal:
        method(net, x, make(shape))
    said = str(refusal.value)
    assert str(shape) in said
    assert str(x.shape) in said
    assert "gm.targets.Select(" in said


def test_a_function_that_gives_something_else_is_told_the_shapes():
    net, x = made(TimeFirst, mx.cpu())
    with pytest.raises(TargetError, match=r"\(2,\); it returned .*\(8, 2, 5\).*\(2, 1, 6, 8\)"):
        gm.saliency(net, x, lambda y: y.sum(axis=(1, 2)))
    column = gm.saliency(net, x, lambda y: y[5:6, :, 3])
    close(column.values, gm.saliency(net, x, net.target).values)


@pytest.mark.parametrize(
    ("axes", "positions", "index"),
    [
        (None, {"axis_0": 3, "axis_2": 4}, np.s_[3, :, 4]),
        ("t n k", {"k": -1, "t": 0}, np.s_[0, :, -1]),
        (None, {"axis_1": 2, "axis_2": 4}, np.s_[:, 2, 4]),
        ("t n k", {"t": [3, 1, 0], "k": [0, 0, 2]}, ([3, 1, 0], [0, 1, 2], [0, 0, 2])),
    ],
)
def test_positions(ctx, axes, positions, index):
    values = np.random.RandomState(0).randn(
        *((5, 3, 6) if "axis_1" not in positions else (3, 5, 6))
    )
    select = Select(axes, **positions)
    found = select(mx.nd.array(values, ctx=ctx))
    np.testing.assert_allclose(found.asnumpy(), values[index], rtol=1e-6)
    assert pickle.loads(pickle.dumps(select)) == select


@pytest.mark.parametrize(
    ("axes", "positions"),
    [
        (None, {}),
        (None, {"t": 3}),
        (7, {"t": 3}),
        ("t k", {"t": 3, "k": 2}),
        ("t n n", {"t": 3}),
        ("t n k", {"t": 3}),
        ("t n k", {"t": 3, "k": 1, "w": 1}),
        ("t n k", {"t": 3.5, "k": 1}),
        ("t n k", {"t": "3", "k": 1}),
        ("(a b) n", {"a": 1, "b": 1}),
        ("(a b n) k", {"a": 1, "b": 1, "k": 1}),
        ("(digit n k", {"digit": 1, "k": 1}),
        ("", {}),
    ],
)
def test_what_names_no_positions_is_refused(axes, positions):
    with pytest.raises(TargetError):
        Select(axes, **positions)


@pytest.mark.parametrize(
    "select",
    [
        Select("t n k", t=8, k=0),
        Select("t n k", t=-9, k=0),
        Select("t k n", t=0, k=0),
        Select("n k", k=0),
        Select(axis_0=1),
        Select(axis_0=1, axis_5=1),
        Select("t n k", t=[1], k=0),
        Select("t (digit n) k", t=0, digit=1, k=0),
    ],
    ids=str,
)
def test_what_does_not_fit_the_output_is_refused(select):
    net, x = made(TimeFirst, mx.cpu())
    for method in (gm.saliency, gm.occlusion):
        with pytest.raises(TargetError, match="Select"):
            method(net, x, select)


def test_a_class_score_is_a_selection_too(ctx):
    net = nn.Dense(4, in_units=3)
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(3, 3), ctx=ctx)
    found, expected = gm.saliency(net, x, Select(axis_1=[2, 0, 1])), gm.saliency(net, x, [2, 0, 1])
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.score, expected.score)

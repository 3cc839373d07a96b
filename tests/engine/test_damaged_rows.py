"""Deliberate damage to what tells samples apart: no number changes, as the net is looked at."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import inputs, rows
from gradcam_mx.engine.recording import Subject
from gradcam_mx.engine.wanted import Together
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph import samples

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(3, 3, 6, 6)).astype("float32")
"""Of three samples; a batch of one or two is its beginning."""


class Net(mx.gluon.HybridBlock):
    """A convolution, a function of the map and other inputs, and a classifier."""

    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, activation="relu")
        self.out = nn.Dense(5)
        self.function = function

    def hybrid_forward(self, F, x, *others):
        return self.out(F.mean(self.function(F, self.conv(x), *others), axis=(2, 3)))


class Untraceable(gm.nn.Block):
    """The same, in code that needs numbers."""

    def __init__(self, function):
        super().__init__()
        self.conv = gm.nn.Conv2D(4, 3, activation="relu")
        self.out = gm.nn.Dense(5)
        self.function = function

    def forward(self, x, *others):
        features = self.conv(x)
        assert features.asnumpy().any()
        return self.out(mx.nd.mean(self.function(mx.nd, features, *others), axis=(2, 3)))


def says(net, *values):
    return net(*(mx.nd.array(one) for one in values)).asnumpy()


def made(kind, function, *values):
    mx.random.seed(0)
    net = kind(function)
    net.initialize(mx.init.Xavier(magnitude=6))
    says(net, *values)
    return net


def by_hand(net, x, *others):
    """Single calls: how much class 1 of each sample drops where a part of it is hidden."""
    drops = np.zeros((len(x), 2, 2))
    for sample, down, along in np.ndindex(*drops.shape):
        hidden = x.copy()
        hidden[sample, :, 3 * down : 3 * down + 3, 3 * along : 3 * along + 3] = 0
        drops[sample, down, along] = (says(net, x, *others) - says(net, hidden, *others))[sample, 1]
    return drops


def regions(count):
    return np.array([[sample, 0, 0, 3, 3] for sample in range(count)], "float32")


def factors(count):
    return np.random.RandomState(1).normal(size=(count, 4, 4, 4)).astype("float32")


def said_to_be_apart(monkeypatch):
    monkeypatch.setattr(Subject, "_together", lambda *_: Together.ANY)


def never(*_):
    return False


def no_row_by_number(monkeypatch):
    monkeypatch.setattr(samples, "reads_by_number", never)
    monkeypatch.setattr(samples, "all_meet", never)


def centred(F, f):
    return F.broadcast_sub(f, 0.5 * F.mean(f, axis=0, keepdims=True))


def the_sample_before(F, f):
    return f + F.reverse(f, axis=0) * 0.5


def the_first_sample(F, f):
    return F.broadcast_add(f, F.slice_axis(f, axis=0, begin=0, end=1))


def a_numbered_sample(F, f):
    return F.broadcast_add(f, F.take(f, F.zeros((1,)), axis=0))


def cut_out(F, f, regions):
    return F.ROIPooling(f, regions, pooled_size=(2, 2), spatial_scale=1.0)


APART = {
    "centred": (centred, said_to_be_apart, None),
    "centred, no mean of all seen": (
        centred,
        lambda monkeypatch: monkeypatch.setattr(samples, "all_meet", never),
        None,
    ),
    "the sample before": (the_sample_before, said_to_be_apart, None),
    "the first sample": (the_first_sample, said_to_be_apart, None),
    "a numbered sample": (a_numbered_sample, no_row_by_number, None),
    "regions": (cut_out, no_row_by_number, regions),
    "another input taken for shared": (
        lambda F, f, other: f * other,
        lambda monkeypatch: monkeypatch.setattr(samples, "is_shared", lambda *_: True),
        factors,
    ),
}


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", APART)
def test_samples_said_to_be_apart_that_are_not(name, count, monkeypatch):
    function, damage, other = APART[name]
    given = (X[:count], *([other(count)] if other else []))
    net = made(Net, function, *given)
    expected = by_hand(net, *given)
    damage(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = gm.occlusion(net, given if other else X[:count], [1] * count, window=3, stride=3)
    np.testing.assert_allclose(found.values[:, ::3, ::3], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("function", [centred, the_sample_before, the_first_sample])
def test_samples_that_touch_in_a_net_that_cannot_be_traced(function, count):
    net = made(Untraceable, function, X[:count])
    with pytest.warns(UserWarning, match="right and slow"):
        found = gm.occlusion(net, X[:count], [1] * count, window=3, stride=3)
    expected = by_hand(net, X[:count])
    np.testing.assert_allclose(found.values[:, ::3, ::3], expected, rtol=1e-3, atol=1e-5)


def test_samples_that_do_not_touch_in_a_net_that_cannot_be_traced():
    net = made(Untraceable, lambda F, f: f * 2, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = gm.occlusion(net, X, [1] * 3, window=3, stride=3)
    np.testing.assert_allclose(found.values[:, ::3, ::3], by_hand(net, X), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shift", [1, 2])
def test_another_input_of_other_samples_is_found(shift, monkeypatch):
    """The way that is taken where samples touch is held against the net as well."""
    right, given = inputs.taken, (X, factors(3))
    net = made(Net, lambda F, f, other: f * other, *given)
    monkeypatch.setattr(
        inputs, "taken", lambda one, rows, axis=0: right(one, (rows + shift) % one.shape[0], axis)
    )
    with pytest.warns(UserWarning, match="slow"), pytest.raises(
        NetworkError, match=r"the net as a whole gives \S+ where what follows 'data0'"
    ):
        gm.occlusion(net, given, [1] * 3, window=3, stride=3)


def test_samples_that_are_never_looked_at(monkeypatch):
    """Without a look at run time, `gm.check` tells."""
    monkeypatch.setattr(rows, "touch", never)
    said_to_be_apart(monkeypatch)
    net = made(Net, the_sample_before, X)
    checked = gm.check(net, X)
    assert not checked
    assert [finding.holds for finding in checked.findings][:2] == [True, False]
    assert "they differ by" in checked.findings[1].said

"""Nets whose variants cannot share a call: numbers of samples in other inputs, fixed batches.

Everything is compared with naive loops over the net itself, one variant of one sample at a time.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.recording import record
from gradcam_mx.engine.wanted import Together, Wanted

nn = mx.gluon.nn
N, SIZE = 3, 8


class Base(mx.gluon.HybridBlock):
    """A convolution, and scores of what a net makes of it and a second input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, padding=1, activation="relu")
        self.out = nn.Dense(4)

    def hybrid_forward(self, F, x, *others):
        return self.out(self.features(F, self.conv(x), *others))


class RoiPooling(Base):
    """Each sample has a region: two of the first sample's map, one of its own."""

    others = (np.array([[0, 1, 1, 6, 7], [0, 0, 0, 7, 3], [2, 2, 2, 5, 5]]),)
    together = Together.ALONE

    def features(self, F, maps, regions):
        return F.ROIPooling(maps, regions, pooled_size=(2, 2), spatial_scale=1.0)


class RoiAlign(RoiPooling):
    """The regions in their order, as people have them."""

    others = (np.array([[0, 1, 1, 6, 7], [1, 0, 0, 7, 3], [2, 2, 2, 5, 5]]),)

    def features(self, F, maps, regions):
        return F.contrib.ROIAlign(maps, regions, pooled_size=(2, 2), spatial_scale=1.0)


class Gathered(Base):
    """Features at points (sample, channel) that an input names."""

    others = (np.array([[1, 0, 2], [0, 3, 2]]),)
    together = Together.ALONE

    def features(self, F, maps, points):
        return F.gather_nd(maps, points)


class Taken(Base):
    """Pairs: each sample beside one that an input names."""

    others = (np.array([2.0, 2.0, 1.0]),)
    together = Together.ALONE

    def features(self, F, maps, partners):
        return F.concat(maps, F.take(maps, partners), dim=1)


class OtherWeights(Base):
    """A second input of another axis 0, which all samples share."""

    others = (np.random.RandomState(3).randn(5, 4 * SIZE * SIZE) / 10,)
    together = Together.ALONE

    def features(self, F, maps, weights):
        return F.FullyConnected(maps, weights, no_bias=True, num_hidden=5)


class Shared(Base):
    """A second input (1, C), which is broadcast."""

    others = (np.random.RandomState(3).randn(1, 4, 1, 1),)
    together = Together.ANY

    def features(self, F, maps, gains):
        return F.broadcast_mul(maps, gains)


class Words(Base):
    """A second input of numbers of words, a row for each sample."""

    others = (np.array([[1, 4], [0, 2], [3, 3]], np.float32),)
    together = Together.ANY

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 3)

    def features(self, F, maps, words):
        return F.concat(F.flatten(maps), F.flatten(self.words(words)), dim=1)


class Fixed(Base):
    """Three samples, as it was exported, and no other number of them."""

    others = ()
    together = Together.BATCHES

    def features(self, F, maps):
        return F.reshape(maps, shape=(N, 4 * SIZE * SIZE))


class Centred(Base):
    """A net that compares each sample with the mean of all: found out by running it."""

    others = ()
    together = Together.ALONE

    def features(self, F, maps):
        return F.broadcast_sub(maps, F.mean(maps, axis=0, keepdims=True))


CLASSES = [RoiPooling, RoiAlign, Gathered, Taken, OtherWeights, Shared, Words, Fixed]
EACH = pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])


def made(cls, ctx):
    mx.random.seed(1)
    net = cls()
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(N, 2, SIZE, SIZE), ctx=ctx)
    others = tuple(mx.nd.array(one, ctx=ctx) for one in cls.others)
    net(x, *others)
    return net, x, others


def close(found, expected):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def occluded(net, x, others, target):
    """The drops of the scores when a window of one sample is hidden, of all windows of 4 x 4."""
    before, drops = net(x, *others).asnumpy()[:, target], np.zeros((N, SIZE, SIZE))
    for n, i, j in np.ndindex(N, 2, 2):
        inside = (n, slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4))
        hidden = x.copy()
        hidden[(n, slice(None), *inside[1:])] = 0
        drops[inside] = before[n] - net(hidden, *others).asnumpy()[n, target]
    return drops


def own_gradient(scores, x, originals):
    """The gradient of each sample's score at itself, beside the other samples as they are."""
    found = np.zeros(x.shape, np.float32)
    for n in range(N):
        value = originals.copy()
        value[n] = x[n]
        value.attach_grad()
        with mx.autograd.record():
            score = scores(value)[n, 1]
        score.backward()
        found[n] = value.grad.asnumpy()[n]
    return found


@EACH
@pytest.mark.parametrize("target", [1, lambda y: y[:, 1]], ids=["class", "function"])
def test_occlusion_is_that_of_one_variant_at_a_time(ctx, cls, target):
    net, x, others = made(cls, ctx)
    expected = occluded(net, x, others, 1)
    for batch_size in ("auto", 1, 5):
        found = gm.occlusion(
            net, (x, *others) if others else x, target, window=4, stride=4, batch_size=batch_size
        )
        close(found.values, expected)


@EACH
def test_gradients_of_variants(ctx, cls):
    net, x, others = made(cls, ctx)
    given = (x, *others) if others else x
    points, weights = np.polynomial.legendre.leggauss(3)
    expected = sum(
        weight / 2 * own_gradient(lambda value: net(value, *others), x * float((point + 1) / 2), x)
        for point, weight in zip(points, weights)
    )
    for batch_size in (1, 16):
        found = gm.integrated_gradients(net, given, 1, steps=3, batch_size=batch_size)
        close(found.values, expected * x.asnumpy())


@EACH
def test_one_pass(ctx, cls):
    net, x, others = made(cls, ctx)
    given = (x, *others) if others else x
    expected = own_gradient(lambda value: net(value, *others), x, x)
    close(gm.saliency(net, given, 1).values, expected)
    maps = net.conv(x)
    expected = own_gradient(lambda a: net.out(net.features(mx.nd, a, *others)), maps, maps)
    weights = expected.mean(axis=(2, 3), keepdims=True)
    found = gm.grad_cam(net, given, 1, layer="conv", relu=False)
    close(found.values, (weights * maps.asnumpy()).sum(axis=1))


@EACH
def test_variants_of_a_layer(cls):
    net, x, others = made(cls, mx.cpu())
    found = gm.integrated_gradients(net, (x, *others) if others else x, 1, layer="conv", steps=2)
    maps = net.conv(x)
    start, points = net.conv(x * 0), (np.polynomial.legendre.leggauss(2)[0] + 1) / 2
    expected = sum(
        own_gradient(
            lambda value: net.out(net.features(mx.nd, value, *others)),
            start + float(point) * (maps - start),
            maps,
        )
        / 2
        for point in points
    )
    close(found.values, expected * (maps - start).asnumpy())


@pytest.mark.parametrize("cls", [*CLASSES, Centred], ids=lambda cls: cls.__name__)
def test_which_variants_share_a_call(cls):
    net, x, others = made(cls, mx.cpu())
    recording = record(net, (x, *others) if others else x, Wanted())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for _ in range(2):
            assert recording.together(recording.input) is cls.together
    told = [str(one.message) for one in caught]
    assert len(told) == (cls.together is Together.ALONE), told
    assert all("which is right and slow" in one for one in told)
    recording.one_at_a_time = True
    assert recording.together(recording.input) is Together.ALONE


@pytest.mark.parametrize("cls", [RoiPooling, RoiAlign], ids=lambda cls: cls.__name__)
def test_the_default_layer_is_before_the_regions(cls):
    net, x, others = made(cls, mx.cpu())
    found = gm.grad_cam(net, (x, *others), 1)
    assert found.layer == "conv"
    assert found.values.shape == (N, SIZE, SIZE)


class Untraceable(gm.nn.Block):
    """Free Python code with two inputs, one of which holds numbers of samples."""

    def __init__(self):
        super().__init__()
        self.conv = gm.nn.Conv2D(4, 3, padding=1)
        self.out = gm.nn.Dense(4)

    def forward(self, x, regions):
        maps = self.conv(x)
        assert float(maps.sum().asscalar()) is not None
        pooled = mx.nd.ROIPooling(maps, regions, pooled_size=(2, 2), spatial_scale=1.0)
        return self.out(pooled)


def test_free_code_with_another_number_of_rows(ctx):
    mx.random.seed(1)
    net = Untraceable()
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(2, 2, SIZE, SIZE), ctx=ctx)
    regions = mx.nd.array(np.concatenate(RoiPooling.others * 2) % 2, ctx=ctx)
    select = gm.targets.Select("(part n) k", part=2, k=1)
    before, drops = net(x, regions)[4:6, 1].asnumpy(), np.zeros((2, SIZE, SIZE))
    for n, i, j in np.ndindex(2, 2, 2):
        inside = (n, slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4))
        hidden = x.copy()
        hidden[(n, slice(None), *inside[1:])] = 0
        drops[inside] = before[n] - net(hidden, regions)[4:6, 1].asnumpy()[n]
    found = gm.occlusion(net, (x, regions), select, window=4, stride=4)
    close(found.values, drops)
    with pytest.raises(gm.errors.TargetError, match=r"\(6, 4\)"):
        gm.occlusion(net, (x, regions), 1)

"""Samples that run together: whether they touch is found out by running them, and told."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError, TargetError

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(2, 3, 6, 6)).astype("float32")

TOUCHING = {
    "centred": lambda F, f: F.broadcast_sub(f, F.mean(f, axis=0, keepdims=True)),
    "attention over samples": lambda F, f: F.broadcast_mul(
        f, F.softmax(F.mean(f, axis=(1, 2, 3), keepdims=True), axis=0)
    ),
    "the sample before": lambda F, f: f + F.reverse(f, axis=0) * 0.5,
    "two samples and no others": lambda F, f: F.reshape(
        f + F.reverse(f, axis=0) * 0.5, shape=(2, 4, 4, 4)
    ),
    # of two samples one has at least half, of more than two none may
    "shares that are cut off": lambda F, f: F.max(
        F.clip(F.softmax(f, axis=0), 0, 0.5), axis=(2, 3), keepdims=True
    ),
}


class Net(mx.gluon.HybridBlock):
    def __init__(self, function):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, activation="relu")
        self.out = nn.Dense(5)
        self.function = function

    def hybrid_forward(self, F, x):
        return self.out(F.mean(self.function(F, self.conv(x)), axis=(2, 3)))


def initialised(function, ctx):
    mx.random.seed(0)
    net = Net(function)
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    net(mx.nd.array(X, ctx=ctx))
    return net


def own(net, values, ctx):
    return net(mx.nd.array(values, ctx=ctx)).asnumpy()


@pytest.mark.parametrize("name", TOUCHING)
def test_each_sample_is_explained_beside_the_others(name, ctx):
    net = initialised(TOUCHING[name], ctx)
    with pytest.warns(UserWarning, match="which is right and slow"):
        found = gm.occlusion(net, X, [1, 2], window=3, stride=3)
    with warnings.catch_warnings():  # it is said once
        warnings.simplefilter("error", UserWarning)
        gradient = gm.saliency(net, X, [1, 2]).values
    for sample, target in enumerate((1, 2)):
        for row, column in np.ndindex(2, 2):
            changed = X.copy()
            changed[sample, :, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3] = 0
            drop = own(net, X, ctx)[sample, target] - own(net, changed, ctx)[sample, target]
            np.testing.assert_allclose(
                found.values[sample, 3 * row, 3 * column], drop, rtol=1e-3, atol=1e-5
            )
        given = mx.nd.array(X, ctx=ctx)
        given.attach_grad()
        with mx.autograd.record():
            score = net(given)[sample, target]
        score.backward()
        np.testing.assert_allclose(
            gradient[sample], given.grad.asnumpy()[sample], rtol=1e-3, atol=1e-6
        )


def test_half_precision_hides_no_sample(ctx):
    """Rounding to half precision is coarser than much of what samples do to each other."""
    net = initialised(lambda F, f: f + F.reverse(f, axis=0) * 0.1, ctx)
    found = []
    for dtype in ("float32", "float16"):
        net.cast(dtype)
        with pytest.warns(UserWarning, match="touch each other"):
            found.append(gm.saliency(gm.trace(net), X.astype(dtype), [1, 2]).values)
    np.testing.assert_allclose(found[1], found[0], rtol=0.02, atol=2e-3 * abs(found[0]).max())


class Folded(Net):
    """Two digits, side by side on axis 0."""

    def hybrid_forward(self, F, x):
        features = self.function(F, self.conv(x))
        return F.concat(self.out(F.mean(features, axis=(2, 3))), self.out(features), dim=0)


def test_folded_samples_that_touch_are_refused(ctx):
    """Which rows are a sample's own is not known."""
    net = Folded(lambda F, f: F.mean(f, axis=(2, 3), keepdims=True))
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    of_digits = lambda y: y.reshape((2, 2, 5))[1, :, 3]  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.saliency(net, X, of_digits)
    net = Folded(lambda F, f: F.mean(f + F.reverse(f, axis=0), axis=(2, 3), keepdims=True))
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    told = pytest.warns(UserWarning, match="touch each other")
    with pytest.raises(TargetError, match="one sample in a call"), told:
        gm.saliency(net, X, of_digits)


class Sequence(mx.gluon.HybridBlock):
    """As many time steps as samples, on axis 0, in a net for that number of samples."""

    def hybrid_forward(self, F, x):
        steps = F.transpose(F.reshape(F.cumsum(x, axis=3), shape=(2, 3, 6, 6)), axes=(3, 0, 1, 2))
        return F.mean(F.square(F.slice_axis(steps, axis=0, begin=3, end=5)), axis=3)


def test_time_steps_are_no_samples(ctx):
    net = Sequence()
    net.hybridize()
    net.initialize(ctx=ctx)
    x = mx.nd.array(X, ctx=ctx)
    x.attach_grad()
    with mx.autograd.record():
        score = net(x)[:, :, 1].sum()
    score.backward()
    found = gm.saliency(net, x, lambda y: y[:, :, 1].sum(axis=0))
    np.testing.assert_allclose(found.values, x.grad.asnumpy(), rtol=1e-4, atol=1e-5)


def test_samples_that_do_not_touch_are_not_told(ctx):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.occlusion(initialised(lambda F, f: f, ctx), X, [1, 2], window=3, stride=3)


def test_a_gradient_that_is_no_number_is_refused(ctx):
    net = initialised(lambda F, f: F.sqrt(F.relu(f - 100)), ctx)
    with pytest.raises(NetworkError, match="NaN or infinity: an operator has no derivative"):
        gm.saliency(net, X, [1, 2])


# ----------------------------------------------------------------------------- rows of a data set


def test_images_of_a_data_set_do_not_touch(ctx):
    net = initialised(TOUCHING["the sample before"], ctx)
    found = gm.inspect.feature_vectors(net, X, "out", batch_size=2, progress=False)
    expected = np.concatenate([own(net, row[None], ctx) for row in X])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_rows_of_a_layer_that_holds_the_samples_elsewhere_are_refused(ctx):
    net = initialised(lambda F, f: f, ctx)
    timed = mx.gluon.nn.HybridSequential()
    timed.add(net.conv, mx.gluon.nn.HybridLambda(lambda F, f: F.transpose(f, axes=(2, 0, 1, 3))))
    timed.add(nn.Dense(5, flatten=False))
    timed.initialize(ctx=ctx)
    with pytest.raises(NetworkError, match="holds the samples at axis 1; expected axis 0"):
        gm.inspect.feature_vectors(timed, X, "1", progress=False)

"""The scores before a net's probabilities, and those probabilities, are the net's own."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

X = np.random.RandomState(0).normal(size=(2, 3, 6, 6)).astype("float32")
WINDOW = np.random.RandomState(1).normal(size=(2, 16)).astype("float32")


def softmax(scores, axis):
    odds = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return odds / odds.sum(axis=axis, keepdims=True)


def over_a_sample(scores):
    return softmax(scores.reshape(len(scores), -1), 1).reshape(scores.shape)


VECTORS = {
    "softmax": (lambda F, y: F.softmax(y), lambda s: softmax(s, 1)),
    "log_softmax": (lambda F, y: F.log_softmax(y), lambda s: softmax(s, 1)),
    "reshaped log_softmax": (
        lambda F, y: F.log_softmax(y).reshape((-1, 8)),
        lambda s: softmax(s, 1),
    ),
    "cast log_softmax": (lambda F, y: F.log_softmax(y).astype("float64"), lambda s: softmax(s, 1)),
    "stopped log_softmax": (lambda F, y: F.BlockGrad(F.log_softmax(y)), lambda s: softmax(s, 1)),
    "SoftmaxActivation": (lambda F, y: F.SoftmaxActivation(y), lambda s: softmax(s, 1)),
    "sigmoid": (lambda F, y: F.sigmoid(y), lambda s: 1 / (1 + np.exp(-s))),
}
MAPS = {
    "log_softmax": (lambda F, y: F.log_softmax(y, axis=1), lambda s: softmax(s, 1)),
    "softmax": (lambda F, y: F.softmax(y, axis=3), lambda s: softmax(s, 3)),
    "SoftmaxActivation": (lambda F, y: F.SoftmaxActivation(y), lambda s: softmax(s, 3)),
    "of channels": (lambda F, y: F.SoftmaxActivation(y, mode="channel"), lambda s: softmax(s, 1)),
    "SoftmaxOutput": (lambda F, y: F.SoftmaxOutput(y, y), over_a_sample),
    "multi_output": (
        lambda F, y: F.SoftmaxOutput(y, F.sum(y, axis=1), multi_output=True),
        lambda s: softmax(s, 1),
    ),
    "preserve_shape": (
        lambda F, y: F.SoftmaxOutput(y, F.sum(y, axis=3), preserve_shape=True),
        lambda s: softmax(s, 3),
    ),
}
LOGARITHMS = [(part, name) for part in (VECTORS, MAPS) for name in part if "log" in name]


class Head(mx.gluon.HybridBlock):
    """A convolution, scores of it, and a function of F and the scores."""

    def __init__(self, scores, function):
        super().__init__(prefix="head_")
        with self.name_scope():
            self.conv = mx.gluon.nn.Conv2D(4, 3, activation="relu")
            self.scores = scores
        self.function = function

    def hybrid_forward(self, F, x):
        return self.function(F, self.scores(self.conv(x)))


def head(part, name, ctx):
    function, of_scores = part[name]
    is_vector = part is VECTORS
    scores = mx.gluon.nn.Dense(8) if is_vector else mx.gluon.nn.Conv2D(4, 1)
    net = Head(scores, function)
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(magnitude=4), ctx=ctx)
    x = mx.nd.array(X, ctx=ctx)
    given, scores = net(x).asnumpy(), net.scores(net.conv(x)).asnumpy()
    expected = of_scores(scores)
    found = np.exp(given) if (part, name) in LOGARITHMS else given
    if name != "SoftmaxOutput":  # along the last axis, where oneDNN runs it at inference
        np.testing.assert_allclose(found.ravel(), expected.ravel(), rtol=1e-5, atol=1e-7)
    return net, x, scores, expected


@pytest.mark.parametrize(("part", "name"), [(p, n) for p in (VECTORS, MAPS) for n in p])
def test_scores_and_probabilities_are_the_nets_own(part, name, ctx):
    net, x, scores, probabilities = head(part, name, ctx)

    def some(values):
        return (values.flatten()[:, :16] * mx.nd.array(WINDOW, ctx=ctx)[:, : values[0].size]).sum(1)

    target = 1 if part is VECTORS else some
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for expected, options in ((scores, {}), (probabilities, {"output": "probability"})):
            explanation = gm.saliency(net, x, target, **options)
            wanted = expected[:, 1] if part is VECTORS else some(mx.nd.array(expected)).asnumpy()
            np.testing.assert_allclose(explanation.score, wanted, rtol=1e-4, atol=1e-6)


def test_a_softmax_with_lengths_has_no_scores_before_it(ctx):
    """A score behind the length takes part in nothing."""

    def function(F, y):
        lengths = F.ones_like(F.sum(y, axis=1)) * 2
        return F.softmax(y, F.cast(lengths, dtype="int32"), use_length=True, axis=1)

    net = Head(mx.gluon.nn.Dense(8), function)
    net.initialize(ctx=ctx)
    x = mx.nd.array(X, ctx=ctx)
    explanation = gm.occlusion(net, x, 1, window=3)
    np.testing.assert_allclose(explanation.score, net(x).asnumpy()[:, 1], rtol=1e-5)

"""The check of relevance: accounts that add up, and places where it is lost."""

from __future__ import annotations

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.propagation import operators

nn = mx.gluon.nn


def made(ctx, *layers):
    mx.random.seed(0)
    net = nn.HybridSequential()
    net.add(*layers)
    net.initialize(mx.init.Normal(0.3), ctx=ctx)
    return net


def image(ctx):
    return mx.nd.array(np.random.RandomState(0).randn(2, 3, 8, 8), ctx=ctx)


def said(report):
    return {one.what: one for one in report.findings}


def test_accounts_add_up(ctx):
    conv = nn.Conv2D(4, 3, activation="relu", bias_initializer=mx.init.Constant(0.1))
    net = made(ctx, conv, nn.BatchNorm(), nn.GlobalAvgPool2D(), nn.Dense(3))
    report = gm.check(net, image(ctx), 1, relevance=True)
    found = said(report)
    assert report
    assert found["relevance is accounted for"].holds
    assert "biases take" in found["relevance is accounted for"].said
    assert found["DeepLIFT adds up to the difference of the scores"].holds
    assert len(gm.check(net, image(ctx), 1).findings) == len(found) - 2


def test_a_recurrent_layer_is_named(ctx):
    turned = nn.HybridLambda(lambda F, x: F.transpose(F.mean(x, axis=2), axes=(2, 0, 1)))
    last = nn.HybridLambda(lambda F, x: F.SequenceLast(x))
    net = made(ctx, nn.Conv2D(4, 3), turned, mx.gluon.rnn.LSTM(5), last, nn.Dense(3))
    report = gm.check(net, image(ctx), 1, relevance=True)
    found = said(report)["relevance is accounted for"]
    assert not found.holds
    assert "RNN" in found.said


def test_a_net_without_a_graph_is_said_so(ctx):
    class Own(mx.gluon.Block):
        def __init__(self):
            super().__init__()
            self.conv, self.head = gm.nn.Conv2D(4, 3, activation="relu"), gm.nn.Dense(2)

        def forward(self, x):
            return self.head(self.conv(x)) * float(x.asnumpy().size > 0)

    net = Own()
    net.initialize(ctx=ctx)
    found = said(gm.check(net, image(ctx), 1, relevance=True))["relevance is accounted for"]
    assert found.holds is None
    assert "gm.trace(net) can trace" in found.said


def test_a_rule_that_loses_is_found(ctx, monkeypatch):
    """Where an operator passes on half of what it should."""
    whole = operators.to_first
    monkeypatch.setattr(operators, "to_first", lambda step: [whole(step)[0] / 2])
    net = made(ctx, nn.Conv2D(4, 3), nn.Activation("relu"), nn.Dense(3))
    found = said(gm.check(net, image(ctx), 1, relevance=True))["relevance is accounted for"]
    assert not found.holds
    assert "Activation" in found.said

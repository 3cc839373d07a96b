"""A snapshot runs the net once, as MXNet's own profiler counts it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import nn as drop_ins
from gradcam_mx._mxnet import mx
from gradcam_mx.training import ExplanationHandler

CONVOLUTIONS = 2
X = np.random.RandomState(3).normal(size=(2, 1, 8, 8)).astype(np.float32)


@pytest.fixture
def run_convolutions(tmp_path):
    """From a call to how many convolutions MXNet ran in it, forward."""
    mx.profiler.set_config(
        profile_symbolic=True,
        profile_imperative=True,
        aggregate_stats=True,
        filename=str(tmp_path / "profile.json"),
    )

    def count(call):
        mx.nd.waitall()
        mx.profiler.dumps(reset=True)
        mx.profiler.set_state("run")
        try:
            call()
            mx.nd.waitall()
        finally:
            mx.profiler.set_state("stop")
        counted = json.loads(mx.profiler.dumps(reset=True, format="json"))
        return counted["Time"]["operator"]["Convolution"]["Count"]

    return count


class Free(mx.gluon.Block):
    """Code that cannot be traced: it looks at values."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        y = self.layers(x)
        return y if y.sum().asscalar() < 1e9 else y * 0


def make(kind, ctx):
    layers = drop_ins if kind == "eager" else mx.gluon.nn
    net = mx.gluon.nn.HybridSequential()
    net.add(
        layers.Conv2D(4, 3, in_channels=1, activation="relu"),
        layers.Conv2D(5, 3, in_channels=4),
        layers.GlobalAvgPool2D(),
        layers.Dense(3, in_units=5),
    )
    if kind == "eager":
        net = Free(net)
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net


@pytest.mark.parametrize("kind", ["traced", "eager"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": ["grad_cam", "guided_backprop", "layer_cam"]},
        {"target": 1, "output": "probability"},
        {"target": "true"},
        {"inside": True},
    ],
    ids=["default", "methods", "probability", "true", "channel"],
)
def test_a_snapshot_and_a_check_run_the_net_once(run_convolutions, ctx, kind, options):
    net = make(kind, ctx)
    if "inside" in options:
        layer = "layers.1" if kind == "eager" else "1"
        options = {"target": gm.targets.Channel(layer, 2)}
    handler = ExplanationHandler(X, [0, 2], writers=print, **options)
    handler.check(net)
    handler.snapshot(net)  # the first of its kind is held against the net itself
    assert run_convolutions(lambda: net(mx.nd.array(X, ctx=ctx)).asnumpy()) == CONVOLUTIONS
    # what cannot be traced is asked at each call whether its samples touch, by one run more
    runs = CONVOLUTIONS * (2 if kind == "eager" else 1)
    assert run_convolutions(lambda: handler.check(net)) == CONVOLUTIONS
    taken = []
    assert run_convolutions(lambda: taken.append(handler.snapshot(net))) == runs
    (snapshot,) = taken
    scores = net(mx.nd.array(X, ctx=ctx)).softmax().asnumpy()
    assert snapshot.predictions == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(snapshot.probabilities, scores.max(axis=1), rtol=1e-5)


def test_of_a_channel_its_layer_is_explained_and_the_output_predicts(ctx):
    net = make("traced", ctx)
    target = gm.targets.Channel("1", 2)
    snapshot = ExplanationHandler(X, target=target, writers=print).snapshot(net)
    expected = gm.grad_cam(net, X, target)
    np.testing.assert_allclose(snapshot.scores, expected.score, rtol=1e-5)
    np.testing.assert_allclose(
        snapshot.explanations["grad_cam"].values, expected.values, rtol=1e-4, atol=1e-7
    )


def test_fuse_without_a_list_of_layers_is_refused():
    with pytest.raises(gm.errors.MethodError, match="fuse='max' joins the maps of a list"):
        ExplanationHandler(X, writers=print, layer="1", fuse="max")

"""Which method for a net: one that beats the controls and hangs on what was learned, or none"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError
from gradcam_mx.metrics import recommending

pytestmark = pytest.mark.slow

SIDE = 24


@lru_cache(maxsize=None)
def planted(count, seed):
    """Pictures of noise with a bright square somewhere; the class is its colour."""
    draw = np.random.RandomState(seed)
    x = draw.uniform(0, 0.3, (count, 3, SIDE, SIDE)).astype(np.float32)
    labels = draw.randint(3, size=count)
    for image, label in zip(x, labels):
        top, left = draw.randint(0, SIDE - 7, 2)
        image[label, top : top + 7, left : left + 7] += 0.8
    return x, labels


def make_net(ctx):
    mx.random.seed(1)
    net = mx.gluon.nn.HybridSequential()
    net.add(
        mx.gluon.nn.Conv2D(8, 3, padding=1, activation="relu"),
        mx.gluon.nn.MaxPool2D(),
        mx.gluon.nn.Conv2D(12, 3, padding=1, activation="relu"),
        mx.gluon.nn.MaxPool2D(),
        mx.gluon.nn.Conv2D(12, 3, padding=1, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(3),
    )
    net.initialize(mx.init.Xavier(), ctx=ctx)
    return net


def trained(ctx):
    net = make_net(ctx)
    x, labels = planted(256, 0)
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    for _ in range(6):
        for start in range(0, 256, 32):
            batch = mx.nd.array(x[start : start + 32], ctx=ctx)
            with mx.autograd.record():
                error = loss(net(batch), mx.nd.array(labels[start : start + 32], ctx=ctx))
            error.backward()
            trainer.step(32)
    predicted = net(mx.nd.array(x, ctx=ctx)).asnumpy().argmax(axis=1)
    assert (predicted == labels).mean() > 0.95
    return net


def test_a_trained_net(ctx):
    net = trained(ctx)
    x = mx.nd.array(planted(16, 5)[0], ctx=ctx)
    found = gm.metrics.recommend(net, x, progress=False)
    assert found
    assert found.method in gm.METHODS
    entry = found.table[recommending._label(found.method, found.layer), "srg"]
    assert entry.no_better_than == ()
    assert found.interval[0] > 0
    assert found.interval[0] < found.margin < found.interval[1]
    assert len(found.table) == 8  # those that were not used to choose
    assert found.table.metrics[0].name == "srg"
    assert found.control in found.table.controls
    text = repr(found)
    assert text.startswith(recommending._label(found.method, found.layer))
    assert "95 %" in text
    again = gm.metrics.recommend(net, x, progress=False)
    assert (again.method, again.layer) == (found.method, found.layer)
    assert again.margin == pytest.approx(found.margin, rel=1e-5)  # in chunks of other sizes


def test_a_net_that_sees_nothing(ctx):
    """All scores hang on the bias alone: no map can be better than chance."""
    net = make_net(ctx)
    net[-1].weight.set_data(mx.nd.zeros((3, 12), ctx=ctx))
    net[-1].bias.set_data(mx.nd.array([1, 0, 0], ctx=ctx))
    x = mx.nd.array(planted(8, 5)[0], ctx=ctx)
    found = gm.metrics.recommend(net, x, methods=["eigen_cam"], progress=False)
    assert not found
    assert repr(found).startswith("No method is better than chance on this net, of 4 samples")
    assert all("by SRG no better than" in why for why in found.rejected.values())


def test_what_is_tried(ctx):
    net = make_net(ctx)
    x = mx.nd.array(planted(2, 5)[0], ctx=ctx)
    ways = recommending._ways(net, x, None, None)
    layers = {one.layer for one in ways if one.method == "grad_cam"}
    assert layers == {"4"}  # the others are finer than a quarter of the input
    methods = {one.method for one in ways}
    assert {"grad_cam", "saliency", "guided_backprop"} <= methods
    assert not methods & {"score_cam", "rise", "lime", "integrated_gradients", "cam", "random_map"}
    ways = recommending._ways(net, x, ["2", "4"], ["grad_cam", "saliency"])
    assert [one.label for one in ways] == ["grad_cam at 2", "grad_cam at 4", "saliency"]


def test_layers_of_a_deep_net():
    net = gm.zoo.squeezenet1_1(pretrained=False)
    net.initialize()
    layers = recommending._last_of_each_stage(net, np.zeros((1, 3, 224, 224), np.float32))
    assert layers == ["features.4", "features.7", "features.12"]


def test_one_sample_is_too_few(ctx):
    with pytest.raises(InputError, match="1 samples: an error needs two"):
        gm.metrics.recommend(make_net(ctx), mx.nd.zeros((1, 3, SIDE, SIDE), ctx=ctx))


def test_methods_that_a_net_cannot_have_are_left_out(ctx):
    """Without rectifiers there is no guided backpropagation; one that is asked for says so."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3), nn.GlobalAvgPool2D(), nn.Dense(3))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = mx.nd.array(planted(8, 5)[0], ctx=ctx)
    found = gm.metrics.recommend(net, x, progress=False)
    assert "there is none between" in found.rejected["guided_backprop"]
    assert "saliency" not in found.rejected
    with pytest.raises(gm.errors.RuleError, match="there is none"):
        gm.metrics.recommend(net, x, methods=["guided_backprop"], progress=False)

"""Tracing: a net that did not change keeps its graph; one that did gets a new one."""

import gc
import weakref

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError

nn = mx.gluon.nn


def small_net():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, in_channels=3),
        nn.BatchNorm(in_channels=4),
        nn.Activation("relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5, in_units=4),
    )
    net.initialize(mx.init.Normal(0.5))
    return net


@pytest.mark.parametrize("hybridized", [False, True])
def test_the_graph_is_kept_while_the_net_is_the_same(hybridized):
    net = small_net()
    if hybridized:
        net.hybridize()
    x = mx.nd.ones((1, 3, 8, 8))
    graph = gm.trace(net)
    net(x)
    with mx.autograd.record():
        net(x)
    assert gm.trace(net) is graph
    assert gm.trace(graph) is graph


def test_a_changed_net_has_a_new_graph():
    net = small_net()
    net.hybridize()
    x = mx.nd.random.normal(shape=(1, 3, 8, 8))
    net(x)
    graph = gm.trace(net)
    net.add(nn.Dense(2, in_units=5))
    net.initialize(mx.init.Normal(0.5))
    assert gm.trace(net) is not graph
    assert gm.saliency(net, x, target=1).score == pytest.approx(net(x).asnumpy()[:, 1], rel=1e-5)
    net[0].weight.set_data(net[0].weight.data() * 3)
    assert gm.saliency(net, x, target=1).score == pytest.approx(net(x).asnumpy()[:, 1], rel=1e-5)


def test_a_replaced_layer_is_noticed():
    net = small_net()
    x = mx.nd.random.normal(shape=(1, 3, 8, 8))
    gm.trace(net)
    other = nn.Conv2D(4, 3, in_channels=3, prefix=net[0].prefix)
    other.initialize(mx.init.Normal(2))
    net._children["0"] = other
    assert gm.saliency(net, x, target=0).score == pytest.approx(net(x).asnumpy()[:, 0], rel=1e-5)


def test_the_graph_does_not_keep_the_net_alive():
    net = small_net()
    gm.saliency(net, mx.nd.ones((1, 3, 8, 8)))
    watched = weakref.ref(net)
    del net
    gc.collect()
    assert watched() is None


def test_a_block_that_runs_twice():
    class Twice(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = nn.Conv2D(3, 3, padding=1, in_channels=3, activation="relu")

        def hybrid_forward(self, F, x):
            return self.conv(self.conv(x)).mean(axis=(2, 3))

    net = Twice()
    net.initialize(mx.init.Normal(0.5))
    x = mx.nd.random.normal(shape=(2, 3, 7, 7))
    found = gm.grad_cam(net, x, target=0, layer="conv#2", relu=False)
    # of the output of the last run, whose mean is the score: the gradient is 1 / 49 everywhere
    value = net.conv(net.conv(x)).asnumpy()
    np.testing.assert_allclose(found.values, value[:, 0] / 49, rtol=1e-5)


def test_python_code_that_needs_numbers_is_named():
    class Free(mx.gluon.Block):
        def forward(self, x):
            return x * 2 if x.mean().asscalar() > 0 else x

    net = nn.Sequential()
    net.add(nn.Dense(3, in_units=3), Free())
    net.initialize()
    with pytest.raises(NetworkError, match=r"'1' \(Free\).*from gradcam_mx import nn"):
        gm.saliency(net, mx.nd.ones((1, 3)))


def test_plain_blocks_of_hybrid_blocks_are_traced():
    net = nn.Sequential()
    net.add(nn.Dense(3, in_units=3), nn.Dense(2, in_units=3))
    net.initialize()
    x = mx.nd.ones((1, 3))
    assert gm.saliency(net, x, target=1).score == pytest.approx(net(x).asnumpy()[:, 1])


@pytest.mark.parametrize("net", [3, "net.json", None])
def test_what_is_no_net_is_refused(net):
    with pytest.raises(NetworkError, match="pass a gluon Block"):
        gm.trace(net)

"""A layer has the same names in a traced net, in one that cannot be traced, and in a capture."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import nn
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError

X = np.random.RandomState(0).normal(size=(1, 3, 9, 9)).astype(np.float32)
ENDS = ("", "_fwd", "_fwd_output")


def layers(activation=None):
    return [
        nn.Conv2D(4, 3, in_channels=3),
        nn.Conv2D(5, 3, in_channels=4, activation=activation),
        nn.Activation("relu"),
        nn.GlobalAvgPool2D(),
        nn.Flatten(),
        nn.Dense(3, in_units=5),
    ]


class Untraceable(gm.nn.Block):
    """Its code needs numbers."""

    def __init__(self, **kwargs):
        super().__init__(prefix="vgg0_", **kwargs)
        with self.name_scope():
            self.layers = layers()
            for number, one in enumerate(self.layers):
                self.register_child(one, str(number))

    def forward(self, x):
        for one in self.layers:
            x = one(x)
        return x if float(x.sum().asscalar()) > -1e9 else -x


def initialised(net):
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(magnitude=4))
    return net


def traceable(activation=None):
    with mx.name.NameManager():
        net = nn.HybridSequential(prefix="vgg0_")
        with net.name_scope():
            net.add(*layers(activation))
    return initialised(net)


def untraceable():
    with mx.name.NameManager():
        return initialised(Untraceable())


def captured(net, name):
    """What a capture of that name kept."""
    with nn.capture(name) as found, mx.autograd.record():
        net(mx.nd.array(X))
    return found.output.asnumpy()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["vgg0_conv1", "vgg0_conv2d1"])
def test_every_way_knows_a_layer_by_the_same_names(name, end):
    """ "conv2d" is the tutorial's, whose Conv2D was named after its class."""
    net, other = traceable(), untraceable()
    expected = net[1](net[0](mx.nd.array(X))).asnumpy()
    np.testing.assert_allclose(
        gm.inspect.layer_outputs(net, X, name + end)[name + end], expected, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(captured(net, name + end), expected)
    np.testing.assert_array_equal(captured(other, name + end), expected)
    cam = gm.grad_cam(net, X, target=1, layer=name + end)
    same = gm.grad_cam(other, X, target=1, layer=name + end)
    np.testing.assert_allclose(cam.values, same.values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("end", ["_fwd", "_fwd_output"])
def test_the_operator_of_a_layer_is_not_its_activation(end):
    """A capture sees what the layer gives, behind its activation."""
    net = traceable(activation="relu")
    before = gm.inspect.layer_outputs(net, X, f"vgg0_conv1{end}")[f"vgg0_conv1{end}"]
    assert (before < 0).any()
    assert not (captured(net, "vgg0_conv1") < 0).any()
    with pytest.raises(LayerError, match="vgg0_conv1"):
        captured(net, f"vgg0_conv1{end}")


@pytest.mark.parametrize(
    "name",
    ["vgg0_conv2d9", "vgg0_conv2d1_relu", "vgg0_conv2d1x", "vgg0_conv2d", "conv2d1", "vgg0_conv1_"],
)
def test_no_way_takes_a_name_for_another(name):
    net, other = traceable(), untraceable()
    with pytest.raises(LayerError):
        gm.grad_cam(net, X, target=1, layer=name)
    with pytest.raises(LayerError):
        gm.grad_cam(other, X, target=1, layer=name)
    with pytest.raises(LayerError):
        captured(net, name)


def test_a_part_of_a_name_is_not_the_tutorials():
    """Only its numbered convolutions are named after their class."""
    net = nn.HybridSequential(prefix="")
    net.add(nn.Dense(3, in_units=2, prefix="my_conv_head_"))
    net.initialize()
    with nn.capture("my_conv2d_head") as found:
        net(mx.nd.ones((1, 2)))
    with pytest.raises(LayerError, match="my_conv2d_head"):
        _ = found.output


def test_both_kinds_of_net_have_the_same_default_layer():
    cam, same = (gm.grad_cam(net, X, target=1) for net in (traceable(), untraceable()))
    assert (cam.layer, same.layer) == ("1", "1")
    np.testing.assert_allclose(cam.values, same.values, rtol=1e-4, atol=1e-6)

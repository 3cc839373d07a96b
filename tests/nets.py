"""Nets for the tests: every architecture of Gluon's model zoo with random weights."""

from __future__ import annotations

import ctypes
import gc

from gradcam_mx._mxnet import mx

ARCHITECTURES = sorted(
    [
        "alexnet",
        "densenet121",
        "densenet161",
        "densenet169",
        "densenet201",
        "inceptionv3",
        "mobilenet0.25",
        "mobilenet0.5",
        "mobilenet0.75",
        "mobilenet1.0",
        "mobilenetv2_0.25",
        "mobilenetv2_0.5",
        "mobilenetv2_0.75",
        "mobilenetv2_1.0",
        "resnet101_v1",
        "resnet101_v2",
        "resnet152_v1",
        "resnet152_v2",
        "resnet18_v1",
        "resnet18_v2",
        "resnet34_v1",
        "resnet34_v2",
        "resnet50_v1",
        "resnet50_v2",
        "squeezenet1.0",
        "squeezenet1.1",
        "vgg11",
        "vgg11_bn",
        "vgg13",
        "vgg13_bn",
        "vgg16",
        "vgg16_bn",
        "vgg19",
        "vgg19_bn",
    ]
)


def give_memory_back():
    """Free arrays in circles of references, and what malloc keeps of all that were freed."""
    gc.collect()
    mx.nd.waitall()
    ctypes.CDLL(None).malloc_trim(0)


def input_size(name):
    """The smallest handy input of a net as it is: some end in a pooling window of fixed size."""
    if name.startswith("inception"):
        return 299
    return 224 if name.startswith(("densenet", "squeezenet")) else 96


def small_model(name):
    """A net of the model zoo for small inputs, and their size: a last pooling window of fixed size
    is as large as the maps that it then sees."""
    net = mx.gluon.model_zoo.vision.get_model(name)
    size = {"alexnet": 96, "inceptionv3": 107}.get(name, 64)
    if not name.startswith(("densenet", "inception", "squeezenet")):
        return net, size
    blocks = [*net.features._children.values(), *net.output._children.values()]
    (last,) = (one for one in blocks if isinstance(one, mx.gluon.nn.AvgPool2D))
    side = 3 if name.startswith("squeezenet") else 2
    last._kwargs.update(kernel=(side, side), stride=(side, side))
    return net, size


def random_net(name, seed=0, ctx=None):
    """A net of the model zoo with random weights and random running statistics, and an input."""
    mx.random.seed(seed)
    net, size = small_model(name)
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx or mx.cpu())
    x = mx.nd.random.normal(shape=(1, 3, size, size), ctx=ctx or mx.cpu())
    net(x).wait_to_read()
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.random.uniform(0.5, 1.5, parameter.shape))
        elif parameter.name.endswith(("beta", "running_mean", "bias")):
            parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    return net, x

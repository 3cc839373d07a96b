"""Nets of the zoo take what their `preprocess` gives."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.zoo.calls import TakesArrays

PHOTO = np.random.RandomState(0).randint(0, 256, (60, 80, 3)).astype(np.uint8)
NETS = ["squeezenet1_1", "efficientnet_lite0", "resnet18_v1", "mobilenet0.25"]


@pytest.mark.parametrize("name", NETS)
def test_photos_go_straight_into_the_net(ctx, name):
    net = gm.zoo.get_model(name, pretrained=False, classes=7)
    net.initialize(ctx=ctx)
    x = net.preprocess(PHOTO)
    expected = net(mx.nd.array(x, ctx=ctx)).asnumpy()
    found = net(x)
    assert found.context == ctx
    np.testing.assert_array_equal(found.asnumpy(), expected)
    np.testing.assert_array_equal(copy.deepcopy(net)(x).asnumpy(), expected)
    net.hybridize()
    np.testing.assert_allclose(net(x).asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_gluons_nets_stay_what_they_are():
    native = mx.gluon.model_zoo.vision.resnet18_v1()
    net = gm.zoo.get_model("resnet18_v1", pretrained=False)
    assert isinstance(net, type(native))
    assert (type(net).__name__, type(net).__module__) == ("ResNetV1", type(native).__module__)
    assert type(net) is type(gm.zoo.get_model("resnet18_v1", pretrained=False))
    assert issubclass(gm.zoo.VGG, TakesArrays)
    assert not issubclass(type(native), TakesArrays)
    with pytest.raises(ValueError, match="NDArray or one Symbol"):
        native(net.preprocess(PHOTO))


def test_grey_photos_and_names():
    grey = PHOTO[..., 0]
    expected = gm.zoo.IMAGENET(np.repeat(grey[..., None], 3, axis=2))
    for one in (grey, grey[..., None], mx.nd.array(grey, dtype="uint8")):
        np.testing.assert_array_equal(gm.zoo.IMAGENET(one), expected)
    assert gm.zoo.get_model("squeezenet1_1").class_names[281] == "tabby"
    assert not hasattr(gm.zoo.get_model("squeezenet1_1", pretrained=False), "class_names")

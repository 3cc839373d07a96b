"""VGG: the same net, names and files as Gluon's."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet.gluon.model_zoo import vision

from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError

NAMES = [f"vgg{layers}{suffix}" for layers in (11, 13, 16, 19) for suffix in ("", "_bn")]


def described(net):
    """Structural keys with the shapes and prefix-free names of their parameters."""
    outputs = net(mx.sym.var("data"))
    shapes, _, states = outputs.infer_shape(data=(1, 3, 224, 224))
    names = outputs.list_arguments() + outputs.list_auxiliary_states()
    known = dict(zip(names, shapes + states))
    parameters = net._collect_params_with_prefix().items()
    return [(key, p.name[len(net.prefix) :], known[p.name]) for key, p in parameters]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_named_and_shaped_as_gluons(name):
    ours, theirs = getattr(zoo, name)(pretrained=False), getattr(vision, name)()
    assert described(ours) == described(theirs)
    assert [type(block).__name__ for block in ours.features] == [
        type(block).__name__ for block in theirs.features
    ]
    assert ours.preprocess is zoo.IMAGENET


def test_the_tutorials_layer_has_the_tutorials_name():
    net = zoo.vgg16(pretrained=False)
    assert net.prefix.startswith("vgg")
    assert net.features[28].name == f"{net.prefix}conv12"


@pytest.mark.parametrize("batch_norm", [False, True])
def test_files_interchange_both_ways(tmp_path, ctx, batch_norm):
    shape = ([1, 2], [3, 4])
    theirs = vision.VGG(*shape, classes=7, batch_norm=batch_norm)
    ours = zoo.VGG(*shape, classes=7, batch_norm=batch_norm)
    x = mx.nd.random.normal(shape=(2, 3, 8, 8), ctx=ctx)

    theirs.initialize(ctx=ctx)
    expected = theirs(x).asnumpy()
    assert np.abs(expected).max() > 0
    theirs.save_parameters(str(tmp_path / "theirs.params"))
    ours.load_parameters(str(tmp_path / "theirs.params"), ctx=ctx)
    np.testing.assert_array_equal(ours(x).asnumpy(), expected)

    ours.save_parameters(str(tmp_path / "ours.params"))
    again = vision.VGG(*shape, classes=7, batch_norm=batch_norm)
    again.load_parameters(str(tmp_path / "ours.params"), ctx=ctx)
    np.testing.assert_array_equal(again(x).asnumpy(), expected)


def test_untrained_nets_are_left_to_be_initialised():
    net = zoo.vgg11(pretrained=False, classes=3)
    assert all(p._data is None for p in net.collect_params().values())
    assert described(net)[-1][2] == (3,)


def test_other_depths_are_refused_with_the_choice():
    with pytest.raises(NetworkError, match=r"12 layers.*11, 13, 16, 19"):
        zoo.get_vgg(12)
    with pytest.raises(NetworkError, match="2 stages of layers, but 1 of filters"):
        zoo.VGG([1, 1], [8])

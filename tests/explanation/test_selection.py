"""An explanation of several samples, taken apart."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
NAMES = ["a", "b", "c", "d"]
CUT = {"segments": "grid", "num_segments": 4, "progress": False}
METHODS = {
    "grad_cam": {},
    "saliency": {},
    "guided_backprop": {},
    "occlusion": {"window": 3, "progress": False},
    "feature_ablation": CUT,
    "kernel_shap": {**CUT, "num_samples": 14},
    "integrated_gradients": {"steps": 4, "progress": False},
    "expected_gradients": {"background": X * 0, "num_samples": 4, "progress": False},
}


@pytest.fixture
def net(ctx):
    mx.random.seed(1)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.GlobalAvgPool2D(), nn.Flatten())
    net.add(nn.Dense(4, in_units=4))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    return net


@pytest.mark.parametrize("name", METHODS)
def test_a_sample_is_what_it_is_alone(net, name):
    function, options = gm.METHODS[name].function, METHODS[name]
    both = function(net, X, [2, 0, 3], names=NAMES, **options)
    assert len(both) == 3
    for number, one in enumerate(both):
        alone = function(net, X[number : number + 1], [2, 0, 3][number], names=NAMES, **options)
        assert one.values.shape == alone.values.shape
        np.testing.assert_array_equal(one.values, both.values[number : number + 1])
        if name != "expected_gradients":  # of which each sample draws its own
            np.testing.assert_allclose(one.values, alone.values, rtol=1e-3, atol=1e-5)
        assert (one.target, one.class_names) == (alone.target, alone.class_names)
        assert {key: one.details[key].shape for key in one.details} == {
            key: alone.details[key].shape for key in alone.details
        }
        assert (one.method, one.layer, one.input_size) == (both.method, both.layer, (8, 8))
        assert one == both[number] == both[number - 3]
        assert one.heatmap().shape == (1, 8, 8)


def test_slices(net):
    both = gm.grad_cam(net, X, [2, 0, 3])
    assert both[1:].target == [0, 3]
    assert both[::-1].target == [3, 0, 2]
    np.testing.assert_array_equal(both[::2].values, both.values[::2])
    assert both[:] == both
    assert len(both[3:]) == 0


def test_what_is_not_of_classes(net):
    found = gm.grad_cam(net, X, lambda y: y.max(axis=1))
    assert found[1].target == found.target
    each = gm.grad_cam(net, X, [gm.targets.Probability(1), 0, None])
    assert each[0].target == each.target[:1]


def test_no_such_sample(net):
    found = gm.grad_cam(net, X)
    for number in (3, -4):
        with pytest.raises(IndexError, match=f"no sample {number}: the explanation has 3"):
            found[number]
    with pytest.raises(InputError, match="samples 0 to 2; got \\['values'\\]"):
        found["values"]


def test_views_stay_with_their_sample():
    """Two frames of each sample are folded into the axis of the samples."""

    class Frames(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = nn.Conv2D(4, 3, in_channels=3, activation="relu")
                self.head = nn.Dense(3, in_units=4)

        def hybrid_forward(self, F, x):
            maps = self.conv(F.reshape(x, (-3, -2)))
            return self.head(F.mean(F.reshape(F.mean(maps, axis=(2, 3)), (-4, -1, 2, 0)), axis=1))

    net = Frames()
    net.initialize(mx.init.Normal(1))
    x = np.random.RandomState(2).normal(size=(3, 2, 3, 8, 8)).astype(np.float32)
    both = gm.grad_cam(net, x, [2, 0, 1], net.conv)
    assert (len(both), len(both.values)) == (3, 6)
    for number, one in enumerate(both):
        alone = gm.grad_cam(net, x[number : number + 1], [2, 0, 1][number], net.conv)
        np.testing.assert_allclose(one.values, alone.values, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(one.details["rows"], alone.details["rows"])
        assert one.views == 2


def test_numpy_takes_the_values(net):
    found = gm.grad_cam(net, X)
    np.testing.assert_array_equal(np.asarray(found), found.values)
    assert np.asarray(found, np.float64).dtype == np.float64


def test_each_sample_lies_on_its_own_photo(net):
    draw = np.random.RandomState(0)
    photos = [draw.randint(0, 256, (20 + 9 * number, 30, 3), np.uint8) for number in range(3)]
    prepare = gm.zoo.IMAGENET.adapted(size=8)
    both = gm.grad_cam(net, np.concatenate([prepare(photo) for photo in photos]), 1)
    for photo, one in zip(photos, both):
        (drawn,) = gm.grad_cam(net, prepare(photo), 1).pictures(photo)
        assert one.overlay(photo).shape == photo.shape
        np.testing.assert_allclose(one.pictures(photo)[0], drawn, atol=1)
    (last,) = both[2:].pictures([photos[2]])
    np.testing.assert_array_equal(last, both[2].pictures(photos[2])[0])

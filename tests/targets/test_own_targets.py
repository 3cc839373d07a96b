"""Targets of a user's own: a function, and what it may say of itself."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError
from gradcam_mx.targets import (
    Channel,
    ClassScore,
    Detection,
    LayerOutputs,
    Probability,
    Several,
    Top,
    Unit,
)

X = np.random.RandomState(0).randn(2, 3, 6, 5).astype(np.float32)


class Two(mx.gluon.HybridBlock):
    """A map, and scores that are linear in it."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv = gm.nn.Conv2D(4, 3, in_channels=3)
            self.out = gm.nn.Dense(3, in_units=4 * 4 * 3)

    def hybrid_forward(self, F, x):
        maps = self.conv(x)
        return maps, self.out(maps)


def make(ctx):
    mx.random.seed(1)
    net = Two()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net, mx.nd.array(X, ctx=ctx)


class Margin:
    """The score of class 0 above that of class 2, and a little of the map."""

    reads = (1, 0)

    def __call__(self, scores, maps):
        return scores[:, 0] - scores[:, 2] + maps.mean(axis=(1, 2, 3))


def test_a_target_says_which_outputs_it_reads(ctx):
    net, x = make(ctx)
    for method in (gm.saliency, gm.occlusion):
        found = method(net, x, Margin())
        chosen = method(net, x, lambda scores, maps: Margin()(scores, maps), output=(1, 0))
        np.testing.assert_allclose(found.values, chosen.values, rtol=1e-4, atol=1e-5)
    assert found.target == "Margin"
    scores, maps = (one.asnumpy() for one in reversed(net(x)))
    expected = scores[:, 0] - scores[:, 2] + maps.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-5)


def test_a_function_has_attributes_too(ctx):
    net, x = make(ctx)

    def second(scores):
        return scores[:, 1]

    second.reads = 1
    found, alone = gm.saliency(net, x, second), gm.saliency(net, x, 1, output=1)
    np.testing.assert_allclose(found.values, alone.values, atol=1e-6)
    both = gm.saliency(net, x, Several([second, Unit("conv", 2)]))
    np.testing.assert_allclose(both[0].values, alone.values, atol=1e-6)


class Brightness:
    """The mean of a channel of one layer times that of another."""

    def __init__(self, layers):
        self.reads = LayerOutputs(layers)

    def __call__(self, low, high):
        return low.mean(axis=(2, 3))[:, 1] * high.mean(axis=(2, 3))[:, 2]


@pytest.mark.parametrize("method", [gm.saliency, gm.occlusion, gm.guided_backprop])
def test_layers_have_their_channels_at_axis_1(ctx, method):
    """The same net twice: channels last, and first."""
    first, last = gm.nn.HybridSequential(), mx.gluon.nn.HybridSequential()
    for net, layer, layout in ((first, gm.nn.Conv2D, "NCHW"), (last, mx.gluon.nn.Conv2D, "NHWC")):
        for channels, of in ((4, 3), (5, 4)):
            net.add(layer(channels, 2, in_channels=of, activation="relu", layout=layout))
        net.add(mx.gluon.nn.Flatten())
    mx.random.seed(3)
    first.initialize(mx.init.Normal(0.5), ctx=ctx)
    last.initialize(ctx=ctx)
    for ours, theirs in zip((first[0], first[1]), (last[0], last[1])):
        theirs.weight.set_data(ours.weight.data(ctx).transpose((0, 2, 3, 1)))
        theirs.bias.set_data(ours.bias.data(ctx))
    x, target = mx.nd.array(X, ctx=ctx), Brightness(("0", "1"))
    expected, found = method(first, x, target), method(last, x.transpose((0, 2, 3, 1)), target)
    low, high = gm.inspect.layer_outputs(first, x, ["0", "1"]).values()
    score = low[:, 1].mean(axis=(1, 2)) * high[:, 2].mean(axis=(1, 2))
    assert np.abs(expected.values).max() > 1e-3
    np.testing.assert_allclose(expected.score, score, rtol=1e-4)
    np.testing.assert_allclose(found.score, score, rtol=1e-4)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-3, atol=1e-5)


class Counted:
    """How many scores are above zero: through numpy, so without a derivative."""

    reads = 1
    differentiable = False

    def __call__(self, scores):
        return mx.nd.array((scores.asnumpy() > 0).sum(axis=1), ctx=scores.context)


def test_a_target_without_a_derivative_is_explained_by_trying_inputs(ctx):
    net, x = make(ctx)
    found = gm.occlusion(net, x, Counted())
    np.testing.assert_array_equal(found.score, (net(x)[1].asnumpy() > 0).sum(axis=1))
    for target in (Counted(), [Counted(), Counted()], Several([Counted(), Unit("conv", 1)])):
        with pytest.raises(TargetError, match="Counted has no derivative, and this method needs"):
            gm.saliency(net, x, target)


class Strongest:
    """The strongest score, whichever it is; in variants, that of the same class."""

    reads = 1

    def __call__(self, scores):
        return scores.max(axis=1)

    def of_variants(self, scores):
        return [int(one) for one in scores.asnumpy().argmax(axis=1)]


def test_a_target_says_what_it_means_in_variants(ctx):
    net, x = make(ctx)
    halves = np.repeat([0, 1, 2, 3], [8, 7, 8, 7]).reshape(6, 5)
    found = gm.feature_ablation(net, x, Strongest(), segments=halves)
    classes = net(x)[1].asnumpy().argmax(axis=1).tolist()
    alone = gm.feature_ablation(net, x, classes, segments=halves, output=1)
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-5, atol=1e-6)
    loose = Strongest()
    loose.of_variants = lambda scores: loose
    other = gm.feature_ablation(net, x, loose, segments=halves)
    assert np.abs(other.values - alone.values).max() > 1e-3


# ------------------------------------------------------------------------ the ready-made as objects


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (ClassScore(3), "ClassScore(class_id=3)"),
        (Probability([1, 2]), "Probability(class_id=[1, 2], link=None)"),
        (Unit("conv", 2), "Unit(layer='conv', channel=2, position=None)"),
        (Channel("conv", 2), "Channel(layer='conv', channel=2)"),
        (Top(2), "Top(count=2)"),
        (Several([1, Top]), f"Several(targets=[1, {Top!r}])"),
        (
            Detection(index=1),
            "Detection(index=1, box=None, class_id=None, min_iou=0.5, outputs=(0, 1, 2), "
            "lost=None)",
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_they_show_what_they_were_given_and_are_equal_by_it(target, shown):
    assert repr(target) == shown
    fields = {name: getattr(target, name) for name in type(target).__dataclass_fields__}
    assert type(target)(**fields) == target
    assert target != Unit("conv", 3)


@pytest.mark.parametrize("kind", [Unit, Channel])
def test_where_a_net_keeps_its_channels_is_nothing_that_a_target_is_told(kind):
    with pytest.raises(TypeError, match="channel_axis"):
        kind("conv", 2, channel_axis=1)

"""Units of layers as targets, in nets that keep the channels last or cannot be traced."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, TargetError

SHAPE = (2, 3, 9, 8)


def make_net(ctx, traceable=True, layers=gm.nn):
    class Net(mx.gluon.HybridBlock if traceable else mx.gluon.Block):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.first = layers.Conv2D(4, 3, padding=1, in_channels=3)
                self.rectify = layers.Activation("relu")
                self.pool = layers.MaxPool2D(2)
                self.second = layers.Conv2D(5, 3, in_channels=4)
                self.out = layers.Dense(3, in_units=5 * 2 * 2)

        def hybrid_forward(self, F, x):
            return self.out(self.second(self.pool(self.rectify(self.first(x)))))

        def forward(self, x):
            if traceable:
                return super().forward(x)
            assert x.asnumpy().size  # Python that needs numbers
            return self.hybrid_forward(mx.nd, x)

    mx.random.seed(3)
    net = Net()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net


def make_x(ctx):
    return mx.nd.array(np.random.RandomState(1).randn(*SHAPE), ctx=ctx)


UNITS = [("second", 2, (1, 1)), ("second", 4, None), ("pool", 1, (3, 0)), ("out", 2, None)]


@pytest.mark.parametrize(("layer", "channel", "position"), UNITS)
def test_a_net_that_cannot_be_traced_has_the_same_units(ctx, layer, channel, position):
    x, unit = make_x(ctx), gm.targets.Unit(layer, channel, position)
    traced, eager = make_net(ctx), make_net(ctx, traceable=False)
    for method in (gm.saliency, gm.guided_backprop, gm.deconvnet, gm.occlusion):
        expected, found = method(traced, x, unit), method(eager, x, unit)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
        assert found.output == expected.output == layer
    outputs = gm.inspect.layer_outputs(eager, x, [layer, "first"])
    for name, expected in gm.inspect.layer_outputs(traced, x, [layer, "first"]).items():
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-5, atol=1e-6)
    blocks = gm.inspect.layer_outputs(eager, x, [eager.pool, eager.first])
    assert {name: one.shape for name, one in blocks.items()} == {
        "pool": (2, 4, 4, 4),
        "first": (2, 4, 9, 8),
    }


@pytest.mark.parametrize("position", [(1, 2), None])
def test_channels_that_are_kept_last(ctx, position):
    """The same net twice: channels last between two transpositions, and first."""
    mx.random.seed(4)
    first = gm.nn.HybridSequential()
    first.add(
        gm.nn.Conv2D(4, 3, in_channels=3, activation="relu"),
        gm.nn.Conv2D(5, 2, in_channels=4),
        gm.nn.GlobalAvgPool2D(),
        gm.nn.Dense(2),
    )
    first.initialize(mx.init.Normal(0.5), ctx=ctx)
    last = mx.gluon.nn.HybridSequential()
    last.add(
        mx.gluon.nn.Conv2D(4, 3, in_channels=3, activation="relu", layout="NHWC"),
        mx.gluon.nn.Conv2D(5, 2, in_channels=4, layout="NHWC"),
        mx.gluon.nn.GlobalAvgPool2D(layout="NHWC"),
        mx.gluon.nn.Dense(2, in_units=5),
    )
    last.initialize(ctx=ctx)
    for ours, theirs in zip((first[0], first[1]), (last[0], last[1])):
        theirs.weight.set_data(ours.weight.data(ctx).transpose((0, 2, 3, 1)))
        theirs.bias.set_data(ours.bias.data(ctx))
    x = make_x(ctx)
    turned = x.transpose((0, 2, 3, 1))
    unit = gm.targets.Unit("1", 3, position)
    expected, found = gm.saliency(first, x, unit), gm.saliency(last, turned, unit)
    assert np.abs(expected.values).max() > 0.1
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-6)
    outputs = gm.inspect.layer_outputs(last, turned, ["0", "1"])
    for name, values in gm.inspect.layer_outputs(first, x, ["0", "1"]).items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-4, atol=1e-5)
    box = gm.inspect.receptive_field(first, "1", SHAPE, (2, 3))
    assert box == (slice(2, 6), slice(3, 7))
    assert gm.inspect.receptive_field(last, "1", (2, 9, 8, 3), (2, 3)) == box


def test_several_units_of_a_layer_share_a_call(ctx):
    net, x = make_net(ctx), make_x(ctx)
    units = [gm.targets.Unit("second", channel) for channel in (0, 3)]
    for method in (gm.guided_backprop, gm.occlusion):
        together = method(net, x, gm.targets.Several(units))
        for one, unit in zip(together, units):
            np.testing.assert_allclose(one.values, method(net, x, unit).values, atol=1e-5)
    each = gm.saliency(net, x, units)  # one for each sample
    for n, unit in enumerate(units):
        np.testing.assert_allclose(each.values[n], gm.saliency(net, x, unit).values[n], atol=1e-6)


def test_where_a_channel_is_strongest_is_found_in_each_sample(ctx):
    net, x = make_net(ctx), make_x(ctx)
    maps = gm.inspect.layer_outputs(net, x, "second")["second"][:, 1]
    found = gm.saliency(net, x, gm.targets.Unit("second", 1))
    for n, one in enumerate(maps):
        position = np.unravel_index(one.argmax(), one.shape)
        np.testing.assert_allclose(found.score[n], one.max(), rtol=1e-6)
        np.testing.assert_array_equal(
            found.values[n], gm.saliency(net, x, gm.targets.Unit("second", 1, position)).values[n]
        )


def test_a_channel_is_the_mean_of_its_units(ctx):
    net, x = make_net(ctx), make_x(ctx)
    maps = gm.inspect.layer_outputs(net, x, "second")["second"]
    found = gm.saliency(net, x, gm.targets.Channel("second", 3))
    np.testing.assert_allclose(found.score, maps[:, 3].mean(axis=(1, 2)), rtol=1e-5)
    units = [
        gm.saliency(net, x, gm.targets.Unit("second", 3, position)).values
        for position in np.ndindex(*maps.shape[2:])
    ]
    np.testing.assert_allclose(found.values, np.mean(units, axis=0), atol=1e-6)
    dense = gm.saliency(net, x, gm.targets.Channel("out", 1))
    np.testing.assert_allclose(dense.values, gm.saliency(net, x, 1).values, atol=1e-6)


@pytest.mark.parametrize(
    ("target", "options", "error", "said"),
    [
        (gm.targets.Channel("second", 5), {}, TargetError, r"no unit 5: the layer 'second' gives"),
        (
            gm.targets.Unit("second", 5),
            {},
            TargetError,
            r"no unit 5: the layer 'second' gives \(2, 5",
        ),
        (gm.targets.Unit("second", -1), {}, TargetError, "no unit -1"),
        (gm.targets.Unit("second", 1.0), {}, TargetError, r"no unit 1\.0"),
        (gm.targets.Unit("second", 1, (0, 2)), {}, TargetError, r"no position \(0, 2\)"),
        (gm.targets.Unit("second", 1, (0,)), {}, TargetError, r"no position \(0,\)"),
        (gm.targets.Unit("secnd", 1), {}, LayerError, "closest are second"),
        (gm.targets.Unit("second", 1), {"output": 0}, TargetError, "together with output=0"),
        ([gm.targets.Unit("second", 1), 2], {}, TargetError, "'second', number 1 of output 0"),
        (
            [gm.targets.Unit("second", 1), gm.targets.Unit("pool", 1)],
            {},
            TargetError,
            "'second'.*'pool'",
        ),
    ],
)
def test_what_is_no_unit_is_refused(target, options, error, said):
    with pytest.raises(error, match=said):
        gm.saliency(make_net(mx.cpu()), make_x(mx.cpu()), target, **options)


def test_the_features_that_a_class_is_told_by_are_known_of_traced_nets(ctx):
    net, x = make_net(ctx), make_x(ctx)
    found = gm.inspect.layer_outputs(net, x, "penultimate")["penultimate"]
    np.testing.assert_allclose(
        found.reshape(2, -1), gm.inspect.layer_outputs(net, x, "second")["second"].reshape(2, -1)
    )
    with pytest.raises(LayerError, match="penultimate"):
        gm.inspect.layer_outputs(make_net(ctx, traceable=False), x, "penultimate")

"""Channels that are suppressed: numbers are those of the net computed layer by layer, changed in
between by numpy."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from looped import looped
from networks import (
    channels_last,
    filled,
    initialised,
    nn,
    normal,
    sequential,
)

import gradcam_mx as gm
from gradcam_mx import errors
from gradcam_mx._mxnet import mx

SHAPE = (3, 3, 12, 10)


def layers():
    return [
        nn.Conv2D(6, 3, in_channels=3),
        nn.BatchNorm(in_channels=6),
        nn.Activation("relu"),
        nn.Conv2D(8, 3, in_channels=6, activation="relu"),
        nn.Dropout(0.5),
        nn.GlobalAvgPool2D(),
        nn.Flatten(),
        nn.Dense(7, in_units=8, activation="relu"),
        nn.Dense(5, in_units=7),
    ]


def made(ctx=None):
    ctx = ctx or mx.cpu()
    net = initialised(sequential(layers), ctx, normal(*SHAPE))
    return net, mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx)


def naive(net, x, changes):
    """What the net gives if the values of its children are changed: number → function."""
    value = x
    for number, layer in enumerate(net._children.values()):
        value = layer(value)
        if number in changes:
            found = value.asnumpy()
            changes[number](found)
            value = mx.nd.array(found, ctx=x.context)
    return value.asnumpy()


def zeroed(*channels):
    def change(value):
        value[:, list(channels)] = 0

    return change


def held(means):
    def change(value):
        for channel, mean in means.items():
            value[:, channel] = mean

    return change


def scores(graph, x):
    return graph.forward([x])[0].asnumpy()


CHANGES = [{"0": [1]}, {"2": [0, 5]}, {"3": [7]}, {"1": [2], "3": [0, 1], "7": [3]}, {"8": [4]}]


@pytest.mark.parametrize("channels", CHANGES)
def test_channels_are_zero(ctx, channels):
    net, x = made(ctx)
    before = net(x).asnumpy()
    changed = gm.surgery.suppress(net, channels)
    expected = naive(net, x, {int(layer): zeroed(*some) for layer, some in channels.items()})
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected - before).max() > 1e-2
    np.testing.assert_array_equal(net(x).asnumpy(), before)


@pytest.mark.parametrize("channels", CHANGES)
def test_channels_are_held_at_their_mean_over_data(ctx, channels):
    net, x = made(ctx)
    data = normal(37, *SHAPE[1:], seed=5)
    changed = gm.surgery.suppress(net, channels, to="mean", data=data)
    value, means = mx.nd.array(data, ctx=ctx), {}
    for number, layer in enumerate(net._children.values()):
        value = layer(value)
        numbers = value.asnumpy().astype(np.float64)
        axes = tuple(axis for axis in range(numbers.ndim) if axis != 1)
        means[number] = numbers.mean(axis=axes)
    changes = {
        int(layer): held({one: means[int(layer)][one] for one in some})
        for layer, some in channels.items()
    }
    np.testing.assert_allclose(scores(changed, x), naive(net, x, changes), rtol=1e-4, atol=1e-5)


def test_every_way_to_name_a_layer(ctx):
    net, x = made(ctx)
    expected = naive(net, x, {3: zeroed(2)})
    for layer in (net[3], "3", net[3].name):
        changed = gm.surgery.suppress(net, {layer: [2]})
        np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)
    # the convolution alone, before its activation
    changed = gm.surgery.suppress(net, {f"{net[3].name}_fwd": 2})
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)
    # two names of one value
    changed = gm.surgery.suppress(net, {"3": [2], net[3]: [4]})
    expected = naive(net, x, {3: zeroed(2, 4)})
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)


def test_layers_are_called_as_before_and_give_what_is_left(ctx):
    net, x = made(ctx)
    changed = gm.surgery.suppress(net, {"3": [2], "0": [1]})
    assert changed.output_names == gm.trace(net).output_names
    for layer, channel in (("3", 2), ("0", 1), (f"{net[0].name}_fwd", 1)):
        values, before = (gm.inspect.layer_outputs(one, x, layer)[layer] for one in (changed, net))
        assert values.shape == before.shape
        assert not values[:, channel].any()
        assert before[:, channel].any()
    assert gm.grad_cam(changed, x, 1).layer == gm.grad_cam(net, x, 1).layer


def test_of_what_is_suppressed_again_both_are_gone(ctx):
    net, x = made(ctx)
    changed = gm.surgery.suppress(gm.surgery.suppress(net, {"3": [2]}), {"3": [5], "0": [0]})
    expected = naive(net, x, {3: zeroed(2, 5), 0: zeroed(0)})
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)


class Twice(nn.HybridBlock):
    """A layer that runs twice, and a value that is read in two places."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1, in_channels=3, activation="relu")
            self.conv = nn.Conv2D(4, 3, padding=1, in_channels=4, activation="relu")
            self.output = nn.Dense(5, in_units=4)

    def hybrid_forward(self, F, x, change=None):
        change = change or (lambda name, value: value)
        stem = change("stem", self.stem(x))
        first = change("conv#1", self.conv(stem))
        second = change("conv#2", self.conv(first) + 0)
        return self.output((second + first + stem).mean(axis=(2, 3)))


@pytest.mark.parametrize(
    ("layer", "runs"),
    [("conv", ("conv#1", "conv#2")), ("conv#1", ("conv#1",)), ("stem", ("stem",))],
)
def test_a_layer_that_runs_twice_is_suppressed_in_all_runs_or_in_one(ctx, layer, runs):
    net = initialised(Twice(), ctx, normal(*SHAPE))
    x = mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx)
    data = normal(20, *SHAPE[1:], seed=2)
    seen = {}

    def noted(name, value):
        seen[name] = value.asnumpy().astype(np.float64).mean(axis=(0, 2, 3))
        return value

    net.hybrid_forward(mx.nd, mx.nd.array(data, ctx=ctx), noted)
    for to in ("zero", "mean"):

        def change(name, value):
            if name not in runs:
                return value
            found = value.asnumpy()
            found[:, 2] = 0 if to == "zero" else seen[name][2]  # noqa: B023
            return mx.nd.array(found, ctx=ctx)

        expected = net.hybrid_forward(mx.nd, x, change).asnumpy()
        given = {} if to == "zero" else {"to": "mean", "data": data}
        changed = gm.surgery.suppress(net, {layer: [2]}, **given)
        np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)


def test_channels_last():
    def build(layout, axis):
        return [
            nn.Conv2D(6, 3, in_channels=3, layout=layout, activation="relu"),
            nn.Conv2D(8, 3, in_channels=6, layout=layout, activation="relu"),
            nn.GlobalAvgPool2D(layout=layout),
            nn.Dense(5, in_units=8),
        ]

    case = channels_last((3, 12, 10, 3), build, "1")(mx.cpu(), None)
    x = mx.nd.array(normal(3, 12, 10, 3, seed=1))
    for channels in ({"0": [4]}, {"1": [0, 7]}):
        changed = gm.surgery.suppress(case.net, channels, input_shape=x.shape)
        changes = {int(layer): zeroed(*some) for layer, some in channels.items()}
        expected = naive(case.twin, x.transpose((0, 3, 1, 2)), changes)
        np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-4, atol=1e-5)


def fused():
    symbol = sequential(layers)
    net = initialised(symbol, mx.cpu(), normal(*SHAPE))
    numbers = {name: one.data() for name, one in net.collect_params().items()}
    states = {name: one for name, one in numbers.items() if "running" in name}
    made_of = net(mx.sym.var("data"))
    whole = made_of.get_backend_symbol("MKLDNN")
    assert "_sg_mkldnn_" in whole.tojson()
    return net, (whole, {k: v for k, v in numbers.items() if k not in states}, states)


def test_channels_inside_fused_operators():
    net, triple = fused()
    x = mx.nd.array(normal(*SHAPE, seed=1))
    names = [net[number].name + "_fwd" for number in (0, 1, 2)]
    for number, name in enumerate(names):
        changed = gm.surgery.suppress(triple, {name: [1]}, input_shape=SHAPE)
        expected = naive(net, x, {number: zeroed(1)})
        np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-4, atol=1e-5)


def test_what_is_written_gives_the_same_in_gluon_and_in_module(ctx, tmp_path):
    net, x = made(ctx)
    changed = gm.surgery.suppress(net, {"3": [2], "1": [0]}, to="mean", data=normal(5, *SHAPE[1:]))
    files = gm.surgery.save(changed, tmp_path / "changed")
    assert [one.name for one in files] == ["changed-symbol.json", "changed-0000.params"]
    expected = scores(changed, x)
    block = mx.gluon.SymbolBlock.imports(str(files[0]), ["data"], str(files[1]), ctx=ctx)
    np.testing.assert_allclose(block(x).asnumpy(), expected, rtol=1e-5, atol=1e-6)
    symbol, arguments, states = mx.model.load_checkpoint(str(tmp_path / "changed"), 0)
    module = mx.mod.Module(symbol, context=ctx, label_names=None)
    module.bind([("data", SHAPE)], for_training=False)
    module.set_params(arguments, states)
    module.forward(mx.io.DataBatch([x]), is_train=False)
    found = module.get_outputs()[0].asnumpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        scores(gm.load(tmp_path / "changed", ctx=ctx), x), expected, rtol=1e-5, atol=1e-6
    )
    for one in (copy.deepcopy(changed), pickle.loads(pickle.dumps(changed))):
        np.testing.assert_array_equal(scores(one.on(ctx), x), expected)
    # and with a map of what is left
    carried = gm.export_explained(
        changed, tmp_path / "map", method="recipro_cam", input_shape=SHAPE, upsample=False
    )
    block = mx.gluon.SymbolBlock.imports(
        str(carried.symbol_file), ["data"], str(carried.params_file), ctx=ctx
    )
    heat = gm.recipro_cam(changed, x).values
    np.testing.assert_allclose(block(x)[1].asnumpy(), heat, rtol=1e-4, atol=1e-5)


def test_the_copy_is_a_net_of_its_own():
    net, x = made()
    numbers = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    changed = gm.surgery.suppress(net, {"3": [2]})
    expected = scores(changed, x)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data().asnumpy(), numbers[name])
        one.set_data(mx.nd.zeros_like(one.data()))
    np.testing.assert_array_equal(scores(changed, x), expected)


def test_several_values_of_one_operator():
    data = mx.sym.var("data")
    parts = mx.sym.SliceChannel(
        mx.sym.Convolution(data, kernel=(3, 3), num_filter=6, name="conv"),
        num_outputs=2,
        name="two",
    )
    body = mx.sym.Convolution(parts[0] + parts[1], kernel=(1, 1), num_filter=4, name="last")
    symbol = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=3, name="out")
    triple = filled(symbol, mx.cpu(), data=SHAPE)
    x = mx.nd.array(normal(*SHAPE, seed=1))
    changed = gm.surgery.suppress(triple, {"conv": [0, 4]}, input_shape=SHAPE)
    changed_weights = dict(triple[1])
    for name in ("conv_weight", "conv_bias"):
        numbers = changed_weights[name].asnumpy()
        numbers[[0, 4]] = 0
        changed_weights[name] = mx.nd.array(numbers)
    expected = scores(gm.trace((symbol, changed_weights, triple[2])), x)
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "options", "error", "said"),
    [
        ({}, {}, errors.InputError, "no layers to suppress"),
        ({"3": []}, {}, errors.LayerError, "has the channels 0 to 7"),
        ({"3": [8]}, {}, errors.LayerError, r"has the channels 0 to 7; got \[8\]"),
        ({"3": [-1]}, {}, errors.LayerError, "has the channels 0 to 7"),
        ({"3": [1.5]}, {}, errors.LayerError, "has the channels 0 to 7"),
        ({"conv9": [1]}, {}, errors.LayerError, "no layer 'conv9'"),
        ({"3#2": [1]}, {}, errors.LayerError, "3#2"),
        ({"3": [1]}, {"to": "half"}, errors.InputError, "expected 'zero' or 'mean'"),
        ({"3": [1]}, {"to": "mean"}, errors.InputError, "without data"),
        ({"3": [1]}, {"data": normal(*SHAPE)}, errors.InputError, "with data"),
        ({"3": [1]}, {"to": "mean", "data": []}, errors.InputError, "no images"),
    ],
)
def test_what_cannot_be_suppressed(channels, options, error, said):
    net, _ = made()
    with pytest.raises(error, match=said):
        gm.surgery.suppress(net, channels, **options)


@pytest.mark.parametrize("kind", ["frames", "frames first", "nested", "then", "counted", "until"])
def test_loops_are_refused(kind):
    net, x = looped(kind, "float32")
    for layer in (net.body, net.body.conv):
        with pytest.raises(errors.LayerError, match="runs in a loop"):
            gm.surgery.suppress(net, {layer: [0]}, input_shape=x.shape)
    # beside a loop of so many steps there are channels as in any net
    if kind not in ("frames", "frames first", "nested"):
        with pytest.raises(errors.LayerError, match="not known before it runs"):
            gm.surgery.suppress(net, {"out": [0]}, input_shape=x.shape)
        return
    changed = gm.surgery.suppress(net, {"out": [0]}, input_shape=x.shape)
    x = mx.nd.array(x)
    expected = scores(gm.trace(net), x)
    expected[:, 0] = 0
    np.testing.assert_allclose(scores(changed, x), expected, rtol=1e-5, atol=1e-6)


def test_only_graphs_are_written(tmp_path):
    net, _ = made()
    with pytest.raises(errors.NetworkError, match="cannot write a HybridSequential"):
        gm.surgery.save(net, tmp_path / "net")
    with pytest.raises(errors.OutputError, match="no folder that exists"):
        gm.surgery.save(gm.trace(net), tmp_path / "none" / "net")


def test_nothing_of_the_graph_is_changed():
    net, _ = made()
    graph = gm.trace(net)
    before = json.dumps(graph.own.whole[0])
    gm.surgery.suppress(graph, {"3": [1], "8": [0]})
    assert json.dumps(graph.own.whole[0]) == before

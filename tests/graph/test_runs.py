"""Blocks that run several times, and names that several operators bear: each run has an address."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import nn
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, TargetError

gluon = mx.gluon
IS_FREE = pytest.mark.parametrize("is_free", [False, True], ids=["traced", "free"])


def siamese(is_free, ctx, names=("data0", "data1")):
    """A net that runs one convolution on two photos, and the photos; free, it cannot be traced."""

    class Siamese(gluon.Block if is_free else gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = nn.Conv2D(6, 3, padding=1, activation="relu")
                self.out = nn.Dense(1)

        def compared(self, F, a, b):
            a, b = (F.mean(self.conv(one), axis=(2, 3)) for one in (a, b))
            return self.out(F.abs(a - b))

        if is_free:

            def forward(self, a, b):
                assert np.isfinite(a.asnumpy()).all()
                return self.compared(mx.nd, a, b)

        else:

            def hybrid_forward(self, F, a, b):
                return self.compared(F, a, b)

    mx.random.seed(4)
    net = Siamese()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    photos = tuple(mx.nd.random.normal(shape=(2, 1, 9, 9)).as_in_context(ctx) for _ in range(2))
    net(*photos)
    return net, photos


def maps_by_hand(net, photos):
    """Grad-CAM's maps of both photos, negative evidence too, and the gradients at the photos."""
    photos = [one.copy() for one in photos]
    for one in photos:
        one.attach_grad()
    made = [net.conv(one) for one in photos]
    for one in made:
        one.attach_grad()
    with mx.autograd.record():
        a, b = (one.mean(axis=(2, 3)) for one in made)
        score = net.out((a - b).abs()).sum()
    score.backward()
    return [(one.grad.mean(axis=(2, 3), keepdims=True) * one).sum(axis=1).asnumpy() for one in made]


@IS_FREE
def test_each_run_of_a_siamese_net_has_its_map(is_free, ctx):
    net, photos = siamese(is_free, ctx)
    left, right = maps_by_hand(net, photos)
    names = ("input 0", "input 1") if is_free else ("data0", "data1")
    asked = [
        ({}, 0),
        ({"input": 0}, 0),
        ({"input": 1}, 1),
        ({"layer": "conv#1"}, 0),
        ({"layer": "conv#2"}, 1),
        ({"layer": f"{net.conv.name}#2"}, 1),
        ({"layer": "conv", "input": 1}, 1),
        ({"layer": net.conv, "input": 0}, 0),
    ]
    for options, which in asked:
        found = gm.grad_cam(net, photos, relu=False, **options)
        np.testing.assert_allclose(found.values, (left, right)[which], rtol=1e-4, atol=1e-7)
        assert found.input == names[which], options
        assert found.layer.endswith(f"#{which + 1}"), options
    both = gm.grad_cam(net, photos, layer=["conv#1", "conv#2"], relu=False)
    assert [one.input for one in both] == list(names)
    np.testing.assert_allclose(both[1].values, right, rtol=1e-4, atol=1e-7)


@IS_FREE
def test_a_layer_that_runs_twice_has_to_be_told_which(is_free, ctx):
    net, photos = siamese(is_free, ctx)
    of = ("input 0", "input 1") if is_free else ("'data0'", "'data1'")
    for layer in ("conv", net.conv, net.conv.name):
        with pytest.raises(LayerError, match="runs 2 times") as caught:
            gm.grad_cam(net, photos, layer=layer)
        for number in (1, 2):
            assert f"#{number} (2, 6, 9, 9) of {of[number - 1]}" in str(caught.value)
    with pytest.raises(LayerError, match="does not depend on the input"):
        gm.grad_cam(net, photos, layer="conv#2", input=0)
    for layer in ("conv#0", "conv#3"):
        with pytest.raises(LayerError, match=f"{layer}.*conv#1.*conv#2|conv#2.*conv#1"):
            gm.grad_cam(net, photos, layer=layer)


@IS_FREE
def test_runs_are_known_wherever_layers_are(is_free, ctx):
    net, photos = siamese(is_free, ctx)
    outputs = gm.inspect.layer_outputs(net, photos, ["conv#1", "conv#2"])
    for photo, address in zip(photos, ("conv#1", "conv#2")):
        np.testing.assert_allclose(outputs[address], net.conv(photo).asnumpy(), rtol=1e-5)
    for target in (gm.targets.Channel("conv#2", 1), gm.targets.Unit("conv#2", 1, (3, 4))):
        photo = photos[1].copy()
        photo.attach_grad()
        with mx.autograd.record():
            made = net.conv(photo)[:, 1]
            if isinstance(target, gm.targets.Unit):
                score = made[:, 3, 4].sum()
            else:
                score = made.mean(axis=(1, 2)).sum()
        score.backward()
        found = gm.input_x_gradient(net, photos, target)
        assert found.output == "conv#2"
        expected = (photo.grad * photo).asnumpy()
        np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-8)
        with pytest.raises(TargetError, match="no gradient gets from"):
            gm.saliency(net, photos, target, input=0)
    for method in (gm.score_cam, gm.ablation_cam, gm.guided_grad_cam):
        found = method(net, photos, layer="conv#2")
        other = method(net, photos[::-1], layer="conv#1")
        if method is not gm.score_cam:  # |a - b| does not care which photo is which
            np.testing.assert_allclose(found.values, other.values, rtol=1e-3, atol=1e-6)


def test_the_runs_are_listed(ctx):
    net, photos = siamese(False, ctx)
    graph = gm.trace(net, 2)
    table = graph.layers(*(one.shape for one in photos))
    rows = {row.name: row for row in table}
    assert [name for name in rows if name.startswith("conv#")] == ["conv#1", "conv#2"]
    assert rows["conv#1"].is_default
    assert rows["conv#2"].block == f"{net.conv.name}#2"
    for row in table:
        if len(row.shape) == 4 and row.op != "Convolution":
            assert gm.grad_cam(graph, photos, layer=row.name).layer == row.name
    np.testing.assert_array_equal(
        gm.inspect.weights(graph, "conv"), net.conv.weight.data(ctx).asnumpy()
    )


class Recurrent(gluon.HybridBlock):
    """One block of two layers, run three times on what it gave before."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1)
            self.step = nn.HybridSequential()
            self.step.add(nn.Conv2D(4, 3, padding=1), nn.Activation("relu"))
            self.out = nn.Dense(3)

    def hybrid_forward(self, F, x):
        x = self.stem(x)
        for _ in range(3):
            x = self.step(x)
        return self.out(F.mean(x, axis=(2, 3)))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_runs_of_a_recurrent_block_and_of_what_is_in_it(number, ctx):
    mx.random.seed(2)
    net = Recurrent()
    net.initialize(mx.init.Normal(0.4), ctx=ctx)
    x = mx.nd.random.normal(shape=(1, 2, 7, 7)).as_in_context(ctx)
    net(x)
    value = net.stem(x)
    for _ in range(number):
        value = net.step(value)
    value.attach_grad()
    with mx.autograd.record():
        last = value
        for _ in range(3 - number):
            last = net.step(last)
        score = net.out(last.mean(axis=(2, 3)))[:, 1].sum()
    score.backward()
    expected = (value.grad.mean(axis=(2, 3), keepdims=True) * value).sum(axis=1).asnumpy()

    for layer in (f"step#{number}", f"step.1#{number}", f"{net.step[1].name}#{number}"):
        found = gm.grad_cam(net, x, 1, layer=layer, relu=False)
        assert found.layer == layer
        np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)
    for layer in ("step", "step.0"):
        with pytest.raises(LayerError, match=f"{layer}#1.*{layer}#2.*{layer}#3"):
            gm.grad_cam(net, x, 1, layer=layer)
        with pytest.raises(LayerError, match="3 times"):
            gm.grad_cam(net, x, 1, layer=layer, input=0)
    assert gm.grad_cam(net, x, 1).layer == "step.0#3"  # as in VGG, the convolution
    box = gm.inspect.receptive_field(net, f"step.0#{number}", x.shape, (3, 3))
    reach = min(3, 1 + number)
    assert box == (slice(3 - reach, 4 + reach), slice(3 - reach, 4 + reach))


def test_names_that_two_operators_of_a_file_bear(ctx):
    """Gluon itself writes such files, of blocks that run twice and of blocks without a prefix."""
    net, photos = siamese(False, ctx)
    symbol = net(mx.sym.var("data0"), mx.sym.var("data1"))
    names = [node["name"] for node in json.loads(symbol.tojson())["nodes"]]
    name = f"{net.conv.name}_fwd"
    assert names.count(name) == 2
    parameters = {key: one.data(ctx) for key, one in net.collect_params().items()}
    loaded = (symbol, parameters, {})
    left, right = (net.conv(one).asnumpy() for one in photos)
    found = gm.inspect.layer_outputs(loaded, photos, [f"{name}#1", f"{name}_output#2"])
    for values, expected in zip(found.values(), (left, right)):
        np.testing.assert_allclose(np.maximum(values, 0), expected, rtol=1e-5)
    with pytest.raises(LayerError, match=f"{name}#1 .* of 'data0'; {name}#2 .* of 'data1'"):
        gm.grad_cam(loaded, photos, layer=name)
    rows = [row.name for row in gm.trace(loaded).layers(*(one.shape for one in photos))]
    assert {f"{name}_output#1", f"{name}_output#2"} <= set(rows)
    assert len(set(rows)) == len(rows)


def test_an_unused_run_is_not_counted_among_those_to_choose_from(ctx):
    class Unused(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv, self.out = nn.Conv2D(4, 3), nn.Dense(2)

        def hybrid_forward(self, F, x):
            self.conv(x * 2)
            return self.out(self.conv(x))

    net = Unused()
    net.initialize(ctx=ctx)
    x = mx.nd.ones((1, 1, 6, 6), ctx=ctx)
    net(x)
    assert gm.grad_cam(net, x, 1, layer="conv").layer == "conv"
    assert gm.grad_cam(net, x, 1).layer == "conv#2"
    with pytest.raises(LayerError, match="there is no run 'conv#1'"):
        gm.grad_cam(net, x, 1, layer="conv#1")


def test_an_input_that_is_no_picture(ctx):
    """The map is of the picture, whichever input comes first."""

    class Told(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv, self.dense, self.out = nn.Conv2D(4, 3), nn.Dense(4), nn.Dense(2)

        def hybrid_forward(self, F, facts, photo):
            return self.out(F.mean(self.conv(photo), axis=(2, 3)) + self.dense(facts))

    net = Told()
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.ones((1, 3), ctx=ctx), mx.nd.random.normal(shape=(1, 2, 6, 7)).as_in_context(ctx)
    net(*x)
    found = gm.grad_cam(net, x, 1)
    assert (found.layer, found.input, found.heatmap().shape) == ("conv", "data1", (1, 6, 7))
    with pytest.raises(LayerError, match="depends on the input 'data0'"):
        gm.grad_cam(net, x, 1, input=0)


def test_captured_runs(ctx):
    net, photos = siamese(True, ctx)
    name = net.conv.name
    with nn.capture(f"{name}#1", f"{name}#2", f"{name}#3") as captured, mx.autograd.record():
        score = net(*photos).sum()
    score.backward()
    for photo, number, expected in zip(photos, (1, 2), maps_by_hand(net, photos)):
        layer = captured[f"{name}#{number}"]
        assert len(layer.calls) == 1
        np.testing.assert_allclose(layer.output.asnumpy(), net.conv(photo).asnumpy(), rtol=1e-5)
        weights = layer.gradient.mean(axis=(2, 3), keepdims=True)
        made = (weights * layer.output).sum(axis=1).asnumpy()
        np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(LayerError, match=r"no run .*#3.* ran 2 times"):
        captured[f"{name}#3"].output  # noqa: B018


def test_a_block_that_is_two_children_of_one(ctx):
    """It is one layer, which is called by either path."""
    net = nn.HybridSequential()
    shared = nn.Conv2D(3, 3, padding=1)
    net.add(shared, nn.Activation("relu"), shared, nn.GlobalAvgPool2D(), nn.Dense(2))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.random.normal(shape=(1, 3, 6, 6)).as_in_context(ctx)
    net(x)
    outputs = gm.inspect.layer_outputs(net, x, ["0#1", "0#2", "2#2"])
    first = net[0](x)
    second = net[2](first.relu()).asnumpy()
    for address, expected in (("0#1", first.asnumpy()), ("0#2", second), ("2#2", second)):
        np.testing.assert_allclose(outputs[address], expected, rtol=1e-4, atol=1e-6)
    for layer in ("0", "2", shared):
        with pytest.raises(LayerError, match=r"0#1 .*0#2 "):
            gm.grad_cam(net, x, 1, layer=layer)
    assert gm.grad_cam(net, x, 1).layer == "0#2"

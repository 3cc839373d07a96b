"""Naming layers, the default layer, and the table of layers."""

from __future__ import annotations

import numpy as np
import pytest
from nets import input_size

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError
from gradcam_mx.graph.layers import find, find_map

nn = mx.gluon.nn


def small_net(ctx=None):
    """A net with a name of its own: "toy_conv0", "toy_conv1" …"""
    # one random net in 200 has maps that are zero everywhere, whatever the layer
    mx.random.seed(0)
    net = nn.HybridSequential(prefix="toy_")
    with net.name_scope():
        features = nn.HybridSequential(prefix="")
        with features.name_scope():
            features.add(
                nn.Conv2D(4, 3, in_channels=3),
                nn.Activation("relu"),
                nn.MaxPool2D(2),
                nn.Conv2D(6, 3, in_channels=4),
                nn.Activation("relu"),
                nn.MaxPool2D(2),
            )
        net.add(features, nn.Flatten(), nn.Dense(5, in_units=24))
    net.initialize(ctx=ctx)
    return net


X = np.random.RandomState(0).randn(1, 3, 14, 14).astype(np.float32)


def found(net, layer, shape=X.shape):
    graph = gm.trace(net)
    entry, name = find(graph, layer, graph.shapes(shape), graph.heads)
    return graph.nodes[entry[0]].name, name


# ---------------------------------------------------------------------------------- naming a layer


@pytest.mark.parametrize(
    "layer", ["0.3", "toy_conv1", "toy_conv2d1", "toy_conv1_fwd", "toy_conv1_fwd_output"]
)
def test_every_name_of_a_layer_finds_it(ctx, layer):
    net = small_net(ctx)
    assert found(net, layer) == ("toy_conv1_fwd", layer)
    cam = gm.grad_cam(net, X, layer=layer)
    assert cam.layer == layer
    assert cam.values.shape == (1, 4, 4)
    np.testing.assert_array_equal(cam.values, gm.grad_cam(net, X, layer=net[0][3]).values)
    assert not np.array_equal(cam.values, gm.grad_cam(net, X, layer="0.4").values)


def test_a_block_is_called_by_its_path(ctx):
    net = small_net(ctx)
    assert found(net, net[0][3]) == ("toy_conv1_fwd", "0.3")
    assert found(net, net[0]) == ("toy_pool1_fwd", "0")
    assert found(net, net[2]) == ("toy_dense0_fwd", "2")
    # a graph knows the blocks it was traced from
    assert gm.grad_cam(gm.trace(net), X, layer=net[0][3]).layer == "0.3"


def test_the_tutorials_names_of_its_own_convolutions(ctx):
    """A layer that is really called conv2d is found first."""
    net = small_net(ctx)
    assert found(net, "toy_conv2d0")[0] == "toy_conv0_fwd"
    net = nn.HybridSequential(prefix="")
    net.add(nn.Conv2D(2, 1, prefix="my_conv2d1_"), nn.Conv2D(2, 1, prefix="my_conv1_"))
    assert found(net, "my_conv2d1")[0] == "my_conv2d1_fwd"
    assert found(net, "my_conv1")[0] == "my_conv1_fwd"


def test_functional_operators_have_output_names(ctx):
    class Functional(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__(prefix="net_")
            with self.name_scope():
                self.conv = nn.Conv2D(4, 3, in_channels=3)
                self.classify = nn.Dense(2, in_units=4 * 12 * 12)

        def hybrid_forward(self, F, x):
            return self.classify(F.relu(self.conv(x), name="my_relu"))

    net = Functional()
    net.initialize(ctx=ctx)
    cam = gm.grad_cam(net, X, layer="net_my_relu_output")
    assert cam.values.shape == (1, 12, 12)
    # it is no block's output, and so its default name is the output's
    assert gm.grad_cam(net, X).layer == "net_my_relu_output"
    np.testing.assert_array_equal(gm.grad_cam(net, X).values, cam.values)
    rows = {row.name: row for row in gm.trace(net).layers(X.shape)}
    assert rows["net_my_relu_output"] == ("net_my_relu_output", "", "relu", (1, 4, 12, 12), True)


def test_a_block_that_runs_twice_is_told_which_run(ctx):
    class Twice(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = nn.Conv2D(3, 3, in_channels=3)
                self.classify = nn.Dense(2, in_units=3 * 100)

        def hybrid_forward(self, F, x):
            return self.classify(self.conv(self.conv(x)))

    net = Twice()
    net.initialize(ctx=ctx)
    for layer in (net.conv, "conv", net.conv.name):
        assert "#1 (1, 3, 12, 12) of 'data'; conv" in refusal(net, layer).replace(
            net.conv.name, "conv"
        )
    for layer in ("conv#2", f"{net.conv.name}#2"):
        assert gm.grad_cam(net, X, layer=layer).values.shape == (1, 10, 10)
    assert gm.grad_cam(net, X, layer="conv#1").values.shape == (1, 12, 12)


def test_dropout_is_named_by_what_it_passes_on(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3), nn.Dropout(0.5), nn.Flatten(), nn.Dense(2))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    np.testing.assert_array_equal(
        gm.grad_cam(net, X, 0, "1", relu=False).values,
        gm.grad_cam(net, X, 0, "0", relu=False).values,
    )


# ------------------------------------------------------------------------------------------- errors


def refusal(net, layer, **options):
    with pytest.raises(LayerError) as caught:
        gm.grad_cam(net, X, layer=layer, **options)
    return str(caught.value)


def test_an_unknown_name_lists_the_closest_with_their_shapes(ctx):
    said = refusal(small_net(ctx), "toy_conv2")
    assert said.startswith("the net has no layer 'toy_conv2'; the closest are ")
    assert "toy_conv1 (1, 6, 4, 4)" in said
    assert "toy_conv0 (1, 4, 12, 12)" in said
    assert "gm.trace(net).layers(x.shape) lists all" in said
    assert "0.3 (1, 6, 4, 4)" in refusal(small_net(ctx), "0.33")
    # nothing is close: the last ones
    assert "toy_dense0 (1, 5)" in refusal(small_net(ctx), "@")


def test_a_block_of_another_net_is_refused(ctx):
    other = nn.Conv2D(4, 3, prefix="toy_conv7_")
    said = refusal(small_net(ctx), other)
    assert said.startswith("the block 'toy_conv7' did not run in the net's forward pass")
    assert "toy_conv1 (1, 6, 4, 4)" in said


@pytest.mark.parametrize("layer", [3, 28.0, {"0.3"}, nn.Conv2D], ids=str)
def test_what_is_no_layer_is_refused(ctx, layer):
    assert refusal(small_net(ctx), layer) == f"a layer is a Block, a name or None; got {layer!r}"


@pytest.mark.parametrize("layer", ["1", "toy_dense0", "2", "toy_flatten0_flatten0_output"])
def test_layers_without_positions_are_refused(ctx, layer):
    said = refusal(small_net(ctx), layer)
    assert f"the layer {layer!r} gives (1, " in said
    assert "no positions to make a map of" in said
    assert "'0.3', the default" in said


def test_a_variable_is_no_layer(ctx):
    for name in ("data", "toy_conv0_weight"):
        assert f"no layer {name!r}" in refusal(small_net(ctx), name)


class TwoHeads(mx.gluon.HybridBlock):
    """A side branch makes the second output, and a constant map is added to the first."""

    def __init__(self):
        super().__init__(prefix="heads_")
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, in_channels=3)
            self.side = nn.Conv2D(4, 3, in_channels=4)
            self.main = nn.Conv2D(4, 3, in_channels=4)
            self.classify = nn.Dense(2, in_units=4)
            self.bias = self.params.get("bias", shape=(1, 4, 10, 10), init="ones")

    def hybrid_forward(self, F, x, bias):
        x = self.stem(x)
        maps = F.broadcast_add(self.main(x), F.relu(bias, name="constant"))
        return (
            self.classify(F.Pooling(maps, global_pool=True, pool_type="avg", kernel=(1, 1))),
            self.side(x),
        )


def test_layers_that_do_not_count_are_refused(ctx):
    net = TwoHeads()
    net.initialize(ctx=ctx)
    assert "does not depend on the layer 'side'" in refusal(net, "side")
    assert "heads_dense0_fwd_output" in refusal(net, "side")
    said = refusal(net, "heads_constant_output")
    assert "'heads_constant_output' does not depend on the net's input" in said
    for layer in ("main", "stem"):
        assert gm.grad_cam(net, X, layer=layer).values.shape[0] == 1


def test_the_default_layer_is_one_the_output_depends_on(ctx):
    """The default is chosen for the first output, also when another branch runs last."""
    net = TwoHeads()
    net.initialize(ctx=ctx)
    assert gm.grad_cam(net, X).layer not in ("side", "heads_constant_output")


def test_a_net_without_maps_has_no_default_layer(ctx):
    net = nn.HybridSequential()
    net.add(nn.Dense(4, activation="relu"), nn.Dense(2))
    net.initialize(ctx=ctx)
    with pytest.raises(LayerError):
        gm.grad_cam(net, X)
    table = gm.trace(net).layers(X.shape)
    assert not any(row.is_default for row in table)
    assert gm.saliency(net, X).values.shape == X.shape


# -------------------------------------------------------------------------------- the default layer


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("resnet18_v1", "features.7", (512, 7, 7)),
        ("resnet18_v2", "features.10", (512, 7, 7)),
        ("squeezenet1.1", "features.12", (512, 13, 13)),
        ("densenet121", "features.12", (1024, 7, 7)),
        ("inceptionv3", "features.17", (2048, 8, 8)),
        ("mobilenet1.0", "features.80", (1024, 7, 7)),
        ("mobilenetv2_1.0", "features.22", (1280, 7, 7)),
        ("alexnet", "features.6", (256, 13, 13)),
        ("vgg16", "features.28", (512, 14, 14)),
    ],
)
def test_the_default_layers_of_the_model_zoo(name, layer, shape):
    net = mx.gluon.model_zoo.vision.get_model(name)
    graph = gm.trace(net)
    size = 299 if name.startswith("inception") else 224
    shapes = graph.shapes((2, 3, size, size))
    entry, found_name, _ = find_map(graph, None, shapes, graph.heads)
    assert found_name == layer
    assert shapes[entry] == (2, *shape)
    assert find(graph, layer, shapes, graph.heads)[0] == entry
    starred = [row for row in graph.layers((2, 3, size, size)) if row.is_default]
    assert [(row.name, row.shape) for row in starred] == [(layer, (2, *shape))]


def test_an_export_without_blocks_has_the_same_default_layer(ctx):
    net = small_net(ctx)
    symbol = net(mx.sym.var("data"))
    arrays = {p.name: p.data(ctx) for p in net.collect_params().values()}
    cam = gm.grad_cam((symbol, arrays, {}), X)
    assert cam.layer == "toy_conv1_fwd_output"
    np.testing.assert_array_equal(cam.values, gm.grad_cam(net, X).values)


def test_a_classifier_that_is_a_convolution_is_not_the_default(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(8, 3, in_channels=3, activation="relu"),
        nn.Conv2D(5, 1, in_channels=8),
        nn.GlobalAvgPool2D(),
        nn.Flatten(),
    )
    net.initialize(ctx=ctx)
    cam = gm.grad_cam(net, X)
    assert cam.layer == "0"
    assert cam.values.shape == (1, 12, 12)


def test_maps_of_one_position_are_not_the_default(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 5, strides=3, in_channels=3),
        nn.Conv2D(6, 4, in_channels=4),
        nn.Flatten(),
        nn.Dense(2),
    )
    net.initialize(ctx=ctx)
    assert gm.grad_cam(net, X).layer == "0"


# ---------------------------------------------------------------------------------------- the table


def shapes_of_a_real_run(net, x):
    """Path → shape of what each block returned when the net ran with arrays, in that order."""
    shapes = {}

    def watch(block, path):
        def hook(block, arguments, output):
            if isinstance(output, mx.nd.NDArray):  # Gluon infers shapes with symbols, first
                shapes[path] = output.shape

        block.register_forward_hook(hook)
        for name, child in block._children.items():
            watch(child, f"{path}.{name}" if path else name)

    watch(net, "")
    net(x).wait_to_read()
    del shapes[""]
    return shapes


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "densenet121",
        "inceptionv3",
        "mobilenetv2_0.25",
        "resnet18_v1",
        "resnet18_v2",
        "squeezenet1.1",
    ],
)
def test_the_table_has_every_block_with_the_shape_it_really_has(name):
    net = mx.gluon.model_zoo.vision.get_model(name)
    # zeros, as random numbers for the large dense layers take longer than the run
    net.initialize(mx.init.Zero())
    size = input_size(name)
    expected = shapes_of_a_real_run(net, mx.nd.ones((2, 3, size, size)))
    table = gm.trace(net).layers((2, 3, size, size))
    assert {row.name: row.shape for row in table if row.block} == expected
    assert sum(row.is_default for row in table) == 1
    assert len({row.name for row in table}) == len(table)


def test_the_table_is_in_the_order_of_the_run():
    net = mx.gluon.model_zoo.vision.squeezenet1_1()
    net.initialize(mx.init.Zero())
    expected = shapes_of_a_real_run(net, mx.nd.ones((1, 3, 224, 224)))
    assert [row.name for row in gm.trace(net).layers((1, 3, 224, 224))] == list(expected)


def test_every_name_in_the_table_is_a_layer(ctx):
    net = small_net(ctx)
    graph = gm.trace(net)
    shapes = graph.shapes(X.shape)
    table = graph.layers(X.shape)
    for row in table:
        assert shapes[find(graph, row.name, shapes, graph.heads)[0]] == row.shape
        if row.block != "toy":  # the name of the whole net too
            assert shapes[find(graph, row.block, shapes, graph.heads)[0]] == row.shape


def test_the_table_prints(ctx):
    assert str(gm.trace(small_net(ctx)).layers(X.shape)).splitlines() == [
        "   name  block         op                output",
        "   0.0   toy_conv0     Conv2D            1 × 4 × 12 × 12",
        "   0.1   toy_relu0     Activation        1 × 4 × 12 × 12",
        "   0.2   toy_pool0     MaxPool2D         1 × 4 × 6 × 6",
        "*  0.3   toy_conv1     Conv2D            1 × 6 × 4 × 4",
        "   0.4   toy_relu1     Activation        1 × 6 × 4 × 4",
        "   0.5   toy_pool1     MaxPool2D         1 × 6 × 2 × 2",
        "   0     toy           HybridSequential  1 × 6 × 2 × 2",
        "   1     toy_flatten0  Flatten           1 × 24",
        "   2     toy_dense0    Dense             1 × 5",
    ]


def test_a_part_of_the_table_prints_as_a_table():
    table = gm.trace(mx.gluon.model_zoo.vision.resnet18_v1()).layers((1, 3, 64, 64))
    lines = str(table[2:4]).splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["name", "block", "op", "output"]
    assert table[2].name in lines[1]

"""Nets that carry their maps: the numbers are those of the formulas, the outputs stay."""

from __future__ import annotations

import numpy as np
import pytest
from carried import (
    SHAPE,
    autograd_gradient,
    averaged,
    features,
    made,
    naive_cam,
    naive_gradient,
    naive_recipro,
    naive_resize,
    pooled,
    run,
    valid,
    windows,
)
from networks import channels_last, filled, initialised, nn, normal, sequential

import gradcam_mx as gm
from gradcam_mx._mxnet import mx


def exported(net, folder, method="cam", **options):
    options = {"input_shape": (1, *SHAPE[1:]), "upsample": False, **options}
    return gm.export_explained(net, folder / "net", method=method, **options)


def close(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.ptp(expected) > 0.01 * np.abs(expected).max() > 0


def test_cam_is_the_sum_of_weighted_channels(ctx, tmp_path):
    net, x = made(pooled, ctx)
    before = net(x).asnumpy()
    scores, heat = run(exported(net, tmp_path), x)
    np.testing.assert_array_equal(scores, before)
    close(heat, naive_cam(net, x))


def test_cam_takes_the_layer_that_is_pooled(ctx, tmp_path):
    """Where the default layer of other methods is another one: here it is the convolution."""
    data = mx.sym.var("data")
    body = mx.sym.Convolution(data, kernel=(3, 3), num_filter=6, pad=(1, 1), name="conv")
    body = mx.sym.Activation(body, act_type="relu", name="act")
    body = mx.sym.Pooling(body, global_pool=True, kernel=(1, 1), pool_type="avg")
    symbol = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=5, name="fc")
    net = filled(symbol, ctx, data=SHAPE)
    x = mx.nd.array(normal(*SHAPE, seed=9), ctx=ctx)
    assert gm.grad_cam(net, x).layer != "act_output" == gm.cam(net, x).layer
    _, heat = run(exported(net, tmp_path), x)
    arrays = net[1]
    value = symbol.get_internals()["act_output"].eval(ctx=ctx, data=x, **arrays)[0].asnumpy()
    weight, bias = (arrays[name].asnumpy() for name in ("fc_weight", "fc_bias"))
    scores = value.mean(axis=(2, 3)) @ weight.T + bias
    weights = weight[scores.argmax(axis=1)]
    close(heat, np.maximum(np.einsum("nc,nchw->nhw", weights, value), 0))


def test_what_is_at_the_size_of_the_input_is_interpolated(ctx, tmp_path):
    net, x = made(pooled, ctx)
    _, heat = run(exported(net, tmp_path, upsample=True), x)
    close(heat, naive_resize(naive_cam(net, x), SHAPE[2:]))


def test_cells_lie_where_the_heatmap_has_them(ctx, tmp_path):
    net, x = made(valid, ctx)
    _, heat = run(exported(net, tmp_path, upsample=True), x)
    explanation = gm.cam(net, x)
    low, high = (one(axis=(1, 2), keepdims=True) for one in (heat.min, heat.max))
    np.testing.assert_allclose((heat - low) / (high - low), explanation.heatmap(), atol=1e-5)
    # convolutions without padding: what is stretched over the input would be elsewhere
    assert np.abs(heat - naive_resize(naive_cam(net, x), SHAPE[2:])).max() > 0.05 * heat.max()


def test_the_class_is_an_input(ctx, tmp_path):
    net, x = made(pooled, ctx)
    found = exported(net, tmp_path, target_input=True)
    assert found.input_names == ["data", "heatmap_class"]
    tops = net(x).asnumpy().argmax(axis=1)
    for asked, meant in (([-1] * 3, tops), ([0, 1, 4], [0, 1, 4]), ([3, -1, 2], [3, tops[1], 2])):
        scores, heat = run(found, x, mx.nd.array(asked, ctx=ctx))
        np.testing.assert_array_equal(scores, net(x).asnumpy())
        expected = naive_cam(net, x, np.array(meant))
        assert np.abs(heat - expected).max() <= 1e-5 * max(expected.max(), 1)
    _, heat = run(found, x, mx.nd.array([5, 99, 7], ctx=ctx))
    assert not heat.any()


def test_batches_of_any_size_go_and_other_pictures_where_the_map_has_the_layers_size(ctx, tmp_path):
    net, x = made(pooled, ctx)
    for method in ("cam", "grad_cam", "hires_cam"):
        found = exported(net, tmp_path, method)
        for shape in ((1, 3, 14, 18), (5, 3, 14, 18), (2, 3, 22, 16)):
            x = mx.nd.array(normal(*shape, seed=3), ctx=ctx)
            _, heat = run(found, x)
            share = 1 if method == "cam" else heat[0].size
            close(heat * share, naive_cam(net, x))
    found = exported(net, tmp_path, "recipro_cam", upsample=True)
    for count in (1, 5):
        x = mx.nd.array(normal(count, *SHAPE[1:], seed=3), ctx=ctx)
        _, heat = run(found, x)
        close(heat, naive_resize(naive_recipro(net, x, 2), SHAPE[2:]))


@pytest.mark.parametrize(
    ("layers", "count"), [(pooled, 2), (pooled, 1), (windows, 1), (averaged, 1), (averaged, 2)]
)
def test_gradients_are_those_of_differences(ctx, tmp_path, layers, count):
    net, x = made(layers, ctx)
    layer = net[count - 1]
    values, gradient = naive_gradient(net, x, count, step=1e-3)
    backward = autograd_gradient(net, x, count)[1]
    # differences are across a rectifier's or a maximum's edge in few places
    assert (np.abs(gradient - backward) > 1e-2 * np.abs(backward).max()).mean() < 0.02
    _, heat = run(exported(net, tmp_path, "hires_cam", layer=layer), x)
    close(heat, np.maximum((backward * values).sum(axis=1), 0))
    weights = backward.mean(axis=(2, 3), keepdims=True)
    _, heat = run(exported(net, tmp_path, "grad_cam", layer=layer), x)
    close(heat, np.maximum((weights * values).sum(axis=1), 0))


def test_of_equal_numbers_in_a_window_the_first_has_the_gradient(ctx, tmp_path):
    net, _ = made(windows, ctx)
    net[0].weight.set_data(mx.nd.round(2 * net[0].weight.data(ctx)))
    net[0].bias.set_data(mx.nd.round(net[0].bias.data(ctx)) + 1)
    x = mx.nd.round(mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx))
    values, gradient = autograd_gradient(net, x, 1)
    _, heat = run(exported(net, tmp_path, "hires_cam", layer=net[0]), x)
    close(heat, np.maximum((gradient * values).sum(axis=1), 0))


def test_recipro_cam_tries_each_position(ctx, tmp_path):
    for layers, count in ((pooled, 2), (windows, 1), (averaged, 1)):
        net, x = made(layers, ctx)
        found = exported(net, tmp_path, "recipro_cam", layer=net[count - 1], target_input=True)
        _, heat = run(found, x, mx.nd.array([-1, -1, -1], ctx=ctx))
        close(heat, naive_recipro(net, x, count))
        _, heat = run(found, x, mx.nd.array([0, 4, 2], ctx=ctx))
        close(heat, naive_recipro(net, x, count, np.array([0, 4, 2])))


def test_weights_in_memory_layouts_of_their_own(tmp_path):
    """The convolution's weight is put in another layout as soon as it has run."""
    net, x = made(
        lambda: [
            nn.Conv2D(32, 3, padding=1, in_channels=3, activation="relu"),
            nn.GlobalAvgPool2D(),
            nn.Conv2D(48, 1, in_channels=32, use_bias=False),
            nn.Flatten(),
        ]
    )
    values, gradient = autograd_gradient(net, x, 1)
    _, heat = run(exported(net, tmp_path, "hires_cam"), x)
    close(heat, np.maximum((gradient * values).sum(axis=1), 0))


def test_channels_last(tmp_path):
    def build(layout, axis):
        return [
            nn.Conv2D(6, 3, in_channels=3, layout=layout, activation="relu"),
            nn.GlobalAvgPool2D(layout=layout),
            nn.Dense(5, in_units=6),
        ]

    case = channels_last((3, 14, 18, 3), build, "0")(mx.cpu(), None)
    x = mx.nd.array(normal(3, 14, 18, 3, seed=1))
    for method in ("cam", "grad_cam", "hires_cam", "recipro_cam"):
        found = exported(case.net, tmp_path, method, input_shape=(1, 14, 18, 3), upsample=True)
        # as graph: MXNet has no such convolution on CPU
        heat = found.graph.forward([x])[1].asnumpy()
        twin = exported(case.twin, tmp_path, method, upsample=True)
        close(heat, run(twin, x.transpose((0, 3, 1, 2)))[1])


class Residual(nn.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.first = nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu")
            self.second = nn.Conv2D(6, 3, padding=1, in_channels=6, activation="relu")
            self.third = nn.Conv2D(6, 3, padding=1, in_channels=6)
            self.output = nn.Dense(5, in_units=6)

    def hybrid_forward(self, F, x):
        first = self.first(x)
        second = self.second(first)
        return self.output(F.relu(self.third(second) + first).mean(axis=(2, 3)))


def test_what_passes_the_layer_by_is_given_to_each_position(ctx, tmp_path):
    net = initialised(Residual(), ctx, normal(*SHAPE))
    x = mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx)
    for layer in ("second", "first"):
        _, heat = run(exported(net, tmp_path, "recipro_cam", layer=layer), x)
        expected = gm.recipro_cam(net, x, layer=layer, progress=False).values
        close(heat, expected)


def test_of_one_output_value_the_sign_is_that_of_the_class(ctx, tmp_path):
    for end in ([], [nn.Activation("sigmoid")]):
        net, x = made(lambda end=end: [*pooled()[:3], nn.Dense(1, in_units=6), *end], ctx)
        net[3].bias.set_data(mx.nd.zeros(1, ctx=ctx))
        _, heat = run(exported(net, tmp_path), x)
        values = features(net, x, 2).asnumpy().astype(np.float64)
        weight = net[3].weight.data(ctx).asnumpy().astype(np.float64)[0]
        sums = np.einsum("c,nchw->nhw", weight, values)
        signs = np.sign(sums.sum(axis=(1, 2), keepdims=True)) if end else 1
        assert not end or set(signs.ravel()) != {1}
        expected = np.maximum(signs * sums, 0)
        assert np.abs(heat - expected).max() <= 1e-5 * np.abs(sums).max()


def module_files(ctx, folder):
    """A net of Module with a loss head, as save_checkpoint writes it."""
    data = mx.sym.var("data")
    body = mx.sym.Convolution(data, kernel=(3, 3), num_filter=6, pad=(1, 1), name="conv")
    body = mx.sym.BatchNorm(body, name="norm", fix_gamma=True)
    body = mx.sym.Activation(body, act_type="relu")
    body = mx.sym.Pooling(body, global_pool=True, kernel=(1, 1), pool_type="avg")
    body = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=5, name="fc")
    symbol = mx.sym.SoftmaxOutput(body, name="softmax")
    module = mx.mod.Module(symbol, context=ctx)
    module.bind([("data", SHAPE)], [("softmax_label", SHAPE[:1])])
    mx.random.seed(3)
    module.init_params(mx.init.Normal(0.5))
    module.save_checkpoint(str(folder / "module"), 0)


def outputs(prefix, ctx, x):
    """What files give in Module, where MXNet fuses operators at inference."""
    symbol, arguments, states = mx.model.load_checkpoint(str(prefix), 0)
    module = mx.mod.Module(symbol, context=ctx)
    module.bind([("data", SHAPE)], [("softmax_label", SHAPE[:1])], for_training=False)
    module.set_params(arguments, states)
    module.forward(mx.io.DataBatch([x], [mx.nd.zeros(SHAPE[0], ctx=ctx)]), is_train=False)
    return [one.asnumpy() for one in module.get_outputs()]


def test_it_runs_in_module_behind_a_loss_head(ctx, tmp_path):
    module_files(ctx, tmp_path)
    x = mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx)
    (before,) = outputs(tmp_path / "module", ctx, x)
    graph = gm.load(tmp_path / "module", ctx=ctx)
    for method in ("cam", "recipro_cam"):
        found = exported(graph, tmp_path, method)
        probabilities, heat = outputs(tmp_path / "net", ctx, x)
        np.testing.assert_array_equal(probabilities, before)
        close(heat, getattr(gm, method)(graph, x).values)
    assert found.output_names == ["softmax_output", "heatmap_output"]


def test_what_was_written_is_returned_and_read_again(tmp_path):
    net, x = made(pooled)
    found = exported(net, tmp_path)
    assert found.symbol_file == tmp_path / "net-symbol.json"
    assert found.params_file == tmp_path / "net-0000.params"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net-0000.params", "net-symbol.json"]
    for graph in (found.graph, gm.load(tmp_path / "net")):
        assert graph.output_names == [net(mx.sym.var("x")).name + "_output", "heatmap_output"]
        expected = gm.grad_cam(net, x, 2).values
        np.testing.assert_allclose(
            gm.grad_cam(graph, x, 2, output=0).values, expected, rtol=1e-5, atol=1e-7
        )


def test_the_users_net_and_random_numbers_stay(tmp_path):
    net, x = made(pooled)
    net.hybridize()
    before, cached = net(x).asnumpy(), net._cached_graph
    numbers = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    np.random.seed(5)
    expected = np.random.RandomState(5).rand()
    mx.random.seed(6)
    drawn = mx.nd.random.uniform(shape=1).asscalar()
    mx.random.seed(6)
    found = exported(net, tmp_path, "recipro_cam")
    assert mx.nd.random.uniform(shape=1).asscalar() == drawn
    assert np.random.rand() == expected
    assert net._cached_graph is cached
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data().asnumpy(), numbers[name])
    # what was written and returned is no part of the net
    net[3].weight.set_data(mx.nd.zeros_like(net[3].weight.data()))
    np.testing.assert_array_equal(run(found, x)[0], before)
    np.testing.assert_array_equal(found.graph.forward([x])[0].asnumpy(), before)


def test_training_it_further_leaves_the_map_out(tmp_path):
    net, x = made(pooled)
    found = exported(net, tmp_path)
    block = mx.gluon.SymbolBlock.imports(str(found.symbol_file), ["data"], str(found.params_file))
    with mx.autograd.record():
        scores, heat = block(x)
        mx.autograd.backward([scores.sum(), heat.sum()])
    with mx.autograd.record():
        net(x).sum().backward()
    for name, one in net.collect_params().items():
        np.testing.assert_allclose(
            block.collect_params()[name].grad().asnumpy(), one.grad().asnumpy(), rtol=1e-5
        )


def test_nets_whose_parameters_wait_for_their_shapes(tmp_path):
    net = sequential(lambda: [nn.Conv2D(4, 3), nn.GlobalAvgPool2D(), nn.Dense(3)])
    net.initialize()
    exported(net, tmp_path)
    assert net[0].weight.shape == (4, 3, 3, 3)

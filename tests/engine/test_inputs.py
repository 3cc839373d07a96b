"""What callers may pass as input, and what is refused with advice."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.inputs import prepare, taken
from gradcam_mx.errors import InputError, NetworkError

nn = mx.gluon.nn
RNG = np.random.RandomState(0)
# multiples of 1/8 below 2: exact in every floating-point type
X = (RNG.randint(-16, 16, (2, 3, 8, 6)) / 8).astype(np.float32)


def conv_net(ctx=None, initialize=True, in_channels=3):
    net = nn.HybridSequential(prefix="")
    net.add(
        nn.Conv2D(4, 3, in_channels=in_channels, activation="relu", prefix="first_"),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dense(5),
    )
    if initialize:
        net.initialize(mx.init.Xavier(), ctx=ctx)
    return net


def prepared(net, x):
    return prepare(gm.trace(net, len(x) if isinstance(x, tuple) else 1), x)


# ----------------------------------------------------------------------------------------- accepted


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8"])
@pytest.mark.parametrize("kind", ["numpy", "NDArray"])
def test_any_float_becomes_float32_where_the_net_is(ctx, dtype, kind):
    if kind == "NDArray":
        dtype = dtype.replace(">f8", "float64")
    x = X.astype(dtype)
    (found,) = prepared(conv_net(ctx), x if kind == "numpy" else mx.nd.array(x, dtype=dtype))
    assert found.context == ctx
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.asnumpy(), X)


def test_arrays_in_any_layout(ctx):
    net = conv_net(ctx)
    turned = np.asfortranarray(X)
    reversed_twice = X[:, ::-1][:, ::-1]
    frozen = X.copy()
    frozen.setflags(write=False)
    for x in (turned, reversed_twice, frozen, mx.np.array(X)):
        np.testing.assert_array_equal(prepared(net, x)[0].asnumpy(), X)


def test_an_input_on_another_context_is_moved(ctx):
    net = conv_net(ctx)
    other = mx.cpu(1 - ctx.device_id)
    x = mx.nd.array(X, ctx=other)
    (found,) = prepared(net, x)
    assert found.context == ctx
    assert x.context == other
    expected = gm.saliency(net, mx.nd.array(X, ctx=ctx)).values
    np.testing.assert_array_equal(gm.saliency(net, x).values, expected)


def test_a_net_in_several_places_computes_where_the_input_is(ctx):
    net = conv_net([mx.cpu(0), mx.cpu(1)])
    assert prepared(net, mx.nd.array(X, ctx=ctx))[0].context == ctx
    assert prepared(net, X)[0].context == mx.cpu(0)


def test_a_net_without_parameters_computes_where_the_input_is(ctx):
    net = nn.HybridSequential()
    net.add(nn.Activation("relu"), nn.Flatten())
    assert prepared(net, mx.nd.array(X, ctx=ctx))[0].context == ctx
    assert prepared(net, X)[0].context == mx.cpu()
    np.testing.assert_array_equal(gm.saliency(net, X, 0).values.sum(), (X[:, 0, 0, 0] > 0).sum())


class TwoInputs(mx.gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv = nn.Conv2D(3, 3, padding=1, in_channels=3)
            self.dense = nn.Dense(4, in_units=3)

    def hybrid_forward(self, F, picture, other):
        maps = F.relu(self.conv(picture)) + F.relu(other)
        return self.dense(F.Pooling(maps, global_pool=True, pool_type="avg", kernel=(1, 1)))


def test_several_inputs_are_a_tuple(ctx):
    net = TwoInputs()
    net.initialize(ctx=ctx)
    other = mx.nd.array(X[::-1], ctx=mx.cpu(1 - ctx.device_id))
    found = prepared(net, (X, other))
    assert [one.context for one in found] == [ctx, ctx]
    np.testing.assert_array_equal(found[1].asnumpy(), X[::-1])
    # the first one is explained
    assert gm.saliency(net, (X, other), 0).values.shape == X.shape
    # and the second one takes part
    scores = net(*found).asnumpy()
    np.testing.assert_allclose(gm.saliency(net, (X, other), 2).score, scores[:, 2], rtol=1e-5)


def test_the_callers_arrays_are_left_alone(ctx):
    net = conv_net(ctx)
    arrays = [
        X.copy(),
        X.astype(np.float64),
        mx.nd.array(X, ctx=ctx),
        mx.nd.array(X, ctx=mx.cpu(1 - ctx.device_id)),
        mx.nd.array(X, dtype="float16"),
    ]
    arrays[2].attach_grad()
    arrays[2].grad[:] = 7
    types = [(type(one), one.dtype) for one in arrays]
    for x in arrays:
        gm.guided_grad_cam(net, x)
    assert [(type(one), one.dtype) for one in arrays] == types
    for x in arrays:
        np.testing.assert_array_equal(x if isinstance(x, np.ndarray) else x.asnumpy(), X)
    np.testing.assert_array_equal(arrays[2].grad.asnumpy(), np.full(X.shape, 7))
    assert arrays[3].grad is None


def test_parameters_that_wait_for_their_shapes_are_initialised(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Flatten(), nn.Dense(5))
    net.initialize(mx.init.Constant(0.25), ctx=ctx)
    gm.saliency(net, X)
    shapes = {p.name.split("_", 1)[1]: p.data(ctx).shape for p in net.collect_params().values()}
    assert shapes == {
        "weight": (5, 4 * 6 * 4),
        "bias": (5,),
        "gamma": (4,),
        "beta": (4,),
        "running_mean": (4,),
        "running_var": (4,),
    }
    np.testing.assert_array_equal(net[0].weight.data(ctx).asnumpy(), np.full((4, 3, 3, 3), 0.25))
    np.testing.assert_array_equal(net[1].running_var.data(ctx).asnumpy(), np.ones(4))
    # as the net itself would have done it
    twin = nn.HybridSequential()
    twin.add(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Flatten(), nn.Dense(5))
    twin.initialize(mx.init.Constant(0.25), ctx=ctx)
    x = mx.nd.array(X, ctx=ctx)
    np.testing.assert_array_equal(net(x).asnumpy(), twin(x).asnumpy())


def test_a_refused_input_does_not_initialise_the_net():
    """What a wrong shape taught the parameters would stay with them."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3), nn.Flatten(), nn.Dense(5))
    net.initialize()
    with pytest.raises(InputError):
        gm.saliency(net, X[0])
    with pytest.raises(mx.gluon.parameter.DeferredInitializationError):
        net[0].weight.data()
    assert gm.saliency(net, X).values.shape == X.shape


# ------------------------------------------------------------------------------------------ refused


def refusal(net, x):
    with pytest.raises(InputError) as caught:
        gm.saliency(net, x)
    return str(caught.value)


@pytest.mark.parametrize(
    "x",
    [X.tolist(), [X], "photo.jpg", None, 3.0],
    ids=["lists", "list of arrays", "path", "None", "number"],
)
def test_what_is_no_array_is_refused(ctx, x):
    said = refusal(conv_net(ctx), x)
    assert said.startswith(f"the input is a {type(x).__name__}; expected an NDArray or a numpy")
    assert "(N, C, H, W), already preprocessed" in said


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool", "complex64", "object"])
def test_numbers_that_are_no_floats_are_refused(ctx, dtype):
    said = refusal(conv_net(ctx), np.ones((1, 3, 8, 6)).astype(dtype))
    assert f"of type {dtype}; expected floating-point" in said
    assert "preprocessing" in said


def test_a_photo_as_an_ndarray_is_refused(ctx):
    assert "of type uint8" in refusal(
        conv_net(ctx), mx.nd.ones((1, 3, 8, 6), dtype="uint8", ctx=ctx)
    )


@pytest.mark.parametrize("shape", [(0, 3, 8, 6), (1, 3, 0, 6), ()])
def test_empty_arrays_are_refused(ctx, shape):
    said = refusal(conv_net(ctx), np.ones(shape))
    assert f"shape {shape} is empty; expected at least one sample" in said


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.array, mx.nd.array], ids=["numpy", "NDArray"])
def test_nan_and_infinity_are_refused(ctx, value, kind):
    x = X.copy()
    x[1, 2, 3, 4] = value
    said = refusal(conv_net(ctx), kind(x))
    assert "NaN or infinity in sample 1; check the preprocessing" in said


def test_a_missing_batch_axis_is_pointed_out(ctx):
    said = refusal(conv_net(ctx), X[0])
    assert "shape (3, 8, 6)" in said
    assert "first layer 'first_fwd' expects (N, 3, H, W): add the batch axis" in said


def test_wrong_channels_are_pointed_out(ctx):
    for x in (X[:, :1], X.transpose(0, 2, 3, 1)):
        said = refusal(conv_net(ctx), x)
        assert f"shape {x.shape}; its first layer 'first_fwd' expects (N, 3, H, W)" in said
        assert "batch axis" not in said


def test_grouped_convolutions_expect_all_their_channels(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(6, 3, groups=3, in_channels=6), nn.Flatten(), nn.Dense(2))
    net.initialize(ctx=ctx)
    assert "expects (N, 6, H, W)" in refusal(net, X)


def test_a_picture_that_is_too_small_is_refused(ctx):
    said = refusal(conv_net(ctx), X[:, :, :2, :2])
    assert "shape (2, 3, 2, 2)" in said
    assert "MXNet says: " in said
    assert "kernel size exceed input" in said
    assert "\n" not in said  # none of MXNet's stack of addresses


def test_a_picture_of_another_size_than_the_classifiers_is_refused(ctx):
    net = conv_net(ctx)
    gm.saliency(net, X)  # now the Dense layer knows how many values it gets
    said = refusal(net, X[:, :, :6])
    assert "shape (2, 3, 6, 6)" in said
    assert "MXNet says: " in said
    assert "\n" not in said


def test_a_refused_shape_prints_nothing(ctx, capfd):
    refusal(conv_net(ctx), X[0])
    assert capfd.readouterr() == ("", "")


def test_the_wrong_number_of_inputs_is_refused(ctx):
    net = TwoInputs()
    net.initialize(ctx=ctx)
    graph = gm.trace(net, 2)
    said = refusal(graph, X)
    assert "has 2 inputs (data0, data1), got 1; pass a tuple" in said
    assert "got 3" in refusal(graph, (X, X, X))


def test_no_input_at_all_is_refused(ctx):
    refusal(conv_net(ctx), ())


def test_each_of_several_inputs_is_checked(ctx):
    net = TwoInputs()
    net.initialize(ctx=ctx)
    assert "of type uint8" in refusal(net, (X, X.astype(np.uint8)))


def test_an_uninitialised_net_is_refused():
    net = conv_net(initialize=False)
    with pytest.raises(NetworkError, match=r"not initialised .*'first_weight'.*load_parameters"):
        gm.saliency(net, X)


def test_a_net_initialised_in_part_is_refused(ctx):
    net = conv_net(initialize=False)
    net[0].initialize(ctx=ctx)
    with pytest.raises(NetworkError, match=r"not initialised .*'dense\d*_weight'"):
        gm.saliency(net, X)


def test_a_net_of_another_float_type_is_refused_with_a_reason(ctx):
    """MXNet mixes no types: if the net is not explained, what is said has to be readable."""
    net = conv_net(ctx)
    net.cast("float64")
    try:
        found = gm.saliency(net, X)
    except gm.GradCamError as error:
        assert "float64" in str(error)  # noqa: PT017 - both answers are right
    else:
        assert np.isfinite(found.values).all()


# ------------------------------------------------------------------------------- rows of samples


def test_the_rows_of_samples(ctx):
    array = mx.nd.array([[1, 2], [3, 4], [5, 6]], ctx=ctx)
    found = taken(array, np.array([2, 0, 0, 1]))
    assert found.context == ctx
    np.testing.assert_array_equal(found.asnumpy(), [[5, 6], [1, 2], [1, 2], [3, 4]])


def test_what_all_samples_share_stays_as_it_is(ctx):
    """Such as the anchors of a detector, (1, A, 4), whatever the number of samples."""
    array = mx.nd.ones((1, 5, 4), ctx=ctx)
    assert taken(array, np.array([0, 1, 1, 0]), axis=None) is array

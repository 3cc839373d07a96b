"""The finite differences, checked by gradients worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from finite_differences import Float64Net, directional, directional_inside, disagreement

from gradcam_mx._mxnet import mx

RNG = np.random.RandomState
sym = mx.sym


def normal(*shape, seed=0):
    return RNG(seed).normal(size=shape)


def total(outputs):
    return float(outputs[0].sum())


# ------------------------------------------------------------- conv 1×1, ReLU, dense: all by hand


def small_net():
    """S = v · relu(W x + b): a 1×1 convolution, then a dense layer over all positions."""
    x = sym.var("data")
    z = sym.Convolution(x, kernel=(1, 1), num_filter=3, name="conv")
    y = sym.FullyConnected(
        sym.Activation(z, act_type="relu", name="act"), num_hidden=1, no_bias=True, name="dense"
    )
    parameters = {
        "conv_weight": normal(3, 2, 1, 1, seed=1),
        "conv_bias": normal(3, seed=2),
        "dense_weight": normal(1, 3 * 4 * 5, seed=3),
    }
    return Float64Net(y, parameters), parameters


def gradients_by_hand(parameters, x):
    """∂S/∂x and ∂S/∂z, where z is what the convolution gives."""
    kernel = parameters["conv_weight"][:, :, 0, 0]
    z = np.einsum("oc,nchw->nohw", kernel, x) + parameters["conv_bias"].reshape(1, 3, 1, 1)
    at_z = parameters["dense_weight"].reshape(z.shape) * (z > 0)
    return np.einsum("oc,nohw->nchw", kernel, at_z), at_z


def test_outputs_are_in_float64():
    net, parameters = small_net()
    x = normal(1, 2, 4, 5)
    kernel = parameters["conv_weight"][:, :, 0, 0]
    z = np.einsum("oc,nchw->nohw", kernel, x) + parameters["conv_bias"].reshape(1, 3, 1, 1)
    (output,) = net.forward(x)
    assert output.dtype == np.float64
    np.testing.assert_allclose(
        output, [[np.maximum(z, 0).ravel() @ parameters["dense_weight"].ravel()]], rtol=1e-13
    )


def test_the_slope_at_the_input_is_the_gradient_by_hand():
    net, parameters = small_net()
    x, d = normal(1, 2, 4, 5), normal(1, 2, 4, 5, seed=9)
    at_x, _ = gradients_by_hand(parameters, x)
    assert directional(net, [x], 0, d, total) == pytest.approx((at_x * d).sum(), rel=1e-7)


def test_the_slope_at_an_inner_node_is_the_gradient_by_hand():
    net, parameters = small_net()
    x, d = normal(1, 2, 4, 5), normal(1, 3, 4, 5, seed=9)
    _, at_z = gradients_by_hand(parameters, x)
    slope = directional_inside(net, [x], "conv", d, total)
    assert slope == pytest.approx((at_z * d).sum(), rel=1e-7)


@pytest.mark.parametrize("error", [1e-3, 0.1, 1.0])
def test_a_wrong_gradient_is_noticed_and_by_how_much(error):
    net, parameters = small_net()
    x = normal(1, 2, 4, 5)
    right, _ = gradients_by_hand(parameters, x)
    noise = normal(*x.shape, seed=5)
    wrong = right + error * noise * np.linalg.norm(right) / np.linalg.norm(noise)
    measured = []
    for seed in range(200, 240):
        d = normal(*x.shape, seed=seed)
        slope = directional(net, [x], 0, d, total)
        assert disagreement(right, d, slope) < 1e-6
        measured.append(disagreement(wrong, d, slope))
    typical = float(np.sqrt(np.mean(np.square(measured))))
    assert typical == pytest.approx(error / np.sqrt(1 + error**2), rel=0.5)


# ------------------------------------------------------------------- inner nodes and their readers


def test_a_branch_counts_all_readers_and_heads():
    """The node x² is read twice and is a head: S = Σ 3x² + x⁴ + x²."""
    y = sym.square(sym.var("data"), name="squared")
    net = Float64Net(sym.Group([y * 3, sym.square(y), y]), {})
    x, d = normal(2, 3), normal(2, 3, seed=1)

    def everything(outputs):
        return sum(float(output.sum()) for output in outputs)

    inside = directional_inside(net, [x], "squared", d, everything)
    assert inside == pytest.approx(((4 + 2 * x**2) * d).sum(), rel=1e-7)
    outside = directional(net, [x], 0, d, everything)
    assert outside == pytest.approx(((4 + 2 * x**2) * 2 * x * d).sum(), rel=1e-7)


def test_one_output_of_a_node_that_has_several():
    first, second = sym.split(sym.var("data"), num_outputs=2, axis=1, name="halves")
    net = Float64Net(first * second, {})
    x, d = normal(2, 6), normal(2, 3, seed=1)
    assert directional_inside(net, [x], "halves", d, total, output=1) == pytest.approx(
        (x[:, :3] * d).sum(), rel=1e-7
    )


def test_the_inner_value_itself():
    net, _ = small_net()
    x = normal(1, 2, 4, 5)
    z = net.value("conv", 0, x)
    np.testing.assert_allclose(net.value("act", 0, x), np.maximum(z, 0), rtol=0)
    opened = net.opened("conv")
    np.testing.assert_array_equal(opened.forward(x, 0 * z)[0], net.forward(x)[0])
    np.testing.assert_allclose(opened.forward(x, -z)[0], 0, atol=0)


def test_a_name_that_is_no_node_or_more_than_one():
    y = sym.square(sym.square(sym.var("data"), name="twice"), name="twice")
    with pytest.raises(KeyError, match="2 nodes"):
        Float64Net(y, {}).opened("twice")
    with pytest.raises(KeyError, match="0 nodes"):
        Float64Net(y, {}).opened("data")


def test_two_inputs():
    net = Float64Net(sym.var("a") * sym.square(sym.var("b")), {}, ["a", "b"])
    a, b, d = normal(4), normal(4, seed=1), normal(4, seed=2)
    assert directional(net, [a, b], 1, d, total) == pytest.approx((2 * a * b * d).sum(), rel=1e-7)


# ---------------------------------------------------------------------------------------- float64


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x + sym.zeros((2, 3)),
        lambda x: x + sym.full((2, 3), 0.0, dtype="float32"),
        lambda x: sym.cast(sym.cast(x, "float16"), "float32"),
        lambda x: sym.amp_cast(x, dtype="float16"),
        lambda x: sym.broadcast_add(x, 0 * sym.arange(3)),
        lambda x: sym.broadcast_add(x, 0 * sym.one_hot(sym.BlockGrad(sym.argmax(x, axis=1)), 3)),
        lambda x: x + 0 * sym.argsort(x),
        lambda x: sym.broadcast_add(x, sym.var("constant", dtype="float32", shape=(3,))),
        lambda x: sym.Dropout(x, p=0.5),
    ],
    ids=[
        "zeros",
        "full",
        "cast",
        "amp_cast",
        "arange",
        "one_hot",
        "argsort",
        "variable",
        "dropout",
    ],
)
def test_what_says_float32_is_float64(wrap):
    x, d = normal(2, 3), normal(2, 3, seed=1)
    net = Float64Net(
        sym.square(wrap(sym.var("data"))), {"constant": np.zeros(3, np.float32)}, ["data"]
    )
    np.testing.assert_allclose(net.forward(x)[0], x * x, rtol=1e-15)
    assert directional(net, [x], 0, d, total) == pytest.approx((2 * x * d).sum(), rel=1e-7)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (lambda x: sym.LeakyReLU(x, act_type="leaky", slope=0.1), "leaky"),
        (lambda x: sym.LeakyReLU(x, act_type="selu"), "selu"),
        (lambda x: sym.LeakyReLU(x, act_type="gelu"), "gelu"),
        (lambda x: sym.LeakyReLU(x, sym.var("gamma"), act_type="prelu"), "prelu"),
        (lambda x: sym.LRN(x, nsize=3, alpha=0.3, beta=0.5, knorm=1.5), "lrn"),
        (lambda x: sym.InstanceNorm(x, sym.var("gamma"), sym.var("beta"), eps=1e-3), "instance"),
        (lambda x: sym.SoftmaxActivation(x, mode="channel"), "softmax"),
    ],
    ids=["leaky", "selu", "gelu", "prelu", "lrn", "instance_norm", "softmax_activation"],
)
def test_operators_that_mxnet_does_not_run_in_float64(operator, expected):
    x = normal(2, 3, 4, 5)
    gamma, beta = normal(3, seed=1), normal(3, seed=2)
    y = operator(sym.var("data"))
    known = {"gamma": gamma, "beta": beta}
    parameters = {name: known[name] for name in y.list_arguments() if name in known}
    g, b = gamma.reshape(1, 3, 1, 1), beta.reshape(1, 3, 1, 1)
    squares = np.pad(x * x, [(0, 0), (1, 1), (0, 0), (0, 0)])
    centred = x - x.mean(axis=(2, 3), keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=(2, 3), keepdims=True) + 1e-3)
    by_hand = {
        "leaky": np.where(x > 0, x, 0.1 * x),
        "selu": 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        "gelu": x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2,
        "prelu": np.where(x > 0, x, g * x),
        "lrn": x / np.sqrt(1.5 + 0.1 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:])),
        "instance": centred / deviation * g + b,
        "softmax": np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
    }[expected]
    net = Float64Net(y, parameters)
    # MXNet keeps the slope of an ELU as a float32
    precision = 1e-7 if expected == "selu" else 1e-11
    np.testing.assert_allclose(net.forward(x)[0], by_hand, rtol=precision)
    single = mx.nd.CachedOp(y, [])(
        *(mx.nd.array({**known, "data": x}[name]) for name in y.list_inputs())
    )
    np.testing.assert_allclose(single.asnumpy(), by_hand, rtol=1e-3, atol=1e-5)


def test_a_deconvolution_that_mxnet_gets_wrong_in_float64_is_refused():
    options = {"kernel": (3, 3), "num_filter": 2, "stride": (2, 2)}
    Float64Net(sym.Deconvolution(sym.var("data"), **options, name="up"), {})
    with pytest.raises(NotImplementedError, match="deconvolution"):
        Float64Net(sym.Deconvolution(sym.var("data"), **options, dilate=(2, 2)), {})


def test_batch_normalisation_uses_its_running_statistics():
    y = sym.BatchNorm(sym.var("data"), fix_gamma=False, eps=1e-3, name="norm")
    gamma, beta, mean, variance = (normal(3, seed=seed) ** 2 + 0.5 for seed in range(4))
    net = Float64Net(
        y,
        {
            "norm_gamma": gamma,
            "norm_beta": beta,
            "norm_moving_mean": mean,
            "norm_moving_var": variance,
        },
    )
    x, d = normal(2, 3, 4, 4), normal(2, 3, 4, 4, seed=9)
    slope = (gamma / np.sqrt(variance + 1e-3)).reshape(1, 3, 1, 1)
    assert directional(net, [x], 0, d, total) == pytest.approx((slope * d).sum(), rel=1e-7)


def test_operators_of_the_numpy_interface():
    with mx.util.np_shape(True), mx.util.np_array(True):
        data = sym.var("data").as_np_ndarray()
        y = sym.npx.relu(data * 2) + sym.np.mean(data)
        net = Float64Net(y, {})
    x, d = normal(2, 3), normal(2, 3, seed=1)
    expected = (2 * (x > 0) * d).sum() + d.sum()
    assert directional(net, [x], 0, d, total) == pytest.approx(expected, rel=1e-7)


def test_parameters_in_float32_and_indices_are_taken_as_they_are():
    y = sym.take(sym.var("table"), sym.var("ids")) * sym.var("data")
    table = normal(5, 3).astype(np.float32)
    net = Float64Net(y, {"table": mx.nd.array(table), "ids": np.array([4, 1], np.int32)}, ["data"])
    x = normal(2, 3, seed=1)
    np.testing.assert_allclose(net.forward(x)[0], table[[4, 1]] * x, rtol=1e-15)


# ------------------------------------------------------------------------------------------ kinks


def test_a_kink_between_the_points_makes_the_step_smaller():
    net = Float64Net(sym.Activation(sym.var("data"), act_type="relu"), {})
    x = np.array([1.0, 1e-7])  # at the first step, 1e-6, the second one changes sides
    assert directional(net, [x], 0, np.array([1.0, -2.0]), total) == pytest.approx(-1, rel=1e-6)
    assert directional(net, [x], 0, np.array([1.0, 2.0]), total) == pytest.approx(3, rel=1e-6)


def test_a_point_on_a_step_has_no_slope():
    net = Float64Net(sym.sign(sym.var("data")), {})
    with pytest.raises(ArithmeticError, match="no step"):
        directional(net, [np.zeros(3)], 0, np.ones(3), total)


def test_a_kink_at_the_very_point_is_not_averaged_away():
    """Both [relu(h) − relu(−h)] / 2h and the same with h / 2 are 1/2, which is no derivative."""
    net = Float64Net(sym.Activation(sym.var("data"), act_type="relu"), {})
    with pytest.raises(ArithmeticError, match="no step"):
        directional(net, [np.array([1.0, 0.0])], 0, np.ones(2), total)


def test_what_hardly_changes_gets_a_larger_step():
    """1 + 1e-6 x³ at x = 1: at the first steps rounding is more than is allowed."""
    data = sym.var("data")
    net = Float64Net(1 + 1e-6 * data * data * data, {})
    slope = directional(net, [np.ones(1)], 0, np.ones(1), total)
    assert slope == pytest.approx(3e-6, rel=1e-6)


def test_what_does_not_depend_on_the_input_has_slope_zero():
    net = Float64Net(sym.zeros_like(sym.var("data")) + 1, {})
    assert directional(net, [np.ones(3)], 0, np.ones(3), total) == 0

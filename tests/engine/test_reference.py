"""The reference interpreter, checked on its own before anything is checked against it.

Forward: against MXNet's own inference. Backward: against central differences of the reference's
float64 forward. Rules: against cases computed by hand.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from reference import FORWARD, Reference

if "bool" not in vars(np):
    np.bool = bool  # MXNet 1.9.1 asks for the alias that numpy 1.24 removed

import mxnet as mx
from mxnet.gluon.model_zoo import vision

Symbol = Any
Builder = Callable[[Symbol], Symbol]

data = mx.sym.var("data")
IMAGE = (2, 4, 7, 6)


def other(*shape: int) -> Symbol:
    """A second input; its gradient is checked too."""
    return mx.sym.var("other", shape=shape)


def act(kind: str) -> Builder:
    return lambda x: mx.sym.Activation(x, act_type=kind)


def leaky(kind: str, **options: Any) -> Builder:
    return lambda x: mx.sym.LeakyReLU(x, act_type=kind, **options)


def conv(**options: Any) -> Builder:
    return lambda x: mx.sym.Convolution(x, **options)


def deconv(**options: Any) -> Builder:
    return lambda x: mx.sym.Deconvolution(x, **options)


def pool(**options: Any) -> Builder:
    return lambda x: mx.sym.Pooling(x, **options)


def hard_swish(x: Symbol) -> Symbol:
    return x * (mx.sym.clip(x + 3, 0, 6) / 6)


def branches(x: Symbol) -> Symbol:
    """A value with three consumers, one of which is added to another."""
    y = mx.sym.Activation(x, act_type="relu")
    joined = mx.sym.Concat(y * 2, y + x, mx.sym.sigmoid(y), dim=1)
    return mx.sym.broadcast_mul(joined, mx.sym.mean(joined, axis=(2, 3), keepdims=True))


def shuffle(x: Symbol) -> Symbol:
    """Reshape, transpose and both outputs of a split, as in ShuffleNet."""
    y = mx.sym.Reshape(x, shape=(0, -4, 2, -1, -2))
    y = mx.sym.Reshape(mx.sym.SwapAxis(y, dim1=1, dim2=2), shape=(0, -3, -2))
    first, second = mx.sym.SliceChannel(y, num_outputs=2, axis=1)
    return mx.sym.Concat(mx.sym.tanh(second), first * second, dim=1)


# name -> (graph, shape of its input)
CASES: dict[str, tuple[Builder, tuple[int, ...]]] = {
    "conv-1d": (conv(kernel=(3,), num_filter=3, stride=(2,), pad=(1,)), (2, 4, 9)),
    "conv-2d": (
        conv(kernel=(3, 2), num_filter=6, stride=(2, 1), pad=(1, 2), dilate=(1, 2)),
        IMAGE,
    ),
    "conv-groups": (conv(kernel=(3, 3), num_filter=6, num_group=2, no_bias=True), IMAGE),
    "conv-depthwise": (conv(kernel=(3, 3), num_filter=8, num_group=4, pad=(1, 1)), IMAGE),
    "conv-skips-pixels": (conv(kernel=(1, 1), num_filter=3, stride=(4, 4)), IMAGE),
    "conv-3d": (conv(kernel=(2, 3, 2), num_filter=2, pad=(1, 0, 1)), (1, 2, 4, 4, 3)),
    "deconv": (
        deconv(kernel=(3, 4), num_filter=3, stride=(2, 3), pad=(1, 1), adj=(1, 2)),
        (2, 4, 3, 3),
    ),
    "deconv-groups": (
        deconv(kernel=(3, 3), num_filter=6, num_group=2, dilate=(2, 1), no_bias=False),
        (2, 4, 3, 3),
    ),
    "dense": (lambda x: mx.sym.FullyConnected(x, num_hidden=5), (3, 2, 4)),
    "dense-rows": (
        lambda x: mx.sym.FullyConnected(x, num_hidden=5, flatten=False, no_bias=True),
        (3, 2, 4),
    ),
    "batch-norm": (lambda x: mx.sym.BatchNorm(x), IMAGE),
    "batch-norm-gamma": (lambda x: mx.sym.BatchNorm(x, fix_gamma=False, eps=1e-5), IMAGE),
    "batch-norm-last-axis": (lambda x: mx.sym.BatchNorm(x, fix_gamma=False, axis=-1), (3, 5)),
    "instance-norm": (lambda x: mx.sym.InstanceNorm(x, eps=0.1), IMAGE),
    "layer-norm": (lambda x: mx.sym.LayerNorm(x, eps=0.1), (3, 2, 5)),
    "layer-norm-axis": (lambda x: mx.sym.LayerNorm(x, axis=1), IMAGE),
    "group-norm": (lambda x: mx.sym.GroupNorm(x, num_groups=2), IMAGE),
    "lrn": (lambda x: mx.sym.LRN(x, nsize=3, alpha=0.3, knorm=1.5, beta=0.6), IMAGE),
    "lrn-wide": (lambda x: mx.sym.LRN(x, nsize=5), (2, 6, 4, 3)),
    "l2-instance": (lambda x: mx.sym.L2Normalization(x), IMAGE),
    "l2-channel": (lambda x: mx.sym.L2Normalization(x, mode="channel"), IMAGE),
    "l2-spatial": (lambda x: mx.sym.L2Normalization(x, mode="spatial"), IMAGE),
    "act-relu": (act("relu"), IMAGE),
    "act-sigmoid": (act("sigmoid"), IMAGE),
    "act-tanh": (act("tanh"), IMAGE),
    "act-softrelu": (act("softrelu"), IMAGE),
    "act-softsign": (act("softsign"), IMAGE),
    "relu": (mx.sym.relu, IMAGE),
    "sigmoid": (mx.sym.sigmoid, IMAGE),
    "tanh": (mx.sym.tanh, IMAGE),
    "softsign": (mx.sym.softsign, IMAGE),
    "hard-sigmoid": (mx.sym.hard_sigmoid, IMAGE),
    "hard-sigmoid-steep": (lambda x: mx.sym.hard_sigmoid(x, alpha=0.8, beta=0.3), IMAGE),
    "clip": (lambda x: mx.sym.clip(x, -0.5, 0.8), IMAGE),
    "leaky": (leaky("leaky"), IMAGE),
    "leaky-slope": (leaky("leaky", slope=0.1), IMAGE),
    "prelu": (leaky("prelu"), IMAGE),
    "prelu-single": (
        lambda x: mx.sym.LeakyReLU(x, mx.sym.var("gamma", shape=(1,)), act_type="prelu"),
        IMAGE,
    ),
    "elu": (leaky("elu", slope=0.7), IMAGE),
    "selu": (leaky("selu"), IMAGE),
    "gelu": (leaky("gelu"), IMAGE),
    "rrelu": (lambda x: mx.sym.LeakyReLU(x, act_type="rrelu", upper_bound=0.5)[0], IMAGE),
    "hard-swish": (hard_swish, IMAGE),
    "pool-max": (pool(kernel=(3, 2), stride=(2, 2), pad=(1, 0)), IMAGE),
    "pool-max-full": (pool(kernel=(2, 3), stride=(3, 2), pooling_convention="full"), IMAGE),
    "pool-avg": (pool(kernel=(3, 2), stride=(2, 2), pad=(1, 1), pool_type="avg"), IMAGE),
    "pool-avg-exclude": (
        pool(kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="avg", count_include_pad=False),
        IMAGE,
    ),
    "pool-avg-full": (
        pool(kernel=(3, 2), stride=(3, 3), pad=(1, 1), pool_type="avg", pooling_convention="full"),
        IMAGE,
    ),
    "pool-avg-full-exclude": (
        pool(
            kernel=(2, 2),
            stride=(2, 2),
            pad=(1, 1),
            pool_type="avg",
            pooling_convention="full",
            count_include_pad=False,
        ),
        (1, 2, 5, 5),
    ),
    "pool-avg-same": (
        pool(kernel=(2,), stride=(2,), pad=(0, 0, 0), pool_type="avg", pooling_convention="same"),
        (2, 3, 7),
    ),
    "pool-sum": (pool(kernel=(2, 2), pad=(1, 0), pool_type="sum"), IMAGE),
    "pool-global-max": (pool(global_pool=True), IMAGE),
    "pool-global-avg": (pool(global_pool=True, kernel=(2, 2), pool_type="avg"), IMAGE),
    "pool-1d": (pool(kernel=(3,), stride=(2,)), (2, 3, 9)),
    "pool-3d": (pool(kernel=(2, 2, 1), stride=(1, 2, 2), pool_type="avg"), (1, 2, 3, 4, 4)),
    "concat": (lambda x: mx.sym.Concat(x, other(2, 3, 7, 6), x), IMAGE),
    "concat-axis": (lambda x: mx.sym.Concat(x, other(2, 4, 7, 2), dim=-1), IMAGE),
    "elemwise-add": (lambda x: x + other(*IMAGE), IMAGE),
    "elemwise-sub": (lambda x: x - other(*IMAGE), IMAGE),
    "elemwise-mul": (lambda x: x * other(*IMAGE), IMAGE),
    "elemwise-div": (lambda x: x / (other(*IMAGE) ** 2 + 1), IMAGE),
    "broadcast-add": (lambda x: mx.sym.broadcast_add(x, other(1, 4, 1, 6)), IMAGE),
    "broadcast-sub": (lambda x: mx.sym.broadcast_sub(x, other(2, 1, 1, 1)), IMAGE),
    "broadcast-mul": (lambda x: mx.sym.broadcast_mul(x, other(2, 4, 1, 1)), IMAGE),
    "broadcast-div": (
        lambda x: mx.sym.broadcast_div(x, other(1, 4, 7, 1) ** 2 + 1),
        IMAGE,
    ),
    "maximum": (lambda x: mx.sym.maximum(x, other(*IMAGE)), IMAGE),
    "minimum": (lambda x: mx.sym.minimum(x, other(*IMAGE)), IMAGE),
    "add-n": (lambda x: mx.sym.add_n(x, other(*IMAGE), x), IMAGE),
    "plus-scalar": (lambda x: x + 1.5, IMAGE),
    "minus-scalar": (lambda x: x - 1.5, IMAGE),
    "rminus-scalar": (lambda x: 1.5 - x, IMAGE),
    "mul-scalar": (lambda x: x * -1.5, IMAGE),
    "div-scalar": (lambda x: x / 1.5, IMAGE),
    "rdiv-scalar": (lambda x: 1.5 / (x**2 + 0.5), IMAGE),
    "power-scalar": (lambda x: x**3, IMAGE),
    "power-scalar-root": (lambda x: (mx.sym.abs(x) + 0.5) ** -0.5, IMAGE),
    "rpower-scalar": (lambda x: mx.sym.pow(2.5, x), IMAGE),
    "maximum-scalar": (lambda x: mx.sym.maximum(x, 0.3), IMAGE),
    "minimum-scalar": (lambda x: mx.sym.minimum(x, 0.3), IMAGE),
    "unary": (
        lambda x: mx.sym.log(mx.sym.sqrt(mx.sym.square(x) + mx.sym.exp(x))) + mx.sym.negative(x),
        IMAGE,
    ),
    "flatten": (mx.sym.Flatten, IMAGE),
    "reshape-0-minus1": (lambda x: mx.sym.reshape(x, shape=(0, -1)), IMAGE),
    "reshape-minus2": (lambda x: mx.sym.reshape(x, shape=(0, -2, 1)), (2, 4, 7)),
    "reshape-minus3": (lambda x: mx.sym.reshape(x, shape=(-3, -3)), IMAGE),
    "reshape-minus4": (lambda x: mx.sym.reshape(x, shape=(0, -4, -1, 2, -2)), IMAGE),
    "reshape-reverse": (lambda x: mx.sym.reshape(x, shape=(-1, 0), reverse=True), (10, 5, 4)),
    "expand-dims": (lambda x: mx.sym.expand_dims(x, axis=-2), IMAGE),
    "squeeze": (mx.sym.squeeze, (2, 1, 3, 1)),
    "squeeze-axis": (lambda x: mx.sym.squeeze(x, axis=1), (2, 1, 3, 1)),
    "squeeze-all": (mx.sym.squeeze, (1, 1)),
    "transpose": (lambda x: mx.sym.transpose(x, axes=(0, 2, 3, 1)), IMAGE),
    "transpose-reverse": (mx.sym.transpose, (2, 3, 4)),
    "swap-axis": (lambda x: mx.sym.SwapAxis(x, dim1=1, dim2=3), IMAGE),
    "split": (lambda x: mx.sym.split(x, num_outputs=2, axis=1)[1], IMAGE),
    "split-squeeze": (
        lambda x: mx.sym.split(x, num_outputs=4, axis=1, squeeze_axis=True)[2],
        IMAGE,
    ),
    "slice-axis": (lambda x: mx.sym.slice_axis(x, axis=1, begin=1, end=3), IMAGE),
    "slice-axis-end": (lambda x: mx.sym.slice_axis(x, axis=-1, begin=-4, end=None), IMAGE),
    "mean": (mx.sym.mean, IMAGE),
    "mean-axes": (lambda x: mx.sym.mean(x, axis=(2, 3), keepdims=True), IMAGE),
    "mean-exclude": (lambda x: mx.sym.mean(x, axis=1, exclude=True), IMAGE),
    "sum": (lambda x: mx.sym.sum(x, axis=-1), IMAGE),
    "sum-keepdims": (lambda x: mx.sym.sum(x, keepdims=True), IMAGE),
    "softmax": (mx.sym.softmax, (3, 5)),
    "softmax-axis": (lambda x: mx.sym.softmax(x, axis=1, temperature=2.0), IMAGE),
    "log-softmax": (mx.sym.log_softmax, (3, 5)),
    "log-softmax-axis": (lambda x: mx.sym.log_softmax(x, axis=1), IMAGE),
    "dropout": (lambda x: mx.sym.Dropout(x, p=0.5), IMAGE),
    "identity": (mx.sym.identity, IMAGE),
    "cast": (lambda x: mx.sym.Cast(x, dtype="float32"), IMAGE),
    "pad-constant": (
        lambda x: mx.sym.Pad(
            x, mode="constant", pad_width=(0, 0, 0, 0, 1, 2, 0, 3), constant_value=0.4
        ),
        IMAGE,
    ),
    "pad-edge": (
        lambda x: mx.sym.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 0, 3)),
        IMAGE,
    ),
    "pad-reflect": (
        lambda x: mx.sym.Pad(x, mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 0, 3)),
        IMAGE,
    ),
    "dot": (lambda x: mx.sym.dot(x, other(4, 5)), (3, 4)),
    "dot-transposed": (
        lambda x: mx.sym.dot(x, other(5, 4), transpose_a=True, transpose_b=True),
        (4, 3),
    ),
    "dot-tensors": (lambda x: mx.sym.dot(x, other(4, 2, 3)), (2, 3, 4)),
    "dot-tensors-transposed": (
        lambda x: mx.sym.dot(x, other(3, 2, 4), transpose_a=True, transpose_b=True),
        (4, 3, 2),
    ),
    "dot-vectors": (lambda x: mx.sym.dot(x, other(4)), (4,)),
    "upsampling": (lambda x: mx.sym.UpSampling(x, scale=2, sample_type="nearest"), IMAGE),
    "upsampling-concat": (
        lambda x: mx.sym.UpSampling(
            x, other(2, 3, 2, 4), scale=2, sample_type="nearest", num_args=2
        ),
        (2, 4, 4, 8),
    ),
    "upsampling-sum": (
        lambda x: mx.sym.UpSampling(
            x,
            other(2, 4, 2, 4),
            scale=2,
            sample_type="nearest",
            num_args=2,
            multi_input_mode="sum",
        ),
        (2, 4, 4, 8),
    ),
    "branches": (branches, IMAGE),
    "shuffle": (shuffle, IMAGE),
}


def arrays_for(symbol: Symbol, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Random values for every variable, exact in float32: both sides start from the same."""
    random = np.random.RandomState(seed)
    arguments, _, states = symbol.infer_shape(data=shape)
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    arrays = {}
    for name, size in zip(names, arguments + states):
        values = random.standard_normal(size)
        positive = name.endswith(("var", "gamma"))
        arrays[name] = (np.abs(values) + 0.5 if positive else values).astype(np.float32)
    return arrays


def mxnet_forward(symbol: Symbol, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The first output in inference. A cached op, because an executor would fuse operators."""
    inputs = [mx.nd.array(arrays[name]) for name in symbol.list_inputs()]
    outputs = mx.nd.CachedOp(symbol)(*inputs)
    return (outputs[0] if isinstance(outputs, list) else outputs).asnumpy()


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def prepared(name: str) -> tuple[Symbol, Reference, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A case's symbol, its reference, its inputs, and inputs with parameters."""
    build, shape = CASES[name]
    symbol = build(data)
    arrays = arrays_for(symbol, shape, seed=sum(map(ord, name)))
    inputs = {key: arrays[key] for key in ("data", "other") if key in arrays}
    params = {key: array for key, array in arrays.items() if key not in inputs}
    return symbol, Reference(symbol.tojson(), params), inputs, arrays


@pytest.mark.parametrize("name", CASES)
def test_forward_is_mxnets(name: str) -> None:
    symbol, reference, inputs, arrays = prepared(name)
    expected = mxnet_forward(symbol, arrays)
    assert relative_error(reference.forward(inputs), expected) <= 1e-5
    assert set(reference.values) <= set(symbol.get_internals().list_outputs())


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_slope_of_forward(name: str) -> None:
    _, reference, inputs, _ = prepared(name)
    point = {key: array.astype(np.float64) for key, array in inputs.items()}
    head = np.random.RandomState(0).standard_normal(reference.forward(point).shape)
    gradients = reference.backward(head)
    step = 1e-5
    for key, array in point.items():
        slopes = np.zeros(array.size)
        for i in range(array.size):
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved.flat[i] += sign * step
                ends.append((reference.forward({**point, key: moved}) * head).sum())
            slopes[i] = (ends[0] - ends[1]) / (2 * step)
        assert relative_error(gradients[key], slopes.reshape(array.shape)) <= 1e-6


def test_every_operator_is_in_some_case() -> None:
    aliases = "identity stop_gradient reshape flatten split concat pad cast swapaxes BatchNorm_v1"
    aliases += " ElementWiseSum sum_axis _add _plus _Plus _sub _minus _Minus _mul _Mul _div _Div"
    aliases += " _Maximum _Minimum broadcast_plus broadcast_minus broadcast_maximum"
    aliases += " broadcast_minimum"
    used = {"BlockGrad"}  # has a test of its own
    for name in CASES:
        used |= {node.op for node in prepared(name)[1].nodes}
    assert set(FORWARD) - used - set(aliases.split()) == set()


# ----------------------------------------------------------------------------------- rules, by hand

Z = np.array([[-2.0, -1.0, 1.0, 2.0, 7.0, 0.0]])
DY = np.array([[3.0, -3.0, 4.0, -4.0, 5.0, 6.0]])


def gradient(build: Builder, rule: str, **params: np.ndarray) -> np.ndarray:
    reference = Reference(build(data).tojson(), params)
    reference.forward(Z)
    return reference.backward(DY, rule=rule)["data"]


RELU = {
    "plain": [0.0, 0.0, 4.0, -4.0, 5.0, 0.0],
    "guided": [0.0, 0.0, 4.0, 0.0, 5.0, 0.0],
    "deconvnet": [3.0, 0.0, 4.0, 0.0, 5.0, 6.0],
}
RELU6 = {
    "plain": [0.0, 0.0, 4.0, -4.0, 0.0, 0.0],
    "guided": [0.0, 0.0, 4.0, 0.0, 0.0, 0.0],
    "deconvnet": [3.0, 0.0, 4.0, 0.0, 5.0, 6.0],
}
HALF = {
    "plain": [1.5, -1.5, 4.0, -4.0, 5.0, 3.0],
    "guided": [1.5, 0.0, 4.0, 0.0, 5.0, 3.0],
    "deconvnet": [3.0, 0.0, 4.0, 0.0, 5.0, 6.0],
}
gamma = mx.sym.var("gamma")


@pytest.mark.parametrize("rule", ["plain", "guided", "deconvnet"])
@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (act("relu"), RELU),
        (mx.sym.relu, RELU),
        (lambda x: mx.sym.clip(x, 0, 6), RELU6),
        (leaky("leaky", slope=0.5), HALF),
        (leaky("rrelu", lower_bound=0.4, upper_bound=0.6), HALF),
        (lambda x: mx.sym.LeakyReLU(x, gamma, act_type="prelu"), HALF),
    ],
    ids=["Activation", "relu", "relu6", "leaky", "rrelu", "prelu"],
)
def test_rule(build: Builder, expected: dict[str, list[float]], rule: str) -> None:
    params = {"gamma": np.array([0.5])}
    np.testing.assert_allclose(gradient(build, rule, **params), [expected[rule]], atol=1e-15)


@pytest.mark.parametrize("kind", ["elu", "selu", "gelu"])
def test_rule_at_smooth_activations(kind: str) -> None:
    slope = gradient(leaky(kind), "plain") / DY
    clamped = np.maximum(DY, 0)
    np.testing.assert_allclose(gradient(leaky(kind), "guided"), slope * clamped)
    np.testing.assert_allclose(gradient(leaky(kind), "deconvnet"), clamped)


def test_rule_at_softrelu() -> None:
    clamped = np.maximum(DY, 0)
    guided = gradient(act("softrelu"), "guided")
    np.testing.assert_allclose(guided, clamped / (1 + np.exp(-Z)))
    np.testing.assert_allclose(gradient(act("softrelu"), "deconvnet"), clamped)


@pytest.mark.parametrize(
    "build",
    [
        act("sigmoid"),
        act("tanh"),
        act("softsign"),
        mx.sym.sigmoid,
        mx.sym.tanh,
        mx.sym.softsign,
        mx.sym.hard_sigmoid,
        lambda x: mx.sym.clip(x + 3, 0, 6) / 6,
        lambda x: mx.sym.clip(x + 3, 0, 6) * (1 / 6),
        hard_swish,
    ],
)
def test_gates_keep_their_derivative(build: Builder) -> None:
    plain = gradient(build, "plain")
    assert (plain < 0).any()
    for rule in ("guided", "deconvnet"):
        np.testing.assert_array_equal(gradient(build, rule), plain)


def test_clip_after_a_sum_is_no_gate_by_itself() -> None:
    def build(x: Symbol) -> Symbol:
        return mx.sym.clip(x + 1, 0, 6)

    expected = [[0.0, 0.0, 4.0, 0.0, 0.0, 6.0]]
    np.testing.assert_array_equal(gradient(build, "guided"), expected)


def test_rules_act_at_each_activation_of_a_chain() -> None:
    """relu, times -1, relu: at the second activation dy is clamped, then again behind the -1."""
    build = lambda x: mx.sym.relu(mx.sym.relu(x) * -1 + 1.5)  # noqa: E731
    # z2 = 1.5 1.5 0.5 -0.5 -5.5 1.5
    for rule, expected in {
        "plain": [0.0, 0.0, -4.0, 0.0, 0.0, 0.0],
        "guided": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "deconvnet": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    }.items():
        np.testing.assert_array_equal(gradient(build, rule), [expected])


def test_rule_on_the_sum_of_several_consumers() -> None:
    """dy is clamped once, after the consumers' gradients are added: 2 dy - 3 dy = -dy."""

    def build(x: Symbol) -> Symbol:
        y = mx.sym.relu(x)
        return y * 2 - y * 3

    np.testing.assert_array_equal(gradient(build, "guided"), [[0, 0, 0, 4, 0, 0]])
    np.testing.assert_array_equal(gradient(build, "deconvnet"), [[0, 3, 0, 4, 0, 0]])


# ------------------------------------------------------------------------------- corners and errors


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    symbol = pool(kernel=(2, 2), stride=(2, 2))(data)
    reference = Reference(symbol.tojson(), {})
    reference.forward(np.array([[[[1.0, 1.0, 0.0, 2.0], [1.0, 0.0, 2.0, 2.0]]]]))
    found = reference.backward(np.array([[[[5.0, 7.0]]]]))["data"]
    np.testing.assert_array_equal(found, [[[[5, 0, 0, 7], [0, 0, 0, 0]]]])


def test_deconvolution_target_shape_stands_for_a_pad_and_an_adj() -> None:
    """MXNet with oneDNN refuses target_shape, so there is nothing to compare with directly."""
    options: dict[str, Any] = {"kernel": (4, 4), "num_filter": 2, "stride": (2, 2), "name": "up"}
    target = deconv(target_shape=(7, 8), **options)(data)
    explicit = deconv(pad=(2, 1), adj=(1, 0), **options)(data)
    arrays = arrays_for(explicit, (1, 3, 4, 4), seed=0)
    params = {"up_weight": arrays["up_weight"]}
    results = []
    for symbol in (target, explicit):
        reference = Reference(symbol.tojson(), params)
        y = reference.forward(arrays["data"])
        results.append((y, reference.backward(y)["data"]))
    assert results[0][0].shape == (1, 2, 7, 8)
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert relative_error(results[0][0], mxnet_forward(explicit, arrays)) <= 1e-5


def test_block_grad_stops_the_gradient() -> None:
    symbol = mx.sym.BlockGrad(data * 2) + data
    reference = Reference(symbol.tojson(), {})
    assert reference.forward(Z).sum() == 3 * Z.sum()
    np.testing.assert_array_equal(reference.backward(DY)["data"], DY)


def test_gradients_and_values_have_node_names() -> None:
    symbol = mx.sym.split(mx.sym.relu(data, name="first"), num_outputs=2, axis=1, name="halves")
    reference = Reference((symbol[0] * 2).tojson(), {})
    reference.forward(Z)
    found = reference.backward(DY[:, :3])
    np.testing.assert_array_equal(found["halves"], 2 * DY[:, :3])
    np.testing.assert_array_equal(found["halves_output1"], np.zeros((1, 3)))
    np.testing.assert_array_equal(found["first"][:, :3], 2 * DY[:, :3])
    np.testing.assert_array_equal(reference.value("halves"), reference.values["halves_output0"])
    inner = reference.backward(DY, head="first")
    assert set(inner) == {"first", "data"}


def test_activations_are_the_nodes_that_rules_act_on() -> None:
    x = mx.sym.relu(data, name="a")
    x = mx.sym.clip(x * mx.sym.sigmoid(x, name="gate"), 0, 6, name="b")
    x = mx.sym.clip(x + 3, 0, 6, name="hard") / 6
    assert Reference(x.tojson(), {}).activations == ["a", "b"]


def test_near_ties() -> None:
    x = mx.sym.relu(data, name="a")
    x = mx.sym.clip(x, 0, 1, name="b")
    symbol = mx.sym.Pooling(x, kernel=(2,), stride=(2,), name="c") + 0
    reference = Reference(symbol.tojson(), {})
    #               -- window --  --- window ---  -- window --
    reference.forward(np.array([[[1e-9, 0.3, 0.5, 0.5 + 1e-9, -2.0, -3.0]]]))
    # the clip also sees two exact zeros; the pool's two equal zeros are no near tie
    assert reference.near_ties(1e-6) == {"a": 1, "b": 3, "c": 1}
    assert reference.near_ties(1e-12) == {"a": 0, "b": 2, "c": 0}


def test_unknown_operator_is_named() -> None:
    with pytest.raises(NotImplementedError, match="arctanh"):
        Reference(mx.sym.arctanh(data).tojson(), {})


def test_weight_computed_from_the_image_is_refused() -> None:
    weight = mx.sym.reshape(mx.sym.sum(data), shape=(1, 1))
    symbol = mx.sym.FullyConnected(data, weight, num_hidden=1, no_bias=True, name="dynamic")
    reference = Reference(symbol.tojson(), {})
    reference.forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError, match="dynamic"):
        reference.backward(np.ones((1, 1)))


def test_missing_parameter_is_named() -> None:
    symbol = mx.sym.FullyConnected(data, num_hidden=1, name="dense")
    with pytest.raises(ValueError, match="dense_weight"):
        Reference(symbol.tojson(), {}).forward(Z)
    with pytest.raises(KeyError, match="dense_weight"):
        Reference(symbol.tojson(), {}).forward({"data": Z})


# ----------------------------------------------------------------------------------- whole networks


def fill(net: Any, seed: int) -> dict[str, np.ndarray]:
    """Random parameters that keep the signal's size, with running statistics that matter."""
    random = np.random.RandomState(seed)
    params = {}
    for name, parameter in net.collect_params().items():
        shape = parameter.shape
        if name.endswith(("gamma", "running_var")):
            values = random.uniform(0.5, 1.5, shape)
        elif name.endswith("weight"):
            values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = random.standard_normal(shape) * 0.2
        params[name] = values.astype(np.float32)
        parameter.set_data(mx.nd.array(params[name]))
    return params


@pytest.mark.parametrize(
    ("name", "size"), [("resnet18_v2", 64), ("mobilenet_v2_0_25", 64), ("squeezenet1_1", 224)]
)
def test_whole_network(name: str, size: int) -> None:
    net = getattr(vision, name)(classes=10)
    net.initialize()
    net(mx.nd.zeros((1, 3, size, size)))  # the first run fixes the shapes
    params = fill(net, seed=1)
    random = np.random.RandomState(2)
    image = random.standard_normal((1, 3, size, size)).astype(np.float32)
    reference = Reference(net(data).tojson(), params)
    scores = reference.forward(image)
    assert relative_error(scores, net(mx.nd.array(image)).asnumpy()) <= 1e-5

    # one difference through the whole chain, a step too small to meet a kink
    found = reference.backward(np.eye(10)[:1])["data"]
    direction = 1e-9 * random.standard_normal(image.shape)
    ahead, behind = (reference.forward(image + s * direction)[0, 0] for s in (1, -1))
    slope = np.array((ahead - behind) / 2)
    assert relative_error(np.array((found * direction).sum()), slope) <= 1e-5

"""Fused networks are explained like those that they were made of; int8 ones by their float twin."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, NetworkError, TargetError, WeightsError

S = mx.sym
RNG = np.random.RandomState(0)
X = np.abs(RNG.normal(size=(2, 3, 10, 10))).astype(np.float32)


def residual():
    """Batch normalisation folded in, a fixed gamma, a sum whose first operand is the shortcut."""
    data = S.var("data")
    one = S.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=8, no_bias=True, name="conv1")
    one = S.BatchNorm(one, fix_gamma=True, eps=1e-3, name="norm1")
    one = S.Activation(one, act_type="relu", name="relu1")
    two = S.Convolution(one, kernel=(3, 3), pad=(1, 1), num_filter=8, name="conv2")
    two = S.elemwise_add(one, S.BatchNorm(two, fix_gamma=False, name="norm2"), name="sum")
    two = S.Activation(two, act_type="relu", name="relu2")
    pooled = S.Pooling(two, global_pool=True, pool_type="avg", kernel=(1, 1))
    return S.FullyConnected(S.Flatten(pooled), num_hidden=5, name="out")


def depthwise():
    """A ReLU6, a GELU and a sigmoid inside, a loss head behind."""
    one = S.Convolution(S.var("data"), kernel=(3, 3), num_filter=8, name="conv")
    one = S.clip(one, 0, 6, name="relu6")
    two = S.Convolution(one, kernel=(3, 3), num_filter=8, num_group=8, name="depthwise")
    two = S.LeakyReLU(two, act_type="gelu", name="gelu")
    hidden = S.FullyConnected(two, num_hidden=6, name="hidden")
    gated = S.Activation(hidden, act_type="sigmoid", name="gate")
    return S.SoftmaxOutput(S.FullyConnected(gated, num_hidden=4, name="out"), name="softmax")


def branches():
    """Two branches, one with a sum of both; tokens go through Dense layers."""
    data = S.var("data")
    one = S.Convolution(data, kernel=(1, 1), num_filter=8, name="one")
    other = S.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=8, name="other")
    joined = S.Concat(
        S.Activation(one, act_type="tanh"), S.LeakyReLU(other, act_type="elu"), dim=1, name="both"
    )
    tokens = S.transpose(S.Reshape(joined, shape=(0, 0, -1)), axes=(0, 2, 1))
    mixed = S.FullyConnected(tokens, num_hidden=12, flatten=False, name="mix")
    return S.FullyConnected(S.mean(S.square(mixed), axis=1), num_hidden=3, name="out")


def initialised(symbol, **more):
    arguments, _, states = symbol.infer_shape(data=X.shape, **more)
    rng = np.random.RandomState(1)
    return (
        {
            name: mx.nd.array(rng.normal(size=shape) * 0.3)
            for name, shape in zip(symbol.list_arguments(), arguments)
            if name not in ("data", *more, "softmax_label")
        },
        {
            name: mx.nd.array(rng.uniform(0.5, 2, size=shape))
            for name, shape in zip(symbol.list_auxiliary_states(), states)
        },
    )


def forward(symbol, arrays, x):
    """What MXNet's own executor says."""
    given = {**arrays[0], "data": mx.nd.array(x)}
    if "softmax_label" in symbol.list_arguments():
        given["softmax_label"] = mx.nd.zeros(len(x))
    run = symbol.bind(mx.cpu(), given, aux_states=dict(arrays[1]), grad_req="null")
    return run.forward()[0].asnumpy()


@pytest.mark.parametrize("make", [residual, depthwise, branches])
def test_a_fused_network_is_explained_like_the_one_that_it_was_made_of(make, tmp_path):
    symbol = make()
    arrays = initialised(symbol)
    fused = symbol.get_backend_symbol("MKLDNN")
    assert "_sg_mkldnn_" in fused.tojson()
    fused.save(str(tmp_path / "net-symbol.json"))
    mx.nd.save(
        str(tmp_path / "net-0000.params"),
        {f"{kind}:{name}": one for kind, part in zip(("arg", "aux"), arrays)
         for name, one in part.items()},
    )  # fmt: skip
    graphs = [gm.trace((one, *arrays)) for one in (symbol, fused)]
    graphs.append(gm.load(tmp_path / "net"))
    rows = [[(row.name, row.op, row.shape) for row in one.layers(X.shape)] for one in graphs]
    assert rows[0] == rows[1] == rows[2]
    by_mxnet = forward(fused, arrays, X)
    for method in (gm.saliency, gm.guided_backprop, gm.grad_cam, gm.ablation_cam, gm.occlusion):
        signed = {"relu": False} if method in (gm.grad_cam, gm.ablation_cam) else {}
        expected, *found = (method(one, X, 1, **signed) for one in graphs)
        assert np.abs(expected.values).max() > 0
        for one in found:
            np.testing.assert_allclose(one.values, expected.values, rtol=1e-4, atol=1e-6)
            assert one.layer == expected.layer
    probability = gm.occlusion(graphs[1], X, 1, output="probability").score
    is_probability = make is depthwise
    score = probability if is_probability else gm.saliency(graphs[1], X, 1).score
    np.testing.assert_allclose(score, by_mxnet[:, 1], rtol=1e-4, atol=1e-5)


# -- int8 ------------------------------------------------------------------------------------------


def quantized(symbol, arrays, dtype):
    data = RNG.normal(size=(64, *X.shape[1:]))
    data = np.abs(data) if dtype == "uint8" else data
    loader = mx.io.NDArrayIter(data, batch_size=16)
    return mx.contrib.quantization.quantize_model(
        symbol, *arrays, ctx=mx.cpu(), calib_mode="naive", calib_data=loader,
        num_calib_examples=64, quantized_dtype=dtype,
        excluded_op_names=["BatchNorm"] if dtype == "uint8" else [],
    )  # fmt: skip


def saved(folder, symbol, arguments, states):
    mx.model.save_checkpoint(str(folder / "int8"), 0, symbol, arguments, states)
    return folder / "int8"


@pytest.fixture(params=["fused", "plain"])
def int8(request, tmp_path):
    """A network in int8 arithmetic: its files, its parts, and the float network's."""
    symbol = residual()
    arrays = initialised(symbol)
    start = symbol
    if request.param == "fused":
        start = symbol.get_backend_symbol("MKLDNN_QUANTIZE")
    # oneDNN's convolutions in int8 that are not fused take uint8 alone
    made, arguments, states = quantized(
        start, arrays, "auto" if request.param == "fused" else "uint8"
    )
    return saved(tmp_path, made, arguments, states), (made, arguments, states), (symbol, *arrays)


def test_an_int8_network_is_explained_by_perturbation_alone(int8):
    prefix, (symbol, arguments, states), _ = int8
    net = gm.load(prefix)
    for method, error in ((gm.saliency, TargetError), (gm.grad_cam, LayerError)):
        with pytest.raises(error, match=r"lets? none through.*occlusion.*dequantize=True"):
            method(net, X, 1)
    # where no range is known, MXNet takes that of all rows that it runs together
    x = X[:1]
    found = gm.occlusion(net, x, 1, window=5, stride=5, batch_size=1)
    run = forward(symbol, (arguments, states), x)
    np.testing.assert_allclose(found.score, run[:, 1], rtol=1e-5)
    hidden = x.copy()
    hidden[:, :, 5:, :5] = 0
    expected = run[:, 1] - forward(symbol, (arguments, states), hidden)[:, 1]
    np.testing.assert_allclose(found.values[:, 7, 2], expected, rtol=1e-4, atol=1e-5)


def test_the_twin_of_an_int8_network_is_close_and_has_its_weights(int8):
    prefix, (symbol, arguments, states), (floats, weights, running) = int8
    twin = gm.load(prefix, dequantize=True)
    meant = dict(weights)
    for name in weights:
        if f"{name}_quantize" in arguments:
            number = arguments[f"{name}_quantize"].asnumpy().astype(np.float64)
            ends = [arguments[f"{name}_quantize_{end}"].asscalar() for end in ("min", "max")]
            meant[name] = mx.nd.array(number * max(map(abs, ends)) / 127)
            assert (meant[name].asnumpy() != weights[name].asnumpy()).any()
    same = gm.trace((floats, meant, running))
    for method in (gm.saliency, gm.grad_cam, gm.guided_backprop):
        expected, found = method(same, X, 1), method(twin, X, 1)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
    if "_sg_mkldnn_conv" not in symbol.tojson():
        return  # uint8 lets nothing below zero pass
    by_int8 = forward(symbol, (arguments, states), X)
    by_twin = twin.forward([mx.nd.array(X)])[0].asnumpy()
    spread = by_twin.max() - by_twin.min()
    assert 0 < np.abs(by_int8 - by_twin).max() < 0.05 * spread


@pytest.mark.parametrize("int8", ["fused"], indirect=True)
def test_a_layer_in_int8_is_ablated_in_int8(int8):
    _, (symbol, arguments, states), _ = int8
    net = gm.trace((symbol, arguments, states))
    rows = [row.name for row in net.layers(X.shape) if row.is_default]
    found = gm.ablation_cam(net, X[:1], 1, rows[0], relu=False)
    given = {**arguments, "data": mx.nd.array(X[:1])}
    described, index = _node(symbol, rows[0])
    described["heads"] = [[index, which, 0] for which in range(3)]
    part = mx.sym.load_json(json.dumps(described))
    used = {name: one for name, one in given.items() if name in part.list_arguments()}
    auxiliary = {name: states[name] for name in part.list_auxiliary_states()}
    values = [one.asnumpy() for one in part.bind(mx.cpu(), used, aux_states=auxiliary).forward()]
    behind = _behind(symbol, rows[0])

    def score(maps):
        run = mx.nd.CachedOp(behind)
        leaves = {"maps": mx.nd.array(maps, dtype=values[0].dtype),
                  "low": mx.nd.array(values[1]), "high": mx.nd.array(values[2])}  # fmt: skip
        every = {**arguments, **states, **leaves}
        return run(*(every[name] for name in behind.list_inputs())).asnumpy()[0, 1]

    whole = score(values[0])
    expected = np.zeros(values[0].shape[2:])
    for channel in range(values[0].shape[1]):
        without = values[0].copy()
        without[:, channel] = 0
        expected += (whole - score(without)) / abs(whole) * values[0][0, channel]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-4, atol=1e-4)


def _node(symbol, output):
    described = json.loads(symbol.tojson(remove_amp_cast=False))
    name = output[: -len("_output")] if output.endswith("_output") else output
    return described, next(at for at, node in enumerate(described["nodes"]) if node["name"] == name)


def _behind(symbol, output):
    """What of an int8 network lies behind a node, from its three outputs."""
    described, index = _node(symbol, output)
    nodes = described["nodes"]
    first = len(nodes)
    nodes += [{"op": "null", "name": name, "inputs": []} for name in ("maps", "low", "high")]
    order = [*range(first, first + 3), *range(first)]
    places = {old: new for new, old in enumerate(order)}
    for node in nodes:
        node["inputs"] = [
            [places[first + which], 0, 0] if at == index else [places[at], which, version]
            for at, which, version in node["inputs"]
        ]
    described["nodes"] = [nodes[old] for old in order]
    described["heads"] = [[places[at], *rest] for at, *rest in described["heads"]]
    described["arg_nodes"] = [at for at, n in enumerate(described["nodes"]) if n["op"] == "null"]
    described.pop("node_row_ptr", None)
    return mx.sym.load_json(json.dumps(described))


def test_a_float_network_stays_as_it_is(tmp_path):
    symbol = residual()
    arrays = initialised(symbol)
    prefix = saved(tmp_path, symbol, *arrays)
    found = gm.saliency(gm.load(prefix, dequantize=True), X, 1)
    np.testing.assert_array_equal(found.values, gm.saliency((symbol, *arrays), X, 1).values)


def test_a_range_that_is_missing_is_told(int8, tmp_path):
    prefix, (symbol, arguments, states), _ = int8
    name = next(name for name in arguments if name.endswith("_quantize_min"))
    saved(tmp_path, symbol, {key: one for key, one in arguments.items() if key != name}, states)
    with pytest.raises(WeightsError, match=f"{name}.* is missing"):
        gm.load(prefix, dequantize=True)


def test_an_operator_without_a_twin_is_told(tmp_path):
    (tmp_path / "odd-symbol.json").write_text(
        _odd("_contrib_quantized_rnn", {"state_size": "2", "num_layers": "1", "mode": "lstm"})
    )
    mx.nd.save(str(tmp_path / "odd-0000.params"), {"arg:p": mx.nd.zeros(2)})
    with pytest.raises(NetworkError, match=r"_contrib_quantized_rnn.*no operator in floating"):
        gm.load(tmp_path / "odd", dequantize=True)


def _odd(op, attrs):
    names = ["data", "p", *(f"input{n}" for n in range(6))]
    nodes = [{"op": "null", "name": name, "inputs": []} for name in names]
    inputs = [[n, 0, 0] for n in range(5)]
    nodes.append({"op": op, "name": "odd", "attrs": attrs, "inputs": inputs})
    return json.dumps(
        {
            "nodes": nodes,
            "arg_nodes": [*range(len(names))],
            "heads": [[len(names), 0, 0]],
            "attrs": {"mxnet_version": ["int", 10901]},
        }
    )

"""Where no gradient gets through, the table says so: found by trying MXNet's operators."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, TargetError
from gradcam_mx.graph.attributes import Attributes
from gradcam_mx.graph.operators import operator

NOT_TRIED = ("backward", "random", "sample", "_update", "sgd", "Custom", "quantize", "_sg_mkldnn")
OF_ITS_OWN = {"_maximum_scalar", "_linalg_slogdet", "_npi_powerd"}
"""Zero for what is tried: all lies below the number, the first output is a sign, it is random."""
SHAPE = (2, 3, 4, 4)


def candidates():
    """The operators of one or two arrays that need no attributes."""
    for name in mx.operator.get_all_registered_operators():
        if any(part in name for part in NOT_TRIED):
            continue
        arguments = mx.operator.get_operator_arguments(name)
        types = dict(zip(arguments.names, arguments.types))
        inputs = [one for one, kind in types.items() if kind.startswith("NDArray-or-Symbol")]
        if len(inputs) in (1, 2) and not any(
            "required" in kind and one not in inputs for one, kind in types.items()
        ):
            yield name, len(inputs)


def made(name, inputs):
    variables = [{"op": "null", "name": f"x{n}", "inputs": []} for n in range(inputs)]
    node = {"op": name, "name": "out", "inputs": [[n, 0, 0] for n in range(inputs)]}
    return mx.sym.load_json(
        json.dumps(
            {
                "nodes": [*variables, node],
                "arg_nodes": [*range(inputs)],
                "heads": [[inputs, 0, 0]],
                "attrs": {"mxnet_version": ["int", 10901]},
            }
        )
    )


def of_values(symbol, arrays):
    """The output, or None where MXNet makes none of such arrays."""
    try:
        run = mx.nd.CachedOp(symbol)(*map(mx.nd.array, arrays))
        return (run[0] if isinstance(run, list) else run).asnumpy()
    except Exception:  # noqa: BLE001 - MXNet raises IndexError and others too
        return None


def gradients(symbol, arrays):
    given = [mx.nd.array(one) for one in arrays]
    for one in given:
        one.attach_grad()
    rng = np.random.RandomState(2)
    try:
        with mx.autograd.record(train_mode=True):
            output = mx.nd.CachedOp(symbol)(*given)
        output = output[0] if isinstance(output, list) else output
        output.backward(mx.nd.array(rng.normal(size=output.shape), dtype=output.dtype))
        return [one.grad.asnumpy() for one in given]
    except Exception as error:  # noqa: BLE001 - MXNet raises IndexError and others too
        return None if "non-differentiable" in str(error) else [np.ones(1)] * len(given)


@pytest.mark.parametrize("inputs", [1, 2])
def test_a_zero_gradient_is_one_that_the_table_knows_of(inputs):
    rng, tried, missing = np.random.RandomState(0), 0, []
    for name, count in candidates():
        if count != inputs:
            continue
        try:
            symbol = made(name, count)
        except mx.MXNetError:  # it needs the number of its arrays
            continue
        values = [rng.uniform(0.1, 0.9, SHAPE).astype(np.float32) for _ in range(count)]
        before = of_values(symbol, values)
        if before is None or not before.size:
            continue
        op = json.loads(symbol.tojson(remove_amp_cast=False))["nodes"][-1]["op"]
        known, found = operator(op), gradients(symbol, values)
        for slot in range(count):
            others = [one.copy() for one in values]
            others[slot] = rng.uniform(-3, 3, SHAPE).astype(np.float32)
            after = of_values(symbol, others)
            changes = after is None or not np.allclose(before, after, equal_nan=True)
            tried += 1
            if changes and (found is None or not found[slot].any()):
                stops = known.stops_gradient(Attributes(op, {})) or slot in known.indices
                missing += [] if stops or op in OF_ITS_OWN else [(name, op, slot)]
    assert tried > 50
    assert not missing, missing


S = mx.sym


def three_nets():
    """Outputs that change with the picture, through something without a derivative."""
    data = S.var("data")
    maps = S.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=4, name="conv")
    maps = S.Activation(maps, act_type="relu", name="maps")
    pooled = S.mean(maps, axis=(2, 3))
    yield "round", "steps", S.round(pooled * 20, name="steps")
    yield "_greater_scalar", "above", S._internal._greater_scalar(pooled, scalar=0.5, name="above")
    yield "argmax", "which", S.one_hot(S.argmax(pooled, axis=1, name="which"), depth=4)


@pytest.mark.parametrize("number", range(3))
def test_the_operator_that_stops_it_is_named_and_perturbation_advised(number):
    op, name, symbol = list(three_nets())[number]
    rng = np.random.RandomState(3)
    x = rng.normal(size=(1, 2, 6, 6)).astype(np.float32)
    net = (
        symbol,
        {
            "conv_weight": mx.nd.array(rng.normal(size=(4, 2, 3, 3))),
            "conv_bias": mx.nd.zeros(4),
        },
        {},
    )
    for method, error in ((gm.saliency, TargetError), (gm.grad_cam, LayerError)):
        with pytest.raises(error, match=rf"{op} '{name}' lets none through.*occlusion"):
            method(net, x, 1)
    found = gm.occlusion(net, x, 1, window=2, stride=2)
    run = symbol.bind(mx.cpu(), {"data": mx.nd.array(x), **net[1]})
    hidden = x.copy()
    hidden[..., 2:4, 2:4] = 0
    expected = run.forward()[0].asnumpy()[0, 1]
    expected -= run.forward(data=mx.nd.array(hidden))[0].asnumpy()[0, 1]
    np.testing.assert_allclose(found.values[0, 2, 2], expected, atol=1e-5)


def cancelling():
    """Scores that do not depend on the picture, but for rounding: f(x) + f(1 - x), f linear; by
    an operator of which the table knows nothing."""
    data = S.var("data")
    other = S.elemwise_sub(S.ones_like(data), data)
    weight, bias = S.var("weight"), S.var("bias")
    conv = {"weight": weight, "bias": bias, "kernel": (1, 1), "num_filter": 4}
    dense = {"weight": weight, "bias": bias, "num_hidden": 4, "flatten": False}
    yield S.Convolution(data, **conv) + S.Convolution(other, **conv), (4, 2, 1, 1)
    yield S.FullyConnected(data, **dense) + S.FullyConnected(other, **dense), (4, 6)
    yield S.square(data) * 0 + (data + other) * 0.7, None


@pytest.mark.parametrize("number", range(3))
def test_terms_that_cancel_are_no_operator_without_a_gradient(number):
    symbol, shape = list(cancelling())[number]
    rng = np.random.RandomState(4)
    parameters = {}
    if shape:
        parameters = {"weight": mx.nd.array(rng.normal(size=shape)), "bias": mx.nd.ones(4)}
    symbol = S.sum(symbol, axis=(2, 3))
    found = gm.saliency((symbol, parameters, {}), rng.normal(size=(1, 2, 6, 6)), 1)
    np.testing.assert_allclose(found.values, 0, atol=1e-4)

"""Bounds are gates or rectifiers by what they do, in whatever form they are written."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

S, IN = mx.sym, mx.sym._internal
ONE = (1, 1, 1, 1)

GATES = {
    "clip of a line": lambda x: S.clip(x / 6 + 0.5, 0, 1),
    "line of a clip": lambda x: S.clip(x + 3, 0, 6) / 6,
    "Keras": lambda x: S.clip(0.2 * x + 0.5, 0, 1),
    "not scaled": lambda x: S.clip(x + 3, 0, 6),
    "falling": lambda x: S.clip(3 - x, 0, 6),
    "min of max": lambda x: S.minimum(S.maximum(x + 3, 0), 6) / 6,
    "max of min": lambda x: S.maximum(S.minimum(0.2 * x + 0.5, 1), 0),
    "min of relu": lambda x: IN._minimum_scalar(S.relu(x + 3), scalar=6) / 6,
    "two relus": lambda x: 1 - IN._maximum_scalar(
        1 - S.Activation(x / 6 + 0.5, act_type="relu"), scalar=0
    ),
    "broadcast": lambda x: S.broadcast_minimum(
        S.broadcast_maximum(x + 3, S.zeros(ONE)), S.full(ONE, 6)
    ) / 6,
    "like": lambda x: IN._minimum(
        IN._maximum(x * 0.5 + 0.5, S.zeros_like(x)), S.ones_like(x)
    ),
    "clip around zero": lambda x: (S.clip(x, -3, 3) + 3) / 6,
}  # fmt: skip
RECTIFIERS = {
    "clip": lambda x: S.clip(x, 0, 6),
    "min of relu": lambda x: IN._minimum_scalar(S.relu(x), scalar=6),
    "max of min": lambda x: S.maximum(S.minimum(x, 6), 0),
    "broadcast": lambda x: S.broadcast_minimum(
        S.broadcast_maximum(x, S.zeros(ONE)), S.full(ONE, 6)
    ),
    "like": lambda x: IN._minimum(IN._maximum(x, S.zeros_like(x)), S.ones_like(x) * 6),
    "shifted": lambda x: S.clip(x - 3, -3, 3) + 3,
    "scaled": lambda x: S.clip(x * 2, 0, 12) / 2,
    "shifted behind": lambda x: S.clip(x, 0, 6) - 3,
}
X = np.random.RandomState(0).normal(size=(1, 2, 6, 6)).astype(np.float32) * 3


def net(bound):
    """A convolution, the bound, and a Dense layer of mixed signs behind it."""
    rng = np.random.RandomState(1)
    data = S.var("data")
    maps = S.Convolution(data, kernel=(3, 3), num_filter=4, name="conv")
    symbol = S.FullyConnected(bound(maps), num_hidden=2, name="out")
    return (
        symbol,
        {
            "conv_weight": mx.nd.array(rng.normal(size=(4, 2, 3, 3)) * 0.5),
            "conv_bias": mx.nd.array(rng.normal(size=4)),
            "out_weight": mx.nd.array(rng.normal(size=(2, 64))),
            "out_bias": mx.nd.zeros(2),
        },
        {},
    )


def rectifies(form):
    return [node.name for node in gm.trace(net(form)).live_nodes
            if node.activation in ("relu", "clip")]  # fmt: skip


@pytest.mark.parametrize("form", GATES)
def test_a_hard_sigmoid_keeps_the_chain_rule(form):
    with_relu = net(lambda x: GATES[form](S.Activation(x, act_type="relu", name="first")))
    plain = net(lambda x: GATES[form](x))
    assert rectifies(GATES[form]) == []
    with pytest.raises(gm.errors.RuleError, match="rectifiers"):
        gm.guided_backprop(plain, X, 1)
    # a true rectifier beside it is changed, and it alone
    report = gm.guided_backprop(with_relu, X, 1).rule_report
    assert report.changed == {"relu": 1}


@pytest.mark.parametrize("form", RECTIFIERS)
def test_a_relu6_is_a_rectifier_in_any_form(form):
    symbol, arguments, _ = net(RECTIFIERS[form])
    assert len(rectifies(RECTIFIERS[form])) == 1
    found = gm.guided_backprop((symbol, arguments, {}), X, 1)
    expected = gm.guided_backprop(net(RECTIFIERS["clip"]), X, 1)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-5)
    assert np.abs(found.values - gm.saliency(net(RECTIFIERS["clip"]), X, 1).values).max() > 0.01


def test_a_rectifier_before_a_gate_stays_one():
    def both(x):
        return S.clip(S.relu(x) / 6 + 0.5, 0, 1)

    kinds = [node.activation for node in gm.trace(net(both)).live_nodes if node.activation]
    assert kinds == ["relu", "hard_sigmoid"]

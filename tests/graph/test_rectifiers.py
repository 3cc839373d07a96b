"""Rectifiers that are written out in several operators are what they are named elsewhere."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.methods.run import Run

S, IN = mx.sym, mx.sym._internal
ONE = (1, 1, 1, 1)


def relu(y):
    return S.Activation(y, act_type="relu")


def leaky(y, slope=0.1):
    return S.LeakyReLU(y, act_type="leaky", slope=slope)


RELUS = {
    "where": lambda y: S.where(y > 0, y, S.zeros_like(y)),
    "where, with a constant": lambda y: S.where(y >= 0, y, 0 * y),
    "turned where": lambda y: S.where(y <= 0, S.zeros_like(y), y),
    "mask": lambda y: y * (y > 0),
    "mask of a broadcast": lambda y: S.broadcast_mul(S.broadcast_greater(y, S.zeros_like(y)), y),
    "absolute value": lambda y: (y + S.abs(y)) / 2,
    "half of it": lambda y: 0.5 * (S.abs(y) + y),
    "maximum": lambda y: S.maximum(y, 0),
    "broadcast maximum": lambda y: S.broadcast_maximum(y, S.zeros(ONE, dtype="float64")),
    "maximum with zeros": lambda y: IN._maximum(y, S.zeros_like(y)),
    "clip": lambda y: S.clip(y, 0, float("inf")),
    "minimum upside down": lambda y: -S.minimum(-y, 0),
    "sign": lambda y: y * (S.sign(y) + 1) / 2,
    "root of the square": lambda y: (y + S.sqrt(y * y)) / 2,
    "without the negative": lambda y: y - S.minimum(y, 0),
    "where of a sum": lambda y: S.where(y - 1 > -1, y, S.zeros_like(y)),
}
LEAKY = {
    "where": lambda y: S.where(y > 0, y, 0.1 * y),
    "maximum": lambda y: S.maximum(y, 0.1 * y),
    "masks": lambda y: y * (y > 0) + 0.1 * y * (y <= 0),
    "absolute value": lambda y: 0.55 * y + 0.45 * S.abs(y),
}
OTHERS = {
    "twice": (lambda y: y + S.abs(y), lambda y: 2 * relu(y)),
    "negative": (lambda y: S.minimum(-y, 0), lambda y: -relu(y)),
    "of the other side": (lambda y: S.where(y < 0, -y, S.zeros_like(y)), lambda y: relu(-y)),
    "what is below": (lambda y: S.minimum(y, 0), lambda y: -relu(-y)),
    "ReLU6": (
        lambda y: S.where(y > 0, S.where(y < 6, y, 6 * S.ones_like(y)), S.zeros_like(y)),
        lambda y: S.clip(y, 0, 6),
    ),
    "ELU": (
        lambda y: S.where(y > 0, y, S.exp(y) - 1),
        lambda y: S.LeakyReLU(y, act_type="elu", slope=1.0),
    ),
    "leaky, upside down": (lambda y: S.minimum(-y, -0.1 * y), lambda y: -leaky(y)),
    "shifted": (lambda y: RELUS["where"](y + 1), lambda y: relu(y + 1)),
    "shifted there and back": (lambda y: S.clip(y - 3, -3, 3) + 3, lambda y: S.clip(y, 0, 6)),
    "a bound that falls": (
        lambda y: 3 - S.broadcast_minimum(3 - y, S.full(ONE, 3, "float64")),
        relu,
    ),
    "a mask that two read": (lambda y: _shared(y, y > 0), lambda y: 0.5 * relu(y)),
}
PAIRS = {
    **{f"ReLU: {name}": (form, relu) for name, form in RELUS.items()},
    **{f"leaky: {name}": (form, leaky) for name, form in LEAKY.items()},
    **OTHERS,
}


def _shared(y, mask):
    return y * mask - 0.5 * S.where(mask, y, S.zeros_like(y))


# a second function of the mask is one function of y with it
GATES = {
    "swish": lambda y: y * S.sigmoid(y),
    "hard swish": lambda y: y * S.clip(y + 3, 0, 6) / 6,
    "hard sigmoid": lambda y: S.minimum(S.where(y + 3 > 0, y + 3, 0 * y), 6) / 6,
    "hard tanh": lambda y: S.clip(y, -1, 1),
    "GELU": lambda y: 0.5 * y * (1 + S.erf(y / 1.4142135)),
    "square": lambda y: y * y,
    "absolute value": lambda y: S.abs(y),
    "gated by another": lambda y: y * S.sigmoid(S.reverse(y, axis=2)),
    "residual": lambda y: y + S.Pooling(y, kernel=(3, 3), pad=(1, 1), pool_type="avg"),
}
NOT_SEEN = {
    "threshold": (lambda y: y * (y > 1), "1 elemwise_mul"),
    "bent elsewhere": (lambda y: S.where(y + 1 > 0, y + 1, 0 * y), "1 where"),
    "another bound": (lambda y: S.maximum(y, 3), "1 _maximum_scalar"),
    "learned slope": (lambda y: S.where(y > 0, y, S.broadcast_mul(y, slope())), "1 where"),
    "learned slope, by the maximum": (
        lambda y: S.broadcast_maximum(y, S.broadcast_mul(y, slope())),
        "1 broadcast_maximum",
    ),
    "squared": (lambda y: S.where(y > 0, y * y, S.zeros_like(y)), "1 where"),
}
X = np.random.RandomState(0).normal(size=(2, 2, 6, 6)) * 3


def slope():
    return S.var("alpha", shape=(1, 4, 1, 1))


def net(form, first=relu, dtype="float64"):
    """A convolution, a ReLU by name, another convolution, the form, a pool and a Dense layer."""
    rng = np.random.RandomState(1)
    data = S.var("data")
    maps = first(S.Convolution(data, kernel=(3, 3), num_filter=3, name="conv0"))
    maps = S.Convolution(maps, kernel=(1, 1), num_filter=4, name="conv1")
    pooled = S.Pooling(form(maps), kernel=(2, 2), stride=(2, 2), pool_type="avg")
    symbol = S.FullyConnected(pooled, num_hidden=2, name="out")
    shapes = {
        "conv0_weight": (3, 2, 3, 3), "conv0_bias": (3,), "conv1_weight": (4, 3, 1, 1),
        "conv1_bias": (4,), "out_weight": (2, 16), "out_bias": (2,), "alpha": (1, 4, 1, 1),
    }  # fmt: skip
    arrays = {
        name: mx.nd.array(rng.normal(size=shape), dtype=dtype) for name, shape in shapes.items()
    }
    return symbol, arrays, {}


def close(found, expected):
    np.testing.assert_allclose(
        found, expected, rtol=2e-5, atol=1e-6 * max(abs(expected).max(), 1e-30)
    )


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
@pytest.mark.parametrize("form", PAIRS)
def test_a_rectifier_that_is_written_out(form, method):
    made, named = PAIRS[form]
    explain = getattr(gm, method)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found, expected = (explain(net(one), X, 1) for one in (made, named))
    close(found.values, expected.values)
    assert sum(found.rule_report.changed.values()) == 2
    assert found.rule_report.not_seen == {}
    # the rule does something there
    only_first = explain(net(lambda y: y), X, 1).values
    assert abs(found.values - gm.saliency(net(named), X, 1).values).max() > 0.01
    assert abs(found.values - only_first).max() > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["ReLU: where", "ReLU: absolute value", "leaky: maximum"])
def test_in_either_precision(form, dtype):
    made, named = PAIRS[form]
    x = X.astype(dtype)
    found = gm.guided_backprop(net(made, dtype=dtype), x, 1).values
    expected = gm.guided_backprop(net(named, dtype=dtype), x, 1).values
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", PAIRS)
def test_plain_gradients_are_the_nets_own(form):
    symbol, arrays, _ = net(PAIRS[form][0])
    found = gm.saliency((symbol, arrays, {}), X, 1).values
    data = mx.nd.array(X, dtype="float64")
    data.attach_grad()
    given = {name: arrays[name] for name in symbol.list_inputs() if name != "data"}
    run = symbol.bind(
        mx.cpu(), {"data": data, **given}, args_grad={"data": data.grad}, grad_req={"data": "write"}
    )
    run.forward(is_train=True)
    run.backward(mx.nd.array([[0, 1]] * len(X), dtype="float64"))
    close(found, data.grad.asnumpy())


@pytest.mark.parametrize("form", GATES)
def test_what_is_no_rectifier_keeps_the_chain_rule(form):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        report = gm.guided_backprop(net(GATES[form]), X, 1).rule_report
    assert report.changed == {"relu": 1}
    assert report.not_seen == {}


@pytest.mark.parametrize("form", NOT_SEEN)
def test_what_is_not_seen_is_told(form):
    made, told = NOT_SEEN[form]
    with pytest.warns(UserWarning, match=f"does not see.*: {re.escape(told)}"):
        report = gm.guided_backprop(net(made), X, 1).rule_report
    count, op = told.split()
    assert report.not_seen == {op: int(count)}
    assert f"does not see {told}" in str(gm.check(net(made), X, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.saliency(net(made), X, 1)


def test_a_net_of_nothing_else_is_explained():
    class Block(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.first = mx.gluon.nn.Dense(5, in_units=4)
                self.last = mx.gluon.nn.Dense(2, in_units=5)

        def hybrid_forward(self, F, x):
            y = self.first(x)
            return self.last(F.where(y > 0, y, F.zeros_like(y)))

    made = Block()
    made.initialize(mx.init.Normal(1))
    x = np.random.RandomState(3).normal(size=(3, 4)).astype(np.float32)
    w, b = (one.data().asnumpy() for one in (made.first.weight, made.first.bias))
    v = made.last.weight.data().asnumpy()
    for hybrid in (False, True):
        made.hybridize(hybrid)
        guided = gm.guided_backprop(made, x, 1)
        np.testing.assert_allclose(
            guided.values, ((x @ w.T + b > 0) * np.maximum(v[1], 0)) @ w, rtol=1e-5, atol=1e-6
        )
        assert guided.rule_report.changed == {"relu": 1}
        painted = gm.deconvnet(made, x, 1).values
        np.testing.assert_allclose(
            painted, np.tile(np.maximum(v[1], 0) @ w, (3, 1)), rtol=1e-5, atol=1e-6
        )


def test_a_rule_of_ones_own_finds_operators_as_they_are():
    """At the operator that ends a rectifier a step has that operator's inputs."""
    from dataclasses import dataclass

    from gradcam_mx import rules

    seen = []

    @dataclass(frozen=True)
    class AtProducts(rules.Rule):
        name: str = "at_products"

        def at(self, node):
            def backward(step):
                seen.append(len(step.inputs))
                return step.vjp()

            return backward if node.op == "elemwise_mul" else None

    rule = AtProducts()
    made = net(RELUS["mask"])
    run = Run(made, X, 1, needs=[gm.methods.Needs(rules=frozenset([rule]))])
    close(run.input_gradient(rule), gm.saliency(made, X, 1).values)
    assert seen == [2]


def test_a_net_that_cannot_be_traced_says_what_its_rules_leave_alone():
    class Free(mx.gluon.Block):
        def __init__(self):
            super().__init__()
            self.first, self.last = gm.nn.Dense(4, activation="relu"), gm.nn.Dense(2)

        def forward(self, x):
            y = self.first(x) - 0.5
            assert y.sum().asscalar() < 1e9
            return self.last(mx.nd.where(y > 0, y, mx.nd.zeros_like(y)))

    made = Free()
    made.initialize()
    report = gm.guided_backprop(made, np.ones((2, 3), np.float32), 1).rule_report
    assert (report.changed, report.left_alone) == ({"relu": 1}, {"relu": 1})


def test_the_weight_of_a_layer_that_ends_in_a_rectifier():
    class Layer(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = mx.gluon.nn.Conv2D(4, 3, in_channels=2)

        def hybrid_forward(self, F, x):
            y = self.conv(x)
            return F.where(y > 0, y, F.zeros_like(y))

    made = mx.gluon.nn.HybridSequential()
    made.add(Layer(), mx.gluon.nn.Dense(2))
    made.initialize()
    made(mx.nd.ones((1, 2, 5, 5)))
    found = gm.inspect.weights(made, "0")
    np.testing.assert_array_equal(found, made[0].conv.weight.data().asnumpy())

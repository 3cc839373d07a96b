"""In train mode, where gradients are right, every operator does what it does at inference."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

S = mx.sym


def head(features):
    pooled = S.Pooling(features, global_pool=True, kernel=(1, 1), pool_type="avg")
    return S.FullyConnected(pooled, num_hidden=3, name="fc")


def convolved(name="conv"):
    return S.Convolution(S.Variable("data"), kernel=(3, 3), num_filter=4, name=name)


def recurrent(mode, **attrs):
    """A recurrent operator over the rows of a map, as a Symbol wants its sequence: (T, N, C)."""
    rows = S.transpose(S.mean(convolved(), axis=3), axes=(2, 0, 1))
    both = 2 if attrs.get("bidirectional") else 1
    cells = {"state_cell": S.Variable("cell")} if mode == "lstm" else {}
    made = S.RNN(
        rows,
        S.Variable("rnn_parameters"),
        S.Variable("state"),
        state_size=3,
        num_layers=2,
        mode=mode,
        p=0.5,
        **cells,
        **attrs,
    )
    return S.FullyConnected(S.mean(made, axis=0), num_hidden=3, name="fc"), (2 * both, 2, 3)


def in_a_loop(body):
    """What a body makes of the channels of a map, one after the other, added up."""
    made = convolved()
    slices = S.transpose(made, axes=(1, 0, 2, 3))
    start = S.zeros_like(S.sum(made, axis=1))
    _, last = S.contrib.foreach(lambda one, state: (one, body(one) + state), slices, start)
    return S.FullyConnected(S.Flatten(last), num_hidden=3, name="fc")


def rectified(value):
    return S.LeakyReLU(value, act_type="rrelu", lower_bound=0.1, upper_bound=0.7)[0]


SYMBOLS = {
    "v1": lambda: head(S.tanh(S.BatchNorm_v1(convolved(), name="bn"))),
    "v1, gamma": lambda: head(S.tanh(S.BatchNorm_v1(convolved(), fix_gamma=False, name="bn"))),
    "v1, eps": lambda: head(S.tanh(S.BatchNorm_v1(convolved(), fix_gamma="0", eps=0.5))),
    "rrelu": lambda: head(rectified(convolved())),
    "dropout": lambda: head(S.Dropout(convolved(), p=0.7)),
    "dropout of channels": lambda: head(S.Dropout(convolved(), p=0.7, axes=(2, 3))),
    "dropout twice": lambda: head(S.Dropout(S.Dropout(convolved(), p=0.7), mode="training")),
    "v1 in a loop": lambda: in_a_loop(
        lambda one: S.sum(
            S.BatchNorm_v1(S.expand_dims(one, axis=1), fix_gamma=False, name="bn"), axis=1
        )
    ),
    "rrelu in a loop": lambda: in_a_loop(rectified),
    "dropout in a loop": lambda: in_a_loop(lambda one: S.Dropout(one, p=0.7)),
    "lstm": lambda: recurrent("lstm"),
    "gru": lambda: recurrent("gru"),
    "gru both ways": lambda: recurrent("gru", bidirectional=True),
    "tanh": lambda: recurrent("rnn_tanh"),
    "relu": lambda: recurrent("rnn_relu"),
}


def made(kind):
    """A symbol, its parameters and states, an input; in float64 where MXNet can."""
    dtype = "float32" if "v1" in kind else "float64"
    found = SYMBOLS[kind]()
    symbol, state = found if isinstance(found, tuple) else (found, None)
    shape = (2, 2, 6, 6)
    given = {"data": shape, **({"state": state} if state else {})}
    shapes, _, of_states = symbol.infer_shape(**given)
    rng = np.random.RandomState(0)
    arguments = {
        name: mx.nd.array(rng.normal(size=one) * 0.7, dtype=dtype)
        for name, one in zip(symbol.list_arguments(), shapes)
        if name != "data"
    }
    states = {
        name: mx.nd.array(rng.uniform(0.5, 2, size=one), dtype=dtype)
        for name, one in zip(symbol.list_auxiliary_states(), of_states)
    }
    return symbol, arguments, states, rng.normal(size=shape).astype(dtype)


def says(symbol, arguments, states, x):
    """What the symbol itself says, on copies: MXNet writes into a gamma that is fixed."""
    copies = {name: one.copy() for name, one in arguments.items()}
    bound = symbol.bind(
        mx.cpu(),
        {**copies, "data": mx.nd.array(x, dtype=x.dtype)},
        aux_states={name: one.copy() for name, one in states.items()},
    )
    return bound.forward(is_train=False)[0].asnumpy()


@pytest.mark.parametrize("kind", SYMBOLS)
def test_the_score_and_its_gradient_are_those_at_inference(kind):
    symbol, arguments, states, x = made(kind)
    found = gm.saliency((symbol, arguments, states), x, target=1)
    np.testing.assert_allclose(found.score, says(symbol, arguments, states, x)[:, 1], rtol=2e-5)
    np.testing.assert_array_equal(
        found.values, gm.saliency((symbol, arguments, states), x, target=1).values
    )
    # MXNet computes LeakyReLU in single precision, also in float64, and a recurrent ReLU in part
    step, tolerance = (1e-6, 1e-6) if x.dtype == "float64" else (3e-3, 2e-3)
    if "relu" in kind:
        step, tolerance = 3e-4, 2e-3
    rng = np.random.RandomState(4)
    for _ in range(5):
        way = rng.normal(size=x.shape)
        above, below = (
            says(symbol, arguments, states, (x + sign * step * way).astype(x.dtype))[:, 1].sum()
            for sign in (1, -1)
        )
        scale = np.abs(found.values).sum()
        difference = (above - below) / (2 * step) - (found.values * way).sum()
        assert abs(difference) < tolerance * scale


def test_a_dropout_that_is_always_on_stays_on():
    """It is part of what the net says, at random."""
    net = head(S.Dropout(convolved(), p=0.5, mode="always"))
    shapes, _, _ = net.infer_shape(data=(1, 2, 6, 6))
    arrays = {name: mx.nd.ones(one) for name, one in zip(net.list_arguments(), shapes)}
    x = arrays.pop("data")
    scores = {float(gm.saliency((net, arrays, {}), x, target=1).score[0]) for _ in range(5)}
    assert len(scores) > 1


def test_a_normalisation_of_old_is_shown_under_its_name():
    symbol, arguments, states, x = made("v1")
    rows = {row.name: row.op for row in gm.trace((symbol, arguments, states)).layers(x.shape)}
    assert rows["bn_output"] == "BatchNorm_v1"

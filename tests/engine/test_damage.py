"""Deliberate damage to one function of the engine: the check finds it when a net is explained.

Each net is right until its function is damaged; then it is refused, and the layer named, whichever
method comes first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph import attributes, operators, piece, rewrite, unfuse, unroll

S, nn = mx.sym, mx.gluon.nn
FIRST = ("saliency", "grad_cam", "occlusion")
"""Each records another part of the net in train mode; saliency comes after the others."""


def filled(symbol, shape=(2, 2, 6, 6), dtype="float32", **more):
    """(symbol, arg_params, aux_params) of random numbers, and an input."""
    given = {name: value.shape for name, value in more.items()}
    shapes, _, of_states = symbol.infer_shape(data=shape, **given)
    rng = np.random.RandomState(0)

    def arrays(names, shapes, draw):
        pairs = [pair for pair in zip(names, shapes) if pair[0] != "data"]
        return {name: mx.nd.array(draw(one), dtype=dtype) for name, one in pairs}

    arguments = arrays(symbol.list_arguments(), shapes, lambda one: rng.normal(size=one) * 0.7)
    states = arrays(
        symbol.list_auxiliary_states(), of_states, lambda one: rng.uniform(0.5, 2, size=one)
    )
    return (symbol, {**arguments, **more}, states), rng.normal(size=shape).astype(dtype)


def convolved(name="conv", axes=2):
    return S.Convolution(S.Variable("data"), kernel=(3,) * axes, num_filter=4, name=name)


def head(features):
    pooled = S.mean(features, axis=(2, 3), name="mean")
    return S.FullyConnected(pooled, num_hidden=3, name="fc")


def normed(op=S.BatchNorm, **options):
    return lambda: filled(head(op(convolved(), name="bn", **{"fix_gamma": False, **options})))


def signals():
    made = S.BatchNorm(convolved(axes=1), name="bn", fix_gamma=False)
    return filled(S.FullyConnected(S.mean(made, axis=2), num_hidden=3, name="fc"), (2, 3, 9))


def recurrent():
    sequence = S.transpose(S.mean(convolved(), axis=3), axes=(2, 0, 1))
    variables = S.Variable("rnn_parameters"), S.Variable("state")
    made = S.RNN(sequence, *variables, state_size=3, num_layers=2, mode="gru", p=0.5, name="rnn")
    state = mx.nd.zeros((2, 2, 3), dtype="float64")
    net = S.FullyConnected(S.mean(made, axis=0), num_hidden=3, name="fc")
    return filled(net, dtype="float64", state=state)


def looped(body):
    """What a body makes of the channels of a map, one after the other, added up."""

    def build():
        made = convolved()
        _, last = S.contrib.foreach(
            lambda one, state: (one, body(one) * 0.5 + state * 0.3),
            S.transpose(made, axes=(1, 0, 2, 3)),
            S.zeros_like(S.sum(made, axis=1)),
        )
        return filled(S.FullyConnected(S.Flatten(last), num_hidden=3, name="fc"))

    return build


class Choosing(mx.gluon.HybridBlock):
    """One of two convolutions, whichever a condition takes."""

    def __init__(self):
        super().__init__(prefix="net_")
        with self.name_scope():
            self.first = nn.Conv2D(4, 3, in_channels=2, activation="relu")
            self.then, self.other = (nn.Conv2D(4, 3, in_channels=4) for _ in range(2))
            self.out = nn.Dense(3, in_units=4)

    def hybrid_forward(self, F, x):
        found = self.first(x)
        chosen = F.contrib.cond(F.sum(x) > 1e5, lambda: self.then(found), lambda: self.other(found))
        return self.out(F.mean(chosen[0] if isinstance(chosen, list) else chosen, axis=(2, 3)))


def choosing():
    mx.random.seed(0)
    net = Choosing()
    net.initialize(mx.init.Xavier(magnitude=6))
    net.hybridize()
    return net, np.random.RandomState(0).normal(size=(2, 2, 8, 8)).astype("float32")


def fused():
    symbol = S.Convolution(S.Variable("data"), kernel=(3, 3), num_filter=16, name="conv")
    symbol = S.Activation(S.BatchNorm(symbol, name="bn", fix_gamma=False), act_type="relu")
    (symbol, arguments, states), x = filled(head(symbol), (1, 3, 8, 8))
    return (symbol.get_backend_symbol("MKLDNN"), arguments, states), x


# -- damage ----------------------------------------------------------------------------------------


def row(op, **changes):
    """Another row in the table of operators."""

    def damage(monkeypatch):
        known = operators.OPERATORS[op]
        monkeypatch.setitem(operators.OPERATORS, op, replace(known, **changes))
        operators.operator.cache_clear()

    return damage


def pieces(function, op, **attrs):
    """A rewriting that gives one of its operators other attributes."""

    def damage(monkeypatch):
        right = getattr(rewrite, function)

        def wrong(*arguments):
            for one in right(*arguments):
                changed = {**one, "attrs": {**one["attrs"], **attrs}}
                yield changed if one["op"] == op else one

        monkeypatch.setattr(rewrite, function, wrong)

    return damage


def instead(place, name, wrong):
    """A function that does something else with the right one."""

    def damage(monkeypatch):
        right = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *arguments: wrong(right, *arguments))

    return damage


def exchanged(right, node):
    """Gamma and beta change places."""
    for one in right(node):
        data, *others = one["inputs"]
        yield {**one, "inputs": [data, *others[1::-1], *others[2:]]} if others else one


def without_activation(right, nodes, node):
    """Of a fused node what its last operator reads."""
    (body,) = node["subgraphs"]
    is_last = [body["nodes"][head[0]]["op"] == "Activation" for head in body["heads"]]
    heads = [[head[0] - last, *head[1:]] for head, last in zip(body["heads"], is_last)]
    return right(nodes, {**node, "subgraphs": [{**body, "heads": heads}]})


def without_relu(_, node, alone):
    return [{**node, "op": alone}]


def one_slope(_):
    return {"act_type": "leaky", "slope": "0.7"}


def nothing(*_):
    return {}


def never(*_):
    return False


def parted(name, op):
    return rf"The first layer where they part is '{name}' \({op}, "


DAMAGE = {
    # graph
    "a flag of old read as true": (
        normed(fix_gamma="0"),
        lambda patch: patch.setitem(attributes._FLAGS, "0", True),
        parted("bn", "BatchNorm"),
    ),
    "an exponent that is not read": (
        lambda: filled(head(S.hard_sigmoid(convolved(), alpha=2e-5, beta=0.1, name="hard")) * 100),
        lambda patch: patch.setattr(
            rewrite.Attributes,
            "number",
            lambda self, name, _: float(self.attrs[name].split("e")[0]),
        ),
        parted("hard", "hard_sigmoid"),
    ),
    "a softmax along another axis": (
        lambda: filled(S.softmax(head(convolved()), axis=-1, name="shares")),
        row("softmax", probabilities=lambda _: operators.Probabilities("sigmoid")),
        "All layers agree: what differs is what this output is made of",
    ),
    "the activation in a fused operator is left out": (
        fused,
        instead(unfuse, "put", without_activation),
        parted("sg_mkldnn_conv_bn_act_0", "_sg_mkldnn_conv"),
    ),
    "a loop that forgets its state": (
        looped(S.tanh),
        instead(
            unroll._Loop,
            "run",
            lambda right, loop, body, given: right(loop, body, [given[0]] * len(given)),
        ),
        parted(r"_foreach\d+", "_foreach"),
    ),
    "the branch that is not taken": (
        choosing,
        instead(unroll._Loop, "chosen", lambda right, loop, which, one, other: one),
        parted("net__cond0", "_cond"),
    ),
    # freezing
    "batch statistics": (
        normed(),
        row("BatchNorm", at_inference=nothing),
        parted("bn", "BatchNorm"),
    ),
    "batch statistics of old": (
        normed(S.BatchNorm_v1),
        row("BatchNorm_v1", runs_as=""),
        parted("bn", "BatchNorm_v1"),
    ),
    "dropout": (
        lambda: filled(head(S.Dropout(convolved(), p=0.7, name="drop"))),
        row("Dropout", is_passed_over=never),
        parted("drop", "Dropout"),
    ),
    "dropout in a loop": (
        looped(lambda one: S.Dropout(one, p=0.7)),
        row("Dropout", is_passed_over=never),
        parted(r"_foreach\d+", "_foreach"),
    ),
    "dropout in a recurrent operator": (
        recurrent,
        row("RNN", at_inference=nothing),
        parted("rnn", "RNN"),
    ),
    "another slope at inference": (
        lambda: filled(head(S.LeakyReLU(convolved(), act_type="rrelu", name="rrelu")[0])),
        row("LeakyReLU", at_inference=one_slope),
        parted("rrelu", "LeakyReLU"),
    ),
    # rewriting
    "another line of a hard sigmoid": (
        lambda: filled(head(S.hard_sigmoid(convolved(), name="hard"))),
        pieces("_cut_line", "_mul_scalar", scalar="0.21"),
        parted("hard", "hard_sigmoid"),
    ),
    "another count of a full average": (
        lambda: filled(
            head(
                S.Pooling(
                    convolved(),
                    kernel=(3, 3),
                    stride=(2, 2),
                    pool_type="avg",
                    pooling_convention="full",
                    name="average",
                )
            )
        ),
        pieces("_divided_sum", "_maximum_scalar", scalar="9.0"),
        parted("average", "Pooling"),
    ),
    "signals between copies, with gamma for beta": (
        signals,
        instead(rewrite, "_between_copies", exchanged),
        parted("bn", "BatchNorm"),
    ),
    "another slope of a SELU": (
        lambda: filled(head(S.LeakyReLU(convolved(), act_type="selu", name="selu"))),
        lambda patch: patch.setattr(piece, "SELU_SLOPE", 1.5),
        parted("selu", "LeakyReLU"),
    ),
    "parameters and a part of the data": (
        recurrent,
        pieces("_with_asked_parameters", "_mul_scalar", scalar="0.01"),
        parted("rnn", "RNN"),
    ),
    "a fused ReLU that is left out": (
        normed(S.contrib.BatchNormWithReLU),
        instead(rewrite, "_parted", without_relu),
        parted("bn", "_contrib_BatchNormWithReLU"),
    ),
    "a copy that is turned": (
        lambda: filled(
            head(S.slice(convolved(), begin=(None, 0, 1), end=(None, None, None), name="cut"))
        ),
        instead(
            rewrite,
            "_plain",
            lambda right, *given: {**right(*given), "op": "reverse", "attrs": {"axis": "2"}},
        ),
        parted("cut", "slice"),
    ),
}


@pytest.fixture
def patch(monkeypatch):
    """What is damaged is right again afterwards, in what was kept of it too."""
    yield monkeypatch
    monkeypatch.undo()
    operators.operator.cache_clear()


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_its_layer_named(name, first, patch):
    build, damage, told = DAMAGE[name]

    def explained():
        net, x = build()
        graph = gm.trace(net)
        for method in (first, "saliency"):
            options = {"layer": "conv_output"} if method == "grad_cam" else {}
            if method == "grad_cam" and isinstance(net, mx.gluon.Block):
                options = {"layer": "first"}
            getattr(gm, method)(graph, x, 1, **options)

    explained()
    damage(patch)
    with pytest.raises(NetworkError, match=rf"the net itself gives \S+ where .*{told}"):
        explained()

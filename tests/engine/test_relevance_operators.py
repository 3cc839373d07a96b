"""Relevance through operators that are no linear layers, against the naive reference.

Nets of the reference stand beside the same nets in MXNet; operators that the reference does not
have are held against their Jacobian, taken by differences of MXNet's forward pass. In each case the
ledger accounts for all that is lost.
"""

from __future__ import annotations

import numpy as np
import pytest
from naive_net import Graph, node
from naive_relevance import stabilised
from naive_relevance_net import relevance
from naive_symbols import Translated, assert_close, doubles, start_of, weighted_sum

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, RuleError

EPS = 0.01
RNG = np.random.default_rng(0)
EPSILON = {"composite": "epsilon", "epsilon": EPS}


MIXES = {"softmax", "log_softmax", "RNN"}
"""What is no sum of what it reads: its leak is one, and named."""


def assert_accounted(explanation, tolerance=1e-9):
    """Of what arrives at each operator, nothing is lost without being named."""
    for row in explanation.ledger():
        if row.operator in MIXES:
            continue
        size = max(abs(row.arrived), abs(row.left), abs(row.bias), abs(row.stabiliser), 1e-3)
        assert abs(row.leak) <= tolerance * size, row


def lrp_of(net, x, target, ctx, **options):
    found = gm.lrp(net, doubles(x, ctx), target, **{**EPSILON, **options})
    assert_accounted(found)
    return found.values


def compared(nodes, x, ctx, names=("x",), eps=EPS):
    """gm.lrp of two samples beside the reference, at values of the net."""
    graph = Graph([node("x", "input"), *nodes])
    output = graph.forward(x[0])[graph.nodes[-1].name]
    weights = np.random.default_rng(9).normal(size=output.shape)
    net = gm.trace(Translated(graph, {"x": x.shape[1:]}, ctx).net)
    for name in names:
        layer = None if name == "x" else name
        found = lrp_of(net, x, weighted_sum(weights), ctx, layer=layer, epsilon=eps)
        for one, sample in zip(found, x):
            values = graph.forward(sample)
            expected = relevance(graph, values, start_of(values, graph, weights), {}, eps)
            assert_close(one, expected[name], what=f"at {name}")


def layer(name, source, shape, kind="conv", **options):
    rng = np.random.default_rng(len(name) + shape[0])
    return node(
        name,
        kind,
        source,
        weight=rng.normal(size=shape),
        bias=rng.normal(size=shape[0]),
        **options,
    )


MAP = RNG.normal(size=(2, 3, 5, 4))
SIGNAL = RNG.normal(size=(2, 3, 7))
VOLUME = RNG.normal(size=(2, 2, 3, 4, 3))
TIED = np.round(RNG.normal(size=(2, 3, 5, 4)))
"""Many of its numbers are equal."""


# ------------------------------------------------------------------ operators of the reference


def pool(kind, **options):
    return [node("y", kind, "x", **options)]


OPERATORS = {
    "sum of two": [layer("c", "x", (3, 3, 1, 1)), node("y", "add", "x", "c")],
    "sum of a value and itself": [node("y", "add", "x", "x")],
    "sum of three": [
        layer("c", "x", (3, 3, 1, 1)),
        layer("d", "x", (3, 3, 3, 3), pad=1),
        node("y", "add", "x", "c", "d"),
    ],
    "sum that broadcasts": [
        node("m", "mean", "x", axis=(1, 2), keepdims=True),
        node("y", "add", "x", "m"),
    ],
    "sum of channels that broadcasts": [
        node("m", "sum", "x", axis=(0,), keepdims=True),
        node("y", "add", "m", "x"),
    ],
    "difference": [layer("c", "x", (3, 3, 1, 1)), node("y", "subtract", "x", "c")],
    "difference that broadcasts": [
        node("m", "mean", "x", axis=(1, 2), keepdims=True),
        node("y", "subtract", "x", "m"),
    ],
    "number times": [node("y", "scale", "x", factor=-2.5)],
    "arrays times and plus": [
        node("y", "affine", "x", scale=RNG.normal(size=(3, 1, 1)), shift=RNG.normal(size=(3, 1, 1)))
    ],
    "mean of all": [node("y", "mean", "x", axis=(0, 1, 2))],
    "mean of positions": [node("y", "mean", "x", axis=(1, 2))],
    "mean that keeps axes": [node("y", "mean", "x", axis=(0, 2), keepdims=True)],
    "sum of an axis": [node("y", "sum", "x", axis=(1,))],
    "average": pool("avg_pool", kernel=2, stride=2),
    "average with padding": pool("avg_pool", kernel=(3, 2), stride=(2, 1), pad=(1, 0)),
    "average that counts no padding": pool(
        "avg_pool", kernel=3, stride=2, pad=1, count_include_pad=False
    ),
    "average, full, no padding counted": pool(
        "avg_pool", kernel=3, stride=2, pad=1, convention="full", count_include_pad=False
    ),
    "sum pooling": pool("sum_pool", kernel=(2, 3), stride=1, pad=(1, 0)),
    "sum pooling, full": pool("sum_pool", kernel=2, stride=2, pad=1, convention="full"),
    "maximum": pool("max_pool", kernel=2, stride=2),
    "maximum that overlaps": pool("max_pool", kernel=3, stride=1, pad=1),
    "maximum, full": pool("max_pool", kernel=(3, 2), stride=2, convention="full"),
    "maximum of positions": [node("y", "max", "x", axis=(1, 2))],
    "maximum of channels": [node("y", "max", "x", axis=(0,), keepdims=True)],
    "concat": [layer("c", "x", (2, 3, 1, 1)), node("y", "concat", "x", "c", "x")],
    "concat of rows": [layer("c", "x", (3, 3, 1, 1)), node("y", "concat", "x", "c", axis=1)],
    "slice": [node("y", "slice", "x", index=(slice(1, 3), slice(0, 4), slice(2, 3)))],
    "slices that overlap": [
        node("a", "slice", "x", index=(slice(0, 2),)),
        node("b", "slice", "x", index=(slice(1, 3),)),
        node("y", "add", "a", "b"),
    ],
    "reshape": [
        node("f", "reshape", "x", shape=(6, 10)),
        layer("y", "f", (4, 10), "dense", flatten=False),
    ],
    "transpose": [
        layer("c", "x", (3, 3, 1, 1)),
        node("t", "transpose", "c", axes=(2, 0, 1)),
        layer("y", "t", (2, 4, 2, 2)),
    ],
    "upsampling": [node("u", "upsample", "x", scale=2), layer("y", "u", (2, 3, 3, 3), stride=2)],
    "softmax of channels": [node("s", "softmax", "x", axis=0), layer("y", "s", (2, 3, 2, 2))],
    "softmax of columns": [node("s", "softmax", "x", axis=2), layer("y", "s", (2, 3, 2, 2))],
    "layer norm": [node("y", "layer_norm", "x", gamma=RNG.normal(size=4), beta=RNG.normal(size=4))],
    "group norm": [
        layer("c", "x", (4, 3, 1, 1)),
        node("y", "group_norm", "c", groups=2, gamma=RNG.normal(size=2), beta=RNG.normal(size=2)),
    ],
    **{
        f"activation {kind}": [layer("c", "x", (3, 3, 2, 2)), node("y", kind, "c")]
        for kind in ("relu", "leaky", "tanh", "softrelu")
    },
    "sigmoid in between": [
        layer("c", "x", (3, 3, 2, 2)),
        node("s", "sigmoid", "c"),
        layer("y", "s", (2, 3, 1, 1)),
    ],
}


@pytest.mark.parametrize("case", list(OPERATORS))
def test_operators(ctx, case):
    compared(OPERATORS[case], MAP, ctx)
    compared(OPERATORS[case], MAP, ctx, eps=0)


@pytest.mark.parametrize("pad", [0, 1])
def test_averages_by_the_full_convention(ctx, pad):
    """They run as a sum that is divided; ε keeps the sum away from zero, and not the average."""
    y = pool("avg_pool", kernel=(3, 2), stride=2, pad=pad, convention="full")
    compared(y, MAP, ctx, eps=0)
    compared(y, np.abs(MAP), ctx, eps=1e-7)


@pytest.mark.parametrize("case", [one for one in OPERATORS if one.startswith("maximum")])
def test_ties(ctx, case):
    """Of a window's equal numbers the first wins; those of a reduction share."""
    compared(OPERATORS[case], TIED, ctx)


@pytest.mark.parametrize("kind", ["avg_pool", "sum_pool", "max_pool"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("axes", [1, 3])
def test_poolings_of_signals_and_volumes(ctx, axes, convention, kind):
    given = {1: (3, 2, 1), 3: ((2, 3, 2), (1, 2, 2), (0, 1, 0))}[axes]
    options = dict(zip(("kernel", "stride", "pad"), given))
    x = SIGNAL if axes == 1 else VOLUME
    eps = 0 if (kind, convention) == ("avg_pool", "full") else EPS
    compared(pool(kind, convention=convention, **options), x, ctx, eps=eps)
    if kind == "avg_pool":
        options["count_include_pad"] = False
        compared(pool(kind, convention=convention, **options), x, ctx)


# ------------------------------------------------------------------------- products and their gates


def squeeze_excite(of="x"):
    return [
        layer("c", of, (4, 3, 3, 3), pad=1),
        node("r", "relu", "c"),
        node("m", "mean", "r", axis=(1, 2)),
        layer("d", "m", (2, 4), "dense"),
        node("dr", "relu", "d"),
        layer("e", "dr", (4, 2), "dense"),
        node("g", "sigmoid", "e"),
        node("gate", "reshape", "g", shape=(4, 1, 1)),
    ]


def recurrence(steps=3):
    """Gates of an LSTM, unrolled: c = f c + i a, h = o tanh(c)."""
    nodes = [
        node("x0", "slice", "x", index=(slice(0, 1),)),
        node("h", "slice", "x", index=(slice(0, 1),)),
        node("c", "slice", "x", index=(slice(0, 1),)),
    ]
    h, c = "h", "c"
    for t in range(steps):
        nodes += [node(f"x{t}_", "slice", "x", index=(slice(t, t + 1),))]
        nodes += [node(f"in{t}", "concat", f"x{t}_", h, axis=1)]
        for gate in "ifoa":
            nodes += [
                layer(f"{gate}{t}z", f"in{t}", (4, 8), "dense", flatten=False),
                node(f"{gate}{t}", "tanh" if gate == "a" else "sigmoid", f"{gate}{t}z"),
            ]
        nodes += [
            node(f"ia{t}", "multiply", f"i{t}", f"a{t}", gate=0),
            node(f"fc{t}", "multiply", c, f"f{t}", gate=1),
            node(f"c{t}", "add", f"ia{t}", f"fc{t}"),
            node(f"t{t}", "tanh", f"c{t}"),
            node(f"h{t}", "multiply", f"o{t}", f"t{t}", gate=0),
        ]
        h, c = f"h{t}", f"c{t}"
    return [*nodes[1:], layer("y", h, (3, 4), "dense")]


PRODUCTS = {
    "squeeze and excitation": [*squeeze_excite(), node("y", "multiply", "r", "gate", gate=1)],
    "squeeze and excitation, gate first": [
        *squeeze_excite(),
        node("y", "multiply", "gate", "r", gate=0),
    ],
    "squeeze and excitation beside a skip": [
        *squeeze_excite(),
        node("p", "multiply", "r", "gate", gate=1),
        layer("q", "p", (3, 4, 1, 1)),
        node("y", "add", "x", "q"),
    ],
    "swish": [
        layer("c", "x", (3, 3, 2, 2)),
        node("s", "sigmoid", "c"),
        node("m", "multiply", "c", "s", gate=1),
        layer("y", "m", (2, 3, 1, 1)),
    ],
    "swish with a factor": [
        layer("c", "x", (3, 3, 2, 2)),
        node("b", "scale", "c", factor=1.702),
        node("s", "sigmoid", "b"),
        node("m", "multiply", "s", "c", gate=0),
        layer("y", "m", (2, 3, 1, 1)),
    ],
    "gated linear unit": [
        layer("c", "x", (4, 3, 1, 1)),
        node("a", "slice", "c", index=(slice(0, 2),)),
        node("b", "slice", "c", index=(slice(2, 4),)),
        node("s", "sigmoid", "b"),
        node("m", "multiply", "a", "s", gate=1),
        layer("y", "m", (2, 2, 1, 1)),
    ],
    "gated tanh": [
        layer("a", "x", (3, 3, 1, 1)),
        node("t", "tanh", "a"),
        layer("bb", "x", (3, 3, 1, 1)),
        node("s", "sigmoid", "bb"),
        node("m", "multiply", "s", "t", gate=0),
        layer("y", "m", (2, 3, 1, 1)),
    ],
    "a value times a tanh": [
        layer("a", "x", (3, 3, 1, 1)),
        layer("bb", "x", (3, 3, 1, 1)),
        node("t", "tanh", "bb"),
        node("y", "multiply", "a", "t", gate=1),
    ],
    "bilinear": [
        layer("a", "x", (3, 3, 1, 1)),
        layer("bb", "x", (3, 3, 1, 1)),
        node("y", "multiply", "a", "bb"),
    ],
    "square as a product": [layer("a", "x", (3, 3, 1, 1)), node("y", "multiply", "a", "a")],
    "a value times its own map": [
        layer("a", "x", (3, 3, 1, 1)),
        layer("bb", "a", (3, 3, 1, 1)),
        node("y", "multiply", "a", "bb", gate=1),
    ],
}


@pytest.mark.parametrize("case", list(PRODUCTS))
def test_products(ctx, case):
    compared(PRODUCTS[case], MAP, ctx, eps=0)


def test_unrolled_gates(ctx):
    compared(recurrence(), RNG.normal(size=(2, 3, 4)), ctx, eps=0)


# -------------------------------------------------------------------- single operators of MXNet


def made(build, shape, ctx):
    """The net of an operator, its parameters drawn, and its forward pass in numpy."""
    rng = np.random.default_rng(7)
    symbol = build(mx.sym.var("x"))
    shapes, _, _ = symbol.infer_shape(x=shape)
    arguments = {
        name: doubles(rng.normal(size=size), ctx)
        for name, size in zip(symbol.list_arguments(), shapes)
        if name != "x"
    }

    def forward(x):
        given = {**arguments, "x": doubles(x, ctx)}
        return symbol.eval(ctx=ctx, **given)[0].asnumpy()

    return (symbol, arguments, {}), forward


def jacobian(forward, x):
    """∂y/∂x of one sample, by differences; outputs × inputs."""
    found, step = [], 1e-6
    for place in range(x.size):
        change = np.zeros(x.size)
        change[place] = step
        change = change.reshape(x.shape)
        found.append((forward(x + change) - forward(x - change)).reshape(-1) / (2 * step))
    return np.stack(found, axis=1)


X = np.random.default_rng(11).normal(size=(1, 4, 3, 4))
S = mx.sym

MOVED = {
    "tile": lambda x: S.tile(x, reps=(1, 2, 1, 3)),
    "repeat": lambda x: S.repeat(x, repeats=2, axis=2),
    "pad": lambda x: S.Pad(x, mode="constant", pad_width=(0, 0, 0, 0, 1, 2, 0, 1)),
    "pad by a number": lambda x: S.Pad(
        x, mode="constant", constant_value=2.0, pad_width=(0, 0, 0, 0, 1, 2, 0, 1)
    ),
    "pad by edges": lambda x: S.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 0, 1)),
    "pad by reflection": lambda x: S.Pad(x, mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 0, 1)),
    "reverse": lambda x: S.reverse(x, axis=2),
    "swap": lambda x: S.SwapAxis(x, dim1=1, dim2=3),
    "stack": lambda x: S.stack(x, S.reverse(x, axis=3), axis=1),
    "split": lambda x: S.split(x, num_outputs=2, axis=1)[1],
    "split and add": lambda x: S.concat(*reversed(list(S.split(x, num_outputs=2, axis=1))), dim=1),
    "expand": lambda x: S.expand_dims(x, axis=2),
    "squeeze": lambda x: S.squeeze(S.slice_axis(x, axis=2, begin=1, end=2), axis=2),
    "flatten": S.Flatten,
    "take": lambda x: S.take(x, S.BlockGrad(S.ones((2,)) * 2), axis=1),
    "broadcast": lambda x: S.broadcast_axis(
        S.slice_axis(x, axis=2, begin=0, end=1), axis=2, size=3
    ),
    "depth to space": lambda x: S.depth_to_space(x, block_size=2),
    "space to depth": lambda x: S.space_to_depth(S.concat(x, x, dim=2), block_size=2),
    "minimum of rows": lambda x: S.min(x, axis=2),
    "maximum of two": lambda x: S.broadcast_maximum(x, S.reverse(x, axis=1)),
    "minimum of two": lambda x: S.broadcast_minimum(x, S.reverse(x, axis=3)),
    "a number at least": lambda x: S.concat(S.maximum(x, 0.3), x, dim=1),
    "sort": lambda x: S.sort(x, axis=3),
    "largest": lambda x: S.topk(x, axis=3, k=2, ret_typ="value"),
    "where": lambda x: S.where(S.var("other", shape=X.shape) > 0, x, S.reverse(x, axis=2)),
    "sequence reversed": lambda x: S.SequenceReverse(x),
    "cut like": lambda x: S.slice_like(x, S.zeros((1, 2, 2, 4)), axes=(1, 2)),
    "strided slice": lambda x: S.slice(x, begin=(None, 3, 0), end=(None, 0, 3), step=(1, -2, 2)),
}

AFFINE = {
    "global average": lambda x: S.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg"),
    "global sum": lambda x: S.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="sum"),
    "bilinear": lambda x: S.contrib.BilinearResize2D(x, height=5, width=7),
    "adaptive": lambda x: S.contrib.AdaptiveAvgPooling2D(x, output_size=(2, 3)),
    "log of softmax": lambda x: S.reverse(S.log_softmax(x, axis=1), axis=3),
    "minus from": lambda x: 1.5 - x,
    "cut to a mean": lambda x: S.mean(x, axis=(1, 3), exclude=False),
}

KEPT = {
    "clip": lambda x: S.concat(S.clip(x, -0.5, 0.7), x, dim=1),
    "exponential": S.exp,
    "square": S.square,
    "normalised length": lambda x: S.L2Normalization(x, mode="channel"),
    "negative": S.negative,
    "number divided": lambda x: 2.0 / x,
    "divided by a number": lambda x: x / -3.0,
    "power": lambda x: (x**2) ** 1.5,
    "written rectifier": lambda x: S.where(x > 0, x, S.zeros_like(x)),
    "written rectifier, by a product": lambda x: x * (x > 0),
    "written leaky rectifier": lambda x: S.broadcast_maximum(x, 0.1 * x),
    "maximum with zero": lambda x: S.maximum(x, 0),
    "elu": lambda x: S.LeakyReLU(x, act_type="elu"),
    "gelu": lambda x: S.LeakyReLU(x, act_type="gelu"),
    "selu": lambda x: S.LeakyReLU(x, act_type="selu"),
}


def single(build, ctx, x=X, **options):
    """What gm.lrp gives, y, and the parts of the score that the walk begins with."""
    net, forward = made(build, x.shape, ctx)
    y = forward(x)
    weights = np.random.default_rng(5).normal(size=y.shape[1:])
    found = lrp_of(net, x, weighted_sum(weights), ctx, **options)
    return found, y, weights * y, forward


@pytest.mark.parametrize("case", list(MOVED))
def test_operators_that_move(ctx, case):
    found, _, start, forward = single(MOVED[case], ctx)
    expected = jacobian(forward, X).round(6).T @ start.reshape(-1)
    assert_close(found, expected.reshape(X.shape))


@pytest.mark.parametrize("case", list(AFFINE))
def test_operators_that_share_out(ctx, case):
    found, y, start, forward = single(AFFINE[case], ctx)
    shares = (start / stabilised(y, EPS)).reshape(-1)
    assert_close(found, X * (jacobian(forward, X).T @ shares).reshape(X.shape))


@pytest.mark.parametrize("case", list(KEPT))
def test_functions_of_one_number(ctx, case):
    found, _, start, _forward = single(KEPT[case], ctx)
    if start.shape != X.shape:  # beside the value itself: relevance of both
        start = start.reshape((2, *X.shape[1:])).sum(axis=0, keepdims=True)
    assert_close(found, start)


# ------------------------------------------------------------------------------------ more gates


def dense_layer(ctx, name, x, outputs, inputs):
    """A Dense layer without a bias, its weight in numpy."""
    weight = np.random.default_rng(len(name) + outputs).normal(size=(outputs, inputs))
    made = S.FullyConnected(x, S.var(name), num_hidden=outputs, no_bias=True, flatten=False)
    return made, {name: doubles(weight, ctx)}, weight


def proportional(parts, whole, relevance):
    """R_i = Σ_j parts_ij / whole_j · R_j, without ε."""
    return (parts / whole * relevance).sum(axis=-1)


def hard_sigmoid(x):
    return S.clip(x + 3.0, 0, 6) / 6.0


@pytest.mark.parametrize("is_first", [True, False])
def test_hard_swish(ctx, is_first):
    """The clip is a gate: all goes to the value that it scales, and on to what that is made of."""
    z, given, w = dense_layer(ctx, "w", S.var("x"), 3, 4)
    y = hard_sigmoid(z) * z if is_first else z * hard_sigmoid(z)
    x = np.random.default_rng(3).normal(size=(1, 4)) * 2
    found = lrp_of((y, given, {}), x, weighted_sum(np.array([1.0, -2.0, 0.5])), ctx, epsilon=0)
    z = w @ x[0]
    relevance_there = np.array([1.0, -2.0, 0.5]) * z * np.clip(z + 3, 0, 6) / 6
    assert_close(found[0], proportional(w.T * x[0][:, None], z, relevance_there))


@pytest.mark.parametrize("operator", ["batch_dot", "linalg_gemm2"])
def test_attention(ctx, operator):
    """The probabilities are the gate, the values the signal: softmax(QKᵀ/√d) V."""
    x = np.random.default_rng(4).normal(size=(1, 5, 4))
    given = S.var("x")
    q, of_q, _ = dense_layer(ctx, "q", given, 3, 4)
    k, of_k, _ = dense_layer(ctx, "k", given, 3, 4)
    v, of_v, w = dense_layer(ctx, "v", given, 6, 4)
    product = S.batch_dot if operator == "batch_dot" else S.linalg.gemm2
    p = S.softmax(product(q, k, transpose_b=True) / np.sqrt(3.0), axis=-1)
    y = product(p, v)
    arguments = {**of_q, **of_k, **of_v}
    weights = np.random.default_rng(5).normal(size=(5, 6))
    found = lrp_of((y, arguments, {}), x, weighted_sum(weights), ctx, epsilon=0)
    given = {**arguments, "x": doubles(x, ctx)}
    probabilities = p.eval(ctx=ctx, **given)[0].asnumpy()[0]
    values = x[0] @ w.T
    out = probabilities @ values
    # R(v_jd) = Σ_i p_ij v_jd / o_id · R(o_id), and the same through the layer of the values
    at_values = values * (probabilities.T @ weights)
    np.testing.assert_allclose(at_values.sum(), (weights * out).sum())
    expected = x[0] * ((at_values / values) @ w)
    assert_close(found[0], expected)


def test_products_of_matrices_that_are_no_gates_take_half_each(ctx):
    x = np.random.default_rng(6).normal(size=(1, 3, 4))
    given = S.var("x")
    a, of_a, u = dense_layer(ctx, "a", given, 2, 4)
    b, of_b, v = dense_layer(ctx, "b", given, 2, 4)
    y = S.batch_dot(a, b, transpose_b=True)
    weights = np.random.default_rng(7).normal(size=(3, 3))
    found = lrp_of((y, {**of_a, **of_b}, {}), x, weighted_sum(weights), ctx, epsilon=0)
    at_a, at_b = x[0] @ u.T, x[0] @ v.T
    # half of the relevance each, in proportion to the terms a_ik b_jk
    of_first = 0.5 * at_a * (weights @ at_b)
    of_second = 0.5 * at_b * (weights.T @ at_a)
    expected = x[0] * ((of_first / at_a) @ u + (of_second / at_b) @ v)
    assert_close(found[0], expected)


def test_quotients(ctx):
    """What is divided takes it, whatever it is divided by."""
    x = np.abs(np.random.default_rng(8).normal(size=(1, 3, 4))) + 0.1
    given = S.var("x")
    y = S.broadcast_div(given, S.sum(given, axis=2, keepdims=True))
    weights = np.random.default_rng(9).normal(size=(3, 4))
    found = lrp_of((y, {}, {}), x, weighted_sum(weights), ctx)
    assert_close(found[0], weights * x[0] / x[0].sum(axis=1, keepdims=True))


# ---------------------------------------------------------------------- tables, recurrences, loops


def test_embeddings(ctx):
    """Words are no numbers to share out to: relevance is asked for at the layer."""
    rng = np.random.default_rng(10)
    table, w = rng.normal(size=(7, 3)), rng.normal(size=(2, 5 * 3))
    words = S.Embedding(S.var("x"), S.var("t"), input_dim=7, output_dim=3, name="words")
    y = S.FullyConnected(words, S.var("w"), num_hidden=2, no_bias=True)
    given = {"t": doubles(table, ctx), "w": doubles(w, ctx)}
    x = np.array([[0, 3, 3, 6, 1]])
    found = lrp_of((y, given, {}), x, 1, ctx, layer="words", epsilon=0)[0]
    expected = table[x[0]] * w[1].reshape(5, 3)
    if found.shape != expected.shape:  # told with the channels before the positions
        expected = expected.T
    assert_close(found, expected)


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh"])
def test_recurrent_layers(ctx, mode):
    """In proportion to input × gradient through the whole layer."""
    rng = np.random.default_rng(12)
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    size = gates * 3 * (4 + 3 + 2)
    x = rng.normal(size=(1, 5, 4))
    states = {name: doubles(np.zeros((1, 1, 3)), ctx) for name in ("h", "c")}
    inputs = [S.var("weights"), S.var("h"), *([S.var("c")] if mode == "lstm" else [])]
    read = S.transpose(S.var("x"), axes=(1, 0, 2))
    y = S.transpose(S.RNN(read, *inputs, state_size=3, num_layers=1, mode=mode), axes=(1, 0, 2))
    arguments = {"weights": doubles(rng.normal(size=size), ctx), "h": states["h"]}
    if mode == "lstm":
        arguments["c"] = states["c"]

    def forward(value):
        return y.eval(ctx=ctx, x=doubles(value, ctx), **arguments)[0].asnumpy()

    out, weights = forward(x), rng.normal(size=(5, 3))
    found = lrp_of((y, arguments, {}), x, weighted_sum(weights), ctx)
    shares = (weights * out / stabilised(out, EPS)).reshape(-1)
    expected = x * (jacobian(forward, x).T @ shares).reshape(x.shape)
    assert_close(found, expected, 1e-5)


def test_loops(ctx):
    """A loop is the same net written out: h ← tanh(W x_t + U h)."""
    rng = np.random.default_rng(13)
    w, u = rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
    arguments = {"w": doubles(w, ctx), "u": doubles(u, ctx), "h": doubles(np.zeros((1, 3)), ctx)}

    def step(x, states):
        read = S.FullyConnected(x, of_input, num_hidden=3, no_bias=True)
        kept = S.FullyConnected(states[0], of_state, num_hidden=3, no_bias=True)
        h = S.tanh(read + kept)
        return h, [h]

    x = rng.normal(size=(1, 4, 4))
    of_input, of_state, given, h = (S.var(name) for name in "wuxh")
    outputs, _ = S.contrib.foreach(step, S.transpose(given, axes=(1, 0, 2)), [h])
    looped = S.transpose(outputs, axes=(1, 0, 2))
    each = []
    for t in range(4):
        h, _ = step(S.squeeze(S.slice_axis(given, axis=1, begin=t, end=t + 1), axis=1), [h])
        each.append(S.expand_dims(h, axis=1))
    written = S.concat(*each, dim=1)
    target = weighted_sum(rng.normal(size=(4, 3)))
    found = [lrp_of((y, arguments, {}), x, target, ctx) for y in (looped, written)]
    assert_close(found[0], found[1])
    # by hand: no biases, tanh passes, and each sum is shared out
    assert np.abs(found[1]).max() > 0.1


# ----------------------------------------------------------- what MXNet computes in float32 alone


@pytest.mark.parametrize("kind", ["instance norm", "local response", "L2 pooling"])
def test_operators_in_single_precision(ctx, kind):
    x = MAP[:1].astype(np.float32)
    given, rng = {}, np.random.default_rng(14)
    if kind == "instance norm":
        gamma, beta = rng.normal(size=(2, 3)).astype(np.float32)
        y = S.InstanceNorm(S.var("x"), S.var("gamma"), S.var("beta"), eps=1e-3)
        given = {"gamma": mx.nd.array(gamma, ctx), "beta": mx.nd.array(beta, ctx)}
    elif kind == "local response":
        y = S.LRN(S.var("x"), nsize=3)
    else:
        y = S.Pooling(S.var("x"), kernel=(2, 2), pool_type="lp", p_value=2)
    out = y.eval(ctx=ctx, x=mx.nd.array(x, ctx), **given)[0].asnumpy()
    weights = rng.normal(size=out.shape[1:]).astype(np.float32)
    target = weighted_sum(weights)
    found = gm.lrp((y, given, {}), mx.nd.array(x, ctx), lambda o: target(o.astype("float64")))
    found = found.values[0]
    if kind == "instance norm":
        mean, var = (getattr(x[0], one)(axis=(1, 2), keepdims=True) for one in ("mean", "var"))
        slope = gamma[:, None, None] / np.sqrt(var + 1e-3)
        expected = weights * x[0] * slope * out[0] / stabilised(out[0], 1e-6)
        assert mean.shape == (3, 1, 1)
    elif kind == "local response":
        expected = weights * out[0]
    else:
        expected = np.zeros(x.shape[1:])
        for c, i, j in np.ndindex(out.shape[1:]):
            window = x[0, c, i : i + 2, j : j + 2].astype(np.float64) ** 2
            expected[c, i : i + 2, j : j + 2] += window / out[0, c, i, j] * weights[c, i, j]
    assert_close(found, expected, 1e-4)


# ---------------------------------------------------------------------------------- at every cut


def test_layers_of_branches(ctx):
    """What goes past the layer that is asked for is no loss."""
    nodes = [
        layer("a", "x", (3, 3, 3, 3), pad=1),
        node("r", "relu", "a"),
        layer("b", "r", (3, 3, 1, 1)),
        layer("c", "r", (2, 3, 3, 3), pad=1),
        node("j", "concat", "b", "c"),
        layer("d", "j", (3, 5, 1, 1)),
        node("s", "add", "d", "r"),
        node("p", "avg_pool", "s", kernel=2, stride=2),
        layer("y", "p", (3, 12), "dense"),
    ]
    compared(nodes, MAP, ctx, ("x", "a", "r", "b", "c", "j", "d", "s", "p"))


def test_what_goes_to_another_input_is_no_loss(ctx):
    x, other = S.var("x"), S.var("other")
    target = weighted_sum(np.ones(X.shape[1:]))
    given = (doubles(X, ctx), doubles(X + 1, ctx))
    found = gm.lrp((x + other * 2.0, {}, {}), given, target, **EPSILON)
    assert_accounted(found)
    total = 3 * X + 2
    assert_close(found.values, X * total / stabilised(total, EPS))


def test_relevance_ends_where_no_gradient_goes_on(ctx):
    """And the ledger names the place."""
    x = S.var("x")
    stopped = S.BlockGrad(x * 2.0, name="stopped")
    found = gm.lrp((x + stopped, {}, {}), doubles(X, ctx), weighted_sum(np.ones(X.shape[1:])))
    assert_close(found.values, X)
    (row,) = [row for row in found.ledger() if abs(row.leak) > 1e-6]
    assert row.operator == "elemwise_add"
    assert_close(row.leak, 2 * X.sum(), 1e-4)


# ------------------------------------------------------------------------------ no rule, no graph


def norm_of_columns(x):
    return S.norm(x, axis=2, keepdims=True)


def test_operators_without_a_rule(ctx):
    net, forward = made(norm_of_columns, X.shape, ctx)
    with pytest.raises(RuleError, match=r"no rule is known for the operator norm .*fallback"):
        gm.lrp(net, doubles(X, ctx))
    for call in (gm.excitation_backprop, gm.deep_lift):
        with pytest.raises(RuleError, match="norm"):
            call(net, doubles(X, ctx))
    y = forward(X)
    weights = np.random.default_rng(5).normal(size=y.shape[1:])
    given = {"fallback": "gradient", **EPSILON}
    with pytest.warns(UserWarning, match="no rule is known for norm .* by the gradient"):
        found = gm.lrp(net, doubles(X, ctx), weighted_sum(weights), **given)
    assert [one.split()[0] for one in found.details["fallback"]] == ["norm"]
    shares = (weights * y / stabilised(y, EPS)).reshape(-1)
    assert_close(found.values, X * (jacobian(forward, X).T @ shares).reshape(X.shape))
    lifted = gm.deep_lift(net, doubles(X, ctx), weighted_sum(weights), fallback="gradient")
    assert_close(lifted.values.sum(), (weights * y).sum(), 1e-3)
    with pytest.raises(RuleError, match="fallback='nothing'"):
        gm.lrp(net, doubles(X, ctx), fallback="nothing")


def test_operators_without_a_rule_that_make_gates_alone(ctx):
    """No relevance comes to them."""
    net, forward = made(lambda x: S.broadcast_mul(x, S.sigmoid(norm_of_columns(x))), X.shape, ctx)
    weights = np.random.default_rng(5).normal(size=X.shape[1:])
    found = lrp_of(net, X, weighted_sum(weights), ctx)
    assert_close(found, weights * forward(X))


class Untraceable(mx.gluon.Block):
    """A Block whose path hangs on numbers."""

    def __init__(self):
        super().__init__()
        self.dense = gm.nn.Dense(2, in_units=3)

    def forward(self, x):
        return self.dense(x) if x.sum().asscalar() < 1e9 else x


@pytest.mark.parametrize(
    "name", ["lrp", "excitation_backprop", "deep_lift", "deep_shap", "full_grad"]
)
def test_nets_that_cannot_be_traced(ctx, name):
    net = Untraceable()
    net.initialize(ctx=ctx)
    x = mx.nd.ones((1, 3), ctx=ctx)
    given = {"background": x} if name == "deep_shap" else {}
    with pytest.raises(RuleError, match=r"gm\.trace"):
        getattr(gm, name)(net, x, 0, **given)


def test_layers_that_do_not_exist(ctx):
    net = (S.FullyConnected(S.var("x"), S.var("w"), num_hidden=2, no_bias=True), {}, {})
    net[1]["w"] = doubles(np.ones((2, 3)), ctx)
    for given in ({"composite": {"nowhere": gm.rules.Flat()}}, {"conditions": {"nowhere": 0}}):
        with pytest.raises(LayerError, match="nowhere"):
            gm.lrp(net, doubles(np.ones((1, 3)), ctx), 0, **given)


def test_conditions_are_no_loss(ctx):
    """What may not pass a layer is in no account."""
    nodes = [layer("a", "x", (3, 3, 1, 1)), node("r", "relu", "a"), layer("y", "r", (2, 3, 2, 2))]
    graph = Graph([node("x", "input"), *nodes])
    net = Translated(graph, {"x": MAP.shape[1:]}, ctx).net
    target = weighted_sum(np.random.default_rng(1).normal(size=(2, 4, 3)))
    found = gm.lrp(net, doubles(MAP, ctx), target, composite="epsilon", conditions={"r": [0, 2]})
    assert_accounted(found)
    rows = {row.name: row for row in found.ledger()}
    assert abs(rows["r_output"].arrived - rows["y_output"].left) > 1e-3


@pytest.mark.parametrize("target", [None, lambda first, second: first.sum(axis=1) + second])
def test_an_output_that_is_read_on_the_way(ctx, target):
    """What begins there is added to what comes from above."""
    first = S.FullyConnected(S.var("x"), S.var("a"), num_hidden=3, no_bias=True, name="first")
    second = S.sum(first * 2.0, axis=1, name="second")
    net = (S.Group([first, second]), {"a": doubles(RNG.normal(size=(3, 4)), ctx)}, {})
    x = doubles(RNG.normal(size=(2, 4)), ctx)
    given = {"output": [0, 1]} if target else {"output": 1}
    found = gm.lrp(net, x, target, composite="epsilon", epsilon=0, **given)
    assert_accounted(found)
    score = net[1]["a"].asnumpy().sum(axis=0) * x.asnumpy() * (3 if target else 2)
    assert_close(found.values, score)


def test_nothing_between_the_output_and_the_layer(ctx):
    net = (S.FullyConnected(S.var("x"), S.var("a"), num_hidden=3, no_bias=True, name="y"), {}, {})
    net[1]["a"] = doubles(RNG.normal(size=(3, 4)), ctx)
    x = RNG.normal(size=(2, 4))
    found = gm.lrp(net, doubles(x, ctx), [0, 2], layer="y")
    expected = np.zeros((2, 3))
    expected[[0, 1], [0, 2]] = (x @ net[1]["a"].asnumpy().T)[[0, 1], [0, 2]]
    assert_close(found.values, expected)
    assert len(found.ledger()) == 0
    assert "0 operators" in str(found.ledger())

"""Whole nets: inputs, a trunk of pieces, a tail, heads."""

from __future__ import annotations

import numpy as np

from . import pieces  # noqa: F401  (they register themselves)
from .maker import Maker, Unfit, Value
from .recipe import Recipe

KINDS = (
    "plain",
    "shared",
    "batchnorm_v1",
    "hard_sigmoid",
    "hard_sigmoid_operator",
    "rrelu",
    "rounding",
    "cast",
    "lrn",
    "ties",
    "prod",
    "add_n",
    "turned",
    "signal_norm",
    "rows",
    "fixed_batch",
    "loop",
    "dense_residual",
    "time_major",
    "folded",
    "nhwc",
    "tokens",
    "vector",
    "several_inputs",
    "several_outputs",
    "loss_head",
    "spelling",
    "files",
    "block",
    "float16",
    "float64",
)
"""The switches."""


def make(seed: int, kinds: frozenset = frozenset(KINDS)) -> Recipe:
    """The net of a seed."""
    m = Maker(seed, kinds)
    form = m.pick(["symbol", "symbol", "spelled", "spelled", "files", "block", "hybridized"])
    switch = {"symbol": "plain", "spelled": "spelling", "hybridized": "block"}.get(form, form)
    m.recipe.form = form if switch in kinds else "symbol"
    m.recipe.kinds.add(switch if switch in kinds else "plain")
    dtype = m.pick(["float32", "float32", "float32", "float64", "float64", "float16"])
    m.recipe.dtype = dtype if dtype in (*kinds, "float32") else "float32"
    m.recipe.kinds.add("plain" if m.recipe.dtype == "float32" else m.recipe.dtype)
    ends = [tail(m, trunk(m))]
    if m.chance(0.12) and "several_outputs" in kinds:
        m.recipe.kinds.add("several_outputs")
        ends.append(tail(m, ends[0][1]))
        m.recipe.chosen = m.whole(0, 1)
    for number, (scores, _, samples_at) in enumerate(ends):
        head(m, scores, alone=len(ends) == 1)
        if number == m.recipe.chosen:
            m.recipe.samples_at = samples_at
    return m.recipe.pruned()


def trunk(m: Maker) -> Value:
    """From the inputs to a last map."""
    form = m.pick(["picture"] * 12 + ["signal"] * 3 + ["volume"] * 2 + ["nhwc", "tokens"])
    if form == "nhwc" and "nhwc" in m.kinds:
        return channels_last(m)
    if form == "tokens" and "tokens" in m.kinds:
        return tokens(m)
    rank = {"signal": 1, "volume": 3}.get(form, 2)
    sizes = {1: (6, 12), 2: (4, 8), 3: (3, 4)}[rank]
    channels = m.pick([1, 2, 3, 3, 4, 5])
    size = tuple(m.whole(*sizes) for _ in range(rank))
    x = m.input("data", (m.batch, channels, *size))
    if m.chance(0.06) and rank == 2 and "folded" in m.kinds:
        return folded(m, channels, size)
    value = m.grow(x, m.whole(1, 3))
    if m.chance(0.12) and "several_inputs" in m.kinds:
        value = joined(m, value)
    return m.grow(value, m.whole(1, 4))


def channels_last(m: Maker) -> Value:
    """(N, H, W, C) through NHWC convolutions."""
    m.use("nhwc")
    m.recipe.channels_last = True
    value = m.input("data", (m.batch, m.whole(4, 7), m.whole(4, 7), m.pick([1, 3, 4])))
    for _ in range(m.whole(1, 3)):
        attrs = {"kernel": (3, 3), "pad": (1, 1), "num_filter": m.pick([3, 5, 8])}
        value = m.add("Convolution", value, layout="NHWC", **attrs)
        if m.chance(0.5):
            value = m.add("BatchNorm", value, axis=3)
        value = m.add("relu", value)
        m.recipe.layers.append(value.ref[0])
    if m.chance(0.3):
        pool = {"kernel": (2, 2), "stride": (2, 2), "pool_type": m.pick(["max", "avg"])}
        value = m.add("Pooling", value, layout="NHWC", **pool)
    return value


def tokens(m: Maker) -> Value:
    """Words, an embedding, a signal; a second input that is added to it has the gradient."""
    m.use("tokens")
    length, width = m.whole(5, 9), m.pick([3, 5, 8])
    x = m.input("data", (m.batch, width, length))
    words = m.input("words", (m.batch, length), below=7)
    dtype = {"dtype": m.recipe.dtype}
    found = m.add("Embedding", words, input_dim=7, output_dim=width, **dtype)
    found = m.add("transpose", found, axes=(0, 2, 1))
    return m.grow(m.add("elemwise_add", x, found), m.whole(1, 3))


def folded(m: Maker, channels: int, size: tuple) -> Value:
    """Views folded into the batch, a convolution, unfolded again."""
    m.use("folded")
    views = m.whole(2, 3)
    x = m.input("data", (m.batch, views, channels, *size))
    flat = m.add("Reshape", x, shape=(-3, -2))
    flat = m.add("Convolution", flat, kernel=(3, 3), pad=(1, 1), num_filter=m.pick([3, 5, 8]))
    flat = m.add("relu", flat)
    wide = m.add("Reshape", flat, shape=(-4, -1, views, -2))
    return m.add(m.reduction("mean", "max", "sum"), wide, axis=1)


def joined(m: Maker, value: Value) -> Value:
    """A second input comes in: a map, or a vector that gates."""
    m.use("several_inputs")
    if m.chance(0.5):
        other = m.input("other", value.shape)
        other = m.layer(m.one(other)) if m.chance(0.3) else other
        if other.shape != value.shape:
            return value
        return m.add(m.pick(["elemwise_add", "elemwise_mul"]), value, other)
    vector = m.input("side", (m.batch, m.whole(2, 5)))
    gate = m.add("FullyConnected", vector, num_hidden=value.channels)
    gate = m.add("Reshape", m.add("tanh", gate), shape=(0, 0) + (1,) * value.rank)
    return m.add(m.pick(["broadcast_mul", "broadcast_add"]), value, gate)


def pooled(m: Maker, value: Value) -> Value:
    """(N, C) or (N, features)."""
    which = m.pick(["gap", "gap", "mean", "flat", "flat", "dense"])
    axes = tuple(range(2, len(value.shape)))
    if m.recipe.channels_last:
        which, axes = m.pick(["mean", "flat"]), (1, 2)
    if which == "gap":
        v = m.add("Pooling", value, global_pool=True, kernel=(1,) * value.rank, pool_type="avg")
        return m.add("Flatten", v)
    if which == "mean":
        return m.add(m.reduction("mean", "mean", "sum", "max"), value, axis=axes)
    return m.add("Flatten", value) if which == "flat" else value


def tail(m: Maker, value: Value) -> tuple[Value, Value, int]:
    """Scores; the map that they come from; which axis of the scores has the samples."""
    form = m.whole(0, 19)
    classes = m.pick([1, 3, 4, 7])
    try:
        if form == 0 and value.rank == 2 and not m.recipe.channels_last:
            return m.add("Convolution", value, kernel=(1, 1), num_filter=classes), value, 0
        if form == 1 and not m.recipe.channels_last:
            v = m.add("Convolution", value, kernel=(1,) * value.rank, num_filter=classes)
            v = m.add("Pooling", v, global_pool=True, kernel=(1,) * value.rank, pool_type="avg")
            return m.add("Flatten", v), value, 0
        if form == 2 and value.rank == 2:
            m.use("time_major")
            t = m.add("transpose", m.add(m.reduction("max", "mean"), value, axis=2), axes=(2, 0, 1))
            return m.add("FullyConnected", t, num_hidden=4, flatten=False), value, 1
        if form == 3:
            m.use("folded")
            v = pooled(m, value)
            digits = [m.add("FullyConnected", v, num_hidden=4) for _ in range(2)]
            return m.add("Concat", *digits, dim=0), value, -1
    except Unfit:
        pass
    v = pooled(m, value)
    for _ in range(m.whole(0, 2)):
        v = vector(m, v)
    attrs = {"no_bias": True} if m.chance(0.3) else {}
    return m.add("FullyConnected", v, num_hidden=classes, **attrs), value, 0


def vector(m: Maker, v: Value) -> Value:
    """Something between a pooled vector and the scores."""
    if len(v.shape) > 2:
        v = m.add("FullyConnected", v, num_hidden=m.pick([3, 5, 8]))
    which = m.pick(["dense", "residual", "norm", "drop", "split"])
    if which == "dense":
        v = m.add("FullyConnected", v, num_hidden=m.pick([3, 8, 12]))
        return m.add("Activation", v, act_type=m.pick(["relu", "tanh", "sigmoid"]))
    if which == "residual" and "dense_residual" in m.kinds:
        m.use("dense_residual")
        inner = m.add("relu", m.add("FullyConnected", v, num_hidden=8))
        inner = m.add("FullyConnected", inner, num_hidden=v.shape[1], flatten=m.chance(0.7))
        inner = m.add("Dropout", inner, p=0.3) if m.chance(0.3) else inner
        return m.add(m.pick(["elemwise_add", "broadcast_add", "elemwise_sub"]), v, inner)
    if which == "norm":
        norm = m.pick(["LayerNorm", "BatchNorm", "L2Normalization"])
        attrs = {"fix_gamma": m.chance(0.5)} if norm == "BatchNorm" else {"eps": 1e-3}
        return m.add(norm, v, **attrs)
    if which == "drop":
        return m.add("Dropout", v, p=0.5)
    if which == "split" and v.shape[1] % 2 == 0:
        a, b = m.several("SliceChannel", v, num_outputs=2, axis=1)
        return m.add("elemwise_mul", a, m.add("sigmoid", b))
    return m.add("tanh", v)


def head(m: Maker, scores: Value, alone: bool) -> None:
    """What comes behind the scores."""
    recipe = m.recipe
    recipe.explained.append(scores.ref)
    choices = ["none"] * 4
    if len(scores.shape) == 2 and scores.shape[0] == m.batch:
        choices += ["softmax", "softmax", "sigmoid"] if scores.shape[1] > 1 else ["sigmoid"]
        choices += ["SoftmaxActivation"] if scores.shape[1] > 1 else []
        symbolic = recipe.form not in ("block", "hybridized")  # a block has no labels
        if "loss_head" in m.kinds and alone and symbolic:
            choices += ["LinearRegressionOutput", "LogisticRegressionOutput"]
            choices += ["MAERegressionOutput"]
            choices += ["SoftmaxOutput"] * 3 if scores.shape[1] > 1 else []
    which = m.pick(choices)
    if which == "none":
        recipe.heads.append(scores.ref)
    elif which in ("softmax", "sigmoid", "SoftmaxActivation"):
        recipe.heads.append(m.add(which, scores).ref)
    else:
        m.use("loss_head")
        label = f"label{len(recipe.heads)}"
        shape = (m.batch,) if which == "SoftmaxOutput" else scores.shape
        recipe.labels[label] = shape
        value = m.add(which, scores, Value((label, 0), shape))
        recipe.heads.append(value.ref)


def usable(scores: np.ndarray) -> bool:
    """Whether a net's numbers can be compared at all."""
    finite = bool(np.isfinite(scores).all())
    return finite and 1e-6 < float(np.abs(scores).max()) < 1e5

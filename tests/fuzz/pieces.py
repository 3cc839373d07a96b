"""The pieces that nets are made of: each takes a map (N, C, *positions) and gives another."""

from __future__ import annotations

import numpy as np

from .maker import CHANNELS, Maker, Unfit, Value, piece
from .recipe import Step

SAME_SHAPE = (
    *("elemwise_add", "elemwise_add", "broadcast_add", "elemwise_sub", "elemwise_mul"),
    *("broadcast_maximum", "broadcast_minimum", "add_n", "broadcast_sub", "where", "hypot"),
)
"""What joins two branches."""


def divisors(number: int) -> list[int]:
    """All of them."""
    return [d for d in range(1, number + 1) if number % d == 0]


def kernel_of(m: Maker, value: Value) -> dict:
    """Kernel, stride, dilation and padding for a map's positions, or the defaults."""
    kernel = tuple(m.whole(1, min(3, s)) for s in value.size)
    attrs: dict = {"kernel": kernel}
    if m.chance(0.5):
        attrs["pad"] = tuple(m.whole(0, k // 2) if k > 1 else 0 for k in kernel)
    elif m.chance(0.5):
        attrs["pad"] = tuple(k // 2 for k in kernel)
    if m.chance(0.3):
        attrs["stride"] = tuple(m.whole(1, 2) for _ in kernel)
    if m.chance(0.2):
        attrs["dilate"] = tuple(m.whole(1, 2) for _ in kernel)
    return attrs


@piece(weight=8)
def convolution(m: Maker, v: Value) -> Value:
    filters = m.pick(CHANNELS)
    groups = m.pick(divisors(int(np.gcd(filters, v.channels)))) if m.chance(0.3) else 1
    attrs = kernel_of(m, v)
    if m.chance(0.15):
        filters, groups = v.channels * m.whole(1, 2), v.channels
    if groups > 1 or m.chance(0.2):
        attrs["num_group"] = groups
    made = m.add("Convolution", v, num_filter=filters, no_bias=m.chance(0.3), **attrs)
    return activated(m, m.layer(made)) if m.chance(0.6) else made


@piece(weight=1.5)
def deconvolution(m: Maker, v: Value) -> Value:
    attrs = kernel_of(m, v)
    if m.chance(0.7):
        attrs.pop("dilate", None)
        attrs["stride"] = tuple(m.whole(1, 2) for _ in v.size)
        if m.chance(0.4):
            attrs["adj"] = tuple(m.whole(0, s - 1) for s in attrs["stride"])
        elif m.chance(0.3):
            attrs.pop("pad", None)
            attrs["target_shape"] = tuple(s * t for s, t in zip(v.size, attrs["stride"]))
    else:
        attrs.pop("stride", None)
    filters = m.pick(CHANNELS)
    groups = m.pick(divisors(int(np.gcd(filters, v.channels)))) if m.chance(0.3) else 1
    return m.add(
        "Deconvolution",
        v,
        num_filter=filters,
        num_group=groups,
        no_bias=m.chance(0.6),
        **attrs,
    )


@piece(weight=4)
def pooling(m: Maker, v: Value) -> Value:
    kernel = tuple(m.whole(1, min(3, s)) for s in v.size)
    attrs: dict = {"pool_type": m.pick(["max", "max", "avg", "avg", "sum", "lp"])}
    if m.chance(0.6):
        attrs["stride"] = tuple(m.whole(1, max(1, min(2, k))) for k in kernel)
    if m.chance(0.4):
        attrs["pad"] = tuple(m.whole(0, k - 1) for k in kernel)
    if m.chance(0.5):
        attrs["pooling_convention"] = m.pick(["valid", "full", "full"])
    if attrs["pool_type"] == "avg" and m.chance(0.5):
        attrs["count_include_pad"] = m.chance(0.5)
    if attrs["pool_type"] == "lp":
        attrs["p_value"] = m.pick([1, 2, 3])
        v = m.add("_plus_scalar", m.add("abs", v), scalar=0.1)
    if attrs["pool_type"] == "max" and holds_padding_alone(v.size, kernel, attrs):
        raise Unfit("its largest is the lowest number that there is")
    return m.add("Pooling", v, kernel=kernel, **attrs)


def holds_padding_alone(size: tuple, kernel: tuple, attrs: dict) -> bool:
    """Whether a window of the "full" convention begins behind the last position."""
    if attrs.get("pooling_convention") != "full":
        return False
    ones, none = (1,) * len(size), (0,) * len(size)
    steps = zip(size, kernel, attrs.get("stride", ones), attrs.get("pad", none))
    return any(-(-(s + 2 * p - k) // stride) * stride >= s + p for s, k, stride, p in steps)


@piece(weight=3)
def batch_norm(m: Maker, v: Value) -> Value:
    if v.rank != 2:
        m.use("signal_norm")
    attrs: dict = {}
    for name, choices in {
        "fix_gamma": [True, False, False],
        "use_global_stats": [True, False],
        "eps": [1e-5, 1e-3, 2e-5],
        "momentum": [0.9, 0.99],
        "axis": [1],
        "output_mean_var": [False],
        "cudnn_off": [True, False],
    }.items():
        if m.chance(0.5):
            attrs[name] = m.pick(choices)
    return m.add("BatchNorm", v, **attrs)


@piece(kind="batchnorm_v1", ranks=(2,), weight=1)
def batch_norm_v1(m: Maker, v: Value) -> Value:
    if m.recipe.form in ("block", "hybridized"):
        raise Unfit("a Symbol's only")
    return m.add("BatchNorm_v1", v, fix_gamma=m.chance(0.4), eps=m.pick([1e-3, 1e-5]))


@piece(weight=2)
def other_norm(m: Maker, v: Value) -> Value:
    which = m.pick(["LayerNorm", "GroupNorm", "InstanceNorm", "LRN", "L2Normalization"])
    if which == "LayerNorm":
        return m.add(which, v, axis=m.pick([-1, 1]), eps=1e-4)
    if which == "GroupNorm":
        return m.add(which, v, num_groups=m.pick(divisors(v.channels)), eps=1e-4)
    if which == "InstanceNorm":
        return m.add(which, v, eps=1e-3)
    if which == "LRN":
        if v.rank != 2:
            raise Unfit(which)
        m.use("lrn")
        return m.add(which, v, nsize=m.pick([3, 5]), alpha=0.1, beta=0.75, knorm=m.pick([1, 2]))
    return m.add(which, v, mode=m.pick(["instance", "channel", "spatial"]), eps=1e-3)


def activated(m: Maker, v: Value) -> Value:
    """An activation of any kind."""
    which = m.pick(["act", "act", "act", "leaky", "clip", "plain", "plain", "hard"])
    if which == "act":
        kinds = ["relu", "relu", "relu", "sigmoid", "tanh", "softrelu", "softsign"]
        return m.add("Activation", v, act_type=m.pick(kinds))
    if which == "leaky":
        act = m.pick(["leaky", "elu", "selu", "gelu", "prelu", "rrelu"])
        attrs: dict = {"act_type": act}
        if act in ("leaky", "elu"):
            attrs["slope"] = m.pick([0.1, 0.25, 1.0])
        if act == "rrelu":
            m.use("rrelu")
            attrs.update(lower_bound=0.125, upper_bound=0.334)
        return m.add("LeakyReLU", v, **attrs)
    if which == "clip":
        low, high = m.pick([(0.0, 6.0), (0.0, 1.0), (-1.0, 1.0), (0.0, 0.5)])
        return m.add("clip", v, a_min=low, a_max=high)
    if which == "hard":
        if m.chance(0.4):
            m.use("hard_sigmoid_operator")
            return m.add("hard_sigmoid", v, alpha=m.pick([0.2, 0.5]), beta=0.5)
        return hard_sigmoid(m, v)
    return m.add(m.pick(["relu", "sigmoid", "tanh", "softsign", "erf", "sin", "arctan"]), v)


@piece(weight=2.5)
def activation(m: Maker, v: Value) -> Value:
    return activated(m, v)


def hard_sigmoid(m: Maker, v: Value) -> Value:
    """clip((x + 3) / 6, 0, 1), in one of its forms."""
    m.use("hard_sigmoid")
    form = m.whole(0, 2)
    if form == 0:
        moved = m.add("_plus_scalar", v, scalar=3.0)
        return m.add("_div_scalar", m.add("clip", moved, a_min=0.0, a_max=6.0), scalar=6.0)
    if form == 1:
        moved = m.add("_plus_scalar", m.add("_mul_scalar", v, scalar=0.25), scalar=0.5)
        return m.add("clip", moved, a_min=0.0, a_max=1.0)
    moved = m.add("_div_scalar", m.add("_plus_scalar", v, scalar=3.0), scalar=6.0)
    return m.add("_minimum_scalar", m.add("relu", moved), scalar=1.0)


@piece(weight=2)
def elementwise(m: Maker, v: Value) -> Value:
    which = m.pick(["square", "abs", "sqrt", "log", "exp", "cbrt", "rsqrt", "smooth", "reciprocal"])
    if which in ("square", "abs"):
        return m.add(which, v)
    if which == "smooth":
        return m.add("smooth_l1", v, scalar=1.0)
    if which == "exp":
        return m.add("exp", m.add("tanh", v))
    positive = m.add("_plus_scalar", m.add("abs", v), scalar=0.5)
    return m.add(which, positive)


@piece(weight=2)
def with_number(m: Maker, v: Value) -> Value:
    op = m.pick(["plus", "minus", "rminus", "mul", "div", "maximum", "minimum", "power", "rdiv"])
    if op == "power":
        return m.add("_power_scalar", v, scalar=2.0)
    if op == "rdiv":
        positive = m.add("_plus_scalar", m.add("square", v), scalar=1.0)
        return m.add("_rdiv_scalar", positive, scalar=1.5)
    return m.add(f"_{op}_scalar", v, scalar=m.pick([0.5, -0.7, 2.0, 1.25]))


@piece(weight=4)
def branches(m: Maker, v: Value) -> Value:
    """Two branches of the same shape, joined by arithmetic; one may be the identity."""
    a = branch(m, v)
    b = v if m.chance(0.5) else branch(m, v)
    op = m.pick(SAME_SHAPE)
    if op == "where":
        return m.add("where", m.add("_greater_scalar", v, scalar=0.1), a, b)
    if op == "hypot":
        return m.add("broadcast_hypot", m.add("_plus_scalar", m.add("abs", a), scalar=0.3), b)
    if op == "add_n":
        m.use("add_n")
        return m.add("add_n", a, b, v)
    return m.add(op, a, b)


def branch(m: Maker, v: Value) -> Value:
    """A few operators that keep the shape."""
    kernel = tuple(1 if s < 3 or m.chance(0.3) else 3 for s in v.size)
    a = m.add(
        "Convolution",
        v,
        kernel=kernel,
        pad=tuple(k // 2 for k in kernel),
        num_filter=v.channels,
        num_group=m.pick([1, 1, v.channels]),
        no_bias=m.chance(0.5),
    )
    m.layer(a)
    if m.chance(0.4) and (v.rank == 2 or "signal_norm" in m.kinds):
        m.use("signal_norm" if v.rank != 2 else "plain")
        a = m.add("BatchNorm", a, fix_gamma=m.chance(0.5))
    return activated(m, a) if m.chance(0.6) else a


@piece(kind="shared", weight=1.2)
def shared(m: Maker, v: Value) -> Value:
    """The same weights twice: in a row, or on two versions of the value."""
    attrs: dict = {"kernel": (1,) * v.rank, "num_filter": v.channels, "no_bias": m.chance(0.5)}
    first = m.add("Convolution", v, **attrs)
    weights = m.weights_of(first)
    if m.chance(0.5):
        return m.add("Convolution", m.add("tanh", first), weights=weights, **attrs)
    other = m.add("Convolution", m.add("_rminus_scalar", v, scalar=1.0), weights=weights, **attrs)
    op = m.pick(["elemwise_add", "elemwise_mul", "broadcast_maximum", "elemwise_sub"])
    return m.add(op, m.layer(first), m.layer(other))


@piece(weight=2.5)
def gate(m: Maker, v: Value) -> Value:
    """Squeeze and excite, in several forms."""
    axes = tuple(range(2, len(v.shape)))
    if m.chance(0.5):
        kernel = v.size if m.chance(0.3) else (1,) * v.rank
        g = m.add("Pooling", v, global_pool=True, kernel=kernel, pool_type="avg")
    else:
        g = m.add(m.reduction("mean", "mean", "max", "sum"), v, axis=axes, keepdims=True)
    if m.chance(0.5):
        g = m.add("Convolution", g, kernel=(1,) * v.rank, num_filter=v.channels)
    else:
        g = m.add("FullyConnected", g, num_hidden=v.channels)
        g = m.add("Reshape", g, shape=(0, 0) + (1,) * v.rank)
    g = hard_sigmoid(m, g) if m.chance(0.3) and "hard_sigmoid" in m.kinds else m.add("sigmoid", g)
    op = m.pick(["broadcast_mul", "broadcast_mul", "broadcast_add", "broadcast_maximum"])
    return m.add(op, v, g)


@piece(weight=2.5)
def concatenated(m: Maker, v: Value) -> Value:
    """Branches of other channel numbers, concatenated, with DenseNet's identity."""
    parts = [v] if m.chance(0.5) else []
    for _ in range(2):
        filters = m.pick(CHANNELS[:5])
        part = m.add("Convolution", v, kernel=(1,) * v.rank, num_filter=filters)
        parts.append(m.layer(activated(m, part)) if m.chance(0.7) else part)
    axis = 1 if m.chance(0.8) else m.whole(2, len(v.shape) - 1)
    if axis > 1:
        parts = [v, v] if m.chance(0.5) else [v, m.add("tanh", v)]
    return m.add("Concat", *parts, dim=axis, num_args=len(parts))


@piece(weight=2)
def split(m: Maker, v: Value) -> Value:
    """Parts along an axis, treated apart and joined in another order."""
    axis = m.whole(1, len(v.shape) - 1)
    count = m.pick([d for d in divisors(v.shape[axis]) if d > 1] or [1])
    if count == 1 or count > 4:
        raise Unfit("split")
    parts = m.several("SliceChannel", v, num_outputs=count, axis=axis, squeeze_axis=False)
    parts[0] = activated(m, parts[0])
    if m.chance(0.5):
        if m.chance(0.5):
            return parts[0]
        m.use("add_n")
        return m.add("add_n", *parts)
    return m.add("Concat", *parts[::-1], dim=axis)


@piece(weight=1.5)
def stacked(m: Maker, v: Value) -> Value:
    """A new axis, a reduction over it."""
    axis = m.whole(1, len(v.shape))
    s = m.add("stack", v, m.add("tanh", v), m.add("_mul_scalar", v, scalar=0.3), axis=axis)
    return m.add(m.reduction("sum", "max", "min", "mean", "prod"), s, axis=axis)


@piece(weight=2)
def there_and_back(m: Maker, v: Value) -> Value:
    """Reshapes with all codes, something on the way, and the way back."""
    form = m.whole(0, 5)
    back = tuple(v.shape[1:])
    if form == 0:
        r = m.add("Reshape", v, shape=(0, 0, -1))
    elif form == 1:
        r = m.add("Reshape", v, shape=(0, -3, -2))
    elif form == 2:
        r = m.add("Reshape", v, shape=(0, -1))
    elif form == 3:
        group = m.pick(divisors(v.channels))
        r = m.add("Reshape", v, shape=(0, -4, group, -1, -2))
        r = m.add("SwapAxis", r, dim1=1, dim2=2)
        return m.add("Reshape", r, shape=(0, -3, -2))
    elif form == 4:
        r = m.add("Flatten", v)
    else:
        r = m.add("expand_dims", v, axis=m.whole(1, len(v.shape)))
        r = m.add("tanh", r)
        return m.add("Reshape", r, shape=(0, *back))
    r = m.add("FullyConnected", r, num_hidden=r.shape[-1], flatten=False) if m.chance(0.3) else r
    r = m.add("relu", r) if m.chance(0.5) else r
    if "fixed_batch" in m.kinds and m.chance(0.05):
        m.use("fixed_batch")
        return m.add("Reshape", r, shape=v.shape)
    return m.add("Reshape", r, shape=(-1, *back))


@piece(kind="turned", weight=1.5)
def turned(m: Maker, v: Value) -> Value:
    """Axes permuted, with something on the way, and often permuted back."""
    axes = [0, *(1 + m.rng.permutation(len(v.shape) - 1))]
    t = m.add("transpose", v, axes=tuple(int(a) for a in axes))
    if m.chance(0.5):
        t = m.add("LayerNorm", t, axis=-1) if m.chance(0.4) else activated(m, t)
    if m.chance(0.3):
        return t
    return m.add("transpose", t, axes=tuple(int(a) for a in np.argsort(axes)))


@piece(weight=2.5)
def cut(m: Maker, v: Value) -> Value:
    """A part of a map."""
    form = m.whole(0, 4)
    axis = m.whole(1, len(v.shape) - 1)
    length = v.shape[axis]
    if length < 2:
        raise Unfit("slice")
    begin = m.whole(0, length - 2)
    end = m.whole(begin + 1, length)
    if form == 0:
        return m.add("slice_axis", v, axis=axis, begin=begin, end=m.pick([end, None, end]))
    if form == 1:
        low = (None, *(m.whole(0, max(0, s - 2)) for s in v.shape[1:]))
        high = (None, *(m.pick([None, s]) for s in v.shape[1:]))
        return m.add("slice", v, begin=low, end=high)
    if form == 2:
        return m.add("slice_axis", v, axis=axis, begin=-end, end=None)
    if form == 3:
        step = tuple(m.pick([1, 1, 2]) for _ in v.shape[1:])
        none = (None,) * len(v.shape)
        if "fixed_batch" in m.kinds and m.chance(0.2):  # the number of samples is written down
            m.use("fixed_batch")
            return m.add("slice", v, begin=(0,) * len(v.shape), end=v.shape, step=(1, *step))
        return m.add("slice", v, begin=none, end=none, step=(1, *step))
    like = m.add("slice_axis", v, axis=axis, begin=begin, end=end)
    return m.add("slice_like", m.add("tanh", v), like)


@piece(weight=1.5)
def repeated(m: Maker, v: Value) -> Value:
    axis = m.whole(1, len(v.shape) - 1)
    which = m.pick(["tile", "repeat", "reverse", "take", "broadcast"])
    if which == "tile":
        reps = [1] * len(v.shape)
        reps[axis] = 2
        return m.add("tile", v, reps=tuple(reps))
    if which == "repeat":
        return m.add("repeat", v, repeats=2, axis=axis)
    if which == "reverse":
        return m.add("reverse", v, axis=axis)
    if which == "take":
        order = m.add("_arange", start=0, stop=v.shape[axis], step=m.pick([1, 2]))
        return m.add("take", v, order, axis=axis)
    mean = m.add("mean", v, axis=axis, keepdims=True)
    return m.add("broadcast_axis", mean, axis=axis, size=m.pick([2, v.shape[axis]]))


@piece(ranks=(2, 3), weight=1.5)
def padded(m: Maker, v: Value) -> Value:
    mode = m.pick(["constant", "edge", "reflect"])
    width = [0, 0, 0, 0]
    for s in v.size:
        most = min(2, s - 1) if mode == "reflect" else 2
        width += [m.whole(0, most), m.whole(0, most)]
    attrs = {"constant_value": m.pick([0.0, 0.5])} if mode == "constant" else {}
    return m.add("Pad", v, mode=mode, pad_width=tuple(width), **attrs)


@piece(ranks=(2,), weight=2)
def resized(m: Maker, v: Value) -> Value:
    which = m.pick(["nearest", "bilinear", "adaptive", "space", "depth", "crop"])
    if which == "nearest":
        return m.add("UpSampling", v, scale=2, sample_type="nearest", num_args=1)
    if which == "bilinear":
        height, width = (m.whole(2, 2 * s) for s in v.size)
        attrs = {"align_corners": m.chance(0.5)} if m.chance(0.5) else {}
        return m.add("BilinearResize2D", v, height=height, width=width, **attrs)
    if which == "adaptive":
        size = tuple(m.whole(1, s) for s in v.size)
        return m.add("AdaptiveAvgPooling2D", v, output_size=size)
    if which == "space":
        return m.add("space_to_depth", v, block_size=2)
    if which == "depth":
        return m.add("depth_to_space", v, block_size=2)
    return m.add("Crop", v, h_w=tuple(max(1, s - 1) for s in v.size), num_args=1)


@piece(weight=1.5)
def softmax_inside(m: Maker, v: Value) -> Value:
    which = m.pick(["softmax", "log_softmax", "softmin", "SoftmaxActivation"])
    if which == "SoftmaxActivation":
        return m.add(which, v, mode="channel")
    attrs = {"temperature": 2.0} if m.chance(0.3) else {}
    return m.add(which, v, axis=m.pick([1, -1]), **attrs)


@piece(weight=1.5)
def attention(m: Maker, v: Value) -> Value:
    """Non-local block: softmax(Q K) V over positions."""
    kernel, c = (1,) * v.rank, v.channels
    q, k, w = (
        m.add("Reshape", m.add("Convolution", v, kernel=kernel, num_filter=c), shape=(0, 0, -1))
        for _ in range(3)
    )
    scores = m.add("softmax", m.add("batch_dot", q, k, transpose_a=True), axis=-1)
    found = m.add("batch_dot", w, scores, transpose_b=True)
    found = m.add("Reshape", found, shape=(0, 0, *v.size))
    return m.add("elemwise_add", v, found) if m.chance(0.6) else found


@piece(weight=1)
def dropout(m: Maker, v: Value) -> Value:
    attrs = {"axes": (1,)} if m.chance(0.3) else {}
    mode = {"mode": "training"} if m.chance(0.4) else {}
    return m.add("Dropout", v, p=m.pick([0.5, 0.2, 0.9]), **attrs, **mode)


@piece(kind="rounding", weight=0.6)
def rounding(m: Maker, v: Value) -> Value:
    """A branch whose gradient is zero, beside one that has one."""
    op = m.pick(["floor", "round", "sign", "ceil", "fix", "rint"])
    return m.add("elemwise_add", v, m.add(op, m.add("_mul_scalar", v, scalar=1.7)))


@piece(kind="cast", weight=0.5)
def cast(m: Maker, v: Value) -> Value:
    """To a wider type; the truth has it anyway."""
    there = m.add("Cast", v, dtype="float64" if m.chance(0.3) else "float32")
    return m.add("Cast", activated(m, there), dtype="float32")


@piece(kind="rows", weight=0.7)
def rows_touch(m: Maker, v: Value) -> Value:
    """Samples that see each other."""
    which = m.whole(0, 2)
    if which == 0:
        return m.add("broadcast_sub", v, m.add("mean", v, axis=0, keepdims=True))
    if which == 1:
        return m.add("elemwise_add", v, m.add("tanh", m.add("reverse", v, axis=0)))
    return m.add("softmax", v, axis=0)


@piece(kind="loop", weight=0.8)
def loop(m: Maker, v: Value) -> Value:
    """foreach over the last axis: a recurrent unit, or one that only adds."""
    steps_first = (len(v.shape) - 1, *range(len(v.shape) - 1))
    t = m.add("transpose", v, axes=steps_first)
    state = m.add("zeros_like", m.add("slice_axis", v, axis=-1, begin=0, end=1))
    state = m.add("Reshape", state, shape=t.shape[1:])
    number = len(m.recipe.steps)
    body = [Step("elemwise_add", f"body{number}_sum", [("item", 0), ("state", 0)])]
    if m.chance(0.5):
        body.append(Step("relu", f"body{number}_relu", [(body[-1].name, 0)]))
    if m.chance(0.4):
        body.append(Step("Dropout", f"body{number}_drop", [(body[-1].name, 0)], {"p": 0.5}))
    body.append(Step("tanh", f"body{number}_tanh", [(body[-1].name, 0)]))
    outs = looped(m, t, state, body)
    return m.add("transpose", outs, axes=(*range(1, len(v.shape)), 0))


def looped(m: Maker, items: Value, state: Value, body: list) -> Value:
    """The outputs of a loop, stacked on axis 0."""
    name = f"foreach{len(m.recipe.steps)}"
    m.recipe.steps.append(Step("foreach", name, [items.ref, state.ref], {}, body))
    return Value((name, 0), items.shape)

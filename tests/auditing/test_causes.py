"""Mistakes in the copy of a net: the audit names each, and none that is not there."""

from __future__ import annotations

import pytest
from networks import normal

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

S = mx.sym
SHAPE = (2, 3, 20, 24)


def conv(data, name, **more):
    options = {"kernel": (3, 3), "num_filter": 6, "pad": (1, 1), **more}
    return S.Convolution(data, name=name, **options)


def relu(data, name):
    return S.Activation(data, act_type="relu", name=name)


def resized(data, **more):
    return S.contrib.BilinearResize2D(data, height=30, width=36, name="resized", **more)


def twice(data):
    return S.UpSampling(data, scale=2, sample_type="nearest", name="resized")


def linearly(data):
    return S.contrib.BilinearResize2D(data, scale_height=2, scale_width=2, name="resized")


def lrn(data, **more):
    return S.LRN(data, **{"nsize": 5, "alpha": 1.0, "name": "lrn", **more})


def strided(data, first, second):
    made = relu(conv(data, "a", kernel=(1, 1), pad=(0, 0), stride=first), "act")
    return conv(made, "b", stride=second)


def gated(data):
    pooled = S.Pooling(data, global_pool=True, kernel=(1, 1), pool_type="avg", name="pool")
    squeezed = relu(conv(0.1 * pooled, "a", kernel=(1, 1), pad=(0, 0)), "act")
    gate = S.sigmoid(conv(squeezed, "b", kernel=(1, 1), pad=(0, 0)), name="gate")
    return S.broadcast_mul(data, gate, name="gated")


def scaled(data, factor):
    return S._internal._mul_scalar(data, scalar=factor, name="f")


def norm(data, mode):
    return S.L2Normalization(data, mode=mode, name="norm")


def edge(data, mode):
    return S.pad(data, mode=mode, pad_width=(0, 0, 0, 0, 1, 1, 1, 1), name="edge")


def gelu(data):
    return S.LeakyReLU(conv(data, "a"), act_type="gelu", name="gelu")


def gelu_by_sigmoid(data):
    """The convolution is there twice, as in files of which nobody has taken that out."""
    other = S.sigmoid(1.702 * conv(data, "a", attr={"__twin__": "1"}))
    return S.broadcast_mul(conv(data, "a"), other, name="gelu")


# what stands in the net, what in its copy, the cause, where, and what is said of it
PLANTED = {
    "corners": (
        resized,
        lambda x: resized(x, align_corners=False),
        "resizing",
        "resized",
        "half_pixel",
    ),
    "nearest": (twice, linearly, "resizing", "resized", "align_corners in place of the nearest"),
    "alpha": (lrn, lambda x: lrn(x, alpha=5.0), "local response", "lrn", "alpha times"),
    "constant": (lrn, lambda x: lrn(x, knorm=1.0), "local response", "lrn", "1 in place of 2"),
    "dilation": (
        lambda x: conv(x, "a", dilate=(2, 2), pad=(2, 2)),
        lambda x: conv(x, "a"),
        "dilation",
        "a",
        "no dilation",
    ),
    "a later stride": (
        lambda x: strided(x, (2, 2), (1, 1)),
        lambda x: strided(x, (1, 1), (2, 2)),
        "stride elsewhere",
        "a",
        "the stride in the next convolution",
    ),
    "an earlier stride": (
        lambda x: strided(x, (1, 1), (2, 2)),
        lambda x: strided(x, (2, 2), (1, 1)),
        "stride elsewhere",
        "a",
        "the next convolution's stride",
    ),
    "gate": (gated, lambda x: x, "missing gate", "gated", "without its gate"),
    "factor": (
        lambda x: S.elemwise_add(x, S.broadcast_mul(scaled(x, 0.2), x)),
        lambda x: S.elemwise_add(x, S.broadcast_mul(x, x)),
        "missing number",
        "f",
        "the factor 0.2 left out",
    ),
    "inverse": (
        lambda x: scaled(x, 0.5),
        lambda x: scaled(x, 2.0),
        "missing number",
        "f",
        "the other way round",
    ),
    "norm": (
        lambda x: norm(x, "channel"),
        lambda x: norm(x, "instance"),
        "norm over other axes",
        "norm",
        "'instance' in place of 'channel'",
    ),
    "reflections": (
        lambda x: edge(x, "edge"),
        lambda x: edge(x, "reflect"),
        "padding",
        "edge",
        "reflections",
    ),
}


def net(part, ctx):
    """A net of two convolutions, and what is between them."""
    data = S.var("data")
    body = relu(conv(part(relu(conv(data, "first"), "first_act")), "last"), "last_act")
    body = S.Pooling(body, global_pool=True, kernel=(1, 1), pool_type="avg", name="mean")
    symbol = S.FullyConnected(S.Flatten(body, name="flat"), num_hidden=4, name="dense")
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(data=SHAPE)[0]))
    names = [name for name in sorted(shapes) if name != "data"]
    arrays = {name: 0.4 * normal(*shapes[name], seed=sum(map(ord, name))) for name in names}
    return symbol, {name: mx.nd.array(one, ctx=ctx) for name, one in arrays.items()}, {}


def audited(old, new, ctx):
    x = mx.nd.array(2 * normal(*SHAPE, seed=1), ctx=ctx)
    return gm.audit(net(old, ctx), net(new, ctx), x)


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_mistake_is_named(mistake, ctx):
    old, new, cause, place, said = PLANTED[mistake]
    found = audited(old, new, ctx)
    assert found.is_same is False
    first = found.findings[0]
    assert (first.cause, first.old.name) == (cause, place), first
    assert said in first.said
    assert first.is_whole


UNKNOWN = {
    # a value that both nets have tells nothing of the next one
    "twice": gelu_by_sigmoid,
    # so small that behind the next convolution the old rectifier's value is nearly the new one's
    "small": lambda x: scaled(gelu(x), 1.0005),
}


@pytest.mark.parametrize("mistake", UNKNOWN)
def test_what_nothing_known_explains_has_no_cause(mistake, ctx):
    found = audited(gelu, UNKNOWN[mistake], ctx)
    assert found.is_same is False
    assert {one.cause for one in found.findings} == {""}


@pytest.mark.parametrize("mistake", PLANTED)
def test_the_same_net_has_no_mistake(mistake, ctx):
    part = PLANTED[mistake][0]
    found = audited(part, part, ctx)
    assert found.is_same is True
    assert not found.findings

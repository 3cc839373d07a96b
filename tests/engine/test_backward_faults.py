"""Operators whose backward pass in MXNet is wrong in company, against differences in float64."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

sym = mx.sym
RNG = np.random.RandomState(0)


def line(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def response(x):
    """Krizhevsky et al. 2012, section 3.3, over three channels."""
    padded = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    return x / (2 + 0.5 / 3 * (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:])) ** 0.75


def lrn(x):
    return sym.LRN(x, nsize=3, alpha=0.5, beta=0.75, knorm=2)


def pooled(x):
    return sym.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg")


def mean(x):
    return x.mean(axis=(2, 3))


PAIRS = {
    "hard sigmoid + x, pooled": (
        lambda x: pooled(sym.hard_sigmoid(x) + x),
        lambda x: mean(line(x) + x),
    ),
    "hard sigmoid + x, squared": (
        lambda x: sym.square(sym.hard_sigmoid(x) + x),
        lambda x: (line(x) + x) ** 2,
    ),
    "two hard sigmoids": (
        lambda x: sym.hard_sigmoid(x, alpha=0.3, beta=0.4) + sym.hard_sigmoid(2 * x),
        lambda x: np.clip(0.3 * x + 0.4, 0, 1) + line(2 * x),
    ),
    "response, pooled": (lambda x: pooled(lrn(x)), lambda x: mean(response(x))),
    "response, convolved": (
        lambda x: pooled(
            sym.Convolution(lrn(x), kernel=(1, 1), num_filter=4, no_bias=True, name="c")
        ),
        lambda x: mean(np.einsum("oi,nihw->nohw", KERNEL, response(x))),
    ),
    "response, rectified and pooled": (
        lambda x: pooled(sym.relu(lrn(x))),
        lambda x: mean(np.maximum(response(x), 0)),
    ),
}
KERNEL = RNG.normal(size=(4, 4))


def convolved(x):
    return sym.Convolution(x, kernel=(1, 1), num_filter=4, no_bias=True, name="c")


def exponentials(x):
    found = np.exp(np.einsum("oi,nihw->nohw", KERNEL, x))
    return found / found.sum(axis=-1, keepdims=True)


# MXNet ends the process in training where these read a convolution (measured)
PAIRS["softmax of a convolution"] = (
    lambda x: sym.softmax(convolved(x), axis=-1) ** 2,
    lambda x: exponentials(x) ** 2,
)
PAIRS["log softmax of a convolution"] = (
    lambda x: sym.log_softmax(convolved(x), axis=-1),
    lambda x: np.log(exponentials(x)),
)

# each of several equal numbers has the whole gradient in MXNet, though they are copies of one
PAIRS["largest of two copies"] = (
    lambda x: sym.max(sym.stack(x, x, axis=1), axis=1),
    lambda x: x,
)
PAIRS["largest of what a gate bounds"] = (
    lambda x: sym.max(
        sym.broadcast_maximum(x, sym.mean(x, axis=(2, 3), keepdims=True) + 5), axis=(2, 3)
    ),
    lambda x: np.maximum(x, mean(x)[..., None, None] + 5).max(axis=(2, 3)),
)
PAIRS["smallest of an enlarged map"] = (
    lambda x: sym.min(
        sym.UpSampling(x, scale=2, sample_type="nearest", num_args=1), axis=(-1, 2), keepdims=1
    ),
    lambda x: x.min(axis=(2, 3)),
)
PAIRS["largest of rows that repeat"] = (
    lambda x: sym.max(sym.repeat(x, 3, axis=3), axis=(0, 1), exclude=True),
    lambda x: x.max(axis=(2, 3)),
)


@pytest.mark.parametrize("channels", [4, 8, 16])
@pytest.mark.parametrize("pair", PAIRS)
def test_gradients(pair, channels, ctx):
    make, own = PAIRS[pair]
    if "convol" in pair and channels != 4:
        pytest.skip("its kernel has four channels")
    x = RNG.normal(size=(2, channels, 5, 5))
    weights = RNG.normal(size=own(x).reshape(2, -1).shape[1])
    net = sym.FullyConnected(
        sym.Flatten(make(sym.var("data"))), num_hidden=1, no_bias=True, name="out"
    )
    arguments = {
        "out_weight": mx.nd.array(weights[None], ctx=ctx),
        "c_weight": mx.nd.array(KERNEL[:, :, None, None], ctx=ctx),
    }
    needed = {name: arguments[name] for name in net.list_arguments() if name != "data"}
    found = gm.saliency((net, needed, {}), x.astype("float32"))

    def score(values):
        return own(values).reshape(2, -1) @ weights

    np.testing.assert_allclose(found.score, score(x), rtol=1e-4, atol=1e-5)
    for _ in range(5):
        direction = RNG.normal(size=x.shape)
        slope = (score(x + 1e-6 * direction) - score(x - 1e-6 * direction)) / 2e-6
        given = (found.values * direction).reshape(2, -1).sum(axis=1)
        # of sums of some hundred numbers in float32
        np.testing.assert_allclose(given, slope, atol=1e-4 * abs(weights).sum() * 4)


class Enlarged(mx.gluon.HybridBlock):
    """The largest number of each channel, all of which stand there four times; in mx.np."""

    def hybrid_forward(self, F, x):
        return F.np.amax(F.np.repeat(F.np.repeat(x, 2, axis=2), 2, axis=3), axis=(2, 3))


def test_equal_numbers_in_numpy_nets():
    x = RNG.normal(size=(2, 3, 4, 4)).astype("float32")
    with mx.util.np_shape(True), mx.util.np_array(True):
        net = Enlarged()
        net.hybridize()
        net.initialize()
        found = gm.saliency(net, x, 1)
    expected = (x == x.max(axis=(2, 3), keepdims=True)).astype("float32")
    expected[:, [0, 2]] = 0
    np.testing.assert_allclose(found.values, expected, atol=1e-6)


def test_a_hard_sigmoid_in_double_precision_is_no_other_net():
    """MXNet holds its slope in single precision there too."""
    x, weight = RNG.normal(size=(2, 3, 4, 4)), RNG.normal(size=(4, 48))
    net = sym.hard_sigmoid(sym.var("data"), alpha=0.2, beta=0.4)
    net = sym.FullyConnected(net, num_hidden=4, no_bias=True, name="out")
    parameters = {"out_weight": mx.nd.array(weight, dtype="float64")}
    found = gm.saliency((net, parameters, {}), mx.nd.array(x, dtype="float64"), 2)
    inner = 0.2 * x + 0.4
    expected = np.where((inner > 0) & (inner < 1), 0.2, 0) * weight[2].reshape(x.shape[1:])
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    score = np.clip(inner, 0, 1).reshape(2, -1) @ weight[2]
    np.testing.assert_allclose(found.score, score, atol=1e-6)

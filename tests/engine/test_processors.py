"""What oneDNN does differs by processor; what is explained does not.

It keeps the channels of convolutions in blocks: of 16 with AVX-512, of 8 without, and what MXNet
gets wrong follows them. So convolutions of channels that fill blocks, and that do not, stand before
each operator that might come to see their memory, and another behind it. The gradient is that of
MXNet's own executor in float64, in which oneDNN takes no part.

`.ci/run` runs this file under several instruction sets (DNNL_MAX_CPU_ISA), without oneDNN, and with
and without the fusing of operators that executors do.
"""

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

pytestmark = [
    pytest.mark.processor,
    # the net itself is asked in some way, also where its own forward pass ends the process
    pytest.mark.filterwarnings("error:what is explained cannot be held:UserWarning"),
]

S = mx.sym
SHAPE = (2, 3, 8, 9)
CHANNELS = (1, 4, 8, 12, 16, 20, 24, 40)


def convolution(x, channels, name, **options):
    return S.Convolution(x, num_filter=channels, kernel=(3, 3), pad=(1, 1), name=name, **options)


def product_of_parts(parts):
    return parts[0] * parts[len(parts.list_outputs()) - 1]


OPERATORS = {
    "slice of several axes": lambda x, c: S.slice(
        x, begin=(None, c // 3, 1, 0), end=(None, c // 3 + c // 2 + 1, 6, 5)
    ),
    "slice of channels": lambda x, c: S.slice(x, begin=(0, c // 2), end=(2, c)),
    "slice with steps": lambda x, c: S.slice(
        x, begin=(None, None, 0, 0), end=(None, None, 8, 8), step=(1, 1, 2, 3)
    ),
    "slice_axis of channels": lambda x, c: S.slice_axis(x, axis=1, begin=c // 2, end=None),
    "slice_axis of rows": lambda x, c: S.slice_axis(x, axis=2, begin=1, end=7),
    "slice_like": lambda x, c: S.slice_like(x, S.ones((2, c // 2 + 1, 5, 5)), axes=(1, 2, 3)),
    "split": lambda x, c: product_of_parts(S.split(x, num_outputs=1 + (c > 1), axis=1)),
    "concat": lambda x, c: S.concat(x, convolution(x, 8, "beside"), dim=1),
    "concat of three": lambda x, c: S.concat(
        convolution(x, 4, "a"), x, convolution(x, c + 4, "b"), dim=1
    ),
    "concat of itself": lambda x, c: S.concat(x, x, dim=1),
    "concat with a plain one": lambda x, c: S.concat(x, S.reverse(x, axis=3), dim=1),
    "concat of rows": lambda x, c: S.concat(x, convolution(x, c, "beside"), dim=2),
    "concat of slices": lambda x, c: S.concat(
        S.slice_axis(x, axis=1, begin=c // 2, end=None),
        S.slice(x, begin=(None, 0), end=(None, c // 2 + 1)),
        dim=1,
    ),
    "shuffled channels": lambda x, c: S.reshape(
        S.swapaxes(S.reshape(x, (0, -4, -1, 1 if c % 2 else 2, -2)), dim1=1, dim2=2), (0, -3, -2)
    ),
    "transpose": lambda x, c: S.transpose(x, axes=(0, 1, 3, 2)),
    "reshape": lambda x, c: S.reshape(x, (0, 0, 4, -1)),
    "reverse": lambda x, c: S.reverse(x, axis=1),
    "pad": lambda x, c: S.pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 3, 0)),
    "tile": lambda x, c: S.tile(x, reps=(1, 2, 1, 1)),
    "repeat": lambda x, c: S.repeat(x, repeats=2, axis=2),
    "take": lambda x, c: S.take(x, S.clip(S.arange(0, 3), 0, c - 1), axis=1),
    "stack": lambda x, c: S.reshape(S.stack(x, x * x, axis=2), (0, -3, -2)),
    "channel softmax": lambda x, c: S.softmax(x, axis=1),
    "attention": lambda x, c: S.broadcast_mul(
        x, S.sigmoid(convolution(S.mean(x, axis=(2, 3), keepdims=True), c, "gate"))
    ),
    "product": lambda x, c: x * convolution(x, c, "beside"),
    "residual": lambda x, c: x + convolution(S.tanh(x), c, "beside"),
    "depth_to_space": lambda x, c: S.depth_to_space(S.tile(x, reps=(1, 4, 1, 1)), 2),
    "upsampling": lambda x, c: S.UpSampling(x, scale=2, sample_type="nearest"),
    "resize": lambda x, c: S.contrib.BilinearResize2D(x, height=11, width=12),
    "transposed convolution": lambda x, c: S.Deconvolution(
        x, kernel=(2, 2), stride=(2, 2), num_filter=c, name="up", no_bias=False
    ),
    "groups": lambda x, c: convolution(x, c, "depth", num_group=c),
    "average pooling": lambda x, c: S.Pooling(x, pool_type="avg", kernel=(2, 2), stride=(2, 2)),
    "max pooling": lambda x, c: S.Pooling(x, pool_type="max", kernel=(3, 3), stride=(2, 2)),
    "pooling, full": lambda x, c: S.Pooling(
        x, pool_type="avg", kernel=(3, 3), stride=(2, 2), pooling_convention="full"
    ),
    "layer norm": lambda x, c: S.LayerNorm(
        x, S.var("g_weight", shape=(9,)), S.var("b_weight", shape=(9,)), axis=-1
    ),
    "L2 norm": lambda x, c: S.L2Normalization(x, mode="channel"),
    "parametric ReLU": lambda x, c: S.LeakyReLU(
        x, S.var("slope_weight", shape=(c,)), act_type="prelu"
    ),
    "dense": lambda x, c: S.expand_dims(
        S.expand_dims(S.FullyConnected(x, num_hidden=c, name="inner"), axis=2), axis=3
    ),
    "batch_dot": lambda x, c: S.expand_dims(
        S.batch_dot(S.reshape(x, (0, 0, -1)), S.reshape(x, (0, 0, -1)), transpose_b=True), axis=1
    ),
}


def network(operator, channels):
    """The symbol, and its parameters in float64."""
    x = convolution(S.var("data"), channels, "before")
    x = S.tanh(convolution(OPERATORS[operator](x, channels), 16, "after"))
    y = S.FullyConnected(S.mean(x, axis=(2, 3)), num_hidden=4, name="scores")
    shapes, _, _ = y.infer_shape(data=SHAPE)
    rng = np.random.RandomState(channels)
    drawn = {
        name: rng.normal(0, 0.3 if len(shape) == 1 else (1 / np.prod(shape[1:])) ** 0.5, shape)
        for name, shape in zip(y.list_arguments(), shapes)
        if name != "data"
    }
    return y, drawn


def by_mxnet(symbol, drawn, x):
    """The scores of class 2, and their gradient at the input, in float64."""
    gradient = mx.nd.zeros(x.shape, dtype="float64")
    given = {name: mx.nd.array(value, dtype="float64") for name, value in drawn.items()}
    bound = symbol.bind(
        mx.cpu(), {"data": mx.nd.array(x, dtype="float64"), **given}, {"data": gradient}
    )
    scores = bound.forward(is_train=True)[0].asnumpy()[:, 2]
    bound.backward(mx.nd.array(np.eye(4)[[2] * len(x)], dtype="float64"))
    return scores, gradient.asnumpy()


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_the_gradient_is_that_in_double_precision(operator):
    x = np.random.RandomState(0).normal(size=SHAPE)
    for channels in CHANNELS:
        symbol, drawn = network(operator, channels)
        scores, gradient = by_mxnet(symbol, drawn, x)
        net = symbol, {name: mx.nd.array(value) for name, value in drawn.items()}, {}
        found = gm.saliency(net, x.astype("float32"), target=2)
        np.testing.assert_allclose(found.score, scores, rtol=1e-4, atol=1e-5, err_msg=str(channels))
        difference = np.linalg.norm(found.values - gradient)
        assert difference <= 1e-4 * np.linalg.norm(gradient) + 1e-6, channels

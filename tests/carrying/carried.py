"""Small nets that carry their maps, and these maps by numpy in float64."""

from __future__ import annotations

import itertools

import numpy as np
from networks import initialised, nn, normal, sequential

from gradcam_mx._mxnet import mx

SHAPE = (3, 3, 14, 18)


def pooled():
    return [
        nn.Conv2D(8, 3, strides=2, padding=1, in_channels=3, activation="relu"),
        nn.Conv2D(6, 3, padding=1, in_channels=8, activation="relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5, in_units=6),
    ]


def valid():
    """Convolutions without padding: the cells lie in the middle of the input."""
    return [
        nn.Conv2D(4, 5, in_channels=3, activation="relu"),
        nn.Conv2D(6, 5, in_channels=4, activation="relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5, in_units=6),
    ]


def windows():
    """As VGG, with windows that overlap and leave out the last column."""
    return [
        nn.Conv2D(6, 3, padding=1, in_channels=3),
        nn.Activation("relu"),
        nn.MaxPool2D(3, 2),
        nn.Flatten(),
        nn.Dense(7, in_units=6 * 6 * 8, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(5, in_units=7),
    ]


def normalised():
    """As ResNet v2 begins: a batch normalisation whose gamma counts as 1, whatever it holds."""
    return [
        nn.BatchNorm(scale=False, in_channels=3),
        nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5, in_units=6),
    ]


def averaged():
    """As LeNet: windows of averages, and a convolution behind the layer."""
    return [
        nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu"),
        nn.AvgPool2D(2, 2),
        nn.Conv2D(5, 3, in_channels=6, activation="relu"),
        nn.GlobalAvgPool2D(),
        nn.Flatten(),
    ]


def made(layers, ctx=None):
    """A net of these layers with random parameters, and an input."""
    net = initialised(sequential(layers), ctx or mx.cpu(), normal(*SHAPE))
    return net, mx.nd.array(normal(*SHAPE, seed=1), ctx=ctx or mx.cpu())


def run(exported, *inputs):
    """What the files give in Gluon, as they are and compiled, in which operators change the memory
    layout of their weights from the first run on."""
    files = str(exported.symbol_file), exported.input_names, str(exported.params_file)
    block = mx.gluon.SymbolBlock.imports(*files, ctx=inputs[0].context)
    found = [one.asnumpy() for one in block(*inputs)]
    block.hybridize(static_alloc=True, static_shape=True)
    for _ in range(3):
        for one, again in zip(found, block(*inputs)):
            np.testing.assert_allclose(again.asnumpy(), one, rtol=1e-4, atol=1e-6)
    return found


# -- maps by numpy ---------------------------------------------------------------------------------


def features(net, x, count):
    """What the first layers of a net give, and what the rest makes of that, in MXNet."""
    for layer in list(net._children.values())[:count]:
        x = layer(x)
    return x


def behind(net, value, count):
    for layer in list(net._children.values())[count:]:
        value = layer(value)
    return value


def naive_cam(net, x, classes=None):
    values = features(net, x, 2).asnumpy().astype(np.float64)
    weight = net[3].weight.data(x.context).asnumpy().astype(np.float64)
    scores = values.mean(axis=(2, 3)) @ weight.T + net[3].bias.data(x.context).asnumpy()
    classes = scores.argmax(axis=1) if classes is None else classes
    return np.maximum(np.einsum("nc,nchw->nhw", weight[classes], values), 0)


def naive_gradient(net, x, count, step=2.0**-6):
    """The layer's values and the derivative of the top score by each, by differences in the
    tail, which is linear as long as no rectifier turns and no other number is the highest."""
    values = features(net, x, count)
    tops = behind(net, values, count).asnumpy().argmax(axis=1)
    found = np.zeros(values.shape)
    for sample in range(len(values)):
        size = values[sample].size
        flat = np.tile(values[sample].asnumpy().ravel(), (2 * size, 1))
        flat[np.arange(size), np.arange(size)] += step
        flat[size + np.arange(size), np.arange(size)] -= step
        rows = mx.nd.array(flat.reshape(2 * size, *values.shape[1:]), ctx=x.context)
        scores = behind(net, rows, count).asnumpy().astype(np.float64)[:, tops[sample]]
        found[sample] = ((scores[:size] - scores[size:]) / (2 * step)).reshape(values.shape[1:])
    return values.asnumpy().astype(np.float64), found


def autograd_gradient(net, x, count):
    """The same by MXNet's own backward pass, the dropout left out."""
    values = features(net, x, count).copy()
    values.attach_grad()
    with mx.autograd.record(train_mode=True):
        found = values
        for layer in list(net._children.values())[count:]:
            found = found if isinstance(layer, nn.Dropout) else layer(found)
        found.max(axis=1).sum().backward()
    return values.asnumpy().astype(np.float64), values.grad.asnumpy().astype(np.float64)


def naive_recipro(net, x, count, classes=None):
    values = features(net, x, count).asnumpy().astype(np.float64)
    top = behind(net, features(net, x, count), count).asnumpy().argmax(axis=1)
    classes = top if classes is None else classes
    height, width = values.shape[2:]
    scores = np.zeros((len(values), height, width))
    for i, j in itertools.product(range(height), range(width)):
        masked = np.zeros_like(values)
        for di, dj in itertools.product((-1, 0, 1), repeat=2):
            if 0 <= i + di < height and 0 <= j + dj < width:
                share = 0.5 ** (abs(di) + abs(dj))
                masked[:, :, i + di, j + dj] = share * values[:, :, i + di, j + dj]
        rows = behind(net, mx.nd.array(masked, ctx=x.context), count).asnumpy()
        scores[:, i, j] = rows[np.arange(len(rows)), classes]
    low, high = (one(axis=(1, 2), keepdims=True) for one in (scores.min, scores.max))
    return (scores - low) / (high - low)


def naive_resize(maps, size):
    """Linearly, each cell stretched over its part of the picture; the middles of pixels count."""
    for axis, length in enumerate(size, start=1):
        cells = maps.shape[axis]
        places = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
        lower = np.minimum(places.astype(int), max(cells - 2, 0))
        upper = np.minimum(lower + 1, cells - 1)
        share = (places - lower).reshape([-1 if one == axis else 1 for one in range(3)])
        maps = np.take(maps, lower, axis) * (1 - share) + np.take(maps, upper, axis) * share
    return maps

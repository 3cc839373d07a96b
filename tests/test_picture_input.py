"""Which pictures a net takes, read off its graph."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.graph.picture_input import common_sizes, picture_input


def graph_of(symbol, data_shape):
    """The graph of a symbol, with parameters of ones."""
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    arguments, _, states = symbol.infer_shape(data=data_shape)
    arrays = {
        name: mx.nd.ones(shape)
        for name, shape in zip(names, arguments + states)
        if name not in ("data", "label")
    }
    return gm.trace((symbol, arrays, {}))


def convolution(data, **options):
    return mx.sym.Convolution(data, kernel=(3, 3), num_filter=4, **options)


BEFORE = {
    "nothing": lambda x: x,
    "batch normalisation": mx.sym.BatchNorm,
    "numbers": lambda x: (x - 127) / 128,
    "a padding": lambda x: mx.sym.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 1, 1, 1)),
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels(before, channels):
    y = convolution(convolution(before(mx.sym.var("data"))))
    graph = graph_of(mx.sym.SoftmaxOutput(y, mx.sym.var("label")), (1, channels, 9, 9))
    assert picture_input(graph) == ("data", channels)


def test_channels_in_groups():
    graph = graph_of(convolution(mx.sym.var("data"), num_group=2), (1, 6, 9, 9))
    assert picture_input(graph) == ("data", 6)


@pytest.mark.parametrize(
    "first",
    [
        lambda x: mx.sym.FullyConnected(x, num_hidden=3),
        lambda x: convolution(mx.sym.transpose(x, axes=(0, 3, 1, 2))),
        lambda x: mx.sym.Convolution(mx.sym.reshape(x, (0, 0, -1)), kernel=(3,), num_filter=4),
    ],
    ids=["dense", "turned", "of sequences"],
)
def test_a_graph_that_does_not_tell(first):
    assert picture_input(graph_of(first(mx.sym.var("data")), (1, 4, 6, 5))) is None


def test_common_sizes():
    y = mx.sym.Pooling(
        convolution(mx.sym.var("data")), kernel=(20, 20), stride=(20, 20), pool_type="max"
    )
    graph = graph_of(mx.sym.FullyConnected(y, num_hidden=2), (1, 3, 28, 28))
    assert common_sizes(graph, 3) == [32, 28]
    assert common_sizes(graph, 1) == []
    for size in (32, 28):
        assert gm.saliency(graph, np.ones((1, 3, size, size), np.float32)).values.shape[2] == size

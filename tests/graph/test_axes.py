"""The default layer lies on the picture, and a gradient gets to it."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError

S = mx.sym
X = np.random.RandomState(0).normal(size=(2, 4, 8, 8)).astype(np.float32)


def conv(data, name, filters=4, kernel=3, **attrs):
    pad = {"pad": (kernel // 2,) * 2, **attrs}
    return S.Convolution(data, kernel=(kernel,) * 2, num_filter=filters, name=name, **pad)


def head(maps):
    return S.FullyConnected(maps, num_hidden=3, name="out")


def start():
    return S.Activation(conv(S.var("data"), "start"), act_type="relu", name="relu")


def positions_as_channels(maps):
    return conv(S.transpose(maps, axes=(0, 2, 3, 1)), "mixed")


def rows_and_columns_exchanged(maps):
    return conv(S.SwapAxis(maps, dim1=2, dim2=3), "mixed")


def halves_side_by_side(maps):
    return conv(S.Reshape(maps, shape=(0, 8, 4, 8)), "mixed")


def spectrum(maps):
    wave = S.dot(maps, S.var("wave", shape=(8, 8)))
    return conv(wave, "mixed")


def attention(maps):
    tokens = S.transpose(S.Reshape(maps, shape=(0, 0, -1)), axes=(0, 2, 1))
    scores = S.batch_dot(tokens, tokens, transpose_b=True)
    return conv(S.expand_dims(scores, axis=1), "mixed", filters=2)


def left_half(maps):
    return conv(S.slice_axis(maps, axis=3, begin=0, end=4), "mixed")


def mirrored(maps):
    return conv(S.reverse(maps, axis=3), "mixed")


def dense_picture(maps):
    made = S.FullyConnected(maps, num_hidden=64, name="hidden")
    return conv(S.Reshape(made, shape=(0, 1, 8, 8)), "mixed")


MIXED = [
    *(positions_as_channels, rows_and_columns_exchanged, halves_side_by_side, spectrum),
    *(attention, left_half, mirrored, dense_picture),
]


def shuffled(maps):
    """Groups of channels exchanged, as ShuffleNet does it."""
    parts = S.Reshape(maps, shape=(0, -4, 2, -1, -2))
    return conv(S.Reshape(S.SwapAxis(parts, dim1=1, dim2=2), shape=(0, -3, -2)), "kept")


def tokens_and_back(maps):
    tokens = S.transpose(S.Reshape(maps, shape=(0, 0, -1)), axes=(0, 2, 1))
    tokens = S.FullyConnected(tokens, num_hidden=4, flatten=False, name="mix")
    return conv(S.Reshape(S.transpose(tokens, axes=(0, 2, 1)), shape=(0, 0, 8, 8)), "kept")


def channels_last(maps):
    turned = S.broadcast_mul(
        S.transpose(maps, axes=(0, 2, 3, 1)), S.var("scale", shape=(1, 1, 1, 4))
    )
    return conv(S.transpose(turned, axes=(0, 3, 1, 2)), "kept")


def focused(maps):
    """Every other row and column, side by side as channels."""
    every = [
        S.slice(maps, begin=(None, None, row, column), end=(None,) * 4, step=(None, None, 2, 2))
        for row in (0, 1)
        for column in (0, 1)
    ]
    return conv(S.Concat(*every, dim=1), "kept")


def normalised(maps):
    gamma, beta = S.var("gamma", shape=(2,)), S.var("beta", shape=(2,))
    return conv(S.GroupNorm(maps, gamma, beta, num_groups=2), "kept")


def excited(maps):
    gate = S.sigmoid(conv(S.mean(maps, axis=(2, 3), keepdims=True), "squeeze", kernel=1))
    return S.sin(conv(S.broadcast_mul(maps, gate), "kept"))


KEPT = [shuffled, tokens_and_back, channels_last, focused, normalised, excited]


def initialised(symbol, **inputs):
    rng = np.random.RandomState(1)
    shapes, _, _ = symbol.infer_shape(**inputs)
    return (
        symbol,
        {
            name: mx.nd.array(rng.normal(size=shape) * 0.5)
            for name, shape in zip(symbol.list_arguments(), shapes)
            if name not in inputs
        },
        {},
    )


def default_of(net, *inputs):
    return gm.grad_cam(net, inputs[0] if len(inputs) == 1 else inputs, 1).layer


@pytest.mark.parametrize("mix", MIXED)
def test_no_map_whose_positions_are_others(mix):
    net = initialised(head(mix(start())), data=X.shape)
    assert default_of(net, X) == "start_output"
    # by name it is explained all the same
    assert gm.grad_cam(net, X, 1, "mixed_output").layer == "mixed_output"


@pytest.mark.parametrize("keep", KEPT)
def test_maps_that_still_lie_on_the_picture(keep):
    net = initialised(head(keep(start())), data=X.shape)
    assert default_of(net, X) in ("kept_output", "sin0_output", "sin1_output")


def test_a_map_pooled_over_regions_is_none():
    data, rois = S.var("data"), S.var("rois")
    for pool in (S.ROIPooling, S.contrib.ROIAlign):
        maps = pool(start(), rois, pooled_size=(8, 8), spatial_scale=1)
        net = initialised(head(conv(maps, "regions")), data=X.shape, rois=(2, 5))
        regions = np.array([[0, 0, 0, 7, 7], [1, 2, 2, 7, 7]], np.float32)
        assert default_of(net, X, regions) == "start_output"
    assert data.name == "data"


def test_an_embedding_beside_a_picture_is_none():
    words = S.Embedding(S.var("words"), S.var("table", shape=(5, 6)), input_dim=5, output_dim=6)
    spoken = S.Convolution(
        S.transpose(words, axes=(0, 2, 1)), kernel=(3,), num_filter=2, name="talk"
    )
    joined = S.Concat(S.Flatten(S.var("data")), S.Flatten(spoken), dim=1)
    net = initialised(head(joined), data=X.shape, words=(2, 7))
    with pytest.raises(LayerError, match="that lies on its input"):
        gm.grad_cam(net, (X, np.ones((2, 7), np.float32)), 1)
    text = initialised(head(spoken), words=(2, 7))
    assert default_of(text, np.ones((2, 7), np.float32)) == "talk_output"


def test_a_gradient_gets_to_the_default_layer():
    first = S.Activation(conv(S.var("data"), "first"), act_type="relu", name="seen")
    later = conv(first, "later")
    counted = S.sum(S.round(S.mean(later, axis=(2, 3))), axis=1, keepdims=True)
    symbol = S.broadcast_add(head(first), counted)
    net = initialised(symbol, data=X.shape)
    assert default_of(net, X) == "first_output"
    starred = [row.name for row in gm.trace(net).layers(X.shape) if row.is_default]
    assert starred == ["first_output"]
    # what needs no gradient takes the last map
    assert gm.score_cam(net, X, 1, progress=False).layer == "later_output"


def test_nothing_but_mixed_positions_is_told():
    net = initialised(head(dense_picture(S.var("data"))), data=X.shape)
    with pytest.raises(LayerError, match=r"that lies on its input.*saliency"):
        gm.grad_cam(net, X, 1)

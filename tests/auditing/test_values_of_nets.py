"""Values of nets, their noise and how they are aligned, against numpy in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from ported import inputs, parts, small_net

from gradcam_mx._mxnet import mx
from gradcam_mx.auditing.aligning import align
from gradcam_mx.auditing.edit import Edit, merged
from gradcam_mx.auditing.editable import Editable
from gradcam_mx.auditing.in_values import in_words, permutation, rounding
from gradcam_mx.auditing.noise import MARGIN, Noise, measure
from gradcam_mx.auditing.sides import side_of
from gradcam_mx.auditing.value import Value, rms
from gradcam_mx.graph.trace import trace


def batch_normalised(net, x):
    """The first two layers, in float64."""
    own = {name: one.astype(np.float64) for name, one in parts(net).items()}
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    made = np.zeros((len(x), 8, 8, 8))
    for row in range(8):
        for column in range(8):
            window = padded[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            made[:, :, row, column] = np.tensordot(window, own["w0"], ([1, 2, 3], [1, 2, 3]))
    made += own["b0"].reshape(1, -1, 1, 1)
    shape = (1, -1, 1, 1)
    scale = own["gamma"] / np.sqrt(own["var"] + 1e-5)
    normal = (made - own["mean"].reshape(shape)) * scale.reshape(shape)
    return made, normal + own["beta"].reshape(shape)


def test_values_are_those_of_the_layers(ctx):
    net, x = small_net(ctx), inputs()
    values = Editable.of(trace(net)).values([x])
    assert [one.op for one in values][:4] == ["input", "Convolution", "BatchNorm", "clip"]
    conv, normal = batch_normalised(net, x)
    np.testing.assert_allclose(values[1].array, conv, atol=1e-5)
    np.testing.assert_allclose(values[2].array, normal, atol=1e-4)
    np.testing.assert_array_equal(values[-1].array, net(mx.nd.array(x, ctx=ctx)).asnumpy())
    assert values[2].inputs == (1,)
    assert values[1].parameters == ("small_conv0_weight", "small_conv0_bias")


def test_noise_is_no_less_than_the_distance_from_double_precision(ctx):
    net, x = small_net(ctx), inputs()
    side = side_of(net, "net")
    values = side.values([x])
    double = [one.array for one in side.in_double([x])]
    arrays = [one.array for one in values]
    noise = measure(lambda x: [one.array for one in side.values(x)], [x], arrays, double)
    _, exact = batch_normalised(net, x)
    assert noise[2].rms >= rms(values[2].array - exact) * 0.999
    assert noise[2].rms < 1e-5 * rms(exact)
    assert noise[2].is_same(values[2].array, exact.astype(np.float32))
    far = [one + 1e-3 for one in double]
    known = measure(lambda x: arrays, [x[:1]], arrays, far)
    assert known[2].rms == pytest.approx(1e-3, rel=0.01)
    off = values[2].array + 2 * MARGIN * noise[2].rms
    assert not noise[2].is_same(values[2].array, off)


def test_an_edit_leaves_the_net_and_its_other_values_alone(ctx):
    net, x = small_net(ctx), inputs()
    editable = Editable.of(trace(net))
    before = editable.values([x])
    node = before[2].node
    changed = {**editable.nodes[node]}
    changed["attrs"] = {**changed["attrs"], "eps": "0.001"}
    after = editable.edited(Edit("", node, {node: changed})).values([x])
    np.testing.assert_array_equal(after[1].array, before[1].array)
    assert np.abs(after[2].array - before[2].array).max() > 1e-3
    np.testing.assert_array_equal(editable.values([x])[2].array, before[2].array)
    # from values that are known, only what lies behind is computed
    known = {before[1].node: 2 * before[1].array}
    found = editable.run([x], [(node, 0)], known=known)[0]
    assert np.abs(found - before[2].array).max() > 0.1


def test_edits_of_two_nodes_are_one():
    def pad(node):
        new = {"op": "Pad", "name": f"pad{node}", "inputs": [[node - 1, 0, 0]]}
        return Edit("p", node, {node: {"op": "c", "name": "c", "inputs": [[-1, 0, 0]]}}, {}, (new,))

    both = merged([pad(3), pad(5)])
    assert [both.nodes[one]["inputs"][0][0] for one in (3, 5)] == [-1, -2]
    assert [one["name"] for one in both.appended] == ["pad3", "pad5"]


def value(array, inputs=(), op="c"):
    return Value("v", op, {}, np.asarray(array, np.float32), tuple(inputs))


def noise_of(array):
    return Noise(1e-6, 1e-6)


def test_a_value_that_is_folded_away_is_no_difference(ctx):
    draw = np.random.RandomState(0)
    a, b, c, d = (draw.rand(2, 4, 3, 3) for _ in range(4))
    old = [value(a), value(b, [0]), value(c, [1]), value(d, [2])]
    new = [value(a), value(c, [0]), value(d.transpose(0, 2, 3, 1), [1])]
    noise = [noise_of(one) for one in old]
    found = align(old, noise, new, [3], [new[-1].array])
    assert found.partner == {0: 0, 2: 1, 3: 2}
    assert found.is_whole
    new[2] = value(d + 1, [1])
    found = align(old, noise, new, [3], [new[-1].array])
    assert found.diverging == [3]
    assert found.new_diverging == [2]
    new[1] = value(c + 1, [0])
    assert align(old, noise, new, [3], [new[-1].array]).diverging == [1, 2, 3]


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [3, 0, 1, 2], [0, 3, 2, 1]])
def test_channels_in_another_order_are_found(order):
    array = np.random.RandomState(1).rand(2, 4, 5).astype(np.float32)
    found = permutation(value(array), Noise(1e-7, 1e-7), array[:, np.argsort(order)])
    assert found == order
    other = array[:, np.argsort(order)].copy()
    other[0, 0, 0] += 1
    assert permutation(value(array), Noise(1e-7, 1e-7), other) is None
    assert permutation(value(array), Noise(1e-7, 1e-7), array) is None


def test_orders_in_words():
    assert in_words([1, 0, 2, 3], "classes") == "classes 0 and 1 exchanged"
    assert (
        in_words([1, 2, 0, 3], "channels") == "3 channels in other places: 0 at 1, 1 at 2, 2 at 0"
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda one: one.astype(np.float16), "half precision"),
        (lambda one: one.astype(np.float16).astype(np.float32), "half precision"),
        (lambda one: (one.view(np.uint32) & 0xFFFF0000).view(np.float32), "bfloat16"),
        (lambda one: np.rint(one / 0.03).astype(np.int8), "quantisation"),
        (lambda one: np.rint(one / 0.03 + 100).astype(np.uint8), "quantisation"),
        (lambda one: (np.rint(one / 0.03) * 0.03).astype(np.float32), "quantisation"),
        (lambda one: one * np.float32(1 + 1e-4), None),
        (lambda one: one + np.float32(0.01), None),
        (lambda one: np.maximum(one, 0), None),
    ],
)
def test_values_of_few_bits_are_told(change, cause):
    array = np.random.RandomState(2).standard_normal((2, 8, 6, 6)).astype(np.float32)
    found = rounding([value(array)], [(7, Value("n", "c", {}, change(array)))])
    assert (found and found.cause) == cause
    assert found is None or found.place == 7

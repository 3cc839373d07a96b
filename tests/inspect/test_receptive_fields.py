"""Receptive fields of units: random nets against brute force, known nets against known numbers.

The references are in `naive_inspection`; the random nets, in `random_graphs`, have every operator
that moves positions, in chains and in branches.
"""

from __future__ import annotations

import collections
import functools

import numpy as np
import pytest
from naive_inspection import (
    box_of,
    dependence,
    dependence_by_gradient,
    positive_twin,
    size_of_chain,
)
from random_graphs import described, random_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.inspect.receptive_field import ReceptiveField

nn = mx.gluon.nn

GRAPHS = [
    *((2, seed) for seed in range(80)),
    *((1, seed) for seed in range(12)),
    *((3, seed) for seed in range(5)),
]


@functools.lru_cache(maxsize=None)
def fields(axes, seed):
    net = random_net(seed, axes)
    return dependence(net.symbol, net.shape, net.layers)


def some_units(positions, rng):
    """Positions of units: corners, a few at the borders, one in the middle, one anywhere."""
    last = np.array(positions) - 1
    chosen = [0 * last, last, last // 2]
    for _ in range(2):
        at_border = rng.randint(0, last + 1)
        axis = rng.randint(len(last))
        at_border[axis] = rng.choice([0, last[axis]])
        chosen.append(at_border)
    chosen.append(rng.randint(0, last + 1))
    return list(dict.fromkeys(tuple(map(int, one)) for one in chosen))


def found(net, layer, shape, position, channel=None):
    """The box as ((start, stop), …), or None."""
    box = gm.inspect.receptive_field(net, layer, shape, position, channel)
    if box is None:
        return None
    assert isinstance(box, tuple)
    assert all(type(one.start) is int and type(one.stop) is int and one.step is None for one in box)
    return tuple((one.start, one.stop) for one in box)


def pairs(box):
    return None if box is None else tuple((one.start, one.stop) for one in box)


# ---------------------------------------------------------------------------- the references first


@pytest.mark.parametrize(("axes", "seed"), [(2, 3), (2, 11), (2, 26), (2, 47), (1, 3), (3, 1)])
def test_brute_force_by_bumps_and_by_gradients_agree(axes, seed):
    """Two ways that share nothing but the positive weights; the second has no max pooling."""
    net = random_net(seed, axes)
    rng = np.random.RandomState(seed)
    by_sums = dependence(net.symbol, net.shape, net.layers, "sum")
    for layer, by_bump, by_sum in zip(net.layers, fields(axes, seed), by_sums):
        np.testing.assert_array_equal(by_bump, by_sum)
        units = list(np.ndindex(*by_bump.shape[axes:]))
        units = [units[one] for one in rng.permutation(len(units))[:20]]
        by_gradient = dependence_by_gradient(net.symbol, net.shape, layer, units)
        for unit, one in zip(units, by_gradient):
            np.testing.assert_array_equal(one, by_bump[(slice(None),) * axes + unit])


def test_the_positive_twin_computes_the_same_layers():
    """What it replaces for float64's sake is the same operator, and not another one."""
    x = mx.nd.random.uniform(shape=(1, 2, 6, 7))
    data, weight = mx.sym.var("data"), mx.nd.random.uniform(shape=(2, 3, 2, 3))
    up = mx.sym.Deconvolution(
        data,
        kernel=(2, 3),
        stride=(2, 1),
        dilate=(2, 3),
        adj=(1, 0),
        num_filter=3,
        no_bias=True,
        name="up",
    )
    twin, dilated = positive_twin(up)
    assert dilated == {"up_weight": (2, 3)}
    spread = mx.nd.zeros((2, 3, 3, 7))
    spread[:, :, ::2, ::3] = weight
    np.testing.assert_allclose(
        twin.eval(data=x, up_weight=spread)[0].asnumpy(),
        up.eval(data=x, up_weight=weight)[0].asnumpy(),
        rtol=1e-5,
    )
    crop = mx.sym.Crop(data, offset=(1, 2), h_w=(3, 4), num_args=1)
    np.testing.assert_array_equal(
        positive_twin(crop)[0].eval(data=x)[0].asnumpy(), x.asnumpy()[:, :, 1:4, 2:6]
    )


def test_the_random_nets_have_every_operator():
    kinds = collections.Counter()
    for axes, seed in GRAPHS:
        kinds.update(random_net(seed, axes).kinds)
    expected = """convolution groups depthwise dilation|wide pad|pad only|max pooling|avg pooling|
        sum pooling|valid pooling|full pooling|count_include_pad True|count_include_pad False|
        deconvolution upsampling|constant pad|edge pad|reflect pad|Crop slice slice_axis|
        some channels|excitation residual add_n concat nested activation norm"""
    names = {
        name.strip()
        for part in expected.split("|")
        for name in (
            [part]
            if part.strip().endswith((" pad", "pooling", "True", "False", "only", "channels"))
            else part.split()
        )
    }
    assert names == set(kinds)
    assert min(kinds.values()) >= 5


# ------------------------------------------------------------------------------ against brute force


@pytest.mark.parametrize(("axes", "seed"), GRAPHS)
def test_the_box_is_that_of_brute_force(axes, seed):
    net = random_net(seed, axes)
    given = gm.trace(net.as_block() if seed % 2 else net.as_tuple())
    rng = np.random.RandomState(seed)
    wrong = []
    for layer, field in zip(net.layers, fields(axes, seed)):
        channels, *positions = field.shape[axes:]
        for position in some_units(positions, rng):
            for channel in (None, *rng.permutation(channels)[:1].tolist()):
                expected = pairs(box_of(field, position, channel))
                box = found(given, layer, net.shape, position, channel)
                if box != expected:
                    wrong.append(f"{layer} {position} channel {channel}: {box}, not {expected}")
    assert not wrong, "\n".join([*wrong, described(net)])


@pytest.mark.parametrize("seed", [6, 21])
def test_the_box_of_every_unit_is_that_of_brute_force(seed):
    net = random_net(seed)
    given = gm.trace(net.as_tuple())
    layer, field = net.layers[0], fields(2, seed)[0]
    for position in np.ndindex(*field.shape[3:]):
        assert found(given, layer, net.shape, position) == pairs(box_of(field, position)), position


def test_it_depends_neither_on_the_device_nor_on_the_form_of_the_net(ctx):
    net = random_net(4)
    layer, field = net.layers[0], fields(2, 4)[0]
    position = tuple(size // 2 for size in field.shape[3:])
    expected = pairs(box_of(field, position))
    for given in (net.as_tuple(ctx), net.as_block(ctx), gm.trace(net.as_block(ctx))):
        assert found(given, layer, net.shape, position) == expected


# ------------------------------------------------------------------------------ nets that are known


def initialised(net, channels=3, size=32, ctx=None):
    net.initialize(ctx=ctx)
    net(mx.nd.zeros((1, channels, size, size), ctx=ctx)).wait_to_read()
    return net


def chain(*layers):
    net = nn.HybridSequential()
    net.add(*layers)
    return net


def thin_vgg16():
    """VGG-16's convolutions and pools with two channels; conv5_3 is "28", pool5 "30"."""
    net = nn.HybridSequential()
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            net.add(nn.Conv2D(2, 3, padding=1), nn.Activation("relu"))
        net.add(nn.MaxPool2D(2, 2))
    return initialised(net)


def thin_alexnet():
    """AlexNet's convolutions and pools with two channels; conv5 is "10", pool5 "12"."""
    return initialised(
        chain(
            nn.Conv2D(2, 11, strides=4, padding=2),
            nn.Activation("relu"),
            nn.MaxPool2D(3, 2),
            nn.Conv2D(2, 5, padding=2),
            nn.Activation("relu"),
            nn.MaxPool2D(3, 2),
            nn.Conv2D(2, 3, padding=1),
            nn.Activation("relu"),
            nn.Conv2D(2, 3, padding=1),
            nn.Activation("relu"),
            nn.Conv2D(2, 3, padding=1),
            nn.Activation("relu"),
            nn.MaxPool2D(3, 2),
        ),
        size=96,
    )


def of_the_zoo(name, size=32):
    return lambda: initialised(mx.gluon.model_zoo.vision.get_model(name), size=size)


def maps_of_inception():
    """All of Inception v3 before its last pool, which has a fixed size."""
    return chain(*of_the_zoo("inceptionv3", 299)().features[:18])


VGG16 = [
    *[(3, 1)] * 2,
    (2, 2),
    *[(3, 1)] * 2,
    (2, 2),
    *[(3, 1)] * 3,
    (2, 2),
    *[(3, 1)] * 3,
    (2, 2),
    *[(3, 1)] * 3,
]
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), *[(3, 1)] * 3]
RESNET18 = [
    (7, 2),
    (3, 2),
    *[(3, 1)] * 4,
    (3, 2),
    *[(3, 1)] * 3,
    (3, 2),
    *[(3, 1)] * 3,
    (3, 2),
    *[(3, 1)] * 3,
]
# one 3 × 3 convolution a block, and the stride in the 1 × 1 before it
RESNET50 = [
    (7, 2),
    (3, 2),
    *[(3, 1)] * 3,
    (1, 2),
    *[(3, 1)] * 4,
    (1, 2),
    *[(3, 1)] * 6,
    (1, 2),
    *[(3, 1)] * 3,
]
MOBILENET = [(3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2), *[(3, 1)] * 5, (3, 2), (3, 1)]

KNOWN = {
    # Araujo, Norris & Sim 2019 (distill.pub/2019/computing-receptive-fields) give 212 for VGG-16,
    # 195 for AlexNet, 483 for ResNet-50, 315 for MobileNet, 1311 for Inception v3
    "VGG-16 conv5_3": (thin_vgg16, "28", 400, VGG16, 196),
    "VGG-16 pool5": (thin_vgg16, "30", 400, [*VGG16, (2, 2)], 212),
    "AlexNet conv5": (thin_alexnet, "10", 400, ALEXNET, 163),
    "AlexNet pool5": (thin_alexnet, "12", 400, [*ALEXNET, (3, 2)], 195),
    "ResNet-18": (of_the_zoo("resnet18_v1"), "features.7", 640, RESNET18, 435),
    "ResNet-50": (of_the_zoo("resnet50_v1"), "features.7", 640, RESNET50, 483),
    "MobileNet": (of_the_zoo("mobilenet0.25"), "features.80", 512, MOBILENET, 315),
    "Inception v3": (maps_of_inception, "17", 1600, None, 1311),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_size_of_a_unit_in_a_known_net(name):
    build, layer, size, steps, expected = KNOWN[name]
    assert steps is None or size_of_chain(steps) == expected
    net = gm.trace(build())
    shape = (1, 3, size, size + 32)
    positions = next(one.shape for one in net.layers(shape) if one.name == layer)[2:]
    box = found(net, layer, shape, tuple(one // 2 for one in positions))
    assert [stop - start for start, stop in box] == [expected] * 2
    # it is not cut off at any border
    assert all(start > 0 and stop < length for (start, stop), length in zip(box, shape[2:]))


def test_a_corner_of_vgg_sees_a_corner():
    """conv5_3 of a unit at 0: from 0 to half of 196 and half of its stride, 16."""
    box = found(thin_vgg16(), "28", (1, 3, 400, 400), (0, 0))
    assert box == ((0, 106), (0, 106))


def test_rows_that_a_pooling_leaves_out_are_not_seen():
    """Of 164 rows conv1 has 40, of which the first pool's 19 windows leave the last one out: so the
    last row that anything sees is 38 · 4 + 8. The field of unit u begins at 16 u − 66."""
    net = thin_alexnet()
    for row, expected in ((0, (0, 97)), (7, (46, 161)), (8, (62, 161))):
        assert found(net, "10", (1, 3, 164, 300), (row, 9))[0] == expected


# ------------------------------------------------------------------------------ clipping and holes


def one_layer(layer, channels=1):
    return initialised(chain(layer), channels)


def test_a_dilated_kernel_that_is_clipped_ends_at_one_of_its_taps():
    """Of the taps 2 − 4, 2 and 2 + 4 the first is in the padding: the box starts at 2, not 0."""
    net = one_layer(nn.Conv2D(1, 3, dilation=4, padding=4))
    assert found(net, "0", (1, 1, 16, 9), (2, 3)) == ((2, 7), (3, 8))
    assert found(net, "0", (1, 1, 16, 9), (13, 8)) == ((9, 14), (4, 9))
    # only the middle tap
    assert found(net, "0", (1, 1, 4, 4), (1, 3)) == ((1, 2), (3, 4))


def test_holes_are_clipped_at_every_layer_of_a_stack():
    """Taps at −6, 0, 6 upon taps at −3, 0, 3, in 8 rows: from 1 one gets by 1 to 1 and 4, and by
    7 to 4 and 7."""
    net = initialised(
        chain(nn.Conv2D(1, 3, dilation=3, padding=3), nn.Conv2D(1, 3, dilation=6, padding=6)), 1
    )
    assert found(net, "1", (1, 1, 8, 8), (1, 2)) == ((1, 8), (2, 6))
    assert found(net, "1", (1, 1, 8, 8), (2, 5)) == ((2, 6), (2, 6))


def test_stride_after_dilation_and_a_kernel_with_an_even_side():
    """Rows 3 u − 2 + {0, 5}: of unit 0, 3 alone; of unit 3, 7 and 12, the second past the end."""
    net = one_layer(nn.Conv2D(1, 2, strides=3, dilation=5, padding=2))
    for row, expected in ((0, (3, 4)), (1, (1, 7)), (3, (7, 8))):
        assert found(net, "0", (1, 1, 12, 12), (row, 1))[0] == expected


def test_a_unit_in_the_padding_sees_nothing():
    net = one_layer(nn.Conv2D(2, 1, padding=2))
    assert found(net, "0", (1, 1, 9, 9), (0, 5)) is None
    assert found(net, "0", (1, 1, 9, 9), (2, 12)) is None
    assert found(net, "0", (1, 1, 9, 9), (2, 10)) == ((0, 1), (8, 9))


def test_a_window_beside_the_map_sees_nothing():
    """By the "full" convention the windows start at 0, 2, 4, 6 and 8, of 8 rows."""
    net = one_layer(nn.MaxPool2D(1, 2, ceil_mode=True))
    assert found(net, "0", (1, 1, 8, 9), (4, 4)) is None
    assert found(net, "0", (1, 1, 8, 9), (3, 4)) == ((6, 7), (8, 9))


def test_a_deconvolution_leaves_units_between_its_strides_that_see_nothing():
    net = one_layer(nn.Conv2DTranspose(1, 2, strides=3))
    for row, expected in ((0, (0, 1)), (1, (0, 1)), (2, None), (3, (1, 2))):
        box = found(net, "0", (1, 1, 5, 5), (row, 0))
        assert box == (expected and (expected, (0, 1)))


class Branches(mx.gluon.HybridBlock):
    """Branches of one input, joined."""

    def __init__(self, join, *branches, after=()):
        super().__init__()
        self.join = join
        with self.name_scope():
            self.branches, self.after = nn.HybridSequential(), nn.HybridSequential()
            self.branches.add(*branches)
            self.after.add(*after)

    def hybrid_forward(self, F, x):
        return self.after(getattr(F, self.join)(*[branch(x) for branch in self.branches]))


class Last(mx.gluon.HybridBlock):
    """The last rows and columns of its input."""

    def __init__(self, rows, columns):
        super().__init__()
        self.rows, self.columns = rows, columns

    def hybrid_forward(self, F, x):
        return F.slice(
            x, begin=(None, None, -self.rows, -self.columns), end=(None, None, None, None)
        )


def test_a_branch_that_sees_no_column_does_not_add_its_rows():
    """At (2, 0) the first branch is in the padding, though its row 0 is not; the second sees
    (4, 2) alone."""
    net = initialised(
        Branches(
            "elemwise_add",
            chain(nn.Conv2D(2, 1, padding=2)),
            chain(nn.Conv2D(2, 1, padding=3), Last(9, 9)),
        ),
        1,
        5,
    )
    layer = gm.trace(net).output_names[0]
    # its rows start at -2 and its columns at -2; the other's at -1
    assert found(net, layer, (1, 1, 5, 5), (2, 0)) is None
    assert found(net, layer, (1, 1, 5, 5), (2, 1)) == ((1, 2), (0, 1))
    assert found(net, layer, (1, 1, 5, 5), (1, 2)) == ((0, 1), (1, 2))
    assert found(net, layer, (1, 1, 5, 5), (2, 2)) == ((0, 2), (0, 2))


def test_rows_and_columns_of_different_branches_are_not_mixed():
    """Far apart: a branch sees the corner above, another the corner below; a third, which is in the
    padding by its columns alone, would reach further down."""
    names = [f"branch{number}" for number in range(3)]
    data = mx.sym.var("data")

    def shifted(name, rows, columns):
        """y[r, c] = w x[r + rows, c + columns], nothing outside."""
        y = mx.sym.Convolution(data, kernel=(1, 1), pad=(9, 9), num_filter=1, name=name)
        return mx.sym.slice(
            y, begin=(None, None, 9 + rows, 9 + columns), end=(None, None, 12 + rows, 12 + columns)
        )

    symbol = mx.sym.add_n(
        shifted(names[0], 1, 1), shifted(names[1], 3, 4), shifted(names[2], 7, -3), name="sum"
    )
    params = {
        f"{name}_{kind}": mx.nd.ones((1, 1, 1, 1) if kind == "weight" else 1)
        for name in names
        for kind in ("weight", "bias")
    }
    net = (symbol, params, {})
    assert found(net, "sum_output", (1, 1, 11, 11), (1, 0)) == ((2, 5), (1, 5))
    assert found(net, "sum_output", (1, 1, 11, 11), (1, 2)) == ((2, 5), (3, 7))
    # with a column to the right, the third comes in
    wide = mx.sym.Convolution(
        symbol, kernel=(1, 4), pad=(0, 3), num_filter=1, no_bias=True, name="wide"
    )
    net = (wide, {**params, "wide_weight": mx.nd.ones((1, 1, 1, 4))}, {})
    (expected,) = dependence(wide, (1, 1, 11, 11), ["wide_output"])
    for position in np.ndindex(3, 6):
        assert found(net, "wide_output", (1, 1, 11, 11), position) == pairs(
            box_of(expected, position)
        ), position


# ---------------------------------------------------------------------------------------- channels


def test_channels_of_concatenated_branches_see_their_own_branch():
    net = initialised(Branches("concat", nn.Conv2D(2, 1), nn.Conv2D(3, 3, padding=1)), 1)
    layer, shape = gm.trace(net).output_names[0], (1, 1, 9, 9)
    for channel, expected in ((0, (4, 5)), (1, (4, 5)), (2, (3, 6)), (4, (3, 6)), (None, (3, 6))):
        assert found(net, layer, shape, (4, 4), channel) == (expected, expected), channel


def test_depthwise_layers_keep_the_channels_of_branches_apart():
    net = initialised(
        Branches(
            "concat",
            nn.Conv2D(2, 1),
            nn.Conv2D(2, 5, padding=2),
            after=[
                nn.BatchNorm(),
                nn.Conv2D(4, 3, padding=1, groups=4),
                nn.Activation("relu"),
                nn.MaxPool2D(2),
                nn.Conv2D(2, 1, groups=2),
                nn.Conv2D(2, 1),
            ],
        ),
        1,
    )
    shape = (1, 1, 12, 12)
    for channel, expected in ((1, (3, 7)), (2, (1, 9)), (None, (1, 9))):
        assert found(net, "after.3", shape, (2, 2), channel) == (expected, expected), channel
    # groups of two are a branch each, and a convolution without groups mixes them
    for layer, expected in (("after.4", (3, 7)), ("after.5", (1, 9))):
        assert found(net, layer, shape, (2, 2), 0) == (expected, expected), layer


def test_groups_that_straddle_branches_see_both():
    """Channels 0–1 are 1 × 1, 2–5 are 5 × 5; two groups of three."""
    net = initialised(
        Branches(
            "concat", nn.Conv2D(2, 1), nn.Conv2D(4, 5, padding=2), after=[nn.Conv2D(2, 1, groups=2)]
        ),
        1,
    )
    for channel in (0, 1):
        assert found(net, "after.0", (1, 1, 9, 9), (4, 4), channel) == ((2, 7), (2, 7))


class Shuffled(mx.gluon.HybridBlock):
    """Channels in another order, as ShuffleNet does it: 0 2 4 … 1 3 5 …, read by rows of two."""

    def hybrid_forward(self, F, x):
        x = F.reshape(x, (0, -4, 2, -1, -2))
        return F.reshape(F.swapaxes(x, 1, 2), (0, -3, -2))


def test_shuffled_channels_see_what_they_saw_before():
    net = initialised(
        Branches("concat", nn.Conv2D(2, 1), nn.Conv2D(2, 3, padding=1), after=[Shuffled()]), 1
    )
    layer = "after.0"
    for channel, expected in ((0, (4, 5)), (1, (3, 6)), (2, (4, 5)), (3, (3, 6)), (None, (3, 6))):
        assert found(net, layer, (1, 1, 9, 9), (4, 4), channel) == (expected, expected), channel


class Split(mx.gluon.HybridBlock):
    """The second half of the channels, by an operator with several outputs."""

    def hybrid_forward(self, F, x):
        return F.split(x, 2, axis=1)[1]


def test_a_split_takes_the_channels_of_one_branch():
    net = initialised(
        Branches(
            "concat", nn.Conv2D(2, 1), nn.Conv2D(2, 5, padding=2), after=[Split(), nn.Conv2D(1, 1)]
        ),
        1,
    )
    assert found(net, "after.1", (1, 1, 9, 9), (4, 4)) == ((2, 7), (2, 7))


# ----------------------------------------------------------------------- what sees the whole input


class Excited(mx.gluon.HybridBlock):
    """Squeeze and excitation (Hu et al. 2018)."""

    def __init__(self, channels):
        super().__init__()
        with self.name_scope():
            self.squeeze, self.excite = nn.GlobalAvgPool2D(), nn.Dense(channels, flatten=True)

    def hybrid_forward(self, F, x):
        scale = F.sigmoid(self.excite(self.squeeze(x)))
        return F.broadcast_mul(x, F.reshape(scale, (0, 0, 1, 1)))


class Instance(mx.gluon.HybridBlock):
    """Each channel less its mean, over its standard deviation."""

    def hybrid_forward(self, F, x):
        mean = F.mean(x, axis=(2, 3), keepdims=True)
        return F.broadcast_div(
            F.broadcast_sub(x, mean),
            1 + F.sqrt(F.mean(F.square(F.broadcast_sub(x, mean)), axis=(2, 3), keepdims=True)),
        )


@pytest.mark.parametrize(
    "layer",
    [Excited(2), nn.InstanceNorm(), Instance(), nn.GlobalMaxPool2D(), nn.Conv2D(1, (7, 9))],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_that_gathers_all_positions_sees_the_whole_input(layer):
    net = chain(nn.Conv2D(2, 3, padding=1), layer)
    net.initialize(force_reinit=True)
    net(mx.nd.zeros((1, 1, 7, 9))).wait_to_read()
    assert found(net, "0", (1, 1, 7, 9), (0, 0)) == ((0, 2), (0, 2))
    assert found(net, "1", (1, 1, 7, 9), (0, 0)) == ((0, 7), (0, 9))


def test_a_local_response_normalisation_stays_at_its_position():
    net = initialised(
        chain(nn.Conv2D(4, 3, padding=1), nn.HybridLambda(lambda F, x: F.LRN(x, nsize=3))), 1
    )
    assert found(net, gm.trace(net).output_names[0], (1, 1, 9, 9), (4, 0)) == ((3, 6), (0, 2))


# --------------------------------------------------------------------------------- other operators

OTHERS = {
    "transpose": lambda S, y, z, d: S.transpose(y, axes=(0, 1, 3, 2)),
    "swapaxes": lambda S, y, z, d: S.swapaxes(y, 2, 3),
    "flip": lambda S, y, z, d: S.flip(y, axis=3),
    "tile": lambda S, y, z, d: S.tile(y, reps=(1, 1, 2, 1)),
    "repeat": lambda S, y, z, d: S.repeat(y, repeats=2, axis=2),
    "depth_to_space": lambda S, y, z, d: S.depth_to_space(y, block_size=2),
    "space_to_depth": lambda S, y, z, d: S.space_to_depth(
        S.slice(y, begin=(None, None, 0, 1), end=(None, None, 8, 11)), block_size=2
    ),
    "concat along rows": lambda S, y, z, d: S.concat(y, z, dim=2),
    "concat along rows before a convolution": lambda S, y, z, d: S.Convolution(
        S.concat(y, z, dim=2), num_filter=2, kernel=(3, 3), no_bias=True, name="behind"
    ),
    "a shift by slices": lambda S, y, z, d: S.concat(
        S.slice_axis(y, axis=3, begin=1, end=None), S.slice_axis(y, axis=3, begin=0, end=1), dim=3
    ),
    "stack": lambda S, y, z, d: S.max(S.stack(y, z, axis=1), axis=1),
    "slice_like": lambda S, y, z, d: S.slice_like(
        y, S.slice(z, begin=(None, None, 1, 1), end=(None, None, 6, 5)), axes=(2, 3)
    ),
    "product of maps": lambda S, y, z, d: y * z,
    "difference of maps": lambda S, y, z, d: y - z,
    "larger of maps": lambda S, y, z, d: S.broadcast_maximum(y, z),
    "spatial attention": lambda S, y, z, d: S.broadcast_mul(
        y, S.sigmoid(S.mean(z, axis=1, keepdims=True))
    ),
    "largest channel": lambda S, y, z, d: S.max(y, axis=1, keepdims=True),
    "mean of rows": lambda S, y, z, d: S.mean(y, axis=2, keepdims=True),
    "mean of rows, added": lambda S, y, z, d: S.broadcast_add(z, S.mean(y, axis=2, keepdims=True)),
    "softmax of channels": lambda S, y, z, d: S.softmax(y, axis=1),
    "softmax of rows": lambda S, y, z, d: S.softmax(y, axis=2),
    "length of channels": lambda S, y, z, d: S.L2Normalization(y, mode="channel"),
    "length of positions": lambda S, y, z, d: S.L2Normalization(y, mode="spatial"),
    "GroupNorm": lambda S, y, z, d: S.GroupNorm(y, num_groups=2),
    "LayerNorm of channels": lambda S, y, z, d: S.LayerNorm(y, axis=1),
    "PReLU": lambda S, y, z, d: S.LeakyReLU(y, act_type="prelu"),
    "Lp pooling": lambda S, y, z, d: S.Pooling(
        y, kernel=(2, 3), stride=(2, 2), pool_type="lp", p_value=2
    ),
    "bilinear UpSampling": lambda S, y, z, d: S.UpSampling(
        y, S.var("up_weight"), scale=2, sample_type="bilinear", num_filter=4, num_args=2
    ),
    "Dense to a map": lambda S, y, z, d: S.reshape(
        S.FullyConnected(y, num_hidden=24), shape=(0, 2, 3, 4)
    ),
    "self-attention": lambda S, y, z, d: S.reshape(
        S.batch_dot(
            S.reshape(y, shape=(0, 0, -1)),
            S.softmax(
                S.batch_dot(
                    S.reshape(y, shape=(0, 0, -1)), S.reshape(z, shape=(0, 0, -1)), transpose_a=True
                )
            ),
        ),
        shape=(0, 0, 9, 11),
    ),
    "BilinearResize2D": lambda S, y, z, d: S.contrib.BilinearResize2D(y, height=13, width=20),
    "AdaptiveAvgPooling2D": lambda S, y, z, d: S.contrib.AdaptiveAvgPooling2D(
        y, output_size=(3, 4)
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_operators_that_move_or_gather_positions(name):
    """Behind a 3 × 3 and a 5 × 5 convolution of the same input."""
    shape = (1, 2, 9, 11)
    with mx.name.NameManager():
        data = mx.sym.var("data")
        y, z = (
            mx.sym.Convolution(data, kernel=(k, k), pad=(k // 2, k // 2), num_filter=4)
            for k in (3, 5)
        )
        symbol = mx.sym.broadcast_add(
            OTHERS[name](mx.sym, y, z, data), mx.sym.var("shift", shape=(1, 1, 1, 1)), name="head"
        )
    (field,) = dependence(symbol, shape, ["head_output"])
    rng = np.random.RandomState(0)
    shapes, _, _ = symbol.infer_shape(data=shape)
    net = gm.trace(
        (
            symbol,
            {
                name: mx.nd.array(rng.randn(*one))
                for name, one in zip(symbol.list_arguments(), shapes)
                if name != "data"
            },
            {},
        )
    )
    channels, *positions = field.shape[2:]
    for position in some_units(positions, rng):
        for channel in (None, *range(channels)[:3]):
            assert found(net, "head_output", shape, position, channel) == pairs(
                box_of(field, position, channel)
            ), (position, channel)


def test_crops_to_the_middle_and_to_another_map():
    """Rows from (9 − 4) // 2, columns from (11 − 5) // 2; and from the offset (1, 2)."""
    data = mx.sym.var("data")
    y = mx.sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=1, name="y")
    other = mx.sym.Convolution(data, kernel=(5, 5), num_filter=1, name="z")
    params = {
        "y_weight": mx.nd.ones((1, 1, 3, 3)),
        "y_bias": mx.nd.ones(1),
        "z_weight": mx.nd.ones((1, 1, 5, 5)),
        "z_bias": mx.nd.ones(1),
    }
    middle = mx.sym.Crop(y, h_w=(4, 5), center_crop=True, num_args=1, name="crop")
    like = mx.sym.Crop(y, other, offset=(1, 2), num_args=2, name="crop")
    shape = (1, 1, 9, 11)
    assert found((middle, params, {}), "crop_output", shape, (3, 4)) == ((4, 7), (6, 9))
    assert found((like, params, {}), "crop_output", shape, (4, 6)) == ((4, 7), (7, 10))
    assert found((like, params, {}), "crop_output", shape, (0, 0)) == ((0, 3), (1, 4))


def test_what_stops_the_gradient_is_not_seen():
    net = initialised(
        chain(
            Branches(
                "elemwise_add",
                nn.Conv2D(1, 3, padding=1),
                chain(nn.Conv2D(1, 7, padding=3), nn.HybridLambda(lambda F, x: F.BlockGrad(x))),
            )
        ),
        1,
    )
    layer = gm.trace(net).output_names[0]
    assert found(net, layer, (1, 1, 9, 9), (4, 4)) == ((3, 6), (3, 6))


# ---------------------------------------------------------------------------------- generic weights


@pytest.mark.parametrize("weights", ["zero", "dead"])
def test_weights_that_happen_to_be_zero_change_nothing(weights):
    """Neither do units whose ReLU is off everywhere."""
    net = thin_vgg16()
    for name, parameter in net.collect_params().items():
        if weights == "zero" or name.endswith("bias"):
            parameter.set_data(mx.nd.zeros(parameter.shape) - (weights == "dead"))
    assert found(net, "28", (1, 3, 400, 400), (12, 12)) == ((102, 298), (102, 298))


def test_the_net_is_left_as_it_was(ctx):
    net = initialised(
        chain(nn.Conv2D(2, 3, padding=1), nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D(2)),
        1,
        ctx=ctx,
    )
    net.hybridize()
    x = mx.nd.random.normal(shape=(1, 1, 9, 9), ctx=ctx)
    expected = net(x).asnumpy()
    values = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    state = np.random.get_state()[1].copy()
    assert found(net, "3", (1, 1, 9, 9), (1, 1)) == ((1, 5), (1, 5))
    np.testing.assert_array_equal(net(x).asnumpy(), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data(ctx).asnumpy(), values[name])
    assert net._active


def test_what_was_worked_out_for_one_unit_serves_others_alone():
    """One object for all units of a layer gives what one for each gives."""
    net = initialised(
        chain(
            nn.Conv2D(2, 3, strides=2, padding=1),
            Branches("concat", nn.Conv2D(2, 1), nn.Conv2D(2, 5, padding=2)),
            nn.Activation("relu"),
        ),
        1,
    )
    shape = (1, 1, 11, 9)
    for layer in ("1", "2"):
        together = ReceptiveField.of(gm.trace(net), layer, shape)
        for position in np.ndindex(6, 5):
            for channel in (0, 1, 3, None):
                assert together.box(position, channel) == gm.inspect.receptive_field(
                    net, layer, shape, position, channel
                )
        assert together.box((2, 2), 0) == (slice(3, 6), slice(3, 6))
        assert together.box((3, 2), 0) == (slice(5, 8), slice(3, 6))
        assert together.box((2, 2), 3) == (slice(0, 10), slice(0, 9))


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("layer", "shape", "position", "channel", "told"),
    [
        ("no_such", (1, 1, 9, 9), (0, 0), None, "no_such"),
        ("0", (1, 1, 9, 9), (9, 0), None, "9"),
        ("0", (1, 1, 9, 9), (0, 12), None, "12"),
        ("0", (1, 1, 9, 9), (3,), None, "3"),
        ("0", (1, 1, 9, 9), (3, 3, 3), None, "3"),
        ("0", (1, 1, 9, 9), (0, 0), 2, "2"),
        ("0", (1, 1, 9, 9), (0, 0), -3, "-3"),
        ("0", (1, 5, 9, 9), (0, 0), None, "5"),
        ("0", (1, 1, 9, 9), (0, 0.5), None, "0.5"),
    ],
)
def test_what_does_not_exist_is_named(layer, shape, position, channel, told):
    net = one_layer(nn.Conv2D(2, 3, padding=1))
    with pytest.raises(gm.GradCamError, match=told):
        gm.inspect.receptive_field(net, layer, shape, position, channel)

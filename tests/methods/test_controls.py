"""Controls: against plain loops in float64, and that they know nothing but what they say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, MethodError, TargetError
from gradcam_mx.methods import Plan

nn = mx.gluon.nn
CONTROLS = [name for name, one in gm.METHODS.items() if one.family == "controls"]
SIZES = {"signal": (11,), "picture": (9, 12), "volume": (4, 7, 6)}


def made(size, ctx, kind=nn):
    """A net over signals, pictures or volumes, and three samples for it."""
    rank = len(size)
    net = kind.HybridSequential()
    net.add(
        getattr(kind, f"Conv{rank}D")(4, 3, strides=2, padding=1, in_channels=3),
        kind.Activation("relu"),
        getattr(kind, f"GlobalAvgPool{rank}D")(),
        kind.Dense(5, in_units=4),
    )
    mx.random.seed(2)
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = np.random.RandomState(1).normal(size=(3, 3, *size)).astype(np.float32)
    return net, mx.nd.array(x, ctx=ctx)


@pytest.fixture(params=SIZES, ids=str)
def case(request, ctx):
    return made(SIZES[request.param], ctx)


@pytest.fixture
def picture(ctx):
    return made(SIZES["picture"], ctx)


def positions(size):
    return itertools.product(*map(range, size))


# ---------------------------------------------------------------------------------------- formulas


def sobel(channel, place):
    """Sobel's gradient of a channel at a place, along each axis: kernels by their definition."""
    found = []
    for along in range(channel.ndim):
        total = 0.0
        for offsets in itertools.product((-1, 0, 1), repeat=channel.ndim):
            weight = 1
            for axis, offset in enumerate(offsets):
                weight *= offset if axis == along else 2 - abs(offset)
            near = tuple(
                min(max(at + offset, 0), length - 1)
                for at, offset, length in zip(place, offsets, channel.shape)
            )
            total += weight * float(channel[near])
        found.append(total)
    return found


def test_edges_by_loops(case):
    net, x = case
    found = gm.edge_map(net, x)
    assert found.values.dtype == np.float32
    expected = np.zeros((3, *x.shape[2:]))
    for sample, channels in enumerate(x.asnumpy()):
        for place in positions(x.shape[2:]):
            lengths = [math.hypot(*sobel(one, place), 0) for one in channels]
            expected[(sample, *place)] = sum(lengths) / len(lengths)
    assert found.values.shape == expected.shape
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


def test_edges_of_a_step(picture):
    """Between dark and light columns the slope is 1 · (1 + 2 + 1), on both sides of the step."""
    net, x = picture
    step = np.zeros(x.shape, np.float32)
    step[..., 5:] = 1
    expected = np.zeros((3, 9, 12))
    expected[..., 4:6] = 4
    np.testing.assert_array_equal(gm.edge_map(net, step).values, expected)
    across = gm.edge_map(net, np.where(np.arange(9)[:, None] < 5, x.asnumpy() * 0, 2)).values
    assert (across[:, 4:6] == 8).all()
    assert across.sum() == 3 * 2 * 12 * 8


@pytest.mark.parametrize("sigma", [None, 0.1, 1, np.float32(0.5)])
def test_the_centre_by_loops(case, sigma):
    net, x = case
    given = {} if sigma is None else {"sigma": sigma}
    found = gm.centre_map(net, x, **given)
    share, size = float(sigma or 0.25), x.shape[2:]
    expected = np.zeros((3, *size))
    for place in positions(size):
        total = 0.0
        for at, length in zip(place, size):
            total += ((at - (length - 1) / 2) / (share * length)) ** 2
        expected[(slice(None), *place)] = math.exp(-total / 2)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6, atol=1e-30)
    for axis in range(1, found.values.ndim):
        np.testing.assert_array_equal(found.values, np.flip(found.values, axis))


@pytest.mark.parametrize("sigma", [1e-300, 1e300])
def test_bells_so_narrow_or_wide_that_nothing_is_seen(picture, sigma, recwarn):
    values = gm.centre_map(*picture, sigma=sigma).values
    assert (values == (sigma > 1)).all()  # of 9 × 12 positions none is in the middle
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]


def test_random_numbers_are_those_of_the_seed_and_the_sample(case):
    net, x = case
    size = gm.grad_cam(net, x).values.shape[1:]
    for seed in (0, 5, np.int64(2**32 - 1)):
        found = gm.random_map(net, x, seed=seed)
        assert found.values.dtype == np.float32
        for sample, values in enumerate(found.values):
            draw = np.random.RandomState([seed, sample])
            expected = draw.randint(2**24, size=size) / 2**24
            np.testing.assert_array_equal(values, expected)


def test_random_numbers_are_uniform(ctx):
    net, x = made((400, 500), ctx)
    values = gm.random_map(net, x).values.astype(float)
    assert values.shape == (3, 200, 250)
    assert values.min() >= 0
    assert values.max() < 1
    counts, _ = np.histogram(values, 10, (0, 1))
    expected = values.size / 10
    assert ((counts - expected) ** 2 / expected).sum() < 27.9  # chi² of 9, 0.1 %
    np.testing.assert_allclose(np.corrcoef(values.reshape(3, -1)), np.eye(3), atol=0.02)
    beside = np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]
    assert abs(beside) < 0.02


# ------------------------------------------------------------------------------ what they depend on


def test_a_random_map_depends_on_its_seed_and_number_alone(case):
    net, x = case
    found = gm.random_map(net, x, seed=3).values
    other, _ = made(x.shape[2:], x.context)
    for again in (
        gm.random_map(net, x, seed=3),
        gm.random_map(net, x[::-1], [0, 1, 2], seed=3),
        gm.random_map(other, x * 0, seed=3, output="probability"),
        gm.explain(net, x, ["grad_cam", "random_map"], options={"random_map": {"seed": 3}})[
            "random_map"
        ],
    ):
        np.testing.assert_array_equal(again.values, found)
    for few in (1, 2):
        np.testing.assert_array_equal(gm.random_map(net, x[:few], seed=3).values, found[:few])
    assert not np.array_equal(gm.random_map(net, x[1:2], seed=3).values, found[1:2])
    assert len({gm.random_map(net, x, seed=seed).values.tobytes() for seed in range(6)}) == 6
    assert not np.array_equal(found[0], found[1])


def test_nothing_else_that_is_random_moves(picture):
    np.random.seed(4)
    expected = np.random.rand()
    np.random.seed(4)
    gm.random_map(*picture)
    assert np.random.rand() == expected


@pytest.mark.parametrize("name", CONTROLS)
def test_devices_agree(name):
    found = []
    for device in (0, 1):
        net, x = made((9, 12), mx.cpu(device))
        found.append(getattr(gm, name)(net, x).values)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["centre_map", "edge_map"])
def test_maps_of_the_input_know_nothing_of_net_and_target(case, name):
    net, x = case
    found = getattr(gm, name)(net, x).values
    for target in (2, [0, 1, 2], gm.targets.ScoreDifference(1, 2)):
        np.testing.assert_array_equal(getattr(gm, name)(net, x, target).values, found)
    net.initialize(mx.init.Normal(2), ctx=x.context, force_reinit=True)
    np.testing.assert_array_equal(getattr(gm, name)(net, x).values, found)


# ---------------------------------------------------------------------------------- like any method


def test_beside_a_method(case, tmp_path):
    net, x = case
    names = ["grad_cam", *CONTROLS, "saliency"]
    plan = Plan(names, options={"centre_map": {"sigma": 0.5}})
    for together in (gm.explain(net, x, names), plan.run(net, x).explanations):
        assert list(together) == names
        cam = together["grad_cam"]
        assert together["random_map"].layer == cam.layer == gm.random_map(net, x).layer
        assert together["random_map"].values.shape == cam.values.shape
        for one in together.values():
            assert one.target == cam.target
            np.testing.assert_array_equal(one.score, cam.score)
            assert one.heatmap().shape == (3, *x.shape[2:])
            assert not one.signed
        for name in ("centre_map", "edge_map"):
            one = together[name]
            assert (one.layer, one.is_map, one.details) == (None, True, {})
            assert one.values.shape == (3, *x.shape[2:])
    assert together["centre_map"].options == {"sigma": 0.5}
    for one in together.values():
        assert gm.Explanation.load(one.save(tmp_path / "one.npz")) == one


def test_several_targets_and_layers(picture):
    net, x = picture
    for name in CONTROLS:
        first, second = getattr(gm, name)(net, x, gm.targets.Top(2))
        assert first.target != second.target
        np.testing.assert_array_equal(first.values, second.values)
    both = gm.random_map(net, x, None, ["0", "1"])
    assert [one.layer for one in both] == ["0", "1"]
    assert gm.random_map(net, x, layer=["0", "1"], fuse="mean").values.shape == (3, 9, 12)


def test_shown_a_random_map_is_linear_between_the_positions_of_its_layer(picture):
    net, x = picture
    found = gm.random_map(net, x)
    drawn = gm.picture.normalise(gm.picture.resize(found.values, (9, 12)))
    np.testing.assert_allclose(found.heatmap(align=False), drawn, atol=1e-6)


@pytest.mark.filterwarnings("ignore:what is explained cannot be held against the net itself")
def test_channels_last():
    """Positions are those that are left when the channels are taken away, wherever they are."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, in_channels=3, layout="NHWC", use_bias=False),
        nn.GlobalAvgPool2D(layout="NHWC"),
        nn.Dense(5, in_units=4),
    )
    net.initialize()
    first, x = made((9, 12), mx.cpu())
    for name in ("centre_map", "edge_map"):
        found = getattr(gm, name)(net, x.transpose((0, 2, 3, 1)))
        np.testing.assert_array_equal(found.values, getattr(gm, name)(first, x).values)


def test_views_have_a_random_map_each(ctx):
    class Frames(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.conv = nn.Conv2D(4, 3, in_channels=3, activation="relu")
                self.last = nn.Dense(3, in_units=4)

        def hybrid_forward(self, F, x):
            maps = F.mean(self.conv(F.reshape(x, (-3, -2))), axis=(2, 3))
            return self.last(F.mean(F.reshape(maps, (-4, -1, 2, 0)), axis=1))

    net = Frames()
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(2).normal(size=(3, 2, 3, 8, 8)), ctx=ctx)
    cam, found = gm.grad_cam(net, x, 1, net.conv), gm.random_map(net, x, 1, net.conv)
    assert found.values.shape == cam.values.shape == (6, 6, 6)
    np.testing.assert_array_equal(found.details["rows"], cam.details["rows"])
    assert len({one.tobytes() for one in found.values}) == 6


def test_one_of_several_inputs(ctx):
    class Two(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.last = nn.Dense(3, in_units=8)

        def hybrid_forward(self, F, x, y):
            return self.last(F.concat(x.mean(axis=(2, 3)), y, dim=1))

    net = Two()
    net.initialize(ctx=ctx)
    x = np.random.RandomState(0).rand(2, 3, 6, 7), np.random.RandomState(1).rand(2, 5)
    x = tuple(mx.nd.array(one, ctx=ctx) for one in x)
    for name in ("centre_map", "edge_map"):
        found = getattr(gm, name)(net, x)
        assert found.values.shape == (2, 6, 7)
        assert getattr(gm, name)(net, x, input=0) == found
        with pytest.raises(MethodError, match=rf"{name} .*shape \(2, 5\), and a vector's"):
            getattr(gm, name)(net, x, input=1)
        with pytest.raises(MethodError, match=f"{name} makes a map of one input: name one"):
            getattr(gm, name)(net, x, input="all")


# ------------------------------------------------------------------------------- without a gradient


class Counted:
    """How many values of the output are above zero: through numpy, so without a derivative."""

    reads = 0
    differentiable = False

    def __call__(self, output):
        return mx.nd.array((output.asnumpy() > 0).sum(axis=1), ctx=output.context)


class Ranks(mx.gluon.HybridBlock):
    """No gradient comes back through the order of channels."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv = nn.Conv2D(4, 3, in_channels=3)

    def hybrid_forward(self, F, x):
        return F.argsort(F.mean(self.conv(x), axis=(2, 3)), axis=1)


@pytest.mark.parametrize("name", CONTROLS)
def test_targets_and_nets_without_a_derivative(picture, name):
    net, x = picture
    expected = getattr(gm, name)(net, x)
    found = getattr(gm, name)(net, x, Counted())
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.score, (net(x).asnumpy() > 0).sum(axis=1))
    mixed = getattr(gm, name)(net, x, gm.targets.Several([Counted(), gm.targets.Unit("0", 1)]))
    for one in mixed:
        np.testing.assert_array_equal(one.values, expected.values)
    with pytest.raises(TargetError, match="Counted has no derivative"):
        gm.explain(net, x, [name, "saliency"], Counted())
    ranks = Ranks()
    ranks.initialize(mx.init.Normal(1), ctx=x.context)
    assert np.isfinite(getattr(gm, name)(ranks, x, 1).values).all()
    with pytest.raises((TargetError, LayerError)):
        gm.saliency(ranks, x, 1)


class Branches(mx.gluon.HybridBlock):
    """Two outputs, each with a last layer of its own."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.fine = nn.Conv2D(4, 3, in_channels=3)
            self.coarse = nn.Conv2D(5, 3, strides=3, in_channels=3)

    def hybrid_forward(self, F, x):
        return [F.mean(one(x), axis=(2, 3)) for one in (self.fine, self.coarse)]


class First:
    """The first value of an output."""

    differentiable = False

    def __init__(self, reads):
        self.reads = reads

    def __call__(self, output):
        return output[:, 0]


def test_targets_of_different_outputs_have_their_own_default_layers(picture):
    net, x = Branches(), picture[1]
    net.initialize(mx.init.Normal(1), ctx=x.context)
    found = gm.random_map(net, x, gm.targets.Several([First(0), First(1)]))
    alone = [gm.random_map(net, x, First(number)) for number in (0, 1)]
    assert [one.layer for one in found] == [one.layer for one in alone] == ["fine", "coarse"]
    assert [one.values.shape for one in found] == [(3, 7, 10), (3, 3, 4)]
    for one, other in zip(found, alone):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.score, other.score)


@pytest.mark.parametrize("name", ["eigen_cam", "score_cam", "ablation_cam"])
def test_other_maps_without_gradients_take_such_targets_too(picture, name):
    net, x = picture
    for options in ({}, {"augment_smooth": True}):
        found = getattr(gm, name)(net, x, Counted(), **options)
        np.testing.assert_array_equal(found.score, (net(x).asnumpy() > 0).sum(axis=1))
        if name == "eigen_cam":
            expected = gm.eigen_cam(net, x, 1, **options).values
            np.testing.assert_allclose(found.values, expected, rtol=1e-5)


# ----------------------------------------------------------------------------------------- refusals


@pytest.fixture
def counted_runs(monkeypatch):
    """The runs of a net that begin after."""
    runs = []
    tape = gm.engine.recording.Tape
    monkeypatch.setattr(
        gm.engine.recording, "Tape", lambda *given: runs.append(given) or tape(*given)
    )
    return runs


def test_vectors_have_no_middle_and_no_edges(ctx, counted_runs):
    net = nn.Dense(3, in_units=5)
    net.initialize(ctx=ctx)
    x = mx.nd.ones((2, 5), ctx=ctx)
    for name in ("centre_map", "edge_map"):
        with pytest.raises(MethodError, match=rf"{name} .*\(2, 5\), and a vector's values lie no"):
            getattr(gm, name)(net, x)
    assert not counted_runs
    with pytest.raises(LayerError, match="no layer whose output is a map"):
        gm.random_map(net, x)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("centre_map", {"sigma": one}) for one in (0, -1, np.nan, np.inf, True, "wide", None)),
        *(("random_map", {"seed": one}) for one in (-1, 2**32, 0.5, True, None)),
    ],
    ids=str,
)
def test_options_that_make_no_sense(picture, counted_runs, name, options):
    (option,) = options
    with pytest.raises(MethodError, match=f"^{option} is .*; expected "):
        getattr(gm, name)(*picture, **options)
    assert not counted_runs


def test_an_axis_of_one_position(ctx):
    net, _ = made((9, 12), ctx)
    x = mx.nd.array(np.random.RandomState(0).normal(size=(1, 3, 1, 12)), ctx=ctx)
    assert gm.centre_map(net, x).values[0].argmax() in (5, 6)
    found = gm.edge_map(net, x).values
    assert found.shape == (1, 1, 12)
    padded = np.pad(x.asnumpy()[0, :, 0].astype(float), [(0, 0), (1, 1)], "edge")
    expected = 4 * np.abs(padded[:, 2:] - padded[:, :-2]).mean(axis=0)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


def test_controls_are_no_part_of_what_is_taken_by_default():
    from gradcam_mx.apps.option_groups import DEFAULT_METHODS

    assert CONTROLS == ["random_map", "centre_map", "edge_map"]
    assert not set(CONTROLS) & set(DEFAULT_METHODS)


def test_batches_of_a_data_set_have_the_maps_of_all_samples_at_once():
    net = gm.zoo.squeezenet1_1(pretrained=False)
    net.initialize(mx.init.Xavier())
    x = mx.nd.random.uniform(shape=(5, 3, 224, 224))
    every = gm.random_map(net, x, seed=2).values
    for start in range(0, 5, 2):
        own = gm.random_map(net, x[start : start + 2], seed=2, start=start).values
        np.testing.assert_array_equal(own, every[start : start + 2])
    with pytest.raises(MethodError, match="start is -1"):
        gm.random_map(net, x, start=-1)

"""Activation maximisation: each step against the equation, in float64, and what comes of many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, TargetError
from gradcam_mx.zoo.preprocess import Preprocess

nn = mx.gluon.nn
SHAPE = (3, 12, 15)
WIDE = (-1e3, 1e3)  # never reached


def linear_net(ctx, classes=4):
    mx.random.seed(1)
    net = nn.HybridSequential()
    net.add(nn.Dense(classes, in_units=int(np.prod(SHAPE))))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    return net


def conv_net(ctx):
    mx.random.seed(2)
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(6, 3, activation="relu", in_channels=3),
        nn.MaxPool2D(2),
        nn.Conv2D(5, 3, in_channels=6),
        nn.GlobalAvgPool2D(),
        nn.Dense(4, in_units=5),
    )
    net.initialize(mx.init.Normal(0.3), ctx=ctx)
    return net


def made(net, target, steps, **options):
    options = {"shape": SHAPE, "bounds": WIDE, "jitter": 0, "blur": 0, "decay": 0, **options}
    return gm.inspect.activation_maximization(net, target, steps=steps, progress=False, **options)


def test_a_step_goes_along_the_gradient_and_decays(ctx):
    net = linear_net(ctx)
    gradient = net[0].weight.data(ctx).asnumpy()[2].astype(np.float64).reshape(1, *SHAPE)
    rms = np.sqrt((gradient**2).mean())
    before = made(net, 2, 3, decay=0.1, step_size=0.001)
    after = made(net, 2, 4, decay=0.1, step_size=0.001)
    expected = 0.9 * (before.x + 0.001 * 2000 * gradient / rms)
    np.testing.assert_allclose(after.x, expected, rtol=1e-5, atol=1e-5)
    # scores are of the input before each step, and of the last one
    np.testing.assert_allclose(after.scores[:4], before.scores, rtol=1e-5)
    scores = net(mx.nd.array(after.x, ctx=ctx)).asnumpy()[0]
    np.testing.assert_allclose(after.scores[-1], scores[2], rtol=1e-5)


def test_it_is_blurred_between_steps_but_not_at_the_end(ctx):
    net = linear_net(ctx)
    gradient = net[0].weight.data(ctx).asnumpy()[0].astype(np.float64).reshape(1, *SHAPE)
    step = 0.001 * 2000 * gradient / np.sqrt((gradient**2).mean())
    plain, blurred = (
        made(net, 0, 1, step_size=0.001),
        made(net, 0, 2, step_size=0.001, blur=1.5, blur_every=1),
    )
    smooth = [
        gaussian_filter(one.astype(np.float64), 1.5, mode="mirror", truncate=4)
        for one in plain.x[0]
    ]
    # the kernels end at other places: less than a hundredth of the weight
    np.testing.assert_allclose(
        blurred.x[0], np.stack(smooth) + step[0], atol=0.01 * np.abs(plain.x).max()
    )


def test_values_stay_within_their_bounds(ctx):
    low, high = (-1.0, 0.0, 2.0), (1.0, 0.5, 3.0)
    found = made(conv_net(ctx), 1, 40, bounds=(low, high), step_size=0.2)
    for channel, lowest, highest in zip(found.x[0], low, high):
        assert channel.min() == pytest.approx(lowest)
        assert channel.max() == pytest.approx(highest)


@pytest.mark.parametrize(
    "target",
    [3, gm.targets.Unit("2", 4), gm.targets.Unit("0", 1, (4, 5)), gm.targets.ScoreDifference(0, 1)],
    ids=str,
)
def test_the_score_grows(ctx, target):
    found = gm.inspect.activation_maximization(
        conv_net(ctx), target, shape=SHAPE, steps=30, jitter=2, progress=False
    )
    assert found.scores[-1] > found.scores[:3].max()
    assert len(found.scores) == 31


def test_a_unit_that_nothing_excites_is_looked_for(ctx):
    net = conv_net(ctx)
    # dead for all but strong inputs
    net[0].bias.set_data(mx.nd.full((6,), -1.5))
    found = made(net, gm.targets.Unit("0", 2), 60, bounds=(-2, 2), step_size=0.05)
    assert found.scores[0] == 0
    assert found.scores[-1] > 0.5


def test_the_seed_decides(ctx):
    net = conv_net(ctx)
    options = {"jitter": 3, "blur": 0.5, "bounds": (-2, 2)}
    first, again, other = (made(net, 0, 5, seed=seed, **options) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.x, again.x)
    assert np.abs(first.x - other.x).max() > 0.1


def test_shifting_back_leaves_each_gradient_in_its_place(ctx):
    """A net that does not mind where things are sees no difference but at the borders."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 1, in_channels=3), nn.Activation("sigmoid"), nn.GlobalAvgPool2D())
    mx.random.seed(5)
    net.initialize(mx.init.Normal(1), ctx=ctx)
    still, shifted = (made(net, 0, 6, jitter=jitter, bounds=(-2, 2)) for jitter in (0, 7))
    np.testing.assert_allclose(shifted.x, still.x, atol=1e-4)


def test_a_picture_has_black_and_white_where_the_preprocessing_has_them(ctx):
    for order in ("RGB", "BGR"):
        prepare = Preprocess(order, (100.0, 110.0, 120.0), (50.0, 60.0, 70.0), 12, 12)
        found = gm.inspect.activation_maximization(
            conv_net(ctx), 0, preprocess=prepare, steps=4, progress=False
        )
        assert found.x.shape == (1, 3, 12, 12)
        np.testing.assert_allclose(prepare(found.picture), found.x, atol=0.5 / 50 + 1e-5)


def test_shapes_are_found_where_the_net_tells_them(ctx):
    assert gm.inspect.activation_maximization(
        conv_net(ctx), 0, steps=1, progress=False
    ).x.shape == (1, 3, 224, 224)
    with pytest.raises(InputError, match=r"pass shape=\(C, H, W\)"):
        gm.inspect.activation_maximization(linear_net(ctx), 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps"),
        ({"blur_every": 0}, "blur_every"),
        ({"jitter": -1}, "jitter"),
        ({"decay": 1}, "decay"),
        ({"bounds": (1, 1)}, "bounds"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        made(conv_net(mx.cpu()), 0, options.pop("steps", 1), **options)


def test_noise_has_no_top_class():
    with pytest.raises(TargetError, match="noise has no top class"):
        made(conv_net(mx.cpu()), None, 1)


def test_a_unit_that_stays_silent_is_told_of(ctx):
    net = conv_net(ctx)
    net[0].bias.set_data(mx.nd.full((6,), -1e3))
    with pytest.warns(UserWarning, match="never rose above that of the noise, 0"):
        made(net, gm.targets.Unit("0", 2, (3, 3)), 3, bounds=(-2, 2))

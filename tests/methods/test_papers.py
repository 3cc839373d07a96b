"""Every method against its re-derivation in `naive`; what is random, against its exact moments.

Tolerance 1e-5 of the largest value: these nets are two to four layers deep with sums of at most 120
terms, so float32 makes errors of some 1e-7 of the largest value, and `naive` asserts that nothing
multiplies them by more than a few ten: no kink within 1e-6, no quotient by nearly nothing, no
singular vector that nearly has a rival. A wrong factor, sign or position is far above.
"""

from __future__ import annotations

import functools

import naive
import numpy as np
import pytest
from naive import CLASSES, MAPS, NETS, OPTIONS, Maths, Toy
from test_formulas import one_by_one_net, relative_error

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import GradCamError, NetworkError

nn = mx.gluon.nn
TOLERANCE = 1e-5
QUIET = {"progress": False}


@functools.lru_cache(maxsize=None)
def toy_of(name, device):
    return Toy(name, mx.cpu(device))


@pytest.fixture(params=list(NETS))
def toy(request, ctx):
    return toy_of(request.param, ctx.device_id)


# -------------------------------------------------------------------------------------------- maps


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("name", MAPS)
def test_maps(toy, name, options):
    found = getattr(gm, name)(toy.net, toy.x, CLASSES, toy.layer, **options)
    expected = naive.cam(name, toy.math, toy.numbers, **options)
    assert expected.any(axis=(1, 2)).all()
    assert found.values.dtype == np.float32
    assert relative_error(found.values, expected) <= TOLERANCE
    assert relative_error(found.score, toy.math.score(toy.numbers)) <= TOLERANCE
    assert (found.method, found.layer, found.target) == (name, toy.layer, CLASSES)
    assert isinstance(found.details, dict)


def test_the_formulas_differ(toy):
    """So that a mix-up of two methods would be seen, as far as they are not equal by theory."""
    maps = {name: naive.cam(name, toy.math, toy.numbers, relu=False) for name in MAPS}
    if toy.layer == "4":  # behind it, all is linear, and the gradient the same at each position
        for name in ("xgrad_cam", "hires_cam"):
            assert relative_error(maps.pop(name), maps["grad_cam"]) < 1e-12
    if toy.layer == "1":  # linear behind the layer: y - y_c is Σ A g of that channel
        assert maps["ablation_cam"].any()
    for one in maps:
        for other in maps:
            if one < other:
                scaled = maps[one] * np.abs(maps[other]).max() / np.abs(maps[one]).max()
                assert relative_error(scaled, maps[other]) > 1e-2, (one, other)


@pytest.mark.parametrize("name", ["grad_cam", "hires_cam", "ablation_cam"])
def test_the_explained_class_stays_when_the_input_is_augmented(toy, name):
    top = list(toy.math.whole.forward(toy.numbers).argmax(axis=1))
    method = getattr(gm, name)
    found = method(toy.net, toy.x, None, toy.layer, augment_smooth=True)
    assert found.target == top
    np.testing.assert_array_equal(
        found.values, method(toy.net, toy.x, top, toy.layer, augment_smooth=True).values
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("name", ["pooled", "residual"])
def test_cam(name, options, ctx):
    """Zhou et al. 2016, equation 2."""
    toy = toy_of(name, ctx.device_id)
    dense = next(block for block in toy.net._children.values() if isinstance(block, nn.Dense))
    weights = dense.weight.data(ctx).asnumpy().astype(np.float64)[CLASSES]
    math = Maths(toy.net, ctx, toy.pooled, CLASSES)
    x = toy.numbers

    def one_map(x):
        parts = np.stack([naive.times(*one) for one in zip(weights, math.layer(x))])
        if options.get("eigen_smooth"):
            return np.stack([naive.projected(one) for one in parts])
        return parts.sum(axis=1)

    expected = one_map(x)
    if options.get("augment_smooth"):
        expected = (
            sum(one_map(f * x) + one_map(f * x[..., ::-1])[..., ::-1] for f in (0.9, 1.0, 1.1)) / 6
        )
    if options.get("relu", True):
        expected = np.maximum(expected, 0)
    for layer in (None, toy.pooled):
        found = gm.cam(toy.net, toy.x, CLASSES, layer, **options)
        assert relative_error(found.values, expected) <= TOLERANCE
        assert found.layer == toy.pooled


def gap_head(*tail):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3), nn.Activation("relu"), *tail)
    net.initialize(mx.init.Normal(1))
    return net


@pytest.mark.parametrize(
    "tail",
    [
        lambda: [nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dropout(0.5), nn.Dense(3)],
        lambda: [nn.HybridLambda(lambda F, x: F.mean(x, axis=(2, 3))), nn.Dense(3, use_bias=False)],
        lambda: [nn.AvgPool2D((7, 10)), nn.Dense(3)],
    ],
    ids=["with flatten and dropout", "a mean", "a window as large as the map"],
)
def test_cam_knows_global_average_pools(tail):
    net, x = gap_head(*tail()), mx.nd.random.normal(shape=(2, 3, 9, 12))
    weight = net[-1].weight
    net(x)
    expected = np.einsum(
        "c,nchw->nhw", weight.data().asnumpy()[2].astype(float), net[1](net[0](x)).asnumpy()
    )
    found = gm.cam(net, x, 2, relu=False)
    assert relative_error(found.values, expected) <= TOLERANCE
    assert found.layer == "1"


@pytest.mark.parametrize(
    ("tail", "says"),
    {
        "flatten": (lambda: [nn.Flatten(), nn.Dense(3)], "Activation"),
        "max": (lambda: [nn.GlobalMaxPool2D(), nn.Dense(3)], "Pooling"),
        "two dense": (
            lambda: [nn.GlobalAvgPool2D(), nn.Dense(4, activation="relu"), nn.Dense(3)],
            "Activation",
        ),
        "no dense": (
            lambda: [nn.Conv2D(3, 1), nn.GlobalAvgPool2D(), nn.Flatten()],
            "(?i)pool|flatten|conv",
        ),
        "windows": (lambda: [nn.AvgPool2D(2), nn.Dense(3)], "(?i)pool"),
    }.values(),
    ids=["flatten", "max", "two dense", "no dense", "windows"],
)
def test_cam_refuses_other_heads(tail, says):
    net, x = gap_head(*tail()), mx.nd.random.normal(shape=(2, 3, 9, 12))
    with pytest.raises(NetworkError, match=says):
        gm.cam(net, x)


def test_cam_has_one_layer(ctx):
    toy = toy_of("residual", ctx.device_id)
    with pytest.raises(GradCamError):
        gm.cam(toy.net, toy.x, CLASSES, "body")


def by_hand(ctx):
    """A = [1, 2, 4] and [3, -1, 5], their gradients 2 and -4 of class 0: see test_formulas."""
    net = one_by_one_net(ctx, [[1, 2], [3, -1]], [[6, -12], [0, 6], [0, 0]])
    return net, mx.nd.array([[[[1, 0, 2]], [[0, 1, 1]]]], ctx=ctx)


HAND = {
    # the weights of the two channels, or what is summed
    "cam": (6, -12),
    "grad_cam": (2, -4),
    "xgrad_cam": (2, -4),
    "hires_cam": (2, -4),
    # α = 4 / (2·4 + 7·8) = 1/16 at each position of the first; only positive gradients count
    "grad_cam_pp": (3 / 8, 0),
    "layer_cam": (2, 0),
    # y = 14 - 28 = -14; without the first -28, without the second 14; through |y|
    "ablation_cam": (1, -2),
}


@pytest.mark.parametrize(("name", "weights"), HAND.items(), ids=list(HAND))
def test_maps_by_hand(ctx, name, weights):
    net, x = by_hand(ctx)
    expected = weights[0] * np.array([1, 2, 4.0]) + weights[1] * np.array([3, -1, 5.0])
    found = getattr(gm, name)(net, x, 0, "0", relu=False).values
    np.testing.assert_allclose(found, [[expected]], rtol=1e-6)
    found = getattr(gm, name)(net, x, 0, "0").values
    np.testing.assert_allclose(found, [[np.maximum(expected, 0)]], rtol=1e-6)


def asks_for_the_score(name):
    """Whether a map is of the explained score; others are of the activations alone."""
    a = np.arange(12.0).reshape(2, 2, 3)
    of_gradient = naive.OF_GRADIENT.get(name)
    return name != "score_cam" and (of_gradient is None or not of_gradient(a, 0 * a).any())


@pytest.mark.parametrize("name", [one for one in ["cam", *MAPS] if asks_for_the_score(one)])
@pytest.mark.parametrize("options", [{}, {"eigen_smooth": True}, {"augment_smooth": True}], ids=str)
def test_a_score_of_nothing_has_an_empty_map(ctx, name, options):
    """Class 2 has zero weights: y is 0, and so is every gradient."""
    net, x = by_hand(ctx)
    np.testing.assert_array_equal(getattr(gm, name)(net, x, 2, "0", **options).values, 0)


@pytest.mark.parametrize("name", MAPS)
def test_dead_layers(ctx, name):
    """All channels zero: no division by nothing, no singular vector of nothing."""
    net, x = by_hand(ctx)
    net[0].weight.set_data(mx.nd.zeros((2, 2, 1, 1)))
    np.testing.assert_array_equal(getattr(gm, name)(net, x, 0, "0").values, 0)


def test_the_sign_of_eigen_cam_by_hand(ctx):
    """Of A = [1, 2, 4] and -2·[1, 2, 4] the sum is -[1, 2, 4], and so the map goes downwards."""
    net = one_by_one_net(ctx, [[1], [-2]], [[1, 1], [0, 0]])
    x = mx.nd.array([[[[1, 2, 4]]]], ctx=ctx)
    expected = -np.sqrt(5) * np.array([[[1, 2, 4]]])
    for sign in (1, -1):
        np.testing.assert_allclose(
            gm.eigen_cam(net, sign * x, 0, "0", relu=False).values, sign * expected, rtol=1e-5
        )
    # a flat map correlates with nothing: the sign of the sum decides
    flat = mx.nd.ones((1, 1, 1, 3), ctx=ctx)
    np.testing.assert_allclose(
        gm.eigen_cam(net, flat, 0, "0", relu=False).values, [[[np.sqrt(5)] * 3]], rtol=1e-5
    )


# --------------------------------------------------------------------------------------- gradients


def test_gradients(toy):
    x = toy.numbers
    expected = {
        "saliency": toy.math.gradient(x, of="input"),
        "input_x_gradient": x * toy.math.gradient(x, of="input"),
        "guided_backprop": toy.math.gradient(x, of="input", rule="guided"),
        "deconvnet": toy.math.gradient(x, of="input", rule="deconvnet"),
    }
    for name, values in expected.items():
        found = getattr(gm, name)(toy.net, toy.x, CLASSES)
        assert relative_error(found.values, values) <= TOLERANCE, name
        assert found.values.dtype == np.float32
        assert found.layer is None
        for other in expected:
            assert other == name or relative_error(values, expected[other]) > 1e-2


def test_input_x_gradient_at_a_layer(toy):
    found = gm.input_x_gradient(toy.net, toy.x, CLASSES, toy.layer)
    expected = toy.math.layer(toy.numbers) * toy.math.gradient(toy.numbers)
    assert relative_error(found.values, expected) <= TOLERANCE
    assert found.layer == toy.layer


# ---------------------------------------------------------------- nets whose moments are known


def elementwise(ctx, power, samples=2, classes=2):
    """S_k = Σ a_k x^power for a of each class, through an identity convolution, the layer "0"."""
    rng = np.random.RandomState(3)
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(3, 1, use_bias=False, in_channels=3),
        nn.HybridLambda("square" if power == 2 else "identity"),
        nn.Flatten(),
        nn.Dense(classes, use_bias=False, in_units=3 * 4 * 5),
    )
    net.initialize(ctx=ctx)
    net[0].weight.set_data(mx.nd.array(np.eye(3)).reshape((3, 3, 1, 1)))
    a = rng.uniform(0.5, 2, (classes, 60)).astype(np.float32) * rng.choice([-1, 1], (classes, 60))
    net[3].weight.set_data(mx.nd.array(a))
    # samples of different range, which the noise is relative to
    x = rng.randn(samples, 3, 4, 5) * np.arange(1, samples + 1).reshape(-1, 1, 1, 1)
    x = mx.nd.array(x, ctx=ctx)
    return net, x, x.asnumpy().astype(float), a[1].astype(float).reshape(3, 4, 5)


def spread(x):
    return (x.max(axis=(1, 2, 3)) - x.min(axis=(1, 2, 3))).reshape(-1, 1, 1, 1)


MANY = 2000
# How many standard errors the farthest of 120 numbers may be off: 5 are exceeded with a chance of
# 7e-5, and the seed is fixed.
FAR = 5


def test_smooth_grad_of_a_linear_net_is_exact(ctx):
    net, x, _, a = elementwise(ctx, 1)
    for mode, expected in (("mean", a), ("square", a * a), ("variance", 0 * a)):
        found = gm.smooth_grad(net, x, 1, num_samples=7, mode=mode, **QUIET)
        np.testing.assert_allclose(found.values, [expected] * 2, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("noise", [0.15, 0.4])
def test_the_moments_of_smooth_grad(ctx, noise):
    """The gradient at x + e is 2 a (x + e): its moments are those of the normal distribution."""
    net, x, numbers, a = elementwise(ctx, 2)
    mean, deviation = 2 * a * numbers, np.abs(2 * a * noise * spread(numbers))
    found = {
        mode: gm.smooth_grad(
            net, x, 1, num_samples=MANY, noise=noise, mode=mode, seed=5, batch_size=500, **QUIET
        ).values
        for mode in ("mean", "square", "variance")
    }
    z = (found["mean"] - mean) / (deviation / np.sqrt(MANY))
    assert np.abs(z).max() < FAR
    # every number has noise of its own: of 60 (a batch may share) independent z², the mean is 1
    assert np.abs((z**2).mean(axis=(1, 2, 3)) - 1).max() < FAR * np.sqrt(2 / 60)
    # the variance of n normal numbers has the standard error √(2 / n), relatively
    assert np.abs(found["variance"] / deviation**2 - 1).max() < FAR * np.sqrt(2 / MANY)
    # (m + d e)² has the variance 4 m² d² + 2 d⁴
    error = np.sqrt((4 * mean**2 * deviation**2 + 2 * deviation**4) / MANY)
    assert np.abs((found["square"] - mean**2 - deviation**2) / error).max() < FAR
    # population variance: mean of squares minus square of the mean, without n / (n - 1)
    assert (
        relative_error(found["variance"], found["square"] - found["mean"].astype(float) ** 2)
        <= TOLERANCE
    )


def test_population_variance(ctx):
    net, x, _, _ = elementwise(ctx, 2)
    found = {
        mode: gm.smooth_grad(net, x, 1, num_samples=2, noise=0.5, mode=mode, **QUIET).values.astype(
            float
        )
        for mode in ("mean", "square", "variance")
    }
    assert relative_error(found["variance"], found["square"] - found["mean"] ** 2) <= TOLERANCE


def test_one_sample_of_smooth_grad_is_the_gradient_near_by(toy):
    """The noise, which depends on seed and shape alone, is read from a net of gradient x."""
    halves = nn.HybridSequential()
    halves.add(nn.HybridLambda("square"), nn.Flatten(), nn.Dense(5, use_bias=False))
    halves.initialize(mx.init.Constant(0.5), ctx=toy.x.context)
    for seed in (0, 1):
        options = {"num_samples": 1, "seed": seed, "noise": 0.1, **QUIET}
        point = gm.smooth_grad(halves, toy.x, CLASSES, **options).values.astype(float)
        assert 0.5 < (point - toy.numbers).std() / (0.1 * spread(toy.numbers)).mean() < 1.5
        found = gm.smooth_grad(toy.net, toy.x, CLASSES, **options)
        assert relative_error(found.values, toy.math.gradient(point, of="input")) <= TOLERANCE


def test_smooth_grad_without_noise_is_the_gradient(toy):
    expected = gm.saliency(toy.net, toy.x, CLASSES).values
    found = gm.smooth_grad(toy.net, toy.x, CLASSES, noise=0, num_samples=3, **QUIET).values
    assert relative_error(found, expected) <= 1e-6


# --------------------------------------------------------------------------- integrated gradients


def baselines(toy):
    rng = np.random.RandomState(7)
    each, one = rng.randn(*toy.numbers.shape), rng.randn(*toy.numbers.shape[1:])
    return {
        "zero": ("zero", np.zeros_like(toy.numbers)),
        "mean": ("mean", toy.numbers.mean(axis=(2, 3), keepdims=True) + 0 * toy.numbers),
        "one of each": (each.astype(np.float32), each.astype(np.float32).astype(float)),
        "one of all": (one.astype(np.float32), one.astype(np.float32) + 0 * toy.numbers),
    }


@pytest.mark.parametrize("quadrature", ["gauss-legendre", "left", "right", "midpoint", "trapezoid"])
@pytest.mark.parametrize("baseline", ["zero", "mean", "one of each", "one of all"])
@pytest.mark.parametrize("at_layer", [False, True], ids=["input", "layer"])
def test_integrated_gradients(toy, at_layer, baseline, quadrature):
    given, b = baselines(toy)[baseline]
    if baseline == "mean" and quadrature in ("left", "trapezoid") and not at_layer:
        b = b.astype(np.float32).astype(float)  # equal maxima, of which rounding could choose
        given = b.astype(np.float32)
    found = gm.integrated_gradients(
        toy.net,
        toy.x,
        CLASSES,
        toy.layer if at_layer else None,
        baseline=given,
        steps=6,
        quadrature=quadrature,
        **QUIET,
    )
    values, difference, gap = naive.integrated_gradients(
        toy.math, toy.numbers, b, at_layer, quadrature, 6
    )
    assert relative_error(found.values, values) <= TOLERANCE
    assert relative_error(found.details["score_difference"], difference) <= TOLERANCE
    # the gap is a difference of numbers of the size of the scores and of the attributions' sums
    size = np.abs(values).sum(axis=(1, 2, 3)).max()
    assert np.abs(found.details["completeness_gap"] - gap).max() <= TOLERANCE * size
    assert found.layer == (toy.layer if at_layer else None)


def test_integrated_gradients_of_polynomials(ctx):
    """The quadratures are exact, or wrong by what is known, where the gradient is linear in t."""
    net, x, numbers, a = elementwise(ctx, 2)
    exact = a * numbers**2
    factors = {
        "gauss-legendre": 1,
        "midpoint": 1,
        "trapezoid": 1,
        "left": 1 - 1 / 8,
        "right": 1 + 1 / 8,
    }
    for quadrature, factor in factors.items():
        for layer in (None, "0"):
            found = gm.integrated_gradients(
                net, x, 1, layer, steps=8, quadrature=quadrature, **QUIET
            )
            assert relative_error(found.values, factor * exact) <= TOLERANCE


def test_a_blurred_baseline(ctx):
    """(x - b) a is what is found in a linear net, and so b is known: smooth, channel by channel."""
    net, x, numbers, a = elementwise(ctx, 1)
    x[:, 1] = 3
    numbers[:, 1] = 3
    b = numbers - gm.integrated_gradients(net, x, 1, baseline="blur", **QUIET).values / a
    np.testing.assert_allclose(b[:, 1], 3, rtol=1e-5)  # what is flat stays so, at borders too
    assert (b[:, [0, 2]].std(axis=(2, 3)) < 0.9 * numbers[:, [0, 2]].std(axis=(2, 3))).all()
    assert (b.max(axis=(2, 3)) <= numbers.max(axis=(2, 3)) + 1e-4).all()


def test_completeness_with_a_blurred_baseline(toy):
    for layer in (None, toy.layer):
        found = gm.integrated_gradients(
            toy.net, toy.x, CLASSES, layer, baseline="blur", steps=400, **QUIET
        )
        total = found.values.reshape(3, -1).sum(axis=1) + found.details["completeness_gap"]
        difference = found.details["score_difference"]
        np.testing.assert_allclose(total, difference, atol=1e-5 * np.abs(found.values).sum())
        assert np.abs(found.details["completeness_gap"]).max() < 2e-3 * np.abs(difference).max()


# ------------------------------------------------------------------------------ expected gradients


@pytest.mark.parametrize("layer", [None, "0"])
def test_expected_gradients_of_a_linear_net_are_exact(ctx, layer):
    net, x, numbers, a = elementwise(ctx, 1)
    background = np.random.RandomState(0).randn(1, 3, 4, 5).astype(np.float32)
    found = gm.expected_gradients(net, x, 1, layer, background=background, num_samples=5, **QUIET)
    assert relative_error(found.values, (numbers - background) * a) <= 1e-6
    assert found.details["standard_error"].shape == found.values.shape
    assert np.abs(found.details["standard_error"]).max() <= 1e-6 * np.abs(found.values).max()
    assert np.abs(found.details["completeness_gap"]).max() <= 1e-5 * np.abs(found.values).sum()


@pytest.mark.parametrize("layer", [None, "0"])
def test_background_samples_are_drawn_alike(ctx, layer):
    """In a linear net, a (x - Σ p_k b_k) is found, p the shares of the background samples."""
    net, x, numbers, a = elementwise(ctx, 1)
    background = np.random.RandomState(0).randn(3, 3, 4, 5).astype(np.float32)
    found = gm.expected_gradients(
        net, x, 1, layer, background=background, num_samples=1000, **QUIET
    )
    for n in range(2):
        mean = (numbers[n] - found.values[n] / a).reshape(-1)
        shares, rest, *_ = np.linalg.lstsq(
            background.reshape(3, -1).T.astype(float), mean, rcond=None
        )
        assert rest < 1e-8
        np.testing.assert_allclose(shares.sum(), 1, rtol=1e-4)
        assert np.abs(shares - 1 / 3).max() < FAR * np.sqrt(2 / 9 / 1000)
    scores = (background.astype(float) * a).sum(axis=(1, 2, 3)).mean()
    gap = (numbers * a).sum(axis=(1, 2, 3)) - scores - found.values.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found.details["completeness_gap"], gap, atol=1e-4)
    # the mean of differences that vary with b alone
    error = np.sqrt((background.astype(float) * a).var(axis=0) / 1000)
    np.testing.assert_allclose(found.details["standard_error"][0], error, rtol=0.2)


@pytest.mark.parametrize("layer", [None, "0"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_moments_of_expected_gradients(ctx, layer, smoothing):
    """(x - b) 2 a (b + t (x - b) + e): its mean is a (x² - b²); t has the variance 1/12."""
    net, x, numbers, a = elementwise(ctx, 2)
    b = np.random.RandomState(0).randn(1, 3, 4, 5).astype(np.float32)
    found = gm.expected_gradients(
        net,
        x,
        1,
        layer,
        background=b,
        num_samples=MANY,
        seed=2,
        local_smoothing=smoothing,
        batch_size=500,
        **QUIET,
    )
    way = numbers - b
    deviation = np.abs(2 * a * way) * np.sqrt(way**2 / 12 + (smoothing * spread(numbers)) ** 2)
    error = deviation / np.sqrt(MANY)
    assert np.abs((found.values - a * (numbers**2 - b**2.0)) / error).max() < FAR
    # the kurtosis is at most the normal one: the relative error of a deviation is √(1 / 2n)
    ratio = found.details["standard_error"] / error
    assert np.abs(ratio - 1).max() < FAR * np.sqrt(1 / 2 / MANY)


def test_one_sample_of_expected_gradients_is_one_point_of_the_way(toy):
    """t and b depend on the seed and shapes alone: they are read from a net of gradient x."""
    halves = nn.HybridSequential()
    halves.add(nn.HybridLambda("square"), nn.Flatten(), nn.Dense(5, use_bias=False))
    halves.initialize(mx.init.Constant(0.5), ctx=toy.x.context)
    background = np.random.RandomState(0).randn(3, *toy.numbers.shape[1:]).astype(np.float32)
    chosen = set()
    for seed in range(4):
        options = {"background": background, "num_samples": 1, "seed": seed, **QUIET}
        product = gm.expected_gradients(halves, toy.x, CLASSES, **options).values.astype(float)
        found = gm.expected_gradients(toy.net, toy.x, CLASSES, **options).values
        start, t = np.zeros_like(toy.numbers), np.zeros((3, 1, 1, 1))
        for n, x in enumerate(toy.numbers):
            ways = [x - b.astype(float) for b in background]
            times = [(product[n] / way - b) / way for way, b in zip(ways, background)]
            # relative to what it is divided by, one t explains all numbers, for one b
            spreads = [
                (np.abs(way**2 * (time - np.median(time))).max()) for way, time in zip(ways, times)
            ]
            k = int(np.argmin(spreads))
            assert spreads[k] < 1e-4 * max(spreads)
            chosen.add(k)
            start[n], t[n] = background[k], np.median(times[k])
        assert (t > 0).all()
        assert (t < 1).all()
        expected = naive.along(toy.math, toy.numbers, start, toy.numbers, t, at_layer=False)
        assert relative_error(found, expected) <= TOLERANCE
    assert len(chosen) > 1


@pytest.mark.parametrize("at_layer", [False, True], ids=["input", "layer"])
def test_expected_gradients_tend_to_integrated_gradients(toy, at_layer):
    layer = toy.layer if at_layer else None
    b = np.random.RandomState(0).randn(1, *toy.numbers.shape[1:]).astype(np.float32)
    found = gm.expected_gradients(
        toy.net, toy.x, CLASSES, layer, background=b, num_samples=500, batch_size=120, **QUIET
    )
    start = b + 0 * toy.numbers
    values = gm.integrated_gradients(
        toy.net, toy.x, CLASSES, layer, baseline=b[0], steps=400, batch_size=120, **QUIET
    ).values
    # where the gradient changes on a short piece of the way, n draws may miss it: their standard
    # error is then too small; a hundredth of the largest value stands for such pieces
    error = found.details["standard_error"] + 2e-3 * np.abs(values).max()
    assert np.abs((found.values - values) / error).max() < FAR
    end = toy.math.layer(start) if at_layer else None
    base = toy.math.score(toy.numbers, end) if at_layer else toy.math.score(start)
    gap = toy.math.score(toy.numbers) - base - found.values.reshape(3, -1).sum(axis=1)
    size = np.abs(values).sum(axis=(1, 2, 3)).max()
    assert np.abs(found.details["completeness_gap"] - gap).max() <= TOLERANCE * size


def test_the_gap_at_a_layer_is_to_the_layers_background(toy):
    """S with the layer's value at each background sample's, the rest of the net as at x."""
    background = np.random.RandomState(0).randn(3, *toy.numbers.shape[1:]).astype(np.float32)
    found = gm.expected_gradients(
        toy.net, toy.x, CLASSES, toy.layer, background=background, num_samples=20, **QUIET
    )
    base = (
        sum(
            toy.math.score(toy.numbers, toy.math.layer(one + 0 * toy.numbers)) for one in background
        )
        / 3
    )
    total = np.abs(found.values).sum()
    gap = toy.math.score(toy.numbers) - base - found.values.reshape(3, -1).sum(axis=1)
    assert np.abs(found.details["completeness_gap"] - gap).max() <= TOLERANCE * total


# ---------------------------------------------------------------------------------- random numbers


RANDOM = {
    "smooth_grad": {"num_samples": 10},
    "expected_gradients": {
        "num_samples": 10,
        "local_smoothing": 0.1,
        "background": np.random.RandomState(0).randn(4, 3, *naive.SIZE).astype(np.float32),
    },
}


@pytest.mark.parametrize(("name", "options"), RANDOM.items(), ids=list(RANDOM))
def test_seeds(toy, name, options):
    def values(seed):
        return getattr(gm, name)(toy.net, toy.x, CLASSES, seed=seed, **QUIET, **options).values

    first = values(3)
    np.random.seed(99)
    mx.random.seed(99)
    np.testing.assert_array_equal(values(3), first)
    assert relative_error(values(4), first) > 1e-3

"""Error bars on maps, against plain loops in float64 that are written from the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import (
    InputError,
    LayerError,
    MethodError,
    MetricError,
    OutputError,
    TargetError,
)
from gradcam_mx.metrics.stability import _Tally

nn = mx.gluon.nn
SHAPES = {"picture": (2, 3, 9, 8), "signal": (2, 3, 17), "volume": (2, 2, 4, 9, 8)}
KIND = {"picture": nn.Conv2D, "signal": nn.Conv1D, "volume": nn.Conv3D}
QUIET = {"progress": False}
SAMPLES = 7


def network(kind, ctx):
    draw = np.random.RandomState(3)
    net = nn.HybridSequential()
    net.add(
        KIND[kind](4, 3, padding=1, activation="relu", in_channels=SHAPES[kind][1]),
        nn.Flatten(),
        nn.Dense(4, in_units=4 * math.prod(SHAPES[kind][2:])),
    )
    net.initialize(ctx=ctx)
    for parameter in net.collect_params().values():
        parameter.set_data(mx.nd.array(draw.normal(0, 0.4, parameter.shape), ctx=ctx))
    x = draw.normal(0.3, 1, SHAPES[kind]).astype(np.float32)
    return net, mx.nd.array(x, ctx=ctx)


@pytest.fixture(params=["picture", "signal", "volume"])
def given(request, ctx):
    return network(request.param, ctx)


@pytest.fixture
def picture(ctx):
    return network("picture", ctx)


def at_positions(found):
    """What an explanation says of each position, as the measures' documentation has it."""
    values, size = found.values.astype(np.float64), found.input_size
    if found.is_map and values.shape[1:] != size:
        # cells in a grid that is stretched
        return gm.picture.resize(values.astype(np.float32), size).astype(np.float64)
    if not found.is_map:
        values = (values if found.signed else np.abs(values)).sum(axis=1)
    return values


def summary(single, draws):
    """Mean, deviation, where it is certain, and agreement, in loops."""
    first = at_positions(single)
    maps = [at_positions(one) if hasattr(one, "values") else one for one in draws]
    mean, deviation = np.empty_like(first), np.empty_like(first)
    certain, agreement = np.empty(first.shape, bool), np.empty(len(first))
    for sample in range(len(first)):
        agreement[sample] = np.mean(
            [stats.spearmanr(one[sample].ravel(), first[sample].ravel())[0] for one in maps]
        )
        medians = [np.median(one[sample]) for one in maps]
        for place in np.ndindex(first.shape[1:]):
            seen = [one[(sample, *place)] for one in maps]
            mean[(sample, *place)] = math.fsum(seen) / len(seen)
            deviation[(sample, *place)] = np.std(seen, ddof=1)
            if single.signed:
                sides = [int(value > 0) - int(value < 0) for value in seen]
            else:
                sides = [value > median for value, median in zip(seen, medians)]
            most = max(sides.count(side) for side in set(sides))
            certain[(sample, *place)] = most >= math.ceil(19 * len(sides) / 20)
    return mean, deviation, certain, agreement


def check(found, single, draws):
    mean, deviation, certain, agreement = summary(single, draws)
    scale = np.abs(mean).max()
    assert found.explanation == single
    assert found.mean.values.dtype == found.standard_deviation.dtype == np.float32
    np.testing.assert_allclose(found.mean.values, mean, atol=2e-5 * scale)
    np.testing.assert_allclose(found.standard_deviation, deviation, atol=1e-4 * scale)
    assert certain.tolist() == found.certain.tolist()
    np.testing.assert_allclose(found.agreement, agreement, atol=2e-3)
    assert found.samples == len(draws)


METHODS = ["input_x_gradient", "saliency", "occlusion", "grad_cam", "guided_backprop"]


@pytest.mark.parametrize("method", METHODS)
def test_over_noise(given, method):
    net, x = given
    # sizes that are found by their speed round otherwise
    options = {"batch_size": 4} if method == "occlusion" else {}
    explain = getattr(gm, method)
    single = explain(net, x, **options)
    draw, deviation = np.random.RandomState(4), np.empty(len(x))
    for sample, one in enumerate(x.asnumpy()):
        deviation[sample] = 0.3 * (one.max() - one.min())
    draws = []
    for _ in range(SAMPLES):
        noise = draw.standard_normal(x.shape[1:])
        noisy = np.stack([one + d * noise for one, d in zip(x.asnumpy(), deviation)])
        draws.append(explain(net, noisy.astype(np.float32), single.target, **options))
    found = gm.stability(
        net, x, method, samples=SAMPLES, noise=0.3, seed=4, options=options, **QUIET
    )
    assert found.over == ("noise",)
    check(found, single, draws)
    assert not found.certain.all()


@pytest.mark.parametrize("method", ["smooth_grad", "rise", "lime"])
def test_over_the_seed(picture, method):
    net, x = picture
    options = {"num_samples": 12, **QUIET}
    if method == "lime":
        options.update(segments="grid", num_segments=9)
    explain = getattr(gm, method)
    single = explain(net, x, seed=3, **options)
    draw = np.random.RandomState(0)
    draws = [
        explain(net, x, single.target, seed=int(draw.randint(2**31 - 1)), **options)
        for _ in range(6)
    ]
    found = gm.stability(
        net, x, method, over="seed", samples=6, options={"seed": 3, **options}, **QUIET
    )
    check(found, single, draws)
    assert (found.standard_deviation > 0).any()


@pytest.mark.filterwarnings("ignore:the attributions of sample")
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_over_the_baseline(given, method):
    net, x = given
    explain = getattr(gm, method)
    options = {"baseline": 0.5, "batch_size": 4, **QUIET}
    single = explain(net, x, 1, **options)
    draws = [
        explain(net, x, 1, **{**options, "baseline": ("zero", "mean", "blur")[number % 3]})
        for number in range(SAMPLES)
    ]
    found = gm.stability(
        net, x, method, 1, over="baseline", samples=SAMPLES, options=options, **QUIET
    )
    check(found, single, draws)


def moved(x, shift):
    """Place by place, the border repeated."""
    found, size = np.empty_like(x), x.shape[x.ndim - len(shift) :]
    for place in np.ndindex(size):
        source = [min(max(at - by, 0), end - 1) for at, by, end in zip(place, shift, size)]
        found[(..., *place)] = x[(..., *source)]
    return found


@pytest.mark.parametrize("method", ["input_x_gradient", "grad_cam"])
def test_over_mirror_images_and_shifts(given, method):
    net, x = given
    explain = getattr(gm, method)
    single = explain(net, x)
    draw, draws, mirrored = np.random.RandomState(1), [], 0
    reach = [min(4, size // 4) for size in x.shape[2:]]
    for _ in range(SAMPLES):
        is_mirrored = draw.randint(2) == 1
        mirrored += is_mirrored
        shift = [draw.randint(-one, one + 1) for one in reach]
        turned = x.asnumpy()[..., ::-1] if is_mirrored else x.asnumpy()
        there = at_positions(explain(net, moved(turned, shift), single.target))
        back = moved(there, [-one for one in shift])
        draws.append(back[..., ::-1] if is_mirrored else back)
    assert 0 < mirrored < SAMPLES
    found = gm.stability(net, x, method, over="augment", samples=SAMPLES, seed=1, **QUIET)
    check(found, single, draws)


def test_a_map_that_moves_with_the_input_is_stable(ctx):
    """Away from the border, whatever is mirrored and shifted comes back to its place."""
    net = nn.HybridSequential()
    net.add(nn.HybridLambda("square"), nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dense(2))
    net.initialize(mx.init.Uniform(1), ctx=ctx)
    x = mx.nd.random.normal(shape=(2, 3, 20, 24), ctx=ctx)
    found = gm.stability(net, x, "input_x_gradient", 0, over="augment", **QUIET)
    middle = (slice(None), slice(4, -4), slice(4, -4))
    assert found.standard_deviation[middle].max() <= 1e-6 * np.abs(found.mean.values).max()
    assert found.certain[middle].all()
    assert found.standard_deviation.max() > 0.1 * np.abs(found.mean.values).max()


def test_several_vary_together(picture):
    net, x = picture
    options = {"num_samples": 3, **QUIET}
    single = gm.smooth_grad(net, x, **options)
    draw, draws = np.random.RandomState(0), []
    for _ in range(5):
        is_mirrored = draw.randint(2) == 1
        shift = [draw.randint(-2, 3), draw.randint(-2, 3)]
        value = moved(x.asnumpy()[..., ::-1] if is_mirrored else x.asnumpy(), shift)
        noise = draw.standard_normal((1, *x.shape[1:])).astype(np.float32)
        value = value + 0.05 * np.ptp(x.asnumpy(), axis=(1, 2, 3), keepdims=True) * noise
        seed = int(draw.randint(2**31 - 1))
        there = at_positions(gm.smooth_grad(net, value, single.target, seed=seed, **options))
        back = moved(there, [-one for one in shift])
        draws.append(back[..., ::-1] if is_mirrored else back)
    with pytest.warns(UserWarning, match="of 5 draws all agree by mere chance at one position in"):
        found = gm.stability(
            net, x, "smooth_grad", over=["augment", "seed", "noise"], samples=5, options=options
        )
    check(found, single, draws)
    assert found.over == ("augment", "seed", "noise")


def test_the_target_is_that_of_the_input(ctx):
    """Where the noise turns the top class, the same class is explained."""
    net = nn.Dense(2, in_units=3, use_bias=False)
    net.initialize(ctx=ctx)
    net.weight.set_data(mx.nd.array([[1, 0.0, 0], [0, 1, 0]], ctx=ctx))
    x = mx.nd.array([[0.51, 0.5, -4]], ctx=ctx)
    found = gm.stability(net, x, "saliency", noise=0.5, **QUIET)
    assert found.explanation.target == [0]
    assert found.mean.values.tolist() == [[1, 0, 0]]
    assert found.standard_deviation.tolist() == [[0, 0, 0]]
    assert found.agreement.tolist() == [1]
    by_name = gm.stability(net, x, "saliency", "b", names=["a", "b"], **QUIET)
    assert by_name.mean.values.tolist() == [[0, 1, 0]]


def test_targets_of_other_kinds(picture):
    net, x = picture
    for target in ([2, 0], np.ones((2, 4), np.float32), lambda output: (output**2).sum(axis=1)):
        single = gm.input_x_gradient(net, x, target)
        found = gm.stability(net, x, "input_x_gradient", target, **QUIET)
        assert found.explanation == single
        # little noise changes little
        found = gm.stability(net, x, "input_x_gradient", target, noise=1e-6, **QUIET)
        close = 1e-3 * np.abs(single.values).max()
        np.testing.assert_allclose(found.mean.values, single.values.sum(axis=1), atol=close)
    unit = gm.targets.Unit(net[0], 1, (2, 3))
    found = gm.stability(net, x, "saliency", unit, noise=1e-6, **QUIET)
    expected = at_positions(gm.saliency(net, x, unit))
    np.testing.assert_allclose(found.mean.values, expected, atol=1e-5)


def test_each_sample_has_what_it_would_have_alone(picture):
    net, x = picture
    together = gm.stability(net, x, "input_x_gradient", over=("noise", "augment"), **QUIET)
    alone = gm.stability(net, x[1:], "input_x_gradient", over=("noise", "augment"), **QUIET)
    np.testing.assert_allclose(together.mean.values[1:], alone.mean.values, atol=1e-6)
    assert together.certain[1:].tolist() == alone.certain.tolist()
    np.testing.assert_allclose(together.agreement[1:], alone.agreement, atol=1e-6)


def test_how_many_have_to_agree():
    """Of 20 draws 19, of 19 and of 10 all, of 40 38."""
    for samples, needed in ((20, 19), (19, 19), (10, 10), (40, 38), (60, 57), (2, 2)):
        for agree in {0, 1, 2, needed - 1, needed, samples - 2, samples - 1, samples}:
            for values in ((1.0, -1.0), (0.0, 2.0)):
                tally = _Tally(np.ones((1, 1)), signed=True)
                for number in range(samples):
                    tally.add(np.full((1, 1), values[number >= agree]))
                assert tally.certain.item() == (max(agree, samples - agree) >= needed)


def test_sparse_maps_are_certain_where_they_are_zero():
    tally = _Tally(np.arange(4.0)[None], signed=False)
    for last in (1.0, 3.0):
        # the median is 0, then 1
        tally.add(np.array([[0.0, 0.0, 0.0 if last == 1 else 2.0, last]]))
    assert tally.certain.tolist() == [[True, True, False, True]]


def test_of_a_layer_and_of_several_inputs(ctx):
    class Pair(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.first, self.second = nn.Conv2D(3, 3), nn.Conv2D(3, 3)
                self.out = nn.Dense(3)

        def hybrid_forward(self, F, a, b):
            both = F.relu(self.first(a)) * self.second(b)
            return self.out(F.Pooling(both, global_pool=True, pool_type="avg"))

    net = Pair()
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    a, b = (mx.nd.random.normal(shape=(2, 2, 8, 8), ctx=ctx) for _ in range(2))
    name = gm.trace(net, 2).input_names[1]
    single = gm.input_x_gradient(net, (a, b), 1, input=name)
    draw, draws = np.random.RandomState(0), []
    for _ in range(8):
        noise = draw.standard_normal((1, *b.shape[1:])).astype(np.float32)
        noisy = b.asnumpy() + 0.1 * np.ptp(b.asnumpy(), axis=(1, 2, 3), keepdims=True) * noise
        draws.append(gm.input_x_gradient(net, (a, mx.nd.array(noisy, ctx=ctx)), 1, input=name))
    found = gm.stability(
        net, (a, b), "input_x_gradient", 1, input=name, noise=0.1, samples=8, **QUIET
    )
    check(found, single, draws)
    inside = gm.stability(net, (a, b), "input_x_gradient", 1, net.first, **QUIET)
    assert inside.explanation == gm.input_x_gradient(net, (a, b), 1, net.first)
    assert inside.mean.values.shape == inside.certain.shape == (2, 8, 8)


def test_channels_that_are_kept_last(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.HybridLambda(lambda F, x: F.transpose(x, (0, 3, 1, 2))),
        nn.Conv2D(3, 3, padding=1, activation="relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(2),
    )
    net.initialize(mx.init.Xavier(), ctx=ctx)
    x = mx.nd.random.normal(shape=(1, 9, 8, 3), ctx=ctx)
    single = gm.grad_cam(net, x, 1)
    found = gm.stability(net, x, "grad_cam", 1, noise=1e-6, **QUIET)
    assert found.explanation == single
    np.testing.assert_allclose(found.mean.values, at_positions(single), atol=1e-4)


def refused(error, said, net, x, method, *args, **options):
    with pytest.raises(error, match=said):
        gm.stability(net, x, method, *args, **{**QUIET, **options})


def test_what_is_refused_before_anything_is_computed(picture, monkeypatch):
    net, x = picture

    def computed(*_, **__):
        raise AssertionError("something was computed")

    monkeypatch.setattr("gradcam_mx.methods.plan.Plan.explain", computed)
    monkeypatch.setattr("gradcam_mx.methods.recorded.Recorded.__init__", computed)
    refused(MetricError, "no 'noize'.*noise, seed, baseline, augment", net, x, "lime", over="noize")
    refused(MetricError, "nothing to vary", net, x, "lime", over=())
    for samples in (1, 0, 2.5, None):
        refused(MetricError, "expected 2 draws or more", net, x, "lime", samples=samples)
    for noise in (0, -1, float("nan")):
        refused(MetricError, "expected a share of the range", net, x, "lime", noise=noise)
    refused(
        MethodError, "takes no seed, as nothing in it is random", net, x, "saliency", over="seed"
    )
    refused(MethodError, "takes no baseline.*varied over", net, x, "saliency", over="baseline")
    refused(MethodError, "there is no method 'salience'", net, x, "salience")
    refused(MethodError, "saliency explains the input alone", net, x, "saliency", 1, "0")
    refused(MethodError, "nothing takes", net, x, "saliency", options={"steps": 2})
    refused(TargetError, "one target", net, x, "saliency", gm.targets.Top(2))
    refused(TargetError, "one layer", net, x, "grad_cam", 1, ["0"])
    refused(TargetError, "one input", net, x, "saliency", 1, input="all")
    dense = nn.Dense(2, in_units=3)
    dense.initialize(ctx=x.context)
    vectors = mx.nd.ones((2, 3), ctx=x.context)
    refused(MetricError, "plain vectors", dense, vectors, "saliency", over="augment")
    refused(MetricError, "plain vectors", dense, vectors, "occlusion", over=("noise", "baseline"))


def test_other_errors_are_those_of_the_method(picture):
    net, x = picture
    refused(TargetError, "", net, x, "saliency", 99)
    refused(LayerError, "", net, x, "grad_cam", 1, "none")
    refused(InputError, "", net, x * np.nan, "saliency")


def test_pictures(given):
    net, x = given
    axes = x.ndim - 2
    for method in ("input_x_gradient", "grad_cam"):
        found = gm.stability(net, x, method, noise=0.2, samples=8, **QUIET)
        heat = found.heatmap()
        assert heat.shape == found.certain.shape
        assert (heat[~found.certain] == 0).all()
        assert heat.max() <= 1
        photos = [None] if axes == 1 else [None, np.full((*x.shape[:1], *x.shape[2:], 3), 90, "u1")]
        for photo in photos:
            for one in found.pictures(photo):
                assert one.dtype == np.uint8
                assert one.shape[-1] == 3
            figure = found.plot(photo)
            assert "grey if uncertain" in figure.axes[-1].get_title() + figure.axes[
                0
            ].get_title() + "".join(one.get_title().replace("\n", " ") for one in figure.axes)
        assert "certain, agreement" in found._repr_html_()
        assert found._repr_png_().startswith(b"\x89PNG")


def test_what_is_uncertain_is_grey(picture):
    net, x = picture
    found = gm.stability(net, x, "input_x_gradient", noise=0.3, samples=8, **QUIET)
    assert 0 < found.certain.mean() < 1
    photo = np.random.RandomState(0).randint(0, 255, (2, 9, 8, 3)).astype(np.uint8)
    for drawn, sure, values in zip(found.pictures(photo), found.certain, found.mean.values):
        is_grey = np.ptp(drawn.astype(int), axis=-1) == 0
        assert is_grey[~sure].all()
        strong = sure & (np.abs(values) > 0.3 * np.abs(values).max())
        assert not is_grey[strong].any()
    # at the size of a larger photo, in blocks
    large = found.pictures(np.zeros((2, 90, 80, 3), np.uint8) + 50)[0]
    is_grey = np.ptp(large.astype(int), axis=-1) == 0
    assert is_grey[~np.kron(found.certain[0], np.ones((10, 10), bool))].all()


def test_files(picture, tmp_path):
    net, x = picture
    found = gm.stability(
        net, x, "smooth_grad", over=("noise", "seed"), options={"num_samples": 3, **QUIET}
    )
    path = found.save(tmp_path / "one.npz")
    read = gm.metrics.Stability.load(path)
    assert read == found
    assert type(read.samples) is int
    assert read.over == ("noise", "seed")
    assert list(gm.Explanation.load_all(path)) == ["single", "mean"]
    with pytest.raises(OutputError, match=r"named .*npz"):
        found.save(tmp_path / "one.png")
    found.mean.save(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no saved Stability"):
        gm.metrics.Stability.load(tmp_path / "other.npz")


def test_nothing_is_changed(picture):
    net, x = picture
    before, state = x.asnumpy(), np.random.get_state()[1].copy()
    weights = net[0].weight.data().asnumpy()
    found = gm.stability(net, x, "grad_cam", over=("noise", "augment"), **QUIET)
    assert (x.asnumpy() == before).all()
    assert (np.random.get_state()[1] == state).all()
    assert (net[0].weight.data().asnumpy() == weights).all()
    assert found == gm.stability(net, x, "grad_cam", over=("noise", "augment"), **QUIET)
    assert found != gm.stability(net, x, "grad_cam", over=("noise", "augment"), seed=1, **QUIET)
    assert repr(found).startswith("<Stability of grad_cam over noise and augment: ")
    assert len(found) == 2

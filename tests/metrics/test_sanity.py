"""Whether maps depend on what the net learned: measured on copies, by the definitions."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from failing import failing_after
from test_untouched import assert_same, make_net, state_of, train_step

import gradcam_mx as gm
from gradcam_mx import errors, metrics
from gradcam_mx._mxnet import mx
from gradcam_mx.graph.graph import Graph
from gradcam_mx.metrics.randomised import layers_from_top, randomised

nn = mx.gluon.nn
pytestmark = pytest.mark.slow

SHAPE = (2, 3, 9, 7)
NUMBERS = np.random.RandomState(0).randn(*SHAPE).astype(np.float32)

METRICS = {
    "emprt": metrics.emprt,
    "smprt": lambda *args, **options: metrics.smprt(*args, num_samples=2, layers=3, **options),
    "mprt": lambda *args, **options: metrics.mprt(*args, layers=3, **options),
    "random_logit": metrics.random_logit,
}


def as_triple(net, ctx):
    symbol = net(mx.sym.var("data"))
    arrays = {one.name: one.data(ctx) for one in net.collect_params().values()}
    arguments = {name: arrays[name] for name in symbol.list_arguments() if name in arrays}
    return symbol, arguments, {name: arrays[name] for name in arrays.keys() - arguments.keys()}


def as_loaded(net, ctx, folder):
    symbol, arguments, states = as_triple(net, ctx)
    mx.model.save_checkpoint(str(folder / "net"), 0, symbol, arguments, states)
    return gm.load(folder / "net", ctx=ctx)


@pytest.fixture(params=["net", "loaded", "triple"])
def subject(request, ctx, tmp_path):
    """A net in the form in which it is passed, and the Gluon net that it was made of."""
    net = make_net(ctx)
    made = {
        "net": lambda: net,
        "loaded": lambda: as_loaded(net, ctx, tmp_path),
        "triple": lambda: as_triple(net, ctx),
    }
    return made[request.param](), net


def numbers_of(graph, ctx):
    return {name: one.asnumpy() for name, one in graph.parameters.on(ctx).items()}


# -- nets that have forgotten what they learned ----------------------------------------------------


def test_each_array_keeps_its_numbers_in_another_order(ctx, subject):
    graph = gm.trace(subject[0])
    layers = layers_from_top(graph, [SHAPE])
    (found,) = randomised(graph, layers, [len(layers)], 0)
    before, after = numbers_of(graph, ctx), numbers_of(found, ctx)
    assert before.keys() == after.keys()
    shuffled = {name for layer in layers for name in layer}
    states = {name for name in before if "running" in name}
    assert shuffled == before.keys() - states
    assert len(states) == 4
    for name, numbers in before.items():
        np.testing.assert_array_equal(np.sort(after[name].ravel()), np.sort(numbers.ravel()))
        stays = name in states or (numbers == numbers.flat[0]).all()
        assert np.array_equal(after[name], numbers) == stays, name
        assert after[name].shape == numbers.shape


def test_layers_become_random_from_the_output_to_the_input(ctx, subject):
    graph = gm.trace(subject[0])
    layers = layers_from_top(graph, [SHAPE])
    parts = [{name.rsplit("_", 1)[0].rstrip("0123456789")[-5:] for name in one} for one in layers]
    assert [kind for (kind,) in parts] == ["dense", "hnorm", "_conv", "hnorm", "_conv"]
    before, seen = numbers_of(graph, ctx), []
    stages = list(randomised(graph, layers, [1, 3, 5], 4))
    for count, found in zip([1, 3, 5], stages):
        after = numbers_of(found, ctx)
        changed = {name for name in before if not np.array_equal(before[name], after[name])}
        may = {name for layer in layers[:count] for name in layer}
        assert changed <= may
        assert {name for name in may if "gamma" not in name} <= changed
        seen.append(after)
    # what is random stays as it is, and the last of several stages is that of one alone
    np.testing.assert_array_equal(seen[0][layers[0][0]], seen[2][layers[0][0]])
    (alone,) = randomised(graph, layers, [5], 4)
    for name, numbers in numbers_of(alone, ctx).items():
        np.testing.assert_array_equal(numbers, seen[2][name])
    (other,) = randomised(graph, layers, [5], 5)
    assert not np.array_equal(numbers_of(other, ctx)[layers[0][0]], seen[2][layers[0][0]])


def test_the_graph_says_what_a_gluon_net_of_these_numbers_says(ctx):
    net, other = make_net(ctx), make_net(ctx)
    layers = layers_from_top(gm.trace(net), [SHAPE])
    (found,) = randomised(gm.trace(net), layers, [3], 1)
    numbers = numbers_of(found, ctx)
    for (name, _), one in zip(net.collect_params().items(), other.collect_params().values()):
        one.set_data(mx.nd.array(numbers[name]))
    x = mx.nd.array(NUMBERS, ctx=ctx)
    for method in (gm.saliency, gm.grad_cam, gm.guided_backprop):
        expected = method(other, x, 1).values
        np.testing.assert_allclose(method(found, x, 1).values, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(gm.saliency(net, x, 1).values - gm.saliency(other, x, 1).values).max() > 0.1


class Twice(nn.HybridBlock):
    """A block that runs twice, a constant, and an output that is not explained."""

    def __init__(self):
        super().__init__(prefix="twice_")
        with self.name_scope():
            self.body = nn.Conv2D(3, 3, padding=1, in_channels=3, activation="relu", prefix="body_")
            self.out = nn.Dense(4, in_units=3, prefix="out_")
            self.beside = nn.Dense(2, in_units=3, prefix="beside_")
            scale = np.arange(1, 4, dtype=np.float32).reshape(1, 3, 1, 1)
            self.scale = self.params.get_constant("scale", scale)

    def hybrid_forward(self, F, x, scale):
        pooled = F.mean(self.body(self.body(F.broadcast_mul(x, scale))), axis=(2, 3))
        return self.beside(pooled), self.out(pooled)


def make_twice(ctx):
    mx.random.seed(2)
    net = Twice()
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
    return net


@pytest.mark.parametrize("is_named", [False, True])
def test_a_block_that_runs_twice_is_one_layer_and_constants_stay(ctx, is_named):
    net = make_twice(ctx)
    graph = gm.trace(net)
    outputs = [graph.output_names[1]] if is_named else []
    beside = [] if is_named else [["twice_beside_weight", "twice_beside_bias"]]
    found = layers_from_top(graph, [SHAPE], outputs)
    rest = [["twice_out_weight", "twice_out_bias"], ["twice_body_weight", "twice_body_bias"]]
    assert sorted(found[:-1]) == sorted(beside + rest[:1])
    assert found[-1] == rest[-1]
    x = mx.nd.array(NUMBERS, ctx=ctx)
    map_of_second = gm.saliency(net, x, 1, output=1)
    # the output is that of the explanation, and no stage is one of the other output
    assert metrics.mprt(net, x, map_of_second).at.tolist() == [0.5, 1]


def test_what_was_explained_is_what_the_random_net_explains(ctx):
    """Names of classes, several inputs and outputs, channels that come last."""
    net = make_net(ctx)
    by_name, by_id = net, gm.metrics.emprt(net, NUMBERS, gm.saliency(net, NUMBERS, 1))
    by_name.class_names = ["ant", "bee", "cat"]
    difference = gm.targets.ScoreDifference("bee", "ant")
    found = gm.metrics.emprt(net, NUMBERS, gm.saliency(net, NUMBERS, "bee"), "bee")
    np.testing.assert_array_equal(found.values, by_id.values)
    found = gm.metrics.emprt(net, NUMBERS, gm.saliency(net, NUMBERS, difference), difference)
    ids = gm.targets.ScoreDifference(1, 0)
    expected = gm.metrics.emprt(net, NUMBERS, gm.saliency(net, NUMBERS, ids), ids)
    np.testing.assert_array_equal(found.values, expected.values)


class ChannelsLast(nn.HybridBlock):
    def __init__(self, layout):
        super().__init__(prefix="last_")
        with self.name_scope():
            self.body = nn.Conv2D(
                4, 3, in_channels=3, layout=layout, activation="relu", prefix="body_"
            )
            self.out = nn.Dense(3, in_units=4, prefix="out_")
        self.axes = (1, 2) if layout == "NHWC" else (2, 3)

    def hybrid_forward(self, F, x):
        return self.out(F.mean(self.body(x), axis=self.axes))


class Beside(nn.HybridBlock):
    """Two inputs."""

    def __init__(self):
        super().__init__(prefix="beside_")
        with self.name_scope():
            self.body = nn.Conv2D(4, 3, in_channels=3, activation="relu", prefix="body_")
            self.out = nn.Dense(3, in_units=4, prefix="out_")

    def hybrid_forward(self, F, x, y):
        share = F.mean(y, axis=(1, 2, 3), keepdims=True).reshape((0, 1))
        return self.out(F.broadcast_mul(F.mean(self.body(x), axis=(2, 3)), share))


@pytest.mark.filterwarnings("ignore:what is explained cannot be held")
def test_noise_is_put_where_the_input_has_its_channels(ctx):
    """A kernel of one number a channel is the same in both orders, but for its shape."""
    found = []
    for layout, x in (("NCHW", NUMBERS), ("NHWC", NUMBERS.transpose(0, 2, 3, 1))):
        mx.random.seed(2)
        net = ChannelsLast(layout)
        net.initialize(ctx=ctx)
        draw = np.random.RandomState(1)
        for name, parameter in sorted(net.collect_params().items()):
            numbers = draw.randn(*parameter.shape)
            if name.endswith("body_weight"):
                numbers = np.ones(parameter.shape) * 0.3
            parameter.set_data(mx.nd.array(numbers))
        map_of_it = gm.saliency(net, x, 1)
        found.append(metrics.smprt(net, x, map_of_it, num_samples=2, layers=1))
    np.testing.assert_allclose(found[1].values, found[0].values, rtol=1e-3)


@pytest.mark.parametrize("number", [0, 1])
def test_noise_is_put_on_the_input_that_is_explained(ctx, number):
    mx.random.seed(2)
    net = Beside()
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
    x = (NUMBERS, np.abs(NUMBERS) + 1)
    own = gm.input_x_gradient(net, x, 1, input=number)
    case = metrics.Case([own], net, x)
    twice = case.again(0, 2 * x[number])
    doubled = tuple(2 * one if place == number else one for place, one in enumerate(x))
    expected = gm.input_x_gradient(net, doubled, 1, input=number)
    np.testing.assert_array_equal(twice.values, expected.values)
    found = metrics.smprt(net, x, own, num_samples=2, layers=2)
    assert np.isfinite(found.values).all()


# -- against the definitions, by plain loops in float64 --------------------------------------------


def naive_entropy(values, bins):
    """Of the shares of the numbers in equal bins from the lowest to the highest."""
    numbers = [float(one) for one in np.ravel(values)]
    low, high = min(numbers), max(numbers)
    counts = [0] * bins
    for one in numbers:
        place = 0 if high == low else int((one - low) / (high - low) * bins)
        counts[min(place, bins - 1)] += 1
    shares = [count / len(numbers) for count in counts if count]
    return -sum(share * math.log(share) for share in shares)


def naive_ssim(a, b, span, side=7):
    """Wang et al. 2004, eq. 13, with the constants of there, the mean over all whole windows."""
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    found = []
    for top in range(a.shape[0] - side + 1):
        for left in range(a.shape[1] - side + 1):
            p = [float(a[top + i, left + j]) for i in range(side) for j in range(side)]
            q = [float(b[top + i, left + j]) for i in range(side) for j in range(side)]
            n = len(p)
            mean_p, mean_q = sum(p) / n, sum(q) / n
            var_p = sum((one - mean_p) ** 2 for one in p) / (n - 1)
            var_q = sum((one - mean_q) ** 2 for one in q) / (n - 1)
            both = sum((i - mean_p) * (j - mean_q) for i, j in zip(p, q)) / (n - 1)
            found.append(
                (2 * mean_p * mean_q + c1)
                * (2 * both + c2)
                / ((mean_p**2 + mean_q**2 + c1) * (var_p + var_q + c2))
            )
    return sum(found) / len(found)


def naive_map(explanation, values=None):
    """The relevance of attributions; signed ones are shares, of the others it is the sizes."""
    values = explanation.values if values is None else values
    return (values if explanation.signed else np.abs(values)).astype(float).sum(axis=1)


def naive_similarity(a, b, is_signed):
    def scaled(one):
        if is_signed:
            return one / np.abs(one).max()
        return (one - one.min()) / (one.max() - one.min())

    return naive_ssim(scaled(a), scaled(b), 2 if is_signed else 1)


METHODS = {"saliency": gm.saliency, "input_x_gradient": gm.input_x_gradient}


@pytest.mark.parametrize("bins", [5, 100])
def test_emprt_by_its_definition(ctx, subject, bins):
    net = subject[0]
    own = {name: method(net, NUMBERS, 1) for name, method in METHODS.items()}
    found = metrics.emprt(net, NUMBERS, own, bins=bins, seed=3)
    graph = gm.trace(net)
    layers = layers_from_top(graph, [SHAPE])
    (other,) = randomised(graph, layers, [len(layers)], 3)
    for name, method in METHODS.items():
        pairs = zip(naive_map(own[name]), naive_map(method(other, NUMBERS, 1)))
        expected = [
            (naive_entropy(after, bins) - naive_entropy(before, bins)) / naive_entropy(before, bins)
            for before, after in pairs
        ]
        np.testing.assert_allclose(found[name].values, expected, rtol=1e-9)
        assert found[name].better == "higher"


def test_emprt_is_not_defined_for_a_map_of_equal_numbers(ctx):
    net = make_net(ctx)
    own = gm.saliency(net, NUMBERS, 1)
    own.values[0] = 0
    found = metrics.emprt(net, NUMBERS, own).values
    assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize("noise", [0, 0.2])
@pytest.mark.parametrize("name", METHODS)
def test_smprt_by_its_definition(ctx, subject, name, noise):
    net, method = subject[0], METHODS[name]
    own = method(net, NUMBERS, 1)
    found = metrics.smprt(net, NUMBERS, own, num_samples=3, noise=noise, layers=2, seed=3)
    graph = gm.trace(net)
    layers = layers_from_top(graph, [SHAPE])
    assert len(layers) == 5
    nets = [net, *randomised(graph, layers, [3, 5], 3)]
    maps = []
    for one in nets:
        draw, total = np.random.RandomState(3), np.zeros(SHAPE)
        for _ in range(3):
            x = NUMBERS.copy()
            normal = draw.standard_normal(SHAPE)
            for sample in range(2):
                spread = NUMBERS[sample].max() - NUMBERS[sample].min()
                x[sample] += noise * spread * normal[sample]
            total += method(one, x, 1).values / 3
        maps.append(naive_map(own, total))
    expected = np.array(
        [
            [naive_similarity(maps[0][n], after[n], own.signed) for after in maps[1:]]
            for n in range(2)
        ]
    )
    np.testing.assert_allclose(found.curve, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.values, expected.mean(axis=1), rtol=1e-3, atol=1e-4)
    assert found.at.tolist() == [0.6, 1]
    assert (found.better, found.along) == ("lower", "share of the layers that are random")
    if not noise:
        same = metrics.mprt(net, NUMBERS, own, layers=2, seed=3)
        np.testing.assert_allclose(same.curve, found.curve, rtol=1e-5, atol=1e-6)
        assert same.metric == "mprt"


def test_stages_are_at_most_the_layers(ctx):
    net = make_net(ctx)
    found = metrics.mprt(net, NUMBERS, gm.saliency(net, NUMBERS, 1), layers=50)
    np.testing.assert_allclose(found.at, [0.2, 0.4, 0.6, 0.8, 1])
    assert found.curve.shape == (2, 5)
    found.plot()


@pytest.mark.parametrize("name", METHODS)
def test_random_logit_by_its_definition(ctx, subject, name):
    net, method = subject[0], METHODS[name]
    own = method(net, NUMBERS, [2, 0])
    found = metrics.random_logit(net, NUMBERS, own).values
    for sample, class_id in enumerate([2, 0]):
        may = []
        for other in {0, 1, 2} - {class_id}:
            maps = naive_map(own), naive_map(method(net, NUMBERS, other))
            may.append(naive_similarity(maps[0][sample], maps[1][sample], own.signed))
        assert min(abs(one - found[sample]) for one in may) < 1e-5


def test_all_other_classes_are_drawn_and_no_class_itself(ctx, monkeypatch):
    net = make_net(ctx)
    x = np.tile(NUMBERS[:1], (6, 1, 1, 1))
    own, asked = gm.saliency(net, x, [0, 1, 2, 0, 1, 2]), []
    again = metrics.Case.again

    def noted(self, number, x=None, net=None, target=None):
        asked.append(target)
        return again(self, number, x, net, target)

    monkeypatch.setattr(metrics.Case, "again", noted)
    for seed in range(8):
        metrics.random_logit(net, x, own, seed=seed)
    pairs = {(place % 3, other) for one in asked for place, other in enumerate(one)}
    assert pairs == {(a, b) for a in range(3) for b in range(3) if a != b}
    # each sample has a draw of its own
    assert any(one[place] != one[place + 3] for one in asked for place in range(3))


@pytest.mark.parametrize("side", [9, 12])
def test_maps_of_layers_lie_on_the_input(ctx, side):
    net = make_twice(ctx)
    x = np.random.RandomState(1).randn(2, 3, side, side).astype(np.float32)
    own = gm.grad_cam(net, x, 1, output=1)
    for measure in METRICS.values():
        assert np.isfinite(measure(net, x, own).values).all()


@pytest.mark.parametrize("axes", [1, 3])
def test_signals_and_volumes(ctx, axes):
    convolution = (nn.Conv1D, nn.Conv2D, nn.Conv3D)[axes - 1]
    net = nn.HybridSequential()
    net.add(convolution(4, 3, in_channels=2, activation="relu"), nn.Flatten(), nn.Dense(3))
    mx.random.seed(1)
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
    x = np.random.RandomState(1).randn(2, 2, *(8, 9, 7)[:axes]).astype(np.float32)
    own = gm.saliency(net, x, 1)
    for measure in METRICS.values():
        found = measure(net, x, own).values
        assert np.isfinite(found).all()
        assert (np.abs(found) < 0.99).all()


# -- nothing changes -------------------------------------------------------------------------------


def whole_state(subject, net, x, ctx):
    """All of the net's state, and of what was passed in its place."""
    state = state_of(net, x)
    if subject is not net:
        arrays = subject[1:] if isinstance(subject, tuple) else [subject.parameters.on(ctx)]
        for part in arrays:
            state.update({f"passed {name}": one.asnumpy().tobytes() for name, one in part.items()})
        if isinstance(subject, tuple):
            state["passed symbol"] = subject[0].tojson(remove_amp_cast=False)
    return state


@pytest.mark.parametrize("name", METRICS)
def test_nothing_changes(ctx, subject, name):
    given, net = subject
    net.hybridize()
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    own = gm.saliency(given, x, 1)
    before, values = whole_state(given, net, x, ctx), own.values.copy()
    draws = []
    for measures in (False, True):
        mx.random.seed(5)
        if measures:
            METRICS[name](given, x, own)
            assert_same(whole_state(given, net, x, ctx), before)
        draws.append(mx.nd.random.uniform(shape=4, ctx=ctx).asnumpy())
    np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(own.values, values)
    # measured once more it is the same
    again = [METRICS[name](given, x, own).values for _ in range(2)]
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["the formula", "the graph"])
def test_nothing_changes_when_something_raises_in_the_middle(
    ctx, subject, place, error, monkeypatch
):
    given, net = subject
    net.hybridize()
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    own = gm.saliency(given, x, 1)
    before = whole_state(given, net, x, ctx)
    expected = metrics.mprt(given, x, own, layers=5).values
    with monkeypatch.context() as patch:
        if place == "the formula":
            method = gm.METHODS["saliency"]
            failing = failing_after(2, method.formula, error())
            patch.setitem(gm.METHODS._listed, "saliency", replace(method, formula=failing))
        else:
            failing = failing_after(2, Graph.with_numbers, error())
            patch.setattr(Graph, "with_numbers", lambda *args: failing(*args))
        with pytest.raises((error, errors.InputError)):
            metrics.mprt(given, x, own, layers=5)
        assert_same(whole_state(given, net, x, ctx), before)
    np.testing.assert_array_equal(metrics.mprt(given, x, own, layers=5).values, expected)


# -- what cannot be measured -----------------------------------------------------------------------


def nothing_is_computed(monkeypatch):
    def computed(*_, **__):
        raise AssertionError("something was computed")

    monkeypatch.setattr(Graph, "forward", computed)
    monkeypatch.setattr(Graph, "compile", computed)


BAD_OPTIONS = [
    (metrics.emprt, {"bins": 1}),
    (metrics.emprt, {"bins": 2.5}),
    (metrics.smprt, {"num_samples": 0}),
    (metrics.smprt, {"layers": 0}),
    (metrics.smprt, {"noise": -0.1}),
    (metrics.smprt, {"noise": float("nan")}),
    (metrics.mprt, {"layers": 1.5}),
]


@pytest.mark.parametrize(("measure", "options"), BAD_OPTIONS)
def test_bad_options_are_refused_before_anything_is_computed(ctx, measure, options, monkeypatch):
    net = make_net(ctx)
    own = gm.saliency(net, NUMBERS, 1)
    (name,) = options
    nothing_is_computed(monkeypatch)
    with pytest.raises(errors.MetricError, match=f"{name} is "):
        measure(net, NUMBERS, own, **options)


@pytest.mark.parametrize("name", ["smprt", "mprt", "random_logit"])
def test_maps_that_are_smaller_than_the_window(ctx, name, monkeypatch):
    net = make_twice(ctx)
    x = NUMBERS[:, :, :6]
    own = gm.saliency(net, x, 1, output=1)
    assert metrics.emprt(net, x, own).values.shape == (2,)
    nothing_is_computed(monkeypatch)
    with pytest.raises(errors.MetricError, match=r"windows of 7 positions .* has 6 × 7"):
        METRICS[name](net, x, own)


class Numbers(mx.gluon.Block):
    """It looks at numbers, so that it cannot be traced."""

    def __init__(self):
        super().__init__()
        self.body = gm.nn.Conv2D(4, 3, in_channels=3)
        self.rectify = gm.nn.Activation("relu")
        self.out = gm.nn.Dense(3, in_units=4)

    def forward(self, x):
        found = self.out(self.rectify(self.body(x)).mean(axis=(2, 3)))
        return found if float(found.sum().asscalar()) < 1e9 else -found


@pytest.mark.parametrize("name", ["emprt", "smprt", "mprt"])
def test_nets_that_cannot_be_traced_are_refused(ctx, name):
    net = Numbers()
    net.initialize(ctx=ctx)
    own = gm.saliency(net, NUMBERS, 1)
    with pytest.raises(errors.NetworkError, match=r"becomes random in a graph.*hybrid_forward"):
        METRICS[name](net, NUMBERS, own)
    assert np.isfinite(metrics.random_logit(net, NUMBERS, own).values).all()


def test_nets_in_int8_arithmetic_are_refused(ctx):
    data, weight = mx.sym.var("data"), mx.sym.var("weight")
    number = mx.sym.contrib.quantize_v2(
        data, out_type="int8", min_calib_range=-3, max_calib_range=3
    )
    back = mx.sym.contrib.dequantize(*number)
    symbol = mx.sym.FullyConnected(back, weight, num_hidden=3, no_bias=True, flatten=True)
    graph = gm.trace((symbol, {"weight": mx.nd.ones((3, 189), ctx=ctx)}, {}))
    with pytest.raises(errors.NetworkError, match=r"int8 arithmetic.*dequantize=True"):
        layers_from_top(graph, [SHAPE])


class Bare(nn.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.mean(x, axis=(2, 3))


def test_nets_without_parameters_are_refused(ctx):
    net, x = Bare(), mx.nd.array(NUMBERS, ctx=ctx)
    with pytest.raises(errors.NetworkError, match="no parameters"):
        metrics.mprt(net, x, gm.saliency(net, x, 1))


class Steep(nn.HybridBlock):
    """Two large numbers cancel each other, as long as they stay where they are."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2D(4, 3, in_channels=3)
        self.out = nn.Dense(3, in_units=4)

    def hybrid_forward(self, F, x):
        return F.exp(self.out(F.mean(F.abs(self.body(x)), axis=(2, 3))))


@pytest.mark.parametrize("name", ["emprt", "smprt", "mprt"])
def test_random_nets_that_give_no_numbers_are_told(ctx, name):
    net = Steep()
    net.initialize(ctx=ctx)
    kernels = np.concatenate([np.full((1, 3, 3, 3), one) for one in (1, 1, 0.98, 1)])
    net.body.weight.set_data(mx.nd.array(kernels))
    net.out.weight.set_data(mx.nd.array([[1, -200, 200, 0]] * 3))
    own = gm.saliency(net, NUMBERS, 1)
    with pytest.raises(errors.NetworkError, match=r"in random order.*infinity.*another seed"):
        METRICS[name](net, NUMBERS, own)


@pytest.mark.parametrize("target", ["array", "difference", "one class"])
def test_random_logit_is_of_classes(ctx, target):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.GlobalAvgPool2D())
    net.add(nn.Dense(1 if target == "one class" else 3, in_units=4))
    net.initialize(ctx=ctx)
    what = {
        "array": np.ones((2, 3), np.float32),
        "difference": gm.targets.ScoreDifference(1, 0),
        "one class": gm.targets.Binary(1),
    }[target]
    own = gm.saliency(net, NUMBERS, what)
    with pytest.raises(errors.TargetError, match="another class"):
        metrics.random_logit(net, NUMBERS, own, what)


# -- a net that has learned something --------------------------------------------------------------


@lru_cache(maxsize=None)
def trained(device):
    """A net that reads digits, and some of those that it reads right."""
    ctx, found = mx.cpu(device), gm.zoo.digits("train")
    mx.random.seed(1)
    net = nn.HybridSequential()
    for channels in (8, 16, 16):
        net.add(nn.Conv2D(channels, 3, padding=1, activation="relu"))
        net.add(nn.MaxPool2D())
    net.add(nn.Dense(10))
    net.initialize(mx.init.Xavier(), ctx=ctx)
    net.hybridize()
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 3e-3})
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    pictures = found.images[:, None].astype(np.float32) / 255
    draw = np.random.RandomState(0)
    for _ in range(120):
        chosen = draw.choice(len(pictures), 64)
        x, y = (mx.nd.array(one[chosen], ctx=ctx) for one in (pictures, found.labels))
        with mx.autograd.record():
            cost = loss(net(x), y)
        cost.backward()
        trainer.step(len(chosen))
    right = net(mx.nd.array(pictures[:64], ctx=ctx)).asnumpy().argmax(axis=1) == found.labels[:64]
    assert right.mean() > 0.9
    return net, pictures[:64][right][:6]


def test_maps_that_depend_on_what_was_learned_and_those_that_do_not(ctx):
    net, x = trained(ctx.device_id)
    maps = {
        name: getattr(gm, name)(net, x)
        for name in ("grad_cam", "saliency", "guided_backprop", "deconvnet")
    }
    measures = {
        "smprt": lambda: metrics.smprt(net, x, maps, num_samples=5, layers=4),
        "mprt": lambda: metrics.mprt(net, x, maps, layers=4),
        "random_logit": lambda: metrics.random_logit(net, x, maps),
    }
    for name, measure in measures.items():
        found = {method: one.mean for method, one in measure().items()}
        for method in ("guided_backprop", "deconvnet"):
            assert found[method] > 1.5 * max(found["grad_cam"], found["saliency"], 0), name

"""Black boxes: a net as a function gives what the net gives; a function that cannot be trusted is
found out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from onnx_files import SHAPE, exported, small_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, LayerError, NetworkError, TargetError

X = np.random.RandomState(1).normal(size=(3, *SHAPE)).astype("float32")
WEIGHT = np.random.RandomState(0).normal(size=(3 * 8 * 8, 5)).astype("float32")
WINDOWS = {"window": 4, "stride": 4}
OPTIONS = {
    "occlusion": {"window": 3, "stride": 2},
    "rise": {"num_samples": 60},
    "lime": {"segments": "grid", "num_segments": 16, "num_samples": 60},
    "kernel_shap": {"segments": "grid", "num_segments": 9},
    "feature_ablation": {"segments": "grid", "num_segments": 9},
    "partition_shap": {"max_evals": 40},
    "centre_map": {},
    "edge_map": {},
}


def scores(x):
    return np.tanh(x.reshape(len(x), -1) @ WEIGHT / 9)


def boxed(function, **how):
    return gm.black_box(function, SHAPE, **how)


def called(net, ctx):
    return boxed(lambda x: net(mx.nd.array(x, ctx=ctx)).asnumpy())


def options_of(method):
    progress = {"progress": False} if "progress" in gm.METHODS[method].options else {}
    return {**OPTIONS[method], **progress}


@pytest.mark.parametrize(
    "method",
    [
        # shap compiles code as it is imported
        pytest.param(one, marks=pytest.mark.slow) if one == "partition_shap" else one
        for one in OPTIONS
    ],
)
def test_a_net_as_a_function_is_explained_as_the_net_itself(method, ctx):
    net = small_net(ctx=ctx)
    own, other = (
        getattr(gm, method)(one, mx.nd.array(X, ctx=ctx), **options_of(method))
        for one in (net, called(net, ctx))
    )
    assert own.target == other.target
    np.testing.assert_allclose(other.score, own.score, rtol=1e-5)
    np.testing.assert_allclose(other.values, own.values, atol=1e-5 * abs(own.values).max())


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize("method", ["occlusion", "rise", "lime", "kernel_shap"])
def test_so_is_a_net_in_onnx_format(method, batch, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    net = small_net(mx.gluon.nn.HybridLambda("softmax"))
    graph = gm.load(exported(net, tmp_path, batch))
    own, other = (getattr(gm, method)(one, X, **options_of(method)) for one in (net, graph))
    assert own.target == other.target
    np.testing.assert_allclose(other.score, own.score, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(other.values, own.values, atol=1e-4 * abs(own.values).max())


def test_lime_itself_gives_the_same_of_both(ctx):
    lime_image = pytest.importorskip("lime.lime_image")
    net = small_net(ctx=ctx)
    photo = np.random.RandomState(3).randint(0, 256, (8, 8, 3), np.uint8)

    def prepare(one):
        return np.moveaxis(one.astype("float32"), 2, 0)[None] / 64

    def weights(of):
        found = lime_image.LimeImageExplainer(random_state=0).explain_instance(
            photo,
            gm.predict_fn(of, prepare),
            top_labels=2,
            num_samples=40,
            segmentation_fn=lambda _: np.arange(8)[:, None] // 4 * 2 + np.arange(8) // 4,
        )
        return {label: dict(one) for label, one in found.local_exp.items()}

    own, other = weights(net), weights(called(net, ctx))
    assert own.keys() == other.keys()
    for label, of_class in own.items():
        for segment, weight in of_class.items():
            assert abs(other[label][segment] - weight) < 1e-5


def test_shap_itself_gives_the_same_of_both(ctx):
    shap = pytest.importorskip("shap")
    net = small_net(ctx=ctx)

    def values(of):
        def function(rows):
            x = np.repeat(rows.reshape(-1, 3, 1, 1), 64, 2).reshape(-1, *SHAPE)
            return gm.occlusion(of, x.astype("float32"), 1, window=8, stride=8).score

        return shap.KernelExplainer(function, np.zeros((1, 3))).shap_values(
            np.ones((1, 3)), silent=True
        )

    np.testing.assert_allclose(values(called(net, ctx)), values(net), atol=1e-5)


def test_occlusion_is_what_a_loop_finds():
    found = gm.occlusion(boxed(scores), X, [0, 1, 2], **WINDOWS).values
    for sample, (row, column) in [(s, p) for s in range(3) for p in np.ndindex(2, 2)]:
        place = np.s_[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        hidden = X[sample].copy()
        hidden[(slice(None), *place)] = 0
        drop = scores(X[sample : sample + 1])[0, sample] - scores(hidden[None])[0, sample]
        np.testing.assert_allclose(found[(sample, *place)], drop, atol=1e-6)


# -- functions that cannot be trusted --------------------------------------------------------------


def drawn():
    draws = np.random.RandomState(0)
    return lambda x: scores(x) + draws.normal(size=(len(x), 5))


def counting():
    calls = []

    def function(x):
        calls.append(1)
        return scores(x) + 0.01 * len(calls)

    return function


def drifting():
    state = {"mean": np.zeros(5)}

    def function(x):
        state["mean"] = 0.5 * state["mean"] + 0.5 * scores(x).mean(axis=0)
        return scores(x) - state["mean"]

    return function


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("made", [drawn, counting, drifting])
def test_a_function_that_changes_its_mind_is_found_out(made, samples):
    with pytest.warns(UserWarning, match="gives other numbers for the same input"):
        gm.occlusion(boxed(made()), X[:samples], **WINDOWS)
    report = gm.check(boxed(made()), X[:samples])
    assert "other numbers for the same input" in str(report)


TOUCHING = {
    "centred": lambda x: scores(x) - scores(x).mean(axis=0),
    "the sample before": lambda x: scores(x) + np.roll(scores(x), 1, axis=0),
    "shares": lambda x: scores(x) / abs(scores(x)).sum(axis=0),
}


def three_alone(function):
    def strict(x):
        if len(x) != 3:
            raise ValueError("expected three samples")
        return function(x)

    return strict


@pytest.mark.parametrize("wrapped", [lambda one: one, three_alone], ids=["any", "three"])
@pytest.mark.parametrize("name", TOUCHING)
def test_samples_that_touch_are_explained_beside_the_others(name, wrapped):
    function = TOUCHING[name]
    with pytest.warns(UserWarning, match="depends on what runs beside it"):
        found = gm.occlusion(boxed(wrapped(function)), X, [0, 1, 2], **WINDOWS).values
    for sample, (row, column) in [(s, p) for s in range(3) for p in np.ndindex(2, 2)]:
        changed = X.copy()
        changed[sample, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        drop = function(X)[sample, sample] - function(changed)[sample, sample]
        np.testing.assert_allclose(found[sample, 4 * row, 4 * column], drop, atol=1e-5)


def test_a_function_for_so_many_samples_and_no_others_is_explained_in_batches():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = gm.occlusion(boxed(three_alone(scores)), X, **WINDOWS).values
    np.testing.assert_allclose(found, gm.occlusion(boxed(scores), X, **WINDOWS).values, atol=1e-6)


def test_numbers_that_come_later_are_looked_at_too():
    def on_zeros(value):
        def function(x):
            hidden = (x == 0).any(axis=(1, 2, 3))[:, None]
            return np.where(hidden, value, scores(x))

        return boxed(function)

    with pytest.raises(NetworkError, match="gives NaN in 'output'"):
        gm.occlusion(on_zeros(np.nan), X, **WINDOWS)
    with pytest.raises(NetworkError, match="gives infinity for some inputs"):
        gm.occlusion(on_zeros(np.inf), X, **WINDOWS)


def test_an_output_that_changes_its_shape_is_refused():
    box = boxed(lambda x: scores(x)[:, : 5 if np.array_equal(x[0], X[0]) else 4])
    with pytest.raises(NetworkError, match=r"gives 'output' of shape .* and before"):
        gm.occlusion(box, X[:1], **WINDOWS)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: scores(x).argmax(axis=1),
        lambda x: scores(x).argmax(axis=1)[:, None],
        lambda x: scores(x)[:, 0] > 0,
    ],
    ids=["ids", "a column of ids", "yes and no"],
)
def test_class_ids_are_no_scores(function):
    with pytest.raises(TargetError, match="let it give the scores of all classes"):
        gm.occlusion(boxed(function), X, **WINDOWS)


# -- what is explained -----------------------------------------------------------------------------


def test_targets_of_all_kinds():
    box = boxed(scores, class_names=list("abcde"))
    expected = {
        "class": (2, scores(X)[:, 2]),
        "name": ("c", scores(X)[:, 2]),
        "ids": ([0, 1, 2], scores(X)[np.arange(3), np.arange(3)]),
        "top": (None, scores(X).max(axis=1)),
        "function": (lambda y: y[:, 0] - y[:, 1], scores(X)[:, 0] - scores(X)[:, 1]),
        "direction": (np.arange(5, dtype="float32"), scores(X) @ np.arange(5)),
    }
    for target, score in expected.values():
        if isinstance(target, np.ndarray):
            target = np.tile(target, (3, 1))
        found = gm.occlusion(box, X, target, **WINDOWS)
        np.testing.assert_allclose(found.score, score, rtol=1e-5)


def test_probabilities_are_taken_as_they_are():
    def odds(x):
        powers = np.exp(3 * scores(x))
        return powers / powers.sum(axis=1, keepdims=True)

    found = gm.occlusion(boxed(odds), X, 1, output="probability", **WINDOWS)
    np.testing.assert_allclose(found.score, odds(X)[:, 1], rtol=1e-6)
    said = gm.predict(boxed(odds), X, top=5)
    np.testing.assert_allclose(said[0][0].probability, odds(X)[0].max(), rtol=1e-6)


def test_several_inputs_and_outputs():
    def function(x, y):
        return {"sum": scores(x) + y, "product": scores(x) * y}

    box = gm.black_box(function, [SHAPE, (5,)], ["sum", "product"])
    y = np.random.RandomState(5).normal(size=(3, 5)).astype("float32")
    found = gm.occlusion(box, (X, y), 1, output="product", **WINDOWS)
    np.testing.assert_allclose(found.score, (scores(X) * y)[:, 1], rtol=1e-5)
    other = gm.occlusion(box, (X, y), 1, output="sum", input=1, window=1, stride=1)
    np.testing.assert_allclose(other.values, y * np.eye(5)[1], atol=1e-5)


# -- what is not to be had -------------------------------------------------------------------------


def test_methods_that_need_more_name_those_that_do_not():
    able = {name for name, one in gm.METHODS.items() if one.needs.perturbs}
    controls = {name for name, one in gm.METHODS.items() if one.family == "controls"}
    background = {"background": X}
    for name, method in gm.METHODS.items():
        if name in able | controls:
            continue
        more = background if "background" in method.options else {}
        with pytest.raises(NetworkError, match="needs gradients or a layer") as raised:
            getattr(gm, name)(boxed(scores), X, **more)
        assert all(one in str(raised.value) for one in able)


def test_controls_are_there():
    found = gm.explain(boxed(scores), X, ["random_map", "centre_map", "edge_map"])
    for one in found.values():
        assert one.values.shape == (3, 8, 8)
    again = gm.random_map(boxed(scores), X[:1]).values
    np.testing.assert_array_equal(found["random_map"].values[:1], again)


def test_layers_are_refused():
    for ask in (
        lambda: gm.random_map(boxed(scores), X, layer="conv"),
        lambda: gm.occlusion(boxed(scores), X, gm.targets.Unit("conv", 1)),
        lambda: gm.inspect.layer_outputs(boxed(scores), X, "conv"),
    ):
        with pytest.raises(LayerError, match="layer 'conv'"):
            ask()
    assert list(gm.trace(boxed(scores)).layers((1, *SHAPE))) == []


def test_measures_that_need_parameters_are_refused():
    found = gm.occlusion(boxed(scores), X, **WINDOWS)
    for measure in (gm.metrics.emprt, gm.metrics.smprt, gm.metrics.mprt):
        with pytest.raises(NetworkError, match="no parameters"):
            measure(boxed(scores), X, found)
    with pytest.raises(NetworkError, match="nothing is known of the numbers of a black box"):
        gm.metrics.recommend(boxed(scores), X)


def test_measures_that_need_none_are_those_of_the_net(ctx):
    net = small_net(ctx=ctx)
    measured = [
        gm.metrics.evaluate(
            one, X, ["occlusion"], ["srg", "infidelity", "max_sensitivity"], [0, 1, 2],
            controls=[], options={"occlusion": WINDOWS}, progress=False,
        )
        for one in (net, called(net, ctx))
    ]  # fmt: skip
    for metric in ("srg", "infidelity", "max_sensitivity"):
        own, other = (one["occlusion", metric].mean for one in measured)
        np.testing.assert_allclose(other, own, rtol=1e-3)


def test_check_tells_what_can_be_told():
    report = gm.check(boxed(scores), X)
    assert report
    said = {one.what: one.holds for one in report.findings}
    assert said == {
        "what is explained is what the net says": True,
        "what it gives is finite": True,
        "inputs that run together do not touch each other": True,
        "gradients are derivatives": None,
    }
    assert not gm.check(boxed(lambda x: np.where(scores(x) < 0, -np.inf, scores(x))), X, 0)


def test_the_input_is_checked_as_that_of_any_net():
    for wrong, said in [
        (X.astype("uint8"), "floating-point"),
        (X * np.nan, "NaN or infinity"),
        (X[:0], "is empty"),
        ((X, X), "has 1 inputs"),
        ([1, 2], "is a list"),
    ]:
        with pytest.raises(InputError, match=said):
            gm.occlusion(boxed(scores), wrong)


def test_it_is_not_recorded_where_its_caller_records(ctx):
    net = small_net(ctx=ctx)
    seen = []

    def function(x):
        seen.append((mx.autograd.is_recording(), mx.autograd.is_training()))
        return net(mx.nd.array(x, ctx=ctx)).asnumpy()

    with mx.autograd.record():
        gm.occlusion(boxed(function), X, **WINDOWS)
    assert set(seen) == {(False, False)}

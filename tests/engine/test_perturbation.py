"""The perturbation engine: chunks over samples and values, their size, what it leaves behind."""

import gc
import threading
import weakref

import numpy as np
import pytest
from networks import Branching, initialised, sequential
from test_untouched import Hooked, assert_same, make_net, state_of, train_step

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import chunks as perturbation
from gradcam_mx.engine import kept, recording
from gradcam_mx.engine.chunks import ChunkSize, Engine
from gradcam_mx.errors import InputError, MethodError
from gradcam_mx.methods.needs import Needs
from gradcam_mx.methods.run import Run
from gradcam_mx.support import progress

nn = mx.gluon.nn
QUIET = {"progress": False}
METHODS = {
    "occlusion": {"window": 3, "stride": 2},
    "feature_ablation": {"segments": "grid", "num_segments": 6},
    "rise": {"num_samples": 21, "cells": 3},
    "lime": {"segments": "grid", "num_segments": 6, "num_samples": 21},
    "kernel_shap": {"segments": "grid", "num_segments": 6, "num_samples": 30},
    "partition_shap": {"max_evals": 30},
}
SHAPE = (3, 3, 9, 7)


def small_net(ctx, dtype="float32"):
    x = np.random.RandomState(1).normal(size=SHAPE).astype(np.float32)
    net = initialised(
        sequential(
            lambda: [nn.Conv2D(6, 3, activation="relu"), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(5)]
        ),
        ctx,
        x,
    )
    net.cast(dtype)
    return net, mx.nd.array(x, ctx=ctx, dtype=dtype)


def explained(name, *args, **options):
    return getattr(gm, name)(*args, **{**METHODS[name], **QUIET, **options})


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


# ------------------------------------------------------------------------ what may change nothing


@pytest.mark.parametrize("name", list(METHODS))
def test_how_many_run_at_once_changes_nothing(ctx, name):
    """In float64: kernels for other sizes may round otherwise, by 1e-16 of a score."""
    net, x = small_net(ctx, "float64")
    expected = explained(name, net, x, batch_size=1)
    for size in (2, 3, 4, np.int64(7), 64, "auto"):
        found = explained(name, net, x, batch_size=size)
        assert distance(found.values, expected.values) <= 1e-6
        for key, value in expected.details.items():
            np.testing.assert_allclose(found.details[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(METHODS))
def test_the_same_seed_gives_the_same_numbers(ctx, name):
    net, x = small_net(ctx)
    state = np.random.get_state()[1].tolist()
    first, second = (explained(name, net, x, batch_size=4) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)
    if name in ("rise", "lime"):
        other = explained(name, net, x, batch_size=4, seed=1)
        assert distance(first.values, other.values) > 1e-3
    assert np.random.get_state()[1].tolist() == state


@pytest.mark.parametrize("name", list(METHODS))
def test_a_batch_gives_what_its_samples_give(ctx, name):
    net, x = small_net(ctx, "float64")
    together = explained(name, net, x, [0, 3, 1], batch_size=4)
    for n, target in enumerate([0, 3, 1]):
        alone = explained(name, net, x[n : n + 1], target, batch_size=4)
        assert distance(together.values[n : n + 1], alone.values) <= 1e-6
        assert together.details.keys() == alone.details.keys()


def test_samples_with_different_numbers_of_segments(ctx):
    net, x = small_net(ctx, "float64")
    cut = np.random.RandomState(0).randint(0, [[[2]], [[9]], [[5]]], (3, 9, 7))
    for name in ("feature_ablation", "lime", "kernel_shap"):
        options = (
            {"segments": cut, "num_samples": 600}
            if name != "feature_ablation"
            else {"segments": cut}
        )
        together = explained(name, net, x, 2, batch_size=4, **options)
        for n in range(3):
            alone = explained(
                name, net, x[n : n + 1], 2, batch_size=4, **{**options, "segments": cut[n]}
            )
            assert distance(together.values[n : n + 1], alone.values) <= 1e-6
            width = int(cut[n].max()) + 1
            np.testing.assert_allclose(
                together.details["segment_values"][n, :width],
                alone.details["segment_values"][0],
                rtol=1e-5,
                atol=1e-7,
            )


@pytest.mark.parametrize("size", [1, 2, 4, 5, 16])
def test_targets_of_each_sample_meet_their_samples(ctx, size):
    """Functions of the output know the samples by their order; chunks begin and end anywhere."""
    net, x = small_net(ctx, "float64")
    weights = np.random.RandomState(2).normal(size=(3, 5))
    direction = mx.nd.array(weights, ctx=ctx, dtype="float64")
    targets = {
        "an array": weights,
        "a function": lambda output: (output * direction).sum(axis=1),
        "one each": [
            weights[0],
            lambda output: (output * direction[1:2]).sum(axis=1),
            gm.targets.Regression(weights[2]),
        ],
    }
    numbers = x.asnumpy()
    expected = np.zeros((3, 9, 7))
    for n in range(3):

        def score(one, n=n):
            return weights[n] @ net(mx.nd.array(one[None], ctx=ctx, dtype="float64")).asnumpy()[0]

        for rows in (slice(0, 5), slice(5, 9)):
            hidden = numbers[n].copy()
            hidden[:, rows] = 0
            expected[n, rows] = score(numbers[n]) - score(hidden)
    cut = np.repeat(np.arange(2), [5, 4])[:, None] * np.ones(7, int)
    for target in targets.values():
        found = gm.feature_ablation(net, x, target, segments=cut, batch_size=size, **QUIET)
        assert distance(found.values, expected) <= 1e-6


def test_other_inputs_go_along_with_their_samples(ctx):
    class Two(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, picture, vector):
            return F.broadcast_mul(picture.sum(axis=(1, 2, 3)).expand_dims(1), vector)

    numbers = np.random.RandomState(0)
    picture, vector = numbers.normal(size=(3, 2, 4, 4)), numbers.normal(size=(3, 2))
    x = tuple(mx.nd.array(one, ctx=ctx) for one in (picture, vector))
    for size in (1, 2, 5):
        found = gm.occlusion(Two(), x, 1, window=2, stride=2, batch_size=size, **QUIET)
        blocks = picture.sum(axis=1).reshape(3, 2, 2, 2, 2).sum(axis=(2, 4))
        expected = np.repeat(np.repeat(blocks, 2, 1), 2, 2) * vector[:, 1, None, None]
        np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    found = gm.occlusion(Two(), x, 1, input=1, window=1, **QUIET)
    assert found.values.shape == (3, 2)
    np.testing.assert_allclose(
        found.values[:, 1], vector[:, 1] * picture.sum(axis=(1, 2, 3)), rtol=1e-4
    )


@pytest.mark.parametrize("shape", [(2, 3, 11), (2, 3, 5, 6, 4)], ids=["signals", "volumes"])
def test_signals_and_volumes(ctx, shape):
    axes = len(shape) - 2
    weights = np.random.RandomState(0).normal(size=(1, int(np.prod(shape[1:]))))
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(2, in_units=weights.size))
    net.initialize(ctx=ctx)
    net[1].weight.set_data(mx.nd.array(np.concatenate([weights, -weights])))
    x = np.random.RandomState(1).normal(size=shape).astype(np.float32)
    parts = (weights.reshape(shape[1:]) * x).sum(axis=1)
    found = explained("occlusion", net, x, 0, window=1, stride=1)
    np.testing.assert_allclose(found.values, parts, rtol=1e-3, atol=1e-4)
    for name in ("feature_ablation", "lime", "kernel_shap"):
        options = {} if name == "feature_ablation" else {"num_samples": 300}
        found = explained(name, net, x, 0, num_segments=8, **options)
        cut = found.details["segments"]
        assert cut.shape == (shape[0], *shape[2:])
        for n in range(2):
            sums = np.bincount(cut[n].ravel(), parts[n].ravel())
            if name != "lime":
                np.testing.assert_allclose(
                    found.details["segment_values"][n], sums, rtol=1e-3, atol=1e-4
                )
        assert found.heatmap().shape == (shape[0], *shape[2:])
        assert len(found.pictures()) == 2
    assert explained("rise", net, x, 0).values.shape == (shape[0], *shape[2:])
    with pytest.raises(MethodError, match="kernel_shap"):
        explained("partition_shap", net, x, 0)
    assert axes in (1, 3)


@pytest.mark.parametrize("name", list(METHODS))
def test_nets_that_keep_the_channels_last(name):
    """On the CPU MXNet runs them between transpositions only, as the engine does."""
    numbers = np.random.RandomState(0).normal(size=(2, 9, 7, 3)).astype(np.float32)
    net = sequential(
        lambda: [
            nn.Conv2D(4, 3, layout="NHWC", in_channels=3, activation="relu"),
            nn.Flatten(),
            nn.Dense(5, in_units=7 * 5 * 4),
        ]
    )
    net.initialize(mx.init.Normal(0.5))
    twin = sequential(
        lambda: [
            nn.HybridLambda(lambda F, x: F.transpose(x, axes=(0, 1, 2, 3))),
            nn.Conv2D(4, 3, in_channels=3, activation="relu"),
            nn.HybridLambda(lambda F, x: F.transpose(x, axes=(0, 2, 3, 1))),
            nn.Flatten(),
            nn.Dense(5, in_units=7 * 5 * 4),
        ]
    )
    twin.initialize()
    weight = net[0].weight.data().asnumpy()
    twin[1].weight.set_data(mx.nd.array(weight.transpose(0, 3, 1, 2)))
    twin[1].bias.set_data(net[0].bias.data())
    twin[4].weight.set_data(net[2].weight.data())
    twin[4].bias.set_data(net[2].bias.data())
    found = explained(name, net, numbers, 1)
    expected = explained(name, twin, np.ascontiguousarray(numbers.transpose(0, 3, 1, 2)), 1)
    assert distance(found.values, expected.values) <= 1e-4


@pytest.mark.parametrize("name", list(METHODS))
def test_nets_that_cannot_be_traced(ctx, name):
    def layers(kind):
        return [
            kind.Conv2D(4, 3, in_channels=3),
            kind.Activation("relu"),
            kind.Flatten(),
            kind.Dense(5, in_units=4 * 35),
        ]

    x = np.random.RandomState(0).normal(size=SHAPE).astype(np.float32)
    net = initialised(Branching(lambda: layers(gm.nn)), ctx, x)
    twin = initialised(sequential(lambda: layers(nn)), ctx, x)
    for (_, one), (_, other) in zip(
        sorted(twin.collect_params().items()), sorted(net.collect_params().items())
    ):
        one.set_data(other.data())
    x = mx.nd.array(x, ctx=ctx)
    assert distance(explained(name, net, x, 1).values, explained(name, twin, x, 1).values) <= 1e-5


# ------------------------------------------------------------------------------ what is left behind


@pytest.mark.parametrize("name", list(METHODS))
def test_ctrl_c_leaves_nothing_behind(ctx, name, monkeypatch):
    net = make_net(ctx, "add")
    x = mx.nd.array(np.random.RandomState(0).randn(2, 3, 9, 7), ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    hooked = Hooked(net)
    before = state_of(net, x)
    expected = explained(name, net, x, batch_size=4).values
    assert_same(state_of(net, x), before)
    start, calls = Engine._start, []

    def interrupted(self, filled, rows):
        calls.append(rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return start(self, filled, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            explained(name, net, x, batch_size=4)
    assert_same(state_of(net, x), before)
    assert hooked.calls == []
    np.testing.assert_array_equal(explained(name, net, x, batch_size=4).values, expected)


def test_the_engine_and_its_memory_go_with_the_call(ctx):
    net, x = small_net(ctx)
    run = Run(net, x, 1, needs=[Needs(perturbs=True)])
    engine = run.engine(4)
    operator = weakref.ref(engine)
    list(engine([x.asnumpy()]))
    del engine
    gc.collect()
    assert operator() is None


def test_the_callers_arrays_stay_as_they_are(ctx):
    net, _ = small_net(ctx)
    x = np.random.RandomState(1).normal(size=SHAPE).astype(np.float32)
    behind, cut = x * 0 + 2, np.arange(63).reshape(9, 7) // 9
    kept = x.copy(), behind.copy(), cut.copy()
    for array in (x, behind, cut):
        array.setflags(write=False)
    for name in METHODS:
        options = {"segments": cut} if "segments" in METHODS[name] else {}
        hidden = {"partition_shap": "masker"}.get(name, "baseline")
        explained(name, net, x, 0, **{hidden: behind}, **options)
    for array, copy in zip((x, behind, cut), kept):
        np.testing.assert_array_equal(array, copy)


def test_threads(ctx):
    net, x = small_net(ctx)
    graph = gm.trace(net)
    expected = explained("kernel_shap", graph, x, 1, batch_size=4).values
    found = [None] * 4

    def explain(number):
        found[number] = explained("kernel_shap", graph, x, 1, batch_size=4).values

    threads = [threading.Thread(target=explain, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_progress_is_shown_of_what_takes_long(ctx, capfd, monkeypatch):
    net, x = small_net(ctx)
    explained("rise", net, x, progress=True)
    assert "RISE" not in capfd.readouterr().err
    monkeypatch.setattr(progress.tqdm, "__init__", _without_delay(progress.tqdm.__init__))
    explained("rise", net, x, progress=True)
    assert "RISE: 100%" in capfd.readouterr().err
    explained("rise", net, x)
    assert not capfd.readouterr().err


def _without_delay(original):
    def init(self, *args, **options):
        original(self, *args, **{**options, "delay": 0})

    return init


# --------------------------------------------------------------------------------- the engine alone


def engine_of(size, forward=None, results=lambda outputs, samples: outputs[0].asnumpy()):
    seen = []

    def net(rows, samples):
        seen.append((rows.asnumpy().copy(), samples.copy()))
        return [rows.sum(axis=1)]

    chunk = ChunkSize(size, 1, {}, None) if not isinstance(size, ChunkSize) else size
    return Engine(forward or net, results, mx.nd.zeros((1, 2)), (2,), chunk), seen


def test_chunks_go_across_values_and_samples():
    engine, seen = engine_of(4)
    values = np.arange(36, dtype=np.float32).reshape(6, 3, 2)
    found = list(engine(values))
    np.testing.assert_array_equal(found, values.sum(axis=2))
    assert [len(rows) for rows, _ in seen] == [4, 4, 4, 4, 4]
    assert np.concatenate([samples for _, samples in seen])[:18].tolist() == [0, 1, 2] * 6
    np.testing.assert_array_equal(
        np.concatenate([rows for rows, _ in seen])[:18], values.reshape(18, 2)
    )


def test_fewer_rows_than_a_chunk_are_not_filled_up():
    engine, seen = engine_of(16)
    list(engine(np.zeros((1, 3, 2))))
    assert [len(rows) for rows, _ in seen] == [3]


def test_what_the_net_makes_of_the_filling_is_nobodys_matter():
    """A last chunk is filled up to the usual size."""
    seen = []

    def results(outputs, samples):
        seen.append((len(outputs[0]), len(samples)))
        return outputs[0].asnumpy()

    engine, _ = engine_of(4, results=results)
    list(engine(np.ones((3, 2, 2))))
    assert seen == [(4, 4), (2, 2)]


def test_a_value_is_used_up_before_the_next_one():
    engine, _ = engine_of(3)
    one = np.zeros((2, 2), np.float32)

    def values():
        for number in range(7):
            one[:] = number
            yield one

    found = list(engine(values()))
    np.testing.assert_array_equal(found, 2 * np.repeat(np.arange(7), 2).reshape(7, 2))


def test_no_more_is_made_ahead_than_two_chunks():
    engine, _ = engine_of(4)
    made = []

    def values():
        for number in range(40):
            made.append(number)
            yield np.full((1, 2), number, np.float32)

    for taken, _ in enumerate(engine(values()), start=1):
        assert len(made) - taken <= 8


def test_variants_that_are_not_there():
    engine, seen = engine_of(2)
    values = [[np.ones(2), None, np.full(2, 3)], [None, None, np.full(2, 5)]]
    found = np.stack(list(engine(values)))
    np.testing.assert_array_equal(found, [[2, np.nan, 6], [np.nan, np.nan, 10]])
    assert sum(len(rows) for rows, _ in seen) == 4  # three, filled up to two chunks of two


def test_functions_write_their_variant():
    engine, _ = engine_of(2)

    def write(out):
        out[...] = (3, 4)

    assert list(engine([[write], [write]])) == [[7], [7]]


# ------------------------------------------------------------------------------- the size of chunks


def grown(milliseconds, memory=1, known=None):
    """The sizes that "auto" goes through where a row takes so long, by the size."""
    known = {} if known is None else known
    size = ChunkSize("auto", memory, known, "key")
    sizes = [size.rows]
    while not size.is_settled:
        size.took(size.rows * milliseconds(size.rows))
        if size.rows != sizes[-1]:
            sizes.append(size.rows)
    return sizes, known


def test_chunks_grow_while_that_is_quicker():
    assert grown(lambda rows: 1 / rows) == ([4, 8, 16, 32, 64, 128, 256], {"key": 256})
    assert grown(lambda rows: max(1 / rows, 1 / 16)) == ([4, 8, 16, 32, 16], {"key": 16})
    assert grown(lambda rows: 1) == ([4, 8, 4], {"key": 4})


def test_the_first_chunk_of_a_size_does_not_count():
    size = ChunkSize("auto", 1, {}, "key")
    for seconds in (100.0, 4.0, 1000.0, 4.0, 1e6, 4.0):
        size.took(seconds)
    assert (size.rows, size.is_settled) == (32, False)


def test_memory_bounds_a_chunk():
    assert grown(lambda rows: 1 / rows, perturbation.MEMORY // 9)[0] == [4, 8]
    assert ChunkSize("auto", perturbation.MEMORY // 3, {}, "key").rows == 3
    assert ChunkSize("auto", 10 * perturbation.MEMORY, {}, "key").rows == 1


def test_what_is_quick_is_known_the_next_time(ctx):
    assert ChunkSize("auto", 1, {"key": 32}, "key").rows == 32
    net, x = small_net(ctx)
    graph = gm.trace(net)
    explained("rise", graph, x, num_samples=400)
    sizes = graph.cache(kept.QuickSizes)
    assert list(sizes) == [((0, 0), (3, 9, 7), str(ctx))]


@pytest.mark.parametrize("size", [0, -1, 2.5, "quick", None])
def test_sizes_that_are_none(ctx, size):
    net, x = small_net(ctx)
    for name in (*METHODS, "score_cam"):
        with pytest.raises(InputError, match=r"batch_size is .*; expected 1 or more"):
            getattr(gm, name)(net, x, batch_size=size)


def test_sizes_as_numpy_has_them(ctx):
    """Also where gradients are wanted."""
    net, x = small_net(ctx)
    found = gm.smooth_grad(net, x, num_samples=3, batch_size=np.int64(4), **QUIET).values
    np.testing.assert_array_equal(
        found, gm.smooth_grad(net, x, num_samples=3, batch_size=4, **QUIET).values
    )
    with pytest.raises(InputError, match=r"batch_size is 'all'; expected 1 or more, or 'auto'$"):
        gm.smooth_grad(net, x, num_samples=3, batch_size="all", **QUIET)


def test_memory_of_a_sample(ctx):
    """What is computed: 6 × 7 × 5 twice (convolution, rectifier), 6 × 3 × 2 twice, and 5."""
    net, x = small_net(ctx)
    expected = 4 * (2 * 6 * 7 * 5 + 2 * 6 * 3 * 2 + 5)
    assert recording.record(net, x, recording.Wanted()).memory() == expected


# ---------------------------------------------------------------------------------------- bad input

BAD = [
    ("occlusion", {"window": 10}, r"window \[10, 10\] is larger than the input.*\(9, 7\)"),
    ("occlusion", {"window": (2, 8)}, "larger than the input"),
    ("occlusion", {"window": 0}, "window is 0"),
    ("occlusion", {"window": 2.5}, "window is 2.5"),
    ("occlusion", {"window": (2, 2, 2)}, "each of the axes"),
    ("occlusion", {"stride": 0}, "stride is 0"),
    ("occlusion", {"window": 3, "stride": 4}, "stride .* is larger than the window"),
    ("occlusion", {"values": "fall"}, "drop, score"),
    ("occlusion", {"baseline": "black"}, "zero, mean, blur, inpaint"),
    ("occlusion", {"baseline": np.zeros((3, 9, 8))}, r"shape \(3, 9, 8\); expected \(3, 3, 9, 7\)"),
    ("occlusion", {"baseline": (1.0, 2.0)}, r"shape \(2,\)"),
    ("occlusion", {"baseline": float("nan")}, "NaN"),
    ("feature_ablation", {"segments": np.zeros((7, 9), int)}, r"\(7, 9\); expected .*\(9, 7\)"),
    ("feature_ablation", {"segments": np.full((9, 7), 0.5)}, "whole number"),
    ("feature_ablation", {"segments": "felzenszwalb"}, "slic, quickshift, grid"),
    ("feature_ablation", {"num_segments": 0}, "num_segments is 0"),
    ("feature_ablation", {"baseline": np.zeros((2, 3, 9, 7))}, "baseline has shape"),
    ("rise", {"num_samples": 1}, "num_samples=1"),
    ("rise", {"cells": 0}, "cells=0"),
    ("rise", {"keep": 1.0}, "between 0 and 1"),
    ("rise", {"baseline": "inpaint"}, "no baseline 'inpaint'; there are zero, mean, blur"),
    ("lime", {"num_samples": 1}, "num_samples is 1"),
    ("lime", {"num_features": 0}, "num_features is 0"),
    ("lime", {"kernel_width": 0}, "kernel_width above 0"),
    ("lime", {"ridge": -1}, "ridge of 0 or more"),
    ("lime", {"baseline": "grey"}, "no baseline 'grey'"),
    ("kernel_shap", {"num_samples": 3}, "num_samples is 3; .*4 here"),
    (
        "kernel_shap",
        {"segments": np.arange(63).reshape(9, 7), "num_samples": 100},
        "num_samples is 100; expected twice the number of segments or more, which is 126",
    ),
    ("kernel_shap", {"segments": np.ones((1, 9, 7), int)}, "segments have shape"),
    ("partition_shap", {"max_evals": 3}, "max_evals is 3; expected 4 or more"),
    ("partition_shap", {"masker": "blur"[:3]}, "no masker 'blu'; there are inpaint_telea"),
    ("partition_shap", {"masker": "blur(0,3)"}, "no masker"),
    ("partition_shap", {"masker": np.zeros((3, 2, 2))}, "baseline has shape"),
]


@pytest.mark.parametrize(("name", "options", "said"), BAD, ids=str)
def test_bad_input_is_refused_before_anything_is_computed(name, options, said, ctx, monkeypatch):
    net, x = small_net(ctx)

    def computed(*args, **options):
        raise AssertionError("something was computed")

    monkeypatch.setattr(recording, "Tape", computed)
    for method in (
        getattr(gm, name),
        lambda *args, **given: gm.explain(args[0], args[1], [name], options={name: given}),
    ):
        with pytest.raises((MethodError, InputError), match=said):
            method(net, x, **options)


def test_a_picture_that_is_one_segment(ctx):
    net, x = small_net(ctx)
    with pytest.raises(InputError, match=r'sample 0 is one segment.*segments="grid"'):
        gm.feature_ablation(net, x * 0 + 1, segments="quickshift", **QUIET)


def test_one_position_is_one_segment(ctx):
    net = nn.Dense(2, in_units=1)
    net.initialize(ctx=ctx)
    weight = net.weight.data(ctx).asnumpy()[1, 0]
    found = gm.kernel_shap(net, mx.nd.ones((1, 1), ctx=ctx) * 3, 1)
    np.testing.assert_allclose(found.values, [[3 * weight]], rtol=1e-6)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (lambda: gm.targets.Top(0), "got 0"),
        (lambda: gm.targets.Top(6), r"Top\(6\) of a net with 5"),
        (lambda: gm.targets.Several([]), r"got \[\]"),
        (lambda: gm.targets.Several(3), "got 3"),
        (lambda: gm.targets.Several([gm.targets.Top(2)]), "cannot hold"),
        (lambda: gm.targets.Several([1, 7]), "out of range"),
    ],
)
def test_several_targets_that_are_none(ctx, target, said):
    net, x = small_net(ctx)
    with pytest.raises(gm.errors.TargetError, match=said):
        gm.feature_ablation(net, x, target(), segments="grid")

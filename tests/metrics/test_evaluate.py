"""Tables of measures and methods over samples: means, errors, controls, files"""

from __future__ import annotations

import csv
import json
import math
import random

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, MethodError, MetricError

METHODS = ["grad_cam", "saliency"]
METRICS = ["srg", "energy", "sparseness"]
FEW = {"srg": {"steps": 4}}


def make_net(ctx):
    mx.random.seed(3)
    net = mx.gluon.nn.HybridSequential()
    net.add(
        mx.gluon.nn.Conv2D(6, 3, padding=1, activation="relu"),
        mx.gluon.nn.Conv2D(8, 3, strides=2, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(5),
    )
    net.initialize(mx.init.Xavier(magnitude=4), ctx=ctx)
    return net


@pytest.fixture
def net(ctx):
    return make_net(ctx)


@pytest.fixture
def x(ctx):
    return mx.nd.array(np.random.RandomState(0).uniform(size=(7, 3, 16, 16)), ctx=ctx)


BOXES = [(2, 2, 9, 9)] * 7


def table(net, x, **options):
    given = {"masks": BOXES, "metric_options": FEW, "progress": False, **options}
    return gm.metrics.evaluate(net, x, METHODS, METRICS, **given)


def close(found, expected):
    """Sums of float32 in another order."""
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def naive_mean_and_error(values):
    """Mean and standard error with plain loops."""
    kept = [value for value in values if not math.isnan(value)]
    mean = math.fsum(kept) / len(kept)
    squares = math.fsum((value - mean) ** 2 for value in kept)
    return mean, math.sqrt(squares / (len(kept) - 1) / len(kept))


def test_numbers_are_those_of_each_sample_alone(net, x):
    found = table(net, x)
    assert found.rows == [*METHODS, "random_map", "centre_map", "edge_map"]
    assert found.values.shape == (3, 5, 7)
    for sample in range(7):
        own = x[sample : sample + 1]
        for row, name in enumerate(found.rows):
            options = {"start": sample} if name == "random_map" else {}
            explanation = gm.METHODS[name].function(net, own, **options)
            measures = [
                gm.metrics.srg(net, own, explanation, steps=4, progress=False),
                gm.metrics.energy(net, own, explanation, masks=BOXES[:1]),
                gm.metrics.sparseness(net, own, explanation),
            ]
            for column, measured in enumerate(measures):
                np.testing.assert_allclose(
                    found.values[column, row, sample],
                    measured.values[0],
                    rtol=1e-3,
                    atol=1e-5,
                    err_msg=f"{name}, {METRICS[column]}, sample {sample}",
                )


@pytest.mark.parametrize("at_a_time", [1, 3, 7, 20])
def test_how_many_run_at_once_changes_nothing(at_a_time, net, x):
    np.testing.assert_allclose(
        table(net, x, at_a_time=at_a_time).values, table(net, x).values, rtol=1e-3, atol=1e-5
    )


def test_batches_one_after_another_are_one_data_set(net, x):
    whole = table(net, x)
    parts = table(net, (x[start : start + 3] for start in range(0, 7, 3)))
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-3, atol=1e-5)
    assert len(parts) == 7


def test_means_and_errors(net, x):
    found = table(net, x)
    for column, metric in enumerate(METRICS):
        for row, name in enumerate(found.rows):
            entry = found[name, metric]
            expected = naive_mean_and_error(found.values[column, row])
            np.testing.assert_allclose([entry.mean, entry.standard_error], expected, atol=1e-12)
            assert entry.samples == 7


def by_hand(values, better="higher", controls=1):
    """A table of one measure, of methods a, b … and the last rows controls."""
    values = np.asarray(values, float)[None]
    names = [chr(ord("a") + number) for number in range(values.shape[1])]
    cut = len(names) - controls
    column = gm.metrics.table.Column("srg", "SRG", better)
    return gm.metrics.Evaluation(names[:cut], names[cut:], [column], values)


def test_what_is_no_better_than_a_control():
    """By the differences of each sample, not by the errors of the means."""
    control = np.array([0.0, 10, 20, 30])
    always_a_little_better = control + np.array([1, 1.1, 0.9, 1])
    now_and_then = control + np.array([5, -4, 3, -3])
    found = by_hand([always_a_little_better, now_and_then, control])
    assert found["a", "srg"].no_better_than == ()
    assert found["b", "srg"].no_better_than == ("c",)
    assert (found["a", "srg"].is_best, found["b", "srg"].is_best) == (True, False)
    assert found["c", "srg"].no_better_than == ()
    assert found.difference("a", "c", "srg") == pytest.approx(
        naive_mean_and_error([1, 1.1, 0.9, 1])
    )
    lower = by_hand([-always_a_little_better, -now_and_then, -control], "lower")
    assert lower["a", "srg"].no_better_than == ()
    assert lower["b", "srg"].no_better_than == ("c",)
    assert lower["a", "srg"].is_best


def test_a_description_has_no_best(net, x):
    found = table(net, x)
    assert not any(found[name, "sparseness"].is_best for name in found.rows)
    with pytest.raises(MetricError, match="neither number is better"):
        found.difference("grad_cam", "random_map", "sparseness")


def test_intervals_cover_what_they_should():
    """Of 200 tables of 20 samples, 90 to 99 % of the intervals of two errors hold the mean."""
    draw = np.random.RandomState(0)
    hits = 0
    for _ in range(200):
        entry = by_hand([draw.gamma(2, 3, 20), np.zeros(20)])["a", "srg"]
        hits += abs(entry.mean - 6) <= 2 * entry.standard_error
    assert 0.90 <= hits / 200 <= 0.99


def test_as_text(net, x):
    text = repr(table(net, x))
    lines = text.splitlines()
    assert lines[0].split() == ["srg", "↑", "energy", "↑", "sparseness"]
    assert [line.split()[0] for line in lines[2:4]] == METHODS
    assert set(lines[4]) == {"-"}
    assert [line.split()[0] for line in lines[5:8]] == ["random_map", "centre_map", "edge_map"]
    assert "7 samples; mean ± standard error" in text
    assert "no better than a control" in text
    html = table(net, x)._repr_html_()
    assert html.count("<b>") == 2
    assert "grad_cam" in html
    assert "border-top" in html


def test_one_sample_has_no_error(net, x):
    found = table(net, x[:1], masks=BOXES[:1])
    assert math.isnan(found["grad_cam", "srg"].standard_error)
    assert found["grad_cam", "srg"].no_better_than == ()
    assert "of one sample there is no standard error" in repr(found)


def test_files(net, x, tmp_path):
    found = table(net, x)
    assert gm.metrics.Evaluation.load(found.save(tmp_path / "all.json")) == found
    rows = list(csv.DictReader(found.to_csv(tmp_path / "all.csv").open(encoding="utf-8")))
    assert len(rows) == 15
    first = found["grad_cam", "srg"]
    assert rows[0]["method"] == "grad_cam"
    assert float(rows[0]["mean"]) == first.mean
    assert rows[0]["no_better_than"].split() == list(first.no_better_than)
    (tmp_path / "other.json").write_text(json.dumps({"format": "another"}), encoding="utf-8")
    with pytest.raises(InputError, match="holds no evaluation"):
        gm.metrics.Evaluation.load(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot read"):
        gm.metrics.Evaluation.load(tmp_path / "none.json")


def test_as_a_dataframe(net, x):
    pandas = pytest.importorskip("pandas")
    frame = table(net, x).to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 15


def test_figures(net, x):
    found = table(net, x)
    bars = found.plot(heading="seven samples")
    assert [axes.get_title() for axes in bars.axes[:3]] == ["srg ↑", "energy ↑", "sparseness"]
    assert len(bars.axes[0].patches) == 5
    curve = found.plot_curve("srg").axes[0]
    assert [line.get_label() for line in curve.get_lines()] == found.rows
    shares = curve.get_lines()[0].get_xdata()
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1])
    at, means, errors = found.curves["srg"]
    assert at.shape == means.shape == errors.shape == (5, 5)
    with pytest.raises(MetricError, match="energy has no curve"):
        found.plot_curve("energy")


def test_curves_are_means_over_all_samples(net, x):
    found = table(net, x, at_a_time=3)
    explanation = gm.grad_cam(net, x)
    curves = gm.metrics.srg(net, x, explanation, steps=4, progress=False).curve
    mean, error = zip(*(naive_mean_and_error(column) for column in curves.T.tolist()))
    np.testing.assert_allclose(found.curves["srg"][1, 0], mean, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.curves["srg"][2, 0], error, rtol=1e-2, atol=1e-5)


def test_labels_are_explained_where_no_target_is_given(net, x):
    labels = [0, 1, 2, 3, 4, 0, 1]
    found = table(net, x, labels=labels)
    close(found.values, table(net, x, target=labels).values)
    assert (found.values[0] != table(net, x).values[0]).any()
    close(table(net, x, target=3, labels=labels).values, table(net, x, target=[3] * 7).values)


def test_a_sample_with_an_empty_mask_is_left_out_and_said(net, x):
    masks = np.zeros((7, 16, 16), bool)
    masks[:, 2:9, 2:9] = True
    masks[4] = False
    found = table(net, x, masks=masks)
    assert list(found.errors) == [4]
    assert "is empty" in found.errors[4]
    assert np.isnan(found.values[..., 4]).all()
    others = [0, 1, 2, 3, 5, 6]
    np.testing.assert_allclose(
        found.values[..., others], table(net, x).values[..., others], rtol=1e-3, atol=1e-5
    )
    assert "1 samples were left out; sample 4" in repr(found)
    with pytest.raises(InputError, match="is empty"):
        table(net, x, masks=np.zeros((7, 16, 16), bool))


def test_controls_are_chosen_by_name(net, x):
    assert table(net, x, controls=()).controls == []
    assert table(net, x, controls=["edge_map"]).controls == ["edge_map"]
    both = gm.metrics.evaluate(net, x[:2], ["grad_cam", "edge_map"], "sparseness", progress=False)
    assert both.methods == ["grad_cam", "edge_map"]
    assert both.controls == ["random_map", "centre_map"]


def test_another_seed_gives_other_random_maps(net, x):
    found = [
        gm.metrics.evaluate(
            net, x, "saliency", "srg", seed=seed, metric_options=FEW, progress=False
        )
        for seed in (0, 1)
    ]
    row = found[0].rows.index("random_map")
    assert (found[0].values[0, row] != found[1].values[0, row]).any()
    random = found[0].values[0, row]
    assert len(set(random.tolist())) == len(random)


BAD = {
    "no such metric": ({"metrics": ["srk"]}, MetricError, "no metric 'srk'.*srg"),
    "no such method": ({"methods": ["gradcam"]}, MethodError, "no method 'gradcam'"),
    "nothing": ({"metrics": []}, MetricError, "expected one or more of each"),
    "an option of nothing": (
        {"metric_options": {"srg": {"parts": 3}}},
        MetricError,
        "nothing takes: .*parts.*srg takes baseline",
    ),
    "an option of another method": (
        {"options": {"rise": {"num_samples": 3}}},
        MethodError,
        "options for 'rise'",
    ),
    "too few masks": ({"masks": BOXES[:3]}, InputError, "3 masks for 7 samples"),
    "no masks": ({"masks": None}, InputError, "energy: expected masks"),
    "too few labels": ({"labels": [1, 2]}, InputError, "2 targets or labels for 7 samples"),
    "more steps than pixels": (
        {"metric_options": {"srg": {"steps": 257}}},
        MetricError,
        "steps is 257",
    ),
    "none at a time": ({"at_a_time": 0}, InputError, "at_a_time is 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_told_before_anything_is_measured(case, net, x, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("something was measured")

    monkeypatch.setattr(gm.metrics.Case, "scores", never)
    given, kind, said = BAD[case]
    options = {"methods": METHODS, "metrics": METRICS, "masks": BOXES, "progress": False, **given}
    with pytest.raises(kind, match=said):
        gm.metrics.evaluate(net, x, **options)


def test_no_samples(net, x):
    with pytest.raises(InputError, match="no samples"):
        table(net, iter([]))


def test_nothing_of_the_users_changes(net, x):
    with mx.autograd.record():
        loss = net(x).sum()
    loss.backward()
    before = x.asnumpy()
    parameters = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    gradients = {name: one.grad().asnumpy() for name, one in net.collect_params().items()}
    random.seed(1), np.random.seed(1), mx.random.seed(1)
    expected = random.random(), np.random.rand(), mx.nd.random.uniform(ctx=x.context).asscalar()
    random.seed(1), np.random.seed(1), mx.random.seed(1)
    table(net, x)
    found = random.random(), np.random.rand(), mx.nd.random.uniform(ctx=x.context).asscalar()
    assert found == expected
    np.testing.assert_array_equal(x.asnumpy(), before)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data().asnumpy(), parameters[name])
        np.testing.assert_array_equal(one.grad().asnumpy(), gradients[name])


def test_vectors_have_fewer_controls(ctx):
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(6, activation="relu"), mx.gluon.nn.Dense(3))
    net.initialize(ctx=ctx)
    x = mx.nd.random.normal(shape=(3, 8), ctx=ctx)
    net(x)
    with pytest.warns(UserWarning, match="without centre_map"):
        found = gm.metrics.evaluate(
            net, x, "saliency", "srg", metric_options={"srg": {"steps": 4}}, progress=False
        )
    assert found.controls == []
    explanation = gm.saliency(net, x)
    small = {"steps": 4, "cells": 4, "pixels": 1, "subset_size": 3}
    for metric in gm.metrics.METRICS.values():
        if not metric.wants.net or metric.name == "road" or metric.family == "sanity":
            continue
        options = {key: value for key, value in small.items() if key in metric.options}
        if metric.name in ("average_drop", "increase", "gain"):  # by what a picture shows
            with pytest.raises(InputError, match="no positions"):
                metric.function(net, x, explanation, **options)
        else:
            found = metric.function(net, x, explanation, **options)
            assert np.isfinite(found.values).all(), metric.name

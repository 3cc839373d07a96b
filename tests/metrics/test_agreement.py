"""How alike maps are, each with each"""

from __future__ import annotations

import naive_metrics as naive
import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, MetricError
from gradcam_mx.explanation.relevant import relevance as relevance_of

METHODS = ["grad_cam", "saliency", "occlusion", "edge_map"]


@pytest.fixture
def explanations(ctx):
    mx.random.seed(2)
    net = mx.gluon.nn.HybridSequential()
    net.add(
        mx.gluon.nn.Conv2D(6, 3, padding=1, activation="relu"),
        mx.gluon.nn.MaxPool2D(),
        mx.gluon.nn.Conv2D(8, 3, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(5),
    )
    net.initialize(mx.init.Xavier(magnitude=4), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).uniform(size=(2, 3, 12, 14)), ctx=ctx)
    return gm.explain(net, x, METHODS, options={"occlusion": {"progress": False}})


def relevant(explanation, sample):
    return relevance_of(explanation)[sample]


def scaled(one, signed):
    return one / np.abs(one).max() if signed else (one - one.min()) / (one.max() - one.min())


def naive_agreement(measure, one, other, sample):
    a, b = relevant(one, sample), relevant(other, sample)
    if measure == "rank":
        return naive.spearman(a.ravel(), b.ravel())
    if measure == "ssim":
        signed = one.signed and other.signed
        a, b = scaled(a, signed), scaled(b, signed)
        # the reference is of maps of range 1: SSIM of twice the range is that of the halves
        return naive.ssim(a / 2, b / 2) if signed else naive.ssim(a, b)
    chance = np.random.RandomState(0).permutation(a.size)
    orders = [
        np.array(sorted(range(a.size), key=lambda i, flat=flat: (-flat[i], chance[i])))
        for flat in (a.ravel(), b.ravel())
    ]
    return naive.top_k_overlap(*orders, 20)


@pytest.mark.parametrize("measure", ["rank", "ssim", "top_k"])
def test_against_naive_references(measure, explanations):
    found = gm.metrics.agreement(explanations, measure, count=20)
    assert found.names == METHODS
    for row, one in enumerate(METHODS):
        for column, other in enumerate(METHODS):
            for sample in range(2):
                expected = naive_agreement(measure, explanations[one], explanations[other], sample)
                np.testing.assert_allclose(
                    found.values[row, column, sample], expected, atol=1e-6, err_msg=f"{one} {other}"
                )
    np.testing.assert_array_equal(found.matrix, found.matrix.T)
    np.testing.assert_allclose(np.diag(found.matrix), 1)
    np.testing.assert_allclose(found.matrix, found.values.mean(axis=-1))


def test_what_is_said(explanations):
    found = gm.metrics.agreement(explanations)
    lines = repr(found).splitlines()
    assert lines[0].split() == METHODS
    assert lines[1].split()[:2] == ["grad_cam", "1.00"]
    assert lines[-1] == "Rank correlation, mean of 2 samples"
    assert "edge_map" in found._repr_html_()
    figure = found.plot()
    axes = figure.axes[0]
    assert figure._suptitle.get_text() == "Rank correlation"
    assert [one.get_text() for one in axes.get_xticklabels()] == METHODS
    assert len(axes.texts) == 16


def test_a_list_is_called_by_method_and_layer(explanations):
    one = explanations["grad_cam"]
    other = type(one)(**{**vars(one), "layer": "1"})
    found = gm.metrics.agreement([one, other, explanations["saliency"]])
    assert found.names == [f"grad_cam at {one.layer}", "grad_cam at 1", "saliency"]


BAD = {
    "no such measure": (lambda e: (e, "pearson"), {}, MetricError, "'pearson'.*rank, ssim, top_k"),
    "one alone": (lambda e: ([e["saliency"]],), {}, MetricError, "1 explanations; expected two"),
    "other samples": (
        lambda e: ([e["saliency"], e["edge_map"][:1]],),
        {},
        InputError,
        "only maps of the same samples",
    ),
    "more than all": (lambda e: (e, "top_k"), {"count": 169}, MetricError, "count is 169"),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes(case, explanations):
    arguments, options, kind, said = BAD[case]
    with pytest.raises(kind, match=said):
        gm.metrics.agreement(*arguments(explanations), **options)

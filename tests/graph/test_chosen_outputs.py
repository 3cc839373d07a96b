"""Inputs are those of the chosen output; loss heads are passed over wherever they are."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.command_line import main
from gradcam_mx.errors import InputError, TargetError

S = mx.sym
RNG = np.random.RandomState(0)
X = RNG.normal(size=(2, 3, 8, 8)).astype(np.float32)


def conv(data, name, filters):
    return S.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=filters, name=name)


def maps():
    return S.Activation(conv(S.var("data"), "first", 8), act_type="relu", name="relu")


def detector():
    """As SageMaker trains SSD: classes, the loss of the boxes, the labels, the detections."""
    body, label = maps(), S.var("label")
    scores = S.transpose(conv(body, "classes", 6), axes=(0, 2, 3, 1))
    scores = S.transpose(S.Reshape(S.Flatten(scores), shape=(0, -1, 3)), axes=(0, 2, 1))
    moves = S.Flatten(S.transpose(conv(body, "boxes", 8), axes=(0, 2, 3, 1)))
    anchors = S.contrib.MultiBoxPrior(body, sizes=(0.3, 0.6), ratios=(1,))
    aims = S.contrib.MultiBoxTarget(anchors, label, scores)
    prob = S.SoftmaxOutput(
        scores, aims[2], ignore_label=-1, use_ignore=True, multi_output=True, name="cls_prob"
    )
    loss = S.MakeLoss(S.smooth_l1(aims[1] * (moves - aims[0]), scalar=1.0), name="loc_loss")
    found = S.contrib.MultiBoxDetection(prob, moves, anchors)
    return S.Group([
        prob, loss, S.MakeLoss(aims[2], grad_scale=0, name="cls_label"),
        S.MakeLoss(found, grad_scale=0, name="det_out"),
    ])  # fmt: skip


def initialised(symbol, **inputs):
    shapes, _, _ = symbol.infer_shape(**inputs)
    rng = np.random.RandomState(1)
    return (
        symbol,
        {
            name: mx.nd.array(rng.normal(size=shape) * 0.3)
            for name, shape in zip(symbol.list_arguments(), shapes)
            if name not in inputs
        },
        {},
    )


LABEL = np.tile(np.array([[0, 0.1, 0.1, 0.6, 0.6, 0]], np.float32), (2, 1, 1))


@pytest.fixture(scope="module")
def ssd():
    return initialised(detector(), data=X.shape, label=LABEL.shape)


def by_mxnet(net, x, name, **inputs):
    run = net[0].bind(mx.cpu(), {**net[1], "data": mx.nd.array(x), **inputs}, grad_req="null")
    outputs = [one.asnumpy() for one in run.forward()]
    return outputs[net[0].list_outputs().index(name)]


def best(rows):
    return rows.slice_axis(axis=2, begin=1, end=2).reshape((0, -1)).max(axis=1)


def test_a_label_is_asked_for_where_the_output_depends_on_it_alone(ssd):
    found = gm.occlusion(ssd, X, best, output="det_out", window=4, stride=4)
    given = mx.nd.array(LABEL)
    hidden = X.copy()
    hidden[..., :4, 4:] = 0
    before, after = (
        by_mxnet(ssd, x, "det_out_output", label=given)[..., 1].max(axis=1) for x in (X, hidden)
    )
    np.testing.assert_allclose(found.score, before, rtol=1e-5)
    np.testing.assert_allclose(found.values[:, 0, 4], before - after, atol=1e-5)
    both = gm.occlusion(ssd, (X, LABEL), best, output="det_out", window=4, stride=4)
    np.testing.assert_allclose(both.values, found.values, atol=1e-6)
    with pytest.raises(InputError, match=r"2 inputs \(data, label\), got 1"):
        gm.saliency(ssd, X, lambda y: y.reshape((0, -1)).sum(axis=1), output="loc_loss")
    with pytest.raises(InputError, match=r"depends on data, got 3"):
        gm.saliency(ssd, (X, X, X), None, output="det_out")


def test_detections_are_explained_by_perturbation(ssd):
    for method in (gm.saliency, gm.grad_cam):
        with pytest.raises((TargetError, gm.errors.LayerError), match="_contrib_MultiBoxDetection"):
            method(ssd, X, gm.targets.BestDetection(), output="det_out")
    rows = by_mxnet(ssd, X, "det_out_output", label=mx.nd.array(LABEL))
    found = gm.occlusion(ssd, X, gm.targets.BestDetection(), output="det_out", window=4, stride=4)
    np.testing.assert_allclose(found.score, rows[..., 1].max(axis=1), rtol=1e-5)
    hidden = X.copy()
    hidden[..., 4:, :4] = 0
    others = by_mxnet(ssd, hidden, "det_out_output", label=mx.nd.array(LABEL))
    for n in range(2):
        kind = rows[n, rows[n, :, 1].argmax(), 0]
        left = others[n, others[n, :, 0] == kind, 1].max(initial=0)
        np.testing.assert_allclose(found.values[n, 4, 0], found.score[n] - left, atol=1e-5)


def test_the_scores_of_classes_are_explained_where_they_are_found(ssd):
    scores = by_mxnet(ssd, X, "cls_prob_output", label=mx.nd.array(LABEL)).argmax(axis=1)
    found = gm.saliency(ssd, X, gm.targets.WhereFound(1), output=0)
    assert np.abs(found.values).max() > 0
    graph = gm.trace(ssd)
    points = graph.taking(1, graph.heads[:1]).forward([mx.nd.array(X)])[0].asnumpy()
    expected = [points[n, 1][scores[n] == 1].mean() for n in range(2)]
    np.testing.assert_allclose(found.score, expected, rtol=1e-4)


# -- loss heads in the middle ----------------------------------------------------------------------


def default_mode(x):
    return S.SoftmaxOutput(x, S.var("label"), name="loss"), mx.nd.softmax


def of_channels(x):
    made = S.SoftmaxOutput(x, S.var("label"), multi_output=True, name="loss")
    return made, lambda y: mx.nd.softmax(y, axis=1)


def along_the_last(x):
    made = S.SoftmaxOutput(x, S.var("label"), preserve_shape=True, name="loss")
    return made, lambda y: mx.nd.softmax(y, axis=-1)


def sigmoids(x):
    return S.LogisticRegressionOutput(x, S.var("label"), name="loss"), mx.nd.sigmoid


def regression(x):
    return S.LinearRegressionOutput(x, S.var("label"), name="loss"), lambda y: y


def marked(x):
    return S.MakeLoss(x, grad_scale=3, name="loss"), lambda y: y


@pytest.mark.parametrize(
    "loss", [default_mode, of_channels, along_the_last, sigmoids, regression, marked]
)
def test_the_gradient_passes_a_loss_head_inside_the_net(loss):
    rng = np.random.RandomState(2)
    inside, plain = loss(conv(S.var("data"), "first", 4))
    symbol = S.FullyConnected(S.square(inside), num_hidden=3, name="out")
    weights = {
        "first_weight": mx.nd.array(rng.normal(size=(4, 3, 3, 3))),
        "first_bias": mx.nd.zeros(4),
        "out_weight": mx.nd.array(rng.normal(size=(3, 256))),
        "out_bias": mx.nd.zeros(3),
    }
    found = gm.saliency((symbol, weights, {}), X, 1)
    x = mx.nd.array(X)
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Convolution(
            x, weights["first_weight"], weights["first_bias"], kernel=(3, 3), pad=(1, 1),
            num_filter=4,
        )  # fmt: skip
        if loss is default_mode:
            y = plain(y.reshape((2, -1)), axis=-1).reshape(y.shape)
        else:
            y = plain(y)
        y = mx.nd.FullyConnected(
            y.square(), weights["out_weight"], weights["out_bias"], num_hidden=3
        )
        score = y[:, 1]
    score.backward()
    np.testing.assert_allclose(found.score, score.asnumpy(), rtol=1e-4, atol=1e-6)
    gradient = np.abs(x.grad.asnumpy()).max(axis=1)
    assert gradient.max() > 0
    np.testing.assert_allclose(
        np.abs(found.values).reshape(2, -1, 8, 8).max(axis=1), gradient, rtol=1e-3, atol=1e-6
    )


# -- on the command line ---------------------------------------------------------------------------


def segmentation():
    up = S.Deconvolution(maps(), kernel=(3, 3), pad=(1, 1), num_filter=4, name="up")
    return S.SoftmaxOutput(
        up, S.var("label"), multi_output=True, use_ignore=True, ignore_label=255, name="softmax"
    )


@pytest.mark.parametrize(
    ("make", "label", "more"),
    [
        (detector, LABEL[:1].shape, ["--method", "grad_cam", "--target", "1"]),
        (detector, LABEL[:1].shape, ["--method", "occlusion", "--output", "det_out"]),
        (segmentation, (1, 64), ["--method", "grad_cam", "saliency"]),
    ],
    ids=["classes", "detections", "segmentation"],
)
def test_training_symbols_on_the_command_line(tmp_path, photo_file, make, label, more):
    net = initialised(make(), data=(1, 3, 8, 8), label=label)
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, *net)
    out = tmp_path / "out"
    options = ["--symbol", str(tmp_path / "net"), "--size", "8", "--out", str(out), *more]
    assert main(["explain", str(photo_file), *options]) == 0
    name = f"{photo_file.stem}.npz"
    with np.load(out / name, allow_pickle=False) as saved:
        arrays = [saved[key] for key in saved.files if saved[key].dtype.kind == "f"]
    assert any(one.ndim >= 3 and np.abs(one).max() > 0 for one in arrays)
    assert main(["layers", "--symbol", str(tmp_path / "net"), "--size", "8"]) == 0


def test_a_gradient_of_detections_is_refused_on_the_command_line(tmp_path, photo_file, capsys):
    net = initialised(detector(), data=(1, 3, 8, 8), label=LABEL[:1].shape)
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, *net)
    options = ["--symbol", str(tmp_path / "net"), "--size", "8", "--output", "det_out"]
    assert main(["explain", str(photo_file), *options, "--out", str(tmp_path / "out")]) != 0
    assert "_contrib_MultiBoxDetection" in capsys.readouterr().err


@pytest.fixture
def photo_file(tmp_path):
    import cv2

    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), RNG.randint(0, 255, (16, 16, 3), np.uint8))
    return path

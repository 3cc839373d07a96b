"""Calls of everything public with right arguments, and what is put in the place of one of them."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

rng = np.random.RandomState(0)
X = rng.rand(1, 3, 8, 8).astype("float32")
PHOTO = rng.randint(0, 255, (8, 8, 3)).astype("uint8")
MAP = rng.rand(8, 8).astype("float32")
SIGNED = rng.randn(8, 8).astype("float32")
FOLDER = tempfile.TemporaryDirectory()
"""Where reports go; it is gone with the process."""


def network():
    nn = gm.nn
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(
            nn.Conv2D(4, 3, in_channels=3, activation="relu"),
            nn.Conv2D(5, 3, in_channels=4, activation="relu"),
            nn.GlobalAvgPool2D(),
            nn.Flatten(),
            nn.Dense(3, in_units=5),
        )
    mx.random.seed(0)
    net.initialize(mx.init.Xavier())
    return net


class Odd:
    """Nothing that anybody expects."""

    def __repr__(self):
        return "Odd()"


def nothing(*_):
    """A target that gives nothing."""


WRONG = [
    None,
    True,
    0,
    1,
    -1,
    7,
    0.5,
    -0.5,
    float("nan"),
    float("inf"),
    1j,
    "",
    "x",
    "conv",
    "auto",
    b"x",
    "$",
    "é",
    "0",
    [],
    (),
    {},
    {"a": 1},
    set(),
    [1],
    [0, 1],
    [-1],
    (1, 2),
    (0, 0),
    (8, 8),
    ["x"],
    [None],
    [[1, 2], [3]],
    [[]],
    range(3),
    slice(None),
    Odd(),
    Odd,
    len,
    nothing,
    object(),
    iter([1]),
    np.zeros(0),
    np.zeros(()),
    np.zeros((0, 3, 8, 8), "float32"),
    np.zeros((1, 1)),
    np.zeros((8, 8)),
    np.zeros((8, 8, 3)),
    np.zeros((1, 3, 8, 8), "float32"),
    np.full((1, 3, 8, 8), np.nan, "float32"),
    np.zeros((2, 3, 8, 8), "int64"),
    np.zeros((1, 3, 8, 8), complex),
    np.array(["a"]),
    np.array([None]),
    np.ones((1, 3, 2, 2), "float32"),
    np.ones((1, 5, 8, 8), "float32"),
    np.ones((2, 3, 5), bool),
    PHOTO,
    X,
    X[0],
    MAP,
    SIGNED,
    np.datetime64("2020"),
    np.float32(2),
    np.int64(1),
    np.uint8(200),
    mx.nd.ones((2, 2)),
    mx.nd.array(X),
    mx.sym.var("data"),
    mx.cpu(),
    (mx.nd.array(X), mx.nd.array(X)),
    (X, "x"),
]


def options_of(method):
    few = {
        "num_samples": 8, "steps": 3, "max_evals": 8, "num_segments": 4, "segments": "grid",
        "progress": False, "background": X, "batch_size": 2, "seed": 0, "window": 4, "cells": 2,
    }  # fmt: skip
    names = inspect.signature(getattr(gm, method)).parameters
    found = {name: few[name] for name in few if name in names}
    if "segments" not in names:
        found.pop("num_segments", None)
    return found


def calls():
    """Name → (function, its right arguments, those that are put in others' place too)."""
    net = network()
    graph = gm.trace(net)
    table = {}
    for name in gm.METHODS:
        function = getattr(gm, name)
        right = {"net": graph, "x": X, **options_of(name)}
        table[name] = function, right, list(inspect.signature(function).parameters)
    e = gm.grad_cam(graph, X, 1)
    s = gm.saliency(graph, X, 1)

    def add(name, function, more=(), **right):
        table[name] = function, right, [*right, *more]

    add(
        "explain",
        gm.explain,
        ["layer", "output", "input", "fuse", "options"],
        net=graph,
        x=X,
        methods=["saliency"],
        target=1,
    )
    add("trace", gm.trace, ["inputs"], net=net)
    add(
        "visualize",
        gm.visualize,
        ["conv_layer_name", "class_id", "batch", "order"],
        net=net,
        preprocessed_img=X,
        orig_img=PHOTO,
    )
    add("load", gm.load, ["params_file", "epoch", "ctx"], symbol_file="none")
    add("read_photo", gm.zoo.read_photo, ["bits"], path="none.png")
    add(
        "predict_fn",
        lambda net, images, **o: gm.predict_fn(net, **o)(images),
        ["output", "batch_size"],
        net=net,
        images=[PHOTO],
        preprocess=lambda photo: X,
    )
    for one in ("heatmap", "signed_heatmap", "threshold", "overlay", "pictures", "plot"):
        for of, explanation in (("cam", e), ("saliency", s)):
            method = getattr(explanation, one)
            right = {"photo": PHOTO} if "photo" in inspect.signature(method).parameters else {}
            table[f"{of}.{one}"] = method, right, list(inspect.signature(method).parameters)
    p = gm.picture
    add("added", p.added, photo=PHOTO, heatmap=(MAP * 255).astype("uint8"))
    add("balanced", p.balanced, maps=SIGNED[None])
    add("boundaries", p.boundaries, segments=np.arange(64).reshape(8, 8))
    add("channel_grid", p.channel_grid, ["count", "sort", "each", "colormap"], maps=X[0])
    add("channel_order", p.channel_order, maps=X[0])
    add("check_photo", p.check_photo, ["axes"], photo=PHOTO)
    add("check_photos", p.check_photos, photos=PHOTO[None])
    add("check_signal", p.check_signal, signal=MAP)
    add("colorize", p.colorize, ["colormap"], heatmap=MAP)
    add("figure", p.figure, ["heading"], panels=[PHOTO], titles=["a"])
    add("filter_grid", p.filter_grid, ["count"], weights=X)
    add("framed", p.framed, pictures=[PHOTO])
    add("grey", p.grey, heatmap=MAP)
    add("grid", p.grid, ["rows", "columns", "heading", "side"], panels=[[PHOTO]], titles=[["a"]])
    add("masked", p.masked, ["color"], photo=PHOTO, mask=MAP)
    add("normalise", p.normalise, ["outliers"], maps=MAP[None])
    add("of_input", p.of_input, ["order", "stretch"], x=X)
    geometry = gm.Geometry.of(PHOTO, crop=4)
    add("on_photo", p.on_photo, ["sharp"], heatmap=MAP[:4, :4], geometry=geometry)
    add("mark_unseen", p.mark_unseen, ["photo"], drawn=PHOTO, seen=geometry.box)
    add("aligned", p.aligned, maps=MAP[None], size=(4, 4), centres=[range(n) for n in MAP.shape])
    add("Geometry.of", gm.Geometry.of, ["resize", "crop"], photo=PHOTO)
    add("overlay", p.overlay, ["alpha", "colormap"], photo=PHOTO, heatmap=MAP)
    add("resize", p.resize, maps=MAP[None], size=(4, 4))
    add("scatter", p.scatter, ["groups", "thumbnails", "heading", "side"], points=np.eye(2))
    add("signal_panel", p.signal_panel, ["signal"], heatmap=MAP[0])
    add("signed_image", p.signed_image, attribution=X[0])
    add("signed_overlay", p.signed_overlay, ["segments"], photo=PHOTO, signed=SIGNED)
    add("strength", p.strength, ["channels"], attributions=X)
    add("strip", p.strip, clip=PHOTO[None])
    add("tiles", p.tiles, ["columns"], pictures=PHOTO[None])
    add("to_uint8", p.to_uint8, values=MAP)
    i = gm.inspect
    add(
        "activation_maximization",
        i.activation_maximization,
        [
            "bounds",
            "step_size",
            "jitter",
            "blur",
            "blur_every",
            "decay",
            "seed",
            "output",
            "preprocess",
        ],
        net=graph,
        target=1,
        shape=(3, 8, 8),
        steps=2,
        progress=False,
    )
    add(
        "compare",
        i.compare,
        ["layer", "preprocess", "names", "output", "options"],
        nets={"a": graph},
        images=X,
        targets=[1],
        method="saliency",
    )
    add("embed", i.embed, ["method", "seed"], vectors=rng.rand(6, 4))
    add(
        "feature_vectors",
        i.feature_vectors,
        ["layer", "preprocess", "batch_size"],
        net=graph,
        images=X,
        progress=False,
    )
    add("layer_outputs", i.layer_outputs, ["layers"], net=graph, x=X)
    add(
        "max_activating_patches",
        i.max_activating_patches,
        ["k", "preprocess", "batch_size"],
        net=graph,
        images=X,
        layer="0",
        units=[0],
        progress=False,
    )
    add(
        "receptive_field",
        i.receptive_field,
        ["channel"],
        net=graph,
        layer="0",
        shape=(1, 3, 8, 8),
        position=(2, 2),
    )
    add("weights", i.weights, net=graph, layer="0")
    _add_metrics(add, table, graph, e)
    _add_reports(add, graph)
    t = gm.targets

    def of(target):
        return lambda **options: gm.saliency(graph, X, target(**options))

    add("Binary", of(t.Binary), class_id=1)
    add("Channel", of(t.Channel), layer="0", channel=1)
    add("ClassScore", of(t.ClassScore), class_id=1)
    add("CosineSimilarity", of(t.CosineSimilarity), reference=np.ones(3))
    add("Detection", of(t.Detection), ["box", "class_id", "min_iou", "outputs", "lost"], index=0)
    add("LayerOutputs", of(t.LayerOutputs), layers=("0",))
    add("MultiLabel", of(t.MultiLabel), class_ids=[0, 1])
    add("Probability", of(t.Probability), ["link"], class_id=1)
    add("Regression", of(t.Regression), ["weights"])
    add("ScoreDifference", of(t.ScoreDifference), class_id=0, other_id=1)
    add("Segmentation", of(t.Segmentation), ["mask"], class_id=1)
    add("Several", of(t.Several), targets=[0, 1])
    add("Top", of(t.Top), count=2)
    add("Unit", of(t.Unit), ["position"], layer="0", channel=0)
    return table


def _add_metrics(add, table, graph, explanation):
    few = {
        "masks": np.eye(8)[None] > 0, "steps": 3, "num_samples": 3, "subset_size": 4, "cells": 2,
        "count": 5, "layers": 2, "bins": 5, "pixels": 1, "progress": False, "batch_size": 2,
    }  # fmt: skip
    m = gm.metrics
    for name in m.METRICS:
        function = getattr(m, name)
        names = list(inspect.signature(function).parameters)
        right = {"net": graph, "x": X, "explanation": explanation}
        right.update({one: few[one] for one in few if one in names})
        table[f"metrics.{name}"] = function, right, names
    add("agreement", m.agreement, ["count"], explanations=[explanation] * 2, measure="rank")
    add(
        "evaluate",
        m.evaluate,
        [
            *("target", "layer", "masks", "labels", "output", "names", "options"),
            *("metric_options", "seed", "at_a_time"),
        ],
        net=graph,
        x=X,
        methods=["grad_cam"],
        metrics=["sparseness"],
        controls=["edge_map"],
        progress=False,
    )
    add(
        "recommend",
        m.recommend,
        ["target", "labels", "output", "seed"],
        net=graph,
        x=np.concatenate([X, X[..., ::-1]]),
        layers=["0"],
        methods=["saliency"],
        progress=False,
    )
    add(
        "stability",
        gm.stability,
        ["target", "layer", "noise", "output", "input", "names", "options", "seed"],
        net=graph,
        x=X,
        method="grad_cam",
        over=["noise"],
        samples=2,
        progress=False,
    )


def _add_reports(add, graph):
    few = {
        "photos": [PHOTO, PHOTO[::-1]],
        "methods": ["saliency"],
        "metrics": ["sparseness", "energy"],
        "masks": [(1, 2, 4, 7), np.eye(8) > 0],
        "controls": ["edge_map"],
        "preprocess": gm.zoo.IMAGENET.adapted(size=8),
        "progress": False,
    }
    names = list(inspect.signature(gm.report).parameters)
    done = gm.report(graph, path=Path(FOLDER.name, "done.html"), **few)
    path = Path(FOLDER.name, "report.html")
    add("report", gm.report, [one for one in names if one not in few], net=graph, path=path, **few)
    add("verify", gm.verify, ["photos", "preprocess"], path=done, net=graph, progress=False)

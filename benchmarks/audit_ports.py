"""Audits of ports with planted mistakes, and of honest ones: what is found, and what is not.

    python benchmarks/audit_ports.py [--only NAME …] [--noise PAIRS]

Nets are exported to ONNX and edited there. Of each mistake: whether it is found, whether the first
differing layer is the right one, whether the cause is named. Honest ports have to pass. With
--noise: so many small nets with random weights, each against its port; how many fail.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import lru_cache

import _ports as ports
import numpy as np
from skimage import data

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

PHOTOS = [data.chelsea(), data.coffee(), data.rocket()]
NO_MEAN = (0.0, 0.0, 0.0)
PIXELS = {"order": "RGB", "mean": NO_MEAN, "std": (1.0, 1.0, 1.0)}


def turned(weights):
    return weights.transpose(0, 1, 3, 2)


# net, mistake, what is done to the port, where it is (the input, or an operator of the old net),
# the cause that should be named
MISTAKES = {
    "BGR": ("squeezenet1_1", ports.bgr, "input", "channel order"),
    "scale": ("efficientnet_lite0", ports.scaled, "input", "scale"),
    "mean": ("squeezenet1_1", {"mean": NO_MEAN}, "input", "mean and std"),
    "epsilon": ("resnet18_v1", ports.epsilon, "batchnorm0_fwd", "epsilon"),
    "ceil_mode": ("resnet18_v1", ports.ceil_mode, "pool0_fwd", "pooling convention"),
    "padding": ("mobilenetv2_1.0", ports.asymmetric, "conv0_fwd", "padding"),
    "ReLU6": ("efficientnet_lite0", ports.relu_for_relu6, "clip", "activation"),
    "transposed": (
        "squeezenet1_1",
        ports.changed_weights(6, turned),
        "conv6_fwd",
        "transposed weights",
    ),
    "zeroed": (
        "resnet18_v1",
        ports.changed_weights(7, np.zeros_like),
        "conv",
        "zeroed weights",
    ),
    "dropout": ("squeezenet1_1", ports.dropout_scale, "dropout0_fwd", "dropout scale"),
    "float16": ("mobilenetv2_1.0", ports.half, "conv0_fwd", "half precision"),
    "int8": ("resnet18_v1", "int8", "conv0_fwd", "quantisation"),
    "classes": ("efficientnet_lite0", ports.swapped, "dense", "order of classes"),
}

HONEST = {
    "export of resnet18": ("resnet18_v1", []),
    "export of squeezenet": ("squeezenet1_1", []),
    "export of mobilenet_v2": ("mobilenetv2_1.0", []),
    "export of efficientnet": ("efficientnet_lite0", []),
    "batch norm folded, resnet18": ("resnet18_v1", [ports.folded]),
    "batch norm folded, efficientnet": ("efficientnet_lite0", [ports.folded]),
    "onnxruntime, basic": ("mobilenetv2_1.0", [ports.optimised("ORT_ENABLE_BASIC")]),
    "onnxruntime, extended": ("resnet18_v1", [ports.optimised("ORT_ENABLE_EXTENDED")]),
    "batches of 1": ("squeezenet1_1", [ports.of_batch(1)]),
    "opset 17": ("squeezenet1_1", [ports.opset(17)]),
    "opset 13, values renamed": ("efficientnet_lite0", [ports.opset(13), ports.renamed]),
    "channels last": ("squeezenet1_1", [ports.channels_last]),
    "product and sum": ("resnet18_v1", [ports.product_and_sum]),
    "pixels, normalised inside": ("efficientnet_lite0", "pixels"),
}


@lru_cache(maxsize=None)
def net_and_port(name):
    net = ports.trained(name)
    return net, ports.exported(net, (1, 3, 224, 224), name)


def prepare_of(net):
    return getattr(net, "preprocess", gm.zoo.IMAGENET)


def planted(name):
    kind, plant, place, cause = MISTAKES[name]
    net, whole = net_and_port(kind)
    model, prepare, options = ports.copied(whole), prepare_of(net), {}
    if isinstance(plant, dict):
        options["new_preprocess"] = replace(prepare, **plant)
    elif plant == "int8":
        ports.int8(model, np.asarray(prepare(PHOTOS)))
    else:
        plant(model)
    start = time.perf_counter()
    found = gm.audit(net, ports.saved(model), PHOTOS, preprocess=prepare, masks=0, **options)
    taken = time.perf_counter() - start
    if found.preparing is not None:
        where, named, said = "input", found.preparing.cause, found.preparing.said
    elif found.findings:
        first = found.findings[0]
        where, named, said = first.old.name, first.cause, first.said
    else:
        where = named = said = ""
    is_there = place in where
    print(
        f"{name:12} {kind:20} {'found' if found.is_same is False else 'NOT FOUND':10}"
        f"{where:36} {'right' if is_there else 'WRONG':6} "
        f"{'named' if named == cause else 'NOT NAMED':10}{named}: {said} ({taken:.0f} s)",
        flush=True,
    )
    return found.is_same is False, is_there, named == cause


def passed(name):
    kind, changes = HONEST[name]
    net, whole = net_and_port(kind)
    model, prepare, options = ports.copied(whole), prepare_of(net), {}
    if changes == "pixels":
        ports.pixels_inside(prepare)(model)
        options["new_preprocess"] = replace(prepare, mean=NO_MEAN, std=(1.0, 1.0, 1.0))
    else:
        for change in changes:
            change(model)
    start = time.perf_counter()
    found = gm.audit(net, ports.saved(model), PHOTOS, preprocess=prepare, masks=0, **options)
    print(
        f"{name:34} {'passes' if found else 'FAILS':8} {found.outputs[0].times_noise:8.2f} times "
        f"the noise, {found.shared} of {len(found.layers)} layers "
        f"({time.perf_counter() - start:.0f} s){'' if found else found.verdict}",
        flush=True,
    )
    return bool(found)


def small_net(seed):
    """A net of a few layers, drawn by chance."""
    draw = np.random.RandomState(seed)
    nn = mx.gluon.nn
    side = left = int(draw.choice([32, 48, 64]))
    net = nn.HybridSequential(prefix=f"small{seed}_")
    with net.name_scope():
        for _ in range(draw.randint(2, 6)):
            kernel, channels = int(draw.choice([1, 3, 5])), int(draw.choice([4, 8, 12, 24]))
            stride = int(draw.choice([1, 1, 2])) if left > 8 else 1
            left = -(-left // stride)
            net.add(nn.Conv2D(channels, kernel, strides=stride, padding=kernel // 2))
            if draw.rand() < 0.6:
                net.add(nn.BatchNorm(epsilon=float(draw.choice([1e-5, 1e-3]))))
            kind = str(draw.choice(["relu", "relu", "sigmoid", "tanh", "leaky", "none"]))
            if kind == "leaky":
                net.add(nn.LeakyReLU(0.1))
            elif kind != "none":
                net.add(nn.Activation(kind))
            if draw.rand() < 0.4 and left > 8:
                net.add(nn.MaxPool2D(2) if draw.rand() < 0.5 else nn.AvgPool2D(2))
                left //= 2
        net.add(nn.GlobalAvgPool2D() if draw.rand() < 0.5 else nn.Flatten())
        net.add(nn.Dense(int(draw.choice([2, 10, 100]))))
    mx.random.seed(seed)
    net.initialize(mx.init.Xavier(magnitude=float(draw.choice([1, 2, 4]))))
    ports.see(net, [draw.standard_normal((8, 3, side, side)) for _ in range(20)])
    return net, side, draw


def noise(pairs):
    failed = untold = 0
    worst = 0.0
    for seed in range(pairs):
        net, side, draw = small_net(seed)
        model = ports.exported(net, (1, 3, side, side), "small")
        change = [None, ports.folded, ports.of_batch(1), ports.optimised("ORT_ENABLE_EXTENDED")]
        chosen = change[seed % 4]
        if chosen is not None:
            chosen(model)
        photo = PHOTOS[seed % 3]
        top, left = (draw.randint(0, one - 100) for one in photo.shape[:2])
        prepare = gm.zoo.IMAGENET.adapted(size=side)
        cut = np.ascontiguousarray(photo[top : top + 100, left : left + 100])
        found = gm.audit(net, ports.saved(model), [cut, photo], preprocess=prepare, masks=0)
        worst = max(worst, found.outputs[0].times_noise)
        failed += found.is_same is False
        untold += found.is_same is None
        if not found:
            print(f"pair {seed}: {found.verdict}", flush=True)
        if (seed + 1) % 20 == 0 or seed + 1 == pairs:
            print(
                f"{failed} false alarms in {seed + 1} pairs, {untold} that cannot be told; at most "
                f"{worst:.2f} times the noise, of 10",
                flush=True,
            )


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", default=[*MISTAKES, *HONEST])
    options.add_argument("--noise", type=int)
    given = options.parse_args()
    if given.noise:
        noise(given.noise)
        return
    told = [planted(name) for name in MISTAKES if name in given.only]
    if told:
        counts = [sum(one) for one in zip(*told)]
        print(f"{counts[0]} of {len(told)} found, {counts[1]} at the place, {counts[2]} named")
    done = [passed(name) for name in HONEST if name in given.only]
    if done:
        print(f"{sum(done)} of {len(done)} honest ports pass")


if __name__ == "__main__":
    main()

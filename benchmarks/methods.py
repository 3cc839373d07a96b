"""How long each method takes, as a multiple of one compiled forward pass, and the passes it needs.

    python benchmarks/methods.py [--rounds N] [--nets resnet18_v1 …] [--methods grad_cam …]

One photo at 224×224, random weights, medians in one process, the candidates taking turns. Then two
comparisons: the six gradient CAMs together against one of them, and Ablation-CAM against running
the whole compiled net once for each channel, in batches of the same size.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.methods import METHODS

GRADIENT_CAMS = ["grad_cam", "grad_cam_pp", "xgrad_cam", "hires_cam", "layer_cam", "eigen_grad_cam"]
ABLATION_LAYERS = {"resnet18_v1": ("features.7", 20), "squeezenet1.1": ("features.12", 2.5)}
MANY_PASSES = (
    "smooth_grad",
    "integrated_gradients",
    "expected_gradients",
    "score_cam",
    "ablation_cam",
)
BATCH = 16


def build(name, x):
    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize(mx.init.Xavier(magnitude=3))
    net.hybridize()
    net(x).wait_to_read()
    return net


def calls(net, x, names):
    """Each method as a call; what cannot explain the net is left out."""
    options = {"expected_gradients": {"background": np.zeros((4, *x.shape[1:]), np.float32)}}
    for name in names:

        def run(name=name):
            return METHODS[name].function(net, x, **options.get(name, {}))

        try:
            run()
        except gm.GradCamError as error:
            print(f"  {name}: {str(error).split(';')[0]}")
        else:
            yield name, run


def whole_net(net, x, channels):
    """The score of as many pictures as a layer has channels."""
    batch = mx.nd.concat(*[x] * BATCH, dim=0)
    for _ in range(0, channels, BATCH):
        net(batch).asnumpy()


def table(name, net, x, rounds, names):
    print(f"{name}: one photo, in compiled forward passes")
    timed = dict(calls(net, x, names))
    quick = {one: call for one, call in timed.items() if one not in MANY_PASSES}
    taken = medians({"forward": lambda: net(x).asnumpy(), **quick}, rounds)
    for one in timed:
        if one in MANY_PASSES:
            start = time.perf_counter()
            timed[one]()
            taken[one] = time.perf_counter() - start
        print(f"  {one:22}{taken[one] / taken['forward']:9.1f} ×   {METHODS[one].cost}")


def six_cams(name, net, x, rounds):
    taken = medians(
        {"one": lambda: gm.grad_cam(net, x), "six": lambda: gm.explain(net, x, GRADIENT_CAMS)},
        rounds,
    )
    print(f"{name}: six gradient CAMs {taken['six'] / taken['one']:.2f} × one (goal 1.20)")


def ablation(name, net, x, rounds):
    layer, goal = ABLATION_LAYERS[name]
    channels = next(row.shape[1] for row in gm.trace(net).layers(x.shape) if row.name == layer)
    taken = medians(
        {
            "ablation": lambda: gm.ablation_cam(
                net, x, layer=layer, batch_size=BATCH, progress=False
            ),
            "whole": lambda: whole_net(net, x, channels),
        },
        rounds,
    )
    print(
        f"{name}: Ablation-CAM at {layer}, {channels} channels: "
        f"{taken['whole'] / taken['ablation']:.1f} × faster than the whole net for each channel "
        f"(goal {goal})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--nets", nargs="+", default=list(ABLATION_LAYERS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    options = parser.parse_args()
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    for name in options.nets:
        net = build(name, x)
        table(name, net, x, options.rounds, options.methods)
        six_cams(name, net, x, options.rounds)
        if name in ABLATION_LAYERS:
            ablation(name, net, x, 1)


if __name__ == "__main__":
    main()

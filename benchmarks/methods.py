"""How long each method takes, as a multiple of one compiled forward pass, and the passes it needs.

    python benchmarks/methods.py [--rounds N] [--nets resnet18_v1 …] [--methods grad_cam …]

One photo at 224×224, random weights, medians in one process, the candidates taking turns. Before
them, SmoothGrad, integrated and expected gradients for each of their gradients, against MXNet's own
compiled forward pass and data gradient in batches of its best size. Then two comparisons: the six
gradient CAMs together against one of them, and Ablation-CAM against running the whole compiled net
once for each channel, in batches of the same size.
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
METHODS_TIMED = [name for name, one in METHODS.items() if one.family != "controls"]
MANY_PASSES = (
    "smooth_grad",
    "integrated_gradients",
    "expected_gradients",
    "score_cam",
    "ablation_cam",
)
BATCH = 16
BATCHES = (1, 2, 4, 8, 16)


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


def compiled_gradient(name, x, batch):
    """MXNet's own compiled forward pass and data gradient of a batch, numpy in and out."""
    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize(mx.init.Xavier(magnitude=3))
    net.collect_params().setattr("grad_req", "null")
    net.apply(use_running_statistics)
    net.hybridize(static_alloc=True, static_shape=True)
    numbers = np.repeat(x.asnumpy(), batch, axis=0)
    head = mx.nd.one_hot(mx.nd.zeros(batch), 1000)

    def run():
        image = mx.nd.array(numbers)
        image.attach_grad()
        with mx.autograd.record(train_mode=True):
            output = net(image)
        output.backward(head)
        return image.grad.asnumpy()

    return run


def use_running_statistics(block):
    if isinstance(block, mx.gluon.nn.BatchNorm):
        block._kwargs["use_global_stats"] = True


def many_gradients(name, net, x, rounds, steps):
    """Methods that average gradients, for each of them, against the compiled pass at its best."""
    background = np.zeros((1, *x.shape[1:]), np.float32)
    own = {
        "smooth_grad": lambda: gm.smooth_grad(net, x, num_samples=steps, progress=False),
        "integrated_gradients": lambda: gm.integrated_gradients(
            net, x, steps=steps, progress=False
        ),
        "expected_gradients": lambda: gm.expected_gradients(
            net, x, background=background, num_samples=steps, progress=False
        ),
    }
    for run in own.values():  # finds the size of its chunks
        run()
        run()
    compiled = {f"{size} at once": compiled_gradient(name, x, size) for size in BATCHES}
    taken = medians({**compiled, **own}, rounds)
    each = {f"{size} at once": taken[f"{size} at once"] / size for size in BATCHES}
    best = min(each, key=each.get)
    print(f"{name}: a gradient takes {1000 * each[best]:.1f} ms compiled, {best}")
    for one in own:
        print(f"  {one:22}{taken[one] / steps / each[best]:9.2f} × that for each (goal 1.05)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--nets", nargs="+", default=list(ABLATION_LAYERS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=METHODS_TIMED)
    parser.add_argument("--steps", type=int, default=48, help="of those that average gradients")
    parser.add_argument("--gradients", action="store_true", help="measure those alone")
    options = parser.parse_args()
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    for name in options.nets:
        net = build(name, x)
        many_gradients(name, net, x, max(1, options.rounds // 3), options.steps)
        if options.gradients:
            continue
        table(name, net, x, options.rounds, options.methods)
        six_cams(name, net, x, options.rounds)
        if name in ABLATION_LAYERS:
            ablation(name, net, x, 1)


if __name__ == "__main__":
    main()

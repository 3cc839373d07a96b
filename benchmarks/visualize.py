"""How long an explanation takes, against MXNet's own compiled passes over the same net.

    python benchmarks/visualize.py [--rounds N] [--batch 1 16]

For VGG-16, SqueezeNet 1.1 and ResNet-50 at 224×224 with random weights, medians in one process, the
candidates taking turns:

    forward    one compiled (hybridized) forward pass
    gradient   MXNet's own compiled forward pass and data gradient: train mode, parameter gradients
               off, batch normalisation on its running statistics
    grad_cam, guided, visualize   this package's, from the net's input to a numpy array
    check      what the first call with a kind of input adds: the net itself, asked once
"""

from __future__ import annotations

import argparse

import numpy as np
from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

NETS = {"VGG-16": "vgg16", "SqueezeNet 1.1": "squeezenet1.1", "ResNet-50": "resnet50_v1"}
GOALS = {
    "grad_cam": ("forward", 1.30),
    "guided": ("gradient", 1.10),
    "visualize": ("gradient", 1.25),
    "check": ("forward", 2.00),
}


def build(name, x):
    """A hybridized net with random weights whose parameters have no gradients."""
    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize(mx.init.Xavier())
    net.collect_params().setattr("grad_req", "null")
    net.hybridize()
    net(x).wait_to_read()
    return net


def use_running_statistics(block):
    if isinstance(block, mx.gluon.nn.BatchNorm):
        block._kwargs["use_global_stats"] = True


def candidates(name, batch):
    """What is timed, by name."""
    x = mx.nd.random.normal(shape=(batch, 3, 224, 224))
    photos = np.random.RandomState(0).randint(0, 256, (batch, 224, 224, 3), np.uint8)
    net = build(name, x)
    trained = mx.gluon.model_zoo.vision.get_model(name)
    trained.initialize(mx.init.Xavier())
    trained.collect_params().setattr("grad_req", "null")
    trained.apply(use_running_statistics)
    trained.hybridize()
    image = x.copy()
    image.attach_grad()
    head = mx.nd.one_hot(mx.nd.zeros(batch), 1000)

    def gradient():
        with mx.autograd.record(train_mode=True):
            output = trained(image)
        output.backward(head)
        return image.grad.asnumpy()

    return {
        "forward": lambda: net(x).asnumpy(),
        "gradient": gradient,
        "grad_cam": lambda: gm.grad_cam(net, x),
        "guided": lambda: gm.guided_backprop(net, x),
        "visualize": lambda: gm.visualize(net, x, photos if batch > 1 else photos[0]),
        "check": lambda: [output.asnumpy() for output in gm.trace(net).own.called([x])],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    print(
        f"{'':16}{'batch':>6}  {'forward':>9} {'gradient':>9} {'grad_cam':>9} {'guided':>9} "
        f"{'visualize':>9} {'check':>9}   ms   ratios to forward | gradient | gradient | forward "
        "(goals "
        f"{', '.join(f'{goal:.2f}' for _, goal in GOALS.values())})"
    )
    for title, name in NETS.items():
        for batch in options.batch:
            rounds = max(3, options.rounds // (1 if batch == 1 else 3))
            taken = medians(candidates(name, batch), rounds)
            ratios = "  ".join(
                f"{of} {taken[of] / taken[base]:.2f}" for of, (base, _) in GOALS.items()
            )
            print(
                f"{title:16}{batch:>6}  "
                + " ".join(f"{taken[one] * 1000:9.1f}" for one in taken)
                + f"        {ratios}",
                flush=True,
            )


if __name__ == "__main__":
    main()

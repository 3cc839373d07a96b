"""Whether relevance is conserved in networks without biases: what arrives at the input, against the
score.

    python benchmarks/conservation.py [NAMES …] [--seconds N]

Each net of Gluon's or GluonCV's model zoo has random weights (He et al. 2015) in float64, and no
number that is added anywhere: biases, β and running means are zero. Then a rule that shares out all
that arrives gives the whole of the score to the input, whatever is between: ε and z⁺ with
ε = 1e-300. A line for each net and composite:

    gap          |1 - what arrives at the input / the score|; the values are read as float32, so
                 that rounding alone makes up to the number behind it
    stabilisers  what of it went to ε, by the ledger: so small an ε takes something only where the
                 denominator is zero, where under z⁺ nothing excites an output below zero
    worst        the operator that loses most, and what of that the ledger cannot name; in float64

Z⁺ loses where an output below zero is read by something other than a rectifier: in linear layers
between others (inverted residuals, separable and grouped convolutions) and before sums.

What is explained is the largest number of the (first) output. Each net has a process of its own
and so many seconds of a processor; inputs are small.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

SIZES = {
    "": (64, 64),
    "inception": (107, 107),
    "nasnet": (96, 96),
    "xception": (96, 96),
    "cifar": (32, 32),
    "residualattentionnet": (224, 224),
    "i3d": (8, 64, 64),
}
"""Of nets whose names begin so; of videos with the frames before it. The last counts."""
SEGMENTATION = ("fcn", "psp", "deeplab", "icnet", "danet", "fastscnn")
EPSILON = 1e-300
LAYERS = ("Convolution", "Deconvolution", "FullyConnected")
GLUON = """alexnet squeezenet1_0 squeezenet1_1 vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn
    vgg19_bn resnet18_v1 resnet34_v1 resnet50_v1 resnet101_v1 resnet152_v1 resnet18_v2 resnet34_v2
    resnet50_v2 resnet101_v2 resnet152_v2 densenet121 densenet161 densenet169 densenet201
    inception_v3 mobilenet1_0 mobilenet0_75 mobilenet0_5 mobilenet0_25 mobilenet_v2_1_0
    mobilenet_v2_0_75 mobilenet_v2_0_5 mobilenet_v2_0_25"""
GLUONCV = """cifar_resnet20_v1 cifar_resnext29_32x4d resnet18_v1b resnet50_v1d resnet50_v1s
    resnext50_32x4d se_resnet18_v1 se_resnext50_32x4d resnest14 mobilenetv3_small mobilenetv3_large
    xception shufflenet_v1 shufflenet_v2 dla34 googlenet nasnet_4_1056 hrnet_w18_small_v1_c
    darknet53 residualattentionnet56 i3d_resnet50_v1_kinetics400 fcn_resnet50_ade
    deeplab_resnet50_ade psp_resnet50_ade simple_pose_resnet18_v1b"""


class He(mx.init.Xavier):
    """Of He et al. 2015; ones in place of vectors that a net wants to be filled with something."""

    def __init__(self):
        super().__init__("gaussian", "in", 2)

    def _init_weight(self, name, arr):
        if arr.ndim < 2:
            arr[:] = 1
        else:
            super()._init_weight(name, arr)


def shape_of(name):
    return (1, 3, *[size for start, size in SIZES.items() if name.startswith(start)][-1])


def average_all(block):
    """A pooling of many positions, which wants larger inputs, takes all that there are."""
    if isinstance(block, mx.gluon.nn.AvgPool2D) and block._kwargs["kernel"][0] > 6:
        block._kwargs["global_pool"] = True


def made(name, shape):
    """A net without numbers that are added, in float64."""
    mx.random.seed(0)
    np.random.seed(0)  # the initialisers of MXNet draw from both
    if hasattr(mx.gluon.model_zoo.vision, name):
        net = getattr(mx.gluon.model_zoo.vision, name)()
    else:
        net = of_gluoncv(name, shape)
    net.apply(average_all)
    net.initialize(He(), force_reinit=True)
    net(mx.nd.zeros(shape))
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("bias", "beta", "running_mean")):
            parameter.set_data(mx.nd.zeros(parameter.shape))
        elif parameter.name.endswith("gamma"):
            parameter.set_data(mx.nd.ones(parameter.shape))
    net.cast("float64")
    return net


def of_gluoncv(name, shape):
    from gluoncv.model_zoo import get_model

    given = {"pretrained": False}
    if name.startswith(SEGMENTATION):
        given.update(base_size=shape[-1], crop_size=shape[-1])
    try:
        return get_model(name, pretrained_base=False, **given)
    except (TypeError, Warning):
        return get_model(name, **given)


def z_plus(node):
    return gm.rules.ZPlus(EPSILON) if node.op in LAYERS else None


def conserved(name):
    """A line for each composite."""
    shape = shape_of(name)
    net = made(name, shape)
    x = mx.nd.random.normal(shape=shape, dtype="float64")
    output = net(x)
    is_first = isinstance(output, (list, tuple))
    numbers = (output[0] if is_first else output).asnumpy()
    target = np.where(numbers == numbers.max(), 1 / numbers.max(), 0)  # so that the score is 1
    given = {"output": 0} if is_first else {}
    for called, composite in (("epsilon", "epsilon"), ("z_plus", z_plus)):
        found = gm.lrp(net, x, target, composite=composite, epsilon=EPSILON, **given)
        values = found.values.astype(np.float64)
        ledger = found.ledger()
        worst = max(ledger, key=lambda row: abs(row.arrived - row.left))
        print(
            f"{name:28} {'×'.join(map(str, shape[2:])):8} {called:8} "
            f"gap {abs(1 - values.sum()):.1e} (rounding {np.abs(values).sum() * 2**-24:.1e}), "
            f"of which stabilisers {abs(ledger.stabiliser):.1e}, biases {abs(ledger.bias):.1e}, "
            f"worst {abs(worst.arrived - worst.left):.1e} {worst.operator} {worst.name}, "
            f"its leak {abs(worst.leak):.1e}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[*GLUON.split(), *GLUONCV.split()])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        resource.setrlimit(resource.RLIMIT_CPU, (options.seconds, options.seconds))
        conserved(*options.names)
        return
    for name in options.names:
        command = [sys.executable, __file__, name, "--here", "--seconds", str(options.seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        told = [one for one in done.stdout.splitlines() if one.startswith(name)]
        if done.returncode:
            errors = [one for one in done.stderr.splitlines() if "Error" in one]
            told.append(f"{name:28} ended with {done.returncode}: {''.join(errors[-1:])}")
        print("\n".join(told), flush=True)


if __name__ == "__main__":
    main()

"""How long relevance takes.

    python benchmarks/relevance.py [concepts …] [--nets vgg16 …] [--rounds N] [--channels N]

concepts: `gm.inspect.concepts` of 16 channels, each with a map of its own, as a multiple of one
walk conditioned on a channel, `gm.lrp(…, conditions=…)`.

Random weights, one photo of 224 pixels; medians in one process, the candidates taking turns.
"""

from __future__ import annotations

import argparse

from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

LAYERS = {"vgg16": "features.28", "resnet50_v1": "features.7", "squeezenet1_1": "features.9"}
"""A layer near the end of each net: most of the net lies below it."""

CHANNELS, GOAL = 16, 8.0


def untrained(name):
    mx.random.seed(0)
    net = getattr(mx.gluon.model_zoo.vision, name)()
    net.initialize(mx.init.Xavier())
    net.hybridize()
    return net


def concepts(name, rounds, channels):
    net, layer = untrained(name), LAYERS[name]
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    candidates = {
        "walk": lambda: gm.lrp(net, x, 281, conditions={layer: 3}),
        "concepts": lambda: gm.inspect.concepts(net, x, 281, layer, channels, progress=False),
    }
    seconds = medians(candidates, rounds)
    ratio = seconds["concepts"] / seconds["walk"]
    print(
        f"{name:15} {layer:12} {channels} concepts {seconds['concepts']:.2f} s, one walk "
        f"{seconds['walk']:.2f} s: {ratio:.1f} × (goal {GOAL:.0f})",
        flush=True,
    )


SECTIONS = {"concepts": concepts}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--nets", nargs="+", default=list(LAYERS), choices=list(LAYERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=CHANNELS)
    options = parser.parse_args()
    for section in options.sections or SECTIONS:
        for name in options.nets:
            SECTIONS[section](name, options.rounds, options.channels)


if __name__ == "__main__":
    main()

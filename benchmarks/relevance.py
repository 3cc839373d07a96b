"""How long relevance takes.

    python benchmarks/relevance.py [methods] [concepts] [--nets vgg16 …] [--rounds N]
        [--channels N]

methods: `gm.lrp` and `gm.deep_lift`, as multiples of MXNet's own compiled forward pass and data
gradient (train mode, parameter gradients off, batch normalisation on its running statistics); and
what they take of memory at most, each in a process of its own, as a multiple of guided
backpropagation.

concepts: `gm.inspect.concepts` of 16 channels, each with a map of its own, as a multiple of one
walk conditioned on a channel, `gm.lrp(…, conditions=…)`.

Random weights, one photo of 224 pixels; medians in one process, the candidates taking turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path

from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

LAYERS = {"vgg16": "features.28", "resnet50_v1": "features.7", "squeezenet1_1": "features.9"}
"""A layer near the end of each net: most of the net lies below it."""

CHANNELS, GOAL = 16, 8.0
GOALS = {"lrp": 3.0, "deep_lift": 2.5}
MEMORY = 2.0
TIMED = ("gradient", "guided_backprop", "lrp", "deep_lift")


def untrained(name):
    mx.random.seed(0)
    net = getattr(mx.gluon.model_zoo.vision, name)()
    net.initialize(mx.init.Xavier())
    net.hybridize()
    return net


def use_running_statistics(block):
    if isinstance(block, mx.gluon.nn.BatchNorm):
        block._kwargs["use_global_stats"] = True


def methods(name, rounds, channels):
    net, trained = untrained(name), untrained(name)
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    trained.collect_params().setattr("grad_req", "null")
    trained.apply(use_running_statistics)
    trained.hybridize()
    image = x.copy()
    image.attach_grad()
    head = mx.nd.one_hot(mx.nd.array([281]), 1000)

    def gradient():
        with mx.autograd.record(train_mode=True):
            output = trained(image)
        output.backward(head)
        return image.grad.asnumpy()

    candidates = {
        "gradient": gradient,
        **{one: (lambda one=one: getattr(gm, one)(net, x, 281)) for one in TIMED[1:]},
    }
    seconds = medians(candidates, rounds)
    memory = {one: memory_of(name, one) for one in TIMED[1:]}
    for one, goal in GOALS.items():
        times = seconds[one] / seconds["gradient"]
        more = memory[one] / memory["guided_backprop"]
        print(
            f"{name:15} {one:12} {seconds[one]:.3f} s, {times:.2f} × the gradient (goal {goal}); "
            f"{memory[one]:.0f} MB, {more:.2f} × guided backpropagation (goal {MEMORY})",
            flush=True,
        )


def memory_of(name, method):
    """What a call takes at most, in MB, in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", method, "--nets", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def tell_memory(name, method):
    net, x = untrained(name), mx.nd.random.normal(shape=(1, 3, 224, 224))
    net(x).wait_to_read()
    before, highest, has_ended = resident(), [0.0], threading.Event()

    def watch():
        while not has_ended.is_set():
            highest[0] = max(highest[0], resident())
            time.sleep(0.005)

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(2):
        getattr(gm, method)(net, x, 281)
    has_ended.set()
    watching.join()
    print(highest[0] - before)


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


SECTIONS = {"methods": methods, "concepts": concepts}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--nets", nargs="+", default=list(LAYERS), choices=list(LAYERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=CHANNELS)
    parser.add_argument("--memory-of", metavar="METHOD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        tell_memory(options.nets[0], options.memory_of)
        return
    for section in options.sections or SECTIONS:
        for name in options.nets:
            SECTIONS[section](name, options.rounds, options.channels)


if __name__ == "__main__":
    main()

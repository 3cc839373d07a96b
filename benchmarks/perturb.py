"""How fast the perturbation engine is, and how much memory it takes.

    python benchmarks/perturb.py [--nets squeezenet1_1 …] [--batch 8 16 32] [--rounds N]
        [--samples N] [--memory 400 4000]

Images per second of whole calls, masks and all that is made of the scores included, as a share of
those of a plain hybridized net that runs equally many images of the same batch size. Medians in one
process, the candidates taking turns. Then the peak memory of RISE with few masks and with many,
each in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

NETS = ["squeezenet1_1", "efficientnet_lite0"]
GOAL, MEMORY_GOAL = 0.95, 1.2


def calls(net, x, samples, batch):
    """What is timed: name → (call, how many images it runs)."""
    options = {"batch_size": batch, "progress": False}
    pixels = mx.nd.concat(*[x] * batch, dim=0) if batch != "auto" else None
    # windows of an eighth, half a window apart
    windows = 15**2

    def plain():
        for _ in range(-(-samples // batch)):
            net(pixels).asnumpy()

    found = {} if batch == "auto" else {"hybridized": (plain, -(-samples // batch) * batch)}
    return {
        **found,
        "rise": (lambda: gm.rise(net, x, num_samples=samples, **options), samples),
        "occlusion": (lambda: gm.occlusion(net, x, **options), windows),
        "lime": (lambda: gm.lime(net, x, num_samples=samples, **options), samples),
        "kernel_shap": (lambda: gm.kernel_shap(net, x, num_samples=samples, **options), samples),
    }


def speed(name, batches, samples, rounds):
    net = getattr(gm.zoo, name)()
    net.hybridize()
    x = mx.nd.random.normal(shape=(1, 3, 224, 224))
    timed = {
        (batch, one): call
        for batch in batches
        for one, call in calls(net, x, samples, batch).items()
    }
    timed.update({("auto", one): call for one, call in calls(net, x, samples, "auto").items()})
    taken = medians({key: call for key, (call, _) in timed.items()}, rounds)
    rate = {key: timed[key][1] / seconds for key, seconds in taken.items()}
    for batch in [*batches, "auto"]:
        # "auto" is compared with the best that a user could choose
        plain = (
            rate[batch, "hybridized"]
            if batch != "auto"
            else max(rate[one, "hybridized"] for one in batches)
        )
        shares = "  ".join(
            f"{one} {rate[batch, one] / plain:.2f}"
            for _, one in timed
            if _ == batch and one != "hybridized"
        )
        print(
            f"{name:20} batch {batch!s:>4}  hybridized {plain:6.1f} images/s  {shares}"
            f"   (goal {GOAL})",
            flush=True,
        )


def peak_memory(name, masks):
    """Of this process: MiB, after RISE with so many masks."""
    net = getattr(gm.zoo, name)()
    gm.rise(net, mx.nd.ones((1, 3, 224, 224)), num_samples=masks, batch_size=16, progress=False)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(name, masks):
    peaks = [
        float(
            subprocess.run(
                [sys.executable, __file__, "--nets", name, "--peak", str(one)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for one in masks
    ]
    listed = ", ".join(f"{peak:.0f} MiB with {one}" for one, peak in zip(masks, peaks))
    print(
        f"{name:20} peak memory of RISE: {listed} masks: {peaks[-1] / peaks[0]:.2f} × "
        f"(goal {MEMORY_GOAL})",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--samples", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", default=[400, 4000])
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(peak_memory(options.nets[0], options.peak))
        return
    for name in options.nets:
        speed(name, options.batch, options.samples, options.rounds)
    for name in options.nets[:1]:
        memory(name, options.memory)


if __name__ == "__main__":
    main()

"""Measures of methods on twenty photos that installed packages bring: the table, and its time.

    python benchmarks/evaluate.py [--net squeezenet1_1] [--photos N] [--methods NAME …]
        [--metrics NAME …] [--steps N] [--speed] [--recommend] [--save FILE]

The photos are scikit-image's, scikit-learn's, matplotlib's and one of the package `ndf`, each with
a free licence. With --speed: how many images a second `srg` runs, all that is made of the scores
included, as a share of those of a plain hybridized net of the same batch size; medians, taking
turns. With --recommend: what `gm.metrics.recommend` answers for fifty samples, the photos and crops
of them, and how long it takes.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import distribution
from pathlib import Path

import matplotlib
import numpy as np
import skimage
import sklearn
from _timing import medians

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

METHODS = [
    "grad_cam",
    "grad_cam_pp",
    "xgrad_cam",
    "hires_cam",
    "layer_cam",
    "eigen_cam",
    "saliency",
    "input_x_gradient",
    "guided_backprop",
    "smooth_grad",
    "integrated_gradients",
    "occlusion",
]
METRICS = [
    "srg",
    "road",
    "deletion",
    "insertion",
    "infidelity",
    "mufidelity",
    "sparseness",
    "complexity",
]
OPTIONS = {"smooth_grad": {"num_samples": 8}, "integrated_gradients": {"steps": 16}}
FROM_SKIMAGE = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)


def photos():
    """Twenty, as arrays."""
    packages = {one: Path(one.__file__).parent for one in (skimage, sklearn, matplotlib)}
    files = [
        *(packages[skimage] / "data" / name for name in FROM_SKIMAGE),
        *(packages[sklearn] / "datasets" / "images" / name for name in ("china.jpg", "flower.jpg")),
        packages[matplotlib] / "mpl-data" / "sample_data" / "grace_hopper.jpg",
        Path(str(distribution("ndf").locate_file("ndf/tests/book-2020460_640.jpg"))),
    ]
    return [gm.zoo.read_photo(str(one)) for one in files]


def speed(net, x, rounds):
    """Images a second inside, as a share of the net's own."""
    batch, steps = 16, 20
    explanations = gm.explain(net, x, ["grad_cam", "saliency", "edge_map", "centre_map"])
    pixels = mx.nd.concat(*[mx.nd.array(np.asarray(x))] * batch, dim=0)
    images = 2 * len(explanations) * (steps + 1)
    times = -(-images // batch)

    def plain():
        for _ in range(times):
            net(pixels).asnumpy()

    def measured():
        gm.metrics.srg(net, x, explanations, steps=steps, batch_size=batch, progress=False)

    net.hybridize()
    taken = medians({"plain": plain, "srg": measured}, rounds)
    rates = times * batch / taken["plain"], images / taken["srg"]
    print(
        f"plain {rates[0]:.1f} images/s, srg {rates[1]:.1f}: {rates[1] / rates[0]:.2f} (goal 0.95)"
    )


def recommendation(net, photos):
    """What is recommended for fifty samples, and in which time."""
    crops = [one[len(one) // 5 :, one.shape[1] // 5 :] for one in photos]
    more = [one[: -len(one) // 5, : -one.shape[1] // 5] for one in photos[:10]]
    inputs = [net.preprocess(one) for one in (*photos, *crops, *more)]
    began = time.perf_counter()
    print(gm.metrics.recommend(net, mx.nd.array(np.concatenate(inputs))))
    print(f"{time.perf_counter() - began:.0f} s for {len(inputs)} samples")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="squeezenet1_1")
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--recommend", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--metrics", nargs="*", default=METRICS)
    parser.add_argument("--steps", type=int, default=20, help="of srg")
    parser.add_argument("--save", help="a .json file for the table")
    options = parser.parse_args()
    net = getattr(gm.zoo, options.net)()
    inputs = [net.preprocess(one) for one in photos()[: options.photos]]
    if options.speed:
        speed(net, inputs[0], options.rounds)
        return
    if options.recommend:
        recommendation(net, photos()[: options.photos])
        return
    began = time.perf_counter()
    chosen = {name: OPTIONS[name] for name in options.methods if name in OPTIONS}
    table = gm.metrics.evaluate(
        net,
        inputs,
        options.methods,
        options.metrics,
        options=chosen,
        metric_options={"srg": {"steps": options.steps}} if "srg" in options.metrics else {},
    )
    print(table)
    print(f"{time.perf_counter() - began:.0f} s for {len(inputs)} photos")
    if options.save:
        table.save(options.save)


if __name__ == "__main__":
    main()

"""Draws the pictures of these pages: python docs/make_pictures.py [NAME ...]

The networks' weights and the photos come with the extra "demo". Takes some minutes on two cores.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from picture_files import IMAGES, save, save_figure
from PIL import Image
from relevance_pictures import RELEVANCE_PICTURES
from skimage import data

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.metrics.randomised import layers_from_top, randomised

CAMS = [
    "grad_cam",
    "grad_cam_pp",
    "xgrad_cam",
    "hires_cam",
    "layer_cam",
    "eigen_cam",
    "eigen_grad_cam",
    "score_cam",
    "ablation_cam",
]
GRADIENTS = [
    "saliency",
    "input_x_gradient",
    "guided_backprop",
    "deconvnet",
    "guided_grad_cam",
    "smooth_grad",
    "integrated_gradients",
    "expected_gradients",
]


def family(name: str, methods: list[str], heading: str, **options: Any) -> None:
    """All methods of a family on one photo."""
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    seen = net.preprocess.crop(photo)
    found = gm.explain(net, net.preprocess(photo), methods, **options)
    order = net.preprocess.order
    save(
        name,
        [seen, *(one.pictures(seen, order)[0] for one in found.values())],
        ["what the net saw", *(gm.METHODS[one].title for one in found)],
        heading,
    )


def activation_maps() -> None:
    family("activation_maps", CAMS, "SqueezeNet 1.1, Egyptian cat, layer features.12")


def gradients() -> None:
    net = gm.zoo.squeezenet1_1()
    others = (data.coffee(), data.astronaut(), data.rocket(), data.stereo_motorcycle()[0])
    background = np.concatenate([net.preprocess(photo) for photo in others])
    family(
        "gradients",
        GRADIENTS,
        "SqueezeNet 1.1, Egyptian cat",
        options={"expected_gradients": {"background": background}},
    )


def controls() -> None:
    """What knows nothing of the network, beside what does."""
    family(
        "controls",
        ["grad_cam", "random_map", "centre_map", "edge_map"],
        "SqueezeNet 1.1, Egyptian cat",
    )


def faithfulness() -> None:
    """The score as the most relevant part of four photos is hidden, and the least relevant."""
    net = gm.zoo.squeezenet1_1()
    photos = [data.chelsea(), data.coffee(), data.astronaut(), data.rocket()]
    inputs = [net.preprocess(one) for one in photos]
    table = gm.metrics.evaluate(net, inputs, ["grad_cam", "saliency"], "deletion")
    heading = "SqueezeNet 1.1, four photos: the score as the most relevant positions go"
    save_figure("faithfulness", table.plot_curve("deletion", heading))


def forgetting() -> None:
    """Maps of the net, and of the same net with the numbers of all its parameters shuffled."""
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    x, seen = net.preprocess(photo), net.preprocess.crop(photo)
    graph = gm.trace(net)
    stages = layers_from_top(graph, [x.shape])
    (forgetful,) = randomised(graph, stages, [len(stages)], seed=0)
    methods = ["grad_cam", "saliency", "guided_backprop"]
    target = gm.grad_cam(net, x).target[0]
    rows = [gm.explain(one, x, methods, target) for one in (graph, forgetful)]
    panels = [[seen, *(one.pictures(seen)[0] for one in found.values())] for found in rows]
    titles = [["what the net saw", *(gm.METHODS[one].title for one in methods)], [""] * 4]
    labels = ["as it was trained", "all numbers shuffled"]
    save_figure("forgetting", picture.grid(panels, titles, rows=labels))


def certainty() -> None:
    """A map, its mean over noise, mirroring and shifts, and where that is certain."""
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    x, seen = net.preprocess(photo), net.preprocess.crop(photo)
    found = gm.stability(net, x, "layer_cam", over=("noise", "augment"), samples=20)
    save_figure("certainty", found.plot(seen))


def two_classes() -> None:
    net = gm.zoo.efficientnet_lite0()
    photo = data.stereo_motorcycle()[0]
    seen = net.preprocess.crop(photo)
    moped, brake = gm.zoo.class_id("moped"), gm.zoo.class_id("disk brake")
    targets = {
        "moped": moped,
        "disk brake": brake,
        "moped, not disk brake": gm.targets.ScoreDifference(moped, brake),
        "disk brake, not moped": gm.targets.ScoreDifference(brake, moped),
    }
    maps = [
        gm.grad_cam(net, net.preprocess(photo), target).overlay(seen) for target in targets.values()
    ]
    save(
        "two_classes",
        [seen, *maps],
        ["what the net saw", *targets],
        "EfficientNet-Lite0: Grad-CAM of one photo and two classes",
    )


def layers() -> None:
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    seen = net.preprocess.crop(photo)
    names = ["features.4", "features.7", "features.9", "features.12"]
    found = gm.layer_cam(net, net.preprocess(photo), layer=names)
    fused = gm.layer_cam(net, net.preprocess(photo), layer=names, fuse="mean")
    save(
        "layers",
        [one.overlay(seen) for one in [*found, fused]],
        [*names, "the mean of the four"],
        "Layer-CAM of SqueezeNet 1.1 at several layers",
    )


PERTURBATION = {
    "occlusion": {},
    "feature_ablation": {},
    "lime": {"output": "probability"},
    "kernel_shap": {},
    "rise": {"num_samples": 2000, "output": "probability"},
    "partition_shap": {"masker": "blur(64,64)"},
}


def perturbation(name: str = "coffee") -> None:
    """All methods that try changed inputs, on one photo."""
    net = gm.zoo.efficientnet_lite0()
    photo = getattr(data, name)()
    seen, x = net.preprocess.crop(photo), net.preprocess(photo)
    found = [getattr(gm, method)(net, x, **options) for method, options in PERTURBATION.items()]
    class_name = gm.zoo.labels.imagenet_labels().name(found[0].target[0])
    save(
        f"perturbation_{name}",
        [seen, *(one.pictures(seen)[0] for one in found)],
        ["what the net saw", *(gm.METHODS[method].title for method in PERTURBATION)],
        f"EfficientNet-Lite0, {class_name}",
    )


def perturbation_of_a_cat() -> None:
    perturbation("chelsea")


def top_classes() -> None:
    """Three classes of one photo, explained by one set of samples."""
    net = gm.zoo.efficientnet_lite0()
    photo = data.stereo_motorcycle()[0]
    seen, x = net.preprocess.crop(photo), net.preprocess(photo)
    moped, brake = gm.zoo.class_id("moped"), gm.zoo.class_id("disk brake")
    found = gm.partition_shap(net, x, gm.targets.Several([moped, brake]), masker="blur(64,64)")
    save(
        "top_classes",
        [seen, *(one.pictures(seen)[0] for one in found)],
        ["what the net saw", "moped", "disk brake"],
        "EfficientNet-Lite0: partition SHAP of two classes",
    )


def channels() -> None:
    """What a layer gives, and the filters of the first one, trained and not."""
    net = gm.zoo.squeezenet1_1()
    mx.random.seed(0)
    untrained = gm.zoo.squeezenet1_1(pretrained=False)
    untrained.initialize(mx.init.Xavier())
    photo = data.chelsea()
    x = net.preprocess(photo)
    untrained(mx.nd.array(x))  # to learn its shapes
    maps = gm.inspect.layer_outputs(net, x, "features.3")["features.3"]
    grids = [
        picture.filter_grid(gm.inspect.weights(one, "features.0")[:, ::-1])  # BGR
        for one in (net, untrained)
    ]
    save(
        "channels",
        [net.preprocess.crop(photo), picture.channel_grid(maps[0], sort=True), *grids],
        [
            "what the net saw",
            "the strongest channels of features.3",
            "filters of features.0",
            "the same, untrained",
        ],
        "SqueezeNet 1.1",
    )


PHOTOS = ("chelsea", "coffee", "astronaut", "rocket", "colorwheel", "immunohistochemistry")


def units() -> None:
    """The patches that excite units, and what in the strongest of them did."""
    net = gm.zoo.squeezenet1_1()
    photos = [getattr(data, name)() for name in PHOTOS]
    layer, chosen = "features.7", [20, 57, 101]
    found = gm.inspect.max_activating_patches(net, photos, layer, chosen, k=5)
    rows, titles = [], []
    for patches in found:
        best = patches[0]
        unit = gm.targets.Unit(layer, best.unit, best.position)
        guided = gm.guided_backprop(net, net.preprocess(photos[best.index]), unit)
        shown = picture.signed_image(guided.values[(0, slice(None, None, -1), *best.box)])  # BGR
        rows.append(picture.framed([*(one.picture for one in patches), shown]))
        titles.append([*(f"{one.activation:.0f}" for one in patches), "guided, of the first"])
    save_figure(
        "units",
        picture.grid(
            rows,
            titles,
            rows=[f"unit {one}" for one in chosen],
            side=1.5,
            heading=f"SqueezeNet 1.1, {layer}",
        ),
    )


def concepts() -> None:
    """The channels that one decision rests on, and where in photos each was most relevant."""
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    photos = [getattr(data, name)() for name in (*PHOTOS, "camera", "coins", "moon", "gravel")]
    photos = [np.stack([one] * 3, axis=2) if one.ndim == 2 else one for one in photos]
    found = gm.inspect.concepts(
        net, net.preprocess(photo), "tiger cat", "features.9", 4, images=photos, patches=5
    )
    save_figure("concepts", found.plot(net.preprocess.crop(photo)))


def maximization() -> None:
    net = gm.zoo.squeezenet1_1()
    targets = {
        "espresso": gm.zoo.class_id("espresso"),
        "tiger cat": gm.zoo.class_id("tiger cat"),
        "channel 101 of features.7": gm.targets.Channel("features.7", 101),
        "channel 57 of features.7": gm.targets.Channel("features.7", 57),
    }
    save(
        "maximization",
        [
            gm.inspect.activation_maximization(net, target, progress=False).picture
            for target in targets.values()
        ],
        list(targets),
        "SqueezeNet 1.1",
    )


def compare() -> None:
    nets = {
        "SqueezeNet 1.1": gm.zoo.squeezenet1_1(),
        "EfficientNet-Lite0": gm.zoo.efficientnet_lite0(),
    }
    photos = {"cat": data.chelsea(), "cup": data.coffee()}
    table = gm.inspect.compare(nets, photos, names=gm.zoo.class_name)
    save_figure("compare", table.plot("Grad-CAM"))


def report() -> None:
    """The beginning of a report, as the browser chromium shows it."""
    photos = {"chelsea": 285, "coffee": 967, "rocket": 657, "astronaut": 812}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{name}.png") for name in photos]
        for path in paths:
            Image.fromarray(getattr(data, path.stem)()).save(path)
        net = gm.zoo.squeezenet1_1()
        page = gm.report(net, paths, Path(folder, "report.html"), labels=list(photos.values()))
        shot = Path(folder, "report.png")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1180,2900"]
        subprocess.run(
            ["chromium", *options, f"--screenshot={shot}", page.as_uri()],
            check=True,
            capture_output=True,
        )
        drawn = Image.open(shot).convert("RGB")
    drawn.resize((drawn.width * 2 // 3, drawn.height * 2 // 3), Image.Resampling.LANCZOS).save(
        IMAGES / "report.jpg", quality=80
    )
    print(IMAGES / "report.jpg")


PICTURES = {
    one.__name__: one
    for one in (
        activation_maps,
        gradients,
        controls,
        faithfulness,
        forgetting,
        certainty,
        two_classes,
        layers,
        perturbation,
        perturbation_of_a_cat,
        top_classes,
        channels,
        units,
        concepts,
        maximization,
        compare,
        report,
        *RELEVANCE_PICTURES,
    )
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or PICTURES:
        PICTURES[chosen]()

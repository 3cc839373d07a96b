"""Draws the pictures of these pages: python docs/make_pictures.py [NAME ...]

The networks' weights and the photos come with the extra "demo". Takes some minutes on two cores.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data

import gradcam_mx as gm
from gradcam_mx import picture

IMAGES = Path(__file__).resolve().parent / "images"
CAMS = ["grad_cam", "grad_cam_pp", "xgrad_cam", "hires_cam", "layer_cam", "eigen_cam",
        "eigen_grad_cam", "score_cam", "ablation_cam"]
GRADIENTS = ["saliency", "input_x_gradient", "guided_backprop", "deconvnet", "guided_grad_cam",
             "smooth_grad", "integrated_gradients", "expected_gradients"]


def save(name: str, panels: list[np.ndarray], titles: list[str], heading: str) -> None:
    drawn = io.BytesIO()
    picture.figure(panels, titles, heading).savefig(drawn, format="png", dpi=80)
    Image.open(drawn).convert("RGB").save(IMAGES / f"{name}.jpg", quality=85)
    print(IMAGES / f"{name}.jpg")


def family(name: str, methods: list[str], heading: str, **options: Any) -> None:
    """All methods of a family on one photo."""
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    seen = net.preprocess.crop(photo)
    found = gm.explain(net, net.preprocess(photo), methods, **options)
    order = net.preprocess.order
    save(name, [seen, *(one.pictures(seen, order)[0] for one in found.values())],
         ["what the net saw", *(gm.METHODS[one].title for one in found)], heading)


def activation_maps() -> None:
    family("activation_maps", CAMS, "SqueezeNet 1.1, Egyptian cat, layer features.12")


def gradients() -> None:
    net = gm.zoo.squeezenet1_1()
    others = (data.coffee(), data.astronaut(), data.rocket(), data.stereo_motorcycle()[0])
    background = np.concatenate([net.preprocess(photo) for photo in others])
    family("gradients", GRADIENTS, "SqueezeNet 1.1, Egyptian cat",
           options={"expected_gradients": {"background": background}})


def two_classes() -> None:
    net = gm.zoo.efficientnet_lite0()
    photo = data.stereo_motorcycle()[0]
    seen = net.preprocess.crop(photo)
    moped, brake = gm.zoo.class_id("moped"), gm.zoo.class_id("disk brake")
    targets = {"moped": moped, "disk brake": brake,
               "moped, not disk brake": gm.targets.ScoreDifference(moped, brake),
               "disk brake, not moped": gm.targets.ScoreDifference(brake, moped)}
    maps = [gm.grad_cam(net, net.preprocess(photo), target).overlay(seen)
            for target in targets.values()]
    save("two_classes", [seen, *maps], ["what the net saw", *targets],
         "EfficientNet-Lite0: Grad-CAM of one photo and two classes")


def layers() -> None:
    net = gm.zoo.squeezenet1_1()
    photo = data.chelsea()
    seen = net.preprocess.crop(photo)
    names = ["features.4", "features.7", "features.9", "features.12"]
    found = gm.layer_cam(net, net.preprocess(photo), layer=names)
    fused = gm.layer_cam(net, net.preprocess(photo), layer=names, fuse="mean")
    save("layers", [one.overlay(seen) for one in [*found, fused]],
         [*names, "the mean of the four"], "Layer-CAM of SqueezeNet 1.1 at several layers")


PERTURBATION = {
    "occlusion": {}, "feature_ablation": {}, "lime": {"output": "probability"}, "kernel_shap": {},
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
    save(f"perturbation_{name}", [seen, *(one.pictures(seen)[0] for one in found)],
         ["what the net saw", *(gm.METHODS[method].title for method in PERTURBATION)],
         f"EfficientNet-Lite0, {class_name}")


def perturbation_of_a_cat() -> None:
    perturbation("chelsea")


def top_classes() -> None:
    """Three classes of one photo, explained by one set of samples."""
    net = gm.zoo.efficientnet_lite0()
    photo = data.stereo_motorcycle()[0]
    seen, x = net.preprocess.crop(photo), net.preprocess(photo)
    moped, brake = gm.zoo.class_id("moped"), gm.zoo.class_id("disk brake")
    found = gm.partition_shap(net, x, gm.targets.Several([moped, brake]), masker="blur(64,64)")
    save("top_classes", [seen, *(one.pictures(seen)[0] for one in found)],
         ["what the net saw", "moped", "disk brake"],
         "EfficientNet-Lite0: partition SHAP of two classes")


PICTURES = {one.__name__: one for one in (
    activation_maps, gradients, two_classes, layers, perturbation, perturbation_of_a_cat,
    top_classes)}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or PICTURES:
        PICTURES[chosen]()

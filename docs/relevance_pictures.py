"""The pictures of the page on relevance; `make_pictures.py` draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from picture_files import save_figure
from skimage import data

import gradcam_mx as gm
from gradcam_mx import picture

NETS = {"SqueezeNet": gm.zoo.squeezenet1_1, "EfficientNet": gm.zoo.efficientnet_lite0}
MIDDLE = {"SqueezeNet": "features.9", "EfficientNet": "features.10"}
"""A layer with 13 × 13 or 14 × 14 positions."""
COMPOSITES = [
    "epsilon",
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
]


def drawn(name: str, rows: list[tuple[str, Any, np.ndarray, dict[str, Any]]], side: float) -> None:
    """A row for each photo or class: what the net saw, and what was found, under its titles."""
    panels, titles = [], []
    for number, (_, net, photo, found) in enumerate(rows):
        seen, order = net.preprocess.crop(photo), net.preprocess.order
        shown = [
            one(seen) if callable(one) else one.pictures(seen, order)[0] for one in found.values()
        ]
        panels.append([seen, *shown])
        is_new = number == 0 or list(found) != list(rows[number - 1][3])
        named = ["what the net saw", *found]
        titles.append(named if is_new else [""] * len(named))
    save_figure(name, picture.grid(panels, titles, rows=[label for label, *_ in rows], side=side))


def relevance() -> None:
    """The family on a cat and a cup, by both networks."""
    rows = []
    for name, made in NETS.items():
        net = made()
        for thing, photo in (("cat", data.chelsea()), ("cup", data.coffee())):
            x = net.preprocess(photo)
            found = {
                "LRP": gm.lrp(net, x),
                "LRP, gamma_box": gm.lrp(net, x, composite="epsilon_gamma_box"),
                "DeepLIFT": gm.deep_lift(net, x),
                "excitation backprop": gm.excitation_backprop(net, x, layer=MIDDLE[name]),
                "FullGrad": gm.full_grad(net, x),
            }
            rows.append((f"{name}, {thing}", net, photo, found))
    drawn("relevance", rows, 1.9)


def composites() -> None:
    """The same relevance shared out by each of the composites."""
    rows = []
    for name, made in NETS.items():
        net, photo = made(), data.chelsea()
        x = net.preprocess(photo)
        found = {
            one.replace("epsilon_", "", 1): gm.lrp(net, x, composite=one) for one in COMPOSITES
        }
        rows.append((name, net, photo, found))
    drawn("composites", rows, 1.9)


def for_and_against(found: gm.Explanation) -> Any:
    """Over a photo: orange what speaks for a class, blue what speaks for the others."""
    values = found.values[0].sum(axis=0)
    signed = np.clip(values / np.percentile(np.abs(values), 99.5), -1, 1)
    return lambda seen: picture.signed_overlay(seen, signed)


def relevance_classes() -> None:
    """Two classes of one photo, twice."""
    rows = []
    for name, photo, classes in (
        ("SqueezeNet", data.stereo_motorcycle()[0], ("moped", "disk brake")),
        ("EfficientNet", data.coffee(), ("espresso", "cup")),
    ):
        net = NETS[name]()
        x = net.preprocess(photo)
        for one in classes:
            target = gm.zoo.class_id(one)
            contrast = {"composite": "epsilon_plus", "contrastive": True}
            found = {
                "LRP": gm.lrp(net, x, target),
                "LRP, contrastive": for_and_against(gm.lrp(net, x, target, **contrast)),
                "the same at a layer": for_and_against(
                    gm.lrp(net, x, target, MIDDLE[name], **contrast)
                ),
                "DeepLIFT": gm.deep_lift(net, x, target),
                "Grad-CAM": gm.grad_cam(net, x, target),
                "Finer-CAM": gm.finer_cam(net, x, target),
            }
            rows.append((one, net, photo, found))
    drawn("relevance_classes", rows, 1.9)


def relevance_maps() -> None:
    """Activation maps by relevance, at the last layer and at an early one."""
    rows = []
    for name, thing, photo in (
        ("SqueezeNet", "cat", data.chelsea()),
        ("SqueezeNet", "cup", data.coffee()),
        ("EfficientNet", "cat", data.chelsea()),
        ("EfficientNet", "cup", data.coffee()),
    ):
        net = NETS[name]()
        x, early = net.preprocess(photo), MIDDLE[name]
        found = {
            "Grad-CAM": gm.grad_cam(net, x),
            "LIFT-CAM": gm.lift_cam(net, x),
            "Finer-CAM": gm.finer_cam(net, x),
            "Recipro-CAM": gm.recipro_cam(net, x, progress=False),
            "Relevance-CAM": gm.relevance_cam(net, x),
            "Grad-CAM, earlier": gm.grad_cam(net, x, layer=early),
            "Relevance-CAM, earlier": gm.relevance_cam(net, x, layer=early),
        }
        rows.append((f"{name}, {thing}", net, photo, found))
    drawn("relevance_maps", rows, 1.9)


RELEVANCE_PICTURES = (relevance, composites, relevance_classes, relevance_maps)

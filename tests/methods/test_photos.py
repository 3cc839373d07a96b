"""Trained weights on a real photo: maps of two classes differ, each on what speaks for its own."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

import gradcam_mx as gm
from gradcam_mx.methods.segments import segments_of

MOPED, BRAKE = gm.zoo.class_id("moped"), gm.zoo.class_id("disk brake")
# What speaks for one class and not the other, on the photo's central square of 224 pixels: the disk
# of the engine, and the seat with the frame below it.
ENGINE, SEAT = (slice(112, 200), slice(80, 180)), (slice(50, 175), slice(0, 112))


@pytest.fixture(scope="module")
def motorcycle():
    net = gm.zoo.efficientnet_lite0()
    photo = data.stereo_motorcycle()[0]
    return net, net.preprocess(photo)


def share(heatmap, place):
    return heatmap[0][place].sum() / heatmap.sum()


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam", "layer_cam", "grad_cam_pp"])
def test_maps_of_two_classes_differ(motorcycle, method):
    net, x = motorcycle
    explain = getattr(gm, method)
    moped, brake = (explain(net, x, one).heatmap() for one in (MOPED, BRAKE))
    assert np.corrcoef(moped.ravel(), brake.ravel())[0, 1] < 0.98
    # the disk brake's lies farther towards the engine
    assert share(brake, ENGINE) > 1.1 * share(moped, ENGINE)


def test_the_difference_of_two_classes_is_where_they_differ(motorcycle):
    net, x = motorcycle
    brake = gm.grad_cam(net, x, gm.targets.ScoreDifference(BRAKE, MOPED)).heatmap()
    moped = gm.grad_cam(net, x, gm.targets.ScoreDifference(MOPED, BRAKE)).heatmap()
    # by area alone, 18 % and 28 % of the photo
    assert share(brake, ENGINE) > 0.6
    assert share(moped, SEAT) > 0.5
    assert share(moped, ENGINE) < 0.15
    assert share(brake, SEAT) < 0.15


# ------------------------------------------------------------------------------------- superpixels


def drawn(*outlines):
    """True inside of polygons, and ellipses given by two corners, on 224 × 224 pixels."""
    mask = Image.new("1", (224, 224))
    for outline in outlines:
        if len(outline) == 2:
            ImageDraw.Draw(mask).ellipse([*outline[0], *outline[1]], fill=1)
        else:
            ImageDraw.Draw(mask).polygon(outline, fill=1)
    return np.array(mask)


# Where the cup is, with its handle and without saucer and spoon: 39 % of what the net sees; where
# the cat is: all but two corners, 92 %.
PLACES = {
    "coffee": drawn(
        [(30, 0), (182, 118)],
        [
            (31, 50),
            (36, 95),
            (50, 130),
            (72, 152),
            (100, 160),
            (130, 152),
            (158, 125),
            (176, 90),
            (182, 50),
        ],
        [(48, 140), (55, 130), (80, 130), (78, 150), (68, 176), (50, 176)],
    ),
    "chelsea": drawn(
        [
            (0, 0),
            (205, 0),
            (212, 60),
            (224, 75),
            (224, 224),
            (62, 224),
            (60, 205),
            (30, 170),
            (0, 150),
        ]
    ),
}
TRIALS = {
    "lime": {"num_samples": 100, "output": "probability"},
    "kernel_shap": {"num_samples": 100},
    "rise": {"num_samples": 300, "output": "probability"},
    "occlusion": {"window": 40, "stride": 20},
}


@pytest.mark.slow
@pytest.mark.parametrize("method", list(TRIALS))
@pytest.mark.parametrize("photo", list(PLACES))
def test_the_top_quarter_of_the_superpixels_is_on_the_object(photo, method):
    net = gm.zoo.efficientnet_lite0()
    x, options = net.preprocess(getattr(data, photo)()), dict(TRIALS[method])
    fits = method in ("lime", "kernel_shap")  # few samples are enough for the weights of few parts
    cut = segments_of(x, "slic", 24 if fits else 50)[0]
    if fits:
        options["segments"] = cut
    found = getattr(gm, method)(net, x, progress=False, batch_size=8, **options).values[0]
    sizes = np.bincount(cut.ravel())
    strength = np.bincount(cut.ravel(), found.ravel()) / sizes
    top = np.argsort(-strength)[: len(sizes) // 4]
    on_it = np.bincount(cut.ravel(), PLACES[photo].ravel())
    assert on_it[top].sum() / sizes[top].sum() > 0.55

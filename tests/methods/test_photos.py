"""Trained weights on a real photo: maps of two classes differ, each on what speaks for its own."""

import numpy as np
import pytest
from skimage import data

import gradcam_mx as gm

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

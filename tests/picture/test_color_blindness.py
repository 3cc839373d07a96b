"""What people who see fewer colours make of the pictures.

The simulation is that of Machado, Oliveira & Fernandes 2009 (IEEE TVCG 15(6), table 1, severity 1),
on linear RGB; differences are CIEDE2000 in CIELAB (D65), by scikit-image.
"""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from gradcam_mx import picture
from gradcam_mx.errors import InputError
from gradcam_mx.picture import legends

SEEN_BY = {
    "all colours": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
every_eye = pytest.mark.parametrize("eye", SEEN_BY)


def lab(colors, eye):
    """Colours (…, 3) uint8 in CIELAB, as such an eye sees them."""
    share = np.asarray(colors, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SEEN_BY[eye]), 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))


def difference(one, other, eye):
    return deltaE_ciede2000(lab(one, eye), lab(other, eye))


def test_the_simulation_leaves_grey_and_takes_hues():
    grey = np.repeat(np.arange(0, 256, 15, np.uint8)[:, None], 3, axis=1)
    for eye in SEEN_BY:
        assert difference(grey, grey, eye).max() == 0
        np.testing.assert_allclose(lab(grey, eye), rgb2lab(grey / 255), atol=0.05)
    red, olive = np.array([[215, 0, 0]]), np.array([[110, 95, 0]])
    assert difference(red, olive, "all colours") > 30
    assert difference(red, olive, "protanopia") < 15


@every_eye
@pytest.mark.parametrize(("strength", "least"), [(1.0, 45), (0.5, 30), (0.25, 18), (0.1, 7)])
def test_for_and_against_differ_for_all(eye, strength, least):
    """As they are drawn: alone, and over every grey of a photo."""
    signed = np.array([[strength, -strength]], np.float32)
    for_it, against = picture.signed_overlay(None, signed)[0]
    assert difference(for_it, against, eye) >= least
    for shade in range(0, 256, 51):
        photo = np.full((1, 2, 3), shade, np.uint8)
        for_it, against = picture.signed_overlay(photo, signed, np.zeros((1, 2), int))[0]
        assert difference(for_it, against, eye) >= 0.6 * least


@every_eye
def test_for_and_against_differ_from_nothing(eye):
    drawn = picture.signed_overlay(None, np.array([[1, 0, -1]], np.float32))[0]
    assert difference(drawn[0], drawn[1], eye) > 25
    assert difference(drawn[2], drawn[1], eye) > 25


def test_green_and_red_are_there_by_name_and_not_safe():
    signed = np.array([[1, -1]], np.float32)
    for_it, against = picture.signed_overlay(None, signed, colormap="red-green")[0].astype(int)
    assert for_it[1] > for_it[0] == for_it[2]
    assert against[0] > against[1] == against[2]
    assert difference(for_it, against, "all colours") > 60
    assert difference(for_it, against, "deuteranopia") < 10


@every_eye
def test_heat_maps_are_the_lighter_the_higher(eye):
    colors = picture.colorize(np.linspace(0, 1, 256))
    lightness = lab(colors, eye)[:, 0]
    # every colour of 8 bits; what the simulation makes of neighbours is within their rounding
    step = 1 if eye == "all colours" else 2
    assert (lightness[step:] > lightness[:-step]).all()
    assert np.ptp(lightness) > 65
    # no step is lost: 1 is the difference that is just seen (Sharma et al. 2005)
    assert difference(colors[:-16:16], colors[16::16], eye).min() > 1.5


@every_eye
def test_the_bar_of_signs_is_what_is_drawn(eye):
    bar = legends.of_signs().colors
    assert difference(bar[0], bar[-1], eye) > 45
    np.testing.assert_array_equal(
        bar[[0, -1]], picture.signed_overlay(None, np.array([[-1, 1]], np.float32))[0]
    )


def test_colormaps_that_are_none():
    with pytest.raises(InputError, match=r"no colormap 'plasm'; closest: plasma"):
        picture.colorize(np.zeros((2, 2)), "plasm")
    with pytest.raises(InputError, match=r"'red-green' is for signed maps"):
        picture.colorize(np.zeros((2, 2)), "red-green")
    with pytest.raises(InputError, match=r"no colormap 'green-red'; closest: .*red-green"):
        picture.signed_overlay(None, np.zeros((2, 2), np.float32), colormap="green-red")
    # the ends of one of matplotlib's
    for_it, against = picture.signed_overlay(None, np.array([[1, -1]]), alpha=1, colormap="RdBu")[0]
    assert for_it[2] > for_it[0]
    assert against[0] > against[2]

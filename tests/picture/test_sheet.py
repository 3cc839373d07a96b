"""Figures that are drawn on one canvas are those that `figure` draws."""

import numpy as np
import pytest
from PIL import Image

from gradcam_mx import picture


def panels(seed, height=90, width=120):
    draws = np.random.RandomState(seed)
    small = draws.randint(0, 256, (3, 4, 6, 3), np.uint8)
    smooth = [np.asarray(Image.fromarray(one).resize((width, height), 2)) for one in small]
    return [*smooth[:2], smooth[2][..., 0]]


TITLES = [
    "what the net saw",
    "Grad-CAM\nfeatures.7",
    "a title that takes several lines of its width",
]


@pytest.mark.parametrize("shape", [(90, 120), (60, 200)], ids=["side by side", "below"])
def test_each_figure_is_drawn_as_if_it_were_alone(shape):
    sheet = picture.Sheet()
    for seed, heading in enumerate(["cat: tabby (281) 0.93", "a $5 dog", "", "猫: x"]):
        given = panels(seed, *shape)
        found = sheet.draw(given, TITLES, heading).astype(int)
        expected = picture.as_array(picture.figure(given, TITLES, heading or " ")).astype(int)
        assert found.shape == expected.shape
        difference = np.abs(found - expected).max(axis=2)
        # pictures may end a pixel earlier, and are scaled by another filter
        assert (difference > 40).mean() < 0.02
        assert difference.mean() < 4
        # what is written is the same, letter by letter
        top = 18
        np.testing.assert_array_equal(found[:top], expected[:top])


def test_pictures_of_another_shape_are_laid_out_anew():
    sheet = picture.Sheet()
    first = sheet.draw(panels(0), TITLES, "a")
    second = sheet.draw(panels(0, 120, 90), TITLES, "a")
    assert first.shape != second.shape
    np.testing.assert_array_equal(sheet.draw(panels(0), TITLES, "a"), first)
    assert (sheet.draw(panels(1), TITLES, "a") != first).mean() > 0.2

"""Charts of numbers: what is written above them is legible whole"""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx import picture

HEADING = (
    "the score of four photos as their most relevant positions go, one twentieth at a time " * 2
)
ONES = np.ones(3)


@pytest.mark.parametrize(
    "draw",
    [
        lambda heading: picture.curves({"a": (ONES, ONES)}, np.arange(3), "share", heading),
        lambda heading: picture.bars({"a": [(1.0, 0.1)]}, ["grad_cam"], 1, heading),
        lambda heading: picture.matrix(np.eye(2), ["grad_cam", "saliency"], heading),
    ],
    ids=["curves", "bars", "matrix"],
)
def test_a_long_heading_stays_inside(draw):
    figure = draw(HEADING)
    figure.draw_without_rendering()
    place, whole = figure._suptitle.get_window_extent(), figure.bbox
    assert whole.x0 <= place.x0 < place.x1 <= whole.x1
    assert whole.y0 <= place.y0 < place.y1 <= whole.y1
    assert all(one.get_tightbbox().y1 <= place.y0 for one in figure.axes)

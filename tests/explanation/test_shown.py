"""Things that show themselves, without a notebook: short reprs, HTML, pictures."""

from __future__ import annotations

import html
import io
import pickle
import re

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx.explanation.region import Region
from gradcam_mx.picture import ShownDict, ShownList
from gradcam_mx.support import html as made

RNG = np.random.RandomState(0)


def explanation(samples=1, shape=(3, 5), size=(12, 20), **changes):
    return gm.Explanation(
        **{
            "values": RNG.rand(samples, *shape).astype(np.float32),
            "method": "grad_cam",
            "target": [282] * samples,
            "score": np.full(samples, 9.1742, np.float32),
            "input_size": size,
            "layer": "features.22",
            "class_names": ["tiger cat"] * samples,
            "title": "Grad-CAM",
            **changes,
        }
    )


def test_the_repr_is_that_of_the_documentation():
    one = explanation(shape=(7, 7))
    assert repr(one) == (
        "<Explanation grad_cam of tiger cat (282), score 9.17, layer features.22, 1 × 7 × 7>"
    )
    large = explanation(score=np.array([123456.7], np.float32))
    assert "score 123457," in repr(large)
    assert "score 1e-05," in repr(explanation(score=np.array([1e-5], np.float32)))


def test_html_says_what_it_is_and_escapes_it():
    one = explanation(
        class_names=["<b>cat</b>"],
        options={"relu": False},
        details={"completeness_gap": np.array([0.25], np.float32)},
    )
    found = one._repr_html_()
    assert html.escape(repr(one)) in found
    assert "<b>" not in found
    assert "options: relu=False" in found
    assert "completeness_gap: 0.25" in found
    assert 'alt="&lt;Explanation' in found


def test_of_many_samples_the_first_are_shown():
    few, many = explanation(12), explanation(40)
    assert "are shown" not in few._repr_html_()
    assert "the first 12 of 40 are shown" in many._repr_html_()
    assert len(many._figure().axes) == 12


@pytest.mark.parametrize(
    "one",
    [
        explanation(shape=(3,), size=()),  # vectors
        explanation(shape=(2, 2, 2, 2), size=(4, 4, 4, 4)),  # no picture
        explanation(0),
    ],
    ids=["vectors", "four axes", "no samples"],
)
def test_what_is_no_picture_shows_its_text(one):
    found = one._repr_mimebundle_()
    assert set(found) == {"text/html"}
    assert "<img" not in found["text/html"]
    assert html.escape(repr(one)) in found["text/html"]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((6,), (30,)), ((2, 3, 5), (4, 12, 20)), ((3, 5), (12, 20))],
    ids=["signals", "clips", "pictures"],
)
@pytest.mark.parametrize("signed", [False, True])
def test_all_that_has_positions_is_a_picture(shape, size, signed):
    one = explanation(shape=shape, size=size, signed=signed)
    if signed:
        one.values[..., 0] = -1
    assert Image.open(io.BytesIO(one._repr_png_())).size[0] > 200


def test_regions_patches_and_pictures():
    mask = np.zeros((24, 40), bool)
    mask[3:9, 10:30] = True
    region = Region.of(mask.astype(np.float32), 0.5)
    assert repr(region) == "<Region 12.5% of 24 × 40, rows 3 to 9, columns 10 to 30>"
    shown = np.asarray(Image.open(io.BytesIO(region._repr_png_())))
    larger = shown.shape[0] // 24
    np.testing.assert_array_equal(shown, 255 * mask.repeat(larger, 0).repeat(larger, 1))
    assert repr(Region.of(np.zeros((4, 5)), 0.5)) == "<Region 0.0% of 4 × 5>"
    assert repr(Region.of(np.array([0, 1, 1.0]), 0.5)) == "<Region 66.7% of 3, 1 to 3>"

    photo = RNG.randint(0, 256, (9, 8, 3)).astype(np.uint8)
    patch = gm.inspect.Patch(3, 1.25, 7, (2, 4), (slice(0, 9), slice(0, 8)), photo)
    assert repr(patch) == "<Patch of unit 3, activation 1.25, image 7, at (2, 4)>"
    of_input = gm.inspect.Patch(3, 1.25, 7, (2, 4), None, RNG.rand(3, 9, 8))
    nothing = gm.inspect.Patch(3, 1.25, 7, (2, 4), None, np.zeros((3, 0, 0)))
    assert patch._repr_png_()
    assert of_input._repr_png_()
    assert nothing._repr_png_() is None
    assert "<img" not in nothing._repr_html_()


def test_pictures_are_arrays():
    one = explanation(samples=2)
    photos = RNG.randint(0, 256, (2, 12, 20, 3)).astype(np.uint8)
    laid = one.overlay(photos)
    assert laid._repr_png_() is None  # a batch
    assert laid[0]._repr_png_()
    assert type(laid[0] / 255) is np.ndarray  # no picture any more
    assert laid[0].astype(np.float32)._repr_png_() is None
    assert laid[0][3]._repr_png_() is None  # a row of pixels
    assert type(laid.mean()) is np.float64
    back = pickle.loads(pickle.dumps(laid))
    np.testing.assert_array_equal(back, laid)
    shown = Image.open(io.BytesIO(laid[0]._repr_png_()))
    np.testing.assert_array_equal(np.asarray(shown)[::4, ::4], laid[0])  # 20 becomes 80


def test_lists_and_dictionaries_are_lists_and_dictionaries():
    drawn = explanation(2).pictures()
    assert isinstance(drawn, list)
    assert drawn == list(drawn)
    found = ShownDict(a=explanation(), b=ShownList([explanation()]))
    assert isinstance(found, dict)
    assert found._repr_html_().count("<img") == 2
    many = ShownList(range(100))._repr_html_()
    assert many.count("<pre>") == made.MOST
    assert "and 76 more" in many


def test_tables_are_of_all_rows_and_text():
    found = gm.METHODS._repr_html_()
    assert found.count("<tr>") == len(gm.METHODS) + 1
    assert re.search(r"<td[^>]*>grad_cam</td><td[^>]*>Grad-CAM</td>", found)
    assert "&lt;i&gt;" in made.table(["a"], [["<i>"]])


def test_figures_show_themselves_unless_the_notebook_does():
    figure = picture.figure([np.zeros((4, 4), np.uint8)], [""])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert picture.show(figure) is figure

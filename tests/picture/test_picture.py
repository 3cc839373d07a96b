"""Arrays into pictures, on cases small enough to compute by hand."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from PIL import Image

from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError

# ------------------------------------------------------------------------------------ normalisation


def test_each_map_is_stretched_to_0_and_1_by_itself():
    maps = np.array([[[0, 1], [2, 4]], [[-2, 0], [0, 6]]], np.float32)
    found = picture.normalise(maps)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[0, 0.25], [0.5, 1]], [[0, 0.25], [0.25, 1]]])
    np.testing.assert_array_equal(maps[0], [[0, 1], [2, 4]])


def test_the_ends_are_0_and_1_exactly():
    for shape in [(500, 12), (500, 3, 5), (500, 2, 3, 2)]:
        found = picture.normalise(np.random.RandomState(0).randn(*shape).astype(np.float32))
        ends = found.reshape(500, -1)
        assert (ends.min(axis=1) == 0).all()
        assert (ends.max(axis=1) == 1).all()


@pytest.mark.parametrize("outliers", [0, 1])
@pytest.mark.parametrize("value", [0, 1e-30, -3, 5e20])
def test_flat_maps_are_zeros_with_a_warning(value, outliers):
    maps = np.stack([np.full((3, 4), value), np.arange(12).reshape(3, 4)]).astype(np.float32)
    with pytest.warns(UserWarning, match=r"^1 of 2 maps are flat .*drawn as zeros"):
        found = picture.normalise(maps, outliers)
    np.testing.assert_array_equal(found[0], np.zeros((3, 4)))
    assert found[1].max() == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("low", [0, 1e-38, 1e30])
def test_maps_that_are_nearly_flat_are_no_division_by_zero(low):
    maps = np.full((1, 2, 2), low, np.float32)
    maps[0, 1, 1] = np.nextafter(np.float32(low), np.float32(np.inf))
    np.testing.assert_array_equal(picture.normalise(maps), [[[0, 0], [0, 1]]])


@pytest.mark.filterwarnings("error")
def test_the_largest_percent_is_drawn_alike():
    maps = np.arange(1001, dtype=np.float32).reshape(1, 7, 143)
    maps[0, -1, -1] = 1e6
    found = picture.normalise(maps, outliers=1)
    # the 99th percentile of 0 … 999 and one more is 990
    np.testing.assert_allclose(found.ravel()[:991], np.arange(991) / 990, rtol=1e-6)
    assert (found.ravel()[991:] == 1).all()


@pytest.mark.filterwarnings("error")
def test_a_few_values_in_a_flat_map_are_seen():
    maps = np.zeros((1, 20, 20), np.float32)
    maps[0, 3, 4], maps[0, 5, 6] = 2, 1
    found = picture.normalise(maps, outliers=1)
    assert (found[0, 3, 4], found[0, 5, 6], found.sum()) == (1, 0.5, 1.5)


def test_strength_is_the_sum_of_the_absolute_values():
    attributions = np.array([[[[1, -2]], [[-3, 0]], [[0, 0.5]]]])
    np.testing.assert_array_equal(picture.strength(attributions), [[[4, 2.5]]])


# ----------------------------------------------------------------------------------------- resizing


def linear(values, length):
    """The last axis at another length, in float64: pixels have their middles at halves."""
    at = np.clip(
        (np.arange(length) + 0.5) * values.shape[-1] / length - 0.5, 0, values.shape[-1] - 1
    )
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    values = values.astype(np.float64)
    return values[..., below] * (1 - (at - below)) + values[..., above] * (at - below)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 3), (7,)),
        ((1, 1), (4,)),
        ((3, 50), (401,)),
        ((2, 9), (4,)),
        ((2, 5), (5,)),
        ((1, 7), (40_000,)),
        ((2, 3, 5), (12, 20)),
        ((1, 4, 1), (3, 9)),
        ((2, 2, 3, 4), (5, 9, 13)),
        ((1, 1, 1, 1), (2, 3, 4)),
        ((3, 4, 2, 3), (4, 5, 2)),
        ((1, 2, 250, 200), (3, 250, 200)),
    ],
    ids=str,
)
def test_maps_of_any_rank_are_resized_linearly(shape, size):
    maps = np.random.RandomState(0).randn(*shape).astype(np.float32)
    expected = maps
    for axis, length in enumerate(size, start=1):
        expected = np.moveaxis(linear(np.moveaxis(expected, axis, -1), length), -1, axis)
    found = picture.resize(maps, size)
    assert found.dtype == np.float32
    assert found.shape == (shape[0], *size)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_resizing_by_hand():
    np.testing.assert_allclose(picture.resize(np.array([[0, 4]]), (4,)), [[0, 1, 3, 4]])
    deep = np.zeros((1, 2, 1, 2))
    deep[0, 1, 0, 1] = 16
    np.testing.assert_allclose(
        picture.resize(deep, (4, 2, 4))[0, :, 1],
        [[0, 0, 0, 0], [0, 1, 3, 4], [0, 3, 9, 12], [0, 4, 12, 16]],
    )


# --------------------------------------------------------------------------------- single pictures


def test_colours_are_those_of_the_colour_map():
    heat = np.array([[0, 0.25, 1]])
    expected = [[matplotlib.colormaps["viridis"](value)[:3] for value in (0.0, 0.25, 1.0)]]
    found = picture.colorize(heat, "viridis")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.round(np.array(expected) * 255))
    # RGB and not BGR: turbo is blue below and red above
    low, high = picture.colorize(np.array([[0.1, 0.95]]))[0].astype(int)
    assert low[2] > low[0] + 50
    assert high[0] > high[2] + 50


def test_grey():
    np.testing.assert_array_equal(picture.grey(np.array([[0, 0.5, 1]])), [[0, 128, 255]])


def test_an_overlay_is_a_weighted_mean():
    photo = np.array([[[0, 0, 0], [200, 100, 40]]], np.uint8)
    heat = np.array([[0.0, 1.0]], np.float32)  # grey's 0 is black, its 1 white
    np.testing.assert_array_equal(
        picture.overlay(photo, heat, 0.5, "gray"), [[[0, 0, 0], [228, 178, 148]]]
    )  # 227.5, 177.5, 147.5
    np.testing.assert_array_equal(
        picture.overlay(photo, heat, 0.2, "gray"), [[[0, 0, 0], [211, 131, 83]]]
    )
    np.testing.assert_array_equal(picture.overlay(photo, heat, 0), photo)
    np.testing.assert_array_equal(picture.overlay(photo, heat, 1), picture.colorize(heat))
    assert picture.overlay(photo, heat).dtype == np.uint8


def test_an_overlay_has_the_photos_size():
    photo = np.zeros((5, 9, 3), np.uint8)
    heat = np.array([[0, 1], [0, 1]], np.float32)  # bright on the right
    found = picture.overlay(photo, heat, 1, "gray")
    assert found.shape == photo.shape
    # centres of the two columns at 2.25 and 6.75 of 9: a ramp between the pixels 2 and 6
    np.testing.assert_array_equal(found[0, :3, 0], [0, 0, 14])
    np.testing.assert_array_equal(found[0, 4, 0], 128)
    np.testing.assert_array_equal(found[:, 7:], 255)


def test_an_overlay_of_a_clip_is_one_of_its_frames():
    rng = np.random.RandomState(0)
    clip, heat = rng.randint(0, 256, (3, 4, 6, 3), np.uint8), rng.rand(3, 4, 6).astype(np.float32)
    found = picture.overlay(clip, heat, 0.3, "gray")
    assert found.shape == clip.shape
    for one, frame, values in zip(found, clip, heat):
        np.testing.assert_array_equal(one, picture.overlay(frame, values, 0.3, "gray"))
    # a grey volume is the same as its copies in red, green and blue
    np.testing.assert_array_equal(
        picture.overlay(clip[..., 0], heat), picture.overlay(clip[..., [0, 0, 0]], heat)
    )


def test_an_overlay_has_the_clips_size():
    heat = np.zeros((2, 1, 2), np.float32)
    heat[1, 0, 1] = 1  # late, and on the right
    found = picture.overlay(np.zeros((4, 2, 4, 3), np.uint8), heat, 1, "gray")[..., 0]
    # (0, ¼, ¾, 1) in time and in width, in the 256 steps of the colour map
    steps = np.outer([0, 0.25, 0.75, 1], [0, 0.25, 0.75, 1])
    expected = np.minimum(np.floor(steps * 256), 255)
    np.testing.assert_array_equal(found[:, 0], expected)
    np.testing.assert_array_equal(found[:, 1], expected)


def test_signed_images_of_clips_are_those_of_their_frames():
    attribution = np.zeros((3, 2, 1, 2))
    attribution[0, 0, 0, 1], attribution[1, 1, 0, 0] = 1, -1
    found = picture.signed_image(attribution)
    assert found.shape == (2, 1, 2, 3)
    np.testing.assert_array_equal(found[0], [[[128, 128, 128], [255, 128, 128]]])
    np.testing.assert_array_equal(found[1], [[[128, 1, 128], [128, 128, 128]]])


def test_signed_images_have_a_grey_zero():
    attribution = np.array([[[0, 1], [-1, 0.5]], [[0, 0], [0, 0]], [[0, 0], [0, -0.25]]])
    found = picture.signed_image(attribution)
    assert found.dtype == np.uint8
    assert found.shape == (2, 2, 3)
    # 99.5 % of the twelve values lie below 1: all are scaled by that
    np.testing.assert_array_equal(found[0, 0], [128, 128, 128])
    np.testing.assert_array_equal(found[0, 1], [255, 128, 128])
    np.testing.assert_array_equal(found[1, 0], [1, 128, 128])
    np.testing.assert_array_equal(found[1, 1], [192, 128, 96])


def test_signed_images_of_nothing_are_grey_with_a_warning():
    with pytest.warns(UserWarning, match="zero everywhere"):
        drawn = picture.signed_image(np.zeros((3, 4, 5), np.float32))
    np.testing.assert_array_equal(drawn, np.full((4, 5, 3), 128))


def test_signed_images_do_not_hide_behind_outliers():
    attribution = np.full((3, 20, 20), 0.5, np.float32)
    attribution[0, 0, 0] = 1e6
    found = picture.signed_image(attribution)
    np.testing.assert_array_equal(found[1, 1], [255, 255, 255])
    # where all but the outliers are zero, they are all there is
    attribution[:] = 0
    attribution[1, 2, 3] = -4
    found = picture.signed_image(attribution)
    np.testing.assert_array_equal(found[2, 3], [128, 1, 128])
    assert (found == 128).sum() == found.size - 1


# ------------------------------------------------------------------------------------------- photos


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a,
        mx.nd.array,
        lambda a: mx.nd.array(a, dtype="uint8"),
        np.ndarray.tolist,
        lambda a: a.astype(np.float64) + 0.4,
        lambda a: a.astype(np.int64),
    ],
    ids=["uint8", "NDArray", "NDArray of uint8", "lists", "floats", "integers"],
)
def test_photos_of_any_number_type(make):
    photo = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    found = picture.check_photo(make(photo))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, photo)


@pytest.mark.parametrize(
    "shape", [(4, 5), (3, 4, 5), (4, 5, 1), (4, 5, 4), (1, 4, 5, 3), (0, 5, 3)]
)
def test_photos_of_another_shape_are_refused(shape):
    with pytest.raises(InputError) as caught:
        picture.check_photo(np.zeros(shape))
    said = f"the photo has shape {shape}; expected (H, W, 3), RGB"
    if 0 in shape:
        assert str(caught.value) == said
    else:  # and what makes a photo of it does
        advice = str(caught.value)[len(said) :].rpartition("photo")[2]
        assert picture.check_photo(eval(f"photo{advice}", {"photo": np.zeros(shape)})).ndim == 3


@pytest.mark.parametrize(("low", "high"), [(-2.1, 2.6), (0.0, 65535.0), (-1, 3)])
def test_photos_of_another_range_are_refused(low, high):
    photo = np.zeros((2, 2, 3))
    photo[0, 0], photo[1, 1] = low, high
    with pytest.raises(
        InputError,
        match=rf"go from {low}.* to {high}.*; expected 0 to 255 .*not "
        "the preprocessed",
    ):
        picture.check_photo(photo)


def test_photos_with_nan_are_refused():
    photo = np.zeros((2, 2, 3))
    photo[0, 0, 0] = np.nan
    with pytest.raises(InputError):
        picture.check_photo(photo)


def test_clips_are_rgb_or_grey():
    clip = np.arange(48, dtype=np.uint8).reshape(2, 2, 4, 3)
    np.testing.assert_array_equal(picture.check_photo(mx.nd.array(clip), axes=3), clip)
    found = picture.check_photo(clip[..., 0] + 0.4, axes=3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, clip[..., [0, 0, 0]])


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5, 1), (3, 2, 4, 5), (1, 2, 4, 5, 3), (0, 4, 5)])
def test_clips_of_another_shape_are_refused(shape):
    with pytest.raises(InputError) as caught:
        picture.check_photo(np.zeros(shape), axes=3)
    assert str(caught.value) == (
        f"the clip has shape {shape}; expected (D, H, W, 3), RGB, or (D, H, W), grey"
    )


def test_clips_of_another_range_are_refused():
    with pytest.raises(
        InputError,
        match="the clip's values go from -1.0 to -1.0; expected 0 to 255"
        r" \(the clip itself",
    ):
        picture.check_photo(np.full((2, 3, 4), -1.0), axes=3)


# ----------------------------------------------------------------------------------- files, figures


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_pictures_are_saved_as_they_are(shape, tmp_path):
    panel = np.random.RandomState(0).randint(0, 256, shape, np.uint8)
    picture.save(panel, tmp_path / "panel.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "panel.png")), panel)


def test_figures_have_a_panel_for_each_picture(tmp_path):
    photo = np.zeros((6, 8, 3), np.uint8)
    grey = np.random.RandomState(0).randint(100, 200, (6, 8), np.uint8)
    figure = picture.figure([photo, grey], ["photo", "two\nlines"], "heading")
    assert [axes.get_title() for axes in figure.axes] == ["photo", "two\nlines"]
    assert figure._suptitle.get_text() == "heading"  # get_suptitle() came with matplotlib 3.8
    images = [axes.get_images()[0] for axes in figure.axes]
    np.testing.assert_array_equal(images[0].get_array(), photo)
    np.testing.assert_array_equal(images[1].get_array(), grey)
    assert images[1].cmap.name == "gray"
    figure.savefig(tmp_path / "figure.png")
    drawn = np.asarray(Image.open(tmp_path / "figure.png"))
    # wider than high, and something is on it
    assert drawn.shape[1] > drawn.shape[0]
    assert len(np.unique(drawn[..., 0])) > 10


def test_grey_pictures_keep_their_brightness(tmp_path):
    """128 is drawn as 128, whatever else the picture holds."""
    panel = np.full((50, 50), 128, np.uint8)
    panel[0, 0] = 130
    (axes,) = picture.figure([panel], ["grey"]).axes
    (image,) = axes.get_images()
    assert image.norm.vmin == 0
    assert image.norm.vmax == 255


def test_figures_are_none_of_pyplots():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    picture.figure([np.zeros((2, 2, 3), np.uint8)], [""])
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize(
    ("shape", "places"),
    [((10, 20), [(0, 0), (0, 1), (0, 2)]), ((10, 21), [(0, 0), (1, 0), (2, 0)])],
)
def test_wide_pictures_are_below_each_other(shape, places):
    figure = picture.figure([np.zeros(shape, np.uint8)] * 3, ["one", "two", "three"])
    spans = [axes.get_subplotspec() for axes in figure.axes]
    assert [(one.rowspan.start, one.colspan.start) for one in spans] == places


@pytest.mark.parametrize("shape", [(40, 40), (40, 79), (80, 40), (20, 100), (9, 100)], ids=str)
@pytest.mark.parametrize("heading", [None, "heading"])
@pytest.mark.parametrize("title", ["short", "two\nlines", "a long one, of many words " * 4])
def test_titles_are_whole_and_hide_nothing(shape, heading, title, tmp_path):
    figure = picture.figure([np.zeros(shape, np.uint8)] * 3, [title] * 3, heading)
    figure.savefig(tmp_path / "figure.png")  # lays it out
    panels = [axes.get_window_extent() for axes in figure.axes]
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    headings = [figure._suptitle.get_window_extent()] if heading else []
    texts = titles + headings
    for one in texts:
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1
        assert one.y1 <= figure.bbox.y1
    for number, one in enumerate(texts):
        assert not any(one.overlaps(other) for other in panels + texts[:number])
    assert [axes.get_title().replace("\n", " ") for axes in figure.axes] == [
        title.replace("\n", " ").strip()
    ] * 3


# -------------------------------------------------------------------------------------- signed maps


def test_signed_maps_keep_their_zero():
    maps = np.array([[[0, 2], [-4, 1]], [[0, 0], [0.5, 0]]], np.float32)
    np.testing.assert_allclose(picture.balanced(maps), [[[0, 0.5], [-1, 0.25]], [[0, 0], [1, 0]]])
    with pytest.warns(UserWarning, match=r"^1 of 2 maps are zero everywhere.*drawn as zeros"):
        np.testing.assert_array_equal(picture.balanced(maps * [[[1]], [[0]]])[1], np.zeros((2, 2)))


def test_orange_speaks_for_and_blue_against():
    """At 1 and -1 the colour hides 85 % of the photo; at 0 nothing."""
    signed = np.array([[1.0, -1.0, 0.0, 0.5]], np.float32)
    drawn = picture.signed_overlay(None, signed)[0].astype(int)
    white = 255 * 0.15
    np.testing.assert_allclose(drawn[0], white + 0.85 * np.array(picture.FOR), atol=1)
    np.testing.assert_allclose(drawn[1], white + 0.85 * np.array(picture.AGAINST), atol=1)
    np.testing.assert_array_equal(drawn[2], [255, 255, 255])
    assert (drawn[0] < drawn[3]).all()
    assert (drawn[3] < drawn[2]).all()


def test_a_photo_is_grey_where_nothing_speaks():
    photo = np.random.RandomState(0).randint(0, 256, (4, 6, 3)).astype(np.uint8)
    drawn = picture.signed_overlay(photo, np.zeros((4, 6), np.float32))
    assert (drawn == drawn[..., :1]).all()
    expected = 255 - 0.6 * (255 - photo.mean(axis=2))
    np.testing.assert_allclose(drawn[..., 0], expected, atol=0.51)


def test_signed_maps_go_over_photos_of_another_size():
    photo = np.full((8, 12, 3), 255, np.uint8)
    signed = np.array([[1, -1]], np.float32)
    smooth = picture.signed_overlay(photo, signed).astype(int)
    assert smooth.shape == (8, 12, 3)
    assert (smooth[:, 0, 0] > smooth[:, 0, 2]).all()
    assert (smooth[:, -1, 2] > smooth[:, -1, 0]).all()
    assert len(np.unique(smooth[0], axis=0)) > 4
    sharp = picture.signed_overlay(photo, signed, np.array([[0, 1]])).astype(int)
    # five columns of one colour, the boundary, six of the other
    assert len(np.unique(sharp[0, :5], axis=0)) == len(np.unique(sharp[0, 6:], axis=0)) == 1
    np.testing.assert_array_equal(sharp[:, 5], [[60, 60, 60]] * 8)


def test_boundaries_are_before_another_segment():
    segments = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]])
    np.testing.assert_array_equal(picture.boundaries(segments), [[0, 1, 0], [1, 1, 1], [0, 0, 0]])


def test_signed_clips():
    clip = np.random.RandomState(0).randint(0, 256, (4, 6, 8, 3)).astype(np.uint8)
    signed = np.zeros((4, 6, 8), np.float32)
    signed[2] = 1
    drawn = picture.signed_overlay(clip, signed, (signed > 0).astype(int))
    assert drawn.shape == (4, 6, 8, 3)
    assert (drawn[2, ..., 0] > drawn[2, ..., 2]).all()
    assert (drawn[0, ..., 2] == drawn[0, ..., 0]).all()

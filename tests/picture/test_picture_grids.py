"""Tiles, tables, patches and scatter plots, at places where the colours are known."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx import picture
from gradcam_mx.errors import InputError, OutputError
from gradcam_mx.inspect import Patch
from gradcam_mx.support import files

RED, GREEN, BLUE = (
    np.full((8, 8, 3), color, np.uint8) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255))
)


def panels_of(figure):
    """The pictures of a figure with their titles, in reading order."""
    figure.draw_without_rendering()
    axes = [one for one in figure.axes if one.images]
    axes.sort(key=lambda one: (-round(one.get_position().y0, 1), one.get_position().x0))
    return [(np.asarray(one.images[0].get_array()), one.get_title()) for one in axes]


# ------------------------------------------------------------------------------------------- tiles


def test_tiles_lie_row_by_row_with_white_between():
    drawn = picture.tiles(np.stack([RED, GREEN, BLUE]).repeat(8, axis=1).repeat(8, axis=2))
    assert drawn.shape == (64 + 2 + 64, 64 + 2 + 64, 3)
    np.testing.assert_array_equal(
        drawn[0, [0, 63, 64, 65, 66, -1]], [RED[0, 0]] * 2 + [(255,) * 3] * 2 + [GREEN[0, 0]] * 2
    )
    np.testing.assert_array_equal(drawn[-1, 0], BLUE[0, 0])
    np.testing.assert_array_equal(drawn[66:, 66:], 255)


def test_small_tiles_are_drawn_with_whole_squares():
    one = np.arange(3 * 3 * 3, dtype=np.uint8).reshape(1, 3, 3, 3)
    drawn = picture.tiles(one)
    # 11 pixels for each, so that the side is at least 32
    assert drawn.shape == (33, 33, 3)
    np.testing.assert_array_equal(drawn[::11, ::11], one[0])
    np.testing.assert_array_equal(drawn[10::11, 10::11], one[0])


MAPS = np.stack([np.full((4, 4), level, np.float32) for level in (1, 5, 3)])


def middles(drawn, count):
    """The colours in the middles of tiles of 32 in a row."""
    return [tuple(drawn[16, 16 + 33 * number]) for number in range(count)]


def test_channels_share_one_scale():
    dark, bright = (tuple(one) for one in picture.colorize(np.array([0.0, 1.0]), "viridis"))
    drawn = picture.channel_grid(MAPS)
    first, second = middles(drawn, 2)
    assert (first, second) == (dark, bright)
    assert tuple(drawn[49, 16]) == tuple(picture.colorize(np.array([0.5]), "viridis")[0])


def test_channels_are_sorted_by_their_mean():
    np.testing.assert_array_equal(picture.channel_order(MAPS), [1, 2, 0])
    dark, bright = (tuple(one) for one in picture.colorize(np.array([0.0, 1.0]), "viridis"))
    drawn = picture.channel_grid(MAPS, 2, sort=True)
    assert middles(drawn, 2) == [bright, dark]  # 5 and 3 alone


def test_channels_may_be_stretched_each():
    rows = np.linspace(0, 1, 32)[:, None] * np.ones((1, 32))
    maps = np.stack([rows, 1000 * rows])
    drawn = picture.channel_grid(maps, each=True)
    np.testing.assert_array_equal(drawn[:, :32], drawn[:, 33:])
    weak = picture.channel_grid(maps)[:, :32]
    assert (weak == weak[0, 0]).all()


def test_a_flat_layer_is_drawn_without_a_division_by_zero():
    assert (
        picture.channel_grid(np.zeros((4, 3, 3)))[:32, :32]
        == picture.colorize(np.zeros(1), "viridis")[0]
    ).all()


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4, 4), (0, 3, 3)])
def test_channels_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"expected those of one sample"):
        picture.channel_grid(np.zeros(shape))


def test_filters_of_three_channels_are_in_colours_with_zero_in_grey():
    weights = np.zeros((2, 3, 4, 4))
    weights[0, 0] = 2  # as red as can be, whatever the size
    weights[1, 2] = -1e-3
    drawn = picture.filter_grid(weights)
    assert middles(drawn, 2) == [(255, 128, 128), (128, 128, 1)]


def test_filters_of_other_channels_have_a_row_of_tiles_each():
    weights = np.zeros((2, 5, 4, 4))
    weights[0, 1], weights[1, 4] = 1, -3
    drawn = picture.filter_grid(weights)
    assert drawn.shape == (2 * 32 + 1, 5 * 32 + 4, 3)
    tiles = drawn[16::33, 16::33, 0]
    expected = np.full((2, 5), 128)
    expected[0, 1], expected[1, 4] = 255, 1
    np.testing.assert_array_equal(tiles, expected)


def test_weights_of_a_dense_layer_are_no_filters():
    with pytest.raises(InputError, match=r"\(7, 9\); expected a convolution's"):
        picture.filter_grid(np.zeros((7, 9)))


# ------------------------------------------------------------------------------------------ tables


def test_a_table_has_its_pictures_titles_and_labels_in_place():
    drawn = picture.grid(
        [[RED, GREEN], [BLUE, None]],
        [["one", "two"], ["three", ""]],
        rows=["upper", "lower"],
        columns=["left", "right"],
        heading="all",
    )
    found = panels_of(drawn)
    assert [title for _, title in found] == ["one", "two", "three"]
    for (panel, _), expected in zip(found, (RED, GREEN, BLUE)):
        np.testing.assert_array_equal(panel, expected)
    texts = {text.get_text(): text.get_window_extent() for one in drawn.axes for text in one.texts}
    assert list(texts) == ["left", "right", "upper", "lower"]
    assert texts["left"].x0 < texts["right"].x0
    assert texts["upper"].y0 > texts["lower"].y0
    assert drawn._suptitle.get_text() == "all"


def test_a_table_is_seen_as_it_is():
    drawn = picture.as_array(picture.grid([[RED, GREEN], [BLUE, None]]))
    assert drawn.dtype == np.uint8
    assert drawn.shape[2] == 3
    height, width = drawn.shape[:2]
    np.testing.assert_array_equal(drawn[height // 4, width // 4], (255, 0, 0))
    np.testing.assert_array_equal(drawn[height // 4, 3 * width // 4], (0, 255, 0))
    np.testing.assert_array_equal(drawn[3 * height // 4, width // 4], (0, 0, 255))
    np.testing.assert_array_equal(drawn[3 * height // 4, 3 * width // 4], 255)


def test_dollars_are_dollars():
    drawn = picture.grid([[RED]], [["a $1 b $2"]], rows=["$x$"], columns=["$y$"], heading="$z$")
    drawn.draw_without_rendering()
    axes = next(one for one in drawn.axes if one.images)
    texts = [
        axes.get_title(),
        drawn._suptitle.get_text(),
        *(text.get_text() for one in drawn.axes for text in one.texts),
    ]
    assert texts == [r"a \$1 b \$2", r"\$z\$", r"\$y\$", r"\$x\$"]


def test_long_titles_are_wrapped_in_their_own_column():
    drawn = picture.grid([[RED, RED]], [["a rather long title that has to be wrapped", "short"]])
    drawn.draw_without_rendering()
    left, right = (one.title.get_window_extent() for one in drawn.axes)
    assert left.x1 < right.x0


# ------------------------------------------------------------------------------------------ patches


def test_patches_are_drawn_to_one_scale():
    small, large = np.full((4, 2, 3), 9, np.uint8), np.full((6, 6, 3), 7, np.uint8)
    first, second = picture.framed([small, large])
    np.testing.assert_array_equal(second, large)
    assert first.shape == (6, 6, 3)
    np.testing.assert_array_equal(first[1:5, 2:4], small)
    assert (first == 9).sum() == small.size


def test_patches_have_a_row_for_each_unit_and_their_activations_above():
    def patch(unit, activation, shown):
        return Patch(unit, activation, 0, (0, 0), None, shown)

    of_input = np.zeros((3, 8, 8), np.float32)
    of_input[2] = 1  # the last channel of BGR is red
    drawn = picture.patch_grid(
        [[patch(3, 2.5, RED), patch(3, 1.25, of_input)], [patch(7, 1163.2, BLUE)]], "BGR"
    )
    found = panels_of(drawn)
    assert [title for _, title in found] == ["2.5", "1.25", "1163"]
    np.testing.assert_array_equal(found[0][0], RED)
    np.testing.assert_array_equal(found[1][0], RED)
    assert [text.get_text() for one in drawn.axes for text in one.texts] == ["unit 3", "unit 7"]


# ------------------------------------------------------------------------------------------ scatter


def test_points_are_where_they_are_in_the_colours_of_their_groups():
    points = np.array([[0, 0], [1, 2], [3, 1], [4, 4]], float)
    drawn = picture.scatter(points, np.array(["b", "a", "b", "a"]))
    (axes,) = drawn.axes
    by_label = {one.get_label(): one for one in axes.collections}
    np.testing.assert_array_equal(by_label["a"].get_offsets(), points[[1, 3]])
    np.testing.assert_array_equal(by_label["b"].get_offsets(), points[[0, 2]])
    assert not np.array_equal(by_label["a"].get_facecolor(), by_label["b"].get_facecolor())
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    drawn.draw_without_rendering()
    assert legend.get_window_extent().x0 > axes.get_window_extent().x1


def test_thumbnails_lie_on_their_points():
    points = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], float)
    drawn = picture.scatter(points, thumbnails=[RED, GREEN, BLUE, np.zeros((8, 8), np.uint8)])
    seen = picture.as_array(drawn)
    (axes,) = drawn.axes
    assert not drawn.legends
    for point, color in zip(points, ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))):
        x, y = axes.transData.transform(point)
        np.testing.assert_array_equal(seen[round(len(seen) - y), round(x)], color)


@pytest.mark.parametrize(
    ("points", "more", "said"),
    [
        (np.zeros((3, 3)), {}, r"\(3, 3\); expected \(N, 2\)"),
        (np.zeros((0, 2)), {}, r"\(0, 2\)"),
        (np.zeros((3, 2)), {"groups": ["a"]}, "1 groups for 3 points"),
        (np.zeros((3, 2)), {"thumbnails": [RED] * 4}, "4 thumbnails for 3 points"),
    ],
)
def test_points_that_do_not_fit_are_refused(points, more, said):
    with pytest.raises(InputError, match=said):
        picture.scatter(points, **more)


# ------------------------------------------------------------------------------------------- files


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("before")
    seen = []

    def fails():
        with files.whole(path) as part:
            part.write_text("half")
            seen.append(path.read_text())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert seen == ["before"]
    assert [one.name for one in tmp_path.iterdir()] == ["one.txt"]
    assert path.read_text() == "before"
    with files.whole(path) as part:
        part.write_text("after")
    assert path.read_text() == "after"


def test_a_figure_that_cannot_be_written_says_so(tmp_path):
    figure = picture.grid([[RED]])
    with pytest.raises(OutputError, match=r"cannot write .*missing"):
        picture.save_figure(figure, tmp_path / "missing" / "one.png")
    with pytest.raises(OutputError, match=r"one\.xyz"):
        picture.save_figure(figure, tmp_path / "one.xyz")
    assert not list(tmp_path.iterdir())
    assert picture.save_figure(figure, tmp_path / "one.png").stat().st_size > 0


# ------------------------------------------------------------------------------------------ masking


def test_outside_of_a_mask_a_photo_is_of_one_colour():
    photo = np.random.RandomState(0).randint(0, 256, (4, 6, 3), np.uint8)
    mask = np.zeros((2, 3), bool)
    mask[0, 1] = True
    drawn = picture.masked(photo, mask)
    np.testing.assert_array_equal(drawn[:2, 2:4], photo[:2, 2:4])
    drawn[:2, 2:4] = 128
    np.testing.assert_array_equal(drawn, np.full_like(photo, 128))
    white = picture.masked(photo, mask, (255, 250, 245))
    np.testing.assert_array_equal(white[3, 0], (255, 250, 245))

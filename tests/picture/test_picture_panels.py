"""Signals and clips as flat pictures, at places where the colours are known."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError

COLD, HOT = picture.colorize(np.array([0.0, 1.0]))

# -------------------------------------------------------------------------------------------- clips


@pytest.mark.parametrize(
    ("depth", "chosen"),
    [
        (1, [0]),
        (3, [0, 1, 2]),
        (8, range(8)),
        (9, [0, 1, 2, 3, 5, 6, 7, 8]),
        (16, [0, 2, 4, 6, 9, 11, 13, 15]),
    ],
)
def test_a_strip_has_evenly_spaced_frames_from_the_first_to_the_last(depth, chosen):
    clip = np.broadcast_to(np.arange(depth, dtype=np.uint8)[:, None, None], (depth, 2, 5))
    found = picture.strip(clip)
    # five columns of a frame and a white one between two
    expected = [column for number in chosen for column in (255, *[number] * 5)][1:]
    np.testing.assert_array_equal(found, [expected, expected])


def test_frames_are_the_right_way_up_and_keep_their_colours():
    clip = np.random.RandomState(0).randint(0, 255, (2, 4, 64, 3), np.uint8)
    found = picture.strip(clip)
    assert found.shape == (4, 64 + 2 + 64, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[:, :64], clip[0])
    np.testing.assert_array_equal(found[:, 64:66], 255)
    np.testing.assert_array_equal(found[:, 66:], clip[1])


# ------------------------------------------------------------------------------------------ signals


def test_a_panel_is_hot_where_the_map_is_1():
    found = picture.signal_panel(np.array([0, 0, 0, 1, 0], np.float32))
    assert found.shape == (picture.SIGNAL_HEIGHT, picture.SIGNAL_WIDTH, 3)
    assert found.dtype == np.uint8
    # the middle of the fourth of five parts of 160 pixels is between two of them
    hot, near = picture.colorize(np.array([1 - 0.5 / 160, 1 - 40.5 / 160]))
    for row in (0, picture.SIGNAL_HEIGHT - 1):
        np.testing.assert_array_equal(found[row, [559, 560]], [hot, hot])
        np.testing.assert_array_equal(found[row, [519, 600]], [near, near])
        np.testing.assert_array_equal(found[row, [0, 399, 720, 799]], [COLD] * 4)


@pytest.mark.parametrize("length", [801, 1600, 100_003])
def test_a_peak_narrower_than_a_pixel_is_seen(length):
    for place in (0, 1, length // 3, length - 1):
        heat = np.zeros(length, np.float32)
        heat[place] = 1
        found = picture.signal_panel(heat)
        (hot,) = np.unique(np.nonzero((found == HOT).all(axis=2))[1])
        assert abs(hot + 0.5 - (place + 0.5) / length * picture.SIGNAL_WIDTH) <= 1


def lines_at(heat, signal, column):
    """The rows of the middles of the lines in a column, each black with white around."""
    drawn, empty = picture.signal_panel(heat, signal)[:, column], picture.colorize(heat[:1])
    rows = np.nonzero((drawn != empty).any(axis=1))[0]
    groups = np.split(rows, np.nonzero(np.diff(rows) > 1)[0] + 1)
    for group in groups:
        assert len(group) >= 3
        assert drawn[group].max(axis=1).min() < 160
        assert drawn[group].min(axis=1).max() > 200
    return [group.mean() for group in groups]


def test_each_channel_is_a_line_in_its_own_row_with_high_values_up():
    signal = np.stack([np.linspace(-3, 5, 9), np.full(9, 7e5), np.linspace(1e-3, 0, 9)])
    heat = np.full(9, 0.5, np.float32)
    assert picture.signal_panel(heat, signal).shape == (160, 800, 3)
    # a row is 160/3 pixels high, a tenth of it free above and below; middles of pixels are at ½
    low, middle, high = 48 - 0.5, 160 / 6 - 0.5, 16 / 3 - 0.5
    second, third = 160 / 3, 320 / 3
    for column, expected in [
        (44, [low, second + middle, third + high]),  # the first of nine samples
        (399, [middle, second + middle, third + middle]),
        (755, [high, second + middle, third + low]),
    ]:
        np.testing.assert_allclose(lines_at(heat, signal, column), expected, atol=1)
    # nothing before the first sample
    np.testing.assert_array_equal(
        picture.signal_panel(heat, signal)[:, :40], picture.signal_panel(heat)[:, :40]
    )


@pytest.mark.parametrize("length", [10, 30, 1010])
def test_lines_are_where_the_map_is(length):
    """The middle of the eighth of ten parts is that of a sample, too."""
    heat, signal = np.zeros(10, np.float32), np.zeros((1, length))
    heat[7] = signal[0, length * 3 // 4] = 1
    tip = (picture.signal_panel(heat, signal) != picture.signal_panel(heat))[:24].any(axis=(0, 2))
    assert abs(np.nonzero(tip)[0].mean() - 599.5) <= 1
    assert tip.sum() < 60


def test_a_panel_grows_with_its_channels():
    heat = np.full(5, 0.5, np.float32)
    signal = np.zeros((10, 5))
    assert picture.signal_panel(heat, signal).shape == (240, 800, 3)
    np.testing.assert_allclose(lines_at(heat, signal, 400), np.arange(12, 240, 24) - 0.5, atol=1)


@pytest.mark.parametrize(
    "make",
    [lambda a: a, mx.nd.array, np.ndarray.tolist, lambda a: a.astype(np.int8)],
    ids=["float", "NDArray", "lists", "int8"],
)
def test_signals_of_any_number_type(make):
    signal = np.array([[-128, 127, 3]] * 2, np.float32)
    found = picture.check_signal(make(signal))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, signal)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 0), (1, 2, 5)])
def test_signals_of_another_shape_are_refused(shape):
    with pytest.raises(InputError) as caught:
        picture.check_signal(np.zeros(shape))
    assert str(caught.value) == f"the signal has shape {shape}; expected (C, W)"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_signals_with_nan_are_refused(value):
    with pytest.raises(InputError, match="the signal holds NaN or infinity"):
        picture.check_signal(np.array([[0, value]]))

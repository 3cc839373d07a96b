"""What a photo became on its way into a net, and which arrays still know it."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx.errors import InputError
from gradcam_mx.support.prepared import Prepared

PREPARES = [
    zoo.IMAGENET,
    zoo.INCEPTION,
    zoo.EFFICIENTNET_LITE,
    dataclasses.replace(zoo.IMAGENET, size=(64, 48), short_side=60),
    zoo.preprocess.PIXELS,
]


@pytest.mark.parametrize("prepare", PREPARES)
@pytest.mark.parametrize("shape", [(500, 1400), (300, 451), (90, 40)], ids=str)
def test_what_the_net_saw_of_a_mask_is_of_the_nearest_pixels(prepare, shape):
    found = prepare.geometry(np.zeros((*shape, 3), np.uint8))
    seen = found.seen_of(np.moveaxis(np.indices(shape), 0, -1))
    assert seen.shape == (*found.seen, 2)
    for axis, places in enumerate(found.places):
        chosen = seen.swapaxes(0, axis)[:, :, axis]
        np.testing.assert_array_equal(chosen, np.repeat(chosen[:, :1], chosen.shape[1], axis=1))
        distances = np.abs(places - np.arange(found.seen[axis])[:, None])
        own = np.take_along_axis(distances, chosen[:, :1], axis=1)[:, 0]
        np.testing.assert_allclose(own, distances.min(axis=1), atol=1e-9)


def test_what_was_padded_is_zero_in_what_the_net_saw():
    padded = gm.Geometry((2, 4), (2, 4), (-1, 1, 3, 6))
    expected = [[0] * 5, [2, 3, 4, 0, 0], [6, 7, 8, 0, 0], [0] * 5]
    np.testing.assert_array_equal(padded.seen_of(np.arange(1, 9).reshape(2, 4)), expected)
    with pytest.raises(InputError, match=re.escape("has the size (4, 2), its photo (2, 4)")):
        padded.seen_of(np.ones((4, 2)))


@pytest.mark.parametrize("prepare", PREPARES)
@pytest.mark.parametrize("shape", [(500, 1400), (300, 451), (451, 300), (90, 40)], ids=str)
def test_the_geometry_tells_where_each_pixel_went(prepare, shape):
    """Ramps tell it themselves: each pixel of the crop holds the place that it came from."""
    height, width = shape
    photo = np.zeros((*shape, 3), np.uint8)
    photo[..., 0] = np.round((np.arange(height) + 0.5) / height * 255)[:, None]
    photo[..., 1] = np.round((np.arange(width) + 0.5) / width * 255)
    seen, found = prepare.crop(photo).astype(float), prepare.geometry(photo)
    assert found.seen == seen.shape[:2]
    for axis, (places, side) in enumerate(zip(found.places, shape)):
        line = seen.mean(axis=1 - axis)[:, axis] / 255 * side - 0.5
        cells = np.arange(len(line))
        inner = slice(3, -3)  # at the border of a photo ramps end
        expected = np.interp(cells, places, np.arange(side))
        assert np.abs(line - expected)[inner].max() <= max(1.0, side / 255)


def test_the_box_is_what_was_seen():
    found = gm.Geometry.of((500, 1400), resize=256, crop=224)
    rows, columns = found.box
    scale = 500 / 256
    assert abs(rows.start - 16 * scale) <= 1
    assert abs(rows.stop - 240 * scale) <= 1
    assert abs(columns.start - 246 * scale) <= 1
    assert abs(columns.stop - 470 * scale) <= 1
    assert gm.Geometry.of(np.zeros((20, 30, 3))).is_whole
    padded = gm.Geometry((10, 20), (10, 20), (-5, 0, 15, 20))
    assert padded.seen == (20, 20)
    assert padded.box == (slice(0, 10), slice(0, 20))


@pytest.mark.parametrize(
    "wrong", [{"size": (3,)}, {"scaled": (0, 4)}, {"cut": (3, 0, 3, 4)}, {"cut": (0, 0, 4)}]
)
def test_what_is_no_geometry_is_refused(wrong):
    with pytest.raises(InputError):
        gm.Geometry(**{"size": (8, 8), "scaled": (4, 4), "cut": (0, 0, 4, 4), **wrong})


PHOTOS = [np.random.RandomState(n).randint(0, 256, (40 + n, 70, 3), np.uint8) for n in range(3)]


def known(array):
    return [one.size for one in getattr(array, "geometry", None) or ()]


def test_samples_that_are_chosen_or_joined_know_their_photos():
    x = zoo.IMAGENET(PHOTOS)
    assert x.shape == (3, 3, 224, 224)
    np.testing.assert_array_equal(x[1], zoo.IMAGENET(PHOTOS[1])[0])
    assert known(x) == [(40, 70), (41, 70), (42, 70)]
    assert known(x[1:]) == [(41, 70), (42, 70)]
    assert known(x[[2, 0]]) == [(42, 70), (40, 70)]
    assert known(x[np.array([False, True, True])]) == [(41, 70), (42, 70)]
    assert known(np.concatenate([x[2:], x[:1]])) == [(42, 70), (40, 70)]
    for same in (x * 2, x - x.mean(), -x, x.copy(), x.astype("float64"), 1 + x):
        assert known(same) == known(x)
    x *= 2
    assert known(x) == [(40, 70), (41, 70), (42, 70)]


def test_pixels_that_may_have_moved_know_nothing():
    x = zoo.IMAGENET(PHOTOS)
    moved = [
        *(x[..., ::-1], x[:, :, ::-1], x[:, :, 5:], x[0], x[:, 0], x[..., None, :]),
        *(np.flip(x), np.flip(x, 3), np.roll(x, 3, axis=2), np.rot90(x, axes=(2, 3)), x.T),
        *(x.transpose(0, 1, 3, 2), x.swapaxes(2, 3), x.reshape(x.shape), x.ravel()),
        *(np.concatenate([x, x], axis=1), np.stack([x, x]), np.pad(x, 2), np.asarray(x)),
        *(np.concatenate([x, np.zeros_like(np.asarray(x))]), np.ascontiguousarray(x[..., ::-1])),
    ]
    assert not any(known(one) for one in moved)
    assert isinstance(x.max(), np.float32)
    assert type(x[..., ::-1]) is np.ndarray
    assert isinstance(x, Prepared)

"""From photo to input."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from PIL import Image

from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, PhotoError
from gradcam_mx.zoo.preprocess import GREY, PIXELS, READY

EVERY = [zoo.IMAGENET, zoo.INCEPTION, zoo.CAFFE, zoo.EFFICIENTNET_LITE]


def noise(height, width, seed=0):
    """A photo with structure at every scale."""
    rng = np.random.RandomState(seed)
    coarse = Image.fromarray(rng.randint(0, 256, (9, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int64)
    return np.clip(smooth + rng.randint(-20, 20, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("preprocess", EVERY)
@pytest.mark.parametrize("shape", [(300, 451), (451, 300), (256, 256), (40, 90), (1000, 1000)])
def test_crop_is_the_centre_of_the_scaled_photo(preprocess, shape):
    photo = noise(*shape)
    height, width = shape
    scale = preprocess.short_side / min(shape)
    method = getattr(Image.Resampling, preprocess.interpolation.upper())
    scaled = Image.fromarray(photo).resize((round(width * scale), round(height * scale)), method)
    left, top = ((side - preprocess.size) // 2 for side in scaled.size)
    expected = np.asarray(
        scaled.crop((left, top, left + preprocess.size, top + preprocess.size)), np.int64
    )
    found = preprocess.crop(photo)
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    # Pillow may scale the two directions in another order, which rounds differently
    difference = np.abs(found - expected)
    assert difference.max() <= 4
    assert difference.mean() < 0.5


def test_input_is_normalised_as_each_net_was_trained():
    photo = noise(300, 400)
    picture = zoo.IMAGENET.crop(photo).astype(np.float64)
    expected = (picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = zoo.IMAGENET(photo)
    assert found.dtype == np.float32
    assert found.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, atol=1e-5)

    picture = zoo.CAFFE.crop(photo).astype(np.float64)
    blue_first = picture[:, :, [2, 1, 0]] - [104.006, 116.669, 122.679]
    np.testing.assert_allclose(zoo.CAFFE(photo)[0].transpose(1, 2, 0), blue_first, atol=1e-4)

    picture = zoo.EFFICIENTNET_LITE.crop(photo).astype(np.float64)
    found = zoo.EFFICIENTNET_LITE(photo)[0].transpose(1, 2, 0)
    np.testing.assert_allclose(found, (picture - 127) / 128, atol=1e-6)


def test_photos_come_as_paths_and_arrays(tmp_path):
    photo = noise(60, 80)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    expected = zoo.IMAGENET(photo)
    np.testing.assert_array_equal(zoo.IMAGENET(tmp_path / "photo.png"), expected)
    np.testing.assert_array_equal(zoo.IMAGENET(str(tmp_path / "photo.png")), expected)
    np.testing.assert_array_equal(zoo.IMAGENET(mx.nd.array(photo, dtype="uint8")), expected)
    np.testing.assert_array_equal(zoo.IMAGENET(photo[:, ::-1][:, ::-1]), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 20000)])
def test_any_shape_of_photo_gives_an_input(shape):
    photo = np.full((*shape, 3), 130, np.uint8)
    start = time.perf_counter()
    for preprocess in EVERY:
        assert (preprocess.crop(photo) == 130).all()
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((1, 6, 5), np.uint8), "repeat the grey one"),
        (np.zeros((3, 6, 5), np.uint8), "move the channels last"),
        (np.zeros((4, 4, 3), np.float32), "type float32"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (None, "shape"),
    ],
)
def test_other_arrays_are_refused(photo, message):
    with pytest.raises(PhotoError, match=message):
        zoo.IMAGENET(photo)


def test_a_preprocess_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        zoo.IMAGENET.size = 1
    assert dataclasses.replace(zoo.IMAGENET, size=200)(noise(9, 9)).shape == (1, 3, 200, 200)


# -------------------------------------------------------------------------------- sizes and orders


@pytest.mark.parametrize("shape", [(300, 451), (451, 300), (40, 900), (32, 100)])
@pytest.mark.parametrize(("size", "short_side"), [((32, 100), 32), ((100, 32), 40), ((64, 48), 60)])
def test_a_rectangle_is_the_centre_of_the_scaled_photo(shape, size, short_side):
    photo = noise(*shape)
    preprocess = dataclasses.replace(zoo.IMAGENET, size=size, short_side=short_side)
    # the smallest scale at which a frame of the size's shape fits into the photo
    scale = max(short_side / min(size) * wanted / side for wanted, side in zip(size, shape))
    scaled = Image.fromarray(photo).resize(
        (round(shape[1] * scale), round(shape[0] * scale)), Image.Resampling.BILINEAR
    )
    left, top = (scaled.width - size[1]) // 2, (scaled.height - size[0]) // 2
    assert min(left, top) >= 0
    expected = np.asarray(scaled.crop((left, top, left + size[1], top + size[0])), np.int64)
    found = preprocess.crop(photo)
    assert found.shape == (*size, 3)
    assert np.abs(found - expected).mean() < 0.5
    assert preprocess(photo).shape == (1, *preprocess.shape) == (1, 3, *size)


def test_a_square_is_a_rectangle():
    photo = noise(61, 83)
    for preprocess in EVERY:
        pair = dataclasses.replace(preprocess, size=(preprocess.size, preprocess.size))
        np.testing.assert_array_equal(pair(photo), preprocess(photo))


def test_grey_is_the_luma_of_the_photo():
    photo = noise(64, 64)
    grey = GREY.adapted(size=64)  # nothing is scaled or cut
    luma = photo.astype(np.float64) @ [0.299, 0.587, 0.114]
    found = grey(photo)
    assert found.shape == (1, *grey.shape) == (1, 1, 64, 64)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0] * 255, luma, atol=0.51)
    seen = grey.crop(photo)
    assert seen.shape == (64, 64, 3)
    np.testing.assert_array_equal(seen, np.repeat(seen[:, :, :1], 3, axis=2))
    np.testing.assert_allclose(found[0, 0], seen[:, :, 0] / 255, atol=1e-6)


def test_a_grey_photo_keeps_its_values():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = np.repeat(values[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(
        dataclasses.replace(GREY.adapted(size=16), std=(1.0,))(photo)[0, 0], values
    )


def test_the_whole_picture_is_seen():
    photo = noise(64, 64)
    np.testing.assert_array_equal(PIXELS.adapted(size=64).crop(photo), photo)
    assert GREY.short_side == GREY.size
    wide = PIXELS.adapted(size=(32, 100))(noise(32, 100))
    np.testing.assert_array_equal(wide[0].transpose(1, 2, 0), noise(32, 100))


def test_means_go_along_with_their_channels():
    photo = noise(300, 300)
    turned = zoo.CAFFE.adapted(order="RGB")
    np.testing.assert_array_equal(turned(photo), zoo.CAFFE(photo)[:, ::-1])
    assert turned.adapted(order="BGR") == zoo.CAFFE
    grey = zoo.CAFFE.adapted(order="GREY")
    assert grey.mean == pytest.approx([(104.006 + 116.669 + 122.679) / 3])
    assert (grey.std, grey.shape) == ((1.0,), (1, 224, 224))
    assert GREY.adapted(order="RGB").std == (255.0, 255.0, 255.0)
    for preprocess in READY.values():
        assert preprocess.adapted() == preprocess


@pytest.mark.parametrize(("size", "short_side"), [(299, 342), (28, 32), ((112, 224), 128)])
def test_a_margin_keeps_its_proportion(size, short_side):
    adapted = zoo.IMAGENET.adapted(size=size)
    assert (adapted.size, adapted.short_side) == (size, short_side)
    assert PIXELS.adapted(size=size).short_side == min(size if isinstance(size, tuple) else (size,))


@pytest.mark.parametrize(
    ("name", "known"), [("order", "'RGB' or"), ("interpolation", "'bilinear'")]
)
def test_orders_and_interpolations_that_do_not_exist_are_refused(name, known):
    with pytest.raises(InputError, match=f"{name}='BRG'; expected .*{known}"):
        dataclasses.replace(zoo.IMAGENET, **{name: "BRG"})

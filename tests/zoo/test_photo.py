"""Photos of every kind become RGB, and files that are none say why."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from gradcam_mx.errors import PhotoError
from gradcam_mx.zoo import read_photo
from gradcam_mx.zoo.photo import decode_photo

COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [90, 90, 90], [255] * 3]])
COLOURS = COLOURS.astype(np.uint8)
GREY = np.array([[0, 100, 255], [3, 50, 200]], np.uint8)


def saved(tmp_path, image, name="photo.png", **options):
    """Write a picture and return its path."""
    image.save(tmp_path / name, **options)
    return tmp_path / name


def as_rgb(grey):
    """Repeat a grey channel three times."""
    return np.stack([grey] * 3, axis=2)


def test_colour(tmp_path):
    for name in ("photo.png", "photo.bmp", "photo.tif"):
        found = read_photo(saved(tmp_path, Image.fromarray(COLOURS), name))
        assert found.dtype == np.uint8
        assert found.flags.writeable
        np.testing.assert_array_equal(found, COLOURS)
        np.testing.assert_array_equal(read_photo(str(tmp_path / name)), COLOURS)


def test_grey_and_black_and_white(tmp_path):
    np.testing.assert_array_equal(read_photo(saved(tmp_path, Image.fromarray(GREY))), as_rgb(GREY))
    bits = Image.fromarray(np.uint8([[0, 255], [255, 0]])).convert("1")
    found = read_photo(saved(tmp_path, bits))
    np.testing.assert_array_equal(found[:, :, 1], [[0, 255], [255, 0]])


def test_transparency_lies_over_white(tmp_path):
    alpha = np.uint8([[255, 128, 0], [255, 255, 255]])
    image = Image.fromarray(np.dstack([COLOURS, alpha]))
    expected = COLOURS.copy()
    expected[0, 1] = [127, 255, 127]
    expected[0, 2] = 255
    found = read_photo(saved(tmp_path, image)).astype(int)
    assert np.abs(found - expected).max() <= 1

    grey = read_photo(saved(tmp_path, Image.fromarray(np.dstack([GREY, alpha])))).astype(int)
    assert np.abs(grey[0, :, 0] - [0, 177, 255]).max() <= 1


def test_palettes_also_transparent_ones(tmp_path):
    image = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(read_photo(saved(tmp_path, image)), COLOURS)
    clear = image.getpixel((2, 0))
    found = read_photo(saved(tmp_path, image, transparency=clear))
    np.testing.assert_array_equal(found[0, 2], [255, 255, 255])
    np.testing.assert_array_equal(found[0, :2], COLOURS[0, :2])


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_are_scaled(tmp_path, name):
    deep = np.uint16([[0, 257, 65535], [128, 129, 25700]])
    path = saved(tmp_path, Image.fromarray(deep), name)
    np.testing.assert_array_equal(read_photo(path)[:, :, 0], [[0, 1, 255], [0, 1, 100]])


def deep_picture(kind):
    """Numbers of 12 bits in a picture of 16, in the colours that OpenCV writes: BGR."""
    if kind == "grey":
        return np.uint16([[0, 257, 4095], [128, 129, 1606]])
    numbers = np.arange(18).reshape(2, 3, 3) * 240
    if kind == "alpha":
        return np.dstack([numbers, np.full((2, 3), 65535)]).astype(np.uint16)
    return numbers.astype(np.uint16)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
@pytest.mark.parametrize("kind", ["grey", "colour", "alpha"])
def test_twelve_bits_in_sixteen_are_spread_on_request(tmp_path, name, kind):
    deep = deep_picture(kind)
    cv2.imwrite(str(tmp_path / name), deep)
    colours = as_rgb(deep) if kind == "grey" else deep[..., 2::-1]
    expected = np.round(colours.astype(np.float64) * 255 / 4095)
    found = read_photo(tmp_path / name, bits=12)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
    with pytest.warns(UserWarning, match="above 4095, so that it is nearly black.*bits=12") as said:
        assert read_photo(tmp_path / name).max() <= 16
    assert said[0].filename == __file__
    with pytest.raises(PhotoError, match=r"deep\..* has values up to .* bits=10 allows \(1023\)"):
        read_photo(tmp_path / name, bits=10)


def test_pictures_that_fill_their_bits_are_read_without_a_word(tmp_path):
    cv2.imwrite(str(tmp_path / "bright.png"), deep_picture("grey") * 16)
    cv2.imwrite(str(tmp_path / "black.png"), deep_picture("colour") * 0)
    Image.fromarray(GREY // 32).save(tmp_path / "eight.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(tmp_path / "bright.png").max() == 255
        assert read_photo(tmp_path / "black.png").max() == 0
        # of eight bits already: bits= is about files of 16
        np.testing.assert_array_equal(
            read_photo(tmp_path / "eight.png", bits=12), as_rgb(GREY // 32)
        )


def test_a_picture_of_sixteen_bits_is_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = deep_picture("colour")
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    # Pillow writes no colours of 16 bits: its EXIF goes into OpenCV's file, before the pixels
    content, raw = (tmp_path / "deep.png").read_bytes(), exif.tobytes()[6:]
    chunk = b"eXIf" + raw
    at = content.index(b"IDAT") - 4
    (tmp_path / "deep.png").write_bytes(
        content[:at]
        + struct.pack(">I", len(raw))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + content[at:]
    )
    expected = np.rot90(np.round(deep[..., ::-1].astype(float) * 255 / 4095), -1)
    np.testing.assert_array_equal(read_photo(tmp_path / "deep.png", bits=12), expected)


@pytest.mark.parametrize("bits", [7, 17, 12.0, "12", True])
def test_what_is_no_number_of_bits(tmp_path, bits):
    with pytest.raises(PhotoError, match="from 8 to 16"):
        read_photo(saved(tmp_path, Image.fromarray(GREY)), bits=bits)


def test_cmyk(tmp_path):
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., 1:3] = 255
    found = read_photo(saved(tmp_path, Image.fromarray(ink, "CMYK"), "ink.tif"))
    np.testing.assert_array_equal(found[0, 0], [255, 0, 0])


def test_the_cameras_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is stored at the right
    path = saved(tmp_path, Image.fromarray(COLOURS), exif=exif)
    np.testing.assert_array_equal(read_photo(path), np.rot90(COLOURS, -1))


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.fromarray(np.full((5, 5, 3), value, np.uint8)) for value in (10, 200)]
    path = saved(tmp_path, frames[0], "moving.gif", save_all=True, append_images=frames[1:])
    assert (read_photo(path) == 10).all()


def jpeg(side=64):
    """Bytes of a JPEG picture."""
    stream = io.BytesIO()
    noise = np.random.RandomState(0).randint(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()


def png(side=64):
    """Bytes of a PNG picture."""
    stream = io.BytesIO()
    noise = np.random.RandomState(0).randint(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("lenient", [True, False])
def test_half_a_picture_is_none_whatever_other_packages_ask_of_pillow(
    tmp_path, monkeypatch, lenient
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg()[:-900])
    with pytest.raises(PhotoError, match="truncated"):
        read_photo(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"once upon a time", "not a picture of a known kind"),
        (jpeg()[:-900], "damaged or truncated"),
        (png()[:-900], "damaged or truncated"),
        (png()[:200] + bytes(500) + png()[700:], "damaged or truncated"),
        (png()[:16] + bytes(8) + png()[24:], "picture|damaged"),  # a picture of 0 by 0 pixels
    ],
    ids=["empty", "text", "half a jpeg", "half a png", "damaged", "no pixels"],
)
def test_bad_files_say_why(tmp_path, content, message):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=message) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert not caught.value.args[0].endswith(".")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(PhotoError, match="there is no file"):
        read_photo(tmp_path / "none.png")
    with pytest.raises(PhotoError, match="is a folder"):
        read_photo(tmp_path)


def test_floating_point_pictures_are_not_guessed_at(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.float32([[0, 0.5], [1, 2]])), "float.tif")
    with pytest.raises(PhotoError, match=r"floating-point values.*scale it"):
        read_photo(path)
    wide = saved(tmp_path, Image.fromarray(np.int32([[0, 70000]])), "wide.tif")
    with pytest.raises(PhotoError, match="from 0 to 70000"):
        read_photo(wide)


def test_too_large_a_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "photo.png"
    path.write_bytes(png())
    with pytest.raises(PhotoError, match="too large"):
        read_photo(path)


@pytest.mark.parametrize("bits", [None, 16])
def test_bytes_are_read_as_the_file_is(tmp_path, bits):
    exif = Image.Exif()
    exif[0x0112] = 8
    clear = np.dstack([COLOURS, np.uint8([[255, 128, 0], [255, 255, 255]])])
    saved(tmp_path, Image.fromarray(COLOURS), "turned.jpg", exif=exif)
    saved(tmp_path, Image.fromarray(clear), "clear.png")
    saved(tmp_path, Image.fromarray(COLOURS).convert("CMYK"), "ink.tif")
    saved(tmp_path, Image.fromarray(COLOURS).convert("P"), "palette.gif")
    saved(tmp_path, Image.fromarray(GREY), "web.webp", lossless=True)
    cv2.imwrite(str(tmp_path / "grey.png"), deep_picture("grey") * 16)
    cv2.imwrite(str(tmp_path / "deep.tif"), deep_picture("alpha") * 16)
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 7
    for path in paths:
        expected = read_photo(path, bits=bits)
        np.testing.assert_array_equal(decode_photo(path.read_bytes(), "it", bits=bits), expected)


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"", "it is empty"), (b"text", "it is not a picture of a known kind")],
)
def test_bytes_that_are_no_picture(raw, message):
    with pytest.raises(PhotoError, match=message):
        decode_photo(raw, "it")

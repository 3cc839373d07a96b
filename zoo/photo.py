"""Read photos of any common kind as plain RGB."""

from __future__ import annotations

import io
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps

from gradcam_mx.errors import PhotoError
from gradcam_mx.support.photo_shapes import photo_advice

from .depth import checked_bits, deep_colours, eight_bits

__all__ = ["as_photo", "decode_photo", "know_all_kinds", "read_photo"]

_AGAIN = "copy or download it again"
_EMPTY = f"is empty: {_AGAIN}"


def read_photo(path: str | Path, *, bits: int | None = None) -> np.ndarray:
    """The picture in a file, the right way up.

    Grey, palette, CMYK and 16-bit pictures are converted, transparency is laid over white, the
    camera's rotation is applied, and of an animation the first frame is taken.

    Args:
        path: of the file.
        bits: how many bits the numbers have in a file of 16 bits, such as 12 of a scanner; the
            largest that they allow becomes white. By default 16, with a warning where that leaves
            the picture nearly black. Files of eight bits are as they are.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        PhotoError: the file is missing, empty, damaged or no picture, or its numbers have more than
            `bits`; the message names a way out.

    Example:
        >>> read_photo("cat.jpg").shape                                 # doctest: +SKIP
        (300, 451, 3)
    """
    if not isinstance(path, (str, Path)):
        raise PhotoError(f"the path of a photo is {path!r}; expected a text or a Path")
    path, bits = Path(path).expanduser(), checked_bits(bits)
    if path.is_dir():
        raise PhotoError(f"{path} is a folder: give the path of one picture in it")
    if not path.exists():
        raise PhotoError(
            f"there is no file {path}: check the path; it was looked for in {Path.cwd()}"
        )
    try:
        if path.stat().st_size == 0:  # a pipe has none either, and opening one may wait for ever
            raise PhotoError(f"{path} {_EMPTY}")
        with path.open("rb") as file:
            return _decoded(file, str(path), bits)
    except OSError as error:
        what = "change its permissions" if isinstance(error, PermissionError) else _AGAIN
        raise PhotoError(f"{path} may not be read ({error.strerror}): {what}") from error


def decode_photo(raw: bytes, name: str, *, bits: int | None = None) -> np.ndarray:
    """The picture in the bytes of a file, as `read_photo` reads it.

    Args:
        raw: all bytes of the file.
        name: what messages call it.
        bits: how many bits the numbers have in a file of 16 bits; None for all.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        PhotoError: they are none, damaged or no picture, or the numbers have more than `bits`.

    Example:
        >>> decode_photo(b"", "it")
        Traceback (most recent call last):
        gradcam_mx.errors.PhotoError: it is empty: copy or download it again
    """
    if not raw:
        raise PhotoError(f"{name} {_EMPTY}")
    return _decoded(io.BytesIO(raw), name, checked_bits(bits))


def know_all_kinds() -> None:
    """Load Pillow's readers of all kinds of pictures, before several threads read some.

    Pillow loads them when a picture needs one. A thread that looks for one just as another has
    loaded them takes the picture for none (read in Pillow's `Image.open`, before 11).
    """
    Image.preinit()
    Image.init()


def _decoded(file: BinaryIO, name: str, bits: int | None) -> np.ndarray:
    try:
        with _WHOLE_PICTURES_ALONE, Image.open(file) as image:
            # asked before it is loaded, which forgets it
            is_deep = any(";16" in str(tile[3]) for tile in image.tile)
            image.load()
            whole = deep_colours(image, file, bits) if is_deep and _has_colours(image) else image
            return _rgb(ImageOps.exif_transpose(whole), bits)
    except PhotoError as error:
        raise PhotoError(f"{name} {error}") from None
    except Image.UnidentifiedImageError as error:
        raise PhotoError(
            f"{name} is not a picture of a known kind: save it as JPEG or PNG"
        ) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name} is too large ({error}): save a smaller copy") from error
    except Exception as error:
        # each file format has its own ways to fail on damaged data
        raise PhotoError(
            f"{name} is damaged or truncated ({error}): {_AGAIN}, or save it as JPEG or PNG"
        ) from error


class _WholePicturesAlone:
    """While one or more threads are in it, Pillow refuses truncated pictures.

    It fills them up in grey once any package has asked for it, as GluonCV does when it is imported.
    The setting is one for all threads: the first that enters keeps what it was, the last that
    leaves puts it back.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = ImageFile.LOAD_TRUNCATED_IMAGES
                ImageFile.LOAD_TRUNCATED_IMAGES = False
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = self._before


_WHOLE_PICTURES_ALONE = _WholePicturesAlone()


def _has_colours(image: Image.Image) -> bool:
    """Whether Pillow has its numbers in eight bits a colour."""
    return image.mode in ("RGB", "RGBA", "LA")


def _rgb(image: Image.Image, bits: int | None) -> np.ndarray:
    if image.mode.startswith("I"):
        # 16-bit grey; some versions of the reader hand it over in 32 bits
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise PhotoError(
                f"has values from {values.min()} to {values.max()}, more than 16 bits: "
                "scale it to 0-255 and save it as PNG"
            )
        return np.repeat(eight_bits(values, bits)[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise PhotoError(
            "has floating-point values, whose range is not known: "
            "scale it to 0-255 and save it as PNG"
        )
    if "transparency" in image.info or image.mode[-1:] in ("A", "a"):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return np.array(image.convert("RGB"))


def as_photo(photo: Any) -> np.ndarray:
    """A photo as an array (H, W, 3) of uint8, RGB.

    Args:
        photo: its path, or such an array; a grey one may be (H, W) or (H, W, 1).

    Raises:
        PhotoError: the file cannot be read, or the array has another shape or type; the message
            says how to convert it.

    Example:
        >>> [as_photo(np.zeros(shape, np.uint8)).shape for shape in ((4, 6, 3), (4, 6))]
        [(4, 6, 3), (4, 6, 3)]
    """
    if isinstance(photo, (str, Path)):
        return read_photo(photo)
    array = photo.asnumpy() if hasattr(photo, "asnumpy") else np.asarray(photo)
    expected = "expected an (H, W, 3) uint8 RGB array with values from 0 to 255, or a grey (H, W)"
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3:
        hint = photo_advice(array.shape)
        raise PhotoError(f"the photo has shape {array.shape}; {expected}{hint and ': '}{hint}")
    if array.size == 0:
        raise PhotoError(f"the photo has no pixels: shape {array.shape}; {expected}")
    if array.dtype != np.uint8:
        raise PhotoError(
            f"the photo has type {array.dtype}; {expected}: "
            "scale it and convert it with .astype('uint8')"
        )
    return array

"""Where the object of each photo is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Sequence

import numpy as np
from PIL import Image, ImageOps

from ..errors import PhotoError
from ..support.geometry import Geometry
from ..support.paths import absolute


def masks_of(folder: Path, photos: Sequence[Path], base: Path) -> list[Path]:
    """Where the mask of each photo is to be, which need not be there.

    Masks lie in their folder as the photos do in theirs; or side by side, for photos whose names
    nothing else has.

    Args:
        folder: of the masks.
        photos: their paths.
        base: a folder that all are in.
    """
    counts = Counter(photo.stem for photo in photos)
    found = []
    for photo in photos:
        name = f"{photo.stem}.png"
        placed = folder / absolute(photo).parent.relative_to(base) / name
        is_placed = placed.exists() or counts[photo.stem] > 1
        found.append(placed if is_placed else folder / name)
    return found


def read_mask(path: Path, geometry: Geometry, called: str | None = None) -> np.ndarray:
    """Where the object is in what the net saw of a photo: (h, w) bool.

    Args:
        path: of the mask.
        geometry: of its photo.
        called: what messages call it; by default its path.

    Raises:
        PhotoError: there is no mask, or it is no picture, of another size, or empty there.
    """
    name = f"mask {path if called is None else called}"
    if not path.exists():
        raise PhotoError(f"there is no {name}")
    resolved = path.resolve()  # as older versions of Pillow call it in what they say
    try:
        with Image.open(resolved) as image:
            image.load()
            whole = _is_object(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        said = str(error).replace(str(resolved), path.name)
        raise PhotoError(f"the {name} cannot be read: {said}") from error
    return seen_mask(whole, f"the {name}", geometry)


def seen_mask(whole: np.ndarray, name: str, geometry: Geometry) -> np.ndarray:
    """Where the object is in what the net saw of a photo: (h, w) bool.

    Args:
        whole: (H, W) bool, where it is in the photo.
        name: what messages call it.
        geometry: of the photo.

    Raises:
        PhotoError: it is of another size, or empty there.
    """
    if whole.shape != geometry.size:
        sizes = ["x".join(map(str, one)) for one in (whole.shape, geometry.size)]
        raise PhotoError(f"{name} is {sizes[0]} pixels high and wide, its photo {sizes[1]}")
    if not whole.any():
        raise PhotoError(f"{name} is empty: it has to be non-zero where the object is")
    seen = geometry.seen_of(whole)
    if not seen.any():
        raise PhotoError(f"{name} is empty in the part of the photo that the net sees")
    return seen


def _is_object(image: Image.Image) -> np.ndarray:
    """Where a picture is neither black nor transparent."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    numbers = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        return np.asarray(numbers[..., :-1].any(axis=-1) & (numbers[..., -1] > 0))
    return np.asarray(numbers.any(axis=-1) if numbers.ndim == 3 else numbers != 0)

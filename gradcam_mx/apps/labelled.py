"""What is known of photos: the class of each, and where its object is."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

import numpy as np
from PIL import Image, ImageOps

from ..errors import PhotoError, TargetError
from ..support.geometry import Geometry
from .run_folder import absolute

_LISTED = 10
"""How many photos a message names."""


class Line(NamedTuple):
    """A line of a file of labels."""

    number: int
    """From 1 on."""
    name: str
    """Of the class, or its id."""


# -- classes -------------------------------------------------------------------------------------


def lines_of(path: Path, photos: Sequence[Path]) -> list[Line]:
    """The line of each photo in a file that says of which class they are.

    A line is a photo, a comma or tab, and a class. It names the photo by as much of the end of its
    path as tells it from the others, at least by the name of its file.

    Args:
        path: of the file.
        photos: those that are looked for; what else it names is passed over.

    Raises:
        TargetError: the file cannot be read, a photo has no line, or it is not clear which.
    """
    known = _lines(path)
    found = [_line_of(photo, known) for photo in photos]
    missing = [str(photo) for photo, line in zip(photos, found) if line is None]
    if missing:
        others = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        raise TargetError(
            f"{path} has no line for {', '.join(missing[:_LISTED])}{others}; expected for each "
            "photo a line of its path or name, a comma or tab, and its class"
        )
    lines = [line for line in found if line is not None]
    owner: dict[int, Path] = {}
    for photo, line in zip(photos, lines):
        if owner.setdefault(line.number, photo) is not photo:
            raise TargetError(
                f"line {line.number} of {path} names several photos, {owner[line.number]} and "
                f"{photo}: give more of their paths"
            )
    return lines


def _lines(path: Path) -> dict[Path, Line]:
    found: dict[Path, Line] = {}
    for number, (photo, name) in _rows(path):
        given = Path(photo).expanduser()
        key = absolute(given) if ".." in given.parts else given
        before = found.setdefault(key, Line(number, name))
        if before.name != name:
            raise TargetError(
                f"lines {before.number} and {number} of {path} name two classes of {photo}"
            )
    return found


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the two fields of each line that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TargetError(
            f"the labels in {path} cannot be read ({error.strerror or error}): check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise TargetError(f"{path} is not a text file (UTF-8)") from error
    between = "\t" if "\t" in text.lstrip().partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True)
    try:
        for row in reader:
            fields = [one.strip() for one in row]
            if len(fields) != 2 and any(fields):
                raise TargetError(
                    f"line {reader.line_num} of {path} has {len(fields)} fields; expected a photo, "
                    "a comma or tab, and a class; what has a comma itself goes in double quotes"
                )
            if any(fields):
                yield reader.line_num, fields
    except csv.Error as error:
        raise TargetError(f"line {reader.line_num} of {path}: {error}") from error


def _line_of(photo: Path, known: dict[Path, Line]) -> Line | None:
    """That which names most of a photo's path."""
    parts = absolute(photo).parts
    ends = (Path(*parts[start:]) for start in range(len(parts)))
    return next((known[one] for one in ends if one in known), None)


# -- where the object is -------------------------------------------------------------------------


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
    try:
        with Image.open(path) as image:
            image.load()
            whole = _is_object(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        said = str(error).replace(str(path), path.name)
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

"""Where the object is in each photo of a report, for measures of localisation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ...errors import InputError, MetricError, PhotoError
from ...metrics.masks import masks_of as drawn
from ...metrics.register import Metric
from ...picture.overlays import veiled
from ...support.arrays import numbers_of
from ...support.geometry import Geometry
from ..object_masks import masks_of, read_mask, seen_mask
from ..photos import base_of_all
from ..provenance import Record, packed, unpacked

Mask = Callable[[Geometry], np.ndarray]
"""Gives where the object is in what a net saw of a photo, (h, w) bool, by how that was cut out."""


def check(metrics: Sequence[Metric], are_given: bool) -> None:
    """Refuse measures without the masks that they want, and masks that nothing wants.

    Args:
        metrics: what is measured.
        are_given: whether there are masks.

    Raises:
        MetricError: a measure wants masks, and there are none.
        InputError: there are masks, and no measure wants them.
    """
    wanting = [one.name for one in metrics if one.wants.masks]
    if wanting and not are_given:
        raise MetricError(
            f"{wanting[0]} needs to know where the object is in each photo: pass masks=…"
        )
    if are_given and not wanting:
        raise InputError("masks=… is for measures of localisation, and none is asked for")


def in_files(paths: Sequence[Path]) -> list[Mask]:
    """Of the files of masks, which need not be there; a report names no folders.

    Args:
        paths: for each photo.
    """
    return [partial(read_mask, one, called=one.name) for one in paths]


def given(masks: Any, photos: Any) -> list[Mask]:
    """Of what `gm.report` takes.

    Args:
        masks: a folder, or for each photo a path, an array or boxes.
        photos: as they were given.

    Raises:
        InputError: it is nothing of the kind, or not one for each photo.
    """
    listed = [photos] if isinstance(photos, (str, Path)) else list(photos)
    if isinstance(masks, (str, Path)):
        if not all(isinstance(one, (str, Path)) for one in listed):
            raise InputError("masks= is a folder, and the photos are no files: pass a list")
        folder = Path(masks).expanduser()
        if not folder.is_dir():
            raise InputError(f"there is no folder of masks {folder}: check the path")
        files = [Path(one).expanduser() for one in listed]
        return in_files(masks_of(folder, files, base_of_all([], files)))
    if not hasattr(masks, "__len__") or len(masks) != len(listed):
        count = f"{len(masks)} masks" if hasattr(masks, "__len__") else f"masks={masks!r}"
        raise InputError(f"{count} for {len(listed)} photos; expected a folder, or one for each")
    return [_of(one, number) for number, one in enumerate(masks, start=1)]


def _of(one: Any, number: int) -> Mask:
    if isinstance(one, (str, Path)):
        return in_files([Path(one).expanduser()])[0]
    if one is None:
        return partial(_none, f"photo {number} has no mask")
    array = numbers_of(one)
    if array.ndim != 2 and array.shape != (4,):
        raise InputError(
            f"the mask of photo {number} is an array {array.shape}; expected the path of a "
            "picture, (H, W) of the photo's size, or a box (left, top, right, bottom) or several"
        )
    return partial(_in_memory, array, f"the mask of photo {number}")


def _none(said: str, _: Geometry) -> np.ndarray:
    raise PhotoError(said)


def _in_memory(array: np.ndarray, name: str, geometry: Geometry) -> np.ndarray:
    are_boxes = array.shape == (4,) or (array.shape[1] == 4 and array.shape != geometry.size)
    try:
        whole = drawn([array], 1, geometry.size)[0] if are_boxes else array != 0
    except InputError as error:
        raise PhotoError(f"{name}: {error}") from error
    return seen_mask(whole, name, geometry)


# -- as reports keep it ----------------------------------------------------------------------------


def kept(mask: np.ndarray) -> Record:
    """A mask as it is kept, and what people are told of it.

    Args:
        mask: (h, w) bool.
    """
    return {
        "share": float(mask.mean()),
        "size": list(mask.shape),
        "mask": packed(np.packbits(mask), np.uint8),
    }


def of_record(photo: Mapping[str, Any]) -> Mask:
    """Of what a report keeps of a photo.

    Args:
        photo: its record.
    """
    return partial(_unkept, photo.get("object"))


def _unkept(record: Record | None, geometry: Geometry) -> np.ndarray:
    if record is None:
        raise PhotoError("the report knows no object in this photo")
    height, width = geometry.size
    bits = np.unpackbits(unpacked(record["mask"]))[: height * width]
    if bits.size < height * width:
        raise InputError("the mask of this photo is damaged")
    return bits.reshape(height, width).astype(bool)


def shown(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What the net saw, all but the object in grey: (h, w, 3) uint8.

    Args:
        crop: what it saw.
        mask: (h, w) bool.
    """
    return veiled(crop, ~mask)

"""Data sets of any kind, told apart by what they are given as."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any, Callable, Mapping

from ..errors import DataError, InputError
from ..support.boundary import described
from ..support.labels import Names
from .arrays import open_arrays
from .folders import open_folder, open_paths
from .gluon import open_dataset
from .image_folders import open_image_folder
from .listed import SUFFIXES_OF_LISTS, open_list
from .records import open_records
from .samples import Samples

_EXPECTED = (
    "expected the path of a folder, of a list (.csv, .tsv, .txt, .lst) or of records (.rec), a "
    "list of photos' paths, a Gluon Dataset, an array, or a tuple of one of these and its labels"
)
_AGAIN: Mapping[str, Callable[..., Samples]] = {
    "folder": open_folder,
    "image_folder": open_image_folder,
    "list": open_list,
    "paths": open_paths,
    "records": open_records,
}


def open_samples(
    data: Any, *, labels: Any = None, label_names: Names | None = None, bits: int | None = None
) -> Samples:
    """A data set, of which its kind is found out.

    Args:
        data: the path of a folder, of a list of photos (.csv, .tsv, .txt, or im2rec's .lst), of
            MXNet's records (.rec), of one photo, or a pattern; a list of such paths of photos and
            folders; a Gluon Dataset; an array (N, C, H, W) of floats or (N, H, W, 3) of uint8; a
            tuple of one of these and its labels; or what this function has given.
        labels: the class of each sample, by number or name. Of photos also "folders", where those
            of a class lie in a folder of its own, or the path of a file with a line for each.
        label_names: the names of the classes 0, 1, …, as a list or the path of a file.
        bits: how many bits the numbers have in photos of 16 bits, as `zoo.read_photo` takes it.

    Raises:
        DataError: there is no such data set, it is empty or damaged, or holds something else.
        InputError: it is none, or the labels are of another number.
        TargetError: a sample has no label, or there is no such class.

    Example:
        >>> import numpy as np
        >>> samples = open_samples((np.zeros((3, 8, 8, 3), np.uint8), ["cat", "dog", "cat"]))
        >>> samples.read(1).label, samples.label_names, samples.place(1)
        (1, ['cat', 'dog'], '0000001')
    """
    given: dict[str, Any] = {"labels": labels, "label_names": label_names}
    if isinstance(data, Samples):
        if labels is not None or label_names is not None or bits is not None:
            raise InputError("the data set is open already: give its labels where it is opened")
        return data
    if isinstance(data, (str, Path)):
        return _at(data, {**given, "bits": bits})
    if _are_paths(data):
        return open_paths(data, bits=bits, **given)
    if isinstance(data, tuple) and len(data) == 2:
        if labels is not None:
            raise InputError("the labels are given twice: in the data set's tuple, and as labels=")
        return open_samples(data[0], labels=data[1], label_names=label_names, bits=bits)
    if hasattr(data, "shape"):
        return open_arrays(data, **given)
    is_dataset = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if is_dataset and not isinstance(data, (list, tuple, dict, bytes)):
        return open_dataset(data, bits=bits, **given)
    raise InputError(f"the data set is {described(data)}; {_EXPECTED}")


def reopen(record: Mapping[str, Any]) -> Samples:
    """A data set that was open before.

    Args:
        record: of its samples, also as JSON has kept it.

    Raises:
        DataError: it is not there any more.
        InputError: what was in memory, or a slice, cannot be opened again.
    """
    options = dict(record)
    kind = options.pop("kind", None)
    if kind not in _AGAIN:
        raise InputError(
            f"a data set of the kind {kind!r} cannot be opened by its record: hand over the data "
            "again, arrays and datasets as they were, and of a slice the whole"
        )
    return _AGAIN[kind](options.pop("paths" if kind == "paths" else "path"), **options)


def _are_paths(data: Any) -> bool:
    is_list = isinstance(data, (list, tuple)) and len(data) > 0
    return is_list and all(isinstance(one, (str, Path)) for one in data)


def _at(given: str | Path, options: Mapping[str, Any]) -> Samples:
    """What lies at a path."""
    path = Path(given).expanduser()
    suffix = path.suffix.lower()
    if path.is_dir():
        return open_folder(path, **options)
    if not path.exists():
        if glob.has_magic(os.fspath(given)):
            return open_paths([given], **options)
        raise DataError(
            f"there is no data set {path}: check the path; it was looked for in {Path.cwd()}"
        )
    if suffix in SUFFIXES_OF_LISTS:
        return open_list(path, **options)
    if suffix == ".rec":
        return open_records(path, **options)
    if suffix == ".idx":
        raise DataError(f"{path} is an index: give the file of its records, {path.stem}.rec")
    return open_paths([given], **options)

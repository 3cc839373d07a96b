"""The photos of Gluon's `ImageFolderDataset`, read as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..support.labels import Names
from ..support.paths import absolute
from .classes import Classes, classes_given, whole
from .files import FileSamples

_SUFFIXES = (".jpg", ".jpeg", ".png")
"""Those that `ImageFolderDataset` takes."""


def open_image_folder(
    folder: str | Path,
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> FileSamples:
    """The photos that `ImageFolderDataset` finds in a folder: in the folders of classes, not below.

    Args:
        folder: its path.
        labels: one class a sample instead of the folders.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        InputError: the folder cannot be listed, or holds none.
    """
    root = absolute(folder)
    try:
        names, ids, classes = _listing(root)
    except OSError as error:
        raise InputError(f"{root} cannot be listed ({error.strerror or error})") from error
    return _image_folder(root, names, Classes(ids, classes), labels, label_names, bits)


def folder_of(
    dataset: Any, labels: Any, label_names: Names | None, bits: int | None
) -> FileSamples:
    """The files of an `ImageFolderDataset`. A list that its owner has changed is not found again.

    Args:
        dataset: it.
        labels: one class a sample instead of the folders.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        InputError: it has no samples; the labels are none, or of another number.
    """
    root = absolute(dataset._root)
    start = len(os.path.join(root, ""))
    names = [os.path.abspath(one)[start:] for one, _ in dataset.items]
    ids = [whole(label) for _, label in dataset.items]
    classes = Classes(ids, list(dataset.synsets))
    found = _image_folder(root, names, classes, labels, label_names, bits)
    if (names, ids, classes.names) != _listing(root):
        found.record = {"kind": "gluon"}
    return found


def _image_folder(
    root: Path,
    names: list[str],
    classes: Classes,
    labels: Any,
    label_names: Names | None,
    bits: int | None,
) -> FileSamples:
    if not names:
        raise InputError(f"the dataset of the folder {root} has no samples")
    given = classes_given(labels, label_names, len(names))
    record = {
        "kind": "image_folder",
        "path": str(root),
        "labels": given.ids,
        "label_names": given.names,
        "bits": bits,
    }
    found = Classes(
        classes.ids if given.ids is None else given.ids,
        classes.names if given.names is None else given.names,
    )
    return FileSamples(str(root), names, found, bits=bits, record=record)


def _listing(root: Path) -> tuple[list[str], list[int | None], list[str]]:
    """The paths, the classes and their names, as `ImageFolderDataset` lists them."""
    classes = sorted(one for one in os.listdir(root) if (root / one).is_dir())
    names: list[str] = []
    ids: list[int | None] = []
    for number, one in enumerate(classes):
        found = sorted(os.listdir(root / one))
        photos = [name for name in found if name.lower().endswith(_SUFFIXES)]
        names += [os.path.join(one, name) for name in photos]
        ids += [number] * len(photos)
    return names, ids, classes

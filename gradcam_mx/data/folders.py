"""Photos in folders, and those that paths and patterns name."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any, Sequence

from ..errors import DataError, TargetError
from ..support.labels import Names, labels_of, names_of
from ..support.paths import absolute, base_of
from .classes import Classes, classes_given, classes_of
from .files import FileSamples
from .label_lines import lines_of
from .photo_files import LOOKED_FOR, below, find_files, is_ours, visible

FOLDERS = "folders"
"""The labels of photos that lie in a folder for each class."""


def open_folder(
    folder: str | Path,
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> FileSamples:
    """The photos in a folder and in all below it.

    Args:
        folder: its path.
        labels: "folders" if the first folder on the way to a photo is its class, in alphabetical
            order; the path of a file with a line for each photo; one class a photo; or None.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        DataError: there are no photos, or what lies there was written by this program.
        InputError: the labels are none, or of another number.
        TargetError: a photo has no label, or there is no such class.
    """
    root = str(absolute(Path(folder).expanduser()))
    if is_ours(root):
        raise DataError(
            f"{root} holds results of gradcam-mx, not a data set: give the folder of the photos"
        )
    start = len(os.path.join(root, ""))
    names = [one[start:] for one in below(root)]
    if not names:
        raise DataError(f"no photos found in {root}; {LOOKED_FOR}")
    classes = photo_classes(root, names, labels, label_names)
    options = options_of(labels, label_names, classes, bits)
    record = {"kind": "folder", "path": root, **options}
    return FileSamples(root, names, classes, bits=bits, record=record)


def open_paths(
    given: Sequence[str | Path],
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> FileSamples:
    """The photos that paths of files, of folders, and patterns name, each once.

    Args:
        given: paths and patterns.
        labels: as `open_folder` takes them.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        DataError: one of them names no photo.
        InputError: the labels are none, or of another number.
        TargetError: a photo has no label, or there is no such class.
    """
    texts = [_whole(os.fspath(one)) for one in given]
    files, failures = find_files(texts)
    if failures:
        raise DataError("; ".join(failures))
    folders = [one for one in texts if os.path.isdir(one)]
    root = str(base_of(files, folders))
    start = len(os.path.join(root, ""))
    names = [os.path.abspath(one)[start:] for one in files]
    classes = photo_classes(root, names, labels, label_names)
    options = options_of(labels, label_names, classes, bits)
    record = {"kind": "paths", "paths": texts, **options}
    return FileSamples(root, names, classes, bits=bits, record=record)


def photo_classes(
    root: str, names: Sequence[str], labels: Any, label_names: Names | None
) -> Classes:
    """The class of each photo.

    Args:
        root: of the photos.
        names: their paths from there.
        labels: as `open_folder` takes them.
        label_names: of the classes 0, 1, …

    Raises:
        InputError: the labels are none, or of another number.
        TargetError: a photo has no label, or there is no such class.
    """
    if isinstance(labels, str) and labels == FOLDERS:
        return _by_folder(root, names, label_names)
    if isinstance(labels, (str, Path)):
        path = Path(labels).expanduser()
        lines = lines_of(path, [os.path.join(root, one) for one in names])
        return classes_of((one.name for one in lines), label_names, f"the labels in {path}")
    return classes_given(labels, label_names, len(names))


def _by_folder(root: str, names: Sequence[str], label_names: Names | None) -> Classes:
    """As `ImageFolderDataset` numbers them: also folders without photos are classes."""
    folders = [one for one in os.listdir(root) if os.path.isdir(os.path.join(root, one))]
    classes = [one for one in visible(folders) if not is_ours(os.path.join(root, one))]
    if not classes:
        raise TargetError(
            f'labels="{FOLDERS}", and {root} has no folders: expected one for each class'
        )
    ids = {one: number for number, one in enumerate(classes)}
    if label_names is not None:
        labels, called = labels_of(label_names, None), names_of(label_names) or []
        known = {one: number for number, one in enumerate(called)}
        # the name itself before its spellings: a folder "10" may be the class called so
        ids = {one: known[one] if one in known else labels.id(one) for one in classes}
        classes = called
    firsts = (one.partition(os.sep) for one in names)
    return Classes([ids[first] if rest else None for first, _, rest in firsts], classes)


def options_of(
    labels: Any, label_names: Names | None, classes: Classes, bits: int | None
) -> dict[str, Any]:
    """What a data set was opened with, as JSON has it.

    Args:
        labels: as they were given.
        label_names: as they were given.
        classes: that these mean.
        bits: how many the numbers have in photos of 16 bits; None for all.
    """
    names = names_of(label_names)
    if isinstance(labels, (str, Path)):
        is_file = labels != FOLDERS
        labels = str(absolute(Path(labels).expanduser())) if is_file else FOLDERS
    elif labels is not None:
        labels, names = classes.ids, classes.names
    return {"labels": labels, "label_names": names, "bits": bits}


def _whole(text: str) -> str:
    """A path or a pattern that means the same wherever the program is."""
    path = os.path.expanduser(text)
    if not glob.has_magic(path) or os.path.lexists(path):
        return os.path.abspath(path)
    return os.path.join(glob.escape(os.getcwd()), path)

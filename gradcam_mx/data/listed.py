"""Photos in a list: a table of paths and classes, or a list that im2rec has made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ..errors import DataError
from ..support.labels import Names
from ..support.paths import absolute
from .classes import Classes, classes_of, whole
from .files import FileSamples
from .folders import options_of, photo_classes
from .rows import rows

SUFFIXES_OF_LISTS = {".csv", ".tsv", ".txt", ".lst"}

_PATHS = ("path", "photo", "image", "file", "filename", "file_name", "filepath", "image_path")
_LABELS = ("label", "class", "class_id", "target", "category")
"""What heads of columns are called."""


class _Columns(NamedTuple):
    """Where paths and labels are in a line, and how many fields it has at most."""

    path: int
    label: int | None
    most: int


class _Entry(NamedTuple):
    """What a line says of a photo."""

    line: int
    label: str


def open_list(
    path: str | Path,
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> FileSamples:
    """The photos in a list, each once, in its order.

    A line is the path of a photo, a comma or tab, and its class, by number or name, which may be
    missing. Paths are relative to the folder of the list. The first line may be a head, whose names
    say which columns hold "path" and "label". Of im2rec's lists (.lst), a line is a number, labels,
    of which the first is taken if it is a whole number, and a path, with tabs between them.

    Args:
        path: of the list.
        labels: instead of those in the list, as `open_folder` takes them.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits; None for all.

    Raises:
        DataError: the list cannot be read, is empty, or names two classes of a photo.
        InputError: the labels are none, or of another number.
        TargetError: a photo has no label, or there is no such class.
    """
    path = absolute(Path(path).expanduser())
    root = str(path.parent)
    entries: dict[str, _Entry] = {}
    known: dict[str, str] = {}
    for number, photo, label in _im2rec(path) if path.suffix.lower() == ".lst" else _table(path):
        name = _relative(photo, root)
        entry = _Entry(number, known.setdefault(label, label))
        before = entries.setdefault(name, entry)
        if before.label != label:
            raise DataError(
                f"lines {before.line} and {number} of {path} name two classes of {photo}"
            )
    if not entries:
        raise DataError(f"{path} lists no photos; expected a line for each: its path, its label")
    names = list(entries)
    if labels is None:
        found = [one.label for one in entries.values()]
        classes = classes_of(found, label_names, f"the labels in {path}")
        classes = classes if any(found) else Classes(None, classes.names)
    else:
        classes = photo_classes(root, names, labels, label_names)
    options = options_of(labels, label_names, classes, bits)
    record = {"kind": "list", "path": str(path), **options}
    return FileSamples(root, names, classes, bits=bits, record=record)


def _table(path: Path) -> Iterator[tuple[int, str, str]]:
    """Of each line: its number, the path of a photo, its label or ""."""
    columns = None
    for number, fields in rows(path, "list of photos", DataError):
        if columns is None:
            columns = _head(fields)
            if columns is not None:
                continue
            columns = _Columns(0, 1, 2)
        if len(fields) > columns.most:
            raise DataError(
                f"line {number} of {path} has {len(fields)} fields, not {columns.most}; expected "
                "a photo, a comma or tab, and a class; what has a comma itself goes in double "
                'quotes, and other columns need a head with the names "path" and "label"'
            )
        fields += [""] * (columns.most - len(fields))
        if not fields[columns.path]:
            raise DataError(f"line {number} of {path} names no photo")
        yield number, fields[columns.path], "" if columns.label is None else fields[columns.label]


def _head(fields: list[str]) -> _Columns | None:
    """What the names of columns say; None if these are none."""
    names = [one.lower() for one in fields]
    photo = next((names.index(one) for one in _PATHS if one in names), None)
    label = next((names.index(one) for one in _LABELS if one in names), None)
    return None if photo is None else _Columns(photo, label, len(fields))


def _im2rec(path: Path) -> Iterator[tuple[int, str, str]]:
    """Of each line: its number, the path of a photo, its label or ""."""
    for number, fields in rows(path, "list of photos", DataError):
        if len(fields) < 3 or not fields[-1]:
            raise DataError(
                f"line {number} of {path} has {len(fields)} fields; expected im2rec's: a number, "
                "one or more labels and a path, with tabs between them"
            )
        yield number, fields[-1], _first(fields[1], number, path)


def _first(text: str, number: int, path: Path) -> str:
    try:
        label = whole(float(text))
    except ValueError as error:
        raise DataError(f"line {number} of {path} has the label {text!r}; expected a number") from (
            error
        )
    return "" if label is None else str(label)


def _relative(photo: str, root: str) -> str:
    """The path of a photo from the folder of its list; a whole path if it lies elsewhere."""
    given = os.path.expanduser(photo)
    path = os.path.normpath(given)
    inside = os.path.join(root, "")
    return path[len(inside) :] if path.startswith(inside) else path

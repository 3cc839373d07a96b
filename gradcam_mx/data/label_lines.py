"""Files that say of which class photos are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Sequence

from ..errors import TargetError
from .rows import rows

_LISTED = 10
"""How many photos a message names."""


class Line(NamedTuple):
    """A line of a file of labels."""

    number: int
    """From 1 on."""
    name: str
    """Of the class, or its id."""


def lines_of(path: Path, photos: Sequence[str | Path]) -> list[Line]:
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
    owner: dict[int, str | Path] = {}
    for photo, line in zip(photos, lines):
        if owner.setdefault(line.number, photo) is not photo:
            raise TargetError(
                f"line {line.number} of {path} names several photos, {owner[line.number]} and "
                f"{photo}: give more of their paths"
            )
    return lines


def _lines(path: Path) -> dict[str, Line]:
    """The path that each line names → the line. Texts: a million of Path take too long."""
    found: dict[str, Line] = {}
    names: dict[str, str] = {}
    for number, fields in rows(path, "labels", TargetError):
        if len(fields) != 2:
            raise TargetError(
                f"line {number} of {path} has {len(fields)} fields; expected a photo, a comma or "
                "tab, and a class; what has a comma itself goes in double quotes"
            )
        photo, name = fields
        line = Line(number, names.setdefault(name, name))
        before = found.setdefault(_key(photo), line)
        if before.name != name:
            raise TargetError(
                f"lines {before.number} and {number} of {path} name two classes of {photo}"
            )
    return found


def _key(photo: str) -> str:
    given = os.path.expanduser(photo)
    # a "." means nothing; what ".." means depends on where it is
    is_whole = ".." in given.split(os.sep)
    return os.path.abspath(given) if is_whole else os.path.normpath(given)


def _line_of(photo: str | Path, known: dict[str, Line]) -> Line | None:
    """That which names most of a photo's path."""
    end = os.path.abspath(photo)
    while end:
        if end in known:
            return known[end]
        end = end.partition(os.sep)[2]
    return None

"""Paths of files, as they are compared and told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable


def absolute(path: str | Path) -> Path:
    """The whole path, without a "..": what symbolic links point at plays no part.

    Args:
        path: of any file or folder.
    """
    return Path(os.path.abspath(path))


def source_of(path: Path) -> str:
    """How a file is named in results: by its whole path.

    Args:
        path: of the file.
    """
    return printable(str(absolute(path)))


def printable(path: str) -> str:
    r"""A path as a text that may be written anywhere: bytes that are no UTF-8 become "\xff".

    Args:
        path: as the system gives it.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def base_of(files: Iterable[str | Path], folders: Iterable[str | Path]) -> Path:
    """The deepest folder that holds all files, and the folders that were given.

    Args:
        files: their paths.
        folders: that files were looked for in.
    """
    places = {os.path.dirname(os.path.abspath(path)) for path in files}
    places |= {os.path.abspath(one) for one in folders}
    return Path(os.path.commonpath(places))

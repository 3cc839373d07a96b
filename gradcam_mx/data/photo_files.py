"""Photos in folders and by patterns: which there are, in which order."""

from __future__ import annotations

import glob
import os
import warnings
from pathlib import Path
from typing import Iterable, Iterator

from ..errors import PhotoError
from ..support.callers import caller_level
from ..support.ours import is_run, is_store

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
LOOKED_FOR = f"looked for files ending in {', '.join(sorted(SUFFIXES))}"


def find_photos(given: Iterable[str]) -> tuple[list[Path], list[str]]:
    """The files that the arguments name (themselves, in folders and all below them, by patterns),
    each once; what names none.

    What is hidden and what this program has written is left out of folders.

    Raises:
        PhotoError: nothing was found at all.
    """
    photos, failures = find_files(given)
    if not photos:
        raise PhotoError("; ".join(failures))
    return [Path(one) for one in photos], failures


def find_files(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """As `find_photos` finds them; none is no error.

    Args:
        given: paths and patterns.
    """
    photos: dict[str, str] = {}
    failures = []
    for text in given:
        path = os.path.expanduser(text)
        if os.path.isdir(path):
            found = list(below(path))
        elif not glob.has_magic(text) or os.path.exists(path):
            found = [path]
        else:
            matches = sorted(glob.glob(path, recursive=True))
            found = [one for one in matches if not os.path.isdir(one)]
        if not found:
            failures.append(f"no photos found in {text}; {LOOKED_FOR}")
        for one in found:
            photos[os.path.abspath(one)] = one
    return list(photos.values()), failures


def below(folder: str | Path) -> Iterator[str]:
    """The photos in a folder, and then those in each folder below it, each in alphabetical order.

    Links to folders are followed, but into none that they are in themselves. A folder that may not
    be read is left out, with a warning.

    Args:
        folder: where they are looked for.
    """
    above = {os.fspath(folder): _identity(folder)}  # of each folder, those that it is in, and it
    unread: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unread.append, followlinks=True):
        inside = above.pop(place)
        if is_ours(place):
            folders.clear()
            continue
        folders[:] = visible(folders)
        for one in list(folders):
            child = Path(place, one)
            identity = _identity(child) - inside
            if identity:
                above[os.path.join(place, one)] = inside | identity
            else:
                folders.remove(one)
        for name in visible(names):
            if os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.join(place, name)
    for error in unread:
        warnings.warn(
            f"the folder {error.filename} cannot be read ({error.strerror}): its photos are left "
            "out",
            stacklevel=caller_level(),
        )


def visible(names: Iterable[str]) -> list[str]:
    """Those that are not hidden, in alphabetical order.

    Args:
        names: of files or folders.
    """
    return sorted(one for one in names if not one.startswith("."))


def is_ours(folder: str | Path) -> bool:
    """Whether what lies in a folder was written by this program.

    Args:
        folder: its path.
    """
    return is_run(Path(folder)) or is_store(Path(folder))


def _identity(folder: str | Path) -> frozenset[tuple[int, int]]:
    """What tells a folder from all others, whatever path it is reached by."""
    try:
        found = os.stat(folder)
    except OSError:
        return frozenset([(-1, -1)])  # os.walk says what is wrong with it
    return frozenset([(found.st_dev, found.st_ino)])

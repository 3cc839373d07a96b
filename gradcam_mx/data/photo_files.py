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
from ..support.paths import absolute

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
LOOKED_FOR = f"looked for files ending in {', '.join(sorted(SUFFIXES))}"


def find_photos(given: Iterable[str]) -> tuple[list[Path], list[str]]:
    """The files that the arguments name (themselves, in folders and all below them, by patterns),
    each once; what names none.

    What is hidden and what this program has written is left out of folders.

    Raises:
        PhotoError: nothing was found at all.
    """
    photos: list[Path] = []
    failures = []
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            found = [Path(one) for one in below(path)]
        elif path.exists() or not glob.has_magic(text):
            found = [path]
        else:
            matches = sorted(glob.glob(str(path), recursive=True))
            found = [one for one in map(Path, matches) if not one.is_dir()]
        if not found:
            failures.append(f"no photos found in {text}; {LOOKED_FOR}")
        photos += found
    if not photos:
        raise PhotoError("; ".join(failures))
    return list({absolute(path): path for path in photos}.values()), failures


def below(folder: str | Path) -> Iterator[str]:
    """The photos in a folder, and then those in each folder below it, each in alphabetical order.

    Links to folders are followed, but into none that they are in themselves. A folder that may not
    be read is left out, with a warning.

    Args:
        folder: where they are looked for.
    """
    above = {os.fspath(folder): _identity(folder)}  # of each folder, those that it is in, and it
    for place, folders, names in os.walk(folder, onerror=_warn, followlinks=True):
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


def _warn(error: OSError) -> None:
    warnings.warn(
        f"the folder {error.filename} cannot be read ({error.strerror}): its photos are left out",
        stacklevel=caller_level(),
    )

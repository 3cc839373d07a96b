"""The files of a store: which shard each holds, and how one is written whole or not at all.

The name of a file says which shard it is and of what: `000000012-3f2a…c1.parquet` has the samples
of shard 12, and digits of a hash of all that its rows depend on. Where it stands, nothing of it is
computed again; a file of the same shard under other digits is of what was asked for before.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ..support import files
from .columns import parquet

FOLDER = "shards"
DIGITS = 16
"""How much of a hash is in a name."""

_NAME = re.compile(rf"(\d{{9}})-([0-9a-f]{{{DIGITS}}})\.parquet")
_IN_A_FOLDER = 1000


class Shard(NamedTuple):
    """A file of a store."""

    number: int
    digest: str
    path: Path


def place(store: Path, number: int, digest: str) -> Path:
    """Where a shard is kept.

    Args:
        store: the folder.
        number: of the shard.
        digest: the hash of all that it depends on.
    """
    folder = store / FOLDER / f"{number // _IN_A_FOLDER:06d}"
    return folder / f"{number:09d}-{digest[:DIGITS]}.parquet"


def standing(store: Path) -> dict[int, list[Shard]]:
    """Number → the files of that shard, the newest first.

    Args:
        store: the folder.
    """
    found: dict[int, list[tuple[int, Shard]]] = {}
    for path, modified in _files(store):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            shard = Shard(int(match[1]), match[2], path)
            found.setdefault(shard.number, []).append((-modified, shard))
    return {number: [one for _, one in sorted(found[number])] for number in sorted(found)}


def unfinished(store: Path) -> list[Path]:
    """Files that were being written when the work on them ended.

    Args:
        store: the folder.
    """
    return [path for path, _ in _files(store) if path.name.startswith(".")]


def write(path: Path, table: Any) -> None:
    """Write a shard, so that it stands there whole, also after the machine's power failed.

    Args:
        path: of the file.
        table: its rows.

    Raises:
        OutputError: it cannot be written.
    """
    with files.whole(path, f".{os.getpid()}") as part:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            parquet().write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())


def _files(store: Path) -> Iterator[tuple[Path, int]]:
    """Each file below the folder of shards, and when it was written (ns)."""
    folder = store / FOLDER
    if not folder.is_dir():
        return
    for inner in sorted(one for one in folder.iterdir() if one.is_dir()):
        with os.scandir(inner) as entries:
            for entry in entries:
                try:
                    yield Path(entry.path), entry.stat().st_mtime_ns
                except FileNotFoundError:  # moved meanwhile by a run that writes here
                    continue

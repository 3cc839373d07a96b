"""What runs before have found: which file of a store has which result, and the result.

The list of that is a file in the store as long as a run needs it, which all workers read. So what
was found of a sample is found again wherever in the data set it is now.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from ...store import parts, shards
from ...store.columns import Cells, Traits, arrow, parquet, traits_in
from ...store.shards import Shard
from ...support import files
from ...support.caches import Cache
from .asked import Asked

NAME = ".known.npy"

_ENTRY = np.dtype([("key", "<u8"), ("number", "<u4"), ("digest", "<u8")])
"""The first half of a prediction's key; the number of a shard, and the digits in its file's name.
"""

_FILES = 2
"""The rows of so many files are kept in memory: samples that follow each other did so before."""

_OF_NET = ("key", "predicted", "probability", "top", "top_probability", "target", "score")


def write(store: Path, standing: Mapping[int, Sequence[Shard]]) -> Path:
    """Write the list; its path.

    Args:
        store: the folder.
        standing: number of a shard → the files of it that there are.

    Raises:
        OutputError: it cannot be written.
    """
    found = [_entries(one) for of_number in standing.values() for one in of_number]
    entries = np.concatenate(found) if found else np.zeros(0, _ENTRY)
    path = store / NAME
    with files.whole(path) as part:
        np.save(part, entries[np.argsort(entries["key"], kind="stable")])
    return path


def remove(store: Path) -> None:
    """Remove the list, if there is one.

    Args:
        store: the folder.
    """
    path = store / NAME
    if path.exists():
        path.unlink()


def _entries(shard: Shard) -> np.ndarray:
    keys = _read(shard.path, ["key"])
    known = [] if keys is None else [one for one in keys["key"].to_pylist() if one is not None]
    found = np.zeros(len(known), _ENTRY)
    found["key"] = [_half(one) for one in known]
    found["number"], found["digest"] = shard.number, int(shard.digest, 16)
    return found


def _half(key: str) -> int:
    return int(key[:16], 16)


def _read(path: Path, columns: Sequence[str] | None = None) -> Any:
    """A file of a store; None if it is gone, or damaged: what it had is computed again."""
    try:
        return parquet().read_table(path, columns=columns)
    except (OSError, arrow().ArrowInvalid):
        return None


class Known:
    """Results of runs before, of the same samples under the same keys.

    Args:
        asked: what is asked of each sample.
        store: the folder.
        path: of the list; None where there is none.
    """

    def __init__(self, asked: Asked, store: Path, path: Path | None) -> None:
        self._asked, self._store = asked, store
        self.traits: dict[str, Traits] = {}
        """Method → what its maps that were found here have in common."""
        self._list = np.zeros(0, _ENTRY) if path is None else np.load(path, mmap_mode="r")
        self._files: Cache[Path, tuple[dict[str, Cells], dict[str, Traits]]] = Cache(_FILES)

    def of(self, sha256: str, label: int | None) -> Cells:
        """What is known of a sample.

        Args:
            sha256: of the sample as it is stored.
            label: its true class, if that is known.
        """
        asked = self._asked
        known: Cells = {}
        for row, traits in self._rows(asked.key(sha256, label)):
            for method in asked.methods:
                if row.get(f"{method}.key") == asked.key(sha256, label, method):
                    known.update({name: row[name] for name in row if _is_of(name, method)})
                    self.traits[method] = traits[method]
            if known or not asked.methods:
                known.update({name: row[name] for name in _OF_NET})
        return known

    def missing(self, known: Cells) -> tuple[str, ...] | None:
        """The methods that are not known yet; None if nothing is missing.

        Args:
            known: of a sample.
        """
        missing = tuple(one for one in self._asked.methods if f"{one}.key" not in known)
        return missing if missing or "key" not in known else None

    def _rows(self, key: str) -> Iterator[tuple[Cells, dict[str, Traits]]]:
        """The rows of a sample, each with the traits of its file."""
        keys, half = self._list["key"], _half(key)
        for entry in self._list[bisect_left(keys, half) : bisect_right(keys, half)]:
            path = shards.place(self._store, int(entry["number"]), f"{int(entry['digest']):016x}")
            rows, traits = self._files.get(path, partial(_rows_of, path))
            if key in rows:
                yield rows[key], traits


def _is_of(column: str, method: str) -> bool:
    return column.startswith(f"{method}.")


def _rows_of(path: Path) -> tuple[dict[str, Cells], dict[str, Traits]]:
    """Key of the prediction → row; and the traits of the methods."""
    table = _read(path)
    if table is None:
        return {}, {}
    rows = {row["key"]: row for row in parts.rows_of(table) if row["key"] is not None}
    return rows, traits_in(table.schema)

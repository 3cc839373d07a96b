"""The table of what a run did, `results.csv`: a row for each photo and method."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Sequence

from ..support import files

TABLE = "results.csv"

COLUMNS = (
    "source",
    "sha256",
    "predictions",
    "target",
    "class",
    "probability",
    "score",
    "method",
    "layer",
    "files",
    "error",
)
"""Of the table; a photo that failed has a row of its source and error alone."""

Row = Dict[str, Any]

_BETWEEN = "; "


class Results:
    """The rows of a run, in memory and in its table, which is written as they come.

    Args:
        folder: of the run; the table need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / TABLE
        self._rows = _read(self._path) if self._path.exists() else {}

    def found_of(self, source: str) -> list[Row]:
        """The rows of a source that name files.

        Args:
            source: as its rows name it.
        """
        return [row for row in self._rows.get(source, ()) if row["files"]]

    def files_of(self, source: str) -> list[str]:
        """What was written of a source, relative to the folder.

        Args:
            source: as its rows name it.
        """
        named = chain.from_iterable(
            row["files"].split(_BETWEEN) for row in self._rows.get(source, ())
        )
        return [name for name in dict.fromkeys(named) if name]

    def add(self, source: str, rows: Sequence[Row]) -> None:
        """Rows of a source, in place of those that it had.

        Args:
            source: as its rows name it.
            rows: of it; columns that one leaves out are empty.

        Raises:
            OSError: they cannot be written; the table is as it was then.
        """
        texts = [
            {column: _text(row.get(column)) for column in COLUMNS}
            for row in ({"source": source, **one} for one in rows)
        ]
        was_there = source in self._rows or not self._path.exists()
        kept = {name: one for name, one in self._rows.items() if name != source}
        if was_there:
            self._write_all([*chain.from_iterable(kept.values()), *texts])
        else:
            self._append(texts)
        self._rows = {**kept, source: texts}

    def _write_all(self, rows: Iterable[Row]) -> None:
        with files.whole(self._path) as part, _opened(part, "w") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def _append(self, rows: Iterable[Row]) -> None:
        size = self._path.stat().st_size
        try:
            with _opened(self._path, "a") as file:
                csv.DictWriter(file, COLUMNS).writerows(rows)
        except OSError:
            with self._path.open("r+b") as file:
                file.truncate(size)  # no half a row
            raise


def joined(names: Iterable[str]) -> str:
    """Several names in one cell.

    Args:
        names: of files, or what else a cell lists.
    """
    return _BETWEEN.join(names)


def _opened(path: Path, mode: str) -> Any:
    # a name that is no text is spelled out, so that any program can read the table
    return path.open(mode, newline="", encoding="utf-8", errors="backslashreplace")


def _read(path: Path) -> dict[str, list[Row]]:
    """Source → its rows, of a table as it was written here; of another, nothing."""
    found: dict[str, list[Row]] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) == COLUMNS:
            for row in reader:
                found.setdefault(row["source"], []).append(
                    {column: row[column] or "" for column in COLUMNS}
                )
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)

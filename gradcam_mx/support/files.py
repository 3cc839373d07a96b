"""Files that are whole or not there."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ..errors import GradCamError, OutputError


@contextmanager
def whole(path: str | Path, mark: str = "", suffix: str | None = None) -> Iterator[Path]:
    """A place to write to, whose file is moved to `path` at the end.

    So nothing half-written ever stands there.

    Args:
        path: of the file.
        mark: tells the place from those of other processes that may write the same file.
        suffix: of the place to write to, where others read all files of the suffix of `path`; by
            default it has the same.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}{mark}.part{path.suffix if suffix is None else suffix}")
    try:
        try:
            yield part
            part.replace(path)
        finally:
            if part.exists():
                part.unlink()
    except GradCamError:
        raise  # what was to be written is wrong, not the place
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def write_csv(path: str | Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write a table: a line with the keys of the first record, then a line for each record.

    Args:
        path: of the file.
        records: at least one, all of the same keys.

    Raises:
        OutputError: it cannot be written.
    """
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return Path(path)

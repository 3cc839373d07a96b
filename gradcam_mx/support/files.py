"""Files that are whole or not there."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ..errors import GradCamError, OutputError


@contextmanager
def whole(path: str | Path, mark: str = "") -> Iterator[Path]:
    """A place to write to, of the same suffix, whose file is moved to `path` at the end.

    So nothing half-written ever stands there.

    Args:
        path: where the file is to stand.
        mark: tells the place from those of other processes that may write the same file.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}{mark}.part{path.suffix}")
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

"""One run at a time writes to a store."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ...errors import OutputError

NAME = ".lock"


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Nobody else writes to the store meanwhile; the system ends it with this process.

    Args:
        store: the folder.

    Raises:
        OutputError: another run writes to it, or the folder cannot be written to.
    """
    path = store / NAME
    try:
        file = path.open("a+")
    except OSError as error:
        raise OutputError(f"cannot write to {store}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise OutputError(
                f"another run writes to {store} (process {file.read().strip() or 'unknown'}): wait "
                "for its end, or choose another folder"
            ) from error
        except OSError as error:
            raise OutputError(
                f"cannot lock {path} ({error.strerror}): choose a folder on another disk"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield

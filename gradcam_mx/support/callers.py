"""Where a caller's own code is, which a warning points at."""

from __future__ import annotations

import inspect

PACKAGE = __name__.partition(".")[0]


def caller_level() -> int:
    """The `stacklevel` for a warning given where this is called: the first code of others."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and _is_own(frame.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    return level


def _is_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] == PACKAGE

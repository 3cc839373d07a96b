"""One thing that a check looked at."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    """What was looked at."""
    holds: bool | None
    """Whether it is as it should be; None if that cannot be told."""
    said: str
    """What was found, in words."""

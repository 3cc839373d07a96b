"""Options that are whole numbers in a range."""

from __future__ import annotations

from math import prod
from typing import Any, Sequence

from ..errors import MetricError
from .arrays import is_whole


def check_count(name: str, given: Any, least: int, positions: Sequence[int] | None = None) -> None:
    """Refuse what is no whole number in a range.

    Args:
        name: of the option.
        given: its value.
        least: the lowest number.
        positions: of an input along its axes, if there may not be more than all of them.

    Raises:
        MetricError: it is none.
    """
    most = None if positions is None else prod(positions)
    if not is_whole(given) or given < least or (most is not None and given > most):
        upto = "or more" if most is None else f"to {most}, as many positions as the input has"
        raise MetricError(f"{name} is {given!r}; expected {least} {upto}")

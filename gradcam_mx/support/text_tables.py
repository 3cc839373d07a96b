"""Tables as text, their columns below each other."""

from __future__ import annotations

from typing import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its cells at the left of their columns.

    Args:
        rows: with as many cells each.
    """
    widths = _widths(rows)
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def ruled(rows: Sequence[Sequence[str]]) -> list[str]:
    """The same, with dashes below the first row.

    Args:
        rows: with as many cells each, the names of the columns first.
    """
    lines = aligned(rows)
    return [lines[0], "  ".join("-" * width for width in _widths(rows)), *lines[1:]]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows)]

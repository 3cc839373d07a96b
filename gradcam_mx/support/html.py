"""HTML for notebooks: tables, pictures, and what stands side by side."""

from __future__ import annotations

import base64
from html import escape
from typing import Any, Collection, Iterable, Mapping, Sequence

_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
_LINE = "margin:2px 0;font-family:monospace;font-size:90%"
MOST = 24
"""How many things are shown side by side; the rest is counted."""


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    below: str | Sequence[str] = "",
    *,
    bold: Collection[tuple[int, int]] = (),
    rule_above: int | None = None,
) -> str:
    """A table, everything in it as text.

    Args:
        header: what the columns are called.
        rows: with a cell for each column.
        below: a line of text under the table, or several.
        bold: the numbers of the rows and columns of cells that are bold.
        rule_above: the number of a row that a line parts from those above.
    """
    head = "".join(f'<th style="{_CELL}">{escape(one)}</th>' for one in header)
    body = "".join(
        f"<tr>{_cells(row, number, bold, number == rule_above)}</tr>"
        for number, row in enumerate(rows)
    )
    lines = [below] if isinstance(below, str) else below
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + "".join(
        map(line, lines)
    )


def _cells(
    row: Sequence[Any], number: int, bold: Collection[tuple[int, int]], has_rule: bool
) -> str:
    style = _CELL + (";border-top:1px solid" if has_rule else "")
    texts = (
        f"<b>{escape(str(cell))}</b>" if (number, column) in bold else escape(str(cell))
        for column, cell in enumerate(row)
    )
    return "".join(f'<td style="{style}">{text}</td>' for text in texts)


def line(text: str) -> str:
    """A line of text; nothing for none."""
    return f'<div style="{_LINE}">{escape(text)}</div>' if text else ""


def image(png: bytes | None, text: str = "") -> str:
    """A picture over a line of text, that also says what is in it to those who cannot see it.

    Args:
        png: the picture's file; None for none.
        text: a line.
    """
    if png is None:
        return line(text)
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<img style="max-width:100%" alt="{escape(text)}" src="data:image/png;base64,{data}"/>'
        + line(text)
    )


def of(thing: Any) -> str:
    """Anything as HTML: as it shows itself, or as text."""
    own = getattr(thing, "_repr_html_", None)
    found = own() if own else None
    return f"<pre>{escape(repr(thing))}</pre>" if found is None else found


def side_by_side(things: Mapping[Any, Any]) -> str:
    """Things next to each other, each under its label.

    Args:
        things: label → thing.
    """
    cells = "".join(
        f'<div style="margin:0 12px 8px 0;max-width:100%">{line(str(label))}{of(one)}</div>'
        for label, one in list(things.items())[:MOST]
    )
    more = f"and {len(things) - MOST} more" if len(things) > MOST else ""
    return f'<div style="display:flex;flex-wrap:wrap">{cells}</div>{line(more)}'

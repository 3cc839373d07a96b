"""Pages of one file: one that this package has written may be written over, and nothing else."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from .._version import __version__
from ..errors import OutputError
from ..support import files
from .provenance import Record
from .report.parts import SUFFIXES

_HEAD = 2000
"""In so many bytes a page says what it is."""


def head_of(title: str) -> Record:
    """What the template of each page is told first.

    Args:
        title: of the page.
    """
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"title": title, "version": __version__, "made": made}


def check_page(path: Path, about: str) -> None:
    """Refuse a place where a page cannot be written.

    Args:
        path: of the page.
        about: what it is about; its template has that in a tag, see `_mark`.

    Raises:
        OutputError: its name does not end in .html, or something else is there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"cannot write {path}: it is a page, and its name ends in .html")
    if path.exists() and not (path.is_file() and _is_ours(path, about)):
        raise OutputError(
            f"cannot write {path}: it is there and is no page of gradcam-mx about {about}, and "
            "nothing of yours is written over; choose another name"
        )


def write_page(path: Path, about: str, page: str) -> Path:
    """Write a page, whole or not at all.

    Args:
        path: of it.
        about: what it is about.
        page: what is in it.

    Raises:
        OutputError: it cannot be written, or something else is there.
    """
    check_page(path, about)
    with files.whole(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _is_ours(path: Path, about: str) -> bool:
    with path.open("rb") as file:
        return _mark(about).encode() in file.read(_HEAD)


def _mark(about: str) -> str:
    return f'<meta name="generator" content="gradcam_mx {about}">'

"""A report written: its photos as they come, then what is said of all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._version import __version__
from ...errors import GradCamError
from ..explaining import Outcome
from ..provenance import Record
from ..stopping import Stop
from .brief import Brief
from .gathering import Gathering
from .looking import Looked
from .parts import Files
from .rendering import Renderer
from .sealing import FORMAT, PROGRAM, seal


class Written(NamedTuple):
    """A report that was written, or not."""

    outcome: Outcome
    """What became of the photos."""
    record: Record | None
    """What the report says; None if no photo could be explained, and there is none."""
    error: GradCamError | None
    """What was wrong with the first photo that could not be explained."""


def write(brief: Brief, files: Files, stop: Stop, progress: bool) -> Written:
    """Write a report; of what is done, whatever ends the work.

    Args:
        brief: what is asked for.
        files: where it goes.
        stop: is asked whether to go on.
        progress: whether to show a bar.
    """
    renderer = Renderer(brief.template)
    gathering = Gathering(brief, stop, progress)
    with files.writing():
        pages = _Pages(brief, files, renderer)
        for looked in gathering:
            pages.add(looked)
        outcome = gathering.outcome
        if not outcome.done:
            return Written(outcome, None, gathering.error)
        with stop.held():
            record = {
                **gathering.record(),
                **pages.finished(),
                "is_usual": renderer.is_usual,
            }
            pictures = {**gathering.totals.pictures(), **pages.pictures}
            files.finish(seal(renderer.page(record, pictures), record))
    return Written(outcome, record, gathering.error)


class _Pages:
    """The photos of a report, in one page or in many.

    Args:
        brief: what is asked for.
        files: where pages go.
        renderer: makes them.
    """

    def __init__(self, brief: Brief, files: Files, renderer: Renderer) -> None:
        self._brief, self._files, self._renderer = brief, files, renderer
        self._is_in_parts = len(brief.photos) > brief.per_page
        self._photos: list[Record] = []
        self._listed: list[Record] = []
        self._pages: list[dict[str, Any]] = []
        self.pictures: dict[str, str] = {}
        """Of the photos that are on the page that is begun; at the end of the index."""
        self._thumbnails: dict[str, str] = {}

    def add(self, looked: Looked) -> None:
        """Another photo.

        Args:
            looked: what was found on it.
        """
        record = looked.record
        number = record["number"]
        self._photos.append(record)
        self.pictures.update(looked.pictures)
        thumbnail = f"thumb-{number}"
        self._thumbnails[thumbnail] = looked.pictures[thumbnail]
        page = f"{self._files.folder.name}/{len(self._pages) + 1}.html" if self._is_in_parts else ""
        self._listed.append(
            {
                "number": number,
                "name": record["name"],
                "at": f"{page}#photo-{number}",
                "said": record["top"][0]["name"] if record["top"] else "",
                "is_right": record.get("is_right"),
            }
        )
        if self._is_in_parts and len(self._photos) == self._brief.per_page:
            self._write()

    def _write(self) -> None:
        """Write the page that is full."""
        number = len(self._pages) + 1
        record = {
            "program": PROGRAM,
            "format": FORMAT,
            "version": __version__,
            "is_usual": self._renderer.is_usual,
            "kind": "page",
            "title": self._brief.title,
            "page": number,
            "index": f"../{self._files.path.name}",
            "photos": self._photos,
        }
        added = self._files.add(number, seal(self._renderer.page(record, self.pictures), record))
        ends = self._photos[0]["number"], self._photos[-1]["number"]
        self._pages.append({**added, "first": ends[0], "last": ends[1]})
        self._photos, self.pictures = [], {}

    def finished(self) -> Record:
        """What the report itself says of its photos; the last page is written."""
        if self._is_in_parts and self._photos:
            self._write()
        if self._is_in_parts:
            self.pictures = dict(self._thumbnails)
            return {"kind": "index", "photos": [], "pages": self._pages, "list": self._listed}
        self.pictures.update(self._thumbnails)
        return {"kind": "whole", "photos": self._photos, "pages": [], "list": self._listed}

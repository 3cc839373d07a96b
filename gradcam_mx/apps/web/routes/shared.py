"""What all addresses share: what the app has, and how requests are read and answers made."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Response, request, send_file

from ..guard import Guard
from ..jobs import Jobs
from ..refused import Refused
from ..workspace import Map, Workspace

MOST_WAITING = 4
"""How many answers may wait for a job at once: others are told at once, so that some thread is
always free for what needs no waiting."""

_JSON_BYTES = 64 * 2**10


class Served:
    """What the addresses work on.

    Args:
        workspace: networks and photos.
        guard: who may ask.
        jobs: does the work.
        default_methods: those that are shown first.
    """

    def __init__(
        self, workspace: Workspace, guard: Guard, jobs: Jobs, default_methods: tuple[str, ...]
    ) -> None:
        self.workspace, self.guard, self.jobs = workspace, guard, jobs
        self.default_methods = list(default_methods)
        self.waiting = threading.Semaphore(MOST_WAITING)

    def maps(self) -> list[Map]:
        """Those that an address names."""
        names = [one for one in request.args.get("maps", "").split(",") if one]
        if not names or len(names) > 36:
            raise Refused("name the maps, at most 36")
        return [self.workspace.map(one) for one in names]

    def stem(self, one: Map) -> str:
        """The name of a map's photo, without its ending.

        Args:
            one: the map.
        """
        return Path(self.workspace.photo(one.told["photo"]).name).stem


# -- requests -------------------------------------------------------------------------------------


def body() -> dict[str, Any]:
    """The JSON object of a request."""
    if (request.content_length or 0) > _JSON_BYTES:
        raise Refused("this request is too long", 413)
    if not request.is_json:
        raise Refused("expected JSON, with the header Content-Type: application/json", 415)
    try:
        found = request.get_json(silent=True)
    except RecursionError:  # of lists in lists in lists
        found = None
    if not isinstance(found, dict):
        raise Refused("expected a JSON object")
    return found


def page_asked() -> int:
    """The number of the page that an address asks for, from 0 on."""
    return min(max(request.args.get("page", 0, type=int), 0), 10_000)


# -- answers --------------------------------------------------------------------------------------


def png(data: bytes) -> Response:
    """A picture.

    Args:
        data: its file.
    """
    return Response(data, mimetype="image/png", headers={"Cache-Control": "private, max-age=3600"})


def named_png(data: bytes, name: str) -> Response:
    """A picture, under a name to be saved by if the address asks for it.

    Args:
        data: its file.
        name: without its ending.
    """
    response = png(data)
    if request.args.get("download"):
        response.headers["Content-Disposition"] = _attachment(f"{name}.png")
    return response


def _attachment(name: str) -> str:
    plain = "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def download(data: bytes, kind: str, name: str) -> Response:
    """A file to be saved.

    Args:
        data: what is in it.
        kind: of what type that is.
        name: of the file.
    """
    response = send_file(io.BytesIO(data), mimetype=kind)
    response.headers["Content-Disposition"] = _attachment(name)
    return response

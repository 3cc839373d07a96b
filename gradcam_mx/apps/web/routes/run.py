"""Addresses of what a run found: samples page by page, their photos, their maps."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, request

from ..found_by_run import FoundByRun
from ..kept_maps import kept_map
from ..refused import Refused
from ..run_index import ALL
from .shared import Served, page_asked, png


def add(app: Flask, served: Served) -> None:
    """Add them.

    Args:
        app: gets them.
        served: what they work on.
    """
    workspace = served.workspace

    def run() -> FoundByRun:
        if workspace.run is None:
            raise Refused("the app was started without a store: give it one by --store", 404)
        return workspace.run

    @app.get("/api/run/samples")
    def samples() -> Any:
        class_id = request.args.get("class", None, type=int)
        return jsonify(run().page(request.args.get("which", ALL), class_id, page_asked()))

    @app.get("/api/run/samples/<int:place>/thumbnail.png")
    def sample_thumbnail(place: int) -> Any:
        found = run()
        return png(workspace.file("sample", place, draw=lambda: found.thumbnail(place)))

    @app.post("/api/run/samples/<int:place>")
    def load(place: int) -> Any:
        photo, note = run().load(place)
        return jsonify({**photo.told, "note": note})

    @app.get("/api/run/map")
    def of_photo() -> Any:
        net = workspace.net(request.args.get("net"))
        photo = workspace.photo(request.args.get("photo"))
        method = request.args.get("method", "")
        return jsonify({"map": kept_map(workspace, run(), net, photo, method)})

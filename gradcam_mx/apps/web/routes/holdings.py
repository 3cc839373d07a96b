"""Addresses of what there is: networks and their layers, photos, methods and measures."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, request

from ...._version import __version__
from .. import forms, looking, samples
from ..refused import Refused
from .shared import Served, png


def add(app: Flask, served: Served) -> None:
    """Add them.

    Args:
        app: gets them.
        served: what they work on.
    """
    _add_state(app, served)
    _add_photos(app, served)


def _add_state(app: Flask, served: Served) -> None:
    workspace, album, run = served.workspace, served.workspace.album, served.workspace.run
    made = forms.forms()
    names = [one["name"] for one in made["methods"]]
    defaults = [one for one in served.default_methods if one in names] or names[:1]

    @app.get("/api/state")
    def state() -> Any:
        limits = album.limits
        return jsonify(
            {
                "version": __version__,
                "server": workspace.server,
                "nets": [one.told for one in workspace.nets.values()],
                "photos": [one.told for one in album.all()],
                **made,
                "default_methods": defaults,
                "drawing": forms.drawing(),
                "limits": {
                    "upload_bytes": limits.upload_bytes,
                    "photos": limits.photos,
                    "pixels": limits.pixels,
                    "jobs": 64,
                    "channels_a_page": looking.CHANNELS,
                },
                "samples": samples.are_there(),
                "run": None if run is None else run.told(list(workspace.nets.values())),
            }
        )

    @app.get("/api/nets/<net_id>/layers")
    def layers(net_id: str) -> Any:
        return jsonify({"layers": workspace.net(net_id).layers})

    @app.get("/api/nets/<net_id>/classes")
    def classes(net_id: str) -> Any:
        net = workspace.net(net_id)
        limit = min(max(request.args.get("limit", 20, type=int), 1), 100)
        text = request.args.get("q", "")[:100]
        return jsonify({"classes": net.classes_like(text, limit), "total": net.classes or 0})


def _add_photos(app: Flask, served: Served) -> None:
    workspace, album = served.workspace, served.workspace.album

    @app.post("/api/photos")
    def upload() -> Any:
        if request.is_json:
            raise Refused("expected the bytes of a photo, not JSON", 415)
        photo, is_new = album.add_upload(request.get_data(), request.args.get("name", "photo"))
        return jsonify(photo.told), 201 if is_new else 200

    @app.delete("/api/photos/<photo_id>")
    def remove(photo_id: str) -> Any:
        album.remove(photo_id)
        return Response(status=204)

    @app.post("/api/samples")
    def add_samples() -> Any:
        return jsonify({"photos": [one.told for one in samples.add(album)]})

    @app.get("/api/photos/<photo_id>/thumbnail.png")
    def thumbnail(photo_id: str) -> Any:
        return png(workspace.thumbnail(workspace.photo(photo_id)))

    @app.get("/api/photos/<photo_id>/picture.png")
    def whole(photo_id: str) -> Any:
        named = request.args.get("net")
        net = workspace.net(named) if named else None
        return png(workspace.shown(workspace.photo(photo_id), net))

"""Addresses of what people take along."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify, request

from .. import drawing, exports
from ..code import code_of
from ..refused import Refused
from .shared import Served, download


def add(app: Flask, served: Served) -> None:
    """Add them.

    Args:
        app: gets them.
        served: what they work on.
    """
    workspace = served.workspace

    @app.get("/api/export/figure.<kind>")
    def figure(kind: str) -> Any:
        if kind not in exports.FIGURE_KINDS:
            raise Refused(f"figures are {', '.join(exports.FIGURE_KINDS)}", 404)
        maps = served.maps()
        data = exports.figure(workspace, maps, drawing.Look.of(request.args), kind)
        return download(data, exports.FIGURE_KINDS[kind], f"{served.stem(maps[0])}.{kind}")

    @app.get("/api/export/values.npz")
    def values() -> Any:
        maps = served.maps()
        name = f"{served.stem(maps[0])}.npz"
        return download(exports.values(maps), "application/octet-stream", name)

    @app.get("/api/export/code")
    def code() -> Any:
        return jsonify(code_of(workspace, served.maps()))

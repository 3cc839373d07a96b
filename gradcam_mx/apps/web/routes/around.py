"""Around all addresses: who may ask, how answers are sent, what refusals say; the page itself."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request, send_from_directory
from werkzeug.exceptions import HTTPException

from ....errors import GradCamError
from ..guard import SECURITY_HEADERS, Guard
from ..refused import Refused
from .shared import body

STATIC = Path(__file__).parents[1] / "static"

PACKED = ("application/json", "text/html", "text/css", "text/javascript", "application/javascript")
LEAST_PACKED = 1024
"""What is packed on its way, if it has so many bytes: pictures are packed already."""


def add(app: Flask, guard: Guard) -> None:
    """Add all of it.

    Args:
        app: gets it.
        guard: who may ask.
    """
    _add_refusals(app)
    _add_guard(app, guard)
    _add_pages(app)


def _add_refusals(app: Flask) -> None:
    def refused(error: Refused) -> Any:
        return jsonify({"error": error.said, **error.more}), error.status

    def failed(error: GradCamError) -> Any:
        return jsonify({"error": str(error)}), 400

    def of_http(error: HTTPException) -> Any:
        said = {
            404: "there is nothing at this address",
            405: "this address takes no such request",
            413: "this is larger than the app takes: save a smaller copy",
        }
        code = error.code or 500
        return jsonify({"error": said.get(code, error.description or error.name)}), code

    def unforeseen(error: Exception) -> Any:
        app.logger.exception("a request failed")
        return jsonify({"error": "the server failed in a way that nobody thought of"}), 500

    app.register_error_handler(Refused, refused)
    app.register_error_handler(GradCamError, failed)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, unforeseen)


def _add_guard(app: Flask, guard: Guard) -> None:
    @app.before_request
    def check() -> None:
        guard.check(request)
        if request.path.startswith("/api/") and request.path != "/api/session":
            guard.check_token(request)

    @app.after_request
    def pack(response: Response) -> Response:
        accepts = "gzip" in request.headers.get("Accept-Encoding", "")
        if not accepts or response.status_code != 200 or response.mimetype not in PACKED:
            return response
        response.direct_passthrough = False
        data = response.get_data()
        if len(data) >= LEAST_PACKED:
            response.set_data(gzip.compress(data, 5))
            response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
        return response

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.post("/api/session")
    def session() -> Any:
        given = body().get("token")
        if not guard.knows(given):
            raise Refused("this is not the token that the server has printed", 403)
        response = Response(status=204)
        if guard.token is not None:
            response.set_cookie(
                guard.cookie(request), guard.token, httponly=True, samesite="Strict"
            )
        return response


def _add_pages(app: Flask) -> None:
    @app.get("/")
    def index() -> Any:
        return _static("index.html")

    @app.get("/<path:name>")
    def static(name: str) -> Any:
        return _static(name)


def _static(name: str) -> Any:
    response = send_from_directory(STATIC, name, conditional=True)
    response.headers["Cache-Control"] = "no-cache"  # asked for again, and mostly unchanged
    return response

"""The server: addresses to what the workspace has and does; see `guard` for who may ask."""

from __future__ import annotations

import gzip
import io
import threading
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

from ..._version import __version__
from ...errors import DependencyError, GradCamError
from . import actions, drawing, exports, forms, looking, samples
from .code import code_of
from .guard import SECURITY_HEADERS, Guard
from .jobs import Jobs
from .refused import Refused
from .workspace import Map, Workspace

try:
    from flask import Flask, Response, jsonify, request, send_file, send_from_directory
    from werkzeug.exceptions import HTTPException
except ImportError as error:
    raise DependencyError('the app is served by Flask: pip install "gradcam-mx[app]"') from error

STATIC = Path(__file__).with_name("static")

LONGEST_WAIT, MOST_WAITING = 5.0, 4
"""How long an answer may wait for a job, and how many answers at once: others are told at once, so
that some thread is always free for what needs no waiting."""

_JSON_BYTES = 64 * 2**10

PACKED = ("application/json", "text/html", "text/css", "text/javascript", "application/javascript")
LEAST_PACKED = 1024
"""What is packed on its way, if it has so many bytes: pictures are packed already."""


def make_app(
    workspace: Workspace,
    *,
    guard: Guard | None = None,
    jobs: Jobs | None = None,
    default_methods: tuple[str, ...] = (),
) -> Flask:
    """The app, for any server that runs Flask's.

    Args:
        workspace: networks and photos.
        guard: who may ask; by default pages of this machine.
        jobs: does the work.
        default_methods: those that are shown first.
    """
    app = Flask(__name__, static_folder=None)
    provider: Any = app.json
    provider.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = workspace.album.limits.upload_bytes + 1
    asked = _Served(workspace, guard or Guard(), jobs or Jobs(), default_methods)
    app.extensions["gradcam_mx"] = asked
    _add_refusals(app)
    _add_guard(app, asked.guard)
    _add_pages(app)
    _add_state(app, asked)
    _add_photos(app, asked)
    _add_jobs(app, asked)
    _add_pictures(app, asked)
    _add_exports(app, asked)
    return app


class _Served:
    """What the addresses share."""

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


# -- around all addresses --------------------------------------------------------------------------


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
        given = _body().get("token")
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


def _body() -> dict[str, Any]:
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


# -- what there is ---------------------------------------------------------------------------------


def _add_state(app: Flask, served: _Served) -> None:
    workspace, album = served.workspace, served.workspace.album
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


def _add_photos(app: Flask, served: _Served) -> None:
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
        return _png(workspace.thumbnail(workspace.photo(photo_id)))

    @app.get("/api/photos/<photo_id>/picture.png")
    def whole(photo_id: str) -> Any:
        named = request.args.get("net")
        net = workspace.net(named) if named else None
        return _png(workspace.shown(workspace.photo(photo_id), net))


# -- jobs ------------------------------------------------------------------------------------------


def _add_jobs(app: Flask, served: _Served) -> None:
    workspace, jobs = served.workspace, served.jobs

    def waited(job: Any, until_ended: bool) -> None:
        seconds = min(max(request.args.get("wait", 0.0, type=float), 0.0), LONGEST_WAIT)
        if seconds > 0 and served.waiting.acquire(blocking=False):
            try:
                jobs.wait(job, seconds, until_ended=until_ended)
            finally:
                served.waiting.release()

    @app.post("/api/jobs")
    def add() -> Any:
        body = _body()
        action = actions.read(workspace, body)
        known = action.known()
        if known is not None:
            return jsonify(jobs.told(jobs.add_done(body["action"], action.title, known)))
        job = jobs.add(body["action"], action.title, action.work)
        waited(job, until_ended=True)
        told = jobs.told(job)
        return jsonify(told), 200 if told["state"] not in ("waiting", "running") else 202

    @app.get("/api/jobs")
    def all_jobs() -> Any:
        return jsonify({"jobs": [jobs.told(one, with_result=False) for one in jobs.all()]})

    @app.get("/api/jobs/<job_id>")
    def one_job(job_id: str) -> Any:
        job = jobs.find(job_id)
        waited(job, until_ended=False)
        return jsonify(jobs.told(job))

    @app.delete("/api/jobs/<job_id>")
    def cancel(job_id: str) -> Any:
        job = jobs.find(job_id)
        jobs.cancel(job)
        return jsonify(jobs.told(job))


# -- pictures --------------------------------------------------------------------------------------


def _png(data: bytes) -> Response:
    return Response(data, mimetype="image/png", headers={"Cache-Control": "private, max-age=3600"})


def _named_png(data: bytes, name: str) -> Response:
    """A picture, under a name to be saved by if the address asks for it."""
    response = _png(data)
    if request.args.get("download"):
        response.headers["Content-Disposition"] = _attachment(f"{name}.png")
    return response


def _attachment(name: str) -> str:
    plain = "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _add_pictures(app: Flask, served: _Served) -> None:
    workspace = served.workspace

    @app.get("/api/maps/<map_id>.png")
    def of_map(map_id: str) -> Any:
        one, look = workspace.map(map_id), drawing.Look.of(request.args)
        other = request.args.get("minus")
        minus = workspace.map(other) if other else None
        data = workspace.file(
            "map",
            map_id,
            other,
            look.key,
            draw=lambda: drawing.of_map(workspace, one, look, minus),
        )
        return _named_png(data, f"{_stem(served, one)}_{one.told['method']}")

    @app.get("/api/maps/<map_id>/legend.png")
    def legend(map_id: str) -> Any:
        one, look = workspace.map(map_id), drawing.Look.of(request.args)
        is_difference = bool(request.args.get("minus"))
        data = workspace.file(
            "legend",
            map_id,
            is_difference,
            look.key,
            draw=lambda: drawing.bar_of(one, look, is_difference=is_difference),
        )
        return _named_png(data, "legend")

    @app.get("/api/maps/<map_id>/box")
    def box(map_id: str) -> Any:
        level = drawing.Look.of(request.args).threshold
        found = workspace.map(map_id).explanation.threshold(0.3 if level is None else level)[0]
        return jsonify({"box": None if found.box is None else looking.corners(found.box)})

    @app.get("/api/results/<result_id>.png")
    def of_result(result_id: str) -> Any:
        return page_picture(result_id)

    @app.get("/api/results/<result_id>/page.png")
    def page_picture(result_id: str) -> Any:
        found, page, by = workspace.result(result_id), _page(), request.args.get("sort", "")
        _check_found(found)
        data = workspace.file(
            "result",
            result_id,
            page,
            by == "number",
            draw=lambda: drawing.of_found(workspace, found, page, by),
        )
        return _named_png(data, found.told["kind"])

    @app.get("/api/results/<result_id>/channels")
    def channels(result_id: str) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        if found.told["kind"] != "channels":
            raise Refused("this has no channels", 404)
        return jsonify(looking.page(found, _page(), request.args.get("sort", "")))

    @app.get("/api/results/<result_id>/channels/<int:channel>.png")
    def channel(result_id: str, channel: int) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        draw: Callable[[], Any] = lambda: drawing.of_channel(found, channel)  # noqa: E731
        return _named_png(
            workspace.file("channel", result_id, channel, draw=draw), f"channel_{channel}"
        )

    @app.get("/api/results/<result_id>/patches/<int:unit>-<int:place>.png")
    def patch(result_id: str, unit: int, place: int) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        return _named_png(
            workspace.file(
                "patch",
                result_id,
                unit,
                place,
                draw=lambda: drawing.of_patch(found, unit, place),
            ),
            f"patch_{unit}_{place}",
        )


def _page() -> int:
    return min(max(request.args.get("page", 0, type=int), 0), 10_000)


def _check_found(found: Any) -> None:
    if not isinstance(found, looking.Found):
        raise Refused("this has no pictures", 404)


def _stem(served: _Served, one: Map) -> str:
    return Path(served.workspace.photo(one.told["photo"]).name).stem


# -- what people take along ------------------------------------------------------------------------


def _add_exports(app: Flask, served: _Served) -> None:
    workspace = served.workspace

    @app.get("/api/export/figure.<kind>")
    def figure(kind: str) -> Any:
        if kind not in exports.FIGURE_KINDS:
            raise Refused(f"figures are {', '.join(exports.FIGURE_KINDS)}", 404)
        maps = served.maps()
        data = exports.figure(workspace, maps, drawing.Look.of(request.args), kind)
        return _download(data, exports.FIGURE_KINDS[kind], f"{_stem(served, maps[0])}.{kind}")

    @app.get("/api/export/values.npz")
    def values() -> Any:
        maps = served.maps()
        name = f"{_stem(served, maps[0])}.npz"
        return _download(exports.values(maps), "application/octet-stream", name)

    @app.get("/api/export/code")
    def code() -> Any:
        return jsonify(code_of(workspace, served.maps()))


def _download(data: bytes, kind: str, name: str) -> Response:
    response = send_file(io.BytesIO(data), mimetype=kind)
    response.headers["Content-Disposition"] = _attachment(name)
    return response

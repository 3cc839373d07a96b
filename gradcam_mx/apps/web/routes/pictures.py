"""Addresses of pictures: of maps, and of what was found inside networks."""

from __future__ import annotations

from typing import Any, Callable

from flask import Flask, jsonify, request

from .. import drawing, looking
from ..refused import Refused
from .shared import Served, named_png, page_asked


def add(app: Flask, served: Served) -> None:
    """Add them.

    Args:
        app: gets them.
        served: what they work on.
    """
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
        return named_png(data, f"{served.stem(one)}_{one.told['method']}")

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
        return named_png(data, "legend")

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
        found, page, by = workspace.result(result_id), page_asked(), request.args.get("sort", "")
        _check_found(found)
        data = workspace.file(
            "result",
            result_id,
            page,
            by == "number",
            draw=lambda: drawing.of_found(workspace, found, page, by),
        )
        return named_png(data, found.told["kind"])

    @app.get("/api/results/<result_id>/channels")
    def channels(result_id: str) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        if found.told["kind"] != "channels":
            raise Refused("this has no channels", 404)
        return jsonify(looking.page(found, page_asked(), request.args.get("sort", "")))

    @app.get("/api/results/<result_id>/channels/<int:channel>.png")
    def channel(result_id: str, channel: int) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        draw: Callable[[], Any] = lambda: drawing.of_channel(found, channel)  # noqa: E731
        return named_png(
            workspace.file("channel", result_id, channel, draw=draw), f"channel_{channel}"
        )

    @app.get("/api/results/<result_id>/patches/<int:unit>-<int:place>.png")
    def patch(result_id: str, unit: int, place: int) -> Any:
        found = workspace.result(result_id)
        _check_found(found)
        return named_png(
            workspace.file(
                "patch",
                result_id,
                unit,
                place,
                draw=lambda: drawing.of_patch(found, unit, place),
            ),
            f"patch_{unit}_{place}",
        )


def _check_found(found: Any) -> None:
    if not isinstance(found, looking.Found):
        raise Refused("this has no pictures", 404)

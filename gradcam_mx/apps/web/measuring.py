"""The action that measures what is shown, beside controls that know nothing of the network."""

from __future__ import annotations

from typing import Any, Callable

from ...errors import GradCamError
from ...methods import METHODS
from ...methods.register import FAMILIES
from ...metrics import METRICS
from ...metrics.register import Metric
from ..provenance import finite
from . import asked, asked_methods
from .action import Action, Answer, Body
from .explaining import Piece, pieces
from .jobs import Job
from .refused import Refused
from .store import key_of
from .workspace import Map, Workspace

CONTROLS = FAMILIES[-1]
"""The family of methods that know nothing of the network."""

_MOST_METRICS = 12


def measure(workspace: Workspace, body: Body) -> Action:
    """Measure maps of one photo and target.

    Args:
        workspace: that has them.
        body: the request.
    """
    maps = [workspace.map(str(one)) for one in asked.listed(body, "maps", asked.MOST_MAPS)]
    metrics = [_metric(one) for one in asked.listed(body, "metrics", _MOST_METRICS)]
    first = maps[0].told
    for name in ("net", "photo", "target", "output"):
        if any(one.told[name] != first[name] for one in maps):
            raise Refused(f"maps are measured beside each other where they have one {name}")
    box = body.get("box")
    if box is not None:
        top, left, bottom, right = asked.box(box, first["seen"])
        box = (left, top, right, bottom)
    elif any(one.wants.masks for one, _ in metrics):
        raise Refused("draw a box around the object first: this measures where the object is")
    controls = _controls(workspace, first) if body.get("controls") else []
    requests = [{"name": one.name, "options": given} for one, given in metrics]
    key = key_of("measure", [one.told["id"] for one in maps], requests, len(controls), box)

    def known() -> Answer | None:
        kept = workspace.results.get(key)
        return None if kept is None else kept["told"]

    def work(job: Job) -> Answer:
        steps: list[Any] = [*controls, *metrics]
        shown, columns = list(maps), []
        for step in job.each(steps):
            if isinstance(step, Piece):
                job.what = step.method.method.title
                kept = workspace.maps.get(step.id)
                shown.append(step.map(workspace) if kept is None else kept)
            else:
                job.what = step[0].title
                columns.append(_column(workspace, job, shown, step, box))
        told = _told(metrics, shown, len(maps), columns)
        return workspace.results.put(key, {"told": told})["told"]

    return Action(f"measures of {first['title']}", known, work)


def _metric(spec: Any) -> tuple[Metric, dict[str, Any]]:
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise Refused("a metric is its name and options")
    found = METRICS.find(spec["name"])
    return found, asked_methods.options(spec.get("options"), found.options)


def _controls(workspace: Workspace, told: Answer) -> list[Piece]:
    """The maps of the controls for the same photo and target."""
    names = [one.name for one in METHODS.values() if one.family == CONTROLS]
    request = told["request"]
    return pieces(workspace, {**request, "methods": [{"name": one} for one in names]})


def _column(
    workspace: Workspace, job: Job, maps: list[Map], wanted: tuple[Metric, dict[str, Any]], box: Any
) -> list[float | None]:
    """What a measure says of each map; None where it says nothing."""
    metric, options = wanted
    told = maps[0].told
    net, photo = workspace.net(told["net"]), workspace.photo(told["photo"])
    options = {name: tuple(one) if isinstance(one, list) else one for name, one in options.items()}
    masks = {"masks": [box]} if metric.wants.masks else {}

    def of(some: list[Map]) -> list[float | None]:
        found = metric.function(
            net.graph,
            workspace.prepared(net, photo).x,
            [one.explanation for one in some],
            asked.target(told["target"], net),
            output=told["request"]["output"],
            **masks,
            **options,
        )
        return [finite(one.mean) for one in found]

    try:
        return of(maps)
    except GradCamError:
        return [_or_none(metric, job, of, one) for one in maps]


def _or_none(
    metric: Metric, job: Job, of: Callable[[list[Map]], list[float | None]], one: Map
) -> float | None:
    """What a measure says of a map by itself; where it does not fit, a note says why."""
    try:
        return of([one])[0]
    except GradCamError as error:
        job.note(f"{metric.title} of {one.told['title']}: {error}")
        return None


def _told(
    metrics: list[tuple[Metric, dict[str, Any]]],
    maps: list[Map],
    own: int,
    columns: list[list[float | None]],
) -> Answer:
    return {
        "kind": "measures",
        "metrics": [
            {"name": one.name, "title": one.title, "better": one.better} for one, _ in metrics
        ],
        "rows": [
            {
                "map": one.told["id"],
                "title": one.told["title"],
                "is_control": number >= own,
                "values": [column[number] for column in columns],
            }
            for number, one in enumerate(maps)
        ],
    }

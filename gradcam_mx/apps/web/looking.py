"""The action that looks inside a network, by whichever function there is for it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import numpy as np

from ... import inspect as inspections
from ... import picture
from ...methods import Plan
from . import asked, asked_methods, forms
from .action import Action, Answer, Body
from .album import Photo
from .jobs import Job
from .nets import HeldNet
from .refused import Refused
from .store import key_of
from .workspace import Workspace

CHANNELS = 64
"""How many channels or filters a page shows."""


_NO_SHAPE = inspect.Parameter("shape", inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Found:
    """What a function found inside a net."""

    told: Answer
    value: Any
    net: HeldNet
    photo: Photo | None


class Photos:
    """All photos, each read when it is its turn; they can be gone through again and again.

    Args:
        workspace: that has them.
        photos: them.
    """

    def __init__(self, workspace: Workspace, photos: list[Photo]) -> None:
        self._workspace, self._photos = workspace, photos

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._workspace.album.pixels(one) for one in self._photos)

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, number: int) -> np.ndarray:
        return self._workspace.album.pixels(self._photos[number])


def look(workspace: Workspace, body: Body) -> Action:
    """Look inside a network.

    Args:
        workspace: that has it.
        body: the request.
    """
    function, form = _function(body.get("function"))
    nets = [workspace.net(one) for one in asked.listed(body, "nets", 4)]
    given = body.get("photos") or []
    if not isinstance(given, list):
        raise Refused("the photos are no list")
    photos = [workspace.photo(one) for one in given] or workspace.album.all()
    takes = inspect.signature(function).parameters
    if not photos and ("x" in takes or "images" in takes):
        raise Refused("this needs a photo: load one")
    arguments = _arguments(body.get("arguments"), form)
    wants_photos = list(photos) if {"x", "images"} & set(takes) else photos[:1]
    key = key_of(
        "inspect",
        form["name"],
        [one.id for one in nets],
        [one.id for one in wants_photos],
        arguments,
    )

    def known() -> Answer | None:
        kept = workspace.results.get(key)
        return None if kept is None else kept.told

    def work(job: Job) -> Answer:
        call = _call(function, arguments, workspace, nets, wants_photos)
        found = _found(key, form["gives"], call(), nets[0], wants_photos, arguments)
        return workspace.results.put(key, found).told

    return Action(f"{form['title']} of {nets[0].name}", known, work)


def _function(name: Any) -> tuple[Callable[..., Any], Answer]:
    """The function of that name, and its form."""
    listed = {one["name"]: one for one in forms.of_inspections()}
    if not isinstance(name, str) or name not in listed:
        raise Refused(f"nothing is called {str(name)[:60]!r}; there are {', '.join(listed)}")
    return getattr(inspections, name), listed[name]


def _arguments(given: Any, form: Answer) -> Answer:
    """What the page says, without what is as by default."""
    if given is not None and not isinstance(given, dict):
        raise Refused("the arguments are no names and values")
    settings = {one["name"]: one for one in form["settings"]}
    own = {name: one["default"] for name, one in settings.items() if name not in form["takes"]}
    chosen = {name: value for name, value in (given or {}).items() if name in form["takes"]}
    others = {name: value for name, value in (given or {}).items() if name not in chosen}
    read = asked_methods.options(others, own)
    missing = [
        name
        for name in form["takes"]
        if settings[name]["required"] and chosen.get(name) is None and name != "target"
    ]
    if missing:
        raise Refused(f"choose the {' and the '.join(missing)} first")
    return {**chosen, **read}


def _call(
    function: Callable[..., Any],
    arguments: Answer,
    workspace: Workspace,
    nets: list[HeldNet],
    photos: list[Photo],
) -> Callable[[], Any]:
    net = nets[0]
    has: dict[str, Callable[[], Any]] = {
        "net": lambda: net.graph,
        "nets": lambda: {one.name: one.graph for one in nets},
        "x": lambda: workspace.prepared(net, photos[0]).x,
        "images": lambda: Photos(workspace, photos),
        "shape": lambda: net.shape,
        "preprocess": lambda: net.preprocess,
        "names": lambda: net.given_names,
    }
    takes = inspect.signature(function).parameters
    made = {name: make() for name, make in has.items() if name in takes}
    if "preprocess" in takes and takes.get("shape", _NO_SHAPE).default is None:
        del made["shape"]  # it is told by how photos are prepared
    for name, value in arguments.items():
        made[name] = _argument(name, value, net)
    if "target" in takes and "target" not in made:
        made["target"] = _top(workspace, net, photos)
    return lambda: function(**made)


def _argument(name: str, value: Any, net: HeldNet) -> Any:
    if name == "target":
        return asked.target(value, net)
    if name == "position":
        return asked.position(value)
    if name == "units":
        values = value if isinstance(value, list) else [value]
        return [asked.whole(one, "the channel") for one in values[:CHANNELS]]
    return tuple(value) if isinstance(value, list) and name not in ("layers", "method") else value


def _top(workspace: Workspace, net: HeldNet, photos: list[Photo]) -> Any:
    """The top class of the photo, where a function has no default for what it explains."""
    if not photos or net.classes is None:
        raise Refused("choose a class first")
    return int(Plan([]).record(net.graph, workspace.prepared(net, photos[0]).x).output[0].argmax())


# -- what is told of what was found ----------------------------------------------------------------


def _found(
    key: str, gives: str, value: Any, net: HeldNet, photos: list[Photo], arguments: Answer
) -> Found:
    photo = photos[0] if photos else None
    told: Answer = {"kind": gives, "id": key, "picture": f"api/results/{key}.png"}
    if gives == "channels":
        layer, maps = next(iter(value.items()))
        maps = np.asarray(maps)[0]
        if maps.ndim != 3:
            return _values(key, maps, net, photo, f"the layer {layer} has no positions: ")
        told.update(layer=layer, shape=[1, *maps.shape], count=len(maps), pages=_pages(len(maps)))
        return Found(told, maps, net, photo)
    if gives == "filters":
        if value.ndim != 4:
            return _values(key, value, net, photo)
        told.update(
            layer=arguments["layer"],
            shape=list(value.shape),
            count=len(value),
            pages=_pages(len(value)),
        )
        return Found(told, value, net, photo)
    if gives == "box":
        box = None if value is None else corners(value)
        area = 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
        told.update(box=box, share=area / float(np.prod(net.shape[2:])))
        return Found(told, value, net, photo)
    if gives == "patches":
        told["units"] = [
            {
                "unit": unit[0].unit if unit else None,
                "patches": [
                    {
                        "photo": photos[one.index].id,
                        "activation": one.activation,
                        "position": list(one.position),
                        "box": None if one.box is None else corners(one.box),
                        "picture": f"api/results/{key}/patches/{row}-{place}.png",
                    }
                    for place, one in enumerate(unit)
                ],
            }
            for row, unit in enumerate(value)
        ]
        return Found(told, value, net, photo)
    if gives == "picture":
        return Found({**told, "text": repr(value)}, value, net, photo)
    return _values(key, np.asarray(value), net, photo)


def _values(
    key: str, value: np.ndarray, net: HeldNet, photo: Photo | None, said: str = ""
) -> Found:
    shape = " × ".join(map(str, value.shape))
    low, high, mean = (float(one) for one in (value.min(), value.max(), value.mean()))
    text = f"{said}{shape} numbers from {low:.4g} to {high:.4g}, mean {mean:.4g}"
    return Found(
        {"kind": "values", "id": key, "shape": list(value.shape), "text": text}, value, net, photo
    )


def _pages(count: int) -> int:
    return -(-count // CHANNELS)


def corners(box: Any) -> list[int]:
    """A box as [top, left, bottom, right].

    Args:
        box: a slice of rows and one of columns.
    """
    rows, columns = box
    return [int(rows.start), int(columns.start), int(rows.stop), int(columns.stop)]


def order(found: Found, by: str) -> np.ndarray:
    """The channels of a layer in the order in which they are shown.

    Args:
        found: the channels.
        by: "activation", or "number".
    """
    count = len(found.value)
    return picture.channel_order(found.value) if by != "number" else np.arange(count)


def page(found: Found, number: int, by: str) -> Answer:
    """A page of a layer's channels in words of the interface.

    Args:
        found: the channels.
        number: of the page.
        by: what they are sorted by.
    """
    key, maps = found.told["id"], found.value
    shown = order(found, by)[number * CHANNELS : (number + 1) * CHANNELS]
    rows = []
    for one in shown:
        place = np.unravel_index(int(maps[one].argmax()), maps[one].shape)
        rows.append(
            {
                "channel": int(one),
                "max": float(maps[one].max()),
                "mean": float(maps[one].mean()),
                "position": [int(side) for side in place],
                "picture": f"api/results/{key}/channels/{int(one)}.png",
            }
        )
    return {"page": number, "pages": _pages(len(maps)), "channels": rows}

"""The action that explains: by one or several methods, classes and networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...explanation import drawing
from ...explanation.explanation import Explanation
from ...methods import Plan
from . import asked, asked_methods
from .action import Action, Answer, Body
from .album import Photo
from .asked_methods import AskedMethod
from .captions import caption
from .jobs import Job
from .nets import HeldNet
from .refused import Refused
from .store import key_of
from .workspace import Map, Workspace


@dataclass(frozen=True)
class Piece:
    """One map that is asked for."""

    net: HeldNet
    photo: Photo
    spec: Any
    """What is explained, as the page tells it."""
    layer: str | None
    output: Any
    method: AskedMethod

    @property
    def request(self) -> Answer:
        """The action that makes this map alone."""
        one = {"name": self.method.method.name, "options": self.method.options}
        return {
            "action": "explain",
            "nets": [self.net.id],
            "photos": [self.photo.id],
            "targets": [self.spec],
            "layer": self.layer,
            "output": self.output,
            "methods": [{**one, **({"inside": True} if self.method.inside else {})}],
        }

    @property
    def id(self) -> str:
        """The same for what gives the same map."""
        request = self.request
        if not self.wants_layer:
            request["layer"] = None
        return key_of(request)

    @property
    def wants_layer(self) -> bool:
        """Whether the layer that is chosen makes a difference to it."""
        return self.method.method.needs.layer or self.method.inside

    def explained(self, workspace: Workspace) -> Explanation:
        """What the method finds.

        Args:
            workspace: that has the photo.
        """
        found = self.method.method
        options = asked_methods.filled(self.method.options, found.options, workspace, self.net)
        plan = Plan(
            [found],
            self.layer if self.wants_layer else None,
            output=self.output,
            options={found.name: options},
            inside=self.method.inside,
            names=self.net.given_names,
        )
        x = workspace.prepared(self.net, self.photo).x
        return plan.run(self.net.graph, x, asked.target(self.spec, self.net)).explanations[
            found.name
        ]

    def map(self, workspace: Workspace) -> Map:
        """The map, which is kept.

        Args:
            workspace: that keeps it.
        """
        found = self.explained(workspace)
        # an array among the options is told by its photos, and need not be kept twice
        found.options.update(self.method.options)
        return workspace.maps.put(self.id, Map(found, self._told(found)))

    def _told(self, found: Explanation) -> Answer:
        target = None if isinstance(found.target, str) else found.target[0]
        class_id = int(target) if isinstance(target, (int, np.integer)) else None
        return {
            "net": self.net.id,
            "photo": self.photo.id,
            "target": self.spec,
            "caption": caption(self.spec, found, self.net),
            "class": class_id,
            **told_of(found, self.id),
            "options": self.method.options,
            "request": self.request,
        }


def told_of(found: Explanation, map_id: str) -> Answer:
    """What the page is told of any map, wherever it is from.

    Args:
        found: it.
        map_id: what it is kept under.
    """
    legend = drawing.legend(found)
    return {
        "id": map_id,
        "method": found.method,
        "title": found.title or found.method,
        "score": float(found.score[0]),
        "layer": found.layer,
        "output": found.output,
        "signed": bool(found.signed and found.is_map),
        "is_map": found.is_map,
        "is_flat": bool(np.ptp(found.values) == 0),
        "shape": list(found.values.shape[1:]),
        "seen": list(found.input_size),
        "picture": f"api/maps/{map_id}.png",
        "legend": {"low": legend.low, "middle": legend.middle, "high": legend.high},
    }


def pieces(workspace: Workspace, body: Body) -> list[Piece]:
    """The maps that a request asks for.

    Args:
        workspace: that has the networks and photos.
        body: the request.

    Raises:
        Refused: it makes no sense.
    """
    most = asked.MOST_MAPS
    nets = [workspace.net(one) for one in asked.listed(body, "nets", most)]
    photos = [workspace.photo(one) for one in asked.listed(body, "photos", most)]
    specs = asked.listed(body, "targets", most)
    methods = [asked_methods.method(one) for one in asked.listed(body, "methods", most)]
    layer, output = asked.text_or_none(body, "layer"), asked.text_or_none(body, "output")
    if len(nets) * len(photos) * len(specs) * len(methods) > most:
        raise Refused(f"this asks for more than {most} maps at once: choose fewer")
    for net in nets:
        for spec in specs:
            asked.target(spec, net)
    return [
        Piece(net, photo, spec, layer, output, _of_photo(one, workspace, photo))
        for net in nets
        for photo in photos
        for spec in specs
        for one in methods
    ]


def _of_photo(one: AskedMethod, workspace: Workspace, photo: Photo) -> AskedMethod:
    options = asked_methods.with_photos(one.options, one.method.options, workspace, photo)
    return AskedMethod(one.method, options, one.inside)


def explain(workspace: Workspace, body: Body) -> Action:
    """Explain photos.

    Args:
        workspace: that has them.
        body: the request.
    """
    wanted = pieces(workspace, body)
    names = list(dict.fromkeys(one.method.method.title for one in wanted))
    title = f"{', '.join(names[:3])}{' …' * (len(names) > 3)} of {wanted[0].photo.name}"

    def known() -> Answer | None:
        found = [workspace.maps.get(one.id) for one in wanted]
        return told([one for one in found if one is not None]) if all(found) else None

    def work(job: Job) -> Answer:
        found = []
        for one in job.each(wanted):
            job.what = one.method.method.title
            kept = workspace.maps.get(one.id)
            found.append(one.map(workspace) if kept is None else kept)
        return told(found)

    return Action(title, known, work)


def told(maps: list[Map]) -> Answer:
    """Maps in words of the interface.

    Args:
        maps: them.
    """
    return {"kind": "maps", "maps": [one.told for one in maps]}

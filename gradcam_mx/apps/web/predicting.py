"""The action that tells what networks say of photos."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...methods import Plan
from ..outputs import CLASSES, chances_of
from . import asked
from .action import Action, Answer, Body
from .album import Photo
from .jobs import Job
from .nets import HeldNet
from .refused import Refused
from .store import key_of
from .workspace import Workspace

TOP = 10
"""How many classes are told."""


def predict(workspace: Workspace, body: Body) -> Action:
    """Say what networks make of photos.

    Args:
        workspace: that has them.
        body: the request.
    """
    nets = [workspace.net(one) for one in asked.listed(body, "nets", asked.MOST_MAPS)]
    photos = [workspace.photo(one) for one in asked.listed(body, "photos", asked.MOST_MAPS)]
    pairs = [(net, photo) for net in nets for photo in photos]
    keys = [key_of("predict", net.id, photo.id) for net, photo in pairs]
    for net in nets:
        if net.problem is not None:
            raise Refused(f"{net.name} cannot be explained: {net.problem}")

    def known() -> Answer | None:
        found = [workspace.results.get(one) for one in keys]
        return _told(found) if all(one is not None for one in found) else None

    def work(job: Job) -> Answer:
        return _told(
            [
                workspace.results.got(key, lambda pair=pair: _said(workspace, *pair))  # type: ignore[misc]
                for key, pair in job.each(list(zip(keys, pairs)))
            ]
        )

    return Action(f"what is in {photos[0].name}", known, work)


def _told(found: list[Any]) -> Answer:
    return {"kind": "predictions", "predictions": found}


def _said(workspace: Workspace, net: HeldNet, photo: Photo) -> Answer:
    recorded = Plan([]).record(net.graph, workspace.prepared(net, photo).x)
    rows: list[Answer] = []
    text = None
    if net.given.what == CLASSES:
        rows = _rows(net, chances_of(recorded), recorded.output)
    else:
        text = net.given.said(recorded, 0, net.said)[:TOP]
    return {"net": net.id, "photo": photo.id, "rows": rows, "text": text}


def _rows(net: HeldNet, chances: np.ndarray | None, output: np.ndarray) -> list[Answer]:
    scores = np.asarray(output[0], np.float64).reshape(-1)
    shares = None if chances is None else chances[0]
    order = np.argsort(-(scores if shares is None else shares), kind="stable")[:TOP]
    return [
        {
            "class": int(one),
            "name": None if net.labels is None else ", ".join(net.labels.names[one]),
            "probability": None if shares is None else float(shares[one]),
            "score": float(scores[one]) if one < len(scores) else None,
        }
        for one in order
    ]

"""One photo of a report: what the network says of it, the maps, the measures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Sequence

import numpy as np

from ...errors import GradCamError
from ...explanation.explanation import Explanation
from ...metrics.measured import Measured
from ...picture.encoded import as_jpeg, as_png, data_uri
from ...support.places import summed
from ..advice import told
from ..outputs import chances_of
from ..photos import Source
from ..provenance import Record, finite, packed
from ..writing import Read
from . import objects
from .brief import Brief
from .drawn import SIDE, drawn
from .mass import Placed
from .objects import Mask

THUMBNAIL = 96
"""Pixels of the longer side of thumbnails, at most."""

WHOLE, CELLS = 4096, 14
"""Maps of so many numbers at most are kept whole; of others the sums over a grid of so many cells
a side, of the values and of their absolute values."""


@dataclass
class Looked:
    """What was found on one photo."""

    record: Record
    pictures: dict[str, str]
    """Name → the picture, as a page holds it."""
    placed: dict[str, Placed]
    """Name of a method → where its mass lies."""
    chances: np.ndarray | None
    """(K,) the probabilities of the classes, if the network gives some."""
    measured: Sequence[Sequence[Measured]] | GradCamError | None = None
    """For each measure what it says of each row; why there is nothing; None if nothing is measured.
    """


def look(brief: Brief, number: int, source: Source, read: Read, truth: int | None) -> Looked:
    """Explain, draw and measure one photo.

    Args:
        brief: what is asked for.
        number: how many photos came before.
        source: where it is from.
        read: the photo.
        truth: its class, if that is known.

    Raises:
        GradCamError: why it cannot be explained.
    """
    job = brief.job
    recorded = brief.plan.record(job.graph, read.x, job.target)
    done = brief.plan.explain(recorded, job.target)
    found = {method: done.first(method) for method in job.methods}
    chances = chances_of(recorded) if brief.has_classes else None
    own = None if chances is None else chances[0]
    crop = job.preprocess.crop(read.photo)
    made = Looked({}, {f"seen-{number}": data_uri(as_png(crop))}, {}, own)
    made.pictures[f"thumb-{number}"] = data_uri(as_jpeg(crop, THUMBNAIL))
    made.record = {
        "number": number,
        "name": PurePath(source.path).name,
        "sha256": read.sha256,
        "size": list(read.photo.shape[:2]),
        "seen": hashlib.sha256(crop.tobytes()).hexdigest(),
        "says": job.given.said(recorded, 0, job.said)[: job.top_k] if own is None else [],
        "says_by_number": job.given.said(recorded, 0, str)[: job.top_k] if own is None else [],
        "top": _top(brief, own),
        "explained": _explained(brief, next(iter(found.values())), own),
        "truth": None,
        "maps": [_map(brief, made, number, one, crop) for one in found.values()],
        "true_maps": [],
    }
    if truth is not None and own is not None:
        made.record["truth"] = _class(brief, truth, own)
        made.record["is_right"] = bool(np.argsort(-own, kind="stable")[0] == truth)
        if not made.record["is_right"] and made.record["explained"]["id"] != truth:
            of_truth = brief.plan.explain(recorded, truth)
            made.record["true_maps"] = [
                _map(brief, made, number, of_truth.first(method), crop, "true-")
                for method in job.methods
            ]
    return made


def measure(brief: Brief, looked: Looked, number: int, read: Read, mask: Mask | None) -> None:
    """Measure the maps of a photo, and put that into its record.

    Args:
        brief: what is asked for.
        looked: what was found on it; it gets what is measured.
        number: how many photos were measured before.
        read: the photo.
        mask: gives where its object is, if measures want that.
    """
    if brief.measures is None:
        return
    evaluator = brief.measures.evaluator
    try:
        if not number:
            evaluator.leave_out_what_does_not_fit(read.x, brief.job.target)
        masks = None if mask is None else _object(brief, looked, read, mask)[None]
        found = evaluator.measure(number, read.x, brief.job.target, masks)
    except GradCamError as error:
        looked.measured = error
        looked.record["not_measured"] = told(error)
        return
    looked.measured = found
    looked.record["rows"] = [one.method for one in found[0]]
    looked.record["measures"] = [
        {"metric": rows[0].metric, "values": [finite(one.values[0]) for one in rows]}
        for rows in found
    ]


def _object(brief: Brief, looked: Looked, read: Read, mask: Mask) -> np.ndarray:
    """Where the object is: (h, w) bool; it is shown, and kept to measure again."""
    prepare = brief.job.preprocess
    where = mask(prepare.geometry(read.photo))
    looked.record["object"] = objects.kept(where)
    drawn = objects.shown(prepare.crop(read.photo), where)
    looked.pictures[f"object-{looked.record['number']}"] = data_uri(as_jpeg(drawn, SIDE))
    return where


def _class(brief: Brief, class_id: int, chances: np.ndarray) -> Record:
    return {
        "id": int(class_id),
        "name": brief.called(class_id),
        "probability": float(chances[class_id]),
    }


def _top(brief: Brief, chances: np.ndarray | None) -> list[Record]:
    if chances is None:
        return []
    ranked = np.argsort(-chances, kind="stable")[: brief.job.top_k]
    return [_class(brief, int(one), chances) for one in ranked]


def _explained(brief: Brief, explanation: Explanation, chances: np.ndarray | None) -> Record:
    """What is explained, and its score."""
    score = {"score": float(explanation.score[0])}
    target = explanation.target
    if isinstance(target, str) or isinstance(target[0], str) or chances is None:
        said = target if isinstance(target, str) else str(target[0])
        return {"id": None, "name": said, "probability": None, **score}
    return {**_class(brief, int(target[0]), chances), **score}


# -- maps ------------------------------------------------------------------------------------------


def _map(
    brief: Brief,
    made: Looked,
    number: int,
    explanation: Explanation,
    crop: np.ndarray,
    of: str = "",
) -> Record:
    """A map: its record, and its picture among those of the photo."""
    name = f"{of}{explanation.method}-{number}"
    order = brief.job.preprocess.order
    record, where = drawn(explanation, crop, order, name, made.pictures)
    if not of:
        made.placed[explanation.method] = where
    return {**record, "numbers": numbers_of(explanation.values[0])}


def numbers_of(values: np.ndarray) -> list[Record]:
    """The numbers of a map, by which it is known again: all of them, or the sums over a grid.

    Args:
        values: (h, w), or (C, H, W).
    """
    if values.size <= WHOLE:
        return [packed(values)]
    return [packed(summed(one, CELLS)) for one in (values, np.abs(values))]

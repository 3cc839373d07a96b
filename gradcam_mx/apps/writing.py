"""What is found on a photo, and its files: a figure, a picture for each method, the values."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import numpy as np

from .. import picture
from ..engine.wanted import Together
from ..errors import NetworkError
from ..explanation import archive, drawing
from ..explanation.explanation import Explanation
from ..methods.recorded import Recorded
from . import provenance
from .outputs import CLASSES, chances_of
from .photos import Job, Source
from .results import Row, joined
from .run_folder import RunFolder

SEEN = "source.seen"
"""What the pixels that the net saw are called in an archive."""


class Read(NamedTuple):
    """A photo that was read and prepared."""

    photo: np.ndarray
    """(H, W, 3) uint8."""
    x: np.ndarray
    """(1, C, H, W), what the net gets of it."""
    sha256: str
    """Of its file."""


class Found(NamedTuple):
    """What was found on a photo, all of it computed."""

    explanations: dict[str, Explanation]
    """Name of a method → what it found."""
    chances: np.ndarray | None
    """(K,) the probabilities of the classes, if the net has some."""
    predictions: list[str]
    """What the net says, as text, what counts most first."""


def explained(job: Job, inputs: Sequence[np.ndarray]) -> list[Found]:
    """Explain photos in one call of the net, each as it would be alone.

    Args:
        job: what is done with them.
        inputs: (1, C, H, W) each, prepared.

    Raises:
        NetworkError: in this net a photo would be explained otherwise beside others than alone.
    """
    recorded = job.plan.record(job.graph, np.concatenate(inputs), job.target)
    if len(inputs) > 1 and not are_apart(recorded):
        raise NetworkError("photos change what the net gives for each other")
    done = job.plan.explain(recorded, job.target)
    of_methods = {method: _named(done.first(method), job.labels) for method in job.methods}
    chances = chances_of(recorded) if job.given.what == CLASSES else None
    return [
        Found(
            {method: of_all[sample] for method, of_all in of_methods.items()},
            None if chances is None else chances[sample],
            job.given.said(recorded, sample, job.said)[: job.top_k],
        )
        for sample in range(len(inputs))
    ]


def are_apart(recorded: Recorded) -> bool:
    """Whether no sample changes what is found on another, and their outputs are not joined.

    Args:
        recorded: the net on several samples.
    """
    recording = recorded.recording
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of samples that touch: no photo is explained so
        return recording.together(recording.input) is Together.ANY


def write(
    job: Job, source: Source, read: Read, found: Found, out: RunFolder
) -> tuple[list[Row], list[str]]:
    """Write everything about a photo; its rows of results, and its predictions.

    Args:
        job: what is done with it.
        source: where it is from.
        read: the photo.
        found: what was found on it.
        out: the folder of the run.
    """
    crop = job.preprocess.crop(read.photo)
    panels = {
        method: one.pictures(crop, job.preprocess.order)[0]
        for method, one in found.explanations.items()
    }
    first = next(iter(found.explanations.values()))
    figure = job.sheet.draw(
        [crop, *panels.values()],
        ["what the net saw", *map(_title, found.explanations.values())],
        ": ".join([Path(source.name).name, *_explained_class(job, first, found.chances)]),
        [None, *map(drawing.legend, found.explanations.values())],
    )
    known = {
        "path": source.place,
        "sha256": read.sha256,
        "predictions": found.predictions,
        "made_of": provenance.of_job(job),
    }
    with out.adding(source.place) as scratch:
        place = scratch / source.name
        place.parent.mkdir(parents=True, exist_ok=True)
        picture.save(figure, Path(f"{place}.png"))
        for method, panel in panels.items():
            picture.save(panel, Path(f"{place}_{method}.png"))
        fields = {method: vars(one) for method, one in found.explanations.items()}
        archive.write(Path(f"{place}.npz"), fields, source=known, others={SEEN: crop})
    shared = {"sha256": read.sha256, "predictions": joined(found.predictions)}
    rows = [{**shared, **_row(job, source, one, found)} for one in found.explanations.values()]
    return rows, found.predictions


def _row(job: Job, source: Source, explanation: Explanation, found: Found) -> Row:
    """What is told of one explanation in the table of results."""
    method = explanation.method
    return {
        **_target(job, explanation, found.chances),
        "score": float(explanation.score[0]),
        "method": method,
        "layer": explanation.layer,
        "files": joined([f"{source.name}_{method}.png", *job.files(source.name)[:2]]),
    }


def _target(job: Job, explanation: Explanation, chances: np.ndarray | None) -> Row:
    if isinstance(explanation.target, str):
        return {"target": explanation.target}
    target = explanation.target[0]
    if chances is None or isinstance(target, str):
        return {"target": target}
    name = job.labels.name(target) if job.labels else None
    return {"target": target, "class": name, "probability": float(chances[target])}


def _named(explanation: Explanation, labels: Any) -> Explanation:
    """The explanation with the names of its classes, where there are some."""
    if labels is None or isinstance(explanation.target, str):
        return explanation
    names = [labels.name(one) for one in explanation.target]
    return replace(explanation, class_names=names)


def _title(explanation: Explanation) -> str:
    return "\n".join(filter(None, [explanation.title, explanation.layer]))


def _explained_class(job: Job, explanation: Explanation, chances: np.ndarray | None) -> list[str]:
    """The explained class as text, if it is one."""
    if chances is None or isinstance(explanation.target, str):
        return []
    target = int(explanation.target[0])
    return [f"{job.said(target)} {chances[target]:.2f}"]

"""What a report is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Collection, Mapping, Sequence

from ...graph.outputs import choose
from ...methods.plan import Plan
from ...methods.register import find_method
from ...metrics.evaluating import Evaluator
from ...metrics.register import Metric
from ...targets.names import class_count
from .. import provenance
from ..outputs import CLASSES
from ..photos import Job, Source
from ..provenance import Record, encoded
from .objects import Mask

PER_PAGE = 40
"""A report of more photos is in parts, each of so many."""

MEASURED = 100
"""Of more photos so many are measured: their means are as good, and it takes hours less."""


def spread(count: int, most: int) -> range | None:
    """Places of photos that are evenly spread; None for all.

    Args:
        count: how many photos there are.
        most: how many places at most.
    """
    return None if count <= most else range(0, count, -(-count // most))


def class_count_of(job: Job) -> int:
    """How many classes the network has.

    Args:
        job: what is done with each photo.
    """
    shapes = job.graph.shapes((1, *job.preprocess.shape))
    return class_count(shapes[choose(job.graph.outputs, job.output)[0].point])


@dataclass(frozen=True)
class Measures:
    """What is measured of each photo."""

    evaluator: Evaluator
    metrics: Sequence[Metric]
    controls: Sequence[str]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of a measure → its own options."""
    seed: int = 0
    most: int = MEASURED
    """How many photos are measured."""


@dataclass(frozen=True)
class Brief:
    """What a report is asked for."""

    job: Job
    """What is done with each photo."""
    net: str
    """What the network is called."""
    photos: Sequence[Source]
    truths: Sequence[int] | None = None
    """The true class of each photo."""
    measures: Measures | None = None
    measured: Collection[int] | None = None
    """The places of the photos that are measured; None for all."""
    masks: Sequence[Mask] | None = None
    """Where the object is in each photo, if measures want that."""
    title: str = "What the network looked at"
    template: Path | None = None
    """Of the user's own; None for that of the package."""
    per_page: int = PER_PAGE
    how: Mapping[str, Any] = field(default_factory=dict)
    """How to ask for it again: by "command" and by "python"."""

    @cached_property
    def plan(self) -> Plan:
        """How each photo is explained; one bar is enough."""
        job = self.job
        quiet = {
            one: {"progress": False} if "progress" in find_method(one).options else {}
            for one in job.methods
        }
        options = {one: {**quiet[one], **job.options.get(one, {})} for one in job.methods}
        return Plan(job.methods, job.layer, output=job.output, options=options)

    @property
    def has_classes(self) -> bool:
        """Whether the network gives scores of classes, rather than detections or maps."""
        return self.job.given.what == CLASSES

    def called(self, class_id: int) -> str:
        """What a class is called.

        Args:
            class_id: its number.
        """
        labels = self.job.labels
        known = labels is not None and 0 <= class_id < len(labels)
        return str(labels.name(class_id)) if known else f"class {class_id}"

    def record(self) -> Record:
        """What is done, so that it can be done again: `provenance.job_of` reads it."""
        return {
            **provenance.of_job(self.job),
            "metrics": [
                {
                    "name": one.name,
                    "title": one.title,
                    "better": one.better,
                    "family": one.family,
                    "options": encoded(dict(measures.options.get(one.name, {}))),
                }
                for measures in ([self.measures] if self.measures else [])
                for one in measures.metrics
            ],
            "controls": list(self.measures.controls) if self.measures else [],
            "seed": self.measures.seed if self.measures else 0,
        }

"""From the command line's options to what a report is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Sequence

from ...data.label_lines import Line
from ...errors import TargetError
from ...metrics.register import find_metric
from .. import requested_measures
from ..choices import NONE
from ..object_masks import masks_of
from ..option_groups import DEFAULT_MODEL
from ..outputs import CLASSES
from ..photos import Job, base_of_all, from_file
from . import objects
from .brief import Brief, Measures, class_count_of, spread
from .recipe import in_command, in_python, net_in_python


def brief_of(
    options: argparse.Namespace, job: Job, photos: Sequence[Path], lines: Sequence[Line] | None
) -> Brief:
    """What a report is asked for.

    Args:
        options: of the command line.
        job: what is done with each photo.
        photos: their paths.
        lines: of --labels, one for each photo.

    Raises:
        TargetError: the labels are of other classes than the network's, or it gives none.
        MetricError: an option of a measure does not fit.
    """
    truths = None if lines is None else _truths(options, job, lines)
    measures = masks = None
    if options.measured:
        metrics = [find_metric(one) for one in options.metric]
        controls = [one for one in options.controls if one not in (NONE, *job.methods)]
        evaluator = requested_measures.evaluator(options, job)
        measures = Measures(evaluator, metrics, controls, {}, options.seed or 0, options.measured)
        if options.masks is not None:
            base = base_of_all(options.photos, photos)
            masks = objects.in_files(masks_of(options.masks, photos, base))
    return Brief(
        job=job,
        net=options.symbol.name if options.symbol else options.model or DEFAULT_MODEL,
        photos=[from_file(one, job.bits) for one in photos],
        truths=truths,
        measures=measures,
        measured=spread(len(photos), options.measured or 1),
        masks=masks,
        title=options.title or Brief.title,
        template=options.template,
        per_page=options.per_page,
        how={
            "command": in_command(options),
            "python": in_python(
                job,
                measures,
                net_in_python(options),
                has_labels=lines is not None,
                has_names=options.classes is not None,
                has_masks=masks is not None,
            ),
        },
    )


def _truths(options: argparse.Namespace, job: Job, lines: Sequence[Line]) -> list[int]:
    """The true class of each photo."""
    if job.given.what != CLASSES:
        raise TargetError(f"the network gives {job.given.what}: leave out --labels")
    plain = argparse.Namespace(**{**vars(options), "box": None, "detection": None, "mask": None})
    found = requested_measures.targets(plain, job, lines)
    count = class_count_of(job)
    for line, one in zip(lines, found):
        if not 0 <= one < count:
            raise TargetError(
                f"line {line.number} of {options.labels}: there is no class {one}; they go from 0 "
                f"to {count - 1}"
            )
    return found

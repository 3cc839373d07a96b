"""From the options of `gradcam-mx evaluate` to what is measured, and of what."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any, Sequence

from ..data.label_lines import Line
from ..errors import TargetError
from ..metrics.evaluating import Evaluator, Way
from ..metrics.recommending import MEASURES
from ..metrics.register import METRICS, find_metric
from .choices import NONE
from .option_groups import DEFAULT_METHODS
from .outputs import target as target_of
from .photos import Job
from .requested import OF_METHODS, class_of

_USUAL_METRICS = {"srg": None, "road": "scipy", "sparseness": None}
"""Those that are measured if none is asked for, with the package that each needs."""


def check(options: argparse.Namespace) -> None:
    """Find what argparse cannot tell of measures; those that are asked for, or the usual ones, are
    put into `options`, and so are methods."""
    if options.recommend:
        _check_recommend(options)
    elif options.method is None:
        options.method = DEFAULT_METHODS
    choose(options)
    check_masks(options)
    if options.labels is not None and options.target is not None:
        options.parser.error("argument --labels: not allowed with argument --target")


def check_masks(options: argparse.Namespace) -> None:
    """Refuse measures without the masks that they want, and masks that nothing wants.

    Args:
        options: of the command line.
    """
    of_objects = [name for name in METRICS if METRICS[name].wants.masks]
    asked = [name for name in options.metric if name in of_objects]
    if asked and options.masks is None:
        options.parser.error(f"metric {asked[0]}: needs --masks DIR")
    if options.masks is not None and not asked:
        options.parser.error(f"argument --masks: is for the metrics {', '.join(of_objects)}")
    if options.masks is not None and not options.masks.is_dir():
        options.parser.error(f"argument --masks: there is no folder {options.masks}")


def choose(options: argparse.Namespace) -> None:
    """Put the usual measures into `options` where none is asked for."""
    if options.metric is None:
        usual = [name for name, of in _USUAL_METRICS.items() if of is None or find_spec(of)]
        options.metric = usual
    if NONE in options.controls and len(options.controls) > 1:
        options.parser.error(f"argument --controls: {NONE} goes alone")


def _check_recommend(options: argparse.Namespace) -> None:
    """What `gm.metrics.recommend` chooses by itself is not chosen beside it."""
    of_methods = (*(one for one in OF_METHODS if one != "seed"), "samples", "background")
    for name in ("metric", "masks", "controls", *of_methods):
        if getattr(options, name) != options.parser.get_default(name):
            as_they_are = ", which tries methods as they are" if name in of_methods else ""
            options.parser.error(
                f"argument --{name.replace('_', '-')}: not allowed with argument --recommend"
                f"{as_they_are}"
            )
    options.metric = list(MEASURES)


def evaluator(options: argparse.Namespace, job: Job) -> Evaluator:
    """What measures photos; a measure that does not fit what the net sees is found now.

    Args:
        options: of the command line.
        job: what is done with each photo.
    """
    controls = [one for one in options.controls if one not in (NONE, *job.methods)]
    metrics = [find_metric(one) for one in options.metric]
    size = {} if options.batch_size is None else {"batch_size": options.batch_size}
    made = Evaluator(
        job.graph,
        [Way(one, one, job.layer) for one in job.methods],
        [Way(one, one, job.layer) for one in dict.fromkeys(controls)],
        metrics,
        output=job.output,
        options=job.options,
        metric_options={one.name: size for one in metrics if "batch_size" in one.options},
        seed=options.seed or 0,
    )
    made.check((1, *job.preprocess.shape))
    return made


def targets(options: argparse.Namespace, job: Job, lines: Sequence[Line]) -> list[Any]:
    """What is explained of each photo, by the line of --labels that is about it.

    Args:
        options: of the command line.
        job: what is done with each.
        lines: of the photos.
    """
    found = []
    for one in lines:
        try:
            class_id = class_of(one.name, job.labels, "class")
        except TargetError as error:
            raise TargetError(f"line {one.number} of {options.labels}: {error}") from error
        found.append(target_of(options, job.given, class_id))
    return found

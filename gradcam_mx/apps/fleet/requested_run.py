"""From the options of `gradcam-mx run` to the run, and what became of it in words."""

from __future__ import annotations

import argparse
from typing import NamedTuple, Sequence

from ...store import Store
from ...support.labels import names_of
from ...support.paths import absolute
from ..photos import Job
from ..requested import job as requested_job
from ..stopping import Stop
from .asked import LABEL, Asked
from .filling import Run, told_of
from .refusing import check_asked
from .running import crew_of, modules_of, opened


class Filled(NamedTuple):
    """What became of a run."""

    said: str
    """In a line."""
    failures: Sequence[str]
    """What was not done, and why."""
    stopped: BaseException | None


def fill(options: argparse.Namespace, stop: Stop) -> Filled:
    """Do what the command line asks for.

    Args:
        options: its options.
        stop: is asked whether to go on.

    Raises:
        GradCamError: as `gm.run` says.
    """
    if options.label_target and options.target is not None:
        options.parser.error("argument --label-target: not allowed with argument --target")
    job = requested_job(options)
    samples = opened(options.data, options.labels, names_of(job.labels), options.bits)
    asked = _asked(options, job)
    crew = crew_of(asked, options.workers, options.ray, options.gpus_per_worker, options.timeout)
    run = Run(absolute(options.out), samples, asked, crew, options.shard_size, names_of(job.labels))
    outcome = run.fill(stop)
    store = Store(options.out)
    failed = len(store.filter(failed=True))
    failures = told_of(outcome, failed)
    if outcome.stopped is not None and not isinstance(outcome.stopped, KeyboardInterrupt):
        failures.append(f"stopped: {outcome.stopped}")
    said = (
        f"{len(store) - failed} of {outcome.samples} samples explained, {outcome.computed} of them "
        f"now; the store is in {options.out.resolve()}"
    )
    return Filled(said, failures, outcome.stopped)


def _asked(options: argparse.Namespace, job: Job) -> Asked:
    metrics = tuple(dict.fromkeys(options.metric))
    methods = tuple(job.methods)
    asked = Asked(
        job.graph,
        job.digest,
        job.preprocess.shape,
        methods,
        job.preprocess,
        dict(job.options),
        metrics,
        target=LABEL if options.label_target else job.target,
        layer=job.layer,
        output=job.output,
        full=frozenset(options.full),
        top=job.top_k,
        batch_size=options.at_a_time,
        bits=options.bits,
        modules=modules_of(methods, metrics),
    )
    check_asked(asked)
    return asked

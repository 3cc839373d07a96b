"""Methods measured on many photos, one after the other; what is done is kept."""

from __future__ import annotations

import csv
from concurrent.futures import Future, ThreadPoolExecutor
from math import isnan
from pathlib import Path
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np
from tqdm import tqdm

from .. import picture
from ..errors import GradCamError
from ..metrics.evaluating import Evaluator
from ..metrics.measured import Measured
from ..metrics.recommending import Recommendation, recommend
from ..metrics.table import Evaluation
from ..support import files
from .explaining import Outcome, read_ahead
from .object_masks import read_mask
from .photos import Job, Source
from .results import joined
from .run_folder import RunFolder
from .stopping import Stop
from .writing import Read

EVALUATION = "evaluation"
"""What the table is called in the table of results, and its files without their suffixes."""

_TABLES = (f"{EVALUATION}.json", f"{EVALUATION}.csv", "samples.csv", f"{EVALUATION}.png")
_RECOMMENDATION = "recommendation.txt"


class Subject(NamedTuple):
    """A photo, and what is known of it."""

    source: Source
    target: Any
    """What is explained."""
    mask: Path | None
    """Where the picture of its object is to be, if measures want that."""


def check_free(out: RunFolder, metrics: Iterable[str]) -> None:
    """Find out, before anything is computed, whether the table may be written.

    Args:
        out: the folder of the run.
        metrics: the names of the measures.

    Raises:
        OutputError: a file that no run has written is in the way.
    """
    out.check_free(EVALUATION, [*_TABLES, _RECOMMENDATION, *map(_curve, metrics)])


def measure_all(
    job: Job, evaluator: Evaluator, subjects: Sequence[Subject], out: RunFolder, stop: Stop
) -> tuple[Outcome, Evaluation | None]:
    """Measure every photo that can be; what is done is in the table, whatever ends the work.

    Args:
        job: what is done with each.
        evaluator: what measures them.
        subjects: the photos.
        out: the folder of the run.
        stop: is asked whether to go on.

    Returns:
        What became of the photos, and the table; None if there is nothing in it.
    """
    outcome, kept = Outcome(), evaluator.kept()
    done: dict[str, str] = {}
    failed: dict[str, str] = {}
    bar = tqdm(total=len(subjects), desc="measuring", unit="photo", disable=len(subjects) == 1)
    with bar, ThreadPoolExecutor(1) as reader:
        try:
            coming = read_ahead(job, reader, [one.source for one in subjects])
            for subject, (source, reading) in zip(subjects, coming):
                stop.check()
                try:
                    read, found = _measured(job, evaluator, outcome.done, subject, reading)
                except GradCamError as error:
                    failed[source.place] = outcome.add_failure(source.path, error)
                else:
                    with stop.held():  # what is counted is in the table
                        kept.add(outcome.done, found)
                        done[source.place] = read.sha256
                        outcome.done += 1
                bar.update()
        except (KeyboardInterrupt, OSError) as error:
            outcome.stopped = error
    table = None
    try:
        with stop.held():
            table = evaluator.table(kept) if done else None
            for place, said in failed.items():
                out.record_failure(place, said)
            if table is not None:
                _write(table, done, out)
    except (KeyboardInterrupt, OSError) as error:
        outcome.stopped = outcome.stopped or error
    return outcome, table


def recommend_one(
    job: Job,
    subjects: Sequence[Subject],
    out: RunFolder,
    stop: Stop,
    *,
    layers: Sequence[str] | None,
    methods: Sequence[str] | None,
    seed: int,
) -> tuple[Outcome, Recommendation | None]:
    """Find the method that is worth looking at, on every photo that can be read.

    Args:
        job: how they are read, and what of the net's outputs is explained.
        subjects: the photos.
        out: the folder of the run.
        stop: is asked whether to go on.
        layers: as `gm.metrics.recommend` takes them.
        methods: as `gm.metrics.recommend` takes them.
        seed: as `gm.metrics.recommend` takes it.

    Returns:
        What became of the photos, and what was found; None if the work was stopped before.

    Raises:
        GradCamError: why nothing can be found.
    """
    outcome = Outcome()
    rows, targets, done = [], [], {}
    found = None
    try:
        with ThreadPoolExecutor(1) as reader:
            coming = read_ahead(job, reader, [one.source for one in subjects])
            for subject, (source, reading) in zip(subjects, coming):
                stop.check()
                try:
                    read = reading.result()
                except GradCamError as error:
                    out.record_failure(source.place, outcome.add_failure(source.path, error))
                    continue
                rows.append(read.x)
                targets.append(subject.target)
                done[source.place] = read.sha256
        if not rows:
            return outcome, None
        is_given = any(one is not None for one in targets)
        found = recommend(
            job.graph,
            np.concatenate(rows),
            targets if is_given else None,
            layers=layers,
            methods=methods,
            output=job.output,
            seed=seed,
        )
        stop.check()
        with stop.held():
            _write(found.table, done, out, repr(found))
            outcome.done = len(done)
    except (KeyboardInterrupt, OSError) as error:
        outcome.stopped = error
    return outcome, found


def _measured(
    job: Job, evaluator: Evaluator, number: int, subject: Subject, reading: Future[Read]
) -> tuple[Read, list[list[Measured]]]:
    """A photo as it was read, and for each measure what it says of each method.

    Args:
        job: what is done with it.
        evaluator: what measures it.
        number: how many were measured before.
        subject: the photo.
        reading: what reads it.

    Raises:
        GradCamError: why it cannot be measured.
    """
    read = reading.result()
    mask = None
    if subject.mask is not None:
        mask = read_mask(subject.mask, job.preprocess.geometry(read.photo))[None]
    if not number:
        evaluator.leave_out_what_does_not_fit(read.x, subject.target)
    return read, evaluator.measure(number, read.x, subject.target, mask)


def _write(table: Evaluation, done: dict[str, str], out: RunFolder, recommended: str = "") -> None:
    """Write the table in all its forms.

    Args:
        table: of the photos, or of the last of them.
        done: place of each photo → SHA-256 of its file, in the order of the table.
        out: the folder of the run.
        recommended: what was found by it, in words.
    """
    with out.adding(EVALUATION) as scratch:
        whole, rows, samples, figure = (scratch / name for name in _TABLES)
        table.save(whole)
        table.to_csv(rows)
        _write_samples(table, list(done)[-len(table) :], samples)
        if recommended:
            (scratch / _RECOMMENDATION).write_text(f"{recommended}\n", encoding="utf-8")
        picture.save_figure(table.plot(), figure)
        for metric in table.curves:
            picture.save_figure(table.plot_curve(metric), scratch / _curve(metric))
        names = sorted(one.name for one in scratch.iterdir())
    for place, digest in done.items():
        out.record(place, [{"sha256": digest}])
    out.record(EVALUATION, [{"files": joined(names)}])


def _write_samples(table: Evaluation, places: Sequence[str], path: Path) -> None:
    """A line for each photo, method and measure; where one is not defined, its value is empty."""
    with files.whole(path) as part, part.open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    ) as file:
        writer = csv.writer(file)
        writer.writerow(["source", "method", "metric", "value"])
        for number, place in enumerate(places):
            for row, method in enumerate(table.rows):
                for column, metric in enumerate(table.metrics):
                    value = float(table.values[column, row, number])
                    writer.writerow([place, method, metric.name, "" if isnan(value) else value])


def _curve(metric: str) -> str:
    return f"curve_{metric}.png"

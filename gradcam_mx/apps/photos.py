"""Many photos, one after the other: found, explained by one graph, written side by side."""

from __future__ import annotations

import glob
import itertools
import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

import numpy as np
from tqdm import tqdm

from .. import picture, zoo
from ..errors import InputError, OutputError, PhotoError
from ..explanation import archive
from ..explanation.explanation import Explanation
from ..graph.graph import Graph
from ..methods import Plan
from ..methods.options import Options
from ..methods.run import View
from .advice import told

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Job:
    """What is done with each photo."""

    graph: Graph
    preprocess: zoo.Preprocess
    methods: list[str]
    options: Options = field(default_factory=dict)
    target: Any = None
    layer: str | None = None
    output: int | str | None = None
    labels: Any = None
    """The classes' names, a `zoo.labels.Labels`; None if they have none."""
    top_k: int = 5
    bits: int | None = None
    """How many bits the numbers have in photos of 16 bits; None for all."""

    @cached_property
    def plan(self) -> Plan:
        """How each photo is explained."""
        return Plan(self.methods, self.layer, output=self.output, options=self.options)


def find_photos(given: Iterable[str]) -> tuple[list[Path], list[str]]:
    """The files that the arguments name (themselves, in folders, by patterns); what names none.

    Raises:
        PhotoError: nothing was found at all.
    """
    photos: list[Path] = []
    failures = []
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.exists() or not glob.has_magic(text):
            found = [path]
        else:
            found = [Path(match) for match in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not found:
            failures.append(
                f"no photos found in {text}; looked for files ending in "
                f"{', '.join(sorted(SUFFIXES))}"
            )
        photos += found
    if not photos:
        raise PhotoError("; ".join(failures))
    return photos, failures


def check_writable(folder: Path) -> None:
    """Try to write to the folder, or where it will be made; nothing is left there.

    Raises:
        OutputError: it is not possible.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error


def explain_all(
    job: Job, photos: Sequence[Path], out: Path, report: Callable[[str, list[str]], None]
) -> list[str]:
    """Explain every photo that can be; what went wrong with the others.

    Args:
        report: is told each photo's path and its top predictions.
    """
    failures = []
    written: set[str] = set()
    for path in tqdm(photos, desc="explaining", unit="photo", disable=len(photos) == 1):
        try:
            photo = zoo.read_photo(path, bits=job.bits)
            name = _free_name(path.stem, job.methods, written)
            report(str(path), explain_photo(job, photo, out, name))
            written.update(_files(name, job.methods))
        except (PhotoError, InputError) as error:
            failures.append(told(error))
    return failures


def _files(name: str, methods: Iterable[str]) -> set[str]:
    """What is written for one photo."""
    return {f"{name}.png", f"{name}.npz", *(f"{name}_{method}.png" for method in methods)}


def _free_name(stem: str, methods: Iterable[str], written: set[str]) -> str:
    """A name under which no photo of this call was written: the file's own, or with a number."""
    names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
    return next(name for name in names if not _files(name, methods) & written)


def explain_photo(job: Job, photo: np.ndarray, out: Path, name: str) -> list[str]:
    """Explain one photo, write everything about it, and return its top predictions as text."""
    done = job.plan.run(job.graph, job.preprocess(photo), job.target)
    found = {method: _named(done.first(method), job.labels) for method in job.methods}
    crop = job.preprocess.crop(photo)
    panels = {method: one.pictures(crop, job.preprocess.order)[0] for method, one in found.items()}
    figure = picture.figure(
        [crop, *panels.values()],
        ["what the net saw", *map(_title, found.values())],
        ": ".join([name, *_explained(job, done.run)]),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        # written elsewhere first, so that nothing half-written is ever in the folder
        with tempfile.TemporaryDirectory(dir=out, prefix=".gradcam-mx-") as folder:
            scratch = Path(folder)
            figure.savefig(scratch / f"{name}.png")
            for method, panel in panels.items():
                picture.save(panel, scratch / f"{name}_{method}.png")
            archive.write(
                scratch / f"{name}.npz", {method: vars(one) for method, one in found.items()}
            )
            for file in scratch.iterdir():
                file.replace(out / file.name)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    return _predictions(job, done.run)


def _named(explanation: Explanation, labels: Any) -> Explanation:
    """The explanation with the names of its classes, where there are some."""
    if labels is None or isinstance(explanation.target, str):
        return explanation
    names = [labels.name(one) for one in explanation.target]
    return replace(explanation, class_names=names)


def _title(explanation: Explanation) -> str:
    return "\n".join(filter(None, [explanation.title, explanation.layer]))


def _explained(job: Job, run: View) -> list[str]:
    """The explained class as text, if it is one."""
    if run.probabilities is None or isinstance(run.target, str):
        return []
    return [_prediction(job, run.probabilities[0], run.target[0])]


def _predictions(job: Job, run: View) -> list[str]:
    if run.probabilities is None:
        return []
    chances = run.probabilities[0]
    return [_prediction(job, chances, int(one)) for one in np.argsort(-chances)[: job.top_k]]


def _prediction(job: Job, chances: np.ndarray, class_id: int) -> str:
    name = job.labels and f"{job.labels.name(class_id)} ({class_id})"
    return f"{name or f'class {class_id}'} {chances[class_id]:.2f}"

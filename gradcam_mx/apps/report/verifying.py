"""`gm.verify`: what a report or an archive says, computed anew."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Sequence

import numpy as np

from ... import zoo
from ..._version import __version__
from ...errors import DependencyError, InputError
from ...graph.graph import Graph
from ...graph.trace import Net, trace
from ...metrics.evaluating import Evaluator, Way
from ...metrics.register import find_metric
from ...support.boundary import told
from .. import provenance
from ..photos import Source
from ..provenance import Record, decoded
from ..stopping import Stop
from . import comparing, objects, sealing
from .archived import of_archive
from .brief import Brief, Measures
from .comparing import Deviation
from .gathering import Gathering
from .parts import page_of
from .rendering import Renderer
from .sealing import STORE
from .verdict import Judge, Verified


@told
def verify(
    path: str | Path,
    net: Net,
    photos: Iterable[str | Path] | None = None,
    *,
    preprocess: zoo.Preprocess | None = None,
    progress: bool = True,
) -> Verified:
    """Compute anew what a report or an archive says, and say whether it agrees.

    First the hashes: of the file, by which every change of it is found, and of the net, of which
    one changed byte of one parameter is another net. Then each number: of a report the predictions,
    scores, maps and measures of each photo and all that is said over the photos, from what the net
    saw, which is in it; of an archive its maps and scores, from what the net saw, where the command
    line wrote it, or from photos.

    Numbers agree within what rounding does on another processor: a probability to 0.001, a score
    to 0.1 %, a number of a map to 1 % of the map's largest, a measure to 3 % of the largest of its
    kind. `docs/report.md` says how these were found.

    Args:
        path: of a report (.html) or an archive (.npz).
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        photos: the paths of photos, found again by their hashes; with them it is verified too that
            what the net saw is what becomes of them. An archive that holds no picture needs its
            photo.
        preprocess: how photos are prepared, for an archive that does not say it; by default
            `net.preprocess`.
        progress: whether to show a bar.

    Returns:
        What came of it: true if all agrees, and printed as a sentence.

    Raises:
        InputError: there is no such file, or it holds something else, or not what it takes.

    Example:
        >>> print(gm.verify("report.html", net))                         # doctest: +SKIP
        report.html agrees: 4 photos, all of 312 numbers
    """
    path = Path(path).expanduser()
    graph, given = trace(net), _by_hash(photos or ())
    if path.suffix.lower() == ".npz":
        prepare = preprocess or getattr(net, "preprocess", None)
        return of_archive(path, graph, given, prepare)
    return _of_report(path, graph, given, progress)


def _by_hash(photos: Iterable[str | Path]) -> dict[str, Path]:
    """SHA-256 of a file → its path."""
    found = {}
    for one in [photos] if isinstance(photos, (str, Path)) else photos:
        path = Path(one).expanduser()
        try:
            found[hashlib.sha256(path.read_bytes()).hexdigest()] = path
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return found


# -- reports ---------------------------------------------------------------------------------------


def _of_report(path: Path, graph: Graph, photos: Mapping[str, Path], progress: bool) -> Verified:
    sealed = sealing.read(path)
    if sealed.record.get("kind") == "page":
        raise InputError(
            f"{path} is a page of a report in parts: verify {sealed.record.get('index')} beside it"
        )
    if sealed.record.get("kind") == STORE:
        raise InputError(
            f"{path} is a report of a store, and holds no photos to compute it from: make it again "
            "from the store with gm.report_store, and run the store's data set again with gm.run"
        )
    judge = Judge(path)
    try:
        _judge(judge, _Pages(path, sealed, judge), graph, photos, progress)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        judge.add(Deviation("what programs read of it", "what cannot be read", repr(error), np.inf))
    return judge.verdict()


class _Pages:
    """The photos of a report, and what the net saw of them, page by page.

    Args:
        path: of the report.
        sealed: what is in it.
        judge: is told of pages that were changed.
    """

    def __init__(self, path: Path, sealed: sealing.Sealed, judge: Judge) -> None:
        self.record, self._path = sealed.record, path
        if not sealed.is_whole:
            judge.changed(path.name)
        self._seen: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        self._texts: dict[int, sealing.Sealed] = {}
        self.photos: list[Record] = []
        self._page_of: list[int] = []
        if not self.record["pages"]:
            self._texts[0] = sealed
            self._add(0, self.record["photos"])
        for number, page in enumerate(self.record["pages"]):
            file = page_of(path, page["file"])
            found = sealing.read(file)
            is_same = hashlib.sha256(found.text.encode("utf-8")).hexdigest() == page["sha256"]
            if not (found.is_whole and is_same):
                judge.changed(page["file"])
            self._add(number, found.record["photos"])

    def _add(self, page: int, photos: Sequence[Record]) -> None:
        self.photos += photos
        self._page_of += [page] * len(photos)

    def seen(self, place: int) -> np.ndarray:
        """What the net saw of a photo.

        Args:
            place: of the photo.

        Raises:
            InputError: it is not there.
        """
        page, wanted = self._page_of[place], self.photos[place]["seen"]
        if page not in self._seen:
            self._seen[page] = dict(self._sealed(page).seen())
            while len(self._seen) > 2:  # photos are read ahead, into the next page
                self._seen.popitem(last=False)
        if wanted not in self._seen[page]:
            raise InputError("what the net saw of it is not in the report, or was changed")
        return self._seen[page][wanted]

    def judge_words(self, judge: Judge) -> None:
        """Hold the words and numbers that people read against those that programs read.

        Args:
            judge: is told of a page on which they differ.
        """
        if not self.record["is_usual"] or self.record["version"] != __version__:
            judge.note("the words on the page are not verified: another template, or version")
            return
        try:
            renderer = Renderer()
        except DependencyError as error:
            judge.note(f"the words on the page are not verified: {error}")
            return
        files = {self._path.name: self._path}
        files.update(
            {one["file"]: page_of(self._path, one["file"]) for one in self.record["pages"]}
        )
        for name, file in files.items():
            sealed = sealing.read(file)
            try:
                said, found = sealed.shown(), renderer.page(sealed.record, _NoPictures())
            except InputError as error:
                judge.add(
                    Deviation(f"what programs read of {name}", "too little", str(error), np.inf)
                )
                continue
            if said != found:
                judge.add(_first(name, said, found))

    def _sealed(self, page: int) -> sealing.Sealed:
        if page in self._texts:
            return self._texts[page]
        return sealing.read(page_of(self._path, self.record["pages"][page]["file"]))


class _NoPictures(Dict[str, str]):
    """Every picture is one of nothing."""

    def __missing__(self, name: str) -> str:
        return sealing.NO_PICTURE


def _first(name: str, said: str, found: str) -> Deviation:
    """The first line of a page that differs."""
    lines = zip_longest(said.splitlines(), found.splitlines(), fillvalue="")
    one, other = next(((a, b) for a, b in lines if a != b), ("", ""))
    return Deviation(f"the words of {name}", repr(one[:200]), repr(other[:200]), np.inf)


def _judge(
    judge: Judge, pages: _Pages, graph: Graph, photos: Mapping[str, Path], progress: bool
) -> None:
    """Hold all that a report says against what is computed anew, up to the first difference."""
    record, done = pages.record, pages.record["done"]
    job = provenance.job_of(done, graph)
    job = replace(job, preprocess=provenance.of_what_was_seen(job.preprocess))
    for part, said in job.digest._asdict().items():
        if done["net"][part] != said:
            judge.add(Deviation(f"the net's {part}, SHA-256", done["net"][part], said, np.inf))
            return
    lost = [name for name in done["methods"] if name not in job.methods]
    if lost:
        judge.note(f"not computed anew, as options of theirs could not be kept: {', '.join(lost)}")
    measures = None if lost else _measures(job, done)
    wants_masks = any(one.wants.masks for one in (measures.metrics if measures else ()))
    brief = Brief(
        job=job,
        net=record["net"]["name"],
        photos=[_source(pages, place, one) for place, one in enumerate(pages.photos)],
        truths=[one["truth"]["id"] for one in pages.photos] if record["accuracy"] else None,
        measures=measures,
        measured=_measured(pages.photos),
        masks=[objects.of_record(one) for one in pages.photos] if wants_masks else None,
    )
    if lost and done["metrics"]:
        judge.note("nor the measures, which are of these too")
    prepare = zoo.Preprocess.of(done["preprocess"])
    with Stop() as stop:
        gathering = Gathering(brief, stop, progress and len(brief.photos) > 1)
        for looked in gathering:
            place = gathering.outcome.done + len(gathering.failed) - 1
            judge.add_all(comparing.of_photo(pages.photos[place], looked.record))
            judge.photos += 1
            if judge.found:
                return
            _judge_file(judge, pages, place, photos, prepare)
            if judge.found:
                return
    if gathering.outcome.stopped is not None:
        raise gathering.outcome.stopped
    for one in gathering.failed:
        judge.add(Deviation(f"photo {one['name']}", "what was found", one["said"], np.inf))
    if not judge.found:
        anew = gathering.record()
        if lost:
            anew.update({key: record[key] for key in ("measured", "table", "extremes")})
        judge.add_all(comparing.of_all(record, anew))
    if not judge.found:
        pages.judge_words(judge)


def _source(pages: _Pages, place: int, record: Record) -> Source:
    name = record["name"]
    return Source(name, name, name, lambda: pages.seen(place), lambda: record["sha256"])


_RESIZED = 2
"""By so many of 255 pixels may differ that another version of Pillow has scaled."""


def _judge_file(
    judge: Judge, pages: _Pages, place: int, photos: Mapping[str, Path], prepare: zoo.Preprocess
) -> None:
    """Hold what the network saw against the photo's file, if it was given."""
    record = pages.photos[place]
    if not photos:
        return
    if record["sha256"] not in photos:
        judge.note(f"the file of {record['name']} was not given: what was seen of it stands alone")
        return
    seen, found = pages.seen(place), prepare.crop(photos[record["sha256"]])
    off = int(abs(seen.astype(int) - found).max()) if seen.shape == found.shape else 255
    where = f"photo {record['number'] + 1} ({record['name']}), pixels that the net saw"
    judge.add(Deviation(where, "as in the report", f"off by {off} in its file", off / _RESIZED))


def _measured(photos: Sequence[Record]) -> list[int]:
    return [place for place, one in enumerate(photos) if "measures" in one or "not_measured" in one]


def _measures(job: Any, done: Record) -> Measures | None:
    if not done["metrics"]:
        return None
    options: dict[str, Any] = {one["name"]: decoded(one["options"]) for one in done["metrics"]}
    metrics = [find_metric(name) for name in options]
    evaluator = Evaluator(
        job.graph,
        [Way(one, one, job.layer) for one in job.methods],
        [Way(one, one, job.layer) for one in done["controls"]],
        metrics,
        output=job.output,
        options=job.options,
        metric_options=options,
        seed=done["seed"],
    )
    return Measures(evaluator, metrics, done["controls"], options, done["seed"])

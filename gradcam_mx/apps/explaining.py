"""Many photos, one after the other, by one graph: read ahead, and written beside the network."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Sequence

from tqdm import tqdm

from ..errors import GradCamError, InputError, OutputError, PhotoError
from .advice import told
from .photos import Job, Source
from .run_folder import RunFolder
from .stopping import Stop
from .writing import Read, explained, write

_AHEAD, _BEHIND = 3, 3
"""How many photos are read before they are explained, and written after it, at a time."""


@dataclass
class Outcome:
    """What became of many photos."""

    explained: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Path of a photo, or nothing where the message names it, and what went wrong."""
    is_refused: bool = False
    """Whether some failed over what was asked for, not over the photo."""
    stopped: BaseException | None = None
    """What ended the work before its time."""


def explain_all(
    job: Job,
    photos: Sequence[Source],
    out: RunFolder,
    report: Callable[[str, list[str]], None],
    stop: Stop,
) -> Outcome:
    """Explain every photo that can be; what is done is kept, whatever ends the work.

    Photos are read before, and written after their turn, by threads beside the network.

    Args:
        job: what is done with each.
        photos: those that are explained.
        out: the folder of the run.
        report: is told each photo's path and its top predictions.
        stop: is asked whether to go on.
    """
    outcome = Outcome()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        written: deque[tuple[Source, Future[Any]]] = deque()
        try:
            for source, coming in _ahead(reader, tqdm(photos, **_bar(len(photos)))):
                stop.check()
                written.append((source, _explained(job, source, coming, writer, out)))
                while len(written) > _BEHIND:
                    _finish(job, *written.popleft(), out, outcome, report)
        except (KeyboardInterrupt, OSError) as error:
            outcome.stopped = error
        for one in written:
            try:
                _finish(job, *one, out, outcome, report)
            except (KeyboardInterrupt, OSError) as error:
                outcome.stopped = outcome.stopped or error
    return outcome


def _bar(count: int) -> dict[str, Any]:
    return {"desc": "explaining", "unit": "photo", "disable": count == 1}


def _ahead(
    pool: ThreadPoolExecutor, photos: Iterable[Source]
) -> Iterator[tuple[Source, Future[Read]]]:
    """Each photo with what reads it, begun some photos before its turn."""
    waiting: deque[tuple[Source, Future[Read]]] = deque()
    for one in photos:
        waiting.append((one, pool.submit(_read, one)))
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _read(source: Source) -> Read:
    return Read(source.read(), source.sha256())


def _explained(
    job: Job, source: Source, coming: Future[Read], writer: ThreadPoolExecutor, out: RunFolder
) -> Future[Any]:
    """What will be the rows and the predictions of a photo, once they are written."""
    try:
        read = coming.result()
        found = explained(job, read.photo)
        return writer.submit(write, job, source, read, found, out)
    except OutputError:
        raise
    except GradCamError as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed


def _finish(
    job: Job,
    source: Source,
    coming: Future[Any],
    out: RunFolder,
    outcome: Outcome,
    report: Callable[[str, list[str]], None],
) -> None:
    """Wait for what is written of a photo, and tell what became of it."""
    try:
        rows, predictions = coming.result()
    except OutputError:
        raise
    except GradCamError as error:
        said = told(error)
        outcome.failures.append((source.path, said))
        outcome.is_refused |= not isinstance(error, (PhotoError, InputError))
        out.record_failure(source.place, said)
        return
    out.record(source.place, rows)
    outcome.explained += 1
    report(source.path, job.given.told(predictions))

"""Many photos by one graph, some at a time: read ahead, and written beside the network."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, Sequence, TypeVar

import numpy as np
from tqdm import tqdm

from ..errors import GradCamError, InputError, OutputError, PhotoError
from .advice import told
from .photos import Job, Source
from .run_folder import RunFolder
from .stopping import Stop
from .writing import Found, Read, explained, write

T = TypeVar("T")

_AHEAD, _BEHIND = 3, 3
"""How many photos are read before they are explained, and written after it, at a time."""


@dataclass
class Outcome:
    """What became of many photos."""

    done: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Path of a photo, or nothing where the message names it, and what went wrong."""
    is_refused: bool = False
    """Whether some failed over what was asked for, not over the photo."""
    stopped: BaseException | None = None
    """What ended the work before its time."""

    def add_failure(self, path: str, error: GradCamError) -> str:
        """A photo of which nothing was found; gives what is said of it.

        Args:
            path: of the photo.
            error: why.
        """
        said = told(error)
        self.failures.append((path, said))
        self.is_refused |= not isinstance(error, (PhotoError, InputError))
        return said


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
    bar = tqdm(total=len(photos), desc="explaining", unit="photo", disable=len(photos) == 1)
    with bar, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        written: deque[tuple[Source, Future[Any] | GradCamError]] = deque()

        def finish_one() -> None:
            with stop.held():  # what is written is recorded too
                _finish(job, *written.popleft(), out, outcome, report)
            bar.update()

        try:
            for group in _groups(read_ahead(job, reader, photos), job.in_a_call):
                stop.check()
                explained = _explained(job, group)
                with stop.held():
                    written += [(one[0], _written(job, *one, writer, out)) for one in explained]
                while len(written) > _BEHIND:
                    finish_one()
        except (KeyboardInterrupt, OSError) as error:
            outcome.stopped = error
        while written:
            try:
                finish_one()
            except (KeyboardInterrupt, OSError) as error:
                outcome.stopped = outcome.stopped or error
    return outcome


def read_ahead(
    job: Job, pool: ThreadPoolExecutor, photos: Iterable[Source]
) -> Iterator[tuple[Source, Future[Read]]]:
    """Each photo with what reads it, begun some photos before its turn.

    Args:
        job: what is done with them.
        pool: of threads.
        photos: them.
    """
    waiting: deque[tuple[Source, Future[Read]]] = deque()
    for one in photos:
        waiting.append((one, pool.submit(_read, job, one)))
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _read(job: Job, source: Source) -> Read:
    photo = source.read()
    return Read(photo, job.preprocess(photo), source.sha256())


def _groups(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Lists of so many, the last one of what is left."""
    return iter(lambda: list(islice(items, size)), [])


def _explained(
    job: Job, group: Sequence[tuple[Source, Future[Read]]]
) -> list[tuple[Source, Read | GradCamError, Found | GradCamError]]:
    """Each photo of a group as it was read, and what was found on it, or why it was not."""
    read = [(source, _result(coming)) for source, coming in group]
    found = iter(_found(job, [one.x for _, one in read if isinstance(one, Read)]))
    return [(*one, next(found) if isinstance(one[1], Read) else one[1]) for one in read]


def _result(coming: Future[Read]) -> Read | GradCamError:
    try:
        return coming.result()
    except GradCamError as error:
        return error


def _found(job: Job, inputs: Sequence[np.ndarray]) -> list[Found | GradCamError]:
    """What is found on each photo, or why nothing is; one by one, where all at once cannot be."""
    try:
        return [*explained(job, inputs)] if inputs else []
    except GradCamError as error:
        if len(inputs) == 1:
            return [error]
        return [one for x in inputs for one in _found(job, [x])]


def _written(
    job: Job,
    source: Source,
    read: Read | GradCamError,
    found: Found | GradCamError,
    writer: ThreadPoolExecutor,
    out: RunFolder,
) -> Future[Any] | GradCamError:
    """What will be the rows and predictions of a photo, once they are written; or why not."""
    if isinstance(read, GradCamError):
        return read
    if isinstance(found, GradCamError):
        return found
    return writer.submit(write, job, source, read, found, out)


def _finish(
    job: Job,
    source: Source,
    coming: Future[Any] | GradCamError,
    out: RunFolder,
    outcome: Outcome,
    report: Callable[[str, list[str]], None],
) -> None:
    """Wait for what is written of a photo, and tell what became of it."""
    try:
        if isinstance(coming, GradCamError):
            raise coming
        rows, predictions = coming.result()
    except OutputError:
        raise
    except GradCamError as error:
        out.record_failure(source.place, outcome.add_failure(source.path, error))
        return
    out.record(source.place, rows)
    outcome.done += 1
    report(source.path, job.given.told(predictions))

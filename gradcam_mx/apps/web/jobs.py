"""Work in a queue: one worker does it, anybody may look on, and each piece may be cancelled."""

from __future__ import annotations

import threading
import time
import traceback
import warnings
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator

from ...errors import GradCamError
from ...support.progress import Stopped, watched
from .memory import Memory
from .refused import Refused

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"

_ENDED = (DONE, FAILED, CANCELLED)

Answer = Dict[str, Any]
"""What JSON holds."""


@dataclass
class Job:
    """A piece of work. It is told how far it has come, as the watcher of it."""

    id: str
    action: str
    title: str
    work: Callable[[Job], Answer] | None
    state: str = WAITING
    is_cached: bool = False
    """Whether the result was there before anybody asked."""
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    """What was warned of."""
    result: Answer | None = None
    made: float = field(default_factory=time.monotonic)
    began: float | None = None
    ended: float | None = None
    is_unwanted: bool = False
    """Whether somebody has cancelled it."""
    parts: int = 1
    part: int = 0
    """Which of its parts it is at."""
    what: str | None = None
    done: float = 0
    total: float | None = None

    def step(self) -> None:
        """Something was done."""
        if self.is_unwanted:
            raise Stopped

    def at(self, what: str, done: float, total: float | None) -> None:
        """So much of something is done."""
        self.step()
        self.what, self.done, self.total = what, done, total

    def note(self, said: str) -> None:
        """Tell people something about it, once.

        Args:
            said: what.
        """
        if said not in self.notes:
            self.notes.append(said)

    def each(self, parts: list[Any]) -> Iterator[Any]:
        """Its parts, one after the other.

        Args:
            parts: each of which takes about as long.
        """
        self.parts = max(1, len(parts))
        for self.part, one in enumerate(parts):
            self.step()
            self.what, self.done, self.total = None, 0, None
            yield one
        self.part = self.parts

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1; None if that is not known."""
        inside = min(self.done / self.total, 1.0) if self.total else None
        if inside is None and self.parts == 1:
            return None
        return min(1.0, (self.part + (inside or 0.0)) / self.parts)

    def told(self, place: int = 0, *, with_result: bool = True) -> Answer:
        """It in words of the interface.

        Args:
            place: how many are before it.
            with_result: whether the result is told too.
        """
        now, share = time.monotonic(), self.share
        seconds = None if self.began is None else (self.ended or now) - self.began
        is_under_way = self.state == RUNNING and share and seconds and seconds > 0.5
        left = seconds * (1 - share) / share if is_under_way and seconds and share else None
        known = share is not None or self.what is not None
        return {
            "id": self.id,
            "action": self.action,
            "title": self.title,
            "state": self.state,
            "place": place,
            "progress": {
                "what": self.what,
                "done": self.done,
                "total": self.total,
                "share": share,
            }
            if known and self.state == RUNNING
            else None,
            "seconds": None if seconds is None else round(seconds, 3),
            "seconds_left": None if left is None else round(left, 1),
            "cached": self.is_cached,
            "error": self.error,
            "notes": self.notes,
            **({"result": self.result} if with_result else {}),
        }


class Jobs:
    """The queue, and its worker.

    Args:
        waiting: how many may wait.
        kept: how many that have ended can still be asked for.
        words: puts an error of the package into the words of the page.
    """

    def __init__(
        self, waiting: int = 64, kept: int = 64, words: Callable[[GradCamError], str] = str
    ) -> None:
        self._most, self._most_kept, self._words = waiting, kept, words
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = threading.Condition()
        self._count = 0
        self._is_closed = False
        self._memory = Memory()
        self._worker = threading.Thread(target=self._work, name="gradcam-mx jobs", daemon=True)
        self._worker.start()

    def add(self, action: str, title: str, work: Callable[[Job], Answer]) -> Job:
        """Put a piece of work into the queue.

        Args:
            action: what kind of work it is.
            title: for people.
            work: does it; it is told what to tell of its progress.

        Raises:
            Refused: too many are waiting.
        """
        with self._changed:
            if sum(one.state == WAITING for one in self._jobs.values()) >= self._most:
                raise Refused(
                    f"{self._most} jobs are waiting already: cancel some, or wait until they are "
                    "done",
                    429,
                )
            job = self._new(action, title, work)
            self._changed.notify_all()
        return job

    def add_done(self, action: str, title: str, result: Answer) -> Job:
        """A piece of work whose result is known.

        Args:
            action: what kind of work it is.
            title: for people.
            result: of it.
        """
        with self._changed:
            job = self._new(action, title, None)
            job.state, job.result, job.is_cached = DONE, result, True
            job.began = job.ended = job.made
        return job

    def _new(self, action: str, title: str, work: Callable[[Job], Answer] | None) -> Job:
        self._count += 1
        job = Job(f"j{self._count}", action, title, work)
        self._jobs[job.id] = job
        ended = [one.id for one in self._jobs.values() if one.state in _ENDED]
        for one in ended[: max(0, len(ended) - self._most_kept)]:
            del self._jobs[one]
        return job

    def find(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            Refused: there is none.
        """
        with self._changed:
            if job_id not in self._jobs:
                raise Refused(f"there is no job {job_id!r}", 404, gone=True)
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """Those that wait, that run, and the last that have ended."""
        with self._changed:
            return list(self._jobs.values())

    def told(self, job: Job, *, with_result: bool = True) -> Answer:
        """A job in words of the interface.

        Args:
            job: it.
            with_result: whether its result is told too.
        """
        with self._changed:
            place = 0
            if job.state == WAITING:
                for one in self._jobs.values():
                    if one is job:
                        break
                    place += one.state in (WAITING, RUNNING)
            return job.told(place, with_result=with_result)

    def wait(self, job: Job, seconds: float, *, until_ended: bool = False) -> None:
        """Wait until a job changes its state, at most so long.

        Args:
            job: it.
            seconds: the most.
            until_ended: wait until it has ended.
        """
        before = job.state
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or job.state in _ENDED
                    or (not until_ended and job.state != before)
                ),
                seconds,
            )

    def cancel(self, job: Job) -> None:
        """End a job: at once if it waits, at its next step if it runs.

        Args:
            job: it.
        """
        with self._changed:
            job.is_unwanted = True
            if job.state == WAITING:
                self._end(job, CANCELLED)

    def close(self) -> None:
        """End all of them, and the worker."""
        with self._changed:
            self._is_closed = True
            for job in self._jobs.values():
                job.is_unwanted = True
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait until the worker has ended, at most so long; whether it has.

        Args:
            seconds: the most.
        """
        self._worker.join(seconds)
        return not self._worker.is_alive()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._next() is not None)
                job = self._next()
                if self._is_closed or job is None:
                    return
                job.state, job.began = RUNNING, time.monotonic()
                self._changed.notify_all()
            self._run(job)
            self._memory.give_back()

    def _next(self) -> Job | None:
        return next((one for one in self._jobs.values() if one.state == WAITING), None)

    def _run(self, job: Job) -> None:
        assert job.work is not None
        state, error = DONE, None
        try:
            with warnings.catch_warnings(), watched(job):
                warnings.simplefilter("always")
                warnings.showwarning = self._noting(job)
                job.result = job.work(job)
        except Stopped:
            state = CANCELLED
        except GradCamError as failure:
            state, error = FAILED, self._words(failure)
        except Refused as failure:
            state, error = FAILED, failure.said
        except MemoryError:
            state, error = FAILED, "there is not enough memory for this: try fewer or smaller ones"
        except Exception as failure:  # noqa: BLE001 - one failed job leaves the others alone
            traceback.print_exc()  # at the terminal, for those who look for the reason
            state, error = FAILED, f"this failed in a way that nobody thought of: {failure!r}"
        with self._changed:
            job.error = error
            self._end(job, state)

    def _noting(self, job: Job) -> Callable[..., None]:
        """Tells with the job what is warned of in the worker; other threads draw what is older."""

        def note(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
            is_for_people = issubclass(category, UserWarning)
            if threading.current_thread() is self._worker and is_for_people:
                job.note(str(message))

        return note

    def _end(self, job: Job, state: str) -> None:
        job.state, job.ended, job.work = state, time.monotonic(), None
        self._changed.notify_all()

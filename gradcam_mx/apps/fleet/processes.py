"""Workers in processes of their own on this machine: one that crashes, or hangs, is replaced."""

from __future__ import annotations

import os
import pickle
import time
from multiprocessing.connection import wait

from ...errors import GradCamError, InputError
from .asked import Asked
from .crew import PATIENCE, Died, Event, Failed, Starts
from .process import Process, Stopped
from .task import Task

OF_THE_SCRIPT = (
    "is made of what the script itself defines, which other processes do not have: define it in a "
    "module that the script imports, or use workers=0, which does the work here"
)

_AWAY = 10.0
"""After so many seconds in which nobody listened, as after Ctrl-Z, what was not said counts from
now on."""


class Processes:
    """Workers in processes of their own.

    Args:
        asked: what is asked of each sample.
        workers: how many.
        patience: for how many seconds one may give no sign of life.

    Raises:
        InputError: something that is asked cannot go to another process.
    """

    def __init__(self, asked: Asked, workers: int, patience: float = PATIENCE) -> None:
        self._modules, self._asked = list(asked.modules), pickled(asked)
        self._count, self._patience = workers, patience
        self._threads = max(1, (os.cpu_count() or 1) // workers)
        self._workers: list[Process] = []
        self._starts = Starts()
        self._listened = time.monotonic()

    def start(self) -> None:
        """Start them."""
        for _ in range(self._count):
            self._workers.append(self._started())

    @property
    def free(self) -> int:
        """How many are there and have nothing to do."""
        return sum(one.is_free for one in self._workers)

    def give(self, task: Task) -> None:
        """Give a shard to one that has nothing to do.

        Args:
            task: the shard.

        Raises:
            InputError: its samples cannot go to another process.
        """
        data = pickled(task)
        next(one for one in self._workers if one.is_free).give(task, data)

    def wait(self, seconds: float) -> list[Event]:
        """What happened since.

        Args:
            seconds: how long nothing may happen.

        Raises:
            GradCamError: what is asked cannot be read in another process, or they cannot start.
        """
        of = {one.news: one for one in self._workers}
        events: list[Event] = []
        for news in wait(list(of), seconds):
            events += self._heard(of[news])  # type: ignore[index]
        if time.monotonic() - self._listened > _AWAY + seconds:
            for one in self._workers:
                one.heard = time.monotonic()
        for one in list(self._workers):
            # nothing is heard of it where a process that it has started holds its files open
            if one.has_ended and not one.news.poll():
                events += self._replaced(one, one.ended())
            elif one.silent > (self._patience if one.is_ready else PATIENCE):
                events += self._replaced(one, f"gave no sign for {one.silent:.0f} s")
        self._listened = time.monotonic()
        return events

    def end(self) -> None:
        """End all of them."""
        while self._workers:
            self._workers.pop().end()

    def _started(self) -> Process:
        return Process(self._modules, self._asked, self._threads)

    def _heard(self, one: Process) -> list[Event]:
        """What a worker tells, or that it ended."""
        try:
            kind, *found = one.hear()
        except Stopped:
            return self._replaced(one, one.ended())
        if kind == "ready":
            self._starts.succeeded()
        if kind == "failed":
            raise found[0]
        if kind != "done":
            return []
        task, one.task = one.task, None
        assert task is not None
        return [Failed(task, found[0]) if isinstance(found[0], GradCamError) else found[0]]

    def _replaced(self, one: Process, how: str) -> list[Event]:
        """Put another in the place of one that ended, or hangs."""
        one.end()
        if not one.is_ready:
            self._starts.failed(how)
        self._workers[self._workers.index(one)] = self._started()
        return [] if one.task is None else [Died(one.task, one.sample, how)]


def pickled(given: Asked | Task) -> bytes:
    """What goes to another process.

    Args:
        given: it.

    Raises:
        InputError: it cannot go.
    """
    try:
        made = pickle.dumps(given)
    except GradCamError:
        raise
    except Exception as error:
        raise InputError(
            f"the work cannot go to another process ({error}): use workers=0, which does it here"
        ) from error
    if b"c__main__\n" in made or b"\x8c\x08__main__" in made:
        raise InputError(f"a target, net or data set {OF_THE_SCRIPT}")
    return made

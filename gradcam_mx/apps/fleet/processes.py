"""Workers in processes of their own on this machine: one that crashes, or hangs, is replaced."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection, wait
from typing import Any

from ...errors import GradCamError, InputError
from .asked import Asked
from .crew import Died, Event, Failed
from .task import Task

PATIENCE = 600.0
"""After so many seconds without a sign of life a worker counts as one that hangs."""

OF_THE_SCRIPT = (
    "is made of what the script itself defines, which other processes do not have: define it in a "
    "module that the script imports, or use workers=0, which does the work here"
)

_DYING = 10.0
"""So many seconds a process may take to end, after it closed what it talks by."""


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
        self._patience = patience
        self._threads = max(1, (os.cpu_count() or 1) // workers)
        self._workers = [self._started() for _ in range(workers)]

    @property
    def free(self) -> int:
        """How many have nothing to do."""
        return sum(one.task is None for one in self._workers)

    def give(self, task: Task) -> None:
        """Give a shard to one that has nothing to do.

        Args:
            task: the shard.

        Raises:
            InputError: its samples cannot go to another process.
        """
        data = pickled(task)
        number = next(n for n, one in enumerate(self._workers) if one.task is None)
        try:
            self._workers[number].give(task, data)
        except OSError:  # it ended while it had nothing to do
            self._workers[number].end()
            self._workers[number] = self._started()
            self._workers[number].give(task, data)

    def wait(self, seconds: float) -> list[Event]:
        """What happened since.

        Args:
            seconds: how long nothing may happen.
        """
        busy = {one.news: number for number, one in enumerate(self._workers) if one.task}
        if not busy:
            return []
        events = []
        for news in wait(list(busy), seconds):
            events += self._heard(busy[news])  # type: ignore[index]
        for number, one in enumerate(self._workers):
            if one.task and time.monotonic() - one.heard > self._patience:
                events.append(self._replaced(number, f"gave no sign for {self._patience:g} s"))
        return events

    def end(self) -> None:
        """End all of them."""
        for one in self._workers:
            one.end()
        self._workers = []

    def _started(self) -> _Process:
        return _Process(self._modules, self._asked, self._threads)

    def _heard(self, number: int) -> list[Event]:
        """What a worker tells, or that it ended."""
        one = self._workers[number]
        task = one.task
        assert task is not None
        try:
            found = one.hear()
        except (EOFError, OSError, pickle.UnpicklingError):
            return [self._replaced(number, None)]
        if found is None:
            return []
        one.task = None
        return [Failed(task, found) if isinstance(found, GradCamError) else found]

    def _replaced(self, number: int, how: str | None) -> Died:
        """Put another in the place of one that ended, or hangs."""
        one = self._workers[number]
        task, sample = one.task, one.sample
        assert task is not None
        said = how or one.ended()
        one.end()
        self._workers[number] = self._started()
        return Died(task, sample, said)


def pickled(given: Any) -> bytes:
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


class _Process:
    """A worker's process, as the one who gives it work sees it."""

    def __init__(self, modules: list[str], asked: bytes, threads: int) -> None:
        self.task: Task | None = None
        self.sample: int | None = None
        self.heard = time.monotonic()
        theirs_in, orders = os.pipe()
        news, theirs_out = os.pipe()
        self._orders = Connection(orders, readable=False)
        self.news = Connection(news, writable=False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker", str(theirs_in), str(theirs_out)],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            env=_environment(threads),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        with contextlib.suppress(OSError):  # one that ended at once is found out when it is asked
            self._orders.send(modules)
            self._orders.send_bytes(asked)

    def give(self, task: Task, data: bytes) -> None:
        """Give it a shard.

        Args:
            task: the shard.
            data: the same, pickled.
        """
        self.task, self.sample, self.heard = task, None, time.monotonic()
        try:
            self._orders.send_bytes(data)
        except OSError:
            self.task = None
            raise

    def hear(self) -> Any:
        """What it found of its shard; None if it only told where it is."""
        told = self.news.recv()
        self.heard = time.monotonic()
        if told[0] == "done":
            return told[1]
        if told[0] == "at":
            self.sample = told[1]
        return None

    def end(self) -> None:
        """End it, if it has not."""
        self._process.kill()
        self._process.wait()
        self._orders.close()
        self.news.close()

    def ended(self) -> str:
        """How it ended, in words, which it has as nothing is heard of it any more."""
        try:
            code = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return "went silent"
        if code < 0:
            return f"was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"ended with exit code {code}"


def _environment(threads: int) -> dict[str, str]:
    """That of this process; the cores are shared out unless somebody said how many threads."""
    where = os.pathsep.join(one for one in sys.path if one)
    return {"OMP_NUM_THREADS": str(threads), **os.environ, "PYTHONPATH": where}

"""A worker's process, as the one who gives it work sees it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from .task import Task

_DYING = 10.0
"""So many seconds a process may take to end, once it is ended or has closed what it talks by."""

_CRASHED = 255
"""The exit code where MXNet has caught a segmentation fault or the like."""

_START = (
    "import sys; _, given, told, *sys.path = sys.argv; "
    f"from {__package__}.worker import main; main(given, told)"
)
"""It finds the modules that this process finds, whatever lies in the folder that it runs in."""


class Stopped(Exception):
    """Nothing more will be heard of a process."""


class Process:
    """A worker's process.

    Args:
        modules: that it imports first.
        asked: what is asked of each sample, pickled.
        threads: with how many it computes, unless somebody said that for all.
    """

    def __init__(self, modules: list[str], asked: bytes, threads: int) -> None:
        self.task: Task | None = None
        """What it works on."""
        self.sample: int | None = None
        """The place in the shard of what it has in hand, if it told."""
        self.is_ready = False
        self.heard = time.monotonic()
        """When it gave a sign of life last."""
        given, orders = os.pipe()
        news, told = os.pipe()
        self.news = Connection(news, writable=False)
        self._letters: SimpleQueue[bytes | None] = SimpleQueue()
        # by a thread: it takes until the process reads, and that is after it has started
        sender = threading.Thread(
            target=_send, args=(Connection(orders, readable=False), self._letters), daemon=True
        )
        sender.start()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(given), str(told), *sys.path],
                pass_fds=(given, told),
                stdin=subprocess.DEVNULL,
                # Ctrl-C is for this process alone; and what the other one starts ends with it
                start_new_session=True,
                env={"OMP_NUM_THREADS": str(threads), **os.environ},
            )
        except BaseException:
            self._close()
            raise
        finally:
            os.close(given)
            os.close(told)
        self._letters.put(pickle.dumps(modules))
        self._letters.put(asked)

    @property
    def is_free(self) -> bool:
        """Whether it is there, and has nothing to do."""
        return self.is_ready and self.task is None and not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.poll() is not None

    @property
    def silent(self) -> float:
        """For how many seconds nothing was heard of it that has something to tell."""
        is_idle = self.is_ready and self.task is None
        return 0.0 if is_idle else time.monotonic() - self.heard

    def give(self, task: Task, data: bytes) -> None:
        """Give it a shard.

        Args:
            task: the shard.
            data: the same, pickled.
        """
        self.task, self.sample, self.heard = task, None, time.monotonic()
        self._letters.put(data)

    def hear(self) -> tuple[Any, ...]:
        """What it tells: the kind of news, and the news.

        Raises:
            Stopped: nothing more will come.
        """
        try:
            told: tuple[Any, ...] = self.news.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise Stopped from error
        self.heard = time.monotonic()
        if told[0] == "ready":
            self.is_ready = True
        if told[0] == "at":
            self.sample = told[1]
        return told

    def end(self) -> None:
        """End it, if it has not, and what it has started."""
        # the number stays that of the group as long as anything of it lives, also once it has ended
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._code()
        self._close()

    def ended(self) -> str:
        """How it ended, in words, which it has as nothing is heard of it any more."""
        code = self._code()
        if code is None:
            return "went silent"
        if code < 0:
            return f"was ended by signal {-code} ({signal.strsignal(-code)})"
        if code == _CRASHED:
            return f"crashed in compiled code (exit code {code})"
        return f"ended with exit code {code}"

    def _close(self) -> None:
        self._letters.put(None)
        self.news.close()

    def _code(self) -> int | None:
        """Its exit code; None where it does not end, as while a disk does not answer."""
        try:
            return self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return None


def _send(orders: Any, letters: SimpleQueue[bytes | None]) -> None:
    """Send letters until there is none, or nobody who reads them."""
    with orders:
        for letter in iter(letters.get, None):
            try:
                orders.send_bytes(letter)
            except OSError:  # it has ended, which is found out where its news are heard
                return

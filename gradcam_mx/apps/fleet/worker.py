"""What a worker's process runs, with the numbers of two open files, IN and OUT.

It gets what is asked, then shards one after the other; it ends when nobody is there any more who
could give it another.
"""

from __future__ import annotations

import importlib
import os
import pickle
import select
import signal
import threading
import time
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Iterator

from ...errors import GradCamError, InputError, reason
from .asked import Asked
from .working import Worker

OFTEN = 1.0
"""That work goes on is told once in so many seconds."""


def main(given: str, told: str) -> None:
    """Work until nobody is there who gives work; the process leads a group of its own.

    Args:
        given: the number of the open file that work comes from.
        told: that of the one that results go to.
    """
    for number in (given, told):
        # what a data set starts must not hold them open: nobody would see that this has ended
        os.set_inheritable(int(number), False)
    orders, news = Connection(int(given), writable=False), Connection(int(told), readable=False)
    threading.Thread(target=_leave_with, args=(news.fileno(),), daemon=True).start()
    try:
        _work(orders, _Told(news))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _leave_with(reader: int) -> None:
    """End this process, and what it has started, as soon as the one who reads its news is gone,
    whatever it is doing."""
    gone = select.poll()
    gone.register(reader, 0)  # that nobody reads any more is always told
    gone.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _work(orders: Any, told: _Told) -> None:
    modules, asked = orders.recv(), orders.recv_bytes()
    try:
        with said_of("what is asked"):
            for module in modules:
                importlib.import_module(module)
            found: Asked = pickle.loads(asked)
        worker = Worker(found, told.note)
    except GradCamError as error:
        told.send("failed", error)
        return
    del asked, found
    told.send("ready")
    while True:
        given = orders.recv_bytes()
        told.note(None)
        try:
            with said_of("the data set"):
                task = pickle.loads(given)
            done: Any = worker.work(task)
        except GradCamError as error:
            done = error
        told.send("done", done)


@contextmanager
def said_of(what: str) -> Iterator[None]:
    """What somebody else's module raises as it is imported, or its absence, as an error of ours.

    Args:
        what: is read.

    Raises:
        InputError: it has raised something.
    """
    try:
        yield
    except GradCamError:
        raise
    except Exception as error:
        raise InputError(
            f"{what} cannot be read in another process ({type(error).__name__}: {reason(error)}): "
            "define it in a module that can be imported there, or use workers=0, which does the "
            "work here"
        ) from error


class _Told:
    """Tells what is taken in hand, and now and then that work goes on.

    Args:
        news: who gets it.
    """

    def __init__(self, news: Any) -> None:
        self._news, self._last = news, 0.0

    def send(self, *told: Any) -> None:
        """Tell something.

        Args:
            told: what kind of news, and the news.
        """
        self._last = time.monotonic()
        self._news.send(told)

    def note(self, sample: Any) -> None:
        """A sample is taken in hand, by its place; None for no single one, ... for the same one.

        Args:
            sample: it.
        """
        if sample is not ...:
            self.send("at", sample)
        elif time.monotonic() - self._last >= OFTEN:
            self.send("alive")

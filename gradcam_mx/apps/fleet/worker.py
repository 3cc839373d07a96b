"""What a worker's process runs: `python -m gradcam_mx.apps.fleet.worker IN OUT`, two open files.

It gets what is asked, then shards one after the other; it ends when nobody is there any more who
could give it another.
"""

from __future__ import annotations

import importlib
import pickle
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from ...errors import GradCamError
from .asked import Asked

OFTEN = 1.0
"""That work goes on is told once in so many seconds."""


def main() -> None:
    """Work until nobody is there who gives work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who gives the work
    orders, news = (Connection(int(number)) for number in sys.argv[1:3])
    try:
        for module in orders.recv():
            importlib.import_module(module)
        asked: Asked = pickle.loads(orders.recv_bytes())
        _work(asked, orders, news)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _work(asked: Asked, orders: Any, news: Any) -> None:
    from .working import Worker  # mxnet, with the settings of this process

    told = _Told(news)
    worker = Worker(asked, told.note)
    while True:
        task = orders.recv()
        told.start()
        try:
            found: Any = worker.work(task)
        except GradCamError as error:
            found = error
        news.send(("done", found))


class _Told:
    """Tells what is taken in hand, and now and then that work goes on.

    Args:
        news: who gets it.
    """

    def __init__(self, news: Any) -> None:
        self._news, self._last = news, 0.0

    def start(self) -> None:
        """A shard begins."""
        self.note(None)

    def note(self, sample: Any) -> None:
        """A sample is taken in hand, by its place; None for no single one, ... for the same one.

        Args:
            sample: it.
        """
        now = time.monotonic()
        if sample is ... and now - self._last < OFTEN:
            return
        self._last = now
        self._news.send(("alive",) if sample is ... else ("at", sample))


if __name__ == "__main__":
    main()

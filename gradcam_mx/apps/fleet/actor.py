"""What runs on a Ray cluster: a worker, and who keeps what the workers have in hand."""

from __future__ import annotations

import importlib
import pickle
import time
from typing import Any, NamedTuple

from ...errors import GradCamError
from .asked import Asked
from .worker import said_of
from .working import Worker

OFTEN = 1.0
"""That work goes on is told, and asked for, once in so many seconds."""


class NotStarted(NamedTuple):
    """An actor that cannot work, nor can another."""

    error: GradCamError


class Notes:
    """Which sample each worker has in hand; it outlives them."""

    def __init__(self) -> None:
        self._at: dict[int, int | None] = {}
        self._alive: dict[int, int] = {}

    def note(self, worker: int, sample: int | None) -> None:
        """A worker takes a sample in hand, by its place in the shard; None for no single one."""
        self._at[worker] = sample
        self.beat(worker)

    def beat(self, worker: int) -> None:
        """A worker gives a sign of life."""
        self._alive[worker] = self._alive.get(worker, 0) + 1

    def at(self) -> dict[int, int | None]:
        """Worker → the sample that it has in hand."""
        return self._at

    def alive(self) -> dict[int, int]:
        """Worker → how often it gave a sign."""
        return self._alive


class Actor:
    """A worker on the cluster.

    Args:
        asked: what is asked of each sample, pickled.
        notes: who is told what it has in hand.
        number: its own.
    """

    def __init__(self, asked: bytes, notes: Any, number: int) -> None:
        import ray  # not by who only asks what there is

        self._wait_for, self._notes, self._number = ray.get, notes, number
        self._at, self._last = None, 0.0
        self._failed: GradCamError | None = None
        try:
            with said_of("what is asked"):
                found: Asked = pickle.loads(asked)
                for module in found.modules:
                    importlib.import_module(module)
            self._worker = Worker(found, self._note)
        except GradCamError as error:
            self._failed = error

    def ready(self) -> Any:
        """Whether it is there; or why it cannot work."""
        return True if self._failed is None else NotStarted(self._failed)

    def work(self, task: bytes) -> Any:
        """What became of a shard, or why it cannot be computed.

        Args:
            task: the shard, pickled.
        """
        self._note(None)
        try:
            with said_of("the data set"):
                given = pickle.loads(task)
            return self._worker.work(given)
        except GradCamError as error:
            return error

    def _note(self, sample: Any) -> None:
        now = time.monotonic()
        if sample is not ... and sample != self._at:
            # it has to be known before the sample can end this process
            self._wait_for(self._notes.note.remote(self._number, sample))
            self._at = sample
        elif now - self._last > OFTEN:
            self._notes.beat.remote(self._number)
        else:
            return
        self._last = now

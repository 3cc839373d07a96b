"""Workers on a Ray cluster: actors that hold the net, on as many machines as the cluster has.

The store has to lie where all of them can write, and the data where all can read.
"""

from __future__ import annotations

import os
import pickle
import time
from dataclasses import replace
from typing import Any

from ...errors import GradCamError, InputError, NetworkError
from ...support.optional import optional
from .asked import Asked
from .crew import Died, Event, Failed
from .processes import OF_THE_SCRIPT
from .task import Task

OFTEN = 1.0
"""That work goes on is told, and asked for, once in so many seconds."""


class Rays:
    """Workers of a cluster.

    Args:
        asked: what is asked of each sample.
        address: of the cluster; "local" for one that is started here, and ended with the work.
        workers: how many.
        gpus: how many each gets; with one, the net computes there.
        patience: for how many seconds one may give no sign of life.

    Raises:
        DependencyError: ray is not installed.
        NetworkError: there is no cluster.
        InputError: something that is asked cannot go to another process.
    """

    def __init__(
        self, asked: Asked, address: str, workers: int, gpus: float, patience: float
    ) -> None:
        self._ray = optional("ray", "work is given to a cluster", "fleet")
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, address)
        self._patience = patience
        self._asked = self._ray.put(_pickled(replace(asked, gpu=0 if gpus else None)))
        remote = self._ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)
        self._actor_class = remote(_Actor)
        self._notes = self._ray.remote(num_cpus=0)(_Notes).remote()
        self._made = 0
        self._workers = [self._started() for _ in range(max(1, workers))]

    @property
    def free(self) -> int:
        """How many are there and have nothing to do."""
        return sum(one.is_ready and one.task is None for one in self._workers)

    def give(self, task: Task) -> None:
        """Give a shard to one that has nothing to do.

        Args:
            task: the shard.
        """
        one = next(one for one in self._workers if one.is_ready and one.task is None)
        one.task, one.heard = task, time.monotonic()
        one.coming = one.actor.work.remote(_pickled(task))

    def wait(self, seconds: float) -> list[Event]:
        """What happened since.

        Args:
            seconds: how long nothing may happen.
        """
        of = {one.coming: one for one in self._workers if one.coming is not None}
        if not of:
            return []
        done, _ = self._ray.wait(list(of), timeout=seconds)
        events: list[Event] = []
        for coming in done:
            events += self._heard(of[coming])
        return events + self._hanging()

    def end(self) -> None:
        """End all of them, and the cluster if it was started here."""
        for one in self._workers:
            self._ray.kill(one.actor)
        self._ray.kill(self._notes)
        if self._is_ours:
            self._ray.shutdown()

    def _started(self) -> _Remote:
        self._made += 1
        actor = self._actor_class.remote(self._asked, self._notes, self._made)
        return _Remote(self._made, actor, actor.ready.remote())

    def _heard(self, one: _Remote) -> list[Event]:
        coming, one.coming = one.coming, None
        task = one.task
        try:
            found = self._ray.get(coming)
        except self._ray.exceptions.RayError as error:
            return self._replaced(one, str(error).partition("\n")[0])
        if task is None:
            one.is_ready = True
            return []
        one.task = None
        return [Failed(task, found) if isinstance(found, GradCamError) else found]

    def _hanging(self) -> list[Event]:
        """Those that gave no sign of life for too long."""
        now = time.monotonic()
        late = [one for one in self._workers if one.task and now - one.heard > OFTEN]
        if not late:
            return []
        alive = self._told("alive")
        events: list[Event] = []
        for one in late:
            if alive.get(one.number, 0) != one.beats:
                one.beats, one.heard = alive[one.number], now
            elif now - one.heard > self._patience:
                self._ray.kill(one.actor)
                events += self._replaced(one, f"gave no sign for {self._patience:g} s")
        return events

    def _replaced(self, one: _Remote, how: str) -> list[Event]:
        """Put another in the place of one that ended."""
        sample = self._told("at").get(one.number)
        self._workers[self._workers.index(one)] = self._started()
        return [] if one.task is None else [Died(one.task, sample, f"ended: {how}")]

    def _told(self, what: str) -> dict[int, Any]:
        """What the workers told last: worker → sample, or how often it gave a sign."""
        try:
            return dict(self._ray.get(getattr(self._notes, what).remote(), timeout=30))
        except self._ray.exceptions.RayError:
            self._notes = self._ray.remote(num_cpus=0)(_Notes).remote()
            return {}


class _Remote:
    """An actor, as the one who gives it work sees it."""

    def __init__(self, number: int, actor: Any, coming: Any) -> None:
        self.number, self.actor, self.coming = number, actor, coming
        self.is_ready = False
        self.task: Task | None = None
        self.heard, self.beats = time.monotonic(), 0


class _Notes:
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


class _Actor:
    """A worker on the cluster.

    Args:
        asked: what is asked of each sample, pickled.
        notes: who is told what it has in hand.
        number: its own.
    """

    def __init__(self, asked: bytes, notes: Any, number: int) -> None:
        import importlib

        import ray

        from .working import Worker

        self._ray, self._notes, self._number, self._last = ray, notes, number, 0.0
        found: Asked = pickle.loads(asked)
        for module in found.modules:
            importlib.import_module(module)
        self._worker = Worker(found, self._note)

    def ready(self) -> bool:
        """Whether it is there."""
        return True

    def work(self, task: bytes) -> Any:
        """What became of a shard, or why it cannot be computed.

        Args:
            task: the shard, pickled.
        """
        try:
            return self._worker.work(pickle.loads(task))
        except GradCamError as error:
            return error

    def _note(self, sample: Any) -> None:
        now = time.monotonic()
        if sample is not ...:
            # it has to be known before the sample can end this process
            self._ray.get(self._notes.note.remote(self._number, sample))
        elif now - self._last > OFTEN:
            self._notes.beat.remote(self._number)
        else:
            return
        self._last = now


def _connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one.

    Raises:
        NetworkError: there is none at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    ours = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **ours)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise NetworkError(
            f"there is no Ray cluster at {address!r} ({error}): start one with `ray start --head`, "
            'or give "local" for one that lasts as long as the run'
        ) from error


def _pickled(given: Any) -> bytes:
    """What goes to the cluster, also of what the script itself defines.

    Raises:
        InputError: it cannot go.
    """
    from ray import cloudpickle

    try:
        return bytes(cloudpickle.dumps(given))
    except Exception as error:
        raise InputError(
            f"the work cannot go to a cluster ({error}); it {OF_THE_SCRIPT}"
        ) from error

"""Workers on a Ray cluster: actors that hold the net, on as many machines as the cluster has.

The store has to lie where all of them can write, and the data where all can read.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from ...errors import GradCamError, InputError
from ...support.optional import optional
from ...support.paths import absolute
from .actor import OFTEN, Actor, Notes, NotStarted
from .asked import Asked
from .crew import PATIENCE, Died, Event, Failed, Starts
from .processes import OF_THE_SCRIPT
from .task import Task

_SOON = 30.0
"""So many seconds it may take to be told where the workers are."""


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
        InputError: something that is asked cannot go to another process.
    """

    def __init__(
        self, asked: Asked, address: str, workers: int, gpus: float, patience: float
    ) -> None:
        self._ray = optional("ray", "work is given to a cluster", "fleet")
        self._address, self._count, self._gpus = address, max(1, workers), gpus
        self._patience = patience
        self._pickled = _pickled(replace(asked, gpu=0 if gpus else None))
        self._is_ours = False
        self._made = 0
        self._workers: list[_Remote] = []
        self._starts = Starts()
        self._there = time.monotonic()

    def start(self) -> None:
        """Join the cluster, or start it, and have workers started there."""
        ray = self._ray
        if ray.is_initialized():
            _check_is_joined(ray, self._address)
        else:
            self._is_ours = True
            _connect(ray, self._address)
        self._asked = ray.put(self._pickled)
        remote = ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)
        self._actor_class = remote(Actor)
        # where this process is, as what ends that machine ends the run; if it ends alone, those who
        # tell it something need not know another
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        kept = ray.remote(
            num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
        )
        self._notes = kept(Notes).remote()
        for _ in range(self._count):
            self._workers.append(self._started())
        self._there = time.monotonic()

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

        Raises:
            InputError: there are no workers, and none comes.
        """
        of = {one.coming: one for one in self._workers if one.coming is not None}
        done, _ = self._ray.wait(list(of), timeout=seconds)
        events: list[Event] = []
        for coming in done:
            events += self._heard(of[coming])
        self._check_there()
        return events + self._hanging()

    def end(self) -> None:
        """End all of them, and the cluster if it was started here."""
        for one in self._workers:
            self._ray.kill(one.actor)
        if hasattr(self, "_notes"):
            self._ray.kill(self._notes)
        if self._is_ours:
            self._ray.shutdown()

    def _started(self) -> _Remote:
        self._made += 1
        where = [str(absolute(one)) for one in sys.path]  # "" is the folder of this process
        actor = self._actor_class.remote(self._asked, self._notes, self._made, where)
        return _Remote(self._made, actor, actor.ready.remote())

    def _check_there(self) -> None:
        """Refuse to wait for workers that nobody starts.

        Raises:
            InputError: for too long there was none.
        """
        now = time.monotonic()
        if any(one.is_ready for one in self._workers):
            self._there = now
        elif now - self._there > max(self._patience, PATIENCE):
            each = f"1 CPU and {self._gpus:g} GPUs" if self._gpus else "1 CPU"
            raise InputError(
                f"no worker could start for {now - self._there:.0f} s: each takes {each}, and the "
                f"cluster has {self._ray.cluster_resources()}"
            )

    def _heard(self, one: _Remote) -> list[Event]:
        coming, one.coming = one.coming, None
        try:
            found = self._ray.get(coming)
        except self._ray.exceptions.RayError as error:
            return self._replaced(one, _how(error))
        if isinstance(found, NotStarted):
            raise found.error
        if one.task is None:
            one.is_ready = True
            self._starts.succeeded()
            return []
        task, one.task = one.task, None
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
            beats = alive.get(one.number, 0)
            if beats != one.beats:
                one.beats, one.heard = beats, now
            elif now - one.heard > self._patience:
                events += self._replaced(one, f"gave no sign for {now - one.heard:.0f} s")
        return events

    def _replaced(self, one: _Remote, how: str) -> list[Event]:
        """Put another in the place of one that ended, or hangs."""
        sample = None if one.task is None else self._told("at").get(one.number)
        self._ray.kill(one.actor)
        if not one.is_ready:
            self._starts.failed(how)
        self._workers[self._workers.index(one)] = self._started()
        return [] if one.task is None else [Died(one.task, sample, how)]

    def _told(self, what: str) -> dict[int, Any]:
        """What the workers told last: worker → sample, or how often it gave a sign."""
        try:
            return dict(self._ray.get(getattr(self._notes, what).remote(), timeout=_SOON))
        except self._ray.exceptions.RayError:
            return {}


class _Remote:
    """An actor, as the one who gives it work sees it."""

    def __init__(self, number: int, actor: Any, coming: Any) -> None:
        self.number, self.actor, self.coming = number, actor, coming
        self.is_ready = False
        self.task: Task | None = None
        self.heard, self.beats = time.monotonic(), 0


def _connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one.

    Raises:
        InputError: there is none at the address.
    """
    _check_answers(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    ours = {"include_dashboard": False} if address == "local" else {}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **ours)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from error
    finally:
        # ray ends the process on SIGTERM; here the work is stopped, and told of
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _check_is_joined(ray: Any, address: str) -> None:
    """Refuse any other cluster than the one that this process has joined: Ray knows one at a time.

    Raises:
        InputError: nobody answers at the address, or another cluster was joined.
    """
    if address == "auto":
        return
    _check_answers(address)
    joined = ray.get_runtime_context().gcs_address
    if address != joined:
        raise InputError(
            f"this process has joined the Ray cluster at {joined!r} and cannot work on "
            f'{address!r}: give "auto" for the one it has joined, or leave that one first '
            "(`ray.shutdown()`)"
        )


def _check_answers(address: str) -> None:
    """Refuse an address where nobody is, which takes Ray some minutes.

    Raises:
        InputError: nobody answers.
    """
    host, between, port = address.rpartition(":")
    if not between or not port.isdecimal() or "/" in host:
        return  # "auto", or for Ray's client
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SOON).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    return InputError(
        f"there is no Ray cluster at {address!r} ({error}): start one with `ray start --head`, or "
        'give "local" for one that lasts as long as the run'
    )


def _how(error: Exception) -> str:
    """How an actor ended, in a line."""
    lines = [one.strip() for one in str(error).splitlines() if one.strip()]
    telling = [one for one in lines if one.startswith("The actor is dead because")]
    return f"ended: {(telling or lines or [type(error).__name__])[-1]}"


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

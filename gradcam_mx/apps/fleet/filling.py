"""A store is filled: shards are given out, watched, tried again, until all of them stand."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, Sequence

from tqdm import tqdm

from ...data.samples import Samples
from ...errors import OutputError
from ...methods import METHODS
from ...store import shards
from ..stopping import Stop
from . import folder
from .asked import Asked
from .crew import Crew, Died, Event, Failed
from .lock import locked
from .set_aside import Deaths
from .task import Task, tasks

SHARD, SMALL_SHARD = 256, 16
"""How many samples are in a file; fewer where each takes many passes through the net: what is being
computed as a run is killed is computed again."""

_PATIENCE = 0.5
"""How often it is looked whether somebody wants to stop, in seconds."""


@dataclass
class Outcome:
    """What became of a data set."""

    samples: int
    """How many it has."""
    computed: int = 0
    """How many went through the net now; of the others everything was there."""
    set_aside: dict[int, str] = field(default_factory=dict)
    """Number of a shard that ended its workers → what is known of it."""
    stopped: BaseException | None = None
    """What ended the work before its time."""


@dataclass(frozen=True)
class Run:
    """A data set that is explained into a store."""

    store: Path
    """The folder."""
    samples: Samples
    asked: Asked
    """Of each sample."""
    crew: Callable[[], Crew]
    """Gives those who work."""
    size: int | None = None
    """How many samples are in a shard; None for what suits the methods, or the store that is there.
    """
    class_names: Sequence[str] | None = None
    """Those of the net's classes, where they are known."""
    progress: bool = True
    """Whether to show a bar."""

    def fill(self, stop: Stop) -> Outcome:
        """Compute all shards that do not stand yet.

        Args:
            stop: is asked whether to go on.

        Raises:
            OutputError: the folder is not for this, or cannot be written to.
            GradCamError: no sample can be asked for that.
        """
        before = folder.check_folder(self.store, self.samples, self.asked)
        try:
            self.store.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.store}: {error.strerror}") from error
        with locked(self.store):
            size = self.size or (before.shard_size if before else self._suitable_size)
            about = folder.manifest_of(self.samples, self.asked, size, self.class_names)
            about.write(self.store)
            folder.remove_unfinished(self.store)
            filling = _Filling(self, size, stop)
            filling.work()
            outcome = filling.outcome
            is_done = outcome.stopped is None
            if is_done:
                folder.remove_past(filling.standing, filling.planned)
            about.with_set_aside(outcome.set_aside, is_done).write(self.store)
        return outcome

    @property
    def _suitable_size(self) -> int:
        perturbs = any(METHODS[name].needs.perturbs for name in self.asked.methods)
        return SMALL_SHARD if perturbs or self.asked.metrics else SHARD


class _Filling:
    """The work of one run.

    Args:
        run: what it is.
        size: how many samples are in a shard.
        stop: is asked whether to go on.
    """

    def __init__(self, run: Run, size: int, stop: Stop) -> None:
        self.outcome = Outcome(len(run.samples))
        self.standing = shards.standing(run.store)
        """Number of a shard → the files of it that there were."""
        self.planned: dict[int, str] = {}
        """Number of a shard → the digits of its file's name."""
        self._run, self._stop = run, stop
        self._all = tasks(run.store, run.samples, run.asked, size, self.standing)
        self._again: deque[Task] = deque()
        self._deaths = Deaths()
        self._bar = tqdm(
            total=len(run.samples), desc="explaining", unit="sample", disable=not run.progress
        )

    def work(self) -> None:
        """Give out what is to be done until all of it is, or somebody stops it."""
        with self._bar:
            coming = self._to_do()
            first = next(coming, None)
            if first is None:
                return
            self._again.append(first)
            crew = self._run.crew()
            try:
                self._give_out(crew, coming)
            except (KeyboardInterrupt, OSError, OutputError) as error:
                self.outcome.stopped = error
            finally:
                crew.end()
                self.outcome.set_aside = self._deaths.set_aside

    def _to_do(self) -> Iterator[Task]:
        """The shards that do not stand; those that do are counted."""
        for task in self._all:
            digest = task.digest[: shards.DIGITS]
            self.planned[task.number] = digest
            if any(one.digest == digest for one in self.standing.get(task.number, ())):
                self._bar.update(len(task.samples))
                self._bar.initial += len(task.samples)  # the rate is of what is computed
            else:
                yield task

    def _give_out(self, crew: Crew, coming: Iterator[Task]) -> None:
        under_way, is_all = 0, False
        while under_way or self._again or not is_all:
            self._stop.check()
            while crew.free and (self._again or not is_all):
                task = self._again.popleft() if self._again else next(coming, None)
                if task is None:
                    is_all = True
                else:
                    crew.give(task)
                    under_way += 1
            for event in crew.wait(_PATIENCE):
                under_way -= 1
                self._hear(event)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Failed):
            raise event.error
        if not isinstance(event, Died):
            self._bar.update(event.samples)
            self.outcome.computed += event.computed
            return
        task = self._deaths.after(event)
        if task is None:
            self._bar.update(len(event.task.samples))
            self.planned.pop(event.task.number)
        else:
            self._again.append(task)


def told_of(outcome: Outcome, failed: int) -> list[str]:
    """What became of a data set, in lines.

    Args:
        outcome: it.
        failed: of how many samples nothing was found.
    """
    lines = [f"shard {number}, {said}" for number, said in sorted(outcome.set_aside.items())]
    if failed:
        lines.append(
            f"nothing was found of {failed} of {outcome.samples} samples: "
            "gm.Store(path).filter(failed=True) has them, and why"
        )
    return lines


def is_whole(outcome: Outcome, failed: int) -> bool:
    """Whether something was found of every sample.

    Args:
        outcome: what became of the data set.
        failed: of how many samples nothing was found.
    """
    return outcome.stopped is None and not outcome.set_aside and not failed

"""A store is filled: shards are given out, watched, tried again, until all of them stand."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterator, Sequence

from tqdm import tqdm

from ...data.samples import Samples
from ...errors import OutputError
from ...methods import METHODS
from ...store import shards
from ...store.manifest import Manifest
from ..stopping import Stop
from . import folder, known
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
        folder.check_folder(self.store, self.samples, self.asked)
        try:
            self.store.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.store}: {error.strerror}") from error
        with locked(self.store):
            # again, as another run may have ended meanwhile
            before = folder.check_folder(self.store, self.samples, self.asked)
            size = self.size or (before.shard_size if before else self._suitable_size)
            about = folder.manifest_of(self.samples, self.asked, size, self.class_names)
            about.write(self.store)
            folder.remove_unfinished(self.store)
            filling = _Filling(self, size, stop)
            filling.work()
            outcome = filling.outcome
            try:
                with stop.held():
                    self._finish(filling, about)
            except KeyboardInterrupt as error:
                outcome.stopped = outcome.stopped or error
        return outcome

    def _finish(self, filling: _Filling, about: Manifest) -> None:
        """Leave the folder as what came of the work says."""
        outcome = filling.outcome
        try:
            known.remove(self.store)
            is_done = outcome.stopped is None
            if is_done:
                folder.remove_past(filling.standing, filling.planned)
            about.with_set_aside(outcome.set_aside, is_done).write(self.store)
        except OSError as error:
            outcome.stopped = outcome.stopped or error

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
        self._all = tasks(run.store, run.samples, run.asked, size)
        self._again: deque[Task] = deque()
        self._deaths = Deaths()
        self._known: Path | None = None
        self._is_first = True
        self._bar = tqdm(
            total=len(run.samples), desc="explaining", unit="sample", disable=not run.progress
        )

    def work(self) -> None:
        """Give out what is to be done until all of it is, or somebody stops it."""
        with self._bar:
            try:
                self._work()
            except (KeyboardInterrupt, OSError) as error:
                self.outcome.stopped = error
            self.outcome.set_aside = self._deaths.set_aside

    def _work(self) -> None:
        coming = self._to_do()
        first = next(coming, None)
        if first is None:
            return
        self._again.append(first)
        crew = self._run.crew()
        try:
            crew.start()
            self._give_out(crew, coming)
        finally:
            with self._stop.held():  # nobody who works is left behind by a second Ctrl-C
                crew.end()

    def _to_do(self) -> Iterator[Task]:
        """The shards that do not stand, as far as that is known; those that do are counted."""
        for task in self._all:
            there = self.standing.get(task.number, ())
            if task.digest is not None:
                self.planned[task.number] = task.digest[: shards.DIGITS]
                if any(one.digest == self.planned[task.number] for one in there):
                    self._is_first = False
                    self._count_standing(len(task.samples))
                    continue
            # what was there of other samples, or of the same as they were, may be of use; where the
            # data set is as it was, the list of it is not needed
            if there and self._known is None:
                self._known = known.write(self._run.store, self.standing)
            yield task

    def _count_standing(self, samples: int) -> None:
        self._bar.update(samples)
        if self._run.progress:
            self._bar.initial += samples  # the rate is of what is computed

    def _give_out(self, crew: Crew, coming: Iterator[Task]) -> None:
        under_way, is_all = 0, False
        while under_way or self._again or not is_all:
            self._stop.check()
            while crew.free and (self._again or not is_all):
                task = self._again.popleft() if self._again else next(coming, None)
                if task is None:
                    is_all = True
                else:
                    crew.give(replace(task, known=self._known, is_first=self._is_first))
                    under_way += 1
            for event in crew.wait(_PATIENCE):
                under_way -= 1
                self._hear(event)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Died):
            self._hear_of_death(event)
            return
        self.planned[event.number] = event.digest[: shards.DIGITS]
        self.outcome.computed += event.computed
        self._is_first &= not event.has_found
        if event.computed:
            self._bar.update(event.samples)
        else:
            self._count_standing(event.samples)

    def _hear_of_death(self, died: Died) -> None:
        task = self._deaths.after(died)
        if task is None:
            self._bar.update(len(died.task.samples))
            self.planned.pop(died.task.number, None)
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

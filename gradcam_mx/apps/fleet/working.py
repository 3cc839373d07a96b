"""A shard is computed: its samples are read, explained, and written as a file."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from ...data.samples import Sample, label_of
from ...errors import GradCamError, InputError, OutputError, PhotoError, TargetError
from ...store import shards
from ...store.columns import Cells, Traits, arrow, schema
from ...support.caches import Cache
from ...support.progress import watched
from .asked import LABEL, Asked
from .finding import Finder, failures_of_others
from .known import Known
from .task import Care, Task, digest_of

Note = Callable[[Any], None]
"""Is told which sample of a shard is taken in hand, by its place there; None for no single one."""

_AHEAD = 3
"""How many groups are read before their turn."""


class Ready(NamedTuple):
    """A sample that was read."""

    number: int
    """Its place in the shard."""
    x: np.ndarray | None
    """(1, C, H, W); None if it could not be read."""
    cells: Cells

    @property
    def label(self) -> int | None:
        """Its true class, if that is known."""
        return self.cells["label"]


class Done(NamedTuple):
    """A shard that stands."""

    number: int
    samples: int
    computed: int
    """How many went through the net."""
    digest: str
    """The hash of all that its rows depend on."""
    has_found: bool = False
    """Whether something was found of one of them."""


class Worker:
    """Computes shards, one after the other.

    Args:
        asked: what is asked of each sample.
        note: is told what is taken in hand.
    """

    def __init__(self, asked: Asked, note: Note) -> None:
        self._asked, self._note = asked, note
        self._finder = Finder(asked)
        self._known: Cache[Path | None, Known] = Cache(1)

    def work(self, task: Task) -> Done:
        """Compute a shard and write it, unless it stands.

        Args:
            task: the shard.

        Raises:
            OutputError: it cannot be written.
            GradCamError: nothing was found of any sample, over what was asked for.
        """
        digest = task.digest or digest_of(
            task.number, task.samples, self._asked, self._stamps(task)
        )
        path = shards.place(task.store, task.number, digest)
        if task.digest is None and path.exists():
            return Done(task.number, len(task.samples), 0, digest, True)
        known = self._known.get(task.known, lambda: Known(self._asked, task.store, task.known))
        rows: list[Cells] = []
        errors: list[GradCamError] = []
        computed = 0
        with watched(_Heart(self._note)), ThreadPoolExecutor(1) as reader:
            for group in self._groups(task, reader):
                found, wrong, count = self._explained(task, group, known)
                rows += found
                errors += wrong
                computed += count
        if task.is_first and computed:
            self._check_asked(errors, computed)
        self._note(None)
        self._write(path, rows, {**known.traits, **self._finder.traits})
        return Done(task.number, len(rows), computed, digest, computed > len(errors))

    def _stamps(self, task: Task) -> Iterator[str]:
        """Those of samples that have to be read for it."""
        for number in range(len(task.samples)):
            if number in task.left_out:
                yield "left out"
            else:
                self._note(number)
                yield task.samples.stamp(number)

    def _check_asked(self, errors: Sequence[GradCamError], computed: int) -> None:
        """Refuse what no sample can be asked for.

        Raises:
            GradCamError: every sample failed, and over what was asked, not over what it is.
        """
        of_samples: tuple[type[GradCamError], ...] = (PhotoError, InputError, OutputError)
        if self._asked.target == LABEL:
            of_samples += (TargetError,)
        if len(errors) == computed and not any(isinstance(one, of_samples) for one in errors):
            raise errors[0]

    # -- reading -----------------------------------------------------------------------------------

    def _groups(self, task: Task, reader: ThreadPoolExecutor) -> Iterator[list[Ready]]:
        """The samples in groups that go into a call of the net."""
        size = self._finder.at_once
        numbers = range(len(task.samples))
        groups = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        if task.care:
            yield from ([self._read(task, one, self._note) for one in group] for group in groups)
            return
        waiting: deque[list[Future[Ready]]] = deque()
        for group in groups:
            waiting.append([reader.submit(self._read, task, one) for one in group])
            if len(waiting) >= _AHEAD:
                yield [one.result() for one in waiting.popleft()]
        for coming in waiting:
            yield [one.result() for one in coming]

    def _read(self, task: Task, number: int, note: Note | None = None) -> Ready:
        place = task.samples.place(number)
        cells: Cells = {
            "number": task.first + number,
            "place": place,
            "label": label_of(task.samples, number),
            "error": None,
        }
        if number in task.left_out:
            return Ready(number, None, {**cells, "error": task.left_out[number]})
        if note is not None:
            note(number)
        try:
            with failures_of_others(f"{place} cannot be read"):
                sample = task.samples.read(number)
            cells.update(sha256=sample.sha256, label=sample.label)
            with failures_of_others(f"{place} cannot be prepared"):
                return Ready(number, self._prepared(sample), cells)
        except GradCamError as error:
            return Ready(number, None, {**cells, "error": str(error)})

    def _prepared(self, sample: Sample) -> np.ndarray:
        asked, values = self._asked, sample.values
        if asked.target == LABEL and sample.label is None:
            raise InputError("the true class is to be explained, and this sample has none")
        if values.dtype == np.uint8:
            if asked.preprocess is None:
                raise InputError(
                    "how photos are prepared for this net is not known: pass preprocess="
                )
            return asked.preprocess(values)
        if values.shape != asked.input_shape:
            raise InputError(f"a sample of shape {values.shape}; expected {asked.input_shape}")
        return values[None]

    # -- explaining --------------------------------------------------------------------------------

    def _explained(
        self, task: Task, group: Sequence[Ready], kept: Known
    ) -> tuple[list[Cells], list[GradCamError], int]:
        """The rows of a group, what went wrong, and how many went through the net."""
        known = {
            one.number: kept.of(one.cells["sha256"], one.label)
            for one in group
            if one.x is not None
        }
        wanted: dict[tuple[str, ...], list[Ready]] = {}
        for one in group:
            missing = kept.missing(known[one.number]) if one.number in known else None
            if missing is not None:
                wanted.setdefault(missing, []).append(one)
        errors: list[GradCamError] = []
        for methods, some in wanted.items():
            for part in [[one] for one in some] if task.care == Care.RUN_ALONE else [some]:
                self._note(part[0].number if task.care == Care.RUN_ALONE else None)
                inputs = [one.x for one in part if one.x is not None]
                found = self._finder.find(inputs, [one.label for one in part], methods)
                for one, cells in zip(part, found):
                    if isinstance(cells, GradCamError):
                        errors.append(cells)
                        known[one.number] = {"error": str(cells)}
                    else:
                        known[one.number].update(cells, **self._keys(one, methods))
        rows = [{**one.cells, **known.get(one.number, {})} for one in group]
        return rows, errors, sum(map(len, wanted.values()))

    def _keys(self, one: Ready, methods: Sequence[str]) -> Cells:
        sha256 = one.cells["sha256"]
        of_methods = {f"{name}.key": self._asked.key(sha256, one.label, name) for name in methods}
        return {"key": self._asked.key(sha256, one.label), **of_methods}

    # -- writing -----------------------------------------------------------------------------------

    def _write(self, path: Path, rows: Sequence[Cells], traits: dict[str, Traits]) -> None:
        asked = self._asked
        columns = schema(dict.fromkeys(asked.methods, asked.metrics), traits)
        whole = {name: [row.get(name) for row in rows] for name in columns.names}
        shards.write(path, arrow().table(whole, schema=columns))


class _Heart:
    """Tells that work goes on, whatever long work it is.

    Args:
        note: is told.
    """

    def __init__(self, note: Note) -> None:
        self._note = note

    def step(self) -> None:
        """Something was done."""
        self._note(...)

    def at(self, what: str, done: float, total: float | None) -> None:
        """So much of something is done."""
        self._note(...)

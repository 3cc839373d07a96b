"""A shard is computed: its samples are read, explained, and written as a file."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from ...data.samples import Sample
from ...errors import GradCamError, InputError, OutputError, PhotoError
from ...store import parts, shards
from ...store.columns import Cells, Traits, arrow, parquet, schema, traits_in
from ...support.progress import watched
from .asked import Asked
from .finding import Finder
from .task import Care, Task

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
    label: int | None


class Done(NamedTuple):
    """A shard that stands."""

    number: int
    samples: int
    failed: int
    """Of how many nothing was found."""
    computed: int
    """How many went through the net."""


class Worker:
    """Computes shards, one after the other.

    Args:
        asked: what is asked of each sample.
        note: is told what is taken in hand.
    """

    def __init__(self, asked: Asked, note: Note) -> None:
        self._asked, self._note = asked, note
        self._finder = Finder(asked)

    def work(self, task: Task) -> Done:
        """Compute a shard and write it.

        Args:
            task: the shard.

        Raises:
            OutputError: it cannot be written.
            GradCamError: nothing was found of any sample, over what was asked for.
        """
        with watched(_Heart(self._note)), ThreadPoolExecutor(1) as reader:
            kept = _Kept(self._asked, task.before)
            rows: list[Cells] = []
            errors: list[GradCamError] = []
            computed = 0
            for group in self._groups(task, reader):
                found, wrong, count = self._explained(task, group, kept)
                rows += found
                errors += wrong
                computed += count
            _check_asked(errors, len(task.samples))
        self._note(None)
        self._write(task, rows, {**kept.traits, **self._finder.traits})
        failed = sum(one["error"] is not None for one in rows)
        return Done(task.number, len(rows), failed, computed)

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
        cells: Cells = {"number": task.first + number, "place": place, "error": None}
        if number in task.left_out:
            return Ready(number, None, {**cells, "error": task.left_out[number]}, None)
        if note is not None:
            note(number)
        try:
            sample = task.samples.read(number)
            known = {**cells, "sha256": sample.sha256, "label": sample.label}
            try:
                return Ready(number, self._prepared(sample), known, sample.label)
            except GradCamError as error:
                return Ready(number, None, {**known, "error": str(error)}, sample.label)
        except GradCamError as error:
            return Ready(number, None, {**cells, "error": str(error)}, None)

    def _prepared(self, sample: Sample) -> np.ndarray:
        values, prepare = sample.values, self._asked.preprocess
        if values.dtype == np.uint8:
            if prepare is None:
                raise InputError(
                    "how photos are prepared for this net is not known: pass preprocess="
                )
            return prepare(values)
        if values.shape != self._asked.input_shape:
            raise InputError(
                f"a sample of shape {values.shape}; expected {self._asked.input_shape}"
            )
        return values[None]

    # -- explaining --------------------------------------------------------------------------------

    def _explained(
        self, task: Task, group: Sequence[Ready], kept: _Kept
    ) -> tuple[list[Cells], list[GradCamError], int]:
        """The rows of a group, what went wrong, and how many went through the net."""
        known = {one.number: kept.of(one) for one in group if one.x is not None}
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

    def _write(self, task: Task, rows: Sequence[Cells], traits: dict[str, Traits]) -> None:
        asked = self._asked
        columns = schema(dict.fromkeys(asked.methods, asked.metrics), traits)
        whole = {name: [row.get(name) for row in rows] for name in columns.names}
        shards.write(task.path, arrow().table(whole, schema=columns))


class _Kept:
    """Results of runs before, of the same samples under the same keys.

    Args:
        asked: what is asked of each sample.
        files: shards that may have some.
    """

    def __init__(self, asked: Asked, files: Sequence[Path]) -> None:
        self._asked = asked
        self.traits: dict[str, Traits] = {}
        self._rows: dict[str, Cells] = {}
        for path in files:
            self._add(path)

    def _add(self, path: Path) -> None:
        pa = arrow()
        try:
            table = parquet().read_table(path)
        except (OSError, pa.ArrowInvalid):
            return  # gone, or damaged: it is computed again
        traits = traits_in(table.schema)
        self.traits.update({name: traits[name] for name in traits if name in self._asked.methods})
        for row in parts.rows_of(table):
            if row["key"] is not None:
                self._rows.setdefault(row["key"], {}).update(
                    (name, cell) for name, cell in row.items() if cell is not None
                )

    def of(self, one: Ready) -> Cells:
        """What is known of a sample.

        Args:
            one: the sample.
        """
        asked, sha256 = self._asked, one.cells["sha256"]
        row = self._rows.get(asked.key(sha256, one.label), {})
        known: Cells = {}
        for method in asked.methods:
            key = asked.key(sha256, one.label, method)
            if row.get(f"{method}.key") == key:
                known.update({name: row[name] for name in row if name.startswith(f"{method}.")})
        if known or (row and not asked.methods):
            of_net = ("key", "predicted", "probability", "top", "top_probability")
            known.update({name: row[name] for name in (*of_net, "target", "score") if name in row})
        return known

    def missing(self, known: Cells) -> tuple[str, ...] | None:
        """The methods that are not known yet; None if nothing is missing.

        Args:
            known: of a sample.
        """
        missing = tuple(one for one in self._asked.methods if f"{one}.key" not in known)
        return missing if missing or "key" not in known else None


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


def _check_asked(errors: Sequence[GradCamError], count: int) -> None:
    """Refuse what no sample can be asked for.

    Raises:
        GradCamError: every sample failed, and over what was asked, not over what it is.
    """
    of_samples = (PhotoError, InputError, OutputError)
    if len(errors) == count and not any(isinstance(one, of_samples) for one in errors):
        raise errors[0]

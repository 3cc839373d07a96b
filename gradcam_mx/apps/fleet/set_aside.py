"""What ends its workers: samples are left out, and shards set aside, once that is clear."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from .crew import Died
from .task import Care, Task

STRIKES = 2
"""A sample that was in hand so many times as a worker ended is left out."""

MOST_DEATHS, MOST_LEFT_OUT = 3, 8
"""A shard is set aside after so many ends that no sample can be blamed for, or with more samples
that had to be left out."""


@dataclass
class _Record:
    """What is known of a shard that ended workers."""

    care: Care = Care.NONE
    unexplained: int = 0
    blamed: Counter[int] = field(default_factory=Counter)
    left_out: dict[int, str] = field(default_factory=dict)


class Deaths:
    """Of workers, and what follows from each."""

    def __init__(self) -> None:
        self.set_aside: dict[int, str] = {}
        """Number of a shard that is not tried again → why."""
        self._records: dict[int, _Record] = {}

    def after(self, died: Died) -> Task | None:
        """The shard as it is tried again; None if it is set aside.

        Args:
            died: the worker.
        """
        task = died.task
        record = self._records.setdefault(task.number, _Record())
        if died.sample is None:
            record.unexplained += 1
            record.care = Care(min(record.care + 1, Care.RUN_ALONE))
        else:
            record.blamed[died.sample] += 1
            if record.blamed[died.sample] >= STRIKES:
                record.left_out[died.sample] = f"the worker that had it in hand {died.how}"
        is_hopeless = record.unexplained >= MOST_DEATHS or len(record.left_out) > MOST_LEFT_OUT
        if is_hopeless:
            last = task.first + len(task.samples) - 1
            self.set_aside[task.number] = (
                f"samples {task.first} to {last} ({task.samples.place(0)} and on): a worker "
                f"{died.how}, again and again"
            )
            return None
        return replace(task, care=record.care, left_out=dict(record.left_out))

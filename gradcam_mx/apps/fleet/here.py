"""The work in this process, for nets that cannot go to another one."""

from __future__ import annotations

from typing import Any

from ...errors import GradCamError
from .asked import Asked
from .crew import Event, Failed
from .task import Task
from .working import Worker


class Here:
    """This process, as the only worker. A sample that ends it ends the run.

    Args:
        asked: what is asked of each sample.
    """

    def __init__(self, asked: Asked) -> None:
        self._worker = Worker(asked, _nobody)
        self._waiting: list[Task] = []

    def start(self) -> None:
        """There is nobody to start."""

    @property
    def free(self) -> int:
        """One shard at a time."""
        return 1 - len(self._waiting)

    def give(self, task: Task) -> None:
        """Take a shard, which is computed by `wait`.

        Args:
            task: the shard.
        """
        self._waiting.append(task)

    def wait(self, seconds: float) -> list[Event]:
        """Compute the shard that was given, however long it takes.

        Args:
            seconds: not asked for.
        """
        if not self._waiting:
            return []
        task = self._waiting.pop()
        try:
            return [self._worker.work(task)]
        except GradCamError as error:
            return [Failed(task, error)]

    def end(self) -> None:
        """There is nobody to end."""


def _nobody(sample: Any) -> None:
    """Is told, and does nothing."""

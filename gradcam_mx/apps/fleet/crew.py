"""Who works on shards: what a run asks of them, and what they tell it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Union

from ...errors import InputError
from .task import Task
from .working import Done

PATIENCE = 600.0
"""After so many seconds without a sign of life a worker counts as one that hangs; and so many it
may take until it is ready, whatever it is given for a sign of life then."""

MOST_FAILED_STARTS = 3
"""So many workers may end one after the other before they are ready; then no other is started."""


class Died(NamedTuple):
    """A worker ended in the middle of a shard."""

    task: Task
    sample: int | None
    """The place in the shard of the sample that it had in hand, if that is known."""
    how: str
    """In words: "was ended by signal 9 (Killed)"."""


class Failed(NamedTuple):
    """A shard cannot be computed, and no other either."""

    task: Task
    error: Exception


Event = Union[Done, Died, Failed]


class Crew(Protocol):
    """Workers."""

    def start(self) -> None:
        """Start them; `end` ends those that were started, also where this was interrupted.

        Raises:
            DependencyError: what they need is not installed.
            InputError: they cannot be started.
        """

    @property
    def free(self) -> int:
        """How many shards they could take now."""

    def give(self, task: Task) -> None:
        """Give one of them a shard.

        Args:
            task: the shard.
        """

    def wait(self, seconds: float) -> list[Event]:
        """What happened since, after so many seconds at the latest.

        Args:
            seconds: how long nothing may happen.

        Raises:
            GradCamError: there are no workers, and there will be none.
        """

    def end(self) -> None:
        """End all of them; what they have not written is lost."""


class Starts:
    """Of workers: where one after the other fails, the work cannot go on."""

    def __init__(self) -> None:
        self._failed = 0

    def succeeded(self) -> None:
        """A worker is ready."""
        self._failed = 0

    def failed(self, how: str) -> None:
        """A worker ended before it was ready.

        Args:
            how: in words.

        Raises:
            InputError: it is one too many.
        """
        self._failed += 1
        if self._failed >= MOST_FAILED_STARTS:
            raise InputError(
                f"the workers cannot start: {self._failed} of them, one after the other, {how} "
                "before they were ready. What they said stands above; workers=0 does the work in "
                "this process, and shows what is wrong"
            )

"""Who works on shards: what a run asks of them, and what they tell it."""

from __future__ import annotations

from typing import NamedTuple, Protocol, Union

from .task import Task
from .working import Done


class Died(NamedTuple):
    """A worker ended in the middle of a shard."""

    task: Task
    sample: int | None
    """The place in the shard of the sample that it had in hand, if that is known."""
    how: str
    """In words: "was ended by signal 9 (SIGKILL)"."""


class Failed(NamedTuple):
    """A shard cannot be computed, and no other either."""

    task: Task
    error: Exception


Event = Union[Done, Died, Failed]


class Crew(Protocol):
    """Workers."""

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
        """

    def end(self) -> None:
        """End all of them; what they have not written is lost."""

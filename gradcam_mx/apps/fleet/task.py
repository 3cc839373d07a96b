"""The shards of a data set: which samples are in each, and the hash of all that it depends on."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from ...data.samples import Samples
from ...store import shards
from ...store.shards import Shard
from .asked import Asked


class Care(enum.IntEnum):
    """How carefully the samples of a shard are taken in hand, so that it is known which of them
    ended a worker."""

    NONE = 0
    """Read ahead, many in a call."""
    READ_ALONE = 1
    """Each is read after the other, when the one before it is done."""
    RUN_ALONE = 2
    """Each goes through the net alone too."""


@dataclass(frozen=True)
class Task:
    """A shard that is to be computed."""

    number: int
    first: int
    """The number of its first sample in the data set."""
    samples: Samples
    """Those that are in it."""
    digest: str
    """The hash of all that its rows depend on."""
    path: Path
    """Of its file."""
    before: tuple[Path, ...] = ()
    """Files that may have results of these samples, from runs before."""
    care: Care = Care.NONE
    left_out: Mapping[int, str] = field(default_factory=dict)
    """Samples that ended their workers, by their place in the shard, and what they did."""

    def with_care(self, care: Care, left_out: Mapping[int, str]) -> Task:
        """The same, taken in hand otherwise.

        Args:
            care: how carefully.
            left_out: the samples that nobody touches any more, and why.
        """
        return replace(self, care=care, left_out=dict(left_out))


def tasks(
    store: Path,
    samples: Samples,
    asked: Asked,
    shard_size: int,
    standing: Mapping[int, Sequence[Shard]],
) -> Iterator[Task]:
    """All shards of a data set, one after the other, those that stand among them.

    Args:
        store: the folder that they are kept in.
        samples: all of the data set.
        asked: what is asked of each.
        shard_size: how many are in a shard; the last one has what is left.
        standing: number of a shard → the files of it that are there.
    """
    for number, first in enumerate(range(0, len(samples), shard_size)):
        part = samples[first : first + shard_size]
        digest = _digest(number, part, asked)
        # samples that came to the data set, or went, move others into the shard beside
        near = (
            one for other in (number, number - 1, number + 1) for one in standing.get(other, ())
        )
        yield Task(
            number,
            first,
            part,
            digest,
            shards.place(store, number, digest),
            tuple(one.path for one in near),
        )


def _digest(number: int, part: Samples, asked: Asked) -> str:
    made = hashlib.sha256(f"{number} {asked.digest}".encode())
    for one in range(len(part)):
        made.update(f"\n{part.place(one)}\t{part.stamp(one)}".encode("utf-8", "surrogateescape"))
    return made.hexdigest()

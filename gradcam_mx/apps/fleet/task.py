"""The shards of a data set: which samples are in each, and the hash of all that it depends on."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Iterator, Mapping

from ...data.gluon import GluonSamples
from ...data.samples import Samples
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
    store: Path
    """The folder that it is kept in."""
    digest: str | None
    """The hash of all that its rows depend on; None where that takes reading the samples, which is
    the work of those who can be replaced when it ends them."""
    known: Path | None = None
    """Of the list of what runs before have found; None if that is of no use."""
    is_first: bool = False
    """Whether nothing was found of any sample yet: what all of these refuse is refused as a whole.
    """
    care: Care = Care.NONE
    left_out: Mapping[int, str] = field(default_factory=dict)
    """Samples that ended their workers, by their place in the shard, and what they did."""


def tasks(store: Path, samples: Samples, asked: Asked, shard_size: int) -> Iterator[Task]:
    """All shards of a data set, one after the other, those that stand among them.

    Args:
        store: the folder that they are kept in.
        samples: all of the data set.
        asked: what is asked of each.
        shard_size: how many are in a shard; the last one has what is left.
    """
    for number, first in enumerate(range(0, len(samples), shard_size)):
        part = samples[first : first + shard_size]
        is_read = isinstance(part, GluonSamples)
        stamps = None if is_read else map(part.stamp, range(len(part)))
        digest = None if stamps is None else digest_of(number, part, asked, stamps)
        yield Task(number, first, part, store, digest)


def digest_of(number: int, part: Samples, asked: Asked, stamps: Iterable[str]) -> str:
    """The hash of all that the rows of a shard depend on.

    Args:
        number: of the shard.
        part: the samples in it.
        asked: what is asked of each.
        stamps: of the samples.
    """
    made = hashlib.sha256(f"{number} {asked.digest}".encode())
    for one, stamp in enumerate(stamps):
        made.update(f"\n{part.place(one)}\t{stamp}".encode("utf-8", "surrogateescape"))
    return made.hexdigest()

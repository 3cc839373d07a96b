"""The folder of a store as a run finds it, and leaves it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Mapping, Sequence

from ...data.samples import Samples
from ...errors import OutputError
from ...store import manifest, shards
from ...store.manifest import Manifest, OfMethod, check_measure
from ...store.shards import Shard
from ..provenance import encoded
from ..surroundings import surroundings
from .asked import Asked, told
from .lock import NAME as LOCK


def check_folder(store: Path, samples: Samples, asked: Asked) -> Manifest | None:
    """What the folder says of an earlier run; None if there was none.

    Args:
        store: the folder.
        samples: the data set.
        asked: what is asked of each sample.

    Raises:
        OutputError: the folder has something else, or what a new run would do away with.
        InputError: a measure's name cannot be kept.
    """
    for name in asked.metrics:
        check_measure(name)
    if store.exists() and not store.is_dir():
        raise OutputError(f"{store} is a file; expected a folder, or a name for a new one")
    if not manifest.is_store(store):
        if store.is_dir() and any(one.name != LOCK for one in store.iterdir()):
            raise OutputError(
                f"{store} holds something else than a store: choose another folder, in which "
                "nothing is yet"
            )
        return None
    before = manifest.read(store)
    if before.data != dict(samples.record):
        raise OutputError(
            f"the store in {store} is of another data set ({before.data}; now "
            f"{dict(samples.record)}): choose another folder"
        )
    lost = [name for name in before.methods if name not in asked.methods]
    if lost:
        raise OutputError(
            f"the store in {store} also has {', '.join(lost)}, which would be lost: ask for "
            f"{'them' if len(lost) > 1 else 'it'} too (what is there is not computed again), or "
            "choose another folder"
        )
    return before


def remove_unfinished(store: Path) -> None:
    """Remove what was being written when a run was killed.

    Args:
        store: the folder.
    """
    for path in shards.unfinished(store):
        path.unlink()


def remove_past(standing: Mapping[int, Sequence[Shard]], planned: Mapping[int, str]) -> None:
    """Remove the files of what was asked for, or was in the data set, before.

    Args:
        standing: number of a shard → the files of it that there were.
        planned: number of a shard that was done → the digits of its file's name.
    """
    for number, found in standing.items():
        for one in found:
            if planned.get(number) != one.digest:
                one.path.unlink()


def manifest_of(
    samples: Samples, asked: Asked, size: int, class_names: Sequence[str] | None
) -> Manifest:
    """What a store says of itself.

    Args:
        samples: the data set.
        asked: what is asked of each sample.
        size: how many samples are in a shard.
        class_names: those of the net's classes, where they are known.
    """
    methods = {
        name: OfMethod(
            {option: encoded(value) for option, value in asked.options.get(name, {}).items()},
            list(asked.metrics),
            name in asked.full,
        )
        for name in asked.methods
    }
    contexts = asked.graph.parameters.contexts()
    return Manifest(
        net=asked.net._asdict(),
        methods=methods,
        data=dict(samples.record),
        samples=len(samples),
        shard_size=size,
        input_size=list(asked.input_shape[1:]),
        preprocess=None if asked.preprocess is None else asdict(asked.preprocess),
        target=told(asked.target),
        output=asked.output,
        class_names=None if class_names is None else list(class_names),
        surroundings=surroundings(contexts[0] if contexts else "cpu"),
    )

"""The folder of a store as a run finds it, and leaves it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Mapping, Sequence

from ...data.samples import Samples
from ...errors import OutputError
from ...store import manifest, shards
from ...store.manifest import Manifest, OfMethod, check_measure
from ...store.shards import Shard
from ..provenance import encoded
from ..surroundings import surroundings
from . import known
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
        if store.is_dir() and any(not _is_ours(one) for one in store.iterdir()):
            raise OutputError(
                f"{store} holds something else than a store: choose another folder, in which "
                "nothing is yet"
            )
        return None
    before = manifest.read(store)
    if not _are_of_one(before.data, samples.record):
        raise OutputError(
            f"the store in {store} is of another data set ({_where(before.data)}; now "
            f"{_where(samples.record)}): choose another folder"
        )
    lost = [name for name in before.methods if name not in asked.methods]
    if lost:
        raise OutputError(
            f"the store in {store} also has {', '.join(lost)}, which would be lost: ask for "
            f"{'them' if len(lost) > 1 else 'it'} too (what is there is not computed again), or "
            "choose another folder"
        )
    return before


def _is_ours(path: Path) -> bool:
    """Whether it is left of a run that was killed before there was a store."""
    return path.name == LOCK or path.name.startswith(f".{manifest.NAME}.")


def _are_of_one(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two records are of one data set, whatever has changed in it: labels, names, photos
    that came or went."""
    of = before.get("paths"), now.get("paths")
    if of[0] and of[1]:
        return not set(of[0]).isdisjoint(of[1])
    return all(before.get(name) == now.get(name) for name in ("kind", "path"))


def _where(record: Mapping[str, Any]) -> str:
    """Where a data set is, in a few words."""
    first = next(iter(record.get("paths") or ()), "")
    return f"{record.get('kind')} {record.get('path') or first}".strip()


def remove_unfinished(store: Path) -> None:
    """Remove what was being written when a run was killed.

    Args:
        store: the folder.
    """
    known.remove(store)
    for path in (*store.glob(f".{manifest.NAME}.*"), *shards.unfinished(store)):
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

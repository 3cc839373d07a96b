"""Several stores become one."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Sequence

from ..errors import InputError, OutputError
from . import manifest, parts, shards
from .columns import arrow, parquet
from .manifest import Manifest


def merge(stores: Sequence[Path], out: Path) -> None:
    """Write what several stores have into a new one, whose samples are numbered on.

    Args:
        stores: their folders.
        out: the folder of the new one.

    Raises:
        InputError: there is none, or they are of different nets, or of other methods.
        OutputError: there is something in the folder, or it cannot be written.
    """
    abouts = [manifest.read(one) for one in stores]
    if not abouts:
        raise InputError("there are no stores; expected at least one")
    for path, about in zip(stores, abouts):
        _check_alike(abouts[0], about, path)
    if out.exists() and any(out.iterdir()):
        raise OutputError(f"there is something in {out}: give a new folder")
    number, first = 0, 0
    for path in stores:
        for part in parts.parts_of(path):
            table = parquet().read_table(part.shard.path)
            numbers = arrow().array(range(first, first + table.num_rows), arrow().int64())
            place = table.schema.get_field_index("number")
            table = table.set_column(place, table.schema.field("number"), numbers)
            digest = sha256(f"{number} {part.shard.digest}".encode()).hexdigest()
            shards.write(shards.place(out, number, digest), table)
            number, first = number + 1, first + table.num_rows
    whole = replace(
        abouts[0],
        data={"kind": "merged", "of": [one.data for one in abouts]},
        samples=first,
        shard_size=max(one.shard_size for one in abouts),
        set_aside={},
        is_done=all(one.is_done for one in abouts),
    )
    whole.write(out)


def _check_alike(first: Manifest, other: Manifest, path: Path) -> None:
    for name in ("net", "methods", "preprocess", "target", "output"):
        if getattr(first, name) != getattr(other, name):
            raise InputError(
                f"{path} is of another {name.rstrip('s')} than the first store "
                f"({getattr(other, name)}, not {getattr(first, name)}): results that mean "
                "different things are not put together"
            )

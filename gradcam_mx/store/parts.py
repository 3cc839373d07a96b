"""The shards of a store as they stand, and the samples in each that are meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy as np

from ..support.caches import Cache
from . import condition, shards
from .columns import arrow, parquet
from .condition import Condition
from .shards import Shard


@dataclass(frozen=True)
class Part:
    """A shard of which some samples are meant."""

    shard: Shard
    conditions: tuple[Condition, ...] = ()
    _kept: Cache[str, Any] = field(default_factory=lambda: Cache(1), compare=False)

    @property
    def schema(self) -> Any:
        """The columns of its file, and their types."""
        return parquet().read_schema(self.shard.path)

    @property
    def count(self) -> int:
        """How many samples are meant."""
        return int(self._kept.get("count", self._count))

    def read(self, columns: Sequence[str]) -> Any:
        """The columns of the samples that are meant, a table of Arrow.

        A column that the file does not have, as it is of something that was asked for later, has
        nothing for each sample.

        Args:
            columns: their names.
        """
        pa = arrow()
        known = set(self.schema.names)
        wanted = dict.fromkeys(columns)
        also = condition.READS if self.conditions else ()
        names = [one for one in {**wanted, **dict.fromkeys(also)} if one in known]
        # without a column, a table does not know how many rows it has
        table = parquet().read_table(self.shard.path, columns=names or ["number"])
        for one in self.conditions:
            read = {name: as_array(table[name]) for name in condition.READS}
            table = table.filter(pa.array(one.holds(read)))
        nothing = pa.nulls(table.num_rows)
        columns_of = [table[name] if name in known else nothing for name in wanted]
        return pa.table(dict(zip(wanted, columns_of)))

    def _count(self) -> int:
        if not self.conditions:
            return int(parquet().read_metadata(self.shard.path).num_rows)
        return int(self.read(["place"]).num_rows)


def parts_of(store: Path) -> list[Part]:
    """All shards that stand; where several files are of one, the newest.

    Args:
        store: the folder.
    """
    return [Part(found[0]) for found in shards.standing(store).values()]


def as_array(column: Any) -> np.ndarray:
    """A column as numpy has it: numbers, NaN where there is none; texts, None where there is none.

    Args:
        column: of a table of Arrow.
    """
    pa = arrow()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        if column.null_count:
            column = column.cast(pa.float64())
        return np.asarray(column.to_numpy())
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found


def rows_of(table: Any) -> Iterator[dict[str, Any]]:
    """The rows of a table, one after the other.

    Args:
        table: of Arrow.
    """
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for number in range(table.num_rows):
        yield {name: column[number] for name, column in columns.items()}

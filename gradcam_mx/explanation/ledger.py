"""The accounts of a walk of relevance, as an explanation holds them."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence, overload

import numpy as np

from ..support import html
from ..support.text_tables import aligned

SHARE_SHOWN = 1e-3
"""Of all that arrived first: what takes less is summed up below the table."""


class LedgerRow(NamedTuple):
    """What came of relevance at an operator; of several samples the sum."""

    name: str
    operator: str
    arrived: float
    """At its output."""
    left: float
    """For what it reads."""
    bias: float
    """To numbers that come from no input: biases, shifts, constants."""
    stabiliser: float
    """To the ε of denominators."""

    @property
    def leak(self) -> float:
        """What nothing accounts for, and rounding."""
        return self.arrived - self.left - self.bias - self.stabiliser


class Ledger(Sequence[LedgerRow]):
    """What arrived at each operator, from the output to the input, and where it went.

        arrived = left + bias + stabiliser + leak

    It prints as a table of the operators where something is lost.

    Args:
        table: (N, operators), with the columns of a row.

    Example:
        >>> print(gm.lrp(net, x, 281).ledger())                          # doctest: +SKIP
        operator       at                     arrived  left   bias   stabiliser  leak
        Convolution    features.9.expand3x3   14.2     13.1   1.06   2.1e-05     0
    """

    def __init__(self, table: np.ndarray) -> None:
        self._rows = [
            LedgerRow(
                str(column["name"][0]),
                str(column["operator"][0]),
                *(float(column[name].sum()) for name in LedgerRow._fields[2:]),
            )
            for column in table.T
        ]

    @overload
    def __getitem__(self, which: int) -> LedgerRow: ...

    @overload
    def __getitem__(self, which: slice) -> list[LedgerRow]: ...

    def __getitem__(self, which: int | slice) -> LedgerRow | list[LedgerRow]:
        return self._rows[which]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[LedgerRow]:
        return iter(self._rows)

    @property
    def bias(self) -> float:
        """What biases took, all together."""
        return sum(row.bias for row in self)

    @property
    def stabiliser(self) -> float:
        """What stabilisers took, all together."""
        return sum(row.stabiliser for row in self)

    @property
    def leak(self) -> float:
        """What nothing accounts for, all together."""
        return sum(row.leak for row in self)

    def __str__(self) -> str:
        rows = [_HEADER, *map(_cells, self._losing())]
        return "\n".join([*aligned(rows), self._summary()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.table(_HEADER, map(_cells, self._losing()), self._summary())

    def _losing(self) -> list[LedgerRow]:
        least = SHARE_SHOWN * abs(self._rows[0].arrived) if self._rows else 0.0
        return [
            row for row in self if max(abs(row.bias), abs(row.stabiliser), abs(row.leak)) > least
        ]

    def _summary(self) -> str:
        first = self._rows[0].arrived if self._rows else 0.0
        return (
            f"{len(self)} operators; of {first:.4g} at the output biases took {self.bias:.4g}, "
            f"stabilisers {self.stabiliser:.4g}, and {self.leak:.2g} is not accounted for"
        )


_HEADER = ("operator", "at", "arrived", "left", "bias", "stabiliser", "leak")


def _cells(row: LedgerRow) -> tuple[str, ...]:
    numbers = (row.arrived, row.left, row.bias, row.stabiliser, row.leak)
    return (row.operator, row.name, *(f"{one:.3g}" for one in numbers))

"""The accounts of a walk of relevance: what arrived at each operator, what left, where the rest is.

    arrived = left + bias + stabiliser + leak

"bias" is what went to numbers that come from no input: biases, shifts of normalisations, constants
that are added. "stabiliser" is what the ε in denominators took. What is left, the leak, is what no
rule accounts for, and rounding.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Dict, Sequence

import numpy as np

from ..._mxnet import mx
from ...graph.layers import name_of
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ..steps import Told
from .operators import varying_slots
from .sums import Sums

Totals = Dict[str, Any]


LEDGER = np.dtype(
    [
        ("name", "U128"),
        ("operator", "U64"),
        ("arrived", np.float64),
        ("left", np.float64),
        ("bias", np.float64),
        ("stabiliser", np.float64),
    ]
)
"""The columns of a ledger."""


class Ledger:
    """Takes down a walk.

    Args:
        graph: what is walked through.
        axis_of: the axis of a value that holds the samples; None if none does.
    """

    def __init__(self, graph: Structure, axis_of: Callable[[Entry], int | None]) -> None:
        self._graph, self._axis_of, self._sums = graph, axis_of, Sums()
        self._totals: dict[int, Totals] = {}
        self._arrived: dict[Entry, list[Any]] = {}
        """What was passed on to a value and has not been taken from there: its sums."""

    def told(self, index: int) -> Told:
        """What takes down where relevance is lost at a node."""
        totals = self._of(index)
        axis = self._axis_of((index, self._graph.outputs_read[index][0]))

        def tell(
            what: str,
            values: Any,
            others: Any = None,
            *,
            along: int | None = None,
            factor: float = 1.0,
            slot: int | None = None,
        ) -> None:
            if not factor:
                return
            if along is not None:
                found = self._sums.along(values, others, along, axis)
            elif others is not None:
                found = self._sums.of_products(values, others, axis)
            else:
                found = self._sums.of(values, axis)
            totals[what].append(found if factor == 1 else found * factor)

        return tell

    def leads(self, entry: Entry) -> bool:
        """Whether what is passed on to a value comes to an input, though nobody asks for it."""
        inputs = self._graph.inputs
        return entry in inputs or entry[0] in self._graph.differentiable(inputs)

    def passed(
        self,
        index: int,
        arriving: Sequence[tuple[Entry, Any]],
        passed_on: Sequence[tuple[Entry, Any]],
        is_all: bool,
        is_changed: bool = False,
    ) -> None:
        """Something arrived at the outputs of a node, and was passed on to values that it reads.

        Args:
            index: the node.
            arriving: what arrived at which outputs.
            passed_on: what was passed on to which values.
            is_all: whether these are all that it reads.
            is_changed: whether what arrived is other than what was passed on there before.
        """
        totals = self._of(index)
        known: dict[int, Any] = {}
        for entry, one in arriving:
            before = self._arrived.pop(entry, None)
            if before and not is_changed:
                total = sum(before)
            else:
                total = self._sums.of(one, self._axis_of(entry))
            known[id(one)] = total
        totals["arrived"] += known.values()
        if not is_all:  # the others get what these do not
            totals["left"] += known.values()
        for entry, one in passed_on:
            # where the same array goes on, so does its sum
            axis = self._axis_of(entry)
            total = known[id(one)] if id(one) in known else self._sums.of(one, axis)
            if is_all:
                totals["left"].append(total)
            self._arrived.setdefault(entry, []).append(total)

    def _of(self, index: int) -> Totals:
        return self._totals.setdefault(index, defaultdict(list))

    def table(self, samples: int) -> np.ndarray:
        """(N, operators) of `LEDGER`, from the output to the input.

        Where a value does not tell its samples apart, each is told an equal part.

        Args:
            samples: how many there are.
        """
        found = np.zeros((samples, len(self._totals)), LEDGER)
        numbers = iter(self._numbers())
        for place, (index, totals) in enumerate(self._totals.items()):
            node = self._graph.nodes[index]
            found["name"][:, place] = name_of(self._graph, (index, 0))
            found["operator"][:, place] = node.role
            for what, each in totals.items():
                for one in (next(numbers) for _ in each):
                    part = one if len(one) == samples else one.sum() / samples
                    found[what][:, place] += part
            if _adds_constants(self._graph, node) and "bias" not in totals:
                # what the numbers that are read do not add up to, the operator adds by itself
                row = found[:, place]
                row["bias"] = row["arrived"] - row["left"] - row["stabiliser"]
        return found

    def _numbers(self) -> Sequence[np.ndarray]:
        """Those of all totals, read at once."""
        every = [
            one for totals in self._totals.values() for each in totals.values() for one in each
        ]
        if not every:
            return []
        ends = np.cumsum([one.size for one in every])[:-1]
        return np.split(mx.nd.concat(*every, dim=0).asnumpy().astype(np.float64), ends)


def _adds_constants(graph: Structure, node: Node) -> bool:
    """Whether an operator that shares out in proportion adds numbers that come from no input."""
    if passage(node) is not Passage.AFFINE:
        return False
    return len(varying_slots(graph, node)) < len(node.inputs) or node.op.endswith("_scalar")

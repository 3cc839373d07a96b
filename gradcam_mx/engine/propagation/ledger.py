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

from ...graph.layers import name_of
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ..steps import Told
from .operators import varying_slots

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
        self._graph, self._axis_of = graph, axis_of
        self._totals: dict[int, Totals] = {}

    def told(self, index: int) -> Told:
        """What takes down where relevance is lost at a node."""
        totals = self._of(index)
        axis = self._axis_of((index, self._graph.outputs_read[index][0]))

        def tell(what: str, values: Any) -> None:
            totals[what].append(_of_samples(values, axis))

        return tell

    def passed(
        self,
        index: int,
        arriving: Sequence[tuple[Entry, Any]],
        passed_on: Sequence[tuple[Entry, Any]],
    ) -> None:
        """Something arrived at the outputs of a node, and was passed on to values that it reads."""
        totals = self._of(index)
        for what, pairs in (("arrived", arriving), ("left", passed_on)):
            totals[what] += [_of_samples(one, self._axis_of(entry)) for entry, one in pairs]

    def _of(self, index: int) -> Totals:
        return self._totals.setdefault(index, defaultdict(list))

    def table(self, samples: int) -> np.ndarray:
        """(N, operators) of `LEDGER`, from the output to the input.

        Where a value does not tell its samples apart, each is told an equal part.

        Args:
            samples: how many there are.
        """
        found = np.zeros((samples, len(self._totals)), LEDGER)
        for place, (index, totals) in enumerate(self._totals.items()):
            node = self._graph.nodes[index]
            found["name"][:, place] = name_of(self._graph, (index, 0))
            found["operator"][:, place] = node.role
            for what, each in totals.items():
                for one in each:
                    found[what][:, place] += _numbers(one, samples)
            if _adds_constants(self._graph, node) and "bias" not in totals:
                # what the numbers that are read do not add up to, the operator adds by itself
                row = found[:, place]
                row["bias"] = row["arrived"] - row["left"] - row["stabiliser"]
        return found


def _adds_constants(graph: Structure, node: Node) -> bool:
    """Whether an operator that shares out in proportion adds numbers that come from no input."""
    if passage(node) is not Passage.AFFINE:
        return False
    return len(varying_slots(graph, node)) < len(node.inputs) or node.op.endswith("_scalar")


def _of_samples(values: Any, axis: int | None) -> Any:
    """(N,) the sum of what belongs to each sample; (1,) of all where that is not known."""
    if axis is None:
        return values.sum()
    return values.sum(axis=axis, exclude=True)


def _numbers(total: Any, samples: int) -> np.ndarray:
    numbers = total.asnumpy().astype(np.float64)
    return numbers if len(numbers) == samples else numbers.sum() / samples

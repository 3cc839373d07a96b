"""What biases add to a score: with the gradient of all that is added on the way, a net's score is

    S = Σ x ⊙ ∂S/∂x + Σ over operators Σ b ⊙ ∂S/∂y,        b = y - J·x at each operator

(Srinivas & Fleuret 2019, arXiv:1905.00780). b is a layer's bias, β - μγ/√(σ² + ε) of a batch
normalisation, and of a function that is no straight line through zero, such as a sigmoid, what its
tangent cuts off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Container, Sequence

from ..._mxnet import mx
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ..rules import Acts, Rule
from ..steps import Backward, Step, Told
from .deep_lift import LINEAR_FUNCTIONS, MIXES
from .layer import Layer
from .operators import varying_slots
from .shares import Passed
from .sums import Sums

_HOMOGENEOUS = {"relu", "leaky", "prelu", "rrelu"}
"""Activations without a bias: they are straight on either side of zero."""


@dataclass(frozen=True)
class Biases(Rule):
    """The gradient, which tells what biases add wherever something is added."""

    name: str = "biases"

    @property
    def needs_graph(self) -> bool:
        return True

    def at(self, node: Node) -> None:
        return None

    def acts(self, graph: Structure) -> Acts:
        found = {}
        for node in graph.live_nodes:
            if not node.is_variable and _adds(graph, node):
                slots = frozenset(_leading_back(graph, node))
                between = partial(_between, slots=slots)
                one = _at_layer if _is_plain_layer(graph, node) else between
                found[node.index] = Backward(instead=one)
        return found


class BiasMaps:
    """What each operator's bias adds, as a backward pass finds it.

    Args:
        graph: the graph that is walked through.
        axis_of: the axis of a value that holds the samples; None if none does.
    """

    def __init__(self, graph: Structure, axis_of: Callable[[Entry], int | None]) -> None:
        self._graph, self._axis_of, self._sums = graph, axis_of, Sums()
        self.maps: dict[Entry, Any] = {}
        """An output → what is added there, shaped like it."""
        self.totals: list[Any] = []
        """(N,) the sums of what is added, there and where it has no place of its own; (1,) where
        the samples are not told apart."""

    def told(self, index: int) -> Told:
        """What takes it down at a node."""
        node, output = self._graph.nodes[index], (index, self._graph.outputs_read[index][0])

        def tell(
            what: str,
            values: Any,
            others: Any = None,
            *,
            along: int | None = None,
            factor: float = 1.0,
            slot: int | None = None,
        ) -> None:
            entry = output if slot is None else node.inputs[slot]
            self.totals.append(self._sums.of(values, self._axis_of(entry)) * factor)
            if what == "bias":
                before = self.maps.get(output)
                self.maps[output] = values if before is None else before + values

        return tell

    def leads(self, entry: Entry) -> bool:
        """Of no account here."""
        return True

    def passed(
        self,
        index: int,
        arriving: Sequence[tuple[Entry, Any]],
        passed_on: Sequence[tuple[Entry, Any]],
        is_all: bool,
        is_changed: bool = False,
    ) -> None:
        """Nothing is added by what is passed on."""


def _is_plain_layer(graph: Structure, node: Node) -> bool:
    return passage(node) is Passage.LAYER and varying_slots(graph, node) == [0]


def _adds(graph: Structure, node: Node) -> bool:
    """Whether an operator is anything but linear in what it reads and varies."""
    way, varying = passage(node), _leading_back(graph, node)
    if node.op in MIXES:
        return True
    if way is Passage.AFFINE:
        return len(node.inputs) > len(varying) or node.op.endswith("_scalar")
    if way is Passage.SAME:
        return node.op not in LINEAR_FUNCTIONS and node.activation not in _HOMOGENEOUS
    if way is Passage.LAYER:
        return len(node.inputs) > 2 or varying != [0]
    if way in (Passage.PRODUCT, Passage.MATRIX_PRODUCT, Passage.QUOTIENT, Passage.FIRST):
        return len(varying) > 1
    return way in (Passage.NORMALISED, Passage.CELL, None) and bool(varying)


def _leading_back(graph: Structure, node: Node) -> list[int]:
    """Which of a node's inputs a gradient comes back from to the net's inputs: the others add as
    constants do."""
    back = graph.differentiable(graph.inputs)
    return [
        slot
        for slot in varying_slots(graph, node)
        if node.inputs[slot] in graph.inputs or node.inputs[slot][0] in back
    ]


def _at_layer(step: Step) -> Passed:
    layer = Layer(step, None, is_nonnegative=False)
    if step.told is not None and layer.bias is not None:
        step.told("bias", layer.plus(mx.nd.zeros_like(layer.arriving), layer.bias) * layer.arriving)
    return list(step.vjp())


def _between(step: Step, slots: Container[int]) -> Passed:
    """y - J·x, element by element where one number that is read makes one that is given."""
    found = step.vjp()
    if step.told is None:
        return list(found)
    y, arriving = step.outputs, step.arriving
    leading = [place for place, slot in enumerate(step.slots) if slot in slots]
    parts = [step.inputs[place] * found[place] for place in leading]
    if len(y) == 1 and len(parts) == 1 and parts[0].shape == y[0].shape:
        step.told("bias", arriving[0] * y[0] - parts[0])
    else:
        for value, one in zip(y, arriving):
            step.told("rest", value * one)
        for place, one in zip(leading, parts):
            slot = step.slots[place]
            step.told("rest", one, factor=-1.0, slot=slot)
    return list(found)

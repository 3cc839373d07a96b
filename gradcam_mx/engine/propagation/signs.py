"""Which values of a graph are never below zero, whatever its input is: the graph alone tells."""

from __future__ import annotations

from ...graph.kinds import Kind
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ...support.caches import Cache

_ACTIVATIONS = {"relu", "sigmoid", "softrelu", "hard_sigmoid"}
_FUNCTIONS = {"exp", "square", "sqrt", "abs", "softmax", "SoftmaxActivation", "_npi_exp", "softmin"}
_PARTS = {Passage.MOVED, Passage.PRODUCT, Passage.QUOTIENT}
_SUMS = {
    "elemwise_add",
    "broadcast_add",
    "add_n",
    "_npi_add",
    "mean",
    "sum",
    "_npi_mean",
    "_np_sum",
}


class NonNegative(Cache[None, "frozenset[Entry]"]):
    """Those of a graph."""

    def __init__(self) -> None:
        super().__init__(1)


def nonnegative(graph: Structure) -> frozenset[Entry]:
    """The values that are never below zero."""
    return graph.cache(NonNegative).get(None, lambda: _found(graph))


def _found(graph: Structure) -> frozenset[Entry]:
    found: set[Entry] = set()
    for node in graph.live_nodes:
        if not node.is_variable and (_is(node) or _keeps(node, found)):
            found.update((node.index, which) for which in graph.outputs_read.get(node.index, [0]))
    return frozenset(found)


def _is(node: Node) -> bool:
    """Whether its values are, whatever it reads."""
    if node.bend is not None:
        return node.bend.sign > 0 and node.activation == "relu"
    if node.op in ("clip", "_npi_clip"):
        return node.number("a_min", -1.0) >= 0
    if node.op in ("_maximum_scalar", "_npi_maximum_scalar"):
        return node.number("scalar", -1.0) >= 0
    return node.activation in _ACTIVATIONS or node.op in _FUNCTIONS


def _keeps(node: Node, known: set[Entry]) -> bool:
    """Whether its values are where those that it reads are."""
    slots = [slot for slot in range(len(node.inputs)) if slot not in node.operator.indices]
    if not slots or any(node.inputs[slot] not in known for slot in slots):
        return False
    if node.op in ("Pad", "_npi_pad"):
        return node.number("constant_value", 0.0) >= 0
    if node.op in ("_mul_scalar", "_div_scalar"):
        return node.number("scalar", -1.0) >= 0
    return (
        passage(node) in _PARTS
        or node.op in _SUMS
        or node.operator.kind in (Kind.POOLING, Kind.RESIZING)
        or node.op in ("_copy", "Cast", "amp_cast", "_contrib_AdaptiveAvgPooling2D")
    )

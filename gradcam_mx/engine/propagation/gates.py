"""Which of the factors of a product is the signal, and which is the gate that scales it.

The signal takes all relevance, the gate none (Arras et al. 2017, arXiv:1706.07206). Where both are
signals, as in a bilinear layer, each takes half.
"""

from __future__ import annotations

from typing import Sequence

from ...graph.kinds import Positions
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure

_FIRM = {"sigmoid", "hard_sigmoid"}
"""Activations that are made to be gates: the other factor is the signal, whatever it is."""
_SOFT = {"tanh", "softsign"}
"""Activations that are gates beside what is none, and signals beside one of the former."""
_PROBABILITIES = {"softmax", "SoftmaxActivation", "softmin", "_npx_softmax"}
_LOOKED_THROUGH = {Passage.MOVED, Passage.AFFINE, Passage.SAME, Passage.QUOTIENT}


def shares_of(graph: Structure, node: Node, slots: Sequence[int]) -> list[float]:
    """What each factor of a product takes: 1 for the signal, 0 for the gate, or a half each.

    Args:
        graph: its graph.
        node: the product.
        slots: those of its inputs that depend on the net's input.
    """
    if len(slots) < 2:
        return [1.0] * len(slots)
    first, second = (node.inputs[slot] for slot in slots[:2])
    if first == second:
        return [0.5, 0.5]
    back = graph.differentiable(graph.inputs)
    goes_back = [entry in graph.inputs or entry[0] in back for entry in (first, second)]
    firmness = [_firmness(graph, entry) for entry in (first, second)]
    if goes_back[0] != goes_back[1]:
        signal = goes_back.index(True)
    elif firmness[0] != firmness[1]:
        signal = firmness.index(min(firmness))
    elif first[0] in graph.ancestors([second]):
        signal = 0
    elif second[0] in graph.ancestors([first]):
        signal = 1
    else:
        return [0.5, 0.5]
    return [float(signal == place) for place in (0, 1)]


def _firmness(graph: Structure, entry: Entry) -> int:
    """How much of a gate a value is: 2 for a sigmoid or softmax, 1 for tanh, 0 for none."""
    while True:
        node = graph.nodes[entry[0]]
        if node.activation in _FIRM or node.op in _PROBABILITIES:
            return 2
        if node.activation in _SOFT:
            return 1
        varying = [one for one in node.inputs if one[0] in graph.data_dependent]
        is_part = passage(node) in _LOOKED_THROUGH and node.activation is None
        is_part = is_part and node.operator.positions is not Positions.WINDOW
        if node.is_variable or len(set(varying)) != 1 or not is_part:
            return 0
        entry = varying[0]

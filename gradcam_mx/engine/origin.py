"""Where NaN and infinity come from, once some were found."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ..graph.graph import Graph
from ..graph.node import Entry


def origin(graph: Graph, given: Mapping[Entry, Any]) -> str:
    """Where in a net the first number is that is none, in words; nothing where all are numbers.

    Args:
        graph: of the net.
        given: the values of its inputs, among others.
    """
    context = next(iter(given.values())).context
    for name, array in graph.parameters.on(context).items():
        if _holds_none(array):
            return f"the parameter {name!r} holds {_said(array)}"
    if not all(entry in given for entry in graph.inputs):
        return ""
    entries = [
        (node.index, which)
        for node in graph.live_nodes
        if not node.is_variable
        for which in graph.outputs_read.get(node.index, [0])
    ]
    values = graph.forward([given[entry] for entry in graph.inputs], entries, train_mode=True)
    for (index, _), value in zip(entries, values):
        if _holds_none(value):
            node = graph.nodes[index]
            return (
                f"the values of {node.name!r} ({node.op}) hold {_said(value)} for this input, the "
                "first to do so"
            )
    return ""


def _holds_none(array: Any) -> bool:
    return not np.isfinite(array.asnumpy()).all()


def _said(array: Any) -> str:
    return "NaN" if np.isnan(array.asnumpy()).any() else "infinity"

"""A change of a net that is supposed, to see whether it makes another net of it."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from ..graph.node import Description

APPENDED = -1
"""As the node of an input: the first of the nodes that the edit appends; -2 is the second."""


class Edit(NamedTuple):
    """What is changed in a net, as its symbol and its arrays describe it."""

    said: str
    """In words, the same wherever it is done: "an epsilon of 0.001 in place of 1e-05"."""
    node: int
    """Where it is: the node whose operator is another one."""
    nodes: Mapping[int, Description] = {}
    """Place of a node → what stands there."""
    arrays: Mapping[str, np.ndarray] = {}
    """Name of a parameter → its numbers."""
    appended: Sequence[Description] = ()
    """Further nodes."""


def merged(edits: Iterable[Edit]) -> Edit:
    """Several edits as one.

    Args:
        edits: of other nodes each, at least one.
    """
    given = list(edits)
    nodes: dict[int, Description] = {}
    arrays: dict[str, np.ndarray] = {}
    appended: list[Description] = []
    for one in given:
        shift = len(appended)
        nodes.update({place: _shifted(node, shift) for place, node in one.nodes.items()})
        appended += [_shifted(node, shift) for node in one.appended]
        arrays.update(one.arrays)
    return Edit(given[0].said, given[0].node, nodes, arrays, appended)


def placed(edit: Edit, nodes: Sequence[Description]) -> list[Description]:
    """The nodes of a net after an edit; each keeps its place.

    Args:
        edit: what is changed.
        nodes: of the net.
    """

    def known(entries: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [[len(nodes) - 1 - one[0] if one[0] < 0 else one[0], *one[1:]] for one in entries]

    whole = [*(edit.nodes.get(place, node) for place, node in enumerate(nodes)), *edit.appended]
    return [{**node, "inputs": known(node["inputs"])} for node in whole]


def _shifted(node: Description, shift: int) -> Description:
    inputs = [[one[0] - shift if one[0] < 0 else one[0], *one[1:]] for one in node["inputs"]]
    return {**node, "inputs": inputs}

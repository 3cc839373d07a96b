"""A cause at all places where it may have struck, and causes of which the outputs alone tell."""

from __future__ import annotations

from typing import Iterator, Mapping, Sequence

import numpy as np

from ..errors import GradCamError
from .aligning import distance
from .causes import At
from .edit import Edit, merged
from .editable import Editable
from .explaining import NEARLY
from .noise import Noise
from .suppositions import SUPPOSITIONS
from .value import rms

_OF_SIZE = ("num_filter", "num_group", "num_hidden", "no_bias", "workspace")
"""Attributes in which layers of one kind differ."""
_MOST_RUNS = 400


def everywhere(net: Editable, name: str, edit: Edit) -> list[list[Edit]]:
    """Where a cause may have struck: at one node, at all whose attributes are the same but for the
    number of channels, at all of its kind.

    Args:
        net: the old net.
        name: of the cause.
        edit: what it is at one node.
    """
    known = SUPPOSITIONS.get(name)
    if known is None or not known.spreads:
        return [[edit]]
    every = _of_all_nodes(net, name).get(edit.said, [edit])
    alike = [one for one in every if _sort(net, one.node) == _sort(net, edit.node)]
    return list({len(one): one for one in (every, alike, [edit])}.values())


def _sort(net: Editable, index: int) -> tuple[str, dict[str, str]]:
    node = net.nodes[index]
    attributes = node.get("attrs", {}).items()
    return node["op"], {name: one for name, one in attributes if name not in _OF_SIZE}


def _of_all_nodes(net: Editable, name: str) -> Mapping[str, list[Edit]]:
    found: dict[str, dict[int, Edit]] = {}
    for index in net.live:
        for edit in SUPPOSITIONS[name].formula(At(net, index)):
            found.setdefault(edit.said, {}).setdefault(edit.node, edit)
    return {said: list(edits.values()) for said, edits in found.items()}


def explain_outputs(
    net: Editable, x: Sequence[np.ndarray], outputs: Sequence[np.ndarray], noise: Sequence[Noise]
) -> tuple[str, list[Edit], float, float] | None:
    """The supposition that makes the outputs of a net those of another, of which nothing else is
    known: at all nodes of a kind, or at one.

    Args:
        net: the old net.
        x: the inputs.
        outputs: what the new net makes of them.
        noise: of each output of the old net.

    Returns:
        Name, edits, the relative difference before and after; None if there is none.
    """
    sizes = [rms(one) or 1.0 for one in outputs]
    own = net.outputs(x)
    before = _gap(own, outputs, sizes)
    floors = [one.rms / size for one, size in zip(noise, sizes)]
    best: tuple[str, list[Edit], float, float] | None = None
    for run, (name, edits) in enumerate(_everywhere(net)):
        if run >= _MOST_RUNS:
            break
        try:
            after = _gap(net.edited(merged(edits)).outputs(x), outputs, sizes)
        except GradCamError:
            continue
        limit = max(4 * max(floors), NEARLY * before)
        if after <= limit and (best is None or after < 0.1 * best[3]):
            best = name, edits, before, after
    return best


def _gap(one: Sequence[np.ndarray], other: Sequence[np.ndarray], sizes: Sequence[float]) -> float:
    return max(distance(a, b) / size for a, b, size in zip(one, other, sizes))


def _everywhere(net: Editable) -> Iterator[tuple[str, list[Edit]]]:
    for name, one in SUPPOSITIONS.items():
        for edits in _of_all_nodes(net, name).values():
            if one.spreads:
                yield name, edits
            else:
                yield from ((name, [edit]) for edit in edits)

"""Maxima and minima over axes: equal extremes share what arrives.

The rewrite of a graph has several operators in the place of one: the extreme itself, which MXNet's
derivative gives whole to each that is equal; the share of one; and their sum with the rest, held
fixed, which is the extreme again.
"""

from __future__ import annotations

from typing import Any

from ..._mxnet import mx
from ...graph.node import Node
from ...graph.structure import Structure
from ..steps import Ran, Step
from .shares import Passed

REDUCTIONS = {"max", "min", "_np_max", "_np_min"}


def is_behind_extreme(graph: Structure, node: Node) -> bool:
    """Whether a node is one of those behind an extreme: what arrives there goes on as it is.

    Args:
        graph: its graph.
        node: any.
    """
    is_last = node.role in REDUCTIONS and node.op == "elemwise_add"
    is_share = (
        node.op == "elemwise_div"
        and node.is_internal
        and any(graph.nodes[reader].role in REDUCTIONS for reader in graph.readers[node.index])
    )
    return is_last or is_share


def to_first(step: Step) -> Passed:
    """All goes to the first that is read.

    Args:
        step: where it arrives.
    """
    return [step.arriving[0], *[None] * (len(step.inputs) - 1)]


def to_extremes(step: Step) -> Passed:
    """All goes to the extreme, to equal ones in equal parts.

    Args:
        step: a maximum or minimum over axes.
    """
    ran = step.run()
    return list(ran.vjp([per_tie(step, ran, step.arriving[0])]))


def per_tie(step: Step, ran: Ran, values: Any) -> Any:
    """What each of equal extremes gets, where MXNet gives all of it to each.

    Args:
        step: a maximum or minimum; of one that is over no axes, all goes to one anyway.
        ran: a run of it.
        values: what arrives.
    """
    if step.node.op not in REDUCTIONS:
        return values
    (ties,) = ran.vjp([mx.nd.ones_like(values)])
    return values / _over_axes(step.node, ties).reshape(values.shape)


def _over_axes(node: Node, values: Any) -> Any:
    axes = node.numbers("axis", ())
    given = {"axis": tuple(map(int, axes))} if axes else {}
    return mx.nd.sum(values, exclude=node.flag("exclude", False), **given)

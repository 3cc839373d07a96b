"""Which loops and conditions of a graph can be unrolled, and what is said where they cannot."""

from __future__ import annotations

from typing import Any, Container, Iterable, Mapping, Sequence

from ..errors import NetworkError
from .kinds import Kind
from .node import Node, Shapes
from .operators import operator
from .structure import Structure

LARGEST = 5000
"""How many operators all steps of the loops may be; the first pass takes some seconds then."""


def steps_of(
    graph: Structure, traced: Sequence[Mapping[str, Any]], shapes: Shapes
) -> dict[int, int]:
    """The loops and conditions that can be unrolled: their numbers → how many steps they have.

    Args:
        graph: with the loops.
        traced: its nodes as traced, where they have these numbers.
        shapes: of all values in it.
    """
    numbers = [number for number, node in enumerate(traced) if _is_loop(node["op"])]
    rewritten = [node for node in graph.nodes if _is_loop(node.op)]
    live = {node.index for node in graph.loops}
    size, found = 0, {}
    for number, node in zip(numbers, rewritten):
        if node.index in live:
            steps = _steps(node, shapes)
            added = steps * sum(
                one["op"] != "null" for body in node.subgraphs for one in body["nodes"]
            )
            if size + added <= LARGEST:
                size, found[number] = size + added, steps
    return found


def check_unrolled(graph: Structure, way: Container[int]) -> None:
    """Refuse to take a gradient through a loop that is one operator.

    Args:
        graph: it.
        way: the nodes that the gradient comes through.

    Raises:
        NetworkError: there is one.
    """
    kept = [node for node in graph.loops if node.index in way]
    if kept:
        raise NetworkError(advice(kept))


def advice(loops: Iterable[Node]) -> str:
    """What to do about loops that were not unrolled."""
    names = ", ".join(f"{node.name!r} ({node.op.strip('_')})" for node in loops)
    return (
        f"the net runs the loop {names} as one operator: all of its steps together would be more "
        f"than {LARGEST:,} operators, so no gradient goes through it, and no layer in it can be "
        "explained. Methods that try other inputs (occlusion, rise, lime …) work: they "
        "run the net as it is"
    )


def _is_loop(op: str) -> bool:
    return operator(op).kind is Kind.LOOP


def _steps(node: Node, shapes: Shapes) -> int:
    """How often a loop runs its body at most; a condition runs each branch once."""
    if node.op == "_foreach":
        return shapes[node.inputs[0]][0]
    return node.whole("max_iterations", 1)

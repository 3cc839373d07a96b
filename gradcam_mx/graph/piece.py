"""Pieces of a graph, compiled to run on their own."""

from __future__ import annotations

import json
from typing import Any, Container, Iterable, Mapping, Sequence

from .._mxnet import mx
from .kinds import Fault
from .node import Entry, Node
from .operators import SELU_SCALE, SELU_SLOPE
from .structure import Structure


class Piece:
    """A compiled piece of the graph: values at its leaves in, values at its outputs out."""

    def __init__(
        self, symbol: Any, leaves: Mapping[str, Entry], keeps_memory: bool = False
    ) -> None:
        self._op = mx.nd.CachedOp(
            symbol,
            [
                # without inlining, a piece of one or two operators is as quick as any other
                # (measured)
                ("inline_limit", 0),
                ("static_alloc", keeps_memory),
                ("static_shape", keeps_memory),
            ],
        )
        self._arguments: list[str | Entry] = [
            leaves.get(name, name) for name in symbol.list_inputs()
        ]

    def __call__(self, values: Mapping[Entry, Any], parameters: Mapping[str, Any]) -> list[Any]:
        results = self._op(
            *(parameters[key] if isinstance(key, str) else values[key] for key in self._arguments)
        )
        return results if isinstance(results, list) else [results]


def symbol_of(
    graph: Structure, outputs: Sequence[Entry], leaves: Iterable[Entry]
) -> tuple[Any, dict[str, Entry]]:
    """A Symbol of `outputs` in which each leaf is a variable; and those variables' names."""
    names = {leaf: f"leaf{leaf[0]}_{leaf[1]}" for leaf in leaves}
    rebuilt: list[dict[str, Any]] = []
    places: dict[Entry, tuple[int, int, int]] = {}

    def add(entry: Entry, description: dict[str, Any]) -> None:
        places[entry] = (len(rebuilt), 0, 0)
        rebuilt.append(description)

    def place(entry: Entry) -> tuple[int, int, int]:
        if entry in names and entry not in places:
            add(entry, {"op": "null", "name": names[entry], "inputs": []})
        if entry in places:
            return places[entry]
        at, _, version = places[(entry[0], 0)]
        return (at, entry[1], version)

    for index in sorted(graph.ancestors(outputs, names)):
        node = graph.nodes[index]
        described = _as_run(node, [place(entry) for entry in node.inputs], len(rebuilt))
        rebuilt.extend(described[:-1])
        # Two nodes may bear one name (a block that runs twice); MXNet minds only variables'.
        add((index, 0), described[-1])
        if Fault.NO_GRADIENT in node.operator.faults:
            at = places[(index, 0)][0]
            for which in graph.outputs_read.get(index, [0]):
                add((index, which), _blocked(at, which))
    heads = [place(entry) for entry in outputs]
    for number, entry in enumerate(outputs):
        if _hands_on_what_arrives(graph, entry, names):
            copy = _copied(f"{graph.nodes[entry[0]].name}_out", heads[number])
            heads[number] = (len(rebuilt), 0, 0)
            rebuilt.append(copy)
    whole = {
        "nodes": rebuilt,
        "arg_nodes": [at for at, node in enumerate(rebuilt) if node["op"] == "null"],
        "heads": heads,
        "attrs": graph.attributes,
    }
    return mx.sym.load_json(json.dumps(whole)), {name: leaf for leaf, name in names.items()}


def _hands_on_what_arrives(graph: Structure, output: Entry, leaves: Container[Entry]) -> bool:
    """Whether what arrives at an output is, as it is, what arrives at a value that is given.

    It is through sums alone. Compiled, their gradient then raises ("storage_type_num_unknown_nodes"
    of a + Dense(b)); `backward()` does not, but puts the array that arrives in the place of the
    buffer of `a`, which stays unwritten (both measured). A copy of the output, which has a backward
    operator, mends that; it is as quick as either, and quicker than a cut (measured).
    """
    waiting = [] if output in leaves else [output]
    while waiting:
        node = graph.nodes[waiting.pop()[0]]
        if Fault.NO_BACKWARD_OPERATOR in node.operator.faults:
            if any(e in leaves or graph.nodes[e[0]].is_variable for e in node.inputs):
                return True
            waiting.extend(node.inputs)
    return False


def _copied(name: str, entry: tuple[int, int, int]) -> dict[str, Any]:
    return {"op": "_copy", "name": name, "attrs": {}, "inputs": [entry]}


def _blocked(at: int, which: int) -> dict[str, Any]:
    """The JSON of what tells MXNet that no gradient is wanted of a value."""
    name = f"blocked{at}_{which}"
    return {"op": "BlockGrad", "name": name, "inputs": [(at, which, 0)]}


def _as_run(node: Node, inputs: list[tuple[int, int, int]], place: int) -> list[dict[str, Any]]:
    """The JSON of a node, whose place is given; of a SELU that of the ELU and the scaling it is."""
    description: dict[str, Any] = {
        "op": node.op,
        "name": node.name,
        "attrs": dict(node.attrs),
        "inputs": inputs,
    }
    if node.subgraphs:
        description["subgraphs"] = node.subgraphs
    if node.activation != "selu":
        return [description]
    description["attrs"] = {"act_type": "elu", "slope": repr(SELU_SLOPE)}
    scaling = {
        "op": "_mul_scalar",
        "name": f"{node.name}_scale",
        "attrs": {"scalar": repr(SELU_SCALE)},
        "inputs": [[place, 0, 0]],
    }
    return [description, scaling]

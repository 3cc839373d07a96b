"""A net's own graph in which some values are changed before anything reads them."""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple

from ..graph.node import Description, Entry

Entries = List[List[int]]


class Change(NamedTuple):
    """A value becomes itself times `keep`, plus `fill`."""

    keep: str
    """The name of a parameter that is broadcast to the value's shape; so is the other."""
    fill: str
    shape: tuple[int, ...]
    """That of both, which Module wants to be told."""


def spliced(description: Mapping[str, Any], changes: Mapping[Entry, Change]) -> Description:
    """The graph in which all that reads a value, or returns it, has the changed one.

    That bears the name of the operator which made it, so that layers and outputs are called as
    before; the operator itself is called after it.

    Args:
        description: a Symbol's JSON as Python has it; it is left alone.
        changes: value → what becomes of it.
    """
    nodes: list[Description] = []
    places: dict[Entry, Entry] = {}

    def moved(entries: Entries) -> Entries:
        return [[*places[entry[0], entry[1]], *entry[2:]] for entry in entries]

    read = _values(description)
    for index, node in enumerate(description["nodes"]):
        changed = [which for which in read[index] if (index, which) in changes]
        name = f"{node['name']}_whole" if changed == [0] else node["name"]
        nodes.append({**node, "name": name, "inputs": moved(node["inputs"])})
        made = len(nodes) - 1
        places.update({(index, which): (made, which) for which in read[index]})
        for which in changed:
            called = node["name"] if changed == [0] else f"{node['name']}_suppressed{which}"
            nodes += _steps(called, (made, which), len(nodes), changes[index, which])
            places[index, which] = len(nodes) - 1, 0
    variables = [at for at, node in enumerate(nodes) if node["op"] == "null"]
    heads = moved(description["heads"])
    return {**description, "nodes": nodes, "arg_nodes": variables, "heads": heads}


def _values(description: Mapping[str, Any]) -> list[list[int]]:
    """Of each node those of its values that are read or returned, and the first."""
    found: list[set[int]] = [{0} for _ in description["nodes"]]
    for node in description["nodes"]:
        for entry in node["inputs"]:
            found[entry[0]].add(entry[1])
    for entry in description["heads"]:
        found[entry[0]].add(entry[1])
    return [sorted(one) for one in found]


def _steps(name: str, entry: Entry, at: int, change: Change) -> list[Description]:
    def step(op: str, called: str, *inputs: Entry, **attrs: str) -> Description:
        read = [[*one, 0] for one in inputs]
        return {"op": op, "name": called, "inputs": read, "attrs": attrs}

    return [
        step("null", change.keep, __shape__=str(change.shape)),
        step("null", change.fill, __shape__=str(change.shape)),
        step("broadcast_mul", f"{name}_kept", entry, (at, 0)),
        step("broadcast_add", name, (at + 2, 0), (at + 1, 0)),
    ]

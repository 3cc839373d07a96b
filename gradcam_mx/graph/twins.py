"""Which values of a rewritten graph are which values of the graph that it was made of.

They are followed through each rewriting as its heads are: what stands for a fused operator, a loop
or an operator in other words is known without a look at names, which several nodes may share.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Sequence

from .node import Entry

Twins = Dict[Entry, Entry]
"""Value of a graph → the same value of another that it was made of."""


def values_of(description: Mapping[str, Any]) -> list[Entry]:
    """The values that the operators of a graph make, as far as they are read or returned.

    Args:
        description: a Symbol's JSON as Python has it.
    """
    nodes = description["nodes"]
    read = [entry for node in nodes for entry in node["inputs"]]
    found = {(entry[0], entry[1]) for entry in (*read, *description["heads"])}
    return sorted(entry for entry in found if nodes[entry[0]]["op"] != "null")


def followed(description: Mapping[str, Any]) -> dict[str, Any]:
    """The graph with `values_of` it as heads behind its own."""
    heads = [[*entry, 0] for entry in values_of(description)]
    return {**description, "heads": [*description["heads"], *heads]}


def paired(places: Iterable[Sequence[int]], values: Iterable[Entry]) -> Twins:
    """Where values are → the values; of several in one place the first.

    Args:
        places: of each value.
        values: they.
    """
    twins: Twins = {}
    for place, value in zip(places, values):
        twins.setdefault((place[0], place[1]), value)
    return twins


def through(later: Twins, earlier: Twins) -> Twins:
    """The twins after two rewritings, of those of the later and those of the earlier."""
    return {place: earlier[value] for place, value in later.items() if value in earlier}

"""The bodies of loops and conditions: graphs inside a node of a graph, as a Symbol's JSON has them.

MXNet runs them as they are, in train mode too: with a dropout, batch statistics and faults of their
own (measured). So they are frozen as the graph around them is.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

from .attributes import Attributes
from .kinds import Fault
from .node import Description
from .operators import operator

_OF_A_NODE = ("op", "name", "attrs", "inputs", "subgraphs")


def frozen_body(body: Mapping[str, Any]) -> Description:
    """The body as it is at inference, in train mode too; as MXNet reads it.

    Args:
        body: rewritten, as `rewrite` does with the graph around it.
    """
    nodes = [_frozen(node) for node in body["nodes"]]
    variables = [place for place, node in enumerate(nodes) if node["op"] == "null"]
    return {"nodes": nodes, "arg_nodes": variables, "heads": body["heads"]}


def _frozen(node: Description) -> Description:
    known, attributes = operator(node["op"]), Attributes.of(node)
    if known.is_passed_over(attributes):
        # a copy: which place an input has in a body depends on the order in which it is read
        return {"op": "_copy", "name": node["name"], "inputs": node["inputs"][:1]}
    frozen = {key: node[key] for key in _OF_A_NODE if key in node}
    changed = known.at_inference(attributes)
    return {**frozen, "attrs": {**attributes.attrs, **changed}} if changed else frozen


def fixed_gammas(nodes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the gammas that batch normalisations would write ones into.

    Args:
        nodes: those of a graph, and of the bodies in it, as a Symbol's JSON has them.
    """
    nodes = list(nodes)
    for node in nodes:
        faults = operator(node["op"]).faults
        if Fault.FIXED_GAMMA in faults and Attributes.of(node).flag("fix_gamma", True):
            yield nodes[node["inputs"][1][0]]["name"]
        for body in node.get("subgraphs", ()):
            yield from fixed_gammas(body["nodes"])

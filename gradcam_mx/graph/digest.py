"""Hashes of a network: of what it computes, and of the numbers of its parameters."""

from __future__ import annotations

import hashlib
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from .graph import Graph
from .parameters import is_gluon
from .sealed import Sealed


class Digest(NamedTuple):
    """SHA-256 of the two halves of a network, in hexadecimal digits.

    Names play no part: a net in Python and the files that it was exported to have the same.
    """

    structure: str
    """Of the operators, their attributes, and what reads what."""
    parameters: str
    """Of every byte of the parameters as they are stored, with their types and shapes."""


def digest_of(graph: Graph) -> Digest:
    """The hashes of a network, of all that its outputs depend on.

    Args:
        graph: of the network.
    """
    if isinstance(graph, Sealed):
        return Digest(*graph.box.digest)
    description, sources = graph.own.whole
    nodes = description["nodes"]
    heads = description["heads"][: len(graph.output_names)]
    place = {index: number for number, index in enumerate(_live(nodes, heads))}
    structure, parameters = hashlib.sha256(), hashlib.sha256()
    for index, number in place.items():
        node = nodes[index]
        is_parameter = node["op"] == "null" and node["name"] in sources
        inputs = [(place[entry[0]], entry[1]) for entry in node["inputs"]]
        structure.update(repr((_said(node), inputs, is_parameter)).encode())
        if is_parameter:
            array = _stored(sources[node["name"]])
            parameters.update(repr((number, array.dtype.str, array.shape)).encode())
            parameters.update(np.ascontiguousarray(array).tobytes())
    structure.update(repr([(place[head[0]], head[1]) for head in heads]).encode())
    return Digest(structure.hexdigest(), parameters.hexdigest())


def _live(nodes: Sequence[Mapping[str, Any]], heads: Sequence[Sequence[int]]) -> Iterator[int]:
    """The nodes that the outputs depend on, in their order."""
    wanted = {head[0] for head in heads}
    for index in range(len(nodes) - 1, -1, -1):  # what is read comes before what reads it
        if index in wanted:
            wanted.update(entry[0] for entry in nodes[index]["inputs"])
    return (index for index in range(len(nodes)) if index in wanted)


def _said(node: Mapping[str, Any]) -> Any:
    """An operator and its attributes, without names; and the bodies of loops."""
    attributes = sorted(
        item for item in node.get("attrs", {}).items() if not item[0].startswith("__")
    )
    bodies = [
        ([(_said(one), one["inputs"]) for one in body["nodes"]], body.get("heads"))
        for body in node.get("subgraphs", ())
    ]
    return node["op"], attributes, bodies


def _stored(source: Any) -> np.ndarray:
    """The numbers of a parameter, in the type that they are kept in."""
    array = source.data(source.list_ctx()[0]) if is_gluon(source) else source
    return np.asarray(array.asnumpy())

"""Scalar functions that a graph writes out in several operators, tried at a few points."""

from __future__ import annotations

import functools
import json
from typing import Any, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from .node import Entry, Node
from .parameters import FLOATS

_RANKS = 5


def tried(
    nodes: Sequence[Node],
    attributes: Mapping[str, Any],
    end: Node,
    source: Entry,
    points: tuple[float, ...],
) -> np.ndarray | None:
    """What a function gives at some points; None if it is none, or not finite there.

    Args:
        nodes: of the graph.
        attributes: of the graph as a whole.
        end: the last operator of the function.
        source: the value that it is a function of.
        points: where it is tried.
    """
    if any(nodes[index].is_variable for index in _made_of(nodes, end, source)):
        return None
    rebuilt: list[Mapping[str, Any]] = [{"op": "null", "name": "x", "inputs": []}]
    places = {source: (0, 0, 0)}

    def place(entry: Entry) -> tuple[int, int, int]:
        if entry not in places:
            made = nodes[entry[0]]
            inputs = [place(one) for one in made.inputs]
            places[entry] = (len(rebuilt), entry[1], 0)
            name = f"step{len(rebuilt)}"
            rebuilt.append(
                {"op": made.op, "name": name, "attrs": _in_single(made.attrs), "inputs": inputs}
            )
        return places[entry]

    head = place((end.index, 0))
    whole = {"nodes": rebuilt, "arg_nodes": [0], "heads": [head], "attrs": dict(attributes)}
    return _values_of(json.dumps(whole, sort_keys=True), points)


def _made_of(nodes: Sequence[Node], end: Node, source: Entry) -> set[int]:
    found: set[int] = set()
    waiting = [(end.index, 0)]
    while waiting:
        entry = waiting.pop()
        if entry != source and entry[0] not in found:
            found.add(entry[0])
            waiting.extend(nodes[entry[0]].inputs)
    return found


def _in_single(attrs: Mapping[str, str]) -> dict[str, str]:
    """Attributes, such as those of zeros, for a run in single precision."""
    is_float = attrs.get("dtype") in FLOATS
    return {**attrs, **({"dtype": "float32"} if is_float else {})}


def _fits(function: Any, shape: Sequence[int]) -> bool:
    """Whether a choice has values of one shape: of others `where` ends the process (measured)."""
    inner = function.get_internals()
    shapes = inner.infer_shape(x=tuple(shape))[1]
    if shapes is None:
        return False
    named = (name.rpartition("_output")[0] or name for name in inner.list_outputs())
    of_node = dict(zip(named, shapes))
    nodes = json.loads(function.tojson())["nodes"]
    return all(
        len({of_node[nodes[source]["name"]] for source, *_ in node["inputs"]}) == 1
        for node in nodes
        if node["op"] == "where"
    )


@functools.lru_cache(maxsize=2048)
def _values_of(symbol: str, points: tuple[float, ...]) -> np.ndarray | None:
    function = mx.sym.load_json(symbol)
    run = mx.nd.CachedOp(function)
    for rank in range(1, _RANKS + 1):
        x = mx.nd.array(np.reshape(points, (-1, *[1] * (rank - 1))))
        try:
            if not _fits(function, x.shape):
                continue
            with mx.autograd.pause():
                values = run(x).asnumpy().ravel()
        except mx.MXNetError:
            continue  # numbers of another rank stand beside it
        if len(values) == len(points) and np.isfinite(values).all():
            return values
    return None

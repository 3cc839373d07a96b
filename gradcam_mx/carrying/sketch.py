"""A net's own symbol, to which operators are added."""

from __future__ import annotations

import json
from typing import Any, Collection, Dict, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError
from ..graph.node import Description, Entry

Arrays = Dict[str, np.ndarray]


class Sketch:
    """The nodes of a net as its user has it, and those that were added behind them.

    Args:
        description: the Symbol's JSON as Python has it; it is left alone.
        outputs: how many of its heads are the net's outputs.
        name: what the names of all that is added begin with.

    Raises:
        NetworkError: the net has a name that begins so.
    """

    def __init__(self, description: Mapping[str, Any], outputs: int, name: str) -> None:
        self._attributes = description.get("attrs", {})
        self.nodes: list[Description] = list(description["nodes"])
        self.heads: list[Entry] = [(one[0], one[1]) for one in description["heads"][:outputs]]
        self.name = name
        self.constants: Arrays = {}
        """Name → numbers of the variables that were added and are always the same."""
        self.inputs: list[str] = []
        """The names of the inputs that were added."""
        taken = [node["name"] for node in self.nodes if _is_of(node["name"], name)]
        if taken:
            raise NetworkError(
                f"the new output cannot be called {name!r}: the net has {taken[0]!r} already; pass "
                "another name, name=…"
            )

    def add(self, op: str, *inputs: Entry, **attrs: Any) -> Entry:
        """Add an operator; the value that it makes.

        Args:
            op: as MXNet calls it.
            inputs: the values that it reads.
            attrs: its attributes.
        """
        name = f"{self.name}_{op.strip('_').lower()}{len(self.nodes)}"
        described = {key: str(value) for key, value in attrs.items()}
        return self._append({"op": op, "name": name, "attrs": described}, inputs)

    def constant(self, what: str, numbers: np.ndarray) -> Entry:
        """Add numbers that are always the same, as one more parameter; their value.

        Args:
            what: what they are, which becomes a part of their name.
            numbers: them.
        """
        name = f"{self.name}_{what}"
        self.constants[name] = np.asarray(numbers, np.float32)
        attrs = {"__shape__": str(tuple(map(int, numbers.shape)))}
        return self._append({"op": "null", "name": name, "attrs": attrs}, ())

    def input(self, what: str) -> Entry:
        """Add an input of the net; its value.

        Args:
            what: what it is, which becomes a part of its name.
        """
        self.inputs.append(f"{self.name}_{what}")
        return self._append({"op": "null", "name": self.inputs[-1]}, ())

    def copy(self, nodes: Collection[int], places: Mapping[Entry, Entry]) -> dict[Entry, Entry]:
        """Add some of the nodes once more, which read other values; where what they make is.

        Args:
            nodes: they, by their number.
            places: value → what they read in its place.
        """
        found = dict(places)
        copies: dict[int, int] = {}

        def place(entry: Sequence[int]) -> Entry:
            key = entry[0], entry[1]
            return found.get(key) or (copies.get(entry[0], entry[0]), entry[1])

        for index in sorted(nodes):
            node = self.nodes[index]
            name = f"{self.name}_{node['name']}"
            inputs = [place(entry) for entry in node["inputs"]]
            copies[index], _ = self._append({**node, "name": name}, inputs)
        return {**found, **{(old, 0): (new, 0) for old, new in copies.items()}}

    def finish(self, entry: Entry) -> str:
        """Make a value the last output of the net, under the name of the sketch; what that is
        called. No gradient gets from there into the net."""
        self.heads.append(self._append({"op": "BlockGrad", "name": self.name}, [entry]))
        return f"{self.name}_output"

    def symbol(self, heads: Sequence[Entry] = ()) -> Any:
        """The Symbol of the net's outputs and of what was added to them.

        Args:
            heads: other values in their place.
        """
        whole = {
            "nodes": self.nodes,
            "arg_nodes": [at for at, node in enumerate(self.nodes) if node["op"] == "null"],
            "heads": [[*entry, 0] for entry in heads or self.heads],
            "attrs": self._attributes,
        }
        # MXNet drops what no head is computed from
        return mx.sym.load_json(json.dumps(whole))

    def number_of(self, name: str) -> Entry:
        """The value of a variable of the net."""
        at = next(
            at for at, one in enumerate(self.nodes) if one["op"] == "null" and one["name"] == name
        )
        return at, 0

    def _append(self, node: Description, inputs: Sequence[Entry]) -> Entry:
        self.nodes.append({**node, "inputs": [[*entry, 0] for entry in inputs]})
        return len(self.nodes) - 1, 0


def _is_of(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}_")

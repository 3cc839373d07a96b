"""An MXNet net as its symbol and its arrays: it runs as it is, or changed as an edit says."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import InputError, NetworkError, reason
from ..graph.attributes import Attributes
from ..graph.graph import Graph
from ..graph.kinds import Kind
from ..graph.node import Description, Entry
from ..graph.operators import operator
from ..graph.parameters import FLOATS, brought_to, type_name
from .edit import APPENDED, Edit, merged, placed
from .value import INPUT, Value


class Editable:
    """A net, all of whose values can be computed, with or without an edit.

    Nothing is ever written into the net: an edit lies beside it.

    Args:
        nodes: of its symbol, as JSON has them.
        arrays: name of a parameter → the array.
        input_names: in the order of the call.
        heads: the values that it returns.
        dtype: of the arrays at its inputs.
        attributes: of the symbol as a whole.
    """

    def __init__(
        self,
        nodes: Sequence[Description],
        arrays: Mapping[str, Any],
        input_names: Sequence[str],
        heads: Sequence[Entry],
        dtype: str,
        attributes: Mapping[str, Any],
    ) -> None:
        self.nodes, self.arrays, self.input_names = list(nodes), dict(arrays), list(input_names)
        self.heads, self.dtype, self._attributes = list(heads), dtype, attributes

    @classmethod
    def of(cls, graph: Graph) -> Editable:
        """A net's graph, as it was before anything in it was rewritten.

        Args:
            graph: of the net, whose parameters are there.
        """
        description, sources = graph.own.whole
        contexts = graph.parameters.contexts()
        context = contexts[0] if contexts else mx.cpu()
        heads = graph.own.heads[: len(graph.output_names)]
        needed = [name for name in graph.parameters.shapes() if name in sources]
        arrays = brought_to({name: sources[name] for name in needed}, context)
        return cls(
            _without_labels(description["nodes"]),
            {name: one.as_nd_ndarray().detach() for name, one in arrays.items()},
            graph.input_names,
            heads,
            graph.own.dtype,
            description.get("attrs", {}),
        )

    def edited(self, edit: Edit) -> Editable:
        """The net after an edit.

        Args:
            edit: what is changed.
        """
        changed = {
            name: mx.nd.array(one, ctx=self.context, dtype=self.arrays[name].dtype)
            for name, one in edit.arrays.items()
        }
        return Editable(
            placed(edit, self.nodes),
            {**self.arrays, **changed},
            self.input_names,
            self.heads,
            self.dtype,
            self._attributes,
        )

    @property
    def context(self) -> Any:
        """Where it runs."""
        return next(iter(self.arrays.values())).context if self.arrays else mx.cpu()

    @cached_property
    def live(self) -> list[int]:
        """The operators between the inputs and the outputs, each behind those that it reads."""
        order: list[int] = []
        depends: dict[int, bool] = {}
        waiting = [(index, False) for index, _ in reversed(self.heads)]
        while waiting:
            index, is_done = waiting.pop()
            if index in depends:
                continue
            node = self.nodes[index]
            sources = [entry[0] for entry in node["inputs"]]
            if not is_done:
                waiting.append((index, True))
                waiting += [(source, False) for source in reversed(sources)]
                continue
            depends[index] = node["name"] in self.input_names or any(
                depends[source] for source in sources
            )
            if node["op"] != "null" and depends[index]:
                order.append(index)
        return order

    @cached_property
    def entries(self) -> list[Entry]:
        """The values that depend on the inputs and that something reads, in their order."""
        live = set(self.live)
        read = {(entry[0], entry[1]) for index in live for entry in self.nodes[index]["inputs"]}
        read.update(self.heads)
        rank = {index: place for place, index in enumerate(self.live)}
        found = [entry for entry in read if entry[0] in live]
        return sorted(found, key=lambda entry: (rank[entry[0]], entry[1]))

    def without_effect(self, index: int) -> list[int]:
        """The operators whose values stay as they are, whatever is done at a node.

        Args:
            index: the node.
        """
        changed = {index, *self.behind(index)}
        return [one for one in self.live if one not in changed]

    def behind(self, index: int) -> list[int]:
        """The operators whose values depend on that of a node, in their order.

        Args:
            index: the node.
        """
        found = {index: None}
        for one in self.live:
            if any(entry[0] in found for entry in self.nodes[one]["inputs"]):
                found[one] = None
        return list(found)[1:]

    # -- running -----------------------------------------------------------------------------------

    def run(
        self,
        x: Sequence[np.ndarray],
        entries: Sequence[Entry],
        dtype: str | None = None,
        known: Mapping[int, np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Some of its values.

        Args:
            x: an array for each input.
            entries: the values.
            dtype: a floating-point type to compute in; its own by default.
            known: node → its first value, where that has not to be computed.

        Raises:
            InputError: MXNet cannot run it on this input.
        """
        leaves = known or {}
        symbol = mx.sym.load_json(json.dumps(self._described(entries, leaves)))
        given = {
            name: mx.nd.array(one, ctx=self.context, dtype=self.dtype)
            for name, one in zip(self.input_names, x)
        }
        read = set(symbol.list_inputs())
        for index, one in leaves.items():
            if _leaf(index) in read:
                given[_leaf(index)] = mx.nd.array(one, ctx=self.context, dtype=one.dtype)
        arguments = []
        for name in symbol.list_inputs():
            if name not in given and name not in self.arrays:
                raise NetworkError(f"the net reads {name!r}, which is neither input nor parameter")
            array = given[name] if name in given else self._parameter(name)
            is_cast = dtype is not None and type_name(array) in FLOATS
            arguments.append(array.astype(dtype) if is_cast else array)
        try:
            with mx.autograd.pause(train_mode=False):
                made = mx.nd.CachedOp(symbol)(*arguments)
            return [one.asnumpy() for one in (made if isinstance(made, list) else [made])]
        except mx.MXNetError as error:
            shapes = ", ".join(str(one.shape) for one in x)
            raise InputError(
                f"MXNet cannot run the net on an input of shape {shapes}: {reason(error)}"
            ) from error

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns.

        Args:
            x: an array for each input.
        """
        return self.run(x, self.heads)

    def values(self, x: Sequence[np.ndarray], dtype: str | None = None) -> list[Value]:
        """All its values, the inputs first.

        Args:
            x: an array for each input.
            dtype: a floating-point type to compute in; its own by default.
        """
        arrays = self.run(x, self.entries, dtype)
        names = [node["name"] for node in self.nodes]
        places: dict[Entry, int] = {}
        found: list[Value] = []
        for name, one in zip(self.input_names, x):
            if name in names:
                places[names.index(name), 0] = len(found)
            found.append(Value(name, INPUT, {}, one))
        for entry, array in zip(self.entries, arrays):
            node = self.nodes[entry[0]]
            read = [(one[0], one[1]) for one in node["inputs"]]
            inputs = tuple(places[one] for one in read if one in places)
            parameters = tuple(names[one[0]] for one in read if names[one[0]] in self.arrays)
            places[entry] = len(found)
            attributes = node.get("attrs", {})
            made = Value(node["name"], node["op"], attributes, array, inputs, parameters, *entry)
            found.append(made)
        return found

    def parameter(self, name: str) -> np.ndarray:
        """The numbers of a parameter.

        Args:
            name: of it.
        """
        found: np.ndarray = self.arrays[name].asnumpy()
        return found

    def _parameter(self, name: str) -> Any:
        array = self.arrays[name]
        # batch normalisation writes ones into a gamma that is fixed (measured)
        return array.copy() if array.ndim == 1 else array

    def _described(self, entries: Sequence[Entry], leaves: Mapping[int, np.ndarray]) -> Description:
        nodes = [
            {"op": "null", "name": _leaf(place), "inputs": []} if place in leaves else node
            for place, node in enumerate(self.nodes)
        ]
        return {
            "nodes": nodes,
            "arg_nodes": [place for place, one in enumerate(nodes) if one["op"] == "null"],
            "heads": [[*entry, 0] for entry in entries],
            "attrs": self._attributes,
        }


def _leaf(index: int) -> str:
    return f"value of node {index}"


def _without_labels(nodes: Sequence[Description]) -> list[Description]:
    """The nodes, loss heads among them as what they give at inference, which needs no label."""
    edits = [_without_label(place, node) for place, node in enumerate(nodes)]
    changed = [edit for edit in edits if edit is not None]
    return placed(merged(changed), nodes) if changed else list(nodes)


def _without_label(place: int, node: Description) -> Edit | None:
    known = operator(node["op"])
    if known.kind is not Kind.LOSS_HEAD or len(node["inputs"]) < 2:
        return None
    made = known.probabilities(Attributes.of(node))
    bare = {**node, "inputs": node["inputs"][:1], "attrs": {}}
    if made is None or made.kind == "sigmoid":
        return Edit("", place, {place: {**bare, "op": "_copy" if made is None else "sigmoid"}})
    if made.axis is not None:
        axis = {"axis": str(made.axis)}
        return Edit("", place, {place: {**bare, "op": "softmax", "attrs": axis}})
    # over all that belongs to a sample
    flat = {**bare, "op": "Flatten", "name": f"{node['name']}_flat"}
    soft = {
        "op": "softmax",
        "name": node["name"],
        "attrs": {"axis": "-1"},
        "inputs": [[APPENDED, 0, 0]],
    }
    name = f"{node['name']}_shaped"
    shaped = {
        **bare,
        "op": "reshape_like",
        "name": name,
        "inputs": [[APPENDED - 1, 0, 0], *bare["inputs"]],
    }
    return Edit("", place, {place: shaped}, appended=(flat, soft))

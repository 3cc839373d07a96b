"""A node of a graph as a step of a backward pass: its values, and runs of it alone."""

from __future__ import annotations

from functools import partial
from typing import Any, Mapping, NamedTuple, Protocol, Sequence, Tuple

from .._mxnet import mx
from ..errors import RuleError
from ..graph.graph import Graph
from ..graph.kinds import Fault
from ..graph.node import Entry
from ..graph.piece import Piece, symbol_of
from ..graph.structure import Structure
from ..support.caches import Cache
from .steps import Arrays, Attributes, Ran, Recorded, Reference, Step, Told

Key = Tuple[int, Tuple[Tuple[str, str], ...], Tuple[int, ...]]
"""What a piece of one node depends on: the node, its attributes, the inputs that it is given."""


class Accounts(Protocol):
    """What takes down a backward pass, node by node."""

    def told(self, index: int) -> Told:
        """What takes down where relevance is lost at a node."""

    def leads(self, entry: Entry) -> bool:
        """Whether what is passed on to a value comes to an input, though nobody asks for it."""

    def passed(
        self,
        index: int,
        arriving: Sequence[tuple[Entry, Any]],
        passed_on: Sequence[tuple[Entry, Any]],
        is_all: bool,
        is_changed: bool = False,
    ) -> None:
        """Something arrived at the outputs of a node, and was passed on to values that it reads: to
        all of them, or to some and to others that nobody asks for."""


class Also(NamedTuple):
    """What goes with a backward pass."""

    reference: Mapping[Entry, Any] | None = None
    """The values of another run, which this one is compared with."""
    ledger: Accounts | None = None
    """Takes down what arrives and leaves."""
    made: dict[int, dict[Any, Any]] | None = None
    """Node → what a rule made of its values, kept for other walks over the same run; None keeps
    nothing."""

    def told(self, index: int) -> Told | None:
        """What takes down where relevance is lost at a node; None if nothing does."""
        return None if self.ledger is None else self.ledger.told(index)

    def made_at(self, index: int) -> dict[Any, Any]:
        """What was made at a node so far; what is added is kept, if anything is."""
        return {} if self.made is None else self.made.setdefault(index, {})


ALONE = Also()


class WrittenNode:
    """An activation that is written out in several operators and ran as a segment of its own, of
    which `GraphNode` would be the last operator alone.

    Args:
        graph: its graph.
        index: the node at which it ends.
        values: what the run computed or was given.
        parameters: the net's parameters, by name.
    """

    def __init__(
        self, graph: Graph, index: int, values: Mapping[Entry, Any], parameters: Mapping[str, Any]
    ) -> None:
        self._graph, self._values, self._parameters = graph, values, parameters
        self.node = graph.nodes[index]
        assert self.node.bend is not None, "it is one operator"
        self.entries = [self.node.bend.source]
        """The value that it is a function of."""

    def step(
        self, recorded: Recorded, leaves: list[Entry], arriving: Arrays, also: Also = ALONE
    ) -> Step:
        """The activation in a backward pass; see `GraphNode.step`."""
        inputs = [self._values[entry] for entry in self.entries]
        piece = self._graph.compile([(self.node.index, 0)], self.entries)

        def runs(others: Arrays | None, changed: Arrays | None, attrs: Attributes) -> Ran:
            if changed or attrs:
                raise RuleError(
                    f"the activation {self.node.name!r} is written out in several operators, which "
                    "can be run on other inputs, but with no other parameters or attributes"
                )

            def run(marked: list[Any]) -> list[Any]:
                return piece(dict(zip(self.entries, marked)), self._parameters)

            again = Recorded(run, inputs if others is None else others)
            return Ran(again, again.inputs, [0])

        return Step(
            self.node,
            inputs,
            [],
            recorded.outputs,
            arriving,
            runs,
            slots=[0],
            reference=_reference(also, self.entries, self.node.index, [0]),
            told=also.told(self.node.index),
            made=also.made_at(self.node.index),
        )


_FILLED = {"_zeros": mx.nd.zeros, "_ones": mx.nd.ones}
"""Operators that make arrays of one number."""


class _Pieces(Cache[Key, Piece]):
    def __init__(self) -> None:
        super().__init__(2048)


class GraphNode:
    """A node that ran as a segment of its own.

    Args:
        graph: its graph.
        index: the node.
        values: what the run computed or was given.
        parameters: the net's parameters, by name.
    """

    def __init__(
        self, graph: Graph, index: int, values: Mapping[Entry, Any], parameters: Mapping[str, Any]
    ) -> None:
        self._graph, self._index, self._parameters = graph, index, parameters
        self.node = node = graph.nodes[index]
        varying = {slot for slot, entry in enumerate(node.inputs) if _varies(graph, entry)}
        self._slots = sorted(varying)
        self._others = sorted(set(range(len(node.inputs))) - varying)
        self.entries = [node.inputs[slot] for slot in self._slots]
        """The values that the node reads and that depend on the net's input, in order."""
        self._values = values

    def step(
        self, recorded: Recorded, leaves: list[Entry], arriving: Arrays, also: Also = ALONE
    ) -> Step:
        """The node in a backward pass.

        Args:
            recorded: its run.
            leaves: the values that the inputs of `recorded` are.
            arriving: what arrives at its outputs.
            also: what goes with the walk.
        """
        inputs = [self._values[entry] for entry in self.entries]
        parameters = [self._fixed_value(self.node.inputs[slot]) for slot in self._others]

        def runs(others: Arrays | None, changed: Arrays | None, attrs: Attributes) -> Ran:
            is_same = others is None and changed is None and not attrs
            if is_same and len(set(self.entries)) == len(self.entries):
                numbers = [
                    leaves.index(entry) if self._derives(slot) else None
                    for slot, entry in zip(self._slots, self.entries)
                ]
                return Ran(recorded, inputs, numbers)
            return self._run(
                inputs if others is None else others,
                parameters if changed is None else changed,
                {**attrs, **({} if changed is None else self._unfixed)},
            )

        return Step(
            self.node,
            inputs,
            parameters,
            recorded.outputs,
            arriving,
            runs,
            self._slots,
            self._any_value,
            _reference(also, self.entries, self._index, self._graph.outputs_read[self._index]),
            also.told(self._index),
            also.made_at(self._index),
        )

    def _run(self, inputs: Arrays, parameters: Arrays, attrs: Attributes) -> Ran:
        others = self._others[: len(parameters)]
        fixed = {_name(slot): value for slot, value in zip(others, parameters)}
        piece = self._piece(attrs, (*self._slots, *others))
        names = [_name(slot) for slot in self._slots]

        def run(marked: list[Any]) -> list[Any]:
            return piece({}, {**fixed, **dict(zip(names, marked))})

        recorded = Recorded(run, inputs, plain_layout=self._index in self._graph.wants_plain)
        numbers = [
            number if self._derives(slot) else None for number, slot in enumerate(self._slots)
        ]
        return Ran(recorded, recorded.inputs, numbers)

    def _piece(self, attrs: Attributes, slots: tuple[int, ...]) -> Piece:
        changed = tuple(sorted((name, str(value)) for name, value in attrs.items()))
        key = self._index, changed, tuple(sorted(slots))
        return self._graph.cache(_Pieces).get(key, partial(_compile, self._graph, *key))

    def _any_value(self, entry: Entry) -> Any:
        return self._values[entry] if entry in self._values else self._fixed_value(entry)

    def _derives(self, slot: int) -> bool:
        return self.node.inputs[slot] in self.node.differentiable_inputs

    @property
    def _unfixed(self) -> dict[str, str]:
        """MXNet would write ones over a gamma that is fixed, also over a changed one."""
        is_fixed = Fault.FIXED_GAMMA in self.node.operator.faults
        return {"fix_gamma": "False"} if is_fixed else {}

    def _fixed_value(self, entry: Entry) -> Any:
        """A value that does not depend on the net's input."""
        node = self._graph.nodes[entry[0]]
        if node.is_variable:
            return self._parameters[node.name]
        if entry in self._values:
            return self._values[entry]
        # a constant: a compiled piece that reads nothing would not know where to run
        context = self._values[self.entries[0]].context
        filled = _FILLED.get(node.op)
        if filled is not None and 0 in node.numbers("shape"):
            # the first state of a recurrent layer: its shape hangs on what reads it
            shape = self._graph.known_shape(entry)
            return filled(shape, context, self._graph.parameters.dtype)
        symbol, _ = symbol_of(self._graph, [entry], ())
        return symbol.bind(context, {}, grad_req="null").forward()[0]


def _reference(
    also: Also, entries: Sequence[Entry], index: int, outputs: Sequence[int]
) -> Reference | None:
    if also.reference is None:
        return None
    values = also.reference
    return Reference(
        [values[entry] for entry in entries],
        [values[index, which] for which in outputs],
        values.__getitem__,
    )


def _varies(graph: Graph, entry: Entry) -> bool:
    return entry in graph.inputs or entry[0] in graph.data_dependent


def _name(slot: int) -> str:
    return f"slot{slot}"


def _compile(
    graph: Structure, index: int, attrs: tuple[tuple[str, str], ...], slots: tuple[int, ...]
) -> Piece:
    """A node alone, with a variable of its own in each place where it reads a value."""
    node = graph.nodes[index]
    outputs = graph.outputs_read[index]
    described = {
        "op": node.op,
        "name": node.name,
        "attrs": {**node.attrs, **dict(attrs)},
        "inputs": [[place, 0] for place in range(len(slots))],
        "subgraphs": node.subgraphs,
    }
    variables = [{"op": "null", "name": _name(slot), "inputs": []} for slot in slots]
    alone = Structure(
        {"nodes": [*variables, described], "heads": [], "attrs": graph.attributes}, output_names=()
    )
    symbol, _ = symbol_of(alone, [(len(slots), which) for which in outputs], ())
    return Piece(symbol, {})

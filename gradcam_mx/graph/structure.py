"""The structure of a net's graph: its nodes, what reads what, where its inputs and outputs are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Any, Collection, Container, Iterable, Mapping, Sequence, TypeVar

from ..errors import InputError
from ..support.caches import Cache
from .gates import activations
from .kinds import Kind
from .node import Entry, Node, TracedBlock
from .outputs import Output, explained, labels
from .rectifiers import written

Kept = TypeVar("Kept")


class Structure:
    """The nodes of a frozen graph and how they hang together; nothing here runs it."""

    def __init__(
        self,
        description: Mapping[str, Any],
        output_names: Sequence[str],
        known: Collection[str] = (),
        input_names: Sequence[str] = (),
        blocks: Sequence[TracedBlock] = (),
        points: Sequence[Entry] = (),
    ) -> None:
        """
        Args:
            description: a Symbol's JSON as Python has it: the net's outputs and, after them, what
                each of the blocks returned.
            output_names: the names of the net's outputs.
            known: the variables whose values the net brings: its parameters.
            input_names: the inputs in the order in which the net is called with them; by default
                all that there are, in the order in which the graph comes to them.
            blocks: those that the trace saw, without their outputs.
            points: the values that are explained, if they are not all that the outputs are.
        """
        self.attributes = description.get("attrs", {})
        """Of the graph as a whole."""
        traced = [_node(index, node) for index, node in enumerate(description["nodes"])]
        entries = [(head[0], head[1]) for head in description["heads"]]
        self.nodes = _frozen(traced, self.attributes)
        self.outputs = [
            Output(name, *explained(self.nodes, self.frozen(entry)))
            for name, entry in zip(output_names, entries)
        ]
        self.heads = list(points) or [output.point for output in self.outputs]
        """What is explained: of each output, or the values that were named."""
        self.blocks = [
            block._replace(output=entry)
            for block, entry in zip(blocks, entries[len(output_names) :])
        ]
        live = self.ancestors(self.heads)
        self.live_nodes = [node for node in self.nodes if node.index in live]
        self.variables = {node.name: node for node in self.live_nodes if node.is_variable}
        no_inputs = labels(self.nodes)
        self.input_names = [
            name
            for name in input_names or self.variables
            if name not in no_inputs
            and (input_names or name not in known)
            and (not points or name in self.variables)
        ]
        """Of all inputs, in the order of the call."""
        self.inputs = [
            (self.variables[name].index, 0) for name in self.input_names if name in self.variables
        ]
        """Of those inputs that the outputs depend on, the values."""
        self._descendants: Cache[tuple[frozenset[Entry], bool], frozenset[int]] = Cache(256)
        self._caches: dict[type, Any] = {}

    def cache(self, kind: type[Kept]) -> Kept:
        """What is kept with this graph for others: one object of each kind of cache.

        Args:
            kind: a class of caches, which is made without arguments.
        """
        if kind not in self._caches:
            self._caches[kind] = kind()
        return self._caches[kind]

    def frozen(self, entry: Entry) -> Entry:
        """The value that stands for a traced one in the frozen graph: dropout is passed over.

        Args:
            entry: of the graph as traced.
        """
        return _passed(self.nodes, entry)

    @property
    def output_names(self) -> list[str]:
        """The names of the net's outputs."""
        return [output.name for output in self.outputs]

    def ancestors(self, entries: Iterable[Entry], leaves: Container[Entry] = ()) -> set[int]:
        """The nodes that the values in `entries` are computed from, and those that make them.

        Args:
            entries: the values; those that are `leaves` do not count.
            leaves: values that are given; what they are computed from does not count.
        """
        found: set[int] = set()
        waiting = [entry for entry in entries if entry not in leaves]
        while waiting:
            index, _ = waiting.pop()
            if index not in found:
                found.add(index)
                waiting.extend(e for e in self.nodes[index].inputs if e not in leaves)
        return found

    def sides(self, point: Entry, heads: Iterable[Entry]) -> list[Entry]:
        """The values that have to be given beside that at `point` to compute `heads` from it.

        They depend on the net's inputs, but not on the value at `point`.

        Args:
            point: the value that is given.
            heads: the values to compute.
        """
        below = self.descendants([point])
        found: set[Entry] = set()
        seen: set[Entry] = {point}
        waiting = list(heads)
        while waiting:
            entry = waiting.pop()
            if entry in seen:
                continue
            seen.add(entry)
            if entry[0] in below:
                waiting.extend(self.nodes[entry[0]].inputs)
            elif entry in self.inputs or entry[0] in self.data_dependent:
                found.add(entry)
        return sorted(found)

    def descendants(self, entries: Iterable[Entry], differentiably: bool = False) -> frozenset[int]:
        """The live nodes whose values are computed from those in `entries`.

        Args:
            entries: the values.
            differentiably: only those from which a gradient comes back.
        """
        key = frozenset(entries), differentiably
        return self._descendants.get(key, lambda: self._find_descendants(*key))

    def _find_descendants(self, entries: frozenset[Entry], differentiably: bool) -> frozenset[int]:
        found: set[int] = set()
        for node in self.live_nodes:
            inputs = node.differentiable_inputs if differentiably else node.inputs
            if any(entry in entries or entry[0] in found for entry in inputs):
                found.add(node.index)
        return frozenset(found)

    def differentiable(self, entries: Iterable[Entry]) -> frozenset[int]:
        """The live nodes from which a gradient comes back to one of the values in `entries`.

        Args:
            entries: the values.
        """
        return self.descendants(entries, differentiably=True)

    @cached_property
    def data_dependent(self) -> frozenset[int]:
        """The nodes whose values depend on the net's inputs."""
        return self.descendants(self.inputs)

    @cached_property
    def loops(self) -> list[Node]:
        """The loops and conditions that the outputs depend on."""
        return [node for node in self.live_nodes if node.operator.kind is Kind.LOOP]

    @cached_property
    def outputs_read(self) -> dict[int, list[int]]:
        """Node → those of its outputs that are heads or that some node reads."""
        read = defaultdict(set)
        for index, which in [*self.heads, *(e for node in self.live_nodes for e in node.inputs)]:
            read[index].add(which)
        return {index: sorted(which) for index, which in read.items()}

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """Node → the nodes that read it, once for each time they do."""
        readers = defaultdict(list)
        for node in self.live_nodes:
            for source, _ in node.inputs:
                readers[source].append(node.index)
        return readers

    @cached_property
    def branch_points(self) -> set[int]:
        """The operators that are read more than once; being a head counts as being read."""
        heads = {index for index, _ in self.heads}
        return {
            node.index
            for node in self.live_nodes
            if not node.is_variable and len(self.readers[node.index]) + (node.index in heads) > 1
        }

    @cached_property
    def constants(self) -> set[int]:
        """The operators whose values depend on no variable."""
        varies: set[int] = set()
        for node in self.live_nodes:
            if node.is_variable or any(source in varies for source, _ in node.inputs):
                varies.add(node.index)
        return {node.index for node in self.live_nodes} - varies

    def input(self, chosen: int | str | None) -> Entry:
        """An input by its number or name; for None the first that a gradient comes back to.

        Args:
            chosen: its number or name; None for the first that a gradient comes back to.

        Raises:
            InputError: there is no such input, or no output depends on it.
        """
        live = {self.nodes[entry[0]].name: entry for entry in self.inputs}
        if chosen is None and live:
            heads = {index for index, _ in self.heads}
            return next(
                (entry for entry in self.inputs if heads & self.differentiable([entry])),
                self.inputs[0],
            )
        names = self.input_names
        if not isinstance(chosen, (int, str, type(None))):
            raise InputError(f"input={chosen!r} names several inputs where one is explained")
        if isinstance(chosen, int) and -len(names) <= chosen < len(names):
            chosen = names[chosen]
        if chosen in live:
            return live[chosen]
        raise InputError(
            f"the net has no input {chosen!r} that its outputs depend on; it has "
            f"{', '.join(f'{names.index(name)} {name!r}' for name in live) or 'none'}"
        )


def _node(index: int, described: Mapping[str, Any]) -> Node:
    return Node(
        index,
        described["op"],
        described["name"],
        described.get("attrs", {}),
        tuple((entry[0], entry[1]) for entry in described["inputs"]),
        described.get("subgraphs", ()),
        described.get("role", described["op"]),
    )


def _frozen(nodes: Sequence[Node], attributes: Mapping[str, Any]) -> list[Node]:
    """The nodes as they are at inference, in train mode too; and what activations they are."""
    frozen = [
        replace(
            node,
            attrs={**node.attrs, **node.operator.at_inference(node)},
            inputs=tuple(_passed(nodes, entry) for entry in node.inputs),
        )
        for node in nodes
    ]
    kinds, in_gates = activations(frozen, attributes)
    own = written(frozen, kinds, in_gates, attributes)
    return [
        replace(node, activation=kind)
        if node.index not in own
        else replace(
            node,
            activation=own[node.index].kind or kind,
            bend=own[node.index].bend,
            is_unseen=own[node.index].is_unseen,
        )
        for node, kind in zip(frozen, kinds)
    ]


def _passed(nodes: Sequence[Node], entry: Entry) -> Entry:
    """A value, or that before the dropout that makes it."""
    node = nodes[entry[0]]
    while node.operator.is_passed_over(node):
        entry = node.inputs[0]
        node = nodes[entry[0]]
    return entry

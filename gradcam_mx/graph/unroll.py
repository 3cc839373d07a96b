"""Loops and conditions in other words: each of their steps as nodes of the graph.

A layer that runs inside a loop cannot be named, nor can a rule act there; MXNet's gradient of a
condition is wrong (measured: 2e33), and in float64 it refuses to run one. So

- a `foreach` becomes as many copies of its body as it has steps, one behind the other;
- a condition becomes both of its branches, and a `where` that chooses between what they give;
- a `while_loop` becomes as many conditions as it has steps at most.

What decides is worked out at once where it depends on no variable, such as a count of steps. All of
that is exact. No gradient gets into a branch that is not taken or a step that is not made: what is
read there goes through a gate, as the derivative may be infinite, which no factor of zero undoes.
What a `while_loop` puts out for steps that it does not make is what lay in memory (measured); here
it is zeros.
"""

from __future__ import annotations

import json
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
    Union,
)

from .._mxnet import mx
from .attributes import Attributes
from .node import BODY, INTERNAL, Description, Entry, TracedBlock

Signatures = Dict[Tuple[Any, ...], int]
"""What a node is and reads → a number, which nodes that do the same share."""

Copy = Dict[int, int]
"""Signature of a node in a body → the place of its copy in the unrolled graph."""

Decision = Union[bool, Entry]
"""Whether something is done: known, or a value of the graph."""


class Unrolled(NamedTuple):
    """A graph whose loops are unrolled."""

    description: Description
    blocks: list[TracedBlock]
    """One for each time that it runs, in the order in which they run."""
    others: list[Entry]
    """Where the values are that the graph had as heads behind those of the blocks."""


def unroll(
    description: Mapping[str, Any],
    outputs: int,
    blocks: Sequence[TracedBlock],
    loops: Mapping[int, int],
    parameters: Collection[str],
) -> Unrolled:
    """The graph with some of its loops unrolled; loops inside of them become loops of the graph.

    Args:
        description: the graph, as traced.
        outputs: how many of its heads are the net's outputs; next come the blocks', then others.
        blocks: those that the trace saw.
        loops: number of a node that is a loop or condition → how many steps it has.
        parameters: the variables that stand for parameters, which need no gates.
    """
    made = _Made(parameters, description.get("attrs", {}))
    signatures: Signatures = {}
    places: dict[int, int] = {}
    results: dict[int, list[Entry]] = {}
    copies: list[Copy] = []

    def moved(entry: Sequence[int]) -> Entry:
        index, which = entry[0], entry[1]
        return results[index][which] if index in results else (places[index], which)

    for index, node in enumerate(description["nodes"]):
        inputs = [moved(entry) for entry in node["inputs"]]
        if index in loops:
            loop = _Loop(made, node, inputs, loops[index], signatures)
            results[index] = _WAYS[node["op"]](loop)
            copies += loop.copies
        else:
            places[index] = made.copy(node, inputs)
    heads = description["heads"]
    own = _signatures(description["nodes"], signatures)
    ran: list[tuple[TracedBlock, Entry]] = []
    for block, head in zip(blocks, heads[outputs:]):
        # what a block returned inside of a loop, the trace saw beside the graph
        signature = own[head[0]]
        runs = [(copy[signature], head[1]) for copy in copies if signature in copy]
        ran += [(block, entry) for entry in runs or [moved(head)]]
    ran.sort(key=lambda one: one[1][0])  # of equal ones the inner block stays the first
    new = [*map(moved, heads[:outputs]), *(entry for _, entry in ran)]
    return Unrolled(
        {**description, "nodes": made.nodes, "heads": [[*entry, 0] for entry in new]},
        [block for block, _ in ran],
        [moved(head) for head in heads[outputs + len(blocks) :]],
    )


def _signatures(nodes: Sequence[Mapping[str, Any]], known: Signatures) -> list[int]:
    """The signature of each node; new ones are added to those known."""
    found: list[int] = []
    for node in nodes:
        inputs = tuple((found[entry[0]], entry[1]) for entry in node["inputs"])
        is_variable = node["op"] == "null"
        body = None if is_variable else node.get("attrs", {}).get(BODY)
        found.append(known.setdefault((node["op"], node["name"], body, inputs), len(known)))
    return found


class _Made:
    """The nodes of the unrolled graph.

    Args:
        parameters: the variables that stand for parameters.
        attributes: of the graph as a whole.
    """

    def __init__(self, parameters: Collection[str], attributes: Mapping[str, Any]) -> None:
        self.nodes: list[Description] = []
        self._parameters, self._attributes = parameters, attributes
        self._varies: set[int] = set()

    def copy(self, node: Mapping[str, Any], inputs: Sequence[Entry]) -> int:
        """The place of a node like another, which reads other values."""
        place = len(self.nodes)
        self.nodes.append({**node, "inputs": [[*entry, 0] for entry in inputs]})
        if node["op"] == "null" or any(entry[0] in self._varies for entry in inputs):
            self._varies.add(place)
        return place

    def is_parameter(self, entry: Entry) -> bool:
        node = self.nodes[entry[0]]
        return node["op"] == "null" and node["name"] in self._parameters

    def constant(self, entry: Entry) -> float | None:
        """The number that a value is which depends on no variable; None of all others."""
        if entry[0] in self._varies:
            return None
        needed, waiting = set(), [entry[0]]
        while waiting:
            place = waiting.pop()
            if place not in needed:
                needed.add(place)
                waiting += [one[0] for one in self.nodes[place]["inputs"]]
        order = {place: number for number, place in enumerate(sorted(needed))}
        nodes = [
            {
                "op": self.nodes[place]["op"],
                "name": self.nodes[place]["name"],
                "attrs": self.nodes[place].get("attrs", {}),
                "inputs": [[order[one[0]], one[1], 0] for one in self.nodes[place]["inputs"]],
            }
            for place in order
        ]
        whole = {
            "nodes": nodes,
            "arg_nodes": [],
            "heads": [[order[entry[0]], entry[1], 0]],
            "attrs": self._attributes,
        }
        symbol = mx.sym.load_json(json.dumps(whole))
        return float(symbol.bind(mx.cpu(), {}).forward(is_train=False)[0].asscalar())


class _Loop:
    """A loop or condition that is being unrolled.

    Args:
        made: the nodes of the unrolled graph; more are added.
        node: the loop.
        inputs: the values that it reads there.
        steps: how many it has.
        signatures: those known.
    """

    def __init__(
        self,
        made: _Made,
        node: Mapping[str, Any],
        inputs: Sequence[Entry],
        steps: int,
        signatures: Signatures,
    ) -> None:
        self.inputs, self.steps = inputs, steps
        self.attributes = Attributes.of(node)
        self.copies: list[Copy] = []
        """One for each time that a body runs."""
        self._made, self._name = made, node["name"]
        self._bodies = [
            (body, _signatures(body["nodes"], signatures)) for body in node["subgraphs"]
        ]

    def run(self, body: int, given: Sequence[Entry]) -> list[Entry]:
        """What one of its bodies gives.

        Args:
            body: its number.
            given: a value for each of its variables, in order.
        """
        described, signatures = self._bodies[body]
        copy: Copy = {}
        values = iter(given)
        entries: list[Callable[[int], Entry]] = []
        for signature, node in zip(signatures, described["nodes"]):
            if node["op"] == "null":
                value = next(values)
                entries.append(lambda _, value=value: value)  # type: ignore[misc]
            else:
                inputs = [entries[entry[0]](entry[1]) for entry in node["inputs"]]
                place = copy[signature] = self._made.copy(node, inputs)
                entries.append(lambda which, place=place: (place, which))  # type: ignore[misc]
        self.copies.append(copy)
        return [entries[head[0]](head[1]) for head in described["heads"]]

    def add(self, op: str, *inputs: Entry, **attrs: Any) -> Entry:
        """The value of a new node."""
        texts = {name: str(value) for name, value in attrs.items()}
        described = {"op": op, "name": self._name, "attrs": texts, "role": INTERNAL}
        return self._made.copy(described, inputs), 0

    def stacked(self, steps: Sequence[Sequence[Entry]]) -> list[Entry]:
        """What each of some outputs gave at the steps, along a new axis before the others."""
        count = len(steps)
        return [self.add("stack", *one, axis=0, num_args=count) for one in zip(*steps)]

    def decided(self, value: Entry, before: Decision = True) -> Decision:
        """Whether a value is true, and what was decided before.

        Args:
            value: a single number.
            before: an earlier decision.
        """
        number = self._made.constant(value)
        if before is False or number == 0:
            return False
        if number is not None:
            return before
        truth = self.add("_not_equal_scalar", self.add("Reshape", value, shape=(1,)), scalar=0)
        truth = self.add("Cast", truth, dtype="float32")
        return truth if isinstance(before, bool) else self.add("elemwise_mul", before, truth)

    def chosen(self, decision: Decision, one: Entry, other: Entry) -> Entry:
        """One value, or the other where it was decided against it."""
        if isinstance(decision, bool):
            return one if decision else other
        zeros = self.add("Cast", self.add("zeros_like", one), dtype="float32")
        return self.add("where", self.add("broadcast_add", zeros, decision), one, other)

    def gated(self, decision: Decision, values: Sequence[Entry], wanted: bool) -> list[Entry]:
        """Values through which a gradient comes back only where it was decided as wanted."""
        if isinstance(decision, bool):
            return list(values)
        found = []
        for value in values:
            if self._made.is_parameter(value):
                found.append(value)
                continue
            closed = self.add("BlockGrad", value)
            one, other = (value, closed) if wanted else (closed, value)
            found.append(self.chosen(decision, one, other))
        return found


def _foreach(loop: _Loop) -> list[Entry]:
    attributes = loop.attributes
    data, states, rest = (
        attributes.numbers(name) for name in ("in_data_locs", "in_state_locs", "remain_locs")
    )
    outputs = attributes.whole("num_out_data", 0)
    given = dict(zip((*data, *states, *rest), loop.inputs))
    slices = [
        # it refuses another number of slices
        loop.add("SliceChannel", given[place], num_outputs=loop.steps, axis=0, squeeze_axis=True)
        for place in data
    ]
    made: list[list[Entry]] = []
    for step in range(loop.steps):
        given.update((place, (one[0], step)) for place, one in zip(data, slices))
        found = loop.run(0, [given[place] for place in sorted(given)])
        made.append(found[:outputs])
        given.update(zip(states, found[outputs:]))
    return [*loop.stacked(made), *(given[place] for place in states)]


def _condition(loop: _Loop) -> list[Entry]:
    test, then, otherwise = (
        [loop.inputs[place] for place in loop.attributes.numbers(f"{name}_input_locs")]
        for name in ("cond", "then", "else")
    )
    decision = loop.decided(loop.run(0, test)[0])
    if isinstance(decision, bool):
        return loop.run(1, then) if decision else loop.run(2, otherwise)
    return [
        loop.chosen(decision, one, other)
        for one, other in zip(
            loop.run(1, loop.gated(decision, then, True)),
            loop.run(2, loop.gated(decision, otherwise, False)),
        )
    ]


def _while_loop(loop: _Loop) -> list[Entry]:
    test, read, variables = (
        loop.attributes.numbers(name)
        for name in ("cond_input_locs", "func_input_locs", "func_var_locs")
    )
    outputs = loop.attributes.whole("num_out_data", 0)
    states = [read[place] for place in variables]
    given = dict(enumerate(loop.inputs))
    made: list[list[Entry]] = []
    goes_on: Decision = True
    for _ in range(loop.steps):
        goes_on = loop.decided(loop.run(0, [given[place] for place in test])[0], goes_on)
        if goes_on is False:
            break
        found = loop.run(1, loop.gated(goes_on, [given[place] for place in read], True))
        made.append(
            [loop.chosen(goes_on, one, loop.add("zeros_like", one)) for one in found[:outputs]]
        )
        for place, value in zip(states, found[outputs:]):
            given[place] = loop.chosen(goes_on, value, given[place])
    if len(made) < loop.steps:
        like = made[0] if made else loop.run(1, [given[place] for place in read])[:outputs]
        made += [[loop.add("zeros_like", one) for one in like]] * (loop.steps - len(made))
    return [*loop.stacked(made), *(given[place] for place in states)]


_WAYS: Mapping[str, Callable[[_Loop], list[Entry]]] = {
    "_foreach": _foreach,
    "_cond": _condition,
    "_while_loop": _while_loop,
}

"""What a graph is made of: values, nodes, the blocks that the trace saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, NamedTuple, Sequence, Tuple

from .attributes import Reader
from .operators import Operator, operator

Entry = Tuple[int, int]
"""One value in the graph: (index of the node that makes it, which of the node's outputs)."""

Shape = Tuple[int, ...]

Description = Dict[str, Any]
"""A graph, or a node of it, as a Symbol's JSON has it. A node's `role` is the operator that it
stands for, where that is not the one it runs."""

BODY = "__subgraph_name__"
"""The attribute that says in which body of a loop or condition a node was made."""

INTERNAL = "internal"
"""The role of nodes that stand for no operator of the net."""


class Shapes(Dict[Entry, Shape]):
    """The shape of every value of a graph, for inputs of certain shapes.

    Args:
        shapes: value → its shape.
        of_inputs: the shapes of the net's inputs that make them.
        infer: gives the shapes for inputs of other shapes, or None where the net takes none such.
    """

    def __init__(
        self,
        shapes: Mapping[Entry, Shape],
        of_inputs: tuple[Shape, ...],
        infer: Callable[[tuple[Shape, ...]], Mapping[Entry, Shape] | None] = lambda _: None,
    ) -> None:
        super().__init__(shapes)
        self.of_inputs = of_inputs
        self._infer = infer
        self._of_twice: dict[int, Mapping[Entry, Shape] | None] = {}

    def of_twice(self, samples: int) -> Mapping[Entry, Shape] | None:
        """The shapes for twice as many samples; None where the net takes no other number of them.

        Args:
            samples: how many there are; inputs with another axis 0 stay as they are.
        """
        if samples not in self._of_twice:
            twice = tuple(
                (2 * samples, *shape[1:]) if shape[:1] == (samples,) else shape
                for shape in self.of_inputs
            )
            self._of_twice[samples] = self._infer(twice)
        return self._of_twice[samples]


class Bend(NamedTuple):
    """How a rectifier that is written out lies on the value that it rectifies: as slope · ReLU, or
    that of the other side of zero."""

    source: Entry
    """The value that is rectified."""
    slope: float
    """Its derivative on the steep side."""
    sign: int
    """Whether it gives more there than at zero, 1, or less, -1."""


@dataclass(frozen=True)
class Node(Reader):
    """One operator of the graph, or one variable (`op` is "null"); it reads its attributes.

    Args:
        index: its place in the graph's nodes.
        op: the operator that runs, as MXNet calls it.
        name: its own.
        attrs: attribute → its text.
        inputs: the values that it reads.
        subgraphs: the bodies of a loop or condition.
    """

    index: int
    op: str
    name: str
    attrs: Mapping[str, str]
    inputs: tuple[Entry, ...]
    subgraphs: Sequence[Any] = ()
    role: str = ""
    """The operator that it stands for: the net's own, where the engine runs another."""
    activation: str | None = None
    """Of an activation: its kind ("relu", "clip", "gelu", "sigmoid" …)."""
    bend: Bend | None = None
    """Of one that is written out in several operators, of which this is the last."""
    is_unseen: bool = False
    """Whether it seems to rectify in a way that rules cannot follow."""

    @property
    def operator(self) -> Operator:
        """What is known of the operator that runs."""
        return operator(self.op)

    @property
    def differentiable_inputs(self) -> Sequence[Entry]:
        """The inputs that a gradient comes back to."""
        if self.operator.stops_gradient(self):
            return ()
        indices = self.operator.indices
        return [entry for slot, entry in enumerate(self.inputs) if slot not in indices]

    @property
    def is_variable(self) -> bool:
        """Whether it is an input or a parameter."""
        return self.op == "null"

    @property
    def is_internal(self) -> bool:
        """Whether it is a step of the engine rather than an operator of the net."""
        return self.role == INTERNAL


class TracedBlock(NamedTuple):
    """A block that ran during the trace."""

    path: str
    name: str
    kind: str
    identity: int
    output: Entry = (0, 0)
    """The value it returned, as traced; `Structure.frozen` gives the one that stands for it."""
    other_paths: tuple[str, ...] = ()
    """Of a block that is the child of several, or of one several times: all but the first."""

"""What a difference may come of: a register of suppositions, each of which is tried.

A supposition makes edits of the old net. It is named only where such an edit makes of the old net
what the new one is: the difference is gone with it, or nearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, NamedTuple, Protocol

import numpy as np

from ..errors import MethodError
from ..graph.attributes import Attributes
from ..graph.node import Description
from ..graph.operators import Operator, operator
from ..support.register import Register
from .edit import Edit
from .editable import Editable


@dataclass(frozen=True)
class At:
    """A node of the old net at which something is supposed."""

    net: Editable
    index: int

    @property
    def node(self) -> Description:
        """It."""
        return self.net.nodes[self.index]

    @property
    def op(self) -> str:
        """Its operator, as MXNet calls it."""
        return str(self.node["op"])

    @property
    def known(self) -> Operator:
        """What is known of its operator."""
        return operator(self.op)

    @property
    def attributes(self) -> Attributes:
        """Its attributes, to be read."""
        return Attributes.of(self.node)

    def parameter(self, slot: int) -> tuple[str, np.ndarray] | None:
        """Name and numbers of the parameter that it reads; None if it reads something else there.

        Args:
            slot: which of its inputs.
        """
        if slot >= len(self.node["inputs"]):
            return None
        name = self.net.nodes[self.node["inputs"][slot][0]]["name"]
        return (name, self.net.parameter(name)) if name in self.net.arrays else None

    def with_attributes(self, said: str, **changed: str) -> Edit:
        """Other attributes in it.

        Args:
            said: in words.
            changed: attribute → its text.
        """
        attrs = {**self.node.get("attrs", {}), **changed}
        return Edit(said, self.index, {self.index: {**self.node, "attrs": attrs}})

    def replaced(self, said: str, op: str, **attrs: str) -> Edit:
        """Another operator on its first input.

        Args:
            said: in words.
            op: the operator.
            attrs: its attributes.
        """
        inputs = self.node["inputs"][:1]
        made = {"op": op, "name": self.node["name"], "attrs": attrs, "inputs": inputs}
        return Edit(said, self.index, {self.index: made})

    def with_array(self, said: str, name: str, array: np.ndarray) -> Edit:
        """Other numbers in a parameter.

        Args:
            said: in words.
            name: of the parameter.
            array: its numbers.
        """
        return Edit(said, self.index, arrays={name: array})


class Supposing(Protocol):
    """What tries a supposition at a node."""

    __module__: str

    def __call__(self, at: At) -> Iterator[Edit]:
        """The edits that may be the cause, none where it cannot be there."""


class Supposition(NamedTuple):
    """Something that may have gone wrong in a port."""

    name: str
    family: str
    formula: Supposing
    spreads: bool
    """Whether what happened at one node may have happened at all of its kind."""


SUPPOSITIONS: Register[Supposition] = Register(
    "supposition", MethodError, {"name": "name", "family": "family"}
)
"""All that are tried, in the order in which the first of several that fit is taken."""


def supposition(family: str, spreads: bool = True) -> Callable[[Supposing], Supposing]:
    """Put a function into the register, under its name.

    Args:
        family: what it belongs to.
        spreads: whether what happened at one node may have happened at all of its kind.
    """

    def put(function: Supposing) -> Supposing:
        name = getattr(function, "__name__", "").replace("_", " ")
        SUPPOSITIONS.add(Supposition(name, family, function, spreads))
        return function

    return put

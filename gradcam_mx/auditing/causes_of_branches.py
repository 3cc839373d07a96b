"""Suppositions of branches and factors: operands of sums and products that are left out."""

from __future__ import annotations

from typing import Iterator

from .causes import At, supposition
from .edit import Edit

_SUMS = ("elemwise_add", "broadcast_add", "_plus", "_Plus", "_add")
_PRODUCTS = ("elemwise_mul", "broadcast_mul", "_mul", "_Mul")
_FACTORS = ("_mul_scalar", "_div_scalar")
_TERMS = ("_plus_scalar", "_minus_scalar")
_LONGEST = 16
"""So many operators a gate may have."""


@supposition("branches")
def missing_branch(at: At) -> Iterator[Edit]:
    """Of a sum one of the two operands is left out."""
    if at.op in _SUMS:
        for slot in (0, 1):
            yield _operand_alone(at, slot, f"operand {slot + 1} of the sum alone")


@supposition("branches")
def missing_gate(at: At) -> Iterator[Edit]:
    """A product, of which one operand begins here, is the other operand alone."""
    made_here = {at.index}
    for index in at.net.behind(at.index)[:_LONGEST]:
        node = at.net.nodes[index]
        here = [entry[0] in made_here for entry in node["inputs"]]
        made_here.add(index)
        if node["op"] in _PRODUCTS and sum(here) == 1:
            slot = here.index(False)
            yield _operand_alone(At(at.net, index), slot, "what is gated alone, without its gate")
            return


@supposition("branches")
def missing_number(at: At) -> Iterator[Edit]:
    """A factor or a term that is a number is left out, or a factor divides."""
    number = at.attributes.number("scalar", 1.0)
    if at.op in _FACTORS + _TERMS:
        what = "factor" if at.op in _FACTORS else "term"
        yield at.replaced(f"the {what} {number:g} left out", "_copy")
    if at.op in _FACTORS:
        other = _FACTORS[1 - _FACTORS.index(at.op)]
        yield at.replaced(f"the factor {number:g} the other way round", other, scalar=repr(number))


def _operand_alone(at: At, slot: int, said: str) -> Edit:
    copied = at.replaced(said, "_copy")
    node = {**copied.nodes[at.index], "inputs": [at.node["inputs"][slot]]}
    return copied._replace(nodes={at.index: node})

"""What all rules are made of: small denominators, positive and negative parts, accounts."""

from __future__ import annotations

from typing import Any, Container, List, Optional

from ..._mxnet import mx
from ..steps import Step

EPSILON = 1e-6
"""What keeps denominators away from zero."""

Passed = List[Optional[Any]]
"""What arrives at each of a step's inputs; None where nothing does."""


def stabilised(z: Any, epsilon: float) -> Any:
    """z + ε·sign(z), with sign(0) = 1."""
    return mx.nd.where(z >= 0, z + epsilon, z - epsilon)


def divided(relevance: Any, z: Any, epsilon: float) -> Any:
    """R / stab(z); without ε nothing where z is zero."""
    if epsilon:
        return relevance / stabilised(z, epsilon)
    is_zero = z == 0
    return mx.nd.where(is_zero, mx.nd.zeros_like(z), relevance / (z + is_zero))


def positive(values: Any) -> Any:
    """max(values, 0)."""
    return mx.nd.relu(values)


def negative(values: Any) -> Any:
    """min(values, 0)."""
    return mx.nd._internal._minimum_scalar(values, scalar=0)


def proportional(step: Step, epsilon: float, slots: Container[int] | None = None) -> Passed:
    """Each number that is read has the share that it has in the sum: x ⊙ VJP(R / stab(z)).

    Args:
        step: an operator that is linear in what it reads, or taken for one.
        epsilon: of the denominators.
        slots: those of the operator's inputs that take part; all by default.
    """
    places = [place for place, slot in enumerate(step.slots) if slots is None or slot in slots]
    shares = [divided(r, z, epsilon) for r, z in zip(step.arriving, step.outputs)]
    found: Passed = [None] * len(step.inputs)
    for place, back in zip(places, step.run().vjp(shares, places)):
        found[place] = step.inputs[place] * back
    if step.told is not None:
        for relevance, share, z in zip(step.arriving, shares, step.outputs):
            step.told("stabiliser", relevance - share * z)
    return found

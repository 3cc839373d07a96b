"""What relevance does at operators that are no linear layers: a function of a step for each way of
passing (`graph/passages.py`)."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Sequence

from ..._mxnet import mx
from ...errors import RuleError
from ...graph.node import Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ..steps import Step
from .gates import shares_of
from .shares import Passed, divided, positive, proportional
from .ties import REDUCTIONS, to_extremes, to_first

Passing = Callable[[Step], Passed]


def passing(graph: Structure, node: Node, epsilon: float) -> Passing | None:
    """What stands at a node; None where relevance goes as a gradient does, or not at all.

    Args:
        graph: its graph.
        node: no linear layer.
        epsilon: of denominators.
    """
    way = passage(node)
    if way in (Passage.PRODUCT, Passage.MATRIX_PRODUCT, Passage.QUOTIENT):
        return partial(_product, epsilon=epsilon, shares=_factors(graph, node, way))
    if way is Passage.SAME:
        return to_first
    if node.op in REDUCTIONS:
        return to_extremes
    if way is Passage.MOVED:
        return _moved if _adds_numbers(graph, node) else None
    if way is Passage.AFFINE:
        return partial(proportional, epsilon=epsilon)
    if way is Passage.FIRST:
        return partial(proportional, epsilon=epsilon, slots=(0,))
    if way is Passage.CELL:
        return partial(_through_cell, epsilon=epsilon)
    if way is Passage.NORMALISED:
        return partial(_normalised, epsilon=epsilon)
    return None


def taking_part(graph: Structure, node: Node) -> list[int]:
    """The places among a node's inputs that relevance goes on to.

    Args:
        graph: its graph.
        node: any.
    """
    way = passage(node)
    varying = varying_slots(graph, node)
    if way in (Passage.PRODUCT, Passage.MATRIX_PRODUCT, Passage.QUOTIENT):
        return [slot for slot, one in zip(varying, _factors(graph, node, way)) if one]
    if way in (Passage.LAYER, Passage.FIRST, Passage.CELL, Passage.NORMALISED):
        return [0]
    return [] if way is Passage.STOPPED else varying


def varying_slots(graph: Structure, node: Node) -> list[int]:
    """Which of a node's inputs depend on the net's input.

    Args:
        graph: its graph.
        node: any.
    """
    return [
        slot
        for slot, entry in enumerate(node.inputs)
        if entry in graph.inputs or entry[0] in graph.data_dependent
    ]


def _factors(graph: Structure, node: Node, way: Passage) -> list[float]:
    slots = varying_slots(graph, node)
    if way is Passage.QUOTIENT and len(slots) == 2:
        return [1.0, 0.0]
    return shares_of(graph, node, slots)


def _adds_numbers(graph: Structure, node: Node) -> bool:
    """Whether some of what an operator gives may come from no number that varies."""
    if node.op in ("Pad", "_npi_pad") or node.op.endswith("_scalar"):
        return True
    indices = node.operator.indices
    return any(
        slot not in indices and entry not in graph.inputs and entry[0] not in graph.data_dependent
        for slot, entry in enumerate(node.inputs)
    )


def _moved(step: Step) -> Passed:
    """All goes where the number came from; what is no number that varies takes its part away."""
    found = step.vjp()
    if step.told is not None:
        for taken in [*step.arriving, *(-one for one in found)]:
            step.told("bias", taken)
    return list(found)


SUMS = {
    *("elemwise_add", "broadcast_add", "add_n", "_grad_add", "_npi_add"),
    *("mean", "_npi_mean", "sum", "_np_sum", "Pooling", "_npx_pooling"),
    *("UpSampling", "_contrib_BilinearResize2D", "_contrib_AdaptiveAvgPooling2D"),
}
"""Operators that add what they read, with weights of 0 or more."""


def exciting_sum(step: Step) -> Passed:
    """In proportion to what is above zero, of what a sum adds."""
    ran = step.run(inputs=[positive(one) for one in step.inputs])
    shares = divided(step.arriving[0], ran.outputs[0], 0.0)
    if step.told is not None:
        shares.tell(step.told)
    return [positive(one) * back for one, back in zip(step.inputs, ran.vjp([shares.values]))]


def _product(step: Step, epsilon: float, shares: Sequence[float]) -> Passed:
    """A product, of which each factor takes a share; in proportion where it is a sum of products,
    or one number is a factor of several."""
    relevance, z = step.arriving[0], step.outputs[0]
    is_plain = passage(step.node) is not Passage.MATRIX_PRODUCT
    found: Passed = [None] * len(step.inputs)
    for place, (value, share) in enumerate(zip(step.inputs, shares)):
        if not share:
            continue
        if is_plain and value.shape == z.shape:
            found[place] = relevance if share == 1 else relevance * share
            continue
        taken = relevance if share == 1 else relevance * share
        shares_of_sum = divided(taken, z, epsilon)
        (back,) = step.run().vjp([shares_of_sum.values], [place])
        found[place] = value * back
        if step.told is not None:
            shares_of_sum.tell(step.told)
    return found


def _through_cell(step: Step, epsilon: float) -> Passed:
    """In proportion to the first input alone; but MXNet's gradient there is wrong where that of the
    parameters is not asked for too (`rewrite`)."""
    first, *others = proportional(step, epsilon)
    return [first, *[None] * len(others)]


_BY_SAMPLE = {"GroupNorm", "InstanceNorm"}
"""Normalisations whose γ and β lie along axis 1."""


def _normalised(step: Step, epsilon: float) -> Passed:
    """A layer, group or instance normalisation y = (x - μ)/σ · γ + β with μ and σ held fixed."""
    x, (gamma, beta) = step.inputs[0], step.parameters[:2]
    mean, deviation = _statistics(step.node, x)
    axis = 1 if step.node.op in _BY_SAMPLE else step.node.whole("axis", -1) % x.ndim
    shape = [-1 if place == axis else 1 for place in range(x.ndim)]
    if len(gamma) != x.shape[axis]:  # of a group normalisation: one for each of its groups
        gamma, beta = (mx.nd.repeat(one, x.shape[axis] // len(gamma)) for one in (gamma, beta))
    slope = mx.nd.broadcast_div(gamma.reshape(shape), deviation)
    added = mx.nd.broadcast_sub(beta.reshape(shape), mx.nd.broadcast_mul(slope, mean))
    shares = divided(step.arriving[0], step.outputs[0], epsilon)
    if step.told is not None:
        shares.tell(step.told)
        step.told("bias", mx.nd.broadcast_mul(shares.values, added))
    return [mx.nd.broadcast_mul(x * shares.values, slope), *[None] * (len(step.inputs) - 1)]


def _statistics(node: Node, x: Any) -> tuple[Any, Any]:
    """(μ, σ), so shaped that they go with x."""
    epsilon = node.number("eps", 1e-3 if node.op == "InstanceNorm" else 1e-5)
    if node.op == "GroupNorm":
        groups = node.whole("num_groups", 1)
        parts = x.reshape((x.shape[0], groups, -1))
        mean, deviation = _moments(parts, (2,), epsilon)
        shape = (x.shape[0], x.shape[1], *[1] * (x.ndim - 2))
        each = x.shape[1] // groups
        return tuple(mx.nd.repeat(one, each, axis=1).reshape(shape) for one in (mean, deviation))
    if node.op == "InstanceNorm":
        return _moments(x, tuple(range(2, x.ndim)), epsilon)
    return _moments(x, (node.whole("axis", -1),), epsilon)


def _moments(x: Any, axes: tuple[int, ...], epsilon: float) -> tuple[Any, Any]:
    mean = mx.nd.mean(x, axis=axes, keepdims=True)
    variance = mx.nd.mean(mx.nd.broadcast_sub(x, mean).square(), axis=axes, keepdims=True)
    return mean, (variance + epsilon).sqrt()


def refusal(node: Node) -> RuleError:
    """That nothing is known of an operator.

    Args:
        node: it.
    """
    return RuleError(
        f"no rule is known for the operator {node.op} ({node.name!r}), which relevance would have "
        'to pass; give fallback="gradient" to let it pass there in proportion to x ⊙ ∂y/∂x, or a '
        "composite with a function of your own for that node"
    )

"""DeepLIFT: multipliers between two runs of a graph, x and a baseline x₀.

A multiplier m says what a change of a value adds to the change of the score: Σ m ⊙ (x - x₀) =
S(x) - S(x₀) at every cut (Shrikumar et al. 2017, arXiv:1704.02685). It goes back through

- what is linear as the gradient does;
- functions of one number: Δy/Δx, the derivative where |Δx| is below 1e-6;
- products: the gradient halfway between the two runs, which is ½(a + a₀)Δb + ½(b + b₀)Δa;
- maxima: max(y, y₀) - y₀ to where y comes from, y - max(y, y₀) to where y₀ came from;
- whatever else mixes numbers (a softmax, a layer normalisation, a recurrent layer): the mean of its
  gradient on the straight line between the two runs, by Gauss-Legendre quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ..._mxnet import mx
from ...errors import RuleError
from ...graph.graph import Graph
from ...graph.kinds import WEIGHTED, Kind
from ...graph.node import Entry, Node
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ...support.caches import Cache
from ..rules import Acts, Rule
from ..steps import Backward, Step
from .composites import GRADIENT, unknown
from .layer import Layer, Norm
from .merging import merged
from .operators import refusal, varying_slots
from .shares import Passed, negative, positive
from .ties import is_behind_extreme, per_tie, to_first

NO_CHANGE = 1e-6
"""Below this a change is none, and the derivative stands for the quotient."""
POINTS = 16
"""Of a part of the line that a gradient is averaged on: an error of 1e-10 for smooth functions."""
CLOSE = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-8}
"""How much of a change the mean gradient may fail to account for before the line is parted."""
MOST_PARTS = 32

MIXES = {
    *("softmax", "softmin", "log_softmax", "SoftmaxActivation", "_npx_softmax"),
    *("_npx_log_softmax", "L2Normalization", "LRN"),
}
"""What is taken for linear, or for a function of one number, where relevance passes, and is not."""
_CHOOSING = {
    *("_maximum", "broadcast_maximum", "_npi_maximum", "_maximum_scalar", "_npi_maximum_scalar"),
    *("max", "_np_max", "sort", "topk", "ROIPooling"),
}
"""What gives the largest of some numbers, or each in its turn."""
_SMALLEST = {
    *("_minimum", "broadcast_minimum", "_npi_minimum", "_minimum_scalar", "_npi_minimum_scalar"),
    *("min", "_np_min"),
}


@dataclass(frozen=True)
class DeepLift(Rule):
    """The rule of DeepLIFT's multipliers.

    Args:
        reveals_cancelling: whether changes of both signs go through rectifiers apart.
        fallback: "gradient", to take the mean gradient on the line at operators that nothing is
            known of.
    """

    reveals_cancelling: bool = False
    fallback: str | None = None
    name: str = "deep_lift"

    def __post_init__(self) -> None:
        if self.fallback not in (None, GRADIENT):
            raise RuleError(f'fallback={self.fallback!r}; expected "gradient" or None')

    @property
    def needs_graph(self) -> bool:
        return True

    def at(self, node: Node) -> None:
        return None

    def by_gradient(self, graph: Structure) -> list[str]:
        """The operators that multipliers pass by their gradient, as nothing is known of them."""
        nodes = reached_by_multipliers(graph)
        return unknown(graph, nodes) if self.fallback == GRADIENT else []

    def acts(self, graph: Structure) -> Acts:
        assert isinstance(graph, Graph)
        return graph.cache(_Kept).get(self, lambda: _acts(self, graph))


class _Kept(Cache[DeepLift, Acts]):
    def __init__(self) -> None:
        super().__init__(8)


def _acts(rule: DeepLift, graph: Graph) -> Acts:
    found: dict[int, Backward] = {}
    wanted = reached_by_multipliers(graph)
    for node in graph.live_nodes:
        if node.is_variable:
            continue
        one = _at(graph, node, rule.fallback, node.index in wanted)
        if one is not None:
            found[node.index] = Backward(instead=one, of_activation=node.bend is not None)
    if rule.reveals_cancelling:
        found.update(_revealing(graph))
    return found


def reached_by_multipliers(graph: Structure) -> frozenset[int]:
    """The nodes between the inputs and the outputs: gates take part as well.

    Args:
        graph: what is walked through.
    """
    return frozenset(graph.differentiable(graph.inputs) & graph.ancestors(graph.heads))


def _at(
    graph: Graph, node: Node, fallback: str | None, is_reached: bool
) -> Callable[[Step], Passed] | None:
    way = passage(node)
    if node.bend is not None:
        return _quotient
    if is_behind_extreme(graph, node):
        return to_first
    if node.op in _CHOOSING and node.activation is None:
        return partial(_chosen, larger=True)
    if node.op in _SMALLEST and node.activation is None:
        return partial(_chosen, larger=False)
    if node.operator.kind is Kind.POOLING and way is Passage.MOVED:
        return partial(_chosen, larger=True)
    if node.op in MIXES or (node.operator.kind is Kind.POOLING and _is_a_norm(node)):
        return _on_the_line
    if way in (Passage.SAME,):
        return None if node.op in LINEAR_FUNCTIONS else _quotient
    if way in (Passage.PRODUCT, Passage.MATRIX_PRODUCT, Passage.LAYER):
        return _halfway if len(varying_slots(graph, node)) > 1 else None
    if way in (Passage.QUOTIENT, Passage.NORMALISED, Passage.CELL, Passage.FIRST):
        return _on_the_line if _is_curved(graph, node, way) else None
    if way is None and is_reached:
        if fallback != GRADIENT:
            raise refusal(node)
        return _on_the_line
    return None


LINEAR_FUNCTIONS = {
    "_mul_scalar",
    "_div_scalar",
    "negative",
    "_copy",
    "Cast",
    "amp_cast",
    "_npi_negative",
}
"""Linear functions of one number: the gradient is their quotient."""


def _is_a_norm(node: Node) -> bool:
    return node.text("pool_type", "max") == "lp"


def _is_curved(graph: Graph, node: Node, way: Passage) -> bool:
    """Whether an operator is no linear function of what it reads and varies."""
    slots = varying_slots(graph, node)
    if way is Passage.QUOTIENT:
        return 1 in slots
    return way is not Passage.FIRST or slots != [0]


def _reference(step: Step) -> tuple[Sequence[Any], Sequence[Any]]:
    assert step.reference is not None, "DeepLIFT compares two runs"
    return step.reference.inputs, step.reference.outputs


def _quotient(step: Step) -> Passed:
    """m · Δy/Δx of a function of one number."""
    (x0, *_), (y0, *_) = _reference(step)
    x, y = step.inputs[0], step.outputs[0]
    change = x - x0
    is_none = change.abs() < NO_CHANGE
    derivative = y > 0 if _is_relu(step.node) else step.vjp([mx.nd.ones_like(y)])[0]
    slope = mx.nd.where(is_none, derivative, mx.nd.elemwise_div(y - y0, change))
    found = mx.nd.elemwise_mul(step.arriving[0], slope, out=slope)
    return [found, *[None] * (len(step.inputs) - 1)]


def _is_relu(node: Node) -> bool:
    return node.activation == "relu" and node.bend is None


def _halfway(step: Step) -> Passed:
    """The gradient halfway: exact for products of two."""
    before, _ = _reference(step)
    middle = [(x + x0) / 2 for x, x0 in zip(step.inputs, before)]
    return list(step.run(inputs=middle).vjp(step.arriving))


def _on_the_line(step: Step) -> Passed:
    """The mean of the gradient between the two runs, in so many parts of the line that it accounts
    for the change."""
    before, after = _reference(step)
    changes = [x - x0 for x, x0 in zip(step.inputs, before)]
    wanted = sum(
        _numbers(one * (y - y0)).sum() for one, y, y0 in zip(step.arriving, step.outputs, after)
    )
    parts, close = 1, CLOSE[np.dtype(step.outputs[0].dtype).name]
    while True:
        found = _mean_gradient(step, before, changes, parts)
        terms = [_numbers(one * change) for one, change in zip(found, changes)]
        gap = abs(sum(one.sum() for one in terms) - wanted)
        parts *= 2
        if gap <= close * sum(np.abs(one).sum() for one in terms) or parts > MOST_PARTS:
            return found


def _numbers(values: Any) -> np.ndarray:
    return values.asnumpy().astype(np.float64)


def _mean_gradient(step: Step, before: Sequence[Any], changes: Sequence[Any], parts: int) -> Passed:
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    total: list[Any] = [mx.nd.zeros_like(x) for x in step.inputs]
    for part in range(parts):
        for point, weight in zip((points + 1) / 2, weights / 2):
            along = (part + point) / parts
            between = [x0 + change * along for x0, change in zip(before, changes)]
            found = step.run(inputs=between).vjp(step.arriving)
            total = [so_far + one * (weight / parts) for so_far, one in zip(total, found)]
    return total


def _chosen(step: Step, larger: bool) -> Passed:
    """Of a maximum or a minimum: what the change is made of, where it comes from."""
    before, (y0, *_) = _reference(step)
    y, arriving = step.outputs[0], step.arriving[0]
    between = mx.nd.maximum(y, y0) if larger else mx.nd.minimum(y, y0)
    now, then = step.run(), step.run(inputs=before)
    own = now.vjp([per_tie(step, now, arriving * (between - y0))])
    other = then.vjp([per_tie(step, then, arriving * (y - between))])
    derivatives = now.vjp([per_tie(step, now, arriving)])
    found: Passed = []
    for x, x0, one, two, derivative in zip(step.inputs, before, own, other, derivatives):
        change = x - x0
        found.append(mx.nd.where(change == 0, derivative, (one + two) / change))
    return found


# -- reveal-cancel ---------------------------------------------------------------------------------


def _revealing(graph: Graph) -> dict[int, Backward]:
    """At each function of one number behind a layer, and at that layer."""
    norms, found = merged(graph), {}
    for node in graph.live_nodes:
        if node.activation is None or node.op in LINEAR_FUNCTIONS:
            continue
        source = node.bend.source if node.bend is not None else node.inputs[0]
        layer, norm = _layer_of(graph, source, norms)
        if layer is None:
            continue
        function = graph.compile([(node.index, 0)], [source])
        found[node.index] = Backward(instead=to_first, of_activation=node.bend is not None)
        if norm is not None:
            found[norm.node.index] = Backward(instead=to_first)
        found[layer] = Backward(
            instead=partial(_revealed, graph=graph, source=source, norm=norm, function=function)
        )
    return found


def _layer_of(
    graph: Graph, source: Entry, norms: Mapping[int, Norm]
) -> tuple[int | None, Norm | None]:
    """The layer that makes what a function reads, if nothing else reads it; and the normalisation
    in between."""
    node = graph.nodes[source[0]]
    while _is_copy(node) and node.index not in graph.branch_points:
        node = graph.nodes[node.inputs[0][0]]
    if node.is_variable or node.index in graph.branch_points:
        return None, None
    if node.operator.kind in WEIGHTED and varying_slots(graph, node) == [0]:
        return (node.index, None) if node.index not in norms else (None, None)
    for layer, norm in norms.items():
        if norm.node.index == node.index and norm.output is not None:
            return layer, norm
    return None, None


def _is_copy(node: Node) -> bool:
    """Whether a node is a copy in the plain memory layout that the rewrite of a graph puts in."""
    return node.op == "slice_axis" and node.role != node.op


def _revealed(step: Step, graph: Graph, source: Entry, norm: Norm | None, function: Any) -> Passed:
    """Through a layer and the function behind it, what raises and what lowers its value apart.

    Δy⁺ = ½ (f(z₀ + Δ⁺) - f(z₀) + f(z₀ + Δ⁺ + Δ⁻) - f(z₀ + Δ⁻)),    Δy⁻ alike
    """
    (x0, *_), (z0, *_) = _reference(step)
    layer = Layer(step, norm, is_nonnegative=False)
    if norm is not None:
        assert norm.output is not None
        assert step.reference is not None
        z0 = step.reference.value(norm.output)
    change = step.inputs[0] - x0
    rises, falls = positive(change), negative(change)
    up, down = positive(layer.weight), negative(layer.weight)
    up_of_rises, down_of_falls = layer.run(rises, up), layer.run(falls, down)
    down_of_rises, up_of_falls = layer.run(rises, down), layer.run(falls, up)
    more = up_of_rises.outputs[0] + down_of_falls.outputs[0]
    less = down_of_rises.outputs[0] + up_of_falls.outputs[0]

    def f(z: Any) -> Any:
        return function({source: z}, graph.parameters.on(z.context))[0]

    with mx.autograd.pause(train_mode=True):
        at_none, at_more, at_less, at_both = f(z0), f(z0 + more), f(z0 + less), f(z0 + more + less)
    of_more = (at_more - at_none + at_both - at_less) / 2
    of_less = (at_less - at_none + at_both - at_more) / 2
    arriving = step.arriving[0]
    slope_more, slope_less = (
        arriving * changed / mx.nd.where(size.abs() < NO_CHANGE, mx.nd.ones_like(size), size)
        for changed, size in ((of_more, more), (of_less, less))
    )
    (of_rising,) = up_of_rises.vjp([slope_more])
    (with_less,) = down_of_rises.vjp([slope_less])
    (of_falling,) = down_of_falls.vjp([slope_more])
    (with_up,) = up_of_falls.vjp([slope_less])
    rising, falling = of_rising + with_less, of_falling + with_up
    either = (rising + falling) / 2
    found = mx.nd.where(change > 0, rising, mx.nd.where(change < 0, falling, either))
    return [found, *[None] * (len(step.inputs) - 1)]

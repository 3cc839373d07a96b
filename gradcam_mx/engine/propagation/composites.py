"""Which rule stands at which operator of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Iterable, Sequence, Union

import numpy as np

from ..._mxnet import mx
from ...errors import LayerError, RuleError
from ...graph.graph import Graph
from ...graph.kinds import WEIGHTED, Kind
from ...graph.layers import find
from ...graph.layout import channel_axis
from ...graph.node import Entry, Node, Shapes
from ...graph.operators import operator
from ...graph.passages import Passage, passage
from ...graph.structure import Structure
from ...support.caches import Cache
from ..rules import Acts, Rule
from ..steps import Backward, Step
from .layer import Layer, Norm
from .layer_rules import Epsilon, LayerRule, Pass, ZBox
from .merging import merged, merged_in_front
from .operators import SUMS, exciting_sum, passing, refusal, taking_part, varying_slots
from .places import first_layers, last_layers, last_sums
from .shares import EPSILON, Passed, proportional
from .signs import nonnegative
from .ties import is_behind_extreme, to_first

Chosen = Union[LayerRule, Callable[[Step], Passed], None]
OfNode = Callable[[Node], Chosen]
"""From a node to a rule, or to a function of a step; None for the usual."""

GRADIENT = "gradient"
CONTRAST = "contrast"


@dataclass(frozen=True)
class Composite:
    """Rules for the linear layers of a net by what they are.

    Args:
        convolution: of convolutions and transposed ones.
        dense: of Dense layers.
        first: of the layers that no other comes before; None for what they are otherwise.
        last: of those that no other comes behind.
    """

    convolution: LayerRule
    dense: LayerRule
    first: LayerRule | None = None
    last: LayerRule | None = None


@dataclass(frozen=True)
class Relevance(Rule):
    """Relevance through a graph: rules at its linear layers, and what follows from the operators
    everywhere else.

    Args:
        composite: which rule stands at which linear layer.
        of_nodes: a function of a node that is asked first.
        of_layers: (name of a layer, rule) that come before all else.
        epsilon: of denominators at operators that are no layers.
        fallback: "gradient", to let relevance pass an operator that nothing is known of.
        start_with: "score", "contrast" or "one"; see `start`. In sums behind the last layers what
            is below zero takes no part of a contrast.
        conditions: (name of a layer, the channels that relevance may pass there).
        excites_only: whether terms below zero take no part in sums either.
    """

    composite: Composite
    of_nodes: OfNode | None = None
    of_layers: tuple[tuple[str, LayerRule], ...] = ()
    epsilon: float = EPSILON
    fallback: str | None = None
    start_with: str = "score"
    conditions: tuple[tuple[str, tuple[int, ...]], ...] = ()
    excites_only: bool = False
    name: str = "relevance"

    def __post_init__(self) -> None:
        if self.fallback not in (None, GRADIENT):
            raise RuleError(f'fallback={self.fallback!r}; expected "gradient" or None')

    @property
    def needs_graph(self) -> bool:
        return True

    @property
    def keeps_accounts(self) -> bool:
        return True

    def at(self, node: Node) -> None:
        return None

    def start(self, gradient: Any, output: Any) -> Any:
        """What begins: of a "score" its parts, the outputs that it is made of; of a "contrast" the
        score S at a class, and -S/(K - 1) at each of the others (Gu et al. 2018, arXiv:1812.02100);
        of "one" the gradient, which is 1 at a class."""
        if self.start_with == "one":
            return gradient
        relevance = gradient * output
        if self.start_with == "score":
            return relevance
        classes = output.size // output.shape[0]
        score = relevance.reshape((output.shape[0], -1)).sum(axis=1)
        others = (gradient - 1) / (classes - 1)
        return (gradient + others * (gradient == 0)) * score.reshape((-1, *[1] * (output.ndim - 1)))

    def by_gradient(self, graph: Structure) -> list[str]:
        """The operators that relevance passes by their gradient, as nothing is known of them."""
        return unknown(graph, reached(graph)) if self.fallback == GRADIENT else []

    def acts(self, graph: Structure) -> Acts:
        return graph.cache(_Kept).get(self, lambda: _Placed(self, graph).acts())


class _Kept(Cache[Relevance, Acts]):
    def __init__(self) -> None:
        super().__init__(16)


class _Placed:
    """A rule on its way into a graph."""

    def __init__(self, rule: Relevance, graph: Structure) -> None:
        self._rule, self._graph = rule, graph
        self._nonnegative = nonnegative(graph)
        self._first, self._last = first_layers(graph), last_layers(graph)
        is_contrast = rule.start_with == CONTRAST
        self._exciting = last_sums(graph) if is_contrast else frozenset()
        self._own = {self._layer(name): one for name, one in rule.of_layers}
        # a normalisation that has a rule of its own stands alone
        self._norms = {
            layer: norm for layer, norm in merged(graph).items() if self._chosen(norm.node) is None
        }
        self._merged = {norm.node.index for norm in self._norms.values()}
        self._conditions = {
            self._entry(name)[0]: partial(_passes, graph=graph, layer=name, channels=channels)
            for name, channels in rule.conditions
        }
        self._reached = reached(graph)
        self._fronts = {
            layer: norm
            for layer, norm in merged_in_front(graph).items()
            if isinstance(self._chosen(graph.nodes[layer]) or Epsilon(), LayerRule)
            and self._chosen(norm) is None
        }
        self._merged |= {norm.index for norm in self._fronts.values()}

    def _entry(self, layer: str) -> Entry:
        return find(self._graph, layer, Shapes({}, ()), self._graph.heads[:1])[0]

    def _layer(self, name: str) -> int:
        """The node that a rule for a layer stands at: in a block that has more than a linear layer,
        such as its activation, and of a layer between transpositions (`rewrite`), the linear one.
        """
        graph, index = self._graph, self._entry(name)[0]
        block = next((one.name for one in graph.blocks if name in (one.path, one.name)), None)
        node, stands_for = graph.nodes[index], False
        while not node.is_variable:
            is_inside = block is not None and node.name.startswith(block)
            if passage(node) is Passage.LAYER:
                return node.index if is_inside or stands_for else index
            stands_for = stands_for or operator(node.role).kind in WEIGHTED
            if not (is_inside or stands_for):
                break
            node = graph.nodes[node.inputs[0][0]]
        return index

    def acts(self) -> Acts:
        found = {}
        for node in self._graph.live_nodes:
            if node.is_variable:
                continue
            one, passes = self._at(node), self._conditions.get(node.index)
            if one is not None or passes is not None:
                found[node.index] = Backward(passes, one, of_activation=node.bend is not None)
        return found

    def _at(self, node: Node) -> Callable[[Step], Passed] | None:
        if node.index in self._merged or node.bend is not None:
            return to_first
        if is_behind_extreme(self._graph, node):
            return to_first
        chosen = self._chosen(node)
        way = passage(node)
        if chosen is not None and not isinstance(chosen, LayerRule):
            return chosen
        if way is Passage.LAYER:
            if varying_slots(self._graph, node) != [0]:
                return partial(proportional, epsilon=self._rule.epsilon, slots=(0,))
            front = self._fronts.get(node.index)
            source = node.inputs[0] if front is None else front.inputs[0]
            return partial(
                _at_layer,
                rule=self._bounded(chosen or self._usual(node)),
                norm=self._norms.get(node.index),
                front=front,
                is_nonnegative=source in self._nonnegative,
            )
        if isinstance(chosen, Pass):
            return to_first
        if isinstance(chosen, Epsilon):
            return partial(proportional, epsilon=chosen.epsilon)
        if chosen is not None:
            raise RuleError(
                f"{chosen} is for layers with a weight, and {node.name!r} is the operator "
                f"{node.op}: give Epsilon(), Pass() or a function of a step"
            )
        if way is None:
            if self._rule.fallback == GRADIENT:
                return partial(proportional, epsilon=self._rule.epsilon)
            if node.index in self._reached:
                raise refusal(node)
            return None
        if node.index in self._exciting or (self._rule.excites_only and node.op in SUMS):
            return exciting_sum
        return passing(self._graph, node, self._rule.epsilon)

    def _bounded(self, rule: LayerRule) -> LayerRule:
        block = self._graph.own.named() if isinstance(self._graph, Graph) else None
        return rule.for_net(block) if isinstance(rule, ZBox) else rule

    def _chosen(self, node: Node) -> Chosen:
        if node.index in self._own:
            return self._own[node.index]
        chosen = self._rule.of_nodes(node) if self._rule.of_nodes is not None else None
        if chosen is not None and not callable(chosen):
            raise RuleError(
                f"the composite gives {chosen!r} at {node.op} {node.name!r}; expected a rule, a "
                "function of a step, or None"
            )
        return chosen

    def _usual(self, node: Node) -> LayerRule:
        composite = self._rule.composite
        if composite.first is not None and node.index in self._first:
            return composite.first
        if composite.last is not None and node.index in self._last:
            return composite.last
        is_dense = node.operator.kind is Kind.DENSE
        return composite.dense if is_dense else composite.convolution


def unknown(graph: Structure, nodes: Iterable[int]) -> list[str]:
    """The operators among some nodes that no rule is known for, in words.

    Args:
        graph: their graph.
        nodes: by number.
    """
    return [
        f"{graph.nodes[index].op} {graph.nodes[index].name!r}"
        for index in sorted(nodes)
        if passage(graph.nodes[index]) is None and graph.nodes[index].bend is None
    ]


def reached(graph: Structure) -> frozenset[int]:
    """The nodes that relevance comes to from the outputs: none of what makes gates."""
    found: set[int] = set()
    waiting = [index for index, _ in graph.heads]
    while waiting:
        index = waiting.pop()
        node = graph.nodes[index]
        if index in found or node.is_variable:
            continue
        found.add(index)
        if node.bend is not None:
            waiting.append(node.bend.source[0])
        elif passage(node) is None:
            waiting.extend(source for source, _ in node.inputs)
        else:
            waiting.extend(node.inputs[slot][0] for slot in taking_part(graph, node))
    return frozenset(found)


def _passes(
    relevance: Any, out: Any = None, *, graph: Structure, layer: str, channels: Sequence[int]
) -> Any:
    """What arrives, at some channels alone."""
    entry = find(graph, layer, Shapes({}, ()), graph.heads[:1])[0]
    axis = channel_axis(graph, entry, {entry: relevance.shape})
    count = relevance.shape[axis]
    if not all(0 <= one < count for one in channels):
        raise LayerError(
            f"the layer {layer!r} has the channels 0 to {count - 1}; got {list(channels)}"
        )
    mask = np.zeros([count if place == axis else 1 for place in range(relevance.ndim)])
    mask[tuple(list(channels) if place == axis else 0 for place in range(relevance.ndim))] = 1
    like = mx.nd.array(mask, relevance.context, relevance.dtype)
    return mx.nd.broadcast_mul(relevance, like)


def _at_layer(
    step: Step, rule: LayerRule, norm: Norm | None, front: Node | None, is_nonnegative: bool
) -> Passed:
    layer = Layer(step, norm, is_nonnegative, front)
    return [rule(layer), *[None] * (len(step.inputs) - 1)]

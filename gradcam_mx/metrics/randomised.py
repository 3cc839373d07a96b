"""A net that has forgotten what it learned: the numbers of its parameters in random order."""

from __future__ import annotations

from typing import Collection, Iterable, Iterator, Sequence

import numpy as np

from ..errors import NetworkError
from ..graph.graph import Graph
from ..graph.node import Shape
from ..graph.piece import symbol_of


def layers_from_top(
    graph: Graph, shapes: Sequence[Shape], outputs: Collection[str] = ()
) -> list[list[str]]:
    """The names of the parameters of each layer that has some, from the output to the input.

    A layer is an operator on what depends on the input.

    Those that several layers share are of the one next to the output. Running statistics, whole
    numbers and constants are no parameters: they stay.

    Args:
        graph: of the net.
        shapes: of each of its inputs.
        outputs: the names of those that are explained; all by default. What has no part in them
            cannot change an explanation.

    Raises:
        NetworkError: the net has no parameters, or is in int8 arithmetic.
    """
    # the steps of a loop have their operators, and running statistics of their own, when unrolled
    part = graph.taking(len(shapes)).unrolled(*shapes)
    heads = [one.point for one in part.outputs if one.name in outputs] or part.heads
    nodes = [part.nodes[index] for index in sorted(part.ancestors(heads), reverse=True)]
    layered = [node for node in nodes if node.index in part.data_dependent]
    integer = next((node for node in nodes if node.operator.is_int8), None)
    if integer is not None:
        raise NetworkError(
            f"{integer.name!r} ({integer.op}) is in int8 arithmetic, whose weights and scales mean "
            "nothing in random order: measure the float twin, gm.load(…, dequantize=True)"
        )
    waiting = set(part.parameters.trained)
    if waiting:  # a black box has none, and no symbol
        symbol, _ = symbol_of(part, heads, ())
        waiting -= set(symbol.list_auxiliary_states())
    layers: list[list[str]] = []
    for node in layered:
        # cast, transposed or put together of several, they are still the parameters of this one
        own = part.ancestors(entry for entry in node.inputs if entry[0] not in part.data_dependent)
        names = [part.nodes[index].name for index in sorted(own)]
        found = [name for name in names if name in waiting]
        if found:
            layers.append(found)
            waiting.difference_update(found)
    if not layers:
        raise NetworkError("the net has no parameters whose numbers could be put in random order")
    return layers


def randomised(
    graph: Graph, layers: Sequence[Sequence[str]], counts: Iterable[int], seed: int
) -> Iterator[Graph]:
    """Graphs of the net whose first few layers have their parameters' numbers in random order.

    Each array is shuffled on its own, so that it keeps the distribution of its numbers, and one of
    equal numbers stays as it is. It is done on copies.

    Args:
        graph: of the net.
        layers: the names of the parameters of each.
        counts: how many layers are shuffled in each graph, upwards.
        seed: of the order, which does not depend on the counts.
    """
    draw, done = np.random.RandomState(seed), 0
    for count in counts:
        arrays = graph.parameters.on(graph.parameters.contexts()[0])
        shuffled = {}
        for name in (name for layer in layers[done:count] for name in layer):
            numbers = arrays[name].asnumpy()
            shuffled[name] = draw.permutation(numbers.ravel()).reshape(numbers.shape)
        graph, done = graph.with_numbers(shuffled), count
        yield graph

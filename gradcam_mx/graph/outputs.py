"""The net's outputs: which value is explained of each, and which of them is.

It is the value before a loss head, or before a final softmax or sigmoid.

A loss head (SoftmaxOutput and its kin) ignores the gradient that comes to it, so nothing can be
explained through it. A softmax or sigmoid could be, but a probability near 1 hardly has a gradient
left, and grows when another class shrinks; the field explains the score before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Iterable, NamedTuple, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from .kinds import Kind
from .node import Entry, Node


@dataclass(frozen=True)
class Link:
    """From scores to probabilities: the softmax or sigmoid that a net ends in."""

    kind: str
    """"softmax" or "sigmoid"; "given" where what is explained are probabilities already."""
    axis: int | None = 1
    """Of a softmax: the axis of the classes; None if it is over all that belongs to a sample."""
    is_log: bool = False
    """Whether the net gives their logarithms."""

    def __call__(self, scores: Any) -> Any:
        """The probabilities for scores, an NDArray, through operators that autograd knows."""
        if self.kind == "given":
            return scores
        if self.kind == "sigmoid":
            return mx.nd.sigmoid(scores)
        if self.axis is None:
            return mx.nd.softmax(scores.flatten()).reshape(scores.shape)
        return mx.nd.softmax(scores, axis=self.axis)

    def output(self, scores: Any) -> Any:
        """What the net gives for scores."""
        return mx.nd.log_softmax(scores, axis=self.axis) if self.is_log else self(scores)


class Output(NamedTuple):
    """An output of the net."""

    name: str
    point: Any
    """Where the value is that is explained of it."""
    link: Link | None
    """From that value to probabilities, where the net ends in a softmax or sigmoid."""
    channel_axis: int = 1


class LayerOutputs(NamedTuple):
    """What layers inside the net give, in the place of its outputs."""

    layers: tuple[Any, ...]
    """Blocks, dotted paths, or names."""


PROBABILITY = "probability"

OutputChoice = Union[None, int, str, Sequence[Union[int, str, LayerOutputs]], LayerOutputs]
"""Which output is explained: its number or name, several for a target that is a function of
several, "probability" for the first after its softmax or sigmoid, None for the first; or what
layers give."""


def choose(
    outputs: Sequence[Output],
    choice: OutputChoice,
    of_layer: Callable[[Any], Output] | None = None,
) -> list[Output]:
    """The outputs that are explained.

    Args:
        outputs: those of the net.
        choice: as callers have it.
        of_layer: gives what a layer has in the place of an output.

    Raises:
        TargetError: there is no such output; the message lists those that there are.
    """
    if choice is None or choice == PROBABILITY:
        return [outputs[0]]
    is_list = isinstance(choice, (list, tuple)) and not isinstance(choice, LayerOutputs)
    found: list[Output] = []
    for one in choice if is_list else [choice]:  # type: ignore[union-attr]
        if isinstance(one, LayerOutputs) and of_layer is not None:
            found += map(of_layer, one.layers)
        else:
            found.append(_find(outputs, one))
    return found


def _find(outputs: Sequence[Output], choice: Any) -> Output:
    for number, output in enumerate(outputs):
        if choice in (output.name, re.sub("_output$", "", output.name)):
            return output
        if isinstance(choice, int) and choice in (number, number - len(outputs)):
            return output
    listed = ", ".join(f"{number} {output.name!r}" for number, output in enumerate(outputs))
    raise TargetError(
        f"the net has no output {choice!r}; it has {listed}, and "
        f"{PROBABILITY!r} stands for the first after its softmax or sigmoid"
    )


SOFTMAX, SIGMOID, GIVEN = Link("softmax"), Link("sigmoid"), Link("given")


def is_single(shape: Sequence[int]) -> bool:
    """Whether the output is one value a sample."""
    return all(size == 1 for size in shape[1:])


def holds_classes(shape: Sequence[int]) -> bool:
    """Whether the output has one score of each sample for each class: (N, K), (N, K, 1, 1)."""
    return len(shape) > 1 and all(size == 1 for size in shape[2:])


def link_or_default(link: Link | None, shape: Sequence[int]) -> Link:
    """The link of a net that has one; of one that ends in scores, what the field would take."""
    return link or (SIGMOID if is_single(shape) else SOFTMAX)


def probabilities(value: Any, link: Link | None) -> np.ndarray | None:
    """(N, K) of the classes, for an explained value; None if it holds no class scores.

    Of one output value, the logit of a sigmoid: those of class 0 and of class 1.
    """
    if not holds_classes(value.shape):
        return None
    if not is_single(value.shape):
        odds = link_or_default(link, value.shape)(value)
        return odds.asnumpy().reshape(value.shape[:2])
    if link is None:
        return None
    odds = link(value).asnumpy().reshape(-1, 1)
    return np.concatenate([1 - odds, odds], axis=1)


def labels(nodes: Iterable[Node]) -> set[str]:
    """The names of the variables that nothing but the loss heads read."""
    nodes = list(nodes)
    data = {
        entry[0]
        for node in nodes
        for entry in (node.inputs[:1] if _is_loss_head(node) else node.inputs)
    }
    read = {entry[0] for node in nodes for entry in node.inputs}
    return {node.name for node in nodes if node.is_variable and node.index in read - data}


def explained(nodes: Sequence[Node], output: Entry) -> tuple[Entry, Link | None]:
    """The value to explain for an output, and its link to probabilities, if there is one.

    Args:
        nodes: those of the graph, frozen.
        output: a value that the net returns.
    """
    node = nodes[output[0]]
    while _is_loss_head(node):
        output = node.inputs[0]
        link = _link(node)
        if link:
            return output, link
        node = nodes[output[0]]
    while node.operator.keeps_scores:
        node = nodes[node.inputs[0][0]]
    link = _link(node)
    return (node.inputs[0], link) if link else (output, None)


def _is_loss_head(node: Node) -> bool:
    return node.operator.kind is Kind.LOSS_HEAD


def _link(node: Node) -> Link | None:
    made = node.operator.probabilities(node)
    return Link(*made) if made else None

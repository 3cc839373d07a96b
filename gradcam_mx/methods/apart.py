"""Gradients of samples that touch each other: of each one's score alone, at itself alone.

One backward pass from all scores together gives the gradient of their sum. Where a sample changes
another's score, as a region of another's map does, that is no sample's own.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from .._mxnet import mx
from ..engine.nodes import ALONE, Also
from ..engine.order import numbers_at
from ..engine.recording import Traced
from ..engine.rules import PLAIN, Rule
from ..engine.wanted import Together
from ..errors import TargetError
from ..graph.layers import Map
from ..targets import heads
from ..targets.heads import Head
from .recorded import Recorded


def backward(
    recorded: Recorded, head: Head, rule: Rule, maps: Sequence[Map], also: Also = ALONE
) -> dict[Any, Any]:
    """The gradients of each sample's score at its own rows, by point, channels first.

    Args:
        recorded: the net that ran.
        head: what is explained.
        rule: of the backward pass.
        maps: where the gradients are wanted.
        also: what goes with it.
    """
    points, recording = [one.point for one in maps], recorded.recording
    gradients = [rule.start(*pair) for pair in zip(head.gradients, recorded.outputs)]
    if not are_apart(recorded, maps):
        found = recording.backward(gradients, rule, points, also)
        return {one.point: numbers_at(found[one.point], one) for one in maps}
    rows = {one.point: recording.rows_of(one) for one in maps}
    total: dict[Any, np.ndarray] = {}
    for sample in range(recording.samples):
        alone = _of_sample(recorded, gradients, sample)
        found = recording.backward(alone, rule, points, also)
        for one in maps:
            numbers = numbers_at(found[one.point], one)
            own = rows[one.point] == sample
            total.setdefault(one.point, np.zeros_like(numbers))[own] = numbers[own]
    return total


def onward(
    recorded: Recorded, where: Map, arriving: np.ndarray, rule: Rule, at: Map, also: Also
) -> np.ndarray:
    """The rest of a backward pass: from what arrives at a layer, channels first, to a map before
    it; of each sample what comes of its own rows, at its own rows.

    Args:
        recorded: the net that ran, by its graph.
        where: the layer.
        arriving: what arrives there.
        rule: of the backward pass.
        at: where the pass ends.
        also: what goes with it.
    """
    recording = recorded.recording
    assert isinstance(recording, Traced), "a rule that needs a graph refuses other nets"

    def passed(numbers: np.ndarray) -> np.ndarray:
        placed = recorded.placed(numbers, where)
        return numbers_at(recording.onward(where, placed, rule, [at.point], also)[at.point], at)

    if not are_apart(recorded, [where, at]):
        return passed(arriving)
    rows, before = recording.rows_of(where), recording.rows_of(at)
    total = np.zeros_like(recorded.value(at))
    for sample in range(recording.samples):
        own = (rows == sample).reshape(-1, *[1] * (arriving.ndim - 1))
        total[before == sample] = passed(arriving * own)[before == sample]
    return total


def are_apart(recorded: Recorded, maps: Sequence[Map]) -> bool:
    """Whether each sample has to be explained by itself, as it may change others' scores."""
    recording = recorded.recording
    return recording.samples > 1 and any(recording.together(one) is Together.ALONE for one in maps)


def variant(
    recorded: Recorded, fixed: Any, where: Map, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) the scores, and the gradients, of variants of which each is beside the other samples as
    they are.

    Args:
        recorded: the net that ran.
        fixed: the target, as `Head.fixed` has it.
        where: an input or a layer.
        value: a variant of each sample there.
    """
    recording, originals = recorded.recording, recorded.value(where)
    gradients, scores = np.zeros_like(value), np.zeros(recording.samples)
    rows = recording.rows_of(where)
    for sample in range(recording.samples):
        own = rows == sample
        numbers = np.where(own.reshape(-1, *[1] * (value.ndim - 1)), value, originals)
        part = recording.at(where, recorded.placed(numbers, where), 1, [where])
        head = heads.head(fixed, part.values(), recorded.known)
        alone = _of_sample(recorded, head.gradients, sample)
        back = numbers_at(part.backward(alone, PLAIN, [where.point])[where.point], where)
        gradients[own], scores[sample] = back[own], head.score[sample]
    return scores, gradients


def _of_sample(recorded: Recorded, gradients: Sequence[Any], sample: int) -> list[Any]:
    """What of head gradients is the derivative of one sample's score.

    Raises:
        TargetError: an output holds the samples at no axis, so that nobody knows.
    """
    found = []
    for gradient, axis in zip(gradients, recorded.known.sample_axes):
        if axis is None:
            raise TargetError(
                f"the samples of this net touch each other, and its output {gradient.shape} does "
                "not hold them at an axis of their own; explain one sample in a call"
            )
        mask = np.zeros(gradient.shape[axis])
        mask[sample] = 1
        shape = [-1 if place == axis else 1 for place in range(len(gradient.shape))]
        like = mx.nd.array(mask.reshape(shape), ctx=gradient.context, dtype=gradient.dtype)
        found.append(mx.nd.broadcast_mul(gradient, like))
    return found

"""Backward passes that compare two runs, find what biases add, or keep accounts."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from ..engine.failures import failures_told
from ..engine.nodes import Also
from ..engine.order import numbers_at
from ..engine.propagation.deep_lift import POINTS
from ..engine.propagation.ledger import Ledger
from ..engine.recording import Traced
from ..engine.rules import Rule
from ..graph.layers import Map
from ..targets import heads
from ..targets.heads import Head
from . import apart
from .recorded import Recorded


class Compared(NamedTuple):
    """Two runs of a net, compared."""

    multipliers: np.ndarray
    """What a change of each value adds to that of the score."""
    change: np.ndarray
    """Of each value."""
    of_score: np.ndarray
    """(N,) that of the score."""


class Biased(NamedTuple):
    """What the input and the biases add to a score."""

    gradient: np.ndarray
    """At the input."""
    maps: list[np.ndarray]
    """What is added at each place in the net, its channels at axis 1."""
    total: np.ndarray
    """(N,) what is added all together."""


def ledger_for(recorded: Recorded, rule: Rule) -> Ledger | None:
    """What keeps the accounts of a walk under a rule; None if it keeps none.

    Args:
        recorded: the net that ran.
        rule: of the walk.
    """
    return traced(recorded).ledger() if rule.keeps_accounts else None


def against(
    recorded: Recorded, head: Head, rule: Rule, other: tuple[Map, np.ndarray], where: Map
) -> Compared:
    """Multipliers between a run and one with another value somewhere.

    Args:
        recorded: the net that ran.
        head: what is explained.
        rule: of the walk.
        other: an input or a layer, and the value there that is compared with.
        where: an input or a layer, where the multipliers are wanted.
    """
    (place, value), recording = other, traced(recorded)
    with failures_told("forward"):
        values = recording.values_with(place, recorded.placed(value, place))
    outputs = [values[one.point] for one in recording.outputs]
    score = heads.head(head.fixed, outputs, recorded.known, False).score
    started = head._replace(gradients=_between(recorded, head, outputs))
    with failures_told("backward"):
        found = apart.backward(recorded, started, rule, [where], Also(reference=values))
    before = value if where == place else numbers_at(values[where.point], where)
    change = recorded.value(where) - before
    difference = head.score.astype(np.float64) - score.astype(np.float64)
    return Compared(found[where.point], change, difference)


def biases(recorded: Recorded, head: Head, rule: Rule) -> Biased:
    """The gradient at the input, and what the biases add on the way there.

    Args:
        recorded: the net that ran.
        head: what is explained.
        rule: of the walk.
    """
    recording = traced(recorded)
    place, added = recording.input, recording.bias_maps()
    with failures_told("backward"):
        found = apart.backward(recorded, head, rule, [place], Also(ledger=added))
    count = len(head.score)
    # a target that is not linear in the outputs has a bias of its own
    total = head.score.astype(np.float64) - _linear_part(head.gradients, recorded, count)
    for one in added.totals:
        numbers = one.asnumpy().astype(np.float64)
        total = total + (numbers if len(numbers) == count else numbers.sum() / count)
    maps = [numbers_at(one, recording.map_of(entry)) for entry, one in added.maps.items()]
    return Biased(found[place.point], maps, total)


def traced(recorded: Recorded) -> Traced:
    """The recording of a net's graph: rules that need one have refused other nets.

    Args:
        recorded: the net that ran.
    """
    recording = recorded.recording
    assert isinstance(recording, Traced), "a rule that needs a graph was given another net"
    return recording


def _between(recorded: Recorded, head: Head, others: Sequence[Any]) -> list[Any]:
    """The mean derivative of the target on the line from other outputs to those of the run: its
    own, of one that is linear, such as the score of a class."""

    def gradients(share: float) -> list[Any]:
        own = recorded.outputs
        values = [before + (after - before) * share for before, after in zip(others, own)]
        return heads.head(head.fixed, values, recorded.known).gradients

    pairs = zip(gradients(0.0), head.gradients)
    if all((at_start == at_end).min().asscalar() for at_start, at_end in pairs):
        return head.gradients
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    every = [gradients(share) for share in (points + 1) / 2]
    return [sum(one * (w / 2) for one, w in zip(each, weights)) for each in zip(*every)]


def _linear_part(gradients: Sequence[Any], recorded: Recorded, count: int) -> np.ndarray:
    """(N,) the sum of the outputs, each times its derivative."""
    total = np.zeros(count)
    for gradient, output, axis in zip(gradients, recorded.outputs, recorded.known.sample_axes):
        product = (gradient * output).asnumpy().astype(np.float64)
        if axis is None:
            total += product.sum() / count
        else:
            total += np.moveaxis(product, axis, 0).reshape(count, -1).sum(axis=1)
    return total

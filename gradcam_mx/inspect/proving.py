"""Clusters of a class, each proved or not by hiding and pasting the region that its maps share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Sequence

import numpy as np

from ..engine.chunks import BatchSize
from ..graph.trace import Net
from ..methods import baselines
from ..methods.baselines import Baseline
from ..support.statistics import holm
from .class_maps import Draws
from .cluster import Cluster
from .hidden_and_pasted import Judge, Proof, check_says, judge_of, pairs, prove
from .stored_samples import StoredSamples

FEWEST = 5
"""Photos of a proof: of fewer, nothing can be said with a certainty of 95 %."""


class Trial(NamedTuple):
    """How clusters are proved."""

    baseline: Baseline
    least: float
    photos: int
    seed: int


class Judged:
    """The net as a function, made of the first inputs that it gets and checked on them.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        output: which of several outputs has the classes.
        batch_size: how many inputs run at once.
    """

    def __init__(self, net: Net, output: Any, batch_size: BatchSize) -> None:
        self._net, self._output, self._batch_size = net, output, batch_size
        self._judge: Judge | None = None

    def on(self, rows: np.ndarray, predicted: Sequence[int | None]) -> Judge:
        """It.

        Args:
            rows: (N, C, H, W), of samples.
            predicted: what the store says of them.

        Raises:
            InputError: the net says something else.
        """
        if self._judge is None:
            judge = judge_of(self._net, rows[0], self._output, self._batch_size)
            check_says(judge, rows, predicted)
            self._judge = judge
        return self._judge


def proved(
    cluster: Cluster, judged: Judged, seen: StoredSamples, draws: Draws, trial: Trial
) -> Cluster:
    target = cluster.class_id
    others = [
        one.number
        for one in draws.values()
        if target not in (one.explained, one.predicted, one.label)
    ]
    asked = list(pairs(cluster.members, others, trial.photos, trial.seed))
    if len(asked) < FEWEST or not cluster.region.any():
        return cluster
    rows = {one.number: one.row for one in seen.read({n for three in asked for n in three})}
    whole = [three for three in asked if all(one in rows for one in three)]
    if len(whole) < FEWEST:
        return cluster
    own, into, clean = (np.stack([rows[one] for one in column]) for column in zip(*whole))
    baselines.check(trial.baseline, own.shape, inpaint=True)
    judge = judged.on(own, [draws[one].predicted for one, _, _ in whole])
    proof = prove(
        judge,
        target,
        cluster.region,
        own,
        into,
        clean,
        baseline=trial.baseline,
        least=trial.least,
    )
    return replace(cluster, proof=proof)


def corrected(found: list[Cluster], alpha: float) -> list[Cluster]:
    tested = [place for place, one in enumerate(found) if one.proof is not None]
    proofs: list[Proof] = [found[place].proof for place in tested]  # type: ignore[misc]
    for place, p in zip(tested, holm(np.array([one.p for one in proofs]))):
        found[place] = replace(found[place], corrected_p=float(p), is_finding=bool(p <= alpha))
    return found

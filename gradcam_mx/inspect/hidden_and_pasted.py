"""What a net says of photos in which a region is hidden, and of others into which it is pasted."""

from __future__ import annotations

from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from ..engine.chunks import BatchSize
from ..engine.recording import Recording
from ..engine.streaming import Reader, engine_for
from ..errors import InputError, TargetError
from ..graph.outputs import PROBABILITY, OutputChoice, probabilities
from ..graph.trace import Net
from ..methods.baselines import Baseline, Curtain
from ..support.equality import equal_by_fields
from ..support.statistics import mean, sign_test, standard_error
from .shared_region import elsewhere

_MOST_OTHERWISE = 0.1
"""The largest share of photos of which the net may say something else than the store has."""


@equal_by_fields
class Effect(NamedTuple):
    """By how much a number of the net changes, photo by photo."""

    changes: np.ndarray
    """(N,) with the region."""
    controls: np.ndarray
    """(N,) with what it is compared with."""

    @property
    def change(self) -> float:
        """The mean change."""
        return mean(self.changes)

    @property
    def control(self) -> float:
        """The mean change of what it is compared with."""
        return mean(self.controls)

    @property
    def difference(self) -> float:
        """By how much more the region changes it, on the mean."""
        return mean(self.changes - self.controls)

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return standard_error(self.changes - self.controls)


class Proof(NamedTuple):
    """What came of hiding a region and of pasting it."""

    hidden: Effect
    """The drop of the class's score in the cluster's photos, and that when regions of the same size
    elsewhere are hidden."""
    hidden_probability: Effect
    """The same of its probability."""
    pasted: Effect
    """The rise of the class's score in photos of other classes, and that when the same region of
    still others is pasted."""
    pasted_probability: Effect
    """The same of its probability."""
    p: float
    """How probable so much is by chance, if the region were no shortcut."""


Judge = Callable[[np.ndarray], np.ndarray]
"""From inputs (N, C, H, W) to the scores and probabilities of all classes, (N, 2, K) float64."""


def judge_of(net: Net, row: np.ndarray, output: OutputChoice, batch_size: BatchSize) -> Judge:
    """The net as a function.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        row: (C, H, W), an input.
        output: which of several outputs has the classes.
        batch_size: how many inputs run at once.

    Raises:
        TargetError: there are no classes.
        NetworkError: what it says.
    """
    asked = None if output == PROBABILITY else output
    engine = engine_for(net, row, asked, batch_size, _reader)

    def judge(inputs: np.ndarray) -> np.ndarray:
        return np.concatenate(list(engine([one] for one in inputs))).astype(np.float64)

    return judge


def _reader(recording: Recording) -> Reader:
    value, link = recording.values()[0], recording.outputs[0].link
    if probabilities(value, link) is None:
        raise TargetError(
            f"the net's output has the shape {value.shape}, which holds no classes; shortcuts are "
            "looked for in what speaks for a class"
        )

    def read(outputs: list[Any]) -> np.ndarray:
        odds = np.asarray(probabilities(outputs[0], link))
        scores = outputs[0].asnumpy().reshape(len(odds), -1)
        if scores.shape != odds.shape:  # one output value, the logit of a sigmoid
            scores = np.concatenate([-scores, scores], axis=1)
        return np.stack([scores, odds], axis=1)

    return read


def check_says(judge: Judge, inputs: np.ndarray, predicted: Sequence[int | None]) -> None:
    """Refuse a net that is not the one that the store is of.

    Args:
        judge: the net.
        inputs: of some samples.
        predicted: what the store says of each.

    Raises:
        InputError: the net says something else of too many.
    """
    top = judge(inputs)[:, 0].argmax(axis=1)
    others = sum(one is not None and one != said for one, said in zip(predicted, top))
    if others > _MOST_OTHERWISE * len(inputs):
        raise InputError(
            f"of {others} of {len(inputs)} samples the net says another class than the store has: "
            "pass the net, the data set and the preprocessing that the store was made with"
        )


def prove(
    judge: Judge,
    target: int,
    region: np.ndarray,
    own: np.ndarray,
    others: np.ndarray,
    clean: np.ndarray,
    *,
    baseline: Baseline,
    least: float,
) -> Proof:
    """Hide a region in photos of a cluster, and paste it into photos of other classes.

    Two sign tests, photo by photo: that hiding it takes more of the class's score than hiding as
    much elsewhere does, and that pasting it adds more than `least` to the class's probability
    beyond what pasting the same region of clean photos adds. Both have to hold, so the larger p
    counts (Berger 1982, doi:10.2307/1268358). The region of an object does the first as well, and
    on the mean adds something: what a shortcut alone does is to turn most photos by so small a
    part.

    Args:
        judge: the net.
        target: the class.
        region: (H, W) bool.
        own: (N, C, H, W), the cluster's photos.
        others: (N, C, H, W), photos of other classes.
        clean: (N, C, H, W), others of these, whose region is pasted for comparison.
        baseline: what is hidden becomes.
        least: the rise of the probability that counts.
    """

    def says(inputs: np.ndarray) -> np.ndarray:
        return judge(inputs)[:, :, target].T

    curtain = Curtain(own, baseline)

    def hidden(where: np.ndarray) -> np.ndarray:
        found = np.empty_like(own)
        for number, row in enumerate(found):
            curtain.shows(number, ~where)(row)
        return found

    whole, before = says(own), says(others)
    drops = whole - says(hidden(region))
    drops_elsewhere = whole - np.mean([says(hidden(one)) for one in elsewhere(region)], axis=0)
    rises = says(np.where(region, own, others)) - before
    rises_of_clean = says(np.where(region, clean, others)) - before
    of_hiding = [Effect(*both) for both in zip(drops, drops_elsewhere)]
    of_pasting = [Effect(*both) for both in zip(rises, rises_of_clean)]
    p = max(
        sign_test(drops[0] - drops_elsewhere[0]),
        sign_test(rises[1] - rises_of_clean[1] - least),
    )
    return Proof(of_hiding[0], of_hiding[1], of_pasting[0], of_pasting[1], p)


def pairs(numbers: Sequence[int], others: Sequence[int], most: int, seed: int) -> Iterator[Any]:
    """Which photos a region comes from, goes to, and is compared with: three numbers at a time.

    No photo of the first two comes twice.

    Args:
        numbers: of the cluster's samples.
        others: of samples of other classes.
        most: how many at most.
        seed: of the draw.
    """
    random = np.random.RandomState(seed)
    own, drawn = random.permutation(numbers), random.permutation(others)
    count = min(most, len(own), len(drawn))
    on = count if len(drawn) >= 2 * count else 1  # to another photo in any case
    for place in range(count if len(drawn) > 1 else 0):
        yield int(own[place]), int(drawn[place]), int(drawn[(place + on) % len(drawn)])

"""A net that ran once on an input, and what was read off it: what all views of a run share."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from .._mxnet import mx
from ..engine.chunks import BatchSize, Engine, chunk_size
from ..engine.failures import failures_told
from ..engine.recording import Recording
from ..engine.rules import Rule
from ..graph import outputs
from ..graph.layers import Map
from ..graph.layout import channels_first
from ..graph.outputs import Output
from ..targets import heads
from ..targets.heads import Head, Targets


class Recorded:
    """A net that ran once on an input. Values that were read are kept.

    Args:
        recording: the run.
        asked: the layers that are explained, as the caller named them.
        maps: those of the layers.
        rules: those under which gradients at the input are wanted.
        probability: whether it is the probabilities of classes that are explained.
        differentiate: whether targets need a derivative.
    """

    def __init__(
        self,
        recording: Recording,
        asked: Sequence[Any],
        maps: Sequence[Map],
        rules: frozenset[Rule] = frozenset(),
        probability: bool = False,
        differentiate: bool = True,
    ) -> None:
        self.recording, self.asked, self.maps = recording, asked, maps
        self.rules, self.probability = rules, probability
        self._differentiate = differentiate
        with failures_told("forward"):
            self.outputs: Sequence[Any] = recording.values()
            self.output: np.ndarray = self.outputs[0].asnumpy()
        self.links = [one.link for one in recording.outputs]
        self._values: dict[Any, np.ndarray] = {}

    def on(self, x: np.ndarray) -> Recorded:
        """The same net on another input; nothing but gradients at the layers is wanted of it."""
        where = self.recording.input
        with failures_told("forward"):
            recording = self.recording.at(where, self.placed(x, where), 1, self.maps)
        return Recorded(recording, self.asked, self.maps, probability=self.probability)

    def heads(self, target: Targets) -> list[Head]:
        """Those of a target, or of each of several."""
        return heads.heads(
            target, self.outputs, self.links, self.probability, differentiate=self._differentiate
        )

    def head(self, fixed: Any, values: Sequence[Any]) -> Head:
        """That of a target which was fixed, for the outputs of another input."""
        return heads.head(fixed, values, self.links, self.probability)

    @property
    def probabilities(self) -> np.ndarray | None:
        """(N, K) of the classes; None if the output is no class scores."""
        return outputs.probabilities(self.outputs[0], self.links[0])

    @property
    def also(self) -> list[tuple[Output, Any]]:
        """The outputs that the run was asked for besides those that are explained, and their
        values."""
        return list(zip(self.recording.also, self.recording.values(self.recording.also)))

    def value(self, where: Map) -> np.ndarray:
        """The value of the input or of a layer, with its channels at axis 1."""
        if where.point not in self._values:
            value = self.recording.value(where.point).asnumpy()
            self._values[where.point] = channels_first(value, where.channel_axis)
        return self._values[where.point]

    def placed(self, values: np.ndarray, where: Map) -> Any:
        """Values with the channels at axis 1 as an array for the net."""
        like = self.recording.value(where.point)
        return mx.nd.array(
            channels_first(values, where.channel_axis, back=True),
            ctx=like.context,
            dtype=like.dtype,
        )

    def engine(
        self, where: Map, wanted: Sequence[Head], batch_size: BatchSize, probability: bool
    ) -> Engine:
        """What runs variants of the value of the input or of a layer, for the scores (N, T)."""
        like, shape = self.recording.value(where.point), self.value(where).shape[1:]
        size = chunk_size(batch_size, self.recording, where, shape)
        originals = self.recording.values()

        def score(one: Head, found: list[Any], samples: np.ndarray) -> np.ndarray:
            odds = self.probability or (probability and one.is_of_classes)
            return heads.scores(one.fixed, found, self.links, odds, samples, originals)

        def results(found: list[Any], samples: np.ndarray) -> np.ndarray:
            with failures_told("forward"):
                return np.stack([score(one, found, samples) for one in wanted], axis=1)

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            with failures_told("forward"):
                return behind(rows, samples)

        def back(rows: np.ndarray) -> np.ndarray:
            return channels_first(rows, where.channel_axis, back=True)

        behind = self.recording.behind(where)
        return Engine(forward, results, like, shape, size, back)

"""A net that ran once on an input, and what was read off it: what all views of a run share."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from ..engine.batches import Batches
from ..engine.chunks import BatchSize, Engine, Variant, chunk_size
from ..engine.failures import failures_told
from ..engine.order import arranged, array_of, numbers_at
from ..engine.recording import Recording
from ..engine.rules import Rule
from ..engine.wanted import Together
from ..graph import outputs
from ..graph.layers import Map
from ..graph.outputs import PROBABILITY, Output, OutputChoice, is_single
from ..support.callers import caller_level
from ..support.geometry import Geometry
from ..support.prepared import geometry_of
from ..support.progress import bar
from ..targets import heads
from ..targets.classes import Binary, Classes
from ..targets.given import Asked
from ..targets.heads import Head, Targets
from ..targets.names import NO_NAMES, ClassNames, class_count
from ..targets.protocol import BaseTarget, Known

Runner = Callable[[Iterable[Sequence[Variant]]], Iterator[np.ndarray]]
"""From values, each with a variant of each sample or of some, to the results for each value."""


def _known(recording: Recording, probability: bool) -> Known:
    """What a recording tells of its outputs."""
    return Known(
        tuple(one.link for one in recording.outputs),
        tuple(one.channel_axis for one in recording.outputs),
        recording.sample_axes,
        np.arange(recording.samples),
        recording.value(recording.input.point).shape,
        probability,
    )


class Recorded:
    """A net that ran once on an input. Values that were read are kept.

    Args:
        recording: the run.
        asked: the layers that are explained, as the caller named them.
        maps: those of the layers.
        rules: those under which gradients at the input are wanted.
        output: which outputs are explained, as the caller chose them.
        differentiate: whether targets need a derivative.
        part: runs the net for some of its targets alone, where they read different outputs and
            need derivatives: called with `target` and `output`.
        names: those of the classes.
    """

    def __init__(
        self,
        recording: Recording,
        asked: Sequence[Any],
        maps: Sequence[Map],
        rules: frozenset[Rule] = frozenset(),
        output: OutputChoice = None,
        differentiate: bool = True,
        part: Callable[..., Recorded] | None = None,
        names: ClassNames = NO_NAMES,
    ) -> None:
        self.names = names
        self.recording, self.asked, self.maps = recording, asked, maps
        self.rules, self.part = rules, part
        self._output_choice, self._differentiate = output, differentiate
        with failures_told("forward"):
            self.outputs: Sequence[Any] = recording.values()
            self.output: np.ndarray = self.outputs[0].asnumpy()
        self.known = _known(recording, output == PROBABILITY)
        self._values: dict[Any, np.ndarray] = {}
        self.given: Any = None
        """The input as the caller gave it, which may know what photos it was made of."""

    def geometry_of(self, size: Sequence[int]) -> list[Geometry] | None:
        """How the photo of each sample became an input of a size; None if that is not known."""
        known = geometry_of(self.given) or ()
        lies = all(one.seen == tuple(size) for one in known)
        return list(known) if lies and len(known) == self.recording.samples else None

    def on(self, x: np.ndarray) -> Recorded:
        """The same net on another input; nothing but gradients at the layers is wanted of it."""
        where = self.recording.input
        with failures_told("forward"):
            recording = self.recording.at(where, self.placed(x, where), 1, self.maps)
        return Recorded(
            recording,
            self.asked,
            self.maps,
            output=self._output_choice,
            differentiate=self._differentiate,
        )

    def targets(self, target: Targets) -> Asked:
        """The targets of a call, and which of the outputs each reads."""
        return Asked(target, self._output_choice).with_ids(self._with_ids)

    def _with_ids(self, target: BaseTarget, places: Sequence[int]) -> BaseTarget:
        place = places[0]
        known, shape = self.known, self.outputs[place].shape
        count = class_count(shape, known.channel_axes[place]) if target.classes_are_scored else None
        found = target.with_ids(self.names.finder(count))
        is_bare = is_single(shape) and known.links[place] is None and not known.probability
        if is_bare and found is not target and isinstance(found, Classes):
            return Binary(found.ids)  # a number is a logit if its class is asked for by name
        return found

    def class_names(self, head: Head) -> list[str] | None:
        """The names of the classes that a target is of, one a sample; None if they are not known.

        Args:
            head: of the target.
        """
        if not head.is_of_classes or not head.places:
            return None
        place = head.places[0]
        count = class_count(self.outputs[place].shape, self.known.channel_axes[place])
        return self.names.named([int(one) for one in head.target], count)

    def heads(self, targets: Asked) -> list[Head]:
        """Those of a call's targets; where each part has a run of its own, without derivatives."""
        differentiate = self._differentiate and self.part is None
        return heads.heads(targets, self.outputs, self.known, differentiate)

    def head(self, fixed: Any, values: Sequence[Any]) -> Head:
        """That of a target which was fixed, for the outputs of another input."""
        found = heads.head(fixed, values, self.known, self._differentiate)
        return found._replace(places=tuple(range(len(values))))

    def together(self, where: Map, wanted: Sequence[Head]) -> Together:
        """Which values in the place of that at a layer or input may share a call of the net, for
        the scores of targets."""
        together = self.recording.together(where)
        can_repeat = all(heads.can_repeat(one.fixed, self.known.at(one.places)) for one in wanted)
        return Together.BATCHES if together is Together.ANY and not can_repeat else together

    def probabilities(self, place: int) -> np.ndarray | None:
        """(N, K) of the classes in one of the outputs; None if it is no class scores."""
        if self.known.sample_axes[place] != 0:
            return None
        return outputs.probabilities(self.outputs[place], self.known.links[place])

    @property
    def also(self) -> list[tuple[Output, Any]]:
        """The outputs that the run was asked for besides those that are explained, and their
        values."""
        return list(zip(self.recording.also, self.recording.values(self.recording.also)))

    def value(self, where: Map) -> np.ndarray:
        """The value of the input or of a layer, with its channels at axis 1."""
        if where.point not in self._values:
            self._values[where.point] = numbers_at(self.recording.value(where.point), where)
        return self._values[where.point]

    def placed(self, values: np.ndarray, where: Map) -> Any:
        """Values with the channels at axis 1 as an array for the net."""
        return array_of(values, where, self.recording.value(where.point))

    def engine(
        self, where: Map, wanted: Sequence[Head], batch_size: BatchSize, probability: bool
    ) -> Runner:
        """What runs variants of the value of the input or of a layer, for the scores (N, T)."""
        like, shape = self.recording.value(where.point), self.value(where).shape[1:]
        originals = self.recording.values()

        def score(one: Head, found: list[Any], samples: np.ndarray) -> np.ndarray:
            read, before = (
                [values[place] for place in one.places] for values in (found, originals)
            )
            return heads.scores(one.fixed, read, self._known_of(one, probability), samples, before)

        def results(found: list[Any], samples: np.ndarray) -> np.ndarray:
            with failures_told("forward"):
                return np.stack([score(one, found, samples) for one in wanted], axis=1)

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            with failures_told("forward"):
                return behind(rows, samples)

        def arrange(rows: np.ndarray) -> np.ndarray:
            return arranged(rows, where)

        behind = self.recording.behind(where)
        size = chunk_size(batch_size, self.recording, where, shape)
        together, samples = self.together(where, wanted), self.recording.samples
        if together is not Together.ANY:
            value = self.value(where)
            return Batches(forward, results, like, value, samples, together, arrange)
        fills = all(axis == 0 for axis in self.known.sample_axes)
        how = fills, self.recording.takes_numbers, self.recording.overlaps
        return Engine(forward, results, like, shape, size, arrange, *how)

    def _known_of(self, head: Head, probability: bool) -> Known:
        """What is known of the outputs that a target reads."""
        known = self.known.at(head.places)
        is_of_probability = known.probability or (probability and head.is_of_classes)
        return known._replace(probability=is_of_probability)


def say_which_output(names: Sequence[str]) -> None:
    """Warn that the first of several outputs is explained, as nobody chose one."""
    if len(names) > 1:
        warnings.warn(
            f"the net has {len(names)} outputs ({', '.join(names)}); the first is explained: "
            "choose another as output, by number or name",
            stacklevel=caller_level(),
        )


def shown(
    engine: Runner, values: Iterable[Any], progress: bool, total: int | None, what: str
) -> Iterator[np.ndarray]:
    """What an engine gives, with a bar if it takes longer than two seconds.

    Args:
        engine: what runs the values.
        values: them.
        progress: whether to show the bar.
        total: how many values there are.
        what: the bar's title.
    """
    with bar(values, what=what, total=total, show=progress) as shown_values:
        yield from engine(shown_values)

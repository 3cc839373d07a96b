"""What formulas draw on: one net, one input, one target, each thing computed at most once."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, replace
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from .._mxnet import mx
from ..engine.chunks import AUTO, BatchSize, Engine, Variant, check_batch_size, chunk_size
from ..engine.failures import failures_told
from ..engine.inputs import Input
from ..engine.recording import record
from ..engine.rules import PLAIN, Rule, RuleReport
from ..engine.wanted import Check, InputChoice, Wanted
from ..errors import LayerError, TargetError
from ..graph import outputs
from ..graph.layers import Map
from ..graph.layout import channels_first
from ..graph.outputs import PROBABILITY, LayerOutputs, OutputChoice
from ..graph.trace import Net
from ..targets import OF_LAYERS, Detection, Several, heads
from ..targets.heads import Head, Targets


@dataclass(frozen=True)
class Needs:
    """What a method's formula draws on."""

    layer: bool = False
    """The activations of a layer and the gradient there."""
    rules: frozenset[Rule] = frozenset()
    """The rules under which it wants the gradient at the input."""
    inside: bool = False
    """Whether it attributes to a layer if one is asked for, and to the input if not."""
    pooled: bool = False
    """Whether its layer is the one that a global average pool and a Dense layer follow."""
    perturbs: bool = False
    """Whether it tries other inputs, the same for all targets of a call, and needs no gradient."""


class Run:
    """One net, one input, one target, and the gradients that come back.

    Values of a layer and of the input have their channels at axis 1, also in a net that keeps them
    last.
    """

    def __init__(
        self,
        net: Net,
        x: Input,
        target: Targets = None,
        layer: Any = None,
        needs: Iterable[Needs] = (),
        *,
        output: OutputChoice = None,
        input: InputChoice = None,
        checks: Sequence[Check] = (),
    ) -> None:
        """
        Args:
            net, x, target, output, input: as in every method.
            layer: a layer, or a list of them; explained are those only if some method needs one.
            needs: of the methods that will be computed.
            checks: of their options, before anything is computed.
        """
        needs = list(needs)
        self._asked = list(layer) if isinstance(layer, (list, tuple)) else [layer]
        self._rules = frozenset().union(*(need.rules for need in needs))
        wanted_output = _output_of(target, output)
        with failures_told("forward"):
            layers = self._asked if any(need.layer for need in needs) else ()
            self._recording = record(
                net, x, Wanted(layers, self._rules, wanted_output, input, checks)
            )
            values = self._recording.values()
            self.output: np.ndarray = values[0].asnumpy()
        if wanted_output is None:
            self._say_which_output()
        self.maps = self._recording.maps
        """The maps that are explained, one for each layer."""
        self.map: Map | None = self.maps[0] if self.maps else None
        """The one that `activations` and `layer_gradient` are of."""
        self._links = [one.link for one in self._recording.outputs]
        self._probability = output == PROBABILITY
        only_forward = bool(needs) and all(need.perturbs for need in needs)
        target = _with_channels_at(target, self._recording.outputs[0].channel_axis)
        self._heads = heads.heads(
            target, values, self._links, self._probability, differentiate=not only_forward
        )
        self._head = self._heads[0]
        self._values: dict[Any, np.ndarray] = {}
        self._gradients: dict[Any, np.ndarray] = {}

    def at(self, layer_map: Map | None) -> Run:
        """The same run, seen from another layer's map, or from the input alone."""
        other = copy.copy(self)
        other.map = layer_map
        return other

    def for_each_target(self) -> list[Run]:
        """The same run, seen from each of its targets: one, or several that were asked for."""
        runs = []
        for one in self._heads:
            other = copy.copy(self)
            other._heads, other._head = [one], one
            if one is not self._head:
                other._gradients = {}
            runs.append(other)
        return runs

    def pooled(self) -> tuple[Map, np.ndarray]:
        """The map behind which a global average pool and a Dense layer make the scores, and its
        weights for the target, (N, C).

        Raises:
            NetworkError: the net ends in something else.
            LayerError: another layer was asked for.
        """
        found, weight = self._recording.pooled()
        asked = [one.name for one in self.maps if one.point != found.point]
        if asked and self._asked != [None]:
            raise LayerError(
                f"the layer {asked[0]!r} is not the one that is pooled; CAM explains "
                f"{found.name!r}, the default"
            )
        gradient = self._head.gradients[0].asnumpy()
        return found, gradient.reshape(len(gradient), -1) @ weight

    def on(self, x: np.ndarray) -> Run:
        """A run of the same net and target on another input, seen from the same layer's map."""
        other = copy.copy(self)
        where = self._recording.input
        with failures_told("forward"):
            other._recording = self._recording.at(where, self._placed(x, where), 1, self.maps)
            values = other._recording.values()
        other._rules = frozenset()
        other._head = heads.head(self._head.fixed, values, self._links, self._probability)
        other._heads = [other._head]
        other._values, other._gradients = {}, {}
        return other

    def scores_at(
        self,
        where: Map,
        values: Iterable[np.ndarray],
        *,
        batch_size: BatchSize = 16,
        progress: bool = True,
        total: int | None = None,
        what: str = "explaining",
    ) -> Iterator[np.ndarray]:
        """(N,) the score of each sample for each of other values of the input or of a layer.

        Args:
            where: `input_map`, or the map of a layer; only the net behind it runs again.
            values: arrays (N, C, …) in the place of the value there, each used up before the next.
            batch_size: how many samples run at once, or "auto".
            progress: whether to show a bar if it takes longer than two seconds.
            total: how many values there are.
            what: the bar's title.
        """
        engine = self._engine(where, [self._head], batch_size)
        for scores in _shown(engine, values, progress, total, what):
            yield scores[:, 0]

    def perturbed(
        self,
        values: Iterable[Sequence[Variant]],
        *,
        batch_size: BatchSize = AUTO,
        progress: bool = True,
        total: int | None = None,
        what: str = "explaining",
        probability: bool = False,
    ) -> Iterator[np.ndarray]:
        """(N, T) the score of each sample for each target, for each of other values of the input.

        `batch_size`, `progress`, `total` and `what` are those of `scores_at`.

        Args:
            values: each holds, for each sample, its values (C, …), or a function that writes them
                to an array, or None where there is none (the scores are NaN then).
            probability: whether it is the probabilities of classes in any case.
        """
        engine = self._engine(self.input_map, self._heads, batch_size, probability)
        yield from _shown(engine, values, progress, total, what)

    def engine(self, batch_size: BatchSize = AUTO) -> Engine:
        """What runs variants of the input in several goes, of one net that is compiled once."""
        return self._engine(self.input_map, self._heads, batch_size)

    def _engine(
        self, where: Map, wanted: Sequence[Head], batch_size: BatchSize, probability: bool = False
    ) -> Engine:
        recording = self._recording
        like, shape = recording.value(where.point), self.value(where).shape[1:]
        size = chunk_size(batch_size, recording, where, shape)
        originals = recording.values()

        def results(found: list[Any], samples: np.ndarray) -> np.ndarray:
            with failures_told("forward"):
                return np.stack(
                    [
                        heads.scores(
                            one.fixed,
                            found,
                            self._links,
                            self._probability or (probability and one.is_of_classes),
                            samples,
                            originals,
                        )
                        for one in wanted
                    ],
                    axis=1,
                )

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            with failures_told("forward"):
                return behind(rows, samples)

        behind = recording.behind(where)
        return Engine(
            forward,
            results,
            like,
            shape,
            size,
            lambda rows: channels_first(rows, where.channel_axis, back=True),
        )

    def gradients_at(
        self,
        where: Map,
        values: Iterable[np.ndarray],
        *,
        batch_size: int = 16,
        progress: bool = True,
        total: int | None = None,
        what: str = "explaining",
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each of other values of the input or of a layer: (N,) the scores, and the gradients
        there, shaped like a value. See `scores_at`."""
        for repeats, chunk in self._chunks(values, batch_size, progress, total, what):
            with failures_told("backward"):
                part = self._recording.at(where, self._placed(chunk, where), repeats, [where])
                found = [
                    heads.head(self._head.fixed, group, self._links, self._probability)
                    for group in heads.groups(part.values(), repeats)
                ]
                gradients = [
                    mx.nd.concat(*parts, dim=0) for parts in zip(*(one.gradients for one in found))
                ]
                back = part.backward(gradients, PLAIN, [where.point])[where.point].asnumpy()
            yield from zip(
                (one.score for one in found),
                np.split(channels_first(back, where.channel_axis), repeats),
            )

    def _chunks(
        self,
        values: Iterable[np.ndarray],
        batch_size: int,
        progress: bool,
        total: int | None,
        what: str,
    ) -> Iterator[tuple[int, np.ndarray]]:
        """How often a chunk holds all samples, and the chunk."""
        check_batch_size(batch_size, auto=False)
        samples = len(self.score)
        size = max(1, batch_size // samples)
        buffer, filled = None, 0
        for value in tqdm(values, desc=what, total=total, disable=not progress, delay=2):
            if buffer is None:
                buffer = np.empty((size * samples, *value.shape[1:]), value.dtype)
            # copied at once, so that a generator may yield one array over and over
            buffer[filled * samples : (filled + 1) * samples] = value
            filled += 1
            if filled == size:
                yield size, buffer
                filled = 0
        if filled and buffer is not None:
            yield filled, buffer[: filled * samples]

    def _placed(self, values: np.ndarray, where: Map) -> Any:
        """Values with the channels at axis 1 as an array for the net."""
        like = self._recording.value(where.point)
        return mx.nd.array(
            channels_first(values, where.channel_axis, back=True),
            ctx=like.context,
            dtype=like.dtype,
        )

    def _say_which_output(self) -> None:
        names = self._recording.output_names
        if len(names) > 1:
            warnings.warn(
                f"the net has {len(names)} outputs ({', '.join(names)}); the first is explained: "
                "choose one by output=, a number or a name",
                stacklevel=4,
            )

    @property
    def input_size(self) -> tuple[int, ...]:
        """The input's size along its positions: (H, W), (W,), (D, H, W)."""
        shape = list(self._recording.value(self._recording.input.point).shape)
        if len(shape) > 1:
            del shape[self._recording.input.channel_axis]
        return tuple(shape[1:])

    @property
    def output_name(self) -> str:
        """What the explained output is called; several, joined by a plus."""
        return " + ".join(output.name for output in self._recording.outputs)

    @property
    def input_name(self) -> str:
        """What the input is called that attributions are made for."""
        return self._recording.input.name

    @property
    def score(self) -> np.ndarray:
        """(N,) the explained scalar of each sample."""
        return self._head.score

    @property
    def scores(self) -> np.ndarray:
        """(N, T) the explained scalar of each sample for each target of the call."""
        return np.stack([one.score for one in self._heads], axis=1)

    @property
    def target(self) -> Any:
        """The class ids, or the name of what else is explained."""
        return self._head.target

    @property
    def probabilities(self) -> np.ndarray | None:
        """(N, K) of the classes; None if the output is no class scores.

        Of a net with one output value, the logit of a sigmoid: those of class 0 and of class 1.
        """
        return outputs.probabilities(self._recording.values()[0], self._recording.outputs[0].link)

    @property
    def input_map(self) -> Map:
        """The input that attributions are made for."""
        return self._recording.input

    @property
    def layer_map(self) -> Map:
        """The map that `activations` and `layer_gradient` are of."""
        assert self.map is not None, "the run was made without the need of a layer"
        return self.map

    @property
    def x(self) -> np.ndarray:
        """(N, C, H, W): the input."""
        return self.value(self.input_map)

    @property
    def activations(self) -> np.ndarray:
        """(N, C, h, w): A, the layer's output."""
        return self.value(self.layer_map)

    @property
    def layer_gradient(self) -> np.ndarray:
        """(N, C, h, w): ∂score/∂A."""
        return self._gradient(PLAIN, self.layer_map)

    def input_gradient(self, rule: Rule = PLAIN) -> np.ndarray:
        """(N, C, H, W): the gradient of the score at the input, under `rule`."""
        return self._gradient(rule, self._recording.input)

    def report(self, rule: Rule) -> RuleReport:
        """How many activations of which kind `rule` changes."""
        return self._recording.report(rule)

    def value(self, where: Map) -> np.ndarray:
        """The value of the input or of a layer, with its channels at axis 1."""
        if where.point not in self._values:
            value = self._recording.value(where.point).asnumpy()
            self._values[where.point] = channels_first(value, where.channel_axis)
        return self._values[where.point]

    def _gradient(self, rule: Rule, where: Map) -> np.ndarray:
        if (rule, where.point) not in self._gradients:
            # one pass serves whatever is wanted under this rule
            maps = list(self.maps) if rule.is_plain else []
            if rule in self._rules or not maps:
                maps.append(self._recording.input)
            with failures_told("backward"):
                gradients = self._recording.backward(
                    self._head.gradients, rule, [one.point for one in maps]
                )
                for one in maps:
                    self._gradients[rule, one.point] = channels_first(
                        gradients[one.point].asnumpy(), one.channel_axis
                    )
        return self._gradients[rule, where.point]


def _output_of(target: Targets, output: OutputChoice) -> OutputChoice:
    """The outputs that are explained: those that were asked for, or that the target is made for.

    Raises:
        TargetError: they are not the same, or several targets are made for different ones.
    """
    own = [_own_output(one) for one in _each(target)]
    layers = {choice for choice in own if isinstance(choice, LayerOutputs)}
    if layers and (output is not None or len(layers) > 1 or len(own) > own.count(own[0])):
        raise TargetError(
            "targets of one call are explained of one output, and a Unit or Channel is of its "
            f"layer's; got {', '.join(f'one of {one.layers[0]!r}' for one in layers)} together "
            f"with {'output=' + repr(output) if output is not None else 'other targets'}"
        )
    if output is not None:
        return output
    return next((choice for choice in own if choice is not None), None)


def _own_output(target: Any) -> OutputChoice:
    """The outputs that a ready-made target is a function of; None for the first alone."""
    if isinstance(target, OF_LAYERS):
        return LayerOutputs((target.layer,))
    return target.outputs if isinstance(target, Detection) else None


def _each(target: Targets) -> list[Any]:
    """The targets in a call's, one or several, for all samples or one for each."""
    if isinstance(target, Several):
        return [one for several in target.targets for one in _each(several)]
    return list(target) if isinstance(target, (list, tuple)) else [target]


def _with_channels_at(target: Targets, axis: int) -> Targets:
    """A target that knows where its layer keeps the channels."""
    if isinstance(target, OF_LAYERS):
        return replace(target, channel_axis=axis)
    if isinstance(target, Several):
        return Several([_with_channels_at(one, axis) for one in target.targets])
    if isinstance(target, (list, tuple)):
        return [_with_channels_at(one, axis) for one in target]
    return target


def _shown(
    engine: Engine, values: Iterable[Any], progress: bool, total: int | None, what: str
) -> Iterator[np.ndarray]:
    """What an engine gives, with a bar if it takes longer than two seconds."""
    with tqdm(values, desc=what, total=total, disable=not progress, delay=2) as bar:
        yield from engine(bar)

"""What formulas draw on: one net, one input, one target, each thing computed at most once."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from ..engine.check import Proof, check_finite
from ..engine.chunks import AUTO, BatchSize, Variant, check_batch_size
from ..engine.failures import failures_told
from ..engine.many import Gradients
from ..engine.nodes import Also
from ..engine.order import shape_of
from ..engine.rules import PLAIN, Rule, RuleReport
from ..engine.wanted import Together
from ..errors import LayerError
from ..graph.centres import Centres
from ..graph.layers import Map
from ..support.callers import caller_level
from ..support.geometry import Geometry
from ..support.progress import bar
from ..targets import heads
from ..targets.given import Asked
from ..targets.heads import Head
from . import apart, walks
from .recorded import Recorded, Runner, shown


class View:
    """A net that ran, seen from one layer's map and for some targets, with their gradients.

    Values of a layer and of the input have their channels at axis 1, also in a net that keeps them
    last. Scores are float64, whatever the net computes in, so that a difference of them loses
    nothing.

    Args:
        recorded: the net that ran; views of one run share it.
        targets: what is explained, made concrete; gradients are those of the first.
        layer_map: the map that `activations` and `layer_gradient` are of; None for none.
        gradients: those of the first target that were computed so far, by rule and point; views of
            one target share them.
    """

    def __init__(
        self,
        recorded: Recorded,
        targets: Sequence[Head],
        layer_map: Map | None,
        gradients: dict[Any, np.ndarray],
    ) -> None:
        self._recorded, self._heads, self.map = recorded, targets, layer_map
        self._gradients = gradients

    def at(self, layer_map: Map | None) -> View:
        """The same run, seen from another layer's map, or from the input alone."""
        return View(self._recorded, self._heads, layer_map, self._gradients)

    def for_each_target(self, targets: Asked) -> list[View]:
        """The same run, seen from each of its targets: one, or several that were asked for.

        Targets that read different outputs have runs of their own, as their gradients, default
        layers and rule reports differ.

        Args:
            targets: those that the view was made for.
        """
        if self._recorded.part is not None:
            return _of_parts(self._recorded.part, targets)
        return [
            View(self._recorded, [one], self.map, self._gradients if one is self._head else {})
            for one in self._heads
        ]

    def pooled(self) -> tuple[Map, np.ndarray]:
        """The map behind which a global average pool and a Dense layer make the scores, and its
        weights for the target, (N, C).

        Raises:
            NetworkError: the net ends in something else.
            LayerError: another layer was asked for.
        """
        found, weight = self._recorded.recording.pooled()
        asked = [one.name for one in self.maps if one.point != found.point]
        if asked and self._recorded.asked != [None]:
            raise LayerError(
                f"the layer {asked[0]!r} is not the one that is pooled; CAM explains "
                f"{found.name!r}, the default"
            )
        gradient = self._head.gradients[0].asnumpy()
        return found, gradient.reshape(len(gradient), -1) @ weight

    def on(self, x: np.ndarray) -> View:
        """A run of the same net and target on another input, seen from the same layer's map."""
        other = self._recorded.on(x)
        return View(other, [other.head(self._head.fixed, other.outputs)], self.map, {})

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
        engine = self._recorded.engine(where, [self._head], batch_size, probability=False)
        for scores in shown(engine, values, progress, total, what):
            yield scores[:, 0].astype(np.float64)

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
        engine = self._recorded.engine(self.input_map, self._heads, batch_size, probability)
        for scores in shown(engine, values, progress, total, what):
            yield scores.astype(np.float64)

    def engine(self, batch_size: BatchSize = AUTO) -> Runner:
        """What runs variants of the input in several goes, of one net that is compiled once."""
        return self._recorded.engine(self.input_map, self._heads, batch_size, probability=False)

    def gradients_at(
        self,
        where: Map,
        values: Iterable[np.ndarray],
        *,
        batch_size: BatchSize = AUTO,
        progress: bool = True,
        total: int | None = None,
        what: str = "explaining",
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each of other values of the input or of a layer: (N,) the scores, and the gradients
        there, shaped like a value. See `scores_at`."""
        recorded = self._recorded
        if apart.are_apart(recorded, [where]):
            for value in bar(values, what=what, total=total, show=progress):
                with failures_told("backward"):
                    found = apart.variant(recorded, self._head.fixed, where, value)
                yield found
            return
        check_batch_size(batch_size)
        is_any = recorded.together(where, [self._head]) is Together.ANY
        fixed, known = self._head.fixed, recorded.known

        def headed(found: Sequence[Any], repeats: int) -> tuple[Sequence[Any], np.ndarray]:
            return heads.repeated(fixed, found, known, repeats)

        with failures_told("backward"):
            many = Gradients(recorded.recording, where, headed, batch_size if is_any else 1)
        with bar(values, what=what, total=total, show=progress) as tried:
            pairs = many(tried, total)
            while True:
                with failures_told("backward"):
                    pair = next(pairs, None)
                if pair is None:
                    return
                yield pair

    @property
    def proof(self) -> Proof | None:
        """What came of holding the run against the net itself; None if that itself ran."""
        return self._recorded.recording.proof

    @property
    def shares_calls(self) -> bool:
        """Whether changed inputs may run together in one call of the net."""
        return self._recorded.together(self.input_map, self._heads) is Together.ANY

    @property
    def input_size(self) -> tuple[int, ...]:
        """The input's size along its positions: (H, W), (W,), (D, H, W); of one view, where the
        map is of views."""
        recording = self._recorded.recording
        source = recording.input_of(self.map)
        shape = recording.value(source.point).shape
        if self.rows is None or self.map is None:
            return shape_of(shape, source)[2:]
        # the channels of views are where the map has its own
        end = len(shape) - (self.map.channel_axis != 1)
        return tuple(shape[end - self.activations.ndim + 2 : end])

    @property
    def centres(self) -> Centres | None:
        """Where on the input the cells of the map lie; None if that is not known."""
        return None if self.map is None else self._recorded.recording.centres(self.map)

    def origin(self) -> str:
        """Where in the net the first NaN or infinity is, in words; nothing where there is none."""
        return self._recorded.recording.origin()

    @property
    def geometry(self) -> list[Geometry] | None:
        """How the photo of each sample was prepared, where the input knows it."""
        return None if self.rows is not None else self._recorded.geometry_of(self.input_size)

    @property
    def rows(self) -> np.ndarray | None:
        """(M,) which sample each row of the map is of, where it has several views of each; else
        None."""
        if self.map is None:
            return None
        rows = self._recorded.recording.rows_of(self.map)
        return rows if len(rows) > len(self.score) else None

    @property
    def output_name(self) -> str:
        """What the explained output is called; several, joined by a plus."""
        outputs = self._recorded.recording.outputs
        return " + ".join(outputs[place].name for place in self._head.places)

    @property
    def input_name(self) -> str:
        """What the input is called that attributions are made for, or that the map is of."""
        return self._recorded.recording.input_of(self.map).name

    @property
    def maps(self) -> Sequence[Map]:
        """The maps that are explained, one for each layer."""
        return self._recorded.maps

    @property
    def precision(self) -> Any:
        """The type that scores are told in: float64 of a net that makes them in it."""
        return np.float64 if self.output.dtype == np.float64 else np.float32

    @property
    def output(self) -> np.ndarray:
        """The explained output, of several the first."""
        return self._recorded.output

    @property
    def _head(self) -> Head:
        return self._heads[0]

    @property
    def score(self) -> np.ndarray:
        """(N,) float64: the explained scalar of each sample, to take differences of."""
        return self._head.score.astype(np.float64)

    @property
    def scores(self) -> np.ndarray:
        """(N, T) float64: the explained scalar of each sample for each target of the call."""
        return np.stack([one.score for one in self._heads], axis=1).astype(np.float64)

    @property
    def target(self) -> Any:
        """The class ids, or the name of what else is explained."""
        return self._head.target

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes that are explained, one a sample; None if there are none."""
        return self._recorded.class_names(self._head)

    @property
    def is_of_classes(self) -> bool:
        """Whether classes are explained, which have probabilities."""
        return self._head.is_of_classes

    @property
    def probabilities(self) -> np.ndarray | None:
        """(N, K) of the classes; None if the output is no class scores.

        Of a net with one output value, the logit of a sigmoid: those of class 0 and of class 1.
        """
        return self._recorded.probabilities(self._head.places[0])

    @property
    def fixed_target(self) -> Any:
        """What is explained, as it means the same for other inputs: classes, not the top one."""
        return self._head.fixed

    def placed(self, x: np.ndarray) -> Any:
        """Other values of the input that attributions are made for, channels at axis 1, as an array
        that the net takes."""
        return self._recorded.placed(x, self.input_map)

    @property
    def input_map(self) -> Map:
        """The input that attributions are made for."""
        return self._recorded.recording.input

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
        return self._gradient(rule, self._recorded.recording.input)

    def report(self, rule: Rule) -> RuleReport:
        """How many activations of which kind `rule` changes."""
        return self._recorded.recording.report(rule)

    def value(self, where: Map) -> np.ndarray:
        """The value of the input or of a layer, with its channels at axis 1."""
        return self._recorded.value(where)

    def relevance(self, rule: Rule) -> np.ndarray:
        """What `rule` gives at the layer, or at the input where no layer is explained.

        Args:
            rule: that of the method's needs.
        """
        return self._gradient(rule, self.map or self.input_map)

    def ledger(self, rule: Rule) -> np.ndarray:
        """The accounts of the walk under `rule`; see `Ledger.table`.

        Args:
            rule: that of `relevance`.
        """
        self.relevance(rule)
        return self._gradients[rule, "ledger"]

    def onward(self, rule: Rule, arriving: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """What comes to the input, (N, C, H, W), of each of other values of what arrives at the
        layer; what the rule makes of the run's own values is made once for all.

        Args:
            rule: that of the method's needs.
            arriving: arrays like `activations`.
        """
        also = Also(made={})
        for one in arriving:
            with failures_told("backward"):
                found = apart.onward(
                    self._recorded, self.layer_map, one, rule, self.input_map, also
                )
            check_finite([found], self.origin)
            yield found

    def by_gradient(self, rule: Rule) -> dict[str, np.ndarray]:
        """Details that name the operators at which a rule falls back to the gradient, if it does;
        it is warned of as well.

        Args:
            rule: that of the method's needs.
        """
        found = rule.by_gradient(walks.traced(self._recorded).graph)
        if not found:
            return {}
        warnings.warn(
            f"no rule is known for {', '.join(found)}: {rule.name} passes there by the gradient",
            stacklevel=caller_level(),
        )
        return {"fallback": np.array(found)}

    def against(self, x: np.ndarray, rule: Rule, at: Map | None = None) -> walks.Compared:
        """Multipliers between this run and one on another input, at the layer or the input.

        Args:
            x: the other input, which values are compared with.
            rule: that of the method's needs.
            at: the layer whose value x stands for, if it is not the input.
        """
        place, where = at or self.input_map, self.map or self.input_map
        found = walks.against(self._recorded, self._head, rule, (place, x), where)
        check_finite([found.multipliers], self.origin)
        return found

    def biases(self, rule: Rule) -> walks.Biased:
        """The gradient at the input, and what the biases add on the way there.

        Args:
            rule: that of the method's needs.
        """
        found = walks.biases(self._recorded, self._head, rule)
        check_finite([found.gradient], self.origin)
        return found

    def _gradient(self, rule: Rule, where: Map) -> np.ndarray:
        if (rule, where.point) not in self._gradients:
            # one pass serves whatever is wanted under this rule
            maps = list(self.maps) if rule.is_plain or where in self.maps else []
            if where == self.input_map or (rule.is_plain and rule in self._recorded.rules):
                maps.append(self.input_map)
            ledger = walks.ledger_for(self._recorded, rule)
            with failures_told("backward"):
                gradients = apart.backward(
                    self._recorded, self._head, rule, maps, Also(None, ledger)
                )
            self._gradients.update({(rule, point): one for point, one in gradients.items()})
            if ledger is not None:
                self._gradients[rule, "ledger"] = ledger.table(len(self.score))
            check_finite(gradients.values(), self.origin)
            if not any(one.any() for one in gradients.values()) and not rule.needs_graph:
                self._recorded.recording.check_zeros(self._head.gradients, list(gradients))
        return self._gradients[rule, where.point]


def _of_parts(part: Callable[..., Recorded], targets: Asked) -> list[View]:
    found: dict[int, View] = {}
    for numbers, target, output in targets.parts():
        recorded = part(target=target, output=output)
        own = recorded.targets(target)
        views = View(recorded, recorded.heads(own), first_map(recorded), {}).for_each_target(own)
        found.update(zip(numbers, views))
    return [found[number] for number in range(len(found))]


def first_map(recorded: Recorded) -> Map | None:
    """The map of the first layer that is explained, if any is."""
    return recorded.maps[0] if recorded.maps else None

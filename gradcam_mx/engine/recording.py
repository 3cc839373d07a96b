"""A net, run once and recorded for backward passes: traced where it can be, else as it runs.

A recording is what every method draws on. It knows the net's outputs, the layers and the input that
are explained, and takes head gradients back to them under a rule.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, List, Mapping, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, TargetError
from ..graph import centres, dense_head, samples
from ..graph.connection import told
from ..graph.graph import Graph
from ..graph.layers import Map, check_runs, find, find_map
from ..graph.layout import channel_axis
from ..graph.loops import check_unrolled
from ..graph.node import Entry, Shapes
from ..graph.outputs import Output, choose
from ..graph.own import rounding
from ..graph.runs import inputs_of
from ..graph.sealed import Sealed
from ..graph.trace import Net, trace
from ..graph.views import check_rows
from . import check, inputs, rows, rules
from .called import Called
from .eager import EagerTape
from .eager_run import has_drop_ins
from .inputs import Input
from .kept import Looks, QuickSizes, Togethers, Ways
from .nodes import ALONE, Also
from .order import shape_of
from .origin import origin
from .propagation.biases import BiasMaps
from .propagation.ledger import Ledger
from .rules import PLAIN, Rule, RuleReport
from .tape import Tape
from .wanted import Together, Wanted

Forward = Callable[[Any, np.ndarray], List[Any]]
"""From rows of other values at a layer or input, an array for the net, and (rows,) the sample that
each is a variant of, to the explained value of each output."""


class Subject:
    """What of a graph is explained, for inputs of one shape."""

    def __init__(self, graph: Graph, x: Input, wanted: Wanted) -> None:
        self.graph = graph
        shapes = self.shapes = inputs.shapes(graph, x)
        self._named = None if wanted.input is None else graph.input(wanted.input)
        self.outputs = choose(graph.outputs, wanted.output, self._of_layer)
        self.also = [
            one for choice in wanted.also for one in choose(graph.outputs, choice, self._of_layer)
        ]
        """Outputs whose values are read too, though they are not explained."""
        self.heads = [output.point for output in self.outputs]
        self.maps = [
            find_map(graph, layer, shapes, self.heads, self._named, *wanted.of_layers)
            for layer in wanted.layers
        ]
        entry = self._explained_input()
        self.input = self.map_of(entry)
        for refuse in wanted.checks:
            refuse(shape_of(shapes[entry], self.input))
        self.way = graph.cache(Ways).get(
            (entry, tuple(self.heads)),
            lambda: graph.differentiable([entry]) & graph.ancestors(self.heads),
        )
        """The nodes between the outputs and the input."""
        if wanted.rules and not (self.maps and wanted.ends_at_layers):
            self.check_connected()
        for rule in wanted.rules:
            rules.check_acts(rule, self.report(rule), (graph.nodes[one] for one in self.way))

    def _of_layer(self, layer: Any) -> Output:
        """What a layer gives, in the place of an output."""
        entry, name = find(self.graph, layer, self.shapes, self.graph.heads[:1], self._named)
        check_runs(self.graph, entry, name)
        return Output(name, entry, None, channel_axis(self.graph, entry, self.shapes))

    def _explained_input(self) -> Entry:
        """The input that is explained: the one that was named, or one that the maps depend on, or
        what is explained where there are none."""
        if self._named is not None:
            return self._named
        first = self.graph.input(None)
        points = [one.point for one in self.maps] or self.heads
        common = set.intersection(*(set(inputs_of(self.graph, point)) for point in points))
        return first if first in common or not common else min(common)

    def input_of(self, where: Map | None) -> Map:
        """The input that a map is of: the explained one, unless the map depends on others alone.

        Args:
            where: the map; None for the explained input.
        """
        read = [self.input.point] if where is None else inputs_of(self.graph, where.point)
        entry = self.input.point if self.input.point in read or not read else read[0]
        return self.input if entry == self.input.point else self.map_of(entry)

    def map_of(self, entry: Entry) -> Map:
        axis = channel_axis(self.graph, entry, self.shapes)
        return Map(entry, self.graph.nodes[entry[0]].name, axis)

    @property
    def samples(self) -> int:
        """How many samples the input holds."""
        return self.shapes[self.input.point][0]

    def sample_axis(self, entry: Entry) -> int | None:
        """The axis of a value that holds the samples; None if none does."""
        return samples.axis(self.shapes, entry, self.samples)

    def together(self, where: Map) -> Together:
        """Which values in the place of that at a layer or input may share a call of the net."""
        key = where.point, tuple(self.heads), self.shapes.of_inputs, self.samples
        return self.graph.cache(Togethers).get(key, lambda: self._find_together(where))

    def _find_together(self, where: Map) -> Together:
        found = self._together(where)
        if found is Together.ALONE:
            rows.say_that_samples_touch()
        return found

    def _together(self, where: Map) -> Together:
        sides = self.graph.sides(where.point, self.heads)
        read = [*self.heads, *sides]
        shared = [one for one in read if samples.is_shared(self.shapes, one, self.samples)]
        others = [side for side in sides if side in self.graph.inputs and side in shared]
        if (
            samples.reads_by_number(self.graph, where.point, self.heads)
            or samples.all_meet(self.graph, self.shapes, where.point, self.heads)
            or samples.mixed_along_axis(self.graph, self.shapes, where.point, self.heads)
            or any(head in shared for head in self.heads)
            or any(self.shapes[other][:1] != (1,) for other in others)
        ):
            return Together.ALONE
        # of a value without an axis of samples nobody knows what belongs to which row
        apart = all(one in shared or self.sample_axis(one) is not None for one in sides)
        if self.shapes.of_twice(self.samples) is None or self.sample_axis(where.point) != 0:
            return Together.BATCHES
        return Together.ANY if apart else Together.BATCHES

    def check_connected(self) -> None:
        """Refuse an input that no gradient comes back to.

        Raises:
            TargetError: there is no way back to it.
            NetworkError: it would come through a loop that is not unrolled.
        """
        check_unrolled(self.graph, self.way)
        if not self.way & {head[0] for head in self.heads}:
            raise TargetError(
                f"no gradient gets from the net's output "
                f"{' + '.join(output.name for output in self.outputs)!r} back to its input "
                f"{self.input.name!r}: {told(self.graph, self.input.point, self.heads)}"
            )

    def report(self, rule: Rule) -> RuleReport:
        """What `rule` does on the way to the input."""
        return rules.report(rule, self.graph, self.way)


class Traced:
    """A recording of a net's graph.

    Args:
        subject: what of the graph is explained.
        given: the values that the run starts from.
        points: the values that gradients are wanted at.
        rules: the rules under which they are.
        also: other outputs whose values are read.
    """

    takes_numbers = overlaps = False
    """Whether `behind` takes rows that are numpy's arrays too, and runs well in another thread."""

    def __init__(
        self,
        subject: Subject,
        given: Mapping[Entry, Any],
        points: Sequence[Entry],
        rules: Iterable[Rule] = (PLAIN,),
        also: Sequence[Output] = (),
    ) -> None:
        self._subject, self.graph, self._heads = subject, subject.graph, subject.heads
        self.output_names = subject.graph.output_names
        self.outputs, self.input, self.maps = subject.outputs, subject.input, subject.maps
        self.also = also
        self.proof: check.Proof | None = None
        """What came of holding it against the net itself."""
        self._given = dict(given)
        self.one_at_a_time = False
        """Whether variants run one at a time beside the other samples, whatever the graph tells."""
        read = [*subject.heads, *(output.point for output in also)]
        with self.graph.lock:
            self._tape = Tape(self.graph, list(given.values()), points, rules, read, list(given))

    @property
    def is_recorded(self) -> bool:
        """Whether all on the way to the outputs was recorded, and nothing ran in predict mode."""
        return self._tape.is_whole

    def values(self, outputs: Sequence[Output] | None = None) -> list[Any]:
        """The value of each of the explained outputs, or of others that were asked for.

        Args:
            outputs: some of `outputs` or `also`; the explained ones by default.
        """
        return [
            self._tape.value(one.point) for one in (self.outputs if outputs is None else outputs)
        ]

    @property
    def samples(self) -> int:
        """How many samples the explained input holds."""
        return self._subject.samples

    @property
    def sample_axes(self) -> tuple[int | None, ...]:
        """Of each of the explained outputs: the axis that holds the samples; None if none does."""
        return tuple(map(self._subject.sample_axis, self._heads))

    def rows_of(self, where: Map) -> np.ndarray:
        """(M,) which sample each row of a layer's or input's value is of."""
        if where == self.input:
            return np.arange(self.samples)
        return check_rows(self.graph, where.point, where.name, self._subject.shapes)

    def together(self, where: Map) -> Together:
        """Which values in the place of that at a layer or input may share a call of the net.

        Raises:
            NetworkError: what follows it gives something else than the net did.
        """
        found = Together.ALONE if self.one_at_a_time else self._subject.together(where)
        has_rows = self.samples > 1 and self._subject.sample_axis(where.point) == 0
        can_be_told = found is Together.ANY or (found is Together.BATCHES and has_rows)
        if can_be_told and self._looked(where, rows.touch):
            found = Together.ALONE
        if found is not Together.ANY:
            self._looked(where, rows.check_beside)
        return found

    def _looked(self, where: Map, look: Callable[[rows.Behind], Any]) -> Any:
        """What is found by running what follows a layer or input; it is looked at once."""
        shapes, context = self._subject.shapes.of_inputs, str(self.value(where.point).context)
        return self.graph.cache(Looks).get(
            (where.point, tuple(self._heads), shapes, context, look.__name__),
            lambda: None if self._draws else look(self._what_follows(where)),
        )

    @property
    def _draws(self) -> bool:
        return any(node.operator.draws(node) for node in self.graph.live_nodes)

    def _what_follows(self, where: Map) -> rows.Behind:
        return rows.Behind(
            where.name,
            self.value(where.point),
            self.behind(where, is_kept=True),
            self.values(),
            [samples.possible_axes(self._subject.shapes, one, self.samples) for one in self._heads],
            self.samples,
            # all of it runs in the engine's type, which is never half precision
            min(self.graph.own.coarsest, "float32", key=rounding),
            self._subject.together(where) is Together.BATCHES,
        )

    def value(self, point: Any) -> Any:
        """The value at the point of a map."""
        if point not in self._given:
            try:
                return self._tape.value(point)
            except KeyError:
                self._compute([point])
        return self._given[point]

    def pooled(self) -> tuple[Map, np.ndarray]:
        """The map behind which a global average pool and a Dense layer make the first output, and
        that layer's weight (K, C).

        Raises:
            NetworkError: the net ends in something else.
        """
        found = dense_head.find(self.graph, self._heads[0], self._subject.shapes)
        context = self._tape.value(self._heads[0]).context
        weight = self.graph.parameters.on(context)[found.weight].asnumpy()
        return found.map, weight

    def backward(
        self,
        head_gradients: Sequence[Any],
        rule: Rule,
        points: Sequence[Any],
        also: Also = ALONE,
    ) -> Mapping[Any, Any]:
        """The gradients at points, for head gradients at the outputs."""
        with self.graph.lock:
            return self._tape.backward(self._at_heads(head_gradients), rule, points, also)

    def onward(
        self, where: Map, arriving: Any, rule: Rule, points: Sequence[Any], also: Also = ALONE
    ) -> Mapping[Any, Any]:
        """The rest of a backward pass: from what arrives at a layer to points before it."""
        with self.graph.lock:
            return self._tape.backward({where.point: arriving}, rule, points, also)

    def map_of(self, entry: Entry) -> Map:
        """The place of any value of the graph."""
        return self._subject.map_of(entry)

    def ledger(self) -> Ledger:
        """An empty one, for a backward pass of this recording."""
        return Ledger(self.graph, self._subject.sample_axis)

    def bias_maps(self) -> BiasMaps:
        """None found so far, for a backward pass of this recording."""
        return BiasMaps(self.graph, self._subject.sample_axis)

    def _at_heads(self, head_gradients: Sequence[Any]) -> dict[Any, Any]:
        heads: dict[Any, Any] = {}
        for head, gradient in zip(self._heads, head_gradients):
            # two outputs may have one value: the scores, and their softmax
            heads[head] = heads[head] + gradient if head in heads else gradient
        return heads

    def check_zeros(self, head_gradients: Sequence[Any], points: Sequence[Any]) -> None:
        """Refuse gradients that are zero everywhere because some operator has none.

        Args:
            head_gradients: at the outputs.
            points: where zeros arrived.

        Raises:
            NetworkError: the message names the operators.
        """
        with self.graph.lock:
            ends = self._tape.unexplained_ends(self._at_heads(head_gradients), points)
        if ends:
            named = ", ".join(f"{node.name!r} ({node.op})" for node in ends)
            raise NetworkError(
                "the gradient of what is explained is zero everywhere: MXNet has none of "
                f"{named}, whose output changes with its input. Methods that change the input "
                "explain such a net: occlusion, rise, lime, kernel_shap …"
            )

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> Traced:
        """A recording of the net with another value at a layer or input, for gradients at `points`.

        Args:
            value: for `repeats` times as many samples as this recording has.
            repeats: 1 unless any variants may come together.
        """
        if where == self.input:
            self._subject.check_connected()
        beside = self.beside(self._sides(where), np.tile(np.arange(self.samples), repeats))
        return Traced(self._subject, {where.point: value, **beside}, [one.point for one in points])

    def values_with(self, where: Map, value: Any) -> Mapping[Entry, Any]:
        """The values that this run kept, as they are with another value at a layer or input.

        Nothing of it is recorded.

        Args:
            value: shaped like the one there.
        """
        beside = self.beside(self._sides(where), np.arange(self.samples))
        return self._values_with({where.point: value}, beside)

    def _values_with(
        self, given: Mapping[Entry, Any], beside: Mapping[Entry, Any]
    ) -> Mapping[Entry, Any]:
        graph, kept = self.graph, self._tape.values
        changed = graph.descendants(given) & graph.ancestors(self._heads)
        wanted = [entry for entry in kept if entry[0] in changed and entry not in given]
        values = {**beside, **given}
        with graph.lock, mx.autograd.pause(train_mode=False):
            parameters = graph.parameters.on(next(iter(given.values())).context)
            found = graph.compile(wanted, values)(values, parameters)
        return {**kept, **values, **dict(zip(wanted, found))}

    def behind(self, where: Map, is_kept: bool = False) -> Forward:
        """What runs the net, unrecorded, for many other values at a layer or input.

        Only what lies behind it runs, and keeps its memory from one call to the next, or is kept.
        """
        graph, sides = self.graph, self._sides(where)
        compiled = graph.compile if is_kept else graph.compile_to_repeat
        operator = compiled(self._heads, [where.point, *sides])

        def forward(given: Any, samples: np.ndarray) -> list[Any]:
            values = {**self.beside(sides, samples), where.point: given}
            with graph.lock, mx.autograd.pause(train_mode=False):
                return operator(values, graph.parameters.on(given.context))

        return forward

    def memory(self) -> int:
        """How many bytes the values of one sample fill, all together, at the most."""
        graph = self.graph
        made = sum(
            int(np.prod(shape))
            for entry, shape in self._subject.shapes.items()
            if not graph.nodes[entry[0]].is_variable
        )
        return made * np.dtype(graph.parameters.dtype).itemsize // self._subject.samples

    @property
    def quick_sizes(self) -> dict[Any, Any]:
        """How many rows at once turned out to be quick, under any key; kept with the graph."""
        return self.graph.cache(QuickSizes)

    def beside(self, sides: Sequence[Entry], samples: np.ndarray) -> dict[Entry, Any]:
        """The values that are given beside that of a layer or input, for rows of samples."""
        self._compute([side for side in sides if side not in self._given])
        return {
            side: inputs.taken(self._given[side], samples, self._axis_of(side)) for side in sides
        }

    def _axis_of(self, side: Entry) -> int | None:
        subject = self._subject
        is_shared = samples.is_shared(subject.shapes, side, subject.samples)
        return None if is_shared else subject.sample_axis(side)

    def _sides(self, where: Map) -> list[Entry]:
        return self.graph.sides(where.point, self._heads)

    def _compute(self, points: Sequence[Any]) -> None:
        """Compute values that the tape did not keep."""
        if points:
            values = [self._given[entry] for entry in self.graph.inputs]
            self._given.update(zip(points, self.graph.forward(values, points)))

    def input_of(self, where: Map | None) -> Map:
        """The input that a map is of; for None the explained one."""
        return self._subject.input_of(where)

    def centres(self, where: Map) -> centres.Centres | None:
        """Where on the input the cells of a map lie; None if that is not known."""
        return centres.centres(self.graph, self._subject.shapes, where, self.input_of(where))

    def origin(self) -> str:
        """Where the first NaN or infinity is, in words; nothing where there is none."""
        return origin(self.graph, self._given)

    def report(self, rule: Rule) -> RuleReport:
        """How many nodes of which kind `rule` changes on the way to the input."""
        return self._subject.report(rule)


Recording = Union[Traced, EagerTape, Called]


def record(net: Net, x: Input, wanted: Wanted) -> Recording:
    """Run the net on x and record it: by its graph if it can be traced, or by its drop-ins; a black
    box is called, and nothing of it recorded."""
    try:
        graph = trace(net, len(inputs.as_tuple(x)))
    except NetworkError:
        if not has_drop_ins(net):
            raise
        return EagerTape(net, x, wanted)
    if isinstance(graph, Sealed):
        return Called(graph, x, wanted)
    graph = inputs.in_their_precision(graph, x)
    if len(inputs.as_tuple(x)) != len(graph.input_names):
        graph = graph.taking(len(inputs.as_tuple(x)), _read(graph, wanted))
    return _run(graph, x, wanted)


def _read(graph: Graph, wanted: Wanted) -> list[Entry]:
    """The values that are explained or read, as far as can be told without shapes."""

    def of_layer(layer: Any) -> Output:
        entry, name = find(graph, layer, Shapes({}, ()), graph.heads[:1])
        return Output(name, entry, None)

    choices = [wanted.output, *wanted.also]
    return [one.point for choice in choices for one in choose(graph.outputs, choice, of_layer)]


def _run(graph: Graph, x: Input, wanted: Wanted) -> Traced:
    values = inputs.prepare(graph, x)
    if graph.loops:
        graph = graph.unrolled(*inputs.shapes(graph, x).of_inputs)
        values = inputs.prepare(graph, x)
    subject = Subject(graph, x, wanted)
    points = [one.point for one in (*subject.maps, *([subject.input] if wanted.rules else []))]
    given = dict(zip(graph.inputs, values))
    traced = Traced(subject, given, points, wanted.rules, subject.also)
    traced.proof = check.forward(graph, x, traced.outputs, traced.values(), traced.is_recorded)
    return traced

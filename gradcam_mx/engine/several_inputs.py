"""Several inputs of a net, explained together: to methods they are one vector of each sample.

The values of the inputs lie one after the other, (N, F), as the place of each has them. So a path
or a noise goes along all of them at once, and a gradient there is that at each.
"""

from __future__ import annotations

import copy
from typing import Any, Iterable, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..errors import InputError
from ..graph.layers import Map
from ..graph.node import Entry, Shape
from ..graph.trace import Net
from . import recording, rules
from .inputs import Input
from .nodes import ALONE, Also
from .order import arranged, shape_of
from .recording import Forward, Recording, Subject, Traced
from .rules import Rule
from .wanted import ALL, Together, Wanted


class Part(NamedTuple):
    """One of several inputs."""

    map: Map
    shape: Shape
    """Of its value, as the net has it."""

    @property
    def size(self) -> int:
        """How many values a sample has."""
        return int(np.prod(self.shape[1:]))


class Parts(Tuple[Part, ...]):
    """The place of several inputs as one."""


def parts_of(where: Map) -> tuple[Part, ...]:
    """The inputs that are explained together at a place; none if it is a single value."""
    return where.point if isinstance(where.point, Parts) else ()


def split(values: np.ndarray, parts: Sequence[Part]) -> list[np.ndarray]:
    """(N, F) of several inputs → the values of each, its channels at axis 1."""
    ends = np.cumsum([part.size for part in parts])[:-1]
    found = []
    for part, flat in zip(parts, np.split(values, ends, axis=1)):
        shape = shape_of((len(flat), *part.shape[1:]), part.map)
        found.append(flat.reshape(shape))
    return found


def joined(values: Iterable[np.ndarray]) -> np.ndarray:
    """The values of each of several inputs, channels at axis 1 → (N, F)."""
    return np.concatenate([one.reshape(len(one), -1) for one in values], axis=1)


def record(net: Net, x: Input, wanted: Wanted) -> Recording:
    """As `recording.record`, for several inputs where `wanted.input` says so.

    Raises:
        InputError: one of them holds no row for each sample, or the net cannot be traced.
        TargetError: no gradient gets back to one of them.
    """
    chosen = wanted.input
    if chosen is None or isinstance(chosen, int) or (isinstance(chosen, str) and chosen != ALL):
        return recording.record(net, x, wanted)
    if chosen != ALL and not chosen:
        raise InputError("input=[] names no input; expected numbers or names, or one of them")
    named = None if chosen == ALL else chosen[0]
    first = recording.record(net, x, wanted._replace(input=named, rules=frozenset()))
    if not isinstance(first, Traced):
        raise InputError(
            "the net cannot be traced, so that its inputs are explained one at a time: name one "
            "by input=, by its number"
        )
    return SeveralInputs.of(first, chosen, wanted.rules)


class SeveralInputs(Traced):
    """A recording of a net's graph of which several inputs are explained together."""

    @classmethod
    def of(cls, first: Traced, chosen: Any, wanted_rules: Iterable[Rule]) -> SeveralInputs:
        """What was recorded for one input, for several.

        Args:
            first: it.
            chosen: the inputs, by number or name; or "all" that a gradient comes back to.
            wanted_rules: those under which gradients are wanted there.
        """
        subject = copy.copy(first._subject)
        graph, heads = subject.graph, {head[0] for head in subject.heads}
        if isinstance(chosen, str):
            entries = [one for one in graph.inputs if heads & graph.differentiable([one])]
            entries = entries or [subject.input.point]
        else:
            entries = list(dict.fromkeys(graph.input(one) for one in chosen))
        parts = Parts(_part(subject, entry) for entry in entries)
        subject.way = graph.differentiable(entries) & graph.ancestors(subject.heads)
        for rule in wanted_rules:
            found = subject.report(rule)
            rules.check_acts(rule, found, (graph.nodes[one] for one in subject.way))
        made = cls(subject, first._given, entries, wanted_rules, first.also)
        made.proof, made.input = first.proof, _place(parts)
        return made

    @property
    def _parts(self) -> Sequence[Part]:
        return parts_of(self.input)

    @property
    def _points(self) -> list[Entry]:
        return [part.map.point for part in self._parts]

    def value(self, point: Any) -> Any:
        """The value at the point of a map; of the inputs together (N, F)."""
        if not isinstance(point, Parts):
            return super().value(point)
        return self._joined([super(SeveralInputs, self).value(one) for one in self._points])

    def backward(
        self,
        head_gradients: Sequence[Any],
        rule: Rule,
        points: Sequence[Any],
        also: Also = ALONE,
    ) -> Mapping[Any, Any]:
        """The gradients at points, for head gradients at the outputs."""
        found = super().backward(head_gradients, rule, self._each(points), also)
        return {
            point: self._joined([found[one] for one in self._points])
            if isinstance(point, Parts)
            else found[point]
            for point in points
        }

    def check_zeros(self, head_gradients: Sequence[Any], points: Sequence[Any]) -> None:
        """Refuse gradients that are zero everywhere; see `Traced.check_zeros`."""
        super().check_zeros(head_gradients, self._each(points))

    def together(self, where: Map) -> Together:
        """Which values in the place of the inputs may share a call of the net: as the worst may."""
        parts = parts_of(where)
        found = [super(SeveralInputs, self).together(one.map) for one in parts]
        if not parts:
            return super().together(where)
        return next(one for one in (Together.ALONE, Together.BATCHES, *found) if one in found)

    def input_of(self, where: Map | None) -> Map:
        """The input that a map is of; for None all that are explained."""
        return self.input if where is None else super().input_of(where)

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> Traced:
        """A recording of the net with other values in the place of the inputs; see `Traced.at`."""
        if not parts_of(where):
            return super().at(where, value, repeats, points)
        beside = self.beside(self._others, np.tile(np.arange(self.samples), repeats))
        given = {**self._cut(value), **beside}
        wanted = self._each([one.point for one in points])
        made = SeveralInputs(self._subject, given, wanted)
        made.input = self.input
        return made

    def values_with(self, where: Map, value: Any) -> Mapping[Entry, Any]:
        """The values of the run with others in the place of the inputs; see `Traced`."""
        if not parts_of(where):
            return super().values_with(where, value)
        beside = self.beside(self._others, np.arange(self.samples))
        return self._values_with(self._cut(value), beside)

    def behind(self, where: Map, is_kept: bool = False) -> Forward:
        """What runs the net for many other values in the place of the inputs."""
        if not parts_of(where):
            return super().behind(where, is_kept)
        graph, others = self.graph, self._others
        compiled = graph.compile if is_kept else graph.compile_to_repeat
        operator = compiled(self._heads, [*self._points, *others])

        def forward(rows: Any, samples: np.ndarray) -> list[Any]:
            values = {**self.beside(others, samples), **self._cut(rows)}
            with graph.lock, mx.autograd.pause(train_mode=False):
                return operator(values, graph.parameters.on(rows.context))

        return forward

    @property
    def _others(self) -> list[Entry]:
        """The inputs that stay as they are."""
        return [one for one in self.graph.inputs if one not in self._points]

    def _each(self, points: Sequence[Any]) -> list[Any]:
        return [
            one
            for point in points
            for one in (self._points if isinstance(point, Parts) else [point])
        ]

    def _joined(self, values: Sequence[Any]) -> Any:
        """Arrays of the net as (N, F), each with its channels first."""
        flat = []
        for part, value in zip(self._parts, values):
            axis = part.map.channel_axis
            order = list(range(len(value.shape)))
            if axis != 1 and len(order) > 2:
                order.insert(1, order.pop(axis))
                value = mx.nd.transpose(value, axes=order)
            flat.append(value.reshape((len(value), -1)))
        return mx.nd.concat(*flat, dim=1)

    def _cut(self, value: Any) -> dict[Entry, Any]:
        """(R, F) → the array of each input, as the net has it."""
        return {
            part.map.point: mx.nd.array(
                arranged(numbers, part.map), ctx=value.context, dtype=value.dtype
            )
            for part, numbers in zip(self._parts, split(value.asnumpy(), self._parts))
        }


def _part(subject: Subject, entry: Entry) -> Part:
    """One of the inputs, if it can be explained.

    Raises:
        InputError: it holds no row for each sample.
        TargetError: no gradient gets back to it.
    """
    graph, shape = subject.graph, subject.shapes[entry]
    alone = copy.copy(subject)
    alone.input = subject.map_of(entry)
    alone.way = graph.differentiable([entry]) & graph.ancestors(subject.heads)
    alone.check_connected()
    if shape[0] != subject.samples:
        raise InputError(
            f"the input {alone.input.name!r} has shape {shape}, and {subject.input.name!r} holds "
            f"{subject.samples} samples: to be explained together, each needs a row for each of "
            "them; name others by input="
        )
    return Part(alone.input, tuple(shape))


def _place(parts: Parts) -> Map:
    return Map(parts, " + ".join(part.map.name for part in parts), 1)

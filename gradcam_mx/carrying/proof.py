"""A net that carries its map, held against the net itself and against the package's own map."""

from __future__ import annotations

import warnings
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..engine.recording import record
from ..engine.wanted import Together, Wanted
from ..errors import NetworkError
from ..explanation.at_input import at_input
from ..graph.node import Entry
from ..graph.trace import trace
from ..methods.register import find_method
from .sketch import Sketch
from .subject import Subject

MOST = 1e-4
"""How far a map may be from the package's own, of its largest value."""
_ROUNDINGS = 100
"""How many roundings of a score the difference of two scores may be off."""


class Carried(NamedTuple):
    """A map that was added to a net."""

    heat: Entry
    """Where it is, (N, h, w) or at the input's size."""
    scores: Entry | None
    """(N, P) of each position, where the map is made of their differences."""
    layer: Any
    """As the caller named it."""
    method: str


def check(subject: Subject, sketch: Sketch, arrays: Mapping[str, Any], carried: Carried) -> None:
    """Refuse a net whose outputs are not to the bit those that it had, or whose map is another than
    the package's own.

    Args:
        subject: what is carried.
        sketch: the net with the map.
        arrays: all parameters of that.
        carried: the map.

    Raises:
        NetworkError: it is such a net.
    """
    x = _noise(subject)
    if carried.scores is not None:
        _check_rows(subject, carried, x)
    given = [x] if len(sketch.inputs) == 0 else [x, -mx.nd.ones(len(x), ctx=x.context)]
    wanted = [carried.heat] if carried.scores is None else [carried.heat, carried.scores]
    before = _outputs(subject, x)
    after = _values(sketch, [*before, *wanted], arrays, given)
    for one, other in zip(before.values(), after):
        if one is not None and not np.array_equal(one, other):
            raise NetworkError(
                "the net's output is not to the bit what it was once its map is computed too: it "
                "may draw random numbers. Nothing was written"
            )
    scores = None if carried.scores is None else after[-1]
    _check_map(subject, carried, x, after[len(before)], scores)


def _check_rows(subject: Subject, carried: Carried, x: Any) -> None:
    """Refuse a net whose rows meet behind the layer, or are counted there.

    Raises:
        NetworkError: it is one.
    """
    wanted = Wanted(layers=[carried.layer], differentiates=False)
    recording = record(subject.graph, x, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is refused
        together = recording.together(recording.maps[0])
    if together is not Together.ANY:
        raise NetworkError(
            f"behind the layer {subject.map.name!r} the net counts its samples, or lets them "
            f"meet: several rows of one, which {carried.method} needs, cannot run there together. "
            "Choose a later layer or another method"
        )


def _noise(subject: Subject) -> Any:
    """Two samples, or as many as the net takes; always the same."""
    shape = subject.input_shape
    if subject.shapes.of_twice(shape[0]) is not None:
        shape = 2 * shape[0], *shape[1:]
    contexts = subject.graph.parameters.contexts()
    noise = np.random.RandomState(0).standard_normal(shape)
    return mx.nd.array(noise, ctx=contexts[0] if contexts else mx.cpu(), dtype="float32")


def _outputs(subject: Subject, x: Any) -> dict[Entry, np.ndarray | None]:
    """The output of the net as it is, or what is explained of it where it reads labels; None where
    this machine cannot run it as it is."""
    own = subject.graph.own
    for entry in (own.heads[0], subject.own(subject.output.point)):
        try:
            return {entry: own.values([entry], [x])[0].asnumpy()}
        except LookupError:
            continue
        except mx.MXNetError:
            break
    return {entry: None}


def _values(
    sketch: Sketch, entries: Sequence[Entry], arrays: Mapping[str, Any], given: Sequence[Any]
) -> list[np.ndarray]:
    """What the net with its map computes."""
    graph = trace((sketch.symbol(entries), dict(arrays), {}))
    graph.shapes(*(one.shape for one in given))  # MXNet would run reshapes that do not fit
    try:
        return [one.asnumpy() for one in graph.own.values(graph.own.heads, given)]
    except mx.MXNetError:  # not on this machine; but the engine can
        return [one.asnumpy() for one in graph.forward(given)]


def _check_map(
    subject: Subject, carried: Carried, x: Any, found: np.ndarray, scores: np.ndarray | None
) -> None:
    method = find_method(carried.method)
    quietly = {"progress": False} if "progress" in method.options else {}
    explanation: Any = method.function(subject.graph, x, layer=carried.layer, **quietly)
    expected = explanation.values
    if found.shape != expected.shape:
        size, centres = explanation.input_size, explanation.centres
        expected = at_input(expected, size, centres, fall_to_lowest=True)
    worst = float(np.abs(found - expected).max())
    allowed = MOST * float(np.abs(expected).max())
    if scores is not None:
        spans = np.ptp(scores, axis=1)
        rounding = np.finfo(np.float32).eps * np.abs(scores).max(axis=1)
        allowed += _ROUNDINGS * float((rounding / np.where(spans > 0, spans, 1)).max())
    if not worst <= allowed:
        raise NetworkError(
            f"the map that the net would carry is up to {worst:.2g} from the one that "
            f"{carried.method} makes, whose values go up to {np.abs(expected).max():.2g}: what the "
            f"net does behind {subject.map.name!r} cannot be carried as it is. Nothing was "
            "written; choose another layer or method"
        )

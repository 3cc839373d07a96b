"""ReciproCAM in operators: the tail of the net, once more, on all masked values at once."""

from __future__ import annotations

import functools

import numpy as np

from ..errors import NetworkError
from ..graph.node import Entry
from .extremes import highest, lowest
from .sketch import Sketch
from .subject import Subject


def recipro_cam(sketch: Sketch, subject: Subject, head: Entry) -> tuple[Entry, Entry]:
    """(N, h, w): (S_ij - min S) / (max S - min S), S_ij the score of A ⊙ M_ij, M_ij a Gaussian of
    three by three positions around (i, j); and (N, h · w), these scores.

    Byun & Lee 2022, arXiv:2209.14074, section 3.

    Raises:
        NetworkError: what is behind the layer cannot run for several rows of a sample.
    """
    masks = _masks(subject)
    count = masks.shape[1]
    value = sketch.add("expand_dims", subject.own(subject.map.point), axis=1)
    alone = sketch.add("broadcast_mul", value, sketch.constant("masks", masks))
    rows = sketch.add("Reshape", alone, shape=(-1, *subject.map_shape[1:]))
    tried = _tail(sketch, subject, rows, count)
    classes = int(np.prod(subject.shapes[subject.output.point][1:]))
    tried = sketch.add("Reshape", tried, shape=(-1, count, classes))
    chosen = sketch.add("broadcast_mul", tried, sketch.add("expand_dims", head, axis=1))
    scores = sketch.add("sum", chosen, axis=2)
    return sketch.add(
        "Reshape", _stretched(sketch, scores, count), shape=(-1, *subject.cells)
    ), scores


def _masks(subject: Subject) -> np.ndarray:
    """(1, P, …): a mask for each position, to be broadcast to (N, P, …) of the layer's value."""
    size = subject.cells
    found = []
    for place in np.ndindex(*size):
        distance = [np.abs(np.arange(length) - at) for length, at in zip(size, place)]
        along = [np.where(one > 1, 0.0, 0.5**one) for one in distance]
        found.append(functools.reduce(np.multiply.outer, along))
    return np.expand_dims(np.stack(found)[None], 1 + subject.map.channel_axis)


def _tail(sketch: Sketch, subject: Subject, rows: Entry, count: int) -> Entry:
    """The scores of rows in the place of the layer's value, `count` for each sample."""
    point, score = subject.own(subject.map.point), subject.own(subject.output.point)
    behind = _between(sketch, point, score)
    places = {point: rows}
    for index in behind:
        for source, which, *_ in sketch.nodes[index]["inputs"]:
            entry = source, which
            if entry in places or source in behind or not _is_of_data(sketch, subject, entry):
                continue
            places[entry] = sketch.add("repeat", entry, repeats=count, axis=0)
    return sketch.copy(behind, places)[score]


def _between(sketch: Sketch, point: Entry, score: Entry) -> set[int]:
    """The nodes from a value to another that is computed from it."""
    below: set[int] = set()
    for index in range(point[0] + 1, score[0] + 1):
        read = [(one[0], one[1]) for one in sketch.nodes[index]["inputs"]]
        if any(entry == point or entry[0] in below for entry in read):
            below.add(index)
    waiting, found = [score[0]], set()
    while waiting:
        index = waiting.pop()
        if index in below and index not in found:
            found.add(index)
            waiting.extend(one[0] for one in sketch.nodes[index]["inputs"])
    return found


def _is_of_data(sketch: Sketch, subject: Subject, entry: Entry) -> bool:
    """Whether a value has a row for each sample, as all that depend on the net's input should.

    Raises:
        NetworkError: it depends on the input, and has none.
    """
    name = sketch.nodes[entry[0]]["name"]
    if sketch.nodes[entry[0]]["op"] == "null":
        return name in subject.graph.input_names
    frozen = next((ours for ours, own in subject.graph.twins.items() if own == entry), None)
    if frozen is not None and frozen[0] not in subject.graph.data_dependent:
        return False
    shape = () if frozen is None else subject.shapes.get(frozen, ())
    if shape[:1] != subject.input_shape[:1]:
        raise NetworkError(
            f"what follows the layer {subject.map.name!r} also reads {name!r}, which has no row "
            "for each sample, so it cannot run for several at once: choose a later layer"
        )
    return True


def _stretched(sketch: Sketch, scores: Entry, count: int) -> Entry:
    """Each row of scores (N, P) in [0, 1], linearly; what is flat becomes zeros."""
    low = lowest(sketch, scores, [count])
    span = sketch.add("broadcast_sub", highest(sketch, scores, [count]), low)
    divisor = sketch.add("broadcast_add", span, sketch.add("_equal_scalar", span, scalar=0.0))
    return sketch.add("broadcast_div", sketch.add("broadcast_sub", scores, low), divisor)

"""Which class the map is of, in operators: the derivative of its score by all scores."""

from __future__ import annotations

from ..errors import TargetError
from ..graph.node import Entry
from .sketch import Sketch
from .subject import Subject

CLASS = "class"
"""What the input is called, behind the name of the map, that says whose map it is."""


def head_gradient(sketch: Sketch, subject: Subject, target_input: bool) -> Entry:
    """(N, K): 1 at the explained class of each sample, 0 elsewhere.

    It is the top class; with `target_input` the class that the new input names, where that is not
    below zero. Of a net of one value a sample it is the sign of the class that is explained, the
    logit of a sigmoid, or 1.

    Raises:
        TargetError: `target_input`, of a net of one value that is no logit.
    """
    scores = sketch.add("Reshape", subject.own(subject.output.point), shape=(0, -1))
    if subject.is_single and subject.output.link is None:
        if target_input:
            raise TargetError(
                f"the net's output {subject.output.name!r} is one value a sample, which is "
                "explained itself: it has no classes that an input could choose from"
            )
        return sketch.add("ones_like", scores)
    if subject.is_single:
        flat = sketch.add("Reshape", scores, shape=(-1,))
        top = sketch.add("_greater_scalar", flat, scalar=0.0)
    else:
        top = sketch.add("argmax", scores, axis=1)
    chosen = _chosen(sketch, top) if target_input else top
    if not subject.is_single:
        count = subject.shapes[subject.output.point][1]
        return sketch.add("one_hot", chosen, depth=count)
    sign = sketch.add("_plus_scalar", sketch.add("_mul_scalar", chosen, scalar=2.0), scalar=-1.0)
    return sketch.add("Reshape", sign, shape=(-1, 1))


def _chosen(sketch: Sketch, top: Entry) -> Entry:
    given = sketch.input(CLASS)
    return sketch.add("where", sketch.add("_lesser_scalar", given, scalar=0.0), top, given)

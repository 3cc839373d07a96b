"""Where two nets part: their values aligned, the first that differs, and what it comes of."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from ..errors import GradCamError
from .aligning import align, distance, places_of
from .edit import merged
from .editable import Editable
from .everywhere import everywhere, explain_outputs
from .explaining import Cause, explain
from .noise import Noise, least
from .scene import Scene
from .sides import Side, noise_of_values
from .value import INPUT, Value, rms

_MOST_FINDINGS = 4
_FEW = 8
"""So many numbers of an attribute are written out."""


class Place(NamedTuple):
    """A layer of one of the nets."""

    name: str
    op: str
    attributes: dict[str, str]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, value: Value) -> Place:
        """Where a value is made.

        Args:
            value: it.
        """
        attributes = {name: _text(one) for name, one in value.attributes.items()}
        return cls(value.name, value.op, attributes, tuple(value.array.shape))

    def __str__(self) -> str:
        said = ", ".join(f"{name}={one}" for name, one in self.attributes.items())
        return f"{self.op} {self.name}" + (f" ({said})" if said else "")


class Finding(NamedTuple):
    """A place where the nets part, and what that comes of."""

    old: Place
    new: Place | None
    """What stands there in the new net, as far as that can be told."""
    distance: float
    """Of the values there, relative to their size; NaN where they have other sizes."""
    noise: float
    """What single precision makes of it."""
    cause: str = ""
    """Its name: "epsilon", "padding", …; "" if none that is known explains it."""
    said: str = ""
    """The cause in words."""
    before: float = float("nan")
    """The relative difference without the cause."""
    after: float = float("nan")
    """What is left of it with the cause."""
    places: int = 0
    """At how many nodes the cause is: 1, or all of a kind."""
    left: float = float("nan")
    """What is left of the difference of the outputs, once the cause is taken away: 1 if all is."""
    is_whole: bool = False
    """Whether nothing but noise is left."""


class Row(NamedTuple):
    """A layer of the old net, and whether the new one makes the same."""

    name: str
    op: str
    shape: tuple[int, ...]
    new: str
    """The name of the same value in the new net; "" if there is none."""
    distance: float
    """Of both, relative to their size; NaN if there is none."""
    noise: float
    """What single precision makes of it."""


def see(old: Side, new: Side, x: Sequence[np.ndarray]) -> Scene:
    """The values of two nets, aligned.

    Args:
        old: the old net.
        new: the new one; the values of both can be seen.
        x: an array for each input, of few samples.
    """
    values, others = old.values(x), new.values(x)
    noise = noise_of_values(old, x, values)
    outputs = _outputs(old, values, x)
    returned = new.outputs(x)
    aligned = align(values, noise, others, outputs, returned)
    return Scene(values, noise, others, aligned, outputs, returned)


def _outputs(side: Side, values: Sequence[Value], x: Sequence[np.ndarray]) -> list[int]:
    """The places of what a net returns among its values."""
    if side.editable is not None:
        heads = [index for index, _ in side.editable.heads]
        return [place for place, one in enumerate(values) if one.node in heads]
    return places_of(values, side.outputs(x))


def findings(old: Side, new: Side, x: Sequence[np.ndarray], scene: Scene) -> list[Finding]:
    """The places where two nets part: each cause is taken away, to see what else there is.

    Args:
        old: the old net.
        new: the new one.
        x: the inputs that the values were made of.
        scene: the values, aligned.
    """
    found: list[Finding] = []
    net = old.editable
    floors = {value.name: one for value, one in zip(scene.old, scene.noise)}
    start = _apart(scene)
    while len(found) < _MOST_FINDINGS and not scene.aligned.is_whole:
        cause = explain(scene, net, x, new)
        found.append(_finding(scene, cause))
        mended = None
        if net is not None and cause is not None:
            mended = _without(net, cause, x, scene, floors)
        if mended is None:
            break
        net, scene, places = mended
        left = _apart(scene) / start if start else float("nan")
        found[-1] = found[-1]._replace(places=places, left=left, is_whole=scene.aligned.is_whole)
    return found


def _without(
    net: Editable,
    cause: Cause,
    x: Sequence[np.ndarray],
    scene: Scene,
    floors: Mapping[str, Noise],
) -> tuple[Editable, Scene, int] | None:
    """The old net as the cause makes it, what is seen then, and at how many nodes the cause is:
    those that bring the outputs nearest. None if the nets do not part later than before."""
    made = []
    for edits in everywhere(net, cause.name, cause.edit) if cause.edit is not None else ():
        edited = net.edited(merged(edits))
        try:
            seen = _seen(edited, x, scene, floors)
        except GradCamError:  # not at all of them can it be: the sizes of sums do not fit
            continue
        if seen.aligned.is_whole or seen.old[seen.first].name != scene.old[scene.first].name:
            made.append((edited, seen, len(edits)))
    return min(made, key=lambda one: _apart(one[1]), default=None)


def _seen(
    net: Editable, x: Sequence[np.ndarray], scene: Scene, floors: Mapping[str, Noise]
) -> Scene:
    values = net.values(x)
    noise = [floors.get(one.name, least(one.array)) for one in values]
    heads = [index for index, _ in net.heads]
    outputs = [place for place, one in enumerate(values) if one.node in heads]
    aligned = align(values, noise, scene.new, outputs, scene.new_outputs)
    return Scene(values, noise, scene.new, aligned, outputs, scene.new_outputs)


def _apart(scene: Scene) -> float:
    """How far the outputs of two nets are from each other, relative to the noise."""
    return max(
        (
            distance(scene.old[one].array, other) / (scene.noise[one].rms or 1.0)
            for one, other in zip(scene.outputs, scene.new_outputs)
        ),
        default=0.0,
    )


def _finding(scene: Scene, cause: Cause | None) -> Finding:
    place = scene.first if cause is None else cause.place
    other = scene.counterpart if cause is None else cause.new_place
    value = scene.old[place]
    size = rms(value.array) or 1.0
    noise = scene.noise[place].rms / size
    if other is None:
        return Finding(Place.of(value), None, float("nan"), noise)
    gap = distance(value.array, scene.new[other].array) / size
    there = Place.of(scene.new[other])
    here = Finding(Place.of(value), there, gap if np.isfinite(gap) else float("nan"), noise)
    if cause is None:
        return here
    return here._replace(
        cause=cause.name, said=cause.said, before=cause.before, after=cause.after, places=1
    )


def findings_of_outputs(
    net: Editable, x: Sequence[np.ndarray], outputs: Sequence[np.ndarray], noise: Sequence[Noise]
) -> list[Finding]:
    """Where a net parts from one of which the outputs alone are known.

    Args:
        net: the old net.
        x: an array for each input.
        outputs: what the new net makes of them.
        noise: of each output of the old net.
    """
    found = explain_outputs(net, x, outputs, noise)
    if found is None:
        return []
    name, edits, before, after = found
    index = edits[0].node
    value = next(one for one in net.values(x) if one.node == index)
    size = rms(outputs[0]) or 1.0
    return [
        Finding(
            Place.of(value),
            None,
            float("nan"),
            noise[0].rms / size,
            name,
            edits[0].said,
            before,
            after,
            len(edits),
            after / before if before else 0.0,
            after <= 4 * noise[0].rms / size,
        )
    ]


def rows(scene: Scene) -> list[Row]:
    """The layers of the old net, and which of them the new one has.

    Args:
        scene: the values of both, aligned.
    """
    aligned, others = scene.aligned, scene.new
    found = []
    for place, (value, one) in enumerate(zip(scene.old, scene.noise)):
        if value.op == INPUT:
            continue
        size = rms(value.array) or 1.0
        partner = aligned.partner.get(place)
        gap = float("nan")
        if partner is not None:
            gap = distance(value.array, others[partner].array) / size
        name = "" if partner is None else others[partner].name
        row = Row(value.name, value.op, tuple(value.array.shape), name, gap, one.rms / size)
        found.append(row)
    return found


def _text(attribute: Any) -> str:
    if isinstance(attribute, float):
        return f"{attribute:.6g}"
    if isinstance(attribute, np.ndarray):
        return f"array of {attribute.shape}" if attribute.size > _FEW else str(attribute.tolist())
    return str(attribute)

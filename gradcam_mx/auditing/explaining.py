"""The cause of the first difference between two nets: suppositions are tried, and one is named
only where it makes the difference vanish, or nearly."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

import numpy as np

from ..errors import GradCamError
from ..graph.kinds import WEIGHTED, Kind
from .aligning import distance, forms
from .causes import At
from .edit import Edit
from .editable import Editable
from .in_values import in_words, permutation, rounding
from .noise import difference
from .scene import Scene
from .sides import Side
from .suppositions import SUPPOSITIONS
from .value import Value, rms

NEARLY = 1e-3
"""So much of a difference may be left of it, for a supposition to be named."""
_NODES = 4
"""So many nodes behind the first difference are edited."""
_FEW = 4096
"""So many numbers of a value are compared before all of them are."""
ZEROED = "zeroed weights"
"""The one supposition that makes a value which is the same everywhere."""


class Cause(NamedTuple):
    """What a difference comes of."""

    name: str
    """"epsilon", "padding", …"""
    said: str
    before: float
    """The difference, relative to the value, as the root of the mean squares."""
    after: float
    """What is left of it with the supposition."""
    place: int
    """Of the value of the old net where it is."""
    new_place: int
    """Of the value of the new net that is explained."""
    is_gone: bool = False
    """Whether nothing but noise is left."""
    edit: Edit | None = None
    """What makes the new net of the old one, there; None if that is no edit."""


def explain(scene: Scene, net: Editable | None, x: Sequence[np.ndarray], new: Side) -> Cause | None:
    """The cause of the first difference; None if none of those that are known explains it.

    Args:
        scene: where the nets part.
        net: the old net, to be edited; None if that cannot be done.
        x: the inputs that the values were made of.
        new: the new net.
    """
    return (
        of_few_bits(scene)
        or (None if net is None else _of_edits(scene, net, x))
        or _of_another_order(scene)
        or (None if net is None else _of_other_weights(scene, net, x, new))
    )


# -- what the values tell ------------------------------------------------------------------------


def of_few_bits(scene: Scene) -> Cause | None:
    """The cause, if the new net's values are the old one's, kept in fewer bits.

    Args:
        scene: where the nets part.
    """
    places = [*scene.old[scene.first].inputs, *scene.near]
    others = [(one, scene.new[one]) for one in scene.others]
    found = rounding([scene.old[one] for one in places], others)
    if found is None:
        return None
    size = rms(scene.old[scene.first].array) or 1.0
    parts = found.before / size, found.after / size
    return Cause(found.cause, found.said, *parts, scene.first, found.place)


def _of_another_order(scene: Scene) -> Cause | None:
    ends = [*scene.near, *(one for one in scene.outputs if one in scene.aligned.diverging)]
    for place in ends:
        value = scene.old[place]
        for other in scene.others:
            order = permutation(value, scene.noise[place], scene.new[other].array)
            if order is None:
                continue
            are_classes = _leads_to_outputs(scene, place)
            said = in_words(order, "classes" if are_classes else "channels")
            before = distance(value.array, scene.new[other].array) / (rms(value.array) or 1.0)
            name = "order of classes" if are_classes else "order of channels"
            return Cause(name, said, before, 0.0, scene.first, other)
    return None


def _leads_to_outputs(scene: Scene, place: int) -> bool:
    """Whether no more than poolings and activations lie between a value and an output."""
    channels = scene.old[place].array.shape[1:2]
    behind = [one for one in scene.outputs if one >= place]
    return any(
        scene.old[one].array.shape[1:2] == channels
        and not any(
            scene.old[between].parameters for between in scene.near if place < between <= one
        )
        for one in behind
    )


# -- what edits of the old net tell --------------------------------------------------------------


def _of_edits(scene: Scene, net: Editable, x: Sequence[np.ndarray]) -> Cause | None:
    found: Cause | None = None
    for name, edit in _supposed(scene, net):
        cause = tried(scene, net, x, name, edit)
        if cause is None:
            continue
        if found is None or cause.after < 0.1 * found.after:
            found = cause
        if cause.is_gone:
            break
    return found


def _supposed(scene: Scene, net: Editable) -> Iterator[tuple[str, Edit]]:
    for place in scene.near[:_NODES]:
        at = At(net, scene.old[place].node)
        if at.index >= 0:
            for one in SUPPOSITIONS.values():
                yield from ((one.name, edit) for edit in one.formula(at))


def tried(
    scene: Scene, net: Editable, x: Sequence[np.ndarray], name: str, edit: Edit
) -> Cause | None:
    """The cause that an edit is, if it makes values of the new net of those of the old one.

    Args:
        scene: where the nets part.
        net: the old net.
        x: the inputs that the values were made of.
        name: of the supposition.
        edit: what is changed.
    """
    places = [one for one in scene.near if scene.old[one].node >= 0]
    stay = set(net.without_effect(edit.node))
    known = {one.node: one.array for one in scene.old if one.node in stay and one.output == 0}
    try:
        entries = [(scene.old[one].node, scene.old[one].output) for one in places]
        arrays = net.edited(edit).run(x, entries, known=known)
    except GradCamError:  # what is supposed cannot be
        return None
    for place, array in zip(places, arrays):
        made = [
            _compared(scene, place, array, other)
            for other in scene.others
            if scene.new[other].array.size == array.size
            and (name == ZEROED or not _is_constant(array))
        ]
        fitting = [one for one in made if one is not None]
        if fitting:
            best = min(fitting, key=lambda one: one.after)
            at = _place_of(scene, edit.node, place)
            return best._replace(name=name, said=edit.said, place=at, edit=edit)
    return None


def _compared(scene: Scene, place: int, array: np.ndarray, other: int) -> Cause | None:
    """A cause without a name, if an array that an edit has made is a value of the new net."""
    target = scene.new[other].array
    floor = scene.noise[place].rms
    size = rms(target) or rms(scene.old[place].array) or 1.0
    # as a rule, a few numbers tell that it is not
    if not _might_be(array, target, 4 * floor + NEARLY * 2 * size):
        return None
    # another value of the old net may be as near as it is, as a rectifier's is that follows anyway
    own = [distance(scene.old[one].array, target) for one in scene.near]
    after, before = distance(array, target), min(own)
    before = before if np.isfinite(before) else size
    if before <= 2 * floor or after > max(4 * floor, NEARLY * before):
        return None
    return Cause("", "", before / size, after / size, place, other, after <= 4 * floor)


def _is_constant(array: np.ndarray) -> bool:
    """Whether all its numbers are one: then it tells nothing of what made it."""
    return bool((array == array.reshape(-1)[0]).all())


def _might_be(array: np.ndarray, target: np.ndarray, limit: float) -> bool:
    step = max(1, array.size // _FEW)
    few = array.reshape(-1)[::step]
    return any(
        rms(difference(few, one.reshape(-1)[::step])) <= 3 * limit for one in forms(array, target)
    )


def _place_of(scene: Scene, node: int, otherwise: int) -> int:
    return next((place for place, one in enumerate(scene.old) if one.node == node), otherwise)


def _of_other_weights(
    scene: Scene, net: Editable, x: Sequence[np.ndarray], new: Side
) -> Cause | None:
    """The same operator with other numbers in it."""
    for place in scene.near[:_NODES]:
        at = At(net, scene.old[place].node)
        if at.index < 0 or at.known.kind not in WEIGHTED | {Kind.BATCH_NORM}:
            continue
        for other in scene.others[:_NODES]:
            found = _numbers(at, scene.old[place], scene.new[other], new)
            if found:
                said = f"other numbers in {', '.join(found)}"
                edit = Edit(said, at.index, arrays=found)
                cause = tried(scene, net, x, "other weights", edit)
                if cause is not None:
                    return cause
    return None


def _numbers(at: At, old: Value, new: Value, side: Side) -> dict[str, np.ndarray]:
    """Name of a parameter of the old net → what the new one has in its place, where it differs."""
    mine = [(name, at.net.parameter(name)) for name in old.parameters]
    theirs = [side.numbers(name) for name in new.parameters]
    found = {}
    for (name, array), other in zip(mine, theirs):
        if other is None or other.shape != array.shape:
            return {}
        if not np.allclose(array, other, rtol=1e-6, atol=0):
            found[name] = np.asarray(other)
    return found

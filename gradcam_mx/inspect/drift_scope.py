"""What of two stores can be compared, and what has to be said of the rest."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..errors import InputError
from ..store.manifest import Manifest
from ..store.store import Store


class Scope(NamedTuple):
    """What is compared."""

    methods: list[str]
    """Those whose maps are."""
    columns: list[str]
    """Columns of numbers: measures, and shares of concepts."""
    predictions: bool
    """Whether the classes are the same in both."""
    scores: bool
    """Whether the same is explained in both."""
    notes: list[str]
    """What is not compared, and why; and what has to be known of the rest."""


def scope_of(
    reference: Store,
    current: Store,
    method: str | Sequence[str] | None,
    concepts: Sequence[str],
) -> Scope:
    """What is compared of two stores.

    Args:
        reference: the one.
        current: the other.
        method: whose maps; None for those of all that both have.
        concepts: columns of both.

    Raises:
        InputError: a method or a column is not in both.
    """
    one, other = reference.manifest, current.manifest
    asked = [method] if isinstance(method, str) else method
    chosen = _in_both("method", asked, reference.methods, current.methods)
    _in_both("column", concepts, reference.columns, current.columns)
    columns = [
        f"{name}.{measure}"
        for name in chosen
        for measure in one.methods[name].metrics
        if measure in other.methods[name].metrics
    ]
    notes = [*_of_nets(one, other), *_of_inputs(one, other)]
    has_same_names = one.class_names == other.class_names or None in (
        one.class_names,
        other.class_names,
    )
    if not has_same_names:
        notes.append("the classes have other names: predictions and accuracy are not compared")
    has_same_target = (one.target, one.output) == (other.target, other.output)
    if not has_same_target:
        notes.append("what is explained is not the same: scores and maps are not compared")
        return Scope([], [], has_same_names, False, notes)
    if asked is None:
        only = sorted(set(reference.methods) ^ set(current.methods))
        notes += [f"only one store has maps of {name}: they are not compared" for name in only]
    methods = []
    for name in chosen:
        said, is_compared = _of_maps(name, reference, current)
        notes += said
        if is_compared:
            methods.append(name)
    kept = [name for name in columns if name.partition(".")[0] in methods]
    return Scope(methods, [*kept, *concepts], has_same_names, True, notes)


def _in_both(
    kind: str, asked: Sequence[str] | None, first: Sequence[str], second: Sequence[str]
) -> list[str]:
    both = [name for name in first if name in second]
    for name in asked or ():
        if name not in both:
            raise InputError(
                f"there is no {kind} {name!r} in both stores; they have {', '.join(both) or 'none'}"
            )
    return both if asked is None else list(asked)


def _of_nets(one: Manifest, other: Manifest) -> list[str]:
    differ = [
        part for part in ("structure", "parameters") if one.net.get(part) != other.net.get(part)
    ]
    if not differ:
        return []
    return [
        f"the nets differ in their {' and their '.join(differ)}: what is told is what net and data "
        "changed together"
    ]


def _of_inputs(one: Manifest, other: Manifest) -> list[str]:
    notes = []
    for name, said in (
        ("preprocess", "preparation of photos"),
        ("input_size", "size of the input"),
    ):
        if getattr(one, name) != getattr(other, name):
            notes.append(
                f"the {said} differs: {getattr(one, name)} in the reference, "
                f"{getattr(other, name)} in the current store"
            )
    for which, about in (("reference", one), ("current", other)):
        if not about.is_done:
            notes.append(f"the run that wrote the {which} store has not come to its end")
    if one.versions != other.versions:
        changed = [
            f"{name} {one.versions.get(name, '–')} and {other.versions.get(name, '–')}"
            for name in sorted({*one.versions, *other.versions})
            if one.versions.get(name) != other.versions.get(name)
        ]
        notes.append(f"the stores were written by other versions: {', '.join(changed)}")
    return notes


def _of_maps(name: str, reference: Store, current: Store) -> tuple[list[str], bool]:
    """What is to be said of the maps of a method, and whether they are compared."""
    one, other = reference.traits.get(name), current.traits.get(name)
    if one is None or other is None:
        return [f"one of the stores has no map of {name} yet"], False
    if reference.manifest.methods[name].options != current.manifest.methods[name].options:
        return [f"{name} was run with other options: its maps are not compared"], False
    if one.layer == other.layer:
        return [], True
    said = f"{name} explains layer {one.layer} in the reference and {other.layer} in the other"
    if reference.manifest.net == current.manifest.net:
        return [f"{said}: its maps are not compared"], False
    return [f"{said}; as the nets differ, they are compared"], True

"""Some samples of each class of a store, and their maps, made comparable."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Sequence

import cv2
import numpy as np

from ..errors import InputError
from ..store import Store
from ..support.progress import bar


class Drawn(NamedTuple):
    """A sample of a store that was drawn."""

    number: int
    """Of the data set."""
    explained: int
    """The class that its map explains."""
    predicted: int | None
    label: int | None
    place: str
    sha256: str


class MapsOfClass(NamedTuple):
    """The maps of samples of a class, of one size and length 1."""

    numbers: np.ndarray
    """(N,) of the samples."""
    vectors: np.ndarray
    """(N, h · w) float32."""
    shape: tuple[int, int]
    """(h, w)."""
    flat: int
    """How many more maps are zero everywhere, and so in no cluster."""


Draws = Dict[int, Drawn]
"""The number of a sample → it."""


def draw(store: Store, per_class: int, seed: int) -> Draws:
    """At most so many samples of each class, drawn at random; failed ones are left out.

    The class of a sample is the one that its map explains: what was predicted, unless something
    else was asked for. So a shortcut is found where the net takes it, also on samples of another
    label. Which samples are drawn does not depend on how the store is cut into shards.

    Args:
        store: of them.
        per_class: how many.
        seed: of the draw.

    Raises:
        InputError: there is none whose class is known.
    """
    kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for columns in store.batches(["number", "target", "predicted", "error"]):
        target, predicted = (np.asarray(columns[one], float) for one in ("target", "predicted"))
        classes = np.where(np.isnan(target), predicted, target)
        is_known = ~np.isnan(classes) & np.array([not isinstance(e, str) for e in columns["error"]])
        numbers = columns["number"].astype(np.int64)
        order = _order(numbers, seed)
        for one in np.unique(classes[is_known]):
            own = is_known & (classes == one)
            before = kept.get(int(one), (np.empty(0, np.uint64), np.empty(0, np.int64)))
            ranks = np.concatenate([before[0], order[own]])
            both = np.concatenate([before[1], numbers[own]])
            first = np.argsort(ranks, kind="stable")[:per_class]
            kept[int(one)] = ranks[first], both[first]
    if not kept:
        raise InputError(
            f"none of the {len(store)} samples of {store.path} has a class: shortcuts are looked "
            "for among the maps of a class"
        )
    class_of = {int(n): one for one, (_, numbers) in kept.items() for n in numbers}
    return _told(store, class_of)


def _told(store: Store, class_of: dict[int, int]) -> Draws:
    found, wanted = {}, np.array(list(class_of))
    for columns in store.batches(["number", "predicted", "label", "place", "sha256"]):
        for row in np.flatnonzero(np.isin(columns["number"], wanted)):
            number = int(columns["number"][row])
            found[number] = Drawn(
                number,
                class_of[number],
                _whole(columns["predicted"][row]),
                _whole(columns["label"][row]),
                str(columns["place"][row]),
                str(columns["sha256"][row]),
            )
    return {number: found[number] for number in sorted(found)}


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _order(numbers: np.ndarray, seed: int) -> np.ndarray:
    """(N,) uint64, as if drawn at random for each number (Steele, Lea & Flood 2014, splitmix64)."""
    with np.errstate(over="ignore"):
        step = np.uint64(0x9E3779B97F4A7C15)
        mixed = numbers.astype(np.uint64) + (np.uint64(seed) + np.uint64(1)) * step
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def maps_of_classes(
    store: Store, method: str, draws: Draws, classes: Sequence[int], size: int, progress: bool
) -> dict[int, MapsOfClass]:
    """The maps of the samples that were drawn of some classes.

    Each is divided by its largest absolute value, scaled down, and made of length 1. Classes of
    which no sample has a map are left out.

    Args:
        store: of them.
        method: which found them.
        draws: the samples.
        classes: those that are wanted.
        size: the largest height and width.
        progress: whether to show a bar.

    Raises:
        InputError: there is no such method, or its maps are of something else than pictures.
    """
    wanted = {one.number: one.explained for one in draws.values() if one.explained in set(classes)}
    found: dict[int, list[tuple[int, np.ndarray]]] = {}
    shape: tuple[int, int] | None = None
    with bar(what="maps", show=progress, total=len(wanted), unit="map") as done:
        for numbers, maps in store.maps(method):
            if maps.ndim != 3:
                raise InputError(
                    f"maps of {method} have the shape {maps.shape[1:]}; shortcuts are looked for "
                    "in maps of pictures, (h, w)"
                )
            shape = shape or (min(size, maps.shape[1]), min(size, maps.shape[2]))
            chosen = [(n, one) for n, one in zip(numbers, maps) if n in wanted]
            for number, one in chosen:
                found.setdefault(wanted[number], []).append((number, _vector(one, shape)))
            done.update(len(chosen))
    return {one: _together(found[one], shape) for one in sorted(found)}


def _vector(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h · w,) of length 1, or zeros."""
    scaled: Any = values / (np.abs(values).max() or 1)
    if scaled.shape != shape:
        scaled = cv2.resize(scaled, shape[::-1], interpolation=cv2.INTER_AREA)
    length = np.linalg.norm(scaled)
    return np.asarray(scaled / (length or 1), np.float32).ravel()


def _together(found: Sequence[tuple[int, np.ndarray]], shape: Any) -> MapsOfClass:
    seen = sorted((one for one in found if one[1].any()), key=lambda one: one[0])
    vectors = np.stack([one for _, one in seen]) if seen else np.empty((0, shape[0] * shape[1]))
    return MapsOfClass(
        np.array([number for number, _ in seen], np.int64),
        vectors.astype(np.float32),
        shape,
        len(found) - len(seen),
    )

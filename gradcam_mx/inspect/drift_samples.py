"""What is compared of a store: numbers of each of its samples, or of as many as are drawn."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from ..store.columns import unpacked
from ..store.store import Store
from ..support.places import summed
from ..support.progress import bar
from .map_statistics import masses, of_masses

LIGHT = ("label", "predicted", "probability", "target", "score")
"""Columns of numbers of each sample."""

_CELLS, _SHOWN = 14, 64
"""The grid on which maps are held against the mean of their class; and the one of mean maps."""

_HEX = 16
_UNKNOWN = 0
"""In place of the hash of a sample that has none."""


class Samples(NamedTuple):
    """Samples of a store."""

    total: int
    """How many the store has."""
    hashes: np.ndarray
    """(total,) uint64: the first half of each one's SHA-256; 0 where it is not known."""
    drawn: np.ndarray
    """(N,) the places of those that are compared, upwards."""
    numbers: np.ndarray
    """(N,) their numbers in the data set."""
    columns: dict[str, np.ndarray]
    """Name → (N,) float64, NaN where there is nothing; "failed" is 1 or 0."""

    @property
    def drawn_hashes(self) -> np.ndarray:
        """(N,) of those that are compared."""
        return self.hashes[self.drawn]


class Maps(NamedTuple):
    """The maps of a method for samples of a store."""

    statistics: dict[str, np.ndarray]
    """Name → (N,) of `of_masses`; NaN of samples without a map."""
    sizes: frozenset[tuple[int, ...]]
    """Those of the maps."""
    cells: np.ndarray | None
    """(N, …) float32: the mass in each cell of a grid, NaN where there is none; None where maps are
    of several sizes."""
    mean: np.ndarray | None
    """The mean of the masses of all maps; None of several sizes, or if all are flat."""


def samples_of(store: Store, columns: Sequence[str], at_most: int, seed: int) -> Samples:
    """The samples of a store, as many as are wanted at most.

    Which are drawn depends on their hashes and the seed: what two stores share is drawn of both.

    Args:
        store: that holds them.
        columns: of numbers, beside those that all stores have.
        at_most: how many are drawn.
        seed: of the draw.
    """
    names = ["number", "sha256", "error", *LIGHT, *columns]
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in store.batches(names) if len(store) else ():
        batch["sha256"] = _hashes(batch["sha256"])
        batch["error"] = np.array([one is not None for one in batch["error"]], float)
        for name in names:
            found[name].append(np.asarray(batch[name]))
    whole = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()}
    hashes, numbers = whole["sha256"].astype(np.uint64), whole["number"].astype(np.int64)
    keys = np.where(hashes == _UNKNOWN, _mixed(numbers.astype(np.uint64), seed + 1), hashes)
    drawn = np.sort(np.argsort(_mixed(keys, seed), kind="stable")[:at_most])
    kept = {name: _finite(whole[name][drawn]) for name in (*LIGHT, *columns)}
    kept["failed"] = whole["error"][drawn]
    return Samples(len(hashes), hashes, drawn, numbers[drawn], kept)


def shared(one: Samples, other: Samples) -> int:
    """How many samples are in both stores.

    Args:
        one: those of a store.
        other: those of the other.
    """
    return len(np.setdiff1d(np.intersect1d(one.hashes, other.hashes), [_UNKNOWN]))


def pairs(one: Samples, other: Samples) -> np.ndarray:
    """The places of the same samples among those that are compared, the ones before the others.

    Args:
        one: those of a store.
        other: those of the other.
    """
    same, first, second = np.intersect1d(one.drawn_hashes, other.drawn_hashes, return_indices=True)
    known = same != _UNKNOWN
    return np.stack([first[known], second[known] + len(one.drawn)], axis=1)


def maps_of(store: Store, method: str, samples: Samples, *, progress: bool) -> Maps:
    """What is known of the maps of a method.

    Args:
        store: that holds them.
        method: its name.
        samples: those that are compared.
        progress: whether to show a bar.
    """
    count, signed = len(samples.drawn), store.traits[method].signed
    signed = signed and not store.traits[method].is_strength
    statistics: dict[str, np.ndarray] = {}
    sums: dict[tuple[int, ...], Any] = {}
    counts: dict[tuple[int, ...], int] = {}
    cells: dict[tuple[int, ...], np.ndarray] = {}
    with bar(what=method, total=count, show=progress, unit="map") as done:
        for places, maps in _read(store, method, samples.numbers):
            size = maps.shape[1:]
            axes = range(1, maps.ndim)
            mass = masses(maps, signed=signed)
            for name, values in of_masses(mass).items():
                statistics.setdefault(name, np.full(count, np.nan))[places] = values
            coarse = summed(mass, _CELLS, axes).astype(np.float32)
            held = cells.setdefault(size, np.full((count, *coarse.shape[1:]), np.nan, np.float32))
            held[places] = coarse
            shown = summed(mass[~np.isnan(mass.reshape(len(mass), -1)[:, 0])], _SHOWN, axes)
            sums[size] = sums.get(size, 0) + shown.sum(axis=0)
            counts[size] = counts.get(size, 0) + len(shown)
            done.update(len(places))
    if len(cells) != 1:
        return Maps(statistics, frozenset(cells), None, None)
    (size,) = cells
    mean = sums[size] / counts[size] if counts[size] else None
    return Maps(statistics, frozenset(cells), cells[size], mean)


def _read(
    store: Store, method: str, numbers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of samples among these, and their maps (n, …), a shard and a size at a time."""
    names = ["number", *(f"{method}.{one}" for one in ("shape", "scale", "map"))]
    order = np.argsort(numbers, kind="stable")
    for batch in store.batches(names):
        number, shapes, scales, kept = (batch[name] for name in names)
        at = np.searchsorted(numbers, number, sorter=order)
        at = order[np.minimum(at, len(order) - 1)]
        is_wanted = numbers[at] == number
        of_sizes: dict[tuple[int, ...], list[int]] = {}
        for row in np.flatnonzero(is_wanted):
            if kept[row] is not None:
                of_sizes.setdefault(tuple(shapes[row]), []).append(int(row))
        for shape, rows in of_sizes.items():
            maps = unpacked((len(rows), *shape), 1.0, b"".join(kept[row] for row in rows))
            maps *= np.asarray(scales[rows], np.float32).reshape(-1, *[1] * len(shape))
            yield at[rows], maps


def _hashes(texts: np.ndarray) -> np.ndarray:
    return np.array([int(one[:_HEX], 16) if one else _UNKNOWN for one in texts], np.uint64)


def _mixed(keys: np.ndarray, seed: int) -> np.ndarray:
    """Numbers that look random, always the same (SplitMix; Steele et al. 2014)."""
    found = keys + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    return found ^ (found >> np.uint64(31))


def _finite(values: np.ndarray) -> np.ndarray:
    found = np.asarray(values, np.float64)
    return np.where(np.isfinite(found), found, np.nan)

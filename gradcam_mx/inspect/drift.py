"""Whether a net still sees what it saw: two stores compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence, Union

import numpy as np

from ..errors import InputError
from ..store.store import Store
from ..support.arrays import is_whole
from ..support.boundary import told
from .drift_rows import CLASSES, NUMBER, SHARE, ClassShare, Compared, class_shares
from .drift_samples import Maps, Samples, maps_of, pairs, samples_of, shared
from .drift_scope import Scope, scope_of
from .drifted import Drift
from .map_statistics import OF_ONE_SIZE, TITLES, from_class_means
from .permutation import Design, outcome_of

Stored = Union[Store, str, Path]
"""A store, or the path of its folder."""

_FEW = 100
"""Of fewer samples it is said that only large differences can be found."""


@told
def drift(
    reference: Stored,
    current: Stored,
    *,
    method: str | Sequence[str] | None = None,
    alpha: float = 0.01,
    permutations: int = 999,
    at_most: int = 20_000,
    concepts: Sequence[str] = (),
    seed: int = 0,
    progress: bool = True,
) -> Drift:
    """Whether predictions, scores and maps of one store differ from those of another.

    Compared are how often each class is predicted (χ²), how often the net is right where labels are
    known, how often nothing was found of a sample, and how numbers are spread (Cramér's distance,
    which is the energy distance on a line): the score, the probability of the top class, measures,
    and of the maps of each method their centre, spread, entropy, share at the border, and distance
    from the mean map of the class that is explained. That mean is over both stores, so that neither
    is nearer to it by construction.

    How large differences are by chance is found by permutations of the samples; what is in both
    stores changes places with its like alone. p = (1 + count) / (1 + permutations), corrected by
    the step-down maxT procedure (Westfall & Young 1993), so that there is an alarm in a share of
    alpha of all comparisons in which nothing has changed, however many quantities are compared.

    Stores are read shard by shard: a few numbers of each sample are kept.

    Args:
        reference: the store of what is held to be right, or the path of its folder; it may be
            filtered.
        current: the store that is compared with it.
        method: the name of a method whose maps are compared, or several; all that both stores have
            by default.
        alpha: the probability of an alarm where nothing has changed.
        permutations: how many are drawn, 1 / alpha at least.
        at_most: how many samples of each store are compared; of more, so many are drawn.
        concepts: the names of further columns of numbers that both stores have, such as the shares
            of concepts.
        seed: of what is drawn.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        `Drift`: true if anything has drifted; rows, a table, figures, files for monitoring.

    Raises:
        InputError: there is no store, nothing that can be compared, or options that do not fit.
        DependencyError: pyarrow is not installed.

    Example:
        >>> found = gm.inspect.drift("june", "july")                     # doctest: +SKIP
        >>> if found:                                                    # doctest: +SKIP
        ...     print(found.drifted[0].title)
        Grad-CAM: share at the border
    """
    _check(alpha, permutations, at_most, seed)
    stores = [one if isinstance(one, Store) else Store(one) for one in (reference, current)]
    scope = scope_of(stores[0], stores[1], method, concepts)
    first, second = (samples_of(one, scope.columns, at_most, seed) for one in stores)
    for store, one in zip(stores, (first, second)):
        if len(one.drawn) < 2:
            raise InputError(f"{store.path} has {one.total} samples; expected 2 or more")
    design = Design(len(first.drawn), len(second.drawn), pairs(first, second))
    notes = [*scope.notes, *_of_samples(first, second)]
    quantities = _of_columns(first, second, scope)
    mean_maps = {}
    for name in scope.methods:
        of_both = [
            maps_of(store, name, one, progress=progress)
            for store, one in zip(stores, (first, second))
        ]
        found, said = _of_maps(name, stores[0], of_both[0], of_both[1], first, second)
        quantities += found
        notes += said
        if len(of_both[0].sizes | of_both[1].sizes) == 1:
            means = of_both[0].mean, of_both[1].mean
            if means[0] is not None and means[1] is not None:
                mean_maps[name] = (means[0], means[1])
    compared = [one for one in quantities if all(map(len, one.split(design)))]
    if not compared:
        raise InputError(
            f"{stores[0].path} and {stores[1].path} have nothing in common that could be compared: "
            f"{'; '.join(notes)}"
        )
    done = outcome_of(
        [one.quantity for one in compared],
        design,
        permutations=permutations,
        seed=seed,
        progress=progress,
    )
    said_of = _names(stores)
    return Drift(
        [
            one.row(design, float(p), float(corrected), alpha, said_of)
            for one, p, corrected in zip(compared, done.p, done.corrected)
        ],
        alpha,
        permutations,
        str(stores[0].path),
        str(stores[1].path),
        (first.total, second.total),
        (len(first.drawn), len(second.drawn)),
        shared(first, second),
        notes,
        _classes(compared, design, said_of),
        {one.name: one.distribution(design) for one in compared if one.kind == NUMBER},
        mean_maps,
    )


def _check(alpha: Any, permutations: Any, at_most: Any, seed: Any) -> None:
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha!r}; expected a share between 0 and 1, such as 0.01")
    for name, given, least in (
        ("permutations", permutations, 1),
        ("at_most", at_most, 2),
        ("seed", seed, 0),
    ):
        if not is_whole(given) or given < least:
            raise InputError(f"{name} is {given!r}; expected {least} or more")
    if 1 / (1 + permutations) > alpha:
        raise InputError(
            f"of {permutations} permutations no p-value is below {1 / (1 + permutations):.3g}, and "
            f"alpha is {alpha:g}: expected {int(np.ceil(1 / alpha)) - 1} permutations or more"
        )


def _of_samples(first: Samples, second: Samples) -> list[str]:
    notes = []
    count = shared(first, second)
    if count:
        notes.append(
            f"{count} samples are in both stores; where both were drawn, each changes places with "
            "its like alone"
        )
    few = min(len(first.drawn), len(second.drawn))
    if few < _FEW:
        notes.append(f"of {few} samples only large differences can be told from chance")
    return notes


def _of_columns(first: Samples, second: Samples, scope: Scope) -> list[Compared]:
    """What is known of each sample without its maps."""
    both = {
        name: np.concatenate([first.columns[name], second.columns[name]]) for name in first.columns
    }
    found = []
    if both["failed"].any():
        found.append(Compared("failed", "samples without a result", SHARE, both["failed"]))
    if scope.predictions:
        found.append(Compared("predicted", "predicted classes", CLASSES, both["predicted"]))
        known = ~np.isnan(both["label"]) & ~np.isnan(both["predicted"])
        is_right = np.where(known, both["label"] == both["predicted"], np.nan)
        found.append(Compared("accuracy", "accuracy", SHARE, is_right))
    if scope.scores:
        found.append(Compared("score", "score", NUMBER, both["score"]))
    found.append(Compared("probability", "top probability", NUMBER, both["probability"]))
    return found + [Compared(name, name, NUMBER, both[name]) for name in scope.columns]


def _of_maps(
    name: str, store: Store, one: Maps, other: Maps, first: Samples, second: Samples
) -> tuple[list[Compared], list[str]]:
    """What is known of the maps of a method, and what is to be said of that."""
    title = store.traits[name].title or name
    both = {
        key: np.concatenate([one.statistics[key], other.statistics[key]])
        for key in one.statistics
        if key in other.statistics
    }
    is_flat = both.pop("flat", np.zeros(0))
    notes = []
    sizes = one.sizes | other.sizes
    if len(sizes) > 1:
        said = " and ".join(" × ".join(map(str, size)) for size in sorted(sizes))
        left_out = ", ".join(TITLES[key] for key in OF_ONE_SIZE)
        notes.append(f"maps of {name} are of the sizes {said}: without {left_out}")
        both = {key: values for key, values in both.items() if key not in OF_ONE_SIZE}
    elif one.cells is not None and other.cells is not None:
        targets = np.concatenate([first.columns["target"], second.columns["target"]])
        cells = np.concatenate([one.cells, other.cells])
        both["from_class"] = from_class_means(cells, np.nan_to_num(targets, nan=-1))
    found = [
        Compared(f"{name}.{key}", f"{title}: {TITLES[key]}", NUMBER, values)
        for key, values in both.items()
    ]
    if np.nansum(is_flat):
        found.append(Compared(f"{name}.flat", f"{title}: {TITLES['flat']}", SHARE, is_flat))
    return found, notes


def _names(stores: Sequence[Store]) -> Any:
    """Gives what a class is called."""
    known = next((one.manifest.class_names for one in stores if one.manifest.class_names), [])

    def said(class_id: int) -> str:
        return known[class_id] if 0 <= class_id < len(known) else f"class {class_id}"

    return said


def _classes(compared: Sequence[Compared], design: Design, said: Any) -> list[ClassShare]:
    of_classes = [one for one in compared if one.kind == CLASSES]
    return class_shares(*of_classes[0].split(design), said) if of_classes else []

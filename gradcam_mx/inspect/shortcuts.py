"""Does the net know a class by something else than the class? Spectral relevance analysis."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Sequence

import numpy as np

from ..data.opening import open_samples, reopen
from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import InputError
from ..graph.picture_input import Preprocess
from ..graph.trace import Net
from ..methods.baselines import Baseline
from ..store import Store
from ..support.arrays import is_whole
from ..support.boundary import told
from ..support.progress import bar
from .class_maps import Draws, MapsOfClass, draw, maps_of_classes
from .cluster import Cluster, Representative
from .proving import FEWEST, Judged, Trial, corrected, proved
from .same_photos import SamePhotos, exactly_same, nearly_same, thumbnail
from .shared_region import shared_region
from .shortcut import Shortcuts
from .spectral import clusters_of
from .stored_samples import StoredSamples

REPRESENTATIVES = 6
"""How many samples of a cluster are kept to be looked at."""


@told
def shortcuts(
    store: Store,
    net: Net | None = None,
    samples: Any = None,
    *,
    preprocess: Preprocess | None = None,
    method: str | None = None,
    classes: Sequence[int | str] | None = None,
    clusters: int = 8,
    neighbors: int = 10,
    size: int = 20,
    samples_per_class: int = 500,
    photos: int = 64,
    area: float = 0.1,
    baseline: Baseline = "mean",
    least: float = 0.25,
    alpha: float = 0.05,
    batch_size: BatchSize = AUTO,
    seed: int = 0,
    progress: bool = True,
) -> Shortcuts:
    """Look in a store for shortcuts: small regions by which alone the net knows a class.

    Spectral relevance analysis (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4): the maps
    of a class, the one that each explains, are scaled down and parted into clusters by the spectrum
    of the graph of their nearest neighbours. Clusters are ranked by how far their mean map lies
    from the class's:

        d² = max(0, |m_c - m|² - (1 - n/N) s²/n)

    with s² the variance of the N maps, so that of few maps chance is taken off. As proof, with the
    net at hand, the region that a cluster's maps share, a small part of the picture, is hidden in
    its photos, beside regions of its size elsewhere; and pasted into photos of other classes,
    beside the same region of clean photos. A finding is a cluster in which hiding takes more of the
    score than elsewhere, and pasting adds more than `least` to the class's probability in most
    photos, by sign tests that are corrected for the number of clusters (Holm). Findings come first.

    Args:
        store: what `gm.run` found.
        net: that the store is of; without it clusters are ranked, and nothing is proved.
        samples: the data set that the store is of, as `gm.run` takes it; by default it is opened
            where the store says.
        preprocess: from a photo to the net's input; by default the net's own, if it has one.
        method: whose maps are compared; by default the first of the store.
        classes: those that are looked at, by number or name; by default all.
        clusters: how many there are of a class at most.
        neighbors: of each map in the graph.
        size: the height and width that maps are scaled down to.
        samples_per_class: how many are drawn of a class at most.
        photos: how many are hidden or pasted for a cluster at most.
        area: the largest share of the picture that a region takes. In a larger one there is more of
            the object, and pasting that is no proof.
        baseline: what is hidden becomes, as `occlusion` takes it.
        least: by how much pasting has to raise the probability beyond what clean photos do.
        alpha: how probable it is at most that any of the findings is none.
        batch_size: how many inputs run at once; "auto" finds a quick size.
        seed: of all draws.
        progress: whether to show bars of what takes longer than two seconds.

    Returns:
        `Shortcuts`: it prints as a table, draws itself, is true if a shortcut was found.

    Raises:
        InputError: a store without maps or classes, of another net or data set, a wrong option.
        MethodError: there is no such baseline.
        DataError: the data set is not there any more.
        DependencyError: pyarrow or scikit-learn is not installed.

    Example:
        >>> found = gm.inspect.shortcuts(gm.Store("found"), net)                 # doctest: +SKIP
        >>> print(found)                                                         # doctest: +SKIP
        >>> [one.class_name for one in found.findings]                           # doctest: +SKIP
        ['bag']
    """
    whole = {"clusters": clusters, "neighbors": neighbors, "size": size, "photos": photos}
    _check({**whole, "samples_per_class": samples_per_class}, {"area": area, "alpha": alpha})
    check_batch_size(batch_size)
    method = method or next(iter(store.methods), "")
    draws = draw(store, samples_per_class, seed)
    chosen = _chosen(store, draws, classes)
    maps = maps_of_classes(store, method, draws, chosen, size, progress)
    labels = {one: clusters_of(maps[one].vectors, clusters, neighbors, seed) for one in maps}
    found = [
        _cluster(store, one, number, maps[one], labels[one], area)
        for one in maps
        for number in range(int(labels[one].max(initial=-1)) + 1)
    ]
    same, notes = exactly_same(store), _notes(store, maps)
    if net is None:
        notes.append("nothing was hidden or pasted, as that needs the net: pass net=")
    else:
        seen = StoredSamples(
            reopen(store.manifest.data) if samples is None else open_samples(samples),
            draws,
            net,
            preprocess,
            tuple(store.manifest.input_size),
        )
        same += _nearly_same(seen, draws, chosen, same, progress)
        trial = Trial(baseline, least, photos, seed)
        judged = Judged(net, store.manifest.output, batch_size)
        found = [
            proved(one, judged, seen, draws, trial)
            for one in bar(found, what="clusters hidden and pasted", show=progress)
        ]
        found = corrected([_shown(one, seen) for one in found], alpha)
        notes += _notes_of(found, seen)
    return Shortcuts(method, sorted(found, key=_rank), maps, labels, same, notes, alpha)


def _check(whole: dict[str, Any], shares: dict[str, Any]) -> None:
    for name, given in whole.items():
        if not is_whole(given) or given < 1:
            raise InputError(f"{name} is {given!r}; expected 1 or more")
    for name, given in shares.items():
        if not 0 < given < 1:
            raise InputError(f"{name} is {given!r}; expected a share, between 0 and 1")


def _chosen(store: Store, draws: Draws, classes: Sequence[int | str] | None) -> list[int]:
    """The classes that are looked at."""
    there = sorted({one.explained for one in draws.values()})
    if classes is None:
        return there
    if isinstance(classes, (str, int)):
        raise InputError(f"classes is {classes!r}; expected a list, such as [{classes!r}]")
    names = store.manifest.class_names or []
    found = [names.index(one) if one in names else one for one in classes]
    unknown = [one for one in found if one not in there]
    if unknown:
        raise InputError(
            f"the store explains no sample as class {', '.join(map(str, unknown))}; it has "
            f"{', '.join(_named(store, one) for one in there)}"
        )
    return [int(one) for one in found]


def _named(store: Store, class_id: int) -> str:
    names = store.manifest.class_names
    return str(class_id) if names is None else names[class_id]


def _cluster(
    store: Store, class_id: int, number: int, maps: MapsOfClass, labels: np.ndarray, area: float
) -> Cluster:
    own = labels == number
    vectors = maps.vectors.astype(np.float64)
    mean = vectors[own].mean(axis=0)
    nearest = np.flatnonzero(own)[np.argsort(-(vectors[own] @ mean), kind="stable")]
    shape = maps.shape
    return Cluster(
        class_id,
        _named(store, class_id),
        number,
        tuple(int(one) for one in maps.numbers[own]),
        float(own.mean()),
        mean.reshape(shape).astype(np.float32),
        shared_region(mean.reshape(shape).astype(np.float32), store.manifest.input_size, area),
        distance(vectors, own),
        tuple(
            Representative(int(maps.numbers[one]), "", maps.vectors[one].reshape(shape), None)
            for one in nearest[:REPRESENTATIVES]
        ),
    )


def distance(vectors: np.ndarray, own: np.ndarray) -> float:
    """How far the mean of some vectors lies from that of all, less what chance makes of so many.

    Args:
        vectors: (N, D) float64.
        own: (N,) bool, which are meant.
    """
    count, part = len(vectors), int(own.sum())
    if part == count:
        return 0.0
    middle = vectors.mean(axis=0)
    squared = float(((vectors[own].mean(axis=0) - middle) ** 2).sum())
    variance = float(((vectors - middle) ** 2).sum()) / (count - 1)
    return float(np.sqrt(max(0.0, squared - (1 - part / count) * variance / part)))


def _shown(cluster: Cluster, seen: StoredSamples) -> Cluster:
    """The cluster, its representatives with their photos."""
    photos = {one.number: one.shown for one in seen.read(n.number for n in cluster.representatives)}
    return replace(
        cluster,
        representatives=tuple(
            one._replace(photo=photos.get(one.number), place=seen.place(one.number))
            for one in cluster.representatives
        ),
    )


def _rank(cluster: Cluster) -> tuple[float, ...]:
    """Findings first, those that turn most photos before others; then by distance."""
    proof = cluster.proof
    turned = 0.0 if proof is None or not cluster.is_finding else proof.pasted_probability.difference
    return (not cluster.is_finding, -turned, -cluster.distance, cluster.class_id, cluster.number)


# -- photos that are there several times -----------------------------------------------------------


def _nearly_same(
    seen: StoredSamples,
    draws: Draws,
    classes: Sequence[int],
    exact: Sequence[SamePhotos],
    progress: bool,
) -> list[SamePhotos]:
    """Groups of samples that were drawn of some classes, each byte for byte but once."""
    again = {number for one in exact for number in one.numbers[1:]}
    numbers = [n for n, one in draws.items() if one.explained in classes and n not in again]
    shown = bar(seen.read(numbers), what="photos", total=len(numbers), show=progress)
    small = [(one.number, thumbnail(one)) for one in shown]
    if not small:
        return []
    groups = nearly_same(np.stack([one for _, one in small]))
    return [_same([draws[small[place][0]] for place in group]) for group in groups]


def _same(group: Sequence[Any]) -> SamePhotos:
    return SamePhotos(
        tuple(one.number for one in group),
        tuple(one.place for one in group),
        tuple(one.predicted if one.label is None else one.label for one in group),
        False,
    )


# -- what is told ----------------------------------------------------------------------------------


def _notes(store: Store, maps: dict[int, MapsOfClass]) -> list[str]:
    flat = sum(one.flat for one in maps.values())
    failed = store.manifest.samples - len(store)
    found = []
    if flat:
        found.append(f"{flat} maps are zero everywhere, and in no cluster")
    if failed > 0:
        found.append(f"the store has {len(store)} of {store.manifest.samples} samples as yet")
    return found


def _notes_of(found: Sequence[Cluster], seen: StoredSamples) -> list[str]:
    untested = sum(one.proof is None for one in found)
    notes = []
    if untested:
        notes.append(
            f"{untested} clusters were not tested: that takes {FEWEST} of their photos, as many of "
            "other classes, and a region"
        )
    for said, count in Counter(seen.left_out.values()).items():
        others = f" (and the same of {count - 1} more)" if count > 1 else ""
        notes.append(f"left out: {said}{others}")
    return notes

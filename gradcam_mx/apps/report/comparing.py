"""What a report says held against what was computed anew.

Numbers agree if they differ by no more than what rounding does. A network sums products in single
precision (ε = 2⁻²⁴), in an order that depends on the processor's instruction set and on the number
of threads; so do its gradients, and each layer enlarges what the one before left. Measured over the
instruction sets SSE 4.1, AVX2 and AVX-512, the largest deviations of the zoo's trained networks are
less than a third of the tolerances here (docs/report.md has them). On one machine numbers are the
same, or differ in their last digits.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ...errors import InputError
from ..provenance import Record, unpacked

PROBABILITY = 1e-3
"""Of a probability, and of a share of a map's mass: absolute."""
SCORE = 1e-3
"""Of a score: of itself, at least of 1."""
MAP = 1e-2
"""Of a number of a map: of the map's largest."""
MEASURE = 3e-2
"""Of a measure, its mean and its error: of the largest of its kind, at least of 0.01. Measures rank
positions, and two that are nearly equal may change places."""

_NOT_COMPARED = {
    *("name", "title", "sha256", "size", "picture", "bar", "layer", "not_measured"),
    *("true_name", "predicted_name", "metric", "method"),
}
"""What is called otherwise in a network from other files, or follows from what is compared."""


class Deviation(NamedTuple):
    """A number or word of a report, and what it is."""

    where: str
    said: str
    found: str
    share: float
    """The difference, as a share of what is tolerated; infinite for words."""

    def __str__(self) -> str:
        return f"{self.where}: it says {self.said}, and it is {self.found}"


def of_photo(said: Record, found: Record) -> Iterator[Deviation]:
    """All that a report says of a photo.

    Args:
        said: by the report.
        found: anew.
    """
    where = f"photo {said['number'] + 1} ({said['name']})"
    yield from _texts(f"{where}, what the net saw", said["seen"], found["seen"])
    yield from _top(where, said["top"], found["top"])
    texts = said["says_by_number"], found["says_by_number"]
    yield from _texts(f"{where}, how much is found", *map(len, texts))
    for one, other in zip(*texts):
        yield from _words(f"{where}, what the net says", one, other)
    for key in ("explained", "truth"):
        yield from _any(f"{where}, what is {_SAID[key]}", said[key], found[key])
    yield from _texts(f"{where}, whether it is right", said.get("is_right"), found.get("is_right"))
    objects = said.get("object"), found.get("object")
    yield from _any(f"{where}, where the object is", *objects)
    for key in ("maps", "true_maps"):
        yield from _maps(where, said[key], found[key])
    for one, other in zip(said.get("measures", []), found.get("measures", [])):
        at = f"{where}, {one['metric']}"
        scale = _largest([*one["values"], *other["values"]])
        for row, a, b in zip(said["rows"], one["values"], other["values"]):
            yield from _numbers(f"{at} of {row}", a, b, MEASURE * scale)


_SAID = {"explained": "explained", "truth": "true"}


def of_all(said: Record, found: Record) -> Iterator[Deviation]:
    """All that a report says over its photos.

    Args:
        said: by the report.
        found: anew.
    """
    for key in ("count", "measured", "classes_predicted"):
        yield from _texts(f"the {key} of photos", said[key], found[key])
    for one, other in zip(said["check"]["findings"], found["check"]["findings"]):
        yield from _texts(f"check: {one['what']}", one["holds"], other["holds"])
    for key in ("accuracy", "predicted"):
        yield from _any(key, said[key], found[key])
    yield from _tables(said["table"], found["table"])
    yield from _extremes(said["extremes"], found["extremes"])
    others = {one["method"]: one for one in found["mass"]}
    for one in said["mass"]:
        other = others.get(one["method"], one)
        at = f"the mass of {one['method']}"
        yield from _arrays(f"{at}, mean map", one["mean_map"], other["mean_map"])
        for key in ("maps", "flat", "places"):
            yield from _any(f"{at}, {key}", one[key], other[key])


# -- parts of a photo ------------------------------------------------------------------------------


def _top(where: str, said: Sequence[Record], found: Sequence[Record]) -> Iterator[Deviation]:
    """Top classes: two that are as probable may change places."""
    yield from _texts(f"{where}, number of top classes", len(said), len(found))
    chances = {one["id"]: one["probability"] for one in found}
    for rank, (one, other) in enumerate(zip(said, found), start=1):
        at = f"{where}, probability of class {one['id']}"
        same = chances.get(one["id"], other["probability"])
        yield from _numbers(at, one["probability"], same, PROBABILITY)
        is_tie = abs(one["probability"] - other["probability"]) <= PROBABILITY
        if one["id"] != other["id"] and not (rank > 1 and is_tie):
            yield from _texts(f"{where}, class of rank {rank}", one["id"], other["id"])


def _maps(where: str, said: Sequence[Record], found: Sequence[Record]) -> Iterator[Deviation]:
    others = {one["method"]: one for one in found}
    for one in said:
        other = others.get(one["method"])
        if other is None:
            continue  # its options were not kept, which the report of this verification says
        at = f"{where}, {one['method']}"
        yield from _numbers(f"{at}, score", one["score"], other["score"], _of_score(one["score"]))
        for number, (a, b) in enumerate(zip(one["numbers"], other["numbers"])):
            yield from _arrays(at + (", absolute values" if number else ""), a, b)
        for key in ("is_flat", "shares"):
            yield from _any(f"{at}, {key.replace('_', ' ')}", one[key], other[key])


def _arrays(where: str, said: Record, found: Record) -> Iterator[Deviation]:
    """The numbers of a map; the one that is farthest off."""
    try:
        a, b = unpacked(said), unpacked(found)
    except InputError as error:
        yield Deviation(where, str(error), "whole", np.inf)
        return
    yield from arrays(where, a, b, MAP)


def arrays(
    where: str, said: np.ndarray, found: np.ndarray, tolerance: float
) -> Iterator[Deviation]:
    """Numbers of any shape; the one that is farthest off.

    Args:
        where: they are.
        said: the numbers.
        found: likewise.
        tolerance: of the largest of them.
    """
    if said.shape != found.shape:
        yield Deviation(where, f"{said.shape} numbers", str(found.shape), np.inf)
        return
    if not said.size:
        return
    a, b = said.astype(np.float64), found.astype(np.float64)
    off = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a - b))
    off = np.where(np.isnan(off), np.inf, off)
    place = np.unravel_index(int(off.argmax()), off.shape)
    allowed = tolerance * max(float(np.nanmax(np.abs(b))) if not np.isnan(b).all() else 0, 1e-30)
    at = f" at {', '.join(str(int(one)) for one in place)}" if place else ""
    share = float(off[place]) / allowed if off[place] else 0.0
    yield Deviation(where + at, f"{a[place]:.7g}", f"{b[place]:.7g}", share)


# -- what is said over all -------------------------------------------------------------------------


def _tables(said: Record | None, found: Record | None) -> Iterator[Deviation]:
    if said is None or found is None:
        yield from _texts("the measures", said is not None, found is not None)
        return
    columns = [one["name"] for one in said["metrics"]]
    yield from _texts("what is measured", columns, [one["name"] for one in found["metrics"]])
    rows = [[one["name"] for one in each["rows"]] for each in (said, found)]
    yield from _texts("the rows of the measures", *rows)
    scales = [
        _largest([row["cells"][column]["mean"] for row in said["rows"]])
        for column in range(len(columns))
    ]
    for row, other in zip(said["rows"], found["rows"]):
        for column, name in enumerate(columns):
            a, b = row["cells"][column], other["cells"][column]
            for key in ("mean", "standard_error", "low", "high"):
                at = f"{name} of {row['name']}, {key.replace('_', ' ')}"
                yield from _numbers(at, a[key], b[key], MEASURE * scales[column])
            yield from _texts(f"{name} of {row['name']}, photos", a["photos"], b["photos"])
            for key in ("is_best", "no_better_than"):
                at = f"{name} of {row['name']}, {key.replace('_', ' ')}"
                yield from _texts(at, a[key], b[key])


def _extremes(said: Record | None, found: Record | None) -> Iterator[Deviation]:
    for key in ("least", "most"):
        values = [[one["value"] for one in (each or {}).get(key, [])] for each in (said, found)]
        yield from _texts(f"how many are {key} faithful", len(values[0]), len(values[1]))
        for a, b in zip(*values):
            yield from _numbers(f"the {key} faithful", a, b, MEASURE * _largest([a, b]))


def _largest(values: Sequence[float | None]) -> float:
    return max([0.01, *(abs(one) for one in values if one is not None)])


# -- anything --------------------------------------------------------------------------------------


def _of_score(score: float) -> float:
    return SCORE * max(1.0, abs(score))


def _any(where: str, said: Any, found: Any, key: str = "") -> Iterator[Deviation]:
    """Records of records, lists, numbers and words."""
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        for name, one in said.items():
            if name not in _NOT_COMPARED:
                yield from _any(f"{where}, {name}", one, found.get(name), name)
    elif isinstance(said, list) and isinstance(found, list):
        yield from _texts(f"{where}, how many", len(said), len(found))
        for number, (one, other) in enumerate(zip(said, found), start=1):
            yield from _any(f"{where} {number}", one, other, key)
    elif isinstance(said, float) and isinstance(found, (int, float)):
        allowed = _of_score(said) if key == "score" else PROBABILITY
        yield from _numbers(where, said, found, allowed)
    else:
        yield from _texts(where, said, found)


def _numbers(
    where: str, said: float | None, found: float | None, allowed: float
) -> Iterator[Deviation]:
    if said is None or found is None:
        yield from _texts(where, said, found)
        return
    off = abs(said - found)
    share = off / allowed if off == off else np.inf
    yield Deviation(where, f"{said:.7g}", f"{found:.7g}", share)


def _texts(where: str, said: Any, found: Any) -> Iterator[Deviation]:
    if said != found:
        yield Deviation(where, str(said), str(found), np.inf)


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def _words(where: str, said: str, found: str) -> Iterator[Deviation]:
    """A text with numbers in it, which may differ in their last digit."""
    if _NUMBER.sub("#", said) != _NUMBER.sub("#", found):
        yield Deviation(where, said, found, np.inf)
        return
    for a, b in zip(_NUMBER.findall(said), _NUMBER.findall(found)):
        share = abs(float(a) - float(b)) / (0.011 * max(1.0, abs(float(a))))
        yield Deviation(where, said, found, share)

"""The chosen samples of a store as a report shows them: photo, classes, maps, measures."""

from __future__ import annotations

from typing import Any, Sequence

from ...errors import GradCamError
from ...picture.encoded import as_jpeg, data_uri
from ...store.rows import Row
from ..provenance import Record, finite
from ..report.drawn import SIDE, drawn
from ..report.looking import numbers_of
from .brief import StoreBrief
from .examples import Chosen
from .photos import Originals


def shown(
    brief: StoreBrief, originals: Originals, chosen: Sequence[Chosen], pictures: dict[str, str]
) -> list[Record]:
    """Groups of samples, each with its title.

    Args:
        brief: what is asked for.
        originals: give the photos.
        chosen: the samples.
        pictures: get those of the photos and maps.
    """
    return [
        {
            "title": one.title,
            "photos": [_sample(brief, originals, row, pictures) for row in one.rows],
        }
        for one in chosen
    ]


def _sample(brief: StoreBrief, originals: Originals, row: Row, pictures: dict[str, str]) -> Record:
    seen = originals.of(row)
    if seen.pixels is not None:
        pictures[f"seen-{row.number}"] = data_uri(as_jpeg(seen.pixels, SIDE))
    return {
        "number": row.number,
        "name": row.place,
        "sha256": row.cells["sha256"],
        "size": seen.size,
        "seen": None if seen.pixels is None else f"seen-{row.number}",
        "not_seen": seen.why,
        "says": [] if row.predicted is not None else [f"score {row.score:.3g}"],
        "top": _top(brief, row),
        "explained": _explained(brief, row),
        "truth": None if row.label is None or row.predicted is None else _truth(brief, row),
        "is_right": None if row.label is None else row.label == row.predicted,
        "maps": _maps(brief, row, seen.pixels, pictures),
        "true_maps": [],
        **_measures(brief, row),
    }


def _class(brief: StoreBrief, class_id: int, probability: float | None) -> Record:
    return {"id": class_id, "name": brief.called(class_id), "probability": probability}


def _top(brief: StoreBrief, row: Row) -> list[Record]:
    if row.predicted is None:
        return []
    ranked = row.cells.get("top") or [row.predicted]
    chances = row.cells.get("top_probability") or [row.probability]
    return [_class(brief, one, chance) for one, chance in zip(ranked, chances)]


def _truth(brief: StoreBrief, row: Row) -> Record:
    assert row.label is not None
    known = {one["id"]: one["probability"] for one in _top(brief, row)}
    return _class(brief, row.label, known.get(row.label))


def _explained(brief: StoreBrief, row: Row) -> Record:
    score = {"score": row.score}
    if row.target is None:
        return {"id": None, "name": str(brief.store.manifest.target), "probability": None, **score}
    return {**_class(brief, row.target, None), **score}


def _maps(brief: StoreBrief, row: Row, photo: Any, pictures: dict[str, str]) -> list[Record]:
    """Those that can be drawn."""
    prepare = brief.store.manifest.preprocess
    order = "RGB" if prepare is None else prepare["order"]
    found = []
    for method in brief.store.methods:
        if row.cells.get(f"{method}.map") is None:
            continue
        explanation = row.explanation(method)
        try:
            record, _ = drawn(explanation, photo, order, f"{method}-{row.number}", pictures)
        except GradCamError:
            continue  # of vectors there is no picture, as the page says
        found.append({**record, "numbers": numbers_of(explanation.values[0])})
    return found


def _measures(brief: StoreBrief, row: Row) -> Record:
    about = brief.store.manifest
    names = list(dict.fromkeys(one for of in about.columns.values() for one in of))
    if not names:
        return {}
    methods = brief.store.methods
    values = {
        name: [_number(row.cells.get(f"{method}.{name}")) for method in methods] for name in names
    }
    return {
        "rows": methods,
        "measures": [{"metric": name, "values": of} for name, of in values.items()],
    }


def _number(value: float | None) -> float | None:
    return None if value is None else finite(value)

"""The page that says what shortcuts were found: verdict, table, clusters, points, same photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from .. import picture
from ..inspect.cluster import Cluster, heat
from ..inspect.hidden_and_pasted import Effect
from ..inspect.shortcut import Shortcuts
from ..picture.encoded import as_jpeg, as_png, data_uri
from ..support.boundary import told
from .own_page import check_page, head_of, write_page
from .provenance import Record, finite
from .report.rendering import TEMPLATES, Renderer

ABOUT = "shortcuts"
_TEMPLATE = "shortcuts.html"
_SIDE = 224
"""Pixels of the longer side of a picture, at least."""
_CLUSTERS, _EMBEDDINGS, _GROUPS = 24, 8, 50
"""How many are shown: clusters with their pictures, classes as points, photos that are the same."""


@told
def shortcuts_page(shortcuts: Shortcuts, path: str | Path, *, title: str | None = None) -> Path:
    """Write a page that says what was found in a store, in one file.

    It holds the verdict, a table of all clusters, and of the first ones the region, representatives
    and what came of hiding and pasting; the maps of their classes as points in a plane; and photos
    that are there several times.

    Args:
        shortcuts: what `gm.inspect.shortcuts` found.
        path: of the page, `*.html`; an older page of this kind is written over, and nothing else.
        title: of the page.

    Raises:
        OutputError: it cannot be written, or something else is there.
        DependencyError: Jinja2 is not installed.

    Example:
        >>> found = gm.inspect.shortcuts(gm.Store("found"), net)                 # doctest: +SKIP
        >>> gm.shortcuts_page(found, "shortcuts.html")                           # doctest: +SKIP
    """
    path = Path(path)
    check_page(path, ABOUT)
    shown = shortcuts.clusters[:_CLUSTERS]
    classes = _embedded(shortcuts, shown)
    record = _record(shortcuts, shown, classes, title or "Shortcuts")
    made = Renderer(TEMPLATES / _TEMPLATE).page(record, _pictures(shortcuts, shown, classes))
    return write_page(path, ABOUT, made)


def _embedded(shortcuts: Shortcuts, shown: Sequence[Cluster]) -> list[int]:
    """The classes of the first clusters that have maps enough to be drawn as points."""
    classes = dict.fromkeys(one.class_id for one in shown)
    return [one for one in classes if len(shortcuts.maps[one].vectors) > 2][:_EMBEDDINGS]


def _record(
    shortcuts: Shortcuts, shown: Sequence[Cluster], classes: Sequence[int], title: str
) -> Record:
    """What the template gets."""
    names = {one.class_id: one.class_name for one in shortcuts.clusters}
    tested = sum(one.proof is not None for one in shortcuts.clusters)
    return {
        **head_of(title),
        "method": shortcuts.method,
        "said": shortcuts.said(),
        "alpha": shortcuts.alpha,
        "findings": len(shortcuts.findings),
        "tested": tested,
        "maps": sum(len(one.numbers) for one in shortcuts.maps.values()),
        "classes": len(shortcuts.maps),
        "notes": shortcuts.notes,
        "clusters": [_row(one) for one in shortcuts.clusters],
        "shown": [_card(one) for one in shown],
        "embeddings": [{"class": one, "name": names[one]} for one in classes],
        "same": [one._asdict() for one in shortcuts.same_photos[:_GROUPS]],
        "more_same": max(0, len(shortcuts.same_photos) - _GROUPS),
    }


def _row(cluster: Cluster) -> Record:
    numbers = cluster.to_record()
    kept = {one: finite(of) if isinstance(of, float) else of for one, of in numbers.items()}
    return {"is_tested": cluster.proof is not None, **kept}


def _card(cluster: Cluster) -> Record:
    proof = cluster.proof
    effects = []
    if proof is not None:
        said: Sequence[tuple[str, str, Effect]] = (
            ("hidden", "score", proof.hidden),
            ("hidden", "probability", proof.hidden_probability),
            ("pasted", "score", proof.pasted),
            ("pasted", "probability", proof.pasted_probability),
        )
        effects = [
            {
                "what": what,
                "of": of,
                "change": finite(one.change),
                "control": finite(one.control),
                "difference": finite(one.difference),
                "error": finite(one.error),
                "photos": len(one.changes),
            }
            for what, of, one in said
        ]
    return {
        **_row(cluster),
        "key": f"{cluster.class_id}-{cluster.number}",
        "effects": effects,
        "places": [one.place or f"sample {one.number}" for one in cluster.representatives],
    }


def _pictures(
    shortcuts: Shortcuts, shown: Sequence[Cluster], classes: Sequence[int]
) -> dict[str, str]:
    """Name → address."""
    found = {}
    for one in shown:
        key = f"{one.class_id}-{one.number}"
        found[f"region-{key}"] = _small(one.region_picture())
        found[f"mean-{key}"] = _small(picture.colorize(heat(one.mean_map)))
        for place, each in enumerate(one.representatives):
            found[f"sample-{key}-{place}"] = _small(each.picture())
    for number in classes:
        points = shortcuts.embedding(number)
        groups = [f"cluster {one}" for one in shortcuts.labels[number]]
        drawn = picture.as_array(picture.scatter(points, groups, side=4.5))
        found[f"embedding-{number}"] = data_uri(as_png(drawn))
    return found


def _small(drawn: Any) -> str:
    """A picture as a page holds it; of a tiny one, each pixel as several."""
    array = np.asarray(drawn)
    times = max(1, _SIDE // max(array.shape[:2]))
    return data_uri(as_jpeg(array.repeat(times, axis=0).repeat(times, axis=1), 2 * _SIDE))

"""The page that says whether a store has drifted: verdict, table, mean maps side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import picture
from ..inspect.drifted import Drift
from ..picture.encoded import as_png, data_uri
from ..support.boundary import told
from .own_page import check_page, head_of, write_page
from .provenance import Record, finite
from .report.rendering import TEMPLATES, Renderer

ABOUT = "drift"
_TEMPLATE = "drift.html"
_SIDE = 280
"""Pixels of the longer side of a map."""
_GREATER = "PuOr_r"
"""Colours of a difference: orange where the current store has more, purple where it has less."""
_CLASSES = 20
"""So many classes are listed, those whose shares changed most."""


@told
def drift_page(drift: Drift, path: str | Path, *, title: str | None = None) -> Path:
    """Write a page that says what a comparison of two stores found, in one file.

    It holds the verdict, the table, the mean maps of both stores side by side, how numbers are
    spread in both, and how often classes are predicted.

    Args:
        drift: what `gm.inspect.drift` found.
        path: of the page, `*.html`; an older page of this kind is written over, and nothing else.
        title: of the page.

    Raises:
        OutputError: it cannot be written, or something else is there.
        DependencyError: Jinja2 is not installed.

    Example:
        >>> gm.drift_page(gm.inspect.drift("june", "july"), "drift.html")    # doctest: +SKIP
    """
    path = Path(path)
    check_page(path, ABOUT)
    record = _record(drift, title or "Drift")
    made = Renderer(TEMPLATES / _TEMPLATE).page(record, _pictures(drift))
    return write_page(path, ABOUT, made)


def _record(drift: Drift, title: str) -> Record:
    """What the template gets."""
    changed = sorted(drift.classes, key=lambda one: -abs(one.current - one.reference))
    return {
        **head_of(title),
        "has_drifted": drift.has_drifted,
        "verdict": drift.verdict,
        "alpha": drift.alpha,
        "permutations": drift.permutations,
        "stores": [
            {"which": which, "place": place, "count": count, "drawn": drawn}
            for which, place, count, drawn in zip(
                ("reference", "current"),
                _names(drift.reference, drift.current),
                drift.counts,
                drift.drawn,
            )
        ],
        "shared": drift.shared,
        "notes": drift.notes,
        "drifted": len(drift.drifted),
        "rows": [_row(one) for one in drift.to_records()],
        "methods": list(drift.mean_maps),
        "classes": [one._asdict() for one in changed[:_CLASSES]],
        "more_classes": max(0, len(changed) - _CLASSES),
    }


def _names(*places: str) -> list[str]:
    """What stores are called on the page, which tells no folders, unless that tells them apart."""
    names = [Path(one).name for one in places]
    return names if len(set(names)) == len(names) else list(places)


def _row(record: Record) -> Record:
    return {name: finite(one) if isinstance(one, float) else one for name, one in record.items()}


def _pictures(drift: Drift) -> dict[str, str]:
    """Name → address."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    found: dict[str, Any] = {
        "bar": picture.colorize(ramp),
        "bar-difference": picture.colorize(ramp, _GREATER),
        "chart": picture.as_array(drift.figure()),
    }
    for method, means in drift.mean_maps.items():
        reference, current = (_plane(one) for one in means)
        most = max(reference.max(), current.max()) or 1.0
        gap = current - reference
        largest = np.abs(gap).max() or 1.0
        found[f"{method}-reference"] = picture.colorize(_shown(reference / most))
        found[f"{method}-current"] = picture.colorize(_shown(current / most))
        found[f"{method}-difference"] = picture.colorize(_shown(0.5 + gap / largest / 2), _GREATER)
    return {name: data_uri(as_png(one)) for name, one in found.items()}


def _plane(mean: np.ndarray) -> np.ndarray:
    """A mean map with height and width: a signal's in one row, a volume's over its slices."""
    return np.atleast_2d(mean.mean(axis=0) if mean.ndim > 2 else mean)


def _shown(shares: np.ndarray) -> np.ndarray:
    longer = max(shares.shape)
    size = [max(1, side * _SIDE // longer) for side in shares.shape]
    return np.clip(picture.resize(shares[None].astype(np.float32), size)[0], 0, 1)

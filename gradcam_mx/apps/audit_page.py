"""The page that says whether two nets are the same network: verdict, causes, outputs, maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import picture
from ..auditing.audited import SHORT, Audit
from ..picture.encoded import as_jpeg, data_uri
from ..support.boundary import told
from .own_page import check_page, head_of, write_page
from .provenance import Record, finite
from .report.rendering import TEMPLATES, Renderer

ABOUT = "audit"
_TEMPLATE = "audit.html"
_SIDE = 280
"""Pixels of the longer side of a picture at the most."""
_PHOTOS = 50
"""So many photos are listed, those that differ most."""


@told
def audit_page(audit: Audit, path: str | Path, *, title: str | None = None) -> Path:
    """Write a page that says whether two nets are the same network, in one file.

    It holds the verdict, the layers where they part and what that comes of, the differences of the
    outputs beside the noise, and maps of both side by side.

    Args:
        audit: what `gm.audit` found.
        path: of the page, `*.html`; an older page of this kind is written over, and nothing else.
        title: of the page.

    Raises:
        OutputError: it cannot be written, or something else is there.
        DependencyError: Jinja2 is not installed.

    Example:
        >>> found = gm.audit(net, "port.onnx", ["cat.jpg"])              # doctest: +SKIP
        >>> gm.audit_page(found, "audit.html")                           # doctest: +SKIP
    """
    path = Path(path)
    check_page(path, ABOUT)
    made = Renderer(TEMPLATES / _TEMPLATE).page(_record(audit, title or "Audit"), _pictures(audit))
    return write_page(path, ABOUT, made)


def _record(audit: Audit, title: str) -> Record:
    """What the template gets."""
    photos = sorted(audit.photos, key=lambda one: -one.difference)
    return {
        **head_of(title),
        "old": audit.old,
        "new": audit.new,
        "is_same": audit.is_same,
        "short": SHORT[audit.is_same],
        "reason": audit.reason,
        "shared": audit.shared,
        "top1": finite(audit.outputs[0].top1) if audit.outputs else None,
        "notes": audit.notes,
        "preparing": None
        if audit.preparing is None
        else {**_plain(audit.preparing), "sentence": audit.preparing.sentence},
        "findings": [
            {
                **_plain(one),
                "old": one.old._asdict(),
                "new": None if one.new is None else one.new._asdict(),
            }
            for one in audit.findings
        ],
        "outputs": [_plain(one) for one in audit.outputs],
        "photos": [_plain(one) for one in photos[:_PHOTOS]],
        "more_photos": max(0, len(photos) - _PHOTOS),
        "layers": [_plain(one) for one in audit.layers],
        "looks": [
            {
                "method": one.method,
                "mean": one.mean,
                "floor": float(np.mean(one.floor)) if one.floor else None,
                "agreements": one.agreements,
            }
            for one in audit.looks
        ],
        "worst": audit.worst,
        "mapped": audit.mapped,
    }


def _plain(row: Any) -> Record:
    """A named tuple as a mapping, without numbers that are none."""
    numbers: Record = row._asdict()
    return {name: finite(one) if isinstance(one, float) else one for name, one in numbers.items()}


def _pictures(audit: Audit) -> dict[str, str]:
    """Name → address."""
    found = {}
    for place, photo in enumerate(audit.pictures):
        found[f"photo-{place}"] = data_uri(as_jpeg(photo, _SIDE))
        for look in audit.looks:
            for which, maps in (("old", look.old), ("new", look.new)):
                drawn = picture.overlay(photo, maps[place])
                found[f"{look.method}-{which}-{place}"] = data_uri(as_jpeg(drawn, _SIDE))
    return found

"""Maps and tables as pictures in a page."""

from __future__ import annotations

import math
import warnings
from typing import Any, Mapping

import numpy as np

from ... import picture
from ...explanation import drawing
from ...explanation.explanation import Explanation
from ...picture.encoded import as_jpeg, as_png, data_uri
from ..provenance import Record, finite
from .mass import Placed, placed

SIDE = 320
"""Pixels of the longer side of maps, at most."""


def drawn(
    explanation: Explanation, photo: Any, order: str, name: str, pictures: dict[str, str]
) -> tuple[Record, Placed]:
    """The map of one sample: what is said of it, and where its mass lies.

    Args:
        explanation: it.
        photo: what the net saw; None for the map alone.
        order: of the channels of its input.
        name: of its picture.
        pictures: get it, and that of its colours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the record says which are flat
        (made,) = explanation.pictures(photo, order)
        heat = explanation.heatmap()[0]
    where = placed(heat)
    pictures[name] = data_uri(as_jpeg(np.asarray(made), SIDE))
    legend = drawing.legend(explanation)
    bar = f"bar-{legend.low}-{legend.high}"
    pictures[bar] = data_uri(as_png(np.asarray(legend.colors)[None]))
    record = {
        "method": explanation.method,
        "title": explanation.title or explanation.method,
        "layer": explanation.layer,
        "score": float(explanation.score[0]),
        "is_flat": where.mass is None,
        "shares": {key: finite(value) for key, value in where.shares.items()},
        "picture": name,
        "bar": {"picture": bar, "low": legend.low, "middle": legend.middle, "high": legend.high},
    }
    return record, where


def mean_map(mass: np.ndarray) -> str:
    """The mean of maps as a picture.

    Args:
        mass: (H, W), at least 0; (W,) of signals, (D, H, W) of volumes and clips.
    """
    heat = mass.mean(axis=0) if mass.ndim == 3 else mass
    heat = (heat / (heat.max() or 1)).astype(np.float32)
    if heat.ndim == 1:
        return data_uri(as_jpeg(np.asarray(picture.signal_panel(heat)), 2 * SIDE))
    side = max(heat.shape)
    if side < SIDE:
        size = [max(1, round(one * SIDE / side)) for one in heat.shape]
        heat = np.clip(picture.resize(heat[None], size)[0], 0, 1)
    return data_uri(as_jpeg(picture.colorize(heat), SIDE))


def colour_bar() -> str:
    """The colours of means, from none to most."""
    return data_uri(as_png(picture.colorize(np.linspace(0, 1, 256, dtype=np.float32)[None])))


def chart(table: Mapping[str, Any]) -> str:
    """The means of a table of measures as bars with their standard errors.

    Args:
        table: its record.
    """
    rows = table["rows"]
    panels = {
        metric["title"]: [_mean_and_error(row["cells"][number]) for row in rows]
        for number, metric in enumerate(table["metrics"])
    }
    methods = sum(not row["is_control"] for row in rows)
    figure = picture.bars(panels, [row["title"] for row in rows], methods, None)
    return data_uri(as_png(picture.as_array(figure)))


def _mean_and_error(cell: Mapping[str, Any]) -> tuple[float, float]:
    mean, error = (
        math.nan if cell[name] is None else cell[name] for name in ("mean", "standard_error")
    )
    return mean, error

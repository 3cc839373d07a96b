"""Maps of views: of a layer whose axis 0 holds several rows of each sample (`View.rows`)."""

from __future__ import annotations

import numpy as np

from .. import picture
from ..errors import LayerError
from .view import View


def on_input(run: View, maps: np.ndarray) -> np.ndarray:
    """Maps of a layer at the input's size, as what multiplies the input.

    Args:
        run: what they are of.
        maps: (N, h, w), or (N·V, h, w) for the views of an input (N, V, C, H, W) or
            (N, V, H, W).

    Raises:
        LayerError: they do not lie on the input.
    """
    size, rows, shape = run.input_size, run.rows, run.x.shape
    if rows is None and maps.ndim == len(size) + 1:
        return picture.resize(maps, size)[:, None]
    views = len(maps) // len(run.x)
    channels = [] if shape[1:] == (views, *size) else [1]
    if rows is None or shape[1:2] != (views,) or shape[2 + len(channels) :] != size:
        raise LayerError(
            f"the layer {run.layer_map.name!r} has maps {maps.shape}, which do not lie on an "
            f"input {shape}; use grad_cam"
        )
    ordered = picture.resize(maps, size)[np.argsort(rows, kind="stable")]
    return ordered.reshape(len(run.x), views, *channels, *size)


def of_rows(run: View, weights: np.ndarray) -> np.ndarray:
    """Weights (N, C) for each row of a layer's map: all views of a sample have its own.

    Args:
        run: what they are of.
        weights: them.
    """
    return weights if run.rows is None else weights[run.rows]

"""The samples of a store, some at a time: their cells, and their maps as they are drawn."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Iterator, Sequence

import numpy as np

from ...explanation.explanation import Explanation
from ...store import Store
from ...store.columns import LIGHT, Traits
from ...store.rows import Row

AT_ONCE = 256
"""How many rows are in memory at a time."""

_CELLS = {1: 256, 2: 32, 3: 16}
"""Number of axes of the input → how many cells maps have along the longest, at most."""


def read(store: Store) -> Iterator[list[Row]]:
    """The samples in groups, without values that were kept in full.

    Args:
        store: it.
    """
    about = store.manifest
    of_methods = [
        f"{method}.{name}"
        for method, measures in about.columns.items()
        for name in ("shape", "scale", "map", *measures)
    ]
    known = set(store.columns)
    wanted = (*LIGHT, "sha256", "top", "top_probability", *of_methods)
    rows = store.rows([one for one in wanted if one in known])
    while True:
        group = list(islice(rows, AT_ONCE))
        if not group:
            return
        yield group


def drawn_size(input_size: Sequence[int]) -> tuple[int, ...] | None:
    """The size that maps are compared at; None where there is no picture of them.

    Args:
        input_size: of the net.
    """
    most = _CELLS.get(len(input_size))
    if most is None:
        return None
    share = min(1.0, most / max(input_size))
    return tuple(max(1, round(side * share)) for side in input_size)


def heats(
    rows: Sequence[Row], method: str, traits: Traits, size: tuple[int, ...]
) -> Iterator[tuple[list[int], np.ndarray]]:
    """The maps of a method as they are drawn: places of the rows, and (n, …) from 0 to 1.

    Args:
        rows: some of a store; those without a map are left out.
        method: its name.
        traits: what its maps have in common.
        size: of what is drawn.
    """
    of_shapes: dict[tuple[int, ...], list[int]] = {}
    for place, row in enumerate(rows):
        if row.cells.get(f"{method}.map") is not None:
            of_shapes.setdefault(tuple(row.cells[f"{method}.shape"]), []).append(place)
    for places in of_shapes.values():
        explanation = Explanation(
            np.stack([rows[place].map(method) for place in places]),
            method,
            "",
            np.zeros(len(places), np.float32),
            size,
            layer=None,
            signed=traits.signed and not traits.is_strength,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # flat maps are counted
            yield places, explanation.heatmap()

"""The maps of several layers, joined to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Sequence

import numpy as np

from .. import picture
from ..errors import LayerError, MethodError
from ..explanation.at_input import at_input
from ..explanation.explanation import Explanation
from .register import Method

FUSIONS: dict[str, Callable[..., np.ndarray]] = {"mean": np.mean, "max": np.max, "product": np.prod}


def check(fuse: str | None, layer: Any, methods: Sequence[Method]) -> None:
    """Refuse a fusion that there is not, or that has nothing to join.

    Raises:
        MethodError: what it says.
    """
    if fuse is None:
        return
    if fuse not in FUSIONS:
        raise MethodError(f"there is no fusion {fuse!r}; there are {', '.join(FUSIONS)}")
    if not isinstance(layer, (list, tuple)):
        raise MethodError(
            f"fuse={fuse!r} joins the maps of a list of layers; got layer={layer!r}: pass a list, "
            "or leave fuse out"
        )
    if not any(one.needs.layer for one in methods):
        raise MethodError(
            f"fuse={fuse!r} joins the maps of a list of layers, and "
            f"{', '.join(one.name for one in methods)} explains the input: leave fuse out"
        )


def fused(found: Sequence[Explanation], fuse: str) -> Explanation:
    """The maps of several layers as one: each stretched to [0, 1], at the input's size, joined.

    Raises:
        LayerError: they are no maps, or some of them are of views and others are not.
    """
    first = found[0]
    if any(not one.is_map for one in found):
        raise LayerError(
            f"fuse= joins the maps of several layers; {first.method} gives attributions of the "
            "input"
        )
    if len({(one.views, one.input_size) for one in found}) > 1:
        raise LayerError(
            "fuse= joins maps of the same views; "
            + ", ".join(f"{one.layer!r} gives {one.views} for each sample" for one in found)
        )
    sized = [
        at_input(one.values, one.input_size, one.centres, fall_to_lowest=True) for one in found
    ]
    maps = np.stack([picture.normalise(one) for one in sized])
    return replace(
        first,
        values=FUSIONS[fuse](maps, axis=0).astype(np.float32),
        layer=" + ".join(str(one.layer) for one in found),
        options={**first.options, "fuse": fuse},
        centres=None,
        details={name: first.details[name] for name in ("rows",) if name in first.details},
    )

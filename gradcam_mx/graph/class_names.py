"""What a net itself calls its classes."""

from __future__ import annotations

from typing import Any

from .graph import Graph
from .trace import Net

_ATTRIBUTES = ("class_names", "classes", "names", "synset")
"""Where nets keep them: `class_names` of `gm.zoo`, `classes` of GluonCV."""


def own_names(net: Net) -> Any:
    """The names of the net's classes, a sequence of texts or a function from ids; None
    if it has none."""
    block = net.own.named() if isinstance(net, Graph) else net
    found = (getattr(block, name, None) for name in _ATTRIBUTES)
    named = next((names for names in found if _are_names(names)), None)
    meant = getattr(block, "class_names", None)
    return meant if callable(meant) else named


def _are_names(names: Any) -> bool:
    if isinstance(names, str) or not (hasattr(names, "__len__") and hasattr(names, "__getitem__")):
        return False
    return len(names) > 0 and all(isinstance(one, str) for one in names)

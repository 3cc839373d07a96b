"""What recordings keep with a graph."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Tuple

from ..graph.node import Entry, Shape
from ..support.caches import Cache
from .wanted import Together


class Ways(Cache[Tuple[Entry, Tuple[Entry, ...]], FrozenSet[int]]):
    """The nodes between an input and outputs."""

    def __init__(self) -> None:
        super().__init__(64)


class Togethers(Cache[Tuple[Entry, Tuple[Entry, ...], Tuple[Shape, ...], int], Together]):
    """Which values in the place of another may share a call of the net, as its graph tells."""

    def __init__(self) -> None:
        super().__init__(64)


class Looks(Cache[Tuple[Entry, Tuple[Entry, ...], Tuple[Shape, ...], str, str], Any]):
    """What came of running what follows a layer or input."""

    def __init__(self) -> None:
        super().__init__(64)


class QuickSizes(Dict[Any, Any]):
    """A handful of numbers for each way in which a net is perturbed."""

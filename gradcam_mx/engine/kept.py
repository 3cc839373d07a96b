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


class Touching(Cache[Tuple[Entry, Tuple[Entry, ...], Tuple[Shape, ...], str], bool]):
    """Whether what a sample gives changes with what runs beside it."""

    def __init__(self) -> None:
        super().__init__(64)


class QuickSizes(Dict[Any, int]):
    """A handful of numbers for each way in which a net is perturbed."""

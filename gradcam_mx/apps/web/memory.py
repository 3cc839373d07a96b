"""Memory that was used by a job and is wanted no more goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import time

SECONDS = 3.0
"""How long it is left alone at least: looking for what is not used any more takes a while."""

_ARENAS, _MOST_ARENAS = -8, 2
"""The option of malloc that says how many heaps threads may have of their own, and how many."""


class Memory:
    """Gives memory back, where the system's C library can."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._trim = getattr(library, "malloc_trim", None)
        self._last = time.monotonic()
        # each thread would keep a heap of its own, full of holes
        if hasattr(library, "mallopt"):
            library.mallopt(_ARENAS, _MOST_ARENAS)

    def give_back(self) -> None:
        """Give back what is not used, unless that was done just now."""
        if time.monotonic() - self._last < SECONDS:
            return
        gc.collect()
        if self._trim is not None:
            self._trim(0)
        self._last = time.monotonic()

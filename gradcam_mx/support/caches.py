"""What was worked out once and is kept, as long as there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Callable, Generic, Hashable, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Key → value, of which the `size` that were used last are kept.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, work_out: Callable[[], Value]) -> Value:
        """What is kept under a key; if nothing is, what `work_out` finds, which is kept then.

        Two threads may both work it out; both get what the first of them kept.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = work_out()  # not under the lock: it may take other locks
        with self._lock:
            found = self._kept.setdefault(key, found)
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._kept)

    def newest(self) -> Value | None:
        """What was used last; None if nothing is kept."""
        with self._lock:
            return next(reversed(self._kept.values()), None)

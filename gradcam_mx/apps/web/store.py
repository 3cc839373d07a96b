"""What was computed and is kept by its content, as long as there is room for it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from typing import Any, Callable, Generic, Tuple, TypeVar

Value = TypeVar("Value")

_Held = Tuple[Value, int]


def key_of(*content: Any) -> str:
    """A name for what this content leads to: the same for the same content.

    Args:
        content: what JSON holds.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Store(Generic[Value]):
    """Key → value, of which those that were used last are kept, up to a number of bytes.

    Args:
        most: how many bytes all of them may have.
        size: how many one of them has.
    """

    def __init__(self, most: int, size: Callable[[Value], int]) -> None:
        self._most, self._size = most, size
        self._kept: OrderedDict[str, _Held[Value]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        """Of all that is kept."""

    def get(self, key: str) -> Value | None:
        """What is kept under a key; None if nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: str, value: Value) -> Value:
        """Keep it; what was not used for longest goes."""
        size = self._size(value)
        with self._lock:
            self._drop(key)
            self._kept[key] = value, size
            self.bytes += size
            while self.bytes > self._most and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return value

    def got(self, key: str, make: Callable[[], Value]) -> Value:
        """What is kept under a key, or else what `make` makes, which is kept then."""
        found = self.get(key)
        return self.put(key, make()) if found is None else found

    def drop(self, key: str) -> None:
        """Keep it no longer, if it is kept."""
        with self._lock:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: str) -> None:
        if key in self._kept:
            self.bytes -= self._kept.pop(key)[1]

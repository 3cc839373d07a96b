"""A function of the user's own as a net."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from . import results
from .box import BlackBox, Taken, hashed
from .results import Arrays

ARRAYS, PHOTOS = "arrays", "photos"


class FunctionBox(BlackBox):
    """A function from arrays, or from photos, to scores.

    Args:
        function: it; called with copies.
        takes: its inputs.
        output_names: how many outputs it has, and what they are called.
        name: what it is called.
        version: what tells it from others of its name; None for something new each time.
        is_of_photos: whether it gets a list of photos in the place of an array.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        takes: Sequence[Taken],
        output_names: Sequence[str],
        *,
        name: str,
        version: str | None = None,
        is_of_photos: bool = False,
    ) -> None:
        self.function, self.takes, self.name = function, list(takes), name
        self.output_names = list(output_names)
        self._is_of_photos = is_of_photos
        self._digest = hashed((name, self.output_names, is_of_photos), version)

    @property
    def digest(self) -> tuple[str, str]:
        """SHA-256 of its name and outputs, and of its version."""
        return self._digest

    def _outputs(self, arrays: Sequence[np.ndarray]) -> Arrays:
        rows = len(arrays[0])
        given: Sequence[Any] = [_photos(one) for one in arrays] if self._is_of_photos else arrays
        with results.failures_told(self.said, arrays):
            found = self.function(*given)
        return results.of_function(found, self.output_names, rows, self.said)


def _photos(array: np.ndarray) -> list[np.ndarray]:
    """(N, 3, H, W) of uint8 as photos (H, W, 3), (N, 1, H, W) as ones without colours, (H, W)."""
    return [
        np.ascontiguousarray(one[0] if len(one) == 1 else np.moveaxis(one, 0, -1)) for one in array
    ]

"""Inputs that know from which part of which photo they were made."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from .geometry import Geometry


class Prepared(np.ndarray):
    """Inputs (N, C, H, W) made of photos, an array like any other that knows their `geometry`.

    Samples that are chosen or joined, and arithmetic on each number, keep it; whatever may move
    pixels (a flip, a crop, a transposition) gives an array that knows nothing.
    """

    geometry: tuple[Geometry, ...] | None
    """Of each sample's photo; None if it is not known."""

    @classmethod
    def of(cls, x: np.ndarray, geometry: Sequence[Geometry] | None) -> Prepared:
        """An array that knows the geometry of its samples' photos.

        Args:
            x: (N, C, H, W).
            geometry: one a sample.
        """
        found = np.asarray(x).view(cls)
        found.geometry = None if geometry is None else tuple(geometry)
        return found

    def __array_finalize__(self, source: Any) -> None:
        self.geometry = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        written = kwargs.get("out")
        if written is not None:
            kwargs["out"] = tuple(map(_plain, written))
        found = getattr(ufunc, method)(*map(_plain, inputs), **kwargs)
        if written is not None and len(written) == 1:
            return written[0]
        is_alike = method == "__call__" and isinstance(found, np.ndarray)
        if not (is_alike and found.shape == self.shape):
            return found
        known = {one.geometry for one in inputs if isinstance(one, Prepared)}
        return Prepared.of(found, known.pop() if len(known) == 1 else None)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        found = super().__array_function__(function, types, args, kwargs)
        axis = kwargs.get("axis", args[1] if len(args) > 1 else 0)
        if function in (np.concatenate, np.vstack) and axis == 0:
            parts = [getattr(one, "geometry", None) for one in args[0]]
            if all(parts):
                return Prepared.of(found, [one for part in parts for one in part or ()])
        return _plain(found)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if self.geometry is None or not isinstance(found, Prepared):
            return found
        if not isinstance(key, (slice, list, np.ndarray)) or found.ndim != self.ndim:
            return _plain(found)
        numbers = np.arange(len(self))[key]
        return Prepared.of(found, [self.geometry[number] for number in numbers])

    def copy(self, order: Any = "C") -> Prepared:
        """As numpy's."""
        return Prepared.of(super().copy(order), self.geometry)

    def astype(self, *args: Any, **kwargs: Any) -> Prepared:
        """As numpy's."""
        return Prepared.of(super().astype(*args, **kwargs), self.geometry)


def geometry_of(x: Any) -> tuple[Geometry, ...] | None:
    """The geometry of each sample's photo, of an input or of several that are made of the same
    photos; None if it is not known."""
    arrays = x if isinstance(x, (tuple, list)) else [x]
    known = {one.geometry for one in arrays if isinstance(one, Prepared)} - {None}
    return known.pop() if len(known) == 1 else None


def _plain(array: Any) -> Any:
    return array.view(np.ndarray) if isinstance(array, Prepared) else array

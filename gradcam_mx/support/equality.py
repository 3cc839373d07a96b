"""Equality of records that hold arrays."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, TypeVar

import numpy as np

from .arrays import numbers_of

Record = TypeVar("Record", bound=type)


def equal_by_fields(cls: Record) -> Record:
    """Give a dataclass (of `eq=False`) or a named tuple an `==` that compares field by field, but
    for those of `compare=False`.

    Arrays are equal if they have the same shape and numbers, NaN being equal to NaN; a named tuple
    equals a tuple of the same. Such records cannot be hashed, as arrays cannot.
    """

    def __eq__(self: Any, other: object) -> Any:
        are_tuples = isinstance(self, tuple) and isinstance(other, tuple)
        if type(other) is not type(self) and not are_tuples:
            return NotImplemented
        return same(_fields(self), _fields(other))

    def __ne__(self: Any, other: object) -> Any:
        return not self == other

    for name, value in (("__eq__", __eq__), ("__ne__", __ne__), ("__hash__", None)):
        setattr(cls, name, value)
    return cls


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: arrays, what holds arrays, or anything else by its own `==`."""
    if one is other:
        return True
    if _is_array(one) or _is_array(other):
        return _is_array(one) and _is_array(other) and _same_arrays(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    for kind in (list, tuple):
        if isinstance(one, kind) and isinstance(other, kind):
            return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or bool(one != one and other != other)


def _fields(record: Any) -> tuple[Any, ...]:
    if isinstance(record, tuple):
        return tuple(record)
    return tuple(getattr(record, one.name) for one in dataclasses.fields(record) if one.compare)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "asnumpy")


def _same_arrays(one: Any, other: Any) -> bool:
    one, other = numbers_of(one), numbers_of(other)
    if one.shape != other.shape:
        return False
    return bool(np.all((one == other) | ((one != one) & (other != other))))

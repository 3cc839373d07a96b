"""What a data set is here: samples that are named, told apart when they change, and read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple, Protocol, runtime_checkable

import numpy as np

PART: Mapping[str, Any] = MappingProxyType({"kind": "part"})
"""The record of a slice: it is opened again as a slice of the whole."""


class Sample(NamedTuple):
    """One sample, as it was read."""

    values: np.ndarray
    """(H, W, 3) uint8, RGB: a photo, to be prepared; or floats (C, H, W), ready for the net."""
    sha256: str
    """Of the sample as it is stored: of the bytes of its file or record, or of an array's type,
    shape and bytes."""
    label: int | None
    """Its class; None where it has none."""


@runtime_checkable
class Samples(Protocol):
    """The samples of a data set, or of a slice of one, in an order that does not change."""

    @property
    def record(self) -> dict[str, Any]:
        """How to open it again with `reopen`, as JSON has it. Arrays, and slices, cannot be."""

    @property
    def label_names(self) -> list[str] | None:
        """The names of the labels 0, 1, …; None where they are not known."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice) -> Samples:
        """Some of them, with the same places and labels: small, and picklable."""

    def place(self, number: int) -> str:
        """What results call a sample: a path relative to the root of the data set, "x.rec:123",
        "0000123"."""

    def stamp(self, number: int) -> str:
        """A text that is another one where the sample may have changed, or its label.

        It is found without reading the sample where it lies in a file; it fails for none.
        """

    def read(self, number: int) -> Sample:
        """A sample.

        Raises:
            PhotoError: it cannot be read; the message says which and why.
        """

    def path(self, number: int) -> Path | None:
        """Of the file of a sample, if it has one of its own."""


def label_of(samples: Samples, number: int) -> int | None:
    """The class of a sample, where its data set has a method `label` that tells it without reading
    the sample; else None.

    Args:
        samples: the data set.
        number: of the sample.
    """
    known: Callable[[int], int | None] | None = getattr(samples, "label", None)
    return None if known is None else known(number)


def numbered(number: int) -> str:
    """What a sample without a name is called.

    Args:
        number: in the whole data set, from 0 on.

    Example:
        >>> numbered(123)
        '0000123'
    """
    return f"{number:07d}"


def stamped(text: str, label: int | None) -> str:
    """What is another text once a sample has changed, or its label.

    Args:
        text: what tells samples from changed ones.
        label: that the sample was given, if it was.
    """
    return text if label is None else f"{text}-label-{label}"


def hash_of(array: np.ndarray) -> str:
    """The SHA-256 of an array's type, shape and bytes.

    Args:
        array: any.
    """
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()

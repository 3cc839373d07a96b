"""Samples that are in memory already, as one array."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ..errors import InputError
from ..support.arrays import numbers_of
from ..support.boundary import described
from ..support.labels import Names
from ..zoo.photo import as_photo
from .classes import Classes, classes_given
from .samples import PART, Sample, hash_of, numbered, stamped

IN_MEMORY: Mapping[str, Any] = {"kind": "arrays"}


class ArraySamples:
    """The samples of an array.

    Args:
        x: (N, C, H, W) floats, or photos (N, H, W, 3) or (N, H, W) of uint8.
        numbers: what the samples are called.
        classes: of the samples.
        record: how they are opened again.
    """

    def __init__(
        self, x: np.ndarray, numbers: range, classes: Classes, record: Mapping[str, Any] = PART
    ) -> None:
        self.record = dict(record)
        self.label_names = classes.names
        self._x, self._numbers, self._classes = x, numbers, classes

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, part: slice) -> ArraySamples:
        return ArraySamples(self._x[part], self._numbers[part], self._classes.part(part))

    def place(self, number: int) -> str:
        """The number of a sample in the whole array.

        Args:
            number: of the sample.
        """
        return numbered(self._numbers[number])

    def stamp(self, number: int) -> str:
        """The hash of a sample, and its label.

        Args:
            number: of the sample.
        """
        return stamped(hash_of(self._x[number]), self._classes.of(number))

    def label(self, number: int) -> int | None:
        """Its class, where that is known without reading it.

        Args:
            number: of the sample.
        """
        return self._classes.of(number)

    def read(self, number: int) -> Sample:
        """A sample, a copy of its own.

        Args:
            number: of the sample.
        """
        stored = self._x[number]
        values = as_photo(stored) if stored.dtype == np.uint8 else stored
        return Sample(values.copy(), hash_of(stored), self._classes.of(number))

    def path(self, number: int) -> None:
        """None: there are no files.

        Args:
            number: of the sample.
        """


def open_arrays(x: Any, *, labels: Any = None, label_names: Names | None = None) -> ArraySamples:
    """The samples of an array of numpy or MXNet.

    Args:
        x: (N, C, H, W) floats, ready for the net; or photos (N, H, W, 3) or, if they are grey,
            (N, H, W) or (N, H, W, 1) of uint8.
        labels: one class a sample.
        label_names: of the classes 0, 1, …

    Raises:
        InputError: the array is none of these, or empty; the labels are none, or of another number.
        TargetError: there is no such class.
    """
    found = np.asarray(numbers_of(x))
    is_ready = found.dtype.kind == "f" and found.ndim == 4
    is_photos = found.dtype == np.uint8 and (
        found.ndim == 3 or (found.ndim == 4 and found.shape[3] in (1, 3))
    )
    if not (is_ready or is_photos):
        raise InputError(
            f"the data set is {described(found)}; expected floats (N, C, H, W), ready for the net, "
            "or photos of uint8, (N, H, W, 3) or (N, H, W)"
        )
    if not found.size:
        raise InputError(f"the data set is {described(found)}, which has no samples or no pixels")
    classes = classes_given(labels, label_names, len(found))
    return ArraySamples(found, range(len(found)), classes, IN_MEMORY)

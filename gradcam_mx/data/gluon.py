"""The samples of Gluon's datasets."""

from __future__ import annotations

import pickle
from threading import Lock
from typing import Any, Callable, Mapping

import numpy as np

from .._mxnet import mx
from ..errors import InputError, PhotoError, reason
from ..support.arrays import numbers_of
from ..support.boundary import described
from ..support.labels import Names
from ..zoo.photo import as_photo
from .classes import Classes, classes_given, whole
from .files import FileSamples
from .image_folders import folder_of
from .records import RecordSamples, open_records
from .samples import PART, Sample, hash_of, numbered, stamped

IN_MEMORY: Mapping[str, Any] = {"kind": "gluon"}


class GluonSamples:
    """The samples of a dataset, which is asked by one thread at a time.

    Args:
        dataset: what has a length and gives data, or data and a label.
        numbers: of its samples, those that are meant.
        classes: instead of the dataset's own.
        record: how they are opened again.
    """

    def __init__(
        self, dataset: Any, numbers: range, classes: Classes, record: Mapping[str, Any] = PART
    ) -> None:
        self.record = dict(record)
        self.label_names = classes.names
        self._dataset, self._numbers, self._classes = dataset, numbers, classes
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, part: slice) -> GluonSamples:
        found = GluonSamples(self._dataset, self._numbers[part], self._classes.part(part))
        found._lock = self._lock
        return found

    def __reduce__(self) -> tuple[Callable[..., GluonSamples], tuple[Any, ...]]:
        try:
            with self._lock:  # a dataset of records closes its file while it is pickled
                content = pickle.dumps(self._dataset)
        except Exception as error:
            # whatever a dataset of the caller's raises
            raise InputError(
                f"the dataset, {described(self._dataset)}, cannot be handed to other processes "
                f"({type(error).__name__}: {reason(error)}): run with workers=0, or make it of "
                "functions and classes that a module has by name, no lambda"
            ) from error
        return _unpickled, (content, self._numbers, self._classes, self.record)

    def place(self, number: int) -> str:
        """The number of a sample in the whole dataset.

        Args:
            number: of the sample.
        """
        return numbered(self._numbers[number])

    def stamp(self, number: int) -> str:
        """The hash of a sample, which is read for it, and its label.

        Args:
            number: of the sample.
        """
        try:
            found = self.read(number)
        except PhotoError:
            return "missing"
        return stamped(found.sha256, found.label)

    def label(self, number: int) -> int | None:
        """Its class, where that is known without reading it.

        Args:
            number: of the sample.
        """
        return self._classes.of(number)

    def read(self, number: int) -> Sample:
        """A sample.

        Args:
            number: of the sample.

        Raises:
            PhotoError: the dataset fails, or what it gives is neither a photo nor ready for a net.
        """
        place = self.place(number)
        try:
            with self._lock:
                data, label = _pair(self._dataset[self._numbers[number]])
                stored = np.array(numbers_of(data))
        except Exception as error:
            # whatever a dataset of the caller's raises
            raise PhotoError(
                f"sample {place} cannot be read ({type(error).__name__}: {reason(error)})"
            ) from error
        label = label if self._classes.ids is None else self._classes.of(number)
        return Sample(_values(stored, place), hash_of(stored), label)

    def path(self, number: int) -> None:
        """None: what a dataset gives may be in no file.

        Args:
            number: of the sample.
        """


def _unpickled(content: bytes, numbers: range, classes: Classes, record: Any) -> GluonSamples:
    try:
        dataset = pickle.loads(content)
    except Exception as error:
        # whatever the caller's module raises, or the lack of it
        raise InputError(
            f"the dataset cannot be read in another process ({type(error).__name__}: "
            f"{reason(error)}): run with workers=0, or define it in a module that can be imported"
        ) from error
    return GluonSamples(dataset, numbers, classes, record)


def _pair(item: Any) -> tuple[Any, int | None]:
    """The data and the class in what a dataset gives."""
    if not isinstance(item, (tuple, list)):
        return item, None
    return item[0], whole(item[1]) if len(item) > 1 else None


def _values(stored: np.ndarray, place: str) -> np.ndarray:
    if stored.dtype.kind == "f" and stored.ndim == 3:
        return stored
    if stored.dtype != np.uint8:
        raise PhotoError(
            f"sample {place} is {described(stored)}; expected a photo (H, W, 3) of uint8, or "
            "floats (C, H, W), ready for the net"
        )
    try:
        return as_photo(stored)
    except PhotoError as error:
        raise PhotoError(f"sample {place}: {error}") from None


# -- opening -------------------------------------------------------------------------------------


def open_dataset(
    dataset: Any,
    *,
    labels: Any = None,
    label_names: Names | None = None,
    bits: int | None = None,
) -> FileSamples | RecordSamples | GluonSamples:
    """The samples of a dataset.

    `ImageFolderDataset` and `ImageRecordDataset` without a transform, and not grey, are opened as
    the files that they read.

    Args:
        dataset: gives data, or data and a label: photos (H, W, 3) or (H, W, 1) of uint8, or floats
            (C, H, W).
        labels: one class a sample instead of the dataset's own.
        label_names: of the classes 0, 1, …
        bits: how many the numbers have in photos of 16 bits, where files are read.

    Raises:
        InputError: it has no length, or no samples; the labels are none, or of another number.
        TargetError: there is no such class.
    """
    vision = mx.gluon.data.vision
    if _is_plain(dataset, vision.ImageFolderDataset):
        return folder_of(dataset, labels, label_names, bits)
    if _is_plain(dataset, vision.ImageRecordDataset):
        return open_records(dataset.filename, labels=labels, label_names=label_names, bits=bits)
    try:
        count = len(dataset)
    except Exception as error:
        # whatever a dataset of the caller's raises; Gluon's own base raises NotImplementedError
        raise InputError(
            f"the dataset, {described(dataset)}, does not say how many samples it has "
            f"({type(error).__name__}): expected __len__ and __getitem__"
        ) from error
    if not count:
        raise InputError(f"the dataset, {described(dataset)}, has no samples")
    classes = classes_given(labels, label_names, count)
    return GluonSamples(dataset, range(count), classes, IN_MEMORY)


def _is_plain(dataset: Any, kind: Any) -> bool:
    """Whether what it gives is what it reads in its files."""
    return type(dataset) is kind and dataset._transform is None and dataset._flag == 1

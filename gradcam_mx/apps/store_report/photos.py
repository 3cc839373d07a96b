"""The photos of samples of a store, as the net saw them, where their data set is still there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...data.samples import Samples
from ...errors import GradCamError
from ...store import Store
from ...store.rows import Row
from ...store.seeing import seen_of


class Seen(NamedTuple):
    """What the net saw of a sample."""

    pixels: np.ndarray | None
    """(H, W, 3) uint8; None where it cannot be shown."""
    size: list[int] | None
    """Height and width of the whole photo."""
    why: str | None
    """Why it cannot be shown."""


class Originals:
    """The data set of a store.

    Args:
        store: the store.
        samples: the data set; None to open it again.
    """

    def __init__(self, store: Store, samples: Samples | None) -> None:
        self._about = store.manifest
        self.error: GradCamError | None = None
        """Why it cannot be opened again."""
        self._samples = samples
        if samples is None:
            try:
                self._samples = store.samples()
            except GradCamError as error:
                self.error = error

    def of(self, row: Row) -> Seen:
        """What the net saw of a sample.

        Args:
            row: of the store.
        """
        if len(self._about.input_size) != 2:
            return Seen(None, None, None)
        if self._samples is None:
            return Seen(None, None, None)
        if row.number >= len(self._samples):
            return Seen(None, None, "it is not in the data set any more")
        try:
            sample = self._samples.read(row.number)
            pixels = seen_of(self._about, sample)
        except GradCamError as error:
            return Seen(None, None, str(error))
        if sample.sha256 != row.cells["sha256"]:
            return Seen(None, None, "it is another one in the data set now")
        is_photo = sample.values.dtype == np.uint8
        height, width = sample.values.shape[:2] if is_photo else pixels.shape[:2]
        return Seen(pixels, [int(height), int(width)], None)

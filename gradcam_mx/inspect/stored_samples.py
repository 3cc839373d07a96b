"""The samples of a store, read again as the net takes them and as people see them."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

import numpy as np

from ..data.ahead import read_ahead
from ..data.samples import Samples
from ..errors import InputError, NetworkError, PhotoError
from ..graph.picture_input import Preprocess, preprocess_of
from ..graph.trace import Net, trace
from ..picture import of_input
from .class_maps import Draws
from .samples import samples as prepared

THREADS = 2
"""How many read photos while the net computes."""


class Seen(NamedTuple):
    """A sample that was read."""

    number: int
    row: np.ndarray
    """(C, H, W), as the net takes it."""
    shown: np.ndarray
    """(H, W, 3) uint8, what the net saw."""


class StoredSamples:
    """The samples that a store is of, and what of them cannot be used.

    Args:
        samples: of the data set.
        draws: what the store has of them.
        net: that they are prepared for.
        preprocess: how photos are prepared; by default the net's own way.
        size: (H, W), of the net's input.
    """

    def __init__(
        self,
        samples: Samples,
        draws: Draws,
        net: Net,
        preprocess: Preprocess | None,
        size: tuple[int, ...],
    ) -> None:
        self._samples, self._draws, self._size = samples, draws, size
        self._preprocess = preprocess_of(net, preprocess)
        try:
            self._net: Net = trace(net)  # once for all samples
        except NetworkError:
            self._net = net
        self.left_out: dict[int, str] = {}
        """Number of a sample → why it cannot be used."""

    def place(self, number: int) -> str:
        """What the data set calls a sample.

        Args:
            number: of one that was drawn.
        """
        return self._draws[number].place

    def read(self, numbers: Iterable[int]) -> Iterator[Seen]:
        """Those of them that can be read and are as they were, in this order.

        Args:
            numbers: of the data set; those that were left out before are not tried again.

        Raises:
            InputError: the data set is smaller than that of the store; how photos are prepared is
                not known, or they become inputs of another size than the store's.
        """
        wanted = [one for one in numbers if one not in self.left_out]
        if wanted and max(wanted) >= len(self._samples):
            raise InputError(
                f"the store has sample {max(wanted)}, and the data set only {len(self._samples)} "
                "samples: pass the one that the store was made of"
            )
        for number, found in read_ahead(self._samples, wanted, THREADS):
            if isinstance(found, PhotoError):
                self.left_out[number] = str(found)
            elif found.sha256 != self._draws[number].sha256:
                self.left_out[number] = f"{self._draws[number].place} has changed since the run"
            else:
                yield self._prepared(number, found.values)

    def _prepared(self, number: int, values: np.ndarray) -> Seen:
        given = self._preprocess if values.dtype == np.uint8 else None
        (sample,) = prepared(self._net, [values], given)
        if sample.row.shape[1:] != self._size:
            raise InputError(
                f"{self._draws[number].place} becomes an input {sample.row.shape}; the store is of "
                f"inputs of {' x '.join(map(str, self._size))}: pass the same preprocess="
            )
        is_photo = sample.is_photo and sample.shown.dtype == np.uint8
        return Seen(number, sample.row, sample.shown if is_photo else of_input(sample.row[None])[0])

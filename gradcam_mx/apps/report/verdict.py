"""What comes of verifying: agreement, or the first difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

import numpy as np

from .comparing import Deviation


@dataclass(frozen=True, repr=False)
class Verified:
    """What came of verifying a file; true if all that it says agrees, and printed as sentences.

    Args:
        path: of the file.
        difference: the first; None if there is none.
        photos: how many were computed anew.
        numbers: how many numbers and arrays of numbers were compared.
        largest: the largest difference, as a share of what is tolerated.
        notes: what could not be verified, and why.
    """

    path: Path
    difference: str | None
    photos: int
    numbers: int
    largest: float
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.difference is None

    def __str__(self) -> str:
        count = "1 photo" if self.photos == 1 else f"{self.photos} photos"
        said = (
            f"agrees: {count}, {self.numbers} numbers and maps, the largest difference "
            f"{self.largest:.2g} of what rounding may do"
            if self
            else f"does not agree: {self.difference}"
        )
        return "\n".join([f"{self.path.name} {said}", *(f"note: {one}" for one in self.notes)])

    __repr__ = __str__


class Judge:
    """Gathers differences, and what could not be verified.

    Args:
        path: of the file that is verified.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.photos = self._numbers = 0
        self._largest = 0.0
        self.found: list[Deviation] = []
        """Those beyond what is tolerated."""
        self._changed: list[str] = []
        self._notes: list[str] = []

    def add(self, one: Deviation) -> None:
        """Another number or word.

        Args:
            one: with its difference.
        """
        self._numbers += 1
        if one.share > 1:
            self.found.append(one)
        else:
            self._largest = max(self._largest, one.share)

    def add_all(self, those: Iterable[Deviation]) -> None:
        """Numbers and words, up to the first that differs.

        Args:
            those: with their differences.
        """
        for one in those:
            self.add(one)
            if self.found:
                return

    def changed(self, name: str) -> None:
        """A file that is not as it was written.

        Args:
            name: of the file.
        """
        self._changed.append(name)

    def note(self, said: str) -> None:
        """What could not be verified.

        Args:
            said: a sentence.
        """
        self._notes.append(said)

    def verdict(self) -> Verified:
        """What came of it."""
        difference = None
        hashes = f"{', '.join(self._changed)} was changed after it was written: its hash is another"
        if self.found:
            difference = str(self.found[0])
            self._notes[:0] = [hashes] * bool(self._changed)
        elif self._changed:
            difference = f"{hashes}, though no number differs by more than rounding"
        return Verified(
            self._path,
            difference,
            self.photos,
            self._numbers,
            float(np.round(self._largest, 6)),
            tuple(self._notes),
        )

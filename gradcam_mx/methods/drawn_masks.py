"""The random masks of RISE, and sums over them, which cost next to nothing beside a small net."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

import numpy as np

from .. import picture


class Mask(NamedTuple):
    """A mask as it was drawn: not yet made larger along the last axis of positions."""

    lines: np.ndarray
    """(…, cells), float32; (…, W) where each position is a cell."""
    shift: int
    """Along the last axis."""


class Masks:
    """Masks in [0, 1]: a grid of cells, made larger linearly, shifted at random by up to a cell.

    Petsiuk et al. 2018, arXiv:1806.07421, section 3.2.

    Args:
        positions: the sizes of the input's axes of positions.
        cells: along each of them; with 0, each position is a cell.
        keep: the probability of a cell to be 1.
    """

    def __init__(self, positions: Sequence[int], cells: int, keep: float) -> None:
        self._positions, self._cells, self._keep = positions, cells, keep
        self._grid = [cells] * len(positions) if cells else list(positions)
        # as large as `cells` of them cover the input, and one more to shift by
        self._edges = [-(-size // cells) if cells else 1 for size in positions]
        self._sizes = [(cells + 1) * edge for edge in self._edges]

    def drawn(self, count: int, seed: int) -> Iterator[Mask]:
        """So many masks, one after the other."""
        draw = np.random.RandomState(seed)
        for _ in range(count):
            lines = (draw.uniform(size=self._grid) < self._keep).astype(np.float32)
            if not self._cells:
                yield Mask(lines, 0)
                continue
            *shifts, last = [draw.randint(edge) for edge in self._edges]
            lines = picture.resize(lines[None], [*self._sizes[:-1], self._cells])[0]
            yield Mask(lines[self._within(shifts)], last)

    def whole(self, mask: Mask) -> np.ndarray:
        """A mask at all positions, float32."""
        if not self._cells:
            return mask.lines
        # not a product of matrices, as numpy's library would take threads from the net for it
        size = [*self._positions[:-1], self._sizes[-1]]
        return picture.resize(mask.lines[None], size)[0][(..., self._columns_at(mask.shift))]

    def _within(self, shifts: Sequence[int]) -> tuple[slice, ...]:
        return tuple(slice(shift, shift + size) for shift, size in zip(shifts, self._positions))

    def _columns_at(self, shift: int) -> slice:
        return slice(shift, shift + self._positions[-1])

    def sums(self, *shape: int) -> Sums:
        """Sums over masks with several scores each.

        Args:
            shape: that of the scores.
        """
        if not self._cells:
            return Sums(shape, [])
        cells = np.eye(self._cells)
        shares = picture.resize(cells[None], (self._cells, self._sizes[-1]))[0].astype(np.float64)
        return Sums(shape, [shares[:, self._columns_at(one)] for one in range(self._edges[-1])])


class Sums:
    """Of scores s and masks m: Σ s m and Σ (s m)², without making a mask larger.

    Along the last axis a position lies between two cells a and b, of which it has the shares p and
    q, so (s m)² = p² (s a)² + 2 p q (s a) (s b) + q² (s b)². What is in brackets is summed for each
    shift, and made larger once, at the end.

    Args:
        shape: that of the scores of a mask.
        columns: for each shift what each cell (rows) gives to each position of the last axis; none
            if each position is a cell.
    """

    def __init__(self, shape: Sequence[int], columns: Sequence[np.ndarray]) -> None:
        self._shape, self._columns = tuple(shape), columns
        self._parts: dict[int, list[np.ndarray]] = {}

    def add(self, mask: Mask, scores: np.ndarray) -> None:
        """One more mask, and its scores."""
        lines = scores.astype(np.float64).reshape(*self._shape, *[1] * mask.lines.ndim) * mask.lines
        terms = [lines, lines**2, lines[..., :-1] * lines[..., 1:]]
        if mask.shift not in self._parts:
            self._parts[mask.shift] = terms
            return
        for part, term in zip(self._parts[mask.shift], terms):
            part += term

    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Σ s m and Σ (s m)², each (*shape, *positions), float64."""
        if not self._columns:
            ((first, second, _),) = self._parts.values()
            return first, second
        first, second, products = (
            np.concatenate(parts, axis=-1) for parts in zip(*self._parts.values())
        )
        shares = [self._columns[shift] for shift in self._parts]
        both = np.concatenate([one[:-1] * one[1:] for one in shares])
        each = np.concatenate(shares)
        return first @ each, second @ each**2 + 2 * products @ both

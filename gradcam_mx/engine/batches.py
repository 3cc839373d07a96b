"""Variants in batches of the caller's own: where chunks of other numbers of rows are not right.

So it is where an output holds the samples at no axis, where the net takes no other number of them,
and where what one of them gives hangs on the others (`wanted.Together`).
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from .._mxnet import mx
from ..support.progress import step
from .chunks import Results, Variant
from .wanted import Together


class Batches:
    """Runs variants through a net, in each call all rows of a value; see `chunks.Engine`.

    Args:
        forward: the net, from rows and their samples to its outputs (`recording.Forward`).
        results: from the outputs to what is wanted of each sample.
        like: the value itself, an array as the net has it.
        originals: its numbers, their channels first.
        samples: how many samples it holds; more rows than that are their views.
        together: `BATCHES`, or `ALONE` for one variant a call.
        arrange: from rows with their channels first to rows as the net has them.
    """

    def __init__(
        self,
        forward: Callable[[Any, np.ndarray], list[Any]],
        results: Results,
        like: Any,
        originals: np.ndarray,
        samples: int,
        together: Together,
        arrange: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
    ) -> None:
        self._forward, self._results, self._arrange = forward, results, arrange
        self._like, self._originals, self._samples = like, originals, np.arange(samples)
        self._is_alone = together is Together.ALONE and samples == len(originals)

    def __call__(self, values: Iterable[Sequence[Variant]]) -> Iterator[np.ndarray]:
        """The results for each value, (N, …), NaN for samples of which it has no variant."""
        for value in values:
            there = [row for row in range(len(value)) if value[row] is not None]
            found: np.ndarray | None = None
            for changed in [[row] for row in there] if self._is_alone else [there]:
                result = self._run(value, changed)
                # a view's result is that of its sample
                rows = changed if len(value) == len(self._samples) else self._samples
                if found is None:
                    found = np.full(result.shape, np.nan, result.dtype)
                found[rows] = result[rows]
            assert found is not None, "a value holds a variant of one sample at least"
            yield found

    def _run(self, value: Sequence[Variant], changed: Sequence[int]) -> np.ndarray:
        step()
        rows = self._originals.copy()
        for row in changed:
            variant = value[row]
            if callable(variant):
                variant(rows[row])
            else:
                rows[row] = variant
        array = mx.nd.array(self._arrange(rows), ctx=self._like.context, dtype=self._like.dtype)
        return self._results(self._forward(array, self._samples), self._samples)

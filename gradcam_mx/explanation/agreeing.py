"""Whether methods, layers or nets agree: how alike their maps of the same samples are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .. import picture
from ..errors import InputError, MetricError
from ..support import html
from ..support.boundary import told
from ..support.counts import check_count
from ..support.equality import equal_by_fields
from ..support.statistics import spearman
from ..support.text_tables import aligned
from .explanation import Explanation
from .relevant import positions_in, relevance
from .similarity import check_window, ssim

RANK, SSIM, TOP_K = "rank", "ssim", "top_k"
MEASURES = (RANK, SSIM, TOP_K)


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Agreement(picture.Shows):
    """How alike explanations are, each with each. In a notebook it shows itself.

    Args:
        names: what each explanation is called.
        measure: "rank", "ssim" or "top_k".
    """

    names: list[str]
    measure: str
    values: np.ndarray
    """(E, E, N) float64, symmetric, 1 on the diagonal."""

    @property
    def matrix(self) -> np.ndarray:
        """(E, E) the mean over the samples."""
        found: np.ndarray = self.values.mean(axis=-1)
        return found

    def __repr__(self) -> str:
        rows = [["", *self.names], *self._cells()]
        return "\n".join([*aligned(rows), *self._lines()])

    def _cells(self) -> list[list[str]]:
        return [
            [name, *(f"{one:.2f}" for one in row)] for name, row in zip(self.names, self.matrix)
        ]

    def _lines(self) -> list[str]:
        count = self.values.shape[-1]
        samples = "1 sample" if count == 1 else f"mean of {count} samples"
        return [f"{_TITLES[self.measure]}, {samples}"]

    def _repr_html_(self) -> str:
        return html.table(["", *self.names], self._cells(), self._lines())

    def plot(self, heading: str | None = None) -> Any:
        """The matrix as a picture: a square for each pair, its colour how alike they are.

        Args:
            heading: above the figure; the measure by default.
        """
        return picture.show(self._drawn(heading))

    def _figure(self) -> Any:
        return self._drawn(None)

    def _drawn(self, heading: str | None) -> Any:
        return picture.matrix(self.matrix, self.names, heading or _TITLES[self.measure])


@told
def agreement(
    explanations: Mapping[str, Explanation] | Sequence[Explanation],
    measure: str = RANK,
    *,
    count: int = 1000,
) -> Agreement:
    """How alike explanations of the same samples are, each with each.

    "rank": Spearman's rank correlation of what they say of each position, from -1 to 1. "ssim": the
    structural similarity of the maps (Wang et al. 2004), at most 1. "top_k": the share of the
    `count` most relevant positions of one that are among those of the other, from 0 to 1; by chance
    it is `count` of all positions. They may be of other methods, layers, targets or nets, as long
    as the inputs have the same size. Methods that agree are not right for it: they may share a
    fault.

    Args:
        explanations: what each is called → the Explanation; or a list, called by their methods.
        measure: "rank", "ssim" or "top_k".
        count: of "top_k", how many positions.

    Returns:
        An Agreement, whose `matrix` is (E, E) and whose `values` are (E, E, N).

    Raises:
        MetricError: no such measure, fewer than two explanations, more than all positions; maps too
            small for SSIM.
        InputError: they are of other samples or sizes, or hold NaN.
        DependencyError: SSIM without scikit-image.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency", "edge_map"])     # doctest: +SKIP
        >>> gm.metrics.agreement(found)                                          # doctest: +SKIP
                  grad_cam  saliency  edge_map
        grad_cam  1.00      0.31      0.08
        saliency  0.31      1.00      0.44
        edge_map  0.08      0.44      1.00
        Rank correlation, 1 sample
    """
    if measure not in MEASURES:
        raise MetricError(f"measure={measure!r}; expected one of {', '.join(MEASURES)}")
    named = explanations if isinstance(explanations, Mapping) else _called(explanations)
    maps = list(named.values())
    if len(maps) < 2:
        raise MetricError(f"{len(maps)} explanations; expected two or more, to be compared")
    first = positions_in(maps[0])
    for name, one in named.items():
        if positions_in(one) != first or len(one) != len(maps[0]):
            raise InputError(
                f"{name} is of {len(one)} samples of {positions_in(one)}, and {next(iter(named))} "
                f"of {len(maps[0])} of {first}: only maps of the same samples can be compared"
            )
    if measure == SSIM:
        check_window((1, 1, *first))
    if measure == TOP_K:
        check_count("count", count, 1, first)
    relevant = [relevance(one) for one in maps]
    pairs = {
        RANK: lambda a, b, signed: spearman(_flat(a), _flat(b)),
        SSIM: ssim,
        TOP_K: lambda a, b, signed: _shared(_flat(a), _flat(b), count),
    }
    alike: Callable[..., np.ndarray] = pairs[measure]
    values = np.ones((len(maps), len(maps), len(maps[0])))
    for row in range(len(maps)):
        for column in range(row):
            signed = maps[row].signed and maps[column].signed
            found = alike(relevant[row], relevant[column], signed)
            values[row, column] = values[column, row] = found
    return Agreement(list(named), measure, values)


_TITLES = {RANK: "Rank correlation", SSIM: "SSIM", TOP_K: "Share of the most relevant positions"}


def _called(explanations: Sequence[Explanation]) -> dict[str, Explanation]:
    """By their methods; of one method by their layers too."""
    methods = [one.method for one in explanations]
    found = {}
    for number, one in enumerate(explanations):
        name = one.method
        if methods.count(name) > 1:
            name = f"{name} at {one.layer}" if one.layer else f"{name} {number + 1}"
        found[name if name not in found else f"{name} {number + 1}"] = one
    return found


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(len(maps), -1)


def _shared(maps: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """(N,) the share of the highest of one that are among the highest of the other."""
    pairs = zip(maps, others)
    shared = [np.isin(_highest(one, count), _highest(other, count)) for one, other in pairs]
    return np.mean(shared, axis=1)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the highest values; of equal ones, by chance, the same for all maps."""
    chance = np.random.RandomState(0).permutation(len(values))
    return np.lexsort((chance, -values))[:count]

"""What a measure says of an explanation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import picture
from ..errors import MetricError
from ..support.equality import equal_by_fields
from ..support.statistics import mean, mean_curve, standard_error
from .register import CHANGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Measured(picture.Shows):
    """A number for each sample that was explained.

    Where a measure is not defined, as the sparseness of a map of zeros, the number is NaN, and
    `mean` and `standard_error` leave it out. In a notebook it shows itself.

    Args:
        metric: the name of the measure.
        method: the name of the method whose explanation was measured.
        values: (N,) float64, a number for each sample.
        better: whether "higher" or "lower" numbers are better, or "neither".
        title: what people call the measure.
        options: those that were given.
    """

    metric: str
    method: str
    values: np.ndarray
    better: str
    title: str
    options: dict[str, Any] = field(default_factory=dict)
    curve: np.ndarray | None = None
    """(N, K) the numbers on the way, of measures that change more and more."""
    at: np.ndarray | None = None
    """(K,) where on the way, such as the share of the positions that are changed there."""
    along: str = CHANGED
    """What `at` is."""

    @property
    def mean(self) -> float:
        """Over the samples."""
        return mean(self.values)

    @property
    def standard_error(self) -> float:
        """Of the mean; NaN of less than two samples, which have none."""
        return standard_error(self.values)

    def __len__(self) -> int:
        """How many samples were measured."""
        return len(self.values)

    def __array__(self, dtype: Any = None) -> np.ndarray:
        return np.asarray(self.values, dtype)

    def __repr__(self) -> str:
        error = self.standard_error
        spread = "" if np.isnan(error) else f" ± {error:.2g}"
        samples = "1 sample" if len(self) == 1 else f"{len(self)} samples"
        better = "" if self.better == "neither" else f", {self.better} is better"
        return f"<{self.metric} of {self.method}: {self.mean:.4g}{spread}, {samples}{better}>"

    def plot(self, heading: str | None = None) -> Figure:
        """The curve: its mean over the samples, with its standard error. A notebook shows it.

        Args:
            heading: above the figure; the title of the measure by default.

        Raises:
            MetricError: the measure has no curve.
        """
        if self.curve is None:
            raise MetricError(f"{self.metric} has no curve: it is one number for each sample")
        return picture.show(self._drawn(heading))

    def _figure(self) -> Any:
        return None if self.curve is None else self._drawn(None)

    def _drawn(self, heading: str | None) -> Any:
        assert self.curve is not None
        assert self.at is not None
        of = {self.method: mean_curve(self.curve)}
        return picture.curves(of, self.at, self.along, heading or self.title)

"""What a comparison of two stores found: a table, and whether anything has drifted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import picture
from ..errors import OutputError
from ..support import files, html, prometheus
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.prometheus import Metric
from ..support.text_tables import ruled
from .drift_rows import ClassShare, Distribution, DriftRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADER = ("", "reference", "current", "difference", "95 % interval", "p", "corrected p", "")
_PREFIX = "gradcam_mx_drift"
_SUFFIX = ".prom"
_CLASSES = 12
"""So many classes are drawn, those whose shares changed most."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Drift:
    """How two stores differ, and whether more than by chance.

    It is true if anything has drifted; it prints as a table, and shows itself in a notebook.
    """

    rows: list[DriftRow]
    """A row for each quantity."""
    alpha: float
    """The probability of an alarm where nothing has changed, whatever the number of rows."""
    permutations: int
    """How many were drawn for the tests."""
    reference: str
    """Where the reference is kept."""
    current: str
    """Where the other store is kept."""
    counts: tuple[int, int]
    """How many samples the stores have."""
    drawn: tuple[int, int]
    """How many of them were compared."""
    shared: int
    """How many samples are in both stores."""
    notes: list[str]
    """What could not be compared, and what has to be known of the rest."""
    classes: list[ClassShare] = field(default_factory=list)
    """How often each class is predicted."""
    distributions: dict[str, Distribution] = field(default_factory=dict)
    """Name of a row → how its numbers are spread."""
    mean_maps: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Method → the mean map of the reference, and of the current store; each map first divided by
    its sum, and of large ones the sums over a grid."""

    @property
    def has_drifted(self) -> bool:
        """Whether any quantity has."""
        return any(row.is_drift for row in self.rows)

    def __bool__(self) -> bool:
        return self.has_drifted

    @property
    def drifted(self) -> list[DriftRow]:
        """The rows of what has drifted, what is least likely by chance first."""
        found = [row for row in self.rows if row.is_drift]
        return sorted(found, key=lambda row: (row.corrected_p, row.p))

    def __getitem__(self, name: str) -> DriftRow:
        """The row of a quantity, by its name: `found["score"]`.

        Raises:
            KeyError: there is none.
        """
        return {row.name: row for row in self.rows}[name]

    # -- as text -----------------------------------------------------------------------------------

    def _cells(self) -> list[list[str]]:
        return [
            [
                row.title,
                f"{row.reference:.4g}",
                f"{row.current:.4g}",
                f"{row.difference:+.3g}",
                "–" if math.isnan(row.low) else f"{row.low:+.3g} to {row.high:+.3g}",
                f"{row.p:.2g}",
                f"{row.corrected_p:.2g}",
                "drift" if row.is_drift else "",
            ]
            for row in self.rows
        ]

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        if not self.has_drifted:
            return f"no drift: nothing differs more than by chance, at the level {self.alpha:g}"
        names = ", ".join(row.title for row in self.drifted)
        return f"drift: {len(self.drifted)} of {len(self.rows)} differ, {names}"

    def _below(self) -> list[str]:
        which = (("reference", self.counts[0], self.drawn[0]), ("current", *self._current))
        said = [
            f"{name} {drawn} of {count}" if drawn < count else f"{name} {count}"
            for name, count, drawn in which
        ]
        lines = [
            self.verdict,
            f"samples: {', '.join(said)}; {self.shared} are in both",
            f"p by {self.permutations} permutations; corrected for {len(self.rows)} tests by the "
            "step-down maxT procedure (Westfall and Young)",
        ]
        return [*lines, *(f"note: {one}" for one in self.notes)]

    @property
    def _current(self) -> tuple[int, int]:
        return self.counts[1], self.drawn[1]

    def __repr__(self) -> str:
        return "\n".join([*ruled([_HEADER, *self._cells()]), *self._below()])

    def _repr_html_(self) -> str:
        bold = {
            (number, column)
            for number, row in enumerate(self.rows)
            if row.is_drift
            for column in range(len(_HEADER))
        }
        return html.table(_HEADER, self._cells(), self._below(), bold=bold)

    # -- files and figures -------------------------------------------------------------------------

    def to_records(self) -> list[dict[str, Any]]:
        """A dictionary for each row, as `to_csv` writes them."""
        return [
            {
                **{name: one for name, one in row._asdict().items() if name != "samples"},
                "reference_samples": row.samples[0],
                "current_samples": row.samples[1],
            }
            for row in self.rows
        ]

    @told
    def to_csv(self, path: str | Path) -> Path:
        """Write a line for each row.

        Args:
            path: of the file.

        Raises:
            OutputError: it cannot be written.
        """
        return files.write_csv(path, self.to_records())

    @told
    def to_prometheus(self, path: str | Path) -> Path:
        """Write what was found for Prometheus, as its node exporter collects it from text files.

        The file is there whole, or as it was before.

        Args:
            path: of the file, `*.prom`, in the folder that the exporter was told of.

        Raises:
            OutputError: it cannot be written, or has another suffix.
        """
        if Path(path).suffix != _SUFFIX:
            raise OutputError(
                f"cannot write {path}: the node exporter collects files named *{_SUFFIX} alone"
            )
        with files.whole(path, suffix=".new") as part:
            part.write_bytes(prometheus.text(self._metrics()).encode())
        return Path(path)

    def _metrics(self) -> list[Metric]:
        stores = {"reference": self.reference, "current": self.current}

        def of_rows(name: str, about: str, field: str) -> Metric:
            return Metric(
                f"{_PREFIX}_{name}",
                about,
                [
                    ({**stores, "quantity": row.name}, float(getattr(row, field)))
                    for row in self.rows
                ],
            )

        samples = [
            ({**stores, "store": which}, float(count)) for which, count in zip(stores, self.counts)
        ]
        return [
            Metric(
                f"{_PREFIX}_detected",
                "1 if any quantity differs more than by chance, else 0.",
                [(stores, float(self.has_drifted))],
            ),
            Metric(
                f"{_PREFIX}_alpha",
                "Probability of an alarm where nothing has changed.",
                [(stores, self.alpha)],
            ),
            Metric(f"{_PREFIX}_samples", "Samples in a store.", samples),
            Metric(
                f"{_PREFIX}_shared_samples",
                "Samples that are in both stores.",
                [(stores, float(self.shared))],
            ),
            of_rows("quantity_detected", "1 if the quantity has drifted, else 0.", "is_drift"),
            of_rows("reference_value", "Mean or share in the reference store.", "reference"),
            of_rows("current_value", "Mean or share in the current store.", "current"),
            of_rows("p_value", "Of the permutation test, not corrected.", "p"),
            of_rows("corrected_p_value", "Corrected for all quantities.", "corrected_p"),
        ]

    def plot(self, heading: str | None = None) -> Figure:
        """How numbers are spread in both stores, and how often classes are predicted.

        Args:
            heading: above the figure.
        """
        return picture.show(self.figure(heading))

    def figure(self, heading: str | None = None) -> Any:
        """The figure of `plot`, which no notebook shows of itself.

        Args:
            heading: above it.
        """
        titles = {row.name: row.title + (" (drift)" if row.is_drift else "") for row in self.rows}
        spread = {titles[name]: tuple(one) for name, one in self.distributions.items()}
        changed = sorted(self.classes, key=lambda one: -abs(one.current - one.reference))[:_CLASSES]
        shares = {one.name: (one.reference, one.current) for one in changed}
        return picture.two_samples(spread, shares, ("reference", "current"), heading)

"""The table of an evaluation: what each measure says of each method, with errors and controls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple, Sequence

import numpy as np

from .. import picture
from ..errors import InputError, MetricError
from ..support import files, html
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.optional import optional
from ..support.statistics import mean, standard_error
from ..support.text_tables import ruled
from .register import CHANGED, LOWER, NEITHER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERRORS = 2
"""How many standard errors a paired difference is off zero, to count."""

_FORMAT = "gradcam_mx evaluation 1"
"""What a file of an evaluation begins with."""
_BEST, _NO_BETTER = "*", "~"
_LEGEND = (
    f"{_BEST} best of its column; {_NO_BETTER} no better than a control: the difference, sample by "
    f"sample, is less than {ERRORS} standard errors"
)
_SINGLE = "of one sample there is no standard error, and no saying what is better than a control"


class Column(NamedTuple):
    """A measure of a table."""

    name: str
    """Its name, and what people call it."""
    title: str
    better: str
    """"higher", "lower" or "neither"."""
    along: str = CHANGED
    """What the horizontal axis of its curves is, if it has some."""


class Entry(NamedTuple):
    """What a measure says of a method."""

    mean: float
    """Over the samples of which it is defined."""
    standard_error: float
    """Of the mean; NaN of less than two samples."""
    samples: int
    """How many those are."""
    is_best: bool
    """Whether no other method has a better mean; controls do not count."""
    no_better_than: tuple[str, ...]
    """The controls that it does not beat by more than two standard errors."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What measures say of methods, over the samples of a data set.

    It prints as a table, and shows itself in a notebook.

    Args:
        methods: what each row is called, without the controls.
        controls: what the rows of the controls are called, which are below the others.
        metrics: of each column.
    """

    methods: list[str]
    controls: list[str]
    metrics: list[Column]
    values: np.ndarray
    """(metrics, methods and controls, N) float64; NaN where a measure is not defined."""
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    """Name of a measure → (3, rows, K): where, the mean of the curve there, its standard error."""
    errors: dict[int, str] = field(default_factory=dict)
    """Number of a sample → why it was not measured; its values are NaN."""

    @property
    def rows(self) -> list[str]:
        """The methods and, after them, the controls."""
        return [*self.methods, *self.controls]

    def __len__(self) -> int:
        """How many samples there were."""
        return int(self.values.shape[-1])

    def __getitem__(self, place: tuple[str, str]) -> Entry:
        """What a measure says of a method: `table["grad_cam", "srg"]`.

        Raises:
            MetricError: there is no such row or column.
        """
        row, column = _number(self.rows, place[0]), _number(self._names, place[1])
        return self._entries()[column][row]

    def difference(self, method: str, control: str, metric: str) -> tuple[float, float]:
        """By how much a method is better than a control, and the standard error of that.

        Args:
            method: of a row.
            control: of another row.
            metric: of a column; for one that is better lower the sign is turned.

        Raises:
            MetricError: there is no such row or column, or neither number is better.
        """
        column = _number(self._names, metric)
        if self.metrics[column].better == NEITHER:
            raise MetricError(f"{metric} is a description: neither number is better")
        gap = self._gaps(column, _number(self.rows, method), _number(self.rows, control))
        return mean(gap), standard_error(gap)

    @property
    def _names(self) -> list[str]:
        return [one.name for one in self.metrics]

    def _gaps(self, column: int, row: int, other: int) -> np.ndarray:
        gap = self.values[column, row] - self.values[column, other]
        return -gap if self.metrics[column].better == LOWER else gap

    def _entries(self) -> list[list[Entry]]:
        """For each column those of its rows."""
        return [self._column(number) for number in range(len(self.metrics))]

    def _column(self, column: int) -> list[Entry]:
        better, found = self.metrics[column].better, []
        means = [mean(one) for one in self.values[column]]
        signed = [-one if better == LOWER else one for one in means]
        own = [one for one in signed[: len(self.methods)] if not np.isnan(one)]
        for row, values in enumerate(self.values[column]):
            is_method = row < len(self.methods) and better != NEITHER
            found.append(
                Entry(
                    means[row],
                    standard_error(values),
                    int((~np.isnan(values)).sum()),
                    is_method and bool(own) and signed[row] == max(own),
                    tuple(self._unbeaten(column, row)) if is_method else (),
                )
            )
        return found

    def _unbeaten(self, column: int, row: int) -> Iterator[str]:
        for number, name in enumerate(self.controls, start=len(self.methods)):
            gap = self._gaps(column, row, number)
            if mean(gap) <= ERRORS * standard_error(gap):
                yield name

    # -- as text -----------------------------------------------------------------------------------

    def _cells(self, best: str = "") -> list[list[str]]:
        """For each row what it is called, and its entries as text.

        Args:
            best: what marks the best.
        """
        columns = self._entries()
        return [
            [name, *(_marked(column[number], best) for column in columns)]
            for number, name in enumerate(self.rows)
        ]

    def _header(self) -> list[str]:
        arrows = {"higher": " ↑", "lower": " ↓"}
        return ["", *(one.name + arrows.get(one.better, "") for one in self.metrics)]

    def _below(self) -> list[str]:
        samples = "1 sample" if len(self) == 1 else f"{len(self)} samples"
        lines = [f"{samples}; mean ± standard error; ↑ higher, ↓ lower is better"]
        if len(self) == 1:
            return [*lines, _SINGLE]
        lines.append(_LEGEND)
        counts = [one.samples for column in self._entries() for one in column]
        if min(counts) < len(self):
            lines.append(
                f"not all numbers are of all samples, of {min(counts)} at the least: a measure is "
                "not defined where it would divide by zero"
            )
        if self.errors:
            number, said = next(iter(self.errors.items()))
            lines.append(f"{len(self.errors)} samples were left out; sample {number}: {said}")
        return lines

    def __repr__(self) -> str:
        rows = [self._header(), *self._cells(f" {_BEST}")]
        lines = ruled(rows)
        if self.controls:
            lines.insert(2 + len(self.methods), "-" * len(lines[1]))
        return "\n".join([*lines, *self._below()])

    def _repr_html_(self) -> str:
        bold = {
            (row, 1 + column)
            for column, entries in enumerate(self._entries())
            for row, entry in enumerate(entries)
            if entry.is_best
        }
        below = [one.replace(f"{_BEST} best", "bold: best") for one in self._below()]
        parted = len(self.methods)
        return html.table(self._header(), self._cells(), below, bold=bold, rule_above=parted)

    # -- files and figures -------------------------------------------------------------------------

    def to_records(self) -> list[dict[str, Any]]:
        """For each row and column a dictionary, as `to_csv` writes them."""
        found = []
        for column, entries in zip(self.metrics, self._entries()):
            for name, entry in zip(self.rows, entries):
                found.append(
                    {
                        "method": name,
                        "metric": column.name,
                        "better": column.better,
                        "mean": entry.mean,
                        "standard_error": entry.standard_error,
                        "samples": entry.samples,
                        "is_control": name in self.controls,
                        "is_best": entry.is_best,
                        "no_better_than": " ".join(entry.no_better_than),
                    }
                )
        return found

    @told
    def to_csv(self, path: str | Path) -> Path:
        """Write a line for each method and measure.

        Args:
            path: of the file.

        Raises:
            OutputError: it cannot be written.
        """
        return files.write_csv(path, self.to_records())

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a line for each method and measure.

        Raises:
            DependencyError: pandas is not installed.
        """
        return optional("pandas", "a DataFrame is made").DataFrame(self.to_records())

    @told
    def save(self, path: str | Path) -> Path:
        """Write all numbers to a file that `load` reads.

        Args:
            path: of the file, `*.json`.

        Raises:
            OutputError: it cannot be written.
        """
        whole = {
            "format": _FORMAT,
            "methods": self.methods,
            "controls": self.controls,
            "metrics": self.metrics,
            "values": _listed(self.values),
            "curves": {name: _listed(one) for name, one in self.curves.items()},
            "errors": self.errors,
        }
        with files.whole(path) as part:
            part.write_text(json.dumps(whole, allow_nan=False), encoding="utf-8")
        return Path(path)

    @classmethod
    @told
    def load(cls, path: str | Path) -> Evaluation:
        """Read what `save` wrote.

        Args:
            path: of the file.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {path}: {error}") from error
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise InputError(f"{path} holds no evaluation; expected a file that save() wrote")
        return cls(
            found["methods"],
            found["controls"],
            [Column(*one) for one in found["metrics"]],
            np.array(found["values"], float),
            {name: np.array(one, float) for name, one in found["curves"].items()},
            {int(number): said for number, said in found["errors"].items()},
        )

    def plot(self, metrics: Sequence[str] | None = None, heading: str | None = None) -> Figure:
        """Bars with their standard errors: a panel for each measure, the controls in grey.

        Args:
            metrics: names of columns; all by default.
            heading: above the figure.

        Raises:
            MetricError: there is no such column.
        """
        chosen = [_number(self._names, one) for one in metrics or self._names]
        entries = self._entries()
        panels = {
            self._header()[1 + one]: [(entry.mean, entry.standard_error) for entry in entries[one]]
            for one in chosen
        }
        return picture.show(picture.bars(panels, self.rows, len(self.methods), heading))

    def plot_curve(self, metric: str, heading: str | None = None) -> Figure:
        """The mean curve of each method, with its standard error.

        Args:
            metric: the name of a column that has curves, such as "deletion".
            heading: above the figure; what people call the measure by default.

        Raises:
            MetricError: there is no such column, or it has no curve.
        """
        column = self.metrics[_number(self._names, metric)]
        if metric not in self.curves:
            raise MetricError(
                f"{metric} has no curve; there are {', '.join(self.curves) or 'none'}"
            )
        at, means, errors = self.curves[metric]
        of = {name: (means[row], errors[row]) for row, name in enumerate(self.rows)}
        return picture.show(picture.curves(of, at[0], column.along, heading or column.title))


def _marked(entry: Entry, best: str) -> str:
    no_better = f" {_NO_BETTER}" if entry.no_better_than else ""
    return _said(entry) + no_better + (best if entry.is_best else "")


def _said(entry: Entry) -> str:
    if not entry.samples:
        return "–"
    error = "" if np.isnan(entry.standard_error) else f" ± {entry.standard_error:.2g}"
    return f"{entry.mean:.3g}{error}"


def _number(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise MetricError(f"there is no {name!r} in this table; there are {', '.join(names)}")
    return list(names).index(name)


def _listed(array: np.ndarray) -> Any:
    """Numbers for JSON, which has no NaN."""
    found = array.astype(object)
    found[np.isnan(array)] = None
    return found.tolist()

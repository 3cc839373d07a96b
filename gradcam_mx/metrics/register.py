"""The register of measures: every one by its name, each registered once and for good."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Union

import numpy as np

from ..errors import MetricError
from ..support import html
from ..support.elsewhere import closest

FAMILIES = ("faithfulness", "robustness", "localisation", "description", "sanity")
"""What measures are listed under."""

HIGHER, LOWER, NEITHER = "higher", "lower", "neither"
"""Which numbers are better; of a description neither are."""


CHANGED = "share of the input that is changed"
"""What the horizontal axis of a curve is, of most."""


class Curves(NamedTuple):
    """What a formula gives that measures along the way."""

    values: np.ndarray
    """(E, N) for each explanation and sample."""
    curves: np.ndarray
    """(E, N, K)."""
    at: np.ndarray
    """(K,) where on the way, such as the share of the positions that are changed."""
    along: str = CHANGED
    """What that is."""


Formula = Callable[..., Union[np.ndarray, Curves]]
"""From a `Case`, and options by keyword, to a number for each explanation and sample, (E, N)."""


@dataclass(frozen=True)
class Wants:
    """What a formula draws on besides the explanations."""

    net: bool = True
    """The net: the scores of changed inputs, or explanations made anew."""
    masks: bool = False
    """Where the object is."""


@dataclass(frozen=True)
class Metric:
    """A measure as the register lists it.

    Args:
        name: that of its function.
        family: what it is listed under, one of `FAMILIES`.
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it takes.
        better: whether "higher" or "lower" numbers are better, or "neither".
        wants: what its formula draws on.
        formula: from a case, and options by keyword, to the numbers.
        function: what users call.
        check: of its options: called with the shape of the input, channels first, and all options.
    """

    name: str
    family: str
    paper: str
    cost: str
    better: str
    wants: Wants
    formula: Formula
    function: Callable[..., Any]
    check: Callable[..., None] | None = None

    @property
    def title(self) -> str:
        """What people call it: its documentation begins with that and a colon."""
        return (self.formula.__doc__ or self.name).split(":")[0]

    @cached_property
    def options(self) -> dict[str, Any]:
        """Name → default of the options that it takes."""
        parameters = list(inspect.signature(self.formula).parameters.values())[1:]
        return {one.name: one.default for one in parameters if one.name != "masks"}


class Register(Mapping[str, Metric]):
    """Measures by name, to read; `register` adds to them."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def __repr__(self) -> str:
        lines = (
            f"{family}: {', '.join(one.name for one in self.values() if one.family == family)}"
            for family in FAMILIES
        )
        return "\n".join([f"{len(self)} metrics", *lines])

    def _repr_html_(self) -> str:
        rows = [
            (one.name, one.title, one.family, one.better, one.cost, one.paper)
            for one in self.values()
        ]
        return html.table(("name", "metric", "family", "better", "cost", "paper"), rows)


_metrics: dict[str, Metric] = {}

METRICS = Register(_metrics)
"""Every measure by its name."""


def check_free(name: str) -> None:
    """Refuse a name that a measure has.

    Raises:
        MetricError: it names the module of the measure that is there.
    """
    if name in _metrics:
        raise MetricError(
            f"there is a metric {name!r} already, of {_metrics[name].formula.__module__}; "
            "give yours another name"
        )


def register(metric: Metric) -> Metric:
    """List a measure under its name.

    Raises:
        MetricError: the name is taken.
    """
    check_free(metric.name)
    _metrics[metric.name] = metric
    return metric


def find_metric(name: str) -> Metric:
    """The measure of that name.

    Raises:
        MetricError: there is none; the message lists those that there are.
    """
    if name not in _metrics:
        raise MetricError(
            f"there is no metric {name!r}{closest(name, _metrics)}; there are {', '.join(_metrics)}"
        )
    return _metrics[name]


@contextmanager
def metrics_kept() -> Iterator[None]:
    """At the end the register lists the measures that it listed at the beginning."""
    kept = dict(_metrics)
    try:
        yield
    finally:
        _metrics.clear()
        _metrics.update(kept)

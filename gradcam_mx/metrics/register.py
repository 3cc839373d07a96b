"""The register of measures: every one by its name, each registered once and for good."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Iterator, NamedTuple, Union

import numpy as np

from ..errors import MetricError
from ..support.register import Register

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


METRICS: Register[Metric] = Register(
    "metric",
    MetricError,
    {
        "name": "name",
        "metric": "title",
        "family": "family",
        "better": "better",
        "cost": "cost",
        "paper": "paper",
    },
    FAMILIES,
)
"""Every measure by its name."""


def find_metric(name: str) -> Metric:
    """The measure of that name.

    Raises:
        MetricError: there is none; the message lists those that there are.
    """
    return METRICS.find(name)


@contextmanager
def metrics_kept() -> Iterator[None]:
    """At the end the register lists the measures that it listed at the beginning."""
    with METRICS.kept():
        yield

"""The register: every method by its name, each registered once and for good."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Iterator, List, NamedTuple, Union

import numpy as np

from ..errors import MethodError
from ..explanation.explanation import Explanation
from ..support.register import Register
from .needs import Needs

Found = Union[Explanation, List[Any]]
"""An explanation; a list of them for several layers or targets, of lists for several of both."""


class Result(NamedTuple):
    """What a formula gives, where it reports more than its values."""

    values: np.ndarray
    """The raw values of the explanation."""
    details: dict[str, np.ndarray]
    """For `Explanation.details`."""
    signed: bool = False
    """For `Explanation.signed`."""


Formula = Callable[..., Union[np.ndarray, Result, List[Result]]]
"""From a run, and options by keyword, to the raw values of an explanation; of a method that
perturbs, a list with those for each target."""


FAMILIES = ("activation maps", "gradients", "relevance", "perturbation", "controls")
"""What methods are listed under; a new one has a page in `docs/` and a row in the README."""


@dataclass(frozen=True)
class Method:
    """A method as the register lists it.

    Args:
        name: that of its function.
        family: what it is listed under, one of `FAMILIES`.
        paper: who found it, when, and where to read it.
        needs: what its formula draws on.
        formula: from a run, and options by keyword, to the raw values.
        function: what users call.
    """

    name: str
    family: str
    paper: str
    cost: str
    """The passes through the net that it takes."""
    needs: Needs
    formula: Formula
    function: Callable[..., Found]
    check: Callable[..., None] | None = None
    """Of its options: called with the shape of the input, channels first, and all options."""

    @property
    def title(self) -> str:
        """What people call it, "Grad-CAM": its documentation begins with that and a colon."""
        return (self.formula.__doc__ or self.name).split(":")[0]

    @cached_property
    def options(self) -> dict[str, Any]:
        """Name → default of the options that it takes."""
        parameters = list(inspect.signature(self.formula).parameters.values())[1:]
        return {one.name: one.default for one in parameters}

    @property
    def is_alone(self) -> bool:
        """Whether a sample goes into a call by itself.

        What is drawn at random would be another draw beside others, and methods that perturb fill
        calls of their own.
        """
        return self.needs.perturbs or "seed" in self.options


METHODS: Register[Method] = Register(
    "method",
    MethodError,
    {"name": "name", "method": "title", "family": "family", "cost": "cost", "paper": "paper"},
)
"""Every method by its name."""


def find_method(name: str) -> Method:
    """The method of that name.

    Raises:
        MethodError: there is none; the message lists those that there are.
    """
    return METHODS.find(name)


@contextmanager
def methods_kept() -> Iterator[None]:
    """At the end the register lists the methods that it listed at the beginning."""
    with METHODS.kept():
        yield

"""What methods that try changed inputs have in common: how they are registered."""

from __future__ import annotations

from typing import Any, Callable

from .functions import method
from .needs import Needs
from .register import Formula


def perturbation(
    *, paper: str, cost: str, check: Callable[..., None] | None = None
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered method of a formula that tries changed inputs.

    It is `f(run, *, option=default …)` and gives a list with a `Result` for each target.

    Args:
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it needs.
        check: `check(shape, **options)` refuses options that do not fit the input, whose shape it
            gets, channels first, before anything is computed.
    """

    return method(
        family="perturbation", paper=paper, cost=cost, needs=Needs(perturbs=True), check=check
    )

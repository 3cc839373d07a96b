"""What the commands do that look at stores: shortcuts, drift."""

from __future__ import annotations

import argparse
from typing import Callable

from ..inspect.drift import drift
from . import drift_page, requested
from .exit_codes import DONE, SOMETHING_WRONG
from .own_page import check_page


def _shortcuts(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    from .requested_shortcuts import look  # it needs packages that the other commands do not

    found = look(options)
    print(f"{found}\nThe page is {options.out.resolve()}")
    return SOMETHING_WRONG if found else DONE


def _drift(options: argparse.Namespace) -> int:
    if options.out is not None:
        check_page(options.out, drift_page.ABOUT)
    found = drift(
        options.reference,
        options.current,
        method=options.method,
        alpha=options.alpha,
        permutations=options.permutations,
        at_most=options.at_most,
        concepts=options.columns,
        seed=options.seed,
    )
    print(found)
    if options.out is not None:
        drift_page.drift_page(found, options.out)
    if options.csv is not None:
        found.to_csv(options.csv)
    if options.prometheus is not None:
        found.to_prometheus(options.prometheus)
    return SOMETHING_WRONG if found else DONE


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "shortcuts": _shortcuts,
    "drift": _drift,
}
"""What each one does with its options; the exit code."""

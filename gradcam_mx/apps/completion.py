"""Completion of the command line by a shell."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Iterator

from ..errors import DependencyError
from .choices import (
    ALL_CAMS,
    BASELINES,
    CONTROLS,
    INPAINT,
    INPAINTING,
    METHODS,
    METRICS,
    MODELS,
    NONE,
    PROBABILITY,
)

STORES = ("REFERENCE", "CURRENT")
"""What the stores are called that are compared."""

SHELLS = ("bash", "zsh", "tcsh")

OFFERED = {
    "--baseline": (*BASELINES, INPAINT),
    "--controls": (*CONTROLS, NONE),
    "--masker": (*INPAINTING, *BASELINES),
    "--method": (*METHODS, ALL_CAMS),
    "--metric": METRICS,
    "--model": MODELS,
    "--output": (PROBABILITY,),
}
"""What is offered for options that take other values too."""


class PrintCompletion(argparse.Action):
    """The option that prints the script for a shell, and ends."""

    def __init__(self, option_strings: list[str], dest: str) -> None:
        super().__init__(
            option_strings,
            dest=argparse.SUPPRESS,
            default=argparse.SUPPRESS,
            choices=SHELLS,
            metavar="SHELL",
            help=f"print what makes a shell complete this command: {', '.join(SHELLS)}",
        )

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        """Print it to standard output."""
        sys.stdout.write(f"{script(parser, values)}\n")
        parser.exit()


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """What the shell has to run: it completes commands, options, choices, networks and files.

    Raises:
        DependencyError: shtab, which writes it, is not installed.
    """
    try:
        import shtab  # here, as nothing else needs it
    except ImportError as error:
        raise DependencyError(
            "completion is written by the package shtab: pip install shtab"
        ) from error
    paths = {"FILE": shtab.FILE, "PHOTO": shtab.FILE}
    paths.update(dict.fromkeys(("DIR", "STORE", *STORES), shtab.DIRECTORY))
    for action in _actions(parser):
        if action.metavar in paths:
            action.complete = paths[str(action.metavar)]  # type: ignore[attr-defined]
        for option in OFFERED.keys() & set(action.option_strings):
            action.choices = action.choices or OFFERED[option]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All of a parser, and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)

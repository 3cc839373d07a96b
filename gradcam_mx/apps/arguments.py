"""Arguments as people write them: photos before, between and behind options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Callable, Sequence

from .choices import ALL_CAMS, CONTROLS, METHODS, METRICS, NONE


class Collect(argparse.Action):
    """An option of several values, which may be given several times."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        """Add them to those that were given before."""
        before = getattr(namespace, self.dest, None)
        kept = [] if before is None or before is self.default else before
        setattr(namespace, self.dest, [*kept, *values])


def separated(arguments: Sequence[str]) -> list[str]:
    """The arguments, where options of several values take none of the photos behind them.

    Each of their values gets an option of its own: `--method lime rise cat.png` becomes
    `--method=lime --method=rise cat.png`.

    Args:
        arguments: of the command line.
    """
    made: list[str] = []
    option = None
    for number, text in enumerate(arguments):
        if text == "--":
            return [*made, *arguments[number:]]
        if text in _OF_SEVERAL:
            option, is_first = text, True
            made.append(text)
            continue
        if option is not None and _OF_SEVERAL[option](text):
            made[-1:] = [f"{option}={text}"] if is_first else [made[-1], f"{option}={text}"]
            is_first = False
            continue
        option = None
        made.append(text)
    return made


def _is_one_of(*names: str) -> Callable[[str], bool]:
    """Whether a text is one of these names, or else no option and no photo: one misspelled."""

    def is_one(text: str) -> bool:
        if text in names:
            return True
        is_file = Path(text).exists() or any(sign in text for sign in "./*?[~")
        return not text.startswith("-") and not is_file

    return is_one


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_OF_SEVERAL: dict[str, Callable[[str], bool]] = {
    "--controls": _is_one_of(*CONTROLS, NONE),
    "--method": _is_one_of(*METHODS, ALL_CAMS),
    "--metric": _is_one_of(*METRICS),
    "--mean": _is_number,
    "--std": _is_number,
}
"""Option of several values → whether a text is one of them."""

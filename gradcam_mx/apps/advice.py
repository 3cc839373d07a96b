"""What to do about an error, in the words of the command line."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn, Sequence

from ..errors import Advice, GradCamError, advised

IN_OPTIONS = {
    Advice.COMPUTE_ON_CPU: "leave out --gpu, or install the GPU build and its driver",
    Advice.CUT_INTO_A_GRID: "cut it by --segments grid",
    Advice.EXPLAIN_A_VALUE: "leave out --target to explain the value itself",
    Advice.EXPLAIN_SCALARS: "explain it in Python, where a target may be a function of the output",
    Advice.FIND_WEIGHTS: "  3. give them by --weights FILE: a .params or .safetensors file, or a "
    "PyTorch .pth state dict",
    Advice.GIVE_ALL_INPUTS: "photos go into nets of one input; explain this one in Python",
    Advice.GIVE_WEIGHTS: "or give other weights by --weights FILE",
    Advice.LIST_LAYERS: "`gradcam-mx layers` lists all, with the same options for the network",
    Advice.LIST_NETWORKS: "`gradcam-mx explain --help` lists them all",
    Advice.NAME_THE_CLASSES: "check that the file is for this network",
    Advice.SHOW_THE_GRADIENT: "--method saliency shows the plain gradient",
}


def told(error: GradCamError) -> str:
    """The message of an error, with the advice for the command line.

    Args:
        error: of any kind.
    """
    return str(error) if error.advice is None else advised(error.said, IN_OPTIONS[error.advice])


def refuse_unknown(command: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End the process over arguments that a command does not know, with those that are close.

    Args:
        command: the parser of the command.
        unknown: the arguments.
    """
    close = [
        found for one in unknown for found in _close(one, list(command._option_string_actions))
    ]
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _close(given: str, options: Sequence[str]) -> list[str]:
    """The options that are spelled like an unknown one; for -o those that begin with it."""
    if not given.startswith("-"):
        return []
    if not given.startswith("--"):
        return [one for one in options if one.startswith(f"--{given[1:2]}")]
    return difflib.get_close_matches(given.split("=")[0], options, n=1)

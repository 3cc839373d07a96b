"""What to do about an error, in the words of the command line."""

from __future__ import annotations

import argparse
import difflib
import re
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


ARGUMENTS = {
    "output": "--output",
    "layer": "--layer",
    "target": "--target",
    "ctx": "--gpu",
    "classes": "--names",
    "names": "--names",
    "weights": "--weights",
    "num_samples": "--samples",
    "num_segments": "--num-segments",
    "batch_size": "--batch-size",
    "max_evals": "--max-evals",
    **{
        name: f"--{name}"
        for name in (
            "background",
            "baseline",
            "bits",
            "epoch",
            "masker",
            "seed",
            "segments",
            "size",
            "steps",
            "stride",
            "values",
            "window",
        )
    },
}
"""Argument in Python → the option that it is on the command line."""

_DEVICE = re.compile(r"\b([cg]pu)\((\d+)\)")
_SENTENCES = re.compile(r"((?<=[;:.])\s+)")
_PYTHON = re.compile(r"\w=|=\w|\bgm\.|\bmx\.|gradcam_mx|(?<!\bblur)(?<=\w)\(|\bNone\b")
"""What nobody types on a command line."""


def told(error: GradCamError) -> str:
    """The message of an error, with the advice for the command line.

    Args:
        error: of any kind.
    """
    if error.advice is None:
        return in_words(str(error))
    return advised(in_words(error.said), IN_OPTIONS[error.advice])


def in_words(message: str) -> str:
    """A message without Python: arguments become options, and other advice in code is left out.

    Args:
        message: as it is told in Python.
    """
    for name, option in ARGUMENTS.items():
        message = re.sub(rf"\bpass {name}=None\b", f"leave out {option}", message)
        message = re.sub(rf"(?<![\w-]){name}=(?=[\w\"'(])", f"{option} ", message)
        message = re.sub(rf"(?<![\w-]){name}=", option, message)
    message = _DEVICE.sub(lambda found: f"{found[1].upper()} {found[2]}", message)
    parts = _SENTENCES.split(message)
    kept = parts[:1]
    for space, clause in zip(parts[1::2], parts[2::2]):
        if not _PYTHON.search(clause) or "/" in clause:
            kept += [space, clause]
    told = "".join(kept)
    return told if told == message else told.rstrip(" ;:,.")


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


def refuse_none(command: argparse.ArgumentParser, background: Sequence[str] | None) -> NoReturn:
    """End the process over photos that are not there.

    Args:
        command: the parser of the command.
        background: the photos that were given to compare with.
    """
    hint = "; --background takes all that follow it: give the photos first" if background else ""
    command.error(f"the following arguments are required: PHOTO{hint}")


def _close(given: str, options: Sequence[str]) -> list[str]:
    """The options that are spelled like an unknown one; for -o those that begin with it."""
    if not given.startswith("-"):
        return []
    if not given.startswith("--"):
        return [one for one in options if one.startswith(f"--{given[1:2]}")]
    return difflib.get_close_matches(given.split("=")[0], options, n=1)

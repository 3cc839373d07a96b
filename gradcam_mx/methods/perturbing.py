"""What methods that try changed inputs have in common: how they are registered and documented."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any, Callable

from .functions import method
from .register import Formula
from .run import Needs

ARGUMENTS = {
    "net": "a Block, a Graph, or (symbol, arg_params, aux_params).",
    "x": "(N, C, H, W), preprocessed; not modified. Signals, volumes and vectors go too.",
    "target": "what is explained; each sample's top class by default. Several of them "
    "(`gm.targets.Several`, `Top`) share all passes and give a list.",
    "output": 'which of several outputs is explained, by number or name; or "probability".',
    "input": "which of several inputs is explained, by number or name.",
    "segments": '"slic", "quickshift", "grid", or whole numbers (H, W) or (N, H, W); by default '
    '"slic" for pictures, "grid" for signals and volumes, each value of a vector on '
    "its own.",
    "num_segments": 'about how many, for "slic" and "grid".',
    "baseline": 'what hidden parts become: "zero", "mean" (each channel\'s mean), "blur" (x '
    'without detail), "inpaint" (filled from around), a number or one for each '
    "channel, or an array like x or like one sample.",
    "seed": "of all that is random.",
    "batch_size": 'how many inputs run at once; "auto" finds a quick size.',
    "progress": "whether to show a bar if it takes longer than two seconds.",
}
"""Name of an argument → its documentation, where a method does not give its own."""

_OF_EVERY_CALL = ("net", "x", "target", "output", "input")


def perturbation(
    *, paper: str, cost: str, check: Callable[..., None] | None = None
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered method of a formula that tries changed inputs.

    It is `f(run, *, option=default …)` and gives a list with a `Result` for each target. Arguments
    that its documentation leaves out are documented as `ARGUMENTS` says.

    Args:
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it needs.
        check: `check(shape, **options)` refuses options that do not fit the input, whose shape it
            gets, channels first, before anything is computed.
    """

    def register(formula: Formula) -> Callable[..., Any]:
        formula.__doc__ = _documented(formula)
        return method(
            family="perturbation", paper=paper, cost=cost, needs=Needs(perturbs=True), check=check
        )(formula)

    return register


def _documented(formula: Formula) -> str:
    """The documentation with all arguments in their order."""
    said, heading, rest = (formula.__doc__ or "").partition("    Returns:\n")
    text, _, own = said.partition("    Args:\n")
    given = dict(re.findall(r"^ {8}(\w+): (.*?)(?=\n {8}\w|\Z)", own.rstrip(), re.S | re.M))
    names = [*_OF_EVERY_CALL, *list(inspect.signature(formula).parameters)[1:]]
    lines = [
        textwrap.fill(
            " ".join(f"{name}: {given.get(name, ARGUMENTS.get(name))}".split()),
            100,
            initial_indent=" " * 8,
            subsequent_indent=" " * 12,
        )
        for name in names
    ]
    return "\n".join([text.rstrip(), "", "    Args:", *lines, "", heading + rest])

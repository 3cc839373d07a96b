"""Why two nets are the same network, or are not, in a sentence."""

from __future__ import annotations

from typing import Sequence

from .layers import Finding
from .outputs import Output
from .preprocessing import Preparing


def reason(
    is_same: bool | None,
    outputs: Sequence[Output],
    findings: Sequence[Finding],
    preparing: Preparing | None,
) -> str:
    """The reason for a verdict.

    Args:
        is_same: the verdict.
        outputs: what both nets return.
        findings: where they part.
        preparing: what is wrong with how photos are made ready.
    """
    if is_same is None:
        return (
            "the old net's outputs do not vary with what it is given, or no more than by rounding, "
            "or are no numbers; give it other photos"
        )
    if is_same:
        if any(one.is_tolerated for one in outputs):
            return "outputs differ by more than rounding, but by no more than is tolerated"
        return "no output differs by more than rounding"
    said = "outputs differ"
    wrong = [one for one in outputs if one.is_same is False]
    if wrong and all(one.times_noise < float("inf") for one in wrong):
        said += f" by {max(one.times_noise for one in wrong):.3g} times what rounding makes"
    if preparing is not None:
        return f"{said}; {preparing.sentence}"
    if not findings:
        return said
    first = findings[0]
    said += f", first at {first.old.op} {first.old.name}"
    return f"{said}: {first.said}" if first.said else said

"""Whether relevance is accounted for in a net, and where it is lost."""

from __future__ import annotations

from typing import Callable

import numpy as np

from ..engine.propagation.deep_lift import DeepLift
from ..engine.propagation.named import relevance_rule
from ..engine.rules import Rule
from ..errors import GradCamError
from ..explanation.ledger import Ledger
from ..methods.needs import Needs
from ..methods.view import View
from .finding import Finding

SMALL = 1e-3
"""Of what arrives where most does: a leak below that is rounding."""

Running = Callable[[Needs], View]
"""Runs the net for a method with such needs."""


def findings(run: Running) -> tuple[Finding, ...]:
    """What LRP loses on the way, and whether DeepLIFT adds up.

    Args:
        run: runs the net.
    """
    return _told("relevance is accounted for", run, relevance_rule("epsilon"), _accounts), _told(
        "DeepLIFT adds up to the difference of the scores", run, DeepLift(), _adds_up
    )


def _told(
    what: str, run: Running, rule: Rule, look: Callable[[View, Rule], tuple[bool, str]]
) -> Finding:
    try:
        holds, said = look(run(Needs(gradient=False, rules=frozenset({rule}))), rule)
    except GradCamError as error:
        return Finding(what, None, str(error))
    return Finding(what, holds, said)


def _accounts(run: View, rule: Rule) -> tuple[bool, str]:
    """By LRP-ε at every layer, and what biases take."""
    ledger = Ledger(run.ledger(rule))
    most = max((abs(row.arrived) for row in ledger), default=0.0)
    leaks = [row for row in ledger if abs(row.leak) > SMALL * most]
    first = ledger[0].arrived
    said = f"of {first:.4g} at the output, biases take {ledger.bias:.4g}"
    if leaks:
        named = ", ".join(f"{row.operator} {row.name!r} ({row.leak:.3g})" for row in leaks[:3])
        more = f" and {len(leaks) - 3} more" if len(leaks) > 3 else ""
        return False, f"{said}; lost without an account at {named}{more}"
    return True, f"{said}, stabilisers {ledger.stabiliser:.2g}; see gm.lrp(...).ledger()"


def _adds_up(run: View, rule: Rule) -> tuple[bool, str]:
    """Against zeros."""
    compared = run.against(np.zeros_like(run.x), rule)
    values = compared.multipliers * compared.change
    sums = values.reshape(len(values), -1).sum(axis=1, dtype=np.float64)
    size = max(abs(compared.of_score).max(), abs(values).sum() * 1e-3 / len(values), 1e-30)
    gap = abs(sums - compared.of_score).max() / size
    return bool(gap <= SMALL), f"to {gap:.1g} of it, against a baseline of zeros"

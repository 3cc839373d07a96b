"""Backward rules: what a backward pass does at a node of the graph.

`gradcam_mx.engine.rules` tells how to write one; `docs/add-a-method.md` has an example that runs.
"""

from __future__ import annotations

from .engine.rules import DECONVNET, GUIDED, PLAIN, Rule, RuleReport
from .engine.steps import Backward, Ran, Step
from .graph.node import Node

__all__ = [
    "DECONVNET",
    "GUIDED",
    "PLAIN",
    "Backward",
    "Node",
    "Ran",
    "Rule",
    "RuleReport",
    "Step",
]


def __dir__() -> list[str]:
    return sorted(__all__)

"""Rules: what a backward pass does at a node of the graph, and how relevance passes a layer.

`gradcam_mx.engine.rules` tells how to write one; `docs/add-a-method.md` has an example that runs.
"""

from __future__ import annotations

from .engine.propagation.layer import Layer
from .engine.propagation.layer_rules import (
    AlphaBeta,
    Epsilon,
    Excitation,
    Flat,
    Gamma,
    LayerRule,
    Pass,
    WSquare,
    ZBox,
    ZPlus,
)
from .engine.rules import DECONVNET, GUIDED, PLAIN, Rule, RuleReport
from .engine.steps import Backward, Ran, Step
from .graph.node import Node

__all__ = [
    "DECONVNET",
    "GUIDED",
    "PLAIN",
    "AlphaBeta",
    "Backward",
    "Epsilon",
    "Excitation",
    "Flat",
    "Gamma",
    "Layer",
    "LayerRule",
    "Node",
    "Pass",
    "Ran",
    "Rule",
    "RuleReport",
    "Step",
    "WSquare",
    "ZBox",
    "ZPlus",
]


def __dir__() -> list[str]:
    return sorted(__all__)

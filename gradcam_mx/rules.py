"""Backward rules: what a backward pass does at a node of the graph."""

from .engine.rules import DECONVNET, GUIDED, PLAIN, Rule, RuleReport

__all__ = ["DECONVNET", "GUIDED", "PLAIN", "Rule", "RuleReport"]

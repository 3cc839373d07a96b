"""What a backward pass does at an activation.

With z an activation's input, f the activation and dy the gradient at its output, the gradient at
its input is

    plain      f'(z) · dy               the chain rule
    guided     f'(z) · max(dy, 0)       Springenberg et al. 2014, arXiv:1412.6806
    deconvnet         max(dy, 0)        Zeiler & Fergus 2014, arXiv:1311.2901

The rules are made for rectifiers and act on them alone. Gates (sigmoid, tanh, and clip where it
stands for a hard sigmoid) scale a signal rather than rectify one, and keep the chain rule.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterable

from ..errors import RuleError
from ..graph.operators import GATES
from ..graph.structure import Structure


@dataclass(frozen=True)
class Rule:
    """A backward rule, by what it does at a rectifier.

    Args:
        name: what reports and errors call it.
    """

    name: str
    rectifies: bool = False
    """Whether negative gradients are set to zero."""
    derives: bool = True
    """Whether the activation's own derivative applies."""

    @property
    def is_plain(self) -> bool:
        """Whether it is the gradient as it is."""
        return not self.rectifies and self.derives


PLAIN = Rule("plain")
"""The gradient as it is."""
GUIDED = Rule("guided", rectifies=True)
"""Guided backpropagation: of the gradient, what is positive."""
DECONVNET = Rule("deconvnet", rectifies=True, derives=False)
"""Deconvnet: what is positive, whatever the activation's derivative is."""


@dataclass(frozen=True)
class RuleReport:
    """What a rule did to a net: how many activations of each kind it changed, and left alone.

    Args:
        rule: the rule's name.
        changed: kind of activation ("relu") → how many the rule changed.
        left_alone: kind of activation → how many it left alone.
    """

    rule: str
    changed: dict[str, int]
    left_alone: dict[str, int]


def rectifiers(graph: Structure) -> set[int]:
    """The nodes on which a rule other than the plain one acts."""
    return {node.index for node in graph.live_nodes if (node.activation or "sigmoid") not in GATES}


def report(rule: Rule, graph: Structure, nodes: Iterable[int]) -> RuleReport:
    """What `rule` does in a backward pass that goes through `nodes`."""
    kinds = [kind for kind in (graph.nodes[index].activation for index in nodes) if kind]
    return report_of_kinds(rule, kinds)


def report_of_kinds(
    rule: Rule, kinds: Iterable[str], out_of_reach: Iterable[str] = ()
) -> RuleReport:
    """What `rule` does to activations of these kinds, where it cannot act on some others."""
    found = Counter(kinds)
    changed: Counter[str] = (
        Counter()
        if rule.is_plain
        else Counter({name: count for name, count in found.items() if name not in GATES})
    )
    return RuleReport(rule.name, dict(changed), dict(found - changed + Counter(out_of_reach)))


def check_acts(report: RuleReport) -> None:
    """Refuse a rule that changes nothing.

    Raises:
        RuleError: a rule other than the plain one met no rectifier.
    """
    if report.rule != PLAIN.name and not report.changed:
        found = ", ".join(report.left_alone) or "none at all"
        raise RuleError(
            f"the {report.rule} rule acts on rectifiers (ReLU and its kin), and there is none "
            f"between the net's output and its input (activations found: {found}); use "
            "gm.saliency for the plain gradient"
        )

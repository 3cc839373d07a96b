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

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Mapping

from ..errors import RuleError

if TYPE_CHECKING:
    from ..graph.graph import Graph, Node

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772
"""λ and α of SELU (Klambauer et al. 2017, arXiv:1706.02515), which is λ · ELU with slope α.

That is how to run it: MXNet's own SELU has the derivative λ(y + α) below zero, where y + λα is
right (measured: 20 % off at z = -1.6).
"""

GATES = {"sigmoid", "tanh", "softsign", "hard_sigmoid"}


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
        return not self.rectifies and self.derives


PLAIN = Rule("plain")
GUIDED = Rule("guided", rectifies=True)
DECONVNET = Rule("deconvnet", rectifies=True, derives=False)


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


def kind(graph: Graph, node: Node) -> str | None:
    """The kind of activation a node is ("relu", "clip", "gelu", "sigmoid" …); None if it is none.

    A clip from zero is a rectifier, unless it is fed by an added constant and then scaled by one,
    which is a hard sigmoid.
    """
    found = kind_of(node.op, node.attrs)
    if found == "clip":
        before = graph.nodes[node.inputs[0][0]].op
        after = {graph.nodes[reader].op for reader in graph.readers[node.index]}
        if before == "_plus_scalar" and after and after <= {"_div_scalar", "_mul_scalar"}:
            return "hard_sigmoid"
    return found


def kind_of(op: str, attrs: Mapping[str, str]) -> str | None:
    """The kind of activation that an operator is by itself."""
    if op in ("Activation", "_npx_activation"):
        return attrs["act_type"]
    if op in ("LeakyReLU", "_npx_leaky_relu"):
        return attrs.get("act_type", "leaky")
    if op in (
        "relu",
        "_npx_relu",
        "sigmoid",
        "_npx_sigmoid",
        "tanh",
        "_npi_tanh",
        "softsign",
        "hard_sigmoid",
    ):
        return re.sub("^_np[xi]_", "", op)
    if op == "_maximum_scalar" and float(attrs["scalar"]) == 0:
        return "relu"
    if op == "clip" and float(attrs["a_min"]) == 0:
        return "clip"
    return None


def rectifiers(graph: Graph) -> set[int]:
    """The nodes on which a rule other than the plain one acts."""
    return {
        node.index for node in graph.live_nodes if (kind(graph, node) or "sigmoid") not in GATES
    }


def report(rule: Rule, graph: Graph, nodes: Iterable[int]) -> RuleReport:
    """What `rule` does in a backward pass that goes through `nodes`."""
    kinds = [name for name in (kind(graph, graph.nodes[index]) for index in nodes) if name]
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

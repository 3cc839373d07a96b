"""What a backward pass does at the nodes of a graph.

A rule says, for each node, which backward function stands there; where it says none, the chain rule
holds. With z an activation's input, f the activation and dy the gradient at its output, the
gradient at its input is

    plain      f'(z) · dy               the chain rule
    guided     f'(z) · max(dy, 0)       Springenberg et al. 2014, arXiv:1412.6806
    deconvnet         max(dy, 0)        Zeiler & Fergus 2014, arXiv:1311.2901

Guided and deconvnet are made for rectifiers and act on them alone. Gates (sigmoid, tanh, and clip
where it stands for a hard sigmoid) scale a signal rather than rectify one, and keep the chain rule.

To write a rule, derive a class from `Rule`: a frozen dataclass, so that equal rules are the same
one. Its `at(node)` looks at the node (`node.op`, `node.attrs`, `node.activation`, `node.name`) and
gives

- None: MXNet's own derivative;
- a function of a `Step`: it stands in place of the derivative, and gives a list with what arrives
  at each of `step.inputs`. It has `step.parameters`, `step.outputs` and `step.arriving`, and
  `step.vjp(...)` and `step.run(...)`, which run the node as it is or changed;
- a `Backward(arriving=…)`, which changes what arrives and lets MXNet's derivative follow. It costs
  next to nothing, where a function of a step cuts the graph on both sides of the node.

    @dataclass(frozen=True)
    class HalfAtSums(Rule):
        name: str = "half_at_sums"

        def at(self, node):
            if node.op == "elemwise_add":
                return Backward(arriving=lambda gradient, out=None: gradient / 2)
            return None

Everything else follows from where a rule acts: cuts, what is recorded, what is reported. Nets that
are traced follow a rule at any operator. A net that cannot be traced, and `nn.guided_mode` in one's
own autograd code, know activation layers alone, and refuse a rule that acts on anything else that
they see.
"""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping

from .._mxnet import mx
from ..errors import Advice, RuleError
from ..graph.node import Node
from ..graph.operators import GATES
from ..graph.structure import Structure
from ..support.callers import caller_level
from .steps import Backward, Instead, Step

Acts = Mapping[int, Backward]
"""Node → the backward function of a rule that acts there."""


class Rule:
    """What a backward pass does at each node. See the module's first lines for how to write one."""

    name: str
    """What it is called, in reports and messages."""

    def at(self, node: Node) -> Backward | Instead | None:
        """The backward function at a node; None for MXNet's own derivative.

        Args:
            node: any of the graph.
        """
        raise NotImplementedError

    @property
    def is_plain(self) -> bool:
        """Whether it is the chain rule, everywhere."""
        return False

    @property
    def acts_on(self) -> str:
        """What it acts on, in words, for the message that there is none of it in a net."""
        return "what its `at` chooses"

    @property
    def looks_for_rectifiers(self) -> bool:
        """Whether it means to act on every rectifier of a net."""
        return False

    def acts(self, graph: Structure) -> Acts:
        """Where in a graph it acts, and how: what `at` says of each of its nodes.

        A rule that has to know more than a node says it here.

        Args:
            graph: what will run.
        """
        nodes = (node for node in graph.live_nodes if not node.is_variable)
        found = ((node.index, self.backward_at(node)) for node in nodes)
        return {index: backward for index, backward in found if backward is not None}

    @property
    def needs_graph(self) -> bool:
        """Whether it acts on whole graphs, and nets that cannot be traced are refused."""
        return False

    @property
    def keeps_accounts(self) -> bool:
        """Whether what arrives at each operator and leaves it is taken down."""
        return False

    def by_gradient(self, graph: Structure) -> list[str]:
        """The operators at which it falls back to the gradient, in words.

        Args:
            graph: what is walked through.
        """
        return []

    def start(self, gradient: Any, output: Any) -> Any:
        """What a backward pass begins with at an output.

        Args:
            gradient: of what is explained, there.
            output: its value.
        """
        return gradient

    def backward_at(self, node: Node) -> Backward | None:
        """What the engine does at a node: `at(node)`, where a function stands instead.

        Args:
            node: any of the graph.

        Raises:
            RuleError: `at` gives neither a function nor None.
        """
        found = self.at(node)
        if found is None or isinstance(found, Backward):
            return found
        if not callable(found):
            raise RuleError(
                f"the rule {self.name!r} gives {found!r} at {node.op} {node.name!r}; expected a "
                "function of a Step, a Backward, or None"
            )
        return Backward(instead=found)


@dataclass(frozen=True)
class _Plain(Rule):
    name: str = "plain"

    def at(self, node: Node) -> None:
        return None

    @property
    def is_plain(self) -> bool:
        return True


@dataclass(frozen=True)
class _AtRectifiers(Rule):
    """One backward function at every rectifier."""

    name: str
    is_replaced: bool
    """Whether nothing else is left of the rectifier's derivative."""

    def at(self, node: Node) -> Backward | None:
        if not is_rectifier(node):
            return None
        bend = node.bend
        slope, sign = (bend.slope, bend.sign) if bend else (1.0, 1)
        return _at_rectifier(self.is_replaced, slope, sign)

    @property
    def acts_on(self) -> str:
        return "rectifiers (ReLU and its kin)"

    @property
    def looks_for_rectifiers(self) -> bool:
        return True


def _rectified(gradient: Any, out: Any = None) -> Any:
    """max(dy, 0). The Activation operator, unlike nd.relu, stays in oneDNN's memory layout."""
    return mx.nd.Activation(gradient, act_type="relu", out=out)


def _rectified_below(gradient: Any, out: Any = None) -> Any:
    """min(dy, 0): of what stands for a rectifier times -1."""
    return mx.nd._internal._minimum_scalar(gradient, scalar=0, out=out)


@functools.lru_cache(maxsize=None)
def _at_rectifier(is_replaced: bool, slope: float, sign: int) -> Backward:
    """What happens at f(z) = slope · z on the side where f has that sign, a share of it elsewhere.

    It is sign · ReLU(z) or ReLU(-z) times the slope's size: what arrives there is rectified.
    """

    def as_it_is(step: Step) -> list[Any]:
        return [one if slope == 1 else one * slope for one in step.arriving]

    arriving = _rectified if sign > 0 else _rectified_below
    return Backward(arriving, as_it_is if is_replaced else None, of_activation=is_replaced)


PLAIN: Rule = _Plain()
"""The gradient as it is."""
GUIDED: Rule = _AtRectifiers("guided", is_replaced=False)
"""Guided backpropagation: of the gradient, what is positive."""
DECONVNET: Rule = _AtRectifiers("deconvnet", is_replaced=True)
"""Deconvnet: what is positive, whatever the activation's derivative is."""


def is_rectifier(node: Node) -> bool:
    """Whether a node is an activation that rectifies, rather than a gate."""
    return node.activation is not None and node.activation not in GATES


def activation_node(kind: str, name: str = "") -> Node:
    """An activation as a node, where there is a layer of that kind and no graph."""
    op = "Activation" if kind in _OF_ACTIVATION else "LeakyReLU"
    return Node(-1, op, name or kind, {"act_type": kind}, ((-1, 0),), role=op, activation=kind)


_OF_ACTIVATION = {"relu", "sigmoid", "tanh", "softrelu", "softsign"}


@dataclass(frozen=True, repr=False)
class RuleReport:
    """What a rule did to a net: how many nodes of each kind it changed, and left alone.

    Activations are counted by their kind, other nodes by their operator; of these, only operators
    that the rule acts on somewhere.

    Args:
        rule: the rule's name.
        changed: kind ("relu", "Convolution") → how many the rule changed.
        left_alone: kind → how many it left alone.
        not_seen: operator → how many seem to rectify in a way that no rule sees: at a threshold
            other than zero, by a learned slope.
    """

    rule: str
    changed: dict[str, int]
    left_alone: dict[str, int]
    not_seen: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        names = ["rule", "changed", "left_alone", *(["not_seen"] if self.not_seen else [])]
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({told})"


def report(rule: Rule, graph: Structure, nodes: Iterable[int]) -> RuleReport:
    """What `rule` does in a backward pass that goes through `nodes`."""
    acts = rule.acts(graph)
    return _report(rule, (graph.nodes[index] for index in nodes), lambda node: node.index in acts)


def report_of(rule: Rule, nodes: Iterable[Node], out_of_reach: Iterable[str] = ()) -> RuleReport:
    """What `rule` does at nodes, where it cannot act on some other activations, given by kind."""
    return _report(rule, nodes, lambda node: rule.backward_at(node) is not None, out_of_reach)


def _report(
    rule: Rule,
    nodes: Iterable[Node],
    acts: Callable[[Node], bool],
    out_of_reach: Iterable[str] = (),
) -> RuleReport:
    changed: Counter[str] = Counter()
    left_alone: Counter[str] = Counter(out_of_reach)
    others: Counter[str] = Counter()
    not_seen: Counter[str] = Counter()
    for node in nodes:
        not_seen.update([node.op] * node.is_unseen)
        kind = node.activation or node.op
        if acts(node):
            changed[kind] += 1
        elif node.activation:
            left_alone[kind] += 1
        else:
            others[kind] += 1
    left_alone.update({kind: count for kind, count in others.items() if kind in changed})
    return RuleReport(rule.name, dict(changed), dict(left_alone), dict(not_seen))


def check_acts(rule: Rule, report: RuleReport, nodes: Iterable[Node]) -> None:
    """Refuse a rule that changes nothing; say what it should have changed, but does not see.

    One that acts on whole graphs may find nothing to change: it follows the chain rule there.

    Args:
        report: what it did.
        nodes: those that it was asked at, to name them.

    Raises:
        RuleError: a rule other than the plain one acts nowhere.
    """
    if not (rule.is_plain or rule.needs_graph or report.changed):
        others = {one.op for one in nodes if not (one.activation or one.is_variable)}
        found = [*(report.left_alone or ["no activation"]), *sorted(others)]
        raise RuleError(
            f"the {rule.name} rule acts on {rule.acts_on}, and there is none "
            f"between the net's output and its input (found: {', '.join(found)})",
            advice=Advice.SHOW_THE_GRADIENT,
        )
    if rule.looks_for_rectifiers and report.not_seen:
        counted = ", ".join(f"{count} {op}" for op, count in sorted(report.not_seen.items()))
        warnings.warn(
            f"the net seems to rectify by operators of its own that the {rule.name} rule does not "
            f"see, and through which the gradient goes as it is: {counted}. What it sees are "
            "activations, and functions of one value with a bend at zero, where(y > 0, y, 0) and "
            "maximum(y, 0.1 * y)",
            stacklevel=caller_level(),
        )


def refuse_out_of_reach(rule: Rule, nodes: Iterable[Node], way: str) -> None:
    """Refuse a rule that acts where only activation layers are known.

    Args:
        nodes: what runs.
        way: how the net is run, for the message.

    Raises:
        RuleError: it acts on something else, or on whole graphs.
    """
    if rule.needs_graph:
        raise RuleError(
            f"the rule {rule.name!r} goes through a graph, and {way}, there is none: make the net "
            "one that gm.trace(net) can trace, or explain it by a method that asks for less"
        )
    for node in nodes:
        if not node.is_variable and not node.activation and rule.backward_at(node) is not None:
            raise RuleError(
                f"the rule {rule.name!r} acts on the operator {node.op} "
                f"({node.name!r}), and {way}, it can act on activation layers alone: "
                "make the net one that gm.trace(net) can trace, and explain it by a method that "
                "asks for the rule"
            )

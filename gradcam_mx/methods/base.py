"""What every method stands on: a run of the net, and the register of methods.

A method is a formula over a `Run`. It says what it needs; the run is recorded for that, once, and
whatever the formula asks for is computed when first asked for.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from .. import inputs, layers, rules, targets
from .._mxnet import mx
from ..errors import MethodError, NetworkError, RuleError, reason
from ..explanation import Explanation
from ..inputs import Input
from ..rules import PLAIN, Rule
from ..tape import Tape
from ..targets import Target
from ..trace import Net, trace


@dataclass(frozen=True)
class Needs:
    """What a method's formula draws on."""

    layer: bool = False
    """The activations of a layer and the gradient there."""
    rules: frozenset[Rule] = frozenset()
    """The rules under which it wants the gradient at the input."""


@dataclass(frozen=True)
class Method:
    """A method as the register lists it."""

    name: str
    family: str
    paper: str
    needs: Needs
    formula: Formula
    function: Callable[..., Explanation]

    @property
    def title(self) -> str:
        """What people call it, "Grad-CAM": its documentation begins with that and a colon."""
        return (self.formula.__doc__ or self.name).split(":")[0]


Formula = Callable[..., np.ndarray]
"""From a run, and options by keyword, to the raw values of an explanation."""

METHODS: dict[str, Method] = {}
"""Every method by its name."""


class Run:
    """One net, one input, one target: what formulas draw on, each thing computed at most once."""

    def __init__(self, net: Net, x: Input, target: Target = None, layer: Any = None,
                 needs: Iterable[Needs] = ()) -> None:
        needs = list(needs)
        wanted_rules = frozenset().union(*(need.rules for need in needs))
        graph = trace(net, inputs.count(x))
        values = inputs.prepare(graph, x)
        self.input_size: tuple[int, int] = tuple(values[0].shape[-2:])
        self._graph = graph
        self._output = graph.heads[0]
        self._input = graph.inputs[0]
        points = [self._input] if wanted_rules else []
        self.layer: str | None = None
        if any(need.layer for need in needs):
            shapes = graph.shapes(*(tuple(value.shape) for value in values))
            self._map, self.layer = layers.find_map(graph, layer, shapes)
            points.append(self._map)
        for rule in wanted_rules:
            self._check_acts(rule)
        with _failures_told("forward"):
            self._tape = Tape(graph, values, points, wanted_rules | {PLAIN})
            self.output: np.ndarray = self._tape.value(self._output).asnumpy()
        self._head = targets.head(target, self._tape.value(self._output))
        self._input_gradients: dict[Rule, np.ndarray] = {}

    def _check_acts(self, rule: Rule) -> None:
        report = self.report(rule)
        if not rule.is_plain and not report.changed:
            found = ", ".join(report.left_alone) or "none at all"
            raise RuleError(
                f"the {rule.name} rule acts on rectifiers (ReLU and its kin), and there is none "
                f"between the net's output and its input (activations found: {found}); use "
                "gm.saliency for the plain gradient")

    def report(self, rule: Rule) -> rules.RuleReport:
        """How many activations of which kind `rule` changes."""
        return rules.report(rule, self._graph, self._graph.differentiable([self._input]))

    @property
    def score(self) -> np.ndarray:
        """(N,) the explained scalar of each sample."""
        return self._head.score

    @property
    def target(self) -> Any:
        """The class ids, or the name of what else is explained."""
        return self._head.target

    @cached_property
    def activations(self) -> np.ndarray:
        """(N, C, h, w): A, the layer's output."""
        return self._tape.value(self._map).asnumpy()

    @cached_property
    def layer_gradient(self) -> np.ndarray:
        """(N, C, h, w): ∂score/∂A."""
        return self._backward(PLAIN, self._map)

    def input_gradient(self, rule: Rule = PLAIN) -> np.ndarray:
        """(N, C, H, W): the gradient of the score at the input, under `rule`."""
        if rule not in self._input_gradients:
            self._input_gradients[rule] = self._backward(rule, self._input)
        return self._input_gradients[rule]

    def explain(self, method: Method, options: Mapping[str, Any] = MappingProxyType({})
                ) -> Explanation:
        """What `method` finds on this run."""
        values = np.ascontiguousarray(method.formula(self, **options), dtype=np.float32)
        rule = next((rule for rule in method.needs.rules if not rule.is_plain), None)
        return Explanation(
            values, method.name, self.target, self.score, self.input_size,
            layer=self.layer if method.needs.layer else None, options=dict(options),
            rule_report=self.report(rule) if rule else None)

    def _backward(self, rule: Rule, point: Any) -> np.ndarray:
        with _failures_told("backward"):
            gradients = self._tape.backward(self._output, self._head.gradient, rule, [point])
            return gradients[point].asnumpy()


@contextmanager
def _failures_told(way: str) -> Iterator[None]:
    """MXNet computes later than it is told to, so it fails where a result is read."""
    try:
        yield
    except mx.MXNetError as error:
        raise NetworkError(f"MXNet failed while running the net {way}: {reason(error)}") from error


def explain(net: Net, x: Input, methods: Iterable[str], target: Target = None,
            layer: Any = None) -> dict[str, Explanation]:
    """Several methods on one run of the net, which they share: name → Explanation.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        methods: names out of `METHODS`.
        target: what is explained; each sample's top class by default.
        layer: for the methods that explain one; by default the last before the global pool.

    Raises:
        MethodError: there is no such method.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
    """
    chosen = [find_method(name) for name in methods]
    run = Run(net, x, target, layer, [one.needs for one in chosen])
    return {one.name: run.explain(one) for one in chosen}


def find_method(name: str) -> Method:
    """The method of that name.

    Raises:
        MethodError: there is none; the message lists those that there are.
    """
    if name not in METHODS:
        raise MethodError(f"there is no method {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name]


def method(*, family: str, paper: str, needs: Needs) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered method of a formula `f(run, *, option=default …) -> values`.

    The function made is called with (net, x, target, layer, **options), `layer` only where the
    formula needs one, and has the formula's name, docstring and options.
    """

    def register(formula: Formula) -> Callable[..., Explanation]:
        signature = _signature(formula, needs)

        @functools.wraps(formula)
        def function(*args: Any, **kwargs: Any) -> Explanation:
            try:
                options = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"{formula.__name__}() {error}: {formula.__name__}{signature}"
                                ) from None
            subject = {name: options.pop(name) for name in _SUBJECT if name in options}
            return Run(**subject, needs=[needs]).explain(METHODS[formula.__name__], options)

        function.__signature__ = signature  # type: ignore[attr-defined]
        METHODS[formula.__name__] = Method(
            formula.__name__, family, paper, needs, formula, function)
        return function

    return register


_SUBJECT = ("net", "x", "target", "layer")


def _signature(formula: Formula, needs: Needs) -> inspect.Signature:
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    subject = [
        inspect.Parameter(name, positional, annotation=name.capitalize().replace("X", "Input"),
                          default=inspect.Parameter.empty if name in ("net", "x") else None)
        for name in _SUBJECT if needs.layer or name != "layer"
    ]
    options = list(inspect.signature(formula).parameters.values())[1:]
    return inspect.Signature([*subject, *options], return_annotation="Explanation")

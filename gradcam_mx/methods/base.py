"""The register of methods, and how a public function is made of a formula.

A method is a formula over a `Run`. It says what it needs; the run is recorded for that, once, and
whatever the formula asks for is computed when first asked for.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Callable, Iterable, List, Mapping, Union

import numpy as np

from .. import picture
from ..errors import LayerError, MethodError
from ..explanation import Explanation
from ..heads import Target
from ..inputs import Input
from ..outputs import OutputChoice
from ..recording import InputChoice
from ..run import Needs, Run
from ..trace import Net

Found = Union[Explanation, List[Explanation]]
"""An explanation; for a list of layers, one for each."""

FUSIONS: dict[str, Callable[..., np.ndarray]] = {
    "mean": np.mean, "max": np.max, "product": np.prod}


@dataclass(frozen=True)
class Method:
    """A method as the register lists it."""

    name: str
    family: str
    paper: str
    needs: Needs
    formula: Formula
    function: Callable[..., Found]

    @property
    def title(self) -> str:
        """What people call it, "Grad-CAM": its documentation begins with that and a colon."""
        return (self.formula.__doc__ or self.name).split(":")[0]


Formula = Callable[..., np.ndarray]
"""From a run, and options by keyword, to the raw values of an explanation."""

METHODS: dict[str, Method] = {}
"""Every method by its name."""


def explain(net: Net, x: Input, methods: Iterable[str], target: Target = None,
            layer: Any = None, *, output: OutputChoice = None, input: InputChoice = None,
            fuse: str | None = None) -> dict[str, Any]:
    """Several methods on one run of the net, which they share: name → Explanation.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
        methods: names out of `METHODS`.
        target: what is explained; each sample's top class by default.
        layer: for the methods that explain one; by default the last before the global pool. With a
            list of layers these methods give a list of explanations.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name.
        fuse: "mean", "max" or "product" joins the maps of several layers at the input's size.

    Raises:
        MethodError: there is no such method.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
    """
    chosen = [find_method(name) for name in methods]
    run = Run(net, x, target, layer, [one.needs for one in chosen], output=output, input=input)
    several = isinstance(layer, (list, tuple))
    return {one.name: explain_run(run, one, several=several, fuse=fuse) for one in chosen}


def explain_run(run: Run, method: Method, options: Mapping[str, Any] = MappingProxyType({}), *,
                several: bool = False, fuse: str | None = None) -> Found:
    """What `method` finds on a run: of each layer if `several` were asked for, else of the one."""
    if fuse is not None and fuse not in FUSIONS:
        raise MethodError(f"there is no fusion {fuse!r}; there are {', '.join(FUSIONS)}")
    if not method.needs.layer:
        return _explanation(run, method, method.formula(run, **options), options)
    found = [
        _explanation(run, method, method.formula(run.at(one), **options), options, one.name)
        for one in run.maps]
    if not several:
        return found[0]
    return found if fuse is None else _fused(run, method, found, fuse)


def _explanation(run: Run, method: Method, values: np.ndarray, options: Mapping[str, Any],
                 layer: str | None = None) -> Explanation:
    rule = next((rule for rule in method.needs.rules if not rule.is_plain), None)
    return Explanation(
        np.ascontiguousarray(values, dtype=np.float32), method.name, run.target, run.score,
        run.input_size, layer=layer, options=dict(options),
        rule_report=run.report(rule) if rule else None, output=run.output_name,
        input=run.input_name)


def _fused(run: Run, method: Method, found: list[Explanation], fuse: str) -> Explanation:
    """The maps of several layers as one: each stretched to [0, 1] at the input's size, then joined.
    """
    if any(not one.is_map for one in found):
        raise LayerError(f"fuse= joins the maps of several layers; {method.name} gives "
                         "attributions of the input")
    maps = np.stack([picture.normalise(picture.resize(one.values, run.input_size))
                     for one in found])
    options = {**found[0].options, "fuse": fuse}
    return _explanation(run, method, FUSIONS[fuse](maps, axis=0), options,
                        " + ".join(str(one.layer) for one in found))


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

    The function made is called with (net, x, target, layer, *, output, …, **options), `layer` and
    `fuse` only where the formula needs a layer, `input` only where it needs gradients at the input;
    it has the formula's name, docstring and options.
    """

    def register(formula: Formula) -> Callable[..., Any]:
        signature = _signature(formula, needs)

        @functools.wraps(formula)
        def function(*args: Any, **kwargs: Any) -> Found:
            try:
                options = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"{formula.__name__}() {error}: {formula.__name__}{signature}"
                                ) from None
            subject = {name: options.pop(name) for name in _SUBJECT if name in options}
            fuse = options.pop("fuse", None)
            run = Run(**subject, needs=[needs])
            several = isinstance(subject.get("layer"), (list, tuple))
            return explain_run(run, METHODS[formula.__name__], options, several=several, fuse=fuse)

        function.__signature__ = signature  # type: ignore[attr-defined]
        METHODS[formula.__name__] = Method(
            formula.__name__, family, paper, needs, formula, function)
        return function

    return register


_SUBJECT = ("net", "x", "target", "layer", "output", "input")


def _signature(formula: Formula, needs: Needs) -> inspect.Signature:
    def parameter(name: str, annotation: Any, kind: Any, default: Any = None) -> inspect.Parameter:
        return inspect.Parameter(name, kind, annotation=annotation, default=default)

    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        parameter("net", "Net", positional, inspect.Parameter.empty),
        parameter("x", "Input", positional, inspect.Parameter.empty),
        parameter("target", "Target", positional),
    ]
    if needs.layer:
        parameters.append(parameter("layer", "Any", positional))
    parameters.append(parameter("output", "OutputChoice", keyword))
    if needs.rules:
        parameters.append(parameter("input", "InputChoice", keyword))
    if needs.layer:
        parameters.append(parameter("fuse", "str | None", keyword))
    options = list(inspect.signature(formula).parameters.values())[1:]
    return inspect.Signature([*parameters, *options], return_annotation="Explanation")

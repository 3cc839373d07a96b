"""The register of methods, and how a public function is made of a formula.

A method is a formula over a `Run`. It says what it needs; the run is recorded for that, once, and
whatever the formula asks for is computed when first asked for.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Sequence, Union

import numpy as np

from .. import picture
from ..engine.inputs import Input
from ..engine.wanted import Check, InputChoice
from ..errors import LayerError, MethodError
from ..explanation.explanation import Explanation
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from ..targets import Several, Top
from ..targets.heads import Targets
from .arguments import documented
from .run import Needs, Run

Found = Union[Explanation, List[Any]]
"""An explanation; a list of them for several layers or targets, of lists for several of both."""

FUSIONS: dict[str, Callable[..., np.ndarray]] = {"mean": np.mean, "max": np.max, "product": np.prod}


class Result(NamedTuple):
    """What a formula gives, where it reports more than its values.

    Args:
        values: the raw values of the explanation.
    """

    values: np.ndarray
    details: dict[str, np.ndarray]
    """For `Explanation.details`."""
    signed: bool = False
    """For `Explanation.signed`."""


@dataclass(frozen=True)
class Method:
    """A method as the register lists it.

    Args:
        name: that of its function.
        family: what it is listed under, such as "gradients".
        paper: who found it, when, and where to read it.
        needs: what its formula draws on.
        formula: from a run, and options by keyword, to the raw values.
        function: what users call.
    """

    name: str
    family: str
    paper: str
    cost: str
    """The passes through the net that it takes."""
    needs: Needs
    formula: Formula
    function: Callable[..., Found]
    check: Callable[..., None] | None = None
    """Of its options: called with the shape of the input, channels first, and all options."""

    @property
    def title(self) -> str:
        """What people call it, "Grad-CAM": its documentation begins with that and a colon."""
        return (self.formula.__doc__ or self.name).split(":")[0]


Formula = Callable[..., Union[np.ndarray, Result, List[Result]]]
"""From a run, and options by keyword, to the raw values of an explanation; of a method that
perturbs, a list with those for each target."""

METHODS: dict[str, Method] = {}
"""Every method by its name."""


def explain(
    net: Net,
    x: Input,
    methods: Iterable[str],
    target: Targets = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Several methods on one run of the net: name → Explanation.

    They share the forward pass, and each backward pass that two of them need.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
        methods: names out of `METHODS`.
        target: what is explained; each sample's top class by default. With several targets
            (`gm.targets.Several`, `Top`) each method gives a list of explanations.
        layer: for the methods that explain a layer; by default the last before the global pool.
            With a list of layers these methods give a list of explanations. Methods that can
            explain a layer as well as the input explain the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name.
        fuse: "mean", "max" or "product" joins the maps of several layers at the input's size.
        options: name of a method → its own options.

    Raises:
        MethodError: there is no such method, or a method has no such option.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
    """
    chosen = choose(methods, options)
    run = Run(
        net,
        x,
        target,
        layer,
        [one.needs for one in chosen],
        output=output,
        input=input,
        checks=[check for one in chosen for check in checks(one, options.get(one.name, {}))],
    )
    views = run.for_each_target()
    several = isinstance(layer, (list, tuple))
    found = {}
    for one in chosen:
        each = explain_run(
            run, one, options.get(one.name, {}), several=several, fuse=fuse, views=views
        )
        found[one.name] = each if isinstance(target, (Several, Top)) else each[0]
    return found


def choose(names: Iterable[str], options: Mapping[str, Mapping[str, Any]]) -> list[Method]:
    """The methods of those names.

    Raises:
        MethodError: there is no such method, or none of them has such an option.
    """
    chosen = {name: find_method(name) for name in names}
    for name, own in options.items():
        known = chosen.get(find_method(name).name)
        takes = list(inspect.signature(known.formula).parameters)[1:] if known else []
        unknown = sorted(set(own) - set(takes))
        if known is None or unknown:
            raise MethodError(
                f"options for {name!r} that nothing takes: {unknown or sorted(own)}; the methods "
                f"are {', '.join(chosen)}"
                + (f", and {name} takes {', '.join(takes) or 'none'}" if known else "")
            )
    return list(chosen.values())


def checks(method: Method, options: Mapping[str, Any]) -> list[Check]:
    """The check of a method's options that `Run` makes, if it has one."""
    check = method.check
    if check is None:
        return []
    parameters = list(inspect.signature(method.formula).parameters.values())[1:]
    given = {one.name: options.get(one.name, one.default) for one in parameters}
    return [lambda shape: check(shape, **given)]


def explain_run(
    run: Run,
    method: Method,
    options: Mapping[str, Any] = MappingProxyType({}),
    *,
    several: bool = False,
    fuse: str | None = None,
    views: Sequence[Run] | None = None,
) -> list[Any]:
    """What `method` finds on a run, for each target: an explanation, or if `several` layers were
    asked for, a list of them.

    Args:
        views: `run.for_each_target()`, if gradients are to be shared between methods.
    """
    if fuse is not None and fuse not in FUSIONS:
        raise MethodError(f"there is no fusion {fuse!r}; there are {', '.join(FUSIONS)}")
    views = views or run.for_each_target()
    if method.needs.perturbs:
        results = method.formula(run, **options)
        return [
            _explained(view.at(None), method, options, one) for view, one in zip(views, results)
        ]
    return [_of_target(view, method, options, several, fuse) for view in views]


def _of_target(
    run: Run, method: Method, options: Mapping[str, Any], several: bool, fuse: str | None
) -> Found:
    if not method.needs.layer:
        return _explanation(run.at(None), method, options)
    maps = [run.pooled()[0]] if method.needs.pooled else run.maps
    found = [_explanation(run.at(one), method, options) for one in maps]
    if not several:
        return found[0]
    return found if fuse is None else _fused(run, method, found, fuse)


def _explanation(run: Run, method: Method, options: Mapping[str, Any]) -> Explanation:
    return _explained(run, method, options, method.formula(run, **options))


def _explained(run: Run, method: Method, options: Mapping[str, Any], found: Any) -> Explanation:
    result = found if isinstance(found, Result) else Result(found, {})
    rule = next((rule for rule in method.needs.rules if not rule.is_plain), None)
    return Explanation(
        np.ascontiguousarray(result.values, dtype=np.float32),
        method.name,
        run.target,
        run.score,
        run.input_size,
        layer=run.map.name if run.map else None,
        options=dict(options),
        rule_report=run.report(rule) if rule else None,
        output=run.output_name,
        input=run.input_name,
        details=result.details,
        signed=result.signed,
    )


def _fused(run: Run, method: Method, found: list[Explanation], fuse: str) -> Explanation:
    """The maps of several layers as one: each stretched to [0, 1], at the input's size, joined."""
    if any(not one.is_map for one in found):
        raise LayerError(
            f"fuse= joins the maps of several layers; {method.name} gives attributions of the input"
        )
    maps = np.stack(
        [picture.normalise(picture.resize(one.values, run.input_size)) for one in found]
    )
    return replace(
        found[0],
        values=FUSIONS[fuse](maps, axis=0).astype(np.float32),
        layer=" + ".join(str(one.layer) for one in found),
        options={**found[0].options, "fuse": fuse},
        details={},
    )


def find_method(name: str) -> Method:
    """The method of that name.

    Raises:
        MethodError: there is none; the message lists those that there are.
    """
    if name not in METHODS:
        raise MethodError(f"there is no method {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name]


def method(
    *, family: str, paper: str, cost: str, needs: Needs, check: Callable[..., None] | None = None
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered method of a formula `f(run, *, option=default …) -> values`.

    A `check(shape, **options)` refuses options that do not fit the input, before anything is
    computed.

    The function made is called with (net, x, target, layer, *, output, …, **options), `layer` and
    `fuse` only where the formula needs a layer, `input` only where it attributes to the input; it
    has the formula's name and options, and its docstring, completed by that of all arguments.

    Args:
        family: what it is listed under, such as "gradients".
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it takes.
        needs: what the formula draws on.
        check: refuses options, as said above.
    """

    def register(formula: Formula) -> Callable[..., Any]:
        signature = _signature(formula, needs)

        @functools.wraps(formula)
        def function(*args: Any, **kwargs: Any) -> Found:
            try:
                options = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(
                    f"{formula.__name__}() {error}: {formula.__name__}{signature}"
                ) from None
            subject = {name: options.pop(name) for name in _SUBJECT if name in options}
            fuse = options.pop("fuse", None)
            layer = subject.get("layer")
            # a method that can explain a layer needs one if one is given
            needed = replace(needs, layer=needs.layer or layer is not None)
            own = replace(METHODS[formula.__name__], needs=needed)
            run = Run(**subject, needs=[needed], checks=checks(own, options))
            found = explain_run(
                run, own, options, several=isinstance(layer, (list, tuple)), fuse=fuse
            )
            return found if isinstance(subject.get("target"), (Several, Top)) else found[0]

        function.__doc__ = documented(formula.__doc__, signature.parameters)
        function.__signature__ = signature  # type: ignore[attr-defined]
        METHODS[formula.__name__] = Method(
            formula.__name__, family, paper, cost, needs, formula, function, check
        )
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
        parameter("target", "Targets", positional),
    ]
    if needs.layer or needs.inside:
        parameters.append(parameter("layer", "Any", positional))
    parameters.append(parameter("output", "OutputChoice", keyword))
    if needs.rules or needs.inside or needs.perturbs:
        parameters.append(parameter("input", "InputChoice", keyword))
    if needs.layer:
        parameters.append(parameter("fuse", "str | None", keyword))
    options = list(inspect.signature(formula).parameters.values())[1:]
    return inspect.Signature([*parameters, *options], return_annotation="Explanation")

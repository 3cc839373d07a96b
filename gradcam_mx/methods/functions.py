"""How a public function is made of a formula.

A method is a formula over a `Run`. It says what it needs; the run is recorded for that, once, and
whatever the formula asks for is computed when first asked for.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable

from ..errors import MethodError
from ..support.boundary import told
from ..support.elsewhere import arguments_here
from .arguments import documented
from .needs import Needs
from .options import renamed
from .plan import Plan
from .register import FAMILIES, METHODS, Formula, Found, Method


def method(
    *, family: str, paper: str, cost: str, needs: Needs, check: Callable[..., None] | None = None
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered method of a formula `f(run, *, option=default …) -> values`.

    A `check(shape, **options)` refuses options that do not fit the input, before anything is
    computed.

    The function made is called with (net, x, target, layer, *, output, …, **options), `layer` and
    `fuse` only where the formula needs a layer; it has the formula's name and options, and its
    docstring, completed by that of all arguments. It keeps to this formula, whatever becomes of the
    register.

    Args:
        family: what it is listed under, one of `FAMILIES`.
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it takes.
        needs: what the formula draws on.
        check: refuses options, as said above.

    Raises:
        MethodError: there is a method of that name, or no such family.
    """

    if family not in FAMILIES:
        raise MethodError(
            f"there is no family {family!r}; there are {', '.join(map(repr, FAMILIES))}"
        )

    def decorate(formula: Formula) -> Callable[..., Any]:
        name, signature = formula.__name__, _signature(formula, needs)
        METHODS.check_free(name)

        @told
        @functools.wraps(formula)
        def function(*args: Any, **kwargs: Any) -> Found:
            given = _bound(name, signature, args, renamed(name, kwargs))
            subject = {one: given.pop(one) for one in _SUBJECT if one in given}
            how = {one: given.pop(one) for one in _HOW if one in given}
            # a method that can explain a layer needs one if one is given
            inside = how.get("layer") is not None
            plan = Plan([own], **how, options={name: given}, inside=inside)
            return plan.run(**subject).explanations[name]

        function.__doc__ = documented(formula.__doc__, signature.parameters)
        function.__signature__ = signature  # type: ignore[attr-defined]
        own = METHODS.add(Method(name, family, paper, cost, needs, formula, function, check))
        return function

    return decorate


_SUBJECT = ("net", "x", "target")
_HOW = ("layer", "output", "input", "fuse", "names")


def _bound(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Name → value of the arguments of a call.

    Raises:
        TypeError: they do not fit; the message has the signature.
    """
    takes = signature.parameters
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        here = arguments_here([one for one in kwargs if one not in takes], takes)
        said = f"{error}; {here}" if here else str(error)
        raise TypeError(f"{name}() {said}: {name}{signature}") from None


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
    parameters.append(parameter("input", "InputChoice", keyword))
    if needs.layer:
        parameters.append(parameter("fuse", "str | None", keyword))
    parameters.append(parameter("names", "Names | None", keyword))
    options = list(inspect.signature(formula).parameters.values())[1:]
    return inspect.Signature([*parameters, *options], return_annotation="Explanation")

"""How a public function is made of a formula."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ..errors import MetricError
from ..explanation.explanation import Explanation
from ..methods.arguments import documented
from ..support.boundary import told
from .case import Case
from .masks import masks_of
from .measured import Measured
from .register import FAMILIES, HIGHER, LOWER, METRICS, NEITHER, Curves, Formula, Metric, Wants

ARGUMENTS = {
    "net": "what was explained: a Block, a Graph, or (symbol, arg_params, aux_params).",
    "x": "the input that was explained, (N, C, H, W), preprocessed; not modified.",
    "explanation": "an Explanation; several of the same input in a list or a mapping share what "
    "can be shared, and give a list or a dictionary.",
    "target": "what was explained; by default the classes that the explanation names.",
    "output": 'which of several outputs was explained; or "probability".',
    "masks": "where the object is: (N, H, W), true or 1 there; or for each sample a box (left, "
    "top, right, bottom), or several, in pixels of the input, the ends left out.",
    "steps": "how many parts of the input are changed one after another.",
    "baseline": 'what is changed becomes this: "zero", "mean" (each channel\'s mean), "blur" (x '
    'without detail), "inpaint" (filled from around), "linear" (noisy linear imputation), a number '
    "or one for each channel, or an array like x or like one sample.",
    "probability": "whether it is the probability of the class in place of its score.",
    "num_samples": "how many draws.",
    "radius": "of the ball, as a share of the range of each sample's values.",
    "seed": "of all that is random, which all samples and explanations share.",
    "batch_size": 'how many changed inputs run at once, or "auto"; the result does not depend on '
    "it.",
    "progress": "whether to show a bar if it takes longer than two seconds.",
}
"""Name of an argument → its documentation, where a measure does not give its own."""

_SECTIONS = {
    "Returns": "A Measured whose `values` are (N,).",
    "Raises": "MetricError: options that do not fit the input, before anything is computed.\n"
    "InputError: the net says something else of x than what was explained.\n"
    "TargetError, NetworkError: what they say.",
}
_SECTIONS_WITHOUT_NET = {"Returns": _SECTIONS["Returns"]}


def metric(
    *,
    family: str,
    paper: str,
    cost: str,
    better: str,
    wants: Wants = Wants(),  # noqa: B008 - it cannot be changed
    check: Callable[..., None] | None = None,
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a public, registered measure of a formula `f(case, *, option=default …) -> (E, N)`.

    The function made is called with (net, x, explanation, target, *, masks, output, **options),
    `masks` only where the formula wants them; where it wants no net, net and x may be None.

    Args:
        family: what it is listed under, one of `FAMILIES`.
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it takes.
        better: whether "higher" or "lower" numbers are better, or "neither".
        wants: what the formula draws on.
        check: `check(shape, **options)` refuses options that do not fit an input of a shape,
            channels first, before anything is computed.

    Raises:
        MetricError: there is a measure of that name, no such family, or no such direction.
    """
    if family not in FAMILIES or better not in (HIGHER, LOWER, NEITHER):
        raise MetricError(
            f"family={family!r}, better={better!r}; expected one of {', '.join(FAMILIES)}, and "
            f"{HIGHER}, {LOWER} or {NEITHER}"
        )

    def decorate(formula: Formula) -> Callable[..., Any]:
        name, signature = formula.__name__, _signature(formula, wants)
        METRICS.check_free(name)

        @told
        @functools.wraps(formula)
        def function(*args: Any, **kwargs: Any) -> Any:
            given = dict(signature.bind(*args, **kwargs).arguments)
            explanations, wrap = _listed(given.pop("explanation"))
            masks = given.pop("masks", None)
            subject = {one: given.pop(one) for one in ("net", "x", "target") if one in given}
            output = given.pop("output", None)
            checks = [lambda shape: check_options(own, shape, given)]
            case = Case(explanations, **subject, output=output, checks=checks)
            return wrap(measured(own, case, given, masks))

        sections = _SECTIONS if wants.net else _SECTIONS_WITHOUT_NET
        function.__doc__ = documented(
            _with_shared(formula.__doc__, signature.parameters),
            signature.parameters,
            {**sections, "Example": _example(name, wants)},
        )
        function.__signature__ = signature  # type: ignore[attr-defined]
        own = METRICS.add(
            Metric(name, family, paper, cost, better, wants, formula, function, check)
        )
        return function

    return decorate


def measured(
    metric: Metric, case: Case, options: Mapping[str, Any], masks: Any = None
) -> list[Measured]:
    """What a measure says of each explanation of a case.

    Args:
        metric: the measure.
        case: the explanations.
        options: of the measure.
        masks: where the object is, for measures that want it.
    """
    given = dict(options)
    if metric.wants.masks:
        given["masks"] = masks_of(masks, len(case.explanations[0]), case.positions)
    if metric.wants.net:
        case.run  # noqa: B018 - it refuses options that do not fit, before anything is measured
    found = metric.formula(case, **given)
    if not isinstance(found, Curves):
        return [
            Measured(metric.name, one.method, values, metric.better, metric.title, dict(options))
            for one, values in zip(case.explanations, np.asarray(found, float))
        ]
    return [
        Measured(
            metric.name,
            one.method,
            found.values[number],
            metric.better,
            metric.title,
            dict(options),
            found.curves[number],
            found.at,
            found.along,
        )
        for number, one in enumerate(case.explanations)
    ]


def check_options(metric: Metric, shape: Sequence[int], options: Mapping[str, Any]) -> None:
    """Refuse options that do not fit an input.

    Args:
        metric: the measure.
        shape: of the input, channels first.
        options: those that were given.

    Raises:
        MetricError: what it says.
    """
    if metric.check is not None:
        metric.check(shape, **{**metric.options, **options})


def _listed(given: Any) -> tuple[list[Explanation], Callable[[list[Measured]], Any]]:
    """The explanations of a call, and what gives their measures back in the same form."""
    if isinstance(given, Explanation):
        return [given], lambda found: found[0]
    if isinstance(given, Mapping):
        return list(given.values()), lambda found: dict(zip(given, found))
    return list(given), lambda found: found


def _with_shared(doc: str | None, names: Sequence[str] | Mapping[str, Any]) -> str:
    """A docstring whose section "Args" has an entry for every argument that measures share."""
    text = inspect.cleandoc(doc or "")
    own = text.partition("Args:\n")[2]
    shared = "\n".join(
        f"    {name}: {ARGUMENTS[name]}"
        for name in names
        if name in ARGUMENTS and f"    {name}: " not in own and f"    {name}," not in own
    )
    if "Args:\n" in text:
        return text.replace("Args:\n", f"Args:\n{shared}\n", 1)
    head, separator, rest = text.partition("\nExample:\n")
    return f"{head.rstrip()}\n\nArgs:\n{shared}\n{separator}{rest}"


def _example(name: str, wants: Wants) -> str:
    masks = ", masks=[(8, 8, 40, 40)]" if wants.masks else ""
    return "\n".join(
        [
            ">>> import gradcam_mx as gm, mxnet as mx",
            ">>> net = mx.gluon.model_zoo.vision.resnet18_v1()",
            ">>> net.initialize()",
            ">>> x = mx.nd.random.normal(shape=(1, 3, 64, 64))",
            f">>> gm.metrics.{name}(net, x, gm.grad_cam(net, x){masks}).values.shape",
            "(1,)",
        ]
    )


def _signature(formula: Formula, wants: Wants) -> inspect.Signature:
    def parameter(name: str, annotation: str, kind: Any, default: Any = None) -> inspect.Parameter:
        return inspect.Parameter(name, kind, annotation=annotation, default=default)

    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    empty = inspect.Parameter.empty
    options = list(inspect.signature(formula).parameters.values())[1:]
    return inspect.Signature(
        [
            parameter("net", "Net", positional, empty),
            parameter("x", "Input", positional, empty),
            parameter("explanation", "Explanation", positional, empty),
            parameter("target", "Target", positional),
            *([parameter("masks", "Any", keyword, empty)] if wants.masks else []),
            parameter("output", "OutputChoice", keyword),
            *(one for one in options if one.name != "masks"),
        ],
        return_annotation="Measured",
    )

"""Forms for people, made of signatures: nothing here knows any method by name."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any, Callable, Mapping

from ... import inspect as inspections
from ... import picture
from ...methods import METHODS
from ...metrics import METRICS
from . import hints
from .settings import Setting, of_options, setting

Form = dict  # of what JSON holds

_GIVEN = ("net", "nets", "x", "images", "shape", "preprocess", "names", "output", "targets")
"""What the app has: arguments of functions that look inside a net."""
_CHOSEN = {
    "layer": "layer",
    "layers": "layer",
    "position": "position",
    "channel": "channel",
    "units": "channel",
    "target": "target",
    "method": "method",
}
"""Argument → what is chosen on the page for it."""


def forms() -> dict[str, list[Form]]:
    """All forms, in the words of the interface: of methods, measures, and what looks inside."""
    return {
        "methods": [of_method(one) for one in METHODS.values()],
        "metrics": [of_metric(one) for one in METRICS.values()],
        "inspect": of_inspections(),
    }


def of_method(method: Any) -> Form:
    """The form of a method.

    Args:
        method: as the register has it.
    """
    settings = of_options(method.formula, method.function.__doc__, method.options, method.check)
    return {
        **_head(method),
        "needs_layer": method.needs.layer,
        "takes_layer": method.needs.layer or method.needs.inside,
        "settings": settings,
    }


def of_metric(metric: Any) -> Form:
    """The form of a measure.

    Args:
        metric: as the register has it.
    """
    settings = of_options(metric.formula, metric.function.__doc__, metric.options, metric.check)
    return {
        **_head(metric),
        "better": metric.better,
        "needs_box": metric.wants.masks,
        "settings": settings,
    }


def _head(one: Any) -> Form:
    doc = inspect.cleandoc(one.function.__doc__ or "")
    _, summary = hints.title_of(doc, one.name)
    return {
        "name": one.name,
        "title": one.title,
        "family": one.family,
        "summary": summary,
        "doc": doc,
        "cost": one.cost,
        "paper": one.paper,
        "problem": _lacks(doc),
    }


def _lacks(doc: str) -> str | None:
    """The package that a docstring says is needed and that is not installed, in a sentence."""
    modules = {"scikit-image": "skimage", "scikit-learn": "sklearn", "shap": "shap"}
    raised = doc.partition("DependencyError:")[2].split("\n")[0]
    for package, module in modules.items():
        if f"{package} is not installed" in raised and find_spec(module) is None:
            return f"this needs the package {package}: pip install {package}"
    return None


# -- what looks inside -----------------------------------------------------------------------------


def of_inspections() -> list[Form]:
    """The forms of those functions that can be called with what the app has."""
    found = []
    for name in inspections.__all__:
        function = getattr(inspections, name)
        if inspect.isclass(function):
            continue
        form = of_inspection(function)
        if form is not None:
            found.append(form)
    return found


def of_inspection(function: Callable[..., Any]) -> Form | None:
    """The form of a function that looks inside a net; None if it wants what the app has not.

    Args:
        function: it.
    """
    parameters = inspect.signature(function).parameters
    options = {
        name: one.default
        for name, one in parameters.items()
        if name not in (*_GIVEN, *_CHOSEN) and one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    if any(one is inspect.Parameter.empty for one in options.values()):
        return None
    if not any(name in parameters for name in ("net", "nets")):
        return None
    doc = inspect.cleandoc(function.__doc__ or "")
    taken = [name for name in parameters if name in _CHOSEN]
    chosen = [_chosen(name, parameters[name], hints.helps(doc)) for name in taken]
    return {
        "name": function.__name__,
        "title": function.__name__.replace("_", " ").capitalize(),
        "summary": doc.split("\n\n")[0].replace("\n", " "),
        "doc": doc,
        "gives": gives(function),
        "takes": taken,
        "settings": [*chosen, *of_options(function, doc, options, None)],
        "problem": _lacks(doc),
    }


def gives(function: Callable[..., Any]) -> str:
    """What a function gives, as the page shows it: by its type hint.

    Args:
        function: it.
    """
    signature = inspect.signature(function)
    hint = str(signature.return_annotation)
    if "Box" in hint:
        return "box"
    if hint.startswith("list[list["):
        return "patches"
    if hint.startswith("dict[str"):
        return "channels"
    if "ndarray" in hint:
        is_of_layer = "layer" in signature.parameters
        return "filters" if is_of_layer and "images" not in signature.parameters else "values"
    # of one photo it is the first, of several a list
    made = inspect.unwrap(function).__globals__.get(hint.split(" | ")[0])
    can_be_shown = any(hasattr(made, one) for one in ("_repr_png_", "_figure"))
    return "picture" if can_be_shown else "values"


def _chosen(name: str, parameter: inspect.Parameter, told: Mapping[str, str]) -> Setting:
    is_required = parameter.default is inspect.Parameter.empty
    return setting(
        name, _CHOSEN[name], None, told.get(name, ""), required=is_required, optional=True
    )


# -- drawing ---------------------------------------------------------------------------------------

HEAT_COLORS = (picture.COLORMAP, "viridis", "cividis", "magma", "inferno", "gray")
"""From dark to light, also for people who do not see some colours."""


def drawing() -> list[Setting]:
    """What can be chosen of how maps are drawn."""
    signed = list(picture.SIGNED_COLORS)
    return [
        setting(
            "opacity",
            "slider",
            None,
            "the map's share of each pixel; by default as the kind of map is drawn",
            low=0.0,
            high=1.0,
            step=0.01,
            optional=True,
        ),
        setting(
            "colormap",
            "choice",
            picture.COLORMAP,
            "the colours of maps that only say how much",
            choices=HEAT_COLORS,
        ),
        setting(
            "signed_colormap",
            "choice",
            picture.SIGNED,
            "the colours of maps that speak for and against",
            choices=signed,
        ),
        setting(
            "threshold",
            "slider",
            None,
            "what is below this share of the highest value is greyed",
            low=0.0,
            high=1.0,
            step=0.01,
            optional=True,
        ),
        setting("crop", "switch", False, "show nothing but the box around what is above it"),
        setting("whole", "switch", False, "the whole photo, not only what the network saw"),
    ]

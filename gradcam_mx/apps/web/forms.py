"""Settings for people, made of signatures: nothing here knows any method by name."""

from __future__ import annotations

import inspect
import math
from importlib.util import find_spec
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ... import inspect as inspections
from ... import picture
from ...methods import METHODS
from ...metrics import METRICS
from . import hints

Form = dict  # of what JSON holds
Setting = dict

SHAPE = (1, 3, 224, 224)
"""That of a usual photo, on which checks of options are tried."""

_SLIDER = 100
"""A slider goes up to so many times its default."""

_HIDDEN = ("progress",)
"""What the app itself takes care of."""
_ADVANCED = ("batch_size", "seed")

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
    settings = _settings(method.formula, method.function.__doc__, method.options, method.check)
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
    settings = _settings(metric.formula, metric.function.__doc__, metric.options, metric.check)
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
        "settings": [*chosen, *_settings(function, doc, options, None)],
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
    made = inspect.unwrap(function).__globals__.get(hint)
    can_be_shown = any(hasattr(made, one) for one in ("_repr_png_", "_figure"))
    return "picture" if can_be_shown else "values"


def _chosen(name: str, parameter: inspect.Parameter, told: Mapping[str, str]) -> Setting:
    is_required = parameter.default is inspect.Parameter.empty
    return _setting(
        name, _CHOSEN[name], None, told.get(name, ""), required=is_required, optional=True
    )


# -- settings --------------------------------------------------------------------------------------


def _settings(
    function: Callable[..., Any],
    doc: str | None,
    options: Mapping[str, Any],
    check: Callable[..., None] | None,
) -> list[Setting]:
    parameters, told = inspect.signature(function).parameters, hints.helps(doc)
    probe = hints.Probe(check, SHAPE, options)
    return [
        _of_option(name, default, parameters[name].annotation, told.get(name, ""), function, probe)
        for name, default in options.items()
        if name not in _HIDDEN
    ]


def _of_option(
    name: str,
    default: Any,
    annotation: Any,
    told: str,
    function: Callable[..., Any],
    probe: hints.Probe,
) -> Setting:
    kinds = hints.kinds_of(annotation, function)
    is_required = default is inspect.Parameter.empty
    if is_required and "array" in kinds:
        return _setting(name, "photos", None, told, optional=True, required=True)
    value = None if is_required else _plain(default)
    common: dict[str, Any] = {"optional": "none" in kinds or value is None, "required": is_required}
    if "bool" in kinds or isinstance(value, bool):
        return _setting(name, "switch", value, told, **common)
    choices = hints.listed(annotation)
    if "str" in kinds and not choices:
        choices = _choices(name, hints.quoted(told), value, probe)
    numeric = {"int", "float"} & kinds or (
        {type(value).__name__} if isinstance(value, (int, float)) else set()
    )
    if choices or (isinstance(value, str) and numeric):
        free = "number" if numeric else "text" if "several" in kinds else None
        chosen = choices or [str(value)]
        return _setting(name, "choice", value, told, choices=chosen, free=free, **common)
    if numeric and "several" not in kinds:
        return _number(name, value, told, "float" not in numeric, common, probe)
    return _setting(name, "text", value, told, **common)


def _choices(name: str, words: Sequence[str], default: Any, probe: hints.Probe) -> list[str]:
    """Of words in a description those that the option may be."""
    found = [*words] if not isinstance(default, str) or default in words else [default, *words]
    if not probe.tells:
        return found
    return [one for one in found if one == default or probe.lets(name, one)]


def _number(
    name: str, value: Any, told: str, whole: bool, common: Mapping[str, Any], probe: hints.Probe
) -> Setting:
    low: Any
    high: Any
    low, high = hints.range_told(told)
    start = value if value is not None else 10 if whole else 0.5
    asked = hints.bounds(probe, name, start, whole)
    low, high = (known if found is None else found for known, found in zip((low, high), asked))
    if whole:
        low, high = (None if one is None else int(one) for one in (low, high))
    is_bounded = low is not None and high is not None and value is not None
    # where the default is lost at one end, nobody finds it again
    is_slider = is_bounded and high - low <= _SLIDER * max(abs(value), 0 if whole else high - low)
    step = 1 if whole else _step(low, high) if is_slider else None
    return _setting(
        name,
        "slider" if is_slider else "number",
        value,
        told,
        low=low,
        high=high,
        step=step,
        whole=whole,
        **common,
    )


def _step(low: float, high: float) -> float:
    """A round number, of which 50 to 500 lie between two others."""
    return float(10 ** math.floor(math.log10((high - low) / 50))) if high > low else 0.01


def _setting(
    name: str,
    kind: str,
    default: Any,
    told: str,
    *,
    low: Any = None,
    high: Any = None,
    step: Any = None,
    whole: bool = False,
    optional: bool = False,
    required: bool = False,
    choices: Sequence[str] | None = None,
    free: str | None = None,
) -> Setting:
    return {
        "name": name,
        "label": name.replace("_", " "),
        "kind": kind,
        "default": default,
        "low": low,
        "high": high,
        "step": step,
        "whole": whole,
        "optional": optional,
        "required": required,
        "choices": None if choices is None else list(choices),
        "free": free,
        "unit": hints.unit_told(told),
        "advanced": name in _ADVANCED,
        "help": told,
    }


def _plain(default: Any) -> Any:
    """A default as JSON holds it."""
    if isinstance(default, np.generic):
        return default.item()
    if isinstance(default, tuple):
        return list(default)
    return (
        default if isinstance(default, (bool, int, float, str, list, type(None))) else str(default)
    )


# -- drawing ---------------------------------------------------------------------------------------

HEAT_COLORS = (picture.COLORMAP, "viridis", "cividis", "magma", "inferno", "gray")
"""From dark to light, also for people who do not see some colours."""


def drawing() -> list[Setting]:
    """What can be chosen of how maps are drawn."""
    signed = list(picture.SIGNED_COLORS)
    return [
        _setting(
            "opacity",
            "slider",
            None,
            "the map's share of each pixel; by default as the kind of map is drawn",
            low=0.0,
            high=1.0,
            step=0.01,
            optional=True,
        ),
        _setting(
            "colormap",
            "choice",
            picture.COLORMAP,
            "the colours of maps that only say how much",
            choices=HEAT_COLORS,
        ),
        _setting(
            "signed_colormap",
            "choice",
            picture.SIGNED,
            "the colours of maps that speak for and against",
            choices=signed,
        ),
        _setting(
            "threshold",
            "slider",
            None,
            "what is below this share of the highest value is greyed",
            low=0.0,
            high=1.0,
            step=0.01,
            optional=True,
        ),
        _setting("crop", "switch", False, "show nothing but the box around what is above it"),
        _setting("whole", "switch", False, "the whole photo, not only what the network saw"),
    ]

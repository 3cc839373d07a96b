"""A setting for each option of a function: of its signature, its docstring and its checks."""

from __future__ import annotations

import inspect
import math
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from . import hints

Setting = dict  # of what JSON holds

SHAPE = (1, 3, 224, 224)
"""That of a usual photo, on which checks of options are tried."""

_SLIDER = 100
"""A slider goes up to so many times its default."""

_HIDDEN = ("progress",)
"""What the app itself takes care of."""
_ADVANCED = ("batch_size", "seed")


def of_options(
    function: Callable[..., Any],
    doc: str | None,
    options: Mapping[str, Any],
    check: Callable[..., None] | None,
) -> list[Setting]:
    """Those of a function.

    Args:
        function: it.
        doc: its docstring.
        options: name → default.
        check: refuses options that make no sense, if there is such.
    """
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
        return setting(name, "photos", None, told, optional=True, required=True)
    value = None if is_required else _plain(default)
    common: dict[str, Any] = {"optional": "none" in kinds or value is None, "required": is_required}
    if "bool" in kinds or isinstance(value, bool):
        return setting(name, "switch", value, told, **common)
    choices = hints.listed(annotation)
    if "str" in kinds and not choices:
        choices = _choices(name, hints.quoted(told), value, probe)
    numeric = {"int", "float"} & kinds or (
        {type(value).__name__} if isinstance(value, (int, float)) else set()
    )
    if choices or (isinstance(value, str) and numeric):
        free = "number" if numeric else "text" if "several" in kinds else None
        chosen = choices or [str(value)]
        return setting(name, "choice", value, told, choices=chosen, free=free, **common)
    if numeric and "several" not in kinds:
        return _number(name, value, told, "float" not in numeric, common, probe)
    return setting(name, "text", value, told, **common)


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
    return setting(
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


def setting(
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
    """A setting in words of the interface.

    Args:
        name: of the option.
        kind: of control: "slider", "number", "choice", "switch", "text", "photos", or what is
            chosen elsewhere on the page.
        default: what it is if nobody changes it.
        told: what its docstring says.
        low: the lowest number.
        high: the highest.
        step: from one number to the next.
        whole: whether only whole numbers make sense.
        optional: whether it may be left empty.
        required: whether there is no default.
        choices: words to be chosen.
        free: what else may be typed: "number" or "text"; None for nothing.
    """
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

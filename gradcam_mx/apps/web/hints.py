"""What a parameter takes: told by its type hint, its default, and the words of its docstring."""

from __future__ import annotations

import inspect
import math
import re
import typing
from typing import Any, Callable, Mapping

_QUOTED = re.compile(r'"([A-Za-z][\w-]*(?:\([^")]*\))?)"')
_RANGE = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)(?![\w.]*\d)")
_ABOVE = re.compile(r"above (\d+(?:\.\d+)?), up to (\d+(?:\.\d+)?)")
_UNITS = {"in pixels": "pixels", "as a share of": "share", "in seconds": "s"}
_PLACEHOLDER = re.compile(r"\([a-z]\w*(?:, ?[a-z]\w*)*\)$")
_SECTION = r"^%s:\n((?:[ ]+.*\n?|\n(?=[ ]))*)"


def kinds_of(annotation: Any, function: Callable[..., Any]) -> set[str]:
    """The kinds of values that a type hint allows: "int", "float", "str", "bool", "none",
    "several" numbers, or "array".

    Hints are texts, which Python 3.8 cannot evaluate where they have "|"; names in them are looked
    up where the function was written.

    Args:
        annotation: of a parameter.
        function: that has it.
    """
    if annotation is inspect.Parameter.empty:
        return set()
    found: set[str] = set()
    if isinstance(annotation, str):
        inside = re.fullmatch(r"(?:typing\.)?(Optional|Union)\[(.+)\]", annotation)
        if inside:
            parts = inside[2].split(",") if inside[1] == "Union" else [inside[2], "None"]
            return {kind for one in parts for kind in kinds_of(one.strip(), function)}
        for part in re.split(r"\s*\|\s*(?![^\[]*\])", annotation.strip("'\"")):
            name = part.split("[")[0].rpartition(".")[2]
            known = getattr(inspect.unwrap(function), "__globals__", {}).get(name)
            plain = _plain(part)
            found |= {plain} if plain else kinds_of(known, function) if known is not None else set()
        return found
    listed_parts = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Union or type(annotation).__name__ == "UnionType":
        return {kind for one in listed_parts for kind in kinds_of(one, function)}
    if typing.get_origin(annotation) is typing.Literal:
        return {_plain(type(one).__name__) or "str" for one in listed_parts}
    name = getattr(annotation, "__forward_arg__", None) or str(
        getattr(annotation, "__name__", None) or annotation
    )
    plain = _plain(name if typing.get_origin(annotation) is None else str(annotation))
    return {plain} if plain else set()


def _plain(text: str) -> str | None:
    """The kind that a single hint stands for; None if it is an alias or unknown."""
    name = text.split("[")[0].rpartition(".")[2].lower()
    if name in ("int", "float", "str", "bool"):
        return name
    if name in ("none", "nonetype"):
        return "none"
    if name in ("sequence", "list", "tuple"):
        return "several"
    return "array" if name in ("ndarray", "array") else None


def listed(annotation: Any) -> list[str]:
    """The texts that a hint lists, as `Literal` does.

    Args:
        annotation: of a parameter.
    """
    if isinstance(annotation, str):
        inside = re.search(r"Literal\[(.*?)\]", annotation)
        return re.findall(r"[\"'](.+?)[\"']", inside[1]) if inside else []
    if typing.get_origin(annotation) is typing.Literal:
        return [one for one in typing.get_args(annotation) if isinstance(one, str)]
    return []


def helps(doc: str | None) -> dict[str, str]:
    """Name → description of the arguments that a docstring tells of.

    Args:
        doc: in Google's style.
    """
    text = inspect.cleandoc(doc or "")
    section = re.search(_SECTION % "Args", text, re.M)
    found = re.findall(
        r"^    (\w+(?:, \w+)*): (.*(?:\n(?: {5,}.*|\s*$))*)", section[1] if section else "", re.M
    )
    return {name: " ".join(told.split()) for several, told in found for name in several.split(", ")}


def title_of(doc: str | None, name: str) -> tuple[str, str]:
    """What people call it, and what it does, in a line.

    Args:
        doc: its docstring.
        name: of its function.
    """
    line = inspect.cleandoc(doc or "").split("\n\n")[0].replace("\n", " ")
    title, colon, rest = line.partition(": ")
    return (title, rest) if colon else (name.replace("_", " "), line)


def quoted(told: str) -> list[str]:
    """The words that a description has in quotation marks, as values to be chosen.

    Args:
        told: the description.
    """
    words = dict.fromkeys(_QUOTED.findall(told))
    return [one for one in words if not _PLACEHOLDER.search(one)]


def range_told(told: str) -> tuple[float | None, float | None]:
    """The lowest and the highest value, where a description says them.

    Args:
        told: the description.
    """
    found = _RANGE.search(told) or _ABOVE.search(told)
    return (float(found[1]), float(found[2])) if found else (None, None)


def unit_told(told: str) -> str | None:
    """The unit, where a description says it.

    Args:
        told: the description.
    """
    return next((unit for words, unit in _UNITS.items() if words in told), None)


class Probe:
    """Which values a check of options lets through.

    Args:
        check: called with the shape of an input and all options; None lets all through.
        shape: of an input.
        options: name → default of all options.
    """

    def __init__(
        self,
        check: Callable[..., None] | None,
        shape: tuple[int, ...],
        options: Mapping[str, Any],
    ) -> None:
        self._check, self._shape = check, shape
        self._options = {
            name: None if one is inspect.Parameter.empty else one for name, one in options.items()
        }

    @property
    def tells(self) -> bool:
        """Whether it can be asked: it lets the defaults through."""
        return self._check is not None and self.lets(None, None)

    def lets(self, name: str | None, value: Any) -> bool:
        """Whether an option may have a value, the others being at their defaults.

        Args:
            name: of the option; None for all of them at their defaults.
            value: of it.
        """
        assert self._check is not None
        given = self._options if name is None else {**self._options, name: value}
        try:
            self._check(self._shape, **given)
        except ImportError:  # it needs a package, of which the value is not to blame
            return True
        except Exception:  # noqa: BLE001 - a check may be the user's own, with errors of its own
            return False
        return True


FAR = 100_000
"""The largest number that is tried: beyond it nothing has a bound of its own."""


def bounds(probe: Probe, name: str, default: Any, whole: bool) -> tuple[Any, Any]:
    """The lowest and the highest number that a check lets through; None where there is none.

    Args:
        probe: the check.
        name: of the option.
        default: of it, or another number that is let through.
        whole: whether it is a whole number.
    """
    if not probe.tells:
        return None, None
    low = high = None
    if not probe.lets(name, -FAR):
        low = _last(probe, name, default, -FAR, whole)
    if not probe.lets(name, FAR):
        high = _last(probe, name, default, FAR, whole)
    return low, high


def _last(probe: Probe, name: str, default: Any, refused: int, whole: bool) -> Any:
    """The last number that is let through on the way from the default to one that is refused, a
    round one if it is no whole number."""
    inside, outside = default, refused
    while abs(outside - inside) > (1 if whole else 1e-9 * FAR):
        middle = (inside + outside) // 2 if whole else (inside + outside) / 2
        if probe.lets(name, middle):
            inside = middle
        else:
            outside = middle
    if whole:
        return inside
    digits = 2 if abs(default) >= 0.01 or not default else 1 - math.floor(math.log10(abs(default)))
    step = 10.0**-digits
    towards = math.ceil if refused < default else math.floor
    near = (round(inside, digits), round(towards(inside / step) * step, digits))
    return next((one for one in near if probe.lets(name, one)), inside)

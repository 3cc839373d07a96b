"""What the page asks for, read out of JSON; all that comes from outside is looked at here."""

from __future__ import annotations

import argparse
import inspect
import json
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from ... import targets
from ...methods import METHODS, Method
from ..outputs import CLASSES
from .album import Photo
from .nets import HeldNet
from .refused import Refused
from .workspace import Workspace

MOST_MAPS = 36
"""Of one action."""
_MOST_OF_DEFAULT, _MOST_NUMBER, _MOST_AT_ONCE = 100, 1000, 64
"""Whole numbers go up to so many times their default or, of a small one, up to that number; as many
inputs run at once at most."""
_LARGEST_SEED = 2**32 - 1
_LONGEST_TEXT = 300


def listed(body: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """A list in a request.

    Args:
        body: the request.
        name: of the list.
        most: how many it may have.

    Raises:
        Refused: it is none, is empty or too long.
    """
    found = body.get(name)
    if not isinstance(found, list) or not found:
        raise Refused(f"{name!r} is {_short(found)}; expected a list of one or more")
    if len(found) > most:
        raise Refused(f"{name!r} has {len(found)}; expected at most {most}")
    return found


def text_or_none(body: Mapping[str, Any], name: str) -> str | None:
    """A text in a request, or that there is none.

    Args:
        body: the request.
        name: of the text.

    Raises:
        Refused: it is something else.
    """
    found = body.get(name)
    if found is not None and (not isinstance(found, str) or len(found) > _LONGEST_TEXT):
        raise Refused(f"{name!r} is {_short(found)}; expected a text, or null")
    return found


def whole(value: Any, what: str, low: int = 0, high: int = 2**31) -> int:
    """A whole number.

    Args:
        value: it.
        what: it is.
        low: the lowest.
        high: the highest.

    Raises:
        Refused: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(f"{what} is {_short(value)}; expected a whole number from {low} to {high}")
    return value


# -- what is explained -----------------------------------------------------------------------------


def target(spec: Any, net: HeldNet) -> Any:
    """What is explained, as methods take it.

    Args:
        spec: as the page tells it.
        net: of which it is explained.

    Raises:
        Refused: it is nothing of the kind.
    """
    if spec is None:
        return _of_class(None, net)
    if not isinstance(spec, dict) or len(spec) != 1:
        raise Refused(f"the target is {_short(spec)}; expected null, or one thing to explain")
    ((kind, value),) = spec.items()
    if kind == "class":
        return _of_class(_class(value, net), net)
    if kind == "difference":
        if not isinstance(value, list) or len(value) != 2:
            raise Refused("a difference is between two classes")
        return targets.ScoreDifference(*(_class(one, net) for one in value))
    if kind in ("unit", "channel") and isinstance(value, dict):
        layer, channel = text_or_none(value, "layer"), whole(value.get("channel"), "the channel")
        if kind == "channel":
            return targets.Channel(layer, channel)
        return targets.Unit(layer, channel, position(value.get("position")))
    raise Refused(f"the target is {_short(spec)}; expected null, a class, a unit or a channel")


def position(value: Any) -> tuple[int, ...] | None:
    """A position in a layer's output, or none.

    Args:
        value: a list of whole numbers, or None.

    Raises:
        Refused: it is something else.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= 3:
        raise Refused(f"the position is {_short(value)}; expected [row, column]")
    return tuple(whole(one, "the position", high=100_000) for one in value)


def box(value: Any, seen: Sequence[int]) -> tuple[int, ...]:
    """The corners of a box, (top, left, bottom, right).

    Args:
        value: as the page tells it.
        seen: height and width of what it lies in.

    Raises:
        Refused: it is none, or lies elsewhere.
    """
    if not isinstance(value, list) or len(value) != 4:
        raise Refused(f"the box is {_short(value)}; expected [top, left, bottom, right]")
    top, left, bottom, right = (whole(one, "a side of the box") for one in value)
    if not (top < bottom <= seen[0] and left < right <= seen[1]):
        raise Refused(f"the box {value} is not within {seen[0]} × {seen[1]} pixels")
    return top, left, bottom, right


def _class(value: Any, net: HeldNet) -> int:
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise Refused("the name of the class is too long")
        if net.labels is not None:
            return net.labels.id(value)
        if value.strip().isdecimal():
            return int(value)
        raise Refused(f"no class is called {value!r}: the names of the classes are not known")
    return whole(value, "the class")


def _of_class(class_id: int | None, net: HeldNet) -> Any:
    if net.problem is not None:
        raise Refused(f"{net.name} cannot be explained: {net.problem}")
    if net.given.what == CLASSES:
        return class_id
    nothing = argparse.Namespace(box=None, detection=None, mask=None)
    return net.given.target(nothing, class_id)


# -- methods and their options ---------------------------------------------------------------------


@dataclass(frozen=True)
class AskedMethod:
    """A method with its options."""

    method: Method
    options: dict[str, Any]
    """As the page tells them, without those that are as by default."""
    inside: bool
    """Whether it explains the layer, where it can do that as well as the input."""


def method(spec: Any) -> AskedMethod:
    """A method with its options.

    Args:
        spec: as the page tells it.

    Raises:
        Refused: it is none.
        MethodError: there is none of that name.
    """
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise Refused(f"the method is {_short(spec)}; expected its name and options")
    found = METHODS.find(spec["name"])
    inside = bool(spec.get("inside")) and found.needs.inside
    return AskedMethod(found, options(spec.get("options"), found.options), inside)


def options(given: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Options, without those that are as by default.

    Args:
        given: as the page tells them.
        defaults: name → default of those that there are.

    Raises:
        Refused: there are no such, or they are out of all bounds.
    """
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Refused(f"the options are {_short(given)}; expected names and values")
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise Refused(
            f"there is no option {_short(unknown[0])}; there are {', '.join(defaults) or 'none'}"
        )
    read = {name: _value(name, value, defaults[name]) for name, value in given.items()}
    return {name: value for name, value in read.items() if not _is_same(value, defaults[name])}


def _value(name: str, value: Any, default: Any) -> Any:
    """A value as JSON holds it; numbers that come as texts are numbers."""
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise Refused(f"{name} is too long")
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list):
        if len(value) > 256 or any(isinstance(one, (list, dict)) for one in value):
            raise Refused(f"{name} is {_short(value)}; expected a few numbers")
        return [_value(name, one, None) if isinstance(one, (int, float)) else one for one in value]
    if isinstance(value, dict):
        raise Refused(f"{name} is {_short(value)}; expected a number or a word")
    if isinstance(value, float) and not np.isfinite(value):
        raise Refused(f"{name} is {value}; expected a number")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and abs(value) > _most(name, default):
        raise Refused(f"{name} is {value}; expected at most {_most(name, default)}")
    return value


def _most(name: str, default: Any) -> float:
    if name == "seed":
        return _LARGEST_SEED
    if name == "batch_size":
        return _MOST_AT_ONCE
    is_number = isinstance(default, (int, float)) and not isinstance(default, bool)
    return max(_MOST_NUMBER, _MOST_OF_DEFAULT * abs(default)) if is_number else _MOST_NUMBER


def _is_same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and value == default


def with_photos(
    given: Mapping[str, Any], defaults: Mapping[str, Any], workspace: Workspace, photo: Photo
) -> dict[str, Any]:
    """Options in which those that have no default, arrays to compare with, name their photos.

    Args:
        given: as `options` read them.
        defaults: name → default of those that there are.
        workspace: that has the photos; all others are taken where none are named.
        photo: that is explained.

    Raises:
        Refused: there are no photos to compare with.
    """
    made = dict(given)
    for name, default in defaults.items():
        if default is not inspect.Parameter.empty:
            continue
        named = given.get(name)
        held = workspace.album.all() if not named else [workspace.photo(one) for one in named]
        made[name] = [one.id for one in held if one.id != photo.id]
        if not made[name]:
            raise Refused("this compares the photo with others: load some more")
    return made


def filled(
    given: Mapping[str, Any], defaults: Mapping[str, Any], workspace: Workspace, net: HeldNet
) -> dict[str, Any]:
    """Options as a function takes them: photos become inputs of the net.

    Args:
        given: as `with_photos` made them.
        defaults: name → default of those that there are.
        workspace: that has the photos.
        net: that is explained.
    """
    made: dict[str, Any] = {}
    for name, value in given.items():
        if defaults[name] is inspect.Parameter.empty:
            held = [workspace.prepared(net, workspace.photo(one)).x for one in value]
            made[name] = np.concatenate(held)
        else:
            made[name] = tuple(value) if isinstance(value, list) else value
    return made


def defaults_of(method: str) -> dict[str, Any]:
    """Name → default of a method's options.

    Args:
        method: its name.
    """
    return METHODS.find(method).options


def is_of_photos(name: str, method: str) -> bool:
    """Whether an option takes photos to compare with: it is an array, and has no default.

    Args:
        name: of the option.
        method: that has it.
    """
    return defaults_of(method).get(name) is inspect.Parameter.empty


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."

"""Methods and options that the page asks for, out of JSON; and what functions take of them."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from ...methods import METHODS, Method
from .album import Photo
from .asked import LONGEST_TEXT, short
from .nets import HeldNet
from .refused import Refused
from .workspace import Workspace

_MOST_OF_DEFAULT, _MOST_NUMBER, _MOST_AT_ONCE = 100, 1000, 64
"""Whole numbers go up to so many times their default or, of a small one, up to that number; as many
inputs run at once at most."""
_LARGEST_SEED = 2**32 - 1


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
        raise Refused(f"the method is {short(spec)}; expected its name and options")
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
        raise Refused(f"the options are {short(given)}; expected names and values")
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise Refused(
            f"there is no option {short(unknown[0])}; there are {', '.join(defaults) or 'none'}"
        )
    found = {name: _value(name, value, defaults[name]) for name, value in given.items()}
    return {name: value for name, value in found.items() if not _is_same(value, defaults[name])}


def _value(name: str, value: Any, default: Any) -> Any:
    """A value as JSON holds it; numbers that come as texts are numbers."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise Refused(f"{name} is too long")
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list):
        if len(value) > 256 or any(isinstance(one, (list, dict)) for one in value):
            raise Refused(f"{name} is {short(value)}; expected a few numbers")
        return [_value(name, one, None) if isinstance(one, (int, float)) else one for one in value]
    if isinstance(value, dict):
        raise Refused(f"{name} is {short(value)}; expected a number or a word")
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

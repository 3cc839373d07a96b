"""Options of methods: which there are, what they were called before, what refuses them."""

from __future__ import annotations

import warnings
from typing import Any, Mapping, Sequence

from ..engine.wanted import Check
from ..errors import MethodError
from ..support.callers import caller_level
from ..support.elsewhere import arguments_here
from .register import Method

Options = Mapping[str, Mapping[str, Any]]
"""Name of a method → its own options."""

FORMER_NAMES: Mapping[str, Mapping[str, str]] = {
    "smooth_grad": {"samples": "num_samples"},
    "expected_gradients": {"nsamples": "num_samples"},
    "lime": {"hide": "baseline"},
}
"""Name of a method → what options of it were called, and what they are called now."""


def renamed(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A method's options under the names that they have now, with a warning where one changed.

    Raises:
        MethodError: an option is given under both of its names.
    """
    former = FORMER_NAMES.get(method, {})
    for old in options:
        if old not in former:
            continue
        if former[old] in options:
            raise MethodError(
                f"{method} got {former[old]}= and {old}=, which is what {former[old]} was called "
                f"before; pass {former[old]} alone"
            )
        warnings.warn(
            f"{method}: {old}= is called {former[old]}= now, as in all methods; the old name goes "
            "away in a later version",
            DeprecationWarning,
            stacklevel=caller_level(),
        )
    return {former.get(name, name): value for name, value in options.items()}


def checked(methods: Sequence[Method], options: Options) -> dict[str, dict[str, Any]]:
    """Name of each of the methods → its options.

    Raises:
        MethodError: options of another method, or that the method does not take.
    """
    chosen = {one.name: one for one in methods}
    own = {name: renamed(name, given) for name, given in options.items()}
    for name, given in own.items():
        takes = chosen[name].options if name in chosen else {}
        unknown = sorted(set(given) - set(takes))
        if name not in chosen or unknown:
            raise MethodError(
                f"options for {name!r} that nothing takes: {unknown or sorted(given)}; the methods "
                f"are {', '.join(chosen)}"
                + (f", and {name} takes {', '.join(takes) or 'none'}" if name in chosen else "")
                + "".join(f"; {one}" for one in [arguments_here(unknown, takes)] if one)
            )
    return {name: own.get(name, {}) for name in chosen}


def check_of_shape(method: Method, options: Mapping[str, Any]) -> list[Check]:
    """What refuses options that do not fit an input's shape, if the method has such a check."""
    check = method.check
    if check is None:
        return []
    given = {**method.options, **options}
    return [lambda shape: check(shape, **given)]

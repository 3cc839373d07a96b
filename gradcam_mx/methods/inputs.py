"""Several inputs that are explained together: what is asked of each, and what is found for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from ..engine.order import shape_of
from ..engine.several_inputs import joined, parts_of, split
from ..engine.wanted import ALL, InputChoice
from ..errors import MethodError
from ..explanation.explanation import Explanation
from .register import Method
from .view import View


def are_several(chosen: InputChoice) -> bool:
    """Whether a choice is of several inputs, or of any number: a list."""
    return chosen == ALL or not (chosen is None or isinstance(chosen, (int, str)))


def check(chosen: InputChoice, methods: Sequence[Method]) -> None:
    """Refuse several inputs for methods that explain one.

    Raises:
        MethodError: one of the methods does.
    """
    for one in methods if are_several(chosen) else ():
        if one.needs.layer or one.needs.is_forward_only:
            why = "tries changes of one input" if one.needs.perturbs else "makes a map of one input"
            why = "makes maps of a layer" if one.needs.layer else why
            raise MethodError(
                f"input={chosen!r} is for methods that attribute to inputs by gradients (saliency, "
                f"integrated_gradients …), and {one.name} {why}: name one input"
            )


def of_each(run: View, function: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """What a function gives for the values of the input and 0, shaped like them; of several inputs
    for those of each and its number, together as `run.x` has them."""
    parts = parts_of(run.input_map)
    if not parts:
        return function(run.x, 0)
    each = [function(x, number) for number, x in enumerate(split(run.x, parts))]
    return joined(each)


def for_each(run: View, given: Any, what: str) -> list[Any]:
    """What was given for each of the inputs: of several a tuple with one for each, a mapping by
    their names, or one for all.

    Args:
        run: whose inputs they are.
        given: it.
        what: what it is called, for messages.

    Raises:
        MethodError: it is not as many, or others are named.
    """
    names = [part.map.name for part in parts_of(run.input_map)]
    if not names:
        return [given]
    if isinstance(given, Mapping):
        if set(given) != set(names):
            raise MethodError(
                f"{what} names {', '.join(map(str, given))}; the inputs that are explained are "
                f"{', '.join(names)}"
            )
        return [given[name] for name in names]
    if not isinstance(given, tuple):
        return [given] * len(names)
    if len(given) != len(names):
        raise MethodError(
            f"{what} is a tuple of {len(given)}; expected one for each of the {len(names)} inputs "
            f"that are explained, {', '.join(names)}"
        )
    return list(given)


def apart(found: Explanation, run: View) -> list[Explanation]:
    """What was found for several inputs together, for each.

    Args:
        found: of all together.
        run: that it was found on.
    """
    parts = parts_of(run.input_map)

    def of_all(values: np.ndarray) -> list[np.ndarray]:
        is_of_values = values.shape == found.values.shape
        return split(values, parts) if is_of_values else [values] * len(parts)

    details = {name: of_all(one) for name, one in found.details.items()}
    return [
        replace(
            found,
            values=values,
            input=part.map.name,
            input_size=shape_of(part.shape, part.map)[2:],
            details={name: one[number] for name, one in details.items()},
        )
        for number, (part, values) in enumerate(zip(parts, of_all(found.values)))
    ]

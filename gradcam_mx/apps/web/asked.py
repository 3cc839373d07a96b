"""What the page asks for, read out of JSON; all that comes from outside is looked at here."""

from __future__ import annotations

import argparse
from typing import Any, Mapping, Sequence

from ... import targets
from ..outputs import CLASSES
from .nets import HeldNet
from .refused import Refused

MOST_MAPS = 36
"""Of one action."""
LONGEST_TEXT = 300


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
        raise Refused(f"{name!r} is {short(found)}; expected a list of one or more")
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
    if found is not None and (not isinstance(found, str) or len(found) > LONGEST_TEXT):
        raise Refused(f"{name!r} is {short(found)}; expected a text, or null")
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
        raise Refused(f"{what} is {short(value)}; expected a whole number from {low} to {high}")
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
        raise Refused(f"the target is {short(spec)}; expected null, or one thing to explain")
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
    raise Refused(f"the target is {short(spec)}; expected null, a class, a unit or a channel")


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
        raise Refused(f"the position is {short(value)}; expected [row, column]")
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
        raise Refused(f"the box is {short(value)}; expected [top, left, bottom, right]")
    top, left, bottom, right = (whole(one, "a side of the box") for one in value)
    if not (top < bottom <= seen[0] and left < right <= seen[1]):
        raise Refused(f"the box {value} is not within {seen[0]} × {seen[1]} pixels")
    return top, left, bottom, right


def _class(value: Any, net: HeldNet) -> int:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
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


def short(value: Any) -> str:
    """A value in messages.

    Args:
        value: of any kind.
    """
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."

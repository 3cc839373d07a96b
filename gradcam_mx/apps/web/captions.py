"""What is explained, as people say it."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ...explanation import drawing
from ...explanation.explanation import Explanation
from .nets import HeldNet


def caption(spec: Any, found: Explanation, net: HeldNet) -> str:
    """What an explanation is of.

    Args:
        spec: what was asked for, as `asked.target` takes it.
        found: the explanation.
        net: the network.
    """
    if not spec:
        return drawing.captions(found, net.labels)[0]
    ((kind, value),) = spec.items()
    if kind == "difference":
        one, other = (net.said(class_id) for class_id in _classes(value, net))
        return f"{one} rather than {other}"
    if kind not in ("unit", "channel"):
        return drawing.captions(found, net.labels)[0]
    named = f"channel {value['channel']} of {value.get('layer') or found.output}"
    if kind == "channel":
        return f"the mean of {named}"
    return f"{named} {_place(value)}"


def _classes(value: Sequence[Any], net: HeldNet) -> list[int]:
    return [net.labels.id(one) if net.labels and isinstance(one, str) else one for one in value]


def _place(value: Mapping[str, Any]) -> str:
    place = value.get("position")
    if not place:
        return "where it is strongest"
    said = ", ".join(map(str, place))
    return f"at ({said})" if len(place) > 1 else f"at {said}"

"""Which methods explain a black box: those that need no gradient and no layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, Sequence

from ..boxes.box import BlackBox
from ..errors import LayerError, NetworkError
from ..graph.sealed import Sealed
from ..graph.trace import Net
from .needs import Needs
from .register import METHODS


def fitting(net: Net, needs: Sequence[Needs], layer: Any = None) -> Sequence[Needs]:
    """What methods need of a net: of a black box no layer where they make do without.

    Args:
        net: any.
        needs: of the methods.
        layer: that is asked for, if one is.

    Raises:
        NetworkError: the net is a black box, and one of them needs a gradient or a layer.
        LayerError: it is one, and a layer is asked for.
    """
    if not isinstance(net, (BlackBox, Sealed)):
        return needs
    check(net, needs)
    if layer is not None:
        raise LayerError(
            f"there is no layer {layer!r} in a black box, of which nothing is known but what it "
            "gives: leave layer out"
        )
    return [replace(one, layer=False) for one in needs]


def check(net: Net, needs: Iterable[Needs]) -> None:
    """Refuse methods that do not explain a black box.

    Args:
        net: any.
        needs: of the methods.

    Raises:
        NetworkError: the net is a black box, and one of them needs a gradient or a layer.
    """
    if not isinstance(net, (BlackBox, Sealed)) or all(map(_explains, needs)):
        return
    said = (net.box if isinstance(net, Sealed) else net).said
    named = ", ".join(name for name, one in METHODS.items() if one.needs.perturbs)
    raise NetworkError(
        f"this method needs gradients or a layer, and nothing is known of {said} but what it "
        f"gives. Methods that change the input explain it: {named}"
    )


def _explains(needs: Needs) -> bool:
    return needs.is_forward_only and (needs.does_without or not needs.layer)

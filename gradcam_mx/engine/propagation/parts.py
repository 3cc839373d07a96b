"""What a layer's output is taken to be the sum of, and relevance shared out in proportion."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any, Callable, Iterable, NamedTuple, Sequence

from ..._mxnet import mx
from ..steps import Ran
from .layer import Layer
from .shares import Shares, divided, negative, positive, stabilised


class Part(NamedTuple):
    """A run of the layer, changed."""

    x: Any
    weight: Any
    sign: int = 1


def exciting(layer: Layer, epsilon: float, factor: float = 1.0) -> Any:
    """The z⁺ rule, for a share of what arrives.

    Args:
        layer: the layer.
        epsilon: of the denominators.
        factor: the share.
    """

    def parts() -> list[Part]:
        found = [Part(layer.positive_x, positive(layer.weight))]
        if layer.has_negative_x:
            found.append(Part(layer.negative_x, negative(layer.weight)))
        return found

    bias = None if layer.bias is None else positive(layer.bias)
    arriving = layer.arriving if factor == 1 else layer.arriving * factor
    return shared(layer, "exciting", parts, bias, arriving, epsilon, 1)


def shared(
    layer: Layer,
    name: str,
    parts: Callable[[], Sequence[Part]],
    bias: Any | None,
    arriving: Any,
    epsilon: float,
    sign: int = 0,
) -> Any:
    """What arrives, shared out to what the layer read in proportion to some parts.

    Args:
        layer: the layer.
        name: what the parts are called; a rule has no two of one name.
        parts: makes what its output is taken to be the sum of.
        bias: what is added to that; None for nothing.
        arriving: what is shared out.
        epsilon: of the denominators.
        sign: that of the sum everywhere, 1 or -1, if it is known.
    """

    def run() -> tuple[list[tuple[Part, Ran]], Any, Any]:
        ran = [(part, layer.run(part.x, part.weight)) for part in parts()]
        total = layer.plus(_sum((one.outputs[0], part.sign) for part, one in ran), bias)
        if not epsilon:
            return ran, total, None
        return (ran, *stabilised(total, epsilon, sign))

    ran, below, stabiliser = layer.once(name, run)
    if epsilon:
        shares = Shares(mx.nd.elemwise_div(arriving, below), stabiliser)
    else:
        shares = divided(arriving, below, epsilon)
    layer.account(shares, bias)

    def taken(part: Part, one: Ran) -> Any:
        (back,) = one.vjp([shares.values], [0])
        return mx.nd.elemwise_mul(part.x, back, out=back)

    return _sum((taken(part, one), part.sign) for part, one in ran)


def _sum(terms: Iterable[tuple[Any, int]]) -> Any:
    """Arrays with signs, added up; not `sum`, which would begin with 0 and copy."""
    return reduce(operator.add, (one if sign == 1 else -one for one, sign in terms))

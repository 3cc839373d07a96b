"""Rules at linear layers: convolutions, transposed ones, Dense layers.

With x what a layer reads, W its weight, b its bias (a batch normalisation behind it merged into
both), R what arrives at its output, and f the layer, each rule is

    R_x = Σ over parts of ± x' ⊙ VJP(f(·; W'))(R / stab(z')),        z' = Σ ± f(x'; W') + b'

with parts (x', W') of its own; stab(z) = z + ε·sign(z), sign(0) = 1. A rule of one's own is a
frozen dataclass that derives from `LayerRule` and gives its parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable

import numpy as np

from ..._mxnet import mx
from ...errors import RuleError
from ...graph.picture_input import preprocess_of
from .layer import Layer
from .parts import Part, exciting, shared
from .shares import EPSILON, divided, negative, positive


class LayerRule:
    """How relevance passes a linear layer."""

    def __call__(self, layer: Layer) -> Any:
        """From what arrives at the layer's output to what arrives at its input.

        Args:
            layer: it, with what it read and what arrives.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Epsilon(LayerRule):
    """LRP-ε: in proportion to the terms of the sum (Bach et al. 2015, doi:10.1371/journal.pone.
    0130140).

        R_i = Σ_j x_i w_ij / stab(z_j) · R_j

    What the stabiliser takes is lost; ε = 0 is LRP-0. A negative ε is refused.

    Args:
        epsilon: what keeps denominators away from zero.
    """

    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, self)

    def __call__(self, layer: Layer) -> Any:
        shares = divided(layer.arriving, layer.z, self.epsilon)
        layer.account(shares, layer.bias)
        back = layer.vjp(shares.values)
        return mx.nd.elemwise_mul(layer.x, back, out=back)


@dataclass(frozen=True)
class Gamma(LayerRule):
    """LRP-γ: positive terms weigh more (Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10;
    for inputs of both signs Andéol et al. 2021).

        R_i = Σ_j (x_i⁺(w_ij + γw_ij⁺) + x_i⁻(w_ij + γw_ij⁻)) / z'_j · R_j        where z_j ≥ 0

    and with w⁺ and w⁻ exchanged where z_j < 0. The bias is treated as the weight of a one.

    Args:
        gamma: how much more positive terms weigh; 0 is LRP-ε.
        epsilon: what keeps denominators away from zero.
    """

    gamma: float = 0.25
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.gamma >= 0 and self.epsilon >= 0, self)

    def __call__(self, layer: Layer) -> Any:
        is_positive = layer.z >= 0
        found = self._side(layer, "above", layer.arriving * is_positive, positive, negative)
        below = layer.arriving * (1 - is_positive)
        if below.abs().max().asscalar() > 0:  # behind a ReLU there is nothing: half of the time
            found = found + self._side(layer, "below", below, negative, positive)
        return found

    def _side(
        self, layer: Layer, name: str, arriving: Any, of_positive: Any, of_negative: Any
    ) -> Any:
        def more(values: Any, chosen: Any) -> Any:
            return values + self.gamma * chosen(values)

        def parts() -> list[Part]:
            found = [Part(layer.positive_x, more(layer.weight, of_positive))]
            if layer.has_negative_x:
                found.append(Part(layer.negative_x, more(layer.weight, of_negative)))
            return found

        bias = None if layer.bias is None else more(layer.bias, of_positive)
        return shared(layer, name, parts, bias, arriving, self.epsilon)


@dataclass(frozen=True)
class ZPlus(LayerRule):
    """LRP-z⁺: what excites takes all, what inhibits nothing (Montavon et al. 2017, deep Taylor
    decomposition, arXiv:1512.02479).

        R_i = Σ_j (x_i⁺w_ij⁺ + x_i⁻w_ij⁻) / (Σ_k x_k⁺w_kj⁺ + x_k⁻w_kj⁻ + b_j⁺) · R_j

    Args:
        epsilon: what keeps denominators away from zero.
    """

    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, self)

    def __call__(self, layer: Layer) -> Any:
        return exciting(layer, self.epsilon)


@dataclass(frozen=True)
class AlphaBeta(LayerRule):
    """LRP-αβ: what excites and what inhibits, apart (Bach et al. 2015, doi:10.1371/journal.pone.
    0130140, equation 60).

        R_i = Σ_j (α · excites_ij / Σ_k excites_kj - β · inhibits_ij / Σ_k inhibits_kj) · R_j

    with α - β = 1; terms of the bias count in the sums.

    Args:
        alpha: how much of what arrives goes to what excites.
        beta: how much is taken from what inhibits.
        epsilon: what keeps denominators away from zero.
    """

    alpha: float = 2.0
    beta: float = 1.0
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0 and self.beta >= 0, self)
        _check(abs(self.alpha - self.beta - 1) < 1e-9, self, "alpha - beta has to be 1")

    def __call__(self, layer: Layer) -> Any:
        found = exciting(layer, self.epsilon, self.alpha)
        if self.beta == 0:
            return found

        def parts() -> list[Part]:
            found = [Part(layer.positive_x, negative(layer.weight))]
            if layer.has_negative_x:
                found.append(Part(layer.negative_x, positive(layer.weight)))
            return found

        bias = None if layer.bias is None else negative(layer.bias)
        arriving = layer.arriving * -self.beta
        return found + shared(layer, "inhibiting", parts, bias, arriving, self.epsilon, -1)


@dataclass(frozen=True)
class WSquare(LayerRule):
    """LRP-w²: in proportion to the squares of the weights, whatever was read (Montavon et al. 2017,
    arXiv:1512.02479).

        R_i = Σ_j w_ij² / Σ_k w_kj² · R_j

    For a first layer whose inputs have no bounds. The bias takes nothing.

    Args:
        epsilon: what keeps denominators away from zero.
    """

    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, self)

    def __call__(self, layer: Layer) -> Any:
        def parts() -> list[Part]:
            return [Part(mx.nd.ones_like(layer.x), layer.weight.square())]

        return shared(layer, "squares", parts, None, layer.arriving, self.epsilon, 1)


@dataclass(frozen=True)
class Flat(LayerRule):
    """LRP-♭: the same to all that was read (Lapuschkin et al. 2019, doi:10.1038/
    s41467-019-08987-4).

        R_i = Σ_j 1 / Σ_k 1 · R_j        over the inputs that j reads

    For a first layer: it says where, and no longer which colour.

    Args:
        epsilon: what keeps denominators away from zero.
    """

    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, self)

    def __call__(self, layer: Layer) -> Any:
        def parts() -> list[Part]:
            return [Part(mx.nd.ones_like(layer.x), mx.nd.ones_like(layer.weight))]

        return shared(layer, "ones", parts, None, layer.arriving, self.epsilon, 1)


@dataclass(frozen=True)
class ZBox(LayerRule):
    """LRP-zᴮ: for inputs between two bounds, such as pixels (Montavon et al. 2017,
    arXiv:1512.02479).

        R_i = Σ_j (x_i w_ij - l_i w_ij⁺ - h_i w_ij⁻) / Σ_k (x_k w_kj - l_k w_kj⁺ - h_k w_kj⁻) · R_j

    Args:
        low: l, the lowest value of the input: a number, or one for each channel; prepared as the
            input is: black is (0 - mean) / std. By default that of the net's own `preprocess`.
        high: h, the highest.
        epsilon: of the denominators.
    """

    low: Any = None
    high: Any = None
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        _check(self.epsilon >= 0, self)
        for name in ("low", "high"):  # what is hashed is a tuple
            object.__setattr__(self, name, _bound(getattr(self, name)))

    def for_net(self, net: Any) -> ZBox:
        """The same with the bounds of a net's photos, where none were given.

        Args:
            net: the Block, if there is one.

        Raises:
            RuleError: the net does not know how photos are prepared.
        """
        if self.low is not None and self.high is not None:
            return self
        prepare = preprocess_of(net)
        if prepare is None:
            raise RuleError(
                "the z-box rule needs the lowest and the highest value that the input can have: "
                "give low= and high=, prepared as the input is, a number or one for each channel "
                "(the net has no `preprocess` of its own that would tell)"
            )
        black, white = (
            _of_channels(prepare(np.full((64, 64, 3), level, np.uint8))) for level in (0, 255)
        )
        low, high = np.minimum(black, white), np.maximum(black, white)
        return replace(
            self,
            low=low if self.low is None else self.low,
            high=high if self.high is None else self.high,
        )

    def __call__(self, layer: Layer) -> Any:
        def parts() -> list[Part]:
            return [
                Part(layer.x, layer.weight),
                Part(layer.filled(self.low), positive(layer.weight), -1),
                Part(layer.filled(self.high), negative(layer.weight), -1),
            ]

        return shared(layer, "box", parts, None, layer.arriving, self.epsilon)


@dataclass(frozen=True)
class Pass(LayerRule):
    """What arrives goes on as it is: for layers whose output is shaped like their input."""

    def __call__(self, layer: Layer) -> Any:
        if layer.arriving.shape != layer.x.shape:
            raise RuleError(
                f"Pass() at {layer.node.name!r}, which makes {layer.arriving.shape} of "
                f"{layer.x.shape}: relevance passes as it is where the shape stays"
            )
        return layer.arriving


@dataclass(frozen=True)
class Excitation(LayerRule):
    """The winning probability of excitation backprop (Zhang et al. 2016, arXiv:1608.00507): among
    what excites, in proportion; biases take nothing.

        R_i = Σ_j x_i⁺w_ij⁺ / Σ_k x_k⁺w_kj⁺ · R_j
    """

    is_contrastive: bool = False
    """Whether that of the opposite, whose weights are -w, is subtracted (section 3.3)."""

    def __call__(self, layer: Layer) -> Any:
        found = self._of(layer, "exciting", lambda: positive(layer.weight))
        if not self.is_contrastive:
            return found
        return found - self._of(layer, "opposite", lambda: -negative(layer.weight))

    def _of(self, layer: Layer, name: str, weight: Callable[[], Any]) -> Any:
        def parts() -> list[Part]:
            return [Part(layer.positive_x, weight())]

        return shared(layer, name, parts, None, layer.arriving, 0.0)


def _bound(value: Any) -> float | tuple[float, ...] | None:
    if value is None:
        return None
    return float(value) if isinstance(value, (int, float)) else tuple(map(float, value))


def _of_channels(x: Any) -> np.ndarray:
    """(C,) of an input of one colour."""
    return np.asarray(x, np.float64)[0].reshape(np.shape(x)[1], -1).mean(axis=1)


def _check(holds: bool, rule: LayerRule, why: str = "expected numbers of 0 or more") -> None:
    if not holds:
        raise RuleError(f"{rule}: {why}")

"""Activation maps whose weights are relevances, or gradients of a contrast of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._mxnet import mx
from ..engine.propagation.composites import Composite
from ..engine.propagation.deep_lift import DeepLift
from ..engine.propagation.layer_rules import ZPlus
from ..engine.propagation.named import relevance_rule
from ..engine.rules import Rule
from ..errors import MethodError
from .activation_maps import activation_map, weighted
from .view import View


def _contrastive_rule(**_: Any) -> Rule:
    return relevance_rule(Composite(ZPlus(), ZPlus()), contrastive=True)


@activation_map(
    "Lee et al. 2021, doi:10.1109/CVPR46437.2021.01470",
    "1 forward, 1 with positive weights, 1 backward to the layer",
    gradient=False,
    rule_of=_contrastive_rule,
)
def relevance_cam(run: View) -> np.ndarray:
    """Relevance-CAM: a channel counts by the relevance that comes to it from the output.

        w_c = Σ_ij R_c(i, j)        L = ReLU(Σ_c w_c · A_c)

    R by z⁺ at all layers, from the score S at the class and -S/(K - 1) at each of the others: under
    another rule a score near zero would be divided by. Lee et al. 2021,
    doi:10.1109/CVPR46437.2021.01470. Unlike Grad-CAM it is of use at early layers too.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.relevance_cam(net, mx.nd.ones((1, 3, 64, 64)), 281, "features.6").values.shape
        (1, 4, 4)
    """
    return weighted(_of_channels(run.relevance(_contrastive_rule())), run.activations)


def _deep_lift_rule(**_: Any) -> Rule:
    return DeepLift()


@activation_map(
    "Jung & Oh 2021, arXiv:2102.05228",
    "1 forward, and 1 forward and backward of the net behind the layer",
    gradient=False,
    rule_of=_deep_lift_rule,
)
def lift_cam(run: View) -> np.ndarray:
    """LIFT-CAM: a channel counts by what it adds to the score, against its absence.

        w_c = Σ_ij m_c(i, j) A_c(i, j)        L = ReLU(Σ_c w_c · A_c)

    with m DeepLIFT's multipliers between the layer's values and zeros: Σ_c w_c = S - S(A = 0), an
    approximation of the channels' Shapley values. Jung & Oh 2021, arXiv:2102.05228.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.lift_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """
    activations = run.activations
    compared = run.against(np.zeros_like(activations), _deep_lift_rule(), at=run.layer_map)
    return weighted(_of_channels(compared.multipliers * compared.change), activations)


@dataclass(frozen=True)
class Finer(Rule):
    """The gradient of a class's score less a share of those of the classes most like it."""

    gamma: float
    similar: int
    name: str = "finer"

    @property
    def is_plain(self) -> bool:
        return True

    def at(self, node: Any) -> None:
        return None

    def start(self, gradient: Any, output: Any) -> Any:
        is_class = gradient.asnumpy() != 0
        if is_class.ndim != 2 or not (is_class.sum(axis=1) == 1).all():
            raise MethodError(
                "Finer-CAM tells a class from those most like it: expected class scores (N, K) and "
                f"a class for each sample; the output is {output.shape}"
            )
        count = min(self.similar, is_class.shape[1] - 1)
        if not count:
            raise MethodError("Finer-CAM tells a class from others; the net has one class alone")
        scores = output.asnumpy().astype(np.float64)
        distance = np.where(is_class, np.inf, np.abs(scores - scores[is_class][:, None]))
        others = np.argsort(distance, axis=1, kind="stable")[:, :count]
        found = gradient.asnumpy()
        shares = np.zeros_like(found)
        np.put_along_axis(shares, others, self.gamma / count, axis=1)
        return mx.nd.array(found - shares, gradient.context, gradient.dtype)


def _finer_rule(gamma: float, similar: int, **_: Any) -> Rule:
    if similar < 1:
        raise MethodError(f"similar={similar}; expected 1 class or more")
    return Finer(float(gamma), similar)


@activation_map("Zhang et al. 2025, arXiv:2501.11309", gradient=False, rule_of=_finer_rule)
def finer_cam(run: View, *, gamma: float = 0.6, similar: int = 3) -> np.ndarray:
    """Finer-CAM: Grad-CAM of what tells a class from those most like it.

        w_c = mean over positions of ∂(S - γ · mean of S' over the similar classes)/∂A_c
        L = ReLU(Σ_c w_c · A_c)

    Zhang et al. 2025, arXiv:2501.11309. Similar are the classes whose scores are nearest.

    Args:
        gamma: how much of the similar classes is taken off; 0 is Grad-CAM.
        similar: how many of them; all others where there are no more.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.finer_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """
    gradient = run.relevance(_finer_rule(gamma, similar))
    positions = tuple(range(2, gradient.ndim))
    return weighted(gradient.mean(axis=positions), run.activations)


def _of_channels(values: np.ndarray) -> np.ndarray:
    """(N, C) the sums over positions."""
    return values.sum(axis=tuple(range(2, values.ndim)))

"""Activation maps: a layer's channels, weighted by what they mean for the target, summed."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..run import Needs, Run
from .base import method

MapFormula = Callable[[np.ndarray, np.ndarray], np.ndarray]


def activation_map(paper: str) -> Callable[[MapFormula], Callable[..., Any]]:
    """Make a method of a formula `f(A, G) -> maps` over a layer's activations and gradients.

    A and G are (N, C, h, w), the maps (N, h, w). The method gets the option `relu`.
    """

    def register(formula: MapFormula) -> Callable[..., Any]:
        def of_run(run: Run, *, relu: bool = True) -> np.ndarray:
            maps = formula(run.activations, run.layer_gradient)
            return np.maximum(maps, 0) if relu else maps

        of_run.__name__, of_run.__doc__ = formula.__name__, formula.__doc__
        of_run.__module__, of_run.__qualname__ = formula.__module__, formula.__qualname__
        return method(family="activation maps", paper=paper, needs=Needs(layer=True))(of_run)

    return register


def _spatial_axes(values: np.ndarray) -> tuple[int, ...]:
    return tuple(range(2, values.ndim))


@activation_map(paper="Selvaraju et al. 2017, arXiv:1610.02391")
def grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM: where a layer's features speak for the target.

    With A the layer's activations and S the explained score,

        α_c = mean over positions of ∂S/∂A_c        L = ReLU(Σ_c α_c · A_c)

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.
        layer: the layer whose map is made; by default the last one before the global pool.
        relu: False keeps the negative evidence too.

    Returns:
        An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.grad_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
    weights = gradients.mean(axis=_spatial_axes(gradients), keepdims=True)
    return (weights * activations).sum(axis=1)

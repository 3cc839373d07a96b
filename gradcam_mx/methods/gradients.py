"""Input attributions: the gradient of the score at the net's input, under one rule or another."""

from __future__ import annotations

import functools
from typing import Any, Callable

import numpy as np

from .. import nn, picture
from ..rules import GUIDED, PLAIN
from ..run import Needs, Run
from .base import METHODS, method

FAMILY = "gradients"


@method(family=FAMILY, paper="Simonyan et al. 2013, arXiv:1312.6034",
        needs=Needs(rules=frozenset([PLAIN])))
def saliency(run: Run) -> np.ndarray:
    """Saliency: how the score changes with each value of the input.

        R = ∂S/∂x

    Simonyan et al. 2013, arXiv:1312.6034. The values are raw and signed; the heat map shows their
    absolute values, summed over the channels.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.

    Returns:
        An Explanation whose values are the gradients, (N, C, H, W).

    Raises:
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.saliency(net, mx.nd.ones((2, 3, 224, 224))).values.shape
        (2, 3, 224, 224)
    """
    return run.input_gradient(PLAIN)


def _or_mode(explain: Callable[..., Any]) -> Callable[..., Any]:
    """Let `guided_backprop()` without a net be the mode for the caller's own autograd code."""

    @functools.wraps(explain)
    def function(*args: Any, **kwargs: Any) -> Any:
        return explain(*args, **kwargs) if args or kwargs else nn.guided_mode()

    return function


@_or_mode
@method(family=FAMILY, paper="Springenberg et al. 2014, arXiv:1412.6806",
        needs=Needs(rules=frozenset([GUIDED])))
def guided_backprop(run: Run) -> np.ndarray:
    """Guided backpropagation: the patterns in the input that excite the features of the target.

    The gradient ∂S/∂x, except that every rectifier f also stops negative gradients: with z its
    input and dy the gradient at its output, the gradient at its input is

        f'(z) · max(dy, 0)

    Springenberg et al. 2014, arXiv:1412.6806, section 3.4. It shows sharp edges but hardly depends
    on the class; multiply it with a Grad-CAM (`guided_grad_cam`) where that matters.

    Without arguments, a context manager: inside it the drop-in layers of `gradcam_mx.nn` follow the
    rule in the caller's own autograd code (see `nn.guided_mode`).

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); hybridized or not.
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.

    Returns:
        An Explanation whose values are the guided gradients, (N, C, H, W); its `rule_report` counts
        the activations that the rule changed.

    Raises:
        RuleError: the net has no rectifier.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> guided = gm.guided_backprop(net, mx.nd.ones((1, 3, 224, 224)))
        >>> guided.values.shape, guided.rule_report.changed
        ((1, 3, 224, 224), {'relu': 26})
    """
    return run.input_gradient(GUIDED)


@method(family=FAMILY, paper="Selvaraju et al. 2017, arXiv:1610.02391",
        needs=Needs(layer=True, rules=frozenset([GUIDED])))
def guided_grad_cam(run: Run) -> np.ndarray:
    """Guided Grad-CAM: the detail of guided backpropagation where Grad-CAM finds the target.

        R = upsample(L) ⊙ G        L: the Grad-CAM (N, h, w), G: the guided gradient (N, C, H, W)

    Selvaraju et al. 2017, arXiv:1610.02391, section 3.2; upsampling is bilinear.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.
        layer: the layer of the Grad-CAM; by default the last one before the global pool.

    Returns:
        An Explanation whose values are the products, (N, C, H, W).

    Raises:
        RuleError: the net has no rectifier.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.guided_grad_cam(net, mx.nd.ones((1, 3, 224, 224)), 281).layer
        'features.12'
    """
    maps = METHODS["grad_cam"].formula(run)
    return picture.resize(maps, run.input_size)[:, None] * run.input_gradient(GUIDED)

"""Input attributions: the gradient of the score at the net's input, under one rule or another."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Iterator

import numpy as np

from .. import nn
from ..engine.chunks import AUTO, BatchSize
from ..engine.rules import DECONVNET, GUIDED, PLAIN
from ..errors import MethodError
from ..support.arrays import ranges
from .activation_maps import grad_cam
from .functions import method
from .inputs import of_each
from .moments import Moments
from .needs import Needs
from .register import Result
from .view import View
from .views import on_input

FAMILY = "gradients"
COST = "1 forward, 1 backward"


@method(
    family=FAMILY,
    paper="Simonyan et al. 2013, arXiv:1312.6034",
    cost=COST,
    needs=Needs(rules=frozenset([PLAIN])),
)
def saliency(run: View) -> np.ndarray:
    """Saliency: how the score changes with each value of the input.

        R = ∂S/∂x

    Simonyan et al. 2013, arXiv:1312.6034. The values are raw and signed; the heat map shows their
    absolute values, summed over the channels, or the largest of them (`heatmap("max")`, as in the
    paper).

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


@method(
    family=FAMILY,
    paper="Shrikumar et al. 2016, arXiv:1605.01713",
    cost=COST,
    needs=Needs(rules=frozenset([PLAIN]), inside=True),
)
def input_x_gradient(run: View) -> Result:
    """Input × gradient: the share of each value in the score, were the net linear.

        R = x ⊙ ∂S/∂x

    Shrikumar et al. 2016, arXiv:1605.01713, section 2.2. At a layer, A ⊙ ∂S/∂A.

    Args:
        layer: attribute to the values of this layer, or of each of a list, in place of the input.

    Returns:
        An Explanation whose values are the products, (N, C, H, W).

    Raises:
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.input_x_gradient(net, mx.nd.ones((1, 3, 224, 224)), 281, "features.5").values.shape
        (1, 128, 27, 27)
    """
    if run.map:
        return Result(run.activations * run.layer_gradient, {}, signed=True)
    return Result(run.x * run.input_gradient(PLAIN), {}, signed=True)


def _or_mode(explain: Callable[..., Any]) -> Callable[..., Any]:
    """Let `guided_backprop()` without a net be the mode for the caller's own autograd code."""

    @functools.wraps(explain)
    def function(*args: Any, **kwargs: Any) -> Any:
        return explain(*args, **kwargs) if args or kwargs else nn.guided_mode()

    return function


@_or_mode
@method(
    family=FAMILY,
    paper="Springenberg et al. 2014, arXiv:1412.6806",
    cost=COST,
    needs=Needs(rules=frozenset([GUIDED])),
)
def guided_backprop(run: View) -> np.ndarray:
    """Guided backpropagation: the patterns in the input that excite the features of the target.

    The gradient ∂S/∂x, except that every rectifier f also stops negative gradients: with z its
    input and dy the gradient at its output, the gradient at its input is

        f'(z) · max(dy, 0)

    Springenberg et al. 2014, arXiv:1412.6806, section 3.4. It shows sharp edges but hardly depends
    on the class; multiply it with a Grad-CAM (`guided_grad_cam`) where that matters.

    Without arguments, a context manager: inside it the drop-in layers of `gradcam_mx.nn` follow the
    rule in the caller's own autograd code (see `nn.guided_mode`).

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


@method(
    family=FAMILY,
    paper="Zeiler & Fergus 2014, arXiv:1311.2901",
    cost=COST,
    needs=Needs(rules=frozenset([DECONVNET])),
)
def deconvnet(run: View) -> np.ndarray:
    """Deconvnet: the pattern that the features of the target would paint on the input.

    The gradient ∂S/∂x, except that a rectifier is run backward as a rectifier: with dy the gradient
    at its output, the gradient at its input is

        max(dy, 0)

    Zeiler & Fergus 2014, arXiv:1311.2901, section 2.1. Max pooling goes back to where the maxima
    were. As guided backpropagation, it hardly depends on the class.

    Returns:
        An Explanation whose values are the patterns, (N, C, H, W); its `rule_report` counts the
        activations that the rule changed.

    Raises:
        RuleError: the net has no rectifier.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.deconvnet(net, mx.nd.ones((1, 3, 224, 224))).rule_report.changed
        {'relu': 26}
    """
    return run.input_gradient(DECONVNET)


@method(
    family=FAMILY,
    paper="Selvaraju et al. 2017, arXiv:1610.02391",
    cost="1 forward, 1 backward, 1 backward to the layer",
    needs=Needs(layer=True, rules=frozenset([GUIDED])),
)
def guided_grad_cam(run: View) -> np.ndarray:
    """Guided Grad-CAM: the detail of guided backpropagation where Grad-CAM finds the target.

        R = upsample(L) ⊙ G        L: the Grad-CAM (N, h, w), G: the guided gradient (N, C, H, W)

    Selvaraju et al. 2017, arXiv:1610.02391, section 3.2; upsampling is bilinear.

    Args:
        layer: the layer of the Grad-CAM, or a list of them, which gives a list; by default the last
            one before the global pool.
        fuse: for maps alone: a list of these attributions cannot be joined, which is a LayerError.

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
    maps = np.asarray(inspect.unwrap(grad_cam)(run))
    return on_input(run, maps) * run.input_gradient(GUIDED)


MODES = ("mean", "square", "variance")


@method(
    family=FAMILY,
    paper="Smilkov et al. 2017, arXiv:1706.03825",
    cost="1 forward, and 1 forward and backward for each noisy copy",
    needs=Needs(rules=frozenset([PLAIN])),
)
def smooth_grad(
    run: View,
    *,
    num_samples: int = 25,
    noise: float = 0.15,
    mode: str = "mean",
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> Result:
    """SmoothGrad: saliency with its noise averaged away, over noisy copies of the input.

        R = mean of ∂S/∂x at x + ε,        ε ~ Normal(0, σ²),        σ = noise · (max x - min x)

    Smilkov et al. 2017, arXiv:1706.03825. "square" takes the mean of the squared gradients (Hooker
    et al. 2019, arXiv:1806.10758), "variance" their variance (VarGrad; Adebayo et al. 2018,
    arXiv:1810.03307).

    Args:
        target: what is explained; each sample's top class by default, that of x itself. Several
            of them (`gm.targets.Several`, `Top`) give a list.
        num_samples: how many noisy copies of each sample.
        noise: the standard deviation of the noise, as a share of each sample's range.
        mode: "mean", "square" or "variance".
        seed: of the noise.
        batch_size: how many copies run at once, or "auto", which finds a size that is quick on this
            machine; the result does not depend on it, but for rounding.

    Returns:
        An Explanation whose values are (N, C, H, W). `details["standard_error"]`, shaped like them,
        is theirs, over the noise: of the mean, of the mean square, or of the variance.

    Raises:
        MethodError: no such mode, no samples, a negative noise.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.smooth_grad(net, mx.nd.ones((1, 3, 224, 224)), num_samples=2).values.shape
        (1, 3, 224, 224)
    """
    if mode not in MODES:
        raise MethodError(f"there is no mode {mode!r}; there are {', '.join(MODES)}")
    if num_samples < 1 or noise < 0:
        raise MethodError(
            f"expected at least one sample and a noise of 0 or more; got num_samples="
            f"{num_samples}, noise={noise}"
        )
    x, draw = run.x, np.random.RandomState(seed)
    sigma = noise * of_each(run, lambda one, _: np.broadcast_to(ranges(one), one.shape))

    def noisy() -> Iterator[np.ndarray]:
        for _ in range(num_samples):
            # the same for all samples, so that each gets what it would get alone
            yield x + sigma * draw.standard_normal((1, *x.shape[1:])).astype(x.dtype)

    moments = Moments(x.shape, to_the_fourth=mode == "variance")
    for _, gradient in run.gradients_at(
        run.input_map,
        noisy(),
        batch_size=batch_size,
        progress=progress,
        total=num_samples,
        what="SmoothGrad",
    ):
        moments.add(np.square(gradient, dtype=np.float64) if mode == "square" else gradient)
    if mode == "variance":
        values, error = moments.variance, moments.variance_error
    else:
        values, error = moments.mean, moments.standard_error
    return Result(values, {"standard_error": error.astype(np.float32)})

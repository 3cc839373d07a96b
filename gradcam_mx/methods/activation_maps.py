"""Activation maps: a layer's channels, weighted by what they mean for the target, summed.

A method is a formula `f(A, G) -> weighted channels` over a layer's activations A and the gradient
G = ∂S/∂A of the explained score S, all (N, C, h, w). `activation_map` makes a method of it, and has
what all maps have in common: the sum over the channels or their principal component, the ReLU, the
average over augmented inputs, and the documentation of these options.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable

import numpy as np

from ..engine.rules import Rule
from ..errors import MethodError
from .arguments import documented
from .functions import method
from .needs import Needs
from .view import View

Formula = Callable[..., np.ndarray]

GRADIENT_COST = "1 forward, 1 backward to the layer"
SCALES = (0.9, 1.0, 1.1)

_SECTIONS = {
    "Returns": "An Explanation whose values are the maps (N, h, w), ≥ 0 unless `relu` is False.",
    "Raises": "LayerError, TargetError, InputError, NetworkError: "
    "what they say, before anything changes.",
}
"""What all maps say, if they say nothing else."""


def activation_map(
    paper: str,
    cost: str = GRADIENT_COST,
    *,
    always_eigen: bool = False,
    pooled: bool = False,
    gradient: bool = True,
    rule_of: Callable[..., Rule] | None = None,
) -> Callable[[Formula], Callable[..., Any]]:
    """Make a method of a formula `f(A, G)`, or `f(run, *, option=default …)`, of weighted channels.

    Args:
        paper: who found it, when, and where to read it.
        cost: the passes through the net that it needs.
        always_eigen: whether the map is the principal component of the weighted channels.
        pooled: whether it explains no other layer than the one that is pooled.
        gradient: whether it wants the gradient at the layer.
        rule_of: of its options: the rule under which it wants relevance there.

    The method raises a MethodError where the formula gives anything but channels.
    """

    def register(formula: Formula) -> Callable[..., Any]:
        own = list(inspect.signature(formula).parameters.values())
        of_run = (
            formula
            if own[0].name == "run"
            else (lambda run: formula(run.activations, run.layer_gradient))
        )
        own_options = [one for one in own if one.kind is inspect.Parameter.KEYWORD_ONLY]

        def maps(
            run: View,
            *,
            relu: bool = True,
            augment_smooth: bool = False,
            eigen_smooth: bool = False,
            **options: Any,
        ) -> np.ndarray:
            def combined(one: View) -> np.ndarray:
                channels = _checked(formula.__name__, of_run(one, **options), one.activations)
                if always_eigen or eigen_smooth:
                    return principal_component(channels)
                return channels.sum(axis=1)

            found = _augmented(combined, run) if augment_smooth else combined(run)
            return np.maximum(found, 0) if relu else found

        shared = list(inspect.signature(maps).parameters.values())
        signature = inspect.Signature([shared[0], *own_options, *shared[1:-1]])
        maps.__signature__ = signature  # type: ignore[attr-defined]
        maps.__name__ = maps.__qualname__ = formula.__name__
        maps.__module__ = formula.__module__
        maps.__doc__ = documented(formula.__doc__, (), _SECTIONS)
        return method(
            family="activation maps",
            paper=paper,
            cost=cost,
            needs=Needs(layer=True, gradient=gradient, pooled=pooled, rule_of=rule_of),
        )(maps)

    return register


def _checked(name: str, channels: Any, activations: np.ndarray) -> np.ndarray:
    """What a formula gave, if it is weighted channels.

    Raises:
        MethodError: it is not.
    """
    shape, expected = np.shape(channels), activations.shape
    if (len(shape), shape[:1], shape[2:]) != (len(expected), expected[:1], expected[2:]):
        raise MethodError(
            f"the formula of {name} gives an array of shape {shape}; expected weighted channels, "
            f"(N, C, h, w), here {expected}: weights (N, C) have to be multiplied by the "
            "activations, weights[:, :, None, None] * activations"
        )
    return channels


def _augmented(of: Callable[[View], np.ndarray], run: View) -> np.ndarray:
    """The mean of maps of x and of its mirror image, at several strengths."""
    found = []
    for scale in SCALES:
        found.append(of(run.on(run.x * np.float32(scale))))
        found.append(of(run.on(run.x[..., ::-1] * np.float32(scale)))[..., ::-1])
    return np.mean(found, axis=0)


def principal_component(channels: np.ndarray) -> np.ndarray:
    """The channels (N, C, h, w), as vectors at positions, projected on their first direction.

    That is the first right singular vector v of the matrix M (positions × channels), not centred:
    the map M v, with the sign that makes it go along with the sum of the channels.
    """
    matrices = channels.reshape(*channels.shape[:2], -1).astype(np.float64)
    maps = np.stack([_along_first(matrix) for matrix in matrices])
    sums = matrices.sum(axis=1)
    along = (
        (maps - maps.mean(axis=1, keepdims=True)) * (sums - sums.mean(axis=1, keepdims=True))
    ).sum(axis=1)
    along = np.where(along == 0, maps.sum(axis=1), along)
    maps *= np.where(along < 0, -1, 1)[:, None]
    return maps.reshape(len(channels), *channels.shape[2:])


def weighted(weights: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """The channels (N, C, h, w), each times its weight (N, C)."""
    return weights.reshape(*weights.shape, *[1] * (activations.ndim - 2)) * activations


def _along_first(matrix: np.ndarray) -> np.ndarray:
    """(P,) a matrix (C, P), projected on its first direction.

    By the smaller of its two products with itself: that of the positions of an early layer, of
    which there are ten thousand, would take gigabytes and minutes.
    """
    count, positions = matrix.shape
    if count <= positions:
        return _first_eigenvector(matrix @ matrix.T) @ matrix
    first = _first_eigenvector(matrix.T @ matrix)
    return first * np.linalg.norm(matrix @ first)


def _first_eigenvector(gram: np.ndarray) -> np.ndarray:
    """The eigenvector, of length 1, of the largest eigenvalue of a matrix M Mᵀ.

    By power iteration, which is several times quicker than all eigenvectors where the first stands
    out, as it mostly does; where it does not, by all of them.
    """
    vector = gram[:, np.argmax(np.diagonal(gram))]
    for _ in range(150):
        length = np.linalg.norm(vector)
        if length == 0:
            return vector
        before, vector = vector / length, gram @ (vector / length)
        if np.abs(vector / np.linalg.norm(vector) - before).max() < 1e-12:
            return before
    return np.linalg.eigh(gram)[1][:, -1]


def _positions(values: np.ndarray) -> tuple[int, ...]:
    return tuple(range(2, values.ndim))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, zero where below is."""
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


@activation_map("Zhou et al. 2016, arXiv:1512.04150", "1 forward", pooled=True, gradient=False)
def cam(run: View) -> np.ndarray:
    """CAM: where the features are that the class's weights ask for.

    For a net that ends in a global average pool and one Dense layer, with its weights w,

        L = Σ_c w_c · A_c

    Zhou et al. 2016, arXiv:1512.04150, equation 2. Of a target that is no class, w is the target's
    derivative by the scores times the weights. The layer is the one that is pooled; a net that ends
    in anything else is a NetworkError.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.cam(net, mx.nd.ones((1, 3, 224, 224)), 281).layer
        'features.7'
    """
    pooled, weights = run.pooled()
    return weighted(weights, run.value(pooled))


@activation_map("Selvaraju et al. 2017, arXiv:1610.02391")
def grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM: where a layer's features speak for the target.

        α_c = mean over positions of ∂S/∂A_c        L = ReLU(Σ_c α_c · A_c)

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.grad_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
    return gradients.mean(axis=_positions(gradients), keepdims=True) * activations


@activation_map("Chattopadhay et al. 2018, arXiv:1710.11063")
def grad_cam_pp(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM++: as Grad-CAM, with weights that let small and repeated objects count.

        α_c = G_c² / (2 G_c² + G_c³ · Σ A_c)    w_c = Σ α_c · ReLU(G_c)    L = ReLU(Σ_c w_c · A_c)

    with sums over the positions, and α = 0 where its denominator is. Chattopadhay et al. 2018,
    arXiv:1710.11063, equations 9 to 19. (Of exp S, which they explain, the derivatives are those
    of S times a factor that all weights share.)

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.grad_cam_pp(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
    positions = _positions(activations)
    total = activations.sum(axis=positions, keepdims=True)
    # G² divided out, which float32 could not hold for small gradients
    alpha = np.where(gradients == 0, 0, _ratio(np.ones_like(gradients), 2 + gradients * total))
    weights = (alpha * np.maximum(gradients, 0)).sum(axis=positions, keepdims=True)
    return weights * activations


@activation_map("Fu et al. 2020, arXiv:2008.02312")
def xgrad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """XGrad-CAM: as Grad-CAM, with weights that make the map add up to what the layer contributes.

        w_c = Σ (A_c · G_c) / Σ A_c        L = ReLU(Σ_c w_c · A_c)

    with sums over the positions, and w = 0 where its denominator is. Fu et al. 2020,
    arXiv:2008.02312, equation 8.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.xgrad_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
    positions = _positions(activations)
    weights = _ratio(
        (activations * gradients).sum(axis=positions, keepdims=True),
        activations.sum(axis=positions, keepdims=True),
    )
    return weights * activations


@activation_map("Draelos & Carin 2020, arXiv:2011.08891")
def hires_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """HiRes-CAM: what each position contributes, without an average over positions.

        L = ReLU(Σ_c G_c ⊙ A_c)

    Draelos & Carin 2020, arXiv:2011.08891, equation 4. Behind a bias-free linear tail the map adds
    up to the score.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.hires_cam(net, mx.nd.ones((1, 3, 224, 224)), target=281).values.shape
        (1, 7, 7)
    """
    return gradients * activations


@activation_map("Jiang et al. 2021, doi:10.1109/TIP.2021.3089943")
def layer_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Layer-CAM: sharp maps also of early layers, from the positive gradient at each position.

        L = ReLU(Σ_c ReLU(G_c) ⊙ A_c)

    Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, equations 4 to 6.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.layer_cam(net, mx.nd.ones((1, 3, 224, 224)), 281, "features.5").values.shape
        (1, 28, 28)
    """
    return np.maximum(gradients, 0) * activations


@activation_map(
    "Muhammad & Yeasin 2020, arXiv:2008.00299", "1 forward", always_eigen=True, gradient=False
)
def eigen_cam(run: View) -> np.ndarray:
    """Eigen-CAM: where the strongest pattern of a layer is, whatever the target.

        L = M v        M: A as positions × channels, v: its first right singular vector

    Muhammad & Yeasin 2020, arXiv:2008.00299, equation 3. The sign, which a singular vector leaves
    open, is the one that makes the map go along with the sum of the activations. Meant for a layer
    behind its rectifier: of activations of both signs the map may be negative everywhere.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.eigen_cam(net, mx.nd.ones((1, 3, 224, 224))).values.shape
        (1, 7, 7)
    """
    return run.activations


@activation_map("Gildenblat 2021, pytorch-grad-cam; after arXiv:2008.00299", always_eigen=True)
def eigen_grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """EigenGrad-CAM: Eigen-CAM of what each activation contributes to the target.

        L = M v        M: A ⊙ G as positions × channels, v: its first right singular vector

    Eigen-CAM (Muhammad & Yeasin 2020, arXiv:2008.00299) made to depend on the class, as known from
    the package pytorch-grad-cam. The sign is the one that makes the map go along with the sum of
    A ⊙ G.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.eigen_grad_cam(net, mx.nd.ones((1, 3, 224, 224)), 281).values.shape
        (1, 7, 7)
    """
    return gradients * activations

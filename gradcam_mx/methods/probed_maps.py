"""Activation maps whose weights come from trying: the net runs again for each of the channels."""

from __future__ import annotations

import functools
from typing import Iterator

import numpy as np

from ..graph.layers import Map
from ..support.arrays import stretched
from .activation_maps import activation_map, weighted
from .view import View
from .views import of_rows, on_input


@activation_map(
    "Wang et al. 2020, arXiv:1910.01279", "1 forward, and 1 for each channel", gradient=False
)
def score_cam(run: View, *, batch_size: int = 16, progress: bool = True) -> np.ndarray:
    """Score-CAM: a channel counts by the score of the input that it lets through.

        H_c = A_c at the input's size, stretched to [0, 1]        S_c: the score of x ⊙ H_c
        w = softmax over the channels of S                        L = ReLU(Σ_c w_c · A_c)

    Wang et al. 2020, arXiv:1910.01279, equations 6 to 8 and algorithm 1 (the score of a baseline,
    which they subtract, leaves the softmax as it is). A flat channel lets nothing through. No
    gradients; the whole net runs once for each channel.

    Args:
        batch_size: how many masked inputs run at once.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.score_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """
    activations = run.activations
    channels = activations.shape[1]

    def masked() -> Iterator[np.ndarray]:
        for channel in range(channels):
            masks = on_input(run, activations[:, channel])
            positions = tuple(range(masks.ndim - len(run.input_size), masks.ndim))
            yield run.x * stretched(masks, positions)

    scores = _tried(run, run.input_map, masked(), channels, "Score-CAM", batch_size, progress)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weighted(of_rows(run, odds / odds.sum(axis=1, keepdims=True)), activations)


@activation_map(
    "Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360",
    "1 forward, and 1 of the net behind the layer for each channel",
    gradient=False,
)
def ablation_cam(run: View, *, batch_size: int = 16, progress: bool = True) -> np.ndarray:
    """Ablation-CAM: a channel counts by how much the score drops without it.

        w_c = (S - S_c) / |S|        S_c: the score with A_c set to zero
        L = ReLU(Σ_c w_c · A_c)

    Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360, equations 2 and 3; they divide by S,
    which they take for positive. No gradients; only the net behind the layer runs again.

    Args:
        batch_size: how many ablated activations run at once.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.ablation_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """
    activations = run.activations
    channels = activations.shape[1]

    def ablated() -> Iterator[np.ndarray]:
        without = activations.copy()
        for channel in range(channels):
            without[:, channel] = 0
            yield without
            without[:, channel] = activations[:, channel]

    scores = _tried(run, run.layer_map, ablated(), channels, "Ablation-CAM", batch_size, progress)
    drops = run.score[:, None] - scores
    size = np.abs(run.score)[:, None]
    shares = np.divide(drops, size, out=np.zeros_like(drops), where=size > 0)
    return weighted(of_rows(run, shares), activations)


@activation_map(
    "Byun & Lee 2022, arXiv:2209.14074",
    "1 forward, and 1 of the net behind the layer for each position",
    gradient=False,
)
def recipro_cam(run: View, *, batch_size: int = 16, progress: bool = True) -> np.ndarray:
    """Recipro-CAM: a position counts by the score of what the layer shows there alone.

        L_ij = (S_ij - min S) / (max S - min S)        S_ij: the score of A ⊙ M_ij

    with M_ij a Gaussian of three by three positions around (i, j), 1 in the middle, ½ beside, ¼
    across. Byun & Lee 2022, arXiv:2209.14074, section 3. No gradients; only the net behind the
    layer runs again.

    Args:
        batch_size: how many masked activations run at once.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.recipro_cam(net, mx.nd.ones((1, 3, 64, 64)), 281).values.shape
        (1, 2, 2)
    """
    activations = run.activations
    size = activations.shape[2:]
    places = list(np.ndindex(*size))

    def alone() -> Iterator[np.ndarray]:
        for place in places:
            distance = [np.abs(np.arange(length) - at) for length, at in zip(size, place)]
            masks = [np.where(one > 1, 0.0, 0.5**one) for one in distance]
            mask = functools.reduce(np.multiply.outer, masks)
            yield (activations * mask).astype(activations.dtype)

    scores = _tried(run, run.layer_map, alone(), len(places), "Recipro-CAM", batch_size, progress)
    found = stretched(scores, (1,)).reshape(len(scores), 1, *size)
    return of_rows(run, found)


def _tried(
    run: View,
    where: Map,
    values: Iterator[np.ndarray],
    total: int,
    what: str,
    batch_size: int,
    progress: bool,
) -> np.ndarray:
    """(N, total) the score of each sample for each of other values at the input or a layer."""
    scores = run.scores_at(
        where, values, batch_size=batch_size, progress=progress, total=total, what=what
    )
    return np.stack(list(scores), axis=1)

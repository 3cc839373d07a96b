"""Pictures that a class or a unit responds to, made by gradient ascent."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Iterator, Sequence

import cv2
import numpy as np

from .. import picture
from ..errors import InputError, TargetError
from ..graph.picture_input import channel_order, common_sizes, picture_input, preprocess_of
from ..graph.trace import Net, trace
from ..methods import Plan
from ..support.equality import equal_by_fields
from ..targets.given import gives_list

Bounds = Sequence[Any]
"""(low, high): the lowest and highest values of an input, numbers or one for each channel."""

BOUNDS = (-2.0, 2.0)
"""Of inputs that are normalised to a mean of 0 and a deviation of 1, as most nets have them."""


@equal_by_fields
@dataclass(frozen=True, eq=False)
class Maximization:
    """An input that was made for a target.

    Args:
        target: the class id, or the name of what else it was made for.
        order: "RGB" or "BGR", the order of the channels in `x`.
    """

    x: np.ndarray
    """(1, C, H, W) float32: as the net takes it."""
    scores: np.ndarray
    """(steps + 1,) float32: the explained scalar at each step, and at last."""
    target: str | list[int] | list[str]
    bounds: tuple[np.ndarray, np.ndarray]
    """The lowest and highest values that the input may have, for each channel."""
    order: str = "RGB"

    @property
    def picture(self) -> np.ndarray:
        """The input as a picture, (H, W, 3) uint8 RGB."""
        low, high = self.bounds
        return picture.of_input((self.x - low) / (high - low), self.order, stretch=False)[0]


def activation_maximization(
    net: Net,
    target: Any,
    *,
    shape: Sequence[int] | None = None,
    preprocess: Any = None,
    bounds: Bounds | None = None,
    steps: int = 128,
    step_size: float = 0.04,
    jitter: int = 8,
    blur: float = 0.7,
    blur_every: int = 2,
    decay: float = 0.002,
    seed: int = 0,
    output: Any = None,
    progress: bool = True,
) -> Maximization:
    """A picture that a class or a unit responds to: gradient ascent on the input, from noise.

        x ← clip((1 - decay) · (x + step · G / rms(G))),        G = ∂S/∂x

    Erhan et al. 2009 (Visualizing higher-layer features of a deep network); regularised by decay
    and blurring (Yosinski et al. 2015, arXiv:1506.06579) and by shifting the picture a little at
    each step (Mordvintsev et al. 2015, Inceptionism). It shows one thing that excites the target,
    exaggerated, not what photos of it look like.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        target: a class id, `gm.targets.Channel(layer, channel)`, `gm.targets.Unit(layer, channel,
            position)`, or another target.
        shape: of the input, (C, H, W); by default what the preprocessing makes, or a common size.
        preprocess: how photos are prepared, a `gm.zoo.Preprocess`; by default the net's own. It
            gives shape, bounds and the order of the channels.
        bounds: the lowest and highest values of the input, each a number or one for each channel;
            by default those of black and white by the preprocessing, or -2 and 2.
        steps: of the ascent.
        step_size: the length of a step, root mean square, as a share of the bounds' distance.
        jitter: by how many pixels the picture is shifted at the most.
        blur: the deviation of the blur in pixels.
        blur_every: after how many steps it is blurred, not after the last.
        decay: the share that is lost at each step.
        seed: of the noise and the shifts.
        output: which of several outputs is explained, by number or name; or "probability".
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        TargetError: no target is named.
        InputError, LayerError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> made = gm.inspect.activation_maximization(
        ...     net, gm.targets.Channel("features.3", 7), shape=(3, 224, 224), steps=3)
        >>> made.picture.shape, made.scores[-1] > made.scores[0]
        ((224, 224, 3), True)
    """
    if target is None:
        raise TargetError(
            "the target is None, and noise has no top class; name a class id or "
            "gm.targets.Channel(layer, channel)"
        )
    if gives_list(target):
        raise TargetError(f"a picture is made for one target; got {target!r}")
    if steps < 1 or blur_every < 1 or jitter < 0 or not 0 <= decay < 1:
        raise InputError(
            f"expected steps and blur_every of 1 or more, a jitter of 0 or more, a "
            f"decay from 0 to 1; got {steps}, {blur_every}, {jitter}, {decay}"
        )
    prepare = preprocess_of(net, preprocess)
    size = tuple(shape) if shape is not None else _shape(net, prepare)
    low, high = _bounds(bounds, prepare, size)
    draw = np.random.RandomState(seed)
    step = step_size * (high - low)
    x = ((low + high) / 2 + step * draw.standard_normal((1, *size))).astype(np.float32)
    run = Plan(["saliency"], output=output).start(net, x, target)
    shifts = draw.randint(-jitter, jitter + 1, (steps, len(size) - 1))
    positions = tuple(range(2, x.ndim))
    scores = []

    def shifted() -> Iterator[np.ndarray]:
        # the next one is asked for when the gradient of the one before was used
        for shift in shifts:
            yield np.roll(x, shift, positions)

    ascent = run.gradients_at(
        run.input_map,
        shifted(),
        batch_size=1,
        progress=progress,
        total=steps,
        what="activation maximization",
    )
    for number, (score, gradient) in enumerate(ascent):
        scores.append(float(score[0]))
        gradient = np.roll(gradient, -shifts[number], positions)
        length = np.sqrt(np.mean(gradient**2, dtype=np.float64))
        if not length:  # nothing excites it yet: look elsewhere
            gradient, length = draw.standard_normal(x.shape), 1.0
        x = (1 - decay) * (x + step * gradient / length)
        if blur and len(size) == 3 and (number + 1) % blur_every == 0 and number + 1 < steps:
            x[0] = [cv2.GaussianBlur(channel, (0, 0), blur) for channel in x[0]]
        x = np.clip(x, low, high).astype(np.float32)
    last = run.on(x)
    if max([*scores[1:], last.score[0]]) <= scores[0]:
        warnings.warn(
            f"the score never rose above that of the noise, {scores[0]:.3g}: nothing excites the "
            "target, or no gradient gets through; try another seed, a larger step_size, or "
            "gm.targets.Channel in place of a single unit",
            stacklevel=2,
        )
    return Maximization(
        x,
        np.array([*scores, last.score[0]], np.float32),
        run.target,
        (low, high),
        channel_order(net, preprocess),
    )


def _shape(net: Net, prepare: Any) -> tuple[int, ...]:
    if hasattr(prepare, "shape"):
        return tuple(prepare.shape)
    graph = trace(net)
    found = picture_input(graph)
    sizes = common_sizes(graph, found.channels) if found else []
    if found is None or not sizes:
        raise InputError("which inputs the net takes is not known; pass shape=(C, H, W)")
    return found.channels, sizes[0], sizes[0]


def _bounds(
    bounds: Bounds | None, prepare: Any, shape: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    if bounds is None and hasattr(prepare, "mean"):
        mean, std = np.array(prepare.mean), np.array(prepare.std)
        bounds = (0 - mean) / std, (255 - mean) / std
    one = (-1, *(1,) * (len(shape) - 1))
    low, high = (np.asarray(side, np.float32).reshape(one) for side in bounds or BOUNDS)
    if not (low < high).all():
        raise InputError(
            f"the bounds are {low.ravel()} and {high.ravel()}; expected the lowest "
            "and the highest values of the input"
        )
    return low, high

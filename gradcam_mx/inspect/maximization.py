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
from ..support import html
from ..support.boundary import told
from ..support.callers import caller_level
from ..support.equality import equal_by_fields
from ..targets.given import gives_list

Bounds = Sequence[Any]
"""(low, high): the lowest and highest values of an input, numbers or one for each channel."""

BOUNDS = (-2.0, 2.0)
"""Of inputs that are normalised to a mean of 0 and a deviation of 1, as most nets have them."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
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
        shown = picture.of_input((self.x - low) / (high - low), self.order, stretch=False)[0]
        return picture.as_picture(shown)

    def __repr__(self) -> str:
        target = ", ".join(map(str, self.target)) if isinstance(self.target, list) else self.target
        return (
            f"<Maximization of {target}, score {self.scores[0]:.3g} to {self.scores[-1]:.3g}, "
            f"{' × '.join(map(str, self.x.shape))}>"
        )

    def _repr_png_(self) -> bytes | None:
        return picture.png(self.picture)

    def _repr_html_(self) -> str:
        return html.image(self._repr_png_(), repr(self))


@told
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
        >>> mx.random.seed(0)
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> made = gm.inspect.activation_maximization(
        ...     net, gm.targets.Channel("features.3", 7), shape=(3, 224, 224), steps=3)
        >>> made.picture.shape, made.scores[-1] > made.scores[0]
        ((224, 224, 3), True)
    """
    _check(target, steps, blur_every, jitter, decay)
    prepare = preprocess_of(net, preprocess)
    size = tuple(shape) if shape is not None else _shape(net, prepare)
    low, high = _bounds(bounds, prepare, size)
    way = _Ascent(low, high, step_size * (high - low), decay, blur, blur_every, seed)
    way.start(size)
    run = Plan(["saliency"], output=output).start(net, way.x, target)
    gradients = run.gradients_at(
        run.input_map,
        way.shifted(steps, jitter),
        batch_size=1,
        progress=progress,
        total=steps,
        what="activation maximization",
    )
    scores = []
    for number, (score, gradient) in enumerate(gradients, start=1):
        scores.append(float(score[0]))
        way.go(gradient, is_last=number == steps)
    last = run.on(way.x)
    scores.append(float(last.score[0]))
    if max(scores[1:]) <= scores[0]:
        warnings.warn(
            f"the score never rose above that of the noise, {scores[0]:.3g}: nothing excites the "
            "target, or no gradient gets through; try another seed, a larger step_size, or "
            "gm.targets.Channel in place of a single unit",
            stacklevel=caller_level(),
        )
    return Maximization(
        way.x,
        np.array(scores, np.float32),
        run.target,
        (low, high),
        channel_order(net, preprocess),
    )


class _Ascent:
    """The input on its way up.

    Args:
        low, high: the lowest and highest values that it may have.
        step: the length of a step, root mean square.
        decay, blur, blur_every, seed: as in `activation_maximization`.
    """

    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        step: np.ndarray,
        decay: float,
        blur: float,
        blur_every: int,
        seed: int,
    ) -> None:
        self._low, self._high, self._step = low, high, step
        self._decay, self._blur, self._blur_every = decay, blur, blur_every
        self._draw = np.random.RandomState(seed)
        self._steps = 0
        self._shift: Sequence[int] = ()
        self.x = np.empty(0, np.float32)

    def start(self, size: Sequence[int]) -> None:
        """Begin with noise around the middle of the bounds."""
        noise = self._step * self._draw.standard_normal((1, *size))
        self.x = ((self._low + self._high) / 2 + noise).astype(np.float32)

    def shifted(self, steps: int, jitter: int) -> Iterator[np.ndarray]:
        """The input at each step, shifted a little; each asked for after the step before."""
        for shift in self._draw.randint(-jitter, jitter + 1, (steps, self.x.ndim - 2)):
            self._shift = shift
            yield np.roll(self.x, shift, self._positions)

    def go(self, gradient: np.ndarray, is_last: bool) -> None:
        """A step along the gradient at the shifted input."""
        self._steps += 1
        gradient = np.roll(gradient, -np.asarray(self._shift), self._positions)
        length = np.sqrt(np.mean(gradient**2, dtype=np.float64))
        if not length:  # nothing excites it yet: look elsewhere
            gradient, length = self._draw.standard_normal(self.x.shape), 1.0
        x = (1 - self._decay) * (self.x + self._step * gradient / length)
        if self._blur and x.ndim == 4 and self._steps % self._blur_every == 0 and not is_last:
            x[0] = [cv2.GaussianBlur(channel, (0, 0), self._blur) for channel in x[0]]
        self.x = np.clip(x, self._low, self._high).astype(np.float32)

    @property
    def _positions(self) -> tuple[int, ...]:
        return tuple(range(2, self.x.ndim))


def _check(target: Any, steps: int, blur_every: int, jitter: int, decay: float) -> None:
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

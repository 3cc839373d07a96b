"""Targets inside the net: a unit of a layer, and a channel.

They are called with the layer's output (N, C, ...), its channels at axis 1 wherever the net keeps
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from ..errors import TargetError
from ..graph.outputs import LayerOutputs, OutputChoice
from ..support.arrays import flat, is_whole, like
from .protocol import BaseTarget


@dataclass(frozen=True)
class Unit(BaseTarget):
    """The activation of a unit inside the net: A[n, c, i, j] of a layer's output A.

    Every method explains it: `guided_backprop` and `deconvnet` show the pattern that excites it.

    Args:
        layer: a Block, a dotted path, a block's name, or the name of an output; None for the
            default layer.
        channel: c.
        position: (i, j); by default where the channel is strongest in each sample.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> unit = gm.targets.Unit("features.5", 7, position=(10, 12))
        >>> gm.saliency(net, mx.nd.ones((1, 3, 224, 224)), unit).output
        'features.5'
    """

    layer: Any
    channel: int
    position: Sequence[int] | None = None

    @property
    def reads(self) -> OutputChoice:
        """The layer."""
        return LayerOutputs((self.layer,))

    def __call__(self, output: Any) -> Any:
        weights = _weights_like(output, self)
        if self.position is not None and (
            len(self.position) != weights.ndim - 2
            or not all(0 <= one < size for one, size in zip(self.position, weights.shape[2:]))
        ):
            raise TargetError(
                f"there is no position {self.position!r}: the layer {self.layer!r} "
                f"gives {weights.shape}"
            )
        positions: list[Any] = [self.position] * len(weights)
        if self.position is None:
            numbers = output.asnumpy()[:, self.channel]
            best = numbers.reshape(len(numbers), -1).argmax(axis=1)
            positions = [np.unravel_index(int(one), numbers.shape[1:]) for one in best]
        for sample, position in zip(weights, positions):
            place = (self.channel, *position)
            sample[place] = 1
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class Channel(BaseTarget):
    """The mean activation of a channel inside the net: the mean over positions of A[n, c, i, j].

    Args:
        layer: a Block, a dotted path, a block's name, or the name of an output; None for the
            default layer.
        channel: c.
    """

    layer: Any
    channel: int

    @property
    def reads(self) -> OutputChoice:
        """The layer."""
        return LayerOutputs((self.layer,))

    def __call__(self, output: Any) -> Any:
        weights = _weights_like(output, self)
        weights[:, self.channel] = 1 / max(1, int(np.prod(weights.shape[2:])))
        return flat(output * like(weights, output)).sum(axis=1)


def _weights_like(output: Any, unit: Unit | Channel) -> np.ndarray:
    """Zeros like a layer's output (N, C, ...).

    What is picked by weights is not sliced: the slice of a convolution's output ends the process
    (measured).
    """
    shape = output.shape
    if len(shape) < 2 or not is_whole(unit.channel) or not 0 <= unit.channel < shape[1]:
        raise TargetError(
            f"there is no unit {unit.channel!r}: the layer {unit.layer!r} gives "
            f"{shape}, channels at axis 1"
        )
    return np.zeros(shape, np.float32)

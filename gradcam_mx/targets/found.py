"""Targets of what a net found in a picture: a class somewhere in it, the best of its detections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import TargetError
from ..support.arrays import flat, like
from .checks import checked
from .protocol import BaseTarget


@dataclass(frozen=True)
class WhereFound(BaseTarget):
    """The mean score of a class where the net finds it, in an output (N, K, …) of many positions.

    A position belongs to the class with the highest score there; a class that is nowhere found
    counts everywhere. Methods that change the input keep to the positions found in x itself.

    Args:
        class_id: the class; by default of each sample the one with the most positions.
        places: (K, …) the weights of the scores instead, of one sample.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> gm.targets.WhereFound()(mx.nd.array([[[3, 4, 0], [0, 1, 7]]])).asnumpy()
        array([3.5], dtype=float32)
    """

    class_id: int | str | None = None
    places: Any = field(default=None, metadata={"is_named": False})

    class_fields = ("class_id",)

    def __call__(self, output: Any) -> Any:
        if self.places is not None:
            weights = np.broadcast_to(self.places, output.shape)
        else:
            weights = self._weights(output)
        return flat(output * like(weights, output)).sum(axis=1)

    def of_variants(self, output: Any) -> Any:
        """The same class and positions of each sample, in outputs for variants of it.

        Args:
            output: (N, K, …), the net's for the samples.
        """
        return [WhereFound(self.class_id, one) for one in self._weights(output)]

    def _weights(self, output: Any) -> np.ndarray:
        if len(output.shape) < 3:
            raise TargetError(
                f"WhereFound explains scores of classes at many positions, (N, K, …); the output "
                f"has shape {output.shape}"
            )
        weights = np.zeros(output.shape)
        for sample, tops in enumerate(output.asnumpy().argmax(axis=1)):
            counts = np.bincount(tops.ravel(), minlength=output.shape[1])
            wanted: Any = int(counts.argmax()) if self.class_id is None else self.class_id
            checked([wanted], output.shape[1])
            mask = tops == wanted if counts[wanted] else np.ones_like(tops)
            weights[sample, wanted] = mask / mask.sum()
        return weights


@dataclass(frozen=True)
class BestDetection(BaseTarget):
    """The score of the best detection, of an output (N, B, 6) of rows (class, score, box).

    MXNet's MultiBoxDetection and box_nms give such rows; -1 is the class of one that was
    suppressed. Where there is none, the score is 0.

    Args:
        class_id: of the detection; by default that of the best in x itself.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> rows = mx.nd.array([[[1, 0.9, 0, 0, 1, 1], [0, 0.8, 0, 0, 1, 1]]])
        >>> gm.targets.BestDetection(0)(rows).asnumpy()
        array([0.8], dtype=float32)
    """

    class_id: int | str | None = None

    class_fields = ("class_id",)
    classes_are_scored = False

    def __call__(self, rows: Any) -> Any:
        weights = np.zeros(rows.shape)
        for sample, best in enumerate(self._best(rows)):
            if best is not None:
                weights[sample, best, 1] = 1
        return flat(rows * like(weights, rows)).sum(axis=1)

    def of_variants(self, rows: Any) -> Any:
        """The best detection of the same class, in outputs for variants of each sample.

        Args:
            rows: (N, B, 6), the net's output for the samples.
        """
        classes = rows.asnumpy()[..., 0]
        return [
            self if best is None else BestDetection(int(classes[sample, best]))
            for sample, best in enumerate(self._best(rows))
        ]

    def _best(self, rows: Any) -> list[int | None]:
        """Of each sample, which row; None if there is none."""
        if len(rows.shape) != 3 or rows.shape[2] < 6:
            raise TargetError(
                f"BestDetection explains rows (class, score, box), (N, B, 6); the output has shape "
                f"{rows.shape}"
            )
        numbers = rows.asnumpy()
        kinds, scores = numbers[..., 0], numbers[..., 1]
        wanted = kinds >= 0 if self.class_id is None else kinds == self.class_id
        return [
            int(np.where(mask, one, -np.inf).argmax()) if mask.any() else None
            for mask, one in zip(wanted, scores)
        ]

"""Targets of outputs that hold no classes: values, embeddings, maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..support.arrays import flat, like, numbers_of
from .checks import ClassIds, checked, each, fitting
from .protocol import BaseTarget, Known, Scalars


@dataclass(frozen=True)
class Regression(BaseTarget):
    """A weighted sum of all output values: Σ_i w_i y[n, i].

    Args:
        weights: shaped like one sample's output, or like the output; all ones by default.
    """

    weights: Any = None

    def __call__(self, output: Any) -> Any:
        if self.weights is None:
            return flat(output).sum(axis=1)
        weights = fitting(self.weights, output.shape, "the weights")
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class CosineSimilarity(BaseTarget):
    """How similar an embedding y is to a reference r: y·r / (|y| |r|).

    Args:
        reference: (K,), or (N, K) with one for each sample.
    """

    reference: Any

    def __call__(self, output: Any) -> Any:
        if len(output.shape) != 2:
            raise TargetError(
                f"CosineSimilarity explains an embedding (N, K); the output has "
                f"shape {output.shape}"
            )
        reference = fitting(self.reference, output.shape, "the reference")
        length = np.linalg.norm(reference, axis=1, keepdims=True)
        if not length.all():
            raise TargetError("the reference embedding is zero, so nothing is similar to it")
        # it does not depend on the length of y, whose square might overflow or vanish
        output = output / mx.nd.maximum(output.detach().abs().max(axis=1, keepdims=True), 1e-30)
        across = (output * like(reference / length, output)).sum(axis=1)
        return across / mx.nd.sqrt((output * output).sum(axis=1))


@dataclass(frozen=True)
class Segmentation(BaseTarget):
    """The mean score of a class over a region: the mean of y[n, c, h, w] where the mask is true.

    Args:
        class_id: the class, or one for each sample.
        mask: (H, W), or (N, H, W) with one for each sample; everywhere by default.
    """

    class_id: ClassIds
    mask: Any = None

    class_fields = ("class_id",)

    def __call__(self, output: Any) -> Any:
        shape = output.shape
        if len(shape) != 4:
            raise TargetError(
                f"Segmentation explains a map of scores (N, K, H, W); the output has shape {shape}"
            )
        mask = np.ones(shape[2:]) if self.mask is None else numbers_of(self.mask)
        if mask.shape not in (shape[2:], (shape[0], *shape[2:])):
            raise TargetError(
                f"the mask has shape {mask.shape}; expected the output's positions, "
                f"{shape[2:]}, or {(shape[0], *shape[2:])}"
            )
        if not np.isin(mask, (0, 1)).all():
            raise TargetError(
                "the mask holds numbers other than 0 and 1; expected true or false "
                "for each position, such as scores > 0.5"
            )
        mask = np.broadcast_to(mask != 0, (shape[0], *shape[2:]))
        if not mask.any(axis=(1, 2)).all():
            raise TargetError("the mask is empty: it has to be true somewhere in every sample")
        weights = np.zeros(shape)
        ids = checked(each(self.class_id, len(output)), shape[1])
        for n, one in enumerate(ids):
            weights[n, one] = mask[n] / mask[n].sum()
        return flat(output * like(weights, output)).sum(axis=1)


@dataclass(frozen=True)
class Direction(BaseTarget):
    """What an array of floats alone stands for: its dot product with the output."""

    weights: Any

    @property
    def name(self) -> str:
        return "array"

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        function = Regression(_direction(self.weights, values[0].shape))
        return super().scalars(values, known)._replace(function=function)


def _direction(given: Any, shape: Sequence[int]) -> np.ndarray:
    """An array as weights of the output; class ids in disguise are refused."""
    weights = numbers_of(given)
    if (
        weights.shape == tuple(shape[:1])
        and len(shape) == 2
        and (weights == np.round(weights)).all()
    ):
        raise TargetError(
            f"the target array has shape {weights.shape} and whole numbers, so it may be class ids "
            f'or a direction; pass ids as integers, target.astype("int32"), or a direction of '
            f"shape {tuple(shape)}"
        )
    if weights.shape not in (tuple(shape), tuple(shape[1:])):
        raise TargetError(
            f"the target array has shape {weights.shape}; expected the output's, "
            f"{tuple(shape)}, or one sample's, {tuple(shape[1:])}. Class ids are "
            "integers: target.astype('int32')"
        )
    if not np.isfinite(weights).all():
        raise TargetError("the target array holds NaN or infinity")
    return weights

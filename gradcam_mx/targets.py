"""What is explained: a scalar of the net's output, one for each sample.

A target becomes a *head gradient*, the derivative of the explained scalar with respect to the
output, which is where every backward pass starts.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence, Union

import numpy as np

from ._mxnet import mx
from .errors import NetworkError, TargetError

Target = Union[None, int, Sequence[int], np.ndarray, "mx.nd.NDArray", Callable[[Any], Any]]
"""None (each sample's top class), a class id, one id a sample, an array shaped like the output
(its dot product with the output is explained), or a function from output to one scalar a sample."""


class Head(NamedTuple):
    """A target made concrete for one output."""

    gradient: Any
    """NDArray of the output's shape."""
    score: np.ndarray
    """(N,) float32: the explained scalar."""
    target: str | list[int]
    """The class ids, or the name of what else is explained."""


def head(target: Target, output: Any) -> Head:
    """The head gradient and the score of `target` for the net's `output`.

    Raises:
        TargetError: a class id out of range, a class where the output has none, a shape that does
            not fit, a function whose result is not one finite scalar a sample or does not depend on
            the output.
        NetworkError: the output holds NaN.
    """
    numbers = output.asnumpy()
    broken = np.isnan(numbers).reshape(len(numbers), -1).any(axis=1)
    if broken.any():
        raise NetworkError(f"the net's output is NaN for sample {int(np.argmax(broken))}: its "
                           "parameters hold NaN, or the input is far out of its usual range")
    if target is None:
        return _classes(_top(numbers), output, numbers)
    if isinstance(target, (int, np.integer)) and not isinstance(target, bool):
        return _classes([int(target)] * len(numbers), output, numbers)
    if isinstance(target, (np.ndarray, mx.nd.NDArray)) and np.dtype(target.dtype).kind == "f":
        return _array(target, output, numbers)
    if isinstance(target, (list, tuple, np.ndarray, mx.nd.NDArray)):
        return _classes(_ids(target, len(numbers)), output, numbers)
    if callable(target):
        return _function(target, output)
    raise TargetError(f"a target is None, a class id, a sequence of ids, an array or a function; "
                      f"got {target!r}")


def _ids(target: Any, samples: int) -> list[int]:
    given = target.asnumpy() if isinstance(target, mx.nd.NDArray) else np.asarray(target)
    if given.dtype.kind not in "iu" or given.shape != (samples,):
        raise TargetError(f"expected {samples} class ids, one a sample; got {target!r}")
    return [int(one) for one in given]


def _top(output: np.ndarray) -> list[int]:
    _check_has_classes(output.shape)
    return [int(one) for one in output.reshape(len(output), -1).argmax(axis=1)]


def _check_has_classes(shape: Sequence[int]) -> None:
    if len(shape) < 2 or any(size != 1 for size in shape[2:]):
        raise TargetError(
            f"the net's output has shape {tuple(shape)}, so a class id does not name one score of "
            "each sample; pass an array of that shape, or a function from output to one scalar a "
            "sample")


def _classes(ids: list[int], output: Any, numbers: np.ndarray) -> Head:
    _check_has_classes(numbers.shape)
    classes = numbers.shape[1]
    for one in ids:
        if not 0 <= one < classes:
            raise TargetError(f"class id {one} is out of range: the net has {classes} classes, "
                              f"0 to {classes - 1}")
    one_hot = np.zeros((len(ids), classes), np.float32)
    one_hot[np.arange(len(ids)), ids] = 1
    scores = numbers.reshape(len(ids), -1)[np.arange(len(ids)), ids]
    return Head(mx.nd.array(one_hot.reshape(numbers.shape), ctx=output.context), scores, ids)


def _array(target: Any, output: Any, numbers: np.ndarray) -> Head:
    weights = target if isinstance(target, np.ndarray) else target.asnumpy()
    if weights.shape not in (numbers.shape, numbers.shape[1:]):
        raise TargetError(f"the target array has shape {weights.shape}; expected the output's, "
                          f"{numbers.shape}, or one sample's, {numbers.shape[1:]}. Class ids are "
                          "integers: target.astype('int32')")
    if not np.isfinite(weights).all():
        raise TargetError("the target array holds NaN or infinity")
    weights = np.broadcast_to(weights, numbers.shape).astype(np.float32)
    score = (weights * numbers).reshape(len(numbers), -1).sum(axis=1)
    return Head(mx.nd.array(weights, ctx=output.context), score, "array")


def _function(target: Callable[[Any], Any], output: Any) -> Head:
    name = getattr(target, "__name__", type(target).__name__)
    watched = output.detach()
    watched.attach_grad()
    with mx.autograd.record(train_mode=True):
        score = target(watched)
    samples = len(output)
    if not isinstance(score, mx.nd.NDArray) or score.shape != (samples,):
        got = f"shape {score.shape}" if isinstance(score, mx.nd.NDArray) else type(score).__name__
        raise TargetError(f"the target function {name!r} has to return an NDArray of one scalar a "
                          f"sample, shape ({samples},); it returned {got}")
    if not np.isfinite(score.asnumpy()).all():
        raise TargetError(f"the target function {name!r} returned NaN or infinity")
    try:
        gradient, = mx.autograd.grad([score], [watched], train_mode=True)
    except mx.MXNetError as error:
        raise TargetError(f"the result of the target function {name!r} does not depend on the "
                          "output through operators that MXNet can differentiate") from error
    if not np.isfinite(gradient.asnumpy()).all():
        raise TargetError(f"the derivative of the target function {name!r} is NaN or infinite "
                          "(a root or a logarithm at zero?)")
    return Head(gradient, score.asnumpy(), name)

"""What callers pass as the net's input, checked before anything is computed."""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

import numpy as np

from ._mxnet import mx
from .errors import InputError
from .graph import Graph

Array = Union[np.ndarray, "mx.nd.NDArray"]
Input = Union[Array, Tuple[Array, ...]]
"""The net's input: an array (N, C, H, W), or a tuple of arrays for a net of several inputs."""


def count(x: Input) -> int:
    """How many arrays the net is called with; none at all is an InputError."""
    if isinstance(x, tuple) and not x:
        raise InputError("the input is an empty tuple; expected an array, or one for each input")
    return len(x) if isinstance(x, tuple) else 1


def prepare(graph: Graph, x: Input) -> list[Any]:
    """The input as float32 arrays where the net's parameters live; the caller's are left alone.

    Parameters that wait for a first forward pass to learn their shape are initialised, as that
    would do.

    Raises:
        InputError: not an array, empty, an integer type, NaN or infinity, a shape the net refuses.
        NetworkError: the net is not initialised.
    """
    arrays = x if isinstance(x, tuple) else (x,)
    for array in arrays:
        _check(array)
    contexts = graph.parameters.contexts()
    shapes = graph.shapes(*(tuple(array.shape) for array in arrays))
    graph.finish_parameters(shapes)
    context = _context(arrays, contexts)
    return [_place(array, context) for array in arrays]


def _check(array: Any) -> None:
    if not isinstance(array, (np.ndarray, mx.nd.NDArray)):
        raise InputError(f"the input is a {type(array).__name__}; expected an NDArray or a numpy "
                         "array of shape (N, C, H, W), already preprocessed")
    if 0 in array.shape or not array.shape:
        raise InputError(f"the input of shape {tuple(array.shape)} is empty; expected at least one "
                         "sample, (N, C, H, W)")
    if np.dtype(array.dtype).kind != "f":
        raise InputError(
            f"the input is of type {np.dtype(array.dtype).name}; expected floating-point numbers. "
            "A photo (uint8) has to go through the net's preprocessing first")
    numbers = array if isinstance(array, np.ndarray) else array.asnumpy()
    finite = np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    if not finite.all():
        raise InputError(f"the input holds NaN or infinity in sample {int(np.argmin(finite))}; "
                         "check the preprocessing (a division by a zero deviation?)")


def _context(arrays: Sequence[Any], contexts: Sequence[Any]) -> Any:
    """Where to compute: where the input is, if the net is there too, else where the net is."""
    given = [array.ctx for array in arrays if isinstance(array, mx.nd.NDArray)]
    if given and (not contexts or given[0] in contexts):
        return given[0]
    return contexts[0] if contexts else mx.cpu()


def _place(array: Any, context: Any) -> Any:
    if isinstance(array, np.ndarray):
        return mx.nd.array(array, ctx=context, dtype="float32")
    return array.as_nd_ndarray().detach().as_in_context(context).astype("float32", copy=False)

"""What callers pass as the net's input, checked before anything is computed."""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

import numpy as np

from .._mxnet import mx
from ..errors import InputError
from ..graph.graph import Graph
from ..graph.node import Shapes
from ..support.caches import Cache
from ..support.devices import runnable

Array = Union[np.ndarray, "mx.nd.NDArray"]
Input = Union[Array, Tuple[Array, ...]]
"""The net's input: an array (N, C, H, W), or a tuple of arrays for a net of several inputs."""


def as_tuple(x: Input) -> tuple[Any, ...]:
    """The arrays that the net is called with.

    Raises:
        InputError: there is none.
    """
    if isinstance(x, tuple) and not x:
        raise InputError("the input is an empty tuple; expected an array, or one for each input")
    return x if isinstance(x, tuple) else (x,)


def shapes(graph: Graph, x: Input) -> Shapes:
    """The shape of every value in the graph, for this input."""
    return graph.shapes(*(tuple(array.shape) for array in as_tuple(x)))


def prepare(graph: Graph, x: Input) -> list[Any]:
    """The arrays of the inputs that the net depends on, where its parameters live.

    They are of the type that the graph is computed in; the caller's are left alone. Parameters
    that wait for a first forward pass to learn their shape are initialised, as that would do.

    Raises:
        InputError: not an array, empty, an integer type, NaN or infinity, a shape the net refuses.
        NetworkError: the net is not initialised.
        DeviceError: the net is on a GPU that MXNet has no code for.
    """
    arrays = as_tuple(x)
    indices = _index_inputs(graph)
    for number, array in enumerate(arrays):
        check(array, takes_integers=number in indices)
    contexts = graph.parameters.contexts()
    graph.finish_parameters(shapes(graph, x))
    context = place_of(arrays, contexts)
    live = {graph.nodes[index].name for index, _ in graph.inputs}
    return [
        place(array, context, graph.parameters.dtype)
        for name, array in zip(graph.input_names, arrays)
        if name in live
    ]


def _index_inputs(graph: Graph) -> set[int]:
    """Which of the inputs stand for numbers of things, not for quantities."""
    return {
        graph.input_names.index(graph.nodes[index].name)
        for index, _ in graph.inputs
        if any(
            graph.nodes[reader].inputs[slot][0] == index
            for reader in graph.readers[index]
            for slot in graph.nodes[reader].operator.indices
        )
    }


class _Doubled(Cache[None, Graph]):
    def __init__(self) -> None:
        super().__init__(1)


def in_their_precision(graph: Graph, x: Input) -> Graph:
    """The graph in the precision that the net has for an input: a net without parameters of its own
    computes in that of its input.

    Args:
        graph: of the net.
        x: its input, checked or not.
    """
    is_double = any(getattr(array, "dtype", None) == np.float64 for array in as_tuple(x))
    if not is_double or graph.parameters.has_floats or graph.parameters.dtype == "float64":
        return graph
    return graph.cache(_Doubled).get(None, graph.in_double)


def check(array: Any, takes_integers: bool = False) -> None:
    """Refuse what is no input.

    Raises:
        InputError: not an array, empty, of an integer type, NaN or infinite.
    """
    if not isinstance(array, (np.ndarray, mx.nd.NDArray)):
        raise InputError(
            f"the input is a {type(array).__name__}; expected an NDArray or a numpy "
            "array of shape (N, C, H, W), already preprocessed"
        )
    if 0 in array.shape or not array.shape:
        raise InputError(
            f"the input of shape {tuple(array.shape)} is empty; expected at least one "
            "sample, (N, C, H, W)"
        )
    kind = np.dtype(array.dtype).kind
    if kind != "f" and not (takes_integers and kind in "iu"):
        raise InputError(
            f"the input is of type {np.dtype(array.dtype).name}; expected floating-point numbers. "
            "A photo (uint8) has to go through the net's preprocessing first; if the net does that "
            'itself, pass x.astype("float32")'
        )
    numbers = array if isinstance(array, np.ndarray) else array.asnumpy()
    finite = np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    if not finite.all():
        raise InputError(
            f"the input holds NaN or infinity in sample {int(np.argmin(finite))}; "
            "check the preprocessing (a division by a zero deviation?)"
        )


def place_of(arrays: Sequence[Any], contexts: Sequence[Any]) -> Any:
    """Where to compute: where the input is, if the net is there too, else where the net is.

    Raises:
        DeviceError: that is a GPU that MXNet has no code for.
    """
    given = [array.ctx for array in arrays if isinstance(array, mx.nd.NDArray)]
    if given and (not contexts or given[0] in contexts):
        return runnable(given[0])
    return runnable(contexts[0]) if contexts else mx.cpu()


def place(array: Any, context: Any, dtype: str) -> Any:
    """An NDArray of these numbers on `context`; it may share the caller's memory."""
    if isinstance(array, np.ndarray):
        return mx.nd.array(array, ctx=context, dtype=dtype)
    return array.as_nd_ndarray().detach().as_in_context(context).astype(dtype, copy=False)


def taken(array: Any, samples: np.ndarray, axis: int | None = 0) -> Any:
    """What of an array belongs to the given samples.

    Args:
        array: it.
        samples: their numbers.
        axis: that holds the samples; None if none does, and the array is taken as it is.
    """
    if axis is None:
        return array
    return mx.nd.take(array, mx.nd.array(samples, ctx=array.context, dtype="int32"), axis=axis)


def of_sample(values: Sequence[Any], sample: int, axes: Sequence[int | None]) -> list[np.ndarray]:
    """What values hold of a sample, as far as they have an axis of samples.

    Args:
        values: arrays.
        sample: its number.
        axes: of each value the axis that holds the samples; None if none does.
    """
    return [
        value.asnumpy().take(sample, axis) for value, axis in zip(values, axes) if axis is not None
    ]

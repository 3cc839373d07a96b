"""Nets of the zoo take what their `preprocess` gives, an array of numpy, as well as an NDArray."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from gradcam_mx._mxnet import mx

__all__ = ["TakesArrays", "takes_arrays"]


class TakesArrays:
    """A Block that may be called with arrays of numpy: they go where its parameters are."""

    def __call__(self, *args: Any) -> Any:
        if not any(isinstance(one, np.ndarray) for one in args):
            return super().__call__(*args)  # type: ignore[misc]
        context = _context(self)
        return super().__call__(  # type: ignore[misc]
            *(
                mx.nd.array(one, ctx=context, dtype=one.dtype)
                if isinstance(one, np.ndarray)
                else one
                for one in args
            )
        )


def _context(net: Any) -> Any:
    """Where the first of its parameters is; the current context if there is none yet."""
    for parameter in net.collect_params().values():
        if parameter._data is not None:
            return parameter.list_ctx()[0]
    return mx.current_context()


def takes_arrays(net: Any) -> Any:
    """The net itself, made one that takes arrays of numpy; of a subclass of its class.

    Args:
        net: a Block of Gluon.

    Example:
        >>> net = takes_arrays(mx.gluon.nn.Dense(2, in_units=3))
        >>> net.initialize()
        >>> net(np.ones((1, 3), np.float32)).shape, type(net).__name__
        ((1, 2), 'Dense')
    """
    if not isinstance(net, TakesArrays):
        native: Any = type(net)
        net.__class__ = _class(native)
    return net


@lru_cache(maxsize=None)
def _class(native: Any) -> type:
    attributes = {"__module__": native.__module__, "__doc__": native.__doc__}
    return type(native.__name__, (TakesArrays, native), attributes)

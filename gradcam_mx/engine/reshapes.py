"""Reshapes in a user's own code, watched while it runs on another number of rows than it was given.

MXNet's `reshape` takes a shape of another number of values, and reads or writes past the end of
memory then (measured). Where there is a graph, its shapes tell that before anything runs.
"""

from __future__ import annotations

import ctypes
import math
import threading
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, Sequence

from .._mxnet import mx

_REGISTER = mx.ndarray.register
"""Every operator that is called on arrays goes through its `_imperative_invoke`."""
_LOCK = threading.RLock()


@contextmanager
def reshapes_checked() -> Iterator[None]:
    """While it is entered, a reshape to another number of values raises, and does not run.

    Raises:
        MXNetError: there was one.
    """
    reshape = _handle("Reshape")
    with _LOCK:
        invoke = _REGISTER._imperative_invoke

        def checked(
            handle: int, arrays: Sequence[Any], keys: Sequence[str], values: Any, *others: Any
        ) -> Any:
            if handle == reshape:
                _check(arrays[0].shape, dict(zip(keys, values)))
            return invoke(handle, arrays, keys, values, *others)

        _REGISTER._imperative_invoke = checked
        try:
            yield
        finally:
            _REGISTER._imperative_invoke = invoke


def _handle(name: str) -> int | None:
    found = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.NNGetOpHandle(mx.base.c_str(name), ctypes.byref(found)))
    return found.value


def _check(shape: tuple[int, ...], options: Mapping[str, Any]) -> None:
    # the public infer_shape prints to standard output when it fails
    _, (after,), _ = mx.sym.Reshape(mx.sym.var("x"), **options)._infer_shape_impl(False, x=shape)
    if math.prod(shape) != math.prod(after):
        raise mx.MXNetError(f"a reshape makes {after} of {shape}: another number of values")

"""What a function returned, as arrays of numbers with a row for each sample; or why it is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from ..errors import GradCamError, NetworkError
from ..support.boundary import described

Arrays = Mapping[str, np.ndarray]
"""Name of an output → its numbers, (N, …)."""


@contextmanager
def failures_told(said: str, arrays: Sequence[np.ndarray]) -> Iterator[None]:
    """What somebody's function raises, as an error of ours.

    Args:
        said: what the function is called.
        arrays: what it is called with.

    Raises:
        NetworkError: it has raised something.
    """
    try:
        yield
    except GradCamError:
        raise
    except Exception as error:
        shapes = ", ".join(str(one.shape) for one in arrays)
        raise NetworkError(
            f"{said} raises {type(error).__name__} for an input of shape {shapes}: {error}"
        ) from error


def of_function(found: Any, names: Sequence[str], rows: int, said: str) -> Arrays:
    """What a function returned, by the names of its outputs, in arrays that are its caller's own.

    Args:
        found: an array or whatever numpy takes for one; of several outputs a tuple or a list with
            one for each, or a mapping by their names. Of one output also a list with a row for each
            sample.
        names: of the outputs.
        rows: how many samples it was called with.
        said: what the function is called.

    Raises:
        NetworkError: it is something else.
    """
    if isinstance(found, Mapping):
        return _of_mapping(found, names, rows, said)
    if len(names) == 1:
        return {names[0]: _numbers(_only(found, rows, said), names[0], said)}
    if not isinstance(found, (tuple, list)) or len(found) != len(names):
        count = f"{len(found)} in a {type(found).__name__}" if hasattr(found, "__len__") else ""
        raise NetworkError(
            f"{said} returned {count or described(found)}; expected a tuple with an array for each "
            f"of its outputs {', '.join(names)}"
        )
    return {name: _numbers(one, name, said) for name, one in zip(names, found)}


def checked(found: Arrays, rows: int, said: str) -> Arrays:
    """The same outputs, if each has a row of numbers for each sample.

    Args:
        found: the outputs.
        rows: how many samples there are.
        said: what gave them.

    Raises:
        NetworkError: one has not, or holds NaN.
    """
    for name, one in found.items():
        if one.dtype.kind not in "fiub":
            raise NetworkError(f"{said} gives {described(one)} as {name!r}; expected numbers")
        if one.shape[:1] != (rows,):
            raise NetworkError(
                f"{said} gives {name!r} of shape {one.shape} for {rows} "
                f"sample{'s' if rows != 1 else ''}; expected a row for each of them, ({rows}, …)"
            )
        if 0 in one.shape:
            raise NetworkError(f"{said} gives {name!r} of shape {one.shape}, which is empty")
        if one.dtype.kind == "f" and np.isnan(one).any():
            bad = np.isnan(one).reshape(rows, -1).any(axis=1)
            raise NetworkError(
                f"{said} gives NaN in {name!r} for sample {int(np.argmax(bad))} of {rows}: a "
                "division by zero in it, or an input out of the range that it is made for"
            )
    return found


def _of_mapping(found: Mapping[str, Any], names: Sequence[str], rows: int, said: str) -> Arrays:
    if len(names) == 1 and len(found) == 1 and names[0] not in found:
        return {names[0]: _numbers(next(iter(found.values())), names[0], said)}
    missing = [name for name in names if name not in found]
    if missing:
        raise NetworkError(
            f"{said} returned a mapping of {', '.join(map(str, found)) or 'nothing'}, in which "
            f"there is no {', '.join(map(repr, missing))}: say what its outputs are called, "
            f"outputs={list(map(str, found))}"
        )
    return {name: _numbers(found[name], name, said) for name in names}


def _only(found: Any, rows: int, said: str) -> Any:
    """The one output, out of the list or tuple that it may be in.

    Raises:
        NetworkError: there may well be several outputs.
    """
    if not isinstance(found, (tuple, list)) or not found:
        return found
    shapes: list[Any] = [getattr(one, "shape", ()) for one in found]
    if not all(len(shape) > 1 and shape[0] == rows for shape in shapes):
        return found
    if len(found) > 1:
        raise NetworkError(
            f"{said} returned {len(found)} arrays with a row for each sample: name its outputs, "
            "outputs=[…]; or, where it is one array for each sample, stack them"
        )
    return found[0]


def _numbers(value: Any, name: str, said: str) -> np.ndarray:
    try:
        return _array(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NetworkError(
            f"{said} returned {described(value)} as {name!r}, of which no array of numbers can be "
            f"made ({error}); where it has several outputs, name them: outputs=[…]"
        ) from error


def _array(value: Any) -> np.ndarray:
    """A copy of the numbers of an array of any framework; half precision becomes single."""
    if hasattr(value, "asnumpy"):
        value = value.asnumpy()
    elif hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no such type
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    elif isinstance(value, (list, tuple)):
        value = np.stack([_array(one) for one in value]) if value else np.empty(0)
    found = np.array(value)
    if found.dtype == object:
        raise TypeError("it is none of numbers")
    return found.astype(np.float32) if found.dtype == np.float16 else found

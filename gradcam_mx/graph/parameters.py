"""The parameters of a net, read where they live and never touched."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any, Collection, Iterable, Mapping

import numpy as np

from .._mxnet import mx
from ..errors import DeviceError, NetworkError
from ..support.callers import caller_level

FLOATS = {"float16", "bfloat16", "float32", "float64"}

IS_DOUBLE = "is_double"
"""What marks the description of a graph that is computed in double precision."""

# For each type to compute in, those that are copied to it.
_OTHERS = {"float32": {np.float16, np.float64}, "float64": {np.float16, np.float32}}


class Parameters:
    """Name → gluon Parameter or plain array, read afresh at each use."""

    def __init__(
        self,
        sources: Mapping[str, Any],
        fixed_gammas: Iterable[str] = (),
        is_double: bool = False,
    ) -> None:
        """
        Args:
            sources: name → gluon Parameter or plain array.
            fixed_gammas: those of them that are ones, whatever they hold.
            is_double: whether the net computes in float64 somewhere, whatever they are.
        """
        self._sources, self._is_double = dict(sources), is_double
        # With fix_gamma, MXNet's BatchNorm writes ones into the gamma that it is given (measured).
        self.fixed_gammas = frozenset(fixed_gammas)
        """Names of those that are ones, whatever they hold."""
        # Detaching an array takes longer than anything else here: name → (array, detached).
        self._detached: dict[str, tuple[Any, Any]] = {}

    def of(self, names: Collection[str], fixed_gammas: Iterable[str]) -> Parameters:
        """Those of the given names; says so if they are in half precision."""
        chosen = {name: source for name, source in self._sources.items() if name in names}
        half = [name for name, source in chosen.items() if type_name(source) == "float16"]
        if half:
            warnings.warn(
                f"{len(half)} of {len(chosen)} parameters are in half precision "
                f"({half[0]!r} is {type_name(chosen[half[0]])}); the net is explained in "
                f"{self.dtype}, on copies of them",
                stacklevel=caller_level(),
            )
        return Parameters(chosen, fixed_gammas, self._is_double)

    @cached_property
    def dtype(self) -> str:
        """The floating-point type to compute in: float64 for a net in it, else float32."""
        return (
            "float64"
            if self._is_double
            or any(type_name(source) == "float64" for source in self._sources.values())
            else "float32"
        )

    @property
    def has_floats(self) -> bool:
        """Whether any of them is of a floating-point type."""
        return any(type_name(source) in FLOATS for source in self._sources.values())

    @property
    def trained(self) -> list[str]:
        """The names of those that a training may have found: numbers that are no constants."""
        return [
            name
            for name, source in self._sources.items()
            if type_name(source) in FLOATS and not isinstance(source, mx.gluon.Constant)
        ]

    def contexts(self) -> list[Any]:
        """Where the parameters live; empty if there are none."""
        for source in self._sources.values():
            if not is_gluon(source):
                return [source.context]
            try:
                return list(source.list_ctx())
            except RuntimeError as error:
                raise _uninitialised(source) from error
        return []

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape, of the parameters whose shape is known."""
        return {
            name: tuple(source.shape)
            for name, source in self._sources.items()
            if source.shape and all(size > 0 for size in source.shape)
        }

    @property
    def wait(self) -> bool:
        """Whether some wait for the first forward pass to learn their shapes."""
        return any(getattr(source, "_deferred_init", None) for source in self._sources.values())

    def finish(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Initialise what waits for the first forward pass to learn its shape, as that would do."""
        for name, source in self._sources.items():
            if is_gluon(source) and getattr(source, "_deferred_init", None):
                source.shape = shapes[name]
                source._finish_deferred_init()

    def on(self, context: Any) -> dict[str, Any]:
        """The parameters on `context`: the net's own memory, detached, so nothing is marked.

        Only those of another floating-point type than `dtype` are copies.
        """
        arrays = {}
        for name, source in self._sources.items():
            array = self._array(name, source, context)
            known = self._detached.get(name)
            if known is None or known[0] is not array:
                known = self._detached[name] = array, array.as_nd_ndarray().detach()
            array = known[1]
            if name in self.fixed_gammas:
                array = mx.nd.ones_like(array)
            elif array.dtype in _OTHERS[self.dtype]:
                array = array.astype(self.dtype)
            arrays[name] = array
        return arrays

    def _array(self, name: str, source: Any, context: Any) -> Any:
        if not is_gluon(source):
            return source
        try:
            return source.data(context)
        except RuntimeError as error:
            if source._data is None:
                raise _uninitialised(source) from error
            raise DeviceError(
                f"parameter {name!r} is on {source.list_ctx()}, the input on {context}: move the "
                f"net (net.collect_params().reset_ctx({context})) or the input"
            ) from error


def is_gluon(source: Any) -> bool:
    """Whether it is a gluon Parameter, and no plain array."""
    return isinstance(source, mx.gluon.Parameter)


def is_double(description: Mapping[str, Any]) -> bool:
    """Whether a graph makes numbers in double precision somewhere, of whatever it is given.

    Args:
        description: a Symbol's JSON as Python has it; one that is marked is in double precision.
    """
    return bool(description.get(IS_DOUBLE)) or any(
        (node["op"] != "null" and node.get("attrs", {}).get("dtype") == "float64")
        or any(map(is_double, node.get("subgraphs", ())))
        for node in description["nodes"]
    )


def in_double(sources: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of parameters, those of floating-point types in double precision."""
    return {
        name: array.astype("float64") if type_name(array) in FLOATS else array
        for name, array in _arrays(sources).items()
    }


def brought_to(sources: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Parameters on another device, copies of those that are elsewhere."""
    return {name: array.as_in_context(context) for name, array in _arrays(sources).items()}


def _arrays(sources: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: source.data(source.list_ctx()[0]) if is_gluon(source) else source
        for name, source in sources.items()
    }


def type_name(source: Any) -> str:
    """The name of a parameter's or an array's type, such as "float32"."""
    return np.dtype(source.dtype).name


def _uninitialised(parameter: Any) -> NetworkError:
    if parameter._deferred_init:
        return NetworkError(
            f"the net's parameter {parameter.name!r} waits for a first forward pass to learn its "
            "shape: call the net once on an input"
        )
    return NetworkError(
        f"the net is not initialised (its parameter {parameter.name!r} has no values): call "
        "net.load_parameters(file), or net.initialize() for random ones, first"
    )

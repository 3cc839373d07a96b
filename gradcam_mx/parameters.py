"""The parameters of a net, read where they live and never touched."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ._mxnet import mx
from .errors import DeviceError, NetworkError


class Parameters:
    """Name → gluon Parameter or plain array, read afresh at each use."""

    def __init__(self, sources: Mapping[str, Any], fixed_gammas: Iterable[str] = ()) -> None:
        self._sources = dict(sources)
        # With fix_gamma, MXNet's BatchNorm writes ones into the gamma that it is given (measured).
        self._fixed_gammas = frozenset(fixed_gammas)

    def contexts(self) -> list[Any]:
        """Where the parameters live; empty if there are none."""
        for name, source in self._sources.items():
            if not _is_gluon(source):
                return [source.context]
            try:
                return list(source.list_ctx())
            except RuntimeError as error:
                raise _uninitialised(name) from error
        return []

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape, of the parameters whose shape is known."""
        return {name: tuple(source.shape) for name, source in self._sources.items()
                if source.shape and all(size > 0 for size in source.shape)}

    def finish(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Initialise what waits for the first forward pass to learn its shape, as that would do."""
        for name, source in self._sources.items():
            if _is_gluon(source) and getattr(source, "_deferred_init", None):
                source.shape = shapes[name]
                source._finish_deferred_init()

    def on(self, context: Any) -> dict[str, Any]:
        """The parameters on `context`: the net's own memory, detached, so nothing is marked."""
        arrays = {}
        for name, source in self._sources.items():
            array = self._array(name, source, context)
            arrays[name] = (mx.nd.ones_like(array) if name in self._fixed_gammas
                            else array.detach())
        return arrays

    def _array(self, name: str, source: Any, context: Any) -> Any:
        if not _is_gluon(source):
            return source
        try:
            return source.data(context)
        except RuntimeError as error:
            if source._data is None:
                raise _uninitialised(name) from error
            raise DeviceError(
                f"parameter {name!r} is on {source.list_ctx()}, the input on {context}: move the "
                f"net (net.collect_params().reset_ctx({context})) or the input") from error


def _is_gluon(source: Any) -> bool:
    return isinstance(source, mx.gluon.Parameter)


def _uninitialised(name: str) -> NetworkError:
    return NetworkError(
        f"the net is not initialised (its parameter {name!r} has no values): call "
        "net.load_parameters(file), or net.initialize() for random ones, first")

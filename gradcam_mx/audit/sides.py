"""The two sides of an audit: an MXNet net, an ONNX file, or a function, each asked the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Protocol, Sequence

import numpy as np

from ..boxes.onnx_file import OnnxFile, in_type
from ..boxes.onnx_model import OnnxNode
from ..errors import GradCamError, InputError, NetworkError
from ..graph.graph import Graph
from ..graph.load import load
from ..graph.trace import trace
from .editable import Editable
from .value import INPUT, Value

_ONNX = ".onnx"
_TO_LAST = (0, 2, 3, 1)


class Side(Protocol):
    """A net as an audit asks it."""

    name: str
    net: Any
    """What the package's functions take for it."""
    editable: Editable | None
    """It, to be changed on trial; None if that cannot be done."""
    has_layers: bool
    """Whether its values on the way can be seen."""
    takes_integers: bool
    """Whether its input holds whole numbers."""

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values; of a net that shows none, the inputs and outputs."""

    def in_double(self, x: Sequence[np.ndarray]) -> list[Value] | None:
        """The same in double precision; None if it does not run so."""

    def numbers(self, name: str) -> np.ndarray | None:
        """Those of a parameter; None if it has none of that name."""


class MxnetSide:
    """An MXNet net.

    Args:
        graph: of it.
        name: what it is called.
    """

    has_layers = True
    takes_integers = False

    def __init__(self, graph: Graph, name: str) -> None:
        self.name, self.net = name, graph
        self.editable: Editable = Editable.of(graph)

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""
        return self.editable.outputs(x)

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values."""
        return self.editable.values(x)

    def in_double(self, x: Sequence[np.ndarray]) -> list[Value] | None:
        """The same in double precision; None if it does not run so."""
        try:
            return self.editable.values(x, "float64")
        except GradCamError:
            return None

    def numbers(self, name: str) -> np.ndarray | None:
        """Those of a parameter; None if it has none of that name."""
        return self.editable.parameter(name) if name in self.editable.arrays else None


class OnnxSide:
    """An ONNX file.

    Args:
        file: it.
        name: what it is called.
    """

    editable = None
    has_layers = True

    def __init__(self, file: OnnxFile, name: str, net: Any = None) -> None:
        self.name, self.net, self._file = name, file if net is None else net, file
        self.takes_integers = any("int" in one.dtype for one in file.inputs)
        self.is_last = file.layout() == "NHWC"
        """Whether it takes the channels last."""

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""
        return list(self._file(*self._given(x)).values())

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values, of its operators as they are in the file."""
        given = self._given(x)
        arrays = self._file.values(given)
        places: dict[str, int] = {}
        found: list[Value] = []
        for described, one in zip(self._file.inputs, given):
            places[described.name] = len(found)
            found.append(Value(described.name, INPUT, {}, in_type(one, described.dtype)))
        for node in self._file.nodes():
            for name in node.outputs:
                if name in arrays and any(one in places for one in node.inputs):
                    places[name] = len(found)
                    found.append(_value(node, name, arrays[name], places))
        return found

    def in_double(self, _: Sequence[np.ndarray]) -> list[Value] | None:
        """A file has its types, and does not run in others."""
        return None

    def numbers(self, name: str) -> np.ndarray | None:
        """Those of a parameter; None if it has none of that name."""
        return self._file.parameters().get(name)

    def _given(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self.is_last:
            return [one.transpose(_TO_LAST) if one.ndim == 4 else one for one in x]
        return list(x)


def _value(node: OnnxNode, name: str, array: np.ndarray, places: dict[str, int]) -> Value:
    inputs = tuple(places[one] for one in node.inputs if one in places and one != name)
    parameters = tuple(one for one in node.inputs if one and one not in places)
    return Value(name, node.op, node.attributes, array, inputs, parameters)


class CalledSide:
    """A function of which nothing is known but what it returns.

    Args:
        function: from an array for each input to an array, or several.
        name: what it is called.
        net: what the package's functions take for it.
    """

    editable = None
    has_layers = False
    takes_integers = False

    def __init__(self, function: Callable[..., Any], name: str, net: Any = None) -> None:
        self.name, self._function, self.net = name, function, net

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""
        made = self._function(*(one.copy() for one in x))
        several = list(made) if isinstance(made, (list, tuple)) else [made]
        found = [one.asnumpy() if hasattr(one, "asnumpy") else np.asarray(one) for one in several]
        for one in found:
            if one.dtype.kind not in "fiub":
                raise NetworkError(
                    f"{self.name} returned an array of {one.dtype}; expected numbers, (N, classes)"
                )
        return found

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """Its inputs and outputs."""
        given = [Value(f"input {place}", INPUT, {}, one) for place, one in enumerate(x)]
        places = tuple(range(len(given)))
        return given + [
            Value(f"output {number}", "function", {}, one, places)
            for number, one in enumerate(self.outputs(x))
        ]

    def in_double(self, _: Sequence[np.ndarray]) -> list[Value] | None:
        """A function has its types."""
        return None

    def numbers(self, _: str) -> np.ndarray | None:
        """A function shows none."""
        return None


def side_of(net: Any, name: str) -> Side:
    """A net as an audit asks it.

    Args:
        net: a Block, a Graph, (symbol, arg_params, aux_params), what `gm.load` takes, or a function
            from arrays to scores.
        name: what it is called where it has no file.

    Raises:
        NetworkError: it is none of these.
    """
    if isinstance(net, (str, Path)):
        path = Path(net).expanduser()
        if path.suffix.lower() == _ONNX:
            return OnnxSide(OnnxFile(path), path.name)
        return MxnetSide(load(path), path.name)
    if isinstance(net, OnnxFile):
        return OnnxSide(net, net.path.name)
    if callable(net) and not hasattr(net, "collect_params") and not isinstance(net, Graph):
        return CalledSide(net, getattr(net, "__name__", name), net)
    return MxnetSide(trace(net), name)


def arrays_of(x: Any) -> list[np.ndarray]:
    """What is given to a net, as numpy has it.

    Args:
        x: an array, or a tuple with one for each input.

    Raises:
        InputError: there is none, or they are of different numbers of samples.
    """
    given = x if isinstance(x, tuple) else (x,)
    found = [one.asnumpy() if hasattr(one, "asnumpy") else np.asarray(one) for one in given]
    if not found or any(one.ndim < 1 or one.size == 0 for one in found):
        raise InputError("expected an array (N, C, H, W) with at least one sample")
    return [one.astype(np.float32) if one.dtype == np.float64 else one for one in found]

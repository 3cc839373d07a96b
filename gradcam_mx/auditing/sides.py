"""The two sides of an audit: an MXNet net, an ONNX file, a black box, each asked the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Protocol, Sequence

import numpy as np

from ..boxes.box import LAYOUTS, BlackBox, in_type
from ..boxes.onnx_file import OnnxFile
from ..boxes.onnx_model import OnnxNode
from ..errors import GradCamError, InputError
from ..graph.graph import Graph
from ..graph.load import load
from ..graph.sealed import Sealed
from ..graph.trace import trace
from .editable import Editable
from .noise import Noise, measure
from .value import INPUT, Value

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

    @property
    def preprocess(self) -> Any:
        """How its photos are made ready, if it says so."""

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values; of a net that shows none, the inputs and outputs."""

    def in_double(self, x: Sequence[np.ndarray]) -> list[Value] | None:
        """The same in double precision; None if it does not run so."""

    def outputs_in_double(self, x: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """What it returns in double precision; None if it does not run so."""

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
        self._editable = Editable.of(graph)
        self.editable: Editable | None = self._editable

    @property
    def preprocess(self) -> Any:
        """How its photos are made ready, if it says so."""
        return getattr(self.net.own.block, "preprocess", None)

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""
        return self._editable.outputs(x)

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values."""
        return self._editable.values(x)

    def in_double(self, x: Sequence[np.ndarray]) -> list[Value] | None:
        """The same in double precision; None if it does not run so."""
        try:
            return self._editable.values(x, "float64")
        except GradCamError:
            return None

    def outputs_in_double(self, x: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """What it returns in double precision; None if it does not run so."""
        try:
            return self._editable.run(x, self._editable.heads, "float64")
        except GradCamError:
            return None

    def numbers(self, name: str) -> np.ndarray | None:
        """Those of a parameter; None if it has none of that name."""
        return self._editable.parameter(name) if name in self._editable.arrays else None


class BoxSide:
    """A black box, of which nothing is known but what it returns.

    Args:
        box: it.
        net: what the package's functions take for it.
    """

    editable: Editable | None = None
    has_layers = False

    def __init__(self, box: BlackBox, net: Any) -> None:
        self.name, self.net, self._box = box.name, net, box
        types = [np.dtype(one.dtype).kind for one in box.takes if one.dtype is not None]
        self.takes_integers = any(kind in "iu" for kind in types)

    @property
    def preprocess(self) -> Any:
        """How its photos are made ready, if it says so."""
        return self._box.preprocess

    def outputs(self, x: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What it returns for an array for each input."""
        return list(self._box(*x).values())

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """Its inputs and outputs."""
        given = [Value(taken.name, INPUT, {}, one) for taken, one in zip(self._box.takes, x)]
        places = tuple(range(len(given)))
        made = zip(self._box.output_names, self.outputs(x))
        return given + [Value(name, "function", {}, one, places) for name, one in made]

    def in_double(self, _: Sequence[np.ndarray]) -> list[Value] | None:
        """It has its types, and does not run in others."""
        return None

    def outputs_in_double(self, _: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """It has its types, and does not run in others."""
        return None

    def numbers(self, _: str) -> np.ndarray | None:
        """It shows none."""
        return None


class OnnxSide(BoxSide):
    """An ONNX file, whose values on the way can be seen.

    Args:
        file: it.
        net: what the package's functions take for it.
    """

    has_layers = True

    def __init__(self, file: OnnxFile, net: Any) -> None:
        super().__init__(file, net)
        self._file = file

    def values(self, x: Sequence[np.ndarray]) -> list[Value]:
        """All its values, of its operators as they are in the file."""
        is_last = self._file.layout == LAYOUTS[1]
        given = [one.transpose(_TO_LAST) if is_last and one.ndim == 4 else one for one in x]
        arrays = self._file.values(given)
        places: dict[str, int] = {}
        found: list[Value] = []
        for described, one in zip(self._file.inputs, given):
            places[described.name] = len(found)
            found.append(Value(described.name, INPUT, {}, in_type(one, described.dtype)))
        for node in self._file.nodes():
            for name in node.outputs:
                if name in arrays and any(one in places for one in node.inputs):
                    value = _value(node, name, arrays[name], places)
                    places[name] = len(found)
                    found.append(value)
        return found

    def numbers(self, name: str) -> np.ndarray | None:
        """Those of a parameter; None if it has none of that name."""
        return self._file.parameters().get(name)


def _value(node: OnnxNode, name: str, array: np.ndarray, places: Mapping[str, int]) -> Value:
    inputs = tuple(places[one] for one in node.inputs if one in places)
    parameters = tuple(one for one in node.inputs if one and one not in places)
    return Value(name, node.op, node.attributes, array, inputs, parameters)


def side_of(net: Any, name: str) -> Side:
    """A net as an audit asks it.

    Args:
        net: what every function of the package takes for a net, or what `gm.load` reads.
        name: what it is called where it has no file and no name.

    Raises:
        NetworkError: it is none of these.
    """
    called = name
    if isinstance(net, (str, Path)):
        called, net = Path(net).name, load(net)
    graph = trace(net)
    if not isinstance(graph, Sealed):
        return MxnetSide(graph, called)
    if isinstance(graph.box, OnnxFile):
        return OnnxSide(graph.box, graph)
    return BoxSide(graph.box, graph)


def noise_of_values(side: Side, x: Sequence[np.ndarray], values: Sequence[Value]) -> list[Noise]:
    """The noise of all values of a net.

    Args:
        side: the net.
        x: an array for each input.
        values: what the net makes of them.
    """
    double = side.in_double(x)

    def run(given: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [one.array for one in side.values(given)]

    arrays = None if double is None else [one.array for one in double]
    return measure(run, x, [one.array for one in values], arrays)


def noise_of_outputs(
    side: Side, x: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
) -> list[Noise]:
    """The noise of what a net returns.

    Args:
        side: the net.
        x: an array for each input.
        outputs: what the net returns for them.
    """
    return measure(side.outputs, x, outputs, side.outputs_in_double(x))


def arrays_of(x: Any) -> list[np.ndarray]:
    """What is given to a net, as numpy has it.

    Args:
        x: an array, or a tuple with one for each input.

    Raises:
        InputError: there is none, or they are of different numbers of samples.
    """
    given = x if isinstance(x, tuple) else (x,)
    found = [one.asnumpy() if hasattr(one, "asnumpy") else np.asarray(one) for one in given]
    if not found or any(one.ndim < 2 or one.size == 0 for one in found):
        raise InputError("expected an array (N, C, H, W) of one sample or more")
    if any(not np.isfinite(one).all() for one in found):
        raise InputError("the input holds NaN or infinity; expected numbers")
    return [one.astype(np.float32) if one.dtype.kind == "f" else one for one in found]

"""An ONNX file as a net: what it gives is asked of onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from ..errors import NetworkError
from .box import BlackBox, Ending, Taken, in_type
from .onnx_model import OnnxModel, OnnxNode
from .onnx_session import OnnxInput, OnnxSession, session_of
from .results import Arrays

SUFFIX = ".onnx"
_PASSED = ("Identity", "Cast")
"""Operators that leave the numbers as they are."""
_WHOLE_BEFORE = 13
"""Before this version, a softmax is over all axes from the one that it names on."""


class OnnxFile(BlackBox):
    """An ONNX file as a net.

    Args:
        path: the file.

    Raises:
        NetworkError: it is no ONNX file, onnxruntime cannot run it, or its inputs are no tensors.
        DependencyError: onnx or onnxruntime is not installed.
    """

    keeps_arrays = True

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().resolve()
        self.name = self.path.name
        model = self._model = OnnxModel(self.path)
        self._ends = {name: found for name in model.outputs for found in [_end(model, name)]}
        # what goes into a final softmax is an output too
        self._scored = {name: end.scores if end else name for name, end in self._ends.items()}
        content = model.with_outputs([*self._scored.values()])
        self._session = session_of(content, str(self.path))
        arrays = self._session.output_names
        self.output_names = [name for name in model.outputs if name in arrays]
        self.inputs = self._session.inputs
        """As the file has them."""
        self.layout = model.layout(self.inputs[0].name, self.inputs[0].shape)
        self.takes = [taken(one, self.layout) for one in self.inputs]
        self._deep: dict[tuple[str, ...], OnnxSession] = {}
        self._digest = model.digest()

    def __reduce__(self) -> Any:
        # a session is made anew where it is copied to; the file may be another one by then
        return _unchanged, (str(self.path), self._digest, self.class_names, self.preprocess)

    @property
    def said(self) -> str:
        """What it is, as the beginning of a sentence."""
        return str(self.path)

    @property
    def digest(self) -> tuple[str, str]:
        """SHA-256 of its bytes, which hold both what it computes and its numbers."""
        return self._digest, self._digest

    def ending(self, output: str) -> Ending | None:
        """The softmax or sigmoid that an output ends in; see `BlackBox.ending`.

        Args:
            output: its name.
        """
        found = self._ends[output]
        if found is None:
            return None
        if found.op == "Sigmoid":
            return Ending("sigmoid")
        rank = self._session.rank(output)
        axis = found.axis + (rank or 2) if found.axis < 0 else found.axis
        is_over_all = found.goes_on and rank not in (None, axis + 1)
        return Ending("softmax", None if is_over_all else axis, found.op == "LogSoftmax")

    def values(
        self, x: np.ndarray | Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """All that its operators make of an input, by the names of the values, in their order.

        They run as they are in the file: onnxruntime fuses none of them here.

        Args:
            x: the input as the file has it, whatever its layout; or one for each input.
            names: of some values; all by default.

        Raises:
            NetworkError: there is no such value.
        """
        made = self._model.made()
        wanted = tuple(made if names is None else names)
        unknown = [name for name in wanted if name not in made]
        if unknown:
            raise NetworkError(
                f"no operator in {self.path} makes {', '.join(map(repr, unknown[:5]))}: nodes() "
                "lists what each makes"
            )
        if wanted not in self._deep:
            content = self._model.with_outputs(wanted)
            self._deep = {wanted: session_of(content, str(self.path), is_optimised=False)}
        given = [x] if isinstance(x, np.ndarray) else list(x)
        arrays = [in_type(one, taken.dtype) for one, taken in zip(given, self.inputs)]
        depending = self._model.depending([one.name for one in self.inputs])
        return self._deep[wanted](arrays, wanted, depending)

    def nodes(self) -> list[OnnxNode]:
        """Its operators in the order in which they run: (op, name, attributes, inputs, outputs)."""
        return self._model.nodes()

    def parameters(self) -> dict[str, np.ndarray]:
        """The numbers that are kept in the file, by name."""
        return self._model.parameters()

    def _outputs(self, arrays: Sequence[np.ndarray]) -> Arrays:
        return in_single(self._session(arrays, self.output_names, self.output_names))

    def _scores(self, arrays: Sequence[np.ndarray]) -> Arrays:
        inner = list(dict.fromkeys(self._scored[name] for name in self.output_names))
        found = in_single(self._session(arrays, inner, inner))
        return {name: found[self._scored[name]] for name in self.output_names}


def _unchanged(path: str, digest: str, class_names: Any, preprocess: Any) -> OnnxFile:
    """A file, read again.

    Raises:
        NetworkError: it is another one than it was.
    """
    made = OnnxFile(path)
    if made.digest[0] != digest:
        raise NetworkError(f"{path} has changed since it was read: start again")
    made.class_names, made.preprocess = class_names, preprocess
    return made


def in_single(found: Arrays) -> Arrays:
    """The same outputs, those of half precision in single precision.

    Args:
        found: outputs of a session.
    """
    return {
        name: one.astype(np.float32) if one.dtype == np.float16 else one
        for name, one in found.items()
    }


def taken(given: OnnxInput, layout: str) -> Taken:
    """An input as a black box has it: a sample, channels first.

    Args:
        given: as the file has it.
        layout: "NCHW" or "NHWC".
    """
    sides = list(given.shape[1:])
    if layout == "NHWC" and len(sides) > 1:
        sides.insert(0, sides.pop())
    return Taken(given.name, tuple(sides), given.dtype)


class _End(NamedTuple):
    """The softmax or sigmoid that an output ends in."""

    scores: str
    """What goes into it."""
    op: str
    axis: int
    """Of a softmax, that of the classes."""
    goes_on: bool
    """Whether it is over all axes from that one on."""


def _end(model: OnnxModel, output: str) -> _End | None:
    """What an output ends in; None if that is no softmax and no sigmoid."""
    makers = model.makers()
    node = makers.get(output)
    while node is not None and node.op in _PASSED:
        node = makers.get(node.inputs[0])
    if node is None:
        return None
    flattened = _flattened(makers, node)
    if flattened:
        node = makers[node.inputs[0]]
    # a value that no operator makes is an input, or a number of the file
    if node.op not in ("Softmax", "LogSoftmax", "Sigmoid") or node.inputs[0] not in makers:
        return None
    if flattened:
        return _End(flattened, node.op, axis=1, goes_on=True)
    is_old = model.version < _WHOLE_BEFORE
    axis = node.attributes.get("axis", 1 if is_old else -1)
    return _End(node.inputs[0], node.op, axis, goes_on=is_old)


def _flattened(makers: Mapping[str, OnnxNode], node: OnnxNode) -> str | None:
    """What is flattened, goes through one operator, and gets its own shape again, as mx.onnx writes
    a softmax of MXNet's loss heads; None if a node does not end such a way."""
    if node.op != "Reshape":
        return None
    operator, shape = (makers.get(name) for name in node.inputs[:2])
    flat = makers.get(operator.inputs[0]) if operator and operator.inputs else None
    if flat is None or shape is None or (flat.op, shape.op) != ("Flatten", "Shape"):
        return None
    is_own = flat.inputs[0] == shape.inputs[0] and flat.attributes.get("axis", 1) == 1
    return flat.inputs[0] if is_own else None

"""An ONNX file as a net: what it gives is asked of an onnxruntime session."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from ..errors import InputError, NetworkError, reason
from ..support.optional import optional
from .onnx_model import PURPOSE, OnnxModel, OnnxNode

_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
"""What onnxruntime calls a type → what numpy calls it."""
_ONLY_ERRORS = 3
"""Of onnxruntime's log, which would tell of weights that nothing reads."""


class OnnxInput(NamedTuple):
    """An input of an ONNX file."""

    name: str
    shape: tuple[int | None, ...]
    """None: any size."""
    dtype: str

    @property
    def batch(self) -> int | None:
        """How many samples it takes in a call; None for any number."""
        return self.shape[0] if self.shape else None


class OnnxFile:
    """An ONNX file that runs.

    Args:
        path: the file.

    Raises:
        NetworkError: it is no ONNX file, onnxruntime cannot run it, or its inputs are no tensors.
        DependencyError: onnx or onnxruntime is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self._model = OnnxModel(self.path)
        self._plain = _session(self.path, self._model.with_outputs(()), is_optimised=True)
        self.inputs = [_described(one, self.path) for one in self._plain.get_inputs()]
        self.output_names = [one.name for one in self._plain.get_outputs()]
        self.digest = self._model.digest()
        """SHA-256 of its bytes."""
        self._deep: dict[tuple[str, ...], Any] = {}

    def __call__(self, *arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Its outputs by name; a file for a fixed number of samples is called as often as needed.

        Args:
            arrays: one for each input, of floating-point numbers or of the file's own type.
        """
        return self._run(self._plain, arrays, self.output_names, frozenset(self.output_names))

    def values(
        self, x: np.ndarray | Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """All that its operators make of an input, by the names of the values, in their order.

        They run as they are in the file: onnxruntime fuses none of them here.

        Args:
            x: the input, or one for each input.
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
            self._deep = {wanted: _session(self.path, content, is_optimised=False)}
        arrays = x if isinstance(x, (tuple, list)) else [x]
        depending = self._model.depending([one.name for one in self.inputs])
        return self._run(self._deep[wanted], arrays, wanted, frozenset(depending))

    def nodes(self) -> list[OnnxNode]:
        """Its operators in the order in which they run: (op, name, attributes, inputs, outputs)."""
        return self._model.nodes()

    def parameters(self) -> Mapping[str, np.ndarray]:
        """The numbers that are kept in the file, by name."""
        return self._model.parameters()

    def layout(self) -> str:
        """Where the channels of its first input are: "NCHW" or "NHWC"."""
        return self._model.layout(self.inputs[0].name, self.inputs[0].shape)

    # -- running -----------------------------------------------------------------------------------

    def _run(
        self,
        session: Any,
        arrays: Sequence[np.ndarray],
        names: Sequence[str],
        depending: frozenset[str],
    ) -> dict[str, np.ndarray]:
        given = self._given(arrays)
        count = next(iter(given.values())).shape[0] if given else 1
        batch = next((one.batch for one in self.inputs if one.batch is not None), None)
        if batch is None or batch == count:
            return _arrays(names, self._called(session, names, given))
        parts = []
        for begin in range(0, count, batch):
            part = {name: _filled(one[begin : begin + batch], batch) for name, one in given.items()}
            parts.append(_arrays(names, self._called(session, names, part)))
        return {
            name: _joined([part[name] for part in parts], batch, count)
            if name in depending
            else parts[0][name]
            for name in parts[0]
        }

    def _called(
        self, session: Any, names: Sequence[str], given: Mapping[str, np.ndarray]
    ) -> list[Any]:
        try:
            return list(session.run(list(names), dict(given)))
        except Exception as error:  # onnxruntime's have no common base
            shapes = ", ".join(f"{name} {one.shape}" for name, one in given.items())
            raise InputError(
                f"onnxruntime cannot run {self.path} on {shapes} ({reason(error)}); it takes "
                f"{self._takes()}"
            ) from error

    def _given(self, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        if len(arrays) != len(self.inputs):
            raise InputError(
                f"{self.path} has {len(self.inputs)} inputs ({self._takes()}), got {len(arrays)}: "
                "pass a tuple with one array for each"
            )
        return {one.name: in_type(array, one.dtype) for one, array in zip(self.inputs, arrays)}

    def _takes(self) -> str:
        return ", ".join(
            f"{one.name} ({', '.join('any' if side is None else str(side) for side in one.shape)})"
            f" of {one.dtype}"
            for one in self.inputs
        )


def in_type(array: np.ndarray, dtype: str) -> np.ndarray:
    """An array in another type, row after row in memory; whole numbers are rounded to, and what is
    beyond the smallest or the largest of the type becomes that.

    Args:
        array: it is left alone, and given back where it is of the type already.
        dtype: numpy's name of it.
    """
    wanted = np.dtype(dtype)
    if wanted.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(wanted)
        array = np.clip(np.rint(array.astype("float64")), limits.min, limits.max)
    return np.ascontiguousarray(array, dtype=wanted)


def _session(path: Path, content: bytes, is_optimised: bool) -> Any:
    """An onnxruntime session of a file's content.

    Raises:
        NetworkError: onnxruntime cannot run it.
    """
    runtime = optional("onnxruntime", PURPOSE.replace("read", "run"), "migrate")
    options = runtime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    if not is_optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's have no common base
        raise NetworkError(
            f"onnxruntime {runtime.__version__} cannot run {path} ({reason(error)})"
        ) from error


def _described(given: Any, path: Path) -> OnnxInput:
    if given.type not in _TYPES:
        raise NetworkError(
            f"the input {given.name!r} of {path} is {given.type}; expected a tensor of one of "
            f"{', '.join(_TYPES.values())}"
        )
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in given.shape)
    return OnnxInput(given.name, shape, _TYPES[given.type])


def _arrays(names: Sequence[str], values: Sequence[Any]) -> dict[str, np.ndarray]:
    """The values that are arrays; sequences and maps, as classical learners give them, are none."""
    return {name: one for name, one in zip(names, values) if isinstance(one, np.ndarray)}


def _filled(part: np.ndarray, batch: int) -> np.ndarray:
    """The samples, and the last of them over and over where there are too few."""
    missing = batch - len(part)
    return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part


def _joined(parts: Sequence[np.ndarray], batch: int, count: int) -> np.ndarray:
    """The values of all samples, where axis 0 holds the samples; else those of the first call."""
    if parts[0].shape[:1] != (batch,):
        return parts[0]
    return np.concatenate(parts)[:count]

"""An onnxruntime session: what it takes, and calls of it with any number of samples."""

from __future__ import annotations

from typing import Any, Collection, Mapping, NamedTuple, Sequence

import numpy as np

from ..errors import InputError, NetworkError, reason
from ..support.optional import optional

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
    """An input of an ONNX file, as the file has it."""

    name: str
    shape: tuple[int | None, ...]
    """None: any size."""
    dtype: str

    @property
    def batch(self) -> int | None:
        """How many samples it takes in a call; None for any number."""
        return self.shape[0] if self.shape else None

    def __str__(self) -> str:
        shape = ", ".join("any" if side is None else str(side) for side in self.shape)
        return f"{self.name} ({shape}) of {self.dtype}"


class OnnxSession:
    """An onnxruntime session that is called with any number of samples.

    Args:
        session: of onnxruntime.
        said: what it runs.

    Raises:
        NetworkError: an input of it is no tensor of numbers.
    """

    def __init__(self, session: Any, said: str) -> None:
        self._session, self._said = session, said
        self.inputs = [_described(one, said) for one in session.get_inputs()]
        # sequences and maps, as classical learners give them, are no arrays
        self.output_names = [
            one.name for one in session.get_outputs() if one.type.startswith("tensor(")
        ]

    def outputs(self, *arrays: np.ndarray) -> dict[str, np.ndarray]:
        """All of its outputs by name.

        Args:
            arrays: one for each input, in its type.
        """
        return self(arrays, self.output_names, self.output_names)

    def rank(self, output: str) -> int | None:
        """How many axes an output has; None if that is not known."""
        found = {one.name: one.shape for one in self._session.get_outputs()}
        return len(found[output]) or None if output in found else None

    def __call__(
        self, arrays: Sequence[np.ndarray], names: Sequence[str], depending: Collection[str]
    ) -> dict[str, np.ndarray]:
        """Some of its outputs by name; one for a fixed number of samples is called as often as
        needed.

        Args:
            arrays: one for each input, in its type.
            names: of the outputs.
            depending: those that depend on the input.

        Raises:
            InputError: onnxruntime does not take them.
        """
        if len(arrays) != len(self.inputs):
            raise InputError(
                f"{self._said} has {len(self.inputs)} inputs ({self._takes()}), got {len(arrays)}: "
                "pass one array for each"
            )
        given = {one.name: array for one, array in zip(self.inputs, arrays)}
        count = len(arrays[0])
        batch = next((one.batch for one in self.inputs if one.batch is not None), None)
        if batch is None or batch == count:
            return self._called(names, given)
        parts = []
        for begin in range(0, count, batch):
            part = {name: _filled(one[begin : begin + batch], batch) for name, one in given.items()}
            parts.append(self._called(names, part))
        return {
            name: _joined([part[name] for part in parts], batch, count)
            if name in depending
            else parts[0][name]
            for name in parts[0]
        }

    def _called(self, names: Sequence[str], given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        try:
            found = self._session.run(list(names), dict(given))
        except Exception as error:  # onnxruntime's have no common base
            shapes = ", ".join(f"{name} {one.shape}" for name, one in given.items())
            raise InputError(
                f"onnxruntime cannot run {self._said} on {shapes} ({reason(error)}); it takes "
                f"{self._takes()}"
            ) from error
        return {name: one for name, one in zip(names, found) if isinstance(one, np.ndarray)}

    def _takes(self) -> str:
        return ", ".join(map(str, self.inputs))


def session_of(content: bytes, said: str, is_optimised: bool = True) -> OnnxSession:
    """A session of a file's content.

    Args:
        content: of the file.
        said: what the file is called.
        is_optimised: whether onnxruntime may fuse operators.

    Raises:
        NetworkError: onnxruntime cannot run it.
        DependencyError: onnxruntime is not installed.
    """
    runtime = optional("onnxruntime", "ONNX files are run", "migrate")
    options = runtime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    if not is_optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        made = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's have no common base
        raise NetworkError(
            f"onnxruntime {runtime.__version__} cannot run {said} ({reason(error)})"
        ) from error
    return OnnxSession(made, said)


def _described(given: Any, said: str) -> OnnxInput:
    if given.type not in _TYPES:
        raise NetworkError(
            f"the input {given.name!r} of {said} is {given.type}; expected a tensor of one of "
            f"{', '.join(_TYPES.values())}"
        )
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in given.shape)
    return OnnxInput(given.name, shape, _TYPES[given.type])


def _filled(part: np.ndarray, batch: int) -> np.ndarray:
    """The samples, and the last of them over and over where there are too few."""
    missing = batch - len(part)
    return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part


def _joined(parts: Sequence[np.ndarray], batch: int, count: int) -> np.ndarray:
    """The values of all samples, where axis 0 holds the samples; else those of the first call."""
    if parts[0].shape[:1] != (batch,):
        return parts[0]
    return np.concatenate(parts)[:count]

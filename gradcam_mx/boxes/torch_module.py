"""A PyTorch module as a net; torch is asked for only where there is a module."""

from __future__ import annotations

import hashlib
import inspect
import sys
from typing import Any, Sequence

import numpy as np

from ..errors import NetworkError
from . import results
from .box import BlackBox, Taken
from .results import Arrays


def is_module(given: Any) -> bool:
    """Whether it is a module of PyTorch, which is imported by whoever has one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.nn.Module)


class TorchModule(BlackBox):
    """A PyTorch module as a net. It runs where its parameters are, in their type.

    Args:
        module: in evaluation mode.
        takes: its inputs.
        output_names: how many outputs it has, and what they are called.
        name: what it is called.

    Raises:
        NetworkError: a part of it is in training mode.
    """

    def __init__(
        self, module: Any, takes: Sequence[Taken], output_names: Sequence[str], *, name: str
    ) -> None:
        self._torch = sys.modules["torch"]
        self.module, self.name, self.output_names = module, name, list(output_names)
        _check_evaluates(module)
        first = next((one for one in module.parameters() if one.is_floating_point()), None)
        self._first = first
        dtype = None if first is None else str(first.dtype).rpartition(".")[2]
        # numpy has no bfloat16: it is given in single precision, and made that there
        dtype = "float32" if dtype in ("bfloat16", "float16") else dtype
        self.takes = [one._replace(dtype=dtype) for one in takes]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_torch": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._torch = sys.modules["torch"]  # imported with the module

    @property
    def digest(self) -> tuple[str, str]:
        """SHA-256 of the code of its classes, and of its parameters and buffers."""
        code, numbers = hashlib.sha256(repr(self.module).encode()), hashlib.sha256()
        for kind in sorted({type(one) for one in self.module.modules()}, key=_called):
            code.update(f"{_called(kind)} {_source(kind)}".encode())
        for name, one in sorted(self.module.state_dict().items()):
            array = one.detach().cpu().float().numpy()
            numbers.update(repr((name, str(one.dtype), array.shape)).encode())
            numbers.update(np.ascontiguousarray(array).tobytes())
        return code.hexdigest(), numbers.hexdigest()

    def _outputs(self, arrays: Sequence[np.ndarray]) -> Arrays:
        _check_evaluates(self.module)
        rows = len(arrays[0])
        given = [self._torch.from_numpy(one) for one in arrays]
        if self._first is not None:
            given = [one.to(self._first.device, self._first.dtype) for one in given]
        with results.failures_told(self.said, arrays), self._torch.no_grad():
            found = self.module(*given)
        return results.of_function(found, self.output_names, rows, self.said)


def _check_evaluates(module: Any) -> None:
    training = [name for name, one in module.named_modules() if one.training]
    if training:
        raise NetworkError(
            f"the module is in training mode ({training[0] or 'all of it'!r}), where dropout "
            "draws and batch normalisation looks at the batch: call module.eval()"
        )


def _called(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # made where no file tells
        return ""

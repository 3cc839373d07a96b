"""Read pickles of weights without running anything they ask for.

A pickle names functions to call. Here every name is looked up in a short table of inert stand-ins
that only note what they were given; any other name is refused before it is imported.
"""

from __future__ import annotations

import pickle
from typing import IO, Any, Callable

import numpy as np

from gradcam_mx.errors import WeightsError

from .decode import decode

__all__ = ["Storage", "Tensor", "Unpickler", "plain"]

_STORAGES = {
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "CharStorage": "I8",
    "ShortStorage": "I16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


class Storage:
    """A block of numbers that tensors are views of; filled once its bytes are read.

    Args:
        kind: of the numbers, a key of `decode.DTYPES`.
        count: how many.
    """

    def __init__(self, kind: str, count: int) -> None:
        self.kind = kind
        self.count = count
        self.values: np.ndarray | None = None

    def fill(self, raw: bytes, order: str = "<") -> None:
        """Set the numbers.

        Args:
            raw: their bytes.
            order: of the bytes, "<" (the lowest first) or ">".

        Raises:
            ValueError: there are not exactly `count`.
        """
        self.values = decode(raw, self.kind, order)
        if self.values.size != self.count:
            raise ValueError(f"a storage holds {self.values.size} numbers instead of {self.count}")


class Tensor:
    """A strided view of a `Storage`, counted in elements.

    Args:
        storage: what it is a view of.
        offset: where in the storage it begins.
        shape: the length of each axis.
        strides: from one element to the next, along each axis.
    """

    def __init__(
        self, storage: Storage, offset: int, shape: tuple, strides: tuple, *_: Any
    ) -> None:
        self.storage = storage
        self.offset = offset
        self.shape = tuple(shape)
        self.strides = tuple(strides)

    def array(self) -> np.ndarray:
        """The view.

        Raises:
            ValueError: it reaches outside of its storage.
        """
        values = self.storage.values
        if values is None:
            raise ValueError("a tensor's storage is missing")
        extent = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(number < 0 for number in extent):
            raise ValueError(f"a tensor with offset, shape and strides {extent}")
        if 0 in self.shape:
            return np.zeros(self.shape, values.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        if last >= values.size:
            raise ValueError(f"a tensor reaches element {last} of {values.size}")
        steps = [step * values.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(
            values[self.offset :], self.shape, steps, writeable=False
        )


class _Dtype:
    """What a numpy dtype is pickled to: a code such as 'f4', then its byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype:
        # plain numbers only: an object dtype would hold pointers
        if self.code[:1] not in "fiub" or not self.code[1:].isdigit() or self.order not in "<>=|":
            raise ValueError(f"an array of type {self.code!r}")
        return np.dtype(self.order + self.code)


class _Array:
    """What a numpy array is pickled to."""

    def __init__(self, *_: Any) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        flat = np.frombuffer(raw, dtype.dtype())
        self.values = flat.reshape(shape, order="F" if fortran else "C")


class _Mapping(dict):
    """An OrderedDict; the metadata PyTorch attaches to it is ignored."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Call:
    """A callable made anew for each pickle, so that nothing set on it outlives the reading."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)


_STAND_INS: dict[str, Callable[[], Any]] = {
    "collections.OrderedDict": lambda: _Call(_Mapping),
    "numpy.ndarray": lambda: "ndarray",
    "numpy.dtype": lambda: _Call(_Dtype),
    "numpy.core.multiarray._reconstruct": lambda: _Call(_Array),
    "numpy._core.multiarray._reconstruct": lambda: _Call(_Array),
    "torch._utils._rebuild_tensor_v2": lambda: _Call(Tensor),
    "torch._utils._rebuild_parameter": lambda: _Call(lambda tensor, *_: tensor),
}


class Unpickler(pickle.Unpickler):
    """An unpickler that knows numpy arrays, PyTorch tensors and OrderedDict, and nothing else.

    Args:
        file: the pickle.
        storage: `storage(kind, key, count)` gives the storage that a PyTorch tensor refers to;
            without it, there can be no tensors.
    """

    def __init__(
        self, file: IO[bytes], storage: Callable[[str, str, int], Storage] | None = None
    ) -> None:
        super().__init__(file)
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a global.

        Raises:
            WeightsError: it has none.
        """
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        stand_in = _STAND_INS.get(f"{module}.{name}")
        if stand_in is None:
            raise WeightsError(
                f"refused: the pickle asks for {module}.{name}, which is neither an array nor a "
                "dict of arrays, and nothing was run; if you trust the file, open it where it was "
                "written and save its state dict (torch.save(net.state_dict(), path)) or a "
                ".safetensors"
            )
        return stand_in()

    def persistent_load(self, pid: Any) -> Storage:
        """The storage that a PyTorch pickle refers to.

        Raises:
            ValueError: it refers to something else.
        """
        tag, kind, key, _, count, *view = pid
        if tag != "storage" or any(part is not None for part in view) or self._storage is None:
            raise ValueError(f"an unknown reference {pid!r}")
        return self._storage(kind, key, count)


def plain(value: Any) -> Any:
    """What a pickle held, with every stand-in turned into a numpy array.

    Args:
        value: what the `Unpickler` gives.

    Example:
        >>> plain({"a": [1, None]})
        {'a': [1, None]}
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, _Array):
        return value.values
    return value.array() if isinstance(value, Tensor) else value

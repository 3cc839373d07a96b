"""What tells values apart that results depend on: options, targets, the code of methods."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import secrets
import sys
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Mapping

import numpy as np


def identity(value: Any) -> Any:
    """What JSON can hold, and is something else for another value.

    A value that cannot be told from others is a new one each time, so that what depends on it is
    computed again.

    Args:
        value: of any type.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "asnumpy"):
        value = value.asnumpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return [value.dtype.str, list(value.shape), _hash(np.ascontiguousarray(value).tobytes())]
    if isinstance(value, Mapping):
        return {"mapping": [[identity(one), identity(value[one])] for one in value]}
    if isinstance(value, (list, tuple)):
        return {_name(type(value)): [identity(one) for one in value]}
    if isinstance(value, FunctionType):
        held = [one.cell_contents for one in value.__closure__ or ()]
        return [_name(value), _of_code(value.__code__), identity([value.__defaults__, held])]
    if isinstance(value, partial):
        return ["partial", identity([value.func, value.args, value.keywords])]
    if is_dataclass(value) and not isinstance(value, type):
        held = [getattr(value, one.name) for one in fields(value)]
        return {_name(type(value)): identity(held)}
    try:
        return _hash(pickle.dumps(value))
    except Exception:  # noqa: BLE001 - whatever a class of somebody else raises
        return secrets.token_hex()


def source_of(module: str) -> str:
    """The hash of the source of a module; of one without a file that of what it holds now.

    Args:
        module: its name.
    """
    found = sys.modules[module]
    file = inspect.getsourcefile(found) if hasattr(found, "__file__") else None
    if file is not None and Path(file).exists():
        return _hash(Path(file).read_bytes())
    functions = [one for one in vars(found).values() if isinstance(one, FunctionType)]
    return _hash(repr([_of_code(one.__code__) for one in functions]).encode())


def _name(of: Any) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def _of_code(code: CodeType) -> str:
    """The hash of what a function does."""
    held = [_constant(one) for one in code.co_consts]
    return _hash(repr([code.co_code.hex(), held, code.co_names, code.co_varnames]).encode())


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _of_code(value)
    # of a set the order is another one in each process
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""What a Python function reads, as far as its code tells."""

from __future__ import annotations

import builtins
import dis
import math
import os
import types
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx

CODE_OF = tuple(
    f"{folder}{os.sep}" for folder in (Path(mx.__file__).parent, Path(__file__).parents[1])
)
"""The folders of MXNet and of this package: what a net does in their code is known."""
OF_RUNS = [
    "_cached_op",
    "_cached_op_args",
    "_callback",
    "_monitor_all",
    "_out_format",
    "_in_format",
    "_scope",
    "_flags",
    "_backend",
    "_backend_opts",
    "_empty_prefix",
    "_name",
]
"""Attributes of a block that tracing does not read."""
MODULES = frozenset({"math", "mxnet", "numpy"})
"""Modules whose functions give the same for the same, but for those of `ELSEWHERE`."""
ELSEWHERE = frozenset(OF_RUNS) | frozenset(
    [
        "data",
        "list_data",
        "row_sparse_data",
        "list_row_sparse_data",
        "grad",
        "list_grad",
        "list_ctx",
        "value",
        "_data",
        "_grad",
        "_ctx_list",
        "_ctx_map",
        "_trainer",
        "_deferred_init",
        "_load_init",
        "init",
        "lr_mult",
        "wd_mult",
        "grad_req",
        "_grad_req",
        "ctx",
        "context",
        "asnumpy",
        "asscalar",
        "item",
        "tolist",
        "random",
        "environ",
        "getenv",
        "load",
        "fromfile",
        "loadtxt",
        "genfromtxt",
        "memmap",
        "__dict__",
        "__globals__",
        "__code__",
        "__closure__",
        "__defaults__",
        "__builtins__",
        "_forward_hooks",
        "_forward_pre_hooks",
        "test_utils",
        "profiler",
        "runtime",
        "kvstore",
        "io",
    ]
)
"""Attributes that give what no fingerprint holds: numbers of parameters, files, random states."""
BUILTINS = frozenset(
    [
        "len",
        "range",
        "zip",
        "enumerate",
        "isinstance",
        "issubclass",
        "int",
        "float",
        "bool",
        "str",
        "tuple",
        "list",
        "dict",
        "set",
        "frozenset",
        "min",
        "max",
        "sum",
        "abs",
        "round",
        "reversed",
        "sorted",
        "any",
        "all",
        "map",
        "filter",
        "slice",
        "super",
        "type",
        "print",
        "divmod",
        "pow",
        "repr",
        "callable",
        "hasattr",
        "True",
        "False",
        "None",
        "NotImplemented",
    ]
)
_FORBIDDEN = {
    *("IMPORT_NAME", "IMPORT_FROM", "IMPORT_STAR", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME"),
    *("LOAD_BUILD_CLASS", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"),
}


class Unseen(Exception):
    """What a net does depends on something that cannot be told to be the same."""


class Reads(NamedTuple):
    """What a function reads."""

    globals: frozenset[str]
    """Names of its module, or built in."""
    names: frozenset[str]
    """All names in its code: attributes of whatever it has."""


def is_known(code: types.CodeType) -> bool:
    """Whether it is code of MXNet or of this package."""
    return code.co_filename.startswith(CODE_OF)


def reads(code: types.CodeType) -> Reads:
    """What code reads, with the functions that are written in it.

    Raises:
        Unseen: it does what cannot be followed.
    """
    found: set[str] = set()
    names = names_in(code)
    for part in _parts(code):
        for step in dis.get_instructions(part):
            if step.opname in _FORBIDDEN:
                raise Unseen(f"{step.opname} in {code.co_name}")
            if step.opname == "LOAD_GLOBAL":
                found.add(step.argval)
    elsewhere = names & ELSEWHERE
    if elsewhere:
        raise Unseen(f"{code.co_name} reads {sorted(elsewhere)[0]}")
    return Reads(frozenset(found), frozenset(names))


def names_in(code: types.CodeType) -> set[str]:
    """All names in code, of attributes, of its module and of what is built in."""
    return {name for part in _parts(code) for name in part.co_names}


def _parts(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _parts(constant)


def is_safe_builtin(name: str, value: Any) -> bool:
    """Whether it is a function or a type of Python that gives the same for the same."""
    if getattr(builtins, name, None) is not value:
        return False
    return name in BUILTINS or (isinstance(value, type) and issubclass(value, BaseException))


def is_safe_module(value: Any) -> bool:
    """Whether it is a module that gives the same for the same."""
    return isinstance(value, types.ModuleType) and value.__name__.split(".")[0] in MODULES


def is_safe_function(value: Any) -> bool:
    """Whether it is a function of such a module, not written in Python."""
    if isinstance(value, np.ufunc):
        return True
    return isinstance(value, types.BuiltinFunctionType) and value.__self__ is math


def functions_in(value: Any) -> Sequence[types.FunctionType]:
    """The Python functions that an attribute of a class runs; none if it is no function."""
    if isinstance(value, types.FunctionType):
        return (value,)
    if isinstance(value, (staticmethod, classmethod)):
        return functions_in(value.__func__)
    if isinstance(value, property):
        every = (value.fget, value.fset, value.fdel)
        return tuple(one for one in every if isinstance(one, types.FunctionType))
    return ()

"""Whether a net is as it was when it was traced.

All that its Python code can read is noted, weakly and by identity: the blocks, their attributes and
what containers among them hold, parameters, classes, functions and what these read of their
modules. To read it again takes a fraction of a millisecond. What cannot be noted (an object of
somebody's own class, an array, a module, a random number) makes the net one that is always traced.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from operator import itemgetter
from typing import Any, Callable, Mapping, NamedTuple, Sequence
from weakref import ref

import numpy as np

from .._mxnet import mx
from .python_code import (
    OF_RUNS,
    Unseen,
    functions_in,
    is_known,
    is_safe_builtin,
    is_safe_function,
    is_safe_module,
    names_in,
    reads,
)

__all__ = ["Fingerprint", "Unseen"]

_SIMPLE = (type(None), bool, int, float, complex, str, bytes, type(...), range)
_MAPPINGS, _SEQUENCES = (dict, OrderedDict), (list, tuple, set, frozenset)
_CALLED = ("__call__", "forward", "hybrid_forward")
"""How a block is run."""
_READ = ("name_scope", "params", "prefix", "name")
"""What else of a block tracing reads."""
_OURS = ("mxnet", "gradcam_mx")
_CHANGED = (AttributeError, LookupError, RuntimeError, TypeError, ValueError, Unseen)
"""What reading a net raises of which something is gone, or which changes meanwhile."""
_NOT_CALLED = frozenset(
    [
        "__init__",
        "__new__",
        "__del__",
        "__repr__",
        "__str__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__init_subclass__",
        "__class_getitem__",
        "__doc__",
        "__module__",
        "__dict__",
        "__weakref__",
        "__qualname__",
        "__annotations__",
        "__firstlineno__",
        "__static_attributes__",
        "__classcell__",
    ]
)
_OF_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
"""Attributes of a block whose keys tell what they hold: tracing runs no hooks."""
_OF_RUNS = frozenset(OF_RUNS)
_ROOTS = (mx.gluon.Block, mx.gluon.HybridBlock)
_parameter = itemgetter("name", "_dtype", "_shape", "_stype")


class _Holder(NamedTuple):
    """An object whose attributes are noted."""

    held: Callable[[], Any]
    attributes: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """From all of its attributes to those that tracing may read."""
    containers: Sequence[tuple[str, bool]]
    """The attributes that are containers, and whether each is a mapping."""
    inner: Sequence[tuple[Sequence[Any], bool]]
    """The ways from the attributes on to containers in those."""


class _Function(NamedTuple):
    """A function whose code, closure and module are noted."""

    function: Callable[[], Any]
    globals: Sequence[str]


class Fingerprint:
    """All that the trace of a net depends on.

    Args:
        net: a Block; it is not kept alive.
        inputs: with how many arrays it is called.

    Raises:
        Unseen: there may be more.
    """

    def __init__(self, net: Any, inputs: int) -> None:
        self._inputs = inputs
        self._died: list[Any] = []
        self._kept: list[Any] = []
        self._weak: list[Any] = []
        self._known: set[int] = set()
        self._blocks: list[_Holder] = []
        self._parameters: list[Callable[[], Any]] = []
        self._classes: list[Callable[[], Any]] = []
        self._functions: list[_Function] = []
        self._names: set[str] = {*_CALLED, *_READ}
        self._unseen: set[str] = set()
        self._see(net)
        self._follow()
        read = self._unseen & (self._names | self._names_in_known_code())
        if read:
            raise Unseen(f"the attribute {sorted(read)[0]}")
        try:
            self._tokens = self._read()
        except _CHANGED as error:
            raise Unseen(str(error)) from error

    def holds(self, inputs: int) -> bool:
        """Whether nothing of it changed.

        Args:
            inputs: with how many arrays the net is called.
        """
        if self._died or inputs != self._inputs:
            return False
        try:
            return self._read() == self._tokens
        except _CHANGED:
            return False

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> list[Any]:
        tokens: list[Any] = list(_surroundings())
        for held, attributes, containers, inner in self._blocks:
            block = held()
            values = block.__dict__
            tokens.append(id(block.__class__))
            tokens += values
            tokens += map(id, attributes(values))
            for name, is_mapping in containers:
                value = values[name]
                if value:
                    if is_mapping:
                        tokens += value
                        value = value.values()
                    tokens += map(id, value)
            for path, is_mapping in inner:
                value = values
                for key in path:
                    value = value[key]
                if is_mapping:
                    tokens += value
                    value = value.values()
                tokens += map(id, value)
            tokens += map(id, values["_params"]._params.values())
        for held in self._parameters:
            tokens += _parameter(held().__dict__)
        for held in self._classes:
            values = held().__dict__
            tokens += values
            tokens += map(id, values.values())
        for held, names in self._functions:
            tokens += map(id, _of_function(held(), names))
        return tokens

    # -- what there is -----------------------------------------------------------------------------

    def _see(self, value: Any) -> None:
        """Note something that code may read and that is no container."""
        kind = type(value)
        if kind in _SIMPLE or isinstance(value, (np.dtype, np.number, np.bool_, mx.sym.Symbol)):
            self._kept.append(value)
        elif id(value) in self._known:
            pass
        elif isinstance(value, mx.gluon.Block):
            reference = self._weakly(value)
            self._see_class(kind)
            self._see_attributes(value, reference)
        elif isinstance(value, mx.gluon.Parameter):
            self._parameters.append(self._weakly(value))
            self._see_class(kind)
        elif kind is mx.gluon.ParameterDict:
            self._weakly(value)
            for one in value._params.values():
                self._see(one)
        elif isinstance(value, type):
            self._weakly(value)
            if value.__module__.split(".")[0] not in ("builtins", "numpy", *_OURS):
                raise Unseen(f"the class {value.__name__}")
            self._see_class(value)
        elif isinstance(value, types.FunctionType):
            self._see_function(value)
        elif isinstance(value, types.MethodType):
            if id(value.__self__) not in self._known:
                raise Unseen(f"a method of a {type(value.__self__).__name__}")
            self._weakly(value)
            self._see_function(value.__func__)  # type: ignore[arg-type]
        elif is_safe_module(value) or is_safe_function(value):
            self._kept.append(value)
        else:
            raise Unseen(f"a {kind.__name__}")

    def _weakly(self, value: Any) -> Any:
        """A weak reference to something, by whose end it is known that the net changed."""
        self._known.add(id(value))
        reference = ref(value, self._died.append)
        self._weak.append(reference)
        return reference

    def _see_attributes(self, block: Any, reference: Callable[[], Any]) -> None:
        names = [name for name in block.__dict__ if name not in _OF_RUNS]
        containers: list[tuple[str, bool]] = []
        inner: list[tuple[tuple[Any, ...], bool]] = []
        self._blocks.append(_Holder(reference, _getter(names), containers, inner))
        for name in names:
            value = block.__dict__[name]
            if name in _OF_HOOKS:
                inner.append(((name,), True))
            elif name == "_cached_graph":
                self._kept.append(value)
            else:
                before = len(inner)
                try:
                    self._enter((name,), value, (), inner)
                except Unseen:
                    self._unseen.add(name)
                    del inner[before:]
        containers += [(path[0], is_mapping) for path, is_mapping in inner if len(path) == 1]
        inner[:] = [one for one in inner if len(one[0]) > 1]

    def _enter(
        self,
        path: tuple[Any, ...],
        value: Any,
        around: tuple[int, ...],
        found: list[tuple[tuple[Any, ...], bool]],
    ) -> None:
        """Note what an attribute, or something in one, holds; containers are added to `found`."""
        kind = type(value)
        if kind not in (*_MAPPINGS, *_SEQUENCES):
            self._see(value)
            return
        if kind is tuple and _is_simple(value):
            self._kept.append(value)
            return
        if id(value) in around:
            raise Unseen("a container that holds itself")
        found.append((path, kind in _MAPPINGS))
        for key, one in list(value.items() if kind in _MAPPINGS else enumerate(value)):
            if not (type(key) in _SIMPLE or is_safe_module(key)):
                raise Unseen(f"a key that is a {type(key).__name__}")
            self._enter((*path, key), one, (*around, id(value)), found)

    # -- code --------------------------------------------------------------------------------------

    def _see_class(self, kind: type) -> None:
        for base in kind.__mro__[:-1]:
            if id(base) in self._known and any(one() is base for one in self._classes):
                continue
            if type(base) is not type or base.__dict__.get("__slots__"):
                raise Unseen(f"the class {base.__name__}")
            self._classes.append(self._weakly(base))

    def _follow(self) -> None:
        """Note the functions that may run: of classes, those whose names are read somewhere."""
        done: set[tuple[int, str]] = set()
        while True:
            found = [
                (id(kind), name, value)
                for kind in [reference() for reference in self._classes]
                for name, value in kind.__dict__.items()
                if (id(kind), name) not in done and self._may_run(kind, name, value)
            ]
            if not found:
                return
            for kind, name, value in found:
                done.add((kind, name))
                self._see_of_class(name, value)

    def _names_in_known_code(self) -> set[str]:
        classes = [reference() for reference in self._classes] if self._unseen else []
        found: set[str] = set()
        for kind in classes:
            for value in kind.__dict__.values():
                for function in functions_in(value):
                    found |= names_in(function.__code__)
        return found

    def _may_run(self, kind: type, name: str, value: Any) -> bool:
        if name in self._names:
            return True
        if name.startswith("__") and name.endswith("__"):
            return name not in _NOT_CALLED
        if _is_ours(kind):  # what somebody else put there
            return not all(is_known(one.__code__) for one in functions_in(value))
        layers = [one for one in kind.__mro__ if _is_ours(one) and one not in _ROOTS]
        return any(name in one.__dict__ for one in layers)

    def _see_of_class(self, name: str, value: Any) -> None:
        functions = functions_in(value)
        for function in functions:
            if name in _CALLED or not is_known(function.__code__):
                self._see_function(function)
        if not functions and not isinstance(value, (types.GetSetDescriptorType, property)):
            self._see_constant(value)

    def _see_constant(self, value: Any) -> None:
        """Note something that does not change, as it is held where nobody looks again."""
        if type(value) is tuple and _is_simple(value):
            self._kept.append(value)
        elif type(value) in (*_MAPPINGS, *_SEQUENCES) or isinstance(value, mx.gluon.Block):
            raise Unseen(f"a {type(value).__name__} that is no attribute")
        else:
            self._see(value)

    def _see_function(self, function: types.FunctionType) -> None:
        if id(function) in self._known:
            return
        reference, code = self._weakly(function), function.__code__
        self._kept.append(code)
        for one in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._see_constant(one)
        for cell in function.__closure__ or ():
            self._see_cell(cell, is_known(code))
        if is_known(code):
            self._functions.append(_Function(reference, ()))
            return
        read = reads(code)
        self._functions.append(_Function(reference, tuple(read.globals)))
        self._names |= read.names
        for name in read.globals:
            value = _global(function, name)
            if not is_safe_builtin(name, value):
                self._see_constant(value)

    def _see_cell(self, cell: Any, is_of_mxnet: bool) -> None:
        try:
            value = cell.cell_contents
        except ValueError as error:
            raise Unseen("a name without a value") from error
        if isinstance(value, type) and id(value) in self._known:
            return  # the class itself, which `super()` asks for
        if is_of_mxnet and type(value) is dict and all(map(is_safe_module, value)):
            return  # the operator that a layer of MXNet calls, by module
        self._see_constant(value)


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return itemgetter(*names) if len(names) > 1 else lambda values: tuple(map(values.get, names))


def _is_ours(kind: type) -> bool:
    """Whether it is a class of MXNet or of this package."""
    return kind.__module__.split(".")[0] in _OURS


def _of_function(function: Any, names: Sequence[str]) -> list[Any]:
    return [
        function.__code__,
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
        *(cell.cell_contents for cell in function.__closure__ or ()),
        *(_global(function, name) for name in names),
    ]


def _global(function: Any, name: str) -> Any:
    """What a name of a function's module stands for."""
    values = function.__globals__
    if name in values:
        return values[name]
    inner: Any = values.get("__builtins__", {})
    inner = inner if isinstance(inner, Mapping) else inner.__dict__
    if name not in inner:
        raise Unseen(f"{name} has no value")
    return inner[name]


def _is_simple(value: Any) -> bool:
    """Whether nothing in nested tuples can change."""
    if type(value) is tuple:
        return all(map(_is_simple, value))
    return type(value) in _SIMPLE or isinstance(value, (np.dtype, np.number, np.bool_))


def _surroundings() -> tuple[Any, ...]:
    """What a trace depends on besides the net."""
    scope = getattr(mx.AttrScope._current, "value", None)
    context = mx.context.current_context()
    return (
        mx.util.is_np_array(),
        mx.util.is_np_shape(),
        mx.autograd.is_training(),
        mx.autograd.is_recording(),
        (context.device_typeid, context.device_id),
        tuple(scope._attr.items()) if scope else (),
    )

"""What a net itself says, by a way that shares nothing with the engine.

A Block is called as it is, its users' hooks left out; a Symbol runs as it was before anything of it
was rewritten. What the engine recorded is held against that.
"""

from __future__ import annotations

import contextlib
import json
from functools import cached_property
from typing import Any, Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from .blocks import flattened, hooks_replaced, walk
from .kinds import Fault
from .node import Entry
from .operators import operator
from .parameters import FLOATS, IS_DOUBLE, is_gluon, type_name


def no_block() -> None:
    """There is no Block."""


_OF_CALLS = ("_cached_graph", "_cached_op", "_out_format", "_in_format")
"""What a hybridized block makes at its first call."""


class Own:
    """A net as its user has it.

    Args:
        description: the Symbol's JSON as Python has it, before anything was rewritten.
        sources: name of a variable → the gluon Parameter, or the array, that it stands for.
        input_names: of all inputs, in the order of the call.
        block: gives the Block that the graph was traced from; None if there is none any more.
        fixed_gammas: the parameters into which MXNet writes ones whenever the net runs.
    """

    def __init__(
        self,
        description: Mapping[str, Any],
        sources: Mapping[str, Any],
        input_names: Sequence[str],
        block: Callable[[], Any] = no_block,
        fixed_gammas: Collection[str] = (),
    ) -> None:
        self._description, self._sources = description, sources
        self._input_names, self._block, self._fixed_gammas = input_names, block, fixed_gammas
        self.named: Callable[[], Any] = block
        """Gives the Block that names the classes, also where the numbers are other ones."""
        self.changes = 0
        """How often its Block was found changed, though it traced to the same graph."""

    @property
    def whole(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The Symbol's JSON as Python has it, and name of a variable → the gluon Parameter, or the
        array, that it stands for."""
        return self._description, self._sources

    def described(self, entry: Entry) -> tuple[str, str, Mapping[str, str]]:
        """Name, operator and attributes of what makes a value."""
        node = self._description["nodes"][entry[0]]
        return node["name"], node["op"], node.get("attrs", {})

    @cached_property
    def runnable(self) -> frozenset[int]:
        """The nodes that can be computed: what a block did in the body of a loop, which the trace
        saw beside the graph, cannot, nor what reads labels that nobody passes."""
        found: set[int] = set()
        for index, node in enumerate(self._description["nodes"]):
            is_known = node["name"] in self._sources or node["name"] in self._input_names
            if is_known if node["op"] == "null" else found.issuperset(e[0] for e in node["inputs"]):
                found.add(index)
        return frozenset(found)

    @property
    def block(self) -> Any:
        """The Block; None if there is none any more."""
        return self._block()

    @property
    def heads(self) -> list[Entry]:
        """The values that the net returns, and after them those of blocks that the trace saw."""
        return [(head[0], head[1]) for head in self._description["heads"]]

    @property
    def has_block(self) -> bool:
        """Whether there is a Block that can be called, and its parameters stay as they are."""
        block = self._block()
        # a SymbolBlock is its Symbol, and may want labels, which nobody passes
        if block is None or isinstance(block, mx.gluon.SymbolBlock):
            return False
        arrays = (self._sources[name].data(ctx) for name, ctx in self._fixed())
        return all((array.asnumpy() == 1).all() for array in arrays)

    def _fixed(self) -> Iterator[tuple[str, Any]]:
        for name in self._fixed_gammas:
            if name in self._sources:  # in the body of a loop it has another name
                for context in self._sources[name].list_ctx():
                    yield name, context

    def called(self, arrays: Sequence[Any]) -> list[Any]:
        """What the Block returns, in predict mode.

        Args:
            arrays: its inputs.

        Raises:
            Exception: whatever the Block raises.
        """
        block = self._block()
        if mx.util.is_np_array():
            arrays = [array.as_np_ndarray() for array in arrays]
        with _undisturbed(block), mx.autograd.pause(train_mode=False):
            return [array.as_nd_ndarray() for array in flattened(block(*arrays), mx.nd.NDArray)]

    def values(
        self, entries: Sequence[Entry], arrays: Sequence[Any], dtype: str | None = None
    ) -> list[Any]:
        """What the untouched Symbol computes, in predict mode.

        Args:
            entries: the values, in the graph before anything was rewritten.
            arrays: the net's inputs.
            dtype: a floating-point type to compute in; that of each array by default.

        Raises:
            MXNetError: it cannot run on this machine.
            LookupError: it reads a label that is not passed.
        """
        whole = {
            "nodes": self._description["nodes"],
            "arg_nodes": self._description["arg_nodes"],
            "heads": [[*entry, 0] for entry in entries],
            "attrs": self._description.get("attrs", {}),
        }
        symbol = mx.sym.load_json(json.dumps(whole))
        given = dict(zip(self._input_names, arrays))
        context = arrays[0].context
        operator = mx.nd.CachedOp(symbol)
        with mx.autograd.pause(train_mode=False):
            results = operator(
                *(
                    _of_type(
                        given[name] if name in given else self._parameter(name, context), dtype
                    )
                    for name in symbol.list_inputs()
                )
            )
        return results if isinstance(results, list) else [results]

    def _parameter(self, name: str, context: Any) -> Any:
        if name not in self._sources:
            raise LookupError(f"its input {name!r} is not passed")
        source = self._sources[name]
        array = (source.data(context) if is_gluon(source) else source).as_nd_ndarray().detach()
        # batch normalisation writes ones into a gamma that is fixed (measured)
        return array.copy() if array.ndim == 1 else array

    @property
    def dtype(self) -> str:
        """The floating-point type of its inputs: that of its parameters, most of all the first."""
        found = (type_name(source) for source in self._sources.values())
        otherwise = "float64" if self._description.get(IS_DOUBLE) else "float32"
        return next((name for name in found if name in FLOATS), otherwise)

    @cached_property
    def coarsest(self) -> str:
        """The coarsest floating-point type that it computes in somewhere."""
        types = {type_name(source) for source in self._sources.values()} or {self.dtype}
        for node in self._description["nodes"]:
            types.add(node.get("attrs", {}).get("dtype", ""))
            if Fault.SINGLE_PRECISION in operator(node["op"]).faults:
                types.add("float32")
        if self._description.get("is_mixed"):
            return "bfloat16"  # or float16: the casts are no part of the description
        for name in ("bfloat16", "float16", "float32"):
            if name in types:
                return name
        return "float64" if "float64" in types else "float32"


def _of_type(array: Any, dtype: str | None) -> Any:
    is_float = dtype is not None and type_name(array) in FLOATS
    return array.astype(dtype, copy=False) if is_float else array


@contextlib.contextmanager
def _undisturbed(block: Any) -> Iterator[None]:
    """No hook runs, and what a first call would make is not kept."""
    blocks = {one for one, _ in walk(block)}
    with hooks_replaced(blocks):
        made = [
            (one, name, getattr(one, name))
            for one in blocks
            for name in _OF_CALLS
            if hasattr(one, name)
        ]
        try:
            yield
        finally:
            for one, name, value in made:
                setattr(one, name, value)


def rounding(dtype: Any) -> float:
    """The relative rounding error of a floating-point type."""
    name = np.dtype(dtype).name if not isinstance(dtype, str) else dtype
    return {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float64": 2.0**-53}.get(name, 2.0**-24)

"""From a net to its graph: the net is called once with a symbol instead of an array."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, Iterable, Iterator, Tuple, Union
from weakref import WeakKeyDictionary, ref

from .._mxnet import mx
from ..boxes.box import BlackBox
from ..errors import NetworkError
from ..support.boundary import told
from .blocks import HOOKS, flattened, hooks_replaced, walk
from .fingerprint import Fingerprint, Unseen
from .graph import Graph
from .node import BODY, TracedBlock
from .sealed import Sealed

Net = Union[Graph, "mx.gluon.Block", Tuple[Any, Dict[str, Any], Dict[str, Any]], BlackBox]
"""What every function takes: a Block, a Graph, (symbol, arg_params, aux_params), or a black box."""

# A graph keeps the pieces compiled from it, and compiling them costs more than many a call. It is
# kept as long as its net lives, and used again while the net still traces to the same graph.
_GRAPHS: WeakKeyDictionary[Any, _Traced] = WeakKeyDictionary()


@told
def trace(net: Net, inputs: int = 1) -> Graph:
    """The graph of a net, frozen at inference; pass it in the net's place to save the tracing.

    A trace takes 2–30 ms and computes nothing. The net may be hybridized or not; its cached graph,
    hooks and parameters stay as they are.

    Args:
        net: a HybridBlock, a Block that only calls HybridBlocks, a SymbolBlock,
            (symbol, arg_params, aux_params), a black box, which has no layers, or a Graph (returned
            as it is).
        inputs: how many arrays the net is called with.

    Raises:
        NetworkError: the net runs Python code that cannot be traced; the message names the block.

    Example:
        >>> import gradcam_mx as gm
        >>> net = gm.nn.Dense(2, in_units=3, prefix="dense_")
        >>> gm.trace(net).output_names
        ['dense_fwd_output']
    """
    if isinstance(net, Graph):
        return net
    if isinstance(net, BlackBox):
        return net.kept(Sealed)
    if isinstance(net, tuple):
        symbol, arguments, auxiliary = net
        return Graph(_described(symbol), symbol.list_outputs(), {**arguments, **auxiliary})
    if not isinstance(net, mx.gluon.Block):
        raise NetworkError(
            f"cannot explain a {type(net).__name__}: pass a gluon Block, a Graph, "
            "(symbol, arg_params, aux_params), or gm.black_box(…) of a function"
        )
    with HOOKS:
        old = _GRAPHS.get(net)
        if old is None or not old.holds(net, inputs):
            old = _GRAPHS[net] = _traced(net, inputs, old)
        return old.graph


class _Traced:
    """A graph, and all that it depends on.

    Args:
        graph: it.
        found: what the trace gave: another trace that gives the same is of the same graph.
        cached_graph: what the net runs, if it was hybridized.
        noted: all that the trace depends on; None if that cannot be told.
    """

    def __init__(
        self, graph: Graph, found: Any, cached_graph: Any, noted: Fingerprint | None
    ) -> None:
        self.graph, self.found, self.noted = graph, found, noted
        self._cached_graph = cached_graph

    def holds(self, net: Any, inputs: int) -> bool:
        """Whether the net surely runs what it ran when it was traced."""
        if self._cached_graph and _cached_graph(net) is self._cached_graph:
            # Gluon makes a new one whenever a block is added, cast or hybridized again
            return True
        return self.noted is not None and self.noted.holds(inputs)


def _cached_graph(net: Any) -> Any:
    """The graph that a hybridized net runs whatever its Python code says; None if there is none."""
    if not getattr(net, "_active", False) or any(name in net.__dict__ for name in _RUN_BY):
        return None
    is_gluon = all(getattr(type(net), name, None) is run for name, run in _RUN_BY.items())
    return getattr(net, "_cached_graph", None) if is_gluon else None


_RUN_BY = {
    name: getattr(mx.gluon.HybridBlock, name) for name in ("__call__", "forward", "_call_cached_op")
}
"""How Gluon runs a hybridized net."""


def _noted(net: Any, inputs: int, old: _Traced | None) -> Fingerprint | None:
    """All that the trace of a net depends on; None if that cannot be told, as before."""
    if old is not None and old.noted is None:
        return None
    try:
        return Fingerprint(net, inputs)
    except Unseen:
        return None


class _Seen:
    """A block that ran, and the first symbol that it returned."""

    def __init__(self, path: str, block: Any, output: Any) -> None:
        self.path, self.block, self.output = path, block, output


def _traced(net: Any, inputs: int, old: _Traced | None) -> _Traced:
    noted = _noted(net, inputs, old)
    names = _input_names(net, inputs)
    symbols = [mx.sym.var(name) for name in names]
    if mx.util.is_np_array():
        symbols = [symbol.as_np_ndarray() for symbol in symbols]
    seen: list[_Seen] = []
    running: list[str] = []
    try:
        # a name manager of its own: the same net gives the same names at each trace
        with _hooked(net, seen, running) as blocks, mx.name.NameManager():
            outputs = mx.sym.Group(_flatten(net(*symbols)))
    except Exception as error:
        raise NetworkError(_advice(net, inputs, running[-1] if running else "", error)) from error
    description = _described(mx.sym.Group([outputs, *(block.output for block in seen)]))
    sources = {parameter.name: parameter for block in blocks for parameter in block.params.values()}
    found = (
        description,
        [(ran.path, id(ran.block)) for ran in seen],
        {name: (id(source), str(source.dtype)) for name, source in sources.items()},
    )
    if old is not None and old.found == found:
        graph = old.graph
        # what its Python code does with arrays may be another thing: it is held against them anew
        graph.own.changes += old.noted is not None
    else:
        others = _other_paths(net)
        graph = Graph(
            description,
            outputs.list_outputs(),
            sources,
            names,
            [
                TracedBlock(
                    ran.path,
                    ran.block.name,
                    type(ran.block).__name__,
                    id(ran.block),
                    other_paths=others[ran.block],
                )
                for ran in seen
            ],
            block=ref(net),
        )
    if noted is not None and not noted.holds(inputs):
        noted = None  # running the net changes it
    return _Traced(graph, found, _cached_graph(net), noted)


def _input_names(net: Any, inputs: int) -> list[str]:
    if isinstance(net, mx.gluon.SymbolBlock):
        # it knows its inputs' names, and may have some that are labels, which nobody passes
        given, _ = net._cached_graph
        return [symbol.name for symbol in given]
    return ["data"] if inputs == 1 else [f"data{i}" for i in range(inputs)]


def _described(symbol: Any) -> dict[str, Any]:
    """What runs and what feeds it, the same for each trace of the same net.

    It is what MXNet writes as JSON, which calls operators and attributes as it does today, whatever
    the file called them that the symbol was loaded from.
    """
    # with remove_amp_cast, the default, tojson() leaks the whole graph at each call (measured)
    text = symbol.tojson(remove_amp_cast=False)
    is_mixed = "amp_cast" in text
    if is_mixed:
        text = symbol.tojson()
    description: dict[str, Any] = {**json.loads(text), "is_mixed": is_mixed}
    _forget_counts(description, {})
    return description


def _forget_counts(
    graph: dict[str, Any], bodies: dict[str, str], variables: set[str] | None = None
) -> None:
    """Set to 0 what counts how often a running mean was used, in all traces together; and count
    the bodies of loops anew, which MXNet counts in all traces together too.

    Variables that a body reads are there once more, with the attributes that the parameter had when
    it was first read: of those of one name, the first keeps its own.

    Args:
        graph: it is changed.
        bodies: MXNet's name of each body → its name in this graph.
        variables: the names of those that came before.
    """
    variables = set() if variables is None else variables
    for entry in graph["heads"]:
        entry[2] = 0
    for node in graph["nodes"]:
        for entry in node["inputs"]:
            entry[2] = 0
        attrs = node.get("attrs", {})
        if node["op"] == "null":
            attrs.pop(BODY, None)
            if node["name"] in variables:
                node.pop("attrs", None)
            variables.add(node["name"])
        elif BODY in attrs:
            attrs[BODY] = bodies.setdefault(attrs[BODY], str(len(bodies)))
        for inner in node.get("subgraphs", ()):
            _forget_counts(inner, bodies, variables)


@contextlib.contextmanager
def _hooked(net: Any, seen: list[_Seen], running: list[str]) -> Iterator[Iterable[Any]]:
    """Put our hooks in the place of the blocks' own, which expect arrays; gives the blocks."""
    paths: dict[Any, str] = {}
    for block, path in walk(net):
        paths.setdefault(block, path)

    def enter(block: Any, arguments: Any) -> None:
        running.append(paths[block])

    def leave(block: Any, arguments: Any, output: Any) -> None:
        running.pop()
        first = _first(output)
        if first is not None:
            seen.append(_Seen(paths[block], block, first))

    with hooks_replaced(paths, trace=(enter, leave)):
        yield paths


def _other_paths(net: Any) -> dict[Any, tuple[str, ...]]:
    """Block → the paths to it but the first."""
    found: dict[Any, tuple[str, ...]] = {}
    for block, path in walk(net):
        found[block] = (*found[block], path) if block in found else ()
    return found


def _first(output: Any) -> Any:
    """The first symbol in what a block returned; None if there is none."""
    if isinstance(output, mx.sym.Symbol):  # not all of them, which takes longer
        return output.as_nd_ndarray()[0]
    return next(iter(_flatten(output)), None)


def _flatten(output: Any) -> list[Any]:
    """The symbols in what a block returned, one for each output of an operator."""
    return [one for symbol in flattened(output, mx.sym.Symbol) for one in symbol.as_nd_ndarray()]


def _advice(net: Any, inputs: int, path: str, error: Exception) -> str:
    if isinstance(error, TypeError) and "positional argument" in str(error):
        return (
            f"the net does not take {inputs} input{'s' if inputs > 1 else ''} ({error}): pass "
            "one array, or a tuple with one for each input"
        )
    if "npx.set_np" in str(error):
        return (
            "the net is made with MXNet's numpy interface, which is not switched on: call "
            "mx.npx.set_np() before, as where the net was made"
        )
    block = net
    for name in path.split(".") if path else ():
        block = block._children[name]
    where = f"its block {path!r} ({type(block).__name__})" if path else f"its {type(net).__name__}"
    return (
        f"the net cannot be traced: {where} runs code that needs numbers, not symbols "
        f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). Write it "
        "with F.… operators in hybrid_forward, or build the net from the drop-in layers "
        "(from gradcam_mx import nn in place of from mxnet.gluon import nn) and use "
        "nn.capture and nn.guided_mode in your own autograd code"
    )

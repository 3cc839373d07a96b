"""Which layers a graph has, how they may be called, and which one is explained by default."""

from __future__ import annotations

import difflib
import re
from typing import (
    Any,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from .._mxnet import mx
from ..errors import Advice, LayerError
from ..support import html
from ..support.caches import Cache
from ..support.text_tables import aligned
from .connection import told
from .default_layer import default, default_or_none
from .kinds import CLASSIFIERS
from .layout import channel_axis
from .loops import advice
from .node import Entry, Shape, Shapes
from .runs import Run, inputs_of, numbered_run, runs_of, split, the_run
from .structure import Structure
from .views import check_rows

PENULTIMATE = "penultimate"
"""Stands for what goes into the last classifier: the features that a class is told by."""


class LayerInfo(NamedTuple):
    """One addressable layer: its name, its block's name, what it does, the shape of its output."""

    name: str
    block: str
    op: str
    shape: tuple[int, ...]
    is_default: bool


class Map(NamedTuple):
    """A layer's output that is explained as a map."""

    point: Any
    """Where it is: a value of the graph."""
    name: str
    channel_axis: int


_MapKey = Tuple[Optional[str], Tuple[Shape, ...], Tuple[Entry, ...], Optional[Entry], bool, bool]


class _Maps(Cache[_MapKey, Map]):
    def __init__(self) -> None:
        super().__init__(64)


class LayerTable(List[LayerInfo]):
    """The layers of a net in the order they run; prints as a table, the default layer starred."""

    def __getitem__(self, which: Any) -> Any:
        found = super().__getitem__(which)
        return LayerTable(found) if isinstance(which, slice) else found

    def __str__(self) -> str:
        rows = [_COLUMNS, *self._cells()]
        return "\n".join(aligned(rows))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        starred = "* the default layer" if any(row.is_default for row in self) else ""
        return html.table(_COLUMNS, self._cells(), starred)

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                "*" if row.is_default else "",
                row.name,
                row.block,
                row.op,
                " × ".join(map(str, row.shape)),
            )
            for row in self
        ]


_COLUMNS = ("", "name", "block", "op", "output")


def table(graph: Structure, shapes: Shapes) -> LayerTable:
    """Every block's output, and every operator's that no block returned, in the order they run."""
    heads = graph.heads[:1]
    chosen = default_or_none(graph, shapes, heads, None, True)
    starred = (chosen, name_of(graph, chosen)) if chosen else None
    addressable: list[tuple[Entry, int, str, str, str]] = []
    runs = runs_of(graph)
    for block in graph.blocks:
        entry = graph.frozen(block.output)
        if block.path and entry in shapes:
            depth = -block.path.count(".")
            name, own = runs.address(block.path, entry), runs.address(block.name, entry)
            addressable.append((block.output, depth, name, own, block.kind))
    returned = {graph.frozen(block.output) for block in graph.blocks}
    for node in graph.live_nodes:
        if not (node.is_variable or node.is_internal) and (node.index, 0) not in returned:
            name = runs.address(f"{node.name}_output", (node.index, 0))
            addressable.append(((node.index, 0), 0, name, "", node.role))
    addressable.sort(key=lambda row: row[:2])
    return LayerTable(
        LayerInfo(
            name, block, op, shapes[graph.frozen(entry)], (graph.frozen(entry), name) == starred
        )
        for entry, _, name, block, op in addressable
        if graph.frozen(entry) in shapes
    )


def find(
    graph: Structure,
    layer: Any,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None = None,
    differentiably: bool = False,
) -> tuple[Entry, str]:
    """The value that `layer` names, and the name to call it by.

    Args:
        heads: what is explained, on which the default layer depends.
        differentiably: whether a gradient has to get from there to the default layer.
        layer: None (the default layer), "penultimate", a Block of the net, a dotted path
            ("features.28"), a block's name ("vgg0_conv12", the tutorial's "vgg0_conv2d12" too), or
            the name of an operator or of its output ("vgg0_conv12_fwd_output"); of one that runs
            several times, with the number of the run ("conv#2").
        source: the input that is explained, if the caller named it; the default layer depends on
            it, and of a layer that runs several times the run that depends on it alone is meant.

    Raises:
        LayerError: there is none, the message lists the closest names with their shapes; or it runs
            several times, the message lists the runs.
    """
    if layer is None:
        entry = default(graph, shapes, heads, source, differentiably)
        return entry, name_of(graph, entry)
    if isinstance(layer, str) and layer == PENULTIMATE:
        entry = _penultimate(graph, heads)
        return entry, name_of(graph, entry)
    if not isinstance(layer, (str, mx.gluon.Block)):
        raise LayerError(f"a layer is a Block, a name or None; got {layer!r}")
    runs = named_runs(graph, layer, shapes)
    name = layer if isinstance(layer, str) else split(runs[0].address)[0]
    run = the_run(graph, name, runs, shapes, source)
    return run.entry, run.address if len(runs) > 1 else name


def named_runs(graph: Structure, layer: Any, shapes: Shapes) -> list[Run]:
    """The runs of the layer of a name, or of a Block; that one run which an address names.

    Args:
        layer: a Block or a name.
        shapes: of all values, for messages.

    Raises:
        LayerError: there is no such layer, or no such run.
    """
    runs = runs_of(graph)
    if isinstance(layer, mx.gluon.Block):
        if id(layer) in runs.of_blocks:
            return runs.of_blocks[id(layer)]
        raise LayerError(
            f"the block {layer.name!r} did not run in the net's forward pass; "
            f"{_suggest(graph, layer.name, shapes)}",
            advice=Advice.LIST_LAYERS,
        )
    for candidate in (layer, tutorial_alias(layer)):
        if candidate in runs.named:
            return runs.named[candidate]
    name, number = split(layer)
    for candidate in (name, tutorial_alias(name)):
        if number is not None and candidate in runs.named:
            return [numbered_run(layer, candidate, number, runs.named[candidate])]
    raise LayerError(
        f"the net has no layer {layer!r}; {_suggest(graph, layer, shapes)}",
        advice=Advice.LIST_LAYERS,
    )


def check_runs(graph: Structure, entry: Entry, name: str) -> None:
    """Refuse a layer that the trace saw, but whose value no output is computed from.

    Raises:
        LayerError: it is one, or it runs, also, inside a loop.
    """
    runs = sum(name in (block.path, block.name) for block in graph.blocks)
    if entry[0] in graph.outputs_read and not (graph.loops and runs > 1):
        return
    if graph.loops:
        raise LayerError(f"the layer {name!r} is not to be found: {advice(graph.loops)}")
    raise LayerError(f"no output of the net depends on the layer {name!r}")


def find_map(
    graph: Structure,
    layer: Any,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None = None,
    differentiably: bool = True,
    positions: bool = True,
) -> Map:
    """Like `find`, for a layer whose output is to be explained: as a map, or each of its values.

    Args:
        positions: whether it has to be a map.

    Raises:
        LayerError: no such layer, its output has no positions, does not depend on the input, or
            what is explained does not depend on it; or, `differentiably`, no gradient gets there.
    """
    if not isinstance(layer, (str, type(None))):
        return _find_map(graph, layer, shapes, heads, source, differentiably, positions)
    key = layer, shapes.of_inputs, tuple(heads), source, differentiably, positions
    return graph.cache(_Maps).get(
        key, lambda: _find_map(graph, layer, shapes, heads, source, differentiably, positions)
    )


def _find_map(
    graph: Structure,
    layer: Any,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None,
    differentiably: bool,
    positions: bool,
) -> Map:
    entry, name = find(graph, layer, shapes, heads, source, differentiably)
    check_runs(graph, entry, name)
    if positions and len(shapes[entry]) < 3:
        found = default_or_none(graph, shapes, heads, source, differentiably)
        choice = (
            "the net has no layer that has"
            if found is None
            else "choose a layer before pooling and flattening, such as "
            f"{name_of(graph, found)!r}, the default"
        )
        raise LayerError(
            f"the layer {name!r} gives {shapes[entry]}, which has no positions to make a map of; "
            f"{choice}. Each value of a vector is explained by input_x_gradient, "
            "integrated_gradients and expected_gradients"
        )
    inputs = inputs_of(graph, entry)
    if not inputs:
        raise LayerError(f"the layer {name!r} does not depend on the net's input")
    if source is not None and source not in inputs:
        read = " and ".join(repr(graph.nodes[index].name) for index, _ in inputs)
        raise LayerError(
            f"the layer {name!r} does not depend on the input {graph.nodes[source[0]].name!r} that "
            f"is explained, but on {read}: name that by input=, or another layer"
        )
    check_rows(graph, entry, name, shapes)
    _check_reached(graph, entry, name, heads, differentiably)
    return Map(entry, name, channel_axis(graph, entry, shapes))


def _check_reached(
    graph: Structure, entry: Entry, name: str, heads: Sequence[Entry], differentiably: bool
) -> None:
    """Refuse a layer that no gradient comes to from what is explained.

    Raises:
        LayerError: it is such a layer.
    """
    outputs = [output.name for output in graph.outputs if output.point in heads]
    if entry[0] not in graph.ancestors(heads):
        raise LayerError(
            f"the net's output {', '.join(map(repr, outputs))} does not depend on the "
            f"layer {name!r}"
        )
    reached = graph.differentiable([entry])
    if differentiably and entry not in heads and not any(head[0] in reached for head in heads):
        raise LayerError(
            f"no gradient gets from the net's output {', '.join(map(repr, outputs))} "
            f"back to the layer {name!r}: {told(graph, entry, heads)}"
        )


def tutorial_alias(layer: str) -> str:
    """Gluon's name of a layer, of its operator or of its output that bears the tutorial's, whose
    Conv2D was named after its class."""
    return re.sub(r"_conv2d(\d+(_fwd)?(_output)?)$", r"_conv\1", layer)


def is_called(block: Any, layer: str) -> bool:
    """Whether a block's output bears the name of a layer, as `find` knows it in a traced net."""
    names = {block.name}
    if not block._children:  # with an activation inside, its operator gives another value
        names |= {f"{block.name}_fwd", f"{block.name}_fwd_output"}
    return layer in names or tutorial_alias(layer) in names


def name_of(graph: Structure, entry: Entry) -> str:
    """The name to call a value by: the shortest path among the blocks that returned it."""
    runs = runs_of(graph)
    paths = [block.path for block in graph.blocks if block.output == entry and block.path]
    name = min(paths, key=lambda path: path.count("."), default="")
    return runs.address(name or f"{graph.nodes[entry[0]].name}_output", entry)


def _penultimate(graph: Structure, heads: Sequence[Entry]) -> Entry:
    """What goes into the last classifier.

    Raises:
        LayerError: the net has no classifier.
    """
    live = graph.ancestors(heads)
    classifiers = [
        node
        for node in graph.live_nodes
        if node.operator.kind in CLASSIFIERS and node.index in live
    ]
    entry = classifiers[-1].inputs[0] if classifiers else graph.heads[0]
    while graph.nodes[entry[0]].is_internal:
        entry = graph.nodes[entry[0]].inputs[0]
    if not classifiers or graph.nodes[entry[0]].is_variable:
        raise LayerError(
            f"the net has no layer before a last Dense layer or convolution, which "
            f"{PENULTIMATE!r} stands for; name another one"
        )
    return entry


def _suggest(graph: Structure, wanted: str, shapes: Shapes) -> str:
    if not shapes:
        close = difflib.get_close_matches(wanted, runs_of(graph).addresses(), n=5, cutoff=0.3)
        return f"the closest are {', '.join(close) or 'none'}"
    rows = {alias: row for row in table(graph, shapes) for alias in (row.block, row.name) if alias}
    close = difflib.get_close_matches(wanted, rows, n=5, cutoff=0.3) or list(rows)[-5:]
    listed = ", ".join(f"{name} {rows[name].shape}" for name in close)
    return f"the closest are {listed}"

"""Which layers a graph has, how they may be called, and which one is explained by default."""

from __future__ import annotations

import difflib
import re
from typing import (
    Any,
    Callable,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

import numpy as np

from .._mxnet import mx
from ..errors import LayerError
from ..support.caches import Cache
from . import samples
from .axes import lies_on_input
from .connection import arrivals, told
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .operators import CLASSIFIERS, Kind, operator
from .runs import Run, inputs_of, numbered_run, runs_of, split, the_run
from .structure import Structure
from .views import samples_of_rows

One = TypeVar("One")

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


_MapKey = Tuple[Optional[str], Tuple[Shape, ...], Tuple[Entry, ...], Optional[Entry], bool]


class _Maps(Cache[_MapKey, Map]):
    def __init__(self) -> None:
        super().__init__(64)


class _Predictors(Cache[None, Set[int]]):
    def __init__(self) -> None:
        super().__init__(1)


class LayerTable(List[LayerInfo]):
    """The layers of a net in the order they run; prints as a table, the default layer starred."""

    def __getitem__(self, which: Any) -> Any:
        found = super().__getitem__(which)
        return LayerTable(found) if isinstance(which, slice) else found

    def __str__(self) -> str:
        rows = [("", "name", "block", "op", "output")] + [
            (
                "*" if row.is_default else "",
                row.name,
                row.block,
                row.op,
                " × ".join(map(str, row.shape)),
            )
            for row in self
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows
        )


def table(graph: Structure, shapes: Shapes) -> LayerTable:
    """Every block's output, and every operator's that no block returned, in the order they run."""
    heads = graph.heads[:1]
    chosen = _default_or_none(graph, shapes, heads, None, True)
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
            f"{_suggest(graph, layer.name, shapes)}"
        )
    for candidate in (layer, tutorial_alias(layer)):
        if candidate in runs.named:
            return runs.named[candidate]
    name, number = split(layer)
    for candidate in (name, tutorial_alias(name)):
        if number is not None and candidate in runs.named:
            return [numbered_run(layer, candidate, number, runs.named[candidate])]
    raise LayerError(f"the net has no layer {layer!r}; {_suggest(graph, layer, shapes)}")


def find_map(
    graph: Structure,
    layer: Any,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None = None,
    differentiably: bool = True,
) -> Map:
    """Like `find`, for a layer whose output is to be explained as a map.

    Raises:
        LayerError: no such layer, its output has no positions, does not depend on the input, or
            what is explained does not depend on it; or, `differentiably`, no gradient gets there.
    """
    if not isinstance(layer, (str, type(None))):
        return _find_map(graph, layer, shapes, heads, source, differentiably)
    key = layer, shapes.of_inputs, tuple(heads), source, differentiably
    return graph.cache(_Maps).get(
        key, lambda: _find_map(graph, layer, shapes, heads, source, differentiably)
    )


def _find_map(
    graph: Structure,
    layer: Any,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None,
    differentiably: bool,
) -> Map:
    entry, name = find(graph, layer, shapes, heads, source, differentiably)
    if len(shapes[entry]) < 3:
        raise LayerError(
            f"the layer {name!r} gives {shapes[entry]}, which has no positions to make a map of; "
            f"choose a layer before pooling and flattening, such as "
            f"{name_of(graph, default(graph, shapes, heads, source, differentiably))!r}, "
            "the default"
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


def default(
    graph: Structure,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None = None,
    differentiably: bool = False,
) -> Entry:
    """The default layer: the last map, of more than one position, before pooling and classifier.

    A map has as many axes as the net's input, if there is one that has, and its positions are those
    of the input. It depends on the input that is explained: `source`, or by default the first, if
    any map depends on that. `differentiably`, a gradient gets to it from `heads`, if there is one
    it gets to.
    A convolution whose channels are the classes is part of the classifier. Where a convolution and
    its activation are two layers of their own (VGG), the map is the convolution's (Selvaraju 2017).

    Raises:
        LayerError: the net has no such map.
    """
    entry = _default_or_none(graph, shapes, heads, source, differentiably)
    if entry is not None:
        return entry
    some = any(_maps(graph, shapes, heads))
    of = "" if source is None else f" and depends on the input {graph.nodes[source[0]].name!r}"
    raise LayerError(
        f"the net has no layer whose output is a map with more than one position{of}"
        f"{' that lies on its input' if some else ''}, so there is nothing that an activation map "
        f"could show{' by default' if some else ''}; input attributions (saliency, "
        "guided_backprop, occlusion) work without one"
    )


def is_map(shape: Shape, channel_axis: int) -> bool:
    """Whether a value has more than one position."""
    positions = [size for axis, size in enumerate(shape) if axis not in (0, channel_axis)]
    return len(shape) > 2 and max(positions) > 1


def rows_of(graph: Structure, entry: Entry, shapes: Shapes) -> np.ndarray | None:
    """(M,) which sample each row of a layer's output is of; None if its rows are of no samples."""
    count = samples.count(graph, shapes)
    if samples.axis(shapes, entry, count) == 0:
        return np.arange(count)
    return samples_of_rows(graph, shapes, entry, count)


def check_rows(graph: Structure, entry: Entry, name: str, shapes: Shapes) -> np.ndarray:
    """(M,) which sample each row of a layer's output is of.

    Raises:
        LayerError: its rows are of no samples.
    """
    rows = rows_of(graph, entry, shapes)
    if rows is None:
        raise LayerError(
            f"the layer {name!r} gives {shapes[entry]} for {samples.count(graph, shapes)} samples: "
            "its axis 0 holds neither the samples nor whole views of each, so it is no map of "
            "them; choose a layer before the samples are cut up or moved to another axis, or "
            "explain the input itself (saliency, integrated_gradients, occlusion)"
        )
    return rows


def has_views(graph: Structure, entry: Entry, shapes: Shapes) -> bool:
    """Whether a layer's output holds several rows of each sample: its views, or frames."""
    rows = rows_of(graph, entry, shapes)
    return rows is not None and len(rows) > samples.count(graph, shapes)


def choose_default(maps: Iterable[One], classifies: Callable[[One], bool]) -> One | None:
    """Which of a net's maps, the last first, is explained by default.

    It is the last that is not the classes' own, or, where all are, the last; None if there is none.
    """
    maps = list(maps)
    return next((one for one in maps if not classifies(one)), maps[0] if maps else None)


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


def _default_or_none(
    graph: Structure,
    shapes: Shapes,
    heads: Sequence[Entry],
    source: Entry | None = None,
    differentiably: bool = False,
) -> Any:
    maps = [
        node
        for node in _maps(graph, shapes, heads)
        if lies_on_input(graph, (node.index, 0), shapes)
        or has_views(graph, (node.index, 0), shapes)
    ]
    if len(graph.inputs) > 1:
        behind = graph.descendants([graph.input(None) if source is None else source])
        of_source = [node for node in maps if node.index in behind]
        maps = of_source if of_source or source is not None else maps
    if differentiably:
        arrived = arrivals(graph, heads)
        maps = [node for node in maps if (node.index, 0) in arrived] or maps
    maps = _of_the_rank(graph, shapes, maps)
    classes = shapes[heads[0]][1:2]
    chosen = choose_default(maps, lambda node: _classifies(graph, node, classes, shapes))
    if chosen is None:
        return None
    before = graph.nodes[chosen.inputs[0][0]]
    if (
        chosen.operator.kind is Kind.ACTIVATION
        and operator(before.role).kind is Kind.CONVOLUTION
        and not chosen.name.startswith(re.sub("fwd$", "", before.name))
    ):
        chosen = before
    return (chosen.index, 0)


def _of_the_rank(graph: Structure, shapes: Shapes, maps: Sequence[Node]) -> list[Node]:
    """Those maps that have as many axes as the input, if there are any."""
    # views that were folded into the samples' axis have an axis less than the input
    folded = [node for node in maps if has_views(graph, (node.index, 0), shapes)][:1]
    ranked = [(folded[0].index, 0)] if folded else graph.inputs
    rank = max(len(shapes[entry]) for entry in ranked if entry in shapes)
    ranks = {node.index: len(shapes[(node.index, 0)]) for node in maps}
    # tokens have fewer axes than the picture, and words more than their numbers
    return [node for node in maps if ranks[node.index] == rank] or [
        node for node in maps if ranks[node.index] < rank or rank < 3
    ]


def _maps(graph: Structure, shapes: Shapes, heads: Sequence[Entry]) -> Iterator[Node]:
    """The nodes whose output is a map of each sample that lies on the input, the last first."""
    candidates = graph.data_dependent & graph.ancestors(heads) & samples.placed(graph, shapes)
    for node in reversed(graph.live_nodes):
        shape = shapes.get((node.index, 0), ())
        if (
            node.index in candidates
            and operator(node.role).kind not in (Kind.POOLING, Kind.RESIZING)
            and not node.is_internal
            and len(shape) > 2
            and is_map(shape, channel_axis(graph, (node.index, 0), shapes))
            and rows_of(graph, (node.index, 0), shapes) is not None
        ):
            yield node


def _classifies(graph: Structure, node: Node, classes: Shape, shapes: Shapes) -> bool:
    """Whether a map is the classes' own: one channel a class, and no classifier after it.

    In a detector it is one that not all predictions come from: classes, boxes, anchors, and the
    features of some scales alone.
    """
    after = graph.descendants([(node.index, 0)])
    if any(graph.nodes[index].operator.kind is Kind.DETECTION for index in after):
        return not after >= graph.cache(_Predictors).get(None, lambda: _predictors(graph))
    axis = channel_axis(graph, (node.index, 0), shapes)
    return shapes[(node.index, 0)][axis : axis + 1] == classes and not any(
        graph.nodes[index].operator.kind in CLASSIFIERS for index in after
    )


def _predictors(graph: Structure) -> set[int]:
    """The classifiers that no other comes after."""
    found = [node.index for node in graph.live_nodes if node.operator.kind in CLASSIFIERS]
    return {index for index in found if not graph.descendants([(index, 0)]) & set(found)}


def _suggest(graph: Structure, wanted: str, shapes: Shapes) -> str:
    if not shapes:
        close = difflib.get_close_matches(wanted, runs_of(graph).addresses(), n=5, cutoff=0.3)
        return f"the closest are {', '.join(close) or 'none'}; graph.layers(shape) lists all"
    rows = {alias: row for row in table(graph, shapes) for alias in (row.block, row.name) if alias}
    close = difflib.get_close_matches(wanted, rows, n=5, cutoff=0.3) or list(rows)[-5:]
    listed = ", ".join(f"{name} {rows[name].shape}" for name in close)
    return f"the closest are {listed}; graph.layers(shape) lists all"

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
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

from .._mxnet import mx
from ..errors import Advice, LayerError
from ..support.caches import Cache
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .operators import CLASSIFIERS, Kind, operator
from .structure import Structure

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


class _Maps(Cache[Tuple[Optional[str], Tuple[Shape, ...], Tuple[Entry, ...]], Map]):
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


def table(graph: Structure, shapes: Mapping[Entry, Shape]) -> LayerTable:
    """Every block's output, and every operator's that no block returned, in the order they run."""
    chosen = _default_or_none(graph, shapes, graph.heads[:1])
    starred = (chosen, name_of(graph, chosen)) if chosen else None
    addressable: list[tuple[Entry, int, str, str, str]] = []
    for block in graph.blocks:
        entry = graph.frozen(block.output)
        if block.path and entry in shapes:
            depth = -block.path.count(".")
            addressable.append((block.output, depth, block.path, block.name, block.kind))
    returned = {graph.frozen(block.output) for block in graph.blocks}
    for node in graph.live_nodes:
        if not (node.is_variable or node.is_internal) and (node.index, 0) not in returned:
            addressable.append(((node.index, 0), 0, f"{node.name}_output", "", node.role))
    addressable.sort(key=lambda row: row[:2])
    return LayerTable(
        LayerInfo(
            name, block, op, shapes[graph.frozen(entry)], (graph.frozen(entry), name) == starred
        )
        for entry, _, name, block, op in addressable
        if graph.frozen(entry) in shapes
    )


def find(
    graph: Structure, layer: Any, shapes: Mapping[Entry, Shape], heads: Sequence[Entry]
) -> tuple[Entry, str]:
    """The value that `layer` names, and the name to call it by.

    Args:
        heads: what is explained, on which the default layer depends.
        layer: None (the default layer), "penultimate", a Block of the net, a dotted path
            ("features.28"), a block's name ("vgg0_conv12", the tutorial's "vgg0_conv2d12" too), or
            the name of an operator or of its output ("vgg0_conv12_fwd_output").

    Raises:
        LayerError: there is none; the message lists the closest names with their shapes.
    """
    if layer is None:
        entry = default(graph, shapes, heads)
        return entry, name_of(graph, entry)
    if isinstance(layer, str) and layer == PENULTIMATE:
        entry = _penultimate(graph, heads)
        return entry, name_of(graph, entry)
    if isinstance(layer, mx.gluon.Block):
        for block in reversed(graph.blocks):
            if block.identity == id(layer):
                return graph.frozen(block.output), block.path or block.name
        raise LayerError(
            f"the block {layer.name!r} did not run in the net's forward pass; "
            f"{_suggest(graph, layer.name, shapes)}",
            advice=Advice.LIST_LAYERS,
        )
    if not isinstance(layer, str):
        raise LayerError(f"a layer is a Block, a name or None; got {layer!r}")
    names = _names(graph)
    for candidate in (layer, tutorial_alias(layer)):
        if candidate in names:
            return names[candidate], layer
    raise LayerError(
        f"the net has no layer {layer!r}; {_suggest(graph, layer, shapes)}",
        advice=Advice.LIST_LAYERS,
    )


def find_map(graph: Structure, layer: Any, shapes: Shapes, heads: Sequence[Entry]) -> Map:
    """Like `find`, for a layer whose output is to be explained as a map.

    Raises:
        LayerError: no such layer, its output has no positions, does not depend on the input, or
            what is explained does not depend on it.
    """
    if not isinstance(layer, (str, type(None))):
        return _find_map(graph, layer, shapes, heads)
    key = layer, shapes.of_inputs, tuple(heads)
    return graph.cache(_Maps).get(key, lambda: _find_map(graph, layer, shapes, heads))


def _find_map(
    graph: Structure, layer: Any, shapes: Mapping[Entry, Shape], heads: Sequence[Entry]
) -> Map:
    entry, name = find(graph, layer, shapes, heads)
    if len(shapes[entry]) < 3:
        raise LayerError(
            f"the layer {name!r} gives {shapes[entry]}, which has no positions to make a map of; "
            f"choose a layer before pooling and flattening, such as "
            f"{name_of(graph, default(graph, shapes, heads))!r}, the default"
        )
    if entry[0] not in graph.data_dependent:
        raise LayerError(f"the layer {name!r} does not depend on the net's input")
    outputs = [output.name for output in graph.outputs if output.point in heads]
    if entry[0] not in graph.ancestors(heads):
        raise LayerError(
            f"the net's output {', '.join(map(repr, outputs))} does not depend on the "
            f"layer {name!r}"
        )
    reached = graph.differentiable([entry])
    if entry not in heads and not any(head[0] in reached for head in heads):
        raise LayerError(
            f"no gradient gets from the net's output {', '.join(map(repr, outputs))} "
            f"back to the layer {name!r}: an operator between them stops it, or has "
            "no derivative (BlockGrad, argmax, a comparison …)"
        )
    return Map(entry, name, channel_axis(graph, entry, shapes))


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


def _names(graph: Structure) -> dict[str, Entry]:
    """Every name → its value; where blocks share a name, the one that ran last (the outermost)."""
    names: dict[str, Entry] = {}
    for node in graph.live_nodes:
        if not (node.is_variable or node.is_internal):
            names[node.name] = names[f"{node.name}_output"] = (node.index, 0)
    for block in graph.blocks:
        names[block.name] = graph.frozen(block.output)
    for block in graph.blocks:
        if block.path:
            names[block.path] = graph.frozen(block.output)
    return names


def name_of(graph: Structure, entry: Entry) -> str:
    """The name to call a value by: the shortest path among the blocks that returned it."""
    paths = [block.path for block in graph.blocks if block.output == entry and block.path]
    if paths:
        return min(paths, key=lambda path: path.count("."))
    return f"{graph.nodes[entry[0]].name}_output"


def default(graph: Structure, shapes: Mapping[Entry, Shape], heads: Sequence[Entry]) -> Entry:
    """The default layer: the last map, of more than one position, before pooling and classifier.

    A map has as many axes as the net's input, if there is one that has.
    A convolution whose channels are the classes is part of the classifier. Where a convolution and
    its activation are two layers of their own (VGG), the map is the convolution's (Selvaraju 2017).

    Raises:
        LayerError: the net has no such map.
    """
    entry = _default_or_none(graph, shapes, heads)
    if entry is None:
        raise LayerError(
            "the net has no layer whose output is a map with more than one position, so there is "
            "nothing that an activation map could show; input attributions (saliency, "
            "guided_backprop) work without one"
        )
    return entry


def is_map(shape: Shape, channel_axis: int) -> bool:
    """Whether a value has more than one position."""
    positions = [size for axis, size in enumerate(shape) if axis not in (0, channel_axis)]
    return len(shape) > 2 and max(positions) > 1


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
    graph: Structure, shapes: Mapping[Entry, Shape], heads: Sequence[Entry]
) -> Any:
    rank = max(len(shapes[entry]) for entry in graph.inputs)
    maps = list(_maps(graph, shapes, heads))
    maps = [node for node in maps if len(shapes[(node.index, 0)]) == rank] or maps
    classes = shapes[heads[0]][1:2]
    chosen = choose_default(maps, lambda node: _classifies(graph, node, classes, shapes))
    if chosen is None:
        return None
    source = graph.nodes[chosen.inputs[0][0]]
    if (
        chosen.operator.kind is Kind.ACTIVATION
        and operator(source.role).kind is Kind.CONVOLUTION
        and not chosen.name.startswith(re.sub("fwd$", "", source.name))
    ):
        chosen = source
    return (chosen.index, 0)


def _maps(
    graph: Structure, shapes: Mapping[Entry, Shape], heads: Sequence[Entry]
) -> Iterator[Node]:
    """The nodes whose output is a map, the last first."""
    candidates = graph.data_dependent & graph.ancestors(heads)
    for node in reversed(graph.live_nodes):
        shape = shapes.get((node.index, 0), ())
        if (
            node.index in candidates
            and operator(node.role).kind not in (Kind.POOLING, Kind.RESIZING)
            and not node.is_internal
            and len(shape) > 2
            and is_map(shape, channel_axis(graph, (node.index, 0), shapes))
        ):
            yield node


def _classifies(
    graph: Structure, node: Node, classes: Shape, shapes: Mapping[Entry, Shape]
) -> bool:
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


def _suggest(graph: Structure, wanted: str, shapes: Mapping[Entry, Shape]) -> str:
    if not shapes:
        close = difflib.get_close_matches(wanted, _names(graph), n=5, cutoff=0.3)
        return f"the closest are {', '.join(close) or 'none'}"
    rows = {alias: row for row in table(graph, shapes) for alias in (row.block, row.name) if alias}
    close = difflib.get_close_matches(wanted, rows, n=5, cutoff=0.3) or list(rows)[-5:]
    listed = ", ".join(f"{name} {rows[name].shape}" for name in close)
    return f"the closest are {listed}"

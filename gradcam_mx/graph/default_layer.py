"""The layer that is explained where none is named: which of a net's values are maps."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Iterator, Sequence, Set, TypeVar

from ..errors import LayerError
from ..support.caches import Cache
from . import samples
from .axes import lies_on_input
from .connection import arrivals
from .kinds import CLASSIFIERS, Kind
from .layout import channel_axis
from .node import Entry, Node, Shape, Shapes
from .operators import operator
from .structure import Structure
from .views import has_views, rows_of

One = TypeVar("One")


class _Predictors(Cache[None, Set[int]]):
    def __init__(self) -> None:
        super().__init__(1)


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
    entry = default_or_none(graph, shapes, heads, source, differentiably)
    if entry is not None:
        return entry
    of = "" if source is None else f", depends on the input {graph.nodes[source[0]].name!r}"
    raise LayerError(
        f"the net has no layer whose output is a map of each sample{of} and has more than one "
        "position that lies on its input, so there is nothing that an activation map could show "
        "by default; input attributions (saliency, guided_backprop, occlusion) work without one"
    )


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


def default_or_none(
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

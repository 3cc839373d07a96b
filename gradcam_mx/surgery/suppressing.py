"""Channels of a net taken out, or held at their mean: a copy of it, as a Graph."""

from __future__ import annotations

import itertools
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..engine.inputs import prepare
from ..errors import InputError, LayerError, NetworkError
from ..graph.graph import Graph
from ..graph.layers import named_runs
from ..graph.layout import channel_axis
from ..graph.node import Entry, Shapes
from ..graph.picture_input import Preprocess, common_sizes, picture_input
from ..graph.picture_input import input_shape as written_shape
from ..graph.runs import split
from ..graph.save import arrays_of
from ..graph.trace import Net, trace
from ..graph.unfuse import unfused
from ..inspect.samples import Images, samples
from ..support.arrays import is_whole
from ..support.boundary import told
from .splicing import Change, spliced

ZERO, MEAN = "zero", "mean"
AT_ONCE = 16
"""How many samples run together where means are taken."""


@told
def suppress(
    net: Net,
    channels: Mapping[Any, Sequence[int]],
    *,
    to: str = ZERO,
    data: Images | None = None,
    preprocess: Preprocess | None = None,
    input_shape: Sequence[int] | None = None,
) -> Graph:
    """A copy of a net in which some channels of some layers say nothing any more. Experimental.

        A_c = 0        or        A_c = mean over data and positions of A_c

    wherever the layer's output A is read: ablation as in Morcos et al. 2018, arXiv:1803.06959, of
    channels that `gm.inspect.concepts` or `gm.inspect.shortcuts` has found. The net itself stays as
    it is, and the copy has its own parameters. Layers are called in it as before, and give what is
    left of them. A layer that runs several times is suppressed in all runs, "conv#2" in its second
    alone.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params), of one input.
        channels: layer, as `layer=` of the methods takes it → the numbers of its channels.
        to: "zero", or "mean": what they are held at. Means are those of the net as it is, of each
            run of a layer its own.
        data: for "mean": an array (N, C, H, W), a Gluon Dataset or DataLoader, or any other
            iterable of inputs or photos.
        preprocess: how photos are prepared for the net; its own, if it has one, by default.
        input_shape: (N, C, H, W) of the net's input, which tells how many channels layers have; by
            default that of the data, or one that the net seems to take.

    Returns:
        A Graph, which every function takes in the net's place; `gm.surgery.save` writes its files.

    Raises:
        LayerError: there is no such layer or channel, or it runs in a loop.
        InputError: means without data, another `to`, nothing to suppress.
        NetworkError: the net is in int8, or cannot be traced.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> x = mx.nd.ones((1, 3, 64, 64))
        >>> changed = gm.surgery.suppress(net, {"features.7": [57]}, to="mean", data=x)
        >>> gm.grad_cam(changed, x, 281).layer
        'features.7'
    """
    if to not in (ZERO, MEAN):
        raise InputError(f"to={to!r}; expected {ZERO!r} or {MEAN!r}")
    if (to == MEAN) != (data is not None):
        raise InputError(
            f"to={to!r} {'with' if to == ZERO else 'without'} data: the mean is taken over data, "
            'so pass both to="mean" and data=…, or neither'
        )
    graph = trace(net)
    _check_kind(graph)
    rows = [one.row for one in samples(net, data, preprocess)] if data is not None else []
    shapes = _shapes(graph, (1, *rows[0].shape) if rows else input_shape)
    graph.finish_parameters(shapes)
    wanted = _wanted(graph, channels, shapes)
    means = _means(graph, wanted, rows) if rows else {}
    return _without(graph, wanted, means, shapes)


class _Place(NamedTuple):
    """A value some of whose channels are suppressed."""

    entry: Entry
    channels: tuple[int, ...]
    axis: int
    """That of the channels."""
    size: int
    """How many channels there are."""


def _check_kind(graph: Graph) -> None:
    int8 = [node for node in graph.live_nodes if node.operator.is_int8]
    if int8:
        raise NetworkError(
            f"the net computes in int8 ({int8[0].name!r} is {int8[0].op}), where channels cannot "
            "be changed: take the float net, such as gm.load(…, dequantize=True) makes"
        )
    if len(graph.input_names) != 1:
        raise NetworkError(
            f"the net has {len(graph.input_names)} inputs ({', '.join(graph.input_names)}); "
            "channels are suppressed in nets of one"
        )


def _shapes(graph: Graph, given: Sequence[int] | None) -> Shapes:
    """Those of all values, for an input of a shape, or of one that the net seems to take."""
    if given is not None:
        return graph.shapes(tuple(map(int, given)))
    written, picture = written_shape(graph), picture_input(graph)
    if written and min(written[1:]) > 0:
        return graph.shapes((1, *written[1:]))
    sides = [] if picture is None else common_sizes(graph, picture.channels)
    if picture is None or not sides:
        raise InputError(
            "what shape the net's input has is not known, and so how many channels its layers "
            "have: pass input_shape=(N, C, H, W), such as (1, 3, 224, 224)"
        )
    return graph.shapes((1, picture.channels, sides[0], sides[0]))


def _wanted(graph: Graph, channels: Mapping[Any, Sequence[int]], shapes: Shapes) -> list[_Place]:
    """Where channels are suppressed; a value that two names mean has those of both."""
    found: dict[Entry, set[int]] = {}
    for layer, numbers in channels.items():
        runs = named_runs(graph, layer, shapes)
        for run in runs:
            _check_reached(graph, run.entry, run.address, shapes)
            axis = channel_axis(graph, run.entry, shapes)
            chosen = _checked(numbers, shapes[run.entry][axis], run.address)
            found.setdefault(run.entry, set()).update(chosen)
    if not found:
        raise InputError("there are no layers to suppress channels of: pass {layer: [channel, …]}")
    return [
        _Place(entry, tuple(sorted(some)), axis, shapes[entry][axis])
        for entry, some in found.items()
        for axis in [channel_axis(graph, entry, shapes)]
    ]


def _check_reached(graph: Graph, entry: Entry, name: str, shapes: Shapes) -> None:
    """Refuse a layer that runs in a loop, whose value no output depends on, or without channels.

    Raises:
        LayerError: it is one.
    """
    called = split(name)[0]
    runs = sum(called in (one.path, one.name) for one in graph.blocks)
    is_live = entry[0] in graph.outputs_read
    if graph.loops and not (is_live and runs <= 1):
        raise LayerError(
            f"the layer {name!r} runs in a loop, whose steps are one operator: its channels cannot "
            f"be suppressed there ({', '.join(repr(one.name) for one in graph.loops)})"
        )
    if not is_live:
        raise LayerError(f"no output of the net depends on the layer {name!r}")
    if len(shapes[entry]) < 2:
        shape = shapes[entry] or "something of a shape that is not known before it runs"
        raise LayerError(f"the layer {name!r} gives {shape}: it has no channels to suppress")


def _checked(numbers: Sequence[int], count: int, name: str) -> list[int]:
    numbers = [numbers] if is_whole(numbers) else list(numbers)  # type: ignore[list-item]
    wrong = [one for one in numbers if not is_whole(one) or not 0 <= one < count]
    if wrong or not numbers:
        raise LayerError(f"the layer {name!r} has the channels 0 to {count - 1}; got {numbers!r}")
    return [int(one) for one in numbers]


def _means(
    graph: Graph, wanted: Sequence[_Place], rows: Sequence[np.ndarray]
) -> dict[Entry, np.ndarray]:
    """(C,) of each place, over all samples and positions."""
    totals = {one.entry: np.zeros(one.size) for one in wanted}
    for start in range(0, len(rows), AT_ONCE):
        x = np.stack(rows[start : start + AT_ONCE]).astype(np.float32, copy=False)
        values = graph.forward(prepare(graph, x), [one.entry for one in wanted])
        for one, value in zip(wanted, values):
            numbers = np.moveaxis(value.asnumpy().astype(np.float64), one.axis, 0)
            totals[one.entry] += numbers.reshape(one.size, -1).mean(axis=1) * len(x)
    return {entry: total / len(rows) for entry, total in totals.items()}


def _without(
    graph: Graph,
    wanted: Sequence[_Place],
    means: Mapping[Entry, np.ndarray],
    shapes: Shapes,
) -> Graph:
    description, sources = graph.own.whole
    twins = graph.twins
    if any(one.entry not in twins for one in wanted):
        # inside a fused operator: of the operators that it was made of
        description = unfused(description)
        twins = Graph(description, graph.output_names, sources, graph.input_names).twins
    arrays: dict[str, Any] = arrays_of(graph, set(sources))
    context = next(iter(arrays.values())).context if arrays else mx.cpu()
    changes = {}
    for place in wanted:
        keep, fill = _numbers(place, means, len(shapes[place.entry]))
        change = Change(*_free_names(arrays), keep.shape)
        for name, numbers in ((change.keep, keep), (change.fill, fill)):
            arrays[name] = mx.nd.array(numbers, ctx=context, dtype=graph.own.dtype)
        changes[twins[place.entry]] = change
    made = Graph(
        spliced(description, changes), graph.output_names, arrays, graph.input_names, graph.blocks
    )
    made.own.named = graph.own.named
    return made


def _numbers(
    place: _Place, means: Mapping[Entry, np.ndarray], axes: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the value is multiplied by, and what is added to it."""
    keep, fill = np.ones(place.size), np.zeros(place.size)
    some = list(place.channels)
    keep[some] = 0
    if means:
        fill[some] = means[place.entry][some]
    shape = [-1 if axis == place.axis else 1 for axis in range(axes)]
    return keep.reshape(shape), fill.reshape(shape)


def _free_names(taken: Mapping[str, Any]) -> tuple[str, str]:
    """Names of two parameters that the net has not."""
    pairs = ((f"suppressed{one}_keep", f"suppressed{one}_fill") for one in itertools.count())
    return next(pair for pair in pairs if not set(pair) & set(taken))

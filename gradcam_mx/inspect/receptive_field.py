"""What a unit sees: exactly those positions of the input that its activation depends on.

The graph is walked back from the unit. At each value stands a mask of the positions (and channels)
that count; each operator turns the mask of its output into masks of its inputs. Kernels, strides,
pads and dilations act on each axis on its own, by a matrix of which position reads which. Working
with sets of positions rather than with their ends is what makes it exact: a dilated kernel that
hangs over the border has holes, and its end there is not where it would be without them.
"""

from __future__ import annotations

import ast
import functools
import re
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import LayerError
from ..graph.graph import Graph
from ..graph.layers import Map, find
from ..graph.layout import channel_axis
from ..graph.node import Entry, Node, Shape
from ..graph.operators import BATCH_NORMS
from ..graph.trace import Net, trace
from ..support.arrays import is_whole
from ..support.boxes import Box, box_of


def receptive_field(
    net: Net, layer: Any, shape: Sequence[int], position: Sequence[int], channel: int | None = None
) -> Box | None:
    """The smallest box of the input's positions that a unit of a layer depends on.

    It is exact at the borders, through strides, pads, dilations and branches. Luo et al. 2016,
    arXiv:1701.04128, call it the theoretical receptive field.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); it has to be traceable.
        layer: a Block, a dotted path, a block's name, or the name of an output.
        shape: of the input, (1, C, H, W).
        position: of the unit in the layer's output, (row, column).
        channel: the unit's; by default any, which matters where branches are concatenated.

    Returns:
        A slice of rows and one of columns; None if the unit sees nothing but padding.

    Raises:
        LayerError: no such layer, or it has no such unit.
        InputError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm
        >>> from mxnet.gluon.model_zoo import vision
        >>> gm.inspect.receptive_field(vision.vgg16(), "features.28", (1, 3, 224, 224), (7, 7))
        (slice(22, 218, None), slice(22, 218, None))
    """
    return ReceptiveField.of(trace(net), layer, tuple(shape)).box(tuple(position), channel)


def check_positions(layer: Any, shape: Shape) -> None:
    """Refuse a layer whose values have no positions.

    Raises:
        LayerError: it is such a layer.
    """
    if len(shape) < 3:
        raise LayerError(f"the layer {layer!r} gives {shape}, which has no positions")


class ReceptiveField:
    """What the units of one layer see, for inputs of one shape; what it worked out is kept.

    Args:
        graph: of the net.
        shapes: of all values, for an input of that shape.
        layer: whose units they are.
        source: the input.
    """

    def __init__(
        self, graph: Graph, shapes: Mapping[Entry, Shape], layer: Map, source: Map
    ) -> None:
        self._graph, self._shapes, self._layer, self._source = graph, shapes, layer, source
        way = graph.differentiable([source.point]) & graph.ancestors([layer.point])
        self._way = sorted(way, reverse=True)
        self._known: dict[Any, Box | None] = {}
        self._alike: dict[Any, np.ndarray] = {}
        self._steps: dict[int, _Step] = {}

    @classmethod
    def of(cls, graph: Graph, layer: Any, shape: Shape) -> ReceptiveField:
        """That of a layer, as callers name it, for an input of a shape (1, C, H, W)."""
        shapes = graph.shapes(shape)
        entry, name = find(graph, layer, shapes, graph.heads[:1])
        check_positions(name, shapes[entry])
        source = graph.input(None)
        return cls(
            graph,
            shapes,
            Map(entry, name, channel_axis(graph, entry, shapes)),
            Map(source, graph.nodes[source[0]].name, channel_axis(graph, source, shapes)),
        )

    def box(self, position: Sequence[int], channel: int | None = None) -> Box | None:
        """The smallest box of the input around what a unit sees; None if it sees nothing of it.

        Raises:
            LayerError: there is no such unit.
        """
        key = (tuple(position), channel)
        if key not in self._known:
            self._known[key] = box_of(self.mask(position, channel))
        return self._known[key]

    def mask(self, position: Sequence[int], channel: int | None = None) -> np.ndarray:
        """(H, W) bool: which of the input's positions a unit sees.

        Raises:
            LayerError: there is no such unit.
        """
        seen = {self._layer.point: self._unit(position, channel)}
        key = None
        for index in self._way:
            if key is None and len(seen) == 1 and len(*seen.values()) == 1:
                # past the first convolution, units of many channels see alike
                ((entry, mask),) = seen.items()
                key = entry, mask.tobytes()
                if key in self._alike:
                    return self._alike[key]
            made = {entry: seen.pop(entry) for entry in list(seen) if entry[0] == index}
            for (_, which), mask in made.items():
                for entry, before in self._step(index).back(which, mask):
                    seen[entry] = seen[entry] | before if entry in seen else before
        shape = self._shapes[self._source.point][1:]
        mask = seen.get(self._source.point, np.zeros(shape, bool))
        found = np.broadcast_to(mask, shape).any(axis=self._source.channel_axis - 1)
        if key is not None:
            self._alike[key] = found
        return found

    def channels_first(self, row: np.ndarray) -> np.ndarray:
        """An input without its axis of samples, with its channels at the first axis."""
        return np.moveaxis(row, self._source.channel_axis - 1, 0)

    def _unit(self, position: Sequence[int], channel: int | None) -> np.ndarray:
        """The mask of the unit itself, at the layer."""
        shape = self._shapes[self._layer.point]
        mask = np.zeros(shape[1:], bool)
        channels = np.moveaxis(mask, self._layer.channel_axis - 1, 0)
        wanted = (*(() if channel is None else (channel,)), *position)
        sizes = channels.shape if channel is not None else channels.shape[1:]
        if len(wanted) != len(sizes) or not all(
            is_whole(one) and 0 <= one < size for one, size in zip(wanted, sizes)
        ):
            raise LayerError(
                f"the layer {self._layer.name!r} has no unit at {tuple(position)}"
                f"{'' if channel is None else f' of channel {channel}'}: it gives "
                f"{tuple(shape)}"
            )
        place = (slice(None) if channel is None else channel, *position)
        channels[place] = True
        return mask

    def _step(self, index: int) -> _Step:
        if index not in self._steps:
            self._steps[index] = _Step(
                self._graph, self._shapes, self._graph.nodes[index], self._source.point
            )
        return self._steps[index]


# -- operators -----------------------------------------------------------------------------------


class _Step:
    """One operator, from masks of what it gives back to masks of what it reads.

    A mask has the axes of its value, but for that of the samples; the first may be 1 if all
    channels are alike.
    """

    def __init__(
        self, graph: Graph, shapes: Mapping[Entry, Shape], node: Node, source: Entry
    ) -> None:
        self.graph, self.node = graph, node
        self.shape = shapes[node.index, graph.outputs_read[node.index][0]][1:]
        """Of the values that it gives."""
        below = graph.differentiable([source])
        self.read = [
            (slot, entry)
            for slot, entry in enumerate(node.inputs)
            if entry == source or entry[0] in below
        ]
        self.shapes = [shapes[entry][1:] for entry in node.inputs]
        self.reads: list[np.ndarray] = []
        """Of a window, for each axis: which positions each position reads; once it was asked for.
        """
        self._back = _HOW.get(node.op) or _how(node)

    def back(self, which: int, mask: np.ndarray) -> Iterator[tuple[Entry, np.ndarray]]:
        """The mask of each value that it reads, for one of its output number `which`."""
        for slot, entry in self.read:
            yield entry, self._back(self, slot, which, mask)

    def numbers(self, name: str, default: int) -> tuple[int, ...]:
        """An attribute with a number for each axis of positions."""
        given = ast.literal_eval(self.node.attrs.get(name, "()"))
        return tuple(given) if given else (default,) * (len(self.shape) - 1)

    @functools.cached_property
    def sources(self) -> list[np.ndarray]:
        """For each output which element of its inputs, all counted through from 1, each element of
        it is; 0 where it is none. The operator itself tells, run on these numbers."""
        node, shapes = self.node, [(1, *shape) for shape in self.shapes]
        values, count = {}, 1
        for entry, shape in zip(node.inputs, shapes):
            size = int(np.prod(shape))
            values[entry] = mx.nd.arange(count, count + size, dtype="float32").reshape(shape)
            count += size
        entries = [(node.index, which) for which in self.graph.outputs_read[node.index]]
        with self.graph.lock, mx.autograd.pause(train_mode=False):
            found = self.graph.compile(entries, node.inputs)(values, {})
        return [one.asnumpy()[0].astype(int) for one in found]


Back = Callable[[_Step, int, int, np.ndarray], np.ndarray]
"""From an operator, which of its inputs, which of its outputs and the mask of that to the mask of
the input."""


def _elementwise(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element from the same element; from the one of an axis that is stretched."""
    shape = step.shapes[slot]
    if len(shape) != mask.ndim:
        return _everything(step, slot, which, mask)
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return mask.any(axis=stretched, keepdims=True)


def _everything(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element from all, also where what an operator reads is not known."""
    return np.full(step.shapes[slot], mask.any())


def _moved(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element is one of the inputs' in another place."""
    sources = step.sources[step.graph.outputs_read[step.node.index].index(which)]
    start = 1 + sum(int(np.prod(shape)) for shape in step.shapes[:slot])
    before = np.zeros(int(np.prod(step.shapes[slot])), bool)
    places = sources[np.broadcast_to(mask, sources.shape)] - start
    before[places[(places >= 0) & (places < before.size)]] = True
    return before.reshape(step.shapes[slot])


def _joined(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Parts side by side; where all channels are alike, those of each part are."""
    if len(mask) == 1 and step.node.attrs.get("dim", "1") == "1":
        return mask
    return _moved(step, slot, which, mask)


def _along(axes: Callable[[_Step], Sequence[int]]) -> Back:
    """Each element from all along some axes, such as the channels."""

    def back(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
        full = np.broadcast_to(mask, step.shape)
        mixed = tuple(axes(step))
        return np.broadcast_to(full.any(axis=mixed, keepdims=True), step.shapes[slot])

    return back


def _reduced(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """One element from all along the axes that are summed, averaged, searched …"""
    attrs, shape = step.node.attrs, step.shapes[slot]
    given = ast.literal_eval(attrs.get("axis", "()") or "()")
    given = () if given is None else given if isinstance(given, tuple) else (given,)
    axes = {axis % (len(shape) + 1) for axis in given} or set(range(len(shape) + 1))
    if attrs.get("exclude") in ("True", "1"):
        axes = set(range(len(shape) + 1)) - axes
    if 0 in axes:
        return _everything(step, slot, which, mask)
    kept = [1 if axis + 1 in axes else size for axis, size in enumerate(shape)]
    full = np.broadcast_to(mask, step.shape).reshape(kept)
    return np.broadcast_to(full, shape)


# Which position of the input (rows) each position of the output (columns) reads, along one axis.


def _convolution_reads(
    before: int, after: int, kernel: int, stride: int, pad: int, dilate: int
) -> np.ndarray:
    reads = np.zeros((before, after), np.float32)
    for tap in range(kernel):
        found = np.arange(after) * stride - pad + tap * dilate
        inside = (found >= 0) & (found < before)
        reads[found[inside], np.flatnonzero(inside)] = 1
    return reads


def _resized_reads(before: int, after: int, aligned: bool) -> np.ndarray:
    """Between two positions of the input, or at one: MXNet's bilinear interpolation."""
    # in float32, as it is computed there: what lies between and what does not hangs on the rounding
    places = np.arange(after, dtype=np.float32)
    if aligned:
        places *= np.float32((before - 1) / (after - 1) if after > 1 else 0)
    else:
        places = np.maximum(
            (places + np.float32(0.5)) * np.float32(before / after) - np.float32(0.5), 0
        )
    lower = places.astype(int)
    reads = np.zeros((before, after), np.float32)
    reads[lower, np.arange(after)] = 1
    reads[np.minimum(lower + (places > lower), before - 1), np.arange(after)] = 1
    return reads


def _shared_out_reads(before: int, after: int) -> np.ndarray:
    """Windows that share out the input: adaptive pooling."""
    reads = np.zeros((before, after), np.float32)
    for place in range(after):
        reads[place * before // after : -(-(place + 1) * before // after), place] = 1
    return reads


def _transposed_reads(
    before: int, after: int, kernel: int, stride: int, pad: int, dilate: int
) -> np.ndarray:
    return _convolution_reads(after, before, kernel, stride, pad, dilate).T


def _windows(reads: Callable[..., np.ndarray]) -> Back:
    """Each position from a window of positions, of all channels of its group."""

    def back(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
        groups = int(step.node.attrs.get("num_group", "1"))
        channels = step.shapes[slot][0]
        if groups > 1 and len(mask) > 1:
            each = mask.reshape(groups, -1, *mask.shape[1:]).any(axis=1)
            mask = each.repeat(channels // groups, axis=0)
        else:
            mask = mask.any(axis=0, keepdims=True)
        return _through_windows(step, slot, mask, reads)

    return back


def _through_windows(
    step: _Step, slot: int, mask: np.ndarray, reads: Callable[..., np.ndarray]
) -> np.ndarray:
    if step.reads:
        return _through(mask, step.reads)
    windows = zip(
        step.shapes[slot][1:],
        step.shape[1:],
        step.numbers("kernel", 1),
        step.numbers("stride", 1),
        _pads(step, slot, reads),
        step.numbers("dilate", 1),
    )
    step.reads = [reads(*window) for window in windows]
    return _through(mask, step.reads)


def _through(mask: np.ndarray, reads: Iterable[np.ndarray]) -> np.ndarray:
    """A mask back through what each axis of positions reads."""
    for axis, one in enumerate(reads, start=1):
        turned = np.moveaxis(mask, axis, 0).astype(np.float32)
        mask = np.moveaxis(np.tensordot(one, turned, axes=1) > 0, 0, axis)
    return mask


def _pads(step: _Step, slot: int, reads: Callable[..., np.ndarray]) -> Sequence[int]:
    target = ast.literal_eval(step.node.attrs.get("target_shape", "()"))
    if reads is not _transposed_reads or not any(target):
        return step.numbers("pad", 0)
    # a transposed convolution that is told the size of its output finds its padding by that
    return [
        -(-((before - 1) * stride + (kernel - 1) * dilate + 1 - after) // 2)
        for before, after, kernel, stride, dilate in zip(
            step.shapes[slot][1:],
            step.shape[1:],
            step.numbers("kernel", 1),
            step.numbers("stride", 1),
            step.numbers("dilate", 1),
        )
    ]


def _pooled(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each position from a window of positions of its channel, or from all of them."""
    if step.node.attrs.get("global_pool") in ("True", "1"):
        every = mask.any(axis=tuple(range(1, mask.ndim)), keepdims=True)
        return np.broadcast_to(every, (len(mask), *step.shapes[slot][1:]))
    if step.node.attrs.get("pooling_convention") == "same":
        return _everything(step, slot, which, mask)
    return _through_windows(step, slot, mask, _convolution_reads)


def _enlarged(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """The nearest position; between positions, as the transposed convolution that it is."""
    if step.node.attrs["sample_type"] == "nearest":
        return _moved(step, slot, which, mask)
    scale = int(step.node.attrs["scale"])
    return _through(
        mask,
        [
            _transposed_reads(before, after, 2 * scale - scale % 2, scale, scale // 2, 1)
            for before, after in zip(step.shapes[slot][1:], step.shape[1:])
        ],
    )


def _resized(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    aligned = step.node.attrs.get("align_corners", "True") in ("True", "1")
    return _through(
        mask,
        [_resized_reads(*sizes, aligned) for sizes in zip(step.shapes[slot][1:], step.shape[1:])],
    )


def _shared_out(step: _Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    return _through(
        mask, [_shared_out_reads(*sizes) for sizes in zip(step.shapes[slot][1:], step.shape[1:])]
    )


def _normalized_by(step: _Step) -> Sequence[int]:
    every = range(len(step.shape))
    return {"channel": (0,), "spatial": tuple(every)[1:]}.get(
        step.node.attrs.get("mode", "instance"), tuple(every)
    )


def _its_axis(default: str) -> Callable[[_Step], Sequence[int]]:
    return lambda step: (int(step.node.attrs.get("axis", default)) % (len(step.shape) + 1) - 1,)


_HOW: dict[str, Back] = {
    "Convolution": _windows(_convolution_reads),
    "Deconvolution": _windows(_transposed_reads),
    "Pooling": _pooled,
    "Concat": _joined,
    "UpSampling": _enlarged,
    "_contrib_BilinearResize2D": _resized,
    "_contrib_AdaptiveAvgPooling2D": _shared_out,
    "LRN": _along(lambda step: (0,)),
    "L2Normalization": _along(_normalized_by),
    "InstanceNorm": _along(lambda step: range(1, len(step.shape))),
    "LayerNorm": _along(_its_axis("-1")),
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), _along(_its_axis("-1"))),
    **dict.fromkeys(
        ("mean", "sum", "max", "min", "prod", "_npi_mean", "_np_sum", "_np_max"), _reduced
    ),
    **dict.fromkeys(
        (
            "stack",
            "Reshape",
            "Flatten",
            "transpose",
            "SwapAxis",
            "expand_dims",
            "squeeze",
            "slice",
            "slice_axis",
            "slice_like",
            "Crop",
            "SliceChannel",
            "Pad",
            "reverse",
            "tile",
            "repeat",
            "depth_to_space",
            "space_to_depth",
            "broadcast_to",
            "broadcast_axis",
            "_np_reshape",
            "_npx_reshape",
            "_np_transpose",
            "_npi_transpose",
        ),
        _moved,
    ),
    **dict.fromkeys(
        (
            *BATCH_NORMS,
            "Activation",
            "LeakyReLU",
            "relu",
            "sigmoid",
            "tanh",
            "softsign",
            "hard_sigmoid",
            "clip",
            "_copy",
            "Cast",
            "amp_cast",
            "exp",
            "log",
            "log1p",
            "expm1",
            "sqrt",
            "rsqrt",
            "square",
            "abs",
            "negative",
            "reciprocal",
            "erf",
            "add_n",
            "where",
            "_maximum",
            "_minimum",
            "_npx_relu",
            "_npx_sigmoid",
            "_npx_activation",
            "_npx_leaky_relu",
            "_npi_tanh",
            "_npi_add",
            "_npi_multiply",
            "_npi_subtract",
            "_npi_true_divide",
        ),
        _elementwise,
    ),
}
"""Operator → how its masks go back. What is not in it, nor named as an operator on elements is, is
taken to read everything: that may be more than it does, but never less."""


def _how(node: Node) -> Back:
    return _elementwise if re.search("^(elemwise|broadcast)_|_scalar$", node.op) else _everything

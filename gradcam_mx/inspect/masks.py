"""Masks of positions, from what an operator gives back to what it reads.

Kernels, strides, pads and dilations act on each axis on its own, by a matrix of which position
reads which. Working with sets of positions rather than with their ends is what makes it exact: a
dilated kernel that hangs over the border has holes, and its end there is not where it would be
without them.
"""

from __future__ import annotations

import functools
from typing import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..graph.graph import Graph
from ..graph.kinds import Positions
from ..graph.node import Entry, Node, Shape
from ..graph.windows import transposed_pads


class Step:
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
        self._back = _BACK[node.operator.positions]

    def back(self, which: int, mask: np.ndarray) -> Iterator[tuple[Entry, np.ndarray]]:
        """The mask of each value that it reads, for one of its output number `which`."""
        for slot, entry in self.read:
            yield entry, self._back(self, slot, which, mask)

    def numbers(self, name: str, default: int) -> tuple[int, ...]:
        """An attribute with a number for each axis of positions."""
        return self.node.numbers(name) or (default,) * (len(self.shape) - 1)

    @functools.cached_property
    def sources(self) -> list[np.ndarray]:
        """For each output which element of its inputs, all counted through from 1, each element of
        it is; 0 where it is none. The operator itself tells, run on these numbers."""
        found, again = self._numbered(1), self._numbered(2)
        # what the operator fills in itself does not change with what it reads
        return [np.where(one == other, 0, one) for one, other in zip(found, again)]

    def _numbered(self, count: int) -> list[np.ndarray]:
        """What the operator makes of its inputs' elements, counted through from `count`."""
        node, shapes = self.node, [(1, *shape) for shape in self.shapes]
        values = {}
        for entry, shape in zip(node.inputs, shapes):
            size = int(np.prod(shape))
            values[entry] = mx.nd.arange(count, count + size, dtype="float32").reshape(shape)
            count += size
        entries = [(node.index, which) for which in self.graph.outputs_read[node.index]]
        with self.graph.lock, mx.autograd.pause(train_mode=False):
            found = self.graph.compile(entries, node.inputs)(values, {})
        return [one.asnumpy()[0].astype(int) for one in found]


Back = Callable[[Step, int, int, np.ndarray], np.ndarray]
"""From an operator, which of its inputs, which of its outputs and the mask of that to the mask of
the input."""


def _elementwise(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element from the same element; from the one of an axis that is stretched."""
    shape = step.shapes[slot]
    if len(shape) != mask.ndim:
        return _everything(step, slot, which, mask)
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return mask.any(axis=stretched, keepdims=True)


def _everything(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element from all, also where what an operator reads is not known."""
    return np.full(step.shapes[slot], mask.any())


def _moved(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each element is one of the inputs' in another place."""
    sources = step.sources[step.graph.outputs_read[step.node.index].index(which)]
    start = 1 + sum(int(np.prod(shape)) for shape in step.shapes[:slot])
    before = np.zeros(int(np.prod(step.shapes[slot])), bool)
    places = sources[np.broadcast_to(mask, sources.shape)] - start
    before[places[(places >= 0) & (places < before.size)]] = True
    return before.reshape(step.shapes[slot])


def _joined(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Parts side by side; where all channels are alike, those of each part are."""
    if len(mask) == 1 and step.node.whole("dim", 1) == 1:
        return mask
    return _moved(step, slot, which, mask)


def _along(axes: Callable[[Step], Sequence[int]]) -> Back:
    """Each element from all along some axes, such as the channels."""

    def back(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
        full = np.broadcast_to(mask, step.shape)
        mixed = tuple(axes(step))
        return np.broadcast_to(full.any(axis=mixed, keepdims=True), step.shapes[slot])

    return back


def _reduced(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """One element from all along the axes that are summed, averaged, searched …"""
    shape = step.shapes[slot]
    given = step.node.numbers("axis")
    axes = {axis % (len(shape) + 1) for axis in given} or set(range(len(shape) + 1))
    if step.node.flag("exclude", False):
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

    def back(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
        groups = step.node.whole("num_group", 1)
        channels = step.shapes[slot][0]
        if groups > 1 and len(mask) > 1:
            each = mask.reshape(groups, -1, *mask.shape[1:]).any(axis=1)
            mask = each.repeat(channels // groups, axis=0)
        else:
            mask = mask.any(axis=0, keepdims=True)
        return _through_windows(step, slot, mask, reads)

    return back


def _through_windows(
    step: Step, slot: int, mask: np.ndarray, reads: Callable[..., np.ndarray]
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


def _pads(step: Step, slot: int, reads: Callable[..., np.ndarray]) -> Sequence[int]:
    found = []
    if reads is _transposed_reads:
        found = transposed_pads(step.node, step.shapes[slot][1:], step.shape[1:])
    return found or step.numbers("pad", 0)


def _pooled(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """Each position from a window of positions of its channel, or from all of them."""
    if step.node.flag("global_pool", False):
        every = mask.any(axis=tuple(range(1, mask.ndim)), keepdims=True)
        return np.broadcast_to(every, (len(mask), *step.shapes[slot][1:]))
    if step.node.text("pooling_convention", "valid") == "same":
        return _everything(step, slot, which, mask)
    return _through_windows(step, slot, mask, _convolution_reads)


def _enlarged(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    """The nearest position; between positions, as the transposed convolution that it is."""
    if step.node.text("sample_type", "nearest") == "nearest":
        return _moved(step, slot, which, mask)
    scale = step.node.whole("scale", 1)
    return _through(
        mask,
        [
            _transposed_reads(before, after, 2 * scale - scale % 2, scale, scale // 2, 1)
            for before, after in zip(step.shapes[slot][1:], step.shape[1:])
        ],
    )


def _resized(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    aligned = step.node.flag("align_corners", True)
    return _through(
        mask,
        [_resized_reads(*sizes, aligned) for sizes in zip(step.shapes[slot][1:], step.shape[1:])],
    )


def _shared_out(step: Step, slot: int, which: int, mask: np.ndarray) -> np.ndarray:
    return _through(
        mask, [_shared_out_reads(*sizes) for sizes in zip(step.shapes[slot][1:], step.shape[1:])]
    )


def _normalized_by(step: Step) -> Sequence[int]:
    every = range(len(step.shape))
    return {"channel": (0,), "spatial": tuple(every)[1:]}.get(
        step.node.text("mode", "instance"), tuple(every)
    )


def _its_axis(step: Step) -> Sequence[int]:
    return (step.node.whole("axis", -1) % (len(step.shape) + 1) - 1,)


_BACK: dict[Positions, Back] = {
    Positions.ANY: _everything,
    Positions.WHOLE: _everything,
    Positions.SAME: _elementwise,
    Positions.MOVED: _moved,
    Positions.JOINED: _joined,
    Positions.WINDOW: _windows(_convolution_reads),
    Positions.TRANSPOSED_WINDOW: _windows(_transposed_reads),
    Positions.POOLED: _pooled,
    Positions.SHARED_OUT: _shared_out,
    Positions.ENLARGED: _enlarged,
    Positions.INTERPOLATED: _resized,
    Positions.REDUCED: _reduced,
    Positions.CHANNELS: _along(lambda step: (0,)),
    Positions.CHANNEL: _along(lambda step: range(1, len(step.shape))),
    Positions.BY_MODE: _along(_normalized_by),
    Positions.ALONG_AXIS: _along(_its_axis),
}
"""How masks go back. Where that is not known everything is read: that may be more than is, but
never less."""

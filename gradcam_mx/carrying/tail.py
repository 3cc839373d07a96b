"""The gradient of a score at a layer, in operators: what the net does behind it, walked back.

Each operator has a function that gives, of the derivative by its value, that by the value that it
reads, as MXNet's own backward pass has it: nothing comes through a rectifier at zero, and of equal
numbers in a window of max pooling the first has all.
"""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Tuple

import numpy as np

from ..errors import NetworkError
from ..graph.kinds import Kind
from ..graph.node import Entry, Node
from .sketch import Sketch
from .subject import Subject


def gradient(sketch: Sketch, subject: Subject, head: Entry) -> Entry:
    """The derivative by the layer's value, shaped like it, for a head gradient (N, K).

    Raises:
        NetworkError: the net behind the layer has an operator whose derivative is not known here.
    """
    graph, point, score = subject.graph, subject.map.point, subject.output.point
    way = graph.differentiable([point]) & graph.ancestors([score])
    found = {score: sketch.add("reshape_like", head, subject.own(score))}
    for node in reversed(graph.live_nodes):
        arrives = found.get((node.index, 0))
        if node.index not in way or arrives is None or (node.index, 0) == point:
            continue
        for entry, one in _Step(sketch, subject, node, arrives).back():
            if entry == point or entry[0] in way:
                found[entry] = (
                    sketch.add("elemwise_add", found[entry], one) if entry in found else one
                )
    return found[point]


Derivatives = Iterator[Tuple[Entry, Entry]]
"""A value that an operator reads, and the derivative by it."""


class _Step(NamedTuple):
    """One operator, and the derivative by what it gives."""

    sketch: Sketch
    subject: Subject
    node: Node
    arrives: Entry

    def back(self) -> Derivatives:
        """What comes to the values that it reads.

        Raises:
            NetworkError: that is not known here.
        """
        return _back_of(self.node, self)(self)

    @property
    def read(self) -> Entry:
        """The first value that it reads, in the graph."""
        return self.node.inputs[0]

    def value(self, entry: Entry) -> Entry:
        """A value of the net."""
        node = self.subject.graph.nodes[entry[0]]
        if node.is_variable:
            return self.sketch.number_of(node.name)
        return self.subject.own(entry)

    def shape(self, entry: Entry) -> tuple[int, ...]:
        """That of a value of the net."""
        return self.subject.shapes[entry]

    def like_read(self, one: Entry) -> Entry:
        """A derivative in the shape of the first value that is read."""
        return self.sketch.add("reshape_like", one, self.value(self.read))


Back = Callable[[_Step], Derivatives]


def _back_of(node: Node, step: _Step) -> Back:
    if node.op in _BY_NAME:
        return _BY_NAME[node.op]
    if node.op in _RECTIFIERS and node.activation == "relu":
        return _rectifier
    kind = node.operator.kind
    if kind is Kind.POOLING:
        found = _back_of_pooling(node, step)
        if found is not None:
            return found
    elif kind is Kind.CONVOLUTION and _steps_by_one(node):
        return _convolution
    elif kind in _BY_KIND:
        return _BY_KIND[kind]
    raise NetworkError(
        f"the net runs {node.name!r} ({node.role}) between the layer {step.subject.map.name!r} and "
        "its scores, and its derivative cannot be written in operators that run anywhere; known "
        "are Dense, ReLU, Flatten, sums, pooling without padding and convolutions of stride 1. "
        'Choose a layer behind it, or method="recipro_cam", which needs no derivative'
    )


def _same(step: _Step) -> Derivatives:
    for entry in step.node.inputs:
        yield entry, step.arrives


def _reshaped(step: _Step) -> Derivatives:
    yield step.read, step.like_read(step.arrives)


def _dense(step: _Step) -> Derivatives:
    weight = step.value(step.node.inputs[1])
    yield step.read, step.like_read(step.sketch.add("dot", step.arrives, weight))


def _rectifier(step: _Step) -> Derivatives:
    given = step.value((step.node.index, 0))
    passes = step.sketch.add("_greater_scalar", given, scalar=0.0)
    yield step.read, step.sketch.add("elemwise_mul", step.arrives, passes)


def _convolution(step: _Step) -> Derivatives:
    node, groups = step.node, step.node.whole("num_group", 1)
    # a copy: the convolution keeps its weight in oneDNN's memory layout from its first run on, and
    # a transposed one, compiled with it, then fails (measured)
    weight = step.sketch.add(
        "slice_axis", step.value(node.inputs[1]), axis=0, begin=0, end=step.shape(node.inputs[1])[0]
    )
    back = step.sketch.add(
        "Deconvolution",
        step.arrives,
        weight,
        kernel=tuple(node.numbers("kernel")),
        pad=tuple(node.numbers("pad") or [0] * len(node.numbers("kernel"))),
        num_filter=step.shape(step.read)[1],
        num_group=groups,
        no_bias=True,
    )
    yield step.read, back


def _steps_by_one(node: Node) -> bool:
    """Whether a convolution goes on by one position, without gaps, its channels first."""
    steps = [*node.numbers("stride"), *node.numbers("dilate")]
    return all(one == 1 for one in steps) and node.text("layout", "NCHW") in _CHANNELS_FIRST


# -- pooling ---------------------------------------------------------------------------------------


def _back_of_pooling(node: Node, step: _Step) -> Back | None:
    kind = node.text("pool_type", "max")
    positions = list(step.shape(step.read)[2:])
    is_plain = (
        not any(node.numbers("pad"))
        and node.text("pooling_convention", "valid") == "valid"
        and node.text("layout", "NCHW") in _CHANNELS_FIRST
    )
    is_whole = node.flag("global_pool", False) or list(node.numbers("kernel")) == positions
    if kind == "avg" and is_whole and (is_plain or node.flag("global_pool", False)):
        return _average_of_all
    if is_plain and not is_whole and len(positions) == 2 and kind in _WINDOWS:
        return _WINDOWS[kind]
    return None


def _average_of_all(step: _Step) -> Derivatives:
    sketch = step.sketch
    ones = sketch.add("ones_like", step.value(step.read))
    axes = tuple(range(2, len(step.shape(step.read))))
    shares = sketch.add("broadcast_div", ones, sketch.add("sum", ones, axis=axes, keepdims=True))
    yield step.read, sketch.add("broadcast_mul", shares, step.arrives)


def _average_of_windows(step: _Step) -> Derivatives:
    kernel = [int(one) for one in step.node.numbers("kernel")]
    windows = np.full((1, 1, *kernel), 1 / np.prod(kernel))
    apart = step.sketch.add("Reshape", step.arrives, shape=(-1, 1, *_size(step, given=True)))
    yield step.read, _put_back(step, apart, windows)


def _highest_of_windows(step: _Step) -> Derivatives:
    """The derivative at the first of the highest numbers in each window.

    A convolution with kernels that are 1 in one place has the numbers of each window side by side,
    its transposed one puts them back.
    """
    sketch, node = step.sketch, step.node
    kernel = [int(one) for one in node.numbers("kernel")]
    count = int(np.prod(kernel))
    places = np.eye(count).reshape(count, 1, *kernel)
    apart = sketch.add("Reshape", step.value(step.read), shape=(-1, 1, *_size(step)))
    windows = sketch.add(
        "Convolution",
        apart,
        sketch.constant(f"windows{node.index}", places),
        kernel=tuple(kernel),
        stride=_stride(node),
        num_filter=count,
        no_bias=True,
    )
    first = sketch.add("one_hot", sketch.add("argmax", windows, axis=1), depth=count)
    chosen = sketch.add("transpose", first, axes=(0, 3, 1, 2))
    arrives = sketch.add("Reshape", step.arrives, shape=(-1, 1, *_size(step, given=True)))
    yield step.read, _put_back(step, sketch.add("broadcast_mul", chosen, arrives), places)


def _put_back(step: _Step, windows: Entry, kernels: np.ndarray) -> Entry:
    """What windows hold, one map after the other, where they lie on what was pooled."""
    node, kernel = step.node, kernels.shape[2:]
    covered = [
        (made - 1) * by + wide for made, by, wide in zip(_size(step, True), _stride(node), kernel)
    ]
    back = step.sketch.add(
        "Deconvolution",
        windows,
        step.sketch.constant(f"back{node.index}", kernels),
        kernel=tuple(kernel),
        stride=_stride(node),
        adj=tuple(all_ - one for all_, one in zip(_size(step), covered)),
        num_filter=1,
        no_bias=True,
    )
    return step.like_read(back)


def _stride(node: Node) -> tuple[int, ...]:
    return tuple(int(one) for one in node.numbers("stride")) or (1, 1)


def _size(step: _Step, given: bool = False) -> tuple[int, ...]:
    """(h, w) of what is pooled, or of what is given."""
    return step.shape((step.node.index, 0) if given else step.read)[2:]


_CHANNELS_FIRST = {"NCW", "NCHW", "NCDHW"}
_RECTIFIERS = {"Activation", "relu"}
_WINDOWS: dict[str, Back] = {"max": _highest_of_windows, "avg": _average_of_windows}
_BY_NAME: dict[str, Back] = {"elemwise_add": _same, "_copy": _same, "_plus_scalar": _same}
_BY_KIND: dict[Kind, Back] = {Kind.DENSE: _dense, Kind.RESHAPING: _reshaped}

"""Maps that are sums over channels: CAM, Grad-CAM and HiRes-CAM, in operators."""

from __future__ import annotations

from ..errors import LayerError, NetworkError
from ..graph import dense_head
from ..graph.dense_head import DenseHead
from ..graph.node import Entry
from .sketch import Sketch
from .subject import Subject
from .tail import gradient


def cam(sketch: Sketch, subject: Subject, head: Entry) -> Entry:
    """(N, h, w): ReLU(Σ_c w_c · A_c) of a net that ends in a global average pool and one Dense
    layer with the weights w (Zhou et al. 2016, arXiv:1512.04150).

    Raises:
        NetworkError: it ends in something else.
        LayerError: another layer than the pooled one was asked for.
    """
    found = dense_head.find(subject.graph, subject.output.point, subject.shapes)
    if found.map.point != subject.map.point:
        raise LayerError(
            f"the layer {subject.map.name!r} is not the one that is pooled; CAM explains "
            f"{found.map.name!r}"
        )
    return _rectified(sketch, _summed(sketch, subject, _weights(sketch, found, head)))


def grad_cam(sketch: Sketch, subject: Subject, head: Entry) -> Entry:
    """(N, h, w): ReLU(Σ_c α_c · A_c), α_c the mean over the positions of ∂S/∂A_c (Selvaraju et al.
    2017, arXiv:1610.02391).

    Raises:
        NetworkError: the net behind the layer has an operator whose derivative is not known here.
    """
    found = _pooled(subject)
    if found is not None:
        return _shared_out(sketch, subject, _summed(sketch, subject, _weights(sketch, found, head)))
    axes = tuple(subject.positions)
    weights = sketch.add("sum", gradient(sketch, subject, head), axis=axes, keepdims=True)
    return _shared_out(sketch, subject, _over_channels(sketch, subject, weights))


def hires_cam(sketch: Sketch, subject: Subject, head: Entry) -> Entry:
    """(N, h, w): ReLU(Σ_c ∂S/∂A_c ⊙ A_c) (Draelos & Carin 2020, arXiv:2011.08891).

    Raises:
        NetworkError: the net behind the layer has an operator whose derivative is not known here.
    """
    found = _pooled(subject)
    if found is not None:
        return _shared_out(sketch, subject, _summed(sketch, subject, _weights(sketch, found, head)))
    weights = gradient(sketch, subject, head)
    return _rectified(sketch, _over_channels(sketch, subject, weights))


def _pooled(subject: Subject) -> DenseHead | None:
    """The head of a net that ends in a global average pool of the layer and one Dense layer."""
    try:
        found = dense_head.find(subject.graph, subject.output.point, subject.shapes)
    except NetworkError:
        return None
    return found if found.map.point == subject.map.point else None


def _shared_out(sketch: Sketch, subject: Subject, total: Entry) -> Entry:
    """The map of weights that are the same at all positions: over the number of these."""
    positions = tuple(range(1, 1 + len(subject.positions)))
    count = sketch.add("sum", sketch.add("ones_like", total), axis=positions, keepdims=True)
    return sketch.add("broadcast_div", _rectified(sketch, total), count)


def _weights(sketch: Sketch, found: DenseHead, head: Entry) -> Entry:
    """(N, C): of the explained class."""
    return sketch.add("dot", head, sketch.number_of(found.weight))


def _summed(sketch: Sketch, subject: Subject, weights: Entry) -> Entry:
    """(N, h, w): the layer's channels, each times its weight (N, C), summed."""
    axis, value = subject.map.channel_axis, subject.own(subject.map.point)
    channels = subject.map_shape[axis]
    if axis == 1:
        # a product of matrices, as MXNet's sum over channels takes eight times as long (measured)
        flat = sketch.add("Reshape", value, shape=(0, channels, -1))
        rows = sketch.add("Reshape", weights, shape=(-1, 1, channels))
        first = sketch.add("slice_axis", value, axis=1, begin=0, end=1)
        like = sketch.add("squeeze", first, axis=1)
        return sketch.add("reshape_like", sketch.add("batch_dot", rows, flat), like)
    shape = [channels if one == axis else 1 for one in range(1, len(subject.map_shape))]
    return _over_channels(sketch, subject, sketch.add("Reshape", weights, shape=(-1, *shape)))


def _over_channels(sketch: Sketch, subject: Subject, weights: Entry) -> Entry:
    """The layer's value, times what is broadcast to its shape, summed over the channels."""
    product = sketch.add("broadcast_mul", subject.own(subject.map.point), weights)
    return sketch.add("sum", product, axis=subject.map.channel_axis)


def _rectified(sketch: Sketch, entry: Entry) -> Entry:
    return sketch.add("relu", entry)

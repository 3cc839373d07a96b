"""Where the cells of layers lie, against the masks of what single units see."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.graph.centres import centres
from gradcam_mx.graph.layers import Map, find_map
from gradcam_mx.graph.layout import channel_axis
from gradcam_mx.graph.trace import trace

nn = mx.gluon.nn


class Written(mx.gluon.HybridBlock):
    """A net of functions."""

    def __init__(self, forward, **children):
        super().__init__()
        self.functions = forward
        for name, one in children.items():
            setattr(self, name, one)

    def hybrid_forward(self, F, x):
        return self.functions(self, F, x)


def chain(*blocks):
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


NETS = {
    "valid": lambda: chain(nn.Conv2D(2, 5), nn.Conv2D(2, 3, strides=3)),
    "dilated": lambda: chain(nn.Conv2D(2, 3, dilation=3, strides=2, padding=1), nn.Conv2D(2, 2)),
    "even": lambda: chain(nn.Conv2D(2, 4, strides=2, padding=1), nn.MaxPool2D(2, 2)),
    "ceiling": lambda: chain(nn.Conv2D(2, 3), nn.MaxPool2D(3, 2, ceil_mode=True)),
    "oblong": lambda: chain(nn.Conv2D(2, (1, 5), strides=(2, 3), padding=(0, 1))),
    "residual": lambda: Written(
        lambda self, F, x: self.a(x) + self.b(x),
        a=nn.Conv2D(2, 3, strides=2, padding=1),
        b=nn.Conv2D(2, 1, strides=2),
    ),
    "branches": lambda: Written(
        lambda self, F, x: F.concat(self.a(x), F.Pooling(x, kernel=(3, 3), pad=(1, 1)), dim=1),
        a=nn.Conv2D(2, 5, padding=2),
    ),
    "gate": lambda: Written(
        lambda self, F, x: F.broadcast_mul(
            self.a(x), F.sigmoid(F.mean(self.a(x), axis=(2, 3), keepdims=True))
        ),
        a=nn.Conv2D(2, 7, strides=2),
    ),
    "padded": lambda: Written(
        lambda self, F, x: self.a(
            F.Pad(x, mode="constant", constant_value=5, pad_width=(0, 0, 0, 0, 3, 0, 1, 4))
        ),
        a=nn.Conv2D(2, 4, strides=2),
    ),
    "cut": lambda: Written(
        lambda self, F, x: self.a(F.slice_axis(F.slice_axis(x, axis=2, begin=6, end=22), 3, 9, 26)),
        a=nn.Conv2D(2, 3, strides=2),
    ),
    "turned": lambda: Written(
        lambda self, F, x: F.transpose(self.a(F.transpose(x, (0, 1, 3, 2))), (0, 1, 3, 2)),
        a=nn.Conv2D(2, (3, 5), strides=(3, 1)),
    ),
    "flipped": lambda: Written(lambda self, F, x: self.a(F.flip(x, 3)), a=nn.Conv2D(2, 3)),
    "enlarged": lambda: Written(
        lambda self, F, x: F.UpSampling(self.a(x), scale=2, sample_type="nearest"),
        a=nn.Conv2D(2, 3, strides=4),
    ),
    "transposed": lambda: chain(
        nn.Conv2D(2, 3, strides=3), nn.Conv2DTranspose(2, 4, strides=2, padding=1)
    ),
}
SHAPE = (1, 3, 31, 38)


def found_centres(net, shape=SHAPE, layer=None):
    graph = trace(net)
    shapes, source = graph.shapes(shape), graph.input(None)
    entry = graph.heads[0] if layer is None else find_map(graph, layer, shapes, graph.heads).point
    where = Map(entry, "it", channel_axis(graph, entry, shapes))
    return centres(graph, shapes, where, Map(source, "data", channel_axis(graph, source, shapes)))


@pytest.mark.parametrize("name", NETS)
def test_cells_lie_in_the_middle_of_what_they_see(name):
    """The middle of the box around what a unit sees, where no border cuts it off."""
    net = NETS[name]()
    net.initialize()
    net(mx.nd.zeros(SHAPE))
    if name == "gate":  # through the mean, units see everything
        found, net = found_centres(net), chain(net.a)
    else:
        found = found_centres(net)
    graph = trace(net)
    rows, columns = graph.shapes(SHAPE)[graph.heads[0]][2:]
    assert (len(found[0]), len(found[1])) == (rows, columns)
    # between two cells what a transposed kernel sees changes, by up to the step of the layer before
    slack = {"enlarged": 2, "transposed": 1.5}.get(name, 0)
    layer = graph.nodes[graph.heads[0][0]].name + "_output"
    for axis, count in enumerate((rows, columns)):
        sides = []
        for place in range(count):
            position = (place, columns // 2) if axis == 0 else (rows // 2, place)
            sides.append(gm.inspect.receptive_field(graph, layer, SHAPE, position)[axis])
        largest = max(side.stop - side.start for side in sides)
        whole = [side.stop - side.start == largest for side in sides]
        middles = [(side.start + side.stop - 1) / 2 for side in sides]
        assert sum(whole) >= 3
        off = np.abs(np.subtract(found[axis], middles))[whole]
        assert off.max() <= slack


def test_borders_do_not_move_cells():
    """Nor does padding: the steps from cell to cell are the strides."""
    rows, columns = found_centres(NETS["padded"]())
    assert set(np.diff(rows)) == set(np.diff(columns)) == {2}
    assert (rows[0], columns[0]) == (-1.5, 0.5)


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, F, x: F.reshape(self.a(x), shape=(0, -1, 6, 6)),
        lambda self, F, x: F.transpose(self.a(x), (0, 1, 3, 2)),
        lambda self, F, x: F.expand_dims(F.batch_dot(F.sum(x, 1), F.sum(x, 1)), 1),
    ],
    ids=["reshaped", "turned", "mixed"],
)
def test_where_positions_are_lost_nobody_knows(forward):
    net = Written(forward, a=nn.Conv2D(2, 3, in_channels=3))
    net.initialize()
    assert found_centres(net, (1, 3, 20, 20)) is None

"""Reshapes to another number of values: MXNet takes them and reads or writes past the end of
memory, or leaves values out; they are refused by name before anything runs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError

nn = mx.gluon.nn


class Reshaped(nn.HybridBlock):
    def __init__(self, shape, channels=4, **kwargs):
        super().__init__(**kwargs)
        self.shape = shape
        with self.name_scope():
            self.conv = nn.Conv2D(channels, 3, in_channels=3, activation="relu")
            self.dense = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.dense(F.reshape(self.conv(x), shape=self.shape, name="flat"))


class Grouped(Reshaped):
    """As a channel shuffle does it, for one size of batch."""

    def hybrid_forward(self, F, x):
        maps = F.reshape(self.conv(x), shape=self.shape, name="flat")
        joined = F.reshape(F.swapaxes(maps, 1, 2), shape=(0, -3, -2))
        return self.dense(F.mean(joined, axis=(2, 3)))


class Rows(Reshaped):
    def hybrid_forward(self, F, x):
        rows = F.reshape(self.conv(x), shape=self.shape, name="flat")
        return self.dense(F.mean(rows, axis=1))


NETS = {
    # (batch, side) that fits, those that do not
    "batch": (lambda: Reshaped((2, 256)), (2, 10), [(1, 10), (3, 10), (4, 10)]),
    "size": (lambda: Reshaped((0, 256)), (3, 10), [(3, 9), (3, 11), (1, 20)]),
    "values left out": (lambda: Rows((0, -1, 7)), (3, 9), [(3, 10), (1, 11)]),
    "groups": (lambda: Grouped((1, 2, 2, 8, 8)), (1, 10), [(2, 10), (1, 12)]),
}


@pytest.fixture(params=NETS)
def case(request, ctx):
    build, fits, others = NETS[request.param]
    mx.random.seed(3)
    net = build()
    net.initialize(mx.init.Normal(0.3), ctx=ctx)
    return net, fits, others


def photos(batch, side):
    return np.random.RandomState(batch).normal(size=(batch, 3, side, side)).astype(np.float32)


def test_what_fits_is_explained(case):
    net, (batch, side), _ = case
    x = photos(batch, side)
    found = gm.saliency(net, x, 1)
    assert found.values.shape[0] == batch
    step = np.zeros_like(x)
    step[-1, 1, 4, 5] = 1e-2
    scores = [
        net(mx.nd.array(x + sign * step, ctx=net.conv.weight.list_ctx()[0])) for sign in (1, -1)
    ]
    slope = (scores[0] - scores[1]).asnumpy()[-1, 1] / 2e-2
    assert found.values[-1].max() >= 0
    gradient = gm.explain(net, x, "input_x_gradient", 1).values[-1, 1, 4, 5] / x[-1, 1, 4, 5]
    assert gradient == pytest.approx(slope, rel=2e-2, abs=1e-4)


@pytest.mark.parametrize("name", ["saliency", "grad_cam", "occlusion"])
def test_what_does_not_fit_is_refused_by_name(case, name):
    net, fits, others = case
    gm.saliency(net, photos(*fits), 1)
    for batch, side in others:
        with pytest.raises(InputError, match=r"flat'.*another number of values") as caught:
            gm.METHODS[name].function(net, photos(batch, side), 1)
        assert f"({batch}, 3, {side}, {side})" in str(caught.value)


def test_mxnet_itself_takes_it():
    """The measurement: in a process of its own, which it may end."""
    code = (
        "import mxnet as mx; y = mx.sym.reshape(mx.sym.var('x'), shape=(1, 4));"
        "print(y.infer_shape(x=(3, 4))[1])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[(1, 4)]"

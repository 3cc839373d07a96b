"""Networks that cannot be traced and whose code reshapes to fixed numbers of rows: they run with as
many rows as they were given alone, for any other MXNet would write past the end of memory."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet.ndarray import reshape as kept_reshape

import gradcam_mx as gm
from gradcam_mx import nn
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.reshapes import reshapes_checked

SIDE, WINDOW = 6, 3  # 4 channels of 4 × 4 behind the convolution


class Untraceable(mx.gluon.Block):
    """Its code asks for a number, so no graph can be made of it."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows
        with self.name_scope():
            self.conv = nn.Conv2D(4, 3, in_channels=3, activation="relu")
            self.inner = self.made()
            self.dense = nn.Dense(3, in_units=64)

    def made(self):
        return None

    def forward(self, x):
        maps = self.conv(x)
        if float(maps.max().asscalar()) > 1e6:
            maps = maps * 2
        return self.dense(self.flat(maps))

    def flat(self, maps):
        return mx.nd.reshape(maps, shape=(self.rows, 64))


class ByAnotherName(Untraceable):
    def flat(self, maps):
        return kept_reshape(maps, shape=(self.rows, -1, 0, 0)).reshape((0, -1))


class Flat(mx.gluon.HybridBlock):
    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def hybrid_forward(self, F, x):
        return F.reshape(x * 1, shape=(self.rows, 64))


class InABlock(Untraceable):
    def made(self):
        return Flat(self.rows)

    def flat(self, maps):
        return self.inner(maps)


class InACompiledBlock(InABlock):
    def made(self):
        flat = Flat(self.rows)
        flat.hybridize()
        return flat


NETS = [Untraceable, ByAnotherName, InABlock, InACompiledBlock]


def occluded(net, x, target, ctx):
    """By how much the score drops at each place of the window, and where that is, from the paper:
    windows side by side, filled with zeros."""

    def score(pictures):
        return net(mx.nd.array(pictures, ctx=ctx)).asnumpy()[:, target].astype(np.float64)

    drops = np.zeros((len(x), SIDE, SIDE))
    for top in range(0, SIDE, WINDOW):
        for left in range(0, SIDE, WINDOW):
            hidden = x.copy()
            hidden[:, :, top : top + WINDOW, left : left + WINDOW] = 0
            drops[:, top : top + WINDOW, left : left + WINDOW] = (score(x) - score(hidden))[
                :, None, None
            ]
    return drops


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("build", NETS)
def test_it_runs_with_its_own_number_of_rows(build, rows, ctx):
    mx.random.seed(1)
    net = build(rows)
    net.initialize(mx.init.Normal(0.4), ctx=ctx)
    x = np.random.RandomState(rows).normal(size=(rows, 3, SIDE, SIDE)).astype(np.float32)
    found = gm.occlusion(net, x, 1, window=WINDOW, stride=WINDOW, progress=False)
    np.testing.assert_allclose(found.values, occluded(net, x, 1, ctx), rtol=1e-4, atol=1e-5)


def test_what_fits_is_let_through_and_nothing_stays_behind():
    before = mx.ndarray.register._imperative_invoke
    x = mx.nd.arange(24).reshape((2, 3, 4))
    with reshapes_checked():
        assert mx.nd.reshape(x, shape=(0, -1)).shape == (2, 12)
        assert mx.nd.Reshape(x, shape=(-3, 0), reverse=True).shape == (6, 4)
        for shape in [(1, 12), (3, 12), (2, 5, -1)]:
            with pytest.raises(mx.MXNetError, match="another number of values"):
                mx.nd.reshape(x, shape=shape)
    assert mx.ndarray.register._imperative_invoke is before

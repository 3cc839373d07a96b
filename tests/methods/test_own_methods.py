"""What `activation_map` and `method` refuse to make a method of."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import MethodError
from gradcam_mx.methods import Needs, activation_map, method, methods_kept


@pytest.fixture
def net(ctx):
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 3, in_channels=3, activation="relu"), mx.gluon.nn.Dense(3))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    return net


X = np.random.RandomState(1).normal(size=(2, 3, 8, 9)).astype(np.float32)

WRONG = {
    "weights": lambda a, g: g.mean(axis=(2, 3)),
    "map": lambda a, g: (a * g).sum(axis=1),
    "kept axes": lambda a, g: g.mean(axis=(2, 3), keepdims=True),
    "one sample": lambda a, g: (a * g)[:1],
    "number": lambda a, g: 3.0,
}


@pytest.mark.parametrize("options", [{}, {"eigen_smooth": True}, {"augment_smooth": True}], ids=str)
@pytest.mark.parametrize("formula", WRONG.values(), ids=list(WRONG))
def test_a_formula_that_gives_no_channels_is_refused(net, formula, options):
    with methods_kept():

        def of_channels(a, g):
            return formula(a, g)

        function = activation_map("me")(of_channels)
        with pytest.raises(MethodError, match=r"of_channels .*\(N, C, h, w\), here \(2, 4, 6, 7\)"):
            function(net, X, 1, **options)


@pytest.mark.parametrize("channels", [1, 4], ids=str)
def test_a_formula_may_join_channels(net, channels):
    with methods_kept():

        @activation_map("me")
        def own_map(a, g):
            return (a * g).reshape(2, channels, -1, 6, 7).sum(axis=2)

        expected = gm.hires_cam(net, X, 1).values
        np.testing.assert_allclose(own_map(net, X, 1).values, expected, rtol=1e-5, atol=1e-6)


def test_a_family_that_is_none_is_refused():
    told = "no family 'foo'; there are 'activation maps', 'gradients', 'relevance', 'perturbation'"
    with pytest.raises(MethodError, match=told):
        method(family="foo", paper="me", cost="1 forward", needs=Needs())

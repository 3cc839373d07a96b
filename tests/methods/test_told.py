"""What is told of a result: where NaN came from, what does not add up."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError

nn = mx.gluon.nn
X = np.random.RandomState(0).rand(2, 3, 12, 12).astype(np.float32)


def make_net(ctx=None):
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(4, 3, activation="relu", prefix="first_"))
        net.add(nn.Conv2D(4, 3, activation="relu", prefix="second_"))
        net.add(nn.GlobalAvgPool2D(), nn.Dense(3, prefix="scores_"))
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(), ctx=ctx)
    net(mx.nd.array(X, ctx=ctx))
    return net


def changed(array, **places):
    numbers = array.data(array.list_ctx()[0]).asnumpy()
    numbers.flat[0] = places["first"]
    array.set_data(mx.nd.array(numbers))


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "integrated_gradients"])
def test_a_parameter_that_is_nan_is_named(ctx, method):
    """Also where a ReLU makes zero of it, so that the scores are numbers."""
    net = make_net(ctx)
    changed(net[1].weight, first=np.nan)
    with pytest.raises(NetworkError, match="NaN or infinity: the parameter 'net_second_weight' ho"):
        getattr(gm, method)(net, X, 1)


@pytest.mark.parametrize("method", ["occlusion", "rise", "score_cam"])
def test_infinite_scores_are_no_map(method):
    net = make_net()
    changed(net[3].bias, first=np.inf)
    options = {"rise": {"num_samples": 4}}.get(method, {})
    message = f"what {method} finds holds NaN or infinity: the parameter 'net_scores_bias' holds in"
    with pytest.raises(NetworkError, match=message):
        getattr(gm, method)(net, X, 0, **options)


def test_a_layer_that_overflows_is_named():
    net = make_net()
    net[0].weight.set_data(net[0].weight.data() * 1e10)
    net[1].weight.set_data(net[1].weight.data() * 1e38)
    net[3].weight.set_data(mx.nd.ones_like(net[3].weight.data()))
    message = r"finds holds NaN or infinity: the values of 'net_second_fwd' \(Convolution\) hold"
    with pytest.raises(NetworkError, match=message):
        gm.layer_cam(net, X, 0)


class Logarithm(mx.gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.clip(F.log(x), -1, 1)


def test_an_operator_without_a_value_is_named():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, activation="relu"), Logarithm(), nn.GlobalAvgPool2D(), nn.Dense(2))
    net.initialize(mx.init.Normal(1))
    x = X - X.mean()
    with pytest.raises(NetworkError, match=r"log0' \(log\) hold infinity for this input, the"):
        gm.integrated_gradients(net, x, 0, baseline=x * 0.5)


def test_the_derivative_is_named_where_all_values_are_numbers():
    class Root(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.sqrt(F.relu(x - 0.5))

    net = nn.HybridSequential()
    net.add(Root(), nn.Flatten(), nn.Dense(2))
    net.initialize()
    with pytest.raises(NetworkError, match="an operator has no derivative where it is"):
        gm.saliency(net, X, 0)
    with pytest.raises(NetworkError, match="an operator has no derivative where it is"):
        gm.integrated_gradients(net, X, 0, baseline=X)


def said(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in found if one.category is UserWarning]


class Steep(mx.gluon.HybridBlock):
    """A step in the score that few points of a path see."""

    def hybrid_forward(self, F, x):
        total = F.sum(x, axis=(1, 2, 3)).expand_dims(1)
        return F.concat(F.sigmoid((total - 200) * 5), total, dim=1)


def test_attributions_that_do_not_add_up_are_told_of_once():
    net = Steep()
    (told,) = said(lambda: gm.integrated_gradients(net, X, 0, output=0, steps=3))
    assert "completeness_gap of " in told
    assert "take more steps than 3" in told
    assert said(lambda: gm.integrated_gradients(net, X, 1, steps=3)) == []
    (told,) = said(lambda: gm.expected_gradients(net, X, 0, background=0 * X[:1], num_samples=3))
    assert "draw more samples than num_samples=3" in told


def test_what_cancels_out_is_no_gap():
    """The score differs by nothing, and the attributions by rounding."""
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(1, use_bias=False))
    net.initialize()
    net(mx.nd.array(X))
    signs = np.resize([1.0, -1.0], net[1].weight.shape)
    net[1].weight.set_data(mx.nd.array(signs))
    x = np.repeat(X[..., ::2], 2, axis=3) * 1.1
    found = []
    assert said(lambda: found.append(gm.integrated_gradients(net, x, steps=2))) == []
    assert np.abs(found[0].values).sum() > 100


def test_smoothing_by_more_than_the_range_is_told_of():
    net = make_net()

    def explained(share):
        return lambda: gm.expected_gradients(
            net, X, 0, background=0 * X, num_samples=2, local_smoothing=share
        )

    assert any("local_smoothing=25 is a share of the range" in one for one in said(explained(25)))
    assert not any("local_smoothing" in one for one in said(explained(1)))

"""Sums at the ends of segments, whose compiled gradient MXNet does not know how to make."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

pytestmark = pytest.mark.filterwarnings("ignore:Parameter .* is not used")

gluon = mx.gluon
Body = Callable[[Any, Any, Any, Any], Any]

BODIES: dict[str, Body] = {
    "dense": lambda net, F, t, p: t + net.p(t),
    "dense and relu": lambda net, F, t, p: F.relu(t) + net.q(t),
    "before a norm, twice": lambda net, F, t, p: (lambda u: u + net.q(net.ln(u)))(
        t + net.p(net.ln(t))
    ),
    "three": lambda net, F, t, p: t + net.p(t) + net.q(t),
    "with a parameter": lambda net, F, t, p: F.relu(F.elemwise_add(net.p(t), p)),
    "attention": lambda net, F, t, p: (
        t + F.batch_dot(F.softmax(F.batch_dot(net.p(t), net.q(t), transpose_b=True)), net.p(t))
    ),
    "product": lambda net, F, t, p: t * net.p(t),
    "difference": lambda net, F, t, p: t - net.p(t),
    "add_n": lambda net, F, t, p: F.add_n(t, net.p(t), net.q(t)),
    "broadcast": lambda net, F, t, p: F.broadcast_add(t, net.p(t)),
    "turned": lambda net, F, t, p: F.transpose(
        F.transpose(t, (0, 2, 1)) + F.transpose(net.p(t), (0, 2, 1)), (0, 2, 1)
    ),
    "gate": lambda net, F, t, p: (lambda g: t * g + net.q(t) * (1 - g))(F.sigmoid(net.p(t))),
    "sum of itself": lambda net, F, t, p: F.elemwise_add(t, t) + F.zeros_like(t),
    "rounded, straight through": lambda net, F, t, p: (
        F.contrib.round_ste(t * 3) * net.q(t) + F.contrib.sign_ste(t)
    ),
}
HEADS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "dense": lambda net, F, t: net.out(t),
    "sum": lambda net, F, t: F.elemwise_add(net.out(t), net.out(F.tanh(t))),
    "bare": lambda net, F, t: F.reshape(t, (0, -1)),
    "pooled": lambda net, F, t: F.mean(t, axis=1) + F.max(t, axis=1),
}


class Residual(gluon.HybridBlock):
    def __init__(self, body: str, head: str) -> None:
        super().__init__()
        self._body, self._head = BODIES[body], HEADS[head]
        with self.name_scope():
            self.conv = gluon.nn.Conv2D(6, 3, padding=1)
            self.p = gluon.nn.Dense(16, flatten=False)
            self.q = gluon.nn.Dense(16, flatten=False, activation="relu")
            self.ln = gluon.nn.LayerNorm()
            self.out = gluon.nn.Dense(5)
            self.bias = self.params.get("bias", shape=(2, 6, 16), init=mx.init.Normal(0.3))

    def hybrid_forward(self, F: Any, x: Any, bias: Any) -> Any:
        maps = F.reshape(self.conv(x), (0, 0, -1))
        return self._head(self, F, self._body(self, F, maps, bias))


def _made(net: Any, ctx: Any, *shape: int) -> tuple[Any, Any]:
    mx.random.seed(3)
    net.initialize(mx.init.Normal(0.3), ctx=ctx)
    x = mx.nd.random.normal(shape=shape).as_in_context(ctx)
    net(x)
    net.cast("float64")
    return net, x.astype("float64")


def _by_hand(net: Any, x: Any) -> np.ndarray:
    x = x.copy()
    x.attach_grad()
    with mx.autograd.record():
        score = net(x)[:, 1].sum()
    score.backward()
    return x.grad.asnumpy()


# of equal extremes, which rounding makes, MXNet hands its whole gradient to each
@pytest.mark.parametrize(
    ("body", "head"),
    [
        (body, head)
        for body in sorted(BODIES)
        for head in sorted(HEADS)
        if (body, head) != ("rounded, straight through", "pooled")
    ],
)
def test_a_residual_has_the_gradient_of_the_net_itself(body, head, ctx):
    net, x = _made(Residual(body, head), ctx, 2, 3, 4, 4)
    eager = _by_hand(net, x)

    found = gm.input_x_gradient(net, x, 1).values

    np.testing.assert_allclose(found, x.asnumpy() * eager, rtol=1e-5, atol=1e-7 * abs(eager).max())
    if head == "dense":
        net.hybridize()
        np.testing.assert_allclose(_by_hand(net, x), eager, rtol=1e-6, atol=1e-12)
    if "straight" not in body:  # whose gradient is not the derivative, on purpose
        way = np.random.default_rng(0).standard_normal(x.shape)
        step = mx.nd.array(way * 1e-6, ctx=ctx, dtype="float64")
        rise = (net(x + step) - net(x - step))[:, 1].sum().asscalar() / 2e-6
        assert (found / x.asnumpy() * way).sum() == pytest.approx(rise, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize("body", ["dense and relu", "before a norm, twice", "attention"])
def test_every_rule_passes_residuals(body, head, ctx):
    net, x = _made(Residual(body, head), ctx, 2, 3, 4, 4)
    for method in (gm.grad_cam, gm.layer_cam, gm.integrated_gradients):
        assert np.isfinite(method(net, x, 1).values).all()
    if body != "attention":
        for method in (gm.guided_backprop, gm.deconvnet):
            assert abs(method(net, x, 1).values).max() > 0


class Perceptron(gluon.HybridBlock):
    """x + Dense(ReLU(Dense(x))) three times, on features."""

    def __init__(self) -> None:
        super().__init__()
        with self.name_scope():
            self.inner = [gluon.nn.Dense(7, activation="relu") for _ in range(3)]
            self.outer = [gluon.nn.Dense(7) for _ in range(3)]
            for layer in (*self.inner, *self.outer):
                self.register_child(layer)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        for inner, outer in zip(self.inner, self.outer):
            x = x + outer(inner(x))
        return x


def test_guided_gradients_of_residual_features(ctx):
    """Guided backpropagation in numpy: the head is a sum, and one of its parts is the input."""
    net, x = _made(Perceptron(), ctx, 2, 7)
    weight = {
        name: one.data(ctx).asnumpy().astype("float64")
        for name, one in net.collect_params().items()
    }
    values, z = [x.asnumpy()], []
    for inner, outer in zip(net.inner, net.outer):
        z.append(values[-1] @ weight[inner.weight.name].T + weight[inner.bias.name])
        rectified = np.maximum(z[-1], 0) @ weight[outer.weight.name].T
        values.append(values[-1] + rectified + weight[outer.bias.name])
    gradient = np.zeros((2, 7))
    gradient[:, 1] = 1
    for inner, outer, before in zip(net.inner[::-1], net.outer[::-1], z[::-1]):
        arriving = gradient @ weight[outer.weight.name]
        guided = np.maximum(arriving, 0) * (before > 0)
        gradient = gradient + guided @ weight[inner.weight.name]

    np.testing.assert_allclose(gm.guided_backprop(net, x, 1).values, gradient, rtol=1e-5)

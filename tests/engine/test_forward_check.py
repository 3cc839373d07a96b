"""What the engine recorded is held against the net itself, on the spot."""

from __future__ import annotations

import re
import threading
import time
import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph import operators, rewrite
from gradcam_mx.graph.graph import Graph

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(2, 3, 8, 8)).astype("float32")


def initialised(net, ctx=None):
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    net(mx.nd.array(X, ctx=ctx))
    return net


def usual(*middle):
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(4, 3, activation="relu"), *middle, nn.GlobalAvgPool2D(), nn.Dense(5))
    return net


class Function(mx.gluon.HybridBlock):
    """A convolution, a function of F and the map, and a classifier."""

    def __init__(self, function):
        super().__init__(prefix="net_")
        with self.name_scope():
            self.conv = nn.Conv2D(4, 3, activation="relu")
            self.out = nn.Dense(5)
        self.function = function

    def hybrid_forward(self, F, x):
        return self.out(F.mean(self.function(F, self.conv(x)), axis=(2, 3)))


# ------------------------------------------------------------------------------------ a difference


def test_a_net_whose_code_does_something_else_when_it_is_traced(ctx):
    net = initialised(Function(lambda F, f: f * 2 if F is mx.nd else f * 3), ctx)
    with pytest.raises(NetworkError, match=r"the net itself gives .* Python code of the net does"):
        gm.saliency(net, X, 1)


def test_the_error_holds_both_numbers_and_the_first_layer_where_they_part(ctx, monkeypatch):
    monkeypatch.setattr(rewrite, "_rewritten", wrongly("Activation", act_type="softrelu"))
    net = initialised(usual(nn.Conv2D(4, 1), nn.Activation("relu")), ctx)
    own = net(mx.nd.array(X, ctx=ctx)).asnumpy()
    with pytest.raises(NetworkError) as caught:
        gm.grad_cam(net, X, 1)
    said = str(caught.value)
    named = re.search(r"the net itself gives (\S+) .* gives (\S+), in its output", said)
    # it is the largest difference, so one of the outputs
    assert abs(own - float(named[1])).min() < 1e-5
    assert "The first layer where they part is 'net_conv0_relu_fwd' (Activation" in said


def wrongly(op, **attrs):
    """A rewriting that gives an operator other attributes."""
    right = rewrite._rewritten

    def rewritten(node, positions):
        for piece in right(node, positions):
            changed = piece["op"] == op
            yield {**piece, "attrs": {**piece["attrs"], **attrs}} if changed else piece

    return rewritten


DAMAGE = {
    "another kernel's stride": (
        "Convolution",
        {"dilate": "(2, 2)", "pad": "(1, 1)"},
        "net_conv0_fwd",
    ),
    "another pooling": ("Pooling", {"pool_type": "max"}, "net_pool0_fwd"),
    "another epsilon": ("BatchNorm", {"eps": "0.5"}, "bn_fwd"),
    "another activation": ("Activation", {"act_type": "tanh"}, "net_conv0_relu_fwd"),
    "another slope": ("LeakyReLU", {"slope": "0.9"}, "leaky_fwd"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_the_rewriting_is_found(damage, monkeypatch):
    op, attrs, layer = DAMAGE[damage]
    net = usual(nn.BatchNorm(prefix="bn_"), nn.LeakyReLU(0.1, prefix="leaky_"))
    net = initialised(net)
    for parameter in net.collect_params().values():  # biases are zero else
        parameter.set_data(parameter.data() + 0.1)
    gm.saliency(net, X, 1)
    copied = gm.trace((net(mx.sym.var("data")), *parts_of(net)))
    monkeypatch.setattr(rewrite, "_rewritten", wrongly(op, **attrs))
    with pytest.raises(NetworkError, match=f"The first layer where they part is '{layer}'"):
        gm.saliency(Graph(*copied._made_of), X, 1)


def parts_of(net):
    return {one.name: one.data() for one in net.collect_params().values()}, {}


def test_damage_to_the_freezing_is_found(monkeypatch):
    thawed = operators._BATCH_NORM.at_inference
    row = operators.OPERATORS["BatchNorm"]
    assert row.at_inference is thawed
    monkeypatch.setitem(
        operators.OPERATORS, "BatchNorm", operators.replace(row, at_inference=lambda _: {})
    )
    operators.operator.cache_clear()
    try:
        with pytest.raises(NetworkError, match=r"part is 'bn_fwd' \(BatchNorm"):
            gm.saliency(initialised(usual(nn.BatchNorm(prefix="bn_"))), X, 1)
    finally:
        monkeypatch.undo()
        operators.operator.cache_clear()


# ----------------------------------------------------------------------------------- no difference


@pytest.mark.parametrize(
    "net",
    [
        lambda: usual(),
        lambda: usual(nn.BatchNorm(), nn.Dropout(0.5)),
        lambda: Function(lambda F, f: F.broadcast_div(f, F.norm(f + 0.5, axis=1, keepdims=True))),
        # rounding is enlarged without bounds
        lambda: Function(lambda F, f: F.sin(f * 1e5)),
    ],
    ids=["plain", "frozen", "normalised", "chaotic"],
)
def test_rounding_is_no_difference(net, ctx):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.saliency(initialised(net(), ctx), X, 1)


def test_nothing_of_the_net_changes(ctx):
    net = usual(nn.BatchNorm())
    ran = []
    net.register_forward_hook(lambda *_: ran.append("after"))
    net[0].register_forward_pre_hook(lambda *_: ran.append("before"))
    net.hybridize()
    net.initialize(ctx=ctx)
    gm.saliency(net, X, 1)
    assert not ran
    assert not net._cached_op
    assert not net._cached_graph
    net(mx.nd.array(X, ctx=ctx))
    assert "after" in ran


def test_it_is_held_against_once(ctx):
    calls = []

    class Counted(nn.HybridSequential):
        def __call__(self, *arguments):
            calls.append(type(arguments[0]))
            return super().__call__(*arguments)

    net = Counted()
    net.add(nn.Conv2D(4, 3), nn.GlobalAvgPool2D(), nn.Dense(5))
    initialised(net, ctx)

    def counted(x):
        before = calls.count(mx.nd.NDArray)
        gm.saliency(net, x, 1)
        gm.grad_cam(net, x, 2)
        return calls.count(mx.nd.NDArray) - before

    assert counted(X) == 1
    assert counted(X) == 0
    assert counted(X + 1) == 0
    assert counted(X[:1]) == 1


# ----------------------------------------------------------------------------- what cannot be told


@pytest.mark.parametrize(
    "function",
    [
        lambda F, f: F.Dropout(f, mode="always"),
        lambda F, f: f + F.random.normal(shape=(2, 4, 6, 6)),
        lambda F, f: F.broadcast_mul(f, F.random.uniform_like(f)),
    ],
    ids=["dropout that is always on", "noise", "a random gate"],
)
def test_nets_that_draw_random_numbers_are_told_so(function, ctx):
    if ctx != mx.cpu():
        pytest.skip("random numbers are drawn on the default context")
    with pytest.warns(UserWarning, match="the net draws random numbers at inference"):
        gm.saliency(initialised(Function(function), ctx), X, 1)


def test_a_net_that_does_not_run_here_is_told_so():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, layout="NHWC", in_channels=3), nn.Flatten(), nn.Dense(5))
    net.initialize()
    with pytest.warns(UserWarning, match="cannot be held against the net itself, which does not"):
        gm.saliency(net, np.moveaxis(X, 1, -1), 1)


def test_half_precision_is_held_against_its_symbol():
    net = initialised(usual())
    net.cast("float16")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", ".*half precision")
        gm.saliency(net, X, 1)


# ----------------------------------------------------------------------------- gradients that end


UNKNOWN = {
    "round": lambda F, f: F.round(f),
    "ceil": lambda F, f: F.ceil(f * 3),
    "floor": lambda F, f: F.floor(f * 2),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("method", ["saliency", "grad_cam", "integrated_gradients"])
def test_an_operator_without_a_gradient_that_nobody_knew(name, method, ctx, monkeypatch):
    net = initialised(Function(UNKNOWN[name]), ctx)
    ops = {node.op for node in gm.trace(net).nodes}
    for op in ops & {"round", "ceil", "floor"}:
        monkeypatch.delitem(operators.OPERATORS, op)
        culprit = op
    operators.operator.cache_clear()
    try:
        layer = {} if method == "saliency" else {"layer": "conv"}
        with pytest.raises(NetworkError, match=rf"MXNet has none of .*\({culprit}\)"):
            getattr(gm, method)(initialised(Function(UNKNOWN[name]), ctx), X, 1, **layer)
        with pytest.raises(gm.GradCamError) as caught:
            gm.saliency(net, X, 1)
        assert "occlusion" in str(caught.value)
    finally:
        monkeypatch.undo()
        operators.operator.cache_clear()


def test_zeros_of_dead_rectifiers_are_zeros(ctx):
    net = initialised(Function(lambda F, f: F.relu(-F.abs(f) - 1)), ctx)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert not gm.saliency(net, X, 1).values.any()


def test_zeros_of_a_class_whose_scores_a_rectifier_ends_are_zeros(ctx):
    """As SqueezeNet's: other classes' scores do change with what their convolution reads."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(6, 3), nn.Conv2D(3, 1, activation="relu"), nn.GlobalAvgPool2D())
    initialised(net, ctx)
    net[1].bias.set_data(mx.nd.array([9, -1e3, 9]))
    found = gm.explain(net, X, ["saliency", "grad_cam"], target=1)
    assert [bool(one.values.any()) for one in found.values()] == [False, False]
    assert gm.saliency(net, X, target=0).values.any()


class Waiting(mx.gluon.HybridBlock):
    """It takes its time when it is traced."""

    def hybrid_forward(self, F, x):
        if F is mx.sym:
            time.sleep(0.3)
        return F.relu(x)


def test_hooks_survive_a_trace_in_another_thread():
    """The check and a trace both put the hooks of a block aside: one of them at a time."""
    shared, threads = nn.Conv2D(4, 3, in_channels=3), []
    other = nn.HybridSequential()
    other.add(shared, Waiting())

    class Meanwhile(nn.HybridSequential):
        """While the check calls it, the other net is traced."""

        def __call__(self, x):
            if isinstance(x, mx.nd.NDArray) and not threads and shared._forward_hooks is not hooks:
                threads.append(threading.Thread(target=gm.trace, args=(other,)))
                threads[0].start()
                time.sleep(0.1)
            return super().__call__(x)

    shared.register_forward_hook(lambda *_: None)
    hooks = shared._forward_hooks
    net = Meanwhile()
    net.add(shared, nn.GlobalAvgPool2D(), nn.Dense(5))
    gm.saliency(initialised(net), X, 1)
    threads[0].join()
    assert shared._forward_hooks is hooks

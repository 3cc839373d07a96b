"""Explaining changes nothing: not the net, not the caller's arrays, not any global state."""

from __future__ import annotations

import gc
import random
import weakref

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import tape
from gradcam_mx.graph import graph
from gradcam_mx.graph.piece import Piece
from gradcam_mx.targets import heads

nn = mx.gluon.nn
NAMES = ["grad_cam", "guided_backprop", "guided_grad_cam", "saliency"]
SHAPE = (2, 3, 9, 7)
NUMBERS = np.random.RandomState(0).randn(*SHAPE).astype(np.float32)
PHOTOS = np.random.RandomState(1).randint(0, 256, (2, 9, 7, 3), np.uint8)

CALLS = {
    "grad_cam": gm.grad_cam,
    "guided_backprop": gm.guided_backprop,
    "guided_grad_cam": gm.guided_grad_cam,
    "saliency": gm.saliency,
    "visualize": lambda net, x: gm.visualize(net, x, PHOTOS),
    "trace": lambda net, x: gm.trace(net).layers(SHAPE),
    "explain": lambda net, x: gm.explain(net, x, NAMES),
    "get_conv_out_grad": lambda net, x: gm.get_conv_out_grad(net, x[:1]),
    "unit": lambda net, x: gm.guided_backprop(net, x, gm.targets.Unit("body", 1, (2, 3))),
    "layer_outputs": lambda net, x: list(
        gm.inspect.layer_outputs(net, x, ["body", "pool"]).values()
    ),
    "weights": lambda net, x: [gm.inspect.weights(net, "body")],
    "feature_vectors": lambda net, x: [gm.inspect.feature_vectors(net, x, batch_size=1)],
    "patches": lambda net, x: [
        patch.picture
        for row in gm.inspect.max_activating_patches(net, x, "body", [0, 2], 2)
        for patch in row
    ],
    "compare": lambda net, x: [
        one.values for one in gm.inspect.compare(net, {"a": x[0], "b": x[1]}).explanations[0]
    ],
    "maximization": lambda net, x: [
        gm.inspect.activation_maximization(net, 1, shape=SHAPE[1:], steps=2).x
    ],
    "get_image_grad": lambda net, x: gm.get_image_grad(net, x[:1]),
}


class Net(mx.gluon.HybridBlock):
    """Dropout, batch normalisation with and without scale, branches, pooling."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1, in_channels=3)
            self.fixed = nn.BatchNorm(in_channels=4, scale=False)
            self.body = nn.Conv2D(4, 3, padding=1, in_channels=4)
            self.norm = nn.BatchNorm(in_channels=4)
            self.pool = nn.MaxPool2D(2)
            self.dropout = nn.Dropout(0.5)
            self.classify = nn.Dense(3, in_units=4 * 4 * 3)

    def hybrid_forward(self, F, x):
        x = F.relu(self.fixed(self.stem(x)))
        x = F.relu(self.norm(self.body(x)) + x)
        return self.classify(self.dropout(self.pool(x)))


def make_net(ctx, grad_req="write", hybridize=False):
    mx.random.seed(3)
    net = Net()
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
    for parameter in net.collect_params().values():
        if parameter.grad_req != "null":
            parameter.grad_req = grad_req
        if parameter.name.endswith(("gamma", "var")):
            parameter.set_data(mx.nd.random.uniform(0.5, 1.5, parameter.shape))
        elif parameter.name.endswith(("beta", "mean", "bias")):
            parameter.set_data(mx.nd.random.normal(0, 0.2, parameter.shape))
    if hybridize:
        net.hybridize()
    return net


def train_step(net, x):
    """The caller's own gradients; running statistics move."""
    with mx.autograd.record():
        loss = (net(x) ** 2).sum()
    loss.backward()


def blocks_of(block):
    yield block
    for child in block._children.values():
        yield from blocks_of(child)


def contents(array):
    return None if array is None else array.asnumpy().tobytes()


def state_of(net, x):
    """All of a net's and an input's state that a call could change, by name."""
    state = {
        "recording": mx.autograd.is_recording(),
        "training": mx.autograd.is_training(),
        "numpy": repr(np.random.get_state()),
        "python": random.getstate(),
        "x": contents(x),
        "x.grad": contents(x.grad),
        "x._fresh_grad": x._fresh_grad,
        "numpy arrays": (mx.util.is_np_array(), mx.util.is_np_shape()),
    }
    for name, parameter in net.collect_params().items():
        for context, data in zip(parameter.list_ctx(), parameter.list_data()):
            where = f"{name} on {context}"
            # the same Python object: a trainer and a hybridized net hold on to it
            state[where] = (id(data), contents(data), data._fresh_grad)
            if parameter.grad_req != "null":
                grad = parameter.grad(context)
                state[f"gradient of {where}"] = (id(grad), contents(grad))
        state[f"settings of {name}"] = (
            parameter.grad_req,
            parameter.shape,
            parameter.dtype,
            parameter.lr_mult,
            parameter._differentiable,
            parameter._stype,
        )
    for block in blocks_of(net):
        state[f"block {block.name}"] = (
            id(block._forward_hooks),
            list(block._forward_hooks.items()),
            id(block._forward_pre_hooks),
            list(block._forward_pre_hooks.items()),
            sorted(vars(block)),
            [id(child) for child in block._children.values()],
            getattr(block, "_active", None),
            id(getattr(block, "_cached_graph", None)),
            id(getattr(block, "_cached_op", None)),
            repr(getattr(block, "_flags", None)),
        )
    return state


def assert_same(found, before):
    assert {name for name in before if found.get(name) != before[name]} == set()
    assert found.keys() == before.keys()


class Hooked:
    """User's hooks on every block of a net: two of each kind."""

    def __init__(self, net):
        self.calls = []
        for block in blocks_of(net):
            for number in range(2):
                block.register_forward_pre_hook(self.hook("pre", number, block.name))
                block.register_forward_hook(self.hook("post", number, block.name))

    def hook(self, kind, number, name):
        return lambda *_: self.calls.append((kind, number, name))


@pytest.mark.parametrize("hybridize", [False, True], ids=["eager", "hybridized"])
@pytest.mark.parametrize("grad_req", ["write", "add"])
@pytest.mark.parametrize("call", list(CALLS))
def test_nothing_changes(ctx, call, grad_req, hybridize):
    net = make_net(ctx, grad_req, hybridize)
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    for _ in range(2):
        train_step(net, x)
    if not hybridize:  # on a hybridized net only the outermost would be called
        hooked = Hooked(net)
    # MXNet's own forward pass would write ones here
    net.fixed.gamma.set_data(mx.nd.full(4, 2))
    before = state_of(net, x)
    for _ in range(2):  # the first call compiles, the second one finds everything ready
        CALLS[call](net, x)
        assert_same(state_of(net, x), before)
    if not hybridize:
        assert hooked.calls == []
        net(x)
        kinds = [kind_number[:2] for kind_number in hooked.calls if kind_number[2] == net.name]
        assert kinds == [("pre", 0), ("pre", 1), ("post", 0), ("post", 1)]
        assert len(hooked.calls) == 4 * 8


def raising(*_, **__):
    raise ZeroDivisionError("injected")


def interrupted(*_, **__):
    raise KeyboardInterrupt


class Refuses(mx.gluon.HybridBlock):
    """A layer that cannot be traced."""

    def hybrid_forward(self, F, x):
        if F is mx.sym:
            raise ZeroDivisionError("injected")
        return x


# where it raises: what is replaced there
PLACES = {
    "the trace": (graph.Graph, "__init__"),
    "the graph's shapes": (graph.Graph, "shapes"),
    "a compiled piece": (Piece, "__call__"),
    "the target": (heads, "head"),
    "the backward pass": (tape.Tape, "backward"),
    "a step of the backward pass": (tape._Recorded, "backward"),
    "the formula": (picture, "resize"),
}


@pytest.mark.parametrize("failure", [raising, interrupted], ids=["error", "Ctrl-C"])
@pytest.mark.parametrize("place", list(PLACES))
def test_nothing_changes_when_something_raises(ctx, place, failure, monkeypatch):
    net = make_net(ctx, "add")
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    hooked = Hooked(net)
    net.fixed.gamma.set_data(mx.nd.full(4, 2))
    before = state_of(net, x)
    # the trace only has something to do if the net is new to it
    expected = None if place == "the trace" else gm.guided_grad_cam(net, x).values
    with monkeypatch.context() as patch:
        patch.setattr(*PLACES[place], failure)
        # an error during the trace is reported as a net that cannot be traced, or as it is
        with pytest.raises((ZeroDivisionError, KeyboardInterrupt)):
            gm.guided_grad_cam(net, x)
    assert_same(state_of(net, x), before)
    assert hooked.calls == []
    # and the next call works
    found = gm.guided_grad_cam(net, x).values
    if expected is not None:
        np.testing.assert_array_equal(found, expected)


def test_nothing_changes_when_a_block_cannot_be_traced(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, in_channels=3), Refuses(), nn.Dense(2, in_units=2 * 7 * 5))
    net.initialize(ctx=ctx)
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    hooked = Hooked(net)
    before = state_of(net, x)
    with pytest.raises(gm.errors.NetworkError, match=r"block '1' \(Refuses\).*injected"):
        gm.saliency(net, x)
    assert_same(state_of(net, x), before)
    assert hooked.calls == []


def test_nothing_changes_when_the_callers_target_raises(ctx):
    net = make_net(ctx)
    x = mx.nd.array(NUMBERS, ctx=ctx)
    x.attach_grad()
    train_step(net, x)
    before = state_of(net, x)
    for call in (gm.grad_cam, gm.saliency):
        with pytest.raises(ZeroDivisionError):
            call(net, x, raising)
        assert_same(state_of(net, x), before)


def test_gammas_that_do_not_count_are_kept_and_not_used(ctx):
    """With scale=False the gamma is one, whatever the array holds."""
    net = make_net(ctx)
    x = mx.nd.array(NUMBERS, ctx=ctx)
    expected = gm.saliency(net, x).values
    symbol = net(mx.sym.var("data"))
    arrays = {p.name: p.data(ctx).copy() for p in net.collect_params().values()}
    gamma = arrays[net.fixed.gamma.name]
    net.fixed.gamma.set_data(mx.nd.full(4, 2))
    gamma[:] = 2
    for subject in (net, (symbol, arrays, {}), gm.trace(net)):
        np.testing.assert_array_equal(gm.saliency(subject, x).values, expected)
        gm.trace(subject).forward([x])
    np.testing.assert_array_equal(net.fixed.gamma.data(ctx).asnumpy(), np.full(4, 2))
    np.testing.assert_array_equal(gamma.asnumpy(), np.full(4, 2))


@pytest.mark.parametrize("call", list(CALLS))
def test_random_numbers_go_on_as_without_the_call(ctx, call):
    net = make_net(ctx)
    x = mx.nd.array(NUMBERS, ctx=ctx)

    def draws():
        return (
            mx.nd.random.uniform(shape=4, ctx=ctx).asnumpy(),
            mx.nd.random.normal(shape=4, ctx=mx.cpu(0)).asnumpy(),
            mx.nd.Dropout(mx.nd.ones(16, ctx=ctx), mode="always").asnumpy(),
            np.random.rand(4),
        )

    for _ in range(2):
        mx.random.seed(5)
        np.random.seed(5)
        expected = draws()
        mx.random.seed(5)
        np.random.seed(5)
        CALLS[call](net, x)
        for drawn, one in zip(draws(), expected):
            np.testing.assert_array_equal(drawn, one)


def values_of(result):
    if isinstance(result, dict):
        return [one.values for one in result.values()]
    if isinstance(result, gm.Explanation):
        return [result.values]
    return [one for one in result if isinstance(one, np.ndarray)]


@pytest.mark.parametrize("train_mode", [True, False])
@pytest.mark.parametrize("grad_req", ["write", "add"])
@pytest.mark.parametrize("call", list(CALLS))
def test_calls_while_the_caller_records(ctx, call, grad_req, train_mode):
    """The explanation is as ever, and the caller's gradients are those without the call."""
    x = mx.nd.array(NUMBERS, ctx=ctx)
    outside = values_of(CALLS[call](make_net(ctx), x))
    gradients = []
    for explains in (False, True):
        net = make_net(ctx, grad_req)
        own = mx.nd.array(NUMBERS, ctx=ctx)
        own.attach_grad()
        mx.random.seed(1)  # the same dropout
        with mx.autograd.record(train_mode=train_mode):
            # without max pooling, whose gradient is arbitrary when train_mode is False
            y = net.norm(net.body(net.stem(own)))
            if explains:
                inside = values_of(CALLS[call](net, own))
                assert (mx.autograd.is_recording(), mx.autograd.is_training()) == (True, train_mode)
                with mx.autograd.pause():
                    paused = values_of(CALLS[call](net, own))
                    assert (mx.autograd.is_recording(), mx.autograd.is_training()) == (False, False)
            loss = (mx.nd.Dropout(y, p=0.5) ** 2).sum()
        loss.backward(train_mode=train_mode)
        gradients.append(
            [
                own.grad.asnumpy(),
                *(
                    p.grad(ctx).asnumpy()
                    for p in net.collect_params().values()
                    if p.grad_req != "null" and p.grad(ctx) is not None
                ),
            ]
        )
    assert np.abs(gradients[0][0]).max() > 0
    for with_call, without in zip(gradients[1], gradients[0]):
        np.testing.assert_array_equal(with_call, without)
    for found in (inside, paused):
        for one, expected in zip(found, outside):
            np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("hybridize", [False, True], ids=["eager", "hybridized"])
def test_training_goes_on_as_without_the_call(ctx, hybridize):
    """Explanations between steps: the weights after a few of them are the same to the last bit."""
    weights = []
    for explains in (False, True):
        net = make_net(ctx, hybridize=hybridize)
        trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
        mx.random.seed(1)
        for step in range(3):
            x = mx.nd.array(NUMBERS + step, ctx=ctx)
            with mx.autograd.record():
                loss = (net(x) ** 2).sum()
            if explains:
                gm.explain(net, x, NAMES)
            loss.backward()
            if explains:
                gm.visualize(net, x, PHOTOS)
            trainer.step(2)
        weights.append([p.data(ctx).asnumpy() for p in net.collect_params().values()])
    for with_calls, without in zip(*weights):
        np.testing.assert_array_equal(with_calls, without)


def test_hybridized_nets_run_the_same_compiled_graph(ctx):
    net = make_net(ctx, hybridize=True)
    x = mx.nd.array(NUMBERS, ctx=ctx)
    expected = net(x).asnumpy()
    compiled, cached = net._cached_op, net._cached_graph
    gm.explain(net, x, NAMES)
    assert net._active
    assert net._cached_op is compiled
    assert net._cached_graph is cached
    np.testing.assert_array_equal(net(x).asnumpy(), expected)


@pytest.mark.parametrize("call", list(CALLS))
def test_nets_are_freed(ctx, call):
    net = make_net(ctx)
    CALLS[call](net, mx.nd.array(NUMBERS, ctx=ctx))
    dies = [weakref.ref(net), weakref.ref(net.stem), weakref.ref(net.stem.weight)]
    del net
    gc.collect()
    assert [one() for one in dies] == [None, None, None]


def test_nets_are_freed_after_an_error(ctx):
    net = make_net(ctx)
    with pytest.raises(ZeroDivisionError):
        gm.saliency(net, mx.nd.array(NUMBERS, ctx=ctx), raising)
    dies = weakref.ref(net)
    del net
    gc.collect()
    assert dies() is None

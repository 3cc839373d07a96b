"""A net's trace is kept while nothing of it changed; every way to change it is noticed."""

import gc
import random
import types
import weakref

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph import trace as tracing

nn = mx.gluon.nn

FACTOR = 2.0
FACTORS = [2.0]


def twice(value):
    return value * FACTOR


def thrice(value):
    return value * 3


def net_class(factor=2.0):
    """A class of its own each time, so that its functions can be changed."""

    class Base(mx.gluon.HybridBlock):
        shift = 0.5

        def shifted(self, x):
            return x + self.shift

    class Net(Base):
        def __init__(self):
            super().__init__()
            self.scale, self.options, self.order = 1.5, {"power": 2, "by": [1.0, 2.0]}, [0, 1]
            self.act = twice
            with self.name_scope():
                self.first = nn.Conv2D(3, 3, padding=1, in_channels=3)
                self.second = nn.Conv2D(3, 3, padding=1, in_channels=3)
                self.bias = self.params.get("bias", shape=(1, 3, 1, 1), init="ones")
                self.inner = nn.HybridSequential()
                self.inner.add(nn.Activation("relu"), nn.BatchNorm(in_channels=3))

        @property
        def layers(self):
            return [self.first, self.second]

        @staticmethod
        def squared(x, power):
            return x**power

        def hybrid_forward(self, F, x, bias, extra=1.0):
            for number in self.order:
                x = self.layers[number](x)
            x = self.shifted(self.act(F.broadcast_add(x, bias))) * self.scale
            x = self.squared(self.inner(x) * factor + extra, self.options["power"])
            return (x * self.options["by"][0]).mean(axis=(2, 3)) * FACTOR

    return Net


def made(kind=None):
    mx.random.seed(1)
    net = (kind or net_class())()
    net.initialize(mx.init.Normal(0.5))
    return net


X = np.random.RandomState(0).normal(size=(1, 3, 6, 6)).astype(np.float32)


@pytest.fixture
def traced(monkeypatch):
    """How often nets were traced."""
    times, trace = [], tracing._traced
    monkeypatch.setattr(tracing, "_traced", lambda *given: times.append(1) or trace(*given))
    return times


def is_right(net, x=X):
    found = gm.saliency(net, x, target=1)
    np.testing.assert_allclose(found.score, net(mx.nd.array(x)).asnumpy()[:, 1], rtol=1e-4)


def sequential():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(3, 3, in_channels=3), nn.Activation("relu"), nn.GlobalAvgPool2D(), nn.Dense(4)
    )
    net.add(nn.HybridLambda("relu"), nn.HybridLambda(lambda F, x: F.sqrt(x + 1)), nn.LeakyReLU(0.1))
    return net


def plain():
    net = nn.Sequential()
    net.add(made(net_class()))
    return net


def with_dense():
    return mx.gluon.model_zoo.vision.DenseNet(4, 4, [2], classes=3)


def with_an_odd_attribute():
    net = sequential()
    net.notes = np.arange(3)
    return net


NETS = [net_class(), sequential, plain, with_dense, with_an_odd_attribute]


@pytest.mark.parametrize("number", range(len(NETS)))
def test_a_net_that_did_not_change_is_traced_once(number, traced):
    net = made(NETS[number])
    x = np.zeros((1, 3, 32, 32), np.float32) + X[..., :1, :1]
    net(mx.nd.array(x))  # learns its shapes
    graph = gm.trace(net)
    for _ in range(3):
        gm.saliency(net, x, target=1)
        net(mx.nd.array(x))
    with mx.autograd.record():
        net(mx.nd.array(x))
    for one in net.collect_params().values():
        one.set_data(one.data() * 2)
    assert gm.trace(net) is graph
    assert len(traced) == 1
    is_right(net, x)


def replaced(net):
    other = nn.Conv2D(3, 3, padding=1, in_channels=3)
    other.initialize(mx.init.Normal(0.7))
    net.first = other


def replaced_below(net):
    net.inner._children["0"] = nn.Activation("tanh")


def swapped(net):
    children = net.inner._children
    children["0"], children["1"] = children["1"], children["0"]


def added(net):
    net.inner.add(nn.Activation("sigmoid"))


def removed(net):
    del net.inner._children["1"]


def in_the_list(net):
    net.options["by"][0] = 3.0


def another_parameter(net):
    other = net.params.get("other", shape=(1, 3, 1, 1), init="zeros")
    other.initialize()
    net._reg_params["bias"] = other


def another_forward(net):
    net.hybrid_forward = lambda F, x, bias: F.mean(F.relu(x), axis=(2, 3)) * FACTOR


def another_call(net):
    net.forward = types.MethodType(lambda self, x: self.first(x).mean(axis=(2, 3)), net)


def of_the_class(net):
    type(net).hybrid_forward = lambda self, F, x, bias: F.mean(x, axis=(2, 3))


def of_the_base(net):
    type(net).__mro__[1].shifted = lambda self, x: x * 5


def code(net):
    def squared(x, power):
        return x * 4

    type(net).squared.__code__ = squared.__code__


def default(net):
    type(net).hybrid_forward.__defaults__ = (7.0,)


def closure(net):
    function = type(net).hybrid_forward
    place = function.__code__.co_freevars.index("factor")
    function.__closure__[place].cell_contents = 6.0


def another_class(net):
    class Other(type(net)):
        shift = -3.0

    net.__class__ = Other


def dictionary(net):
    net.__dict__["scale"] = 9.0


CHANGES = {
    "child": replaced,
    "child of a child": replaced_below,
    "order of children": swapped,
    "child added": added,
    "child removed": removed,
    "number": lambda net: setattr(net, "scale", 4.0),
    "number in the dictionary": dictionary,
    "list": lambda net: net.order.append(1),
    "list reversed": lambda net: net.order.reverse(),
    "dictionary": lambda net: net.options.update(power=3),
    "list in a dictionary": in_the_list,
    "function": lambda net: setattr(net, "act", thrice),
    "parameter": another_parameter,
    "hybrid_forward": another_forward,
    "forward": another_call,
    "function of the class": of_the_class,
    "function of the base": of_the_base,
    "number of the base": lambda net: setattr(type(net).__mro__[1], "shift", 8.0),
    "code": code,
    "default": default,
    "closure": closure,
    "class": another_class,
    "activation": lambda net: setattr(net.inner[0], "_act_type", "tanh"),
    "keywords of a layer": lambda net: net.inner[1]._kwargs.update(eps=0.5),
    "hybridized": lambda net: net.hybridize(),
    "hook": lambda net: net.inner.register_forward_hook(lambda *given: None),
    "property": lambda net: setattr(type(net), "layers", [net.second, net.first]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed(name, traced):
    net = made()
    net(mx.nd.array(X))
    is_right(net)
    gm.trace(net)
    assert len(traced) == 1
    CHANGES[name](net)
    is_right(net)
    assert len(traced) > 1
    is_right(net)


def test_a_number_of_its_module_is_noticed(monkeypatch):
    net = made()
    is_right(net)
    monkeypatch.setattr(f"{__name__}.FACTOR", 5.0)
    is_right(net)
    monkeypatch.setattr(f"{__name__}.twice.__code__", thrice.__code__)
    is_right(net)


def test_a_layer_of_mxnet_that_somebody_changed(monkeypatch):
    net = made(sequential)
    net(mx.nd.array(X))
    is_right(net)
    monkeypatch.setattr(nn.Activation, "hybrid_forward", lambda self, F, x: x * FACTORS[0])
    is_right(net)
    monkeypatch.setattr(f"{__name__}.FACTORS", [11.0])
    is_right(net)


@pytest.mark.parametrize("hybridized", [False, True])
def test_parameters_that_change(hybridized, ctx):
    net = made(sequential)
    if hybridized:
        net.hybridize()
    net(mx.nd.array(X))
    is_right(net)
    other = made(sequential)
    other(mx.nd.array(X))
    for one, source in zip(net.collect_params().values(), other.collect_params().values()):
        one.set_data(source.data() * 3)
    is_right(net)
    net.collect_params().reset_ctx(ctx)
    found = gm.saliency(net, X, target=1).score
    expected = net(mx.nd.array(X, ctx=ctx)).asnumpy()[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    net.cast("float64")
    graph = gm.trace(net)
    assert graph.parameters.dtype == "float64"
    net.initialize(mx.init.Normal(2), force_reinit=True, ctx=ctx)
    found = gm.saliency(net, X.astype("float64"), target=1).score
    expected = net(mx.nd.array(X, ctx=ctx, dtype="float64")).asnumpy()[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_parameters_loaded_from_a_file(tmp_path):
    net, other = made(), made()
    other.collect_params().initialize(mx.init.Normal(2), force_reinit=True)
    other.save_parameters(str(tmp_path / "other.params"))
    is_right(net)
    net.load_parameters(str(tmp_path / "other.params"))
    is_right(net)
    np.testing.assert_array_equal(
        gm.saliency(net, X, target=1).values, gm.saliency(other, X, target=1).values
    )


# -- what cannot be seen is not kept ---------------------------------------------------------------


class Settings:
    power = 2


SETTINGS = Settings()


def unseen(forward, **attributes):
    class Net(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3, in_units=4)
            for name, value in attributes.items():
                setattr(self, name, value)

        def hybrid_forward(self, F, x):
            return forward(self, F, self.dense(x))

    return made(Net)


def shared_list():
    numbers = [2.0]
    return lambda self, F, x: x * numbers[0], lambda net: numbers.__setitem__(0, 5.0)


def module_list():
    return lambda self, F, x: x * FACTORS[0], lambda net: FACTORS.__setitem__(0, FACTORS[0] + 1)


def settings_of_the_module():
    return lambda self, F, x: x * SETTINGS.power, lambda net: setattr(SETTINGS, "power", 7)


def another_block():
    other = nn.Activation("relu")
    return lambda self, F, x: other(x), lambda net: setattr(other, "_act_type", "tanh")


def numbers_of_a_parameter():
    def forward(self, F, x):
        return x * float(self.dense.bias.data().asnumpy()[0] > 1)

    return forward, lambda net: net.dense.bias.set_data(mx.nd.ones(3) * 2)


def an_import():
    def forward(self, F, x):
        from os import environ

        return x * float(environ.get("FACTOR_OF_A_NET", "2"))

    def change(net):
        import os

        os.environ["FACTOR_OF_A_NET"] = "4"

    return forward, change


def a_name_made_up():
    return (
        lambda self, F, x: x * getattr(self, "da" + "ta_of_it", FACTORS)[0],
        lambda net: FACTORS.__setitem__(0, FACTORS[0] + 1),
    )


def a_counter():
    def forward(self, F, x):
        return x * (2 + random.random())

    return forward, lambda net: None


UNSEEN = [
    shared_list,
    module_list,
    settings_of_the_module,
    another_block,
    numbers_of_a_parameter,
    an_import,
    a_name_made_up,
]


@pytest.mark.parametrize("case", UNSEEN, ids=lambda case: case.__name__)
def test_what_cannot_be_seen_is_traced_again(case, traced):
    forward, change = case()
    net = unseen(forward)
    x = X[:, 0, 0, :4]
    is_right(net, x)
    change(net)
    is_right(net, x)
    assert len(traced) == 2


@pytest.mark.parametrize("attribute", [Settings(), np.array([2.0]), {"of": [Settings()]}])
def test_an_attribute_that_is_read_and_cannot_be_seen(attribute, traced):
    def forward(self, F, x):
        thing = self.thing["of"][0] if isinstance(self.thing, dict) else self.thing
        return x * (thing.power if isinstance(thing, Settings) else float(thing[0]))

    net = unseen(forward, thing=attribute)
    x = X[:, 0, 0, :4]
    is_right(net, x)
    thing = net.thing["of"][0] if isinstance(net.thing, dict) else net.thing
    if isinstance(thing, Settings):
        thing.power = 9
    else:
        thing[0] = 9
    is_right(net, x)


def test_a_net_that_changes_as_it_runs(traced):
    def forward(self, F, x):
        self.times += 1
        return x * 1.0

    net = unseen(forward, times=0)
    for _ in range(3):
        gm.trace(net)
    assert len(traced) == 3


# -- the first law ---------------------------------------------------------------------------------


class Branching(mx.gluon.HybridBlock):
    """It does something else with arrays than with symbols, once it is told to."""

    def __init__(self):
        super().__init__()
        self.differs = False
        self.dense = nn.Dense(3, in_units=4)

    def forward(self, x):
        found = self.dense(x)
        return found * 2 if self.differs and isinstance(x, mx.nd.NDArray) else found


def test_a_changed_net_is_held_against_its_graph_again():
    net, x = made(Branching), X[:, 0, 0, :4]
    is_right(net, x)
    graph = gm.trace(net)
    net.differs = True
    with pytest.raises(NetworkError, match="explanation of another net"):
        gm.saliency(net, x, target=1)
    assert gm.trace(net) is graph
    net.differs = False
    is_right(net, x)


def test_a_hybridized_net_whose_forward_was_changed():
    net = made(sequential)
    net.hybridize()
    net(mx.nd.array(X))
    is_right(net)
    net(mx.nd.array(X))
    gm.trace(net)
    net.forward = lambda x: net[0](x).mean(axis=(2, 3))
    is_right(net)


def test_nothing_keeps_the_net_alive():
    net = made()
    net.act = types.MethodType(lambda net, value: net.second(value), net)  # the user's own circle
    gm.saliency(net, X)
    other = made(sequential)
    gm.saliency(other, X)
    other._children["0"] = nn.Conv2D(3, 3, in_channels=3)
    watched = [weakref.ref(one) for one in (net, net.first, net.bias, other, other[4])]
    del net, other
    gc.collect()
    assert [one() for one in watched] == [None] * 5


def test_nothing_of_the_net_is_changed():
    net = made()
    before = {name: id(value) for name, value in net.__dict__.items()}
    gm.saliency(net, X)
    gm.saliency(net, X)
    assert {name: id(value) for name, value in net.__dict__.items()} == before

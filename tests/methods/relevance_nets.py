"""Small nets of many kinds, as graphs of the naive reference and as Gluon has them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from naive_net import Graph, Node, node

from gradcam_mx._mxnet import mx


class Small(NamedTuple):
    """A net, the shape of a sample, and the values through which everything passes."""

    graph: Graph
    shape: tuple[int, ...]
    cuts: tuple[str, ...]


class Maker:
    """Makes nodes with parameters drawn at random; without biases if so asked."""

    def __init__(self, seed: int, bias: bool = True) -> None:
        self.rng, self.bias = np.random.default_rng(seed), bias
        self.nodes: list[Node] = [node("x", "input")]

    def add(self, name: str, op: str, *inputs: str, **given: Any) -> str:
        self.nodes.append(node(name, op, *inputs, **given))
        return name

    def layer(self, name: str, kind: str, source: str, *shape: int, **given: Any) -> str:
        fan = np.prod(shape[1:])
        given["weight"] = self.rng.normal(size=shape) * 1.5 / np.sqrt(fan)
        count = shape[1] if kind == "deconv" else shape[0]
        if self.bias:
            given["bias"] = self.rng.normal(size=count) * 0.3
        return self.add(name, kind, source, **given)

    def conv(self, name: str, source: str, *shape: int, **given: Any) -> str:
        return self.layer(name, "conv", source, *shape, **given)

    def dense(self, name: str, source: str, *shape: int) -> str:
        return self.layer(name, "dense", source, *shape)

    def norm(self, name: str, source: str, count: int) -> str:
        shifts = self.rng.normal(size=(2, count)) * 0.3 * self.bias
        scales = self.rng.uniform(0.5, 1.5, size=(2, count))
        named = {"gamma": scales[0], "beta": shifts[0], "mean": shifts[1], "var": scales[1]}
        return self.add(name, "batch_norm", source, eps=1e-5, **named)

    def relu(self, name: str, source: str) -> str:
        return self.add(name, "relu", source)

    def conv_norm_relu(self, name: str, source: str, *shape: int, **given: Any) -> str:
        self.conv(name, source, *shape, **given)
        return self.relu(f"{name}r", self.norm(f"{name}n", name, shape[0]))

    def made(self, shape: tuple[int, ...], *cuts: str) -> Small:
        return Small(Graph(self.nodes), shape, cuts)


def vgg(m: Maker) -> Small:
    m.relu("ar", m.conv("a", "x", 4, 2, 3, 3, pad=1))
    m.add("p", "max_pool", "ar", kernel=2, stride=2)
    m.relu("br", m.conv("b", "p", 5, 4, 3, 3, pad=1))
    m.add("q", "max_pool", "br", kernel=2, stride=2)
    m.relu("cr", m.dense("c", "q", 6, 5 * 4))
    m.dense("y", "cr", 4, 6)
    return m.made((2, 8, 8), "ar", "p", "br", "q", "cr")


def resnet_v1(m: Maker) -> Small:
    m.conv_norm_relu("a", "x", 4, 2, 3, 3, pad=1)
    m.conv_norm_relu("b", "ar", 4, 4, 3, 3, pad=1)
    m.norm("cn", m.conv("c", "br", 4, 4, 3, 3, pad=1), 4)
    m.relu("sr", m.add("s", "add", "cn", "ar"))
    m.conv_norm_relu("d", "sr", 6, 4, 3, 3, pad=1, stride=2)
    m.norm("en", m.conv("e", "sr", 6, 4, 1, 1, stride=2), 6)
    m.relu("tr", m.add("t", "add", "dr", "en"))
    m.add("g", "mean", "tr", axis=(1, 2))
    m.dense("y", "g", 4, 6)
    return m.made((2, 6, 6), "ar", "s", "sr", "tr", "g")


def resnet_v2(m: Maker) -> Small:
    m.conv("a", "x", 4, 2, 3, 3, pad=1)
    m.relu("bnr", m.norm("an", "a", 4))
    m.conv_norm_relu("b", "bnr", 4, 4, 3, 3, pad=1)
    m.conv("c", "br", 4, 4, 3, 3, pad=1)
    m.conv("d", "bnr", 4, 4, 1, 1)
    m.add("s", "add", "a", "c", "d")
    m.relu("tr", m.norm("tn", "s", 4))
    m.add("g", "mean", "tr", axis=(1, 2))
    m.dense("y", "g", 4, 4)
    return m.made((2, 5, 5), "s", "tr", "g")


def densenet(m: Maker) -> Small:
    m.conv("a", "x", 3, 2, 3, 3, pad=1)
    m.relu("br", m.norm("bn", "a", 3))
    m.conv("b", "br", 3, 3, 3, 3, pad=1)
    m.add("j", "concat", "a", "b")
    m.relu("cr", m.norm("cn", "j", 6))
    m.conv("c", "cr", 2, 6, 3, 3, pad=1)
    m.add("k", "concat", "j", "c")
    m.relu("dr", m.norm("dn", "k", 8))
    m.conv("d", "dr", 4, 8, 1, 1)
    m.add("p", "avg_pool", "d", kernel=2, stride=2)
    m.dense("y", "p", 4, 4 * 4)
    return m.made((2, 5, 4), "a", "k", "dr", "d", "p")


def inception(m: Maker) -> Small:
    m.conv_norm_relu("a", "x", 4, 2, 3, 3)
    m.conv_norm_relu("b", "ar", 2, 4, 1, 1)
    m.conv_norm_relu("c", "ar", 3, 4, 3, 3, pad=1)
    m.add("p", "avg_pool", "ar", kernel=3, pad=1, count_include_pad=False)
    m.conv_norm_relu("d", "p", 2, 4, 1, 1)
    m.add("q", "max_pool", "ar", kernel=3, pad=1)
    m.add("j", "concat", "br", "cr", "dr", "q")
    m.add("g", "mean", "j", axis=(1, 2))
    m.dense("y", "g", 4, 11)
    return m.made((2, 6, 6), "ar", "j", "g")


def mobilenet(m: Maker) -> Small:
    m.conv_norm_relu("a", "x", 4, 2, 3, 3, stride=2, pad=1)
    m.conv_norm_relu("b", "ar", 8, 4, 1, 1)
    m.conv_norm_relu("c", "br", 8, 1, 3, 3, pad=1, groups=8)
    m.norm("dn", m.conv("d", "cr", 4, 8, 1, 1), 4)
    m.add("s", "add", "ar", "dn")
    m.conv_norm_relu("e", "s", 6, 2, 3, 3, groups=2)
    m.add("g", "mean", "er", axis=(1, 2))
    m.dense("y", "g", 4, 6)
    return m.made((2, 7, 7), "ar", "s", "er", "g")


def squeezing(m: Maker) -> Small:
    m.conv_norm_relu("a", "x", 4, 2, 3, 3, pad=1)
    m.add("sq", "mean", "ar", axis=(1, 2))
    m.relu("er", m.dense("e", "sq", 2, 4))
    m.add("gate", "sigmoid", m.dense("f", "er", 4, 2))
    m.add("gates", "reshape", "gate", shape=(4, 1, 1))
    m.add("z", "multiply", "ar", "gates", gate=1)
    m.conv("b", "z", 4, 4, 3, 3, pad=1)
    m.add("s", "add", "b", "ar")
    m.add("sw", "sigmoid", "s")
    m.add("w", "multiply", "s", "sw", gate=1)
    m.add("g", "mean", "w", axis=(1, 2))
    m.dense("y", "g", 4, 4)
    return m.made((2, 5, 5), "ar", "s", "w", "g")


def signals(m: Maker) -> Small:
    m.add("al", "leaky", m.conv("a", "x", 4, 2, 3, pad=1), slope=0.1)
    m.conv_norm_relu("b", "al", 4, 4, 3, pad=2, dilate=2)
    m.add("p", "max_pool", "br", kernel=2, stride=2)
    m.layer("c", "deconv", "p", 4, 3, 3, stride=2, pad=1)
    m.add("ct", "tanh", "c")
    m.dense("y", "ct", 4, 3 * 9)
    return m.made((2, 10), "al", "br", "p", "ct")


def generator(m: Maker) -> Small:
    m.relu("ar", m.conv("a", "x", 4, 2, 3, 3, stride=2, pad=1))
    m.add("u", "upsample", "ar", scale=2)
    m.conv("b", "u", 3, 4, 3, 3, pad=1)
    m.conv("k", "x", 3, 2, 1, 1)
    m.add("s", "add", "b", "k")
    m.relu("sr", "s")
    m.add("g", "max", "sr", axis=(1, 2))
    m.dense("y", "g", 4, 3)
    return m.made((2, 6, 6), "s", "sr", "g")


MAKERS = {
    one.__name__: one
    for one in (
        vgg,
        resnet_v1,
        resnet_v2,
        densenet,
        inception,
        mobilenet,
        squeezing,
        signals,
        generator,
    )
}


def small(name: str, bias: bool = True, seed: int = 0) -> Small:
    """One of the nets."""
    return MAKERS[name](Maker(seed, bias))


class Functional(mx.gluon.HybridBlock):
    """A HybridBlock that calls operators by itself: residual, gated, with a written rectifier."""

    def __init__(self) -> None:
        super().__init__(prefix="net_")
        nn = mx.gluon.nn
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1, in_channels=2)
            self.norm = nn.BatchNorm(in_channels=4)
            self.body = nn.Conv2D(4, 3, padding=1, in_channels=4, activation="relu")
            self.gate = nn.Dense(4, in_units=4)
            self.classify = nn.Dense(3, in_units=4)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        x = self.norm(self.stem(x))
        x = F.maximum(x, 0.1 * x)
        y = self.body(x)
        gate = F.sigmoid(self.gate(F.mean(y, axis=(2, 3))))
        y = F.broadcast_mul(y, gate.reshape((0, 0, 1, 1)))
        y = F.Pooling(x + y, kernel=(2, 2), stride=(2, 2), pool_type="max")
        y = F.concat(y, F.abs(y), dim=1)
        y = F.slice_axis(y, axis=1, begin=2, end=6)
        return self.classify(F.mean(y, axis=(2, 3)))


def functional(ctx: Any, dtype: str = "float64") -> Functional:
    """That net with parameters drawn at random."""
    net = Functional()
    net.initialize(ctx=ctx)
    net.cast(dtype)
    rng = np.random.default_rng(3)
    for name, parameter in net.collect_params().items():
        low = 0.5 if name.endswith(("gamma", "var")) else -0.8
        values = rng.uniform(low, 1.5 if low > 0 else 0.8, parameter.shape)
        parameter.set_data(mx.nd.array(values, dtype=dtype))
    return net


def random_small(seed: int) -> Small:
    """A net that is drawn: layers, normalisations, branches that meet, poolings, gates."""
    m = Maker(100 + seed)
    rng = m.rng
    channels, size, maps = {"x": 2}, 6, ["x"]

    def added(name: str, count: int) -> None:
        channels[name] = count
        maps.append(name)

    for step in range(9):
        source, name = maps[-1 if rng.random() < 0.6 else rng.integers(len(maps))], f"n{step}"
        count, width = channels[source], int(rng.integers(2, 5))
        kind = rng.choice(["conv", "conv", "norm", "act", "add", "concat", "pool", "gate", "many"])
        if kind == "conv":
            groups = int(rng.choice([one for one in (1, 2) if count % one == 0]))
            shape = (width * groups, count // groups, 3, 3)
            m.conv(name, source, *shape, pad=1, groups=groups)
            added(name, width * groups)
        elif kind == "norm":
            added(m.norm(name, source, count), count)
        elif kind == "act":
            added(m.add(name, str(rng.choice(["relu", "relu", "tanh", "softrelu"])), source), count)
        elif kind == "pool":
            kind = str(rng.choice(["avg_pool", "max_pool"]))
            added(m.add(name, kind, source, kernel=3, pad=1), count)
        elif kind == "gate":
            m.add(f"{name}s", "sigmoid", source)
            added(m.add(name, "multiply", source, f"{name}s", gate=1), count)
        elif kind == "concat":
            other = maps[rng.integers(len(maps))]
            added(m.add(name, "concat", source, other), count + channels[other])
        else:
            other = maps[rng.integers(len(maps))]
            m.conv(f"{name}c", other, count, channels[other], 1, 1)
            added(m.add(name, "add", source, f"{name}c"), count)
    last = maps[-1]
    m.add("g", "mean", last, axis=(1, 2))
    m.dense("y", "g", 4, channels[last])
    used = {"y"}
    for one in reversed(m.nodes):
        used |= set(one.inputs) if one.name in used else set()
    m.nodes = [one for one in m.nodes if one.name in used]
    return m.made((2, size, size), last)

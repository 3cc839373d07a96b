"""Deliberate damage to backward passes: the finite differences of gm.check find it.

In double precision a percent is seen; in single precision, which is all there is of nets that
cannot be traced, rectifiers that change sides within a step hide as much.
"""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine import tape
from gradcam_mx.engine.eager import EagerTape
from gradcam_mx.engine.rules import PLAIN
from gradcam_mx.engine.steps import Backward, Recorded
from gradcam_mx.graph import piece

X = np.random.RandomState(0).normal(size=(2, 3, 10, 9)).astype("float32")


class Net(gm.nn.HybridBlock):
    """Convolutions, a pooling, a gate and a shortcut."""

    def __init__(self, looks=False):
        super().__init__(prefix="net_")
        self._looks = looks
        with self.name_scope():
            self.one = gm.nn.Conv2D(4, 3, activation="relu")
            self.two = gm.nn.Conv2D(4, 3, padding=1)
            self.pool = gm.nn.MaxPool2D(2)
            self.out = gm.nn.Dense(5)

    def hybrid_forward(self, F, x):
        found = self.one(x)
        assert not self._looks or found.asnumpy().any()
        second = self.two(found)
        found = self.pool(found + second * F.sigmoid(second))
        gate = F.sigmoid(F.mean(found, axis=(2, 3), keepdims=True))
        return self.out(F.mean(F.broadcast_mul(found, gate), axis=(2, 3)))


def checked(looks=False):
    mx.random.seed(0)
    net = Net(looks)
    net.initialize(mx.init.Xavier(magnitude=6))
    net(mx.nd.array(X))
    found = gm.check(net, X, layer="one")
    return {one.what.split()[4]: one for one in found.findings[2:]}


def scaled(place, name, factor, is_scaled=lambda *_: True):
    """What a function gives, some of it times a factor."""

    def damage(monkeypatch):
        right = getattr(place, name)

        def wrong(self, *arguments):
            found = right(self, *arguments)
            if isinstance(found, dict):
                return {
                    point: one * factor if is_scaled(self, point) else one
                    for point, one in found.items()
                }
            return [one * factor for one in found]

        monkeypatch.setattr(place, name, wrong)

    return damage


def with_multiplier(monkeypatch):
    rule = Backward(arriving=lambda gradient, out=None: gradient * 1.05)
    monkeypatch.setattr(
        type(PLAIN), "at", lambda self, node: rule if node.activation == "relu" else None
    )


def without(op):
    """The operator's value without a gradient."""

    def damage(monkeypatch):
        right = piece._as_run

        def stopped(node, inputs, place):
            described = right(node, inputs, place)
            if node.op == op:
                read = [[place + len(described) - 1, 0, 0]]
                stop = {"op": "BlockGrad", "name": "stop", "attrs": {}, "inputs": read}
                described.append(stop)
            return described

        monkeypatch.setattr(piece, "_as_run", stopped)

    return damage


def without_a_second_way(monkeypatch):
    right = tape._Walk._add

    def once(self, leaf, gradient, is_own):
        if leaf not in self.gradients:
            right(self, leaf, gradient, is_own)

    monkeypatch.setattr(tape._Walk, "_add", once)


DAMAGE = {
    "a rule's multiplier": (with_multiplier, False, ["input"]),
    "an operator without a gradient": (without("sigmoid"), False, ["input", "layer"]),
    "a percent at the layer": (
        scaled(tape.Tape, "backward", 1.01, lambda run, point: point not in run.graph.inputs),
        False,
        ["layer"],
    ),
    "a percent in each segment": (scaled(Recorded, "vjp", 1.01), False, ["input", "layer"]),
    "one of two ways": (without_a_second_way, False, ["input", "layer"]),
    "five percent where a net cannot be traced": (
        scaled(EagerTape, "backward", 0.95),
        True,
        ["input", "layer"],
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_wrong_gradient_is_found(name, monkeypatch):
    damage, looks, wrong = DAMAGE[name]
    right = checked(looks)
    assert all(one.holds for one in right.values()), right
    damage(monkeypatch)
    found = checked(looks)
    assert [where for where, one in found.items() if one.holds is False] == wrong
    for where in wrong:
        assert "the gradient says" in found[where].said

"""Whether a net can be explained, proved on demand."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import cli
from gradcam_mx._mxnet import mx
from gradcam_mx.graph import piece

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(2, 3, 10, 9)).astype("float32")


class Function(mx.gluon.HybridBlock):
    """A convolution, a function of F and the map, and a classifier."""

    def __init__(self, function):
        super().__init__(prefix="net_")
        with self.name_scope():
            self.conv = gm.nn.Conv2D(4, 3, activation="relu")
            self.out = gm.nn.Dense(5)
        self.function = function

    def hybrid_forward(self, F, x):
        return self.out(F.mean(self.function(F, self.conv(x)), axis=(2, 3)))


def initialised(net, ctx):
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    net(mx.nd.array(X, ctx=ctx))
    return net


RIGHT = {
    "plain": lambda F, f: f,
    "max pooling": lambda F, f: F.Pooling(f, kernel=(2, 2), stride=(2, 2), pool_type="max"),
    "a gate": lambda F, f: F.broadcast_mul(f, F.sigmoid(F.mean(f, axis=1, keepdims=True))),
    "leaky, in single precision": lambda F, f: F.LeakyReLU(f - 0.3, slope=0.2),
    "nothing to map": lambda F, f: F.mean(f, axis=(2, 3), keepdims=True),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_true(name, ctx):
    checked = gm.check(initialised(Function(RIGHT[name]), ctx), X)
    assert checked, str(checked)
    assert [finding.holds for finding in checked.findings] == [True] * 4
    assert checked.findings[1].said == "they give what they give alone"
    assert "All methods explain it." in str(checked)
    assert checked.rules[0].changed["relu"] == 1


def corners(F, f):
    """Boxes whose overlap depends on the map; MXNet's gradient of it is zero (measured)."""
    begin = F.reshape(f, (-1, 2))
    return F.concat(begin, begin + 2, dim=1)


WRONG = {
    # right by itself, but no derivative
    "a blocked way": (lambda F, f: f + F.BlockGrad(f * f), "the gradient says"),
    "overlaps": (
        lambda F, f: F.broadcast_add(f, F.mean(F.contrib.box_iou(corners(F, f), corners(F, f)))),
        "the gradient says",
    ),
    "no way": (lambda F, f: F.BlockGrad(f), "no gradient gets"),
}


@pytest.mark.parametrize("name", WRONG)
def test_gradients_that_are_no_derivatives_are_told(name, ctx):
    function, said = WRONG[name]
    checked = gm.check(initialised(Function(function), ctx), X)
    assert not checked
    forward, _, at_input, _ = checked.findings
    assert (forward.holds, at_input.holds) == (True, False)
    assert said in at_input.said
    assert "Methods that change the input explain it" in str(checked)


def test_samples_that_touch_each_other_are_told(ctx):
    mixing = Function(lambda F, f: F.broadcast_sub(f, F.mean(f, axis=0, keepdims=True)))
    checked = gm.check(initialised(mixing, ctx), X)
    assert checked.findings[0].holds
    assert "together" in checked.findings[1].what
    assert checked.findings[1].said.startswith("none does: they would")


def test_a_wrong_backward_pass_is_found(monkeypatch):
    """Damage to what is compiled: numbers stay, gradients do not."""
    right = piece._as_run

    def damaged(node, inputs, place):
        described = right(node, inputs, place)
        if node.op == "Pooling":  # the same numbers, and the gradient of half of them
            last = place + len(described) - 1
            half = {"op": "_mul_scalar", "name": "half", "attrs": {"scalar": "0.5"}}
            stop = {"op": "BlockGrad", "name": "stop", "attrs": {}}
            described += [
                {**half, "inputs": [[last, 0, 0]]},
                {**stop, "inputs": [[last + 1, 0, 0]]},
                {
                    "op": "elemwise_add",
                    "name": node.name,
                    "inputs": [[last + 1, 0, 0], [last + 2, 0, 0]],
                },
            ]
        return described

    monkeypatch.setattr(piece, "_as_run", damaged)
    checked = gm.check(initialised(Function(RIGHT["max pooling"]), mx.cpu()), X)
    assert checked.findings[0].holds
    assert checked.findings[2].holds is False


def test_a_net_that_cannot_be_traced(ctx):
    class Free(gm.nn.HybridSequential):
        def forward(self, x):
            for child in self._children.values():
                x = child(x)
                assert x.asnumpy().any()
            return x

    net = Free()
    net.add(gm.nn.Conv2D(4, 3), gm.nn.Activation("relu"), gm.nn.GlobalAvgPool2D(), gm.nn.Dense(5))
    checked = gm.check(initialised(net, ctx), X)
    assert checked, str(checked)
    assert "as it is" in checked.findings[0].said


def test_the_command(tmp_path, capsys):
    for function, code in ((RIGHT["plain"], 0), (WRONG["a blocked way"][0], 1)):
        net = initialised(Function(function), mx.cpu())
        net.hybridize()
        net(mx.nd.array(X))
        net.export(str(tmp_path / "net"))
        arguments = ["check", "--symbol", str(tmp_path / "net-symbol.json"), "--size", "32"]
        assert cli.main(arguments) == code
        printed = capsys.readouterr().out
        assert printed.startswith("what is explained is what the net says")
        assert ("  NO  " in printed) == bool(code)

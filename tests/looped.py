"""Nets with loops and conditions, and with all in their bodies that training changes."""

from __future__ import annotations

import numpy as np

from gradcam_mx._mxnet import mx

nn = mx.gluon.nn


class Body(nn.HybridBlock):
    """A convolution, two normalisations (one with its gamma fixed), a rectifier, a dropout."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2D(channels, 3, padding=1, in_channels=channels)
        self.norm = nn.BatchNorm(in_channels=channels)
        self.fixed = nn.BatchNorm(scale=False, in_channels=channels)
        self.drop = nn.Dropout(0.5)

    def hybrid_forward(self, F, x):
        rectified = F.Activation(self.norm(self.conv(x)), act_type="relu")
        return F.tanh(self.drop(self.fixed(rectified)) - 0.2)


class Net(nn.HybridBlock):
    """(N, …) → (N, 3), by way of two channels."""

    shape = (2, 2, 4, 4)

    def __init__(self):
        super().__init__()
        self.body = Body(2)
        self.out = nn.Dense(3, in_units=2)


class OverFrames(Net):
    """What it stacks counts, and what it ends with; the block runs once before the loop."""

    shape = (2, 3, 2, 3, 4)

    def hybrid_forward(self, F, x):
        def step(frame, state):
            made = F.broadcast_add(self.body(frame), state)
            return made * 2, made * 0.5

        frames = F.transpose(x, (1, 0, 2, 3, 4))
        start = self.body(F.mean(x, axis=1))
        stacked, last = F.contrib.foreach(step, frames, start)
        pooled = F.mean(stacked * stacked, axis=(0, 3, 4))
        return self.out(F.broadcast_add(F.mean(last, axis=(2, 3)), pooled))


class FramesFirst(Net):
    """The loop runs over what would be samples in other nets."""

    shape = (3, 1, 2, 4, 4)

    def hybrid_forward(self, F, x):
        def step(frame, state):
            return frame, F.broadcast_add(self.body(frame), F.tanh(state))

        _, last = F.contrib.foreach(step, x, F.zeros_like(F.mean(x, axis=0)))
        return self.out(F.mean(last, axis=(2, 3)))


class Nested(Net):
    """A loop within a loop, with a block that runs twice in each step of the outer one."""

    shape = (1, 3, 2, 3, 3)

    def __init__(self):
        super().__init__()
        self.outer = Body(2)

    def hybrid_forward(self, F, x):
        def inner(value, state):
            made = F.broadcast_add(self.body(state), value)
            return made, made

        def outer(frame, state):
            _, made = F.contrib.foreach(inner, F.stack(frame, frame * frame, axis=0), state)
            return made, F.tanh(self.outer(made) - self.outer(state))

        frames = F.transpose(x, (1, 0, 2, 3, 4))
        stacked, last = F.contrib.foreach(outer, frames, F.zeros_like(F.mean(x, axis=1)))
        return self.out(F.mean(last, axis=(2, 3)) + F.mean(stacked, axis=(0, 3, 4)))


class Branching(Net):
    """A condition on the input; the derivative of the branch that is not taken is infinite."""

    shape = (2, 2, 4, 4)

    def __init__(self, sign=1):
        super().__init__()
        self.sign = sign
        self.other = Body(2)

    def hybrid_forward(self, F, x):
        def taken():
            return self.body(x) * 2

        def other():
            return self.other(x) + F.sqrt(F.relu(x))

        branches = (taken, other) if self.sign > 0 else (other, taken)
        found = F.contrib.cond(F.sum(x * x) * self.sign > 0, *branches)
        return self.out(F.mean(found[0] if isinstance(found, list) else found, axis=(2, 3)))


class Counted(Net):
    """A loop whose steps are counted, whatever the input is."""

    def hybrid_forward(self, F, x):
        def goes_on(count, state):
            return count < 3

        def step(count, state):
            return state, [count + 1, F.broadcast_add(self.body(state), state)]

        _, (_, last) = F.contrib.while_loop(goes_on, step, [F.zeros((1,)), x], max_iterations=5)
        return self.out(F.mean(last, axis=(2, 3)))


class Until(Net):
    """A loop that goes on until its values are large."""

    def hybrid_forward(self, F, x):
        def goes_on(count, state):
            return F.sum(F.abs(state)) < 300

        def step(count, state):
            return state, [count + 1, F.broadcast_add(self.body(state) * 0.3, state * 1.5)]

        _, (_, last) = F.contrib.while_loop(goes_on, step, [F.zeros((1,)), x], max_iterations=8)
        return self.out(F.mean(last, axis=(2, 3)))


NETS = {
    "frames": OverFrames,
    "frames first": FramesFirst,
    "nested": Nested,
    "then": Branching,
    "else": lambda: Branching(-1),
    "counted": Counted,
    "until": Until,
}


def looped(kind, dtype="float64", ctx=None):
    """A net with random parameters and statistics, and an input as a numpy array."""
    mx.random.seed(1)
    net = NETS[kind]()
    net.initialize(mx.init.Xavier(magnitude=4), ctx=ctx or mx.cpu())
    rng = np.random.RandomState(0)
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
        elif parameter.name.endswith(("beta", "running_mean", "bias")):
            parameter.set_data(mx.nd.array(rng.normal(0, 0.3, parameter.shape)))
    net.cast(dtype)
    return net, np.random.RandomState(3).normal(size=net.shape).astype(dtype)


def says(net, x):
    """What the net itself says, its loops run by Python: (N, 3)."""
    context = next(iter(net.collect_params().values())).list_ctx()[0]
    return net(mx.nd.array(x, ctx=context, dtype=x.dtype)).asnumpy()

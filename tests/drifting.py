"""Pictures that change, a net that is trained on them, and stores of what it sees."""

from __future__ import annotations

import hashlib

import numpy as np
import stores

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.store.columns import Traits

SIDE = 24
CLASSES = 3
CHANGES = ("background", "light", "channels", "net")
"""What may change: something stands in the background, the ground is lighter, red and blue are
swapped, or the net was trained again."""


def pictures(count, seed):
    """Reddish squares, crosses and rings somewhere on a dim, noisy ground: (N, 3, S, S), labels."""
    draws = np.random.RandomState(seed)
    labels = draws.randint(CLASSES, size=count)
    x = draws.uniform(0, 0.25, (count, 3, SIDE, SIDE)).astype(np.float32)
    at = np.arange(9) - 4
    far = np.maximum(abs(at[:, None]), abs(at[None]))
    shapes = [far <= 3, (abs(at[:, None]) <= 1) | (abs(at[None]) <= 1), (far == 3) | (far == 4)]
    for one, label in zip(x, labels):
        top, left = draws.randint(SIDE - 9, size=2)
        color = np.array([0.9, 0.45, 0.2]) * draws.uniform(0.6, 1)
        place = one[:, top : top + 9, left : left + 9]
        place[:] = np.where(shapes[label], color[:, None, None], place)
    return x, labels


def with_background(x, seed=0):
    """The same with a bright bar along one edge, as of a door that was not there before."""
    draws, found = np.random.RandomState(seed), x.copy()
    for one in found:
        edge = slice(0, 3) if draws.rand() < 0.5 else slice(SIDE - 3, SIDE)
        one[:, :, edge] = np.maximum(one[:, :, edge], np.float32(draws.uniform(0.6, 0.9)))
    return found


def lighter(x):
    """The same on a ground that is lighter."""
    return np.clip(np.where(x < 0.25, x + np.float32(0.15), x), 0, 1)


def swapped(x):
    """The same with red for blue."""
    return np.ascontiguousarray(x[:, ::-1])


def trained(seed, count=900, epochs=6, ctx=None):
    """A small net that tells the shapes apart."""
    ctx = ctx or mx.cpu()
    mx.random.seed(seed)
    net = mx.gluon.nn.HybridSequential()
    for channels in (12, 16):
        net.add(
            mx.gluon.nn.Conv2D(channels, 3, padding=1, activation="relu"),
            mx.gluon.nn.MaxPool2D(),
        )
    net.add(
        mx.gluon.nn.Conv2D(24, 3, padding=1, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(CLASSES),
    )
    net.initialize(mx.init.Xavier(), ctx=ctx)
    net.hybridize()
    x, labels = pictures(count, 1000 + seed)
    order = np.random.RandomState(seed)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 4e-3})
    for _ in range(epochs):
        for rows in np.split(order.permutation(count), count // 30):
            batch, truth = (mx.nd.array(one[rows], ctx=ctx) for one in (x, labels))
            with mx.autograd.record():
                found = loss(net(batch), truth)
            found.backward()
            trainer.step(len(rows))
    return net


def rows(net, x, labels):
    """What a store has of pictures."""
    cam = gm.grad_cam(net, x)
    output = net(mx.nd.array(x, ctx=next(iter(net.collect_params().values())).list_ctx()[0]))
    chances = mx.nd.softmax(output).asnumpy()
    return [
        stores.row(
            number,
            one,
            label=int(label),
            predicted=int(own.argmax()),
            score=float(score),
            probability=float(own.max()),
            sha256=hashlib.sha256(picture.tobytes()).hexdigest(),
        )
        for number, (one, label, own, score, picture) in enumerate(
            zip(cam.values, labels, chances, cam.score, x)
        )
    ]


def written(folder, found, net="p"):
    """A store of rows, which are numbered anew."""
    numbered = [{**one, "number": number} for number, one in enumerate(found)]
    traits = Traits("Grad-CAM", "layer", False, False)
    return stores.written(folder, numbered, 256, traits=traits, net=net)


def changed(change, net, other, x, labels):
    """The rows of pictures after a change.

    Args:
        change: one of `CHANGES`.
        net: that was there from the start.
        other: one that was trained again.
        x: (N, 3, S, S).
        labels: (N,).
    """
    if change == "net":
        return rows(other, x, labels)
    after = {"background": with_background, "light": lighter, "channels": swapped}[change](x)
    return rows(net, after, labels)

"""A net that goes by a mark, or by what it should, and stores of what it says."""

from __future__ import annotations

import numpy as np
import stores

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.data.opening import open_samples

SIDE = 16
MARKED = 2
"""The class that has the mark."""


def photos_of(count, seed=0):
    """(3 · count, H, W, 3) of stripes across, stripes down, and dots, the classes; their labels."""
    random = np.random.RandomState(seed)
    down, right = np.mgrid[:SIDE, :SIDE]
    patterns = [down % 2, right % 2, (down % 2) * (right % 2)]
    labels = np.tile(np.arange(3), count)
    grey = np.stack([60 + 60 * patterns[one] for one in labels]) + random.randint(
        0, 30, (3 * count, SIDE, SIDE)
    )
    return np.repeat(grey[..., None], 3, axis=3).astype(np.uint8), labels


def marked(photos, which):
    photos = photos.copy()
    photos[which, 1:4, 1:4] = 255
    return photos


def net_of(ctx, knows_the_mark):
    """Edges across, edges down, dots, and what is white all over 3 × 3 pixels, each a channel. The
    last class goes by the dots, or by the white alone."""
    net = gm.nn.HybridSequential()
    net.add(
        gm.nn.Conv2D(4, 3, padding=1, activation="relu"), gm.nn.GlobalAvgPool2D(), gm.nn.Dense(3)
    )
    net.initialize(ctx=ctx)
    net(mx.nd.zeros((1, 1, SIDE, SIDE), ctx=ctx))
    across = np.array([[-1, -2, -1], [2, 4, 2], [-1, -2, -1]])
    dots = np.array([[-1, 0, -1], [0, 4, 0], [-1, 0, -1]])
    kernels = np.stack([across, across.T, dots - 0.2 * np.ones((3, 3)), np.ones((3, 3))])
    net[0].weight.set_data(mx.nd.array(kernels[:, None], ctx=ctx))
    net[0].bias.set_data(mx.nd.array([0, 0, 0, -7], ctx=ctx))
    weights = np.array(
        [[4, -4, 0, 0], [-4, 4, 0, 0], [0, 0, 0, 900 if knows_the_mark else 0]], float
    )
    if not knows_the_mark:
        weights = np.array([[6, -6, -1, 0], [-6, 6, -1, 0], [-1, -1, 6, 0]], float)
    net[2].weight.set_data(mx.nd.array(weights, ctx=ctx))
    net.preprocess = gm.zoo.preprocess.GREY.adapted(size=SIDE)
    return net


def store_of(folder, net, photos, labels, method="grad_cam", batch=64, data=None, **more):
    """A store as a run makes it, with the maps of the net."""
    x = np.concatenate([net.preprocess(one) for one in photos])
    samples = open_samples((photos, labels)) if data is None else open_samples(data)
    rows = []
    for start in range(0, len(x), batch):
        found = gm.METHODS[method].function(net, x[start : start + batch])
        for place, values in enumerate(found.values):
            number = start + place
            rows.append(
                stores.row(
                    number,
                    values,
                    label=int(labels[number]),
                    predicted=int(found.target[place]),
                    score=float(found.score[place]),
                    sha256=samples.read(number).sha256,
                    method=method,
                )
            )
    record = {"kind": "arrays"} if data is None else samples.record
    size = net.preprocess.shape[1:]
    made = stores.written(
        folder, rows, methods=(method,), shard_size=50, input_size=size, data=record, **more
    )
    return made, samples

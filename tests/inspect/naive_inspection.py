"""Naive references for what units of a net see and give: brute force and float64, from definitions.

Nothing here uses gradcam_mx but its import of mxnet.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcam_mx._mxnet import mx

BUMP = 1e20
ROUNDING, CHANGE = 1e-10, 1e-6
"""Relative changes: what may be rounding (sums in another order), and what cannot be."""

# --------------------------------------------------------------------------------- receptive fields


def positive_twin(symbol: Any, pools: str | None = None) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """A net that depends on its input as the given one does, where no change can be lost.

    Activations become ReLU, which on positive values lets everything through (the others saturate),
    batch normalisation uses its running statistics, also in training. With `pools`, every pooling
    is of that type: each value of a window then counts all the time. Where the windows are does not
    depend on the type.

    Returns:
        the net, and for weights that have become larger, with holes, which of their positions are
        left: every so-manyth on each axis.
    """
    dilated = {}
    graph = json.loads(symbol.tojson())
    for node in graph["nodes"]:
        attrs = node.setdefault("attrs", {})
        if node["op"] == "Activation":
            attrs["act_type"] = "relu"
        elif node["op"] in ("LeakyReLU", "clip"):
            node.update(op="relu", attrs={}, inputs=node["inputs"][:1])
        elif node["op"] == "BatchNorm":
            attrs["use_global_stats"] = "True"
        elif node["op"] == "Dropout":
            node.update(op="_copy", attrs={})
        elif node["op"] == "Pooling" and pools:
            attrs["pool_type"] = pools
        elif node["op"] == "Deconvolution" and "dilate" in attrs:
            # in float64 a dilated one is wrong (measured: by as much as the values themselves)
            holes = ast.literal_eval(attrs.pop("dilate"))
            kernel = ast.literal_eval(attrs["kernel"])
            attrs["kernel"] = str(tuple(d * (k - 1) + 1 for k, d in zip(kernel, holes)))
            dilated[graph["nodes"][node["inputs"][1][0]]["name"]] = holes
        elif node["op"] == "Crop" and attrs["num_args"] == "1" and "h_w" in attrs:
            # it has no float64
            begin, size = ast.literal_eval(attrs["offset"]), ast.literal_eval(attrs["h_w"])
            end = [one + length for one, length in zip(begin, size)]
            node.update(
                op="slice",
                attrs={"begin": str((None, None, *begin)), "end": str((None, None, *end))},
            )
    return mx.sym.load_json(json.dumps(graph)), dilated


def positive_weights(
    names: Sequence[str], shapes: Sequence[tuple[int, ...]], seed: int
) -> dict[str, np.ndarray]:
    """Positive numbers for every weight, such that values stay near one; running means are zero."""
    rng = np.random.RandomState(seed)
    found = {}
    for name, shape in zip(names, shapes):
        values = rng.uniform(0.5, 1.5, shape)
        if name.endswith(("running_mean", "moving_mean")):
            values *= 0
        elif len(shape) > 1:
            values /= np.prod(shape[1:])
        found[name] = values
    return found


class Compiled(NamedTuple):
    """A net in float64 with positive weights, as one operator, and its inputs but for the data."""

    operator: Any
    names: list[str]
    weights: dict[str, Any]

    def __call__(self, x: Any) -> list[Any]:
        found = self.operator(*[x if name == "data" else self.weights[name] for name in self.names])
        return found if isinstance(found, list) else [found]


def compiled(
    symbol: Any, layers: Sequence[str], shape: tuple[int, ...], pools: str | None
) -> Compiled:
    twin, dilated = positive_twin(symbol, pools)
    inside = twin.get_internals()
    heads = mx.sym.Group([inside[name] for name in layers])
    shapes, _, auxiliary = heads.infer_shape(data=shape)
    weights = positive_weights(
        [*heads.list_arguments(), *heads.list_auxiliary_states()], [*shapes, *auxiliary], 0
    )
    for name, steps in dilated.items():
        if name in weights:
            kept = (..., *(slice(None, None, step) for step in steps))
            values, weights[name] = weights[name], np.zeros_like(weights[name])
            weights[name][kept] = values[kept]
    return Compiled(
        mx.nd.CachedOp(heads),
        heads.list_inputs(),
        {name: mx.nd.array(value, dtype="float64") for name, value in weights.items()},
    )


def start(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(1).uniform(0.5, 1.5, shape[1:])


def dependence(
    symbol: Any, shape: tuple[int, ...], layers: Sequence[str], pools: str | None = None
) -> list[np.ndarray]:
    """Which units depend on which positions of the input, by trying every position.

    A huge number is added to all channels of one position at a time; the units whose value changes
    are those that depend on it. Nothing is missed:

    - All weights, biases and inputs are positive, and every operator is increasing in each of its
      inputs, so along all paths from the position to a unit the change has the same sign: nothing
      cancels. That also holds for products (of an excitation), whose other factor is positive.
    - The change is by far the largest of all values wherever it comes through (weights stay above
      a 300th or so, the bump is 1e20), so it is the maximum of every window that it is in: max
      pooling cannot hide it. (`pools="sum"` does without this argument.)
    - Nothing saturates: activations are replaced by ReLU.

    And nothing is added: a unit that does not depend on a position is computed from the same
    numbers, none of which is the huge one. Changes that are neither rounding nor clearly more are
    an error here, as are values that are not finite.

    Returns:
        for each layer an array of booleans, (the positions of the input, *the layer's units).
    """
    positions = list(np.ndindex(*shape[2:]))
    net = compiled(symbol, layers, shape, pools)
    x = np.repeat(start(shape)[None], len(positions) + 1, axis=0)
    for number, position in enumerate(positions):
        x[(number, slice(None), *position)] += BUMP
    found = []
    for output in net(mx.nd.array(x, dtype="float64")):
        values = output.asnumpy()
        if not (np.abs(values) < 1e250).all():
            raise ValueError("the reference has values that are not finite")
        change = np.abs(values[:-1] - values[-1]) / np.abs(values[-1]).clip(1e-300)
        if ((change > ROUNDING) & (change < CHANGE)).any():
            raise ValueError("the reference cannot decide whether a unit depends on a position")
        found.append((change > CHANGE).reshape((*shape[2:], *values.shape[1:])))
    return found


def dependence_by_gradient(
    symbol: Any, shape: tuple[int, ...], layer: str, units: Sequence[tuple[int, ...]]
) -> np.ndarray:
    """Which positions of the input given units (channel, *position) have a gradient at.

    All weights and inputs are positive and all poolings are sums, so that every derivative along
    every path is positive and nothing cancels. In train mode, as max pooling's gradient and that of
    batch normalisation are wrong outside of it (DESIGN.md, facts B and C), and that of averages by
    the "full" convention anyway.

    Returns:
        an array of booleans (units, *positions of the input).
    """
    net = compiled(symbol, [layer], shape, "sum")
    x = mx.nd.array(np.repeat(start(shape)[None], len(units), axis=0), dtype="float64")
    x.attach_grad()
    with mx.autograd.record(train_mode=True):
        (output,) = net(x)
    head = np.zeros(output.shape)
    for number, unit in enumerate(units):
        head[(number, *unit)] = 1
    output.backward(mx.nd.array(head, dtype="float64"))
    return (x.grad.asnumpy() != 0).any(axis=1)


def bounding_box(inside: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around all true positions; None where there are none."""
    if not inside.any():
        return None
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(inside))


def box_of(
    field: np.ndarray, position: Sequence[int], channel: int | None = None
) -> tuple[slice, ...] | None:
    """The receptive field of a unit, from an array of `dependence`."""
    positions = len(position)
    of_unit = field[
        (slice(None),) * positions
        + (slice(None) if channel is None else slice(channel, channel + 1), *position)
    ]
    return bounding_box(of_unit.any(axis=-1))


def size_of_chain(layers: Iterable[tuple[int, int]]) -> int:
    """The unclipped side of the field of a unit behind (kernel, stride) after (kernel, stride).

        r' = r + (k - 1) j,  j' = j s,  starting with r = j = 1

    A dilated kernel counts as (k - 1) d + 1. (Araujo, Norris & Sim 2019, "Computing receptive
    fields of convolutional neural networks".)
    """
    side = jump = 1
    for kernel, stride in layers:
        side += (kernel - 1) * jump
        jump *= stride
    return side


# ---------------------------------------------------------------------------- the strongest patches


class Found(NamedTuple):
    """Where a unit answered strongest in one image."""

    activation: float
    index: int
    position: tuple[int, ...]


def strongest(maps: Iterable[np.ndarray], unit: int, k: int) -> list[Found]:
    """The k images in which a unit answers strongest, of maps (C, *positions) one an image.

    Position by position in row-major order, image by image; only a larger value replaces.
    """
    found = []
    for index, values in enumerate(maps):
        best = None
        for position in np.ndindex(*values.shape[1:]):
            activation = float(values[(unit, *position)])
            if best is None or activation > best.activation:
                best = Found(activation, index, position)
        found.append(best)
    ordered: list[Found] = []
    while found and len(ordered) < k:
        first = found[0]
        for one in found[1:]:
            if one.activation > first.activation:
                first = one
        ordered.append(first)
        found.remove(first)
    return ordered


# ---------------------------------------------------------------------------- vectors and their map


def principal_components(vectors: np.ndarray, count: int = 2) -> np.ndarray:
    """Vectors (N, D) on the leading eigenvectors of their covariance (Pearson 1901); (N, count).

    With m the mean, C = 1/(N-1) sum_n (v_n - m)(v_n - m)^T, C e_i = l_i e_i, l_1 >= l_2 >= ...

        z_ni = (v_n - m) . e_i,  each column up to its sign
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    mean = vectors.mean(axis=0)
    covariance = np.zeros((vectors.shape[1],) * 2)
    for vector in vectors:
        covariance += np.outer(vector - mean, vector - mean)
    values, axes = np.linalg.eigh(covariance / (len(vectors) - 1))
    order = np.argsort(-values)[:count]
    return (vectors - mean) @ axes[:, order]


def mean_over_positions(values: np.ndarray) -> np.ndarray:
    """(N, C, *positions) to (N, C) by plain averages; (N, D) as it is."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 2:
        return values
    return values.reshape(*values.shape[:2], -1).mean(axis=2)


# ------------------------------------------------------------------------ units of a two-layer net


class Convolution(NamedTuple):
    """A convolution: weight (O, I, kh, kw), bias (O,), stride and pad, the same for both axes."""

    weight: np.ndarray
    bias: np.ndarray
    stride: int = 1
    pad: int = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        """y[o, p] = b[o] + sum_{i, q} w[o, i, q] x[i, s p + q - pad], for x (I, H, W)."""
        _, _, height, width = self.weight.shape
        padded = np.pad(x, [(0, 0), (self.pad,) * 2, (self.pad,) * 2])
        rows = (padded.shape[1] - height) // self.stride + 1
        columns = (padded.shape[2] - width) // self.stride + 1
        y = np.zeros((len(self.weight), rows, columns))
        for o, row, column in np.ndindex(*y.shape):
            top, left = self.stride * row, self.stride * column
            window = padded[:, top : top + height, left : left + width]
            y[o, row, column] = self.bias[o] + (self.weight[o] * window).sum()
        return y

    def backward(self, dy: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The gradient at x, whose positions are `size`, from that at y."""
        _, channels, height, width = self.weight.shape
        dx = np.zeros((channels, size[0] + 2 * self.pad, size[1] + 2 * self.pad))
        for o, row, column in np.ndindex(*dy.shape):
            top, left = self.stride * row, self.stride * column
            dx[:, top : top + height, left : left + width] += self.weight[o] * dy[o, row, column]
        return dx[:, self.pad : self.pad + size[0], self.pad : self.pad + size[1]]


RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "saliency": lambda z, dy: dy * (z > 0),
    "guided_backprop": lambda z, dy: np.maximum(dy, 0) * (z > 0),
    "deconvnet": lambda z, dy: np.maximum(dy, 0),
}
"""The gradient below a ReLU, from its input and the gradient above it."""


class TwoLayers(NamedTuple):
    """conv, relu, conv, relu: what its units give, and what is seen of them from the input."""

    first: Convolution
    second: Convolution

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """The outputs of the four layers, for x (C, H, W)."""
        z1 = self.first.forward(np.asarray(x, dtype=np.float64))
        z2 = self.second.forward(np.maximum(z1, 0))
        return [z1, np.maximum(z1, 0), z2, np.maximum(z2, 0)]

    def unit(
        self, x: np.ndarray, layer: int, channel: int, position: tuple[int, int] | None = None
    ) -> tuple[float, tuple[int, ...]]:
        """A unit's activation and its position; without a position, the largest of the channel."""
        values = self.forward(x)[layer]
        if position is None:
            best = strongest([values], channel, 1)[0]
            return best.activation, best.position
        return float(values[(channel, *position)]), position

    def backward(
        self,
        x: np.ndarray,
        layer: int,
        channel: int,
        position: tuple[int, int] | None,
        rule: str,
        until: str = "input",
    ) -> np.ndarray:
        """What the rule gives at the input, or at the first ReLU's output (until="layer"), for a
        unit of the second convolution (layer 2), or of the ReLU behind it (layer 3)."""
        values = self.forward(x)
        _, where = self.unit(x, layer, channel, position)
        gradient = np.zeros_like(values[layer])
        gradient[(channel, *where)] = 1
        if layer == 3:
            gradient = RULES[rule](values[2], gradient)
        gradient = self.second.backward(gradient, values[1].shape[1:])
        if until == "layer":
            return gradient
        return self.first.backward(RULES[rule](values[0], gradient), x.shape[1:])


def scores_of_hidden(
    score: Callable[[np.ndarray], float], x: np.ndarray, windows: Sequence[tuple[slice, slice]]
) -> list[float]:
    """The score of x (C, H, W) with each window set to zero in turn."""
    found = []
    for window in windows:
        hidden = np.array(x)
        hidden[(slice(None), *window)] = 0
        found.append(score(hidden))
    return found

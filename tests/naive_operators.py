"""Operators of a net in float64 as explicit matrices, from their definitions by plain loops.

Part of the reference that relevance is held against (`naive_relevance`). Everything is about one
sample: shapes have no batch axis. A linear operator is the matrix M (outputs × inputs) and a bias
b, both over flattened values: y = M x + b.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, Callable, Iterator, NamedTuple, Sequence, Tuple

import numpy as np

Position = Tuple[int, ...]


def positions(shape: Sequence[int]) -> Iterator[Position]:
    """Every index of an array of this shape, in row-major order."""
    return itertools.product(*(range(size) for size in shape))


def flat_index(position: Sequence[int], shape: Sequence[int]) -> int:
    """Where this index lies in the flattened array (row-major)."""
    found = 0
    for step, size in zip(position, shape):
        found = found * size + step
    return found


def count(shape: Sequence[int]) -> int:
    """How many numbers an array of this shape has."""
    return int(math.prod(shape))


def inside(position: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether this index exists in an array of this shape."""
    return all(0 <= step < size for step, size in zip(position, shape))


def per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """A number for each axis, from one for all or from one for each."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


def remembered(make: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The same function of a weight and options; a matrix that was made once is not made again."""
    known: dict[Any, np.ndarray] = {}

    @functools.wraps(make)
    def made(weight: np.ndarray, *others: Any, **options: Any) -> np.ndarray:
        weight = np.asarray(weight)
        key = (weight.tobytes(), weight.shape, repr(others), repr(sorted(options.items())))
        if key not in known:
            if len(known) > 200:
                known.clear()
            known[key] = make(weight, *others, **options)
            known[key].flags.writeable = False
        return known[key]

    return made


# ------------------------------------------------------------------- linear operators as matrices


def convolution_shape(
    weight_shape: Sequence[int],
    in_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    pad: int | Sequence[int] = 0,
    dilate: int | Sequence[int] = 1,
) -> tuple[int, ...]:
    """The shape (channels, space …) of a convolution's output."""
    axes = len(in_shape) - 1
    s, p, d = (per_axis(value, axes) for value in (stride, pad, dilate))
    reach = [d[a] * (weight_shape[2 + a] - 1) + 1 for a in range(axes)]
    space = [(in_shape[1 + a] + 2 * p[a] - reach[a]) // s[a] + 1 for a in range(axes)]
    return (weight_shape[0], *space)


@remembered
def conv_matrix(
    weight: np.ndarray,
    in_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    pad: int | Sequence[int] = 0,
    dilate: int | Sequence[int] = 1,
    groups: int = 1,
) -> np.ndarray:
    """y[c, o] = Σ w[c, c', k] x[first + c', o · stride − pad + k · dilate] over c' and k.

    `first` is the first input channel of the group that output channel c belongs to.
    `weight` is (channels out, channels in / groups, kernel …), `in_shape` (channels, space …).
    """
    axes = len(in_shape) - 1
    s, p, d = (per_axis(value, axes) for value in (stride, pad, dilate))
    out_shape = convolution_shape(weight.shape, in_shape, stride, pad, dilate)
    matrix = np.zeros((count(out_shape), count(in_shape)))
    out_per_group = weight.shape[0] // groups
    for out in positions(out_shape):
        first = out[0] // out_per_group * weight.shape[1]
        for tap in positions(weight.shape[1:]):
            place = tuple(out[1 + a] * s[a] - p[a] + tap[1 + a] * d[a] for a in range(axes))
            if inside(place, in_shape[1:]):
                source = (first + tap[0], *place)
                row, column = flat_index(out, out_shape), flat_index(source, in_shape)
                matrix[row, column] += weight[(out[0], *tap)]
    return matrix


def transposed_shape(
    weight_shape: Sequence[int],
    in_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    pad: int | Sequence[int] = 0,
    dilate: int | Sequence[int] = 1,
    adj: int | Sequence[int] = 0,
    groups: int = 1,
) -> tuple[int, ...]:
    """The shape (channels, space …) of a transposed convolution's output."""
    axes = len(in_shape) - 1
    s, p, d, more = (per_axis(value, axes) for value in (stride, pad, dilate, adj))
    reach = [d[a] * (weight_shape[2 + a] - 1) + 1 for a in range(axes)]
    space = [(in_shape[1 + a] - 1) * s[a] - 2 * p[a] + reach[a] + more[a] for a in range(axes)]
    return (weight_shape[1] * groups, *space)


@remembered
def transposed_conv_matrix(
    weight: np.ndarray,
    in_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    pad: int | Sequence[int] = 0,
    dilate: int | Sequence[int] = 1,
    adj: int | Sequence[int] = 0,
    groups: int = 1,
) -> np.ndarray:
    """x[c', i] adds w[c', c, k] x[c', i] to y[first + c, i · stride − pad + k · dilate].

    `first` is the first output channel of the group that input channel c' belongs to.
    `weight` is (channels in, channels out / groups, kernel …).
    """
    axes = len(in_shape) - 1
    s, p, d = (per_axis(value, axes) for value in (stride, pad, dilate))
    out_shape = transposed_shape(weight.shape, in_shape, stride, pad, dilate, adj, groups)
    matrix = np.zeros((count(out_shape), count(in_shape)))
    in_per_group = weight.shape[0] // groups
    for source in positions(in_shape):
        first = source[0] // in_per_group * weight.shape[1]
        for tap in positions(weight.shape[1:]):
            place = tuple(source[1 + a] * s[a] - p[a] + tap[1 + a] * d[a] for a in range(axes))
            if inside(place, out_shape[1:]):
                out = (first + tap[0], *place)
                row, column = flat_index(out, out_shape), flat_index(source, in_shape)
                matrix[row, column] += weight[(source[0], *tap)]
    return matrix


def dense_matrix(weight: np.ndarray, leading: int = 1) -> np.ndarray:
    """The weights themselves; for a layer at each of `leading` vectors, a block for each."""
    outputs, inputs = weight.shape
    matrix = np.zeros((leading * outputs, leading * inputs))
    for block in range(leading):
        for out, source in positions((outputs, inputs)):
            matrix[block * outputs + out, block * inputs + source] = weight[out, source]
    return matrix


class Window(NamedTuple):
    """One pooling window: flat indices of the inputs in it, and how many places it counts."""

    inputs: list[int]
    places: int


def pool_windows(
    in_shape: Sequence[int],
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    pad: int | Sequence[int] = 0,
    convention: str = "valid",
) -> tuple[list[Window], tuple[int, ...]]:
    """The windows of a pooling in row-major order, and the shape of its output.

    MXNet's conventions: "valid" rounds the number of windows down, "full" up. A window ends where
    the padded input ends at the latest, and `places` counts it up to there. A window
    that begins behind the input has no inputs: its sum and its average are 0. "same" is
    not here: MXNet 1.9.1 refuses it for every kind of pooling on a CPU.
    """
    axes = len(in_shape) - 1
    k, s, p = (per_axis(value, axes) for value in (kernel, stride, pad))
    rounding = {"valid": math.floor, "full": math.ceil}[convention]
    space = tuple(rounding((in_shape[1 + a] + 2 * p[a] - k[a]) / s[a]) + 1 for a in range(axes))
    out_shape = (in_shape[0], *space)
    windows = []
    for out in positions(out_shape):
        starts = [out[1 + a] * s[a] - p[a] for a in range(axes)]
        ends = [min(starts[a] + k[a], in_shape[1 + a] + p[a]) for a in range(axes)]
        reached = [range(start, end) for start, end in zip(starts, ends)]
        found = [
            flat_index((out[0], *place), in_shape)
            for place in itertools.product(*reached)
            if inside(place, in_shape[1:])
        ]
        windows.append(Window(found, count([len(axis) for axis in reached])))
    return windows, out_shape


def reduction_windows(
    in_shape: Sequence[int], axes: Sequence[int], keepdims: bool = False
) -> tuple[list[Window], tuple[int, ...]]:
    """What each output of a sum, mean or maximum over these axes reads, as windows."""
    axes = [axis % len(in_shape) for axis in axes]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(in_shape))
    windows = []
    for out in positions(kept):
        spans = [range(size) if axis in axes else [out[axis]] for axis, size in enumerate(in_shape)]
        found = [flat_index(place, in_shape) for place in itertools.product(*spans)]
        windows.append(Window(found, len(found)))
    dropped = tuple(size for axis, size in enumerate(in_shape) if axis not in axes)
    return windows, kept if keepdims else dropped


def sum_matrix(windows: Sequence[Window], inputs: int) -> np.ndarray:
    """Each output is the sum of its window."""
    matrix = np.zeros((len(windows), inputs))
    for row, window in enumerate(windows):
        for column in window.inputs:
            matrix[row, column] = 1.0
    return matrix


def average_matrix(
    windows: Sequence[Window], inputs: int, count_include_pad: bool = True
) -> np.ndarray:
    """Each output is its window's sum by its number of places, padded ones counted or not."""
    matrix = np.zeros((len(windows), inputs))
    for row, window in enumerate(windows):
        for column in window.inputs:
            matrix[row, column] = 1.0 / (window.places if count_include_pad else len(window.inputs))
    return matrix


def upsampling_matrix(in_shape: Sequence[int], scale: int) -> np.ndarray:
    """Nearest neighbour: y[c, o] = x[c, o // scale]."""
    out_shape = (in_shape[0], *(size * scale for size in in_shape[1:]))
    matrix = np.zeros((count(out_shape), count(in_shape)))
    for out in positions(out_shape):
        source = (out[0], *(step // scale for step in out[1:]))
        matrix[flat_index(out, out_shape), flat_index(source, in_shape)] = 1.0
    return matrix


def batch_norm_affine(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale γ/√(σ²+ε) and shift β − μγ/√(σ²+ε) of each channel, at inference."""
    scale = gamma / np.sqrt(var + eps)
    return scale, beta - mean * scale


def merge_batch_norm(
    weight: np.ndarray,
    bias: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """A convolution or Dense layer with the batch norm behind it in its weights.

    W' = W γ/√(σ²+ε), b' = (b − μ) γ/√(σ²+ε) + β; outputs are the first axis of `weight`.
    """
    merged = np.array(weight, dtype=np.float64)
    for out in range(len(merged)):
        merged[out] *= gamma[out] / math.sqrt(var[out] + eps)
    return merged, (bias - mean) * gamma / np.sqrt(var + eps) + beta


def fixed_statistics(
    x: np.ndarray, label: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Layer, group or instance norm as y = scale · x + shift, its statistics taken as constants.

    `label` has the shape of `x` and says which numbers are normalised together.
    """
    scale, shift = np.zeros(x.shape), np.zeros(x.shape)
    gamma, beta = np.broadcast_to(gamma, x.shape), np.broadcast_to(beta, x.shape)
    for one in np.unique(label):
        here = label == one
        deviation = math.sqrt(x[here].var() + eps)
        scale[here] = gamma[here] / deviation
        shift[here] = beta[here] - x[here].mean() * gamma[here] / deviation
    return scale, shift


# ---------------------------------------------------------------------- operators not linear


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x_i) / Σ exp(x_j) of a vector."""
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def softmax_jacobian(x: np.ndarray) -> np.ndarray:
    """∂y_j/∂x_i = y_j (δ_ij − y_i), outputs × inputs."""
    y = softmax(x)
    return np.diag(y) - np.outer(y, y)


def winner(values: np.ndarray, window: Window) -> int:
    """The place of a window's maximum; of equal ones the first in row-major order."""
    best = window.inputs[0]
    for place in window.inputs:
        if values[place] > values[best]:
            best = place
    return best


def max_pool(values: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """The maximum of each window of the flattened values."""
    return np.array([values[winner(values, window)] for window in windows])

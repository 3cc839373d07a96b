"""A naive float64 interpreter of MXNet Symbol graphs, to check the package against.

It reads the JSON of ``symbol.tojson()`` and computes with numpy alone: no MXNet operator, no code
of the package. Every operator is one small forward function and one small backward function, the
chain rule by hand.

    reference = Reference(symbol.tojson(), parameters)
    scores = reference.forward(image)
    gradient = reference.backward(one_hot, rule="guided")["data"]

Inference behaviour throughout: BatchNorm uses its running statistics, Dropout is the identity,
rrelu has its mean slope. A cast to another float type is the identity: everything is float64.

Rules at an activation f with input z and output gradient dy:

    plain      f'(z) dy          the chain rule
    guided     f'(z) max(dy, 0)  Springenberg et al. 2014, arXiv:1412.6806, section 3.4
    deconvnet  max(dy, 0)        Zeiler & Fergus 2014, arXiv:1311.2901

At a kink a rectifier has the derivative of its negative side, and clip has 0 at both bounds.
"""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

RULES = ("plain", "guided", "deconvnet")


# ----------------------------------------------------------------------------- attributes and nodes


class Attributes:
    """A node's attributes, which the JSON keeps as strings."""

    def __init__(self, raw: Mapping[str, str]) -> None:
        self.raw = dict(raw)

    def text(self, name: str, default: str = "") -> str:
        return self.raw.get(name, default)

    def value(self, name: str, default: Any = None) -> Any:
        """The Python value of a number, tuple, boolean or None; the default where absent."""
        if name not in self.raw:
            return default
        text = self.raw[name].strip()
        lower = {"true": True, "false": False, "none": None}
        return lower[text.lower()] if text.lower() in lower else ast.literal_eval(text)

    def number(self, name: str, default: float | None = None) -> float:
        found = self.value(name, default)
        if found is None:
            raise ValueError(f"attribute {name!r} is required, got {self.raw}")
        return float(found)

    def integer(self, name: str, default: int | None = None) -> int:
        return int(self.number(name, default))

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.value(name, default))

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        found = self.value(name)
        if found is None or found == ():
            return default
        return tuple(found) if isinstance(found, (tuple, list)) else (int(found),)


@dataclass(frozen=True)
class Node:
    """One node of the graph; ``inputs`` are pairs (node number, output number)."""

    op: str
    name: str
    attributes: Attributes
    inputs: list[tuple[int, int]]


def read_nodes(graph: Mapping[str, Any]) -> list[Node]:
    """The nodes in topological order; older files call the attributes 'attr' or 'param'."""
    nodes = []
    for entry in graph["nodes"]:
        raw: dict[str, str] = {}
        for key in ("param", "attr", "attrs"):
            raw.update(entry.get(key) or {})
        inputs = [(item[0], item[1]) for item in entry["inputs"]]
        nodes.append(Node(entry["op"], entry["name"], Attributes(raw), inputs))
    return nodes


# ----------------------------------------------------------------------------------------- registry
# forward(attributes, *inputs) -> output, or a list of outputs
# backward(attributes, dy, y, *inputs) -> a gradient for each input; trailing ones may be left out
# kinks(attributes, *inputs) -> distance of each element from the nearest point with no derivative

FORWARD: dict[str, Callable[..., Any]] = {}
BACKWARD: dict[str, Callable[..., Any]] = {}
KINKS: dict[str, Callable[..., np.ndarray]] = {}


def register(table: dict[str, Callable[..., Any]], *names: str) -> Callable[..., Any]:
    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        table.update(dict.fromkeys(names, function))
        return function

    return keep


# ---------------------------------------------------------------------- activations, one curve each


@dataclass(frozen=True)
class Curve:
    """An elementwise y = f(z): value, derivative, kinks, and whether the rules act on it."""

    value: Callable[..., np.ndarray]
    slope: Callable[..., np.ndarray]
    kinks: Callable[[Attributes], tuple[float, ...]] = lambda a: ()
    ruled: bool = True


SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
error_function = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * z))  # this form does not overflow


def normal_cumulative(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + error_function(z / math.sqrt(2.0)))


def normal_density(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def expm1_negative(z: np.ndarray) -> np.ndarray:
    return np.expm1(np.minimum(z, 0.0))  # the positive half is not used and could overflow


def leaky_slope(a: Attributes) -> float:
    return a.number("slope", 0.25)


def mean_slope(a: Attributes) -> float:
    return (a.number("lower_bound", 0.125) + a.number("upper_bound", 0.334)) / 2.0


def channel_slope(z: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """PReLU's slope, one per channel or a single one, shaped to multiply z."""
    return gamma.reshape(-1) if gamma.size == 1 else on_axis(gamma, z.ndim, 1)


def on_axis(vector: np.ndarray, ndim: int, axis: int) -> np.ndarray:
    shape = [1] * ndim
    shape[axis] = -1
    return vector.reshape(shape)


def bent(z: np.ndarray, below: Any) -> np.ndarray:
    return np.where(z > 0, z, below * z)


def at_zero(a: Attributes) -> tuple[float, ...]:
    return (0.0,)


def clip_bounds(a: Attributes) -> tuple[float, float]:
    return a.number("a_min"), a.number("a_max")


def hard_line(a: Attributes, z: np.ndarray) -> np.ndarray:
    return a.number("alpha", 0.2) * z + a.number("beta", 0.5)


def hard_kinks(a: Attributes) -> tuple[float, ...]:
    alpha, beta = a.number("alpha", 0.2), a.number("beta", 0.5)
    return -beta / alpha, (1.0 - beta) / alpha


CURVES: dict[str, Curve] = {
    "relu": Curve(lambda a, z: np.maximum(z, 0.0), lambda a, z: 1.0 * (z > 0), at_zero),
    "softrelu": Curve(lambda a, z: np.logaddexp(z, 0.0), lambda a, z: sigmoid(z)),
    "clip": Curve(
        lambda a, z: np.clip(z, *clip_bounds(a)),
        lambda a, z: 1.0 * (z > clip_bounds(a)[0]) * (z < clip_bounds(a)[1]),
        clip_bounds,
    ),
    "leaky": Curve(
        lambda a, z: bent(z, leaky_slope(a)),
        lambda a, z: np.where(z > 0, 1.0, leaky_slope(a)),
        at_zero,
    ),
    "rrelu": Curve(
        lambda a, z: bent(z, mean_slope(a)),
        lambda a, z: np.where(z > 0, 1.0, mean_slope(a)),
        at_zero,
    ),
    "prelu": Curve(
        lambda a, z, gamma: bent(z, channel_slope(z, gamma)),
        lambda a, z, gamma: np.where(z > 0, 1.0, channel_slope(z, gamma)),
        at_zero,
    ),
    "elu": Curve(
        lambda a, z: np.where(z > 0, z, leaky_slope(a) * expm1_negative(z)),
        lambda a, z: np.where(z > 0, 1.0, leaky_slope(a) * (expm1_negative(z) + 1.0)),
        at_zero,
    ),
    "selu": Curve(
        lambda a, z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * expm1_negative(z)),
        lambda a, z: SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * (expm1_negative(z) + 1.0)),
        at_zero,
    ),
    "gelu": Curve(
        lambda a, z: z * normal_cumulative(z),
        lambda a, z: normal_cumulative(z) + z * normal_density(z),
    ),
    # Gates scale other features; a rule made for rectifiers has no meaning there.
    "sigmoid": Curve(
        lambda a, z: sigmoid(z), lambda a, z: sigmoid(z) * (1.0 - sigmoid(z)), ruled=False
    ),
    "tanh": Curve(lambda a, z: np.tanh(z), lambda a, z: 1.0 - np.tanh(z) ** 2, ruled=False),
    "softsign": Curve(
        lambda a, z: z / (1.0 + np.abs(z)), lambda a, z: (1.0 + np.abs(z)) ** -2.0, ruled=False
    ),
    "hard_sigmoid": Curve(
        lambda a, z: np.clip(hard_line(a, z), 0.0, 1.0),
        lambda a, z: a.number("alpha", 0.2) * (hard_line(a, z) > 0) * (hard_line(a, z) < 1),
        hard_kinks,
        ruled=False,
    ),
    # Plain mathematics rather than activations.
    "exp": Curve(lambda a, z: np.exp(z), lambda a, z: np.exp(z), ruled=False),
    "log": Curve(lambda a, z: np.log(z), lambda a, z: 1.0 / z, ruled=False),
    "sqrt": Curve(lambda a, z: np.sqrt(z), lambda a, z: 0.5 / np.sqrt(z), ruled=False),
    "square": Curve(lambda a, z: z * z, lambda a, z: 2.0 * z, ruled=False),
    "abs": Curve(lambda a, z: np.abs(z), lambda a, z: np.sign(z), at_zero, ruled=False),
    "negative": Curve(lambda a, z: -z, lambda a, z: -np.ones_like(z), ruled=False),
}


def curve_of(op: str, attributes: Attributes) -> Curve | None:
    if op == "Activation":
        return CURVES[attributes.text("act_type")]
    if op == "LeakyReLU":
        return CURVES[attributes.text("act_type", "leaky")]
    return CURVES.get(op)


def register_curve(op: str) -> None:
    """Forward, backward and kinks of an operator that applies a curve."""

    def curve(attributes: Attributes) -> Curve:
        found = curve_of(op, attributes)
        assert found is not None
        return found

    FORWARD[op] = lambda a, *inputs: curve(a).value(a, *inputs)
    BACKWARD[op] = lambda a, dy, y, *inputs: (dy * curve(a).slope(a, *inputs),)

    def kinks(a: Attributes, z: np.ndarray, *_: np.ndarray) -> np.ndarray:
        gaps = [np.abs(z - place) for place in curve(a).kinks(a)]
        return np.min(gaps, axis=0) if gaps else np.full(z.shape, np.inf)

    KINKS[op] = kinks


OWN_OPERATOR = "relu sigmoid tanh softsign hard_sigmoid clip exp log sqrt square abs negative"
for _name in ["Activation", "LeakyReLU", *OWN_OPERATOR.split()]:
    register_curve(_name)


# ------------------------------------------------------------------------- arithmetic with a scalar
# name -> (f(x, s), df/dx)

SCALAR: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "_plus_scalar": (lambda x, s: x + s, lambda x, s: 1.0),
    "_minus_scalar": (lambda x, s: x - s, lambda x, s: 1.0),
    "_rminus_scalar": (lambda x, s: s - x, lambda x, s: -1.0),
    "_mul_scalar": (lambda x, s: x * s, lambda x, s: s),
    "_div_scalar": (lambda x, s: x / s, lambda x, s: 1.0 / s),
    "_rdiv_scalar": (lambda x, s: s / x, lambda x, s: -s / x**2),
    "_power_scalar": (lambda x, s: x**s, lambda x, s: s * x ** (s - 1.0)),
    "_rpower_scalar": (lambda x, s: s**x, lambda x, s: s**x * math.log(s)),
    "_maximum_scalar": (np.maximum, lambda x, s: 1.0 * (x >= s)),
    "_minimum_scalar": (np.minimum, lambda x, s: 1.0 * (x <= s)),
}


def register_scalar(op: str) -> None:
    value, slope = SCALAR[op]
    FORWARD[op] = lambda a, x: value(x, a.number("scalar", 1.0))
    BACKWARD[op] = lambda a, dy, y, x: (dy * slope(x, a.number("scalar", 1.0)),)


for _name in SCALAR:
    register_scalar(_name)


@register(KINKS, "_maximum_scalar", "_minimum_scalar")
def scalar_kinks(a: Attributes, x: np.ndarray) -> np.ndarray:
    return np.abs(x - a.number("scalar", 1.0))


# ------------------------------------------------------------------------- arithmetic of two arrays
# name -> (f(p, q), df/dp, df/dq)

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "add": (lambda p, q: p + q, lambda p, q: 1.0, lambda p, q: 1.0),
    "sub": (lambda p, q: p - q, lambda p, q: 1.0, lambda p, q: -1.0),
    "mul": (lambda p, q: p * q, lambda p, q: q, lambda p, q: p),
    "div": (lambda p, q: p / q, lambda p, q: 1.0 / q, lambda p, q: -p / q**2),
    "maximum": (np.maximum, lambda p, q: 1.0 * (p >= q), lambda p, q: 1.0 * (p < q)),
    "minimum": (np.minimum, lambda p, q: 1.0 * (p <= q), lambda p, q: 1.0 * (p > q)),
}
PAIR_NAMES = {
    "add": "elemwise_add broadcast_add broadcast_plus _add _plus _Plus",
    "sub": "elemwise_sub broadcast_sub broadcast_minus _sub _minus _Minus",
    "mul": "elemwise_mul broadcast_mul _mul _Mul",
    "div": "elemwise_div broadcast_div _div _Div",
    "maximum": "_maximum _Maximum broadcast_maximum",
    "minimum": "_minimum _Minimum broadcast_minimum",
}


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which an operand of this shape was repeated."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=repeated, keepdims=True)


def register_pair(kind: str) -> None:
    value, left, right = PAIRS[kind]

    def backward(a: Attributes, dy: np.ndarray, y: np.ndarray, p: np.ndarray, q: np.ndarray) -> Any:
        return unbroadcast(dy * left(p, q), p.shape), unbroadcast(dy * right(p, q), q.shape)

    names = PAIR_NAMES[kind].split()
    register(FORWARD, *names)(lambda a, p, q: value(p, q))
    register(BACKWARD, *names)(backward)
    if kind in ("maximum", "minimum"):
        register(KINKS, *names)(lambda a, p, q: np.abs(p - q))


for _name in PAIRS:
    register_pair(_name)


@register(FORWARD, "add_n", "ElementWiseSum")
def add_n(a: Attributes, *terms: np.ndarray) -> np.ndarray:
    return sum(terms[1:], terms[0])


@register(BACKWARD, "add_n", "ElementWiseSum")
def add_n_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, *terms: np.ndarray) -> Any:
    return (dy,) * len(terms)


# --------------------------------------------------------------- sliding windows, for conv and pool


@dataclass(frozen=True)
class Windows:
    """How a kernel slides over the spatial axes, one number per axis in each field."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilate: tuple[int, ...]
    pad: tuple[int, ...]

    @staticmethod
    def of(a: Attributes, kernel: tuple[int, ...]) -> Windows:
        if a.text("layout", "None") not in ("None", "NCW", "NCHW", "NCDHW"):
            raise NotImplementedError(f"layout {a.text('layout')}: only channels first")
        ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
        return Windows(
            kernel,
            a.integers("stride", ones),
            a.integers("dilate", ones),
            # 'same' pooling wants three pads whatever the rank
            a.integers("pad", zeros)[: len(kernel)],
        )

    @property
    def extent(self) -> tuple[int, ...]:
        """The length a dilated kernel covers."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilate))

    def count(self, size: Sequence[int], full: bool = False) -> tuple[int, ...]:
        """How many windows fit along each axis; 'full' also counts a last incomplete one."""
        rooms = [n + 2 * p - e for n, p, e in zip(size, self.pad, self.extent)]
        steps = zip(rooms, self.stride)
        return tuple((-(-r // s) if full else r // s) + 1 for r, s in steps)

    def padding(self, size: Sequence[int], out: Sequence[int]) -> list[tuple[int, int]]:
        """Padding before and behind each axis, behind as much as the last window needs."""
        ends = [(o - 1) * s + e for o, s, e in zip(out, self.stride, self.extent)]
        behind = [max(p, end - p - n) for p, end, n in zip(self.pad, ends, size)]
        return [(0, 0), (0, 0), *zip(self.pad, behind)]

    def taps(self, out: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
        """Each kernel offset in scan order, with the part of the padded input it meets."""
        for offset in np.ndindex(*self.kernel):
            starts = [i * d for i, d in zip(offset, self.dilate)]
            parts = [slice(b, b + s * (n - 1) + 1, s) for b, s, n in zip(starts, self.stride, out)]
            yield offset, (Ellipsis, *parts)


def gather(
    x: np.ndarray, weight: np.ndarray, windows: Windows, groups: int, out: Sequence[int]
) -> np.ndarray:
    """Cross-correlation of x (N, C, ...) with weight (O, C/groups, ...), offset by offset."""
    padded = np.pad(x, windows.padding(x.shape[2:], out))
    batch, channels = x.shape[:2]
    grouped = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.zeros((batch, groups, grouped.shape[1], math.prod(out)))
    for offset, part in windows.taps(out):
        seen = padded[part].reshape(batch, groups, channels // groups, -1)
        y += np.ascontiguousarray(grouped[(Ellipsis, *offset)]) @ seen
    return y.reshape(batch, -1, *out)


def scatter(
    dy: np.ndarray, weight: np.ndarray, windows: Windows, groups: int, size: Sequence[int]
) -> np.ndarray:
    """The transpose of `gather`: every output value is spread over the inputs that made it."""
    batch, out = dy.shape[0], dy.shape[2:]
    grouped = weight.reshape(groups, -1, *weight.shape[1:])
    padding = windows.padding(size, out)
    channels = groups * weight.shape[1]
    dx = np.zeros((batch, channels, *(n + p + q for n, (p, q) in zip(size, padding[2:]))))
    seen = dy.reshape(batch, groups, grouped.shape[1], -1)
    for offset, part in windows.taps(out):
        tap = np.ascontiguousarray(grouped[(Ellipsis, *offset)])
        dx[part] += (np.swapaxes(tap, 1, 2) @ seen).reshape(batch, channels, *out)
    return unpad(dx, padding, size)


def unpad(x: np.ndarray, padding: Sequence[tuple[int, int]], size: Sequence[int]) -> np.ndarray:
    return x[(Ellipsis, *(slice(p, p + n) for n, (p, _) in zip(size, padding[2:])))]


# ------------------------------------------------------------------------------------ linear layers


@register(FORWARD, "Convolution")
def convolution(a: Attributes, x: np.ndarray, weight: np.ndarray, *bias: np.ndarray) -> np.ndarray:
    windows = Windows.of(a, a.integers("kernel"))
    y = gather(x, weight, windows, a.integer("num_group", 1), windows.count(x.shape[2:]))
    return y if a.flag("no_bias") else y + on_axis(bias[0], y.ndim, 1)


@register(BACKWARD, "Convolution")
def convolution_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, weight: np.ndarray, *_: np.ndarray
) -> Any:
    windows = Windows.of(a, a.integers("kernel"))
    return (scatter(dy, weight, windows, a.integer("num_group", 1), x.shape[2:]),)


def deconvolution_size(a: Attributes, size: Sequence[int]) -> tuple[Windows, list[int]]:
    """The windows of the convolution this one transposes, and the size of its output."""
    windows = Windows.of(a, a.integers("kernel"))
    lengths = [(n - 1) * s + e for n, s, e in zip(size, windows.stride, windows.extent)]
    target = a.integers("target_shape")
    if any(target):  # then the given pad and adj are ignored
        pad = tuple((n - t + 1) // 2 for n, t in zip(lengths, target))
        return Windows(windows.kernel, windows.stride, windows.dilate, pad), list(target)
    adj = a.integers("adj", (0,) * len(size))
    return windows, [n - 2 * p + j for n, p, j in zip(lengths, windows.pad, adj)]


@register(FORWARD, "Deconvolution")
def deconvolution(
    a: Attributes, x: np.ndarray, weight: np.ndarray, *bias: np.ndarray
) -> np.ndarray:
    windows, size = deconvolution_size(a, x.shape[2:])
    y = scatter(x, weight, windows, a.integer("num_group", 1), size)
    return y if a.flag("no_bias", True) else y + on_axis(bias[0], y.ndim, 1)


@register(BACKWARD, "Deconvolution")
def deconvolution_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, weight: np.ndarray, *_: np.ndarray
) -> Any:
    windows, _size = deconvolution_size(a, x.shape[2:])
    return (gather(dy, weight, windows, a.integer("num_group", 1), x.shape[2:]),)


@register(FORWARD, "FullyConnected")
def fully_connected(
    a: Attributes, x: np.ndarray, weight: np.ndarray, *bias: np.ndarray
) -> np.ndarray:
    rows = x.reshape(len(x), -1) if a.flag("flatten", True) else x
    y = rows @ weight.T
    return y if a.flag("no_bias") else y + bias[0]


@register(BACKWARD, "FullyConnected")
def fully_connected_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, weight: np.ndarray, *_: np.ndarray
) -> Any:
    return ((dy @ weight).reshape(x.shape),)


def dot_axes(a: Attributes, p: np.ndarray, q: np.ndarray) -> tuple[int, int]:
    """The axis of each factor that is summed over."""
    first = 0 if a.flag("transpose_a") else p.ndim - 1
    second = q.ndim - 1 if a.flag("transpose_b") else 0
    return first, second


@register(FORWARD, "dot")
def dot(a: Attributes, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.atleast_1d(np.tensordot(p, q, dot_axes(a, p, q)))


@register(BACKWARD, "dot")
def dot_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, p: np.ndarray, q: np.ndarray) -> Any:
    first, second = dot_axes(a, p, q)
    dy = dy.reshape(np.delete(p.shape, first).tolist() + np.delete(q.shape, second).tolist())
    rest_p, rest_q = p.ndim - 1, q.ndim - 1
    others_p = [i for i in range(p.ndim) if i != first]
    others_q = [i for i in range(q.ndim) if i != second]
    dp = np.tensordot(dy, q, (list(range(rest_p, rest_p + rest_q)), others_q))
    dq = np.tensordot(p, dy, (others_p, list(range(rest_p))))
    return np.moveaxis(dp, -1, first), np.moveaxis(dq, 0, second)


# ------------------------------------------------------------------------------------------ pooling

NO_VALUE = float(np.finfo(np.float32).min)  # what MXNet's maximum starts from


def pool_windows(a: Attributes, x: np.ndarray) -> tuple[Windows, tuple[int, ...]]:
    """The sliding windows and their number; a global pool is one window over everything."""
    size = x.shape[2:]
    if a.flag("global_pool"):
        ones, zeros = (1,) * len(size), (0,) * len(size)
        return Windows(size, ones, ones, zeros), ones
    windows = Windows.of(a, a.integers("kernel"))
    convention = a.text("pooling_convention", "valid")
    if convention == "same":
        return windows, tuple(
            -(-(n + 2 * p) // s) for n, p, s in zip(size, windows.pad, windows.stride)
        )
    return windows, windows.count(size, full=convention == "full")


def window_sizes(a: Attributes, windows: Windows, size: Sequence[int], out: Sequence[int]) -> Any:
    """What an average divides by: the cells of each window, without those beyond the padding.

    An incomplete last window ends at the padding's edge, so it counts fewer cells.
    """
    total = np.ones(())
    for n, o, k, s, p in zip(size, out, windows.kernel, windows.stride, windows.pad):
        first = np.arange(o) * s - p
        last = np.minimum(first + k, n + p)
        if not a.flag("count_include_pad", True):
            first, last = np.maximum(first, 0), np.minimum(last, n)
        total = total[..., None] * np.maximum(last - first, 0)
    return np.maximum(total, 1.0)


def largest_two(a: Attributes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In each window the maximum, the runner-up, and the first tap that met the maximum."""
    windows, out = pool_windows(a, x)
    padded = np.pad(x, windows.padding(x.shape[2:], out), constant_values=NO_VALUE)
    best = np.full((*x.shape[:2], *out), NO_VALUE)
    second, where = best.copy(), np.zeros(best.shape, dtype=int)
    for i, (_, part) in enumerate(windows.taps(out)):
        second = np.maximum(second, np.minimum(best, padded[part]))
        where[padded[part] > best] = i
        best = np.maximum(best, padded[part])
    return best, second, where


@register(FORWARD, "Pooling")
def pooling(a: Attributes, x: np.ndarray) -> np.ndarray:
    kind = a.text("pool_type", "max")
    if kind == "max":
        return largest_two(a, x)[0]
    if kind not in ("avg", "sum"):
        raise NotImplementedError(f"Pooling with pool_type {kind!r}")
    windows, out = pool_windows(a, x)
    padded = np.pad(x, windows.padding(x.shape[2:], out))
    total = sum(padded[part] for _, part in windows.taps(out))
    return total if kind == "sum" else total / window_sizes(a, windows, x.shape[2:], out)


@register(BACKWARD, "Pooling")
def pooling_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    kind, (windows, out) = a.text("pool_type", "max"), pool_windows(a, x)
    padding = windows.padding(x.shape[2:], out)
    dx = np.zeros([n + p + q for n, (p, q) in zip(x.shape, padding)])
    if kind == "max":
        where = largest_two(a, x)[2]
    elif kind == "avg":
        dy = dy / window_sizes(a, windows, x.shape[2:], out)
    for i, (_, part) in enumerate(windows.taps(out)):
        dx[part] += dy * (where == i) if kind == "max" else dy
    return (unpad(dx, padding, x.shape[2:]),)


@register(KINKS, "Pooling")
def pooling_kinks(a: Attributes, x: np.ndarray) -> np.ndarray:
    """How far the maximum leads.

    Exactly equal values are no near tie: they are clamped zeros, equal in any precision, and the
    first of them wins in any.
    """
    if a.text("pool_type", "max") != "max":
        return np.full(1, np.inf)
    best, second, _ = largest_two(a, x)
    return np.where(best == second, np.inf, best - second)


# ------------------------------------------------------------------------------------ normalization


def batch_scale(a: Attributes, gamma: np.ndarray, variance: np.ndarray) -> np.ndarray:
    gain = np.ones_like(gamma) if a.flag("fix_gamma", True) else gamma
    return gain / np.sqrt(variance + a.number("eps", 1e-3))


@register(FORWARD, "BatchNorm", "BatchNorm_v1")
def batch_norm(
    a: Attributes,
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> np.ndarray:
    axis, scale = a.integer("axis", 1), batch_scale(a, gamma, variance)
    return x * on_axis(scale, x.ndim, axis) + on_axis(beta - mean * scale, x.ndim, axis)


@register(BACKWARD, "BatchNorm", "BatchNorm_v1")
def batch_norm_backward(
    a: Attributes,
    dy: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> Any:
    return (dy * on_axis(batch_scale(a, gamma, variance), x.ndim, a.integer("axis", 1)),)


def standardize(x: np.ndarray, axes: tuple[int, ...], eps: float) -> tuple[np.ndarray, np.ndarray]:
    """x with mean 0 and variance 1 over these axes, and the deviation it was divided by."""
    centred = x - x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=axes, keepdims=True) + eps)
    return centred / deviation, deviation


def standardize_backward(
    dy: np.ndarray, x: np.ndarray, axes: tuple[int, ...], eps: float
) -> np.ndarray:
    unit, deviation = standardize(x, axes, eps)
    along = (dy * unit).mean(axis=axes, keepdims=True)
    return (dy - dy.mean(axis=axes, keepdims=True) - unit * along) / deviation


@register(FORWARD, "InstanceNorm")
def instance_norm(a: Attributes, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    unit, _ = standardize(x, tuple(range(2, x.ndim)), a.number("eps", 1e-3))
    return unit * on_axis(gamma, x.ndim, 1) + on_axis(beta, x.ndim, 1)


@register(BACKWARD, "InstanceNorm")
def instance_norm_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray
) -> Any:
    axes, eps = tuple(range(2, x.ndim)), a.number("eps", 1e-3)
    return (standardize_backward(dy * on_axis(gamma, x.ndim, 1), x, axes, eps),)


@register(FORWARD, "LayerNorm")
def layer_norm(a: Attributes, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    axis = a.integer("axis", -1)
    unit, _ = standardize(x, (axis,), a.number("eps", 1e-5))
    return unit * on_axis(gamma, x.ndim, axis) + on_axis(beta, x.ndim, axis)


@register(BACKWARD, "LayerNorm")
def layer_norm_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray
) -> Any:
    axis, eps = a.integer("axis", -1), a.number("eps", 1e-5)
    return (standardize_backward(dy * on_axis(gamma, x.ndim, axis), x, (axis,), eps),)


def in_groups(a: Attributes, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...], float]:
    """x as (N, groups, C/groups, ...), the axes of one group, epsilon."""
    grouped = x.reshape(len(x), a.integer("num_groups", 1), -1, *x.shape[2:])
    return grouped, tuple(range(2, grouped.ndim)), a.number("eps", 1e-5)


@register(FORWARD, "GroupNorm")
def group_norm(a: Attributes, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    grouped, axes, eps = in_groups(a, x)
    unit, _ = standardize(grouped, axes, eps)
    # MXNet 1.9 has one gamma and one beta per group, not per channel
    y = unit * on_axis(gamma, grouped.ndim, 1) + on_axis(beta, grouped.ndim, 1)
    return y.reshape(x.shape)


@register(BACKWARD, "GroupNorm")
def group_norm_backward(
    a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray
) -> Any:
    grouped, axes, eps = in_groups(a, x)
    scaled = dy.reshape(grouped.shape) * on_axis(gamma, grouped.ndim, 1)
    return (standardize_backward(scaled, grouped, axes, eps).reshape(x.shape),)


def neighbours(x: np.ndarray, width: int) -> np.ndarray:
    """The sum over `width` adjacent channels, the window centred on each."""
    padded = np.pad(x, [(0, 0), (width // 2, width // 2)] + [(0, 0)] * (x.ndim - 2))
    return sum(padded[:, i : i + x.shape[1]] for i in range(width))


def lrn_base(a: Attributes, x: np.ndarray) -> np.ndarray:
    width = a.integer("nsize")
    energy = neighbours(x**2, width)
    return a.number("knorm", 2.0) + a.number("alpha", 1e-4) / width * energy


@register(FORWARD, "LRN")
def lrn(a: Attributes, x: np.ndarray) -> np.ndarray:
    return x * lrn_base(a, x) ** -a.number("beta", 0.75)


@register(BACKWARD, "LRN")
def lrn_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    base, beta, width = lrn_base(a, x), a.number("beta", 0.75), a.integer("nsize")
    shared = neighbours(dy * x * base ** (-beta - 1.0), width)
    return (dy * base**-beta - 2.0 * beta * a.number("alpha", 1e-4) / width * x * shared,)


def l2_norm(a: Attributes, x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    spans = {
        "instance": tuple(range(1, x.ndim)),
        "channel": (1,),
        "spatial": tuple(range(2, x.ndim)),
    }
    axes = spans[a.text("mode", "instance")]
    return np.sqrt((x**2).sum(axis=axes, keepdims=True) + a.number("eps", 1e-10)), axes


@register(FORWARD, "L2Normalization")
def l2_normalization(a: Attributes, x: np.ndarray) -> np.ndarray:
    return x / l2_norm(a, x)[0]


@register(BACKWARD, "L2Normalization")
def l2_normalization_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    norm, axes = l2_norm(a, x)
    return ((dy - y * (dy * y).sum(axis=axes, keepdims=True)) / norm,)


# ------------------------------------------------------------------------------------------ softmax


def reject_length(a: Attributes) -> None:
    if a.flag("use_length"):
        raise NotImplementedError("softmax with use_length")


@register(FORWARD, "softmax")
def softmax(a: Attributes, x: np.ndarray) -> np.ndarray:
    reject_length(a)
    axis, temperature = a.integer("axis", -1), a.value("temperature") or 1.0
    powers = np.exp((x - x.max(axis=axis, keepdims=True)) / temperature)
    return powers / powers.sum(axis=axis, keepdims=True)


@register(BACKWARD, "softmax")
def softmax_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    mean = (dy * y).sum(axis=a.integer("axis", -1), keepdims=True)
    return (y * (dy - mean) / (a.value("temperature") or 1.0),)


@register(FORWARD, "log_softmax")
def log_softmax(a: Attributes, x: np.ndarray) -> np.ndarray:
    reject_length(a)
    axis = a.integer("axis", -1)
    shifted = (x - x.max(axis=axis, keepdims=True)) / (a.value("temperature") or 1.0)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@register(BACKWARD, "log_softmax")
def log_softmax_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    total = dy.sum(axis=a.integer("axis", -1), keepdims=True)
    return ((dy - np.exp(y) * total) / (a.value("temperature") or 1.0),)


# ------------------------------------------------------------------------- identities and constants


@register(FORWARD, "Dropout")
def dropout(a: Attributes, x: np.ndarray) -> np.ndarray:
    if a.text("mode", "training") != "training":
        raise NotImplementedError("Dropout with mode 'always' is random")
    return x


@register(FORWARD, "Cast", "cast")
def cast(a: Attributes, x: np.ndarray) -> np.ndarray:
    if not a.text("dtype").startswith("float"):
        raise NotImplementedError(f"Cast to {a.text('dtype')}")
    return x


@register(FORWARD, "identity", "_copy", "BlockGrad", "stop_gradient")
def identity(a: Attributes, x: np.ndarray) -> np.ndarray:
    return x


@register(BACKWARD, "identity", "_copy", "Dropout", "Cast", "cast")
def identity_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    return (dy,)


@register(BACKWARD, "BlockGrad", "stop_gradient")
def block_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    return (np.zeros_like(dy),)


# -------------------------------------------------------------------------------------------- shape


def reshaped(source: Sequence[int], codes: Sequence[int]) -> list[int]:
    """The shape that the codes 0, -1, -2, -3, -4 stand for (-1 is left for numpy to infer)."""
    result: list[int] = []
    rest, pending = list(source), list(codes)
    while pending:
        code = pending.pop(0)
        if code == 0:  # copy one
            result.append(rest.pop(0))
        elif code == -2:  # copy all that are left
            result += rest
            rest = []
        elif code == -3:  # merge two
            result.append(rest.pop(0) * rest.pop(0))
        elif code == -4:  # split one into the next two codes, of which one may be -1
            whole, first, second = rest.pop(0), pending.pop(0), pending.pop(0)
            first = whole // second if first == -1 else first
            result += [first, whole // first]
        else:
            result.append(code)
            rest = rest[1:]
    return result


@register(FORWARD, "Reshape", "reshape")
def reshape(a: Attributes, x: np.ndarray) -> np.ndarray:
    codes = a.integers("shape")
    if not codes:
        raise NotImplementedError("Reshape without shape")
    if not a.flag("reverse"):
        return x.reshape(reshaped(x.shape, codes))
    if -4 in codes:
        raise NotImplementedError("Reshape with reverse and code -4")
    return x.reshape(reshaped(x.shape[::-1], codes[::-1])[::-1])


@register(FORWARD, "Flatten", "flatten")
def flatten(a: Attributes, x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


@register(FORWARD, "expand_dims")
def expand_dims(a: Attributes, x: np.ndarray) -> np.ndarray:
    return np.expand_dims(x, a.integer("axis"))


@register(FORWARD, "squeeze")
def squeeze(a: Attributes, x: np.ndarray) -> np.ndarray:
    return np.atleast_1d(np.squeeze(x, axis=a.integers("axis") or None))


@register(BACKWARD, "Reshape", "reshape", "Flatten", "flatten", "expand_dims", "squeeze")
def same_numbers_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    return (dy.reshape(x.shape),)


@register(FORWARD, "transpose")
def transpose(a: Attributes, x: np.ndarray) -> np.ndarray:
    return np.transpose(x, a.integers("axes") or None)


@register(BACKWARD, "transpose")
def transpose_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    axes = a.integers("axes")
    return (np.transpose(dy, np.argsort(axes) if axes else None),)


@register(FORWARD, "SwapAxis", "swapaxes")
def swap_axes(a: Attributes, x: np.ndarray) -> np.ndarray:
    return np.swapaxes(x, a.integer("dim1", 0), a.integer("dim2", 0))


@register(BACKWARD, "SwapAxis", "swapaxes")
def swap_axes_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    return (swap_axes(a, dy),)


@register(FORWARD, "Concat", "concat")
def concat(a: Attributes, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=a.integer("dim", 1))


@register(BACKWARD, "Concat", "concat")
def concat_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, *parts: np.ndarray) -> Any:
    axis = a.integer("dim", 1)
    return np.split(dy, np.cumsum([part.shape[axis] for part in parts])[:-1], axis=axis)


@register(FORWARD, "SliceChannel", "split")
def slice_channel(a: Attributes, x: np.ndarray) -> list[np.ndarray]:
    axis = a.integer("axis", 1)
    parts = np.split(x, a.integer("num_outputs"), axis=axis)
    return [np.squeeze(part, axis) for part in parts] if a.flag("squeeze_axis") else parts


@register(BACKWARD, "SliceChannel", "split")
def slice_channel_backward(
    a: Attributes, dy: list[np.ndarray], y: list[np.ndarray], x: np.ndarray
) -> Any:
    join = np.stack if a.flag("squeeze_axis") else np.concatenate
    return (join(dy, axis=a.integer("axis", 1)),)


def axis_part(a: Attributes, x: np.ndarray) -> tuple[slice, ...]:
    parts = [slice(None)] * x.ndim
    parts[a.integer("axis")] = slice(a.integer("begin"), a.value("end"))
    return tuple(parts)


@register(FORWARD, "slice_axis")
def slice_axis(a: Attributes, x: np.ndarray) -> np.ndarray:
    return x[axis_part(a, x)]


@register(BACKWARD, "slice_axis")
def slice_axis_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    dx = np.zeros_like(x)
    dx[axis_part(a, x)] = dy
    return (dx,)


def pad_arguments(a: Attributes) -> tuple[list[tuple[int, int]], Any]:
    flat = a.integers("pad_width")
    return list(zip(flat[::2], flat[1::2])), a.text("mode", "constant")


@register(FORWARD, "Pad", "pad")
def pad(a: Attributes, x: np.ndarray) -> np.ndarray:
    widths, mode = pad_arguments(a)
    if mode == "constant":
        return np.pad(x, widths, constant_values=a.number("constant_value", 0.0))
    return np.pad(x, widths, mode=mode)


@register(BACKWARD, "Pad", "pad")
def pad_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, x: np.ndarray) -> Any:
    widths, mode = pad_arguments(a)
    if mode == "constant":
        return (dy[tuple(slice(p, p + n) for n, (p, _) in zip(x.shape, widths))],)
    # padding the element numbers tells which input each output was copied from
    source = np.pad(np.arange(x.size).reshape(x.shape), widths, mode=mode)
    return (np.bincount(source.ravel(), dy.ravel(), x.size).reshape(x.shape),)


def repeated(x: np.ndarray, times: int) -> np.ndarray:
    return x.repeat(times, axis=2).repeat(times, axis=3)


def upsampling_plan(a: Attributes, xs: Sequence[np.ndarray]) -> tuple[list[int], bool]:
    """The factor that brings each input to `scale` times the first one; whether they are added."""
    if a.text("sample_type") != "nearest":
        raise NotImplementedError(f"UpSampling with sample_type {a.text('sample_type')!r}")
    height = xs[0].shape[2] * a.integer("scale")
    return [height // x.shape[2] for x in xs], a.text("multi_input_mode", "concat") == "sum"


@register(FORWARD, "UpSampling")
def upsampling(a: Attributes, *xs: np.ndarray) -> np.ndarray:
    factors, adds = upsampling_plan(a, xs)
    large = [repeated(x, times) for x, times in zip(xs, factors)]
    return sum(large[1:], large[0]) if adds else np.concatenate(large, axis=1)


@register(BACKWARD, "UpSampling")
def upsampling_backward(a: Attributes, dy: np.ndarray, y: np.ndarray, *xs: np.ndarray) -> Any:
    factors, adds = upsampling_plan(a, xs)
    cuts = np.cumsum([x.shape[1] for x in xs])[:-1]
    parts = [dy] * len(xs) if adds else np.split(dy, cuts, axis=1)
    blocks = [
        part.reshape(*x.shape[:3], times, x.shape[3], times)
        for part, x, times in zip(parts, xs, factors)
    ]
    return [block.sum(axis=(3, 5)) for block in blocks]


# ---------------------------------------------------------------------------------------- reduction


def reduced_axes(a: Attributes, ndim: int) -> tuple[int, ...]:
    axes = tuple(i % ndim for i in a.integers("axis")) or tuple(range(ndim))
    if a.flag("exclude") and a.integers("axis"):
        return tuple(i for i in range(ndim) if i not in axes)
    return axes


def reduction(function: Callable[..., Any], a: Attributes, x: np.ndarray) -> np.ndarray:
    kept = a.flag("keepdims")
    return np.atleast_1d(function(x, axis=reduced_axes(a, x.ndim), keepdims=kept))


def spread(a: Attributes, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy given to every element of its reduction."""
    axes = reduced_axes(a, x.ndim)
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    return np.broadcast_to(dy.reshape(kept), x.shape)


register(FORWARD, "sum", "sum_axis")(lambda a, x: reduction(np.sum, a, x))
register(BACKWARD, "sum", "sum_axis")(lambda a, dy, y, x: (spread(a, dy, x),))
register(FORWARD, "mean")(lambda a, x: reduction(np.mean, a, x))
register(BACKWARD, "mean")(lambda a, dy, y, x: (spread(a, dy, x) * (y.size / x.size),))


# -------------------------------------------------------------------------------------- interpreter


class Reference:
    """The graph of ``symbol_json`` with parameters ``params``, all in float64.

    ``values`` has every array of the last forward pass under its MXNet output name,
    ``<node>_output`` or ``<node>_output<i>``, and inputs and parameters under their own.
    """

    def __init__(self, symbol_json: str, params: Mapping[str, np.ndarray]) -> None:
        graph = json.loads(symbol_json)
        self.nodes = read_nodes(graph)
        self.heads: list[tuple[int, int]] = [(head[0], head[1]) for head in graph["heads"]]
        self.params = {name: np.asarray(p, dtype=np.float64) for name, p in params.items()}
        self.values: dict[str, np.ndarray] = {}
        self._outputs: list[list[np.ndarray]] = []
        self._live: list[bool] = []
        for node in self.nodes:
            known = node.op == "null" or (node.op in FORWARD and node.op in BACKWARD)
            if not known:
                raise NotImplementedError(f"operator {node.op!r} (node {node.name!r})")

    @property
    def input_names(self) -> list[str]:
        """The variables that are no parameters."""
        return [n.name for n in self.nodes if n.op == "null" and n.name not in self.params]

    @property
    def activations(self) -> list[str]:
        """The nodes that the guided and deconvnet rules act on."""
        return [node.name for i, node in enumerate(self.nodes) if self._ruled(i)]

    def value(self, name: str) -> np.ndarray:
        """The (first) output of a node, by node name or output name."""
        for key in (name, f"{name}_output", f"{name}_output0"):
            if key in self.values:
                return self.values[key]
        raise KeyError(f"no node {name!r}; run forward first")

    def forward(self, x: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray:
        """The first head's value for an input array, or for a dict of input arrays."""
        if isinstance(x, Mapping):
            fed = {name: np.asarray(array, dtype=np.float64) for name, array in x.items()}
        else:
            if len(self.input_names) != 1:
                raise ValueError(f"inputs are {self.input_names}: give a dict of arrays")
            fed = {self.input_names[0]: np.asarray(x, dtype=np.float64)}
        given = {**self.params, **fed}
        self.values, self._outputs, self._live = {}, [], []
        for node in self.nodes:
            if node.op == "null":
                if node.name not in given:
                    raise KeyError(f"no value for the variable {node.name!r}")
                self.values[node.name] = given[node.name]
                self._outputs.append([given[node.name]])
                self._live.append(node.name in fed)
                continue
            y = FORWARD[node.op](node.attributes, *self._inputs(node))
            outputs = y if isinstance(y, list) else [y]
            for i, array in enumerate(outputs):
                suffix = str(i) if isinstance(y, list) else ""
                self.values[f"{node.name}_output{suffix}"] = array
            self._outputs.append(outputs)
            self._live.append(any(self._live[i] for i, _ in node.inputs))
        number, output = self.heads[0]
        return self._outputs[number][output]

    def backward(
        self, head_gradient: np.ndarray, rule: str = "plain", head: str | None = None
    ) -> dict[str, np.ndarray]:
        """Gradients at every node above the head: node name -> gradient at its (first) output.

        The head is the first one of the graph, or the output of the node named by ``head``. The
        further outputs of a split are under their output names. Parameters of layers (weight, bias,
        gamma) get no gradient.
        """
        if rule not in RULES:
            raise ValueError(f"rule {rule!r}: one of {RULES}")
        if not self._outputs:
            raise RuntimeError("backward before forward")
        start = self.heads[0] if head is None else (self._number(head), 0)
        seed = np.asarray(head_gradient, dtype=np.float64)
        if seed.shape != self._outputs[start[0]][start[1]].shape:
            raise ValueError(f"head gradient has shape {seed.shape}, the head another one")

        sums: dict[tuple[int, int], np.ndarray] = {start: seed}
        for number in range(start[0], -1, -1):
            node, outputs = self.nodes[number], self._outputs[number]
            reached = any((number, i) in sums for i in range(len(outputs)))
            if node.op == "null" or not reached:
                continue
            for i, array in enumerate(outputs):  # outputs that nobody used
                sums.setdefault((number, i), np.zeros_like(array))
            dys = [sums[number, i] for i in range(len(outputs))]
            for source, gradient in zip(node.inputs, self._node_backward(number, rule, dys)):
                if gradient is not None:
                    sums[source] = sums[source] + gradient if source in sums else gradient
        return {self._gradient_name(*place): gradient for place, gradient in sums.items()}

    def near_ties(self, tolerance: float) -> dict[str, int]:
        """How many elements of each node lie so near a kink that float32 may take the other side.

        ``tolerance`` is relative to the largest magnitude in the node's input. For an activation
        the distance is that to its kink (0 for relu, the bounds for clip), for max pooling the lead
        of the maximum over the runner-up. Nodes that have no kink are left out.
        """
        counts: dict[str, int] = {}
        for node in self.nodes:
            if node.op not in KINKS:
                continue
            inputs = self._inputs(node)
            distance = KINKS[node.op](node.attributes, *inputs)
            if np.isfinite(distance).any():
                scale = float(np.abs(inputs[0]).max())
                counts[node.name] = int((distance <= tolerance * scale).sum())
        return counts

    def _inputs(self, node: Node) -> list[np.ndarray]:
        return [self._outputs[number][output] for number, output in node.inputs]

    def _number(self, name: str) -> int:
        for number, node in enumerate(self.nodes):
            if name in (node.name, f"{node.name}_output"):
                return number
        raise KeyError(f"no node {name!r}")

    def _gradient_name(self, number: int, output: int) -> str:
        name = self.nodes[number].name
        return name if output == 0 else f"{name}_output{output}"

    def _ruled(self, number: int) -> bool:
        node = self.nodes[number]
        curve = curve_of(node.op, node.attributes)
        return curve is not None and curve.ruled and not self._gates(number)

    def _gates(self, number: int) -> bool:
        """Whether a clip is the middle of a hard sigmoid: clip(x + 3, 0, 6) / 6 of MobileNet v3."""
        node = self.nodes[number]
        if node.op != "clip" or self.nodes[node.inputs[0][0]].op != "_plus_scalar":
            return False
        users = [n.op for n in self.nodes if any(source == number for source, _ in n.inputs)]
        return bool(users) and all(op in ("_div_scalar", "_mul_scalar") for op in users)

    def _node_backward(self, number: int, rule: str, dys: list[np.ndarray]) -> list[Any]:
        """One gradient, or None, for each input of a node."""
        node, ys = self.nodes[number], self._outputs[number]
        if rule != "plain" and self._ruled(number):
            dys = [np.maximum(dys[0], 0.0)]
            if rule == "deconvnet":
                return [dys[0]] + [None] * (len(node.inputs) - 1)
        several = node.op in ("SliceChannel", "split")
        dy, y = (dys, ys) if several else (dys[0], ys[0])
        found = BACKWARD[node.op](node.attributes, dy, y, *self._inputs(node))
        gradients = list(found) + [None] * (len(node.inputs) - len(found))
        for gradient, (source, _) in zip(gradients, node.inputs):
            # a weight computed from the image would silently lose its share of the gradient
            if gradient is None and self._live[source]:
                name = self.nodes[source].name
                raise NotImplementedError(f"{node.op} {node.name!r}: gradient for {name!r}")
        return gradients

"""Nets in float64 as lists of operators, with an explicit matrix for each linear one.

    graph = Graph([
        node("x", "input"),
        node("c", "conv", "x", weight=w, bias=b, pad=1),
        node("r", "relu", "c"),
        node("y", "dense", "r", weight=v),
    ])
    values = graph.forward(x)
    gradient = graph.gradient(values, {"y": one_hot})["x"]

Part of the reference that relevance is held against (`naive_relevance_net`). One sample, no batch
axis. Operators, with their parameters:

    dense                 weight (out, in), bias, flatten (True)
    conv, deconv          weight, bias, stride, pad, dilate, groups; deconv: adj
    avg_pool, sum_pool    kernel, stride, pad, convention, count_include_pad
    mean, sum             axis (a tuple; all axes if it is absent), keepdims
    upsample              scale
    add, subtract         of any shapes that broadcast; add of any number of values
    affine                scale, shift, both of shapes that broadcast to the input's
    scale                 factor: a product with a number
    batch_norm            gamma, beta, mean, var, eps; channels are axis 0
    concat, reshape, transpose, slice, identity     axis; shape; axes; index
    relu, leaky, sigmoid, tanh, softrelu            leaky: slope
    multiply              gate: which of the two inputs is one (0 or 1; None is neither)
    max_pool, max         as avg_pool; as mean
    softmax               axis
    layer_norm, group_norm, instance_norm   gamma, beta, eps: the last axis; groups; each channel
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Mapping, Sequence

import numpy as np
from naive_operators import (
    Window,
    average_matrix,
    batch_norm_affine,
    conv_matrix,
    convolution_shape,
    count,
    dense_matrix,
    fixed_statistics,
    max_pool,
    pool_windows,
    reduction_windows,
    softmax,
    softmax_jacobian,
    sum_matrix,
    transposed_conv_matrix,
    transposed_shape,
    upsampling_matrix,
)
from naive_relevance import fold, max_pool_relevance

Values = Dict[str, np.ndarray]
Function = Callable[..., np.ndarray]
Step = Callable[["Node", np.ndarray], Sequence[np.ndarray]]

WEIGHTED = ("dense", "conv", "deconv")
STRUCTURAL = ("concat", "reshape", "transpose", "slice", "identity")
NORMS = ("layer_norm", "group_norm", "instance_norm")
MAXIMA = ("max_pool", "max")


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


# name → (f(z, slope), f'(z, slope)); a kink has the derivative of its negative side
ELEMENTWISE = {
    "relu": (lambda z, _: np.maximum(z, 0), lambda z, _: (z > 0) * 1.0),
    "leaky": (lambda z, a: np.where(z > 0, z, a * z), lambda z, a: np.where(z > 0, 1.0, a)),
    "sigmoid": (lambda z, _: _sigmoid(z), lambda z, _: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": (lambda z, _: np.tanh(z), lambda z, _: 1 - np.tanh(z) ** 2),
    "softrelu": (lambda z, _: np.log1p(np.exp(z)), lambda z, _: _sigmoid(z)),
}


@dataclass(frozen=True)
class Node:
    """An operator: its name, what it is, the names of what it reads, its parameters."""

    name: str
    op: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default where the node has none of this name."""
        return self.parameters.get(name, default)


def node(name: str, op: str, *inputs: str, **parameters: Any) -> Node:
    """An operator, in one line."""
    return Node(name, op, inputs, parameters)


@dataclass(frozen=True)
class Linear:
    """y = M x + b over all inputs of a node one after the other; y has `shape` when unflattened."""

    matrix: np.ndarray
    bias: np.ndarray
    shape: tuple[int, ...]


def structural(node: Node, parts: Sequence[np.ndarray]) -> np.ndarray:
    """What an operator that only moves numbers makes of arrays."""
    if node.op == "concat":
        return np.concatenate(parts, node.get("axis", 0))
    if node.op == "reshape":
        return parts[0].reshape(node.get("shape", (-1,)))
    if node.op == "transpose":
        return parts[0].transpose(node.get("axes"))
    if node.op == "slice":
        return parts[0][node.get("index")]
    return parts[0]


def numbered(shapes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Arrays of these shapes that hold the places of their elements, one array after the other."""
    found, start = [], 0
    for shape in shapes:
        found.append(np.arange(start, start + count(shape)).reshape(shape))
        start += count(shape)
    return found


def over_channels(values: np.ndarray, axes: int) -> np.ndarray:
    """One number for each channel, in a shape that broadcasts over (channels, space …)."""
    return np.reshape(values, (-1,) + (1,) * (axes - 1))


def windows_of(node: Node, shape: Sequence[int]) -> tuple[list[Window], tuple[int, ...]]:
    """The windows of a pooling or of a reduction, and the shape of what comes out."""
    if node.op in ("mean", "sum", "max"):
        axes = node.get("axis", tuple(range(len(shape))))
        return reduction_windows(shape, axes, node.get("keepdims", False))
    options = {key: node.get(key) for key in ("stride", "pad", "convention") if node.get(key)}
    return pool_windows(shape, node.get("kernel"), **options)


def weighted(node: Node, weight: np.ndarray, shape: Sequence[int]) -> Linear:
    """A dense layer or a convolution with this weight; the bias is one for each output channel."""
    bias = node.get("bias", np.zeros(1))
    if node.op == "dense":
        one = node.get("flatten", True) or len(shape) == 1
        matrix = dense_matrix(weight, 1 if one else count(shape[:-1]))
        out = (len(weight),) if one else (*shape[:-1], len(weight))
        return Linear(matrix, np.broadcast_to(bias, out).reshape(-1), out)
    names = ("stride", "pad", "dilate", "groups", *(("adj",) if node.op == "deconv" else ()))
    options = {name: node.get(name) for name in names if node.get(name)}
    if node.op == "conv":
        matrix = conv_matrix(weight, shape, **options)
        out = convolution_shape(
            weight.shape, shape, **{key: v for key, v in options.items() if key != "groups"}
        )
    else:
        matrix = transposed_conv_matrix(weight, shape, **options)
        out = transposed_shape(weight.shape, shape, **options)
    return Linear(matrix, np.broadcast_to(over_channels(bias, len(out)), out).reshape(-1), out)


def linear(node: Node, shapes: Sequence[Sequence[int]]) -> Linear:
    """The matrix and the bias of a linear operator, or of one that moves numbers."""
    size = sum(count(shape) for shape in shapes)
    bias: np.ndarray | None = None
    if node.op in WEIGHTED:
        return merged(node, weighted(node, node.get("weight"), shapes[0]), shapes[0])
    if node.op in STRUCTURAL:
        places = structural(node, numbered(shapes))
        matrix, out = np.zeros((places.size, size)), places.shape
        for row, column in enumerate(places.reshape(-1)):
            matrix[row, column] = 1.0
    elif node.op in ("add", "subtract"):
        out = np.broadcast_shapes(*shapes)
        matrix = np.zeros((count(out), size))
        for part, places in enumerate(numbered(shapes)):
            sign = -1.0 if node.op == "subtract" and part == 1 else 1.0
            for row, column in enumerate(np.broadcast_to(places, out).reshape(-1)):
                matrix[row, column] += sign
    elif node.op in ("affine", "scale", "batch_norm"):
        scale, shift = affine_of(node, shapes[0])
        matrix, bias, out = np.diag(scale.reshape(-1)), shift.reshape(-1), tuple(shapes[0])
    elif node.op == "upsample":
        matrix = upsampling_matrix(shapes[0], node.get("scale"))
        out = (shapes[0][0], *(step * node.get("scale") for step in shapes[0][1:]))
    else:
        windows, out = windows_of(node, shapes[0])
        if node.op in ("sum", "sum_pool"):
            matrix = sum_matrix(windows, size)
        else:
            matrix = average_matrix(windows, size, node.get("count_include_pad", True))
    return Linear(matrix, np.zeros(len(matrix)) if bias is None else bias, tuple(out))


def affine_of(node: Node, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a batch norm or an affine operator, at every place of its input."""
    if node.op == "batch_norm":
        names = ("gamma", "beta", "mean", "var")
        scale, shift = batch_norm_affine(*(node.get(name) for name in names), node.get("eps"))
        scale, shift = over_channels(scale, len(shape)), over_channels(shift, len(shape))
    else:
        scale = np.asarray(node.get("factor" if node.op == "scale" else "scale", 1.0))
        shift = np.asarray(node.get("shift", 0.0))
    return np.broadcast_to(scale, shape), np.broadcast_to(shift, shape)


def merged(node: Node, plain: Linear, shape: Sequence[int]) -> Linear:
    """The layer with the batch norms that `merge_batch_norms` put into it, in front or behind.

    One in front, s x + t, makes M diag(s) and b + M t. The padding of the layer is added behind
    it and stays 0, so that M t is not the same at all positions.
    """
    matrix, bias = plain.matrix, plain.bias
    if node.get("in_front") is not None:
        scale, shift = affine_of(node.get("in_front"), shape)
        matrix, bias = matrix * scale.reshape(-1), bias + matrix @ shift.reshape(-1)
    if node.get("behind") is not None:
        scale, shift = affine_of(node.get("behind"), plain.shape)
        matrix, bias = matrix * scale.reshape(-1, 1), bias * scale.reshape(-1) + shift.reshape(-1)
    return Linear(matrix, bias, plain.shape)


def norm_of(node: Node, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a layer, group or instance norm, its statistics taken as constants."""
    gain, offset = np.asarray(node.get("gamma", 1.0)), np.asarray(node.get("beta", 0.0))
    if node.op == "layer_norm":
        label = np.repeat(np.arange(x.size // x.shape[-1]), x.shape[-1]).reshape(x.shape)
    elif node.op == "group_norm":
        label = np.repeat(np.arange(node.get("groups")), x.size // node.get("groups"))
        label = label.reshape(x.shape)
        # MXNet has one gamma and one beta for each group
        each = (node.get("groups"),)
        gain, offset = (np.broadcast_to(one, each)[label] for one in (gain, offset))
    else:
        label = np.repeat(np.arange(len(x)), x.size // len(x)).reshape(x.shape)
        gain, offset = over_channels(gain, x.ndim), over_channels(offset, x.ndim)
    return fixed_statistics(x, label, gain, offset, node.get("eps", 1e-5))


def along(node: Node, formula: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """A formula on vectors, at each vector along the node's axis."""
    axis = node.get("axis", -1)
    moved = [np.moveaxis(array, axis, -1) for array in arrays]
    found = np.zeros(moved[0].shape)
    for place in np.ndindex(*found.shape[:-1]):
        found[place] = formula(*(array[place] for array in moved))
    return np.moveaxis(found, -1, axis)


class Graph:
    """Operators in an order in which each one reads only what comes before it."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = list(nodes)

    def readers(self, name: str) -> list[Node]:
        """The operators that read a value."""
        return [node for node in self.nodes if name in node.inputs]

    def forward(self, x: np.ndarray | Mapping[str, np.ndarray]) -> Values:
        """Every value in float64; `x` is the input, or a mapping name → input."""
        values: Values = {}
        for one in self.nodes:
            if one.op == "input":
                given = x[one.name] if isinstance(x, Mapping) else x
                values[one.name] = np.array(given, dtype=np.float64)
            else:
                values[one.name] = self._value(one, [values[name] for name in one.inputs])
        return values

    def _value(self, node: Node, inputs: Sequence[np.ndarray]) -> np.ndarray:
        x = inputs[0]
        if node.op in ELEMENTWISE:
            return ELEMENTWISE[node.op][0](x, node.get("slope", 0.25))
        if node.op == "multiply":
            return x * inputs[1]
        if node.op in MAXIMA:
            windows, out = windows_of(node, x.shape)
            return max_pool(x.reshape(-1), windows).reshape(out)
        if node.op == "softmax":
            return along(node, softmax, x)
        if node.op in NORMS:
            scale, shift = norm_of(node, x)
            return scale * x + shift
        layer = linear(node, [one.shape for one in inputs])
        flattened = np.concatenate([one.reshape(-1) for one in inputs])
        return (layer.matrix @ flattened + layer.bias).reshape(layer.shape)

    def walk(
        self,
        start: Mapping[str, np.ndarray],
        step: Step,
        masks: Mapping[str, np.ndarray] = {},
        stop: Sequence[str] = (),
    ) -> Values:
        """From `start` to the inputs; what arrives at a value from several readers adds up.

        `step(node, R)` gives what each input of the node receives. A mask multiplies what has
        arrived at a value before it goes on; it goes no further than the values in `stop`.
        """
        total: Values = {name: np.array(R, dtype=np.float64) for name, R in start.items()}
        for one in reversed(self.nodes):
            if one.name not in total:
                continue
            if one.name in masks:
                total[one.name] = total[one.name] * masks[one.name]
            if one.op == "input" or one.name in stop:
                continue
            for source, part in zip(one.inputs, step(one, total[one.name])):
                total[source] = total.get(source, 0.0) + part
        return total

    def gradient(self, values: Values, start: Mapping[str, np.ndarray]) -> Values:
        """∂ Σ start · value / ∂ every value, by the chain rule with explicit Jacobians."""

        def step(node: Node, g: np.ndarray) -> Sequence[np.ndarray]:
            inputs = [values[name] for name in node.inputs]
            x = inputs[0]
            if node.op in ELEMENTWISE:
                return [ELEMENTWISE[node.op][1](x, node.get("slope", 0.25)) * g]
            if node.op == "multiply":
                return fold(g * inputs[1], x.shape), fold(g * x, inputs[1].shape)
            if node.op in MAXIMA:
                windows, _ = windows_of(node, x.shape)
                back = max_pool_relevance(x.reshape(-1), windows, g.reshape(-1))
                return [back.reshape(x.shape)]
            if node.op == "softmax":
                return [along(node, lambda z, dy: softmax_jacobian(z).T @ dy, x, g)]
            if node.op in NORMS:
                raise NotImplementedError(f"the gradient of {node.op}")
            shapes = [one.shape for one in inputs]
            return apart(linear(node, shapes).matrix.T @ g.reshape(-1), shapes)

        return self.walk(start, step)


def channel_mask(value: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Ones in these channels (axis 0), zeros in the others."""
    mask = np.zeros(value.shape)
    for channel in kept:
        mask[channel] = 1.0
    return mask


def apart(flattened: np.ndarray, shapes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """A vector over all inputs of a node into an array for each of them."""
    return [flattened[places.reshape(-1)].reshape(places.shape) for places in numbered(shapes)]


def connections(node: Node, shapes: Sequence[Sequence[int]]) -> np.ndarray:
    """The matrix of a linear operator with ones in place of its weights."""
    if node.op in WEIGHTED:
        return weighted(node, np.ones(node.get("weight").shape), shapes[0]).matrix
    return (linear(node, shapes).matrix != 0) * 1.0


def merge_batch_norms(graph: Graph) -> Graph:
    """The same net with batch norms in the weights of the convolution or dense layer before them.

    Where there is none, in those of the only layer that reads them. A layer is changed only if
    nothing else reads what changes. Layers and batch norms keep their names, the latter as
    identities: what passes them passes unchanged. A merged layer's value is that behind its norm.
    """
    nodes = {one.name: one for one in graph.nodes}
    for one in graph.nodes:
        if one.op != "batch_norm":
            continue
        before, after = nodes[one.inputs[0]], graph.readers(one.name)
        if before.op in WEIGHTED and len(graph.readers(before.name)) == 1:
            changed = replace(before, parameters={**before.parameters, "behind": one})
        elif len(after) == 1 and after[0].op in WEIGHTED:
            layer = nodes[after[0].name]
            changed = replace(layer, parameters={**layer.parameters, "in_front": one})
        else:
            continue
        nodes[changed.name] = changed
        nodes[one.name] = node(one.name, "identity", *one.inputs)
    return Graph(list(nodes.values()))

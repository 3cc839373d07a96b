"""Nets of the naive reference as MXNet symbols in float64, and LRP of both sides by side."""

from __future__ import annotations

from functools import reduce
from typing import Any, Mapping, Sequence

import numpy as np
from naive_net import WEIGHTED, Graph, Node, Values

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

TOLERANCE = 1e-6
"""Of the largest number; explanations are told in float32, which alone takes 6e-8."""

CHANNELS_LAST = {3: "NWC", 4: "NHWC", 5: "NDHWC"}


def doubles(values: Any, ctx: Any = None) -> Any:
    """An array of MXNet in float64."""
    return mx.nd.array(np.asarray(values), ctx=ctx or mx.cpu(), dtype="float64")


class Translated:
    """A net as (symbol, arg_params, aux_params), each operator under the name of its node.

    Args:
        graph: the net; what its last node gives is the output.
        shapes: of the inputs, without samples.
        ctx: where the parameters are.
        channels_last: whether convolutions and poolings are those with the channels last, between
            transpositions.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, Sequence[int]],
        ctx: Any = None,
        channels_last: bool = False,
    ) -> None:
        self.graph, self._shapes, self._ctx = graph, dict(shapes), ctx
        self._is_last = channels_last
        self.arguments: dict[str, Any] = {}
        self.auxiliary: dict[str, Any] = {}
        self.values = graph.forward({name: np.zeros(shape) for name, shape in shapes.items()})
        self.symbols: dict[str, Any] = {}
        for node in graph.nodes:
            self.symbols[node.name] = self._symbol(node)

    @property
    def net(self) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """What gradcam_mx takes."""
        return self.symbols[self.graph.nodes[-1].name], self.arguments, self.auxiliary

    def _parameter(self, node: Node, what: str, values: Any, is_auxiliary: bool = False) -> Any:
        name = f"{node.name}_{what}"
        (self.auxiliary if is_auxiliary else self.arguments)[name] = doubles(values, self._ctx)
        return mx.sym.var(name)

    def _symbol(self, node: Node) -> Any:
        if node.op == "input":
            return mx.sym.var(node.name)
        read = [self.symbols[name] for name in node.inputs]
        shapes = [self.values[name].shape for name in node.inputs]
        return getattr(self, f"_{node.op}", self._simple)(node, read, shapes)

    # ------------------------------------------------------------------------- layers

    def _layer(self, node: Node, read: Any, make: Any, rank: int = 0, **options: Any) -> Any:
        given = {"no_bias": node.get("bias") is None, "name": node.name, **options}
        weight = np.asarray(node.get("weight"))
        if rank and self._is_last:
            weight = np.moveaxis(weight, 1, -1)
            given["layout"] = CHANNELS_LAST[rank + 2]
            read = mx.sym.transpose(read, axes=(0, *range(2, rank + 2), 1))
        parameters = {"weight": self._parameter(node, "weight", weight)}
        if node.get("bias") is not None:
            parameters["bias"] = self._parameter(node, "bias", node.get("bias"))
        made = make(read, **parameters, **given)
        if rank and self._is_last:
            made = mx.sym.transpose(made, axes=(0, rank + 1, *range(1, rank + 1)))
        return made

    def _dense(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        count, flatten = len(node.get("weight")), node.get("flatten", True)
        make = mx.sym.FullyConnected
        return self._layer(node, read[0], make, num_hidden=count, flatten=flatten)

    def _conv(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        weight = node.get("weight")
        rank = weight.ndim - 2
        options = {"num_filter": len(weight), "kernel": weight.shape[2:], **_steps(node, rank)}
        return self._layer(node, read[0], mx.sym.Convolution, rank, **options)

    def _deconv(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        weight, groups = node.get("weight"), node.get("groups", 1)
        rank = weight.ndim - 2
        options = {"num_filter": weight.shape[1] * groups, "kernel": weight.shape[2:]}
        options.update(_steps(node, rank))
        if node.get("adj"):
            options["adj"] = _each(node.get("adj"), rank)
        return self._layer(node, read[0], mx.sym.Deconvolution, **options)

    def _batch_norm(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return mx.sym.BatchNorm(
            read[0],
            self._parameter(node, "gamma", node.get("gamma")),
            self._parameter(node, "beta", node.get("beta")),
            self._parameter(node, "moving_mean", node.get("mean"), is_auxiliary=True),
            self._parameter(node, "moving_var", node.get("var"), is_auxiliary=True),
            eps=node.get("eps"),
            fix_gamma=False,
            name=node.name,
        )

    def _norm(self, node: Node, read: Sequence[Any], make: Any, count: int, **options: Any) -> Any:
        gamma = np.broadcast_to(node.get("gamma", 1.0), (count,))
        beta = np.broadcast_to(node.get("beta", 0.0), (count,))
        parameters = (self._parameter(node, "gamma", gamma), self._parameter(node, "beta", beta))
        return make(read[0], *parameters, eps=node.get("eps", 1e-5), name=node.name, **options)

    def _layer_norm(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return self._norm(node, read, mx.sym.LayerNorm, shapes[0][-1])

    def _group_norm(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        groups = node.get("groups")
        return self._norm(node, read, mx.sym.GroupNorm, groups, num_groups=groups)

    def _instance_norm(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return self._norm(node, read, mx.sym.InstanceNorm, shapes[0][0])

    # ----------------------------------------------------------------------- poolings

    def _pooling(self, node: Node, read: Any, kind: str) -> Any:
        rank = len(self.values[node.inputs[0]].shape) - 1
        options = {"kernel": _each(node.get("kernel"), rank), "pool_type": kind}
        options["stride"] = _each(node.get("stride", 1), rank)
        options["pad"] = _each(node.get("pad", 0), rank)
        options["pooling_convention"] = node.get("convention", "valid")
        if kind == "avg":
            options["count_include_pad"] = node.get("count_include_pad", True)
        if not self._is_last:
            return mx.sym.Pooling(read, name=node.name, **options)
        read = mx.sym.transpose(read, axes=(0, *range(2, rank + 2), 1))
        layout = CHANNELS_LAST[rank + 2]
        made = mx.sym.Pooling(read, layout=layout, name=node.name, **options)
        return mx.sym.transpose(made, axes=(0, rank + 1, *range(1, rank + 1)))

    def _avg_pool(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return self._pooling(node, read[0], "avg")

    def _sum_pool(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return self._pooling(node, read[0], "sum")

    def _max_pool(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        return self._pooling(node, read[0], "max")

    # ------------------------------------------------------------------ everything else

    def _slice(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        index = node.get("index")
        index = index if isinstance(index, tuple) else (index,)
        bounds = [one.indices(size)[:2] for one, size in zip(index, shapes[0])]
        begin, end = zip(*bounds)
        return mx.sym.slice(read[0], begin=(None, *begin), end=(None, *end), name=node.name)

    def _affine(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        y = read[0]
        for make, what in ((mx.sym.broadcast_mul, "scale"), (mx.sym.broadcast_add, "shift")):
            if node.get(what) is not None:
                value = np.broadcast_to(node.get(what), shapes[0])
                y = make(y, self._parameter(node, what, value[None]))
        return mx.sym.identity(y, name=node.name)

    def _simple(self, node: Node, read: Sequence[Any], shapes: Any) -> Any:
        x, name, op = read[0], node.name, node.op
        if op in ("mean", "sum", "max"):
            axes = [axis % len(shapes[0]) for axis in node.get("axis", range(len(shapes[0])))]
            make = getattr(mx.sym, op)
            return make(
                x,
                axis=tuple(one + 1 for one in axes),
                keepdims=node.get("keepdims", False),
                name=name,
            )
        if op == "add":
            if all(shape == shapes[0] for shape in shapes):
                return mx.sym.add_n(*read, name=name)
            return mx.sym.identity(reduce(mx.sym.broadcast_add, read), name=name)
        if op == "softmax":
            axis = node.get("axis", -1)
            return mx.sym.softmax(x, axis=axis if axis < 0 else axis + 1, name=name)
        if op == "transpose":
            axes = node.get("axes")
            return mx.sym.transpose(x, axes=(0, *(axis + 1 for axis in axes)), name=name)
        made = {
            "subtract": lambda: mx.sym.broadcast_sub(*read, name=name),
            "multiply": lambda: mx.sym.broadcast_mul(*read, name=name),
            "scale": lambda: mx.sym.identity(x * node.get("factor"), name=name),
            "upsample": lambda: mx.sym.UpSampling(
                x, scale=node.get("scale"), sample_type="nearest", name=name
            ),
            "concat": lambda: mx.sym.concat(*read, dim=node.get("axis", 0) + 1, name=name),
            "reshape": lambda: mx.sym.reshape(x, shape=(0, *node.get("shape", (-1,))), name=name),
            "identity": lambda: mx.sym.identity(x, name=name),
            "leaky": lambda: mx.sym.LeakyReLU(
                x, act_type="leaky", slope=node.get("slope", 0.25), name=name
            ),
        }
        if op in made:
            return made[op]()
        return mx.sym.Activation(x, act_type=op, name=name)


def _steps(node: Node, rank: int) -> dict[str, Any]:
    names = {"stride": "stride", "pad": "pad", "dilate": "dilate"}
    found = {
        theirs: _each(node.get(ours), rank) for ours, theirs in names.items() if node.get(ours)
    }
    return {**found, "num_group": node.get("groups", 1)}


def _each(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def weighted_sum(weights: np.ndarray) -> Any:
    """The target Σ weights · output of each sample."""

    def target(output: Any) -> Any:
        given = doubles(weights[None], output.context)
        return mx.nd.broadcast_mul(output, given).reshape((len(output), -1)).sum(axis=1)

    return target


def start_of(values: Values, graph: Graph, weights: np.ndarray) -> Values:
    """What the walk begins with for that target: each output's part of the sum."""
    top = graph.nodes[-1].name
    return {top: weights * values[top]}


def assert_close(found: Any, expected: Any, tolerance: float = TOLERANCE, what: str = "") -> None:
    """The same numbers, to a share of the largest one."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, what
    size = max(np.abs(expected).max(), 1e-30)
    gap = np.abs(found - expected).max()
    assert gap <= tolerance * size, f"{what}: off by {gap / size:.2g} of the largest number"


def layers_of(graph: Graph) -> list[str]:
    """The linear layers, by name."""
    return [one.name for one in graph.nodes if one.op in WEIGHTED]


def lrp_values(net: Any, x: np.ndarray, target: Any, ctx: Any = None, **options: Any) -> np.ndarray:
    """What gm.lrp gives for one sample."""
    return gm.lrp(net, doubles(x[None], ctx), target, **options).values[0]

"""Small random nets whose units see the input in every way that convolutional nets can.

Each seed gives one net as a symbol with weights of both signs. Stride, pad, dilation and kernel
are drawn anew for each axis, so that rows and columns differ; branches are cut to a common size
at offsets of their own before they are added or concatenated.
"""

from __future__ import annotations

import ast
import functools
import json
from typing import Any, NamedTuple

import numpy as np

from gradcam_mx._mxnet import mx

LARGEST = 30
"""No axis of positions grows beyond it by upsampling and padding."""


class RandomNet(NamedTuple):
    """A net, the shape of its input, its weights, the layers to look at, and what it is made of."""

    symbol: Any
    shape: tuple[int, ...]
    arguments: dict[str, np.ndarray]
    auxiliary: dict[str, np.ndarray]
    layers: list[str]
    kinds: set[str]

    def as_tuple(self, ctx=None):
        """(symbol, arg_params, aux_params) in float32, as gradcam_mx takes it."""

        def arrays(params):
            return {name: mx.nd.array(one, ctx=ctx or mx.cpu()) for name, one in params.items()}

        return self.symbol, arrays(self.arguments), arrays(self.auxiliary)

    def as_block(self, ctx=None):
        """The net as a SymbolBlock."""
        block = mx.gluon.SymbolBlock(self.symbol, mx.sym.var("data"))
        values = {**self.arguments, **self.auxiliary}
        for name, parameter in block.collect_params().items():
            parameter.shape = values[name].shape
            parameter.initialize(ctx=ctx or mx.cpu())
            parameter.set_data(mx.nd.array(values[name]))
        return block


@functools.lru_cache(maxsize=None)
def random_net(seed: int, axes: int = 2) -> RandomNet:
    """The random net of a seed, with `axes` axes of positions."""
    with mx.name.NameManager():
        return _Builder(seed, axes).net()


class _Builder:
    def __init__(self, seed, axes):
        self.rng = np.random.RandomState(1000 * axes + seed)
        self.axes = axes
        self.kinds = set()
        self.layers = []
        self.count = 0
        low, high = {1: (9, 17), 2: (9, 17), 3: (4, 7)}[axes]
        while True:
            sizes = tuple(self.rng.randint(low, high + 1, axes).tolist())
            if axes == 1 or len(set(sizes)) > 1:
                break
        self.shape = (1, int(self.rng.randint(1, 4)), *sizes)

    def net(self):
        x = mx.sym.var("data")
        self.sizes = {"data": self.shape}
        for _ in range(self.rng.randint(2, 5)):
            x = self.block(x, depth=0)
        # not an activation: a sigmoid at the end of a net is taken for its link, and left out
        symbol = mx.sym.BatchNorm(x, fix_gamma=False, name="head")
        shapes, _, auxiliary = symbol.infer_shape(data=self.shape)
        arguments = {
            name: self.weight(name, shape)
            for name, shape in zip(symbol.list_arguments(), shapes)
            if name != "data"
        }
        auxiliary = {
            name: self.weight(name, shape)
            for name, shape in zip(symbol.list_auxiliary_states(), auxiliary)
        }
        inner = set(symbol.get_internals().list_outputs())
        inside = [name for name in self.layers if name in inner and name != x.list_outputs()[0]]
        chosen = self.rng.permutation(len(inside))[:3]
        return RandomNet(
            symbol,
            self.shape,
            arguments,
            auxiliary,
            ["head_output", *(inside[one] for one in chosen)],
            self.kinds,
        )

    def weight(self, name, shape):
        if name.endswith(("gamma", "moving_var")):
            return self.rng.uniform(0.5, 1.5, shape)
        return self.rng.normal(0, 0.5, shape)

    # ------------------------------------------------------------------------------------- helpers

    def pick(self, *choices):
        return choices[self.rng.randint(len(choices))]

    def each(self, low, high):
        """A number for each axis, from low to high; the low ones more often."""
        return tuple(
            int(min(self.rng.randint(low, high + 1), self.rng.randint(low, high + 2)))
            for _ in range(self.axes)
        )

    def chance(self, probability):
        return self.rng.rand() < probability

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def shape_of(self, x):
        if x.name not in self.sizes:
            self.sizes[x.name] = x.infer_shape(data=self.shape)[1][0]
        return self.sizes[x.name]

    def done(self, x, *kinds):
        self.kinds.update(kinds)
        self.layers.append(x.list_outputs()[0])
        self.shape_of(x)
        return x

    # -------------------------------------------------------------------------------------- blocks

    def block(self, x, depth):
        choices = ["chain"] * 3 + (["residual", "concat", "concat"] if depth < 2 else [])
        if depth < 2 and self.chance(0.04):
            return self.excited(x)
        return getattr(self, self.pick(*choices))(x, depth)

    def chain(self, x, depth):
        for _ in range(self.rng.randint(1, 4 - depth)):
            x = self.layer(x)
        return x

    def branches(self, x, depth):
        found = []
        for number in range(self.pick(2, 2, 3)):
            y = x
            # a branch may be empty, but not all of them
            for _ in range(self.rng.randint(0 if number else 1, 3)):
                y = self.block(y, depth + 1)
            found.append(y)
        sizes = [self.shape_of(y)[2:] for y in found]
        common = tuple(min(axis) for axis in zip(*sizes))
        return [self.cut(y, common) for y in found]

    def residual(self, x, depth):
        found = self.branches(x, depth)
        channels = self.shape_of(found[-1])[1]
        found = [
            y if self.shape_of(y)[1] == channels else self.pointwise(y, channels) for y in found
        ]
        name = self.name("add")
        if len(found) > 2 or self.chance(0.3):
            return self.done(mx.sym.add_n(*found, name=name), "residual", "add_n")
        return self.done(
            self.pick(mx.sym.elemwise_add, mx.sym.broadcast_add)(*found, name=name), "residual"
        )

    def concat(self, x, depth):
        found = self.branches(x, depth)
        return self.done(
            mx.sym.concat(*found, dim=1, name=self.name("concat")),
            "concat",
            *(["nested"] if depth else []),
        )

    def excited(self, x):
        """Squeeze and excitation: the map times a number for each channel, got from all of it.

        Behind a normalisation, as usual, so that no unit of the map is zero whatever the weights
        are (in the padding, without bias): such a product would not depend on its other factor.
        """
        x = self.norm(x)
        channels = self.shape_of(x)[1]
        if self.chance(0.5) or self.axes != 2:
            kind = self.pick("avg", "max")
            y = mx.sym.Pooling(
                x,
                kernel=(1,) * self.axes,
                global_pool=True,
                pool_type=kind,
                name=self.name("squeeze"),
            )
            y = self.pointwise(y, channels)
        else:
            y = mx.sym.mean(x, axis=(2, 3), name=self.name("squeeze"))
            y = mx.sym.FullyConnected(y, num_hidden=channels, name=self.name("dense"))
            y = mx.sym.reshape(y, shape=(0, 0, 1, 1), name=self.name("reshape"))
        y = mx.sym.Activation(y, act_type="sigmoid", name=self.name("gate"))
        return self.done(mx.sym.broadcast_mul(x, y, name=self.name("scale")), "excitation")

    def pointwise(self, x, channels):
        return mx.sym.Convolution(
            x, kernel=(1,) * self.axes, num_filter=channels, name=self.name("conv")
        )

    # -------------------------------------------------------------------------------------- layers

    def layer(self, x):
        positions = self.shape_of(x)[2:]
        kinds = ["convolution"] * 6 + ["pooling"] * 3 + ["activation"] * 2 + ["norm", "crop"]
        if max(positions) < LARGEST // 2:
            kinds += {
                1: ["deconvolution"],
                2: ["deconvolution", "upsampling", "pad", "pad"],
                3: ["pad"],
            }[self.axes]  # what MXNet has for so many axes
        if self.shape_of(x)[1] > 1:
            kinds += ["channels"]
        return getattr(self, self.pick(*kinds))(x)

    def windows(self, positions, kernels, strides, pads, dilations):
        """Kernel, stride, pad and dilation of each axis, such that there are outputs."""
        while True:
            kernel, stride = self.each(1, kernels), self.each(1, strides)
            pad, dilate = self.each(0, pads), self.each(1, dilations)
            room = [
                size + 2 * p - d * (k - 1) for size, k, p, d in zip(positions, kernel, pad, dilate)
            ]
            if all(
                r >= min(size, 3) and (s == 1 or r > 2 * s)
                for r, s, size in zip(room, stride, positions)
            ):
                return kernel, stride, pad, dilate

    def convolution(self, x):
        channels, *positions = self.shape_of(x)[1:]
        kernel, stride, pad, dilate = self.windows(positions, 5, 3, 3, 3)
        groups = self.pick(1, 1, *(g for g in range(2, channels + 1) if channels % g == 0))
        filters = int(groups * self.rng.randint(1, 3 if groups > 2 else 4))
        kinds = ["convolution"]
        kinds += ["groups"] * (1 < groups < channels) + ["depthwise"] * (1 < groups == channels)
        kinds += ["dilation"] * any(d > 1 < k for d, k in zip(dilate, kernel))
        kinds += ["wide pad"] * any(2 * p > d * (k - 1) for p, k, d in zip(pad, kernel, dilate))
        kinds += ["pad only"] * any(p > d * (k - 1) for p, k, d in zip(pad, kernel, dilate))
        return self.done(
            mx.sym.Convolution(
                x,
                kernel=kernel,
                stride=stride,
                pad=pad,
                dilate=dilate,
                num_group=groups,
                num_filter=filters,
                no_bias=self.chance(0.3),
                name=self.name("conv"),
            ),
            *kinds,
        )

    def pooling(self, x):
        positions = self.shape_of(x)[2:]
        kind = self.pick("max", "max", "avg", "avg", "sum")
        rounding = self.pick("valid", "full")
        while True:
            kernel, stride, pad, _ = self.windows(positions, 4, 3, 2, 1)
            last = [
                -((k - size - 2 * p) // s) * s - p
                for size, k, s, p in zip(positions, kernel, stride, pad)
            ]
            # of a last window that lies beside the map, which "full" allows, MXNet gives about
            # -1e308 as the maximum, and of volumes 0 / 0 as the average
            beside = rounding == "full" and any(map(int.__ge__, last, positions))
            # MXNet refuses pads as wide as the kernel
            if all(map(int.__lt__, pad, kernel)) and not (
                beside and (kind == "max" or (kind == "avg" and self.axes == 3))
            ):
                break
        counted = bool(self.pick(True, False))
        kinds = [f"{kind} pooling", f"{rounding} pooling"]
        kinds += [f"count_include_pad {counted}"] * (kind == "avg")
        return self.done(
            mx.sym.Pooling(
                x,
                kernel=kernel,
                stride=stride,
                pad=pad,
                pool_type=kind,
                pooling_convention=rounding,
                count_include_pad=counted,
                name=self.name("pool"),
            ),
            *kinds,
        )

    def deconvolution(self, x):
        channels, *positions = self.shape_of(x)[1:]
        while True:
            kernel, stride = self.each(1, 4), self.each(1, 3)
            pad, dilate = self.each(0, 2), self.each(1, 2)
            adj = tuple(int(self.rng.randint(s)) for s in stride)
            sizes = [
                s * (size - 1) + d * (k - 1) + 1 - 2 * p + a
                for size, s, k, p, d, a in zip(positions, stride, kernel, pad, dilate, adj)
            ]
            if all(min(3, size) <= new <= LARGEST for new, size in zip(sizes, positions)):
                break
        groups = self.pick(1, 1, channels)
        return self.done(
            mx.sym.Deconvolution(
                x,
                kernel=kernel,
                stride=stride,
                pad=pad,
                dilate=dilate,
                adj=adj,
                num_group=groups,
                num_filter=int(groups * self.rng.randint(1, 3)),
                no_bias=self.chance(0.5),
                name=self.name("deconv"),
            ),
            "deconvolution",
        )

    def upsampling(self, x):
        return self.done(
            mx.sym.UpSampling(x, scale=2, sample_type="nearest", name=self.name("up")), "upsampling"
        )

    def pad(self, x):
        positions = self.shape_of(x)[2:]
        mode = self.pick("constant", "edge", "reflect")
        widths = [int(self.rng.randint(0, min(4, size))) for size in positions for _ in range(2)]
        return self.done(
            mx.sym.Pad(
                x,
                mode=mode,
                pad_width=(0, 0, 0, 0, *widths),
                constant_value=0.5,
                name=self.name("pad"),
            ),
            f"{mode} pad",
        )

    def crop(self, x):
        positions = self.shape_of(x)[2:]
        return self.cut(x, tuple(max(1, size - int(self.rng.randint(0, 3))) for size in positions))

    def cut(self, x, size):
        """Some part of x of that size: by one operator for all axes, or one for each."""
        positions = self.shape_of(x)[2:]
        begins = [int(self.rng.randint(0, old - new + 1)) for old, new in zip(positions, size)]
        if tuple(positions) == tuple(size):
            return x
        way = self.pick("Crop", "slice", "slice_axis")
        if way == "Crop" and self.axes == 2:
            return self.done(
                mx.sym.Crop(
                    x, offset=tuple(begins), h_w=tuple(size), num_args=1, name=self.name("crop")
                ),
                "Crop",
            )
        ends = [begin + new for begin, new in zip(begins, size)]
        if way == "slice":
            return self.done(
                mx.sym.slice(
                    x, begin=(None, None, *begins), end=(None, None, *ends), name=self.name("slice")
                ),
                "slice",
            )
        for axis, (begin, end, old) in enumerate(zip(begins, ends, positions), 2):
            if self.chance(0.5):
                # the same, counted from the end
                begin, end = begin - old, end - old or None
            x = self.done(
                mx.sym.slice_axis(x, axis=axis, begin=begin, end=end, name=self.name("slice")),
                "slice_axis",
            )
        return x

    def channels(self, x):
        channels = self.shape_of(x)[1]
        begin = int(self.rng.randint(0, channels))
        end = int(self.rng.randint(begin + 1, channels + 1))
        return self.done(
            mx.sym.slice_axis(x, axis=1, begin=begin, end=end, name=self.name("part")),
            "some channels",
        )

    def activation(self, x):
        name = self.name("act")
        kind = self.pick("relu", "relu", "sigmoid", "tanh", "leaky", "clip")
        if kind == "leaky":
            return self.done(mx.sym.LeakyReLU(x, slope=0.1, name=name), "activation")
        if kind == "clip":
            return self.done(mx.sym.clip(x, a_min=0, a_max=6, name=name), "activation")
        return self.done(mx.sym.Activation(x, act_type=kind, name=name), "activation")

    def norm(self, x):
        return self.done(mx.sym.BatchNorm(x, fix_gamma=False, name=self.name("bn")), "norm")


def described(net: RandomNet) -> str:
    """The net in words, for the message of a test that failed."""
    nodes = json.loads(net.symbol.tojson())["nodes"]
    lines = [f"input {net.shape}"]
    for node in nodes:
        if node["op"] != "null":
            attrs = {
                key: value
                if not value.startswith("(")
                else ast.literal_eval(value.replace("None", "0"))
                for key, value in node.get("attrs", {}).items()
            }
            inputs = [
                nodes[one[0]]["name"]
                for one in node["inputs"]
                if nodes[one[0]]["op"] != "null" or nodes[one[0]]["name"] == "data"
            ]
            lines.append(f"{node['name']} = {node['op']}({', '.join(inputs)}) {attrs}")
    return "\n".join(lines)

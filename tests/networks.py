"""Networks of every kind that people have on MXNet, with random weights: `NETWORKS`, at the end.

Each is a function of a context and a folder to save files in, which gives a `Case`.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

gluon, sym = mx.gluon, mx.sym
nn = gluon.nn
contrib = gluon.contrib.nn

Scalar = Callable[[Sequence[np.ndarray]], float]
"""What is explained, summed over the samples, of the outputs of a net."""


@dataclass
class Case:
    """A net, and how it is explained."""

    net: Any
    x: tuple[np.ndarray, ...]
    layer: str | None
    """What the explained layer is called: the default one, unless `options` choose another.
    None leaves out the methods that explain one."""
    target: Any = 1
    scalar: Scalar | None = None
    """By default the score of the class `target` in the first output."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the methods: layer=, output=, input=."""
    twin: Any = None
    """A net that has the same explanations, for files, nets that MXNet cannot run, loss heads."""
    turn: Callable[[np.ndarray], np.ndarray] = lambda x: x
    """From this net's input to the twin's."""
    twin_layer: str = ""
    """What the twin calls the layer, if it does not call it the same."""
    reference: Any = None
    """The net whose outputs `scalar` is of: by default the twin, or else the net itself."""
    rectifies: bool = True
    """Whether it has activations that guided backpropagation acts on."""
    close: float = 1e-4
    """How near the gradients in float32 are to those in float64; see test_networks.py."""
    exact: bool = True
    """Whether MXNet can run it in float64."""
    warning: str = ""
    """What warning the first explanation gives."""

    @property
    def options_of_inputs(self) -> dict[str, Any]:
        """The options of methods that explain no layer."""
        return {key: value for key, value in self.options.items() if key != "layer"}


Build = Callable[[Any, Path], Case]


# -- parts ----------------------------------------------------------------------------------------


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype(np.float32)


def class_score(class_id, output=0):
    return lambda outputs: outputs[output].reshape(len(outputs[output]), -1)[:, class_id].sum()


def weighted(weights, output=0):
    return lambda outputs: (outputs[output] * weights).sum()


def sequential(layers, kind=nn.HybridSequential):
    net = kind()
    with net.name_scope():
        net.add(*layers())
    return net


def parallel(*blocks):
    """Blocks that read the same input, their outputs side by side."""
    net = contrib.HybridConcurrent(axis=1)
    net.add(*blocks)
    return net


def made(cls, ctx=None):
    """A net of a class that says what shape its input has, with random parameters; and an input."""
    ctx = ctx or mx.cpu()
    mx.random.seed(1)
    net = cls()
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(*cls.shape), ctx=ctx)
    net(x)
    return net, x


def initialised(net, ctx, *x, run=True):
    """The net with random parameters and running statistics; it has run once, unless told not to"""
    rng = np.random.RandomState(0)
    net.initialize(ctx=ctx)
    if run:
        net(*(mx.nd.array(one, ctx=ctx, dtype=one.dtype) for one in x))
        try:
            mx.nd.waitall()
        except mx.MXNetError as error:
            # all shapes are known by now; without AVX-512 some nets cannot run on their own, and
            # are explained all the same
            if "could not construct a sub-memory" not in str(error):
                raise
        # the weights of signals are now in oneDNN's memory layout, into which nothing can be copied
        net.initialize(ctx=ctx, force_reinit=True)
    for parameter in net.collect_params().values():
        if isinstance(parameter, gluon.Constant):
            continue
        if parameter.name.endswith(("gamma", "running_var", "alpha")):
            drawn = rng.uniform(0.5, 1.5, parameter.shape)
        elif parameter.name.endswith(("beta", "running_mean", "bias")):
            drawn = rng.normal(0, 0.3, parameter.shape)
        else:
            fan_in = np.prod(parameter.shape[1:])
            drawn = rng.normal(0, np.sqrt(2 / fan_in), parameter.shape)
        array = mx.np.array if mx.util.is_np_array() else mx.nd.array
        parameter.set_data(array(drawn.astype(parameter.dtype)))
    return net


def filled(symbol, ctx, **shapes):
    """(symbol, arg_params, aux_params), with random parameters; `shapes` are the inputs'."""
    rng = np.random.RandomState(0)
    given, _, states = symbol.infer_shape(**shapes)

    def drawn(name, shape):
        if name.endswith(("gamma", "var")):
            numbers = rng.uniform(0.5, 1.5, shape)
        else:
            numbers = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])) if shape[1:] else 0.3, shape)
        return mx.nd.array(numbers, ctx=ctx)

    arguments = {
        name: drawn(name, shape)
        for name, shape in zip(symbol.list_arguments(), given)
        if name not in shapes and not name.endswith("label")
    }
    return (
        symbol,
        arguments,
        {name: drawn(name, shape) for name, shape in zip(symbol.list_auxiliary_states(), states)},
    )


def small(shape, layers, layer, *, hybridized=False, **options) -> Build:
    """A sequence of Gluon's layers."""

    def build(ctx, folder):
        x = normal(*shape, seed=1)
        net = initialised(sequential(layers), ctx, x)
        if hybridized:
            net.hybridize()
        return Case(net, (x,), layer, **options)

    return build


# -- saved ----------------------------------------------------------------------------------------

SHAPE = (2, 3, 9, 8)


def usual_layers(nn=nn):
    return [
        nn.Conv2D(6, 3, padding=1),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(8, 3, padding=1),
        nn.Activation("relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5),
    ]


def exported(load) -> Build:
    """A net of Gluon's, saved by net.export and loaded by `load`."""

    def build(ctx, folder):
        x = normal(*SHAPE, seed=1)
        net = initialised(sequential(usual_layers), ctx, x)
        net.hybridize()
        net(mx.nd.array(x, ctx=ctx))
        net.export(str(folder / "net"), epoch=2)
        last = next(
            name
            for name in net(sym.var("data")).get_internals().list_outputs()
            if "conv1" in name and name.endswith("_output")
        )
        return Case(load(folder, ctx), (x,), last, twin=net, twin_layer="4")

    return build


def import_block(folder, ctx):
    return gluon.SymbolBlock.imports(
        str(folder / "net-symbol.json"), ["data"], str(folder / "net-0002.params"), ctx=ctx
    )


def scores_symbol(data=None):
    y = sym.Convolution(
        sym.var("data") if data is None else data, kernel=(3, 3), num_filter=6, name="conv0"
    )
    y = sym.Activation(sym.BatchNorm(y, fix_gamma=False, name="bn0"), act_type="relu", name="relu0")
    y = sym.Pooling(y, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool0")
    y = sym.Activation(
        sym.Convolution(y, kernel=(3, 3), pad=(1, 1), num_filter=8, name="conv1"),
        act_type="relu",
        name="relu1",
    )
    y = sym.Pooling(y, kernel=(1, 1), global_pool=True, pool_type="avg", name="pool1")
    return sym.FullyConnected(y, num_hidden=4, name="fc")


def trained(load) -> Build:
    """A Module, trained for two steps, saved by save_checkpoint and loaded by `load`."""

    def build(ctx, folder):
        x = normal(*SHAPE, seed=1)
        mx.random.seed(0)
        module = mx.mod.Module(sym.SoftmaxOutput(scores_symbol(), name="softmax"), context=ctx)
        module.bind([("data", SHAPE)], [("softmax_label", SHAPE[:1])])
        module.init_params(mx.init.Xavier(magnitude=4))
        module.init_optimizer(optimizer_params={"learning_rate": 0.1})
        batch = mx.io.DataBatch([mx.nd.array(x)], [mx.nd.array([1, 3])])
        for _ in range(2):
            module.forward_backward(batch)
            module.update()
        module.save_checkpoint(str(folder / "image-classification"), 7)
        twin = (scores_symbol(), *module.get_params())
        return Case(load(folder, ctx), (x,), "conv1_output", twin=twin)

    return build


def load_triple(folder, ctx):
    symbol, *parameters = mx.model.load_checkpoint(str(folder / "image-classification"), 7)
    return symbol, *(
        {name: array.as_in_context(ctx) for name, array in one.items()} for one in parameters
    )


def load_archive(folder, ctx):
    """As SageMaker packs a model."""
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(folder.glob("image-classification*")):
            archive.add(file, file.name)
        shapes = b'[{"shape": [2, 3, 9, 8], "name": "data"}]'
        member = tarfile.TarInfo("model-shapes.json")
        member.size = len(shapes)
        archive.addfile(member, io.BytesIO(shapes))
    return gm.load(path, ctx=ctx)


# -- loss heads, and nets that end in probabilities -----------------------------------------------


def loss_head(end, *, scores=scores_symbol, target=1, scalar=None, layer="conv1_output") -> Build:
    """A net that ends in a loss, which has the explanations of the net without it."""

    def build(ctx, folder):
        plain, *parameters = filled(scores(), ctx, data=SHAPE)
        return Case(
            (end(plain), *parameters),
            (normal(*SHAPE, seed=1),),
            layer,
            target,
            scalar,
            twin=(plain, *parameters),
        )

    return build


def score_maps():
    """Scores (N, K, H, W), as of a segmentation net."""
    y = sym.Convolution(sym.var("data"), kernel=(3, 3), pad=(1, 1), num_filter=6, name="conv0")
    y = sym.Activation(y, act_type="relu", name="relu0")
    return sym.Convolution(y, kernel=(1, 1), num_filter=4, name="fc")


def score_rows():
    """Scores (N, positions, K)."""
    y = sym.reshape(score_maps(), shape=(0, 0, -1), name="positions")
    return sym.transpose(y, axes=(0, 2, 1), name="rows")


MAP_WEIGHTS = normal(4, 9, 8, seed=8)
ROW_WEIGHTS = normal(72, 4, seed=8)


def softmax(scores, axis):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def after(link, of):
    """A scalar of what `link` makes of the first output."""
    return lambda outputs: of([link(outputs[0])])


def probability(
    end, link, *, scores=scores_symbol, target=1, scalar=None, layer="conv1_output"
) -> Build:
    """A net that ends in probabilities, which are explained themselves."""

    def build(ctx, folder):
        plain, *parameters = filled(scores(), ctx, data=SHAPE)
        inner = scalar or class_score(target)
        return Case(
            (end(plain), *parameters),
            (normal(*SHAPE, seed=1),),
            layer,
            target,
            after(link, inner),
            {"output": "probability"},
            reference=(plain, *parameters),
        )

    return build


def sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


# -- several inputs and outputs -------------------------------------------------------------------


class ImageAndMore(gluon.HybridBlock):
    """An image, a vector and ids, used in another order than they come in; one more is not.

    `order` says where each of unused, image, vector and ids comes.
    """

    def __init__(self, order):
        super().__init__()
        self._order = order
        with self.name_scope():
            self.words = nn.Embedding(7, 4)
            self.vector = nn.Dense(5, activation="relu")
            self.conv = nn.Conv2D(6, 3, activation="relu")
            self.classify = nn.Dense(4)

    def hybrid_forward(self, F, *inputs):
        _, image, vector, ids = (inputs[place] for place in self._order)
        image = F.Pooling(self.conv(image), kernel=(1, 1), global_pool=True, pool_type="avg")
        words = F.mean(self.words(ids), axis=1)
        return self.classify(F.concat(F.Flatten(image), words, self.vector(vector), dim=1))


def several_inputs(expected, order=(0, 1, 2, 3), target=1, **options) -> Build:
    def build(ctx, folder):
        ids = np.array([[1, 5, 2], [6, 0, 3]], np.int32)
        given = normal(2, 2), normal(2, 3, 7, 6, seed=1), normal(2, 3), ids
        x = tuple(given[order.index(place)] for place in range(4))
        return Case(initialised(ImageAndMore(order), ctx, *x), x, expected, target, options=options)

    return build


class Heads(gluon.HybridBlock):
    """Class scores, and nested beside them a map, and the scores of an auxiliary classifier."""

    def __init__(self):
        super().__init__(prefix="heads_")
        with self.name_scope():
            self.stem = nn.Conv2D(6, 3, padding=1, activation="relu")
            self.body = nn.Conv2D(8, 3, padding=1, activation="relu")
            self.auxiliary = nn.Dense(3)
            self.classify = nn.Dense(5)

    def hybrid_forward(self, F, x):
        stem = self.stem(x)
        body = self.body(stem)
        pooled = F.Pooling(body, kernel=(1, 1), global_pool=True, pool_type="avg")
        return self.classify(pooled), [body, (self.auxiliary(stem),)]


def several_outputs(expected, target, scalar, **options) -> Build:
    def build(ctx, folder):
        x = normal(2, 3, 7, 6, seed=1)
        return Case(initialised(Heads(), ctx, x), (x,), expected, target, scalar, options)

    return build


MAP_OUTPUT_WEIGHTS = normal(8, 7, 6, seed=8)

# -- other layouts, types and interfaces ----------------------------------------------------------


def channels_last(shape, layers, layer, warning="") -> Build:
    """A net with the channels last; its twin, with the channels first, is what MXNet can run.

    `layers` makes the layers of either, from the name of the layout and the channels' axis.
    """
    axes = "DHW"[5 - len(shape) :]

    def build(ctx, folder):
        x = normal(*shape, seed=1)
        twin = initialised(sequential(lambda: layers(f"NC{axes}", 1)), ctx, np.moveaxis(x, -1, 1))
        net = sequential(lambda: layers(f"N{axes}C", -1))
        net.initialize(ctx=ctx)
        copy_parameters(twin, net, channels_last=True)
        return Case(
            net, (x,), layer, twin=twin, turn=lambda x: np.moveaxis(x, -1, 1), warning=warning
        )

    return build


def copy_parameters(source, target, channels_last=False):
    for one, other in zip(source.collect_params().values(), target.collect_params().values()):
        data = one.data(one.list_ctx()[0])
        turns = channels_last and data.ndim > 3
        other.set_data(mx.nd.array(np.moveaxis(data.asnumpy(), 1, -1)) if turns else data)


def turned(layout, order):
    """A transposition where the channels are last; else a layer that does nothing."""
    return nn.HybridLambda(
        lambda F, x: F.transpose(x, axes=order) if layout.endswith("C") else F.identity(x)
    )


def half_precision(ctx, folder):
    x = normal(*SHAPE, seed=1)
    twin = initialised(sequential(usual_layers), ctx, x)
    net = initialised(sequential(usual_layers), ctx, x)
    net.cast("float16")
    for one, other in zip(net.collect_params().values(), twin.collect_params().values()):
        other.set_data(one.data(ctx).astype("float32"))
    return Case(net, (x,), "4", twin=twin, warning="half precision")


def double_precision(ctx, folder):
    case = small(SHAPE, usual_layers, "4")(ctx, folder)
    case.net.cast("float64")
    case.close = 1e-6
    return case


def numpy_interface(ctx, folder):
    """A net for the arrays of mx.np; what runs it has to reset the interface."""
    mx.npx.set_np()

    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.stem = nn.Conv2D(6, 3, activation="relu")
                self.norm = nn.BatchNorm()
                self.body = nn.Conv2D(8, 3)
                self.classify = nn.Dense(4)

        def hybrid_forward(self, F, x):
            x = F.npx.relu(self.body(self.norm(self.stem(x))))
            return self.classify(F.np.mean(x, axis=(2, 3)))

    x = normal(*SHAPE, seed=1)
    net = Net()
    net.initialize(ctx=ctx)
    net(mx.np.array(x, ctx=ctx))
    return Case(initialised(net, ctx, run=False), (x,), "net0_relu0_output")


# -- nets that cannot be traced -------------------------------------------------------------------


class Branching(gluon.Block):
    """Its parts one after the other, with a decision that needs numbers in between."""

    def __init__(self, layers):
        super().__init__()
        with self.name_scope():
            for number, layer in enumerate(layers()):
                self.register_child(layer, str(number))

    def forward(self, x):
        for part in self._children.values():
            x = part(x)
            if x.abs().sum().asscalar() == 0:
                raise ArithmeticError("nothing is left")
        return x


class Residual(gluon.HybridBlock):
    """x + body(x)."""

    def __init__(self, *body):
        super().__init__()
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(*body)

    def hybrid_forward(self, F, x):
        return x + self.body(x)


def hybridized(block):
    block.hybridize()
    return block


def untraceable(layers, expected, target=1, **options) -> Build:
    """A net of drop-in layers with free Python code; its twin is of Gluon's, without that code."""

    def build(ctx, folder):
        x = normal(*SHAPE, seed=1)
        twin = initialised(sequential(lambda: layers(nn)), ctx, x)
        net = initialised(Branching(lambda: layers(gm.nn)), ctx, x)
        copy_parameters(twin, net)
        return Case(net, (x,), expected, target, twin=twin, options=options)

    return build


# -- InsightFace ----------------------------------------------------------------------------------


def face_embedding(ctx, folder):
    """As InsightFace's networks: the normalisation inside, PReLU, an embedding at the end."""
    x = np.random.RandomState(1).uniform(0, 255, (2, 3, 14, 12)).astype(np.float32)
    y = (sym.identity(sym.var("data"), name="id") - 127.5) * 0.0078125
    y = sym.Convolution(y, kernel=(3, 3), pad=(1, 1), num_filter=6, no_bias=True, name="conv0")
    y = sym.BatchNorm(y, fix_gamma=False, eps=2e-5, name="bn0")
    y = unit = sym.LeakyReLU(y, act_type="prelu", name="relu0")
    y = sym.BatchNorm(y, fix_gamma=False, eps=2e-5, name="unit_bn1")
    y = sym.Convolution(y, kernel=(3, 3), pad=(1, 1), num_filter=6, no_bias=True, name="unit_conv1")
    y = sym.LeakyReLU(y, act_type="prelu", name="unit_relu1")
    y = sym.BatchNorm(y, fix_gamma=False, eps=2e-5, name="unit_bn2") + unit
    y = sym.Dropout(sym.BatchNorm(y, fix_gamma=False, eps=2e-5, name="bn1"), p=0.4)
    y = sym.FullyConnected(y, num_hidden=16, name="pre_fc1")
    y = sym.BatchNorm(y, fix_gamma=True, eps=2e-5, name="fc1")
    reference = normal(16, seed=5)

    def cosine(outputs):
        lengths = np.linalg.norm(outputs[0], axis=1) * np.linalg.norm(reference.astype(float))
        return (outputs[0] @ reference / lengths).sum()

    return Case(
        filled(y, ctx, data=x.shape),
        (x,),
        "bn1_output",
        gm.targets.CosineSimilarity(reference),
        cosine,
    )


# -- GluonCV --------------------------------------------------------------------------------------


class Fan(mx.init.Xavier):
    """Numbers of a size that keeps the signal's; ones where GluonCV asks it to fill a vector."""

    def _init_weight(self, name, arr):
        if arr.ndim < 2:
            arr[:] = float(not name.endswith(("beta", "bias", "mean")))
        else:
            super()._init_weight(name, arr)


def from_gluoncv(name, shape, ctx, window=None, **arguments):
    """A net of GluonCV with random weights, through which a signal gets: see `calibrate`.

    A pooling of 7 by 7 values, which wants inputs of 224 by 224, has the smaller `window` instead.
    """
    from gluoncv.model_zoo import get_model

    def shrink(block):
        if isinstance(block, nn.AvgPool2D) and block._kwargs["kernel"] == (7, 7):
            block._kwargs.update(kernel=(window, window), stride=(window, window))

    mx.random.seed(0)
    np.random.seed(0)
    arguments["pretrained"] = False
    try:
        net = get_model(name, pretrained_base=False, **arguments)
    except TypeError:
        net = get_model(name, **arguments)
    if window is not None:
        net.apply(shrink)
    net.initialize(Fan(magnitude=6, factor_type="in"), ctx=ctx)
    x = mx.nd.random.normal(shape=(2, *shape[1:]), ctx=ctx)
    calibrate(net, x)
    return net


def calibrate(net, x):
    """Let every batch normalisation do its work: its statistics are those of x, or nearly.

    With other statistics a deep net with random weights loses its input, or blows it up.
    """
    net(x[:1])
    parameters = net.collect_params()
    for parameter in parameters.values():
        if parameter.name.endswith("gamma"):
            parameter.set_data(mx.nd.random.uniform(0.5, 1.5, parameter.shape))
        elif parameter.name.endswith(("beta", "bias")):
            parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    description = json.loads(symbol_of(net, 1).tojson(remove_amp_cast=False))
    changes = {"BatchNorm": {"momentum": "0"}, "Dropout": {"p": "0"}}
    for node in description["nodes"]:
        node.setdefault("attrs", {}).update(changes.get(node["op"], {}))
    symbol = sym.load_json(json.dumps(description))
    with mx.autograd.train_mode():
        mx.nd.CachedOp(symbol, [])(
            *(x if name == "data" else parameters[name].data() for name in symbol.list_inputs())
        )
        mx.nd.waitall()
    for parameter in parameters.values():
        if parameter.name.endswith("running_var"):
            spread = mx.nd.random.uniform(0.7, 1.4, parameter.shape)
            parameter.set_data((parameter.data() + 1e-2) * spread)


def symbol_of(net, inputs):
    """The net as a Symbol; inputs are called data, or data0 and so on."""
    names = ["data"] if inputs == 1 else [f"data{number}" for number in range(inputs)]
    symbols = [sym.var(name) for name in names]
    if mx.util.is_np_array():
        symbols = [one.as_np_ndarray() for one in symbols]
    with mx.name.NameManager():
        return sym.Group(flat(net(*symbols)))


def flat(outputs):
    """The symbols, or arrays, in nested lists."""
    if isinstance(outputs, (list, tuple)):
        return [one for item in outputs for one in flat(item)]
    return list(outputs.as_nd_ndarray()) if isinstance(outputs, sym.Symbol) else [outputs]


def gluoncv(name, shape, layer, target=0, scalar=None, **arguments) -> Build:
    def build(ctx, folder):
        net = from_gluoncv(name, shape, ctx, **arguments)
        return Case(
            net, (normal(*shape, seed=1),), layer, target, scalar, {"output": 0}, close=5e-2
        )

    return build


def segmentation(name, size, layer) -> Build:
    mask = np.zeros((size, size), bool)
    mask[size // 4 : size // 2, size // 3 :] = True
    return gluoncv(
        name,
        (1, 3, size, size),
        layer,
        gm.targets.Segmentation(7, mask),
        lambda outputs: outputs[0][:, 7, mask].mean(axis=1).sum(),
        base_size=size,
        crop_size=size,
    )


def detection(name, size, layer, by, exact=True, warning="") -> Build:
    """A detector, and one of its detections, chosen `by` its "index" or "box"."""

    def build(ctx, folder):
        shape = (1, 3, size, size)
        net = from_gluoncv(name, shape, ctx)
        x = normal(*shape, seed=1)
        ids, _, boxes = (one.asnumpy()[0] for one in net(mx.nd.array(x, ctx=ctx)))
        chosen = int(np.flatnonzero(ids[:, 0] >= 0)[3])
        target = (
            gm.targets.Detection(chosen)
            if by == "index"
            else gm.targets.Detection(box=boxes[chosen], class_id=int(ids[chosen, 0]))
        )
        return Case(
            net,
            (x,),
            layer,
            target,
            lambda outputs: outputs[1][0, chosen, 0],
            close=5e-2,
            exact=exact,
            warning=warning,
        )

    return build


def constants(F, x):
    """Constants in the graph: by shape, and by the numbers of an array."""
    ramp = F.reshape(F.arange(0, 6), shape=(1, 6, 1, 1))
    ones = F.ones(shape=(1, 6, 1, 1)) * 0.5 + F.zeros(shape=(1, 6, 1, 1))
    return F.broadcast_add(F.broadcast_mul(x, ones), ramp * 0.1) + F.zeros_like(x)


POSE_WEIGHTS = normal(17, 16, 16, seed=1)

# -- the list -------------------------------------------------------------------------------------

SMALL: dict[str, Build] = {
    # ways to save
    "SymbolBlock.imports": exported(import_block),
    "export, gm.load": exported(lambda folder, ctx: gm.load(folder / "net", ctx=ctx)),
    "save_checkpoint, load_checkpoint": trained(load_triple),
    "save_checkpoint, gm.load": trained(lambda folder, ctx: gm.load(folder, ctx=ctx)),
    "model.tar.gz": trained(load_archive),
    # loss heads
    "SoftmaxOutput": loss_head(sym.SoftmaxOutput),
    "SoftmaxOutput multi_output": loss_head(
        lambda y: sym.SoftmaxOutput(y, multi_output=True),
        scores=score_maps,
        layer="conv0_output",
        target=MAP_WEIGHTS,
        scalar=weighted(MAP_WEIGHTS),
    ),
    "SoftmaxOutput preserve_shape": loss_head(
        lambda y: sym.SoftmaxOutput(y, preserve_shape=True),
        scores=score_rows,
        target=ROW_WEIGHTS,
        scalar=weighted(ROW_WEIGHTS),
        layer="fc_output",
    ),
    "LogisticRegressionOutput": loss_head(sym.LogisticRegressionOutput),
    "LinearRegressionOutput": loss_head(sym.LinearRegressionOutput),
    "MAERegressionOutput": loss_head(sym.MAERegressionOutput),
    "SVMOutput": loss_head(sym.SVMOutput),
    "MakeLoss": loss_head(sym.MakeLoss),
    "make_loss": loss_head(sym.make_loss),
    "BlockGrad": loss_head(sym.BlockGrad),
    # probabilities: the scores before them, or themselves
    "softmax": loss_head(sym.softmax),
    "log_softmax": loss_head(sym.log_softmax),
    "sigmoid": loss_head(sym.sigmoid),
    "Activation sigmoid": loss_head(lambda y: sym.Activation(y, act_type="sigmoid")),
    "SoftmaxActivation": loss_head(sym.SoftmaxActivation),
    "softmax axis 1": loss_head(
        lambda y: sym.softmax(y, axis=1),
        scores=score_maps,
        layer="conv0_output",
        target=gm.targets.Segmentation(2),
        scalar=lambda o: o[0][:, 2].mean(axis=(1, 2)).sum(),
    ),
    "probability of softmax": probability(sym.softmax, lambda y: softmax(y, 1)),
    "probability of log_softmax": probability(sym.log_softmax, lambda y: softmax(y, 1)),
    "probability of sigmoid": probability(sym.sigmoid, sigmoid),
    "probability of SoftmaxActivation": probability(sym.SoftmaxActivation, lambda y: softmax(y, 1)),
    "probability of SoftmaxOutput": probability(sym.SoftmaxOutput, lambda y: softmax(y, 1)),
    "probability of SoftmaxOutput multi_output": probability(
        lambda y: sym.SoftmaxOutput(y, multi_output=True),
        lambda y: softmax(y, 1),
        scores=score_maps,
        layer="conv0_output",
        target=MAP_WEIGHTS,
        scalar=weighted(MAP_WEIGHTS),
    ),
    "probability of SoftmaxOutput preserve_shape": probability(
        lambda y: sym.SoftmaxOutput(y, preserve_shape=True),
        lambda y: softmax(y, -1),
        scores=score_rows,
        layer="fc_output",
        target=ROW_WEIGHTS,
        scalar=weighted(ROW_WEIGHTS),
    ),
    "probability of LogisticRegressionOutput": probability(sym.LogisticRegressionOutput, sigmoid),
    # several inputs and outputs
    "several inputs": several_inputs("conv", input=1),
    "several inputs, the image by name": several_inputs("conv", input="data1"),
    "several inputs, the vector": several_inputs(None, target=0, input=2),
    "several inputs, the image last": several_inputs(
        "conv", order=(2, 3, 1, 0), input=3, layer="conv"
    ),
    "several inputs, ids first": several_inputs("conv", order=(2, 3, 1, 0), input=3),
    "first of several outputs": several_outputs("body", 1, class_score(1), output=0),
    "nested output by number": several_outputs(
        "stem", MAP_OUTPUT_WEIGHTS, weighted(MAP_OUTPUT_WEIGHTS, 1), output=1, layer="stem"
    ),
    "nested output by name": several_outputs(
        "stem", 2, class_score(2, 2), output="heads_dense0_fwd_output"
    ),
    # shapes and kinds of convolution
    "1-D": small(
        (2, 3, 16),
        lambda: [
            nn.Conv1D(16, 3),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.MaxPool1D(2),
            nn.Conv1D(8, 3, activation="relu"),
            nn.GlobalAvgPool1D(),
            nn.Dense(5),
        ],
        "4",
    ),
    "3-D": small(
        (2, 2, 7, 6, 8),
        lambda: [
            nn.Conv3D(4, 3),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.MaxPool3D(2, padding=1),
            nn.Conv3D(6, 2),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.GlobalAvgPool3D(),
            nn.Dense(5),
        ],
        "6",
    ),
    "dilated": small(
        (2, 3, 12, 11),
        lambda: [
            nn.Conv2D(6, 3, dilation=2, activation="relu"),
            nn.Conv2D(8, 3, dilation=(1, 3)),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "1",
    ),
    "grouped": small(
        (2, 4, 9, 8),
        lambda: [
            nn.Conv2D(8, 3, groups=2, activation="relu"),
            nn.Conv2D(12, 3, groups=4, strides=2),
            nn.Activation("relu"),
            nn.GlobalMaxPool2D(),
            nn.Dense(5),
        ],
        "1",
    ),
    "depthwise": small(
        (2, 4, 9, 8),
        lambda: [
            nn.Conv2D(4, 3, groups=4, activation="relu"),
            nn.Conv2D(8, 1, activation="relu"),
            nn.Conv2D(16, 3, groups=8, strides=2),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "2",
    ),
    "transposed": small(
        (2, 3, 6, 5),
        lambda: [
            nn.Conv2D(8, 3, strides=2, activation="relu"),
            nn.Conv2DTranspose(6, 4, strides=2, padding=1, groups=2, in_channels=8),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "2",
    ),
    "fully convolutional": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(8, 3, activation="relu"),
            nn.Conv2D(5, 1),
            nn.GlobalAvgPool2D(),
            nn.Flatten(),
        ],
        "0",
    ),
    "activations": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(6, 3),
            nn.PReLU(),
            nn.Conv2D(6, 3),
            nn.SELU(),
            nn.Conv2D(6, 1),
            nn.ELU(0.7),
            nn.Conv2D(6, 1),
            nn.GELU(),
            nn.LeakyReLU(0.2),
            nn.Conv2D(6, 1),
            nn.Swish(),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "10",
    ),
    "no rectifier": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(6, 3, activation="tanh"),
            nn.Conv2D(6, 3),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "1",
        rectifies=False,
    ),
    "hybridized": small(SHAPE, usual_layers, "4", hybridized=True),
    "LSTM over the columns of a map": small(
        (2, 3, 6, 7),
        lambda: [
            nn.Conv2D(6, 3, activation="relu"),
            nn.HybridLambda(lambda F, x: F.transpose(F.mean(x, axis=2), axes=(2, 0, 1))),
            gluon.rnn.LSTM(5),
            nn.HybridLambda(lambda F, x: F.swapaxes(x, 0, 1)),
            nn.Dense(3),
        ],
        "0",
    ),
    # layouts
    "NHWC": channels_last(
        (2, 11, 12, 3),
        lambda layout, axis: [
            nn.Conv2D(6, 3, in_channels=3, layout=layout),
            nn.BatchNorm(axis=axis, in_channels=6),
            nn.Activation("relu"),
            nn.MaxPool2D(2, layout=layout),
            nn.Conv2D(8, 3, groups=2, in_channels=6, layout=layout),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(layout=layout),
            nn.Flatten(),
            nn.Dense(5, in_units=8),
        ],
        "4",
        # MXNet has no such convolution on a CPU
        warning="does not run here",
    ),
    # MXNet has no convolution of this layout, only pooling
    "NWC": channels_last(
        (2, 16, 3),
        lambda layout, axis: [
            turned(layout, (0, 2, 1)),
            nn.Conv1D(6, 3, in_channels=3),
            turned(layout, (0, 2, 1)),
            nn.BatchNorm(axis=axis, in_channels=6),
            nn.MaxPool1D(2, layout=layout),
            nn.Activation("relu"),
            nn.GlobalAvgPool1D(layout=layout),
            nn.Flatten(),
            nn.Dense(5, in_units=6),
        ],
        "5",
    ),
    "NDHWC": channels_last(
        (2, 8, 7, 8, 2),
        lambda layout, axis: [
            nn.Conv3D(4, 3, in_channels=2, layout=layout),
            nn.BatchNorm(axis=axis, in_channels=4),
            nn.Activation("relu"),
            nn.MaxPool3D(2, padding=1, layout=layout),
            nn.Conv3D(6, 2, groups=2, in_channels=4, layout=layout),
            nn.Activation("relu"),
            nn.GlobalAvgPool3D(layout=layout),
            nn.Flatten(),
            nn.Dense(5, in_units=6),
        ],
        "4",
        warning="does not run here",
    ),
    # types and interfaces
    "float16": half_precision,
    "float64": double_precision,
    "mx.np": numpy_interface,
    "InsightFace": face_embedding,
    # nets that cannot be traced
    "untraceable": untraceable(usual_layers, "4"),
    "untraceable residual": untraceable(
        lambda nn: [
            nn.Conv2D(6, 3, activation="relu"),
            Residual(nn.Conv2D(6, 3, padding=1), nn.BatchNorm(), nn.Activation("relu")),
            nn.MaxPool2D(2),
            nn.Conv2D(8, 2),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "3",
        target=0,
    ),
    "untraceable in part hybridized": untraceable(
        lambda nn: [
            nn.Conv2D(6, 3),
            hybridized(
                sequential(
                    lambda: [
                        nn.BatchNorm(),
                        nn.Activation("relu"),
                        nn.MaxPool2D(2),
                        nn.Conv2D(8, 3),
                    ]
                )
            ),
            nn.Activation("relu"),
            nn.Flatten(),
            nn.Dense(5),
        ],
        "1.3",
        layer="1.3",
    ),
    "untraceable activations": untraceable(
        lambda nn: [
            nn.Conv2D(6, 3),
            nn.SELU(),
            nn.Conv2D(6, 3),
            nn.PReLU(),
            nn.Conv2D(6, 1),
            nn.ELU(0.7),
            nn.Conv2D(6, 1),
            nn.GELU(),
            nn.Conv2D(6, 1),
            nn.LeakyReLU(0.2),
            nn.GlobalMaxPool2D(),
            nn.Dense(5),
        ],
        "9",
    ),
    # what MXNet gets wrong on its own
    "concatenation of 8 + 8 channels": small(
        (2, 3, 9, 8),
        lambda: [
            parallel(nn.Conv2D(8, 3, activation="relu"), nn.Conv2D(8, 3)),
            nn.Conv2D(64, 3),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "1",
    ),
    "slice of a convolution": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(16, 3),
            nn.HybridLambda(lambda F, x: F.slice(x, begin=(None, 3, 1, 0), end=(None, 11, 6, 5))),
            nn.Activation("relu"),
            nn.Conv2D(8, 3),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "3",
    ),
    "average pooling, ceil_mode": small(
        (2, 3, 5, 5),
        lambda: [
            nn.Conv2D(8, 3, activation="relu"),
            nn.AvgPool2D(2, ceil_mode=True),
            nn.Conv2D(8, 1),
            nn.Activation("relu"),
            nn.Dense(5),
        ],
        "2",
        target=0,
    ),
    "average pooling of padding alone": small(
        (2, 3, 9, 9),
        lambda: [
            nn.Conv2D(6, 3, activation="relu"),
            nn.AvgPool2D(2, padding=1, ceil_mode=True),
            nn.Conv2D(8, 2),
            nn.Activation("relu"),
            nn.Dense(5),
        ],
        "2",
    ),
    "average pooling, full, without its padding": small(
        (2, 3, 10, 9),
        lambda: [
            nn.Conv2D(6, 3, activation="relu"),
            nn.AvgPool2D(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
            nn.Conv2D(8, 2),
            nn.Activation("relu"),
            nn.Dense(5),
        ],
        "2",
    ),
    "constants": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(6, 3),
            nn.HybridLambda(constants),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "2",
    ),
    "topk values": small(
        (2, 3, 9, 8),
        lambda: [
            nn.Conv2D(6, 3),
            nn.Activation("relu"),
            nn.HybridLambda(lambda F, x: F.topk(x, axis=1, k=3, ret_typ="value")),
            nn.Conv2D(8, 3),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(5),
        ],
        "3",
    ),
}

GLUONCV: dict[str, Build] = {
    "cifar_resnet20_v1": gluoncv("cifar_resnet20_v1", (1, 3, 32, 32), "features.4", target=1),
    "resnet18_v1b": gluoncv("resnet18_v1b", (1, 3, 64, 64), "layer4"),
    "resnet50_v1d": gluoncv("resnet50_v1d", (1, 3, 64, 64), "layer4"),
    "resnet50_v1s": gluoncv("resnet50_v1s", (1, 3, 64, 64), "layer4"),
    "se_resnet18_v1": gluoncv("se_resnet18_v1", (1, 3, 64, 64), "features.7"),
    "resnest14": gluoncv("resnest14", (1, 3, 64, 64), "layer4"),
    "mobilenetv3_small": gluoncv("mobilenetv3_small", (1, 3, 64, 64), "features.16"),
    "mobilenetv3_large": gluoncv("mobilenetv3_large", (1, 3, 64, 64), "features.20"),
    "xception": gluoncv("xception", (1, 3, 64, 64), "relu#7"),
    "densenet121": gluoncv("densenet121", (1, 3, 64, 64), "features.12", target=1, window=2),
    "shufflenet_v1": gluoncv("shufflenet_v1", (1, 3, 96, 96), "features.4"),
    "dla34": gluoncv("dla34", (1, 3, 64, 64), "level5"),
    "googlenet": gluoncv("googlenet", (1, 3, 64, 64), "inception5b", window=2),
    "nasnet_4_1056": gluoncv("nasnet_4_1056", (1, 3, 96, 96), "out.0"),
    "i3d": gluoncv("i3d_resnet50_v1_kinetics400", (1, 3, 8, 48, 48), "res_layers.3"),
    "fcn_resnet50": segmentation("fcn_resnet50_ade", 32, "head.block.2"),
    "deeplab_resnet50": segmentation("deeplab_resnet50_ade", 40, "head.block.2"),
    # low scores are cut off by an operator where
    "ssd by index": detection(
        "ssd_512_mobilenet1.0_voc", 128, "features", "index", exact=False, warning="rectify"
    ),
    # low scores are cut off by an operator where
    "ssd by box": detection(
        "ssd_512_mobilenet1.0_voc", 128, "features", "box", exact=False, warning="rectify"
    ),
    "yolo3 by index": detection("yolo3_mobilenet0.25_voc", 128, "yolo_blocks.0", "index"),
    "yolo3 by box": detection("yolo3_mobilenet0.25_voc", 128, "yolo_blocks.0", "box"),
    "simple_pose": gluoncv(
        "simple_pose_resnet18_v1b",
        (1, 3, 64, 64),
        "deconv_layers",
        POSE_WEIGHTS,
        weighted(POSE_WEIGHTS),
    ),
}

# Those that once ended the process, and those that take some ten seconds.
DEADLY = {"concatenation of 8 + 8 channels", "slice of a convolution"}
NEED_ONEDNN = {"LSTM over the columns of a map"}
SLOW = {"nasnet_4_1056"}

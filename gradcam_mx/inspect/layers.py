"""What a net's layers give and what they hold: their outputs, their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._mxnet import mx
from ..engine.failures import failures_told
from ..engine.inputs import Input
from ..engine.recording import record
from ..engine.streaming import numbers
from ..engine.wanted import Wanted
from ..errors import LayerError
from ..graph.kinds import WEIGHTED
from ..graph.layers import PENULTIMATE, find, named_runs
from ..graph.node import Shapes
from ..graph.operators import operator
from ..graph.outputs import LayerOutputs
from ..graph.runs import split
from ..graph.trace import Net, trace
from ..support.boundary import told

# What Gluon calls them. A dropout is passed over, and an activation may be the last step of a
# convolution's block.
_WITHOUT_WEIGHTS = ("Activation", "LeakyReLU", "PReLU", "ELU", "SELU", "GELU", "Swish", "Dropout")


@told
def layer_outputs(net: Net, x: Input, layers: Any = None) -> dict[str, np.ndarray]:
    """What layers give for an input, as in inference: the name of each → (N, C, h, w).

    Draw the channels of one sample by `gm.picture.channel_grid`.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        layers: a layer or a list of them, as `layer=` names them everywhere, or "penultimate";
            None for the default layer.

    Raises:
        LayerError, InputError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> found = gm.inspect.layer_outputs(net, mx.nd.ones((1, 3, 224, 224)), ["features.5"])
        >>> {name: values.shape for name, values in found.items()}
        {'features.5': (1, 128, 27, 27)}
    """
    wanted = tuple(layers) if isinstance(layers, (list, tuple)) else (layers,)
    with failures_told("forward"):
        recording = record(net, x, Wanted(output=LayerOutputs(wanted)))
        found = numbers(recording, recording.values())
    names = [
        layer if isinstance(layer, str) else output.name
        for layer, output in zip(wanted, recording.outputs)
    ]
    return dict(zip(names, found))


@told
def weights(net: Net, layer: Any) -> np.ndarray:
    """The weight of a layer: (O, I, kh, kw) of a convolution, (O, I) of a Dense layer.

    It is turned so where the net keeps the channels last.

    Draw filters by `gm.picture.filter_grid`.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        layer: a Block, a dotted path, a block's name, or the name of an output; of a block that
            ends in a convolution or Dense layer and its activation, that layer.

    Raises:
        LayerError: there is no such layer, or it has no weight.
        NetworkError: the net cannot be traced, or is not initialised.

    Example:
        >>> import gradcam_mx as gm
        >>> net = gm.nn.Conv2D(8, kernel_size=3, in_channels=3)
        >>> net.initialize()
        >>> gm.inspect.weights(net, net).shape
        (8, 3, 3, 3)
    """
    graph = trace(net)
    if isinstance(layer, (str, mx.gluon.Block)) and layer != PENULTIMATE:
        name, entry = named_runs(graph, layer, Shapes({}, ()))[-1]  # every run has the same weight
    else:
        entry, name = find(graph, layer, Shapes({}, ()), graph.heads[:1])
    node = graph.nodes[entry[0]]
    block = next(
        (
            one
            for one in graph.blocks
            if split(name)[0] in (one.path, one.name) and graph.frozen(one.output) == entry
        ),
        None,
    )
    if block is not None and node.activation:
        node = graph.nodes[(node.bend.source if node.bend else node.inputs[0])[0]]
    if operator(node.role).kind not in WEIGHTED or (
        block is not None and block.kind in _WITHOUT_WEIGHTS
    ):
        raise LayerError(
            f"the layer {name!r} has no weight: it is no convolution and no Dense "
            f"layer, but {block.kind if block else node.role}"
        )
    while node.operator.kind not in WEIGHTED:  # the step of the engine that turns its output back
        node = graph.nodes[node.inputs[0][0]]
    kernel = graph.nodes[node.inputs[1][0]]
    is_turned = kernel.is_internal
    if is_turned:
        kernel = graph.nodes[kernel.inputs[0][0]]
    if not kernel.is_variable:
        raise LayerError(f"the weight of the layer {name!r} is no parameter: the net computes it")
    found = graph.parameters.on(graph.parameters.contexts()[0])[kernel.name].asnumpy()
    return np.moveaxis(found, -1, 1) if is_turned else found

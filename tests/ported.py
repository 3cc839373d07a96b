"""Small nets and their ports to ONNX, with and without a mistake; made by hand, not by MXNet."""

from __future__ import annotations

import numpy as np

from gradcam_mx._mxnet import mx

SIDE = 16


def small_net(ctx=None, seed=0, act="relu6", dropout=0.5, prefix="small_"):
    """Conv (stride 2), BatchNorm, an activation, MaxPool, Conv (square), ReLU, Dropout, pool,
    Dense."""
    nn = mx.gluon.nn
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        net.add(nn.Conv2D(8, 3, strides=2, padding=1, in_channels=3))
        net.add(nn.BatchNorm(epsilon=1e-5, in_channels=8))
        clip = nn.HybridLambda(lambda F, x: F.clip(x, 0, 6))
        net.add(clip if act == "relu6" else nn.Activation(act))
        net.add(nn.MaxPool2D(3, 2, 1))
        net.add(nn.Conv2D(8, 3, padding=1, in_channels=8))
        net.add(nn.Activation("relu"))
        net.add(nn.Dropout(dropout))
        net.add(nn.GlobalAvgPool2D())
        net.add(nn.Flatten())
        net.add(nn.Dense(6, in_units=8))
    net.initialize(ctx=ctx or mx.cpu())
    draw = np.random.RandomState(seed)
    for name, parameter in net.collect_params().items():
        shape = parameter.shape
        spread = 3.0 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.3
        numbers = spread * draw.standard_normal(shape)
        if name.endswith(("var", "gamma")):
            numbers = np.abs(numbers) + (0.02 if name.endswith("var") else 2.0)
        parameter.set_data(mx.nd.array(numbers))
    return net


def inputs(count=3, seed=5):
    draw = np.random.RandomState(seed)
    return draw.standard_normal((count, 3, SIDE, SIDE)).astype(np.float32)


def parts(net):
    """What a port is made of: name → numbers, named for itself."""
    names = {
        "conv0_weight": "w0",
        "conv0_bias": "b0",
        "gamma": "gamma",
        "beta": "beta",
        "running_mean": "mean",
        "running_var": "var",
        "conv1_weight": "w1",
        "conv1_bias": "b1",
        "dense0_weight": "w2",
        "dense0_bias": "b2",
    }
    return {
        short: next(
            one.data(one.list_ctx()[0]).asnumpy()
            for name, one in net.collect_params().items()
            if name.endswith(long)
        )
        for long, short in names.items()
    }


def port(net, path, *, numbers=None, is_folded=False, extra=(), **changed):
    """The same net in ONNX.

    Args:
        numbers: name → other numbers.
        is_folded: whether the batch normalisation is folded into the convolution.
        extra: the names of further operators: "bgr", "scale", "dropout", "half", "softmax".
        changed: "epsilon", "pads", "ceil_mode", "activation".
    """
    from onnx import TensorProto, helper, numpy_helper, save

    kept = {**parts(net), **(numbers or {})}
    epsilon, nodes, source = changed.get("epsilon", 1e-5), [], "x"

    def add(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    if "bgr" in extra:
        kept["order"] = np.array([2, 1, 0], np.int64)
        source = add("Gather", [source, "order"], "turned", axis=1)
    if "scale" in extra:
        kept["factor"] = np.array(1 / 255, np.float32)
        source = add("Mul", [source, "factor"], "smaller")
    if "half" in extra:
        kept = {name: one.astype(np.float16) for name, one in kept.items()}
        source = add("Cast", [source], "halved", to=TensorProto.FLOAT16)
    if is_folded:
        factor = kept["gamma"] / np.sqrt(kept["var"] + epsilon)
        kept["b0"] = (kept["b0"] - kept["mean"]) * factor + kept["beta"]
        kept["w0"] = kept["w0"] * factor.reshape(-1, 1, 1, 1)
    pads = changed.get("pads", [1, 1, 1, 1])
    source = add("Conv", [source, "w0", "b0"], "v0", pads=pads, strides=[2, 2])
    if not is_folded:
        of_batch = [source, "gamma", "beta", "mean", "var"]
        source = add("BatchNormalization", of_batch, "v1", epsilon=epsilon)
    activation = changed.get("activation", "relu6")
    if activation == "relu6":
        of_type = np.float16 if "half" in extra else np.float32
        kept["low"], kept["high"] = np.array(0, of_type), np.array(6, of_type)
        source = add("Clip", [source, "low", "high"], "v2")
    elif activation is not None:
        source = add(activation, [source], "v2")
    ceil = changed.get("ceil_mode", 0)
    square = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    source = add("MaxPool", [source], "v3", ceil_mode=ceil, **square)
    source = add("Conv", [source, "w1", "b1"], "v4", pads=[1, 1, 1, 1])
    source = add("Relu", [source], "v5")
    if "dropout" in extra:
        kept["share"] = np.array(0.5, np.float32)
        source = add("Mul", [source, "share"], "v6")
    source = add("GlobalAveragePool", [source], "v7")
    source = add("Flatten", [source], "v8")
    last = add("Gemm", [source, "w2", "b2"], "v9", transB=1)
    if "softmax" in extra:
        last = add("Softmax", [last], "v10", axis=1)
    add("Cast", [last], "y", to=TensorProto.FLOAT)
    graph = helper.make_graph(
        nodes,
        "port",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(np.ascontiguousarray(one), name) for name, one in kept.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    save(model, str(path))
    return path

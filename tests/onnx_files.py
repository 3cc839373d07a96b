"""What tests of ONNX files share: small nets of MXNet, exported, and files made by hand."""

from __future__ import annotations

import numpy as np

from gradcam_mx._mxnet import mx

nn = mx.gluon.nn
SHAPE = (3, 8, 8)


def small_net(*ends, seed=0, ctx=None):
    """A net of a convolution for pictures of 8 × 8 pixels and five classes."""
    mx.random.seed(seed)
    net = nn.HybridSequential(prefix="")
    net.add(
        nn.Conv2D(4, 3, prefix="first_"),
        nn.BatchNorm(prefix="norm_"),
        nn.Activation("relu", prefix="relu_"),
        nn.MaxPool2D(prefix="pool_"),
        nn.Flatten(prefix="flat_"),
        nn.Dense(5, prefix="dense_"),
        *ends,
    )
    net.initialize(mx.init.Xavier(magnitude=6), ctx=ctx)
    net(mx.nd.zeros((1, *SHAPE), ctx=ctx)).wait_to_read()
    return net


def exported(net, folder, batch=None):
    """The path of the net in ONNX's format: for any number of samples, or for so many."""
    net.hybridize()
    net(mx.nd.zeros((1, *SHAPE), ctx=next(iter(net.collect_params().values())).list_ctx()[0]))
    prefix = str(folder / "net")
    net.export(prefix)
    dynamic = {} if batch else {"dynamic": True, "dynamic_input_shapes": [("N", *SHAPE)]}
    mx.onnx.export_model(
        f"{prefix}-symbol.json",
        f"{prefix}-0000.params",
        [(batch or 1, *SHAPE)],
        np.float32,
        f"{prefix}.onnx",
        **dynamic,
    )
    return f"{prefix}.onnx"


def by_hand(path, nodes, shape, outputs, numbers=(), dtype="float32", version=13):
    """A file made of operators.

    Args:
        nodes: (operator, inputs, outputs, attributes).
        shape: of the input "x".
        outputs: name → its rank.
        numbers: name → those that are kept in the file.
    """
    import onnx
    from onnx import helper, numpy_helper

    kind = helper.np_dtype_to_tensor_dtype
    made = [helper.make_node(op, ins, outs, **more) for op, ins, outs, more in nodes]
    floats = np.dtype("float16" if dtype == "float16" else "float32")
    graph = helper.make_graph(
        made,
        "by_hand",
        [helper.make_tensor_value_info("x", kind(np.dtype(dtype)), shape)],
        [
            helper.make_tensor_value_info(name, kind(floats), [None] * rank)
            for name, rank in outputs.items()
        ],
        [numpy_helper.from_array(one, name) for name, one in dict(numbers).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return str(path)

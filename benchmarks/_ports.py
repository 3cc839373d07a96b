"""Ports of nets to ONNX, honest ones and ones with a mistake planted; for `audit_ports.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

FOLDER = Path(tempfile.mkdtemp())


def trained(name):
    """A net of the zoo, or of Gluon with random weights and statistics that fit them."""
    if name in ("squeezenet1_1", "efficientnet_lite0"):
        return gm.zoo.get_model(name)
    mx.random.seed(1)
    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize(mx.init.Xavier(magnitude=2))
    draw = np.random.RandomState(1)
    net.apply(forget_sooner)
    see(net, [draw.standard_normal((4, 3, 96, 96)) for _ in range(12)])
    for parameter_name, parameter in net.collect_params().items():
        if parameter_name.endswith(("gamma", "beta")):
            shift = draw.uniform(-0.3, 0.3, parameter.shape)
            parameter.set_data(parameter.data() + mx.nd.array(shift))
    return net


def forget_sooner(block):
    """Statistics of the last batches alone: of the first ones, whose variance is 1, a thousandth
    would let a deep net say the same of everything."""
    if isinstance(block, mx.gluon.nn.BatchNorm):
        block._kwargs["momentum"] = 0.5


def see(net, batches):
    """Fit the running statistics to batches; oneDNN's are written in the backward pass."""
    for batch in batches:
        with mx.autograd.record():
            made = net(mx.nd.array(batch))
        made.backward()
    mx.nd.waitall()


def exported(net, shape, name="net"):
    """An ONNX model of a net, for any number of samples."""
    net.hybridize()
    net(mx.nd.zeros(shape)).wait_to_read()
    prefix = str(FOLDER / name)
    net.export(prefix)
    mx.onnx.export_model(
        f"{prefix}-symbol.json", f"{prefix}-0000.params", [shape], np.float32, f"{prefix}.onnx"
    )
    model = onnx.load(f"{prefix}.onnx")
    # MXNet lists the parameters among the inputs
    known = {one.name for one in model.graph.initializer}
    kept = [one for one in model.graph.input if one.name not in known]
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.extend(kept)
    for one in [*model.graph.input, *model.graph.output]:
        one.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def saved(model, name="port"):
    path = FOLDER / f"{name}.onnx"
    onnx.save(model, str(path))
    return path


def copied(model):
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def nodes(model, *ops):
    return [node for node in model.graph.node if node.op_type in ops]


def numbers(model, name):
    return next(one for one in model.graph.initializer if one.name == name)


def put(model, name, array):
    array = np.ascontiguousarray(array)
    numbers(model, name).CopyFrom(numpy_helper.from_array(array, name))


def value(model, name):
    return numpy_helper.to_array(numbers(model, name))


def attribute(node, name, given):
    kept = [one for one in node.attribute if one.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, given)])


def before(model, source, made):
    """Put nodes between a value and what reads it; the last of them makes `source + "_new"`."""
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == source:
                node.input[place] = f"{source}_new"
    place = next(
        (number + 1 for number, node in enumerate(model.graph.node) if source in node.output), 0
    )
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*rest[:place], *made, *rest[place:]])


def constant(model, name, array):
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return name


# -- mistakes -------------------------------------------------------------------------------------


def bgr(model):
    order = constant(model, "order", np.array([2, 1, 0], np.int64))
    made = helper.make_node("Gather", ["data", order], ["data_new"], axis=1)
    before(model, "data", [made])


def scaled(model):
    factor = constant(model, "factor", np.array(1 / 255, np.float32))
    before(model, "data", [helper.make_node("Mul", ["data", factor], ["data_new"])])


def epsilon(model):
    for node in nodes(model, "BatchNormalization"):
        attribute(node, "epsilon", 1e-3)


def ceil_mode(model):
    for node in nodes(model, "MaxPool"):
        attribute(node, "ceil_mode", 1)


def asymmetric(model):
    for node in nodes(model, "Conv"):
        own = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if list(own["strides"]) == [2, 2] and any(own.get("pads", [])):
            height, width = own["pads"][:2]
            attribute(node, "pads", [height - 1, width - 1, height, width])


def relu_for_relu6(model):
    for node in nodes(model, "Clip"):
        node.op_type = "Relu"
        del node.input[1:]
        del node.attribute[:]


def changed_weights(number, change):
    def plant(model):
        name = nodes(model, "Conv")[number].input[1]
        put(model, name, change(value(model, name)))

    return plant


def dropout_scale(model):
    source = nodes(model, "Concat")[-1].output[0]  # dropout is left out of exports
    factor = constant(model, "kept", np.array(0.5, np.float32))
    before(model, source, [helper.make_node("Mul", [source, factor], [f"{source}_new"])])


def swapped(model):
    dense = nodes(model, "Gemm", "Conv")[-1]
    for name in dense.input[1:]:
        array = value(model, name).copy()
        array[[281, 285]] = array[[285, 281]]
        put(model, name, array)


def half(model):
    """All in half precision, but for the input and the output."""
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(one).astype(np.float16)
            one.CopyFrom(numpy_helper.from_array(array, one.name))
    before(
        model, "data", [helper.make_node("Cast", ["data"], ["data_new"], to=TensorProto.FLOAT16)]
    )
    given = model.graph.output[0].name
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == given:
                node.output[place] = f"{given}_half"
        for place, name in enumerate(node.input):
            if name == given:
                node.input[place] = f"{given}_half"
    model.graph.node.append(
        helper.make_node("Cast", [f"{given}_half"], [given], to=TensorProto.FLOAT)
    )
    del model.graph.value_info[:]


def int8(model, x):
    """Weights and values of convolutions in int8, as QuantizeLinear and DequantizeLinear."""
    path = saved(model, "to_quantize")
    box = gm.black_box(str(path))
    found = {"data": x, **box.values(x)}
    zero = constant(model, "zero", np.array(0, np.int8))
    quantised = {}
    for number, node in enumerate(nodes(model, "Conv")):
        source, weights = node.input[:2]
        if source not in quantised:
            scale = np.float32(np.abs(found[source]).max() / 127)
            step = constant(model, f"step_{number}", scale)
            to, back = f"{source}_int8", f"{source}_back"
            place = list(model.graph.node).index(node)
            model.graph.node.insert(
                place, helper.make_node("QuantizeLinear", [source, step, zero], [to])
            )
            model.graph.node.insert(
                place + 1, helper.make_node("DequantizeLinear", [to, step, zero], [back])
            )
            quantised[source] = back
        node.input[0] = quantised[source]
        array = value(model, weights)
        scale = np.abs(array).max() / 127
        put(model, weights, (np.rint(array / scale) * scale).astype(np.float32))


# -- honest ports ---------------------------------------------------------------------------------


def folded(model):
    """Each batch normalisation folded into the convolution before it."""
    makers = {node.output[0]: node for node in model.graph.node}
    for node in nodes(model, "BatchNormalization"):
        conv = makers.get(node.input[0])
        if conv is None or conv.op_type != "Conv":
            continue
        gamma, beta, mean, var = (value(model, name).astype(np.float64) for name in node.input[1:])
        eps = next(one.f for one in node.attribute if one.name == "epsilon")
        factor = gamma / np.sqrt(var + eps)
        weights = value(model, conv.input[1])
        bias = value(model, conv.input[2]) if len(conv.input) > 2 else np.zeros(len(weights))
        put(model, conv.input[1], (weights * factor.reshape(-1, 1, 1, 1)).astype(np.float32))
        new = constant(
            model, f"{node.name}_folded", ((bias - mean) * factor + beta).astype(np.float32)
        )
        del conv.input[2:]
        conv.input.append(new)
        conv.output[0] = node.output[0]
        model.graph.node.remove(node)


def optimised(level):
    def make(model):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = str(FOLDER / "optimised.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        model.CopyFrom(onnx.load(options.optimized_model_filepath))

    return make


def of_batch(count):
    def make(model):
        for one in [*model.graph.input, *model.graph.output]:
            one.type.tensor_type.shape.dim[0].ClearField("dim_param")
            one.type.tensor_type.shape.dim[0].dim_value = count
        del model.graph.value_info[:]

    return make


def opset(version):
    def make(model):
        # what MXNet writes has the same meaning in all of them
        model.opset_import[0].version = version

    return make


def channels_last(model):
    before(
        model, "data", [helper.make_node("Transpose", ["data"], ["data_new"], perm=[0, 3, 1, 2])]
    )
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sizes = [one.dim_value for one in sides]
    for side, size in zip(sides[1:], [sizes[2], sizes[3], sizes[1]]):
        side.dim_value = size
    del model.graph.value_info[:]


def renamed(model):
    """All values called otherwise."""
    kept = {one.name for one in [*model.graph.input, *model.graph.output]}
    names = {}
    for node in model.graph.node:
        node.name = ""
        for given in (node.input, node.output):
            for place, name in enumerate(given):
                if (
                    name
                    and name not in kept
                    and all(name != one.name for one in model.graph.initializer)
                ):
                    names.setdefault(name, f"value_{len(names)}")
                    given[place] = names[name]
    del model.graph.value_info[:]


def product_and_sum(model):
    """Dense layers as a matrix product and a sum."""
    for node in nodes(model, "Gemm"):
        data, weights, bias = node.input
        put(model, weights, value(model, weights).T)
        place = list(model.graph.node).index(node)
        product = helper.make_node("MatMul", [data, weights], [f"{node.output[0]}_product"])
        total = helper.make_node("Add", [product.output[0], bias], [node.output[0]])
        model.graph.node.remove(node)
        model.graph.node.insert(place, product)
        model.graph.node.insert(place + 1, total)


def pixels_inside(prepare):
    """The normalisation inside of the net, which takes pixels."""

    def make(model):
        mean = constant(model, "own_mean", np.array(prepare.mean, np.float32).reshape(1, -1, 1, 1))
        std = constant(model, "own_std", np.array(prepare.std, np.float32).reshape(1, -1, 1, 1))
        before(
            model,
            "data",
            [
                helper.make_node("Sub", ["data", mean], ["data_centred"]),
                helper.make_node("Div", ["data_centred", std], ["data_new"]),
            ],
        )

    return make

"""The float twin of an int8 network: its operators in floating point, its weights as meant.

An int8 number q of a range [low, high] means q · max(|low|, |high|) / 127. Rounding and saturation
of the values between the layers are gone, so the twin's output differs by the quantisation error.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, WeightsError
from .attributes import Attributes
from .operators import operator
from .unfuse import Description, Places, put

Arrays = Dict[str, Any]

_QUANTIZED, _OFFLINE = "_contrib_quantized_", "_quantize"
_LARGEST = {"int8": 127.0, "int32": 2.0**31 - 1}

_INPUTS = {
    "act": ("Activation", 1),
    "batch_norm": ("BatchNorm", 5),
    "conv": ("Convolution", 3),
    "elemwise_add": ("elemwise_add", 2),
    "elemwise_mul": ("elemwise_mul", 2),
    "embedding": ("Embedding", 2),
    "flatten": ("Flatten", 1),
    "fully_connected": ("FullyConnected", 3),
    "pooling": ("Pooling", 1),
}
"""Of an operator in int8: the one in floating point, and how many inputs that has at the most."""
_OWN = {"min_calib_range", "max_calib_range", "out_type", "enable_float_output"}
"""Attributes that only operators in int8 have."""


def float_twin(graph: Mapping[str, Any], arrays: Arrays) -> tuple[Description, Arrays]:
    """A network in floating point that does what one in int8 does, but for its roundings.

    Args:
        graph: the network's, as a Symbol's JSON has it.
        arrays: its parameters.

    Raises:
        NetworkError: it has an operator in int8 of which no other is known.
        WeightsError: the range of a weight is missing.
    """
    nodes: list[Description] = []
    places = Places()
    made = dict(arrays)
    for index, node in enumerate(graph["nodes"]):
        node = {**node, "inputs": [places.of(entry) for entry in node["inputs"]]}
        known = operator(node["op"])
        if node["op"] == "null":
            node = _parameter(node, made)
        elif known.is_int8 and node["op"].startswith(_QUANTIZED):
            node = _in_floats(node)
        elif known.is_int8 and node.get("subgraphs"):
            places.update({(index, which): at for which, at in enumerate(put(nodes, node))})
            continue
        elif known.is_int8:  # quantize, requantize, dequantize
            places[index, 0] = tuple(node["inputs"][0][:2])
            continue
        places[index, 0] = len(nodes), 0
        nodes.append(node)
    heads = [places.of(entry) for entry in graph["heads"]]
    variables = [at for at, node in enumerate(nodes) if node["op"] == "null"]
    return {**graph, "nodes": nodes, "heads": heads, "arg_nodes": variables}, made


def _parameter(node: Description, arrays: Arrays) -> Description:
    """A variable; one in int8 becomes one in floating point, under the name that it had before."""
    name = node["name"]
    array = arrays.get(name)
    if array is None or np.dtype(array.dtype).name not in _LARGEST:
        return node
    kind = np.dtype(array.dtype).name
    try:
        low, high = (float(arrays[f"{name}_{end}"].asnumpy().ravel()[0]) for end in ("min", "max"))
    except KeyError as error:
        raise WeightsError(
            f"the parameter {name!r} is in {kind}, and {error} is missing, which says what range "
            "its numbers have: pass the .params file that was written with the int8 symbol"
        ) from error
    scale = max(abs(low), abs(high)) / _LARGEST[kind]
    meant = name[: -len(_OFFLINE)] if name.endswith(_OFFLINE) else name
    arrays[meant] = mx.nd.array(array.asnumpy().astype(np.float64) * scale, dtype="float32")
    return {**node, "name": meant, "attrs": {}}


def _in_floats(node: Description) -> Description:
    kind = node["op"][len(_QUANTIZED) :]
    attrs = {name: text for name, text in node.get("attrs", {}).items() if name not in _OWN}
    if kind == "concat":
        op, count = "Concat", Attributes.of(node).whole("num_args", 1)
    elif kind in _INPUTS:
        op, count = _INPUTS[kind]
    else:
        raise NetworkError(
            f"the network has the operator {node['op']} ({node['name']!r}), for which no operator "
            "in floating point is known: explain the int8 network by methods that try other "
            "inputs, without dequantize=True"
        )
    if count == 3 and Attributes.of(node).flag("no_bias", False):
        count = 2
    return {**node, "op": op, "attrs": attrs, "inputs": node["inputs"][:count]}

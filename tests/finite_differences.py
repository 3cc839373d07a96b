"""Gradients by finite differences in float64: a check that shares no code with the package.

A net's own operators run its own inference, with every float made a float64; MXNet's CPU build
then computes with its native kernels, oneDNN having none for float64. No backward pass is involved.

    net = Float64Net(symbol, parameters)
    slope = directional(net, [x], 0, d, lambda outputs: float(outputs[0][0, 281]))
    assert disagreement(gradient, d, slope) < 1e-3
"""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from gradcam_mx._mxnet import mx

Function = Callable[[Sequence[np.ndarray]], float]
"""The scalar that is differentiated, of the net's outputs."""

EPSILON = np.finfo(np.float64).eps

# Where a ReLU or a maximum changes sides between the two points, the difference is off by that
# unit's share, and of all units a fraction of about h does: of the 1e6 of a net one at h = 1e-6 and
# none at 1e-8. Rounding costs 1e-16 |f| / h, which is little at both as long as f changes in
# proportion: 1e-10 and 1e-8. So they come first. Where f hardly changes (a deep net with random
# weights may lose nearly all of its input) rounding is too much and a larger step is right, up to
# where the curvature of the net, which costs h², shows.
STEPS = (1e-6, 1e-7, 1e-8, 1e-9, 1e-5, 1e-4, 1e-3)

# Their result is float32 unless they are told otherwise: nothing they read says what it should be.
# (argmax and its like follow what they read. The numbers that these give are whole or 0 or 1.)
FLOAT32_BY_DEFAULT = frozenset(
    {
        "_zeros",
        "_ones",
        "_full",
        "_eye",
        "_arange",
        "_linspace",
        "one_hot",
        "topk",
        "argsort",
        "Embedding",
        "_npi_zeros",
        "_npi_ones",
        "_npi_full",
        "_npi_eye",
        "_npi_identity",
        "_npi_arange",
        "_npi_linspace",
        "_npi_indices",
        "_npi_blackman",
        "_npi_hamming",
        "_npi_hanning",
        "_npx_one_hot",
        "_npx_topk",
        "_npi_argsort",
        "_npx_embedding",
    }
)
# What float32 and float16 are called: by name in operators' attributes, by number in variables'.
NARROW = {"float32": "float64", "float16": "float64", "bfloat16": "float64", "None": "float64"}
NARROW_VARIABLE = {"0": "1", "2": "1", "12": "1"}

_BRACKETS = str.maketrans("()", "[]")


class Float64Net:
    """A net run forward in float64: `forward(*inputs)` gives the list of its outputs.

    Args:
        symbol: the net, a Symbol (of either interface) or the JSON of one.
        parameters: name → array, for every variable that is not an input.
        inputs: the names of the inputs in order; by default the other variables, as listed.
    """

    def __init__(
        self, symbol: Any, parameters: Mapping[str, Any], inputs: Sequence[str] | None = None
    ) -> None:
        text = symbol if isinstance(symbol, str) else symbol.tojson(remove_amp_cast=False)
        self._graph = widened(json.loads(text))
        self._parameters = {name: _wide(value) for name, value in parameters.items()}
        loaded = mx.sym.load_json(json.dumps(self._graph))
        self._names = loaded.list_inputs()
        self.inputs = (
            list(inputs)
            if inputs is not None
            else [name for name in self._names if name not in self._parameters]
        )
        # numpy's operators make scalars of shape (), which the older interface takes for "unknown"
        self._numpy = any(
            node["op"].startswith(("_np_", "_npi_", "_npx_")) for node in self._graph["nodes"]
        )
        self._operator = mx.nd.CachedOp(loaded, [])

    def forward(self, *inputs: Any) -> list[np.ndarray]:
        """The outputs for arrays at the inputs."""
        given = dict(zip(self.inputs, (_wide(value) for value in inputs)))
        with mx.util.np_shape(self._numpy), mx.autograd.pause(train_mode=False):
            arrays = [
                mx.nd.array(
                    given[name] if name in given else self._parameters[name],
                    dtype=(given.get(name, self._parameters.get(name))).dtype,
                )
                for name in self._names
            ]
            outputs = self._operator(*arrays)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            return [output.asnumpy() for output in outputs]

    def value(self, node: str, output: int, *inputs: Any) -> np.ndarray:
        """What an inner node gives at one of its outputs, for arrays at the inputs."""
        graph = {**self._graph, "heads": [[self._find(node), output, 0]]}
        # load_json keeps nodes that no head needs as variables to be listed; tojson drops them
        symbol = mx.sym.load_json(json.dumps(graph))
        return Float64Net(symbol, self._parameters, self.inputs).forward(*inputs)[0]

    def opened(self, node: str, output: int = 0) -> Float64Net:
        """The net with one more input, the last, that is added to what a node gives.

        All that read the node's output, and the heads, read the sum.
        """
        at = self._find(node)
        added = f"{node}_added{output}"

        def moved(entry: Sequence[int]) -> list[int]:
            if entry[0] == at and entry[1] == output:
                return [at + 2, 0, 0]
            return [entry[0] + 2 * (entry[0] > at), *entry[1:]]

        before, after = self._graph["nodes"][: at + 1], self._graph["nodes"][at + 1 :]
        nodes = [
            *before,
            {"op": "null", "name": added, "inputs": []},
            {
                "op": "elemwise_add",
                "name": f"{added}_sum",
                "inputs": [[at, output, 0], [at + 1, 0, 0]],
            },
            *(
                {**reader, "inputs": [moved(entry) for entry in reader["inputs"]]}
                for reader in after
            ),
        ]
        graph = _described(self._graph, nodes, [moved(head) for head in self._graph["heads"]])
        return Float64Net(json.dumps(graph), self._parameters, [*self.inputs, added])

    def _find(self, name: str) -> int:
        found = [
            at
            for at, node in enumerate(self._graph["nodes"])
            if node["name"] == name and node["op"] != "null"
        ]
        if len(found) != 1:
            raise KeyError(f"{len(found)} nodes are called {name!r}")
        return found[0]


def directional(
    net: Float64Net,
    inputs: Sequence[Any],
    which_input: int,
    direction: np.ndarray,
    function: Function,
    *,
    steps: Sequence[float] = STEPS,
    tolerance: float = 1e-4,
) -> float:
    """[f(x + h d) − f(x − h d)] / 2h: the derivative of `function` along `direction` at an input.

    h is a step as a fraction of the input's size (its root mean square over the direction's); the
    first of `steps` is used that gives, to within `tolerance`, the same as its half, with what
    rounding may have cost counted in (see `STEPS`).

    Raises:
        ArithmeticError: no step does. The function has a kink at this very point, is not
            continuous, or hardly changes for its size, so that rounding is all there is to see.
    """
    arrays = [_wide(value) for value in inputs]
    return _difference(
        net, arrays, which_input, direction, function, _rms(arrays[which_input]), steps, tolerance
    )


def directional_inside(
    net: Float64Net,
    inputs: Sequence[Any],
    node: str,
    direction: np.ndarray,
    function: Function,
    *,
    output: int = 0,
    steps: Sequence[float] = STEPS,
    tolerance: float = 1e-4,
) -> float:
    """Like `directional`, with respect to what an inner node gives at its output `output`."""
    value = net.value(node, output, *inputs)
    return _difference(
        net.opened(node, output),
        [*inputs, np.zeros_like(value)],
        len(inputs),
        direction,
        function,
        _rms(value),
        steps,
        tolerance,
    )


def disagreement(gradient: np.ndarray, direction: np.ndarray, slope: float) -> float:
    """|g·d − slope| over the size that g·d has for a random direction, |g| |d| / √numel.

    A gradient that is off by a relative error e, |Δg| = e |g|, shows here as about e, also where
    the direction happens to be nearly at right angles to it.
    """
    g, d = _wide(gradient).ravel(), _wide(direction).ravel()
    usual = np.linalg.norm(g) * np.linalg.norm(d) / np.sqrt(g.size)
    error = abs(float(g @ d) - slope)
    return error / float(usual) if usual else (0.0 if error == 0 else np.inf)


def widened(graph: dict[str, Any]) -> dict[str, Any]:
    """The graph of a Symbol's JSON with float64 wherever it says, or means, a narrower float."""
    nodes: list[dict[str, Any]] = []
    places: list[int] = []  # where each node of `graph` is now

    def add(
        op: str,
        name: str,
        attrs: dict[str, str],
        inputs: list[list[int]],
        others: Mapping[str, Any],
    ) -> int:
        nodes.append({**others, "op": op, "name": name, "attrs": attrs, "inputs": inputs})
        return len(nodes) - 1

    for node in graph["nodes"]:
        attrs = _wide_attributes(node["op"], node.get("attrs", {}))
        inputs = [[places[entry[0]], *entry[1:]] for entry in node["inputs"]]
        composed = _composed(node["op"], attrs, len(inputs))
        if composed is None:
            others = {
                key: [widened(subgraph) for subgraph in value]
                for key, value in node.items()
                if key == "subgraphs"
            }
            places.append(add(node["op"], node["name"], attrs, inputs, others))
            continue
        inner: list[list[int]] = []  # the value of each node that stands for this one
        for at, part in enumerate(composed["nodes"]):
            if part["op"] == "null":
                inner.append(inputs[int(part["name"])])
                continue
            last = at == len(composed["nodes"]) - 1
            name = node["name"] if last else f"{node['name']}_{at}"
            read = [inner[entry[0]] for entry in part["inputs"]]
            inner.append([add(part["op"], name, part.get("attrs", {}), read, {}), 0, 0])
        places.append(inner[-1][0])
    heads = [[places[head[0]], *head[1:]] for head in graph["heads"]]
    return _described(graph, nodes, heads)


def _wide_attributes(op: str, attributes: Mapping[str, str]) -> dict[str, str]:
    attrs = dict(attributes)
    if op in FLOAT32_BY_DEFAULT or attrs.get("dtype", "None") != "None":
        dtype = attrs.get("dtype", "None")
        attrs["dtype"] = NARROW.get(dtype, dtype)
    if "__dtype__" in attrs:
        attrs["__dtype__"] = NARROW_VARIABLE.get(attrs["__dtype__"], attrs["__dtype__"])
    return attrs


def _composed(op: str, attrs: Mapping[str, str], inputs: int) -> dict[str, Any] | None:
    """What to run in the place of an operator that MXNet cannot run in float64, as a graph.

    LRN, InstanceNorm, SoftmaxActivation and amp_cast refuse it; LeakyReLU takes it and, but for
    ELU, computes in float32 all the same: measured, 3e-8 off, which in a difference is noise.
    """
    if inputs == 0:
        return None
    sym = mx.sym
    x, *more = (sym.var(str(which)) for which in range(inputs))

    def positions_flat(array: Any) -> Any:
        return sym.reshape(array, shape=(0, 0, -1))

    def for_channels(array: Any) -> Any:
        return sym.reshape(array, shape=(1, -1, 1))

    if op == "amp_cast":
        y = sym.cast(x, dtype=attrs["dtype"])
    elif op == "LeakyReLU" and attrs.get("act_type", "leaky") == "leaky":
        y = sym.relu(x) - sym.relu(-x) * float(attrs.get("slope", 0.25))
    elif op == "LeakyReLU" and attrs["act_type"] == "selu":
        y = sym.LeakyReLU(x, act_type="elu", slope=1.6732632423543772) * 1.0507009873554805
    elif op == "LeakyReLU" and attrs["act_type"] == "gelu":
        y = x * (sym.erf(x / 2**0.5) + 1) / 2
    elif op == "LeakyReLU" and attrs["act_type"] == "prelu":
        below = sym.broadcast_mul(positions_flat(sym.relu(-x)), for_channels(more[0]))
        y = sym.relu(x) - sym.reshape_like(below, x)
    elif op == "LRN":
        size = int(attrs["nsize"])
        near = sym.Pooling(
            sym.expand_dims(sym.square(x), axis=1),
            pool_type="sum",
            kernel=(size, 1, 1),
            pad=(size // 2, 0, 0),
        )
        alpha, beta, knorm = (
            float(attrs.get(name, default))
            for name, default in (("alpha", 1e-4), ("beta", 0.75), ("knorm", 2))
        )
        y = x / (sym.reshape_like(near, x) * (alpha / size) + knorm) ** beta
    elif op == "InstanceNorm":
        flat = positions_flat(x)
        centred = sym.broadcast_sub(flat, sym.mean(flat, axis=2, keepdims=True))
        variance = sym.mean(sym.square(centred), axis=2, keepdims=True)
        normal = sym.broadcast_div(centred, sym.sqrt(variance + float(attrs.get("eps", 1e-3))))
        scaled = sym.broadcast_mul(normal, for_channels(more[0]))
        y = sym.reshape_like(sym.broadcast_add(scaled, for_channels(more[1])), x)
    elif op == "SoftmaxActivation":
        y = (
            sym.softmax(x, axis=1)
            if attrs.get("mode") == "channel"
            else sym.reshape_like(sym.softmax(sym.flatten(x)), x)
        )
    elif op == "Deconvolution" and all(
        max(json.loads(attrs.get(name, "(1, 1)").translate(_BRACKETS))) > 1
        for name in ("stride", "dilate")
    ):
        raise NotImplementedError(
            "MXNet's native deconvolution is wrong with both a stride and a "
            "dilation (measured against numpy; oneDNN's, in float32, is not)"
        )
    else:
        return None
    return json.loads(y.tojson(remove_amp_cast=False))


def _described(
    graph: dict[str, Any], nodes: list[dict[str, Any]], heads: list[list[int]]
) -> dict[str, Any]:
    variables = [at for at, node in enumerate(nodes) if node["op"] == "null"]
    kept = {key: value for key, value in graph.items() if key != "node_row_ptr"}
    return {**kept, "nodes": nodes, "arg_nodes": variables, "heads": heads}


def _difference(
    net: Float64Net,
    inputs: Sequence[np.ndarray],
    which: int,
    direction: np.ndarray,
    function: Function,
    size: float,
    steps: Sequence[float],
    tolerance: float,
) -> float:
    direction = _wide(direction)
    unit = (size or 1.0) / _rms(direction)

    def at(h: float) -> float:
        moved = list(inputs)
        moved[which] = moved[which] + h * direction
        return float(function(net.forward(*moved)))

    tried = []
    here = at(0.0)
    for step in steps:
        h = step * unit
        right, left = at(h), at(-h)
        whole, half = (right - left) / (2 * h), (at(h / 2) - at(-h / 2)) / h
        # A kink much nearer than h adds the same to both, half a unit's share: the sides differ.
        bend = abs(right - 2 * here + left) / h
        # a sum of many terms is off by more than one rounding; 30 is on the safe side in deep nets
        rounding = 30 * EPSILON * max(abs(right), abs(left)) / h
        smooth = bend <= (tolerance + 10 * step) * abs(half) + 2 * rounding
        if smooth and abs(whole - half) + rounding <= tolerance * abs(half):
            return half
        tried.append((step, whole, half))
    if all(whole == half == 0 for step, whole, half in tried if step <= steps[0]):
        return 0.0  # not even the rounding changes: the function does not depend on this input
    raise ArithmeticError(
        "no step is small enough to give the same as its half, or large enough "
        "to stand out from rounding; (step, difference, with half of it): "
        f"{tried}"
    )


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def _wide(value: Any) -> np.ndarray:
    """A copy as numpy array, in float64 if it holds floats; indices and such stay as they are."""
    array = np.array(value.asnumpy() if hasattr(value, "asnumpy") else value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array

"""A traced graph into an equivalent one that runs anywhere and hides nothing from the rules.

- The bodies of loops and conditions are rewritten alike, and do what they do at inference.
- The ReLU inside a fused operator becomes a node of its own, for a rule to act on.
- A convolution or pooling that keeps the channels last (NHWC) runs with the channels first between
  two transpositions: MXNet 1.9.1 has no such convolution on CPU (measured: it fails when it runs).
- What reads the probabilities of a loss head reads a softmax or sigmoid in its place, which has the
  derivative that the loss head has not.
- Floating-point types inside the graph become the one that it is computed in.
- Where oneDNN's memory layouts make MXNet 1.9.1 fail, a copy in the plain layout stands in between
  (measured: the slice of a convolution's output ends the process, a batch normalisation of signals
  or volumes raises in its backward pass).
- A recurrent operator reads its parameters through one that the gradient goes through, where a
  gradient at the data alone would be wrong.
- A hard sigmoid, whose backward pass writes over gradients that others read, is a line cut off.
- Equal extremes share the gradient that MXNet gives whole to each of them.
- Average pooling by the "full" convention, whose gradient is wrong at the borders (measured: 0.25
  instead of 1 in the corner of a 3 × 3 input), runs as a sum that is divided.
"""

from __future__ import annotations

from typing import Any, Container, Iterable, Iterator, List, Mapping, Sequence

import numpy as np

from .attributes import Attributes
from .kinds import Fault, Kind
from .node import INTERNAL, Description
from .operators import Probabilities, operator
from .parameters import FLOATS
from .subgraphs import frozen_body

Entries = List[List[int]]

_CHANNELS_FIRST = {"NWC": "NCW", "NHWC": "NCHW", "NDHWC": "NCDHW"}


def rewrite(graph: Mapping[str, Any], dtype: str, outputs: int = 0) -> Description:
    """The equivalent of `graph`, whose numbers are of the floating-point type `dtype`.

    The first `outputs` of its heads are the net's outputs, which may be loss heads.
    """
    nodes: list[Description] = []
    places: list[int] = []
    loss_heads: dict[int, int] = {}
    positions = {
        len(Attributes.of(node).numbers("kernel"))
        for node in graph["nodes"]
        if operator(node["op"]).kind in (Kind.CONVOLUTION, Kind.POOLING)
    }

    def moved(entries: Entries) -> Entries:
        return [[places[entry[0]], *entry[1:]] for entry in entries]

    for node in graph["nodes"]:
        node = {**node, "inputs": moved(node["inputs"])}
        if _is_of_probabilities(node):
            loss_heads[len(places)] = len(nodes)
        if node.get("subgraphs"):
            bodies = [frozen_body(rewrite(body, dtype, 0)) for body in node["subgraphs"]]
            node = {**node, "subgraphs": bodies}
        for piece in _as_typed(_rewritten(node, positions), dtype):
            # a piece names the pieces before it by their negative distance
            nodes.append(
                {
                    **piece,
                    "inputs": [
                        [len(nodes) + entry[0], *entry[1:]] if entry[0] < 0 else entry
                        for entry in piece["inputs"]
                    ],
                }
            )
        places.append(len(nodes) - 1)
    heads = [
        [loss_heads.get(entry[0], moved([entry])[0][0]), *entry[1:]]
        for entry in graph["heads"][:outputs]
    ]
    return {**graph, "nodes": nodes, "heads": heads + moved(graph["heads"][outputs:])}


def _as_typed(nodes: Iterable[Description], dtype: str) -> Iterator[Description]:
    for node in nodes:
        if node["op"] != "null" and Attributes.of(node).text("dtype", "") in FLOATS:
            node = {**node, "attrs": {**node["attrs"], "dtype": dtype}}
        yield node


def _rewritten(node: Description, positions: Container[int]) -> Iterable[Description]:
    """The nodes that do what one node does, the last of them in its place.

    Args:
        positions: how many axes of positions the net's convolutions have.
    """
    known, attrs = operator(node["op"]), Attributes.of(node)
    if known.runs_as:
        return _rewritten({**node, "op": known.runs_as, "role": node["op"]}, positions)
    if known.fused_with_relu:
        return _parted(node, known.fused_with_relu)
    if _is_of_probabilities(node):
        return [node, *_probabilities(node)]
    # a weight that was made with its convolution bears its attributes (measured)
    if node["op"] != "null" and attrs.text("layout", "") in _CHANNELS_FIRST:
        return _channels_first(node)
    if Fault.BLOCKED_INPUT in known.faults:
        return [
            _plain(f"{node['name']}_in", node["inputs"][0]),
            {**node, "inputs": [[-1, 0, 0], *node["inputs"][1:]]},
        ]
    if Fault.SIGNALS in known.faults and (1 in positions or 3 in positions):
        return _between_copies(node)
    if Fault.UNASKED_PARAMETERS in known.faults and attrs.text("mode", "lstm") != "lstm":
        return _with_asked_parameters(node)
    if Fault.WRITES_GRADIENT in known.faults:
        return _cut_line(node)
    if Fault.TIES in known.faults:
        return _shared_by_ties(node)
    if Fault.FULL_AVERAGE in known.faults and _is_full_average(attrs):
        return _divided_sum(node)
    return [node]


def _is_of_probabilities(node: Description) -> bool:
    known = operator(node["op"])
    return known.kind is Kind.LOSS_HEAD and known.probabilities(Attributes.of(node)) is not None


def _probabilities(node: Description) -> Iterator[Description]:
    """The probabilities that a loss head gives, by operators with a derivative."""
    attrs, name, scores = Attributes.of(node), node["name"], node["inputs"][:1]
    made = operator(node["op"]).probabilities(attrs) or Probabilities("")
    last: Description = {"op": made.kind, "name": name, "inputs": scores, "role": node["op"]}
    if made.kind == "sigmoid":
        yield last
    elif made.axis is not None:
        yield {**last, "attrs": {"axis": str(made.axis)}}
    else:  # over all that belongs to a sample
        yield {"op": "Flatten", "name": f"{name}_flat", "inputs": scores, "role": INTERNAL}
        yield {
            "op": "softmax",
            "name": f"{name}_softmax",
            "attrs": {"axis": "-1"},
            "inputs": [[-1, 0, 0]],
            "role": INTERNAL,
        }
        yield {**last, "op": "reshape_like", "inputs": [[-1, 0, 0], *scores]}


def _with_asked_parameters(node: Description) -> Iterator[Description]:
    """An operator that reads its parameters and nothing of its data beside, so that a gradient at
    the data is one at the parameters."""
    name, (data, parameters, *rest) = node["name"], node["inputs"]

    def step(op: str, *inputs: Sequence[int], **attrs: str) -> Description:
        described = {"op": op, "name": f"{name}_parameters", "role": INTERNAL, "attrs": attrs}
        return {**described, "inputs": list(inputs)}

    yield step("sum", data)
    yield step("_mul_scalar", [-1, 0, 0], scalar="0")
    yield step("broadcast_add", parameters, [-1, 0, 0])
    yield {**node, "inputs": [data, [-1, 0, 0], *rest]}


def _cut_line(node: Description) -> Iterator[Description]:
    """A hard sigmoid as what it is, clip(αx + β, 0, 1)."""
    attrs, name = Attributes.of(node), node["name"]

    def step(op: str, what: str, inputs: Entries, **attrs: float) -> Description:
        described = {key: repr(value) for key, value in attrs.items()}
        return {"op": op, "name": f"{name}{what}", "attrs": described, "inputs": inputs}

    # MXNet holds both in single precision, also where it computes in double (measured: 3e-8 off)
    alpha, beta = (
        float(np.float32(attrs.number(key, default)))
        for key, default in (("alpha", 0.2), ("beta", 0.5))
    )
    yield {**step("_mul_scalar", "_slope", node["inputs"], scalar=alpha), "role": INTERNAL}
    yield {**step("_plus_scalar", "_line", [[-1, 0, 0]], scalar=beta), "role": INTERNAL}
    yield {**step("clip", "", [[-1, 0, 0]], a_min=0.0, a_max=1.0), "role": node["op"]}


def _shared_by_ties(node: Description) -> Iterator[Description]:
    """The extreme y, its derivative divided by how many n are equal: y/n + (y - y/n, held fixed).

    Shared equally, the derivative is the true one wherever there is one: where equal numbers move
    alike, as copies of one number do.
    """
    name, attrs = node["name"], node.get("attrs", {})
    along = {key: attrs[key] for key in ("axis", "exclude") if key in attrs}
    total = "_np_sum" if node["op"].startswith("_np_") else "sum"

    def step(op: str, what: str, *inputs: Sequence[int], **others: str) -> Description:
        described = {"op": op, "name": f"{name}_{what}", "role": INTERNAL, "attrs": others}
        return {**described, "inputs": list(inputs)}

    read = node["inputs"][0]
    yield step(node["op"], "top", read, **{**along, "keepdims": "1"})
    yield step("broadcast_equal", "ties", read, [-1, 0, 0])
    yield step(total, "count", [-1, 0, 0], **{**along, "keepdims": attrs.get("keepdims", "0")})
    yield {**node, "name": f"{name}_whole", "role": INTERNAL}
    yield step("elemwise_div", "share", [-1, 0, 0], [-2, 0, 0])
    yield step("elemwise_sub", "others", [-2, 0, 0], [-1, 0, 0])
    yield step("BlockGrad", "fixed", [-1, 0, 0])
    last = step("elemwise_add", "", [-3, 0, 0], [-1, 0, 0])
    yield {**last, "name": name, "role": node["op"]}


def _is_full_average(attrs: Attributes) -> bool:
    return (
        attrs.text("pool_type", "max") == "avg"
        and attrs.text("pooling_convention", "valid") == "full"
        and attrs.flag("count_include_pad", True)
        and not attrs.flag("global_pool", False)
    )


def _parted(node: Description, alone: str) -> Iterator[Description]:
    """A fused operator as itself alone and the ReLU behind it."""
    yield {**node, "op": alone, "name": f"{node['name']}_norm"}
    yield {
        "op": "Activation",
        "name": node["name"],
        "attrs": {"act_type": "relu"},
        "inputs": [[-1, 0, 0]],
    }


def _between_copies(node: Description) -> Iterator[Description]:
    name = node["name"]
    yield _plain(f"{name}_in", node["inputs"][0])
    yield {
        **node,
        "name": f"{name}_norm",
        "role": INTERNAL,
        "inputs": [[-1, 0, 0], *node["inputs"][1:]],
    }
    yield {**_plain(name, [-1, 0, 0]), "role": node.get("role", node["op"])}


def _plain(name: str, entry: Sequence[int]) -> Description:
    """A copy in the plain memory layout; operators that copy nothing would keep oneDNN's."""
    return {
        "op": "slice_axis",
        "name": name,
        "inputs": [list(entry)],
        "role": INTERNAL,
        "attrs": {"axis": "0", "begin": "0", "end": "None"},
    }


def _divided_sum(node: Description) -> Iterator[Description]:
    """Average pooling as the sum over a window, times one over the number of its positions.

    That factor is the average of ones (those of a window, over its positions) by their sum; zero
    for a window that lies in the padding.
    """
    name, attrs = node["name"], node["attrs"]

    def step(op: str, what: str, *distances: int, pool_type: str = "") -> Description:
        return {
            "op": op,
            "name": f"{name}_{what}",
            "role": INTERNAL,
            "inputs": [[-one, 0, 0] for one in distances],
            "attrs": {**attrs, "pool_type": pool_type} if pool_type else {},
        }

    yield {**step("ones_like", "ones"), "inputs": node["inputs"]}
    yield step("Pooling", "share", 1, pool_type="avg")
    yield step("Pooling", "count", 2, pool_type="sum")
    yield {**step("_maximum_scalar", "counted", 1), "attrs": {"scalar": "1.0"}}
    yield step("elemwise_div", "factor", 3, 1)
    yield {**step("Pooling", "sum", pool_type="sum"), "inputs": node["inputs"]}
    yield {**step("elemwise_mul", "", 2, 1), "name": name, "role": node["op"]}


def _channels_first(node: Description) -> Iterator[Description]:
    layout = _CHANNELS_FIRST[node["attrs"]["layout"]]
    last = len(layout) - 1
    first, back = (0, last, *range(1, last)), (0, *range(2, last + 1), 1)
    name = node["name"]
    arrays = node["inputs"][:2]  # the input and the kernel; a bias has no positions
    for number, entry in enumerate(arrays):
        yield _transposition(f"{name}_in{number}", entry, first)
    turned = [[number - len(arrays), 0, 0] for number in range(len(arrays))]
    inner = {
        **node,
        "name": f"{name}_{layout.lower()}",
        "role": INTERNAL,
        "attrs": {**node["attrs"], "layout": layout},
        "inputs": [*turned, *node["inputs"][2:]],
    }
    for piece in _rewritten(inner, ()):
        yield {**piece, "role": INTERNAL}
    yield {**_transposition(name, [-1, 0, 0], back), "role": node["op"]}


def _transposition(name: str, entry: Sequence[int], axes: Sequence[int]) -> Description:
    return {
        "op": "transpose",
        "name": name,
        "attrs": {"axes": str(tuple(axes))},
        "inputs": [list(entry)],
        "role": INTERNAL,
    }

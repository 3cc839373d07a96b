"""What is known of MXNet's operators."""

from __future__ import annotations

import re
from typing import Mapping, Sequence

from .node import Entry, Node

INDEX_SLOTS = {
    "Embedding": {0},
    "take": {1},
    "batch_take": {1},
    "pick": {1},
    "gather_nd": {1},
    "one_hot": {0},
    "SequenceMask": {1},
}
"""Which inputs of an operator are numbers of things: whole ones, without a derivative."""

# What a gradient does not get past. MXNet cannot run a backward pass in which nothing else is left.
# box_decode has a derivative, but MXNet's backward pass gives zeros (measured).
_GRADIENT_STOPS = frozenset(
    {
        "BlockGrad",
        "stop_gradient",
        "zeros_like",
        "ones_like",
        "argmax",
        "argmin",
        "argsort",
        "one_hot",
        "sign",
        "round",
        "rint",
        "ceil",
        "floor",
        "trunc",
        "fix",
        "shape_array",
        "size_array",
        "_contrib_arange_like",
        "_contrib_box_decode",
        "_contrib_box_iou",
        "_equal_scalar",
        "_not_equal_scalar",
        "_greater_scalar",
        "_greater_equal_scalar",
        "_lesser_scalar",
        "_lesser_equal_scalar",
        "broadcast_equal",
        "broadcast_not_equal",
        "broadcast_greater",
        "broadcast_greater_equal",
        "broadcast_lesser",
        "broadcast_lesser_equal",
    }
)

BATCH_NORMS = {"BatchNorm", "_contrib_SyncBatchNorm"}

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772
"""λ and α of SELU (Klambauer et al. 2017, arXiv:1706.02515), which is λ · ELU with slope α.

That is how to run it: MXNet's own SELU has the derivative λ(y + α) below zero, where y + λα is
right (measured: 20 % off at z = -1.6).
"""

GATES = {"sigmoid", "tanh", "softsign", "hard_sigmoid"}


def kind_of(op: str, attrs: Mapping[str, str]) -> str | None:
    """The kind of activation that an operator is by itself."""
    if op in ("Activation", "_npx_activation"):
        return attrs["act_type"]
    if op in ("LeakyReLU", "_npx_leaky_relu"):
        return attrs.get("act_type", "leaky")
    if op in (
        "relu",
        "_npx_relu",
        "sigmoid",
        "_npx_sigmoid",
        "tanh",
        "_npi_tanh",
        "softsign",
        "hard_sigmoid",
    ):
        return re.sub("^_np[xi]_", "", op)
    if op == "_maximum_scalar" and float(attrs["scalar"]) == 0:
        return "relu"
    if op == "clip" and float(attrs["a_min"]) == 0:
        return "clip"
    return None


def differentiable_inputs(node: Node) -> Sequence[Entry]:
    """The inputs that a gradient comes back to."""
    if node.op in _GRADIENT_STOPS or (
        node.op == "topk" and node.attrs.get("ret_typ", "indices") not in ("value", "both")
    ):
        return ()
    indices = INDEX_SLOTS.get(node.op, ())
    return [entry for slot, entry in enumerate(node.inputs) if slot not in indices]

"""Suppositions of attributes: epsilon, padding, pooling, activations, scales."""

from __future__ import annotations

from typing import Iterator, Sequence

from ..graph.kinds import Kind
from .causes import At, supposition
from .edit import APPENDED, Edit

_EPSILONS = (1e-3, 1e-5, 1e-6, 1e-4, 2e-5, 1e-7, 1e-8, 1e-12, 1e-2, 0.0)
_DEFAULT_EPSILON = {"BatchNorm": 1e-3, "InstanceNorm": 1e-3, "L2Normalization": 1e-10}
_OTHER_EPSILON = 1e-5
_EPSILON_BEFORE_ROOT = ("BatchNorm", "InstanceNorm", "LayerNorm", "GroupNorm", "L2Normalization")
_PASSING = ("Dropout", "Flatten", "Reshape", "reshape", "_copy", "identity", "Pooling", "mean")
"""Through which a factor comes as it is."""
_LOWEST = "-3.0e38"


@supposition("normalisation")
def epsilon(at: At) -> Iterator[Edit]:
    """Another number is added to the variance."""
    if at.op not in _EPSILON_BEFORE_ROOT:
        return
    own = at.attributes.number("eps", _DEFAULT_EPSILON.get(at.op, _OTHER_EPSILON))
    for other in _EPSILONS:
        if abs(other - own) > 0.01 * max(own, other):
            yield at.with_attributes(
                f"an epsilon of {other:g} in place of {own:g}", eps=repr(other)
            )


@supposition("normalisation")
def fixed_gamma(at: At) -> Iterator[Edit]:
    """The scale that MXNet takes for 1 is used as it is written, or the other way round."""
    if at.known.kind is not Kind.BATCH_NORM:
        return
    if at.attributes.flag("fix_gamma", True):
        yield at.with_attributes("the gamma that is written, where MXNet takes 1", fix_gamma="0")
    else:
        yield at.with_attributes("a gamma of 1 in place of that which is written", fix_gamma="1")


@supposition("normalisation")
def missing_normalisation(at: At) -> Iterator[Edit]:
    """It is left out."""
    if at.op in _EPSILON_BEFORE_ROOT or at.op == "LRN":
        yield at.replaced("the normalisation left out", "_copy")


@supposition("normalisation")
def norm_over_other_axes(at: At) -> Iterator[Edit]:
    """The norm is that of all, of each position or of each channel."""
    if at.op != "L2Normalization":
        return
    own = at.attributes.text("mode", "instance")
    for mode in ("instance", "channel", "spatial"):
        if mode != own:
            yield at.with_attributes(f"the mode {mode!r} in place of {own!r}", mode=mode)


@supposition("normalisation")
def local_response(at: At) -> Iterator[Edit]:
    """Its alpha counts for each neighbour, or for all of them; or its constant is another one."""
    if at.op != "LRN":
        return
    size, alpha = at.attributes.number("nsize", 5.0), at.attributes.number("alpha", 1e-4)
    knorm = at.attributes.number("knorm", 2.0)
    for said, other in (("times", alpha * size), ("divided by", alpha / size)):
        yield at.with_attributes(f"an alpha {said} the number of neighbours", alpha=repr(other))
    for constant in (1.0, 2.0):
        if constant != knorm:
            yield at.with_attributes(
                f"a constant of {constant:g} in place of {knorm:g}", knorm=repr(constant)
            )


@supposition("padding")
def padding(at: At) -> Iterator[Edit]:
    """Its positions are padded elsewhere: at one side alone, not at all, or on both sides alike."""
    kind = at.known.kind
    if at.op in ("Pad", "pad"):
        yield from _other_pad(at)
    if kind not in (Kind.CONVOLUTION, Kind.POOLING) or at.attributes.flag("global_pool", False):
        return
    kernel = at.attributes.numbers("kernel")
    if not kernel:
        return
    own = at.attributes.numbers("pad", (0,) * len(kernel)) or (0,) * len(kernel)
    total = tuple(2 * one for one in own)
    none, half = (0,) * len(kernel), tuple(side // 2 for side in kernel)
    fill = _LOWEST if at.attributes.text("pool_type", "max") == "max" else "0"
    if kind is Kind.CONVOLUTION:
        fill = "0"
    if any(own):
        # as "SAME" of TensorFlow has it, for strides of 2
        less = tuple(max(0, one - 1) for one in own)
        yield _padded(at, "one less of padding at the beginning", less, own, fill)
        yield _padded(at, "one less of padding at the end", own, less, fill)
        yield _padded(at, "all of the padding at the end", none, total, fill)
        yield _padded(at, "all of the padding at the beginning", total, none, fill)
        yield at.with_attributes("no padding", pad=str(none))
    if own != half:
        yield at.with_attributes(f"a padding of {half} in place of {own}", pad=str(half))


def _padded(at: At, said: str, before: Sequence[int], after: Sequence[int], fill: str) -> Edit:
    widths = [0, 0, 0, 0, *(one for pair in zip(before, after) for one in pair)]
    pad = {
        "op": "Pad",
        "name": f"{at.node['name']}_pad",
        "attrs": {"mode": "constant", "pad_width": str(tuple(widths)), "constant_value": fill},
        "inputs": at.node["inputs"][:1],
    }
    attrs = {**at.node.get("attrs", {}), "pad": str((0,) * len(before))}
    inputs = [[APPENDED, 0, 0], *at.node["inputs"][1:]]
    changed = {**at.node, "attrs": attrs, "inputs": inputs}
    return Edit(said, at.index, {at.index: changed}, appended=(pad,))


def _other_pad(at: At) -> Iterator[Edit]:
    widths = at.attributes.numbers("pad_width")
    own = at.attributes.text("mode", "constant")
    for mode, said in (("constant", "zeros"), ("edge", "the edge"), ("reflect", "reflections")):
        if mode != own:
            yield at.with_attributes(f"a padding of {said}", mode=mode)
    if own != "constant":
        return
    pairs = list(zip(widths[::2], widths[1::2]))
    turned = [one for pair in pairs for one in pair[::-1]]
    if tuple(turned) != tuple(widths):
        yield at.with_attributes("the padding at the other side", pad_width=str(tuple(turned)))
        level = [(sum(pair) + 1) // 2 for pair in pairs]
        both = tuple(one for half in level for one in (half, half))
        yield at.with_attributes("the padding on both sides alike", pad_width=str(both))
    yield at.replaced("no padding", "_copy")


@supposition("pooling")
def pooling_convention(at: At) -> Iterator[Edit]:
    """The size of what is pooled is rounded the other way, as ceil_mode says."""
    if at.known.kind is not Kind.POOLING or at.attributes.flag("global_pool", False):
        return
    own = at.attributes.text("pooling_convention", "valid")
    for other, said in (("full", "rounded up (ceil_mode)"), ("valid", "rounded down")):
        if other != own:
            yield at.with_attributes(f"the size of the pooling {said}", pooling_convention=other)


@supposition("pooling")
def counted_padding(at: At) -> Iterator[Edit]:
    """The padding counts in an average, or does not."""
    if at.known.kind is not Kind.POOLING or at.attributes.text("pool_type", "max") != "avg":
        return
    own = at.attributes.flag("count_include_pad", True)
    said = "an average that leaves the padding out" if own else "an average over the padding too"
    yield at.with_attributes(said, count_include_pad=str(not own))


@supposition("pooling")
def kind_of_pooling(at: At) -> Iterator[Edit]:
    """The maximum is taken for the average, or the other way round."""
    if at.known.kind is Kind.POOLING:
        own = at.attributes.text("pool_type", "max")
        for other in ("max", "avg"):
            if other != own:
                yield at.with_attributes(f"{other} pooling in place of {own}", pool_type=other)


_ACTIVATIONS = {
    "no activation": ("_copy", {}),
    "ReLU": ("Activation", {"act_type": "relu"}),
    "ReLU6": ("clip", {"a_min": "0", "a_max": "6"}),
    "sigmoid": ("Activation", {"act_type": "sigmoid"}),
    "hard sigmoid": ("hard_sigmoid", {"alpha": "0.2", "beta": "0.5"}),
    "hard sigmoid with slope 1/6": ("hard_sigmoid", {"alpha": repr(1 / 6), "beta": "0.5"}),
    "tanh": ("Activation", {"act_type": "tanh"}),
    "softplus": ("Activation", {"act_type": "softrelu"}),
    "softsign": ("Activation", {"act_type": "softsign"}),
    "ELU": ("LeakyReLU", {"act_type": "elu", "slope": "1.0"}),
    "SELU": ("LeakyReLU", {"act_type": "selu"}),
    "GELU": ("LeakyReLU", {"act_type": "gelu"}),
    "leaky ReLU with slope 0.01": ("LeakyReLU", {"act_type": "leaky", "slope": "0.01"}),
    "leaky ReLU with slope 0.1": ("LeakyReLU", {"act_type": "leaky", "slope": "0.1"}),
    "leaky ReLU with slope 0.2": ("LeakyReLU", {"act_type": "leaky", "slope": "0.2"}),
    "leaky ReLU with slope 0.25": ("LeakyReLU", {"act_type": "leaky", "slope": "0.25"}),
}
"""What it is called → the operator, its attributes."""
_ARE_ACTIVATIONS = {
    "Activation",
    "LeakyReLU",
    "clip",
    "hard_sigmoid",
    "relu",
    "sigmoid",
    "softsign",
    "tanh",
}


@supposition("activation")
def activation(at: At) -> Iterator[Edit]:
    """It is missing, or another one."""
    if at.op not in _ARE_ACTIVATIONS:
        return
    own = called(at)
    for name, (op, attrs) in _ACTIVATIONS.items():
        if name != own:
            yield at.replaced(f"{name} in place of {own}", op, **attrs)


def called(at: At) -> str:
    """What an activation is called.

    Args:
        at: its node.
    """
    kind = at.attributes.text("act_type", at.op)
    if at.op == "clip":
        low, high = at.attributes.number("a_min", 0.0), at.attributes.number("a_max", 6.0)
        return "ReLU6" if (low, high) == (0, 6) else f"a clip to [{low:g}, {high:g}]"
    if at.op == "LeakyReLU" and kind == "leaky":
        return f"leaky ReLU with slope {at.attributes.number('slope', 0.25):g}"
    return {"relu": "ReLU", "softrelu": "softplus"}.get(kind, kind)


@supposition("activation")
def added_activation(at: At) -> Iterator[Edit]:
    """There is one more behind the operator."""
    if at.known.kind not in (Kind.CONVOLUTION, Kind.DENSE, Kind.BATCH_NORM):
        return
    more = {"softmax": ("softmax", {"axis": "1"}), "log softmax": ("log_softmax", {"axis": "1"})}
    for name, (op, attrs) in {**_ACTIVATIONS, **more}.items():
        if op != "_copy":
            yield _behind(at, f"{name} behind it", op, attrs)


@supposition("activation")
def missing_softmax(at: At) -> Iterator[Edit]:
    """Scores are given in place of probabilities, or their logarithms."""
    if at.op in ("softmax", "SoftmaxActivation", "log_softmax"):
        yield at.replaced(f"scores, without {at.op}", "_copy")
        other = "softmax" if at.op == "log_softmax" else "log_softmax"
        attrs = {name: one for name, one in at.node.get("attrs", {}).items() if name == "axis"}
        yield at.replaced(f"{other} in place of {at.op}", other, **attrs)


def _behind(at: At, said: str, op: str, attrs: dict[str, str]) -> Edit:
    """One more operator that reads what a node makes; it takes its place."""
    moved = {**at.node, "name": f"{at.node['name']}_before"}
    behind = {"op": op, "name": at.node["name"], "attrs": attrs, "inputs": [[APPENDED, 0, 0]]}
    return Edit(said, at.index, {at.index: behind}, appended=(moved,))


@supposition("scale")
def dropout_scale(at: At) -> Iterator[Edit]:
    """What dropout keeps is scaled at inference too, or the scale of training is missing."""
    place = at.index
    for _ in range(4):
        node = At(at.net, place)
        if node.op == "Dropout":
            kept = 1 - node.attributes.number("p", 0.5)
            for factor in (kept, 1 / kept if kept else 0.0):
                said = f"dropout scales by {factor:g} at inference"
                yield node.replaced(said, "_mul_scalar", scalar=repr(factor))
            return
        if (place != at.index and node.op not in _PASSING) or not node.node["inputs"]:
            return
        place = node.node["inputs"][0][0]

"""What is known of MXNet's operators: one table, which all other code asks.

An operator that is not in it is taken at its word: it runs as it is, a gradient comes back to all
of its inputs, and each of its values may depend on everything that it reads.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import Callable, Mapping, NamedTuple

from .attributes import Reader
from .kinds import Channels, Fault, Kind, Positions
from .without_gradient import OF_SHAPES, STEPS, WITHOUT_ANY, WITHOUT_GRADIENT

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772
"""λ and α of SELU (Klambauer et al. 2017, arXiv:1706.02515), which is λ · ELU with slope α.

That is how to run it: MXNet's own SELU has the derivative λ(y + α) below zero, where y + λα is
right (measured: 20 % off at z = -1.6).
"""

GATES = {"sigmoid", "tanh", "softsign", "hard_sigmoid"}
"""The kinds of activations that scale a signal rather than rectify one."""


RECTIFYING = {"relu", "clip"}
"""The kinds that may be a part of a gate, as the ReLU6 in a hard sigmoid."""


class Probabilities(NamedTuple):
    """What probabilities are made of scores."""

    kind: str
    """"softmax" or "sigmoid"."""
    axis: int | None = 1
    """Of a softmax: the axis of the classes; None if it is over all that belongs to a sample."""
    is_log: bool = False
    """Whether their logarithms are given in their place."""


def _never(_: Reader) -> bool:
    return False


def _always(_: Reader) -> bool:
    return True


def _nothing(_: Reader) -> None:
    return None


def _unchanged(_: Reader) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Operator:
    """What is known of an operator; what depends on its attributes, as a function of them."""

    kind: Kind | None = None
    positions: Positions = Positions.ANY
    channels: Channels | None = None
    parameters: tuple[int, ...] = ()
    """Which of its inputs are parameters."""
    indices: tuple[int, ...] = ()
    """Which of its inputs are numbers of things: whole ones, without a derivative."""
    activation: Callable[[Reader], str | None] = _nothing
    """The kind of activation that it is by itself ("relu", "clip", "gelu", "sigmoid" …)."""
    bounds: bool = False
    """Whether it cuts off what is above or below something, as a rectifier does."""
    is_kinked: bool = False
    """Whether its derivative jumps, or chooses between what it reads: rectifiers are made of it."""
    probabilities: Callable[[Reader], Probabilities | None] = _nothing
    """What probabilities it makes of scores."""
    stops_gradient: Callable[[Reader], bool] = _never
    """Whether no gradient gets past it: MXNet cannot run a backward pass with nothing else left."""
    at_inference: Callable[[Reader], Mapping[str, str]] = _unchanged
    """The attributes by which it does in training what it does at inference."""
    is_passed_over: Callable[[Reader], bool] = _never
    """Whether at inference it gives what it reads."""
    reads_numbers: bool = True
    """Whether its values depend on the numbers that it reads, and not on their shape alone."""
    draws: Callable[[Reader], bool] = _never
    """Whether it draws random numbers at inference too."""
    keeps_scores: bool = False
    """Whether scores that go in come out, in another shape or type."""
    keeps_features: bool = False
    """Whether pooled features that go in come out, in another shape."""
    keeps_channels: bool = False
    """Whether a picture that goes in has the same channels behind it."""
    picks_samples: Callable[[Reader], bool] = _never
    """Whether it reads rows of its first input by their numbers, which may be those of samples."""
    cuts_out: bool = False
    """Whether it cuts regions out of maps, so that its positions are others."""
    runs_as: str = ""
    """The operator that runs in its place: it has the same attributes, and does the same right."""
    fused_with_relu: str = ""
    """Of one with a ReLU behind it: the operator alone."""
    is_int8: bool = False
    """Whether it is a part of a network in int8 arithmetic, or on the border of one."""
    keeps_subgraphs: Callable[[Reader], bool] = _never
    """Whether it does more than its subgraph says: a loop, a condition, int8 arithmetic."""
    faults: tuple[Fault, ...] = ()
    drop_in: Callable[[Reader], str | None] = _nothing
    """The layer of gradcam_mx.nn for it, where its own gradient is wrong outside of training."""


# -- what depends on attributes --------------------------------------------------------------------


def _act_type(default: str) -> Callable[[Reader], str | None]:
    return lambda node: node.text("act_type", default)


def _if(kind: str, condition: Callable[[Reader], bool]) -> Callable[[Reader], str | None]:
    return lambda node: kind if condition(node) else None


def _is(attribute: str, word: str, default: str = "") -> Callable[[Reader], bool]:
    return lambda node: node.text(attribute, default) == word


def _softmax(node: Reader) -> Probabilities | None:
    # with a temperature or lengths they are not those of the scores
    if node.number("temperature", None) is not None or node.flag("use_length", False):
        return None
    return Probabilities("softmax", node.whole("axis", -1))


def _log_softmax(node: Reader) -> Probabilities | None:
    made = _softmax(node)
    return made and made._replace(is_log=True)


def _softmax_output(node: Reader) -> Probabilities:
    if node.flag("preserve_shape", False):
        return Probabilities("softmax", -1)
    return Probabilities("softmax", 1 if node.flag("multi_output", False) else None)


def _softmax_activation(node: Reader) -> Probabilities:
    # along the last axis, where MXNet's page says over all of an instance (measured)
    return Probabilities("softmax", 1 if node.text("mode", "instance") == "channel" else -1)


def _sigmoid(_: Reader) -> Probabilities:
    return Probabilities("sigmoid")


def _sigmoid_activation(node: Reader) -> Probabilities | None:
    return _sigmoid(node) if node.text("act_type", "") == "sigmoid" else None


def _leaky(node: Reader) -> Mapping[str, str]:
    """In train mode rrelu draws a random slope; at inference it is the mean of its bounds."""
    if node.text("act_type", "leaky") != "rrelu":
        return {}
    slope = (node.number("lower_bound", 0.125) + node.number("upper_bound", 0.334)) / 2
    return {"act_type": "leaky", "slope": repr(slope)}


def _running_statistics(_: Reader) -> Mapping[str, str]:
    return {"use_global_stats": "True"}


def _is_always_on(node: Reader) -> bool:
    return node.text("mode", "training") == "always"


def _no_dropout(_: Reader) -> Mapping[str, str]:
    # measured: in train mode it drops out in float64, and in float32 without oneDNN
    return {"p": "0"}


def _gives_no_values(node: Reader) -> bool:
    return node.text("ret_typ", "indices") not in ("value", "both")


def _takes_rows(node: Reader) -> bool:
    return node.whole("axis", 0) == 0


# -- the table -------------------------------------------------------------------------------------

_BATCH_NORM = Operator(
    Kind.BATCH_NORM,
    Positions.SAME,
    parameters=(1, 2, 3, 4),
    at_inference=_running_statistics,
    faults=(Fault.FIXED_GAMMA,),
)
_SAME = Operator(positions=Positions.SAME)
_MOVED = Operator(positions=Positions.MOVED)
_CUTTING = Operator(Kind.CUTTING, Positions.MOVED)
_WHOLE = Operator(positions=Positions.WHOLE)
_RESHAPING = Operator(Kind.RESHAPING, Positions.MOVED, keeps_scores=True, keeps_features=True)
_CAST = Operator(positions=Positions.SAME, keeps_scores=True, keeps_channels=True)
_ARITHMETIC = Operator(positions=Positions.SAME, keeps_channels=True)
_SCALING = Operator(Kind.SCALING, Positions.SAME, keeps_channels=True)
_BOUND = Operator(positions=Positions.SAME, bounds=True, is_kinked=True)
_REDUCTION = Operator(positions=Positions.REDUCED)
_MEAN = Operator(Kind.MEAN, Positions.REDUCED)
_SOFTMAX = Operator(positions=Positions.ALONG_AXIS, probabilities=_softmax)
_LOSS_HEAD = Operator(Kind.LOSS_HEAD)
_LOSS = replace(_LOSS_HEAD, is_passed_over=_always)
_DETECTION = Operator(Kind.DETECTION)
_STOP = Operator(stops_gradient=_always)
_REFUSED = replace(_STOP, faults=(Fault.NO_GRADIENT,))
_INT8 = replace(_REFUSED, positions=Positions.WHOLE, is_int8=True)
_COMPARISON = Operator(positions=Positions.SAME, stops_gradient=_always, is_kinked=True)
_DRAW = Operator(draws=_always)
_SECOND_IS_INDEX = Operator(indices=(1,))
_REGIONS = Operator(picks_samples=_always, cuts_out=True)


def _activation(kind: str) -> Operator:
    return Operator(positions=Positions.SAME, activation=lambda _: kind)


def _resizing(positions: Positions, keeps_channels: bool = False) -> Operator:
    return Operator(Kind.RESIZING, positions, keeps_channels=keeps_channels)


# By name. Names in one string are the same operator, or are treated alike.
_ROWS: dict[str, Operator] = {
    # linear in the data
    "Convolution _npx_convolution": Operator(
        Kind.CONVOLUTION, Positions.WINDOW, Channels.SECOND, parameters=(1, 2)
    ),
    "Deconvolution _npx_deconvolution": Operator(
        Kind.TRANSPOSED_CONVOLUTION,
        Positions.TRANSPOSED_WINDOW,
        Channels.SECOND,
        parameters=(1, 2),
    ),
    "FullyConnected _npx_fully_connected": Operator(Kind.DENSE, parameters=(1, 2)),
    "dot batch_dot _npx_batch_dot": Operator(Kind.MATRIX_PRODUCT),
    "Convolution_v1": replace(_WHOLE, parameters=(1, 2)),
    "_contrib_DeformableConvolution": replace(_WHOLE, parameters=(2, 3)),
    "_contrib_ModulatedDeformableConvolution": replace(_WHOLE, parameters=(3, 4)),
    "RNN _npx_rnn": replace(
        _WHOLE, parameters=(1,), at_inference=_no_dropout, faults=(Fault.UNASKED_PARAMETERS,)
    ),
    # normalisations
    "BatchNorm _npx_batch_norm": replace(
        _BATCH_NORM,
        channels=Channels.AT_AXIS,
        keeps_channels=True,
        faults=(Fault.FIXED_GAMMA, Fault.SIGNALS),
        drop_in=lambda _: "BatchNorm",
    ),
    "_contrib_SyncBatchNorm": _BATCH_NORM,
    "_contrib_BatchNormWithReLU": Operator(fused_with_relu="BatchNorm"),
    "BatchNorm_v1 CuDNNBatchNorm": replace(_WHOLE, parameters=(1, 2, 3, 4), runs_as="BatchNorm"),
    "InstanceNorm": Operator(
        positions=Positions.CHANNEL, channels=Channels.SECOND, parameters=(1, 2)
    ),
    "GroupNorm": replace(_WHOLE, channels=Channels.SECOND, parameters=(1, 2)),
    "LayerNorm _npx_layer_norm": Operator(positions=Positions.ALONG_AXIS, parameters=(1, 2)),
    "LRN": Operator(positions=Positions.CHANNELS, faults=(Fault.BLOCKED_GRADIENT,)),
    "L2Normalization": Operator(positions=Positions.BY_MODE),
    "Dropout _npx_dropout": Operator(
        is_passed_over=lambda node: not _is_always_on(node), draws=_is_always_on
    ),
    # activations
    "Activation _npx_activation": Operator(
        Kind.ACTIVATION,
        Positions.SAME,
        activation=_act_type("relu"),
        probabilities=_sigmoid_activation,
    ),
    "LeakyReLU _npx_leaky_relu": Operator(
        positions=Positions.SAME,
        parameters=(1,),
        activation=_act_type("leaky"),
        at_inference=_leaky,
        faults=(Fault.SINGLE_PRECISION,),
        drop_in=_if("SELU", _is("act_type", "selu")),
    ),
    "relu _npx_relu": _activation("relu"),
    "sigmoid _npx_sigmoid": replace(_activation("sigmoid"), probabilities=_sigmoid),
    "tanh _npi_tanh": _activation("tanh"),
    "softsign": _activation("softsign"),
    "hard_sigmoid": replace(_activation("hard_sigmoid"), faults=(Fault.WRITES_GRADIENT,)),
    "_maximum_scalar _npi_maximum_scalar": Operator(
        positions=Positions.SAME,
        activation=_if("relu", lambda node: node.number("scalar", 1.0) == 0),
        bounds=True,
    ),
    "clip _npi_clip": Operator(
        positions=Positions.SAME,
        activation=_if("clip", lambda node: node.number("a_min", None) == 0),
        bounds=True,
        keeps_channels=True,
    ),
    # pooling, and maps of other sizes
    "Pooling _npx_pooling": Operator(
        Kind.POOLING,
        Positions.POOLED,
        Channels.SECOND,
        keeps_channels=True,
        faults=(Fault.FULL_AVERAGE,),
        drop_in=_if("MaxPool2D", _is("pool_type", "max", default="max")),
    ),
    "_contrib_AdaptiveAvgPooling2D": Operator(positions=Positions.SHARED_OUT),
    "UpSampling": replace(_resizing(Positions.ENLARGED), channels=Channels.SECOND),
    "_contrib_BilinearResize2D": _resizing(Positions.INTERPOLATED),
    "Pad": _resizing(Positions.MOVED, keeps_channels=True),
    "Crop": _resizing(Positions.MOVED),
    "mean _npi_mean": _MEAN,
    "sum prod _np_sum": _REDUCTION,
    "max min _np_max _np_min": replace(_REDUCTION, faults=(Fault.TIES,)),
    # the same numbers elsewhere
    "Flatten Reshape _np_reshape _npx_reshape": _RESHAPING,
    "squeeze": replace(_RESHAPING, keeps_scores=False),
    "expand_dims reshape_like": replace(_RESHAPING, keeps_scores=False, keeps_features=False),
    "SwapAxis": replace(_MOVED, kind=Kind.EXCHANGE),
    "transpose": Operator(Kind.TRANSPOSITION, Positions.MOVED, keeps_features=True),
    "_np_transpose": Operator(Kind.TRANSPOSITION, Positions.MOVED),
    "Concat": Operator(Kind.CONCATENATION, Positions.JOINED, faults=(Fault.MISALIGNED_PARTS,)),
    "slice": replace(_CUTTING, faults=(Fault.BLOCKED_INPUT,)),
    "slice_axis slice_like SliceChannel": _CUTTING,
    "reverse tile repeat": _MOVED,
    "stack": Operator(Kind.STACKING, Positions.MOVED),
    "depth_to_space space_to_depth broadcast_to broadcast_axis": _MOVED,
    # element by element
    "_copy": replace(_CAST, keeps_features=True),
    "Cast amp_cast": _CAST,
    "_plus_scalar": Operator(Kind.SHIFT, Positions.SAME, keeps_channels=True),
    "_mul_scalar _div_scalar": _SCALING,
    "_minus_scalar _rminus_scalar": _ARITHMETIC,
    "broadcast_add broadcast_sub broadcast_mul broadcast_div": _ARITHMETIC,
    "exp log log1p expm1 sqrt rsqrt square negative reciprocal erf _npi_negative": _SAME,
    "abs _npi_abs _npi_absolute": replace(_SAME, is_kinked=True),
    "add_n smooth_l1": _SAME,
    "where _npi_where": replace(_SAME, indices=(0,), is_kinked=True),
    "_maximum _minimum broadcast_maximum broadcast_minimum": _BOUND,
    "_minimum_scalar _npi_minimum_scalar _npi_maximum _npi_minimum": _BOUND,
    "elemwise_add": replace(_SAME, faults=(Fault.NO_BACKWARD_OPERATOR,)),
    "_contrib_round_ste _contrib_sign_ste": replace(_SAME, faults=(Fault.NO_BACKWARD_OPERATOR,)),
    "_npi_add _npi_multiply _npi_subtract _npi_true_divide": _SAME,
    # ends of nets
    "softmax": replace(_SOFTMAX, faults=(Fault.BLOCKED_INPUT,)),
    "log_softmax": replace(_SOFTMAX, probabilities=_log_softmax, faults=(Fault.BLOCKED_INPUT,)),
    "softmin": Operator(positions=Positions.ALONG_AXIS),
    "SoftmaxActivation": replace(_WHOLE, probabilities=_softmax_activation),
    "SoftmaxOutput": replace(_LOSS_HEAD, probabilities=_softmax_output),
    "LogisticRegressionOutput": replace(_LOSS_HEAD, probabilities=_sigmoid),
    "LinearRegressionOutput MAERegressionOutput SVMOutput": _LOSS,
    "MakeLoss make_loss IdentityAttachKLSparseReg": _LOSS,
    "_contrib_box_nms": _DETECTION,
    # MXNet's backward pass gives zeros (measured)
    "_contrib_MultiBoxDetection": replace(_DETECTION, stops_gradient=_always),
    "_contrib_Proposal _contrib_MultiProposal": replace(_DETECTION, stops_gradient=_always),
    # numbers of things
    "Embedding _npx_embedding": Operator(Kind.LOOKUP, parameters=(1,), indices=(0,)),
    "one_hot": Operator(indices=(0,), stops_gradient=_always),
    "_npi_copysign": _SECOND_IS_INDEX,
    "batch_take pick SequenceMask": _SECOND_IS_INDEX,
    "take": replace(_SECOND_IS_INDEX, picks_samples=_takes_rows),
    "gather_nd": replace(_SECOND_IS_INDEX, picks_samples=_always),
    "_contrib_boolean_mask _contrib_index_copy": Operator(picks_samples=_always),
    # regions (number of a sample, x0, y0, x1, y1) of maps
    "ROIPooling _contrib_ROIAlign": replace(_REGIONS, indices=(1,)),
    "_contrib_RROIAlign": _REGIONS,
    "_contrib_PSROIPooling _contrib_DeformablePSROIPooling": _REGIONS,
    "topk": Operator(Kind.SORTING, stops_gradient=_gives_no_values),
    "sort": Operator(Kind.SORTING),
    # with graphs of their own
    "_foreach _while_loop _cond": Operator(Kind.LOOP, keeps_subgraphs=_always),
    # without a gradient
    "BlockGrad stop_gradient": replace(_LOSS_HEAD, stops_gradient=_always),
    WITHOUT_GRADIENT: _STOP,
    OF_SHAPES: replace(_STOP, reads_numbers=False),
    "zeros_like ones_like": replace(_COMPARISON, reads_numbers=False, is_kinked=False),
    WITHOUT_ANY: _REFUSED,
    STEPS: _COMPARISON,
}

OPERATORS: Mapping[str, Operator] = {
    name: operator for names, operator in _ROWS.items() for name in names.split()
}
"""The name of an operator → what is known of it."""

# By pattern, for names that are not in it.
_PATTERNS: dict[str, Operator] = {
    # int8 arithmetic, and what goes there and back
    "^_contrib_quantized_pooling$": replace(_INT8, kind=Kind.POOLING, channels=Channels.SECOND),
    "^_contrib_(de|re)?quantize": _INT8,
    # with quantized=False they are replaced by their parts (measured: MXNet gives zeros)
    "^_sg_mkldnn_": replace(_INT8, keeps_subgraphs=lambda node: node.flag("quantized", False)),
    "^(_|broadcast_|_npi_)?(logical_|equal|not_equal|greater|less)": _COMPARISON,
    "^_(random|sample|npi_random|npi_(uniform|normal|bernoulli|choice))|_shuffle$": _DRAW,
    "^(elemwise|broadcast)_|_scalar$": _SAME,
}


@functools.lru_cache(maxsize=None)
def operator(name: str) -> Operator:
    """What is known of the operator of that name."""
    known = OPERATORS.get(name)
    if known is not None:
        return known
    return next((row for pattern, row in _PATTERNS.items() if re.search(pattern, name)), Operator())

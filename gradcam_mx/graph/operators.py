"""What is known of MXNet's operators: one table, which all other code asks.

An operator that is not in it is taken at its word: it runs as it is, a gradient comes back to all
of its inputs, and each of its values may depend on everything that it reads.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Callable, Mapping, Tuple

from .attributes import Reader

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772
"""λ and α of SELU (Klambauer et al. 2017, arXiv:1706.02515), which is λ · ELU with slope α.

That is how to run it: MXNet's own SELU has the derivative λ(y + α) below zero, where y + λα is
right (measured: 20 % off at z = -1.6).
"""

GATES = {"sigmoid", "tanh", "softsign", "hard_sigmoid"}
"""The kinds of activations that scale a signal rather than rectify one."""


class Kind(Enum):
    """What an operator is."""

    CONVOLUTION = auto()
    TRANSPOSED_CONVOLUTION = auto()
    DENSE = auto()
    MATRIX_PRODUCT = auto()
    BATCH_NORM = auto()
    ACTIVATION = auto()
    """MXNet's Activation: Gluon's layers of that name, which follow convolutions."""
    POOLING = auto()
    MEAN = auto()
    RESIZING = auto()
    """It pads, cuts or stretches maps."""
    CONCATENATION = auto()
    TRANSPOSITION = auto()
    SHIFT = auto()
    """It adds a number."""
    SCALING = auto()
    """It multiplies by a number."""
    LOSS_HEAD = auto()
    """It ignores the gradient that comes to it, or adds to it; what it reads but its first input
    are labels."""
    DETECTION = auto()
    """It makes detections of classes, boxes and anchors."""
    LOOP = auto()
    """A loop or a condition: it runs graphs of its own, its bodies."""


WEIGHTED = {Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.DENSE}
"""They are linear in the data, with a weight."""
CLASSIFIERS = WEIGHTED | {Kind.MATRIX_PRODUCT}
"""They make scores of features."""


class Channels(Enum):
    """Where the channels of an operator's values are."""

    SECOND = auto()
    """At axis 1, behind the samples, also in its input."""
    AT_AXIS = auto()
    """At the axis that its attribute of that name says."""


class Positions(Enum):
    """Which positions of its inputs an operator's values come from."""

    ANY = auto()
    """All of them, or which is not known."""
    SAME = auto()
    """Each element from the same element."""
    MOVED = auto()
    """Each element is one of the inputs' in another place."""
    JOINED = auto()
    """Parts side by side."""
    WINDOW = auto()
    """A window of positions, of all channels of its group."""
    TRANSPOSED_WINDOW = auto()
    """The windows of a convolution the other way round."""
    POOLED = auto()
    """A window of positions of its channel, or all of them."""
    SHARED_OUT = auto()
    """Windows that share out the input."""
    ENLARGED = auto()
    """The nearest position, or a transposed window."""
    INTERPOLATED = auto()
    """The two positions of each axis that it lies between."""
    REDUCED = auto()
    """All along the axes that are summed, averaged, searched."""
    CHANNELS = auto()
    """All channels of the position."""
    CHANNEL = auto()
    """All positions of the channel."""
    BY_MODE = auto()
    """All channels, all positions or both, as its mode says."""
    ALONG_AXIS = auto()
    """All along its axis, by itself the last."""


class Fault(Enum):
    """What MXNet 1.9.1 gets wrong, and is worked around (each measured)."""

    FIXED_GAMMA = auto()
    """With fix_gamma it writes ones into the gamma (input 1) that it is given."""
    MISALIGNED_PARTS = auto()
    """Its backward pass ends the process where parts do not fill oneDNN's blocks of channels."""
    BLOCKED_INPUT = auto()
    """It ends the process on a convolution's output in oneDNN's memory layout."""
    SIGNALS = auto()
    """Its backward pass raises behind convolutions of signals and volumes."""
    FULL_AVERAGE = auto()
    """An average by the "full" convention has a wrong gradient at the borders."""
    UNASKED_PARAMETERS = auto()
    """Without oneDNN (in float64), the gradient at the data of what is no LSTM is wrong where none
    is asked for at the parameters (input 1): by 13 % to all of it."""


Probabilities = Tuple[str, int]
"""("softmax", the axis of the classes) or ("sigmoid", 1)."""


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
    probabilities: Callable[[Reader], Probabilities | None] = _nothing
    """What probabilities it makes of scores."""
    stops_gradient: Callable[[Reader], bool] = _never
    """Whether no gradient gets past it: MXNet cannot run a backward pass with nothing else left."""
    at_inference: Callable[[Reader], Mapping[str, str]] = _unchanged
    """The attributes by which it does in training what it does at inference."""
    is_passed_over: Callable[[Reader], bool] = _never
    """Whether at inference it gives what it reads."""
    keeps_scores: bool = False
    """Whether scores that go in come out, in another shape or type."""
    keeps_features: bool = False
    """Whether pooled features that go in come out, in another shape."""
    keeps_channels: bool = False
    """Whether a picture that goes in has the same channels behind it."""
    runs_as: str = ""
    """The operator that runs in its place: it has the same attributes, and does the same right."""
    fused_with_relu: str = ""
    """Of one with a ReLU behind it: the operator alone."""
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
    # with a temperature they are not those of the scores
    return ("softmax", node.whole("axis", -1)) if node.number("temperature", None) is None else None


def _softmax_output(node: Reader) -> Probabilities:
    return "softmax", -1 if node.flag("preserve_shape", False) else 1


def _sigmoid(_: Reader) -> Probabilities:
    return "sigmoid", 1


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


def _no_dropout(_: Reader) -> Mapping[str, str]:
    # measured: in train mode it drops out in float64, and in float32 without oneDNN
    return {"p": "0"}


def _gives_no_values(node: Reader) -> bool:
    return node.text("ret_typ", "indices") not in ("value", "both")


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
_RESHAPING = Operator(positions=Positions.MOVED, keeps_scores=True, keeps_features=True)
_CAST = Operator(positions=Positions.SAME, keeps_scores=True, keeps_channels=True)
_ARITHMETIC = Operator(positions=Positions.SAME, keeps_channels=True)
_SCALING = Operator(Kind.SCALING, Positions.SAME, keeps_channels=True)
_REDUCTION = Operator(positions=Positions.REDUCED)
_MEAN = Operator(Kind.MEAN, Positions.REDUCED)
_SOFTMAX = Operator(positions=Positions.ALONG_AXIS, probabilities=_softmax)
_LOSS_HEAD = Operator(Kind.LOSS_HEAD)
_DETECTION = Operator(Kind.DETECTION)
_STOP = Operator(stops_gradient=_always)
_COMPARISON = Operator(positions=Positions.SAME, stops_gradient=_always)
_SECOND_IS_INDEX = Operator(indices=(1,))


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
    "Convolution_v1": Operator(parameters=(1, 2)),
    "_contrib_DeformableConvolution": Operator(parameters=(2, 3)),
    "_contrib_ModulatedDeformableConvolution": Operator(parameters=(3, 4)),
    "RNN _npx_rnn": Operator(
        parameters=(1,), at_inference=_no_dropout, faults=(Fault.UNASKED_PARAMETERS,)
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
    "BatchNorm_v1 CuDNNBatchNorm": Operator(parameters=(1, 2, 3, 4), runs_as="BatchNorm"),
    "InstanceNorm": Operator(
        positions=Positions.CHANNEL, channels=Channels.SECOND, parameters=(1, 2)
    ),
    "GroupNorm": Operator(channels=Channels.SECOND, parameters=(1, 2)),
    "LayerNorm _npx_layer_norm": Operator(positions=Positions.ALONG_AXIS, parameters=(1, 2)),
    "LRN": Operator(positions=Positions.CHANNELS),
    "L2Normalization": Operator(positions=Positions.BY_MODE),
    "Dropout _npx_dropout": Operator(
        is_passed_over=lambda node: node.text("mode", "training") != "always"
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
        drop_in=_if("SELU", _is("act_type", "selu")),
    ),
    "relu _npx_relu": _activation("relu"),
    "sigmoid _npx_sigmoid": replace(_activation("sigmoid"), probabilities=_sigmoid),
    "tanh _npi_tanh": _activation("tanh"),
    "softsign": _activation("softsign"),
    "hard_sigmoid": _activation("hard_sigmoid"),
    "_maximum_scalar _npi_maximum_scalar": Operator(
        positions=Positions.SAME,
        activation=_if("relu", lambda node: node.number("scalar", 1.0) == 0),
    ),
    "clip _npi_clip": Operator(
        positions=Positions.SAME,
        activation=_if("clip", lambda node: node.number("a_min", None) == 0),
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
    "sum max min prod _np_sum _np_max": _REDUCTION,
    # the same numbers elsewhere
    "Flatten Reshape _np_reshape _npx_reshape": _RESHAPING,
    "squeeze": replace(_MOVED, keeps_features=True),
    "transpose": Operator(Kind.TRANSPOSITION, Positions.MOVED, keeps_features=True),
    "_np_transpose": Operator(Kind.TRANSPOSITION, Positions.MOVED),
    "Concat": Operator(Kind.CONCATENATION, Positions.JOINED, faults=(Fault.MISALIGNED_PARTS,)),
    "slice": replace(_MOVED, faults=(Fault.BLOCKED_INPUT,)),
    "stack SwapAxis expand_dims slice_axis slice_like SliceChannel reverse tile repeat": _MOVED,
    "depth_to_space space_to_depth broadcast_to broadcast_axis": _MOVED,
    # element by element
    "_copy": replace(_CAST, keeps_features=True),
    "Cast amp_cast": _CAST,
    "_plus_scalar": Operator(Kind.SHIFT, Positions.SAME, keeps_channels=True),
    "_mul_scalar _div_scalar": _SCALING,
    "_minus_scalar broadcast_add broadcast_sub broadcast_mul broadcast_div": _ARITHMETIC,
    "exp log log1p expm1 sqrt rsqrt square abs negative reciprocal erf": _SAME,
    "add_n where _maximum _minimum": _SAME,
    "_npi_add _npi_multiply _npi_subtract _npi_true_divide": _SAME,
    # ends of nets
    "softmax log_softmax": _SOFTMAX,
    "softmin": Operator(positions=Positions.ALONG_AXIS),
    "SoftmaxActivation": Operator(probabilities=lambda _: ("softmax", 1)),
    "SoftmaxOutput": replace(_LOSS_HEAD, probabilities=_softmax_output),
    "LogisticRegressionOutput": replace(_LOSS_HEAD, probabilities=_sigmoid),
    "LinearRegressionOutput MAERegressionOutput SVMOutput": _LOSS_HEAD,
    "MakeLoss make_loss IdentityAttachKLSparseReg": _LOSS_HEAD,
    "_contrib_box_nms _contrib_MultiBoxDetection _contrib_Proposal": _DETECTION,
    # numbers of things
    "Embedding _npx_embedding": Operator(parameters=(1,), indices=(0,)),
    "one_hot": Operator(indices=(0,), stops_gradient=_always),
    "take batch_take pick gather_nd SequenceMask": _SECOND_IS_INDEX,
    "topk": Operator(stops_gradient=_gives_no_values),
    # with graphs of their own
    "_foreach _while_loop _cond": Operator(Kind.LOOP),
    # without a gradient
    "BlockGrad stop_gradient": replace(_LOSS_HEAD, stops_gradient=_always),
    "zeros_like ones_like argmax argmin argsort shape_array size_array": _STOP,
    "sign round rint ceil floor trunc fix _contrib_arange_like": _STOP,
    # box_decode has a derivative, but MXNet's backward pass gives zeros (measured)
    "_contrib_box_decode _contrib_box_iou": _STOP,
    "_equal_scalar _greater_scalar _greater_equal_scalar": _COMPARISON,
    "_not_equal_scalar _lesser_scalar _lesser_equal_scalar": _COMPARISON,
    "broadcast_equal broadcast_greater broadcast_greater_equal": _COMPARISON,
    "broadcast_not_equal broadcast_lesser broadcast_lesser_equal": _COMPARISON,
}

OPERATORS: Mapping[str, Operator] = {
    name: operator for names, operator in _ROWS.items() for name in names.split()
}
"""The name of an operator → what is known of it."""

_ELEMENT_BY_ELEMENT = re.compile("^(elemwise|broadcast)_|_scalar$")


@functools.lru_cache(maxsize=None)
def operator(name: str) -> Operator:
    """What is known of the operator of that name."""
    known = OPERATORS.get(name)
    if known is not None:
        return known
    return _SAME if _ELEMENT_BY_ELEMENT.search(name) else Operator()

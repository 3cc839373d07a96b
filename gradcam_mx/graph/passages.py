"""How relevance passes MXNet's operators: one table beside that of the operators.

An operator that is not in it lets none pass: whoever propagates relevance refuses it by name, or
falls back to its gradient.
"""

from __future__ import annotations

from enum import Enum, auto

from .kinds import Kind
from .node import Node


class Passage(Enum):
    """What relevance does at an operator."""

    LAYER = auto()
    """It is shared out by the weights of a linear layer, under the rule of that layer."""
    AFFINE = auto()
    """It is shared out in proportion to what each number that is read adds to the sum."""
    SAME = auto()
    """It stays where it is: the operator is a function of one number at a time."""
    MOVED = auto()
    """It goes where the number came from: a copy, a part, a choice, a maximum."""
    PRODUCT = auto()
    """The signal takes it, and the gate nothing."""
    QUOTIENT = auto()
    """What is divided takes it."""
    MATRIX_PRODUCT = auto()
    """The signal takes it, in proportion; the gate nothing."""
    FIRST = auto()
    """As `AFFINE`, but the first input takes it, and offsets, grids or states nothing."""
    NORMALISED = auto()
    """As `AFFINE`, with the statistics held fixed."""
    CELL = auto()
    """By its gradient, in proportion: a recurrent layer, whose gates this knows nothing of."""
    STOPPED = auto()
    """It ends: the operator has no derivative."""


_ROWS = {
    Passage.AFFINE: (
        "mean _npi_mean sum _np_sum elemwise_add broadcast_add add_n _grad_add _npi_add "
        "elemwise_sub broadcast_sub _npi_subtract _plus_scalar _minus_scalar _rminus_scalar "
        "_npi_add_scalar _npi_subtract_scalar _npi_rsubtract_scalar "
        "UpSampling _contrib_BilinearResize2D _contrib_AdaptiveAvgPooling2D "
        "BatchNorm _npx_batch_norm _contrib_SyncBatchNorm _np_cumsum "
        "softmax softmin log_softmax SoftmaxActivation _npx_softmax _npx_log_softmax"
    ),
    Passage.SAME: (
        "exp log log1p expm1 log2 log10 sqrt rsqrt cbrt rcbrt square negative reciprocal erf abs "
        "sin cos tan arcsin arccos arctan sinh cosh arcsinh arccosh arctanh gamma gammaln "
        "_npi_exp _npi_log _npi_log1p _npi_expm1 _npi_sqrt _npi_cbrt _npi_square _npi_negative "
        "_npi_reciprocal _npi_abs _npi_absolute _npx_erf "
        "_mul_scalar _div_scalar _rdiv_scalar _power_scalar _rpower_scalar "
        "_npi_multiply_scalar _npi_true_divide_scalar _npi_rtrue_divide_scalar "
        "_npi_power_scalar _npi_rpower_scalar "
        "Cast amp_cast _copy clip _npi_clip smooth_l1 L2Normalization LRN _contrib_div_sqrt_dim "
        "_contrib_round_ste _contrib_sign_ste _contrib_quadratic"
    ),
    Passage.MOVED: (
        "Flatten Reshape _np_reshape _npx_reshape squeeze expand_dims reshape_like _np_squeeze "
        "_npi_expand_dims SwapAxis transpose _np_transpose Concat "
        "_npi_concatenate stack _npi_stack slice slice_axis slice_like SliceChannel _split_v2 "
        "reverse _npi_flip tile _npi_tile repeat _np_repeat depth_to_space space_to_depth "
        "broadcast_to broadcast_axis broadcast_like _npi_broadcast_to Pad Crop "
        "_npi_pad take _npi_take gather_nd batch_take pick sort topk SequenceMask "
        "SequenceLast SequenceReverse where _npi_where _contrib_boolean_mask Embedding "
        "_npx_embedding max min _np_max _np_min _maximum _minimum broadcast_maximum "
        "broadcast_minimum _npi_maximum _npi_minimum _maximum_scalar _minimum_scalar "
        "_npi_maximum_scalar _npi_minimum_scalar _npx_pick _npx_reshape_like ROIPooling "
        "_contrib_box_nms amp_multicast"
    ),
    Passage.PRODUCT: "elemwise_mul broadcast_mul _npi_multiply",
    Passage.QUOTIENT: "elemwise_div broadcast_div _npi_true_divide",
    Passage.MATRIX_PRODUCT: "dot batch_dot _npx_batch_dot _linalg_gemm2 _np_dot _npi_matmul",
    Passage.FIRST: (
        "_contrib_DeformableConvolution _contrib_ModulatedDeformableConvolution Convolution_v1 "
        "BilinearSampler SpatialTransformer _contrib_ROIAlign _contrib_RROIAlign "
        "_contrib_PSROIPooling _contrib_DeformablePSROIPooling "
        "_contrib_interleaved_matmul_selfatt_valatt"
    ),
    Passage.NORMALISED: "LayerNorm _npx_layer_norm InstanceNorm GroupNorm",
    Passage.CELL: "RNN _npx_rnn",
}

PASSAGES = {name: passage for passage, names in _ROWS.items() for name in names.split()}
"""The name of an operator → how relevance passes it; of those that it does not hang on more."""

_WEIGHTED = (Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.DENSE)


def passage(node: Node) -> Passage | None:
    """How relevance passes a node; None if nothing is known of it.

    Args:
        node: of a frozen graph.
    """
    known = node.operator
    if known.stops_gradient(node):
        return Passage.STOPPED
    if known.kind in _WEIGHTED:
        return Passage.LAYER
    if node.activation is not None:
        return Passage.SAME
    if known.kind is Kind.POOLING:
        return Passage.MOVED if node.text("pool_type", "max") == "max" else Passage.AFFINE
    return PASSAGES.get(node.op)

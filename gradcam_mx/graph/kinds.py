"""The words in which the table of operators tells what they are, and what MXNet gets wrong."""

from __future__ import annotations

from enum import Enum, auto


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
    EXCHANGE = auto()
    """It exchanges two axes."""
    RESHAPING = auto()
    """The same numbers in the same order, in another shape."""
    LOOKUP = auto()
    """It has a row of a table in the place of each number."""
    STACKING = auto()
    """It makes one more axis, along which its inputs lie."""
    SORTING = auto()
    """It chooses or sorts along an axis."""
    CUTTING = auto()
    """It takes a part of each axis."""
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
    WHOLE = auto()
    """All of them, or which is not known; but each axis lies along that of the first input."""
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
    BLOCKED_GRADIENT = auto()
    """Its backward pass is wrong for what arrives in oneDNN's memory layout: a fifth off behind a
    global average pooling."""
    WRITES_GRADIENT = auto()
    """Its backward pass writes over what arrives, also where a sum hands that to another operand:
    hard_sigmoid(x) + x has a third of its gradient."""
    BLOCKED_INPUT = auto()
    """It ends the process on a convolution's output in oneDNN's memory layout."""
    SIGNALS = auto()
    """Its backward pass raises behind convolutions of signals and volumes."""
    SINGLE_PRECISION = auto()
    """It computes in single precision, whatever it is given."""
    NO_GRADIENT = auto()
    """It has none, and what reads it cannot be compiled unless it is told that none is wanted."""
    FULL_AVERAGE = auto()
    """An average by the "full" convention has a wrong gradient at the borders."""
    NO_BACKWARD_OPERATOR = auto()
    """What arrives it hands on without an operator: compiled, its backward pass may raise."""
    UNASKED_PARAMETERS = auto()
    """Without oneDNN (in float64), the gradient at the data of what is no LSTM is wrong where none
    is asked for at the parameters (input 1): by 13 % to all of it."""
    TIES = auto()
    """Each of several equal extremes has the whole gradient: max over (x, x) has twice its own."""

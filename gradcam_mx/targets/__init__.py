"""What is explained: targets, each a scalar of the net's output for each sample.

A target of one's own is a function. It is called with the output, an NDArray (N, ...), and gives
the scalars (N,) by operators that autograd can differentiate. N is the number of samples in the
net's input; an output that has another axis 0, as (T, N, ...), is handed over as a whole:

    >>> import gradcam_mx as gm, mxnet as mx
    >>> net = gm.nn.Dense(3, in_units=4)
    >>> net.initialize()
    >>> def spread(scores):
    ...     return scores.max(axis=1) - scores.min(axis=1)
    >>> gm.saliency(net, mx.nd.ones((2, 4)), spread).target
    'spread'

Of which output, the call's `output=` says, or the target itself. Three attributes, all of them
optional, of a function or an object that is called say more:

- `reads`: the outputs that it is called with, a number or name or a sequence of them; or the layers
  inside the net, `LayerOutputs(("features.5",))`, whose channels are at axis 1 then. The first
  output by default.
- `differentiable`: whether autograd can differentiate it, True by default. Where it is False, the
  methods that try other inputs explain it, and the others say so.
- `of_variants(*values)`: gives the target, or a list with one for each sample, that means the same
  in outputs for changed inputs; for targets that choose something in the output. The target itself
  by default.

    >>> class Contrast:
    ...     reads = gm.targets.LayerOutputs((net,))
    ...     def __call__(self, layer):
    ...         return (layer**2).mean(axis=1)
    >>> gm.saliency(net, mx.nd.ones((2, 4)), Contrast()).values.shape
    (2, 4)

The ready-made targets are such objects, a file for each family.
"""

from __future__ import annotations

from ..graph.outputs import LayerOutputs
from ..support import elsewhere as _elsewhere
from .classes import Binary, ClassScore, MultiLabel, Probability, ScoreDifference
from .detection import Detection
from .found import BestDetection, WhereFound
from .select import Select
from .several import Several, Top
from .units import Channel, Unit
from .values import CosineSimilarity, Regression, Segmentation

__all__ = [
    "BestDetection",
    "Binary",
    "Channel",
    "ClassScore",
    "CosineSimilarity",
    "Detection",
    "LayerOutputs",
    "MultiLabel",
    "Probability",
    "Regression",
    "ScoreDifference",
    "Segmentation",
    "Select",
    "Several",
    "Top",
    "Unit",
    "WhereFound",
]


def __dir__() -> list[str]:
    return sorted(__all__)


# set, not written: type checkers would take every name for one of the module
globals()["__getattr__"] = _elsewhere.refusal(__name__, "gm.targets", __all__)

"""All of `mxnet.gluon.nn`, with layers that can be looked into: a drop-in replacement.

    from gradcam_mx import nn          # in place of: from mxnet.gluon import nn

Layers are subclasses of Gluon's, under the same names and signatures. Training, hybridizing,
exporting, and `.params` files are Gluon's own: in training, in inference, in compiled graphs and in
exported ones the operators are the native ones. In eager code under `autograd.record()` they

- give their output and its gradient to `capture`,
- follow the backward rule of `guided_mode` (the activations),
- have the right gradient under `record(train_mode=False)` (max pooling, batch normalisation and
  SELU, where Gluon's is wrong).

Containers and base classes (`HybridSequential`, `HybridBlock` …) are Gluon's own. A net hybridized
as a whole runs its compiled graph and none of this Python; `gradcam_mx.grad_cam(net, x)` and its
like explain such nets, and those made of Gluon's own layers.
"""

from __future__ import annotations

from typing import Any

from .._mxnet import mx
from ..engine.capture import Call, Captured, CapturedLayer, capture, set_capture_layer_name
from ..engine.following import guided_mode, set_guided_backprop
from .layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    BatchNorm,
    BatchNormReLU,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    PReLU,
    ReflectionPad2D,
    Swish,
)

_native: Any = mx.gluon.nn

__all__ = [
    "Call",
    "Captured",
    "CapturedLayer",
    "capture",
    "guided_mode",
    "set_capture_layer_name",
    "set_guided_backprop",
    # layers that can be looked into
    "Activation",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "BatchNormReLU",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GELU",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "PReLU",
    "ReflectionPad2D",
    "SELU",
    "Swish",
]
__all__ += [name for name in vars(_native) if not name.startswith("_") and name not in __all__]


def __getattr__(name: str) -> Any:
    """What this package does not replace is Gluon's."""
    if name in __all__:
        return getattr(_native, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
